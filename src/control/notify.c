/* SPDX-License-Identifier: MIT */
#include "control/notify.h"

#include <utlist.h>

#include "common/log.h"
#include "common/scope.h"
#include "control/bus.h"
#include "control/libdbus.h"
#include "control/path.h"
#include "control/peer.h"

enum source { FROM_MANAGER, FROM_JOB, FROM_INSTANCE };
enum payload { OF_JOB_PATH, OF_INSTANCE_PATH, OF_TEXT, OF_VALUE, OF_EVENT };

static const struct notice {
	enum source source;
	enum payload payload;
	const char *name;
} notices[NOTIFY_TYPE_COUNT] = {
	[NOTIFY_JOB_ADDED] = { FROM_MANAGER, OF_JOB_PATH, "JobAdded" },
	[NOTIFY_JOB_REMOVED] = { FROM_MANAGER, OF_JOB_PATH, "JobRemoved" },
	[NOTIFY_INSTANCE_ADDED] = { FROM_JOB, OF_INSTANCE_PATH, "InstanceAdded" },
	[NOTIFY_INSTANCE_REMOVED] = { FROM_JOB, OF_INSTANCE_PATH, "InstanceRemoved" },
	[NOTIFY_GOAL_CHANGED] = { FROM_INSTANCE, OF_TEXT, "GoalChanged" },
	[NOTIFY_STATE_CHANGED] = { FROM_INSTANCE, OF_TEXT, "StateChanged" },
	[NOTIFY_FAILED] = { FROM_INSTANCE, OF_VALUE, "Failed" },
	[NOTIFY_EVENT_EMITTED] = { FROM_MANAGER, OF_EVENT, "EventEmitted" },
};

static const char *const source_interfaces[] = {
	[FROM_MANAGER] = INTERFACE_MANAGER,
	[FROM_JOB] = INTERFACE_JOB,
	[FROM_INSTANCE] = INTERFACE_INSTANCE,
};

/* Only what is of its own chroot session, or of the machine, is for a client (D5). */
static bool
is_listening(const struct control *control, const struct peer *peer, struct span root)
{
	return !peer->closing && !peer->asking && (!peer->is_bus || peer == bus_peer(control)) &&
	       scope_equal(scope_of(peer->root), root);
}

static bool
has_listeners(const struct control *control, struct span root)
{
	const struct peer *peer;

	DL_FOREACH(control->peers, peer)
		if (is_listening(control, peer, root))
			return true;
	return false;
}

/* Send to all of a session; the message's reference is taken. NULL: out of memory. */
static void
send_all(struct control *control, struct span root, DBusMessage *message)
{
	struct peer *peer;
	bool ok = message != NULL;

	DL_FOREACH(control->peers, peer) {
		/* A copy each: a message carries the serial of the connection it was first sent on. */
		bool listening = is_listening(control, peer, root);
		DBusMessage *copy = message != NULL && listening ? dbus_message_copy(message) : NULL;

		if (copy == NULL) {
			ok = ok && !listening;
			continue;
		}
		ok = peer_send(peer, copy) && ok;
		dbus_message_unref(copy);
	}
	if (!ok)
		log_error("Unable to send a D-Bus signal: Out of Memory");
	if (message != NULL)
		dbus_message_unref(message);
}

static bool
put_payload(DBusMessage *m, enum payload payload, const struct msg_notify *notify, const char *job,
	    const char *instance)
{
	DBusMessageIter it;

	dbus_message_iter_init_append(m, &it);
	switch (payload) {
	case OF_JOB_PATH:
		return libdbus_put_path(&it, job);
	case OF_INSTANCE_PATH:
		return libdbus_put_path(&it, instance);
	case OF_TEXT:
		return libdbus_put_string(&it, notify->text != NULL ? notify->text : "");
	case OF_VALUE:
		return dbus_message_iter_append_basic(&it, DBUS_TYPE_INT32, &notify->value);
	case OF_EVENT:
		return libdbus_put_string(&it, notify->text != NULL ? notify->text : "") &&
		       libdbus_put_strv(&it, notify->env);
	}
	return false;
}

/* The signal of a notice; NULL: out of memory. */
static DBusMessage *
new_signal(const struct notice *notice, const struct msg_notify *notify)
{
	auto_free char *job = path_job(notify->job != NULL ? notify->job : "");
	auto_free char *instance =
	    path_instance(notify->job != NULL ? notify->job : "", notify->instance != NULL ? notify->instance : "");
	const char *path = notice->source == FROM_MANAGER ? MANAGER_PATH : notice->source == FROM_JOB ? job : instance;
	DBusMessage *m = NULL;

	if (job != NULL && instance != NULL)
		m = dbus_message_new_signal(path, source_interfaces[notice->source], notice->name);
	if (m != NULL && !put_payload(m, notice->payload, notify, job, instance)) {
		dbus_message_unref(m);
		return NULL;
	}
	return m;
}

void
notify_clients(struct control *control, const struct msg_notify *notify)
{
	const char *job = notify->job != NULL ? notify->job : "";
	struct span root = notify->type == NOTIFY_EVENT_EMITTED ? scope_of(notify->job) : scope_root(job);

	if (notify->type >= NOTIFY_TYPE_COUNT) {
		log_debug("Notice %u from init has no signal", notify->type);
		return;
	}
	if (has_listeners(control, root))
		send_all(control, root, new_signal(&notices[notify->type], notify));
}

void
notify_restarted(struct control *control)
{
	if (has_listeners(control, scope_of(NULL)))
		send_all(control, scope_of(NULL),
			 dbus_message_new_signal(MANAGER_PATH, INTERFACE_MANAGER, "Restarted"));
}
