/* SPDX-License-Identifier: MIT */
/*
 * Every member of control.md T1, with right and wrong arguments, against the real servant.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define JOB MGR "/jobs/web_2dx"
#define INST JOB "/_"
#define I_MGR "com.ubuntu.Upstart0_6"
#define I_MGR2 "com.ubuntu.Upstart2"
#define I_JOB "com.ubuntu.Upstart0_6.Job"
#define I_JOB2 "com.ubuntu.Upstart2.Job"
#define I_INST "com.ubuntu.Upstart0_6.Instance"
#define I_PROP "org.freedesktop.DBus.Properties"
#define I_INTRO "org.freedesktop.DBus.Introspectable"
#define I_PEER "org.freedesktop.DBus.Peer"
#define UNKNOWN "org.freedesktop.DBus.Error.UnknownMethod"
#define NO_REQUEST REQUEST_ACTION_COUNT

static char *env_ab[] = { "A=1", "B=x y=z", NULL };
static char *no_strings[] = { NULL };
static char *web[] = { "web-x", "", NULL };

/* The members, as T1 has them: what they take, what they ask of init, what they give. */
static const struct member {
	const char *path, *interface, *name, *in, *out;
	enum request_action action;
} members[] = {
	{ MGR, I_MGR, "ReloadConfiguration", "", "", REQUEST_RELOAD_CONFIG },
	{ MGR, I_MGR, "GetJobByName", "s", "o", REQUEST_GET_JOB },
	{ MGR, I_MGR, "GetAllJobs", "", "ao", REQUEST_GET_JOBS },
	{ MGR, I_MGR, "GetState", "", "s", REQUEST_GET_STATE },
	{ MGR, I_MGR, "Restart", "", "", REQUEST_REEXEC },
	{ MGR, I_MGR, "GetEnv", "ass", "s", REQUEST_GET_ENV },
	{ MGR, I_MGR, "SetEnv", "assb", "", REQUEST_SET_ENV },
	{ MGR, I_MGR, "SetEnvList", "asasb", "", REQUEST_SET_ENV },
	{ MGR, I_MGR, "UnsetEnv", "ass", "", REQUEST_UNSET_ENV },
	{ MGR, I_MGR, "UnsetEnvList", "asas", "", REQUEST_UNSET_ENV },
	{ MGR, I_MGR, "ListEnv", "as", "as", REQUEST_LIST_ENV },
	{ MGR, I_MGR, "ResetEnv", "as", "", REQUEST_RESET_ENV },
	{ MGR, I_MGR, "EmitEvent", "sasb", "", REQUEST_EMIT },
	{ MGR, I_MGR, "EmitEventWithFile", "sasbh", "", REQUEST_EMIT },
	{ MGR, I_MGR, "NotifyDiskWriteable", "", "", REQUEST_NOTIFY_DISK },
	{ MGR, I_MGR, "NotifyCGroupManagerAddress", "s", "", NO_REQUEST },
	{ MGR, I_MGR, "EndSession", "", "", REQUEST_END_SESSION },
	{ MGR, I_MGR2, "GetLogPath", "ss", "s", REQUEST_LOG_PATH },
	{ MGR, I_MGR2, "EmitEventWithToken", "sasbs", "", REQUEST_EMIT },
	{ MGR, I_MGR2, "GetConfigurationFaults", "s", "as", REQUEST_GET_FAULTS },
	{ MGR, I_MGR2, "Explain", "as", "s", REQUEST_EXPLAIN },
	{ MGR, I_MGR2, "GetWaits", "", "s", REQUEST_GET_WAITS },
	{ MGR, I_MGR2, "GetHistory", "", "s", REQUEST_GET_HISTORY },
	{ MGR, I_MGR2, "GetSnapshot", "", "h", REQUEST_GET_SNAPSHOT },
	{ JOB, I_JOB, "GetInstance", "as", "o", REQUEST_GET_INSTANCE },
	{ JOB, I_JOB, "GetInstanceByName", "s", "o", REQUEST_GET_INSTANCE_BY_NAME },
	{ JOB, I_JOB, "GetAllInstances", "", "ao", REQUEST_GET_INSTANCES },
	{ JOB, I_JOB, "Start", "asb", "o", REQUEST_JOB_START },
	{ JOB, I_JOB, "Stop", "asb", "", REQUEST_JOB_STOP },
	{ JOB, I_JOB, "Restart", "asb", "o", REQUEST_JOB_RESTART },
	{ JOB, I_JOB2, "StartWithToken", "asbs", "o", REQUEST_JOB_START },
	{ JOB, I_JOB2, "StartWhenReady", "asbs", "o", REQUEST_JOB_START },
	{ JOB, I_JOB2, "StopWithToken", "asbs", "", REQUEST_JOB_STOP },
	{ JOB, I_JOB2, "RestartWithToken", "asbs", "o", REQUEST_JOB_RESTART },
	{ JOB, I_JOB2, "ResetWithToken", "asbs", "", REQUEST_JOB_RESET },
	{ INST, I_INST, "Start", "b", "", REQUEST_INSTANCE_START },
	{ INST, I_INST, "Stop", "b", "", REQUEST_INSTANCE_STOP },
	{ INST, I_INST, "Restart", "b", "", REQUEST_INSTANCE_RESTART },
	{ INST, I_INST, "Reload", "", "", REQUEST_INSTANCE_RELOAD },
	{ INST, "com.ubuntu.Upstart2.Instance", "Reset", "b", "", REQUEST_INSTANCE_RESET },
	{ MGR, I_PROP, "Get", "ss", "v", NO_REQUEST }, /* of version: known without init */
	{ MGR, I_INTRO, "Introspect", "", "s", NO_REQUEST },
	{ MGR, I_PEER, "Ping", "", "", NO_REQUEST },
	{ MGR, I_PEER, "GetMachineId", "", "s", NO_REQUEST },
};

