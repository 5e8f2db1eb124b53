/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <utlist.h>

#include <cmocka.h>

#include "common/log.h"

#define DEADLINE_SECONDS 120 /* far beyond anything but a failure, under valgrind too */
#define TURN_MS 20

unsigned rig_nofile;

static time_t deadline;

static void drop_heard(struct rig *rig, struct heard *heard);

void
rig_deadline_start(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	deadline = ts.tv_sec + DEADLINE_SECONDS;
}

static bool
in_time(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec < deadline;
}

/* -- start and end ------------------------------------------------------------ */

/* In the child: descriptors, arguments, exec. */
static void
become_control(int link, int listener, const char *mode, const char *address, const char *const *args)
{
	const char *argv[24] = { "upstart-control", "--mode", mode, "--listen", address };
	const char *path = getenv("UPSTART_CONTROL");
	size_t n = 5;

	if (getenv("UPSTART_TEST_NO_SANDBOX") != NULL)
		argv[n++] = "--no-sandbox";
	if (listener >= 0) {
		argv[n++] = "--listen-fd";
		argv[n++] = "4";
	}
	for (; args != NULL && *args != NULL && n < ARRAY_SIZE(argv) - 1; args++)
		argv[n++] = *args;
	/* Out of each other's way first. */
	link = fcntl(link, F_DUPFD_CLOEXEC, 10);
	listener = fcntl(listener, F_DUPFD_CLOEXEC, 10);
	(void) dup2(link, IPC_SERVANT_FD);
	(void) dup2(listener, IPC_SERVANT_FD + 1);
	if (rig_nofile > 0) {
		struct rlimit limit = { rig_nofile, rig_nofile };

		(void) setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void) execv(path != NULL ? path : "/nonexistent", (char *const *) (uintptr_t) argv);
	_exit(127);
}

