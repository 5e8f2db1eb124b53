/* SPDX-License-Identifier: MIT */
/*
 * Requests that do not wait: they are sent, and answered while the connection is dispatched. One that has a token is
 * sent again over every new connection until it is answered, since it is the same request then.
 */
#include "libupstart/client.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

struct client_async {
	struct client_async *prev, *next;
	struct upstart *conn;	  /* borrowed */
	DBusMessage *message;	  /* ref: what is sent */
	DBusMessage *older;	  /* ref: for an init that does not know the first; NULL: none */
	DBusPendingCall *pending; /* ref; NULL: to be sent over the next connection */
	bool resent;
	bool repeatable; /* has a token */
	upstart_answer_fn answer;
	void *data;
};

static void
drop_pending(struct client_async *a)
{
	if (!a->pending)
		return;
	if (!dbus_pending_call_get_completed(a->pending))
		dbus_pending_call_cancel(a->pending);
	dbus_pending_call_unref(a->pending);
	a->pending = NULL;
}

/* Answered: it goes before its asker hears of it, who may ask for more. */
static void
finish(struct client_async *a, int result, const struct upstart_error *err, const char *instance)
{
	struct upstart *conn = a->conn;
	upstart_answer_fn answer = a->answer;
	void *data = a->data;

	drop_pending(a);
	DL_DELETE(conn->async, a);
	dbus_message_unref(a->message);
	if (a->older)
		dbus_message_unref(a->older);
	free(a);
	answer(result, err, instance, data);
}

static void
finish_failed(struct client_async *a, int result, const char *name, const char *text)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	(void) client_error(&err, result, name, text);
	finish(a, result, &err, NULL);
	upstart_error_clear(&err);
}

static bool send_request(struct client_async *a);

static void
answered_cb(DBusPendingCall *pending, void *data)
{
	struct client_async *a = data;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	DBusError error = DBUS_ERROR_INIT;
	const char *path = NULL;

	if (!reply)
		return;
	if (!dbus_set_error_from_message(&error, reply)) {
		a->conn->heard = true;
		(void) dbus_message_get_args(reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID);
		finish(a, 0, NULL, path);
	} else if (!dbus_connection_get_is_connected(a->conn->dbus) && a->repeatable) {
		drop_pending(a); /* not init has answered: asked again when it can be */
	} else if (a->older && !a->resent && dbus_error_has_name(&error, DBUS_ERROR_UNKNOWN_METHOD)) {
		drop_pending(a);
		dbus_message_unref(a->message);
		a->message = a->older;
		a->older = NULL;
		a->repeatable = false;
		if (!send_request(a))
			finish_failed(a, -ENOMEM, DBUS_ERROR_NO_MEMORY, "Out of memory");
	} else {
		finish_failed(a, dbus_connection_get_is_connected(a->conn->dbus) ? -EREMOTEIO : -ENOTCONN, error.name,
			      error.message ? error.message : error.name);
	}
	dbus_error_free(&error);
	dbus_message_unref(reply);
}

/* False when out of memory. Without a connection it is left for the next. */
static bool
send_request(struct client_async *a)
{
	DBusMessage *copy = dbus_message_copy(a->message);
	bool done = copy && dbus_connection_send_with_reply(a->conn->dbus, copy, &a->pending, DBUS_TIMEOUT_INFINITE);

	if (done && a->pending && !dbus_pending_call_set_notify(a->pending, answered_cb, a, NULL)) {
		drop_pending(a);
		done = false;
	}
	if (copy)
		dbus_message_unref(copy);
	return done;
}

void
client_async_suspend(struct upstart *u)
{
	struct client_async *a;

	DL_FOREACH(u->async, a)
		drop_pending(a);
}

void
client_async_resume(struct upstart *u)
{
	struct client_async *a, *next;

	DL_FOREACH_SAFE(u->async, a, next) {
		if (a->pending)
			continue;
		a->resent = true;
		if (!a->repeatable)
			finish_failed(a, -ENOTCONN, DBUS_ERROR_DISCONNECTED,
				      "Connection was disconnected before a reply was received");
		else if (!send_request(a))
			finish_failed(a, -ENOMEM, DBUS_ERROR_NO_MEMORY, "Out of memory");
	}
}

