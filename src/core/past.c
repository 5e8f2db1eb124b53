/* SPDX-License-Identifier: MIT */
/*
 * How processes and instances ended. Nothing is decided by it: it is for people who ask why something does not run.
 *
 * Exits are triples, one per kind of process: kind | step << 32, status or errno | arg << 32, when. `step` is
 * PAST_ENDED for a process that ended, PAST_UNREADY for a main process that was given up, else where its making failed.
 */
#include "core/internal.h"

#include "core/past.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define PASTS_MAX 8 /* instances of a class that are remembered */

/* A main process that was given up and lives. */
static bool
is_given_up(const uint64_t *words)
{
	return words[0] >> 32 == PAST_UNREADY && (words[1] >> 32 & PAST_UNREADY_ENDED) == 0;
}

void
past_exit(struct core *core, struct job *job, enum process_kind kind, uint32_t step, uint32_t arg, int32_t value)
{
	struct u64v *v = &job->exits;
	size_t at = 0, n = v->n;
	uint64_t words[EXIT_WORDS];

	while (at + EXIT_WORDS <= n && (v->p[at] & UINT32_MAX) != (uint64_t) kind)
		at += EXIT_WORDS;
	if (at + EXIT_WORDS <= n && step == PAST_ENDED && is_given_up(&v->p[at])) {
		step = PAST_UNREADY;
		arg = (uint32_t) (v->p[at + 1] >> 32) | PAST_UNREADY_ENDED;
	}
	words[0] = (uint64_t) kind | (uint64_t) step << 32;
	words[1] = (uint64_t) (uint32_t) value | (uint64_t) arg << 32;
	words[2] = core->now;
	if (at + EXIT_WORDS <= n) {
		memcpy(&v->p[at], words, sizeof(words));
		return;
	}
	for (size_t i = 0; i < EXIT_WORDS; i++)
		if (u64v_add(v, words[i]) < 0) {
			v->n = n;
			core->oom = true;
			return;
		}
}

void
past_unready(struct core *core, struct job *job, uint32_t why)
{
	past_exit(core, job, PROCESS_MAIN, PAST_UNREADY, why, 0);
}

struct past *
past_free(struct past *past)
{
	free(past->name);
	u64v_deinit(&past->exits);
	free(past);
	return NULL;
}

/* The one of that name is another's now. */
static void
drop(struct slot *slot, const char *name)
{
	struct past *past, *next;

	DL_FOREACH_SAFE(slot->pasts, past, next) {
		if (strcmp(past->name, name) != 0)
			continue;
		DL_DELETE(slot->pasts, past);
		slot->n_pasts--;
		(void) past_free(past);
	}
}

void
past_add(struct core *core, const struct job *job)
{
	struct slot *slot = job->slot;
	struct past *past = calloc(1, sizeof(*past));

	drop(slot, job->name);
	if (past != NULL)
		past->name = strdup(job->name);
	if (past == NULL || past->name == NULL) {
		free(past);
		core->oom = true;
		return;
	}
	for (size_t i = 0; i < job->exits.n; i++)
		core_oom(core, u64v_add(&past->exits, job->exits.p[i]));
	past->failed = job->failed;
	past->failed_kind = job->failed_kind;
	past->at = core->now;
	DL_APPEND(slot->pasts, past);
	if (++slot->n_pasts > PASTS_MAX) {
		struct past *oldest = slot->pasts;

		DL_DELETE(slot->pasts, oldest);
		slot->n_pasts--;
		(void) past_free(oldest);
	}
}