static struct rig rig;
static DBusConnection *client;

static int
start_user(void **state)
{
	rig_start(&rig, "user", NULL, NULL);
	client = rig_client(&rig);
	return 0;
}

static int
start_system(void **state)
{
	static const char *const args[] = { "--no-dbus", NULL };

	rig_start(&rig, "system", args, NULL);
	client = rig_client(&rig);
	return 0;
}

static int
stop(void **state)
{
	assert_false(rig_has_said(&rig));
	rig_stop(&rig);
	return 0;
}

static DBusMessage *
message_for(const struct member *m)
{
	int fd = -1;
	DBusMessage *message;

	if (strcmp(m->in, "sasbh") == 0) {
		fd = open("/dev/null", O_RDONLY);
		message = rig_message(m->path, m->interface, m->name, "sasbh", "name", env_ab, 1, fd);
		(void) close(fd);
		return message;
	}
	if (strcmp(m->interface, I_PROP) == 0)
		return rig_message(m->path, m->interface, m->name, "ss", I_MGR, "version");
	if (strcmp(m->in, "ss") == 0)
		return rig_message(m->path, m->interface, m->name, m->in, "web-x", "in/1");
	if (m->in[0] == 's') /* s, sasb, sasbs */
		return rig_message(m->path, m->interface, m->name, m->in, "name", env_ab, 1, "token");
	if (strcmp(m->in, "b") == 0)
		return rig_message(m->path, m->interface, m->name, m->in, 1);
	if (strncmp(m->in, "asas", 4) == 0)
		return rig_message(m->path, m->interface, m->name, m->in, web, env_ab, 1);
	if (strncmp(m->in, "ass", 3) == 0)
		return rig_message(m->path, m->interface, m->name, m->in, web, "name", 1);
	if (strcmp(m->in, "as") == 0)
		return rig_message(m->path, m->interface, m->name, m->in, strcmp(m->path, MGR) ? env_ab : web);
	return rig_message(m->path, m->interface, m->name, m->in, env_ab, 1, "token");
}

