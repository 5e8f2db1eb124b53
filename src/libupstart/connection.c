/* SPDX-License-Identifier: MIT */
/*
 * Connections, and calls over them.
 *
 * libdbus can end a process in three ways: by its checks of arguments, when a bus connection is lost, and by SIGPIPE.
 * Here every string, path and bus name is validated before libdbus sees it, connections are private and never exit, and
 * SIGPIPE is left alone (libdbus sends with MSG_NOSIGNAL).
 *
 * Answers are awaited by dispatching, not by dbus_connection_send_with_reply_and_block(): init sends its signals to
 * every private client, and those that nobody takes from the queue would in the end stop libdbus from reading.
 */
#include "libupstart/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/private.h"
#include "common/str.h"

#define QUICK_LIMIT_MS 300000u
#define RETRY_LIMIT_MS 60000u
#define BACKOFF_FIRST_MS 100u
#define BACKOFF_LAST_MS 2000u
/* A connection that lasted this long was of use, even if nothing came. */
#define USEFUL_MS 10000
/* So many useless connections in a row mean that init does not want us. */
#define USELESS_MAX 5u
#define NO_DEADLINE INT64_MAX
/* So long a server may take to let somebody in. */
#define GREETING_MS 2000
/* When nobody has listened for so long, nobody will. */
#define REFUSED_MS 2000
/* libdbus takes an int. */
#define POLL_LONGEST_MS INT64_C(3600000)

#define BUS_NAME "com.ubuntu.Upstart"

#define LOST "The connection to init was lost"

#define auto_dbus_error __attribute__((cleanup(dbus_error_free)))

