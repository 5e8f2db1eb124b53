/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <sys/stat.h>

#include "unit.h"

static void
note(struct world *w, const char *text)
{
	size_t n = strlen(w->log);

	assert_true(n + strlen(text) + 1 < sizeof(w->log));
	(void) strcpy(w->log + n, text);
}

static const char *
hour(int64_t t)
{
	static char buffer[SCHEDULE_TIME_MAX];
	struct zone *utc = zone_fixed(0);

	(void) schedule_time(buffer, utc, t);
	(void) zone_free(utc);
	buffer[19] = '\0';
	return buffer + 8; /* DDTHH:MM:SS */
}

static void
fire_cb(void *data, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late)
{
	char *text = str_printf("%s%s%s@%s%s ", (char *) timer->data, entry->instance ? "/" : "",
				entry->instance ? entry->instance : "", hour(scheduled), late ? "(late)" : "");

	note(data, text);
	free(text);
}

static void
skipped_cb(void *data, struct timer *timer, int64_t scheduled)
{
	char *text = str_printf("%s-skipped@%s ", (char *) timer->data, hour(scheduled));

	note(data, text);
	free(text);
}

static void
window_cb(void *data, struct timer *timer)
{
	char *text = str_printf("%s%s ", (char *) timer->data, timer->holds ? "+" : "-");

	note(data, text);
	free(text);
}

static const struct timers_ops ops = { fire_cb, skipped_cb, window_cb, NULL };

static void
open_all(struct world *w)
{
	char boot[16];

	(void) snprintf(boot, sizeof(boot), "boot-%u", w->boots);
	assert_int_equal(ledger_open(&w->ledger, w->ledger_path, boot, false), 0);
	assert_int_equal(ledger_open(&w->durable, w->durable_path, boot, true), 0);
	timers_init(&w->timers, &ops, w, &w->ledger, &w->durable, &w->now);
}

static void
close_all(struct world *w)
{
	timers_deinit(&w->timers);
	ledger_close(&w->ledger);
	ledger_close(&w->durable);
}

int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void) strcpy(w->folder, "/tmp/upstart-timers-XXXXXX");
	if (!mkdtemp(w->folder))
		return -1;
	w->ledger_path = str_printf("%s/run/ledger", w->folder);
	w->durable_path = str_printf("%s/state/ledger", w->folder);
	w->now.at[TIMERS_REAL] = (usec_t) START * SEC;
	w->now.at[TIMERS_BOOT] = w->now.at[TIMERS_ACTIVE] = 100 * SEC;
	w->zone = zone_fixed(0);
	open_all(w);
	*state = w;
	return 0;
}

int
tear_down(void **state)
{
	struct world *w = *state;
	static const char *const folders[] = { "run", "state" };

	close_all(w);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char *file = str_printf("%s/%s/ledger", w->folder, folders[i]);
		char *folder = str_printf("%s/%s", w->folder, folders[i]);

		(void) unlink(file);
		(void) rmdir(folder);
		free(file);
		free(folder);
	}
	(void) rmdir(w->folder);
	(void) zone_free(w->zone);
	free(w->ledger_path);
	free(w->durable_path);
	free(w);
	return 0;
}

/* Add a timer; words are parted by '|'. */
struct timer *
add(struct world *w, const char *name, const char *text)
{
	char buffer[256], *words[8], *p = buffer, *word;
	struct schedule_error why = { 0 };
	struct schedule schedule;
	struct timer *timer;
	usec_t jitter;
	size_t n = 0;

	(void) snprintf(buffer, sizeof(buffer), "%s", text);
	while ((word = strsep(&p, "|")) != NULL)
		words[n++] = word;
	words[n] = NULL;
	if (schedule_read(&schedule, words, strncmp(text, "BETWEEN", 7) == 0, &why) < 0)
		fail_msg("%s: %s", text, why.text);
	jitter = schedule.jitter / 2; /* a known share */
	timer = timers_add(&w->timers, name, &schedule, w->zone, jitter, (void *) (uintptr_t) name, &w->now);
	assert_non_null(timer);
	return timer;
}

/* Time passes until `span` later, from one wake-up to the next. */
void
pass(struct world *w, usec_t span)
{
	usec_t end = w->now.at[TIMERS_ACTIVE] + span;

	for (;;) {
		usec_t step = end - w->now.at[TIMERS_ACTIVE];

		for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
			usec_t next = timers_next(&w->timers, (enum timers_clock) i);

			if (next != UINT64_MAX && next < w->now.at[i] + step)
				step = next > w->now.at[i] ? next - w->now.at[i] : 0;
		}
		for (unsigned i = 0; i < TIMERS_CLOCKS; i++)
			w->now.at[i] += step;
		if (w->now.at[TIMERS_ACTIVE] == end)
			break;
		w->turns++;
		timers_run(&w->timers, &w->now);
	}
	timers_run(&w->timers, &w->now);
}

void
sleep_machine(struct world *w, usec_t span)
{
	w->now.at[TIMERS_REAL] += span;
	w->now.at[TIMERS_BOOT] += span;
	timers_run(&w->timers, &w->now);
}

void
set_clock(struct world *w, int64_t by)
{
	w->now.at[TIMERS_REAL] += (usec_t) (by * (int64_t) SEC);
	timers_clock_set(&w->timers, &w->now);
	timers_run(&w->timers, &w->now);
}

/* The bridge ends and, `span` later, is there again. */
void
restart(struct world *w, usec_t span, bool reboot)
{
	close_all(w);
	w->now.at[TIMERS_REAL] += span;
	if (reboot) {
		w->boots++;
		w->now.at[TIMERS_BOOT] = w->now.at[TIMERS_ACTIVE] = 50 * SEC;
	} else {
		w->now.at[TIMERS_BOOT] += span;
		w->now.at[TIMERS_ACTIVE] += span;
	}
	open_all(w);
}
