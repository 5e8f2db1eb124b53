/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What survives: the journal of inputs and notes, begun anew by a snapshot when it has grown long, read by
 * the next image.
 *
 * A note is something the shell must know besides the core: descriptors above all. The last note about a
 * thing counts. Descriptors are written as number + 1, 0 = none.
 */

#include "init/init.h"

#define NOTES(X)                                                                                                       \
	X(DEFINITIONS)	 /* fd */                                                                                      \
	X(SERVANT)	 /* id; link fd, pid, generation, received */                                                  \
	X(RECEIVED)	 /* id; number */                                                                              \
	X(LISTEN)	 /* fd, fd of the second socket; text: address */                                              \
	X(RING)		 /* fd */                                                                                      \
	X(SPAWN)	 /* process; pid, status r, status w, gate r, gate w, pidfd, flags, effect, word, word w, brood; text: name */ \
	X(SPAWN_GONE)	 /* process */                                                                                 \
	X(STREAM)	 /* process; pty fd, ended, see logs.c; text: path; list: job, instance, kind */               \
	X(STREAM_GONE)	 /* process */                                                                                 \
	X(EVENT_FD)	 /* handle; fd */                                                                              \
	X(EVENT_FD_GONE) /* handle */                                                                                  \
	X(TIMER)	 /* timer; due: in snapshots */                                                                \
	X(BUS)		 /* text: address */                                                                           \
	X(LEVEL)	 /* level of the log */                                                                        \
	X(NOFILE)	 /* soft, hard: what init was started with */                                                  \
	X(FLUSH)	 /* request of a client that waits for the logger */                                           \
	X(FLUSH_GONE)                                                                                                  \
	X(SHUNNED)	/* hash of a definition that is done without; 0: of none any more */                           \
	X(DEGRADED)	/* text: why; none: not any more */                                                            \
	X(ANSWER)	/* request; text: error and its text, if it is one: not known to be told */                    \
	X(ANSWERS_GONE) /* all of them are */                                                                          \
	X(BASE)		/* fd; text: path, of the directory of control groups */                                       \
	X(BROOD)	/* outside, sessions (brood.h); text: name of its group; list: job, instance */                \
	X(BROOD_GONE)                                                                                                  \
	X(FSIZE) /* as NOFILE */

enum note_kind {
	NOTE_NONE,
#define X(id) NOTE_##id,
	NOTES(X)
#undef X
	    NOTE_KIND_COUNT
};

struct note {
	uint32_t kind;
	uint64_t id;
	struct u64v numbers; /* missing ones read as 0: note_number() */
	char *text;
	char **list; /* NULL: none */
};

uint64_t note_number(const struct note *note, size_t i);
int note_fd(const struct note *note, size_t i); /* -1: none */
#define NOTE_FD(fd) ((uint64_t) ((fd) + 1))

/* Journal a note. When that fails a snapshot is due, which knows it too. */
void state_note(struct init *init, enum note_kind kind, uint64_t id, const char *text, const uint64_t *numbers,
		size_t n);
/* The same with a list of texts. */
void state_note_list(struct init *init, const struct note *note);
#define STATE_NOTE(init, kind, id, text, ...)                                                                          \
	state_note(init, kind, id, text, (const uint64_t[]){ __VA_ARGS__ },                                            \
		   sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* Start with an empty journal. 0 or a negative errno. */
int must_check state_new(struct init *init);
/* Journal an input (and record it). 0, or a negative errno: then it must not be applied. */
int must_check state_input(struct init *init, const struct input *in, enum servant_id from, uint64_t number);
/* Also write all that happens from now on to that file. 0 or a negative errno. */
int must_check state_record(struct init *init, const char *path);
/*
 * A sealed copy of all that the core knows, as a recording that begins in the middle (record.h): for whoever wants to
 * see what would happen. A descriptor the caller owns, or a negative errno.
 */
int must_check state_copy(struct init *init);
/* The recording, if there is one, gets the effects above `since`: what came of the last input. */
void state_record_effects(struct init *init, uint64_t since);
/* … gets the core as it is: the last input was taken back, and another stands in for it. */
void state_record_core(struct init *init);
/* … gets a definition that is about to be used. */
void state_record_definition(struct init *init, uint64_t id);

/* Make the core anew of what the journal says. 0; or a negative errno, then init->core is what it was. */
int must_check state_reread(struct init *init);
/*
 * Take back the last input of the journal: the core is what it was before. 0; or a negative errno, then init->core is
 * not to be relied on, and the journal is to be read again (init->brain.spoiled).
 */
int must_check state_rewind(struct init *init);

/* Write a snapshot and go on from there. 0 or a negative errno (then the old journal goes on). */
int must_check state_snapshot(struct init *init);
/* state_snapshot() if the journal has grown long or is damaged. */
void state_turn(struct init *init);

/*
 * Read the journal another image left on `fd`, which is owned from now on: core, definitions, notes. 0 or a negative
 * errno: then init->core is NULL and nothing of it is used.
 */
int must_check state_load(struct init *init, int fd);
/* All descriptors the journal speaks of are to be there after an exec, or are not. */
void state_keep_descriptors(struct init *init, bool keep);

/* The configuration of the core, from init's own; all borrowed. */
struct core_config state_core_config(struct init *init);
