/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Stanzas that have an effect only beside another one, which may stand further down or in the override (D42). Private
 * to job/.
 */

#include "job/class.h"
#include "job/report.h"

enum inert_stanza {
	INERT_RESPAWN_LIMIT,
	INERT_RESPAWN_DELAY,
	INERT_WATCHDOG,
	INERT_EXPECT_TIMEOUT,
	INERT_LOG_KEEP,
	INERT_LOG_COMPRESS,
	INERT_STANZA_COUNT
};

/* Where the last one of each stands. */
struct inert {
	struct {
		const char *path; /* borrowed; NULL: nowhere */
		struct place at;
	} seen[INERT_STANZA_COUNT];
};

void inert_note(struct inert *inert, enum inert_stanza stanza, const char *path, struct place at);

/* Warn of each that does nothing in a complete class. 0 or -ENOMEM. */
int must_check inert_check(const struct inert *inert, const struct job_class *cls, struct parse_report *report);
