/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The event loop: descriptors and one-shot timers, over libevent_core.
 *
 * Sources belong to whoever made them and are freed by him, in a callback too, before the loop. A
 * fault of libevent never ends the process: the base is made anew and all sources go on with it.
 */

#include <stdbool.h>

#include "common/macros.h"

struct loop;
struct loop_fd;
struct loop_timer;

/* NULL when out of memory or descriptors. */
struct loop *loop_new(void);
struct loop *loop_free(struct loop *loop); /* takes NULL, returns NULL; sources must be gone */

/*
 * Wait until something happens (at most `timeout` microseconds; UINT64_MAX: for ever) and run what
 * is due. 0, or a negative errno when nothing could be waited for: the caller tries again.
 */
int must_check loop_run_once(struct loop *loop, usec_t timeout);

#define LOOP_READ 1u
#define LOOP_WRITE 2u

typedef void (*loop_fd_fn)(unsigned events, void *data);

/* Watch `fd` (not owned) for LOOP_*; NULL when that can't be done. `events` may be 0. */
struct loop_fd *loop_fd_new(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *data);
/* Change what is watched for. 0 or a negative errno; then nothing is watched and a later call may repair it. */
int must_check loop_fd_want(struct loop_fd *source, unsigned events);
struct loop_fd *loop_fd_free(struct loop_fd *source); /* takes NULL, returns NULL; does not close */

typedef void (*loop_timer_fn)(void *data);

/* A timer at rest; NULL when out of memory. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data);
/* Fire once when clock_now() has reached `due`; replaces an earlier time. Never fires early, never fails. */
void loop_timer_set(struct loop_timer *timer, usec_t due);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
struct loop_timer *loop_timer_free(struct loop_timer *timer); /* takes NULL, returns NULL */
