/* SPDX-License-Identifier: MIT */
#include "bridges/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bridges/timing.h"
#include "common/log.h"
#include "common/str.h"

#define UNDER_WAY_MAX 64
#define NO_MEMORY_PAUSE_USEC 100000
#define COMPLAINT_EVERY (10 * USEC_PER_SEC)
#define RANDOM_BYTES 16
#define TOKEN_SIZE (2 * RANDOM_BYTES + 1 + 20 + 1) /* random part, '-', number, end */

enum tokens {
	TOKENS_UNKNOWN, /* one event is sent to find out */
	TOKENS_KNOWN,
	TOKENS_NONE, /* an init without them */
};

struct sender {
	struct peer *peer;   /* borrowed */
	struct queue *queue; /* borrowed */
	sender_idle_fn idle;
	void *data;           /* borrowed: theirs */
	struct event *retry;  /* owned: for when memory was short */
	enum tokens tokens;
	char secret[2 * RANDOM_BYTES + 1]; /* what makes our tokens ours */
	struct ratelimit refused, full;
};

/* An event that was sent. */
struct sender_call {
	struct sender *sender;
	uint64_t id;
};

/* Say, not too often, how many events were lost because there were too many. */
static void
report_dropped(struct sender *sender)
{
	static const struct timeval later = { COMPLAINT_EVERY / USEC_PER_SEC, 0 };
	unsigned long withheld;

	if (sender->queue->dropped == 0)
		return;
	if (ratelimit_pass(&sender->full, timing_now(), &withheld))
		log_warn("Dropped %lu events: there are more than init takes", queue_take_dropped(sender->queue));
	else if (!event_pending(sender->retry, EV_TIMEOUT, NULL))
		(void) event_add(sender->retry, &later);
}

static void
report_refused(struct sender *sender, const char *why)
{
	unsigned long withheld;

	if (!ratelimit_pass(&sender->refused, timing_now(), &withheld))
		return;
	if (withheld > 0)
		log_warn("%lu more events were refused", withheld);
	log_warn("init refuses an event: %s", why);
}

/* -- messages ----------------------------------------------------------------- */

static bool
append_env(DBusMessageIter *iter, char *const *env)
{
	DBusMessageIter array;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING_AS_STRING, &array))
		return false;
	for (; env && *env; env++) {
		if (!dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, env)) {
			dbus_message_iter_abandon_container(iter, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(iter, &array);
}

/* {NAME: <value>}, of a basic type. */
static bool
append_option(DBusMessageIter *options, const char *name, const char *type, const void *value)
{
	DBusMessageIter entry, variant;

	return dbus_message_iter_open_container(options, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
	       dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	       dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant) &&
	       dbus_message_iter_append_basic(&variant, type[0], value) &&
	       dbus_message_iter_close_container(&entry, &variant) && dbus_message_iter_close_container(options, &entry);
}

static bool
append_only(DBusMessageIter *options, const char *path)
{
	const char *name = "only";
	DBusMessageIter entry, variant, array;

	return dbus_message_iter_open_container(options, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
	       dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	       dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "ao", &variant) &&
	       dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, DBUS_TYPE_OBJECT_PATH_AS_STRING, &array) &&
	       dbus_message_iter_append_basic(&array, DBUS_TYPE_OBJECT_PATH, &path) &&
	       dbus_message_iter_close_container(&variant, &array) &&
	       dbus_message_iter_close_container(&entry, &variant) && dbus_message_iter_close_container(options, &entry);
}

static bool
append_options(DBusMessageIter *iter, const char *token, const char *only)
{
	const dbus_bool_t literal = TRUE;
	DBusMessageIter options;

	return dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &options) &&
	       append_option(&options, "token", DBUS_TYPE_STRING_AS_STRING, &token) &&
	       append_option(&options, "literal", DBUS_TYPE_BOOLEAN_AS_STRING, &literal) && append_only(&options, only) &&
	       dbus_message_iter_close_container(iter, &options);
}

static const char *
event_method(const struct queue_event *event, bool token)
{
	if (!token)
		return "EmitEvent";
	return event->only ? "EmitEventWithOptions" : "EmitEventWithToken";
}

