/* SPDX-License-Identifier: MIT */
/*
 * The message bus: joining and losing a private dbus-daemon in every mode, callers over the bus, and the activation
 * environment.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define JOB MGR "/jobs/web"
#define I_MGR "com.ubuntu.Upstart0_6"
#define I_MGR2 "com.ubuntu.Upstart2"
#define I_JOB "com.ubuntu.Upstart0_6.Job"
#define NAME "com.ubuntu.Upstart"

static char *no_strings[] = { NULL };
static struct rig rig;
static char directory[] = "/tmp/upstart-bus-XXXXXX";
static char bus_address[64]; /* unix:path=… */
static char address_variable[2][96];
static const char *bus_env[] = { address_variable[0], address_variable[1], NULL };
static pid_t bus_pid;
static int log_pipe[2];

static bool
bus_answers(void)
{
	DBusConnection *c = dbus_connection_open_private(bus_address, NULL);

	if (c == NULL)
		return false;
	dbus_connection_close(c);
	dbus_connection_unref(c);
	return true;
}

/* A bus without any policy: everybody may do everything, so that our own checks are seen. */
static void
bus_up(void)
{
	auto_free char *config = str_printf("%s/bus.conf", directory);
	auto_free char *option = str_printf("--config-file=%s", config);
	FILE *f = fopen(config, "w");

	assert_non_null(f);
	(void) fprintf(
	    f,
	    "<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth>"
	    "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
	    "<allow eavesdrop=\"true\"/></policy></busconfig>",
	    bus_address);
	(void) fclose(f);
	bus_pid = fork();
	if (bus_pid == 0) {
		(void) execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", "--nosyslog", NULL);
		_exit(127);
	}
	rig_until(&rig, bus_answers());
}

static void
bus_down(void)
{
	if (bus_pid > 0) {
		(void) kill(bus_pid, SIGTERM);
		(void) waitpid(bus_pid, NULL, 0);
	}
	bus_pid = 0;
	(void) unlink(bus_address + strlen("unix:path="));
}

static int
group_setup(void **state)
{
	if (mkdtemp(directory) == NULL)
		return -1;
	(void) snprintf(bus_address, sizeof(bus_address), "unix:path=%s/bus", directory);
	(void) snprintf(address_variable[0], sizeof(address_variable[0]), "DBUS_SYSTEM_BUS_ADDRESS=%s", bus_address);
	(void) snprintf(address_variable[1], sizeof(address_variable[1]), "DBUS_SESSION_BUS_ADDRESS=%s", bus_address);
	return 0;
}

static int
group_teardown(void **state)
{
	auto_free char *config = str_printf("%s/bus.conf", directory);

	(void) unlink(config);
	(void) rmdir(directory);
	return 0;
}

/* Start control in a mode with the bus's address in its environment and its messages in log_pipe. */
static void
launch(const char *mode, const char *const *args)
{
	struct msg_hello hello = { .generation = 1, .log_level = LOG_LEVEL_INFO, .program = "init" };
	int saved = dup(STDERR_FILENO);

	assert_int_equal(pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
	(void) dup2(log_pipe[1], STDERR_FILENO);
	rig_launch(&rig, mode, args, bus_env, true);
	(void) dup2(saved, STDERR_FILENO);
	(void) close(saved);
	rig_hello(&rig, &hello);
}

static void
land(void)
{
	rig_stop(&rig);
	(void) close(log_pipe[0]);
	(void) close(log_pipe[1]);
}

static int
teardown(void **state)
{
	bus_down();
	land();
	return 0;
}

/* Whether the servant has logged the line by now. */
static bool
has_logged(const char *line)
{
	static char text[8192];
	static size_t len;
	ssize_t n = read(log_pipe[0], text + len, sizeof(text) - 1 - len);
	char *found;

	if (n > 0)
		len += (size_t) n;
	text[len] = '\0';
	found = strstr(text, line);
	if (found == NULL)
		return false;
	len -= (size_t) (found - text) + strlen(line);
	memmove(text, found + strlen(line), len);
	return true;
}

/* -- a client on the bus ------------------------------------------------------ */

static DBusConnection *
bus_client(void)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *c = dbus_connection_open_private(bus_address, &error);

	assert_non_null(c);
	assert_true(dbus_bus_register(c, &error));
	rig_adopt(&rig, c);
	return c;
}