static int64_t
now_ms(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (long) (ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Move libdbus' own error over. */
static int
error_from_dbus(struct upstart_error *err, int code, const DBusError *derr)
{
	if (dbus_error_has_name(derr, DBUS_ERROR_NO_MEMORY))
		return client_nomem(err);
	return client_error(err, code, derr->name, derr->message ? derr->message : derr->name);
}

static int
error_lost(struct upstart_error *err)
{
	return client_error(err, -ENOTCONN, DBUS_ERROR_DISCONNECTED,
			    "Connection was disconnected before a reply was received");
}

/*
 * That signals come says that init is there; what libdbus makes up itself when a connection is lost, Disconnected and
 * errors for those who wait, does not.
 */
static DBusHandlerResult
message_cb(DBusConnection *dbus unused, DBusMessage *message, void *data)
{
	struct upstart *u = data;

	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_SIGNAL ||
	    dbus_message_has_interface(message, DBUS_INTERFACE_LOCAL))
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	u->heard = true;
	client_signal(u, message);
	return DBUS_HANDLER_RESULT_HANDLED;
}

static dbus_bool_t
add_watch_cb(DBusWatch *watch, void *data)
{
	struct upstart *u = data;

	for (size_t i = 0; i < WATCHES_MAX; i++) {
		if (!u->watches[i]) {
			u->watches[i] = watch;
			return TRUE;
		}
	}
	return FALSE;
}

static void
remove_watch_cb(DBusWatch *watch, void *data)
{
	struct upstart *u = data;

	for (size_t i = 0; i < WATCHES_MAX; i++) {
		if (u->watches[i] == watch)
			u->watches[i] = NULL;
	}
}

void
client_close(struct upstart *u)
{
	if (!u->dbus)
		return;
	client_async_suspend(u);
	dbus_connection_close(u->dbus);
	dbus_connection_unref(u->dbus);
	u->dbus = NULL;
}

/*
 * Open a socket, and see before anything is said that it is init we have come to. *foreign: the listener is in no
 * namespace of ours. NULL: *r says why not.
 */
static DBusConnection *
open_socket(const char *address, bool *foreign, int *r, struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;
	DBusConnection *dbus = dbus_connection_open_private(address, &derr);
	auto_free char *text = NULL;
	int fd = -1;

	if (!dbus) {
		*r = error_from_dbus(err, -ENOTCONN, &derr);
		return NULL;
	}
	if (!dbus_connection_get_socket(dbus, &fd))
		fd = -1;
	if (private_is_init(address, fd, foreign)) {
		*r = 0;
		return dbus;
	}
	dbus_connection_close(dbus);
	dbus_connection_unref(dbus);
	text = str_printf("Another user listens at %s", address);
	*r = text ? client_error(err, -EACCES, DBUS_ERROR_ACCESS_DENIED, text) : client_nomem(err);
	return NULL;
}

/*
 * The machine's init has a second socket. It is tried when the first is not its own: where the network namespace is
 * another, or is shared with other machines. 0 or a negative errno.
 */
static int
open_private(struct upstart *u, struct upstart_error *err)
{
	bool foreign = false, unknown;
	DBusConnection *second = NULL;
	const char *other;
	int r, ignored;

	u->dbus = open_socket(u->where, &foreign, &r, err);
	other = private_second(u->where, !u->dbus || foreign);
	if (r == -ENOMEM || !other)
		return r;
	second = open_socket(other, &unknown, &ignored, NULL);
	if (!second)
		return r;
	if (u->dbus) {
		dbus_connection_close(u->dbus);
		dbus_connection_unref(u->dbus);
	}
	if (err)
		upstart_error_clear(err);
	u->dbus = second;
	return 0;
}

int
client_open(struct upstart *u, struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;
	int r = 0;

	client_close(u);
	switch (u->transport) {
	case UPSTART_PRIVATE:
		r = open_private(u, err);
		break;
	case UPSTART_SYSTEM_BUS:
		u->dbus = dbus_bus_get_private(DBUS_BUS_SYSTEM, &derr);
		break;
	case UPSTART_SESSION_BUS:
		u->dbus = dbus_bus_get_private(DBUS_BUS_SESSION, &derr);
		break;
	}
	if (r < 0)
		return r;
	if (!u->dbus)
		return error_from_dbus(err, -ENOTCONN, &derr);
	dbus_connection_set_exit_on_disconnect(u->dbus, FALSE);
	if (r == 0 && (!dbus_connection_add_filter(u->dbus, message_cb, u, NULL) ||
		       !dbus_connection_set_watch_functions(u->dbus, add_watch_cb, remove_watch_cb, NULL, u, NULL)))
		r = client_nomem(err);
	if (r < 0) {
		client_close(u);
		return r;
	}
	u->opened = now_ms();
	u->heard = false;
	if ((u->signal && client_match(u, err) < 0) || (u->queued && client_ask_queued(u, err) < 0)) {
		client_close(u);
		return -ENOMEM;
	}
	client_async_resume(u);
	return 0;
}

static int
check_arguments(enum upstart_transport transport, const char *where, struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;

	if (transport != UPSTART_PRIVATE && transport != UPSTART_SYSTEM_BUS && transport != UPSTART_SESSION_BUS)
		return client_error(err, -EINVAL, DBUS_ERROR_INVALID_ARGS, "Unknown transport");
	if (!dbus_validate_utf8(where, &derr))
		return error_from_dbus(err, -EINVAL, &derr);
	if (transport != UPSTART_PRIVATE && !dbus_validate_bus_name(where, &derr))
		return error_from_dbus(err, -EINVAL, &derr);
	return 0;
}

int
upstart_connect(struct upstart **conn, enum upstart_transport transport, const char *where, struct upstart_error *err)
{
	struct upstart *u;
	int r;

	if (!where)
		where = transport == UPSTART_PRIVATE ? PRIVATE_SYSTEM : BUS_NAME;
	r = check_arguments(transport, where, err);
	if (r < 0)
		return r;
	dbus_connection_set_change_sigpipe(FALSE);
	u = calloc(1, sizeof(*u));
	if (!u)
		return client_nomem(err);
	u->transport = transport;
	u->quick = QUICK_LIMIT_MS;
	u->retry = RETRY_LIMIT_MS;
	u->where = strdup(where);
	r = u->where ? client_open(u, err) : client_nomem(err);
	if (r < 0) {
		upstart_free(u);
		return r;
	}
	*conn = u;
	return 0;
}

struct upstart *
upstart_free(struct upstart *conn)
{
	if (conn) {
		client_async_fail(conn, -ECANCELED, DBUS_ERROR_NO_REPLY, "The connection was closed");
		client_close(conn);
		free(conn->where);
		free(conn);
	}
	return NULL;
}

void
upstart_set_limits(struct upstart *conn, unsigned int quick, unsigned int retry)
{
	if (quick)
		conn->quick = quick;
	if (retry)
		conn->retry = retry;
}

/* ---- arguments ---- */

static int
append_string(DBusMessageIter *iter, const char *s, struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;

	if (!s)
		s = "";
	if (!dbus_validate_utf8(s, &derr))
		return error_from_dbus(err, -EINVAL, &derr);
	return dbus_message_iter_append_basic(iter, DBUS_TYPE_STRING, &s) ? 0 : client_nomem(err);
}

static int
append_strings(DBusMessageIter *iter, char *const *v, struct upstart_error *err)
{
	DBusMessageIter array;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING_AS_STRING, &array))
		return client_nomem(err);
	for (size_t i = 0; v && v[i] && r == 0; i++)
		r = append_string(&array, v[i], err);
	if (r < 0) {
		dbus_message_iter_abandon_container(iter, &array);
		return r;
	}
	return dbus_message_iter_close_container(iter, &array) ? 0 : client_nomem(err);
}