static int
make_listener(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	memcpy(sa.sun_path + 1, name, strlen(name));
	assert_int_equal(
	    bind(fd, (struct sockaddr *) &sa, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
	    0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

void
rig_launch(struct rig *rig, const char *mode, const char *const *args, const char *const *env, bool listen_fd)
{
	static unsigned count;
	char name[64];
	int fds[2], listener = -1;

	memset(rig, 0, sizeof(*rig));
	(void) setenv("DBUS_FATAL_WARNINGS", "0", 1);
	(void) signal(SIGPIPE, SIG_IGN);
	(void) snprintf(name, sizeof(name), "/upstart-test-%ld-%u", (long) getpid(), ++count);
	(void) snprintf(rig->address, sizeof(rig->address), "unix:abstract=%s", name);
	assert_int_equal(ipc_pair(fds), 0);
	if (listen_fd)
		listener = make_listener(name);
	rig->pid = fork();
	assert_true(rig->pid >= 0);
	if (rig->pid == 0) {
		for (; env != NULL && *env != NULL; env++)
			(void) putenv((char *) (uintptr_t) *env);
		become_control(fds[1], listener, mode, rig->address, args);
	}
	(void) close(fds[1]);
	if (listener >= 0)
		(void) close(listener);
	rig->ipc = ipc_new(fds[0]);
	assert_non_null(rig->ipc);
}

void
rig_hello(struct rig *rig, const struct msg_hello *hello)
{
	rig_send(rig, MSG_HELLO, 0, hello);
}

void
rig_start(struct rig *rig, const char *mode, const char *const *args, const char *const *env)
{
	char program[] = "init";
	struct msg_hello hello = { .generation = 1, .log_level = LOG_LEVEL_MESSAGE, .program = program };

	rig_launch(rig, mode, args, env, true);
	rig_hello(rig, &hello);
}

static bool
has_exited(struct rig *rig)
{
	if (rig->pid != 0 && waitpid(rig->pid, &rig->status, WNOHANG) == rig->pid)
		rig->pid = 0;
	return rig->pid == 0;
}

void
rig_wait_exit(struct rig *rig)
{
	rig_until(rig, has_exited(rig));
	assert_true(WIFEXITED(rig->status));
	assert_int_equal(WEXITSTATUS(rig->status), 0);
}

void
rig_stop(struct rig *rig)
{
	struct msg_shutdown end = { 0 };
	struct said *said, *next;

	if (rig->pid != 0) {
		rig_send(rig, MSG_SHUTDOWN, 0, &end);
		rig_wait_exit(rig);
	}
	while (rig->n_clients > 0)
		rig_client_close(rig, rig->clients[rig->n_clients - 1]);
	DL_FOREACH_SAFE(rig->said, said, next) {
		DL_DELETE(rig->said, said);
		said_free(said);
	}
	while (rig->heard != NULL)
		drop_heard(rig, rig->heard);
	for (size_t i = 0; i < rig->n_words; i++) {
		msg_free(MSG_SAID, &rig->words[i]);
		if (rig->word_fds[i] >= 0)
			(void) close(rig->word_fds[i]);
	}
	rig->n_words = 0;
	rig->ipc = ipc_free(rig->ipc);
}

/* -- turns -------------------------------------------------------------------- */

static void
acknowledge(struct rig *rig, uint64_t id)
{
	struct msg_ack ack = { .upto = id };

	if (rig->silent)
		return;
	assert_true(id == rig->received + 1);
	rig->received = id;
	rig_send(rig, MSG_ACK, 0, &ack);
}

static void
hear_word(struct rig *rig, struct ipc_message *m)
{
	assert_true(rig->n_words < RIG_WORDS_MAX);
	assert_int_equal(msg_decode(m, &rig->words[rig->n_words]), 0);
	rig->word_fds[rig->n_words++] = m->n_fds > 0 ? steal_fd(&m->fds[0]) : -1;
	acknowledge(rig, m->id);
}

/* Take over one message from control. */
static void
hear(struct rig *rig, struct ipc_message *m)
{
	struct said *said;

	if (m->type == MSG_ACK) {
		struct msg_ack ack;

		assert_int_equal(msg_decode(m, &ack), 0);
		assert_true(ack.upto >= rig->acked);
		rig->acked = ack.upto;
		return;
	}
	if (m->type == MSG_AUDIENCE) {
		struct msg_audience audience;

		assert_int_equal(msg_decode(m, &audience), 0);
		rig->audiences++;
		rig->subscribers = audience.subscribers;
		return;
	}
	if (m->type == MSG_SAID) {
		hear_word(rig, m);
		return;
	}
	assert_true(m->type == MSG_REQUEST || m->type == MSG_QUERY);
	said = calloc(1, sizeof(*said));
	assert_non_null(said);
	said->type = m->type;
	said->id = m->id;
	assert_int_equal(msg_decode(m, &said->request), 0);
	for (; said->n_fds < m->n_fds; said->n_fds++)
		said->fds[said->n_fds] = steal_fd(&m->fds[said->n_fds]);
	if (m->type == MSG_REQUEST)
		acknowledge(rig, m->id);
	DL_APPEND(rig->said, said);
}

static void
listen_to_control(struct rig *rig)
{
	struct ipc_message m;
	int r;

	while (rig->ipc != NULL && (r = ipc_receive(rig->ipc, &m)) > 0) {
		hear(rig, &m);
		ipc_message_deinit(&m);
	}
	if (rig->ipc != NULL && ipc_wants_write(rig->ipc))
		r = ipc_flush(rig->ipc);
}

bool
rig_turn(struct rig *rig)
{
	struct pollfd fds[RIG_CLIENTS_MAX + 1];
	nfds_t n = 0;

	if (rig->ipc != NULL)
		fds[n++] = (struct pollfd){ ipc_fd(rig->ipc),
					    (short) (POLLIN | (ipc_wants_write(rig->ipc) ? POLLOUT : 0)), 0 };
	for (size_t i = 0; i < rig->n_clients; i++) {
		int fd;

		if (dbus_connection_get_unix_fd(rig->clients[i], &fd) ||
		    dbus_connection_get_socket(rig->clients[i], &fd)) {
			bool more = dbus_connection_has_messages_to_send(rig->clients[i]) ||
				    !dbus_connection_get_is_authenticated(rig->clients[i]);

			fds[n++] = (struct pollfd){ fd, (short) (POLLIN | (more ? POLLOUT : 0)), 0 };
		}
	}
	(void) poll(fds, n, TURN_MS);
	listen_to_control(rig);
	for (size_t i = 0; i < rig->n_clients; i++) {
		(void) dbus_connection_read_write(rig->clients[i], 0);
		while (dbus_connection_dispatch(rig->clients[i]) == DBUS_DISPATCH_DATA_REMAINS)
			;
	}
	return in_time();
}

/* -- init's part -------------------------------------------------------------- */

void
rig_send(struct rig *rig, uint32_t type, uint64_t id, const void *obj)
{
	int r = msg_send(rig->ipc, type, id, obj, NULL, 0);

	assert_true(r == 0 || r == -EPIPE);
}

void
said_free(struct said *said)
{
	for (size_t i = 0; i < said->n_fds; i++)
		if (said->fds[i] >= 0)
			(void) close(said->fds[i]);
	msg_free(MSG_REQUEST, &said->request);
	free(said);
}

bool
rig_has_said(const struct rig *rig)
{
	return rig->said != NULL;
}

struct said *
rig_expect(struct rig *rig, enum request_action action)
{
	struct said *said;

	rig_until(rig, rig->said != NULL);
	said = rig->said;
	assert_int_equal(said->request.action, action);
	assert_int_equal(said->type, action <= REQUEST_LAST_CHANGE ? MSG_REQUEST : MSG_QUERY);
	DL_DELETE(rig->said, said);
	return said;
}

void
rig_reply(struct rig *rig, const struct said *said, struct msg_reply *reply)
{
	reply->request = said->request.request;
	rig_send(rig, MSG_REPLY, said->type == MSG_REQUEST ? ++rig->effect : 0, reply);
}

void
rig_reply_file(struct rig *rig, const struct said *said, int fd)
{
	struct msg_reply reply = { .request = said->request.request };

	assert_int_equal(msg_send(rig->ipc, MSG_REPLY, 0, &reply, &fd, 1), 0);
}

void
rig_reply_error(struct rig *rig, const struct said *said, const char *error, const char *text)
{
	struct msg_reply reply = { .error = (char *) (uintptr_t) error, .text = (char *) (uintptr_t) text };

	rig_reply(rig, said, &reply);
}

void
rig_reply_ok(struct rig *rig, const struct said *said)
{
	struct msg_reply reply = { 0 };

	rig_reply(rig, said, &reply);
}

void
rig_notify(struct rig *rig, const struct msg_notify *notify)
{
	rig_send(rig, MSG_NOTIFY, ++rig->effect, notify);
}

/* -- clients ------------------------------------------------------------------ */

static void
drop_heard(struct rig *rig, struct heard *heard)
{
	DL_DELETE(rig->heard, heard);
	dbus_message_unref(heard->message);
	free(heard);
}

static DBusHandlerResult
filter_cb(DBusConnection *client, DBusMessage *message, void *data)
{
	struct rig *rig = data;
	struct heard *heard;

	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_SIGNAL &&
	    !(rig->spying && dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL))
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	if (dbus_message_has_interface(message, DBUS_INTERFACE_LOCAL))
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	heard = calloc(1, sizeof(*heard));
	assert_non_null(heard);
	heard->client = client;
	heard->message = dbus_message_ref(message);
	DL_APPEND(rig->heard, heard);
	return DBUS_HANDLER_RESULT_HANDLED;
}

void
rig_adopt(struct rig *rig, DBusConnection *client)
{
	assert_true(rig->n_clients < RIG_CLIENTS_MAX);
	dbus_connection_set_exit_on_disconnect(client, FALSE);
	assert_true(dbus_connection_add_filter(client, filter_cb, rig, NULL));
	rig->clients[rig->n_clients++] = client;
}

DBusConnection *
rig_client(struct rig *rig)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *client = dbus_connection_open_private(rig->address, &error);

	if (client == NULL)
		fail_msg("unable to connect: %s", error.message);
	rig_adopt(rig, client);
	rig_until(rig, dbus_connection_get_is_authenticated(client) || !dbus_connection_get_is_connected(client));
	return client;
}

void
rig_client_close(struct rig *rig, DBusConnection *client)
{
	for (size_t i = 0; i < rig->n_clients; i++)
		if (rig->clients[i] == client)
			rig->clients[i] = rig->clients[--rig->n_clients];
	dbus_connection_remove_filter(client, filter_cb, rig);
	dbus_connection_close(client);
	while (dbus_connection_dispatch(client) == DBUS_DISPATCH_DATA_REMAINS)
		;
	dbus_connection_unref(client);
}

static void
append_strv(DBusMessageIter *it, char *const *v)
{
	DBusMessageIter array;

	assert_true(dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "s", &array));
	for (; v != NULL && *v != NULL; v++)
		assert_true(dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, v));
	assert_true(dbus_message_iter_close_container(it, &array));
}

