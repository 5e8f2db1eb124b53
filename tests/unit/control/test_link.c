/* SPDX-License-Identifier: MIT */
/*
 * Life with init and with many clients: acknowledgements, a new image of init, repeated effects, crowds,
 * clients that leave, that may not come, or that do not read; the end.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define JOB MGR "/jobs/web"
#define I_MGR "com.ubuntu.Upstart0_6"
#define I_JOB "com.ubuntu.Upstart0_6.Job"
#define CROWD 1000
#define JOBS 10000

static char *no_strings[] = { NULL };
static struct rig rig;

static int
start(void **state)
{
	rig_start(&rig, "user", NULL, NULL);
	return 0;
}

static int
stop(void **state)
{
	rig_stop(&rig);
	return 0;
}

static DBusPendingCall *
start_job(DBusConnection *client)
{
	return rig_call(client, rig_message(JOB, I_JOB, "Start", "asb", no_strings, 1));
}

static struct msg_hello
new_image(void)
{
	return (struct msg_hello){ .received = rig.received,
				   .generation = 1,
				   .log_level = LOG_LEVEL_MESSAGE,
				   .program = "init",
				   .reexec = true };
}

static void
ping(DBusConnection *client)
{
	rig_is_empty(rig_answer(&rig, rig_call(client, rig_message(MGR, NULL, "Ping", ""))));
}

/* -- who listens -------------------------------------------------------------- */

static void
test_init_is_told_whether_anybody_wants_to_hear_of_queued_events(void **state)
{
	struct msg_notify notify = { .type = NOTIFY_EVENT_QUEUED, .text = "ev" };
	const struct msg_hello hello = new_image();
	DBusConnection *plain = rig_client(&rig), *curious = rig_client(&rig);

	ping(plain);
	rig_until(&rig, rig.audiences == 1 && !rig.subscribers);
	rig_is_empty(rig_answer(&rig, rig_call(curious, rig_message(MGR, "com.ubuntu.Upstart2", "Subscribe", ""))));
	rig_until(&rig, rig.audiences == 2 && rig.subscribers);
	rig_is_empty(rig_answer(&rig, rig_call(curious, rig_message(MGR, "com.ubuntu.Upstart2", "Subscribe", ""))));
	rig_notify(&rig, &notify);
	dbus_message_unref(rig_signal(&rig, curious, "EventQueued"));
	/* A new image believes that somebody listens, and is right. */
	rig_hello(&rig, &hello);
	dbus_message_unref(rig_signal(&rig, curious, "Restarted"));
	ping(curious);
	assert_int_equal(rig.audiences, 2);
	rig_client_close(&rig, curious);
	rig_until(&rig, rig.audiences == 3 && !rig.subscribers);
	/* And so does the next, which is wrong. */
	rig_hello(&rig, &hello);
	rig_until(&rig, rig.audiences == 4 && !rig.subscribers);
	ping(plain);
}

/* -- many --------------------------------------------------------------------- */

static void
test_1000_waiting_starts_are_answered_in_any_order(void **state)
{
	DBusPendingCall *pending[CROWD];
	struct said *said[CROWD];
	struct msg_reply reply = { .instance = "" };

	for (size_t i = 0; i < CROWD; i++)
		pending[i] = start_job(i % 5 == 0 ? rig_client(&rig) : rig.clients[rig.n_clients - 1]);
	for (size_t i = 0; i < CROWD; i++)
		said[i] = rig_expect(&rig, REQUEST_JOB_START);
	for (size_t i = CROWD; i-- > 0;) {
		assert_true(i == 0 || said[i]->request.request != said[i - 1]->request.request);
		rig_reply(&rig, said[i], &reply);
		said_free(said[i]);
		if (i % 50 == 0)
			(void) rig_turn(&rig);
	}
	for (size_t i = 0; i < CROWD; i++)
		rig_is_string(rig_answer(&rig, pending[i]), "o", JOB "/_");
	rig_until(&rig, rig.acked == rig.effect);
}

