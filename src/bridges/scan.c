/* SPDX-License-Identifier: MIT */
/*
 * Signals of new and removed jobs come by themselves on a private connection, so they are heard from the first moment;
 * then all jobs are listed, then each one's properties are read. A job that appears in between is read twice, and the
 * later answer replaces the earlier. Rounds tell after a reconnection which jobs went in the meantime.
 */
#include "bridges/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* A job whose file changes goes and comes: that it went is told only if it does not come at once. */
#define GONE_DELAY_USEC 100000

struct scan {
	struct peer *peer;          /* borrowed */
	struct terms *terms;        /* borrowed */
	const struct scan_ops *ops; /* borrowed */
	void *data;                 /* borrowed: theirs */
	uint64_t round;
	uint64_t requests;
	bool details;
	size_t outstanding; /* answers of this round still to come */
	bool changed;       /* since done() was called */
	struct event *gone; /* owned: tells that a job went */
};

/* A job whose properties were asked for. */
struct scan_job {
	struct scan *scan;
	uint64_t request;
	uint64_t round;
	struct term_list list; /* owned: those of the first answer, while the second is awaited */
	char *name;            /* owned, as all */
	char *file, *instance;
	char path[];
};

static void
scan_job_free(void *data)
{
	struct scan_job *asked = data;

	term_list_deinit(&asked->list);
	free(asked->name);
	free(asked->file);
	free(asked->instance);
	free(asked);
}

/* One answer less to wait for; the last one means that all is known. */
static void
settle(struct scan *scan)
{
	bool changed = scan->changed;

	if (--scan->outstanding > 0)
		return;
	(void) event_del(scan->gone);
	scan->changed = false;
	scan->ops->done(scan->data, changed);
}

/* -- properties --------------------------------------------------------------- */

static int
read_words(DBusMessageIter *array, char ***words)
{
	DBusMessageIter item;
	const char *word;
	int r = 0;

	if (dbus_message_iter_get_element_type(array) != DBUS_TYPE_STRING)
		return -EBADMSG;
	dbus_message_iter_recurse(array, &item);
	for (; r == 0 && dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_STRING; dbus_message_iter_next(&item)) {
		dbus_message_iter_get_basic(&item, &word);
		r = strv_add(words, word);
	}
	return r;
}

/* The terms of one condition: an array of arrays of strings, in a variant. */
static int
read_condition(DBusMessageIter *variant, enum term_place place, struct term_list *list)
{
	DBusMessageIter value, item;
	int r = 0;

	dbus_message_iter_recurse(variant, &value);
	if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(&value) != DBUS_TYPE_ARRAY)
		return -EBADMSG;
	dbus_message_iter_recurse(&value, &item);
	for (; r == 0 && dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_ARRAY; dbus_message_iter_next(&item)) {
		char **words auto_strv = NULL;

		r = read_words(&item, &words);
		if (r == 0)
			r = term_list_add(list, place, words);
	}
	return r;
}

static int
read_text(DBusMessageIter *variant, char **text)
{
	DBusMessageIter value;
	const char *p;

	dbus_message_iter_recurse(variant, &value);
	if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_STRING)
		return -EBADMSG;
	dbus_message_iter_get_basic(&value, &p);
	free(steal(text));
	return str_copy(text, p);
}

/* One property, if it is one that matters. */
static int
read_property(DBusMessageIter *entry, struct scan_job *asked)
{
	DBusMessageIter item;
	const char *name;

	dbus_message_iter_recurse(entry, &item);
	if (dbus_message_iter_get_arg_type(&item) != DBUS_TYPE_STRING)
		return -EBADMSG;
	dbus_message_iter_get_basic(&item, &name);
	if (!dbus_message_iter_next(&item) || dbus_message_iter_get_arg_type(&item) != DBUS_TYPE_VARIANT)
		return -EBADMSG;
	if (strcmp(name, "start_on") == 0)
		return read_condition(&item, TERM_START, &asked->list);
	if (strcmp(name, "stop_on") == 0)
		return read_condition(&item, TERM_STOP, &asked->list);
	if (!asked->scan->details)
		return 0;
	if (strcmp(name, "while") == 0)
		return read_condition(&item, TERM_WHILE, &asked->list);
	if (strcmp(name, "name") == 0)
		return read_text(&item, &asked->name);
	if (strcmp(name, "path") == 0)
		return read_text(&item, &asked->file);
	return strcmp(name, "instance") == 0 ? read_text(&item, &asked->instance) : 0;
}

