/* SPDX-License-Identifier: MIT */
/*
 * The tree and its rules. What becomes of a finding is decided in track.c.
 */
#include "core/family.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

struct family *
family_new(const struct family_plan *plan, int32_t pid, usec_t now)
{
	struct family *f = calloc(1, sizeof(*f));
	struct member *m = calloc(1, sizeof(*m));

	if (f == NULL || m == NULL) {
		free(f);
		free(m);
		return NULL;
	}
	*f = (struct family){ .plan = *plan, .first = pid, .changed = now, .n = 1 };
	/* A process of a job leads its session and group. */
	*m = (struct member){ .pid = pid, .born = now, .session = pid, .group = pid };
	DL_APPEND(f->members, m);
	return f;
}

struct family *
family_free(struct family *f)
{
	struct member *m, *next;

	if (f == NULL)
		return NULL;
	DL_FOREACH_SAFE(f->members, m, next)
		free(m);
	free(f);
	return NULL;
}

struct member *
family_get(const struct family *f, int32_t pid)
{
	struct member *m;

	DL_FOREACH(f->members, m)
		if (m->pid == pid)
			return m;
	return NULL;
}

/* -- facts ----------------------------------------------------------------------------- */

void
family_begin(struct family *f, usec_t now)
{
	if (f->begun)
		return;
	f->begun = true;
	f->changed = now;
}

int
family_forked(struct family *f, int32_t parent, int32_t pid, usec_t now)
{
	struct member *from = parent != 0 ? family_get(f, parent) : NULL;
	struct member *m;

	if (!f->begun || pid == parent || family_get(f, pid) != NULL)
		return 0;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return -ENOMEM;
	*m = (struct member){ .pid = pid, .parent = from, .born = now };
	m->depth = from != NULL ? from->depth + 1 : f->plan.depth > 0 ? f->plan.depth : 1;
	m->session = from != NULL ? from->session : 0;
	m->group = from != NULL ? from->group : 0;
	DL_APPEND(f->members, m);
	f->n++;
	f->changed = now;
	return 1;
}

void
family_executed(struct family *f, int32_t pid)
{
	struct member *m = family_get(f, pid);

	if (m == NULL)
		return;
	m->execs++;
	m->executed = ++f->execs;
}

bool
family_grouped(struct family *f, int32_t pid, int32_t session, int32_t group)
{
	struct member *m = family_get(f, pid);

	if (m == NULL || (m->session == session && m->group == group))
		return false;
	m->session = session;
	m->group = group;
	return true;
}

bool
family_ended(struct family *f, int32_t pid, int32_t status, usec_t now)
{
	struct member *gone = family_get(f, pid), *m;
	bool was_main = gone != NULL && gone == f->main;

	if (gone == NULL)
		return false;
	DL_FOREACH(f->members, m) {
		if (was_main)
			m->heir = m->parent == gone;
		if (m->parent == gone)
			m->parent = gone->parent;
	}
	if (was_main)
		f->main = NULL;
	if (pid == f->first && !f->first_ended) {
		f->first_ended = true;
		f->first_status = status;
	}
	f->last_status = status;
	f->changed = now;
	DL_DELETE(f->members, gone);
	free(gone);
	f->n--;
	return true;
}

/* -- who is who -------------------------------------------------------------------------- */

static bool
is_deep_enough(const struct family *f, const struct member *m)
{
	return m->depth >= (f->plan.depth > 0 ? f->plan.depth : 1);
}

static bool
is_settled(const struct family *f, const struct member *m)
{
	if (m->parent != NULL || m->depth == 0)
		return false;
	/* Of several that are adopted the better one is not always told first. */
	if (f->adopted && !f->first_ended)
		return false;
	return is_deep_enough(f, m) || (m->execs > 0 && !f->plan.across_exec);
}

/* Not in the first process's session any more. */
static bool
has_own_session(const struct family *f, const struct member *m)
{
	return m->session != 0 && m->session != f->first;
}

static bool
has_own_group(const struct family *f, const struct member *m)
{
	return has_own_session(f, m) || (m->group != 0 && m->group != f->first);
}

/* Of two that might be main; `a` is the older. */
static struct member *
better(const struct family *f, struct member *a, struct member *b)
{
	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (has_own_session(f, a) != has_own_session(f, b))
		return has_own_session(f, a) ? a : b;
	return b->executed > a->executed ? b : a;
}

static struct member *
settled(const struct family *f)
{
	struct member *m, *best = NULL;

	DL_FOREACH(f->members, m)
		if (is_settled(f, m))
			best = better(f, best, m);
	return best;
}

/* Deep enough, and only waiting for an ancestor to end. */
static bool
is_waiting(const struct family *f, const struct member *m)
{
	return f->plan.depth > 0 && m->depth > 0 && m->parent != NULL && is_deep_enough(f, m);
}

