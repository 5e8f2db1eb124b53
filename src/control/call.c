/* SPDX-License-Identifier: MIT */
#include "control/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "common/error.h"
#include "common/log.h"
#include "control/libdbus.h"
#include "control/link.h"
#include "control/objects.h"
#include "control/peer.h"
#include "control/table.h"

#define CALLS_MAX 65536			     /* calls that wait at one time */
#define CALL_BYTES_MAX (128UL * 1024 * 1024) /* and what their arguments may take */

/* For strangers, so that they take no room from others. */
#define STRANGER_CALLS_MAX 1024			   /* of one of them */
#define STRANGER_BODY_MAX (1024UL * 1024)	   /* bytes of the arguments of one call */
#define STRANGER_OUTGOING_MAX (8UL * 1024 * 1024)  /* bytes queued for the bus; then they get errors only, */
#define STRANGER_OUTGOING_END (16UL * 1024 * 1024) /* then nothing */

struct call *
call_new(struct control *control, struct peer *peer, DBusMessage *message)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->control = control;
	call->peer = peer;
	call->uid = -1;
	call->fd = -1;
	if (peer != NULL && peer->root != NULL) {
		call->root = strdup(peer->root);
		if (call->root == NULL) {
			free(call);
			return NULL;
		}
	}
	if (message != NULL)
		call->message = dbus_message_ref(message);
	DL_APPEND(control->calls, call);
	control->n_calls++;
	return call;
}

void
call_free(struct call *call)
{
	struct control *control = call->control;

	DL_DELETE(control->calls, call);
	control->n_calls--;
	control->call_bytes -= call->cost;
	if (call->number != 0)
		map_del_id(&control->by_number, call->number);
	if (call->message != NULL)
		dbus_message_unref(call->message);
	object_deinit(&call->object);
	strbuf_deinit(&call->body);
	free(call->name);
	free(call->root);
	(void) strv_free(call->list);
	(void) objects_free(call->objects);
	free(call);
}

/* Is the caller neither root nor the user init runs as? Such a one comes over a bus, and as a rule may only look. */
static bool
is_stranger(const struct call *call)
{
	return call->message != NULL && call->uid != 0 && (call->uid == -1 || (uid_t) call->uid != call->control->uid);
}

/* -- answers ------------------------------------------------------------------ */

DBusMessage *
call_reply_new(const struct call *call)
{
	return call->message != NULL ? dbus_message_new_method_return(call->message) : NULL;
}

/* Hand a finished reply to the connection, unless nobody wants it. False: out of memory. */
static bool
send_reply(struct call *call, DBusMessage *reply)
{
	if (call->peer == NULL || dbus_message_get_no_reply(call->message))
		return true;
	if (is_stranger(call) && peer_outgoing(call->peer) > STRANGER_OUTGOING_END)
		return true;
	return peer_send(call->peer, reply);
}

bool
call_is_crowded(const struct call *call)
{
	return is_stranger(call) && call->peer != NULL && peer_outgoing(call->peer) > STRANGER_OUTGOING_MAX;
}

/* Nobody's flood of questions with long answers may cost others the bus: an error in place of the answer. */
static DBusMessage *
shorten(const struct call *call, DBusMessage *reply)
{
	if (!call_is_crowded(call) || dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR)
		return reply;
	dbus_message_unref(reply);
	return libdbus_error(call->message, ERR_LIMITS, CALL_CROWDED);
}

void
call_reply(struct call *call, DBusMessage *reply)
{
	bool wanted = call->message != NULL && call->peer != NULL;

	if (wanted && reply != NULL)
		reply = shorten(call, reply);
	if (wanted && (reply == NULL || !send_reply(call, reply))) {
		DBusMessage *error = dbus_message_new_error(call->message, ERR_NO_MEMORY, "Out of Memory");

		if (error == NULL || !send_reply(call, error)) {
			log_error("Unable to answer a D-Bus call: Out of Memory");
			/* Who waits must hear something: that the connection has ended can be told without memory. */
			if (!call->peer->is_bus)
				peer_close(call->peer);
		}
		if (error != NULL)
			dbus_message_unref(error);
	}
	if (reply != NULL)
		dbus_message_unref(reply);
	call_free(call);
}

void
call_return(struct call *call)
{
	call_reply(call, call_reply_new(call));
}

