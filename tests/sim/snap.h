/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a snapshot says, read independently of the core that wrote it: who waits for what. With it the
 * simulation checks that nothing is blocked by nobody, and that no accepted request was lost.
 */

#include "common/str.h"
#include "common/wire.h"

struct snap_tree {
	uint64_t class_id;
	bool is_stop;
	uint64_t job;	  /* the instance whose stop on it is, 0: a start on */
	struct u64v held; /* per leaf the event it holds, 0 = none */
};

struct snap_job {
	uint64_t id;
	char *name; /* owned: instance */
	char *slot; /* owned: job */
	uint32_t goal, state;
	uint64_t blocker, kill_timer, rest_timer, family_timer, ready_timer, holds_timer, watchdog_timer;
	char *quarantine; /* owned; NULL: none */
	struct u64v waiters; /* triples: type (0 event, 1 request) | kind << 8, id, token */
	struct u64v fds, next_fds;
};

struct snap_event {
	uint64_t id;
	char *name; /* owned */
	uint64_t fd, job;
	uint32_t progress;
	struct u64v requests; /* pairs: request, token */
};

struct snap {
	struct snap_tree *trees; /* owned arrays */
	size_t n_trees;
	struct snap_job *jobs;
	size_t n_jobs;
	struct snap_event *events;
	size_t n_events;
	struct u64v requests; /* everybody who waits, wherever it is written */
	struct u64v fds;      /* handles held */
	struct u64v timers;   /* that are to come */
	uint64_t last_id;
};

/* 0, or -EBADMSG when the bytes are no snapshot, or -ENOMEM. */
int must_check snap_read(struct snap *snap, const void *p, size_t n);
void snap_deinit(struct snap *snap); /* idempotent */
const struct snap_event *snap_event(const struct snap *snap, uint64_t id);
/* Does an instance, or half of a condition, keep this event? */
bool snap_event_is_held(const struct snap *snap, uint64_t id);
const struct snap_job *snap_job(const struct snap *snap, uint64_t id);