static bool
name_has_owner(DBusConnection *c)
{
	DBusMessage *m =
	    dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "NameHasOwner");
	const char *name = NAME;
	dbus_bool_t has = FALSE;
	DBusMessage *answer;

	assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	answer = rig_answer(&rig, rig_call(c, m));
	assert_true(dbus_message_get_args(answer, NULL, DBUS_TYPE_BOOLEAN, &has, DBUS_TYPE_INVALID));
	dbus_message_unref(answer);
	return has;
}

/* rig_until() with a condition that turns itself. */
static void
wait_for_name(DBusConnection *c)
{
	for (int i = 0; i < 5000 && !name_has_owner(c); i++)
		(void) rig_turn(&rig);
	assert_true(name_has_owner(c));
}

static void
say_bus(uint32_t what, const char *address)
{
	struct msg_bus bus = { .what = what, .address = (char *) (uintptr_t) address };

	rig_send(&rig, MSG_BUS, 0, &bus);
}

static void
works_over_bus(DBusConnection *c)
{
	DBusPendingCall *pending = rig_call(c, rig_message(JOB, I_JOB, "Start", "asb", no_strings, 1));
	struct said *said = rig_expect(&rig, REQUEST_JOB_START);

	assert_int_equal(said->request.uid, getuid());
	assert_int_equal(said->request.pid, getpid());
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_string(rig_answer(&rig, pending), "o", JOB "/_");
}

static void
ping(DBusConnection *c)
{
	rig_is_empty(rig_answer(&rig, rig_call(c, rig_message(MGR, NULL, "Ping", ""))));
}

/* -- system and test mode ----------------------------------------------------- */

static void
test_system_mode_joins_at_start(void **state)
{
	DBusConnection *c;

	bus_up();
	launch("system", NULL);
	c = bus_client();
	wait_for_name(c);
	works_over_bus(c);
}

static void
test_session_mode_joins_at_start_and_has_no_socket(void **state)
{
	DBusConnection *c;

	bus_up();
	launch("session", NULL);
	c = bus_client();
	wait_for_name(c);
	works_over_bus(c);
}

static void
test_system_mode_joins_when_told_and_survives_the_loss(void **state)
{
	DBusConnection *c, *private;

	launch("system", NULL);
	private = rig_client(&rig);
	ping(private); /* the quiet attempt at start is over */
	say_bus(BUS_RECONNECT, NULL);
	rig_until(&rig, has_logged("Reconnecting to D-Bus system bus\n"));
	rig_until(&rig, has_logged("Unable to connect to the D-Bus system bus: Failed to connect to socket "));
	bus_up();
	say_bus(BUS_RECONNECT, NULL);
	c = bus_client();
	wait_for_name(c);
	works_over_bus(c);
	say_bus(BUS_RECONNECT, NULL); /* joined: nothing happens */
	rig_client_close(&rig, c);
	bus_down();
	rig_until(&rig, has_logged("Disconnected from D-Bus system bus\n"));
	ping(private);
	bus_up();
	say_bus(BUS_RECONNECT, NULL);
	c = bus_client();
	wait_for_name(c);
	works_over_bus(c);
}

static void
test_no_dbus_suppresses_every_attempt(void **state)
{
	static const char *const args[] = { "--no-dbus", NULL };
	DBusConnection *c, *private;

	bus_up();
	launch("system", args);
	rig_until(&rig, has_logged("Not connecting to system bus\n"));
	say_bus(BUS_RECONNECT, NULL);
	say_bus(BUS_JOIN, NULL);
	private = rig_client(&rig);
	ping(private);
	c = bus_client();
	assert_false(name_has_owner(c));
}

