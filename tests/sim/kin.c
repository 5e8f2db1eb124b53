/* SPDX-License-Identifier: MIT */
/*
 * Main processes that fork, in a simulated world: the family of a process (struct proc.kin), and what it does by
 * chance. When all is calm they behave as their job says, so that it comes up.
 *
 * In some worlds nobody may be traced. Of a family the core hears there what init/adoption.c would find: before somebody
 * whom it knows is reaped, those that are orphans then.
 */
#include "world.h"

#include <signal.h>
#include <string.h>

#include "common/msg.h"

struct kin *
kin_by_pid(struct proc *p, int32_t pid)
{
	for (size_t i = 0; i < p->n_kin; i++)
		if (p->kin[i].pid == pid && !p->kin[i].reaped)
			return &p->kin[i];
	return NULL;
}

/* Will it be said who is main? */
static bool
is_told(const struct job_class *cls)
{
	return cls->expect == EXPECT_PIDFILE || cls->expect == EXPECT_LISTEN;
}

static bool
has_family(const struct world *w, const struct proc *p)
{
	const struct job_class *cls = store_get(&w->store, p->class_id);

	return p->kind == PROCESS_MAIN && (cls->expect == EXPECT_FORK || cls->expect == EXPECT_DAEMON ||
					   cls->expect == EXPECT_EXIT || is_told(cls));
}

bool
kin_is_expected(const struct world *w, const struct proc *p)
{
	/* Whom a file names is not known where nobody is traced. */
	return has_family(w, p) && !(p->adopted && is_told(store_get(&w->store, p->class_id)));
}

static int
apply(struct world *w, struct input *in)
{
	int r = world_apply(w, in);

	input_free(in);
	world_forget_procs(w);
	return r;
}

static void
tell(struct world *w, const struct proc *p, enum family_news what, int32_t pid, int32_t other)
{
	struct input in = { .type = INPUT_FAMILY };

	in.family.process = p->id;
	in.family.what = what;
	in.family.pid = pid;
	in.family.other = other;
	if (what == FAMILY_NEWS_GROUPED) {
		in.family.session = rng_chance(&w->rng, 50) ? pid : p->pid;
		in.family.group = pid;
	}
	(void) apply(w, &in);
}

static void
fork_one(struct world *w, struct proc *p, int32_t parent, unsigned depth)
{
	bool known = w->calm || !rng_chance(&w->rng, 10);
	struct kin *k = &p->kin[p->n_kin++];

	*k = (struct kin){ .pid = world_new_pid(w), .depth = known ? depth : 2, .parent = parent };
	if (!p->adopted)
		tell(w, p, FAMILY_NEWS_FORKED, known ? parent : 0, k->pid);
}

/* -- where nobody is traced ---------------------------------------------------------------- */

static bool
is_orphan(const struct proc *p, const struct kin *k)
{
	if (k->parent == p->pid)
		return p->dead;
	for (size_t i = 0; i < p->n_kin; i++)
		if (p->kin[i].pid == k->parent && !p->kin[i].dead)
			return false;
	return true;
}

bool
kin_begin(struct world *w, struct proc *p)
{
	if (!w->untraced || p->adopted || !has_family(w, p))
		return false;
	p->adopted = true;
	tell(w, p, FAMILY_NEWS_ADOPTED, 0, 0);
	return true;
}

void
kin_before_exit(struct world *w, struct proc *p, const struct kin *k)
{
	uint64_t id = p->id;
	int32_t heirs[ARRAY_SIZE(p->kin)];
	size_t n = 0;

	if (!p->adopted || (k != NULL && !k->told))
		return;
	for (size_t i = 0; i < p->n_kin; i++)
		if (!p->kin[i].dead && !p->kin[i].told && is_orphan(p, &p->kin[i])) {
			p->kin[i].told = true;
			heirs[n++] = p->kin[i].pid;
		}
	for (size_t i = 0; i < n; i++) {
		struct input in = { .type = INPUT_FAMILY };

		in.family.process = id;
		in.family.what = FAMILY_NEWS_FORKED;
		in.family.other = heirs[i];
		in.family.session = in.family.group = rng_chance(&w->rng, 50) ? heirs[i] : 0;
		(void) apply(w, &in);
	}
}

/* One of whom the core does not know: init, or whoever made it, takes no notice. */
static bool
ends_unseen(const struct proc *p, struct kin *k)
{
	if (!p->adopted || k == NULL || k->told)
		return false;
	k->dead = k->reaped = true;
	return true;
}

static void
end_one(struct world *w, struct proc *p, struct kin *k, int32_t status)
{
	struct input in = { .type = INPUT_EXITED };

	in.exited.pid = k != NULL ? k->pid : p->pid;
	in.exited.status = status;
	if (k != NULL) {
		k->dead = true;
	} else {
		p->dead = true;
		p->status = status;
	}
	if (ends_unseen(p, k))
		return;
	kin_before_exit(w, p, k);
	/* That may have moved it. */
	p = world_proc_by_pid(w, in.exited.pid);
	k = kin_by_pid(p, in.exited.pid);
	if (k != NULL)
		k->reaped = true;
	else
		p->reaped = true;
	(void) apply(w, &in);
}

