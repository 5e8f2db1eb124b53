/* SPDX-License-Identifier: MIT */
#include "libupstart/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

/*
 * A call whose answer is one object path; `path` may be NULL. The reply goes by its place: it is made by the call that
 * is evaluated as the first argument.
 */
static int
reply_path(int r, DBusMessage *const *reply, char **path, struct upstart_error *err)
{
	if (r < 0)
		return r;
	if (path)
		r = client_reply_string(*reply, DBUS_TYPE_OBJECT_PATH, path, err);
	dbus_message_unref(*reply);
	return r;
}

static int
reply_paths(int r, DBusMessage *const *reply, char ***paths, struct upstart_error *err)
{
	if (r < 0)
		return r;
	r = client_reply_strv(*reply, DBUS_TYPE_OBJECT_PATH, paths, err);
	dbus_message_unref(*reply);
	return r;
}

int
upstart_get_job(struct upstart *conn, const char *name, char **job, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "GetJobByName", CALL_AGAIN, "s" };
	DBusMessage *reply = NULL;

	return reply_path(client_call(conn, &call, &reply, err, name), &reply, job, err);
}

int
upstart_get_jobs(struct upstart *conn, char ***jobs, struct upstart_error *err)
{
	const struct call call = { MANAGER_PATH, MANAGER_INTERFACE, "GetAllJobs", CALL_AGAIN, "" };
	DBusMessage *reply = NULL;

	return reply_paths(client_call(conn, &call, &reply, err), &reply, jobs, err);
}

int
upstart_job_instance(struct upstart *conn, const char *job, char *const *env, char **instance,
		     struct upstart_error *err)
{
	const struct call call = { job, JOB_INTERFACE, "GetInstance", CALL_AGAIN, "a" };
	DBusMessage *reply = NULL;

	return reply_path(client_call(conn, &call, &reply, err, env), &reply, instance, err);
}

int
upstart_job_instance_by_name(struct upstart *conn, const char *job, const char *name, char **instance,
			     struct upstart_error *err)
{
	const struct call call = { job, JOB_INTERFACE, "GetInstanceByName", CALL_AGAIN, "s" };
	DBusMessage *reply = NULL;

	return reply_path(client_call(conn, &call, &reply, err, name), &reply, instance, err);
}

int
upstart_job_instances(struct upstart *conn, const char *job, char ***instances, struct upstart_error *err)
{
	const struct call call = { job, JOB_INTERFACE, "GetAllInstances", CALL_AGAIN, "" };
	DBusMessage *reply = NULL;

	return reply_paths(client_call(conn, &call, &reply, err), &reply, instances, err);
}

/* ---- start, stop, restart ---- */

static int
job_request(struct upstart *conn, const char *job, const char *member, const char *member2, char *const *env, bool wait,
	    DBusMessage **reply, struct upstart_error *err)
{
	const struct call old = { job, JOB_INTERFACE, member, wait ? CALL_WAIT_ONCE : CALL_ONCE, "ab" };
	const struct call new = { job, JOB2_INTERFACE, member2, wait ? CALL_WAIT_TOKEN : CALL_TOKEN, "abs" };
	struct upstart_error ours = UPSTART_ERROR_INIT;
	char token[TOKEN_SIZE];
	int r;

	if (conn->transport != UPSTART_PRIVATE)
		return client_call(conn, &old, reply, err, env, (int) wait);
	r = client_token(token, err);
	if (r < 0)
		return r;
	r = client_call(conn, &new, reply, &ours, env, (int) wait, token);
	return client_fall_back(conn, r, &ours, err) ? client_call(conn, &old, reply, err, env, (int) wait) : r;
}

int
upstart_job_start(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
		  struct upstart_error *err)
{
	DBusMessage *reply = NULL;
	int r = job_request(conn, job, "Start", "StartWithToken", env, wait, &reply, err);

	return reply_path(r, &reply, instance, err);
}

