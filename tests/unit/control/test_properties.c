/* SPDX-License-Identifier: MIT */
/*
 * Properties, introspection of every kind of path, and signals, against the real servant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define JOB MGR "/jobs/web_2dx"
#define INST JOB "/_"
#define I_MGR "com.ubuntu.Upstart0_6"
#define I_JOB "com.ubuntu.Upstart0_6.Job"
#define I_INST "com.ubuntu.Upstart0_6.Instance"
#define I_PROP "org.freedesktop.DBus.Properties"
#define I_INTRO "org.freedesktop.DBus.Introspectable"
#define UNKNOWN "org.freedesktop.DBus.Error.UnknownMethod"
#define GET_UNKNOWN                                                                                                    \
	"Method \"Get\" with signature \"ss\" on interface \"org.freedesktop.DBus.Properties\" doesn't exist\n"
#define SET_UNKNOWN                                                                                                    \
	"Method \"Set\" with signature \"ssv\" on interface \"org.freedesktop.DBus.Properties\" doesn't exist\n"

static char *start_on[] = { "2", "a", "X=1", "1", "b", "1", "/OR", NULL };
static char *while_on[] = { "1", "c", "1", "/NOT", NULL };
static char *exports[] = { "K", NULL };
static char *emits[] = { "e1", "e\xff", NULL };
static char *processes[] = { "main", "812", "post-start", "-1", NULL };
static struct msg_reply job_reply = {
	.description = "d\xff",
	.author = "a",
	.version = "v",
	.start_on = start_on,
	.emits = emits,
	.while_on = while_on,
	.exports = exports,
	.template = "$K",
};
static struct msg_reply instance_reply = { .goal = "start", .state = "running", .processes = processes };

static struct rig rig;
static DBusConnection *client;

static int
start(void **state)
{
	struct msg_hello hello = { .generation = 3, .log_level = LOG_LEVEL_MESSAGE, .program = "upstart" };

	rig_launch(&rig, "user", NULL, NULL, true);
	rig_hello(&rig, &hello);
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

/* A value as text: strings as they are, arrays in brackets. */
static void
show(struct strbuf *b, DBusMessageIter *it)
{
	int type = dbus_message_iter_get_arg_type(it);
	DBusMessageIter sub;
	const char *s;
	dbus_int32_t n;

	if (type == DBUS_TYPE_STRING) {
		dbus_message_iter_get_basic(it, &s);
		strbuf_add(b, s);
	} else if (type == DBUS_TYPE_INT32) {
		dbus_message_iter_get_basic(it, &n);
		strbuf_addf(b, "%d", n);
	} else {
		bool entry = type == DBUS_TYPE_DICT_ENTRY || type == DBUS_TYPE_VARIANT;

		strbuf_add(b, type == DBUS_TYPE_VARIANT ? "=" : entry ? "" : "[");
		dbus_message_iter_recurse(it, &sub);
		for (bool first = true; dbus_message_iter_get_arg_type(&sub) != DBUS_TYPE_INVALID; first = false) {
			strbuf_add(b, first || entry ? "" : ",");
			show(b, &sub);
			(void) dbus_message_iter_next(&sub);
		}
		strbuf_add(b, entry ? "" : "]");
	}
}

static void
is_value(DBusMessage *m, const char *text)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	DBusMessageIter it;

	assert_int_equal(dbus_message_get_type(m), DBUS_MESSAGE_TYPE_METHOD_RETURN);
	(void) dbus_message_iter_init(m, &it);
	show(&b, &it);
	assert_string_equal(b.p, text);
	dbus_message_unref(m);
}

/* Get (name not NULL) or GetAll, with init's answer. */
static DBusMessage *
read_property(const char *path, const char *interface, const char *name, enum request_action action,
	      struct msg_reply *reply)
{
	DBusMessage *m = name != NULL ? rig_message(path, I_PROP, "Get", "ss", interface, name)
				      : rig_message(path, I_PROP, "GetAll", "s", interface);
	DBusPendingCall *pending = rig_call(client, m);

	if (reply != NULL) {
		struct said *said = rig_expect(&rig, action);

		if (reply->error != NULL)
			rig_reply_error(&rig, said, reply->error, NULL);
		else
			rig_reply(&rig, said, reply);
		said_free(said);
	}
	return rig_answer(&rig, pending);
}

