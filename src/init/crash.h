/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When init itself crashes: the handler leaves a core dump to a child and executes the running image again, which goes
 * on from the journal. What was in hand is tried once more; if that crashes too it is condemned, and something safe
 * takes its place (condemn.c). A signal that somebody sent condemns nothing.
 *
 * An image that keeps crashing without getting anywhere first drops its state, then (a machine's process 1) becomes
 * a rescuer: it reaps, and runs a shell on the console. A session or a container ends. An image gets somewhere when
 * after its first turn it carries through some inputs, did without what had crashed the ones before it, lives for a
 * minute, or is hit by a signal from outside: that says nothing about its state.
 *
 * On the way down nobody needs a shell: instead of becoming a rescuer init writes what is in memory, and the machine ends.
 */

#include "init/init.h"

/* The very first step: what the last image says, and which descriptors it has left open. */
void crash_begin(const struct init *init);
/* From now on crashes are survived. 0 or a negative errno: they are not, until crash_turn() has done better. */
int must_check crash_install(struct init *init);
/* The journal has another descriptor. */
void crash_set_journal(struct init *init);
/* What the next image is to know of the way down has changed (shutdown_arguments()). 0 or -ENOMEM: it may know the old. */
int must_check crash_set_next(struct init *init);

/*
 * Memory or descriptors were lacking when this image read the state, or an input in it broke a rule: after a pause it
 * executes itself once more, as after a crash. What is in hand still (crash_in_hand()) is condemned, nothing else. Returns when
 * that was in vain too often, or can't be done.
 */
void crash_try_again(void);
/* The state can't be read: execute the image once more, without one. Returns if that can't be done. */
void crash_begin_anew(void);

/* The signal that is being handled; 0: none, or what it means is journaled. The next image finds it again. */
void crash_signal_in_hand(int number);
/*
 * What is being done: an input, by its record's mark (journal_next_mark()), an effect, a query of control's, a message
 * of a servant's, or a job file, by a hash of its text; 0: nothing of that kind. What was in hand at two crashes in a
 * row is condemned.
 */
#define CRASH_KIND(kind, n) (((n) & (UINT64_MAX >> 3)) | UINT64_C(kind) << 61)
#define CRASH_EFFECT(id) CRASH_KIND(4, id)
#define CRASH_QUERY(request) CRASH_KIND(5, request)
#define CRASH_MESSAGE(servant, generation, number)                                                                     \
	CRASH_KIND(6, (uint64_t) (servant) << 56 | ((generation) &0xffff) << 40 | ((number) & (UINT64_MAX >> 24)))
#define CRASH_FILE(hash) CRASH_KIND(7, hash)
void crash_in_hand(uint64_t what);
/* An input and its effects are done with. */
void crash_carried_through(void);
/*
 * 0: nothing is known against it. 1: it is condemned. More: so were, one after the other, the things done in its place
 * while it was in hand.
 */
unsigned crash_condemned(uint64_t what);
/* What condemned it: "segmentation fault"; NULL: it broke a rule, or it is not condemned. */
const char *crash_cause(uint64_t what);
/* Is there no report yet of what condemned it? True once, over all images. */
bool crash_is_news(uint64_t what);
/* Tell what has happened, once the log can hear it. */
void crash_report(const struct init *init);
/* At the end of each turn: after a while of good life earlier crashes are forgotten; what was lacking is tried again. */
void crash_turn(struct init *init);

/* Was that descriptor open when this image began? True also when nobody knows. Until crash_close_strangers(). */
bool crash_inherited(int fd);

/* Close the descriptors that the last image has left open, but for those that `keep` says are of use. */
typedef bool (*crash_keep_fn)(int fd, void *data);
void crash_close_strangers(crash_keep_fn keep, void *data);

/* The last resort of process 1, and what `--rescue` does: reaps, runs a shell; never returns. Ends with a container. */
void crash_rescue(void) __attribute__((noreturn));

/*
 * The init-faulty of the tests: a place where init may crash. With UPSTART_TEST_CRASH=N in its environment the first
 * image of init does so at the N-th place it comes to.
 */
#ifdef UPSTART_CRASH_POINTS
void crash_point(void);
/*
 * With UPSTART_TEST_CRASH_AT=NAME,NAME… every image does so whenever it comes to an input, an effect, a message or a
 * job of one of these names, to a QUERY, to a SUBSTITUTE, or (BROKEN) to an input that has just broken a rule; with TURN
 * every image that follows a crash, at the end of its first turn; with HANDLER once more while it handles a crash.
 */
void crash_at(const char *name);
/* With UPSTART_TEST_BREAK_AT=NAME,NAME… the core is said to have broken a rule of its own over each input of these
 * names. */
bool crash_breaks(const char *name);
#else
#define crash_point() ((void) 0)
#define crash_at(name) ((void) (name))
#define crash_breaks(name) ((void) (name), false)
#endif