int
upstart_job_start_when_ready(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
			     struct upstart_error *err)
{
	const struct call call = { job, JOB2_INTERFACE, "StartWhenReady", wait ? CALL_WAIT_TOKEN : CALL_TOKEN, "abs" };
	DBusMessage *reply = NULL;
	char token[TOKEN_SIZE];
	int r = client_token(token, err);

	if (r < 0)
		return r;
	r = client_call(conn, &call, &reply, err, env, (int) wait, token);
	return reply_path(r, &reply, instance, err);
}

int
upstart_job_stop(struct upstart *conn, const char *job, char *const *env, bool wait, struct upstart_error *err)
{
	return job_request(conn, job, "Stop", "StopWithToken", env, wait, NULL, err);
}

int
upstart_job_restart(struct upstart *conn, const char *job, char *const *env, bool wait, char **instance,
		    struct upstart_error *err)
{
	DBusMessage *reply = NULL;
	int r = job_request(conn, job, "Restart", "RestartWithToken", env, wait, &reply, err);

	return reply_path(r, &reply, instance, err);
}

int
upstart_job_reset(struct upstart *conn, const char *job, char *const *env, bool wait, struct upstart_error *err)
{
	bool again = conn->transport == UPSTART_PRIVATE;
	const struct call call = { job, JOB2_INTERFACE, "ResetWithToken",
				   wait ? (again ? CALL_WAIT_TOKEN : CALL_WAIT_ONCE) : again ? CALL_TOKEN : CALL_ONCE,
				   "abs" };
	char token[TOKEN_SIZE];
	int r = client_token(token, err);

	return r < 0 ? r : client_call(conn, &call, NULL, err, env, (int) wait, token);
}

/* ---- properties ---- */

int
upstart_job_name(struct upstart *conn, const char *job, char **name, struct upstart_error *err)
{
	return client_property(conn, job, JOB_INTERFACE, "name", name, err);
}

int
upstart_job_usage(struct upstart *conn, const char *job, char **usage, struct upstart_error *err)
{
	return client_property(conn, job, JOB_INTERFACE, "usage", usage, err);
}

static char ***
condition_free(char ***condition)
{
	for (size_t i = 0; condition && condition[i]; i++)
		strv_free(condition[i]);
	free(condition);
	return NULL;
}

struct upstart_job *
upstart_job_free(struct upstart_job *job)
{
	if (job) {
		free(job->name);
		free(job->description);
		free(job->author);
		free(job->version);
		free(job->usage);
		condition_free(job->start_on);
		condition_free(job->stop_on);
		condition_free(job->while_on);
		strv_free(job->emits);
		strv_free(job->exports);
		free(job->instance);
		free(job);
	}
	return NULL;
}

/* An array of arrays of strings. */
static int
read_condition(DBusMessageIter *value, char ****condition, struct upstart_error *err)
{
	DBusMessageIter item;
	char ***all;
	int r = 0;

	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(value) != DBUS_TYPE_ARRAY)
		return client_reply_malformed(err);
	all = calloc((size_t) dbus_message_iter_get_element_count(value) + 1, sizeof(*all));
	if (!all)
		return client_nomem(err);
	dbus_message_iter_recurse(value, &item);
	for (size_t n = 0; r == 0 && dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_ARRAY; n++) {
		r = client_iter_strv(&item, DBUS_TYPE_STRING, &all[n], err);
		dbus_message_iter_next(&item);
	}
	if (r < 0) {
		condition_free(all);
		return r;
	}
	condition_free(*condition);
	*condition = all;
	return 0;
}

static int
read_string(DBusMessageIter *value, char **target, struct upstart_error *err)
{
	const char *s;
	char *copy;

	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_STRING)
		return client_reply_malformed(err);
	dbus_message_iter_get_basic(value, &s);
	copy = strdup(s);
	if (!copy)
		return client_nomem(err);
	free(*target);
	*target = copy;
	return 0;
}

