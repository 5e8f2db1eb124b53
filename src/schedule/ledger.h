/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What upstart-time-bridge remembers of its timers, in a file of its own: lines that are only ever appended, the last of
 * a timer counts, and the file is written anew when most of it is history.
 *
 * One ledger lies where it goes with the machine's power, with all timers; the other is durable, with those that make
 * up for what was missed.
 */

#include <stdbool.h>

#include "common/error.h"
#include "common/map.h"

#define LEDGER_ID_TEXT 17 /* sixteen digits and a NUL */

#define LEDGER_PASSED 1 /* it never fired, and will not in this boot: its only time was before it came */

struct ledger_record {
	uint64_t id;   /* what it is the record of, never 0 */
	uint64_t timer; /* 0, or the timer that this is an instance of */
	int64_t last;  /* the scheduled time that it fired for, seconds since 1970; 0: it has not yet; or LEDGER_PASSED */
	int64_t next;  /* the one it waits for; 0: for none */
	usec_t due;    /* on its own clock, CLOCK_BOOTTIME or CLOCK_MONOTONIC; 0: it goes by the calendar */
	uint64_t runs; /* since `boot` began */
};

struct ledger_entry {
	struct ledger_entry *next, *prev;
	struct ledger_record record;
	char *instance; /* owned: whose event it goes after; NULL unless `timer` is set */
};

struct ledger {
	char *path;    /* owned */
	char boot[64]; /* what `runs` and `due` are good for: this boot of the machine, or this session */
	bool durable;  /* written to the disk before anything else happens */
	bool same_boot; /* the file was of this boot when it was opened */
	int fd;
	int64_t changed; /* when the file was last written before it was opened; 0: it was not there */
	struct ledger_entry *entries; /* owned */
	struct map by_id;
	size_t count, lines, instances;
};

/* A number for a text that says which timer it is. */
uint64_t ledger_id(const char *text);

/*
 * Read the file; that it is not there, or that lines make no sense, is no error. `boot` is copied. 0, a negative errno of
 * reading it, or -ENOMEM. Nothing is written yet. After a failure the ledger is usable and empty.
 */
int must_check ledger_open(struct ledger *ledger, const char *path, const char *boot, bool durable);
void ledger_close(struct ledger *ledger); /* idempotent */

/* Borrowed until the next call; NULL: nothing is known of it. `runs` and `due` are 0 if they are of another boot. */
const struct ledger_record *ledger_get(const struct ledger *ledger, uint64_t id);

/*
 * Remember it, in memory in any case; `instance` (copied) goes with `timer`, else NULL. 0; a negative errno: it could not be
 * written, and will be with the next that can; -ENOMEM: it is forgotten.
 */
int must_check ledger_put(struct ledger *ledger, const struct ledger_record *record, const char *instance);
/* Forget it. 0, or a negative errno of writing. */
int must_check ledger_drop(struct ledger *ledger, uint64_t id);

/* The file may be another by now, where something was mounted over it: take in what is not known yet. As ledger_open(). */
int must_check ledger_reread(struct ledger *ledger);