static void
test_10000_jobs_fit_in_one_answer(void **state)
{
	DBusConnection *client = rig_client(&rig);
	DBusPendingCall *pending = rig_call(client, rig_message(MGR, I_MGR, "GetAllJobs", ""));
	struct said *said = rig_expect(&rig, REQUEST_GET_JOBS);
	char **list = calloc(JOBS + 1, sizeof(*list));
	struct msg_reply reply = { .list = list };
	DBusMessage *answer;
	char **paths;
	int n;

	for (size_t i = 0; i < JOBS; i++)
		list[i] = str_printf("a-job-with-a-rather-long-name-%05zu", JOBS - i);
	rig_reply(&rig, said, &reply);
	said_free(said);
	answer = rig_answer(&rig, pending);
	assert_true(
	    dbus_message_get_args(answer, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_OBJECT_PATH, &paths, &n, DBUS_TYPE_INVALID));
	assert_int_equal(n, JOBS);
	assert_string_equal(paths[0], MGR "/jobs/a_2djob_2dwith_2da_2drather_2dlong_2dname_2d00001");
	dbus_free_string_array(paths);
	dbus_message_unref(answer);
	(void) strv_free(list);
}

/* -- clients that leave ------------------------------------------------------- */

static void
test_client_that_leaves_cancels_nothing(void **state)
{
	DBusConnection *leaver = rig_client(&rig);
	DBusConnection *other = rig_client(&rig);
	DBusPendingCall *pending = start_job(leaver);
	struct said *said = rig_expect(&rig, REQUEST_JOB_START);

	dbus_pending_call_unref(pending);
	rig_client_close(&rig, leaver);
	ping(other);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_until(&rig, rig.acked == rig.effect);
	ping(other);
}

static void
test_no_reply_calls_get_none(void **state)
{
	DBusConnection *client = rig_client(&rig);
	DBusMessage *m = rig_message(JOB, I_JOB, "Start", "asb", no_strings, 1);
	struct said *said;

	dbus_message_set_no_reply(m, TRUE);
	assert_true(dbus_connection_send(client, m, NULL));
	dbus_message_unref(m);
	said = rig_expect(&rig, REQUEST_JOB_START);
	rig_reply_ok(&rig, said);
	said_free(said);
	ping(client);
}

/* -- init --------------------------------------------------------------------- */

static void
test_nobody_is_served_before_hello(void **state)
{
	struct msg_hello hello = { .generation = 7, .log_level = LOG_LEVEL_MESSAGE, .program = "init" };
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *early;
	DBusPendingCall *pending;
	struct said *said;

	rig_launch(&rig, "user", NULL, NULL, true);
	/* The socket is init's, so a client waits instead of failing. */
	early = dbus_connection_open_private(rig.address, &error);
	assert_non_null(early);
	rig_adopt(&rig, early);
	pending = start_job(early);
	for (int i = 0; i < 5; i++)
		(void) rig_turn(&rig);
	assert_false(dbus_connection_get_is_authenticated(early));
	rig_hello(&rig, &hello);
	said = rig_expect(&rig, REQUEST_JOB_START);
	assert_true(said->request.request >> 32 == 7);
	rig_reply_ok(&rig, said);
	said_free(said);
	dbus_message_unref(rig_answer(&rig, pending));
	rig_stop(&rig);
}

static void
test_listens_on_the_address_when_no_socket_is_given(void **state)
{
	struct msg_hello hello = { .generation = 1, .log_level = LOG_LEVEL_MESSAGE, .program = "init" };
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *client = NULL;

	rig_launch(&rig, "user", NULL, NULL, false);
	rig_hello(&rig, &hello);
	rig_until(&rig, (dbus_error_free(&error), client = dbus_connection_open_private(rig.address, &error)) != NULL);
	rig_adopt(&rig, client);
	ping(client);
	rig_stop(&rig);
}