/* What init must have been told. */
static void
check_request(const struct member *m, const struct said *said)
{
	const struct msg_request *r = &said->request;
	bool manager = strcmp(m->interface, I_MGR) == 0 || strcmp(m->interface, I_MGR2) == 0;

	assert_true(r->request >> 32 == 1);
	assert_int_equal(r->uid, getuid());
	assert_int_equal(r->pid, getpid());
	if (strstr(m->in, "sb") != NULL && strstr(m->in, "asb") != NULL && strstr(m->in, "assb") == NULL &&
	    strstr(m->in, "asas") == NULL) {
		assert_true(strv_equal(r->env, env_ab));
		assert_true(r->wait);
	}
	if (strcmp(m->in, "b") == 0)
		assert_true(r->wait);
	assert_int_equal(r->options, strcmp(m->name, "StartWhenReady") == 0 ? REQUEST_OPTION_WHEN_READY : 0);
	if (strstr(m->name, "Token") != NULL || strcmp(m->name, "StartWhenReady") == 0)
		assert_string_equal(r->token, "token");
	else
		assert_null(r->token);
	if (!manager || strncmp(m->in, "as", 2) == 0)
		assert_string_equal(r->job, "web-x");
	if (strcmp(m->in, "ss") == 0) {
		assert_string_equal(r->job, "web-x");
		assert_string_equal(r->instance, "in/1");
	}
	if (strcmp(m->interface, I_INST) == 0 || (manager && strncmp(m->in, "as", 2) == 0))
		assert_string_equal(r->instance, "");
	assert_int_equal(said->n_fds, strchr(m->in, 'h') != NULL);
}

static void
test_members_with_right_arguments_are_forwarded_and_answered(void **state)
{
	char *list[] = { "b", "a", NULL };
	struct msg_reply reply = { .instance = "in/1", .value = "{}", .list = list };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct member *m = &members[i];
		DBusPendingCall *pending = rig_call(client, message_for(m));
		DBusMessage *answer;

		if (m->action != NO_REQUEST) {
			struct said *said = rig_expect(&rig, m->action);

			check_request(m, said);
			if (strcmp(m->out, "h") == 0)
				rig_reply_file(&rig, said, STDIN_FILENO);
			else
				rig_reply(&rig, said, &reply);
			said_free(said);
		}
		answer = rig_answer(&rig, pending);
		if (dbus_message_get_type(answer) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
		    strcmp(dbus_message_get_signature(answer), m->out) != 0)
			fail_msg("%s.%s: %s", m->interface, m->name, dbus_message_get_signature(answer));
		dbus_message_unref(answer);
	}
}

static void
test_members_without_interface_are_found(void **state)
{
	struct said *said;
	DBusPendingCall *pending = rig_call(client, rig_message(JOB, NULL, "Start", "asb", no_strings, 0));
	struct msg_reply reply = { .instance = "" };

	said = rig_expect(&rig, REQUEST_JOB_START);
	assert_null(said->request.env);
	assert_false(said->request.wait);
	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "o", INST);
}

/* The object is looked up first: one that is gone has no methods, whatever their arguments. */
static void
expect_existence_query(const struct member *m)
{
	struct said *said;

	if (strcmp(m->path, MGR) == 0)
		return;
	said = rig_expect(&rig, strcmp(m->path, JOB) == 0 ? REQUEST_JOB_PROPERTIES : REQUEST_INSTANCE_PROPERTIES);
	assert_string_equal(said->request.job, "web-x");
	rig_reply_ok(&rig, said);
	said_free(said);
}

