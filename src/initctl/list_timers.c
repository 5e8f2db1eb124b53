/* SPDX-License-Identifier: MIT */
/*
 * What the clock holds for jobs. Which schedules there are init tells; when they fall due stands in the ledger of
 * upstart-time-bridge (schedule/ledger.h), which is asked nothing: so it need not answer, or even run. A window has no
 * record there, its next change follows from the time alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "initctl/commands.h"
#include "initctl/definitions.h"
#include "initctl/json.h"
#include "initctl/why.h"
#include "schedule/ledger.h"
#include "schedule/places.h"
#include "schedule/schedule.h"

enum { NEVER = 0 }; /* no time: seconds since 1970 */

struct row {
	const struct upstart_job *job; /* borrowed, as all here */
	const char *stanza;
	char *const *words;            /* of the schedule */
	uint64_t id;                   /* of its record */
	int64_t next, last;            /* NEVER: not known, or there is none */
	uint64_t runs;
	const char *instance; /* JOB, newline, INSTANCE: whose event it goes after; NULL: nobody's */
	bool window, holds;
	char *text;  /* owned: the term as in a job file */
	char *fault; /* owned: what is wrong with the schedule; NULL: nothing */
	size_t order;
};

struct list {
	const struct initctl *ctl;
	struct ledger ledger;
	struct zone *zone; /* owned: the system's */
	struct row *rows;  /* owned */
	size_t count, room, first; /* `first`: of the rows of the job at hand */
	const struct upstart_job *job;
	const char *stanza, *condition; /* of the condition at hand: "start on", "start" */
};

static struct row *
row_add(struct list *list, const struct row *row)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		struct row *grown = reallocarray(list->rows, room, sizeof(*grown));

		if (!grown)
			tool_nomem();
		list->rows = grown;
		list->room = room;
	}
	list->rows[list->count] = *row;
	list->rows[list->count].order = list->count;
	return &list->rows[list->count++];
}

static void
list_deinit(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->rows[i].text);
		free(list->rows[i].fault);
	}
	free(list->rows);
	list->zone = zone_free(list->zone);
	ledger_close(&list->ledger);
}

static int64_t
clock_now(clockid_t id)
{
	struct timespec ts = { 0 };

	(void) clock_gettime(id, &ts);
	return (int64_t) ts.tv_sec;
}

/* -- what is known of a schedule --------------------------------------------------- */

/* A time on the schedule's own clock, by the one on the wall. */
static int64_t
real_of(const struct schedule *s, usec_t due)
{
	clockid_t id = s->clock == SCHEDULE_ACTIVE ? CLOCK_MONOTONIC : CLOCK_BOOTTIME;

	return clock_now(CLOCK_REALTIME) + ((int64_t) (due / USEC_PER_SEC) - clock_now(id));
}

static int64_t
next_of(const struct schedule *s, const struct ledger_record *record)
{
	return record->due > 0 ? real_of(s, record->due) : record->next;
}

/* A row for each instance whose event it goes after; false: there is none. */
static bool
add_instances(struct list *list, const struct schedule *s, const struct row *root)
{
	bool any = false;

	for (const struct ledger_entry *e = list->ledger.entries; e && list->ledger.instances > 0; e = e->next) {
		struct row row = *root;

		if (e->record.timer != root->id || e->record.due == 0)
			continue;
		row.next = next_of(s, &e->record);
		row.instance = e->instance;
		row.text = tool_must(strdup(root->text));
		(void) row_add(list, &row);
		any = true;
	}
	return any;
}

/* One that the bridge knows nothing of may have a zone that is not there. */
static void
look_at_zone(const struct schedule *s, struct row *row)
{
	struct error err = ERROR_INIT;
	struct zone *zone = NULL;

	if (s->zone && zone_load(&zone, s->zone, &err) < 0)
		row->fault = tool_must(strdup(err.text));
	(void) zone_free(zone);
}

static void
look_at_window(const struct list *list, const struct schedule *s, struct row *row)
{
	struct error err = ERROR_INIT;
	struct zone *zone = NULL;
	int64_t until;

	row->window = true;
	if (s->zone && zone_load(&zone, s->zone, &err) < 0) {
		row->fault = tool_must(strdup(err.text));
		return;
	}
	row->holds = schedule_window(s, zone ? zone : list->zone, clock_now(CLOCK_REALTIME), &until);
	row->next = until == CALENDAR_NEVER ? NEVER : until;
	(void) zone_free(zone);
}