static struct member *
lingering(const struct family *f, usec_t now)
{
	struct member *m, *best = NULL;

	DL_FOREACH(f->members, m)
		if (is_waiting(f, m) && has_own_group(f, m) && now >= m->born + FAMILY_LINGER)
			best = better(f, best, m);
	return best;
}

/* How long the tree may stay as it is without being what is expected; 0: for ever. */
static usec_t
patience(const struct family *f)
{
	if (f->plan.patience == 0 || !f->first_ended || f->plan.patience < FAMILY_ORPHANED)
		return f->plan.patience;
	return FAMILY_ORPHANED;
}

static struct member *
first_or_eldest(const struct family *f)
{
	struct member *first = family_get(f, f->first);

	return first != NULL ? first : f->members;
}

static struct family_finding
found(struct member *m, enum family_reason reason)
{
	return (struct family_finding){ .verdict = FAMILY_READY, .reason = reason, .chosen = m };
}

/* `expect exit`: all hangs from how the first process ends. */
static struct family_finding
look_for_exit(const struct family *f, usec_t now)
{
	if (f->first_ended && f->first_status != 0)
		return (struct family_finding){ .verdict = FAMILY_FAILED, .status = f->first_status };
	if (f->first_ended) {
		struct member *m = settled(f);

		return found(m != NULL ? m : f->members, FAMILY_SETTLED);
	}
	if (f->plan.patience != 0 && now >= f->changed + f->plan.patience)
		return (struct family_finding){ .verdict = FAMILY_LATE };
	return (struct family_finding){ .verdict = FAMILY_WAIT };
}

struct family_finding
family_look(const struct family *f, usec_t now)
{
	struct member *m;

	if (f->ready)
		return (struct family_finding){ .verdict = now >= f->changed + FAMILY_QUIET_AFTER ||
								   now >= f->ready_at + FAMILY_WATCHED ||
								   f->n > FAMILY_MAX
							       ? FAMILY_QUIET
							       : FAMILY_WAIT };
	if (f->n == 0)
		return (struct family_finding){ .verdict = FAMILY_OVER, .status = f->last_status };
	if (f->n > FAMILY_MAX)
		return found(first_or_eldest(f), FAMILY_TOO_MANY);
	if (!f->begun)
		return (struct family_finding){ .verdict = FAMILY_WAIT };
	if (f->plan.told)
		return f->first_ended && f->first_status != 0
			   ? (struct family_finding){ .verdict = FAMILY_FAILED, .status = f->first_status }
			   : (struct family_finding){ .verdict = FAMILY_WAIT };
	if (f->plan.depth == 0)
		return look_for_exit(f, now);
	m = settled(f);
	if (m != NULL)
		return found(m, FAMILY_SETTLED);
	m = lingering(f, now);
	if (m != NULL)
		return found(m, FAMILY_LINGERS);
	if (patience(f) != 0 && now >= f->changed + patience(f))
		return found(first_or_eldest(f), FAMILY_TOO_FEW);
	return (struct family_finding){ .verdict = FAMILY_WAIT };
}