static void
test_manager_properties(void **state)
{
	struct msg_reply priority = { .value = "message" };
	struct msg_reply degraded = { .value = "message", .degraded = "a rule" };

	is_value(read_property(MGR, I_MGR, "version", 0, NULL), "=upstart (upstart " UPSTART_VERSION ")");
	is_value(read_property(MGR, "", "log_priority", REQUEST_GET_LOG_PRIORITY, &priority), "=message");
	is_value(read_property(MGR, I_MGR, NULL, REQUEST_GET_LOG_PRIORITY, &priority),
		 "[version=upstart (upstart " UPSTART_VERSION "),log_priority=message]");
	is_value(read_property(MGR, "", NULL, REQUEST_GET_LOG_PRIORITY, &priority),
		 "[version=upstart (upstart " UPSTART_VERSION "),log_priority=message,degraded=]");
	is_value(read_property(MGR, "com.ubuntu.Upstart2", NULL, REQUEST_GET_LOG_PRIORITY, &degraded),
		 "[degraded=a rule]");
	is_value(read_property(MGR, "no.such", NULL, REQUEST_GET_LOG_PRIORITY, &priority), "[]");
	rig_is_error(read_property(MGR, I_MGR, "nothing", 0, NULL), UNKNOWN, GET_UNKNOWN);
	rig_is_error(read_property(MGR, I_JOB, "version", 0, NULL), UNKNOWN, GET_UNKNOWN);
}

static void
test_job_properties(void **state)
{
	static const char *const each[][2] = {
		{ "name", "=web-x" }, { "description", "=d\\xff" },
		{ "author", "=a" },   { "version", "=v" },
		{ "usage", "=" },     { "start_on", "=[[a,X=1],[b],[/OR]]" },
		{ "stop_on", "=[]" }, { "emits", "=[e1,e\\xff]" },
	};
	static const char *const file[][2] = {
		{ "path", "=/etc/init/web-x.conf" },
		{ "fault", "=web-x.conf:1: Unknown stanza" },
		{ "successor", "=deleted" },
	};
	struct msg_reply file_reply = { .path = "/etc/init/web-x.conf",
					.fault = "web-x.conf:1: Unknown stanza",
					.successor = "deleted" };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		is_value(read_property(JOB, I_JOB, each[i][0], REQUEST_JOB_PROPERTIES, &job_reply), each[i][1]);
	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		is_value(read_property(JOB, "com.ubuntu.Upstart2.Job", file[i][0], REQUEST_JOB_PROPERTIES, &file_reply),
			 file[i][1]);
	is_value(read_property(JOB, "", NULL, REQUEST_JOB_PROPERTIES, &job_reply),
		 "[name=web-x,description=d\\xff,author=a,version=v,usage=,start_on=[[a,X=1],[b],[/OR]],stop_on=[],"
		 "emits=[e1,e\\xff],while=[[c],[/NOT]],export=[K],instance=$K,path=,fault=,successor=]");
	rig_is_error(read_property(JOB, "", "goal", 0, NULL), UNKNOWN, GET_UNKNOWN);
}

static void
test_instance_properties(void **state)
{
	static const char *const each[][2] = {
		{ "name", "=" },
		{ "goal", "=start" },
		{ "state", "=running" },
		{ "processes", "=[[main,812],[post-start,-1]]" },
	};
	struct msg_reply quarantined = { .quarantine = "why", .doing = "reloading", .status = "x", .followed = "child", .group = "/g" };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		is_value(read_property(INST, I_INST, each[i][0], REQUEST_INSTANCE_PROPERTIES, &instance_reply),
			 each[i][1]);
	is_value(read_property(INST, I_INST, NULL, REQUEST_INSTANCE_PROPERTIES, &instance_reply),
		 "[name=,goal=start,state=running,processes=[[main,812],[post-start,-1]]]");
	is_value(read_property(INST, "", NULL, REQUEST_INSTANCE_PROPERTIES, &quarantined),
		 "[name=,goal=,state=,processes=[],quarantine=why,doing=reloading,status=x,followed=child,group=/g]");
}

static void
test_damaged_conditions_do_no_harm(void **state)
{
	static char *too_few[] = { "5", "a", "b", NULL };
	static char *no_number[] = { "x", "0", "", NULL };
	static char *odd[] = { "main", NULL };
	struct msg_reply reply = { .start_on = too_few, .stop_on = no_number, .processes = odd };

	is_value(read_property(JOB, I_JOB, "start_on", REQUEST_JOB_PROPERTIES, &reply), "=[[a,b]]");
	is_value(read_property(JOB, I_JOB, "stop_on", REQUEST_JOB_PROPERTIES, &reply), "=[[],[],[]]");
	is_value(read_property(INST, I_INST, "processes", REQUEST_INSTANCE_PROPERTIES, &reply), "=[]");
}