static int
append_arrays(DBusMessageIter *iter, char *const *const *v, struct upstart_error *err)
{
	DBusMessageIter array;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "as", &array))
		return client_nomem(err);
	for (size_t i = 0; v && v[i] && r == 0; i++)
		r = append_strings(&array, v[i], err);
	if (r < 0) {
		dbus_message_iter_abandon_container(iter, &array);
		return r;
	}
	return dbus_message_iter_close_container(iter, &array) ? 0 : client_nomem(err);
}

static int
append_option(DBusMessageIter *dict, const char *name, int type, const void *value, struct upstart_error *err)
{
	const char signature[] = { (char) type, '\0' };
	DBusMessageIter entry, variant;

	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return client_nomem(err);
	if (dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant)) {
		if (dbus_message_iter_append_basic(&variant, type, value) &&
		    dbus_message_iter_close_container(&entry, &variant))
			return dbus_message_iter_close_container(dict, &entry) ? 0 : client_nomem(err);
		dbus_message_iter_abandon_container_if_open(&entry, &variant);
	}
	dbus_message_iter_abandon_container(dict, &entry);
	return client_nomem(err);
}

/* a{sv} */
static int
append_options(DBusMessageIter *iter, unsigned int flags, struct upstart_error *err)
{
	static const struct {
		unsigned int flag;
		const char *name;
	} options[] = {
		{ UPSTART_STATE_BOUND, "bound" },
		{ UPSTART_STATE_ALL, "all" },
		{ UPSTART_STATE_WAIT, "wait" },
	};
	const char *nobody = "/";
	dbus_bool_t on = TRUE;
	DBusMessageIter dict;
	int r = 0;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &dict))
		return client_nomem(err);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && r == 0; i++)
		if (flags & options[i].flag)
			r = append_option(&dict, options[i].name, DBUS_TYPE_BOOLEAN, &on, err);
	if (r == 0 && (flags & UPSTART_STATE_ADMINISTRATOR))
		r = append_option(&dict, "owner", DBUS_TYPE_STRING, &nobody, err);
	if (r < 0) {
		dbus_message_iter_abandon_container(iter, &dict);
		return r;
	}
	return dbus_message_iter_close_container(iter, &dict) ? 0 : client_nomem(err);
}

static int
append_variant(DBusMessageIter *iter, const char *s, struct upstart_error *err)
{
	DBusMessageIter variant;
	int r;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_VARIANT, DBUS_TYPE_STRING_AS_STRING, &variant))
		return client_nomem(err);
	r = append_string(&variant, s, err);
	if (r < 0) {
		dbus_message_iter_abandon_container(iter, &variant);
		return r;
	}
	return dbus_message_iter_close_container(iter, &variant) ? 0 : client_nomem(err);
}