static void
test_members_with_wrong_arguments_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct member *m = &members[i];
		DBusMessage *too_many = message_for(m);
		auto_free char *text = str_printf("Invalid arguments to %s method", m->name);
		DBusPendingCall *pending;
		dbus_int32_t one = 1;

		assert_true(dbus_message_append_args(too_many, DBUS_TYPE_INT32, &one, DBUS_TYPE_INVALID));
		pending = rig_call(client, too_many);
		expect_existence_query(m);
		rig_is_error(rig_answer(&rig, pending), ERR_INVALID_ARGS, text);
		pending = rig_call(client, rig_message(m->path, m->interface, m->name, "i", 1));
		expect_existence_query(m);
		rig_is_error(rig_answer(&rig, pending), ERR_INVALID_ARGS, text);
		if (m->in[0] == '\0')
			continue;
		pending = rig_call(client, rig_message(m->path, m->interface, m->name, ""));
		expect_existence_query(m);
		rig_is_error(rig_answer(&rig, pending), ERR_INVALID_ARGS, text);
	}
}

static void
unknown(const char *path, const char *interface, const char *name)
{
	auto_free char *text = str_printf("Method \"%s\" with signature \"b\" on interface \"%s\" doesn't exist\n",
					  name, interface != NULL ? interface : "(null)");

	rig_is_error(rig_answer(&rig, rig_call(client, rig_message(path, interface, name, "b", 1))), UNKNOWN, text);
}

static void
test_unknown_things_are_unknown_methods(void **state)
{
	unknown(MGR, I_MGR, "NoSuchMethod");
	unknown(MGR, NULL, "NoSuchMethod");
	unknown(MGR, "no.such.Interface", "GetAllJobs");
	unknown(MGR, I_JOB, "Start");
	unknown(JOB, I_MGR, "GetAllJobs");
	unknown(JOB, I_INST, "Start");
	unknown(INST, I_JOB, "Start");
	unknown(INST "/x", I_INST, "Start");
	unknown(MGR "/jobs", I_JOB, "Start");
	unknown("/", I_MGR, "GetAllJobs");
	unknown("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello");
	unknown(MGR, I_PEER, "Pong");
	unknown("/com/ubuntu/Upstart/jobs/_41", I_JOB, "Start");
}

static void
test_objects_that_are_gone_are_unknown_methods(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct member *m = &members[i];
		auto_free char *text = NULL;
		DBusMessage *message;
		struct said *said;
		DBusPendingCall *pending;

		if (strcmp(m->path, MGR) == 0)
			continue;
		message = message_for(m);
		text = str_printf("Method \"%s\" with signature \"%s\" on interface \"%s\" doesn't exist\n", m->name,
				  m->in, m->interface);
		pending = rig_call(client, message);
		said = rig_expect(&rig, m->action);
		rig_reply_error(&rig, said, ERR_GONE, NULL);
		said_free(said);
		rig_is_error(rig_answer(&rig, pending), UNKNOWN, text);
	}
}

static void
test_wrong_arguments_to_a_gone_object_are_an_unknown_method(void **state)
{
	DBusPendingCall *pending = rig_call(client, rig_message(JOB, I_JOB, "GetInstance", "b", 1));
	struct said *said = rig_expect(&rig, REQUEST_JOB_PROPERTIES);

	rig_reply_error(&rig, said, ERR_GONE, NULL);
	said_free(said);
	rig_is_error(
	    rig_answer(&rig, pending), UNKNOWN,
	    "Method \"GetInstance\" with signature \"b\" on interface \"com.ubuntu.Upstart0_6.Job\" doesn't exist\n");
}

static void
test_errors_of_init_pass_unchanged(void **state)
{
	DBusPendingCall *pending = rig_call(client, rig_message(JOB, I_JOB, "Start", "asb", env_ab, 1));
	struct said *said = rig_expect(&rig, REQUEST_JOB_START);

	rig_reply_error(&rig, said, ERR_ALREADY_STARTED, "Job is already running: caf\xe9");
	said_free(said);
	rig_is_error(rig_answer(&rig, pending), ERR_ALREADY_STARTED, "Job is already running: caf\\xe9");
}

static void
refused(DBusMessage *message, const char *name, const char *text)
{
	rig_is_error(rig_answer(&rig, rig_call(client, message)), name, text);
}