static void
test_properties_of_gone_objects(void **state)
{
	struct msg_reply gone = { .error = ERR_GONE };

	rig_is_error(read_property(JOB, I_JOB, "name", REQUEST_JOB_PROPERTIES, &gone), UNKNOWN, GET_UNKNOWN);
	rig_is_error(
	    read_property(INST, I_INST, NULL, REQUEST_INSTANCE_PROPERTIES, &gone), UNKNOWN,
	    "Method \"GetAll\" with signature \"s\" on interface \"org.freedesktop.DBus.Properties\" doesn't exist\n");
}

static DBusMessage *
set(const char *path, const char *interface, const char *name, const char *value)
{
	return rig_answer(&rig, rig_call(client, rig_message(path, I_PROP, "Set", "ssv", interface, name, value)));
}

static void
test_set_log_priority(void **state)
{
	DBusPendingCall *pending =
	    rig_call(client, rig_message(MGR, I_PROP, "Set", "ssv", "", "log_priority", "debug"));
	struct said *said = rig_expect(&rig, REQUEST_SET_LOG_PRIORITY);

	assert_string_equal(said->request.name, "debug");
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));

	pending = rig_call(client, rig_message(MGR, I_PROP, "Set", "ssv", I_MGR, "log_priority", "loud"));
	said = rig_expect(&rig, REQUEST_SET_LOG_PRIORITY);
	rig_reply_error(&rig, said, ERR_INVALID_ARGS, "The log priority given was not recognised");
	said_free(said);
	rig_is_error(rig_answer(&rig, pending), ERR_INVALID_ARGS, "The log priority given was not recognised");
}

static void
test_set_refusals(void **state)
{
	static const char denied[] = "org.freedesktop.DBus.Error.AccessDenied";
	DBusMessage *m = dbus_message_new_method_call(NULL, MGR, I_PROP, "Set");
	const char *interface = I_MGR, *name = "log_priority";
	DBusMessageIter it, variant;
	DBusPendingCall *pending;
	struct said *said;
	dbus_int32_t one = 1;

	rig_is_error(set(MGR, I_MGR, "version", "x"), denied, "The version property is read-only");
	rig_is_error(set(MGR, I_MGR, "nothing", "x"), UNKNOWN, SET_UNKNOWN);
	rig_is_error(set(JOB, I_JOB, "goal", "x"), UNKNOWN, SET_UNKNOWN);

	pending = rig_call(client, rig_message(INST, I_PROP, "Set", "ssv", "", "goal", "stop"));
	said = rig_expect(&rig, REQUEST_INSTANCE_PROPERTIES);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_error(rig_answer(&rig, pending), denied, "The goal property is read-only");

	dbus_message_iter_init_append(m, &it);
	assert_true(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &interface));
	assert_true(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &name));
	assert_true(dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, "i", &variant));
	assert_true(dbus_message_iter_append_basic(&variant, DBUS_TYPE_INT32, &one));
	assert_true(dbus_message_iter_close_container(&it, &variant));
	rig_is_error(rig_answer(&rig, rig_call(client, m)), ERR_INVALID_ARGS,
		     "Invalid arguments to log_priority property");
}

static void
test_property_methods_need_their_signature(void **state)
{
	static const char *const names[] = { "Get", "Set", "GetAll" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_free char *text = str_printf("Invalid arguments to %s method", names[i]);

		rig_is_error(rig_answer(&rig, rig_call(client, rig_message(MGR, I_PROP, names[i], "i", 1))),
			     ERR_INVALID_ARGS, text);
	}
}

/* -- introspection ------------------------------------------------------------ */

static char *
introspection(const char *path, enum request_action action, struct msg_reply *reply)
{
	DBusPendingCall *pending = rig_call(client, rig_message(path, I_INTRO, "Introspect", ""));
	DBusMessage *answer;
	const char *xml;
	char *copy;

	if (reply != NULL) {
		struct said *said = rig_expect(&rig, action);

		rig_reply(&rig, said, reply);
		said_free(said);
	}
	answer = rig_answer(&rig, pending);
	assert_true(dbus_message_get_args(answer, NULL, DBUS_TYPE_STRING, &xml, DBUS_TYPE_INVALID));
	copy = strdup(xml);
	dbus_message_unref(answer);
	return copy;
}

static void
has(const char *xml, const char *const *pieces)
{
	const char *at = xml;

	for (; *pieces != NULL; pieces++) {
		const char *found = strstr(at, *pieces);

		if (found == NULL)
			fail_msg("\"%s\" is not (any more) in: %s", *pieces, xml);
		at = found + strlen(*pieces);
	}
}