static void
test_new_image_of_init_gets_what_it_missed(void **state)
{
	DBusConnection *client = rig_client(&rig);
	DBusPendingCall *request, *query;
	struct said *first, *asked, *again;
	struct msg_reply reply = { .instance = "" };
	struct msg_hello hello;

	rig.silent = true; /* init dies before it has journaled anything */
	request = start_job(client);
	first = rig_expect(&rig, REQUEST_JOB_START);
	query = rig_call(client, rig_message(MGR, I_MGR, "GetJobByName", "s", "web"));
	asked = rig_expect(&rig, REQUEST_GET_JOB);
	assert_int_equal(first->id, 1);

	rig.silent = false;
	hello = new_image();
	rig_hello(&rig, &hello);
	again = rig_expect(&rig, REQUEST_JOB_START);
	assert_int_equal(again->id, 1);
	assert_true(again->request.request == first->request.request);
	rig_reply(&rig, again, &reply);
	said_free(again);
	again = rig_expect(&rig, REQUEST_GET_JOB);
	assert_true(again->request.request == asked->request.request);
	rig_reply_ok(&rig, again);
	said_free(again);
	rig_is_string(rig_answer(&rig, request), "o", JOB "/_");
	rig_is_string(rig_answer(&rig, query), "o", JOB);
	dbus_message_unref(rig_signal(&rig, client, "Restarted"));
	said_free(first);
	said_free(asked);
}

static void
test_new_image_is_not_told_what_it_has(void **state)
{
	DBusConnection *client = rig_client(&rig);
	DBusPendingCall *pending = start_job(client);
	struct said *said = rig_expect(&rig, REQUEST_JOB_START);
	struct msg_hello hello = new_image();

	rig_hello(&rig, &hello);
	dbus_message_unref(rig_signal(&rig, client, "Restarted"));
	ping(client);
	assert_false(rig_has_said(&rig));
	rig_reply_ok(&rig, said);
	said_free(said);
	dbus_message_unref(rig_answer(&rig, pending));
}

static void
test_repeated_effects_are_acknowledged_but_not_handled(void **state)
{
	DBusConnection *client = rig_client(&rig);
	struct msg_notify one = { .type = NOTIFY_EVENT_EMITTED, .text = "one" };
	struct msg_notify two = { .type = NOTIFY_EVENT_EMITTED, .text = "two" };
	struct msg_hello hello = new_image();
	DBusMessage *m;

	ping(client);
	rig_notify(&rig, &one);
	rig_until(&rig, rig.acked == 1);
	hello.reexec = false;
	rig.acked = 0;
	rig_hello(&rig, &hello);
	rig_send(&rig, MSG_NOTIFY, 1, &one); /* its acknowledgement was lost */
	rig_until(&rig, rig.acked == 1);
	rig.effect = 1;
	rig_notify(&rig, &two);
	for (const char *const *expected = (const char *const[]){ "one", "two", NULL }; *expected != NULL; expected++) {
		const char *name;
		char **env;
		int n;

		m = rig_signal(&rig, client, "EventEmitted");
		assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING,
						  &env, &n, DBUS_TYPE_INVALID));
		dbus_free_string_array(env);
		assert_string_equal(name, *expected);
		dbus_message_unref(m);
	}
	rig_until(&rig, rig.acked == 2);
}

static void
test_answers_to_unknown_numbers_do_no_harm(void **state)
{
	struct msg_reply reply = { .request = 12345, .error = ERR_FAILED, .text = "x" };
	DBusConnection *client = rig_client(&rig);

	rig_send(&rig, MSG_REPLY, ++rig.effect, &reply);
	rig_send(&rig, MSG_REPLY, 0, &reply);
	rig_until(&rig, rig.acked == 1);
	ping(client);
}

static void
test_damaged_messages_do_no_harm(void **state)
{
	DBusConnection *client = rig_client(&rig);
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct msg_log_finish foreign = { .stream = 1 };

	strbuf_add(&b, "\x93garbage");
	assert_int_equal(ipc_send(rig.ipc, MSG_REPLY, 0, &b, NULL, 0), 0);
	assert_int_equal(ipc_send(rig.ipc, MSG_HELLO, 0, &b, NULL, 0), 0);
	assert_int_equal(ipc_send(rig.ipc, 4711, 0, &b, NULL, 0), 0);
	assert_true(send(ipc_fd(rig.ipc), "short", 5, 0) == 5);
	rig_send(&rig, MSG_LOG_FINISH, 0, &foreign);
	ping(client);
}

