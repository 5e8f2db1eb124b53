/* SPDX-License-Identifier: MIT */
/*
 * A job that is still running when its time comes is not started again: init would see to that, but would not say so, and
 * MISSED=run wants the run to follow. So its instances are asked for first.
 */
#include <errno.h>
#include <string.h>

#include "bridges/time_bridge.h"
#include "common/log.h"
#include "libupstart/upstart.h"


/* An event that waits for an answer. */
struct due {
	struct time_bridge *tb; /* borrowed */
	char *key;              /* owned: of the timer, which may be gone meanwhile */
	char *job, *only;       /* owned */
	char **env;             /* owned */
	bool run_missed;
	bool answered;
};

const char *
time_env(char *const *env, const char *key)
{
	size_t n = strlen(key);

	for (; env && *env; env++) {
		if (strncmp(*env, key, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	}
	return NULL;
}

static void
emit(struct time_bridge *tb, const char *only, char *const *env)
{
	bridge_emit_to(tb->bridge, SCHEDULE_EVENT, env, only);
}

/* What the event says: the condition's words, then what came of them. NULL: out of memory. */
static char **
event_env(const struct want *want, const struct timer *timer, int64_t scheduled)
{
	char then[SCHEDULE_TIME_MAX], now[SCHEDULE_TIME_MAX];
	struct timers_now clocks;
	char **env = NULL;
	int r = want->words ? strv_dup(&env, want->words) : 0;

	clocks_read(&clocks);
	(void) schedule_time(then, timer->zone, scheduled);
	(void) schedule_time(now, timer->zone, (int64_t) (clocks.at[TIMERS_REAL] / USEC_PER_SEC));
	if (r == 0)
		r = strv_take(&env, str_printf("SCHEDULED=%s", then));
	if (r == 0)
		r = strv_take(&env, str_printf("NOW=%s", now));
	if (r == 0)
		r = strv_take(&env, str_printf("RUN=%llu", (unsigned long long) timer->root->runs));
	return r == 0 ? env : strv_free(env);
}

/* -- is it running? ---------------------------------------------------------------- */

static void
due_free(void *data)
{
	struct due *due = data;

	/* The connection was lost before the answer: init comes back, and takes the event. */
	if (!due->answered && !due->tb->closing)
		emit(due->tb, due->only, due->env);
	free(due->key);
	free(due->job);
	free(due->only);
	(void) strv_free(due->env);
	free(due);
}

/* Does the answer name an instance? */
static bool
has_instances(DBusMessage *reply)
{
	DBusMessageIter iter, item;

	if (!dbus_message_has_signature(reply, "ao") || !dbus_message_iter_init(reply, &iter))
		return false;
	dbus_message_iter_recurse(&iter, &item);
	return dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_OBJECT_PATH;
}

static void
instances_cb(void *data, DBusMessage *reply)
{
	struct due *due = data;
	struct timer *timer = timers_find(&due->tb->timers, due->key);
	const char *when = time_env(due->env, "SCHEDULED");

	due->answered = true;
	if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR || !has_instances(reply)) {
		emit(due->tb, due->only, due->env);
		return;
	}
	if (due->run_missed && timer) {
		struct want *want = timer->data;

		log_message("%s is still running: the run of %s follows", due->job, when);
		(void) strv_free(want->pending);
		want->pending = steal(&due->env);
		return;
	}
	log_message("%s is still running: the run of %s is skipped", due->job, when);
}

/* Ask, and go on in instances_cb(). False: it can't be asked. Takes over *env then. */
static bool
ask(struct time_bridge *tb, const struct timer *timer, const struct want *want, char ***env)
{
	struct due *due = calloc(1, sizeof(*due));
	DBusMessage *message;

	if (!due)
		return false;
	due->tb = tb;
	due->run_missed = timer->schedule.run_missed;
	due->env = steal(env);
	due->key = strdup(timer->key);
	due->job = strdup(want->job);
	due->only = strdup(want->path);
	if (!due->key || !due->job || !due->only) {
		due->answered = true;
		*env = steal(&due->env);
		due_free(due);
		return false;
	}
	message = dbus_message_new_method_call(NULL, want->path, JOB_INTERFACE, "GetAllInstances");
	/* If it fails the event is sent all the same: by due_free(). */
	(void) !bridge_call(tb->bridge, message, instances_cb, due, due_free);
	return true;
}

/* -- when it is due ------------------------------------------------------------------ */

/* The instance of the job itself that the timer went after; NULL: it went after something else. Owned. */
static char *
own_instance(const struct want *want, const struct timers_entry *entry)
{
	const char *end = entry->instance ? strchr(entry->instance, '\n') : NULL;

	if (!end || strncmp(entry->instance, want->job, (size_t) (end - entry->instance)) != 0 ||
	    want->job[end - entry->instance] != '\0')
		return NULL;
	return upstart_instance_path(want->path, end + 1);
}

void
time_emit(struct time_bridge *tb, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late)
{
	struct want *want = timer->data;
	char **env auto_strv = event_env(want, timer, scheduled);
	char *only auto_free = want->place == TERM_STOP ? own_instance(want, entry) : NULL;

	if (!env) {
		log_error("Out of memory: %s misses its time", want->job);
		return;
	}
	log_info("%s: %s on time, scheduled for %s%s", want->job, want->place == TERM_STOP ? "stop" : "start",
		 time_env(env, "SCHEDULED"), late ? ", late" : "");
	if (want->place == TERM_START && want->single && ask(tb, timer, want, &env))
		return;
	emit(tb, only ? only : want->path, env);
}

void
time_emit_pending(struct time_bridge *tb, const char *name, char *const *env)
{
	const char *job = time_env(env, "JOB");

	if (!job || strcmp(name, "stopped") != 0)
		return;
	for (struct timer *timer = tb->timers.list; timer; timer = timer->next) {
		struct want *want = timer->data;

		if (!want->pending || strcmp(want->job, job) != 0)
			continue;
		emit(tb, want->path, want->pending);
		want->pending = strv_free(want->pending);
	}
}

/* -- windows --------------------------------------------------------------------------- */

static bool
append_strings(DBusMessageIter *iter, char *const *v)
{
	DBusMessageIter array;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "s", &array))
		return false;
	for (; v && *v; v++) {
		if (!dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, v)) {
			dbus_message_iter_abandon_container(iter, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(iter, &array);
}

static bool
append_windows(struct time_bridge *tb, DBusMessageIter *iter)
{
	DBusMessageIter array, options;

	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "as", &array))
		return false;
	for (struct timer *timer = tb->timers.list; timer; timer = timer->next) {
		const struct want *want = timer->data;

		if (timer->schedule.kind == SCHEDULE_BETWEEN && timer->holds && !append_strings(&array, want->words)) {
			dbus_message_iter_abandon_container(iter, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(iter, &array) &&
	       dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &options) &&
	       dbus_message_iter_close_container(iter, &options);
}

static void
windows_cb(void *data, DBusMessage *reply)
{
	struct time_bridge *tb = data;
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);

	if (!error)
		return;
	if (!tb->no_states)
		log_warn("Windows of time are not told to init: %s", error);
	tb->no_states = true;
}

void
time_emit_windows(struct time_bridge *tb)
{
	const char *name = SCHEDULE_EVENT;
	DBusMessage *message;
	DBusMessageIter iter;
	bool any = false;

	for (struct timer *timer = tb->timers.list; timer && !any; timer = timer->next)
		any = timer->schedule.kind == SCHEDULE_BETWEEN;
	/* Before the clock can be believed nothing is known of windows; nothing is said of them, then. */
	if (!tb->timers.calendars || (!any && !tb->windows_told))
		return;
	message = dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER2_INTERFACE, "ReplaceStates");
	if (message) {
		dbus_message_iter_init_append(message, &iter);
		if (!dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &name) || !append_windows(tb, &iter)) {
			dbus_message_unref(message);
			message = NULL;
		}
	}
	if (bridge_call(tb->bridge, message, windows_cb, tb, NULL) == -ENOMEM)
		log_error("Out of memory: init is not told which windows of time hold");
	/* If there is no connection: it is told when there is one again. */
	tb->windows_told = true;
	tb->windows_changed = false;
}