void
call_error(struct call *call, const char *name, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	call_reply(call, text != NULL && call->message != NULL ? libdbus_error(call->message, name, text) : NULL);
}

void
call_unknown(struct call *call)
{
	const char *interface = dbus_message_get_interface(call->message);

	call_error(call, DBUS_ERROR_UNKNOWN_METHOD,
		   "Method \"%s\" with signature \"%s\" on interface \"%s\" doesn't exist\n",
		   dbus_message_get_member(call->message), dbus_message_get_signature(call->message),
		   interface != NULL ? interface : "(null)");
}

void
call_finish_empty(struct call *call, const struct msg_reply *reply)
{
	call_return(call);
}

void
call_reply_filled(struct call *call, DBusMessage *answer, bool filled)
{
	if (answer != NULL && !filled) {
		dbus_message_unref(answer);
		answer = NULL;
	}
	call_reply(call, answer);
}

void
call_finish_value(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer = call_reply_new(call);
	DBusMessageIter it;
	bool filled = false;

	if (answer != NULL) {
		dbus_message_iter_init_append(answer, &it);
		filled = libdbus_put_string(&it, reply->value != NULL ? reply->value : "");
	}
	call_reply_filled(call, answer, filled);
}

void
call_finish_list(struct call *call, const struct msg_reply *reply)
{
	DBusMessage *answer = call_reply_new(call);
	DBusMessageIter it;
	bool filled = false;

	if (answer != NULL) {
		dbus_message_iter_init_append(answer, &it);
		filled = libdbus_put_strv(&it, reply->list);
	}
	call_reply_filled(call, answer, filled);
}

/* -- asking init -------------------------------------------------------------- */

/* Does a user of the bus have so many calls waiting that others would suffer? */
static bool
is_greedy(const struct call *call)
{
	const struct control *control = call->control;
	const struct call *other;
	size_t n = 0;

	if (!is_stranger(call) || control->n_calls <= STRANGER_CALLS_MAX)
		return false;
	DL_FOREACH(control->calls, other)
		n += other->uid == call->uid ? 1 : 0;
	return n > STRANGER_CALLS_MAX;
}

/* Count what the call makes us keep; false when that is too much. */
static bool
admit(struct call *call, size_t bytes)
{
	struct control *control = call->control;

	if (is_greedy(call) || control->n_calls > CALLS_MAX || bytes > CALL_BYTES_MAX - control->call_bytes)
		return false;
	call->cost = bytes;
	control->call_bytes += bytes;
	return true;
}

/* The question has been answered; the call may ask another. */
static void
release_question(struct call *call)
{
	map_del_id(&call->control->by_number, call->number);
	call->control->call_bytes -= call->cost;
	call->number = 0;
	call->cost = 0;
	strbuf_deinit(&call->body);
}

/* Give the call its number and send it. 0 or a negative errno. */
static int
ask(struct call *call, const struct msg_request *request, const int *fds, size_t n_fds)
{
	struct control *control = call->control;
	auto_strbuf struct strbuf body = STRBUF_INIT;
	int r;

	wire_put_struct(&body, msg_schema(MSG_REQUEST), request);
	if (body.failed)
		return -ENOMEM;
	if (strv_len(request->env) > WIRE_MAX_STRINGS)
		return -E2BIG;
	if (is_stranger(call) && body.len > STRANGER_BODY_MAX)
		return -EMSGSIZE;
	if (!admit(call, body.len))
		return -EDQUOT;
	r = map_put_id(&control->by_number, request->request, call);
	if (r < 0)
		return r;
	call->number = request->request;
	call->query = request->action > REQUEST_LAST_CHANGE;
	if (!call->query)
		return link_send_request(control->link, &body, fds, n_fds);
	call->body = body;
	body = (struct strbuf) STRBUF_INIT;
	return link_send_query(control->link, &call->body);
}

void
call_ask(struct call *call, struct msg_request *request, call_finish_fn finish, int fd)
{
	call_ask_with(call, request, finish, &fd, fd >= 0 ? 1 : 0);
}