static void
test_name_taken_is_a_failure_without_trace(void **state)
{
	DBusConnection *c;

	bus_up();
	c = dbus_connection_open_private(bus_address, NULL);
	assert_true(dbus_bus_register(c, NULL));
	assert_int_equal(dbus_bus_request_name(c, NAME, DBUS_NAME_FLAG_DO_NOT_QUEUE, NULL), 1);
	launch("system", NULL);
	rig_adopt(&rig, c);
	say_bus(BUS_RECONNECT, NULL);
	rig_until(&rig, has_logged("Unable to connect to the D-Bus system bus: Name already taken\n"));
}

/* -- session init ------------------------------------------------------------- */

static DBusPendingCall *
notify_address(DBusConnection *c, const char *address)
{
	return rig_call(c, rig_message(MGR, I_MGR, "NotifyDBusAddress", "s", address));
}

static void
test_user_mode_joins_only_what_it_is_notified_of(void **state)
{
	DBusConnection *c, *private;
	DBusPendingCall *one, *two;
	struct said *said;

	bus_up();
	launch("user", NULL);
	private = rig_client(&rig);
	say_bus(BUS_RECONNECT, NULL);
	say_bus(BUS_JOIN, NULL);
	ping(private);
	c = bus_client();
	assert_false(name_has_owner(c));

	one = notify_address(private, bus_address);
	two = notify_address(private, bus_address);
	said = rig_expect(&rig, REQUEST_BUS_ADDRESS);
	assert_string_equal(said->request.name, bus_address);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, one));
	rig_is_empty(rig_answer(&rig, two));
	assert_true(name_has_owner(c)); /* before the answer */
	works_over_bus(c);

	rig_is_empty(rig_answer(&rig, notify_address(private, "unix:path=/else"))); /* joined already */
	rig_client_close(&rig, c);
	bus_down();
	rig_until(&rig, has_logged("Disconnected from notified D-Bus bus\n"));
	ping(private);
}

static void
test_user_mode_failed_join_tells_the_librarys_error(void **state)
{
	DBusConnection *private;

	launch("user", NULL);
	private = rig_client(&rig);
	rig_is_error(rig_answer(&rig, notify_address(private, "unix:path=/no/such")), DBUS_ERROR_FILE_NOT_FOUND,
		     "Failed to connect to socket /no/such: No such file or directory");
	rig_is_error(rig_answer(&rig, notify_address(private, "rubbish")), DBUS_ERROR_BAD_ADDRESS, NULL);
	ping(private);
	assert_false(rig_has_said(&rig));
}

/* Somebody's bus that does not answer is nobody else's fault. */
static void
test_user_mode_tries_another_address_after_one_that_fails(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	auto_close int mute = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_free char *address = NULL;
	DBusPendingCall *one, *two, *three;
	DBusConnection *private;
	struct said *said;

	bus_up();
	(void) snprintf(name.sun_path, sizeof(name.sun_path), "%s/mute", directory);
	(void) unlink(name.sun_path);
	assert_int_equal(bind(mute, (struct sockaddr *) &name, sizeof(name)), 0);
	assert_int_equal(listen(mute, 8), 0);
	address = str_printf("unix:path=%s", name.sun_path);
	launch("user", NULL);
	private = rig_client(&rig);
	one = notify_address(private, address);
	ping(private);
	two = notify_address(private, bus_address);
	three = notify_address(private, address);
	ping(private);
	(void) close(steal_fd(&mute));
	rig_is_error(rig_answer(&rig, one), DBUS_ERROR_DISCONNECTED, NULL);
	rig_is_error(rig_answer(&rig, three), DBUS_ERROR_DISCONNECTED, NULL);
	said = rig_expect(&rig, REQUEST_BUS_ADDRESS);
	assert_string_equal(said->request.name, bus_address);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, two));
	(void) unlink(name.sun_path);
}

static void
test_user_mode_rejoins_when_init_remembers(void **state)
{
	DBusConnection *c;

	bus_up();
	launch("user", NULL);
	say_bus(BUS_JOIN, bus_address);
	c = bus_client();
	wait_for_name(c);
	works_over_bus(c);
	assert_false(rig_has_said(&rig)); /* init knows the address */
}

