/* SPDX-License-Identifier: MIT */
#include "control/manager.h"

#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "control/bus.h"
#include "control/libdbus.h"
#include "control/request.h"

/* -- jobs --------------------------------------------------------------------- */

static void
finish_job(struct call *call, const struct msg_reply *reply)
{
	/* Which of that name it is depends on who asks: init says so. */
	auto_free char *path = path_job(reply->job != NULL ? reply->job : call->name);

	request_reply_path(call, path);
}

void
manager_get_job_by_name(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_JOB };
	struct args args;
	const char *name;

	args_init(&args, call);
	name = args_string(&args);
	if (name[0] == '\0') {
		call_error(call, ERR_INVALID_ARGS, "Name may not be empty string");
		return;
	}
	call->name = libdbus_name(name);
	if (call->name == NULL) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	request.job = call->name;
	call_ask(call, &request, finish_job, -1);
}

static char *
path_of_job(const struct call *call, const char *name)
{
	return path_job(name);
}

static void
finish_jobs(struct call *call, const struct msg_reply *reply)
{
	request_reply_paths(call, reply->list, path_of_job);
}

void
manager_get_all_jobs(struct call *call)
{
	request_simple(call, REQUEST_GET_JOBS, finish_jobs);
}

/* -- the daemon --------------------------------------------------------------- */

void
manager_reload_configuration(struct call *call)
{
	request_simple(call, REQUEST_RELOAD_CONFIG, call_finish_empty);
}

/* Of the files of one job, or of all. */
void
manager_get_configuration_faults(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_FAULTS };
	struct args args;

	args_init(&args, call);
	call->name = libdbus_name(args_string(&args));
	if (call->name == NULL) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	request.name = call->name;
	call_ask(call, &request, call_finish_list, -1);
}

static void
finish_state(struct call *call, const struct msg_reply *reply)
{
	auto_free char *owned = NULL;
	const char *state = libdbus_text(reply->value != NULL ? reply->value : "{}", TEXT_REPLACE, &owned);
	DBusMessage *answer = call_reply_new(call);

	call_reply_filled(call, answer,
			  answer != NULL && state != NULL &&
				  dbus_message_append_args(answer, DBUS_TYPE_STRING, &state, DBUS_TYPE_INVALID));
}

void
manager_get_state(struct call *call)
{
	request_simple(call, REQUEST_GET_STATE, finish_state);
}

/* Only where the log is: the file's own mode says who may read it. */
void
manager_get_log_path(struct call *call)
{
	struct msg_request request = { .action = REQUEST_LOG_PATH };
	auto_free char *instance = NULL;
	struct args args;

	args_init(&args, call);
	call->name = libdbus_name(args_string(&args));
	instance = libdbus_name(args_string(&args));
	if (call->name == NULL || instance == NULL) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	request.job = call->name;
	request.instance = instance;
	call_ask(call, &request, call_finish_value, -1);
}

void
manager_get_waits(struct call *call)
{
	request_simple(call, REQUEST_GET_WAITS, finish_state);
}

void
manager_get_history(struct call *call)
{
	request_simple(call, REQUEST_GET_HISTORY, finish_state);
}

/* The connections live on (D15), and the next image answers. */
void
manager_restart(struct call *call)
{
	request_simple(call, REQUEST_REEXEC, call_finish_empty);
}

void
manager_notify_disk_writeable(struct call *call)
{
	request_simple(call, REQUEST_NOTIFY_DISK, call_finish_empty);
}

void
manager_notify_dbus_address(struct call *call)
{
	struct args args;

	args_init(&args, call);
	bus_notified(call, args_string(&args));
}

/* Control groups are made directly, without a manager: jobs that want one never wait for it. */
void
manager_notify_cgroup_manager_address(struct call *call)
{
	call_return(call);
}

void
manager_end_session(struct call *call)
{
	request_simple(call, REQUEST_END_SESSION, call_finish_empty);
}

/* -- environment -------------------------------------------------------------- */

/*
 * Read job_details: [] is the global table, else [job, instance]. What it names goes into the call's object.
 * False: memory was lacking.
 */
static bool
read_details(struct call *call, struct args *args, struct msg_request *request)
{
	auto_strv char **details = args_strv(args);

	if (args->failed)
		return false;
	if (details == NULL)
		return true;
	call->object.job = libdbus_name(details[0]);
	if (details[1] != NULL)
		call->object.instance = libdbus_name(details[1]);
	request->job = call->object.job;
	request->instance = call->object.instance;
	return call->object.job != NULL && (details[1] == NULL || call->object.instance != NULL);
}

/* Begin each of the environment methods. False: the call has been answered. */
static bool
env_args(struct call *call, struct args *args, struct msg_request *request)
{
	args_init(args, call);
	if (read_details(call, args, request))
		return true;
	call_error(call, ERR_NO_MEMORY, "Out of Memory");
	return false;
}

/* The last check of each. False: the call has been answered. */
static bool
env_job_ok(struct call *call)
{
	if (call->object.job == NULL || call->object.job[0] != '\0')
		return true;
	call_error(call, ERR_INVALID_ARGS, "Job may not be empty string");
	return false;
}

void
manager_get_env(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_ENV };
	struct args args;

	if (!env_args(call, &args, &request))
		return;
	request.name = REQUEST_BORROW(args_string(&args));
	if (request.name[0] == '\0')
		call_error(call, ERR_INVALID_ARGS, "Variable may not be empty string");
	else if (env_job_ok(call))
		call_ask(call, &request, call_finish_value, -1);
}