static int
append_fd(DBusMessageIter *iter, int fd, struct upstart_error *err)
{
	if (fd < 0)
		return client_error(err, -EINVAL, DBUS_ERROR_INVALID_ARGS, "Not an open file");
	return dbus_message_iter_append_basic(iter, DBUS_TYPE_UNIX_FD, &fd) ? 0 : client_nomem(err);
}

/* Whose environment: nothing for all jobs', else job and instance. */
static int
append_details(DBusMessageIter *iter, const char *job, const char *instance, struct upstart_error *err)
{
	char *const details[] = { (char *) job, (char *) (instance ? instance : ""), NULL };

	return append_strings(iter, job ? details : NULL, err);
}

static int
append_all(DBusMessage *message, const char *format, va_list args, struct upstart_error *err)
{
	DBusMessageIter iter;
	const struct upstart_emit_options *options;
	dbus_bool_t flag;
	const char *job;
	int r = 0;

	dbus_message_iter_init_append(message, &iter);
	for (; *format && r == 0; format++) {
		switch (*format) {
		case 's':
			r = append_string(&iter, va_arg(args, const char *), err);
			break;
		case 'a':
			r = append_strings(&iter, va_arg(args, char *const *), err);
			break;
		case 'b':
			flag = va_arg(args, int) ? TRUE : FALSE;
			if (!dbus_message_iter_append_basic(&iter, DBUS_TYPE_BOOLEAN, &flag))
				r = client_nomem(err);
			break;
		case 'v':
			r = append_variant(&iter, va_arg(args, const char *), err);
			break;
		case 'h':
			r = append_fd(&iter, va_arg(args, int), err);
			break;
		case 'e':
			options = va_arg(args, const struct upstart_emit_options *);
			r = client_append_options(&iter, options, va_arg(args, const char *), err);
			break;
		case 'A':
			r = append_arrays(&iter, va_arg(args, char *const *const *), err);
			break;
		case 'o':
			r = append_options(&iter, va_arg(args, unsigned int), err);
			break;
		case 'd':
			job = va_arg(args, const char *);
			r = append_details(&iter, job, va_arg(args, const char *), err);
			break;
		}
	}
	return r;
}

static int
message_new(const struct upstart *u, const struct call *call, va_list args, DBusMessage **message,
	    struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;
	DBusMessage *m;
	int r;

	if (!dbus_validate_path(call->path, &derr))
		return error_from_dbus(err, -EINVAL, &derr);
	m = dbus_message_new_method_call(u->transport == UPSTART_PRIVATE ? NULL : u->where, call->path, call->interface,
					 call->member);
	if (!m)
		return client_nomem(err);
	dbus_message_set_auto_start(m, FALSE);
	r = append_all(m, call->format, args, err);
	if (r < 0) {
		dbus_message_unref(m);
		return r;
	}
	*message = m;
	return 0;
}

int
client_message(const struct upstart *u, const struct call *call, DBusMessage **message, struct upstart_error *err, ...)
{
	va_list args;
	int r;

	va_start(args, err);
	r = message_new(u, call, args, message, err);
	va_end(args);
	return r;
}

/* ---- one attempt ---- */

/*
 * Until the answer is there, the connection is lost, or time is up: `deadline` for the answer, `trust` for the
 * other side to say that it is there at all. libdbus has no idea of time here: nothing runs its timeouts.
 */
static int
await(struct upstart *u, DBusPendingCall *pending, int64_t deadline, int64_t trust)
{
	while (!dbus_pending_call_get_completed(pending)) {
		int64_t until = deadline, left;

		if (trust < until && !dbus_connection_get_is_authenticated(u->dbus))
			until = trust;
		left = until == NO_DEADLINE ? -1 : until - now_ms();
		if (until != NO_DEADLINE && left <= 0)
			return -ETIMEDOUT;
		if (left > POLL_LONGEST_MS)
			left = POLL_LONGEST_MS;
		if (!dbus_connection_read_write_dispatch(u->dbus, (int) left) &&
		    !dbus_pending_call_get_completed(pending))
			return -ENOTCONN;
	}
	return 0;
}

