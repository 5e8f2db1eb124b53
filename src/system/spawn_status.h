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

/* One per pipe or socket, zeroed at the start; may be copied and kept over a re-exec. */
struct spawn_status {
	bool ready;
	bool waiting; /* the byte has been looked at and not been taken */
	uint8_t got;  /* bytes of the record so far */
	struct spawn_record record;
};

/*
 * Read what is there. The descriptor should be non-blocking; a blocking one is read to its end. Once the
 * outcome is not OPEN it is final and the pipe can be closed. FAILED: s->record is filled; a child
 * that died without a word gives SPAWN_SETUP and error 0.
 */
enum spawn_outcome spawn_status_read(struct spawn_status *s, int fd);

/*
 * The same for a socket, and nothing that matters is taken from it: who notes what he has seen before he says so with
 * spawn_status_seen() can be replaced at any instant. A record stays there; the ready byte is taken then, so that the
 * socket is readable for news only. What is neither, and what comes through a pipe, is read.
 */
enum spawn_outcome spawn_status_peek(struct spawn_status *s, int fd);
void spawn_status_seen(struct spawn_status *s, int fd);