/* A schedule of the job at hand. */
static void
add_schedule(struct list *list, const struct schedule *s, struct row *row)
{
	const struct ledger_record *record = ledger_get(&list->ledger, row->id);

	if (s->kind == SCHEDULE_BETWEEN) {
		look_at_window(list, s, row);
	} else if (!record) {
		look_at_zone(s, row);
	} else {
		row->next = list->ledger.same_boot ? next_of(s, record) : NEVER;
		row->last = record->last == LEDGER_PASSED ? NEVER : record->last;
		row->runs = record->runs;
	}
	if (s->kind == SCHEDULE_AFTER && row->next == NEVER && add_instances(list, s, row))
		free(row->text);
	else
		(void) row_add(list, row);
}

static char *
fault_text(const struct schedule_error *why, char *const *words)
{
	if (why->word >= strv_len(words))
		return tool_must(strdup(why->text));
	return tool_must(str_printf("column %zu of `%s': %s", why->offset + 1, words[why->word], why->text));
}

static bool
is_listed(const struct list *list, uint64_t id)
{
	for (size_t i = list->first; i < list->count; i++) {
		if (list->rows[i].id == id)
			return true;
	}
	return false;
}

static void
visit(const struct condition *leaf, void *data)
{
	struct list *list = data;
	struct row row = { .job = list->job, .stanza = list->stanza, .words = leaf->words + 1 };
	struct strbuf text auto_strbuf = STRBUF_INIT;
	struct schedule_error why = { 0 };
	struct schedule schedule;
	char *key auto_free = NULL;
	int r;

	if (strcmp(leaf->words[0], SCHEDULE_EVENT) != 0)
		return;
	key = tool_must(places_key(list->job->name, list->condition, row.words));
	row.id = ledger_id(key);
	if (is_listed(list, row.id))
		return;
	condition_format(leaf, &text);
	row.text = tool_must(strbuf_steal(&text));
	r = schedule_read(&schedule, row.words, strcmp(list->condition, "while") == 0, &why);
	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0) {
		row.fault = fault_text(&why, row.words);
		(void) row_add(list, &row);
		return;
	}
	add_schedule(list, &schedule, &row);
	schedule_deinit(&schedule);
}

static void
look_at(struct list *list, const char *stanza, const char *condition, char ***rpn)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	char *const *const *nodes = (char *const *const *) rpn;
	int r = strcmp(condition, "while") == 0 ? condition_tree_read_while(&tree, nodes) : condition_tree_read(&tree, nodes);

	if (r == -ENOMEM)
		tool_nomem();
	list->stanza = stanza;
	list->condition = condition;
	if (tree.root)
		condition_visit(tree.root, visit, list);
}

static void
look_at_job(struct list *list, const struct upstart_job *job)
{
	list->job = job;
	list->first = list->count;
	look_at(list, "start on", "start", job->start_on);
	look_at(list, "stop on", "stop", job->stop_on);
	look_at(list, "while", "while", job->while_on);
}

