/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A world for timers whose clocks the test moves: hours pass in no time, the machine sleeps, the bridge is started anew, the
 * clock is set.
 */

#include "bridges/timers.h"

#define START INT64_C(1711620000) /* 2024-03-28 10:00:00 UTC */
#define SEC USEC_PER_SEC
#define MIN (60 * SEC)
#define HOUR (60 * MIN)

struct world {
	char folder[32];
	char *ledger_path, *durable_path;
	struct ledger ledger, durable;
	struct timers timers;
	struct timers_now now;
	struct zone *zone;
	unsigned turns;   /* wake-ups */
	char log[8192];   /* "NAME@SCHEDULED[/INSTANCE][ late] ", "NAME-skipped@… ", "NAME+ " for a window that begins */
	unsigned boots;
};

int set_up(void **state);
int tear_down(void **state);

/* Add a timer; words are parted by '|'. */
struct timer *add(struct world *w, const char *name, const char *text);
/* Time passes until `span` later, from one wake-up to the next. */
void pass(struct world *w, usec_t span);
/* The machine sleeps so long. */
void sleep_machine(struct world *w, usec_t span);
/* The clock is set ahead by so many seconds, or back. */
void set_clock(struct world *w, int64_t by);
/* The bridge ends and, `span` later, is there again. */
void restart(struct world *w, usec_t span, bool reboot);

/* What has happened since the last look. */
#define expect(w, text)                                   \
	do {                                              \
		assert_string_equal((w)->log, text);      \
		(w)->log[0] = '\0';                       \
	} while (0)