static void
test_ends_when_init_is_gone(void **state)
{
	DBusConnection *client;
	DBusPendingCall *pending;

	rig_start(&rig, "user", NULL, NULL);
	client = rig_client(&rig);
	pending = start_job(client);
	said_free(rig_expect(&rig, REQUEST_JOB_START));
	rig.ipc = ipc_free(rig.ipc);
	rig_wait_exit(&rig);
	rig_until(&rig, !dbus_connection_get_is_connected(client));
	dbus_pending_call_unref(pending);
	while (rig.n_clients > 0)
		rig_client_close(&rig, rig.clients[0]);
	rig_stop(&rig);
}

static void
test_shutdown_answers_what_is_pending(void **state)
{
	struct msg_shutdown end = { 0 };
	DBusConnection *client;
	DBusPendingCall *answered, *open;
	struct said *said;

	rig_start(&rig, "user", NULL, NULL);
	client = rig_client(&rig);
	answered = start_job(client);
	said = rig_expect(&rig, REQUEST_JOB_START);
	open = start_job(client);
	said_free(rig_expect(&rig, REQUEST_JOB_START));
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_send(&rig, MSG_SHUTDOWN, 0, &end);
	rig_is_string(rig_answer(&rig, answered), "o", JOB "/_");
	rig_is_error(rig_answer(&rig, open), DBUS_ERROR_NO_REPLY, "Upstart is ending");
	rig_wait_exit(&rig);
	rig_stop(&rig);
}

/* -- unwelcome clients -------------------------------------------------------- */

/* As another user: connect, call, and say by the exit status whether the call was answered (1) or not (0). */
static int
call_as(uid_t uid)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *c;
	DBusMessage *m, *answer;
	int status;

	if (setresuid(uid, uid, uid) < 0)
		return 2;
	c = dbus_connection_open_private(rig.address, &error);
	if (c == NULL)
		return 3;
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	m = dbus_message_new_method_call(NULL, MGR, NULL, "Ping");
	answer = dbus_connection_send_with_reply_and_block(c, m, 30000, &error);
	status = answer != NULL ? 1 : dbus_error_has_name(&error, DBUS_ERROR_TIMEOUT) ? 4 : 0;
	dbus_error_free(&error);
	dbus_message_unref(m);
	if (answer != NULL)
		dbus_message_unref(answer);
	dbus_connection_close(c);
	dbus_connection_unref(c);
	return status;
}

