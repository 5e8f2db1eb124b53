/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When init itself crashes: the handler leaves a core dump to a child and executes the running image again, which goes
 * on from the journal. The input that was in hand is tried once more; if that crashes too it is left out
 * (state.c). A signal that somebody sent condemns no input.
 *
 * An image that keeps crashing without getting anywhere first drops its state, then (a machine's process 1) becomes
 * a rescuer: it reaps, and runs a shell on the console. A session or a container ends. An image gets somewhere when after
 * its first turn it carries through some inputs, lives for a minute, or is hit by a signal from outside: that says
 * nothing about its state.
 */

#include "init/init.h"

/* The very first step: what the last image says, and which descriptors it has left open. */
void crash_begin(const struct init *init);
/* From now on crashes are survived. 0 or a negative errno: they are not. */
int must_check crash_install(struct init *init);
/* The journal has another descriptor. */
void crash_set_journal(struct init *init);

/* The signal that is being handled; 0: none. The next image finds it again. */
void crash_signal_in_hand(int number);
/*
 * What is being done: an input, by its record's mark (journal_next_mark()), or an effect, as CRASH_EFFECT(id); 0: neither. What
 * was in hand at two crashes in a row is condemned.
 */
#define CRASH_EFFECT(id) ((id) | UINT64_C(1) << 63)
void crash_in_hand(uint64_t what);
/* An input and its effects are done with. */
void crash_carried_through(void);
/* Is it to be left out? */
bool crash_is_condemned(uint64_t what);
/* Tell what has happened, once the log can hear it. */
void crash_report(const struct init *init);
/* At the end of each turn: after a while of good life earlier crashes are forgotten. */
void crash_turn(void);

/* Close the descriptors that the last image has left open, but for those that `keep` says are of use. */
typedef bool (*crash_keep_fn)(int fd, void *data);
void crash_close_strangers(crash_keep_fn keep, void *data);

/* The last resort of process 1, and what `--rescue` does: reaps, runs a shell; never returns. Ends with a container. */
void crash_rescue(void) __attribute__((noreturn));

/*
 * The init-faulty of the tests: a place where init may crash. With UPSTART_TEST_CRASH=N in its environment the first image
 * of init does so at the N-th place it comes to.
 */
#ifdef UPSTART_CRASH_POINTS
void crash_point(void);
/*
 * With UPSTART_TEST_CRASH_AT=NAME every image does so whenever it comes to an input or effect of this name; with TURN
 * every image that follows a crash, at the end of its first turn.
 */
void crash_at(const char *name);
#else
#define crash_point() ((void) 0)
#define crash_at(name) ((void) (name))
#endif