static void
test_bad_values_are_refused_here(void **state)
{
	static char *bare[] = { "garbage", NULL };
	static char *nameless[] = { "A=1", "=x", NULL };
	static char *empty_job[] = { "", "x", NULL };
	char token[300];

	refused(rig_message(MGR, I_MGR, "GetJobByName", "s", ""), ERR_INVALID_ARGS, "Name may not be empty string");
	refused(rig_message(MGR, I_MGR, "EmitEvent", "sasb", "", bare, 1), ERR_INVALID_ARGS,
		"Name may not be empty string");
	refused(rig_message(MGR, I_MGR, "EmitEvent", "sasb", "x", bare, 1), ERR_INVALID_ARGS,
		"Env must be KEY=VALUE pairs");
	refused(rig_message(MGR, I_MGR, "EmitEventWithFile", "sasbh", "", no_strings, 1, 0), ERR_INVALID_ARGS,
		"Name may not be empty string");
	refused(rig_message(MGR, I_MGR, "GetEnv", "ass", empty_job, ""), ERR_INVALID_ARGS,
		"Variable may not be empty string");
	refused(rig_message(MGR, I_MGR, "GetEnv", "ass", empty_job, "x"), ERR_INVALID_ARGS,
		"Job may not be empty string");
	refused(rig_message(MGR, I_MGR, "ListEnv", "as", empty_job), ERR_INVALID_ARGS, "Job may not be empty string");
	refused(rig_message(MGR, I_MGR, "ResetEnv", "as", empty_job), ERR_INVALID_ARGS, "Job may not be empty string");
	refused(rig_message(MGR, I_MGR, "UnsetEnv", "ass", empty_job, "x"), ERR_INVALID_ARGS,
		"Job may not be empty string");
	refused(rig_message(MGR, I_MGR, "SetEnv", "assb", empty_job, "x", 1), ERR_INVALID_ARGS,
		"Job may not be empty string");
	refused(rig_message(MGR, I_MGR, "SetEnv", "assb", no_strings, "", 1), ERR_INVALID_ARGS,
		"Variable may not be empty string");
	refused(rig_message(MGR, I_MGR, "SetEnvList", "asasb", no_strings, nameless, 1), ERR_INVALID_ARGS,
		"Variable may not be empty string");
	memset(token, 't', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	refused(rig_message(MGR, I_MGR2, "EmitEventWithToken", "sasbs", "x", no_strings, 1, token), ERR_INVALID_ARGS,
		"Token may not be longer than 255 bytes");
}

static void
test_job_details_name_the_table(void **state)
{
	static char *one[] = { "job", NULL };
	struct said *said;
	DBusPendingCall *pending = rig_call(client, rig_message(MGR, I_MGR, "ListEnv", "as", no_strings));

	said = rig_expect(&rig, REQUEST_LIST_ENV);
	assert_null(said->request.job);
	assert_null(said->request.instance);
	rig_reply_ok(&rig, said);
	said_free(said);
	dbus_message_unref(rig_answer(&rig, pending));

	pending = rig_call(client, rig_message(MGR, I_MGR, "ListEnv", "as", one));
	said = rig_expect(&rig, REQUEST_LIST_ENV);
	assert_string_equal(said->request.job, "job");
	assert_null(said->request.instance);
	rig_reply_ok(&rig, said);
	said_free(said);
	dbus_message_unref(rig_answer(&rig, pending));
}

static void
test_set_env_tells_what_to_replace(void **state)
{
	DBusPendingCall *pending =
	    rig_call(client, rig_message(MGR, I_MGR, "SetEnvList", "asasb", no_strings, env_ab, 0));
	struct said *said = rig_expect(&rig, REQUEST_SET_ENV);

	assert_true(strv_equal(said->request.env, env_ab));
	assert_false(said->request.replace);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));

	pending = rig_call(client, rig_message(MGR, I_MGR, "SetEnv", "assb", no_strings, "BARE", 1));
	said = rig_expect(&rig, REQUEST_SET_ENV);
	assert_string_equal(said->request.env[0], "BARE");
	assert_null(said->request.env[1]);
	assert_true(said->request.replace);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));
}

