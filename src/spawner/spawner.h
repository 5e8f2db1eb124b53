/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The hands of init: takes MSG_SPAWN from the link, makes the processes as init's own children and
 * answers MSG_SPAWNED. Never waits for a child, keeps no job in memory.
 *
 * A want of memory is waited out for a while. Else crash only: what it can't tell init (no memory, no descriptors, a damaged
 * message) ends it with an error. init sees EOF, starts another and asks again for whatever was not answered; a child of
 * whom init doesn't know finds its gate closed.
 */

#include <sys/resource.h>

#include "common/msg.h"
#include "spawner/answers.h"
#include "spawner/children.h"

struct spawner {
	struct ipc *ipc;	  /* owned */
	struct answers *answers;  /* owned */
	struct children children; /* session and user mode only */
	char *session;		  /* owned: the address of the session, or NULL */
	enum init_mode mode;
	pid_t init;
	uint64_t init_started; /* as children_start_time() */
	int init_pidfd;	      /* -1: the platform has none */
	struct rlimit nofile; /* what jobs start from */
	bool done;	      /* init has sent MSG_SHUTDOWN */
	struct ipc_message held; /* a message that found no memory; type 0: none */
	unsigned tries;		 /* of it */
};

/* Takes the link. `nofile`: the limit jobs get, before this process raised its own. 0 or -ENOMEM. */
int must_check spawner_init(struct spawner *s, struct ipc *ipc, const struct rlimit *nofile);
void spawner_deinit(struct spawner *s);

/*
 * Serve until the link ends. 0: init said so, or is gone (then the jobs of a session have got
 * SIGTERM); or a negative errno: end and be started anew.
 */
int must_check spawner_run(struct spawner *s);
