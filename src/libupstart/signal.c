/* SPDX-License-Identifier: MIT */
/*
 * Signals of init: what they say, and who is told. Names of jobs and instances are read from object paths
 * (control.md section 2); what does not have the form it must have is passed over, since any program may send on a bus.
 */
#include "libupstart/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/str.h"

/* What a signal holds besides its path. */
enum content {
	CONTENT_NONE,
	CONTENT_PATH_JOB,      /* the object path of a job */
	CONTENT_PATH_INSTANCE, /* the object path of an instance */
	CONTENT_TEXT,
	CONTENT_STATUS,
	CONTENT_EVENT, /* a name and an environment */
};

static const struct kind {
	const char *interface, *member;
	enum upstart_signal_type type;
	enum content content;
} kinds[] = {
	{ MANAGER_INTERFACE, "EventEmitted", UPSTART_SIGNAL_EVENT, CONTENT_EVENT },
	{ MANAGER_INTERFACE, "JobAdded", UPSTART_SIGNAL_JOB_ADDED, CONTENT_PATH_JOB },
	{ MANAGER_INTERFACE, "JobRemoved", UPSTART_SIGNAL_JOB_REMOVED, CONTENT_PATH_JOB },
	{ MANAGER_INTERFACE, "Restarted", UPSTART_SIGNAL_RESTARTED, CONTENT_NONE },
	{ MANAGER2_INTERFACE, "EventQueued", UPSTART_SIGNAL_EVENT_QUEUED, CONTENT_EVENT },
	{ MANAGER2_INTERFACE, "StateSet", UPSTART_SIGNAL_STATE_SET, CONTENT_EVENT },
	{ MANAGER2_INTERFACE, "StateCleared", UPSTART_SIGNAL_STATE_CLEARED, CONTENT_EVENT },
	{ JOB_INTERFACE, "InstanceAdded", UPSTART_SIGNAL_INSTANCE_ADDED, CONTENT_PATH_INSTANCE },
	{ JOB_INTERFACE, "InstanceRemoved", UPSTART_SIGNAL_INSTANCE_REMOVED, CONTENT_PATH_INSTANCE },
	{ INSTANCE_INTERFACE, "GoalChanged", UPSTART_SIGNAL_GOAL, CONTENT_TEXT },
	{ INSTANCE_INTERFACE, "StateChanged", UPSTART_SIGNAL_STATE, CONTENT_TEXT },
	{ INSTANCE_INTERFACE, "Failed", UPSTART_SIGNAL_FAILED, CONTENT_STATUS },
};

/* The name that the last component of a path stands for, which is cut off; NULL when there is none or no memory. */
static char *
cut_name(char *path)
{
	char *component = strrchr(path, '/'), *out, *name;

	if (!component || !component[1])
		return NULL;
	*component++ = '\0';
	name = out = strdup(component);
	if (!name || strcmp(component, "_") == 0) {
		if (name)
			name[0] = '\0';
		return name;
	}
	for (const char *in = component; *in; in++) {
		int high = in[0] == '_' && in[1] ? hex_value(in[1]) : -1, low = high >= 0 ? hex_value(in[2]) : -1;

		if (low < 0) {
			*out++ = *in;
			continue;
		}
		*out++ = (char) (high << 4 | low);
		in += 2;
	}
	*out = '\0';
	return name;
}

struct reading {
	char *job, *instance; /* owned */
	char **env;	      /* owned */
	const char *text;     /* borrowed from the message */
	dbus_int32_t status;
};

/* Job and instance of an instance's path, or the job of a job's path. */
static bool
read_path(const char *path, bool instance, struct reading *reading)
{
	char *copy auto_free = strdup(path);

	if (!copy)
		return false;
	if (instance) {
		reading->instance = cut_name(copy);
		if (!reading->instance)
			return false;
	}
	reading->job = cut_name(copy);
	return reading->job != NULL;
}

bool
client_read_path(const char *path, char **job, char **instance)
{
	struct reading reading = { 0 };

	if (!read_path(path, true, &reading)) {
		free(reading.instance);
		return false;
	}
	*job = reading.job;
	*instance = reading.instance;
	return true;
}

static bool
read_event(DBusMessage *message, struct reading *reading)
{
	DBusMessageIter iter;

	if (!dbus_message_has_signature(message, "sas") || !dbus_message_iter_init(message, &iter))
		return false;
	dbus_message_iter_get_basic(&iter, &reading->text);
	dbus_message_iter_next(&iter);
	return client_iter_strv(&iter, DBUS_TYPE_STRING, &reading->env, NULL) == 0;
}