static void
test_file_travels_with_the_event(void **state)
{
	struct stat sent, got;
	FILE *f = tmpfile();
	DBusPendingCall *pending;
	struct said *said;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &sent), 0);
	/*
	 * Ping first: a descriptor in the very first message may arrive in the same read as the end of the
	 * authentication, where the library loses it.
	 */
	rig_is_empty(rig_answer(&rig, rig_call(client, rig_message(MGR, I_PEER, "Ping", ""))));
	pending =
	    rig_call(client, rig_message(MGR, I_MGR, "EmitEventWithFile", "sasbh", "ev", no_strings, 1, fileno(f)));
	said = rig_expect(&rig, REQUEST_EMIT);
	assert_int_equal(said->n_fds, 1);
	assert_int_equal(fstat(said->fds[0], &got), 0);
	assert_true(sent.st_ino == got.st_ino && sent.st_dev == got.st_dev);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));
	(void) fclose(f);
}

static void
test_names_are_escaped_both_ways(void **state)
{
	static const char path[] = MGR "/jobs/caf_e9_2f_c3_a9/_fe";
	char *list[] = { "caf\xe9/\xc3\xa9", "a-b", NULL };
	struct msg_reply reply = { .instance = "\xfe", .list = list, .goal = "start", .state = "running" };
	DBusPendingCall *pending = rig_call(client, rig_message(path, I_INST, "Start", "b", 0));
	struct said *said = rig_expect(&rig, REQUEST_INSTANCE_START);
	DBusMessage *answer;
	char **paths;
	int n;

	assert_string_equal(said->request.job, "caf\xe9/\xc3\xa9");
	assert_string_equal(said->request.instance, "\xfe");
	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));

	pending = rig_call(client, rig_message(MGR "/jobs/caf_e9_2f_c3_a9", I_JOB, "Start", "asb", no_strings, 0));
	said = rig_expect(&rig, REQUEST_JOB_START);
	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "o", path);

	pending = rig_call(client, rig_message(MGR, I_MGR, "GetAllJobs", ""));
	said = rig_expect(&rig, REQUEST_GET_JOBS);
	rig_reply(&rig, said, &reply);
	said_free(said);
	answer = rig_answer(&rig, pending);
	assert_true(
	    dbus_message_get_args(answer, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_OBJECT_PATH, &paths, &n, DBUS_TYPE_INVALID));
	assert_int_equal(n, 2);
	assert_string_equal(paths[0], MGR "/jobs/a_2db"); /* ordered */
	assert_string_equal(paths[1], MGR "/jobs/caf_e9_2f_c3_a9");
	dbus_free_string_array(paths);
	dbus_message_unref(answer);

	/* A client names such a job as the name property spells it. */
	pending = rig_call(client, rig_message(MGR, I_MGR, "GetJobByName", "s", "caf\\xe9/\xc3\xa9"));
	said = rig_expect(&rig, REQUEST_GET_JOB);
	assert_string_equal(said->request.job, "caf\xe9/\xc3\xa9");
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "o", MGR "/jobs/caf_e9_2f_c3_a9");
}

static void
test_bytes_from_init_that_are_no_text_are_spelled(void **state)
{
	char *list[] = { "A=\xff", NULL };
	struct msg_reply reply = { .value = "v\xff", .list = list };
	DBusPendingCall *pending = rig_call(client, rig_message(MGR, I_MGR, "GetEnv", "ass", no_strings, "x"));
	struct said *said = rig_expect(&rig, REQUEST_GET_ENV);

	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "s", "v\\xff");

	pending = rig_call(client, rig_message(MGR, I_MGR, "GetState", ""));
	said = rig_expect(&rig, REQUEST_GET_STATE);
	reply.value = "{\"a\": \"\xff\"}";
	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "s", "{\"a\": \"\xef\xbf\xbd\"}");
}