static void
test_introspection_of_objects(void **state)
{
	static const char *const manager[] = {
		"<!DOCTYPE node",
		"<node name=\"/com/ubuntu/Upstart\">",
		"interface name=\"com.ubuntu.Upstart0_6\"",
		"\"ResetEnv\"",
		"\"EmitEvent\"",
		"\"EmitEventWithFile\"",
		"\"NotifyDiskWriteable\"",
		"\"EndSession\"",
		"<signal name=\"JobAdded\">",
		"<property name=\"log_priority\" type=\"s\" access=\"readwrite\"/>",
		"interface name=\"com.ubuntu.Upstart2\"",
		"org.freedesktop.DBus.Properties",
		"org.freedesktop.DBus.Introspectable",
		"<node name=\"jobs\"/>",
		"</node>",
		NULL,
	};
	static const char *const job[] = {
		"<node name=\"" JOB "\">",
		"interface name=\"com.ubuntu.Upstart0_6.Job\"",
		"\"com.ubuntu.Upstart2.Job\"",
		"org.freedesktop.DBus.Properties",
		"<node name=\"_\"/>",
		"<node name=\"eth0_2e1\"/>",
		NULL,
	};
	static const char *const instance[] = {
		"<node name=\"" INST "\">",
		"interface name=\"com.ubuntu.Upstart0_6.Instance\"",
		"org.freedesktop.DBus.Properties",
		NULL,
	};
	char *instances[] = { "eth0.1", "", NULL };
	struct msg_reply reply = { .list = instances };
	auto_free char *a = introspection(MGR, 0, NULL);
	auto_free char *b = introspection(JOB, REQUEST_GET_INSTANCES, &reply);
	auto_free char *c = introspection(INST, REQUEST_INSTANCE_PROPERTIES, &instance_reply);

	has(a, manager);
	has(b, job);
	has(c, instance);
	assert_null(strstr(a, "DBus.Peer"));
}

static void
test_introspection_of_other_paths(void **state)
{
	static const char *const way[][2] = {
		{ "/", "<node name=\"com\"/>" },
		{ "/com", "<node name=\"ubuntu\"/>" },
		{ "/com/ubuntu", "<node name=\"Upstart\"/>" },
	};
	static const char *const jobs[] = { "<node>", "<node name=\"a\"/>", "<node name=\"caf_e9\"/>", NULL };
	char *names[] = { "caf\xe9", "a", NULL };
	struct msg_reply list = { .list = names };
	auto_free char *all = introspection(MGR "/jobs", REQUEST_GET_JOBS, &list);

	has(all, jobs);
	assert_null(strstr(all, "interface"));
	for (size_t i = 0; i < ARRAY_SIZE(way); i++) {
		auto_free char *xml = introspection(way[i][0], 0, NULL);

		assert_non_null(strstr(xml, way[i][1]));
		assert_null(strstr(xml, "interface name"));
	}
}

static void
test_introspection_of_chroot_sessions(void **state)
{
	static const char *const above[] = { "<node>\n  <node name=\"_2fsrv\"/>\n  <node name=\"a\"/>\n</node>", NULL };
	static const char *const in[] = { "<node>\n  <node name=\"b\"/>\n  <node name=\"c\"/>\n</node>", NULL };
	char *names[] = { "a", "/srv//c", "/srv//b", NULL };
	char *again[] = { "/srv//b", "/srv//c", NULL };
	struct msg_reply list = { .list = names }, of_session = { .list = again };
	auto_free char *jobs = introspection(MGR "/jobs", REQUEST_GET_JOBS, &list);
	auto_free char *session = introspection(MGR "/jobs/_2fsrv", REQUEST_GET_JOBS, &of_session);

	has(jobs, above);
	has(session, in);
}

/* As for any other member: only what is there, or above something, can be asked. */
static void
test_introspection_of_what_is_not_there(void **state)
{
	static const char *const paths[] = {
		"/nope", "/some/where", "/com/ubuntu/Upstart2", MGR "/job", MGR "/jobsx", MGR "/jobs/a/b/c", MGR "/jobs/s_76c/_",
		MGR "/jobs/s_76c", MGR "/jobs/_2fsrv", JOB, INST,
	};
	char *names[] = { "a", "svc", "/srv2//b", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		DBusPendingCall *pending = rig_call(client, rig_message(paths[i], I_INTRO, "Introspect", ""));
		struct msg_reply gone = { .error = ERR_GONE }, list = { .list = names };
		enum request_action action = strcmp(paths[i], JOB) == 0		    ? REQUEST_GET_INSTANCES
					     : strcmp(paths[i], INST) == 0	    ? REQUEST_INSTANCE_PROPERTIES
					     : i == 7 || i == 8			    ? REQUEST_GET_JOBS
										    : 0;
		if (action != 0) {
			struct said *said = rig_expect(&rig, action);

			rig_reply(&rig, said, action == REQUEST_GET_JOBS ? &list : &gone);
			said_free(said);
		}
		rig_is_error(rig_answer(&rig, pending), UNKNOWN,
			     "Method \"Introspect\" with signature \"\" on interface \"" I_INTRO "\" doesn't exist\n");
	}
}

