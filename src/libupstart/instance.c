/* SPDX-License-Identifier: MIT */
#include "libupstart/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct upstart_instance *
upstart_instance_free(struct upstart_instance *instance)
{
	if (instance) {
		for (size_t i = 0; i < instance->process_count; i++)
			free(instance->processes[i].kind);
		free(instance->processes);
		free(instance->name);
		free(instance->goal);
		free(instance->state);
		free(instance->quarantine);
		free(instance->doing);
		free(instance->status);
		free(instance->followed);
		free(instance->group);
		free(instance);
	}
	return NULL;
}

/* a(si): kind and pid of each process. */
static int
read_processes(struct upstart_instance *instance, DBusMessageIter *value, struct upstart_error *err)
{
	DBusMessageIter item, field;

	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_ARRAY)
		return client_reply_malformed(err);
	dbus_message_iter_recurse(value, &item);
	for (; dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_STRUCT; dbus_message_iter_next(&item)) {
		struct upstart_process *grown, *process;
		dbus_int32_t pid;
		const char *kind;

		dbus_message_iter_recurse(&item, &field);
		if (dbus_message_iter_get_arg_type(&field) != DBUS_TYPE_STRING)
			return client_reply_malformed(err);
		dbus_message_iter_get_basic(&field, &kind);
		if (!dbus_message_iter_next(&field) || dbus_message_iter_get_arg_type(&field) != DBUS_TYPE_INT32)
			return client_reply_malformed(err);
		dbus_message_iter_get_basic(&field, &pid);
		grown = realloc(instance->processes, (instance->process_count + 1) * sizeof(*grown));
		if (!grown)
			return client_nomem(err);
		instance->processes = grown;
		process = &grown[instance->process_count];
		process->pid = pid;
		process->kind = strdup(kind);
		if (!process->kind)
			return client_nomem(err);
		instance->process_count++;
	}
	return 0;
}

static int
read_property(void *data, const char *name, DBusMessageIter *value, struct upstart_error *err)
{
	struct upstart_instance *instance = data;
	const char *s;
	char **target;

	if (strcmp(name, "processes") == 0)
		return instance->processes ? client_reply_malformed(err) : read_processes(instance, value, err);
	target = strcmp(name, "name") == 0    ? &instance->name
		 : strcmp(name, "goal") == 0  ? &instance->goal
		 : strcmp(name, "state") == 0 ? &instance->state
		 : strcmp(name, "quarantine") == 0 ? &instance->quarantine
		 : strcmp(name, "doing") == 0	   ? &instance->doing
		 : strcmp(name, "status") == 0	   ? &instance->status
		 : strcmp(name, "followed") == 0   ? &instance->followed
		 : strcmp(name, "group") == 0	   ? &instance->group
						   : NULL;
	if (!target)
		return 0;
	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_STRING)
		return client_reply_malformed(err);
	dbus_message_iter_get_basic(value, &s);
	free(*target);
	*target = strdup(s);
	return *target ? 0 : client_nomem(err);
}

/* False: out of memory. */
static bool
or_empty(char **text)
{
	if (!*text)
		*text = strdup("");
	return *text;
}

int
upstart_instance_properties(struct upstart *conn, const char *instance, struct upstart_instance **properties,
			    struct upstart_error *err)
{
	struct upstart_instance *got = calloc(1, sizeof(*got));
	int r;

	if (!got)
		return client_nomem(err);
	r = client_properties(conn, instance, ALL_INTERFACES, read_property, got, err);
	if (r == 0 && (!got->name || !got->goal || !got->state))
		r = client_reply_malformed(err);
	/* An older init knows none of these. */
	if (r == 0 && (!or_empty(&got->quarantine) || !or_empty(&got->doing) || !or_empty(&got->status) ||
		       !or_empty(&got->followed) || !or_empty(&got->group)))
		r = client_nomem(err);
	if (r < 0) {
		upstart_instance_free(got);
		return r;
	}
	*properties = got;
	return 0;
}

static int
instance_request(struct upstart *conn, const char *instance, const char *member, bool wait, struct upstart_error *err)
{
	const struct call call = { instance, INSTANCE_INTERFACE, member, wait ? CALL_WAIT_ONCE : CALL_ONCE, "b" };

	return client_call(conn, &call, NULL, err, (int) wait);
}

int
upstart_instance_start(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err)
{
	return instance_request(conn, instance, "Start", wait, err);
}

int
upstart_instance_stop(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err)
{
	return instance_request(conn, instance, "Stop", wait, err);
}

int
upstart_instance_restart(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err)
{
	return instance_request(conn, instance, "Restart", wait, err);
}

int
upstart_instance_reset(struct upstart *conn, const char *instance, bool wait, struct upstart_error *err)
{
	const struct call call = { instance, INSTANCE2_INTERFACE, "Reset", wait ? CALL_WAIT_ONCE : CALL_ONCE, "b" };

	return client_call(conn, &call, NULL, err, (int) wait);
}

/* What reload meant before init had a word for it. */
static int
reload_by_hand(struct upstart *conn, const char *instance, struct upstart_error *err)
{
	struct upstart_instance *properties = NULL;
	int r = upstart_instance_properties(conn, instance, &properties, err);

	if (r < 0 || !properties)
		return r;
	if (!properties->process_count || strcmp(properties->processes[0].kind, "main") != 0 ||
	    properties->processes[0].pid <= 1)
		r = client_error(err, -EREMOTEIO, UPSTART_ERROR_NOT_RUNNING, "Not running");
	else if (kill(properties->processes[0].pid, SIGHUP) < 0)
		r = client_error(err, -errno, DBUS_ERROR_FAILED, strerror(errno));
	upstart_instance_free(properties);
	return r;
}

int
upstart_instance_reload(struct upstart *conn, const char *instance, struct upstart_error *err)
{
	const struct call call = { instance, INSTANCE_INTERFACE, "Reload", CALL_ONCE, "" };
	struct upstart_error ours = UPSTART_ERROR_INIT;
	int r = client_call(conn, &call, NULL, &ours);

	return client_fall_back(conn, r, &ours, err) ? reload_by_hand(conn, instance, err) : r;
}
