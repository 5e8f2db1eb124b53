/* SPDX-License-Identifier: MIT */
#include "control/job.h"

#include "common/error.h"
#include "control/libdbus.h"
#include "control/request.h"
#include "control/table.h"

/* -- instances ---------------------------------------------------------------- */

/* The answer names the instance, or the caller did. */
static void
finish_instance(struct call *call, const struct msg_reply *reply)
{
	const char *name = reply->instance != NULL ? reply->instance : call->name != NULL ? call->name : "";
	auto_free char *path = path_instance(call->object.job, name);

	request_reply_path(call, path);
}

void
job_get_instance(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_INSTANCE };
	struct args args;

	args_init(&args, call);
	request.env = args_strv(&args);
	if (request_args_ok(call, &args))
		call_ask(call, &request, finish_instance, -1);
	(void) strv_free(request.env);
}

void
job_get_instance_by_name(struct call *call)
{
	struct msg_request request = { .action = REQUEST_GET_INSTANCE_BY_NAME };
	struct args args;

	args_init(&args, call);
	call->name = libdbus_name(args_string(&args));
	if (call->name == NULL) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	request.instance = call->name;
	call_ask(call, &request, finish_instance, -1);
}

static char *
path_of_instance(const struct call *call, const char *name)
{
	return path_instance(call->object.job, name);
}

static void
finish_instances(struct call *call, const struct msg_reply *reply)
{
	request_reply_paths(call, reply->list, path_of_instance);
}

void
job_get_all_instances(struct call *call)
{
	request_simple(call, REQUEST_GET_INSTANCES, finish_instances);
}

/* -- changes ------------------------------------------------------------------ */

/* Ask for a change of a job: environment, wait, and a token where the method has one. `options`: REQUEST_OPTION_*. */
static void
change_job_with(struct call *call, enum request_action action, uint32_t options, call_finish_fn finish)
{
	struct msg_request request = { .action = action, .options = options };
	struct args args;

	args_init(&args, call);
	request.env = args_strv(&args);
	request.wait = args_bool(&args);
	if (request_args_ok(call, &args) &&
	    (call->method->interface != IFACE_JOB2 || request_token(call, &args, &request)))
		call_ask(call, &request, finish, -1);
	(void) strv_free(request.env);
}

static void
change_job(struct call *call, enum request_action action, call_finish_fn finish)
{
	change_job_with(call, action, 0, finish);
}

void
job_start(struct call *call)
{
	change_job(call, REQUEST_JOB_START, finish_instance);
}

void
job_start_when_ready(struct call *call)
{
	change_job_with(call, REQUEST_JOB_START, REQUEST_OPTION_WHEN_READY, finish_instance);
}

void
job_stop(struct call *call)
{
	change_job(call, REQUEST_JOB_STOP, call_finish_empty);
}

void
job_reset(struct call *call)
{
	change_job(call, REQUEST_JOB_RESET, call_finish_empty);
}

void
job_restart(struct call *call)
{
	change_job(call, REQUEST_JOB_RESTART, finish_instance);
}

static void
change_instance(struct call *call, enum request_action action)
{
	struct msg_request request = { .action = action };
	struct args args;

	args_init(&args, call);
	request.wait = args_bool(&args);
	call_ask(call, &request, call_finish_empty, -1);
}

void
instance_start(struct call *call)
{
	change_instance(call, REQUEST_INSTANCE_START);
}

void
instance_stop(struct call *call)
{
	change_instance(call, REQUEST_INSTANCE_STOP);
}

void
instance_restart(struct call *call)
{
	change_instance(call, REQUEST_INSTANCE_RESTART);
}

void
instance_reset(struct call *call)
{
	change_instance(call, REQUEST_INSTANCE_RESET);
}

void
instance_reload(struct call *call)
{
	request_simple(call, REQUEST_INSTANCE_RELOAD, call_finish_empty);
}
