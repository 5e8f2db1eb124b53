/* SPDX-License-Identifier: MIT */
/*
 * A binary heap for each clock, so that arming and firing cost O(log n). What an entry becomes after it fired depends on
 * the kind of its schedule alone: see rearm().
 */
#include "bridges/timers.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define ON_TIME (60 * USEC_PER_SEC) /* so late is not late */
/* The clock was set back by no more than this: what fired does not fire again, as cron(8) has it. */
#define BACK_MAX (INT64_C(3) * 3600)

static int64_t
seconds(usec_t t)
{
	return (int64_t) (t / USEC_PER_SEC);
}

static usec_t
slept_in_all(const struct timers_now *now)
{
	usec_t boot = now->at[TIMERS_BOOT], active = now->at[TIMERS_ACTIVE];

	return boot > active ? boot - active : 0;
}

/* -- heaps ---------------------------------------------------------------------- */

static void
heap_set(struct timers *t, enum timers_clock clock, size_t at, struct timers_entry *entry)
{
	t->heap[clock][at] = entry;
	entry->place = at + 1;
}

static void
heap_up(struct timers *t, enum timers_clock clock, size_t at, struct timers_entry *entry)
{
	while (at > 0 && t->heap[clock][(at - 1) / 2]->due > entry->due) {
		heap_set(t, clock, at, t->heap[clock][(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(t, clock, at, entry);
}

static void
heap_down(struct timers *t, enum timers_clock clock, size_t at, struct timers_entry *entry)
{
	size_t n = t->count[clock];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && t->heap[clock][child + 1]->due < t->heap[clock][child]->due)
			child++;
		if (t->heap[clock][child]->due >= entry->due)
			break;
		heap_set(t, clock, at, t->heap[clock][child]);
		at = child;
	}
	heap_set(t, clock, at, entry);
}

static void
heap_remove(struct timers *t, struct timers_entry *entry)
{
	enum timers_clock clock = entry->clock;
	size_t at = entry->place - 1;
	struct timers_entry *last;

	if (entry->place == 0)
		return;
	entry->place = 0;
	last = t->heap[clock][--t->count[clock]];
	if (last == entry)
		return;
	if (at > 0 && t->heap[clock][(at - 1) / 2]->due > last->due)
		heap_up(t, clock, at, last);
	else
		heap_down(t, clock, at, last);
}

/* There is room for every entry there is: entry_new() saw to it. */
static void
heap_add(struct timers *t, struct timers_entry *entry)
{
	heap_up(t, entry->clock, t->count[entry->clock]++, entry);
}

static int
heap_reserve(struct timers *t, enum timers_clock clock)
{
	size_t room = t->room[clock];
	struct timers_entry **grown;

	if (t->made[clock] < room)
		return 0;
	room = room > 0 ? 2 * room : 16;
	grown = reallocarray(t->heap[clock], room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->heap[clock] = grown;
	t->room[clock] = room;
	return 0;
}

/* -- entries --------------------------------------------------------------------- */

static enum timers_clock
clock_of(const struct schedule *s)
{
	if (s->kind == SCHEDULE_EVERY || s->kind == SCHEDULE_AFTER)
		return s->clock == SCHEDULE_ACTIVE ? TIMERS_ACTIVE : TIMERS_BOOT;
	return TIMERS_REAL;
}

/* An instance's own number; 0: out of memory. */
static uint64_t
entry_id(const struct timer *timer, const char *instance)
{
	char *text auto_free = NULL;

	if (!instance)
		return timer->id;
	text = str_printf("%s\x1f%s", timer->key, instance);
	return text ? ledger_id(text) : 0;
}

static struct timers_entry *
entry_free(struct timers_entry *entry)
{
	free(entry->instance);
	free(entry);
	return NULL;
}

/* An entry that is not armed; NULL: out of memory. */
static struct timers_entry *
entry_new(struct timers *t, struct timer *timer, const char *instance)
{
	struct timers_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->timer = timer;
	entry->clock = clock_of(&timer->schedule);
	entry->id = entry_id(timer, instance);
	if (entry->id == 0 || (instance && str_copy(&entry->instance, instance) < 0) ||
	    heap_reserve(t, entry->clock) < 0)
		return entry_free(entry);
	LL_PREPEND(timer->entries, entry);
	t->made[entry->clock]++;
	return entry;
}

static void
entry_drop(struct timers *t, struct timers_entry *entry)
{
	heap_remove(t, entry);
	LL_DELETE(entry->timer->entries, entry);
	t->made[entry->clock]--;
	(void) entry_free(entry);
}

/* What is known of it from before; *same_boot: its runs and its due time are good, too. */
static const struct ledger_record *
recall(const struct timers *t, const struct timers_entry *entry, bool *same_boot)
{
	const struct ledger *ledger = entry->timer->schedule.run_missed ? t->durable : t->ledger;

	*same_boot = ledger->same_boot;
	return ledger_get(ledger, entry->id);
}

static void
save(struct timers *t, const struct timers_entry *entry)
{
	const struct timer *timer = entry->timer;
	struct ledger_record record = {
		.id = entry->id,
		.timer = entry->instance ? timer->id : 0,
		.last = entry->last,
		.next = entry->place > 0 ? entry->scheduled : 0,
		.due = entry->place > 0 && entry->clock != TIMERS_REAL ? entry->due : 0,
		.runs = entry->runs,
	};

	if (timer->schedule.kind == SCHEDULE_BETWEEN)
		return;
	if (ledger_put(t->ledger, &record, entry->instance) < 0)
		t->failed = true;
	if (timer->schedule.run_missed && ledger_put(t->durable, &record, entry->instance) < 0)
		t->failed = true;
}

/* It fired, and will not again. */
static void
unsave(struct timers *t, const struct timers_entry *entry)
{
	if (ledger_drop(t->ledger, entry->id) < 0)
		t->failed = true;
	if (entry->timer->schedule.run_missed && ledger_drop(t->durable, entry->id) < 0)
		t->failed = true;
}

/* -- arming ----------------------------------------------------------------------- */

static bool
is_used_up(const struct timers_entry *entry)
{
	uint64_t count = entry->timer->schedule.count;

	return count > 0 && entry->timer->root->runs >= count;
}

static void
arm(struct timers *t, struct timers_entry *entry, usec_t due, int64_t scheduled)
{
	heap_remove(t, entry);
	if (is_used_up(entry))
		return;
	entry->due = due;
	entry->scheduled = scheduled;
	heap_add(t, entry);
}

/* Wait for the next time of the calendar after `base`, but not for one that it has fired for. */
static void
arm_calendar_after(struct timers *t, struct timers_entry *entry, int64_t base)
{
	struct timer *timer = entry->timer;
	int64_t next;

	heap_remove(t, entry);
	if (!t->calendars)
		return;
	if (entry->last > base && entry->last - base <= BACK_MAX + seconds(timer->jitter))
		base = entry->last;
	next = schedule_next(&timer->schedule, timer->zone, base);
	if (next != CALENDAR_NEVER)
		arm(t, entry, (usec_t) next * USEC_PER_SEC + timer->jitter, next);
}

/* The same for one whose jitter, or whose time, may not have passed yet. */
static void
arm_calendar(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	arm_calendar_after(t, entry, seconds(now->at[TIMERS_REAL]) - seconds(entry->timer->jitter));
}

/* See whether the window holds, and wait for its end or beginning. */
static void
arm_window(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	struct timer *timer = entry->timer;
	bool held = timer->holds;
	int64_t until;

	heap_remove(t, entry);
	if (!t->calendars)
		return;
	timer->holds = schedule_window(&timer->schedule, timer->zone, seconds(now->at[TIMERS_REAL]), &until);
	if (until != CALENDAR_NEVER)
		arm(t, entry, (usec_t) until * USEC_PER_SEC, until);
	if (held != timer->holds)
		t->ops->window(t->data, timer);
}

/* When, on the calendar, an instant of another clock will be. */
static int64_t
real_of(const struct timers_entry *entry, usec_t due, const struct timers_now *now)
{
	usec_t here = now->at[entry->clock];

	if (due >= here)
		return seconds(now->at[TIMERS_REAL] + (due - here));
	return seconds(now->at[TIMERS_REAL] > here - due ? now->at[TIMERS_REAL] - (here - due) : 0);
}

static void
arm_at(struct timers *t, struct timers_entry *entry, usec_t due, const struct timers_now *now)
{
	arm(t, entry, due, real_of(entry, due, now));
}

/* -- from before -------------------------------------------------------------------- */

static void
begin_calendar(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	const struct schedule *s = &entry->timer->schedule;
	bool same_boot;
	const struct ledger_record *record = recall(t, entry, &same_boot);

	if (record) {
		entry->last = record->last;
		entry->runs = record->runs;
	}
	arm_calendar_after(t, entry, seconds(now->at[TIMERS_REAL]));
	/* Nobody was there to look at the time: while the bridge was started anew, or the machine was off. */
	if (t->calendars && record && record->next > 0 && record->next <= seconds(now->at[TIMERS_REAL]) &&
	    record->next > record->last && (same_boot || s->run_missed))
		arm(t, entry, (usec_t) record->next * USEC_PER_SEC + entry->timer->jitter, record->next);
}

static void
begin_every(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	const struct schedule *s = &entry->timer->schedule;
	usec_t here = now->at[entry->clock], due = here + s->period + entry->timer->jitter;
	bool same_boot;
	const struct ledger_record *record = recall(t, entry, &same_boot);
	int64_t real = seconds(now->at[TIMERS_REAL]);

	if (record) {
		entry->last = record->last;
		entry->runs = record->runs;
		if (same_boot && record->due > 0)
			due = record->due;
		else if (s->run_missed && t->calendars && record->next > 0 && record->next <= real)
			due = here;
		else if (s->run_missed && t->calendars && record->next > 0 &&
			 (usec_t) (record->next - real) * USEC_PER_SEC < s->period)
			due = here + (usec_t) (record->next - real) * USEC_PER_SEC;
	}
	arm_at(t, entry, due, now);
}

static bool
goes_after_startup(const struct schedule *s)
{
	return strcmp(s->after[0], "startup") == 0 && !s->after[1];
}

/* Instances that were waiting when the bridge ended go on. */
static int
begin_instances(struct timers *t, struct timer *timer, const struct timers_now *now)
{
	struct ledger *ledger = t->ledger;

	if (!ledger->same_boot || ledger->instances == 0)
		return 0;
	for (const struct ledger_entry *e = ledger->entries; e; e = e->next) {
		struct timers_entry *entry;

		if (e->record.timer != timer->id || e->record.due == 0)
			continue;
		entry = entry_new(t, timer, e->instance);
		if (!entry)
			return -ENOMEM;
		arm_at(t, entry, e->record.due, now);
	}
	return 0;
}

static int
begin_after(struct timers *t, struct timer *timer, const struct timers_now *now)
{
	struct timers_entry *entry = timer->root;
	const struct ledger_record *record = ledger_get(t->ledger, entry->id);
	bool known = record && t->ledger->same_boot;

	if (known) {
		entry->last = record->last;
		entry->runs = record->runs;
		if (record->due > 0)
			arm_at(t, entry, record->due, now);
	}
	/* Startup has been, whenever the bridge comes; but who comes after his time has missed it, as by `start on startup`. */
	if (!known && goes_after_startup(&timer->schedule)) {
		usec_t due = t->started + timer->schedule.period + timer->jitter;

		if (t->settled && due < now->at[entry->clock])
			entry->last = LEDGER_PASSED;
		else
			arm_at(t, entry, due, now);
	}
	return begin_instances(t, timer, now);
}

static int
begin(struct timers *t, struct timer *timer, const struct timers_now *now)
{
	int r = 0;

	switch (timer->schedule.kind) {
	case SCHEDULE_EVERY:
		begin_every(t, timer->root, now);
		break;
	case SCHEDULE_BETWEEN:
		arm_window(t, timer->root, now);
		break;
	case SCHEDULE_AFTER:
		r = begin_after(t, timer, now);
		break;
	case SCHEDULE_CALENDAR:
	case SCHEDULE_INSTANT:
		begin_calendar(t, timer->root, now);
		break;
	}
	/* What is not looked at before the clock can be believed stays in the ledger as it was: it may have been missed. */
	if (t->calendars || (timer->root->clock != TIMERS_REAL && !timer->schedule.run_missed))
		save(t, timer->root);
	return r;
}

/* -- timers --------------------------------------------------------------------------- */

void
timers_init(struct timers *t, const struct timers_ops *ops, void *data, struct ledger *ledger, struct ledger *durable,
	    const struct timers_now *now)
{
	*t = (struct timers) { .ops = ops, .data = data, .ledger = ledger, .durable = durable, .slept = slept_in_all(now) };
}

static void
timer_free(struct timers *t, struct timer *timer)
{
	while (timer->entries)
		entry_drop(t, timer->entries);
	DL_DELETE(t->list, timer);
	map_del(&t->by_key, timer->key);
	if (t->ops->gone)
		t->ops->gone(t->data, timer);
	schedule_deinit(&timer->schedule);
	free(timer->key);
	free(timer);
}

void
timers_remove(struct timers *t, struct timer *timer)
{
	/* That it was waiting is forgotten, lest it be made up for when it comes again. */
	for (struct timers_entry *entry = timer->entries; entry; entry = entry->next) {
		heap_remove(t, entry);
		if (entry != timer->root)
			unsave(t, entry);
	}
	if (!timer->schedule.run_missed)
		save(t, timer->root);
	timer_free(t, timer);
}

void
timers_deinit(struct timers *t)
{
	while (t->list)
		timer_free(t, t->list);
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++)
		free(t->heap[i]);
	map_deinit(&t->by_key);
	*t = (struct timers) { 0 };
}

struct timer *
timers_find(const struct timers *t, const char *key)
{
	return map_get(&t->by_key, key);
}

struct timer *
timers_add(struct timers *t, const char *key, struct schedule *schedule, const struct zone *zone, usec_t jitter,
	   void *data, const struct timers_now *now)
{
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer) {
		schedule_deinit(schedule);
		return NULL;
	}
	timer->schedule = *schedule;
	*schedule = (struct schedule) { 0 };
	timer->zone = zone;
	timer->jitter = jitter;
	timer->key = strdup(key);
	if (!timer->key || map_put(&t->by_key, key, timer) < 0) {
		schedule_deinit(&timer->schedule);
		free(timer->key);
		free(timer);
		return NULL;
	}
	timer->data = data;
	timer->id = ledger_id(key);
	DL_APPEND(t->list, timer);
	if (seconds(now->at[TIMERS_REAL]) >= t->plausible)
		t->calendars = true;
	timer->root = entry_new(t, timer, NULL);
	if (timer->root && begin(t, timer, now) == 0)
		return timer;
	timer->data = NULL; /* it stays the caller's */
	timer_free(t, timer);
	return NULL;
}

static struct timers_entry *
find_entry(const struct timer *timer, const char *instance)
{
	struct timers_entry *e = instance ? timer->entries : timer->root;

	while (instance && e && (!e->instance || strcmp(e->instance, instance) != 0))
		e = e->next;
	return e;
}

int
timers_after(struct timers *t, struct timer *timer, const char *instance, const struct timers_now *now)
{
	struct timers_entry *entry = find_entry(timer, instance);

	/* It counts from the start of init, whenever that is told: we may be there before the event is over. */
	if (goes_after_startup(&timer->schedule))
		return 0;
	if (!entry)
		entry = entry_new(t, timer, instance);
	if (!entry)
		return -ENOMEM;
	arm_at(t, entry, now->at[entry->clock] + timer->schedule.period + timer->jitter, now);
	save(t, entry);
	return 0;
}

/* -- running -------------------------------------------------------------------------- */

/* After it fired: when again? */
static void
rearm(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	const struct schedule *s = &entry->timer->schedule;
	usec_t here = now->at[entry->clock];

	switch (s->kind) {
	case SCHEDULE_EVERY:
		/* What lies behind is left out, the beat stays. */
		arm_at(t, entry, entry->due + ((here - entry->due) / s->period + 1) * s->period, now);
		break;
	case SCHEDULE_CALENDAR:
	case SCHEDULE_INSTANT:
		arm_calendar(t, entry, now);
		break;
	case SCHEDULE_AFTER:
	case SCHEDULE_BETWEEN:
		break;
	}
}

/* Was the machine asleep when it was due, and does it mind? */
static bool
is_slept_over(const struct timers *t, const struct timers_entry *entry, const struct timers_now *now)
{
	usec_t late = now->at[TIMERS_REAL] - entry->due, slept = slept_in_all(now);

	slept = slept > t->slept ? slept - t->slept : 0;
	return entry->clock == TIMERS_REAL && !entry->timer->schedule.run_missed && late > ON_TIME && slept > 0 &&
	       late <= slept + ON_TIME;
}

static void
fire(struct timers *t, struct timers_entry *entry, const struct timers_now *now)
{
	struct timer *timer = entry->timer;
	int64_t scheduled = entry->clock == TIMERS_REAL ? entry->scheduled : real_of(entry, entry->due, now);
	bool late = now->at[entry->clock] - entry->due > ON_TIME;
	bool slept = is_slept_over(t, entry, now);

	heap_remove(t, entry);
	timer->root->last = scheduled;
	timer->root->runs += !slept;
	rearm(t, entry, now);
	save(t, timer->root);
	if (entry != timer->root)
		unsave(t, entry);
	if (slept)
		t->ops->skipped(t->data, timer, scheduled);
	else
		t->ops->fire(t->data, timer, entry, scheduled, late);
	if (entry != timer->root)
		entry_drop(t, entry);
}

void
timers_run(struct timers *t, const struct timers_now *now)
{
	if (!t->calendars && seconds(now->at[TIMERS_REAL]) >= t->plausible)
		timers_clock_set(t, now);
	for (unsigned clock = 0; clock < TIMERS_CLOCKS; clock++) {
		while (t->count[clock] > 0 && t->heap[clock][0]->due <= now->at[clock]) {
			struct timers_entry *entry = t->heap[clock][0];

			if (entry->timer->schedule.kind == SCHEDULE_BETWEEN)
				arm_window(t, entry, now);
			else
				fire(t, entry, now);
		}
	}
	t->slept = slept_in_all(now);
}

void
timers_clock_set(struct timers *t, const struct timers_now *now)
{
	bool first = !t->calendars;

	if (first && seconds(now->at[TIMERS_REAL]) < t->plausible)
		return;
	t->calendars = true;
	for (struct timer *timer = t->list; timer; timer = timer->next) {
		struct timers_entry *entry = timer->root;

		if (entry->clock != TIMERS_REAL) {
			/* Whether it was missed can be told only now. */
			if (first && timer->schedule.kind == SCHEDULE_EVERY && timer->schedule.run_missed && entry->runs == 0) {
				begin_every(t, entry, now);
				save(t, entry);
			}
			continue;
		}
		if (timer->schedule.kind == SCHEDULE_BETWEEN) {
			arm_window(t, entry, now);
		} else if (first) {
			begin_calendar(t, entry, now);
			save(t, entry);
		} else if (entry->place == 0 || entry->due > now->at[TIMERS_REAL]) {
			/* Those that the clock was set past are due now, once. */
			arm_calendar(t, entry, now);
			save(t, entry);
		}
	}
}

void
timers_recall(struct timers *t, const struct timers_now *now)
{
	for (struct timer *timer = t->list; timer; timer = timer->next) {
		if (timer->schedule.run_missed && timer->schedule.kind != SCHEDULE_AFTER && timer->root->last == 0)
			(void) !begin(t, timer, now);
	}
}

usec_t
timers_next(const struct timers *t, enum timers_clock clock)
{
	usec_t next = t->count[clock] > 0 ? t->heap[clock][0]->due : UINT64_MAX;

	/* The moment from which the clock can be believed. */
	if (clock == TIMERS_REAL && !t->calendars && t->list && t->plausible > 0)
		return (usec_t) t->plausible * USEC_PER_SEC;
	return next;
}

usec_t
timers_jitter(usec_t jitter, const char *machine, const char *key)
{
	char *text auto_free = str_printf("%s %s", machine, key);

	return text && jitter > 0 ? ledger_id(text) % jitter : 0;
}