static int
read_properties(DBusMessage *reply, struct scan_job *asked)
{
	DBusMessageIter iter, entry;
	int r = 0;

	if (!dbus_message_has_signature(reply, "a{sv}"))
		return -EBADMSG;
	if (!dbus_message_iter_init(reply, &iter))
		return -EBADMSG;
	dbus_message_iter_recurse(&iter, &entry);
	for (; r == 0 && dbus_message_iter_get_arg_type(&entry) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&entry))
		r = read_property(&entry, asked);
	return r;
}

/* All that was asked about the job is there. */
static void
take_job(struct scan *scan, struct terms_job *job, struct scan_job *asked)
{
	if (scan->details)
		terms_describe(job, &asked->name, &asked->file, &asked->instance);
	scan->changed |= terms_set(job, &asked->list);
}

static void ask_details(struct scan *scan, struct scan_job *asked);

/* The properties of a job have come; it may be gone since, or be asked about again. */
static void
take_properties(struct scan *scan, struct scan_job *asked, DBusMessage *reply)
{
	struct terms_job *job = terms_get(scan->terms, asked->path);
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);
	int r;

	if (!job || job->request != asked->request)
		return;
	if (error) {
		if (dbus_message_is_error(reply, DBUS_ERROR_UNKNOWN_METHOD) ||
		    dbus_message_is_error(reply, DBUS_ERROR_UNKNOWN_OBJECT))
			log_debug("%s is gone", asked->path);
		else
			log_warn("Unable to read the conditions of %s: %s", asked->path, error);
		scan->changed |= terms_remove(scan->terms, job);
		return;
	}
	r = read_properties(reply, asked);
	if (r < 0)
		log_warn("Unable to read the conditions of %s: %s", asked->path, strerror(-r));
	else if (scan->details)
		ask_details(scan, asked);
	else
		take_job(scan, job, asked);
}

/* What only Upstart 2 knows; another init answers with an error, which is none. */
static void
details_cb(void *data, DBusMessage *reply)
{
	struct scan_job *asked = data;
	struct scan *scan = asked->scan;
	struct terms_job *job = terms_get(scan->terms, asked->path);

	if (job && job->request == asked->request) {
		if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR && read_properties(reply, asked) < 0)
			log_warn("Unable to read the states that %s asks for", asked->path);
		take_job(scan, job, asked);
	}
	if (asked->round == scan->round)
		settle(scan);
}

static void
properties_cb(void *data, DBusMessage *reply)
{
	struct scan_job *asked = data;

	take_properties(asked->scan, asked, reply);
	if (asked->round == asked->scan->round)
		settle(asked->scan);
}