static void
append_variant(DBusMessageIter *it, const char *s)
{
	DBusMessageIter variant;

	assert_true(dbus_message_iter_open_container(it, DBUS_TYPE_VARIANT, "s", &variant));
	assert_true(dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &s));
	assert_true(dbus_message_iter_close_container(it, &variant));
}

DBusMessage *
rig_message(const char *path, const char *interface, const char *member, const char *signature, ...)
{
	/* With an interface as proxies send it, without one as the simplest client would. */
	DBusMessage *m =
	    dbus_message_new_method_call(interface != NULL ? "com.ubuntu.Upstart" : NULL, path, interface, member);
	DBusMessageIter it;
	va_list ap;

	assert_non_null(m);
	dbus_message_iter_init_append(m, &it);
	va_start(ap, signature);
	for (const char *c = signature; *c != '\0'; c++) {
		const char *s;
		dbus_bool_t b;
		int n;

		if (*c == 'a') {
			append_strv(&it, va_arg(ap, char *const *));
			c++;
		} else if (*c == 's') {
			s = va_arg(ap, const char *);
			assert_true(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &s));
		} else if (*c == 'v') {
			append_variant(&it, va_arg(ap, const char *));
		} else if (*c == 'b') {
			b = va_arg(ap, int) != 0;
			assert_true(dbus_message_iter_append_basic(&it, DBUS_TYPE_BOOLEAN, &b));
		} else {
			n = va_arg(ap, int);
			assert_true(
			    dbus_message_iter_append_basic(&it, *c == 'h' ? DBUS_TYPE_UNIX_FD : DBUS_TYPE_INT32, &n));
		}
	}
	va_end(ap);
	return m;
}