static bool
has_room(const struct world *w, const struct proc *p)
{
	return p->n_kin < (w->calm ? ARRAY_SIZE(p->kin) : KIN_MAX);
}

/* Its file names that one, who may be nobody. */
static void
name_main(struct world *w, struct proc *p, int32_t pid)
{
	struct input in = { .type = INPUT_SAID };

	in.said.process = p->id;
	in.said.what = SAID_MAIN | SAID_READY;
	in.said.main_pid = pid;
	(void) apply(w, &in);
}

/* As the job says, without helpers: the line grows as long as it must be, then all but its end go. */
static bool
run_calmly(struct world *w, struct proc *p)
{
	const struct job_class *cls = store_get(&w->store, p->class_id);
	unsigned wanted = cls->expect == EXPECT_DAEMON ? 2 : 1;
	struct kin *last = NULL;

	for (size_t i = 0; i < p->n_kin; i++)
		if (!p->kin[i].reaped && (last == NULL || p->kin[i].depth >= last->depth))
			last = &p->kin[i];
	if ((last == NULL ? !p->dead : last->depth < wanted) && has_room(w, p)) {
		fork_one(w, p, last != NULL ? last->pid : p->pid, last != NULL ? last->depth + 1 : 1);
		return true;
	}
	if (is_told(cls) && !p->stopped && last != NULL) {
		p->stopped = true;
		name_main(w, p, last->pid);
		return true;
	}
	if (!p->dead) {
		end_one(w, p, NULL, 0);
		return true;
	}
	for (size_t i = 0; i < p->n_kin; i++)
		if (!p->kin[i].reaped && &p->kin[i] != last) {
			end_one(w, p, &p->kin[i], 0);
			return true;
		}
	return false;
}

static struct kin *
some_kin(struct world *w, struct proc *p)
{
	size_t first = rng_below(&w->rng, (unsigned) p->n_kin + 1);

	for (size_t i = 0; i < p->n_kin; i++)
		if (!p->kin[(first + i) % p->n_kin].dead)
			return &p->kin[(first + i) % p->n_kin];
	return NULL;
}

bool
kin_run(struct world *w, struct proc *p)
{
	struct kin *k = p->n_kin > 0 && (p->dead || rng_chance(&w->rng, 60)) ? some_kin(w, p) : NULL;

	if (kin_begin(w, p))
		return true;
	for (size_t i = 0; i < p->n_kin; i++)
		if (p->kin[i].dead && !p->kin[i].reaped) {
			end_one(w, p, &p->kin[i], p->kin[i].status);
			return true;
		}
	if (w->calm)
		return run_calmly(w, p);
	if (k == NULL && p->dead)
		return false;
	if (is_told(store_get(&w->store, p->class_id)) && rng_chance(&w->rng, 10)) {
		name_main(w, p, k != NULL ? k->pid : rng_chance(&w->rng, 80) ? p->pid : 1);
		return true;
	}
	switch (rng_below(&w->rng, 8)) {
	case 0:
	case 1:
	case 2:
		if (!has_room(w, p))
			return false;
		fork_one(w, p, k != NULL ? k->pid : p->pid, k != NULL ? k->depth + 1 : 1);
		return true;
	case 3:
		if (p->adopted)
			return false;
		tell(w, p, FAMILY_NEWS_EXECUTED, k != NULL ? k->pid : p->pid, 0);
		return true;
	case 4:
		if (p->adopted && k != NULL && !k->told)
			return false;
		tell(w, p, FAMILY_NEWS_GROUPED, k != NULL ? k->pid : p->pid, 0);
		return true;
	case 5:
		if (p->adopted || !rng_chance(&w->rng, 3))
			return false;
		tell(w, p, rng_chance(&w->rng, 50) ? FAMILY_NEWS_UNTRACED : FAMILY_NEWS_ADOPTED, 0, 0);
		return true;
	default:
		end_one(w, p, k, rng_chance(&w->rng, 80) ? 0 : 1);
		return true;
	}
}

/* Some of what a process may say, sense or not. */
void
kin_says(struct world *w, struct proc *p, bool ready)
{
	struct input in = { .type = INPUT_SAID };
	struct rng *rng = &w->rng;

	in.said.process = p->id;
	in.said.what = w->calm ? 0 : rng_below(rng, SAID_NOTHING << 1) & rng_below(rng, SAID_NOTHING << 1);
	in.said.what = (in.said.what & ~(uint32_t) SAID_MAIN) | (ready ? SAID_READY : 0);
	in.said.what |= w->calm ? SAID_WATCHDOG : 0;
	in.said.watchdog = w->calm ? 0 : rng_below(rng, 20) * USEC_PER_SEC;
	in.said.extend = rng_below(rng, 20) * USEC_PER_SEC;
	in.said.status = rng_chance(rng, 80) ? strdup("busy") : NULL;
	(void) apply(w, &in);
}