static bool
read_content(DBusMessage *message, enum content content, struct reading *reading)
{
	const char *path = dbus_message_get_path(message);

	switch (content) {
	case CONTENT_NONE:
		return true;
	case CONTENT_EVENT:
		return read_event(message, reading);
	case CONTENT_PATH_JOB:
	case CONTENT_PATH_INSTANCE:
		return dbus_message_get_args(message, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID) &&
		       read_path(path, content == CONTENT_PATH_INSTANCE, reading);
	case CONTENT_TEXT:
		return dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &reading->text, DBUS_TYPE_INVALID) &&
		       read_path(path, true, reading);
	case CONTENT_STATUS:
		return dbus_message_get_args(message, NULL, DBUS_TYPE_INT32, &reading->status, DBUS_TYPE_INVALID) &&
		       read_path(path, true, reading);
	}
	return false;
}

void
client_signal(struct upstart *u, DBusMessage *message)
{
	struct upstart_signal signal = { .type = UPSTART_SIGNAL_OTHER };
	enum content content = CONTENT_NONE;
	struct reading reading = { 0 };

	if (!u->signal || !dbus_message_get_path(message) ||
	    strncmp(dbus_message_get_path(message), MANAGER_PATH, strlen(MANAGER_PATH)) != 0)
		return;
	/* Who has subscribed gets these, too, which say again what others say. */
	if (dbus_message_has_interface(message, DBUS_INTERFACE_PROPERTIES) ||
	    dbus_message_has_interface(message, "org.freedesktop.DBus.ObjectManager"))
		return;
	reading.text = dbus_message_get_member(message);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (dbus_message_is_signal(message, kinds[i].interface, kinds[i].member)) {
			signal.type = kinds[i].type;
			content = kinds[i].content;
			reading.text = NULL;
		}
	}
	if (read_content(message, content, &reading)) {
		signal.path = dbus_message_get_path(message);
		signal.job = reading.job;
		signal.instance = reading.instance;
		signal.text = reading.text;
		signal.env = reading.env;
		signal.status = reading.status;
		u->signal(&signal, u->signal_data);
	}
	free(reading.job);
	free(reading.instance);
	strv_free(reading.env);
}

int
client_match(const struct upstart *u, struct upstart_error *err)
{
	char *rule auto_free = NULL;

	if (u->transport == UPSTART_PRIVATE)
		return 0; /* who is connected hears everything */
	rule = str_printf("type='signal',sender='%s',path_namespace='" MANAGER_PATH "'", u->where);
	if (!rule)
		return client_nomem(err);
	dbus_bus_add_match(u->dbus, rule, NULL); /* without waiting for the bus */
	return 0;
}

int
upstart_subscribe(struct upstart *conn, upstart_signal_fn fn, void *data, struct upstart_error *err)
{
	bool had = conn->signal != NULL;

	conn->signal = fn;
	conn->signal_data = data;
	return fn && !had && conn->dbus ? client_match(conn, err) : 0;
}

int
client_ask_queued(const struct upstart *u, struct upstart_error *err)
{
	DBusMessage *message = dbus_message_new_method_call(u->transport == UPSTART_PRIVATE ? NULL : u->where, MANAGER_PATH,
							    MANAGER2_INTERFACE, "Subscribe");
	bool sent;

	if (!message)
		return client_nomem(err);
	dbus_message_set_no_reply(message, TRUE);
	dbus_message_set_auto_start(message, FALSE);
	sent = dbus_connection_send(u->dbus, message, NULL);
	dbus_message_unref(message);
	return sent ? 0 : client_nomem(err);
}

int
upstart_subscribe_queued(struct upstart *conn, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "Subscribe", CALL_AGAIN, "" };
	int r = client_call(conn, &call, NULL, err);

	if (r == 0)
		conn->queued = true;
	return r;
}

int
upstart_fd(const struct upstart *conn)
{
	int fd = -1;

	if (!conn->dbus || !dbus_connection_get_unix_fd(conn->dbus, &fd))
		return -1;
	return fd;
}

int
upstart_events(const struct upstart *conn)
{
	unsigned int flags = 0;

	/* libdbus knows best: before init has let us in, what it has to write depends on what it has read. */
	for (size_t i = 0; i < WATCHES_MAX; i++) {
		if (conn->watches[i] && dbus_watch_get_enabled(conn->watches[i]))
			flags |= dbus_watch_get_flags(conn->watches[i]);
	}
	return flags & DBUS_WATCH_WRITABLE ? POLLIN | POLLOUT : POLLIN;
}

int
upstart_dispatch(struct upstart *conn, int timeout, struct upstart_error *err)
{
	bool alive = conn->dbus != NULL;
	int r;

	if (alive && dbus_connection_get_dispatch_status(conn->dbus) != DBUS_DISPATCH_DATA_REMAINS)
		alive = dbus_connection_read_write(conn->dbus, timeout);
	while (alive && dbus_connection_dispatch(conn->dbus) == DBUS_DISPATCH_DATA_REMAINS)
		;
	if (alive && dbus_connection_get_is_connected(conn->dbus))
		return 0;
	r = client_reopen(conn, err);
	return r < 0 ? r : 1;
}