DBusPendingCall *
rig_call(DBusConnection *client, DBusMessage *message)
{
	DBusPendingCall *pending = NULL;

	assert_true(dbus_connection_send_with_reply(client, message, &pending, DBUS_TIMEOUT_INFINITE));
	assert_non_null(pending);
	dbus_message_unref(message);
	return pending;
}

DBusMessage *
rig_answer(struct rig *rig, DBusPendingCall *pending)
{
	DBusMessage *m;

	rig_until(rig, dbus_pending_call_get_completed(pending));
	m = dbus_pending_call_steal_reply(pending);
	dbus_pending_call_unref(pending);
	assert_non_null(m);
	return m;
}

/* The first signal of that name the client has got; those before it are thrown away. */
static DBusMessage *
take_signal(struct rig *rig, const DBusConnection *client, const char *member)
{
	struct heard *heard, *next;
	DBusMessage *found = NULL;

	DL_FOREACH_SAFE(rig->heard, heard, next) {
		if (found != NULL)
			break;
		if (heard->client != client)
			continue;
		if (strcmp(dbus_message_get_member(heard->message), member) == 0)
			found = dbus_message_ref(heard->message);
		drop_heard(rig, heard);
	}
	return found;
}

DBusMessage *
rig_signal(struct rig *rig, DBusConnection *client, const char *member)
{
	DBusMessage *m = NULL;

	rig_until(rig, (m = take_signal(rig, client, member)) != NULL);
	return m;
}

/* -- checks ------------------------------------------------------------------- */

void
rig_is_error(DBusMessage *m, const char *name, const char *text)
{
	const char *got = NULL;

	if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_ERROR)
		fail_msg("no error but a reply with \"%s\" instead of: %s", dbus_message_get_signature(m), text);
	assert_string_equal(dbus_message_get_error_name(m), name);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &got, DBUS_TYPE_INVALID));
	if (text != NULL)
		assert_string_equal(got, text);
	dbus_message_unref(m);
}

static void
is_reply(DBusMessage *m, const char *signature)
{
	if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR) {
		const char *text = "";

		(void) dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
		fail_msg("error %s: %s", dbus_message_get_error_name(m), text);
	}
	assert_string_equal(dbus_message_get_signature(m), signature);
}

void
rig_is_empty(DBusMessage *m)
{
	is_reply(m, "");
	dbus_message_unref(m);
}

void
rig_is_string(DBusMessage *m, const char *signature, const char *text)
{
	DBusMessageIter it;
	const char *got;

	is_reply(m, signature);
	(void) dbus_message_iter_init(m, &it);
	dbus_message_iter_get_basic(&it, &got);
	assert_string_equal(got, text);
	dbus_message_unref(m);
}