/* NULL: out of memory. */
static DBusMessage *
event_message(const struct sender *sender, const struct queue_event *event)
{
	bool token = sender->tokens != TOKENS_NONE, done;
	DBusMessage *message = dbus_message_new_method_call(NULL, MANAGER_PATH, token ? MANAGER2_INTERFACE : MANAGER_INTERFACE,
							    event_method(event, token));
	const dbus_bool_t wait = FALSE;
	char text[TOKEN_SIZE];
	const char *p = text;
	DBusMessageIter iter;

	if (!message)
		return NULL;
	(void) snprintf(text, sizeof(text), "%s-%llu", sender->secret, (unsigned long long) event->id);
	dbus_message_iter_init_append(message, &iter);
	done = dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &event->name) && append_env(&iter, event->env);
	if (done && token && event->only)
		done = append_options(&iter, text, event->only);
	else if (done)
		done = dbus_message_iter_append_basic(&iter, DBUS_TYPE_BOOLEAN, &wait) &&
		       (!token || dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &p));
	if (done)
		return message;
	dbus_message_unref(message);
	return NULL;
}

/* True if the answer says that init knows no tokens. */
static bool
has_no_tokens(DBusMessage *reply)
{
	return dbus_message_is_error(reply, DBUS_ERROR_UNKNOWN_METHOD) ||
	       dbus_message_is_error(reply, DBUS_ERROR_UNKNOWN_INTERFACE);
}

static void
answered_cb(void *data, DBusMessage *reply)
{
	const struct sender_call *call = data;
	struct sender *sender = call->sender;
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);

	if (sender->tokens == TOKENS_UNKNOWN) {
		/* Only one event was under way. */
		if (error && has_no_tokens(reply)) {
			sender->tokens = TOKENS_NONE;
			queue_rewind(sender->queue);
			sender_pump(sender);
			return;
		}
		sender->tokens = TOKENS_KNOWN;
	}
	if (error)
		report_refused(sender, error);
	(void) queue_remove(sender->queue, call->id);
	sender_pump(sender);
}

/* 0, -ENOTCONN or -ENOMEM. */
static int
send_first(struct sender *sender)
{
	const struct queue_event *event = sender->queue->unsent;
	struct sender_call *call = malloc(sizeof(*call));

	if (!call)
		return -ENOMEM;
	*call = (struct sender_call) { sender, event->id };
	return peer_call(sender->peer, event_message(sender, event), answered_cb, call, free);
}

void
sender_pump(struct sender *sender)
{
	static const struct timeval pause = { 0, NO_MEMORY_PAUSE_USEC };
	struct queue *queue = sender->queue;
	size_t window = sender->tokens == TOKENS_UNKNOWN ? 1 : UNDER_WAY_MAX;

	report_dropped(sender);
	while (queue->unsent && queue->sent < window && peer_is_up(sender->peer)) {
		int r = send_first(sender);

		if (r == -ENOMEM)
			(void) event_add(sender->retry, &pause);
		if (r < 0)
			return;
		queue_mark_sent(queue);
	}
	if (queue->count == 0 && sender->idle)
		sender->idle(sender->data);
}

void
sender_up(struct sender *sender)
{
	sender->tokens = TOKENS_UNKNOWN;
	sender_pump(sender);
}

void
sender_down(struct sender *sender)
{
	size_t lost;

	if (sender->tokens != TOKENS_NONE) {
		queue_rewind(sender->queue);
		return;
	}
	lost = queue_forget_sent(sender->queue);
	if (lost > 0)
		log_warn("%zu events may have been lost with the connection", lost);
}

static void
retry_cb(evutil_socket_t fd, short what, void *data)
{
	sender_pump(data);
}

/* Tokens need not be secret, only different from all others; time and pid do when there is no random. */
static void
make_secret(struct sender *sender)
{
	unsigned char random[RANDOM_BYTES] = { 0 };

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t) sizeof(random)) {
		usec_t now = timing_now();
		pid_t pid = getpid();

		memcpy(random, &now, sizeof(now));
		memcpy(random + sizeof(now), &pid, sizeof(pid));
	}
	for (size_t i = 0; i < sizeof(random); i++)
		(void) snprintf(sender->secret + 2 * i, 3, "%02x", random[i]);
}

struct sender *
sender_new(struct event_base *base, struct peer *peer, struct queue *queue, sender_idle_fn idle, void *data)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return NULL;
	*sender = (struct sender) {
		.peer = peer,
		.queue = queue,
		.idle = idle,
		.data = data,
		.refused = RATELIMIT_INIT(COMPLAINT_EVERY),
		.full = RATELIMIT_INIT(COMPLAINT_EVERY),
	};
	make_secret(sender);
	sender->retry = event_new(base, -1, 0, retry_cb, sender);
	return sender->retry ? sender : sender_free(sender);
}

struct sender *
sender_free(struct sender *sender)
{
	if (!sender)
		return NULL;
	if (sender->retry)
		event_free(sender->retry);
	free(sender);
	return NULL;
}