/* What comes first stands first, what never comes last. */
static int
by_next(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if ((x->next == NEVER) != (y->next == NEVER))
		return x->next == NEVER ? 1 : -1;
	if (x->next != y->next)
		return x->next < y->next ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* -- showing it --------------------------------------------------------------------- */

static const char *
time_text(const struct list *list, char buffer[SCHEDULE_TIME_MAX], int64_t t)
{
	return t == NEVER ? NULL : schedule_time(buffer, list->zone, t);
}

static void
add_time(const struct list *list, struct strbuf *b, int64_t t)
{
	char buffer[SCHEDULE_TIME_MAX];
	const char *text = time_text(list, buffer, t);

	strbuf_addf(b, "%-25s  ", text ? text : "-");
}

static void
add_row(const struct list *list, struct strbuf *b, const struct row *row)
{
	const char *end = row->instance ? strchr(row->instance, '\n') : NULL;

	add_time(list, b, row->next);
	add_time(list, b, row->last);
	tool_add_visible(b, row->job->name);
	strbuf_addf(b, "  %s ", row->stanza);
	tool_add_visible(b, row->text);
	if (row->holds)
		strbuf_add(b, _(" (holds)"));
	if (end) {
		char *job auto_free = tool_must(span_dup((struct span) { row->instance, (size_t) (end - row->instance) }));

		strbuf_add(b, _(" (after "));
		tool_add_visible(b, job);
		if (end[1]) {
			strbuf_addc(b, ' ');
			tool_add_visible(b, end + 1);
		}
		strbuf_addc(b, ')');
	}
	strbuf_addc(b, '\n');
}

static json_t *
json_time(const struct list *list, int64_t t)
{
	char buffer[SCHEDULE_TIME_MAX];

	return json_text(time_text(list, buffer, t));
}

static json_t *
json_whose(const char *instance)
{
	const char *end = instance ? strchr(instance, '\n') : NULL;
	char *job auto_free = end ? tool_must(span_dup((struct span) { instance, (size_t) (end - instance) })) : NULL;
	json_t *object;

	if (!end)
		return json_null();
	object = json_object();
	json_put(object, "job", json_text(job));
	json_put(object, "instance", json_text(end + 1));
	return object;
}

static json_t *
json_row(const struct list *list, const struct row *row)
{
	json_t *object = json_object();

	json_put(object, "job", json_text(row->job->name));
	json_put(object, "stanza", json_text(row->stanza));
	json_put(object, "schedule", json_strings(row->words));
	json_put(object, "next", json_time(list, row->next));
	json_put(object, "last", json_time(list, row->last));
	json_put(object, "runs", json_integer((json_int_t) row->runs));
	json_put(object, "after", json_whose(row->instance));
	json_put(object, "holds", row->window ? json_boolean(row->holds) : json_null());
	json_put(object, "fault", json_text(row->fault));
	return object;
}

static int
show(const struct list *list)
{
	const struct tool *tool = &list->ctl->tool;
	struct strbuf b auto_strbuf = STRBUF_INIT;
	json_t *array = list->ctl->json ? json_array() : NULL;

	if (!array && list->count > 0)
		strbuf_addf(&b, "%-25s  %-25s  %s\n", _("NEXT"), _("LAST"), _("JOB AND SCHEDULE"));
	for (size_t i = 0; i < list->count; i++) {
		if (!array)
			add_row(list, &b, &list->rows[i]);
		else if (json_array_append_new(array, json_row(list, &list->rows[i])) < 0)
			tool_nomem();
	}
	if (array)
		return json_show(tool, array);
	if (b.failed)
		tool_nomem();
	tool_print(tool, "%s", b.p ? b.p : "");
	for (size_t i = 0; i < list->count; i++) {
		if (list->rows[i].fault)
			tool_warn(tool, _("No schedule: %s: %s time: %s"), list->rows[i].job->name, list->rows[i].stanza,
				  list->rows[i].fault);
	}
	return EXIT_SUCCESS;
}

/* -- finding it ---------------------------------------------------------------------- */

/* The bridge's ledger and the zone. EXIT_SUCCESS, or EXIT_FAILURE after saying why not. */
static int
open_ledger(struct list *list)
{
	const char *session = initctl_is_user(list->ctl) ? getenv("UPSTART_SESSION") : NULL;
	struct error err = ERROR_INIT;
	struct places places;
	int r = places_find(&places, session, NULL, NULL, &err);

	if (r < 0) {
		tool_error(&list->ctl->tool, "%s", err.text);
		return EXIT_FAILURE;
	}
	r = ledger_open(&list->ledger, places.ledger, places.boot, false);
	if (r == -ENOMEM)
		tool_nomem();
	if (r < 0)
		tool_warn(&list->ctl->tool, _("Unable to read %s: %s"), places.ledger, strerror(-r));
	else if (!list->ledger.same_boot)
		tool_warn(&list->ctl->tool, "%s", _("upstart-time-bridge has not run: nothing is known of when"));
	places_deinit(&places);
	if (zone_load(&list->zone, NULL, &err) < 0)
		list->zone = zone_fixed(0);
	if (!list->zone)
		tool_nomem();
	return EXIT_SUCCESS;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct definitions definitions auto_definitions = DEFINITIONS_INIT;
	struct list list = { .ctl = ctl, .ledger = { .fd = -1 } };
	struct upstart_error err = UPSTART_ERROR_INIT;
	int status;

	if (initctl_connect(ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (definitions_read(&definitions, ctl->upstart, &err) < 0)
		return initctl_failed(ctl, &err);
	if (operands[0] && !definitions_find(&definitions, operands[0])) {
		tool_error(&ctl->tool, _("Unknown job: %s"), operands[0]);
		why_unknown_job(ctl, operands[0]);
		return EXIT_FAILURE;
	}
	status = open_ledger(&list);
	for (size_t i = 0; status == EXIT_SUCCESS && i < definitions.n; i++) {
		if (!operands[0] || strcmp(definitions.job[i]->name, operands[0]) == 0)
			look_at_job(&list, definitions.job[i]);
	}
	if (list.count > 0)
		qsort(list.rows, list.count, sizeof(*list.rows), by_next);
	if (status == EXIT_SUCCESS)
		status = show(&list);
	list_deinit(&list);
	return status;
}

const struct command command_list_timers = {
	.name = "list-timers",
	.group = GROUP_JOB,
	.operands = "[JOB]",
	.summary = N_("Show what the clock holds for jobs: what comes next, and when."),
	.help = N_("One line for each schedule of a job's conditions: when it falls due next, when it did last, the job and "
		   "the schedule, what comes first in front. `-' is a time that is not known, or that there is none. Of a "
		   "window NEXT is when it ends or begins. The times are those that upstart-time-bridge has written down. "
		   "Without JOB: of all jobs."),
	.options = options_json,
	.run = run,
};
