/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where upstart-time-bridge keeps its ledgers, and what its timers are called in them: for it and for who reads them.
 */

#include "common/error.h"
#include "common/macros.h"

/* Where init looks for jobs that others make, which go with the machine's power; the session's has the number of its init. */
#define PLACES_JOBS "/run/upstart/jobs"
#define PLACES_SESSION_JOBS(runtime, pid) str_printf("%s/upstart/time-%d/jobs", (runtime), (int) (pid))

struct places {
	char *ledger;  /* owned: of all timers; goes with the machine's power */
	char *durable; /* owned: of those with MISSED=run */
	char *jobs;    /* owned: the folder of the jobs that are made of crontabs */
	char boot[20]; /* a number for this boot of the machine and this init */
	usec_t started; /* when init was, on CLOCK_BOOTTIME */
};

/*
 * Find them for the init of the system, or with `session` (a D-Bus address) that of a session. Folders that are not NULL
 * take the place of the usual ones. 0; -ENOENT with a text: a session without a folder; -ENOMEM.
 */
int must_check places_find(struct places *places, const char *session, const char *runtime_dir, const char *state_dir,
			   struct error *err);
void places_deinit(struct places *places); /* idempotent */

/*
 * What a timer is called: the job, which of its conditions ("start", "stop" or "while"), and the words of the term. A
 * window is the same for all jobs. Owned by the caller; NULL: out of memory.
 */
char *places_key(const char *job, const char *condition, char *const *words);