/* The answer into *reply, or the error it is. */
static int
take_reply(struct upstart *u, DBusPendingCall *pending, DBusMessage **reply, struct upstart_error *err)
{
	DBusError derr auto_dbus_error = DBUS_ERROR_INIT;
	DBusMessage *message = dbus_pending_call_steal_reply(pending);
	bool lost;
	int r;

	if (!message)
		return error_lost(err);
	if (!dbus_set_error_from_message(&derr, message)) {
		u->heard = true;
		*reply = message;
		return 0;
	}
	/* What libdbus answers for a lost peer is an error like another, but there is no connection any more. */
	lost = !dbus_connection_get_is_connected(u->dbus) &&
	       (dbus_error_has_name(&derr, DBUS_ERROR_NO_REPLY) || dbus_error_has_name(&derr, DBUS_ERROR_DISCONNECTED));
	if (!lost)
		u->heard = true;
	r = error_from_dbus(err, lost ? -ENOTCONN : -EREMOTEIO, &derr);
	dbus_message_unref(message);
	return r;
}

/* Send `message` and wait. -ENOTCONN when the connection is gone. */
static int
attempt(struct upstart *u, DBusMessage *message, int64_t deadline, int64_t trust, DBusMessage **reply,
	struct upstart_error *err)
{
	DBusPendingCall *pending = NULL;
	int r;

	if (!u->dbus)
		return error_lost(err);
	if (!dbus_connection_send_with_reply(u->dbus, message, &pending, DBUS_TIMEOUT_INFINITE))
		return client_nomem(err);
	if (!pending)
		return dbus_message_contains_unix_fds(message) && dbus_connection_get_is_connected(u->dbus)
			   ? client_error(err, -EINVAL, DBUS_ERROR_NOT_SUPPORTED, "This connection cannot carry files")
			   : error_lost(err);
	r = await(u, pending, deadline, trust);
	if (r == 0) {
		r = take_reply(u, pending, reply, err);
	} else {
		dbus_pending_call_cancel(pending);
		if (r == -ETIMEDOUT)
			r = client_error(err, r, DBUS_ERROR_NO_REPLY, "Did not receive a reply in time");
		else
			r = error_lost(err);
	}
	dbus_pending_call_unref(pending);
	return r;
}

/* ---- and again ---- */

struct retry {
	int64_t deadline; /* end of patience */
	unsigned int useless;
	unsigned int backoff; /* ms before the next try; 0: at once */
};

/* Judge the connection that was just lost: was it of use? */
static void
retry_judge(struct retry *retry, const struct upstart *u, bool first)
{
	bool useful = u->heard || now_ms() - u->opened >= USEFUL_MS;

	if (first || useful) {
		retry->deadline = now_ms() + u->retry;
		retry->useless = useful ? 0 : 1;
		retry->backoff = 0;
		return;
	}
	retry->useless++;
}

/* Wait as long as is due, then lengthen it. False when patience has ended. */
static bool
retry_pause(struct retry *retry)
{
	int64_t left = retry->deadline - now_ms();

	if (left <= 0 || retry->useless > USELESS_MAX)
		return false;
	if (retry->backoff)
		sleep_ms(retry->backoff < left ? retry->backoff : (unsigned int) left);
	retry->backoff = retry->backoff ? retry->backoff * 2 : BACKOFF_FIRST_MS;
	if (retry->backoff > BACKOFF_LAST_MS)
		retry->backoff = BACKOFF_LAST_MS;
	return true;
}

/* Have the connection back. */
static bool
reconnect(struct upstart *u, struct retry *retry)
{
	while (retry_pause(retry)) {
		if (client_open(u, NULL) == 0)
			return true;
	}
	return false;
}

/* Let in: nothing is told to those who have not said who they are, and that takes several messages. */
static bool
is_let_in(struct upstart *u)
{
	int64_t until = now_ms() + GREETING_MS;

	while (!dbus_connection_get_is_authenticated(u->dbus) && now_ms() < until &&
	       dbus_connection_read_write(u->dbus, (int) (until - now_ms())))
		;
	return dbus_connection_get_is_authenticated(u->dbus);
}

