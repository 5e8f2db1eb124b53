/* SPDX-License-Identifier: MIT */
/*
 * What many schedules cost upstart-time-bridge: its timers and its ledger, with clocks that are told; neither the bus nor the
 * jobs are there.
 *
 *     timers_cost [SCHEDULES]
 *
 * Memory for each, the time until all are armed, that of one firing (with its line in the ledger), of a step of the clock
 * (everything by the calendar is reckoned anew), and of a look that finds nothing to do. Four kinds of schedules by turns, in ten
 * zones. Prints one figure a line: NAME VALUE UNIT.
 */
#include "measure.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/timers.h"

#define SCHEDULES 10000
#define FIRINGS 20000
#define STEPS 5
#define START INT64_C(1806537600) /* 2027-04-01 */

static const char *const zone_names[] = {
	"Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata",
	"Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Pacific/Auckland",
};

static unsigned long fired;

static size_t
held(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void
fire_cb(void *data, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late)
{
	fired++;
}

static void
skipped_cb(void *data, struct timer *timer, int64_t scheduled)
{
}

static void
window_cb(void *data, struct timer *timer)
{
}

static const struct timers_ops ops = { fire_cb, skipped_cb, window_cb, NULL };

/* A schedule, spread over days and hours. */
static void
add(struct timers *timers, struct zone *const *zones, unsigned i, const struct timers_now *clocks)
{
	struct schedule_error why = { 0 };
	struct schedule schedule;
	char text[64], key[96];
	char *words[] = { text, NULL };

	switch (i % 4) {
	case 0:
		(void) snprintf(text, sizeof(text), "EVERY=%us", 60 + i % 3600);
		break;
	case 1:
		(void) snprintf(text, sizeof(text), "CRON=%u %u * * %u", i % 60, i % 24, i % 7);
		break;
	case 2:
		(void) snprintf(text, sizeof(text), "CRON=%u * * * *", i % 60);
		break;
	default:
		(void) snprintf(text, sizeof(text), "CALENDAR=*-*-%u %u:%u", 1 + i % 28, i % 24, i % 60);
		break;
	}
	(void) snprintf(key, sizeof(key), "job-%u\x1fstart\x1f%s", i, text);
	need(schedule_read(&schedule, words, false, &why) == 0);
	need(timers_add(timers, key, &schedule, zones[i % ARRAY_SIZE(zone_names)], 0, NULL, clocks) != NULL);
}

/* On to the next thing that is due, on any clock. */
static void
go_on(struct timers *timers, struct timers_now *clocks)
{
	usec_t wait = UINT64_MAX;

	for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
		usec_t next = timers_next(timers, (enum timers_clock) i);

		if (next != UINT64_MAX)
			wait = next <= clocks->at[i] ? 0 : wait < next - clocks->at[i] ? wait : next - clocks->at[i];
	}
	need(wait != UINT64_MAX);
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++)
		clocks->at[i] += wait;
	timers_run(timers, clocks);
}

static void
measure(unsigned n, const char *folder)
{
	char *path = str_printf("%s/timers", folder);
	struct zone *zones[ARRAY_SIZE(zone_names)] = { NULL };
	struct timers_now clocks = { .at = { (usec_t) START * USEC_PER_SEC, USEC_PER_SEC, USEC_PER_SEC } };
	struct ledger ledger, durable;
	struct error err = ERROR_INIT;
	struct timers timers;
	double begin, took;
	size_t before;

	for (size_t i = 0; i < ARRAY_SIZE(zones); i++)
		need(zone_load(&zones[i], zone_names[i], &err) == 0);
	need(ledger_open(&ledger, path, "boot", false) == 0);
	need(ledger_open(&durable, "/nonexistent/timers", "boot", true) == 0);
	before = held();
	timers_init(&timers, &ops, NULL, &ledger, &durable, &clocks);
	begin = now();
	for (unsigned i = 0; i < n; i++)
		add(&timers, zones, i, &clocks);
	took = now() - begin;
	(void) printf("timers_%u_memory_each %zu bytes\n", n, (held() - before) / n);
	(void) printf("timers_%u_arming_all %.1f ms\n", n, took * 1e3);

	begin = now();
	for (fired = 0; fired < FIRINGS;)
		go_on(&timers, &clocks);
	(void) printf("timers_%u_one_firing %.2f us\n", n, (now() - begin) / (double) fired * 1e6);

	/* To and fro by ten seconds, so that nothing falls due. */
	begin = now();
	for (int i = 0; i < STEPS; i++) {
		clocks.at[TIMERS_REAL] -= 10 * USEC_PER_SEC;
		timers_clock_set(&timers, &clocks);
	}
	(void) printf("timers_%u_clock_jump %.1f ms\n", n, (now() - begin) / STEPS * 1e3);

	begin = now();
	for (int i = 0; i < FIRINGS; i++)
		timers_run(&timers, &clocks);
	(void) printf("timers_%u_nothing_due %.3f us\n", n, (now() - begin) / FIRINGS * 1e6);

	timers_deinit(&timers);
	ledger_close(&ledger);
	ledger_close(&durable);
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++)
		(void) zone_free(zones[i]);
	(void) unlink(path);
	free(path);
}

int
main(int argc, char **argv)
{
	char folder[] = "/tmp/timers_cost-XXXXXX";
	unsigned n = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : SCHEDULES;

	need(n > 0 && mkdtemp(folder) != NULL);
	measure(n, folder);
	(void) rmdir(folder);
	return 0;
}