static void
test_process_1_refuses_what_it_must(void **state)
{
	static const char notify[] = "Not permissible to notify D-Bus address for PID 1";
	static const char modify[] = "Not permissible to modify PID 1 job environment";

	if (getuid() != 0)
		skip();
	refused(rig_message(MGR, I_MGR, "NotifyDBusAddress", "s", "unix:path=/x"), ERR_PERMISSION_DENIED, notify);
	refused(rig_message(MGR, I_MGR, "SetEnv", "assb", no_strings, "", 1), ERR_PERMISSION_DENIED, modify);
	refused(rig_message(MGR, I_MGR, "SetEnvList", "asasb", no_strings, env_ab, 1), ERR_PERMISSION_DENIED, modify);
	refused(rig_message(MGR, I_MGR, "UnsetEnv", "ass", no_strings, "x"), ERR_PERMISSION_DENIED, modify);
	refused(rig_message(MGR, I_MGR, "UnsetEnvList", "asas", no_strings, env_ab), ERR_PERMISSION_DENIED, modify);
	refused(rig_message(MGR, I_MGR, "ResetEnv", "as", no_strings), ERR_PERMISSION_DENIED, modify);
	rig_is_empty(rig_answer(&rig, rig_call(client, rig_message(MGR, I_MGR, "EndSession", ""))));
}

static void
test_snapshot_is_the_file_that_init_sends(void **state)
{
	DBusPendingCall *pending = rig_call(client, rig_message(MGR, I_MGR2, "GetSnapshot", ""));
	struct said *said = rig_expect(&rig, REQUEST_GET_SNAPSHOT);
	int pipes[2], got = -1;
	DBusMessage *answer;
	char text[8] = "";

	(void) state;
	assert_int_equal(pipe(pipes), 0);
	rig_reply_file(&rig, said, pipes[0]);
	said_free(said);
	answer = rig_answer(&rig, pending);
	assert_true(dbus_message_get_args(answer, NULL, DBUS_TYPE_UNIX_FD, &got, DBUS_TYPE_INVALID));
	assert_int_equal(write(pipes[1], "here", 4), 4);
	assert_int_equal(read(got, text, sizeof(text)), 4);
	assert_string_equal(text, "here");
	(void) close(got);
	(void) close(pipes[0]);
	(void) close(pipes[1]);
	dbus_message_unref(answer);
}

static void
test_snapshot_that_lost_its_file_is_an_error(void **state)
{
	DBusPendingCall *pending = rig_call(client, rig_message(MGR, I_MGR2, "GetSnapshot", ""));
	struct said *said = rig_expect(&rig, REQUEST_GET_SNAPSHOT);

	(void) state;
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_error(rig_answer(&rig, pending), ERR_FAILED, "Unable to take the file: too many are open");
}

int
main(void)
{
#define USER(f) cmocka_unit_test_setup_teardown(f, start_user, stop)
	const struct CMUnitTest tests[] = {
		USER(test_members_with_right_arguments_are_forwarded_and_answered),
		USER(test_members_without_interface_are_found),
		USER(test_members_with_wrong_arguments_are_refused),
		USER(test_unknown_things_are_unknown_methods),
		USER(test_objects_that_are_gone_are_unknown_methods),
		USER(test_wrong_arguments_to_a_gone_object_are_an_unknown_method),
		USER(test_errors_of_init_pass_unchanged),
		USER(test_bad_values_are_refused_here),
		USER(test_job_details_name_the_table),
		USER(test_set_env_tells_what_to_replace),
		USER(test_file_travels_with_the_event),
		USER(test_snapshot_is_the_file_that_init_sends),
		USER(test_snapshot_that_lost_its_file_is_an_error),
		USER(test_names_are_escaped_both_ways),
		USER(test_bytes_from_init_that_are_no_text_are_spelled),
		cmocka_unit_test_setup_teardown(test_process_1_refuses_what_it_must, start_system, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
