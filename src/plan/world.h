/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An imaginary world behind the core that ships: processes are made at once, a service's main process runs until it is
 * told to end and then does, all others end well; time passes when nothing else is left. Processes that ran already do
 * the same. Nothing outside is touched.
 */

#include "plan/source.h"
#include "plan/story.h"

enum world_action { WORLD_EMIT, WORLD_START, WORLD_STOP, WORLD_RESTART, WORLD_BOOT };

struct world_question {
	enum world_action action;
	const char *name; /* borrowed: event or job; WORLD_BOOT: the event it begins with */
	char *const *env; /* borrowed */
	bool emits;	  /* processes emit the events that their jobs say they do, once each */
	uint64_t limit;	  /* steps, then it is given up */
};

/*
 * Answer the question; *story is zeroed before and deinitialised by the caller. 0; -ENOENT: there is no such job;
 * -EBADMSG: the snapshot can't be read; -ENOTRECOVERABLE: an internal rule was broken; -ENOMEM.
 */
int must_check world_tell(struct source *source, const struct world_question *question, struct story *story);
