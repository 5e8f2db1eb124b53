/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * All processes that can be seen, as one look at /proc shows them. Such a look costs, so what is asked in one turn of
 * the loop shares it where it may: who was not there then may be now.
 */

#include <sys/types.h>

#include "common/wire.h"

struct proctable {
	struct u64v rows; /* owned; proctable_row() */
	bool known;	  /* it is of this turn */
};

struct proctable_row {
	pid_t pid, parent, session;
	uint64_t began; /* as trace_look_briefly() says */
	bool dead;	/* it had ended, and was not reaped */
};

void proctable_deinit(struct proctable *t); /* idempotent */

/* Look now. 0, or a negative errno that is a want (error_is_want()): nothing is known then. */
int must_check proctable_read(struct proctable *t);
/* Look, unless that was done in this turn. As proctable_read(). */
int must_check proctable_need(struct proctable *t);
/* Another turn begins. */
void proctable_forget(struct proctable *t);

size_t proctable_count(const struct proctable *t);
struct proctable_row proctable_row(const struct proctable *t, size_t i);
/* Was that process there? */
bool must_check proctable_find(const struct proctable *t, pid_t pid, struct proctable_row *row);