static usec_t
sooner(usec_t a, usec_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

usec_t
family_due(const struct family *f, usec_t now)
{
	const struct member *m;
	usec_t due;

	if (f->ready)
		return sooner(f->changed + FAMILY_QUIET_AFTER, f->ready_at + FAMILY_WATCHED);
	if (!f->begun || f->n == 0)
		return 0;
	due = patience(f) != 0 ? f->changed + patience(f) : 0;
	/* A new session or group is seen by looking only: those whose time has come are looked at again and again. */
	DL_FOREACH(f->members, m)
		if (is_waiting(f, m))
			due = sooner(due, (m->born + FAMILY_LINGER > now ? m->born : now) + FAMILY_LINGER);
	return due;
}

void
family_choose(struct family *f, struct member *m, usec_t now)
{
	if (!f->ready)
		f->ready_at = now;
	f->ready = true;
	f->main = m;
	f->changed = now;
}

struct member *
family_heir(const struct family *f)
{
	struct member *m, *best = NULL;

	DL_FOREACH(f->members, m)
		if (m->heir)
			best = better(f, best, m);
	if (best != NULL)
		return best;
	DL_FOREACH(f->members, m)
		best = better(f, best, m);
	return best;
}

struct member *
family_principal(const struct family *f, struct member *m)
{
	struct member *first = family_get(f, f->first), *best = settled(f);

	return first != NULL ? first : best != NULL ? best : m;
}

const struct member *
family_head(const struct family *f)
{
	return f->main != NULL ? f->main : first_or_eldest(f);
}

/* -- as numbers --------------------------------------------------------------------------- */

#define HEADER_WORDS 15 /* and then, for each member, */
#define MEMBER_WORDS 9

#define FLAG_ACROSS_EXEC 1u
#define FLAG_BEGUN 2u
#define FLAG_READY 4u
#define FLAG_FIRST_ENDED 8u
#define FLAG_ENTERED 16u
#define FLAG_TOLD 32u
#define FLAG_ADOPTED 64u

int
family_pack(const struct family *f, struct u64v *words)
{
	const uint64_t header[HEADER_WORDS] = {
		HEADER_WORDS,
		MEMBER_WORDS,
		f->n,
		(f->plan.across_exec ? FLAG_ACROSS_EXEC : 0) | (f->begun ? FLAG_BEGUN : 0) |
		    (f->ready ? FLAG_READY : 0) | (f->first_ended ? FLAG_FIRST_ENDED : 0) |
		    (f->entered ? FLAG_ENTERED : 0) | (f->plan.told ? FLAG_TOLD : 0) |
		    (f->adopted ? FLAG_ADOPTED : 0),
		f->plan.depth,
		f->plan.patience,
		f->main != NULL ? (uint64_t) f->main->pid : 0,
		(uint64_t) f->first,
		(uint64_t) f->first_status,
		(uint64_t) f->last_status,
		f->execs,
		f->changed,
		f->ready_at,
		(uint64_t) f->killing,
		0,
	};
	const struct member *m;

	for (size_t i = 0; i < HEADER_WORDS; i++)
		if (u64v_add(words, header[i]) < 0)
			return -ENOMEM;
	DL_FOREACH(f->members, m) {
		const uint64_t row[MEMBER_WORDS] = {
			(uint64_t) m->pid,
			m->parent != NULL ? (uint64_t) m->parent->pid : 0,
			m->depth,
			m->execs,
			m->executed,
			(uint64_t) m->session,
			(uint64_t) m->group,
			m->born,
			m->heir,
		};

		for (size_t i = 0; i < MEMBER_WORDS; i++)
			if (u64v_add(words, row[i]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int
unpack_member(struct family *f, const uint64_t *row)
{
	struct member *m;

	if (row[0] == 0 || row[0] > INT32_MAX || family_get(f, (int32_t) row[0]) != NULL)
		return -EBADMSG;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return -ENOMEM;
	*m = (struct member){
		.pid = (int32_t) row[0],
		.depth = (uint32_t) row[2],
		.execs = row[3],
		.executed = row[4],
		.session = (int32_t) row[5],
		.group = (int32_t) row[6],
		.born = row[7],
		.heir = row[8] != 0,
	};
	DL_APPEND(f->members, m);
	f->n++;
	return 0;
}

/* Parents by their pids. One that is not there, or not above its child, would be a damaged snapshot. */
static int
unpack_parents(struct family *f, const uint64_t *rows, size_t width)
{
	struct member *m;
	size_t i = 0;

	DL_FOREACH(f->members, m) {
		uint64_t pid = rows[i++ * width + 1];

		if (pid == 0)
			continue;
		m->parent = pid <= INT32_MAX ? family_get(f, (int32_t) pid) : NULL;
		if (m->parent == NULL || m->parent == m || m->parent->depth >= m->depth)
			return -EBADMSG;
	}
	return 0;
}

int
family_unpack(const struct u64v *words, struct family **made)
{
	const uint64_t *h = words->p;
	struct family *f;
	int r = 0;

	*made = NULL;
	if (words->n < HEADER_WORDS || h[0] < HEADER_WORDS || h[1] < MEMBER_WORDS || h[0] > words->n ||
	    h[1] > words->n || h[2] > (words->n - h[0]) / h[1])
		return -EBADMSG;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	*f = (struct family){
		.plan = { (uint32_t) h[4], (h[3] & FLAG_ACROSS_EXEC) != 0, h[5], (h[3] & FLAG_TOLD) != 0 },
		.begun = (h[3] & FLAG_BEGUN) != 0,
		.entered = (h[3] & FLAG_ENTERED) != 0,
		.adopted = (h[3] & FLAG_ADOPTED) != 0,
		.ready = (h[3] & FLAG_READY) != 0,
		.first_ended = (h[3] & FLAG_FIRST_ENDED) != 0,
		.first = (int32_t) h[7],
		.first_status = (int32_t) h[8],
		.last_status = (int32_t) h[9],
		.execs = h[10],
		.changed = h[11],
		.ready_at = h[12],
		.killing = (int32_t) h[13],
	};
	for (uint64_t i = 0; i < h[2] && r == 0; i++)
		r = unpack_member(f, h + h[0] + i * h[1]);
	if (r == 0)
		r = unpack_parents(f, h + h[0], h[1]);
	if (r == 0 && h[6] != 0) {
		f->main = h[6] <= INT32_MAX ? family_get(f, (int32_t) h[6]) : NULL;
		r = f->main == NULL ? -EBADMSG : 0;
	}
	if (r < 0)
		f = family_free(f);
	*made = f;
	return r;
}