int
client_reopen(struct upstart *u, struct upstart_error *err)
{
	struct upstart_error ours = UPSTART_ERROR_INIT;
	struct retry retry = { 0 };
	int64_t refused = 0;
	int r;

	retry_judge(&retry, u, true);
	while (retry_pause(&retry)) {
		r = client_open(u, &ours);
		if (r == 0 && is_let_in(u)) {
			upstart_error_clear(&ours);
			return 0;
		}
		if (r == 0)
			retry.useless++;
		if (r < 0 && upstart_error_is(&ours, DBUS_ERROR_NO_SERVER)) {
			/* The socket is init's own: it outlives control, and a new image of init. */
			if (refused == 0)
				refused = now_ms();
			if (now_ms() - refused >= REFUSED_MS)
				break;
		}
	}
	upstart_error_clear(&ours);
	client_async_fail(u, -ENOTCONN, DBUS_ERROR_DISCONNECTED, LOST);
	return client_error(err, -ENOTCONN, DBUS_ERROR_DISCONNECTED, LOST);
}

/* A message that is the same request each time it is sent. */
static int
persist(struct upstart *u, DBusMessage *message, bool wait, DBusMessage **reply, struct upstart_error *err)
{
	struct retry retry = { 0 };
	int64_t trust = NO_DEADLINE;
	bool first = true;

	for (;;) {
		int64_t deadline = wait ? NO_DEADLINE : now_ms() + u->quick;
		DBusMessage *copy = dbus_message_copy(message);
		int r;

		if (!copy)
			return client_nomem(err);
		r = attempt(u, copy, deadline, trust, reply, err);
		dbus_message_unref(copy);
		if (r == -ETIMEDOUT && wait)
			r = error_lost(err); /* had back, but nobody there */
		if (r != -ENOTCONN)
			return r;
		retry_judge(&retry, u, first);
		first = false;
		/* err keeps the loss that was seen: why it could not be had back says less. */
		if (!reconnect(u, &retry))
			return r;
		trust = retry.deadline;
		u->resent = true;
	}
}

static int
call_message(struct upstart *u, const struct call *call, DBusMessage *message, DBusMessage **reply,
	     struct upstart_error *err)
{
	bool wait = call->mode == CALL_WAIT_ONCE || call->mode == CALL_WAIT_TOKEN;
	int64_t deadline = wait ? NO_DEADLINE : now_ms() + u->quick;
	DBusMessage *copy;
	int r;

	if (u->transport == UPSTART_PRIVATE && (call->mode == CALL_TOKEN || call->mode == CALL_WAIT_TOKEN))
		return persist(u, message, wait, reply, err);
	if (u->transport != UPSTART_PRIVATE || call->mode != CALL_AGAIN) {
		/* What was lost while nothing was asked is had back: the call itself is still sent only once. */
		if (u->transport == UPSTART_PRIVATE && (!u->dbus || !dbus_connection_get_is_connected(u->dbus)))
			(void) client_open(u, NULL);
		return attempt(u, message, deadline, NO_DEADLINE, reply, err);
	}
	copy = dbus_message_copy(message);
	if (!copy)
		return client_nomem(err);
	r = attempt(u, copy, deadline, NO_DEADLINE, reply, err);
	dbus_message_unref(copy);
	if (r == -ENOTCONN && client_open(u, NULL) == 0) {
		u->resent = true;
		r = attempt(u, message, deadline, NO_DEADLINE, reply, err);
	}
	return r;
}

int
client_call(struct upstart *u, const struct call *call, DBusMessage **reply, struct upstart_error *err, ...)
{
	DBusMessage *message = NULL, *answer = NULL;
	va_list args;
	int r;

	va_start(args, err);
	r = message_new(u, call, args, &message, err);
	va_end(args);
	if (r < 0)
		return r;
	u->resent = false;
	r = call_message(u, call, message, &answer, err);
	dbus_message_unref(message);
	if (r < 0)
		return r;
	if (err)
		upstart_error_clear(err);
	if (reply)
		*reply = answer;
	else
		dbus_message_unref(answer);
	return 0;
}