/* -- signals ------------------------------------------------------------------ */

static void
is_signal(DBusMessage *m, const char *path, const char *interface, const char *signature, const char *text)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	DBusMessageIter it;

	assert_string_equal(dbus_message_get_path(m), path);
	assert_string_equal(dbus_message_get_interface(m), interface);
	assert_string_equal(dbus_message_get_signature(m), signature);
	if (dbus_message_iter_init(m, &it)) {
		do {
			const char *s;

			if (dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_OBJECT_PATH) {
				dbus_message_iter_get_basic(&it, &s);
				strbuf_add(&b, s);
			} else
				show(&b, &it);
		} while (dbus_message_iter_next(&it));
		assert_string_equal(b.p, text);
	}
	dbus_message_unref(m);
}

static void
test_notices_become_signals_for_everybody(void **state)
{
	static char *env[] = { "A=1", "B=\xff", NULL };
	static const struct {
		struct msg_notify notify;
		const char *name, *path, *interface, *signature, *text;
	} rows[] = {
		{ { NOTIFY_JOB_ADDED, "web-x" }, "JobAdded", MGR, I_MGR, "o", JOB },
		{ { NOTIFY_JOB_REMOVED, "web-x" }, "JobRemoved", MGR, I_MGR, "o", JOB },
		{ { NOTIFY_INSTANCE_ADDED, "web-x", "" }, "InstanceAdded", JOB, I_JOB, "o", INST },
		{ { NOTIFY_INSTANCE_REMOVED, "web-x", "" }, "InstanceRemoved", JOB, I_JOB, "o", INST },
		{ { NOTIFY_GOAL_CHANGED, "web-x", "", "start" }, "GoalChanged", INST, I_INST, "s", "start" },
		{ { NOTIFY_STATE_CHANGED, "web-x", "", "running" }, "StateChanged", INST, I_INST, "s", "running" },
		{ { NOTIFY_FAILED, "web-x", "", NULL, NULL, -1 }, "Failed", INST, I_INST, "i", "-1" },
		{ { NOTIFY_EVENT_EMITTED, NULL, NULL, "ev\xfe", env },
		  "EventEmitted",
		  MGR,
		  I_MGR,
		  "sas",
		  "ev\\xfe[A=1,B=\\xff]" },
		{ { NOTIFY_EVENT_EMITTED, NULL, NULL, "x", NULL }, "EventEmitted", MGR, I_MGR, "sas", "x[]" },
		{ { NOTIFY_STATE_SET, NULL, NULL, "lan", NULL }, "StateSet", MGR, "com.ubuntu.Upstart2", "sas", "lan[]" },
		{ { NOTIFY_STATE_CLEARED, NULL, NULL, "lan", NULL }, "StateCleared", MGR, "com.ubuntu.Upstart2", "sas", "lan[]" },
	};
	DBusConnection *second = rig_client(&rig);
	struct msg_notify strange = { .type = 77 };

	/* Both are known to the servant once they have been answered. */
	rig_is_empty(rig_answer(&rig, rig_call(client, rig_message(MGR, NULL, "Ping", ""))));
	rig_is_empty(rig_answer(&rig, rig_call(second, rig_message(MGR, NULL, "Ping", ""))));
	rig_notify(&rig, &strange);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_notify(&rig, &rows[i].notify);
		is_signal(rig_signal(&rig, client, rows[i].name), rows[i].path, rows[i].interface, rows[i].signature,
			  rows[i].text);
		is_signal(rig_signal(&rig, second, rows[i].name), rows[i].path, rows[i].interface, rows[i].signature,
			  rows[i].text);
	}
	rig_until(&rig, rig.acked == rig.effect);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_manager_properties),
		TEST(test_job_properties),
		TEST(test_instance_properties),
		TEST(test_damaged_conditions_do_no_harm),
		TEST(test_properties_of_gone_objects),
		TEST(test_set_log_priority),
		TEST(test_set_refusals),
		TEST(test_property_methods_need_their_signature),
		TEST(test_introspection_of_objects),
		TEST(test_introspection_of_other_paths),
		TEST(test_introspection_of_chroot_sessions),
		TEST(test_introspection_of_what_is_not_there),
		TEST(test_notices_become_signals_for_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
