/* SPDX-License-Identifier: MIT */
#include "libupstart/client.h"

#include <errno.h>

int
client_call_plain(struct upstart *u, const char *member, enum call_mode mode, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, member, mode, "" };

	return client_call(u, &call, NULL, err);
}

/* ---- events ---- */

int
upstart_emit(struct upstart *conn, const char *event, char *const *env, bool wait, struct upstart_error *err)
{
	const struct call old = { MANAGER_PATH, MANAGER_INTERFACE, "EmitEvent", wait ? CALL_WAIT_ONCE : CALL_ONCE,
				  "sab" };
	const struct call new = { MANAGER_PATH, MANAGER2_INTERFACE, "EmitEventWithToken",
				  wait ? CALL_WAIT_TOKEN : CALL_TOKEN, "sabs" };
	struct upstart_error ours = UPSTART_ERROR_INIT;
	char token[TOKEN_SIZE];
	int r;

	if (conn->transport != UPSTART_PRIVATE)
		return client_call(conn, &old, NULL, err, event, env, (int) wait);
	r = client_token(token, err);
	if (r < 0)
		return r;
	r = client_call(conn, &new, NULL, &ours, event, env, (int) wait, token);
	return client_fall_back(conn, r, &ours, err) ? client_call(conn, &old, NULL, err, event, env, (int) wait) : r;
}

int
upstart_emit_with_file(struct upstart *conn, const char *event, char *const *env, bool wait, int fd,
		       struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "EmitEventWithFile",
				   wait ? CALL_WAIT_ONCE : CALL_ONCE, "sabh" };

	return client_call(conn, &call, NULL, err, event, env, (int) wait, fd);
}

int
upstart_emit_with_options(struct upstart *conn, const char *event, char *const *env,
			  const struct upstart_emit_options *options, struct upstart_error *err)
{
	const struct upstart_emit_options none = { 0 };
	const struct upstart_emit_options *o = options ? options : &none;
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "EmitEventWithOptions",
				   o->wait ? CALL_WAIT_TOKEN : CALL_TOKEN, "sae" };
	char token[TOKEN_SIZE];
	int r = client_token(token, err);

	return r < 0 ? r : client_call(conn, &call, NULL, err, event, env, o, token);
}

/* ---- init ---- */

int
upstart_version(struct upstart *conn, char **version, struct upstart_error *err)
{
	return client_property(conn, MANAGER_PATH, MANAGER_INTERFACE, "version", version, err);
}

int
upstart_degraded(struct upstart *conn, char **why, struct upstart_error *err)
{
	return client_property(conn, MANAGER_PATH, MANAGER2_INTERFACE, "degraded", why, err);
}

int
upstart_log_priority(struct upstart *conn, char **priority, struct upstart_error *err)
{
	return client_property(conn, MANAGER_PATH, MANAGER_INTERFACE, "log_priority", priority, err);
}

int
upstart_set_log_priority(struct upstart *conn, const char *priority, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, DBUS_INTERFACE_PROPERTIES, "Set", CALL_AGAIN, "ssv" };

	return client_call(conn, &call, NULL, err, MANAGER_INTERFACE, "log_priority", priority);
}

int
upstart_reload_configuration(struct upstart *conn, struct upstart_error *err)
{
	return client_call_plain(conn, "ReloadConfiguration", CALL_AGAIN, err);
}

int
upstart_config_faults(struct upstart *conn, const char *job, char ***faults, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetConfigurationFaults", CALL_AGAIN, "s" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err, job ? job : "");

	if (r < 0)
		return r;
	r = client_reply_strv(reply, DBUS_TYPE_STRING, faults, err);
	dbus_message_unref(reply);
	return r;
}

int
upstart_state(struct upstart *conn, char **state, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "GetState", CALL_AGAIN, "" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err);

	if (r < 0)
		return r;
	r = client_reply_string(reply, DBUS_TYPE_STRING, state, err);
	dbus_message_unref(reply);
	return r;
}

int
upstart_log_path(struct upstart *conn, const char *job, const char *instance, char **path, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetLogPath", CALL_AGAIN, "ss" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err, job, instance);

	if (r < 0)
		return r;
	r = client_reply_string(reply, DBUS_TYPE_STRING, path, err);
	dbus_message_unref(reply);
	return r;
}