/* A client that asked for the join and left: init is told the address all the same. */
static void
test_user_mode_join_outlives_who_asked(void **state)
{
	DBusConnection *private;
	struct said *said;
	DBusPendingCall *pending;

	bus_up();
	launch("user", NULL);
	private = rig_client(&rig);
	pending = notify_address(private, bus_address);
	dbus_connection_flush(private);
	dbus_pending_call_unref(pending);
	rig_client_close(&rig, private);
	said = rig_expect(&rig, REQUEST_BUS_ADDRESS);
	rig_reply_ok(&rig, said);
	said_free(said);
}

/* -- callers over the bus ----------------------------------------------------- */

/* As another user: call a method over the bus; the exit status says how that went: 0 answered, 1 refused by init. */
static int
call_over_bus(uid_t uid, const char *interface, const char *member, bool details)
{
	char *job[] = { "web", NULL };
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *c;
	DBusMessage *m, *answer;
	int status;

	if (setresuid(uid, uid, uid) < 0)
		return 2;
	c = dbus_connection_open_private(bus_address, &error);
	if (c == NULL || !dbus_bus_register(c, &error))
		return 3;
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	m = details ? rig_message(MGR, interface, member, "as", job) : rig_message(MGR, interface, member, "");
	if (!dbus_message_set_destination(m, NAME))
		return 5;
	answer = dbus_connection_send_with_reply_and_block(c, m, 30000, &error);
	status = answer != NULL ? 0 : dbus_error_has_name(&error, ERR_PERMISSION_DENIED) ? 1 : 4;
	dbus_error_free(&error);
	dbus_message_unref(m);
	if (answer != NULL)
		dbus_message_unref(answer);
	dbus_connection_close(c);
	dbus_connection_unref(c);
	dbus_shutdown();
	return status;
}

static bool
has_ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static void
test_other_users_over_the_bus_are_checked_here_too(void **state)
{
	static const struct {
		const char *interface, *member;
		bool details;
	} refused[] = {
		{ I_MGR, "ReloadConfiguration", false },
		{ I_MGR, "GetState", false },
		{ I_MGR2, "Explain", true },
		{ I_MGR2, "GetWaits", false },
		{ I_MGR2, "GetHistory", false },
		{ I_MGR2, "GetSnapshot", false },
	};
	DBusConnection *c;
	struct said *said;
	int status;
	pid_t pid;

	if (getuid() != 0)
		skip();
	bus_up();
	(void) chmod(directory, 0755);
	launch("system", NULL);
	c = bus_client();
	wait_for_name(c);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		pid = fork();
		if (pid == 0)
			_exit(call_over_bus(65534, refused[i].interface, refused[i].member, refused[i].details));
		rig_until(&rig, has_ended(pid, &status));
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
		assert_false(rig_has_said(&rig));
	}

	pid = fork();
	if (pid == 0)
		_exit(call_over_bus(65534, I_MGR, "GetAllJobs", false));
	said = rig_expect(&rig, REQUEST_GET_JOBS);
	assert_int_equal(said->request.uid, 65534);
	assert_int_equal(said->request.pid, pid);
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_until(&rig, has_ended(pid, &status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_calls_of_one_sender_keep_their_order(void **state)
{
	DBusPendingCall *pending[50];
	DBusConnection *c;

	bus_up();
	launch("system", NULL);
	c = bus_client();
	wait_for_name(c);
	for (size_t i = 0; i < ARRAY_SIZE(pending); i++)
		pending[i] = i % 2 == 0 ? rig_call(c, rig_message(MGR, I_MGR, "EmitEvent", "sasb", "e", no_strings, 0))
					: rig_call(c, rig_message(JOB, I_JOB, "Start", "asb", no_strings, 0));
	for (size_t i = 0; i < ARRAY_SIZE(pending); i++) {
		struct said *said = rig_expect(&rig, i % 2 == 0 ? REQUEST_EMIT : REQUEST_JOB_START);

		rig_reply_ok(&rig, said);
		said_free(said);
		dbus_message_unref(rig_answer(&rig, pending[i]));
	}
}

static void
test_signals_go_to_the_bus(void **state)
{
	struct msg_notify notify = { .type = NOTIFY_EVENT_EMITTED, .text = "ev" };
	DBusConnection *c;
	DBusMessage *m;

	bus_up();
	launch("system", NULL);
	c = bus_client();
	wait_for_name(c);
	dbus_bus_add_match(c, "type='signal',interface='" I_MGR "'", NULL);
	works_over_bus(c); /* the rule is in place */
	rig_notify(&rig, &notify);
	m = rig_signal(&rig, c, "EventEmitted");
	assert_string_equal(dbus_message_get_path(m), MGR);
	dbus_message_unref(m);
}

/* -- the activation environment ----------------------------------------------- */

static void
set_env(DBusConnection *c, char *const *vars, int replace)
{
	DBusPendingCall *pending =
	    rig_call(c, rig_message(MGR, I_MGR, "SetEnvList", "asasb", no_strings, vars, replace));
	struct said *said = rig_expect(&rig, REQUEST_SET_ENV);

	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));
}

