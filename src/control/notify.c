/* SPDX-License-Identifier: MIT */
#include "control/notify.h"

#include <utlist.h>

#include "common/error.h"
#include "common/log.h"
#include "common/scope.h"
#include "control/bus.h"
#include "control/libdbus.h"
#include "control/link.h"
#include "control/objects.h"
#include "control/path.h"
#include "control/peer.h"

enum source { FROM_MANAGER, FROM_MANAGER2, FROM_JOB, FROM_INSTANCE };
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
	[NOTIFY_EVENT_QUEUED] = { FROM_MANAGER2, OF_EVENT, "EventQueued" },
	[NOTIFY_STATE_SET] = { FROM_MANAGER2, OF_EVENT, "StateSet" },
	[NOTIFY_STATE_CLEARED] = { FROM_MANAGER2, OF_EVENT, "StateCleared" },
};

static const char *const source_interfaces[] = {
	[FROM_MANAGER] = INTERFACE_MANAGER,
	[FROM_MANAGER2] = INTERFACE_MANAGER2,
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

/* Who hears a signal: everybody of the session, or those who asked for more than the original tells. */
enum audience { EVERYBODY, SUBSCRIBERS };

static bool
hears(const struct control *control, const struct peer *peer, struct span root, enum audience audience)
{
	return is_listening(control, peer, root) && (audience == EVERYBODY || peer->subscribed);
}

static bool
has_listeners(const struct control *control, struct span root, enum audience audience)
{
	const struct peer *peer;

	DL_FOREACH(control->peers, peer)
		if (hears(control, peer, root, audience))
			return true;
	return false;
}

/* Send to all of a session; the message's reference is taken. NULL: out of memory. */
static void
send_all(struct control *control, struct span root, enum audience audience, DBusMessage *message)
{
	struct peer *peer;
	bool ok = message != NULL;

	DL_FOREACH(control->peers, peer) {
		/* A copy each: a message carries the serial of the connection it was first sent on. */
		bool listening = hears(control, peer, root, audience);
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
	const char *path = notice->source == FROM_JOB	     ? job
			   : notice->source == FROM_INSTANCE ? instance
							     : MANAGER_PATH;
	DBusMessage *m = NULL;

	if (job != NULL && instance != NULL)
		m = dbus_message_new_signal(path, source_interfaces[notice->source], notice->name);
	if (m != NULL && !put_payload(m, notice->payload, notify, job, instance)) {
		dbus_message_unref(m);
		return NULL;
	}
	return m;
}

/* -- for subscribers ---------------------------------------------------------- */

void
notify_audience(struct control *control)
{
	bool any = false;
	const struct peer *peer;

	DL_FOREACH(control->peers, peer)
		any = any || peer->subscribed;
	if (any == control->audience || control->link == NULL)
		return;
	if (link_send_audience(control->link, any) == 0)
		control->audience = any;
}

bool
notify_add_subscriber(struct call *call)
{
	call->peer->subscribed = true;
	notify_audience(call->control);
	if (call->control->audience)
		return true;
	call->peer->subscribed = false;
	call_error(call, ERR_NO_MEMORY, "Out of Memory");
	return false;
}

void
notify_subscribe(struct call *call)
{
	if (notify_add_subscriber(call))
		call_return(call);
}

bool
notify_has_subscribers(const struct control *control, struct span root)
{
	return has_listeners(control, root, SUBSCRIBERS);
}

void
notify_subscribers(struct control *control, struct span root, DBusMessage *message)
{
	send_all(control, root, SUBSCRIBERS, message);
}

/* The properties that have changed: one, whose value is a string. */
static bool
put_changed(DBusMessageIter *it, const char *name, const char *value)
{
	DBusMessageIter dict, entry, variant;

	return dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
	       dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
	       dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	       dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "s", &variant) &&
	       libdbus_put_string(&variant, value) && dbus_message_iter_close_container(&entry, &variant) &&
	       dbus_message_iter_close_container(&dict, &entry) && dbus_message_iter_close_container(it, &dict);
}

/* And those of which it is only known that they may have: `stale`, or NULL. The reference is the caller's; NULL: oom. */
static DBusMessage *
new_change(const char *path, const char *interface, const char *name, const char *value, const char *stale)
{
	char *const invalidated[] = { (char *) (uintptr_t) stale, NULL };
	DBusMessage *m = dbus_message_new_signal(path, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
	DBusMessageIter it;

	if (m == NULL)
		return NULL;
	dbus_message_iter_init_append(m, &it);
	if (libdbus_put_string(&it, interface) && put_changed(&it, name, value) && libdbus_put_strv(&it, invalidated))
		return m;
	dbus_message_unref(m);
	return NULL;
}

/* Goal or state. With a state processes come and go. */
static void
tell_change(struct control *control, const struct msg_notify *notify, struct span root)
{
	bool state = notify->type == NOTIFY_STATE_CHANGED;
	auto_free char *path =
	    path_instance(notify->job != NULL ? notify->job : "", notify->instance != NULL ? notify->instance : "");
	DBusMessage *m = NULL;

	if (path != NULL)
		m = new_change(path, INTERFACE_INSTANCE, state ? "state" : "goal", notify->text != NULL ? notify->text : "",
			       state ? "processes" : NULL);
	notify_subscribers(control, root, m);
}

/* What subscribers hear beside the signal of the original. */
static void
tell_subscribers(struct control *control, const struct msg_notify *notify, struct span root)
{
	switch (notify->type) {
	case NOTIFY_GOAL_CHANGED:
	case NOTIFY_STATE_CHANGED:
		tell_change(control, notify, root);
		break;
	case NOTIFY_JOB_ADDED:
	case NOTIFY_INSTANCE_ADDED:
		objects_added(control, notify->job, notify->type == NOTIFY_INSTANCE_ADDED ? notify->instance : NULL);
		break;
	case NOTIFY_JOB_REMOVED:
	case NOTIFY_INSTANCE_REMOVED:
		objects_removed(control, notify->job, notify->type == NOTIFY_INSTANCE_REMOVED ? notify->instance : NULL);
		break;
	default:
		break;
	}
}

void
notify_log_priority(struct control *control, const char *priority)
{
	if (notify_has_subscribers(control, scope_of(NULL)))
		notify_subscribers(control, scope_of(NULL),
				   new_change(MANAGER_PATH, INTERFACE_MANAGER, "log_priority", priority, NULL));
}

/* -- what init says ----------------------------------------------------------- */

void
notify_clients(struct control *control, const struct msg_notify *notify)
{
	const char *job = notify->job != NULL ? notify->job : "";
	enum audience audience = notify->type == NOTIFY_EVENT_QUEUED ? SUBSCRIBERS : EVERYBODY;
	struct span root;

	if (notify->type >= NOTIFY_TYPE_COUNT) {
		log_debug("Notice %u from init has no signal", notify->type);
		return;
	}
	/* Of what is no job's the session is told by itself. */
	root = notices[notify->type].payload == OF_EVENT ? scope_of(notify->job) : scope_root(job);
	if (has_listeners(control, root, audience))
		send_all(control, root, audience, new_signal(&notices[notify->type], notify));
	if (notify_has_subscribers(control, root))
		tell_subscribers(control, notify, root);
}

void
notify_restarted(struct control *control)
{
	if (has_listeners(control, scope_of(NULL), EVERYBODY))
		send_all(control, scope_of(NULL), EVERYBODY,
			 dbus_message_new_signal(MANAGER_PATH, INTERFACE_MANAGER, "Restarted"));
}