static void
finish_snapshot(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer;

	if (call->fd < 0) {
		call_error(call, ERR_FAILED, "Unable to take the file: too many are open");
		return;
	}
	if (call->peer != NULL && !dbus_connection_can_send_type(call->peer->dbus, DBUS_TYPE_UNIX_FD)) {
		call_error(call, DBUS_ERROR_NOT_SUPPORTED, "This connection cannot carry files");
		return;
	}
	answer = call_reply_new(call);
	call_reply_filled(call, answer,
			  answer != NULL && dbus_message_append_args(answer, DBUS_TYPE_UNIX_FD, &call->fd, DBUS_TYPE_INVALID));
}

void
manager_get_snapshot(struct call *call)
{
	request_simple(call, REQUEST_GET_SNAPSHOT, finish_snapshot);
}

/* As the environment methods name it; a job there must be. */
void
manager_explain(struct call *call)
{
	struct msg_request request = { .action = REQUEST_EXPLAIN };
	struct args args;

	if (!env_args(call, &args, &request))
		return;
	if (request.job == NULL || request.job[0] == '\0')
		call_error(call, ERR_INVALID_ARGS, "Job may not be empty string");
	else
		call_ask(call, &request, finish_state, -1);
}

/* The values the variables have now, kept ones included, go to the bus. */
static void
finish_publish(struct call *call, const struct msg_reply *reply)
{
	auto_strv char **pairs = NULL;

	for (char **v = call->list; v != NULL && *v != NULL; v++) {
		struct span key = { *v, strcspn(*v, "=") };
		const char *value = env_get_span(reply->list, key);

		if (value != NULL && strv_take(&pairs, str_printf("%.*s=%s", (int) key.n, key.p, value)) < 0)
			log_warn("Unable to update the D-Bus activation environment: Out of Memory");
	}
	bus_update_environment(call->control, pairs);
	call_return(call);
}

/* A global change in a session init on a bus is told to that bus too. */
static void
finish_set_env(struct call *call, const struct msg_reply *reply)
{
	struct control *control = call->control;
	struct call *publish = NULL;

	if (call->object.job == NULL && control->options.mode == MODE_USER && bus_peer(control) != NULL)
		publish = call_new(control, NULL, NULL);
	if (publish != NULL) {
		publish->list = steal(&call->list);
		request_simple(publish, REQUEST_LIST_ENV, finish_publish);
	}
	call_return(call);
}

/* Set all of `vars` (owned by the call from here on). */
static void
set_env(struct call *call, struct args *args, struct msg_request *request, char **vars)
{
	call->list = vars;
	request->env = vars;
	request->action = REQUEST_SET_ENV;
	request->replace = args_bool(args);
	if (strv_len(vars) > ENV_MAX) {
		call_error(call, ERR_LIMITS, ENV_TOO_MANY);
		return;
	}
	for (char **v = vars; v != NULL && *v != NULL; v++) {
		if ((*v)[0] == '\0' || (*v)[0] == '=') {
			call_error(call, ERR_INVALID_ARGS, "Variable may not be empty string");
			return;
		}
	}
	if (!env_job_ok(call))
		return;
	call->lasting = true;
	call_ask(call, request, finish_set_env, -1);
}

/* One string as a vector; args->failed tells of lacking memory. */
static char **
args_single(struct args *args)
{
	char **v = NULL;

	if (strv_add(&v, args_string(args)) < 0)
		args->failed = true;
	return v;
}

void
manager_set_env(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;
	char **vars;

	if (!env_args(call, &args, &request))
		return;
	vars = args_single(&args);
	if (request_args_ok(call, &args))
		set_env(call, &args, &request, vars);
}

void
manager_set_env_list(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;
	char **vars;

	if (!env_args(call, &args, &request))
		return;
	vars = args_strv(&args);
	if (request_args_ok(call, &args))
		set_env(call, &args, &request, vars);
}

static void
unset_env(struct call *call, const struct args *args, struct msg_request *request, char **names)
{
	request->action = REQUEST_UNSET_ENV;
	request->env = names;
	if (request_args_ok(call, args) && env_job_ok(call))
		call_ask(call, request, call_finish_empty, -1);
	(void) strv_free(names);
}

void
manager_unset_env(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;

	if (env_args(call, &args, &request)) {
		char **names = args_single(&args);

		unset_env(call, &args, &request, names);
	}
}

void
manager_unset_env_list(struct call *call)
{
	struct msg_request request = { 0 };
	struct args args;

	if (env_args(call, &args, &request)) {
		char **names = args_strv(&args);

		unset_env(call, &args, &request, names);
	}
}

void
manager_list_env(struct call *call)
{
	struct msg_request request = { .action = REQUEST_LIST_ENV };
	struct args args;

	if (env_args(call, &args, &request) && env_job_ok(call))
		call_ask(call, &request, call_finish_list, -1);
}

void
manager_reset_env(struct call *call)
{
	struct msg_request request = { .action = REQUEST_RESET_ENV };
	struct args args;

	if (env_args(call, &args, &request) && env_job_ok(call))
		call_ask(call, &request, call_finish_empty, -1);
}

/* -- org.freedesktop.DBus.Peer ------------------------------------------------ */

void
peer_ping(struct call *call)
{
	call_return(call);
}

void
peer_get_machine_id(struct call *call)
{
	DBusError error = DBUS_ERROR_INIT;
	char *id = dbus_try_get_local_machine_id(&error);
	DBusMessage *answer;
	bool filled;

	if (id == NULL) {
		call_error(call, error.name, "%s", error.message);
		dbus_error_free(&error);
		return;
	}
	answer = call_reply_new(call);
	filled = answer != NULL && dbus_message_append_args(answer, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID);
	dbus_free(id);
	call_reply_filled(call, answer, filled);
}