void
client_async_fail(struct upstart *u, int result, const char *name, const char *text)
{
	/* What is asked for meanwhile is not among them. */
	struct client_async *last = u->async ? u->async->prev : NULL;
	bool more = last != NULL;

	while (more) {
		more = u->async != last;
		finish_failed(u->async, result, name, text);
	}
}

int
client_async(struct upstart *u, DBusMessage *message, DBusMessage *older, upstart_answer_fn answer, void *data,
	     struct upstart_error *err)
{
	struct client_async *a = calloc(1, sizeof(*a));

	if (!a) {
		dbus_message_unref(message);
		if (older)
			dbus_message_unref(older);
		return client_nomem(err);
	}
	*a = (struct client_async){ .conn = u,
				    .message = message,
				    .older = older,
				    .repeatable = older != NULL,
				    .answer = answer,
				    .data = data };
	DL_APPEND(u->async, a);
	if (!u->dbus || send_request(a))
		return 0;
	DL_DELETE(u->async, a);
	dbus_message_unref(message);
	if (older)
		dbus_message_unref(older);
	free(a);
	return client_nomem(err);
}

/* ---- what can be asked ---- */

static int
job_async(struct upstart *conn, const char *job, const char *member, const char *member2, char *const *env,
	  upstart_answer_fn answer, void *data, struct upstart_error *err)
{
	const struct call old = { job, JOB_INTERFACE, member, CALL_WAIT_ONCE, "ab" };
	const struct call new = { job, JOB2_INTERFACE, member2, CALL_WAIT_TOKEN, "abs" };
	DBusMessage *message = NULL, *older = NULL;
	char token[TOKEN_SIZE];
	int r = client_message(conn, &old, &older, err, env, 1);

	if (r < 0)
		return r;
	if (conn->transport != UPSTART_PRIVATE)
		return client_async(conn, older, NULL, answer, data, err);
	r = client_token(token, err);
	if (r == 0)
		r = client_message(conn, &new, &message, err, env, 1, token);
	if (r < 0) {
		dbus_message_unref(older);
		return r;
	}
	return client_async(conn, message, older, answer, data, err);
}

int
upstart_job_start_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
			struct upstart_error *err)
{
	return job_async(conn, job, "Start", "StartWithToken", env, answer, data, err);
}

int
upstart_job_stop_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
		       struct upstart_error *err)
{
	return job_async(conn, job, "Stop", "StopWithToken", env, answer, data, err);
}

int
upstart_job_restart_async(struct upstart *conn, const char *job, char *const *env, upstart_answer_fn answer, void *data,
			  struct upstart_error *err)
{
	return job_async(conn, job, "Restart", "RestartWithToken", env, answer, data, err);
}

int
upstart_emit_async(struct upstart *conn, const char *event, char *const *env, upstart_answer_fn answer, void *data,
		   struct upstart_error *err)
{
	const struct call old = { MANAGER_PATH, MANAGER_INTERFACE, "EmitEvent", CALL_WAIT_ONCE, "sab" };
	const struct call new = { MANAGER_PATH, MANAGER2_INTERFACE, "EmitEventWithToken", CALL_WAIT_TOKEN, "sabs" };
	DBusMessage *message = NULL, *older = NULL;
	char token[TOKEN_SIZE];
	int r = client_message(conn, &old, &older, err, event, env, 1);

	if (r < 0)
		return r;
	if (conn->transport != UPSTART_PRIVATE)
		return client_async(conn, older, NULL, answer, data, err);
	r = client_token(token, err);
	if (r == 0)
		r = client_message(conn, &new, &message, err, event, env, 1, token);
	if (r < 0) {
		dbus_message_unref(older);
		return r;
	}
	return client_async(conn, message, older, answer, data, err);
}