static DBusMessage *
properties_message(const char *path, const char *interface)
{
	DBusMessage *message = dbus_message_new_method_call(NULL, path, DBUS_INTERFACE_PROPERTIES, "GetAll");

	if (message && !dbus_message_append_args(message, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		return NULL;
	}
	return message;
}

/* Ask on, with what is known already. */
static void
ask_details(struct scan *scan, struct scan_job *asked)
{
	size_t size = strlen(asked->path) + 1;
	struct scan_job *next = calloc(1, sizeof(*next) + size);
	int r = -ENOMEM;

	if (next) {
		*next = *asked;
		memcpy(next->path, asked->path, size);
		asked->list = (struct term_list) { 0 };
		asked->name = asked->file = asked->instance = NULL;
		r = peer_call(scan->peer, properties_message(next->path, JOB2_INTERFACE), details_cb, next, scan_job_free);
	}
	if (r == 0 && asked->round == scan->round)
		scan->outstanding++;
	else if (r < 0 && r != -ENOTCONN)
		log_error("Unable to ask for the states of %s: %s", asked->path, strerror(-r));
}

/* Ask for the conditions of the job at `path`. */
static void
ask_properties(struct scan *scan, const char *path)
{
	struct terms_job *job = terms_get(scan->terms, path);
	size_t size = strlen(path) + 1;
	struct scan_job *asked = calloc(1, sizeof(*asked) + size);
	int r = -ENOMEM;

	if (!job)
		job = terms_add(scan->terms, path);
	if (job) {
		job->round = scan->round;
		job->request = ++scan->requests;
	}
	if (job && asked) {
		asked->scan = scan;
		asked->request = job->request;
		asked->round = scan->round;
		memcpy(asked->path, path, size);
		r = peer_call(scan->peer, properties_message(path, JOB_INTERFACE), properties_cb, asked, scan_job_free);
	} else {
		free(asked);
	}
	if (r == 0)
		scan->outstanding++;
	else if (r != -ENOTCONN) /* a lost connection leads to a new scan */
		log_error("Unable to ask for the conditions of %s: %s", path, strerror(-r));
}

/* -- the list ----------------------------------------------------------------- */

/* Forget those that were not seen in this round. */
static void
sweep(struct scan *scan)
{
	struct terms_job *job = scan->terms->jobs, *next;

	for (; job; job = next) {
		next = job->next;
		if (job->round != scan->round)
			scan->changed |= terms_remove(scan->terms, job);
	}
}

static void
list_cb(void *data, DBusMessage *reply)
{
	struct scan *scan = data;
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);
	DBusMessageIter iter, item;
	const char *path;

	if (error || !dbus_message_has_signature(reply, "ao")) {
		scan->outstanding--;
		scan->ops->failed(scan->data, error ? error : "Unexpected answer");
		return;
	}
	if (dbus_message_iter_init(reply, &iter)) {
		dbus_message_iter_recurse(&iter, &item);
		for (; dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_OBJECT_PATH; dbus_message_iter_next(&item)) {
			dbus_message_iter_get_basic(&item, &path);
			ask_properties(scan, path);
		}
	}
	sweep(scan);
	settle(scan);
}

void
scan_start(struct scan *scan)
{
	DBusMessage *message = dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER_INTERFACE, "GetAllJobs");
	int r;

	scan->round++;
	scan->outstanding = 1;
	r = peer_call(scan->peer, message, list_cb, scan, NULL);
	if (r < 0) {
		scan->outstanding = 0;
		if (r != -ENOTCONN)
			scan->ops->failed(scan->data, strerror(-r));
	}
}

/* -- changes ------------------------------------------------------------------ */

static void
gone_cb(evutil_socket_t fd, short what, void *data)
{
	struct scan *scan = data;

	/* If answers are awaited, the last of them tells. */
	if (scan->outstanding > 0)
		return;
	scan->outstanding = 1;
	settle(scan);
}

static void
job_removed(struct scan *scan, const char *path)
{
	static const struct timeval delay = { 0, GONE_DELAY_USEC };
	struct terms_job *job = terms_get(scan->terms, path);

	if (!job)
		return;
	scan->changed |= terms_remove(scan->terms, job);
	if (scan->outstanding == 0 && scan->changed && event_add(scan->gone, &delay) < 0)
		gone_cb(-1, 0, scan);
}

void
scan_signal(struct scan *scan, DBusMessage *message)
{
	bool added = dbus_message_is_signal(message, MANAGER_INTERFACE, "JobAdded");
	const char *path;

	if (!added && !dbus_message_is_signal(message, MANAGER_INTERFACE, "JobRemoved"))
		return;
	if (!dbus_message_has_path(message, MANAGER_PATH) || scan->round == 0 ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID))
		return;
	if (added)
		ask_properties(scan, path);
	else
		job_removed(scan, path);
}

struct scan *
scan_new(struct event_base *base, struct peer *peer, struct terms *terms, bool details, const struct scan_ops *ops,
	 void *data)
{
	struct scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return NULL;
	*scan = (struct scan) { .peer = peer, .terms = terms, .details = details, .ops = ops, .data = data };
	scan->gone = event_new(base, -1, 0, gone_cb, scan);
	return scan->gone ? scan : scan_free(scan);
}

struct scan *
scan_free(struct scan *scan)
{
	if (!scan)
		return NULL;
	if (scan->gone)
		event_free(scan->gone);
	free(scan);
	return NULL;
}