/* One property; those of later servers are passed over. */
static int
read_property(struct upstart_job *job, const char *name, DBusMessageIter *value, struct upstart_error *err)
{
	const struct {
		const char *name;
		char **target;
	} strings[] = {
		{ "name", &job->name },	    { "description", &job->description },
		{ "author", &job->author }, { "version", &job->version },
		{ "usage", &job->usage },   { "instance", &job->instance },
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		if (strcmp(name, strings[i].name) == 0)
			return read_string(value, strings[i].target, err);
	}
	if (strcmp(name, "start_on") == 0)
		return read_condition(value, &job->start_on, err);
	if (strcmp(name, "stop_on") == 0)
		return read_condition(value, &job->stop_on, err);
	if (strcmp(name, "while") == 0)
		return read_condition(value, &job->while_on, err);
	if (strcmp(name, "export") == 0) {
		strv_free(steal(&job->exports));
		return client_iter_strv(value, DBUS_TYPE_STRING, &job->exports, err);
	}
	if (strcmp(name, "emits") == 0) {
		strv_free(steal(&job->emits));
		return client_iter_strv(value, DBUS_TYPE_STRING, &job->emits, err);
	}
	return 0;
}

/* What the server left out is empty; without a name it is not a job. */
static int
fill_up(struct upstart_job *job, struct upstart_error *err)
{
	char **strings[] = { &job->description, &job->author, &job->version, &job->usage, &job->instance };

	if (!job->name)
		return client_reply_malformed(err);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		if (!*strings[i])
			*strings[i] = strdup("");
		if (!*strings[i])
			return client_nomem(err);
	}
	if (!job->start_on)
		job->start_on = calloc(1, sizeof(*job->start_on));
	if (!job->stop_on)
		job->stop_on = calloc(1, sizeof(*job->stop_on));
	if (!job->emits)
		job->emits = calloc(1, sizeof(*job->emits));
	if (!job->while_on)
		job->while_on = calloc(1, sizeof(*job->while_on));
	if (!job->exports)
		job->exports = calloc(1, sizeof(*job->exports));
	return job->start_on && job->stop_on && job->emits && job->while_on && job->exports ? 0 : client_nomem(err);
}

static int
read_job_property(void *data, const char *name, DBusMessageIter *value, struct upstart_error *err)
{
	return read_property(data, name, value, err);
}

int
upstart_job_properties(struct upstart *conn, const char *job, struct upstart_job **properties,
		       struct upstart_error *err)
{
	struct upstart_job *got = calloc(1, sizeof(*got));
	int r;

	if (!got)
		return client_nomem(err);
	/* Those of all interfaces: there are more since Upstart 2. */
	r = client_properties(conn, job, "", read_job_property, got, err);
	if (r == 0)
		r = fill_up(got, err);
	if (r < 0) {
		upstart_job_free(got);
		return r;
	}
	*properties = got;
	return 0;
}

/* ---- its file ---- */

struct upstart_job_file *
upstart_job_file_free(struct upstart_job_file *file)
{
	if (file) {
		free(file->path);
		free(file->fault);
		free(file->successor);
		free(file);
	}
	return NULL;
}

static int
read_file_property(void *data, const char *name, DBusMessageIter *value, struct upstart_error *err)
{
	struct upstart_job_file *file = data;

	if (strcmp(name, "path") == 0)
		return read_string(value, &file->path, err);
	if (strcmp(name, "fault") == 0)
		return read_string(value, &file->fault, err);
	return strcmp(name, "successor") == 0 ? read_string(value, &file->successor, err) : 0;
}

int
upstart_job_file(struct upstart *conn, const char *job, struct upstart_job_file **file, struct upstart_error *err)
{
	struct upstart_job_file *got = calloc(1, sizeof(*got));
	int r;

	if (!got)
		return client_nomem(err);
	got->path = strdup("");
	got->fault = strdup("");
	got->successor = strdup("");
	r = got->path && got->fault && got->successor ? 0 : client_nomem(err);
	if (r == 0)
		r = client_properties(conn, job, JOB2_INTERFACE, read_file_property, got, err);
	if (r < 0) {
		upstart_job_file_free(got);
		return r;
	}
	*file = got;
	return 0;
}
