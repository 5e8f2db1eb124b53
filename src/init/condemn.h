/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What init can't do: it crashed over it twice (crash.h), or it broke one of its own rules. It is told, a report is
 * written, and it is done without:
 *
 *   an input       its substitute takes its place (core/quarantine.c): an error to who asked, or a quarantine
 *   an effect      is left out; a process that was to be made has failed
 *   a job file     keeps its last good definition until its text changes
 */

#include "init/init.h"

struct note;

#define CONDEMN_CRASHED "init crashed twice"
#define CONDEMN_BROKEN "init broke a rule of its own"

/*
 * While the journal is read: apply what stands in for a condemned input, whose record has the given mark. `level` is
 * crash_condemned()'s: at each further one less is done. As core_apply().
 */
int must_check condemn_loaded(struct init *init, const struct input *in, uint64_t mark, unsigned level);

/*
 * core_apply() has just said -ENOTRECOVERABLE to the last input of the journal: the core goes back to before it, and
 * what stands in for it is journaled and applied. 0; a negative errno: what came of it is neither done nor undone, and
 * the journal must be read again.
 */
int must_check condemn_broken(struct init *init, const struct input *in, enum servant_id from, uint64_t number);

/* Tell of an effect that is left out. */
void condemn_effect(struct init *init, const struct effect *e);

/* Is a definition of that hash (definitions.h) to be done without? */
bool condemn_is_shunned(const struct init *init, uint64_t hash);
/* Are the texts of a job's files more than init can stand? That is told. *hash is theirs. */
bool condemn_refuses(struct init *init, const struct definition_text *text, uint64_t *hash);

/* Init is degraded from now on; the first reason counts. Journaled by the next snapshot, or by condemn_broken(). */
void condemn_degrade(struct init *init, const char *why);

/* Journal that the next image, which may know better, is to try all that anew. */
void condemn_forget(struct init *init);

void condemn_save(struct init *init);
int must_check condemn_load(struct init *init, const struct note *note);
void condemn_deinit(struct init *init);
