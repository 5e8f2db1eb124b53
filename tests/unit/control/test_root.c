/* SPDX-License-Identifier: MIT */
/*
 * Clients in chroot sessions: nothing of theirs is done before init has said where they are, requests say so, and
 * signals go to their own only (control.md 1.6, D5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define I_MGR "com.ubuntu.Upstart0_6"
#define I_JOB "com.ubuntu.Upstart0_6.Job"
#define ROOT "/srv/a"
#define PATH MGR "/jobs/_2fsrv_2fa/web"

static struct rig rig;

static int
start(void **state)
{
	struct msg_hello hello = {
		.generation = 3, .log_level = LOG_LEVEL_MESSAGE, .program = "init", .chroot_sessions = true
	};

	rig_launch(&rig, "user", NULL, NULL, true);
	rig_hello(&rig, &hello);
	return 0;
}

static int
stop(void **state)
{
	rig_stop(&rig);
	return 0;
}

/* A client that init says is at `root`. */
static DBusConnection *
client_at(char *root)
{
	DBusConnection *client = rig_client(&rig);
	struct said *said = rig_expect(&rig, REQUEST_GET_ROOT);
	struct msg_reply reply = { .value = root };

	assert_int_equal(said->request.pid, getpid());
	rig_reply(&rig, said, &reply);
	said_free(said);
	return client;
}

static void
test_calls_wait_until_it_is_known_where_they_come_from(void **state)
{
	DBusConnection *client = rig_client(&rig);
	struct said *asked = rig_expect(&rig, REQUEST_GET_ROOT);
	DBusPendingCall *first = rig_call(client, rig_message(MGR, I_MGR, "ReloadConfiguration", ""));
	DBusPendingCall *second = rig_call(client, rig_message(MGR, NULL, "Ping", ""));
	struct msg_reply reply = { .value = ROOT };
	DBusConnection *other = client_at("");
	struct said *said;

	/* Another client is served meanwhile, and nothing of the first has come. */
	rig_is_empty(rig_answer(&rig, rig_call(other, rig_message(MGR, NULL, "Ping", ""))));
	assert_false(rig_has_said(&rig));
	rig_reply(&rig, asked, &reply);
	said_free(asked);
	said = rig_expect(&rig, REQUEST_RELOAD_CONFIG);
	assert_string_equal(said->request.root, ROOT);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, first));
	rig_is_empty(rig_answer(&rig, second));
}

static void
test_requests_say_where_they_come_from(void **state)
{
	DBusConnection *inside = client_at(ROOT), *outside = client_at("");
	char *none[] = { NULL };
	struct msg_reply reply = { .job = ROOT "//web" };
	DBusPendingCall *pending = rig_call(inside, rig_message(MGR, I_MGR, "GetJobByName", "s", "web"));
	struct said *said = rig_expect(&rig, REQUEST_GET_JOB);

	assert_string_equal(said->request.root, ROOT);
	assert_string_equal(said->request.job, "web");
	rig_reply(&rig, said, &reply);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "o", PATH);

	pending = rig_call(inside, rig_message(PATH, I_JOB, "Stop", "asb", none, 0));
	said = rig_expect(&rig, REQUEST_JOB_STOP);
	assert_string_equal(said->request.root, ROOT);
	assert_string_equal(said->request.job, ROOT "//web");
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));

	pending = rig_call(outside, rig_message(MGR, I_MGR, "ReloadConfiguration", ""));
	said = rig_expect(&rig, REQUEST_RELOAD_CONFIG);
	assert_null(said->request.root);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));
}

static void
test_client_whose_process_has_ended_is_closed(void **state)
{
	DBusConnection *client = client_at("?");

	rig_until(&rig, !dbus_connection_get_is_connected(client));
	client = rig_client(&rig);
	struct said *said = rig_expect(&rig, REQUEST_GET_ROOT);

	rig_reply_error(&rig, said, ERR_NO_MEMORY, "Out of Memory");
	said_free(said);
	rig_until(&rig, !dbus_connection_get_is_connected(client));
}

/* The next signal the client gets is of that path. */
static void
next_signal_is(DBusConnection *client, const char *member, const char *path)
{
	DBusMessage *m = rig_signal(&rig, client, member);

	assert_string_equal(dbus_message_get_path(m), path);
	dbus_message_unref(m);
}

static void
test_signals_go_to_their_own(void **state)
{
	DBusConnection *inside = client_at(ROOT), *outside = client_at("");
	const struct msg_notify notices[] = {
		{ NOTIFY_STATE_CHANGED, "web", "", "running" },
		{ NOTIFY_STATE_CHANGED, ROOT "//web", "", "running" },
		{ NOTIFY_STATE_CHANGED, "/srv/b//web", "", "running" },
	};
	const struct msg_notify theirs = { NOTIFY_EVENT_EMITTED, ROOT, NULL, "inside", NULL };
	const struct msg_notify ours = { NOTIFY_EVENT_EMITTED, NULL, NULL, "outside", NULL };
	DBusMessage *m;
	const char *name;

	rig_is_empty(rig_answer(&rig, rig_call(inside, rig_message(MGR, NULL, "Ping", ""))));
	rig_is_empty(rig_answer(&rig, rig_call(outside, rig_message(MGR, NULL, "Ping", ""))));
	for (size_t i = 0; i < ARRAY_SIZE(notices); i++)
		rig_notify(&rig, &notices[i]);
	rig_notify(&rig, &theirs);
	rig_notify(&rig, &ours);
	next_signal_is(inside, "StateChanged", PATH "/_");
	next_signal_is(outside, "StateChanged", MGR "/jobs/web/_");
	m = rig_signal(&rig, inside, "EventEmitted");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	assert_string_equal(name, "inside");
	dbus_message_unref(m);
	m = rig_signal(&rig, outside, "EventEmitted");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	assert_string_equal(name, "outside");
	dbus_message_unref(m);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_calls_wait_until_it_is_known_where_they_come_from),
		TEST(test_requests_say_where_they_come_from),
		TEST(test_client_whose_process_has_ended_is_closed),
		TEST(test_signals_go_to_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