int
upstart_reexec(struct upstart *conn, struct upstart_error *err)
{
	struct upstart_error ours = UPSTART_ERROR_INIT;
	int r = client_call_plain(conn, "Restart", CALL_ONCE, &ours);

	if (r == -ENOTCONN || r == -ETIMEDOUT ||
	    (r == -EREMOTEIO &&
	     (upstart_error_is(&ours, DBUS_ERROR_NO_REPLY) || upstart_error_is(&ours, DBUS_ERROR_DISCONNECTED))))
		r = 0;
	return client_error_move(r, &ours, err);
}

int
upstart_end_session(struct upstart *conn, struct upstart_error *err)
{
	return client_call_plain(conn, "EndSession", CALL_AGAIN, err);
}

int
upstart_notify_disk_writeable(struct upstart *conn, struct upstart_error *err)
{
	return client_call_plain(conn, "NotifyDiskWriteable", CALL_AGAIN, err);
}

int
upstart_notify_dbus_address(struct upstart *conn, const char *address, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "NotifyDBusAddress", CALL_AGAIN, "s" };

	return client_call(conn, &call, NULL, err, address);
}

int
upstart_notify_cgroup_manager_address(struct upstart *conn, const char *address, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "NotifyCGroupManagerAddress", CALL_AGAIN, "s" };

	return client_call(conn, &call, NULL, err, address);
}

/* ---- looking in ---- */

/* A call whose answer is one string. */
static int
reply_text(int r, DBusMessage *const *reply, char **text, struct upstart_error *err)
{
	if (r < 0)
		return r;
	r = client_reply_string(*reply, DBUS_TYPE_STRING, text, err);
	dbus_message_unref(*reply);
	return r;
}

int
upstart_explain(struct upstart *conn, const char *job, const char *instance, char **explanation,
		struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "Explain", CALL_AGAIN, "a" };
	char *const details[] = { (char *) job, (char *) instance, NULL };
	DBusMessage *reply = NULL;

	return reply_text(client_call(conn, &call, &reply, err, details), &reply, explanation, err);
}

int
upstart_waits(struct upstart *conn, char **waits, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetWaits", CALL_AGAIN, "" };
	DBusMessage *reply = NULL;

	return reply_text(client_call(conn, &call, &reply, err), &reply, waits, err);
}

int
upstart_history(struct upstart *conn, char **history, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetHistory", CALL_AGAIN, "" };
	DBusMessage *reply = NULL;

	return reply_text(client_call(conn, &call, &reply, err), &reply, history, err);
}

int
upstart_snapshot(struct upstart *conn, int *fd, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER2_INTERFACE, "GetSnapshot", CALL_AGAIN, "" };
	DBusMessageIter iter;
	DBusMessage *reply = NULL;
	int r = client_call(conn, &call, &reply, err);

	if (r < 0)
		return r;
	if (!dbus_message_has_signature(reply, DBUS_TYPE_UNIX_FD_AS_STRING) || !dbus_message_iter_init(reply, &iter)) {
		dbus_message_unref(reply);
		return client_reply_malformed(err);
	}
	dbus_message_iter_get_basic(&iter, fd);
	dbus_message_unref(reply);
	return *fd >= 0 ? 0 : client_nomem(err);
}

/* ---- environment ---- */

int
upstart_get_env(struct upstart *conn, const char *job, const char *instance, const char *name, char **value,
		struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "GetEnv", CALL_AGAIN, "ds" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err, job, instance, name);

	if (r < 0)
		return r;
	r = client_reply_string(reply, DBUS_TYPE_STRING, value, err);
	dbus_message_unref(reply);
	return r;
}

int
upstart_list_env(struct upstart *conn, const char *job, const char *instance, char ***env, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "ListEnv", CALL_AGAIN, "d" };
	DBusMessage *reply;
	int r = client_call(conn, &call, &reply, err, job, instance);

	if (r < 0)
		return r;
	r = client_reply_strv(reply, DBUS_TYPE_STRING, env, err);
	dbus_message_unref(reply);
	return r;
}

int
upstart_set_env(struct upstart *conn, const char *job, const char *instance, char *const *vars, bool replace,
		struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "SetEnvList", CALL_AGAIN, "dab" };

	return client_call(conn, &call, NULL, err, job, instance, vars, (int) replace);
}

int
upstart_unset_env(struct upstart *conn, const char *job, const char *instance, char *const *names,
		  struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "UnsetEnvList", CALL_AGAIN, "da" };

	return client_call(conn, &call, NULL, err, job, instance, names);
}

int
upstart_reset_env(struct upstart *conn, const char *job, const char *instance, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "ResetEnv", CALL_AGAIN, "d" };

	return client_call(conn, &call, NULL, err, job, instance);
}