static bool
has_ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static void
test_other_users_are_dropped(void **state)
{
	DBusConnection *client = rig_client(&rig);
	int status;
	pid_t pid;

	if (getuid() != 0)
		skip();
	ping(client);
	pid = fork();
	if (pid == 0)
		_exit(call_as(65534));
	rig_until(&rig, has_ended(pid, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_false(rig_has_said(&rig));
	ping(client);
}

static int
raw_connection(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *name = rig.address + strlen("unix:abstract=");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(sa.sun_path + 1, name, strlen(name));
	assert_int_equal(connect(fd, (struct sockaddr *) &sa,
				 (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
			 0);
	return fd;
}

/* Whether the other end has closed; what it said meanwhile is thrown away. */
static bool
is_closed(int fd)
{
	char buf[512];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void
test_other_mechanisms_are_refused(void **state)
{
	static const char *const tries[] = { "AUTH ANONYMOUS 75\r\n", "AUTH DBUS_COOKIE_SHA1 30\r\n" };
	char buf[256];

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		auto_close int fd = raw_connection();
		ssize_t n = -1;

		assert_int_equal(send(fd, "\0", 1, 0), 1);
		assert_true(send(fd, tries[i], strlen(tries[i]), 0) > 0);
		rig_until(&rig, (n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT)) >= 0);
		buf[n] = '\0';
		assert_string_equal(buf, "REJECTED EXTERNAL\r\n");
	}
}

static void
test_garbage_closes_only_its_connection(void **state)
{
	DBusConnection *client = rig_client(&rig);
	auto_close int fd = raw_connection();

	ping(client);
	assert_true(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, 0) == 18);
	rig_until(&rig, is_closed(fd));
	ping(client);
}

static void
test_more_clients_than_descriptors_are_turned_away(void **state)
{
	enum { LIMIT = 160, ROOM = LIMIT - 64, TRIES = ROOM + 40 };
	int fds[TRIES];
	DBusConnection *first, *later = NULL;
	const char *preload = getenv("LD_PRELOAD");

	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		skip(); /* valgrind has limits of its own */
	rig_nofile = LIMIT;
	rig_start(&rig, "user", NULL, NULL);
	rig_nofile = 0;
	first = rig_client(&rig);
	ping(first);
	for (size_t i = 0; i < TRIES; i++)
		fds[i] = raw_connection();
	/* The last one is closed at once, the first client works on. */
	rig_until(&rig, is_closed(fds[TRIES - 1]));
	assert_false(is_closed(fds[0]));
	ping(first);
	for (size_t i = 0; i < TRIES; i++)
		(void) close(fds[i]);
	/* When the others have left there is room again. */
	while (later == NULL) {
		later = rig_client(&rig);
		if (!dbus_connection_get_is_authenticated(later)) {
			rig_client_close(&rig, later);
			later = NULL;
		}
	}
	ping(later);
	rig_stop(&rig);
}

static void
test_client_that_does_not_read_is_closed(void **state)
{
	DBusConnection *client = rig_client(&rig);
	static char text[1024 * 1024];
	struct msg_notify notify = { .type = NOTIFY_EVENT_EMITTED, .text = text };
	auto_close int fd = raw_connection();
	char auth[64], hex[32] = "";
	char id[16];
	ssize_t n = -1;

	ping(client);
	(void) snprintf(id, sizeof(id), "%u", (unsigned) getuid());
	for (size_t i = 0; id[i] != '\0'; i++)
		(void) snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", (unsigned char) id[i]);
	(void) snprintf(auth, sizeof(auth), "AUTH EXTERNAL %s\r\n", hex);
	assert_int_equal(send(fd, "\0", 1, 0), 1);
	assert_true(send(fd, auth, strlen(auth), 0) > 0);
	rig_until(&rig, (n = recv(fd, auth, sizeof(auth), MSG_DONTWAIT)) > 0);
	assert_true(send(fd, "BEGIN\r\n", 7, 0) == 7);
	memset(text, 'x', sizeof(text) - 1);
	/* One that reads gets everything; the other is dropped once 64 MB wait for it. */
	for (int i = 0; i < 70; i++) {
		rig_notify(&rig, &notify);
		dbus_message_unref(rig_signal(&rig, client, "EventEmitted"));
	}
	rig_until(&rig, is_closed(fd));
	ping(client);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_init_is_told_whether_anybody_wants_to_hear_of_queued_events),
		TEST(test_1000_waiting_starts_are_answered_in_any_order),
		TEST(test_10000_jobs_fit_in_one_answer),
		TEST(test_client_that_leaves_cancels_nothing),
		TEST(test_no_reply_calls_get_none),
		cmocka_unit_test(test_nobody_is_served_before_hello),
		cmocka_unit_test(test_listens_on_the_address_when_no_socket_is_given),
		TEST(test_new_image_of_init_gets_what_it_missed),
		TEST(test_new_image_is_not_told_what_it_has),
		TEST(test_repeated_effects_are_acknowledged_but_not_handled),
		TEST(test_answers_to_unknown_numbers_do_no_harm),
		TEST(test_damaged_messages_do_no_harm),
		cmocka_unit_test(test_ends_when_init_is_gone),
		cmocka_unit_test(test_shutdown_answers_what_is_pending),
		TEST(test_other_users_are_dropped),
		TEST(test_other_mechanisms_are_refused),
		TEST(test_garbage_closes_only_its_connection),
		cmocka_unit_test(test_more_clients_than_descriptors_are_turned_away),
		TEST(test_client_that_does_not_read_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