static void
test_global_variables_reach_the_bus(void **state)
{
	static char *vars[] = { "FOO=a=b=c", "KEPT=new", "BARE", "GONE=x", NULL };
	static char *now[] = { "FOO=a=b=c", "KEPT=old", "BARE=", "OTHER=1", NULL };
	struct msg_reply list = { .list = now };
	DBusConnection *private, *spy;
	struct said *said;
	DBusMessage *m;
	DBusMessageIter it, dict;
	auto_strbuf struct strbuf b = STRBUF_INIT;

	bus_up();
	launch("user", NULL);
	say_bus(BUS_JOIN, bus_address);
	private = rig_client(&rig);
	spy = bus_client();
	wait_for_name(spy);
	m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, "org.freedesktop.DBus.Monitoring",
					 "BecomeMonitor");
	{
		const char *rules[] = { "member='UpdateActivationEnvironment'" };
		const char *const *p = rules;
		dbus_uint32_t flags = 0;

		assert_true(dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &p, 1, DBUS_TYPE_UINT32,
						     &flags, DBUS_TYPE_INVALID));
	}
	rig_is_empty(rig_answer(&rig, rig_call(spy, m)));
	rig.spying = true;
	set_env(private, vars, 0);
	said = rig_expect(&rig, REQUEST_LIST_ENV);
	assert_null(said->request.job);
	rig_reply(&rig, said, &list);
	said_free(said);
	m = rig_signal(&rig, spy, "UpdateActivationEnvironment");
	assert_string_equal(dbus_message_get_signature(m), "a{ss}");
	(void) dbus_message_iter_init(m, &it);
	dbus_message_iter_recurse(&it, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) != DBUS_TYPE_INVALID; (void) dbus_message_iter_next(&dict)) {
		DBusMessageIter entry;
		const char *key, *value;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		(void) dbus_message_iter_next(&entry);
		dbus_message_iter_get_basic(&entry, &value);
		strbuf_addf(&b, "%s:%s ", key, value);
	}
	assert_string_equal(b.p, "FOO:a=b=c KEPT:old BARE: ");
	dbus_message_unref(m);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_system_mode_joins_at_start),
		TEST(test_session_mode_joins_at_start_and_has_no_socket),
		TEST(test_system_mode_joins_when_told_and_survives_the_loss),
		TEST(test_no_dbus_suppresses_every_attempt),
		TEST(test_name_taken_is_a_failure_without_trace),
		TEST(test_user_mode_joins_only_what_it_is_notified_of),
		TEST(test_user_mode_failed_join_tells_the_librarys_error),
		TEST(test_user_mode_tries_another_address_after_one_that_fails),
		TEST(test_user_mode_rejoins_when_init_remembers),
		TEST(test_user_mode_join_outlives_who_asked),
		TEST(test_other_users_over_the_bus_are_checked_here_too),
		TEST(test_calls_of_one_sender_keep_their_order),
		TEST(test_signals_go_to_the_bus),
		TEST(test_global_variables_reach_the_bus),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