void
call_ask_with(struct call *call, struct msg_request *request, call_finish_fn finish, const int *fds, size_t n_fds)
{
	int r;

	request->request = ++call->control->counter;
	request->uid = call->uid;
	request->pid = call->pid;
	request->root = call->root;
	if (request->job == NULL)
		request->job = call->object.job;
	if (request->instance == NULL && call->object.kind == OBJECT_INSTANCE)
		request->instance = call->object.instance;
	call->finish = finish;
	r = ask(call, request, fds, n_fds);
	if (r == -ENOMEM)
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
	else if (r == -E2BIG)
		call_error(call, ERR_LIMITS, "More than %d variables", WIRE_MAX_STRINGS);
	else if (r == -EMSGSIZE)
		call_error(call, ERR_LIMITS, "Arguments too long");
	else if (r == -EDQUOT)
		call_error(call, ERR_LIMITS, "Too many calls are waiting");
	else if (r < 0)
		call_error(call, ERR_FAILED, "%s", strerror(-r));
}

void
call_require_object(struct call *call, call_finish_fn finish)
{
	struct msg_request request = { .action = REQUEST_JOB_PROPERTIES };

	if (call->object.kind == OBJECT_MANAGER) {
		finish(call, NULL);
		return;
	}
	if (call->object.kind == OBJECT_INSTANCE)
		request.action = REQUEST_INSTANCE_PROPERTIES;
	call_ask(call, &request, finish, -1);
}

void
call_answered(struct control *control, struct msg_reply *reply, int fd)
{
	struct call *call = map_get_id(&control->by_number, reply->request);

	if (call == NULL) {
		log_debug("Nobody waits for answer %llu", (unsigned long long) reply->request);
		return;
	}
	if (reply->more && reply->error == NULL) {
		if (call->part != NULL)
			call->part(call, reply);
		return;
	}
	release_question(call);
	call->fd = fd;
	if (reply->error == NULL)
		call->finish(call, reply);
	else if (call->message == NULL && call->gone != NULL)
		call->gone(call);
	else if (call->message == NULL)
		call_free(call);
	else if (strcmp(reply->error, ERR_GONE) != 0)
		call_error(call, reply->error, "%s", reply->text != NULL ? reply->text : "");
	else if (call->gone != NULL)
		call->gone(call);
	else
		call_unknown(call);
}

void
call_ask_again(struct control *control)
{
	struct call *call;

	DL_FOREACH(control->calls, call) {
		if (call->number == 0 || !call->query)
			continue;
		if (call->begin != NULL)
			call->begin(call);
		if (link_send_query(control->link, &call->body) < 0)
			log_error("Unable to ask init again");
	}
}

void
call_forget_peer(struct control *control, const struct peer *peer)
{
	struct call *call, *next;

	DL_FOREACH_SAFE(control->calls, call, next) {
		if (call->peer != peer)
			continue;
		call->peer = NULL;
		if (!call->lasting)
			call_free(call);
	}
}

/* -- arguments ---------------------------------------------------------------- */

void
args_init(struct args *args, const struct call *call)
{
	args->failed = false;
	(void) dbus_message_iter_init(call->message, &args->it);
}

const char *
args_string(struct args *args)
{
	const char *s = "";

	dbus_message_iter_get_basic(&args->it, &s);
	(void) dbus_message_iter_next(&args->it);
	return s;
}

bool
args_bool(struct args *args)
{
	dbus_bool_t b = FALSE;

	dbus_message_iter_get_basic(&args->it, &b);
	(void) dbus_message_iter_next(&args->it);
	return b;
}

char **
args_strv(struct args *args)
{
	DBusMessageIter array;
	size_t n = 0;
	char **v;

	dbus_message_iter_recurse(&args->it, &array);
	for (DBusMessageIter it = array; dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_STRING;
	     (void) dbus_message_iter_next(&it))
		n++;
	(void) dbus_message_iter_next(&args->it);
	if (n == 0)
		return NULL;
	v = calloc(n + 1, sizeof(*v)); /* once: appending one by one costs the square of it */
	for (size_t i = 0; v != NULL && i < n; i++) {
		const char *s;

		dbus_message_iter_get_basic(&array, &s);
		v[i] = strdup(s);
		if (v[i] == NULL)
			v = strv_free(v);
		(void) dbus_message_iter_next(&array);
	}
	if (v == NULL)
		args->failed = true;
	return v;
}

int
args_fd(struct args *args)
{
	int fd = -1;

	dbus_message_iter_get_basic(&args->it, &fd);
	(void) dbus_message_iter_next(&args->it);
	if (fd < 0)
		args->failed = true;
	return fd;
}
