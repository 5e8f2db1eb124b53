/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The reader's end of a status pipe: what became of a child between gate and exec (spawn.h).
 */

#include <stdbool.h>

#include "common/msg.h"

enum spawn_outcome {
	SPAWN_OUTCOME_OPEN,	/* not known yet: read again when the pipe is readable */
	SPAWN_OUTCOME_EXECUTED, /* its program runs (or has run) */
	SPAWN_OUTCOME_FAILED	/* it ends with status 255 or has died: step, arg and error say where */
};

/* One per pipe, zeroed at the start; may be copied and kept over a re-exec. */
struct spawn_status {
	bool ready;
	uint8_t got; /* bytes of the record so far */
	struct spawn_record record;
};

/*
 * Read what is there. The descriptor should be non-blocking; a blocking one is read to its end. Once the
 * outcome is not OPEN it is final and the pipe can be closed. FAILED: s->record is filled; a child
 * that died without a word gives SPAWN_SETUP and error 0.
 */
enum spawn_outcome spawn_status_read(struct spawn_status *s, int fd);
