/* SPDX-License-Identifier: MIT */
/*
 * What effects do to a simulated world, and what they may not do.
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/msg.h"

const char *const told_texts[TOLD_COUNT] = {
#define X(id, text) text,
	TOLD(X)
#undef X
};

/* Room for one more element, zeroed; a fault when there is no memory. */
static void *
grow(struct world *w, void **array, size_t *n, size_t size)
{
	char *p = realloc(*array, (*n + 1) * size);

	if (p == NULL) {
		world_fault(w, "out of memory");
		return NULL;
	}
	*array = p;
	memset(p + *n * size, 0, size);
	return p + (*n)++ * size;
}

/* -- processes -------------------------------------------------------------------------------- */

static struct proc *
proc_by_id(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_procs; i++)
		if (w->procs[i].id == id)
			return &w->procs[i];
	return NULL;
}

static void
check_spawn_env(struct world *w, const struct effect_spawn *s)
{
	const char *job = env_get(s->env, "UPSTART_JOB"), *instance = env_get(s->env, "UPSTART_INSTANCE");

	if (job == NULL || strcmp(job, s->job) != 0 || instance == NULL || strcmp(instance, s->instance) != 0)
		world_fault(w, "a process of %s does not know its job", s->job);
	if ((env_get(s->env, "UPSTART_SESSION") != NULL) != w->session)
		world_fault(w, "a process of %s has the wrong session", s->job);
	for (size_t i = 0; s->env[i] != NULL; i++) {
		struct span key = { s->env[i], strcspn(s->env[i], "=") };

		if (env_get_span(s->env, key) != s->env[i] + key.n + 1)
			world_fault(w, "a process of %s has %s twice", s->job, s->env[i]);
	}
	if (s->fds.n % 2 != 0)
		world_fault(w, "descriptors without numbers");
	for (size_t i = 0; i + 1 < s->fds.n; i += 2)
		if (s->fds.p[i] >= w->n_fds || w->fds[s->fds.p[i]] != FD_OPEN || s->fds.p[i + 1] < 3 ||
		    s->fds.p[i + 1] == 9)
			world_fault(w, "a process of %s gets a descriptor that is closed, or a number in use", s->job);
}

static void
take_spawn(struct world *w, const struct effect_spawn *s)
{
	const struct job_class *cls = store_get(&w->store, s->class_id);
	struct proc *p;

	if (cls == NULL || s->kind >= PROCESS_KIND_COUNT || cls->process[s->kind].command == NULL ||
	    strcmp(cls->name, s->job) != 0) {
		world_fault(w, "a process is asked for that no definition has");
		return;
	}
	for (size_t i = 0; i < w->n_procs; i++) {
		p = &w->procs[i];
		if (p->id >= s->process)
			world_fault(w, "process numbers do not grow");
		if (!p->ended && p->kind == s->kind && strcmp(p->job, s->job) == 0 &&
		    strcmp(p->instance, s->instance) == 0)
			world_fault(w, "%s (%s) gets a second %s process", s->job, s->instance,
				    process_kind_name(p->kind));
	}
	check_spawn_env(w, s);
	p = grow(w, (void **) &w->procs, &w->n_procs, sizeof(*p));
	if (p == NULL)
		return;
	*p = (struct proc) {
		.id = s->process,
		.class_id = s->class_id,
		.job = strdup(s->job),
		.instance = strdup(s->instance),
		.kind = (enum process_kind) s->kind,
		.stubborn = rng_chance(&w->rng, 15),
	};
}

static void
take_kill(struct world *w, const struct effect_kill *k)
{
	struct proc *p = proc_by_id(w, k->process);

	struct kin *kin = p != NULL ? kin_by_pid(p, k->pid) : NULL;

	if (p == NULL || p->ended || (p->pid != k->pid && kin == NULL) || !p->made || (k->group && k->pid != p->head)) {
		world_fault(w, "a signal is sent to pid %d, which is none of its processes", k->pid);
		return;
	}
	if (p->adopted && kin != NULL && !kin->told)
		world_fault(w, "a signal is sent to pid %d, of which nobody has told", k->pid);
	if (k->signal <= 0 || k->signal > 64)
		world_fault(w, "signal %d is sent", k->signal);
	if (kin != NULL) {
		if (!kin->dead && (k->signal == SIGKILL || (k->signal == SIGTERM && !p->stubborn))) {
			kin->dead = true;
			kin->status = rng_chance(&w->rng, 70) ? JOB_EXIT_SIGNAL(k->signal) : 0;
		}
		return;
	}
	if (p->dead || k->signal == SIGCONT || k->signal == SIGHUP || k->signal == SIGUSR1)
		return;
	if (k->signal != SIGKILL && p->stubborn)
		return;
	p->dead = true;
	p->status = k->signal == SIGKILL || rng_chance(&w->rng, 70) ? JOB_EXIT_SIGNAL(k->signal)
								    : (int32_t) rng_below(&w->rng, 2);
}

static void
take_ended(struct world *w, const struct effect_ended *e)
{
	struct proc *p = proc_by_id(w, e->process);

	if (p == NULL || p->ended)
		world_fault(w, "process %llu is said to be over twice", (unsigned long long) e->process);
	else if (!p->failed && (p->head == p->pid ? !p->reaped : kin_by_pid(p, p->head) != NULL))
		world_fault(w, "process %llu is said to be over, and lives", (unsigned long long) e->process);
	else if (e->pid != 0 && e->pid != p->head)
		world_fault(w, "pid %d is said to be over, and it is %d", e->pid, p->head);
	else
		p->ended = true;
}

static void
take_main(struct world *w, const struct effect_main *e)
{
	struct proc *p = proc_by_id(w, e->process);
	const struct kin *kin = p != NULL ? kin_by_pid(p, e->pid) : NULL;

	if (p == NULL || p->ended || (p->pid == e->pid ? p->reaped : kin == NULL))
		world_fault(w, "process %d is said to be main, and is not there", e->pid);
	else if (p->adopted && kin != NULL && (!kin->told || !p->dead))
		world_fault(w, "process %d is said to be main, and is not adopted, or the first lives", e->pid);
	else if (p->head == e->pid)
		world_fault(w, "process %d is said to be main, and was", e->pid);
	else
		p->head = e->pid;
	w->totals->adopted += p != NULL && p->adopted && kin != NULL ? 1 : 0;
}

/* Nobody hears of them again. */
static void
take_release(struct world *w, const struct effect_release *e)
{
	struct proc *p = proc_by_id(w, e->process);

	if (p == NULL || p->ended || e->pids.n == 0) {
		world_fault(w, "a family is released that is none");
		return;
	}
	for (size_t i = 0; i < e->pids.n; i++) {
		int32_t pid = (int32_t) e->pids.p[i];
		struct kin *kin = kin_by_pid(p, pid);

		if (kin == NULL && (pid != p->pid || p->reaped))
			world_fault(w, "process %d is released, and is not there", pid);
		if (kin != NULL && pid != p->head)
			kin->dead = kin->reaped = true;
	}
}

static void
take_strays(struct world *w, const struct effect_strays *s)
{
	struct core_instance view;

	if (s->signal <= 0 || s->signal > 64)
		world_fault(w, "signal %d is sent to what %s leaves", s->signal, s->job);
	if (s->sweep != 0 && s->session != 0)
		world_fault(w, "%s waits for a part of what it leaves", s->job);
	/* Within the input it may have gone on. */
	if (s->sweep == 0 && s->session != 0 && !s->alone && core_instance(w->core, s->job, s->instance, &view) < 0)
		world_fault(w, "%s is gone, and one of its hooks is not alone", s->job);
}

/* -- timers, descriptors, requests ----------------------------------------------------------------- */

static void
take_timer(struct world *w, const struct effect_timer *t)
{
	struct timer *timer = NULL;

	for (size_t i = 0; i < w->n_timers; i++)
		if (w->timers[i].id == t->timer)
			timer = &w->timers[i];
	if (t->due == 0) {
		if (timer == NULL)
			world_fault(w, "a timer is cancelled that does not run");
		else
			*timer = w->timers[--w->n_timers];
		w->old_timer = t->timer;
		return;
	}
	if (timer == NULL)
		timer = grow(w, (void **) &w->timers, &w->n_timers, sizeof(*timer));
	if (timer != NULL)
		*timer = (struct timer) { t->timer, t->due };
}

static void
take_close_fd(struct world *w, uint64_t fd)
{
	if (fd >= w->n_fds || w->fds[fd] != FD_OPEN)
		world_fault(w, "descriptor %llu is closed twice", (unsigned long long) fd);
	else
		w->fds[fd] = FD_CLOSED;
}

static void
take_reply(struct world *w, const struct effect_reply *r)
{
	static const char *const names[] = {
		ERR_JOB_FAILED,	      ERR_CONDITION_NOT_MET, ERR_EVENT_FAILED,
		ERR_ALREADY_STARTED,  ERR_ALREADY_STOPPED,   ERR_UNKNOWN_INSTANCE,
		ERR_UNKNOWN_JOB,      ERR_INVALID_ARGS,	     ERR_NOT_RUNNING,
		ERR_UNKNOWN_JOB_INSTANCE, ERR_GONE,		     ERR_QUARANTINED,
		ERR_NOT_QUARANTINED,  ERR_FAILED,
	};
	bool known = r->error == NULL;

	if (!w->control)
		world_fault(w, "an answer, and nobody to carry it");
	if (r->request >= w->n_requests || w->requests[r->request] != REQUEST_PENDING) {
		world_fault(w, "request %llu is answered, and does not wait", (unsigned long long) r->request);
		return;
	}
	w->requests[r->request] = REQUEST_ANSWERED;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		known = known || strcmp(names[i], r->error) == 0;
	if (!known || (r->error != NULL && r->text == NULL))
		world_fault(w, "the answer is the error %s: %s", r->error, r->text != NULL ? r->text : "(no text)");
}

/* -- what clients are told ---------------------------------------------------------------------------- */

static struct shadow *
shadow_find(struct world *w, const struct effect_notify *n)
{
	for (size_t i = 0; i < w->n_shadows; i++)
		if (n->job != NULL && n->instance != NULL && strcmp(w->shadows[i].job, n->job) == 0 &&
		    strcmp(w->shadows[i].instance, n->instance) == 0)
			return &w->shadows[i];
	return NULL;
}

static void
take_state(struct world *w, struct shadow *s, const char *text)
{
	enum job_goal goal = s->respawning ? GOAL_RESPAWN : s->goal;
	bool allowed = false;
	enum job_state state;

	if (text == NULL || !job_state_from_name(text, &state)) {
		world_fault(w, "%s changed to the state %s", s->job, text != NULL ? text : "(none)");
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		allowed = allowed || lifecycle_next(s->state, goal, (struct lifecycle_facts) { i & 1, i & 2 }) == state;
	if (!allowed)
		world_fault(w, "%s (%s) went from %s to %s with goal %s", s->job, s->instance, job_state_name(s->state),
			    text, job_goal_name(goal));
	w->totals->moves[s->state][goal][state]++;
	s->state = state;
	s->respawning = false;
}

static void
take_goal(struct world *w, struct shadow *s, const char *text)
{
	enum job_goal goal;

	if (text == NULL || !job_goal_from_name(text, &goal)) {
		world_fault(w, "%s changed to the goal %s", s->job, text != NULL ? text : "(none)");
		return;
	}
	if (goal == s->goal)
		world_fault(w, "%s (%s) changed its goal to what it was", s->job, s->instance);
	s->respawning = s->goal == GOAL_RESPAWN && goal == GOAL_START;
	s->goal = goal;
}

static void
take_notify(struct world *w, const struct effect_notify *n)
{
	struct shadow *s = shadow_find(w, n);

	if (!w->control)
		world_fault(w, "a signal, and nobody to carry it");
	switch (n->type) {
	case NOTIFY_JOB_ADDED:
	case NOTIFY_JOB_REMOVED:
		if (n->job == NULL)
			world_fault(w, "a nameless job is told");
		break;
	case NOTIFY_INSTANCE_ADDED:
		if (s != NULL)
			world_fault(w, "%s (%s) is added twice", n->job, n->instance);
		s = grow(w, (void **) &w->shadows, &w->n_shadows, sizeof(*s));
		if (s != NULL)
			*s = (struct shadow) { strdup(n->job), strdup(n->instance), GOAL_STOP, JOB_WAITING, false };
		break;
	case NOTIFY_EVENT_QUEUED:
	case NOTIFY_STATE_SET:
	case NOTIFY_STATE_CLEARED:
	case NOTIFY_EVENT_EMITTED:
		if (n->text == NULL)
			world_fault(w, "a nameless event is told");
		break;
	default:
		if (s == NULL) {
			world_fault(w, "news of %s (%s), which clients do not know", n->job, n->instance);
		} else if (n->type == NOTIFY_GOAL_CHANGED) {
			take_goal(w, s, n->text);
		} else if (n->type == NOTIFY_STATE_CHANGED) {
			take_state(w, s, n->text);
		} else if (n->type == NOTIFY_INSTANCE_REMOVED) {
			if (s->state != JOB_WAITING)
				world_fault(w, "%s (%s) is removed in %s", n->job, n->instance,
					    job_state_name(s->state));
			free(s->job);
			free(s->instance);
			*s = w->shadows[--w->n_shadows];
		} else if (n->type != NOTIFY_FAILED) {
			world_fault(w, "a signal of unknown type %u", n->type);
		}
	}
}

void
world_take(struct world *w, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_SPAWN:
		take_spawn(w, &e->spawn);
		break;
	case EFFECT_KILL:
		take_kill(w, &e->kill);
		break;
	case EFFECT_TIMER:
		take_timer(w, &e->timer);
		break;
	case EFFECT_LOG:
		if (e->log.text == NULL || e->log.level < 0)
			world_fault(w, "a line without text");
		for (size_t i = 0; e->log.text != NULL && i < TOLD_COUNT; i++)
			w->totals->told[i] += strstr(e->log.text, told_texts[i]) != NULL;
		break;
	case EFFECT_CLOSE_FD:
		take_close_fd(w, e->close_fd.fd);
		break;
	case EFFECT_ENDED:
		take_ended(w, &e->ended);
		break;
	case EFFECT_FINISHED:
		if (!w->ending || w->finished)
			world_fault(w, "it is over, and nobody asked");
		w->finished = true;
		break;
	case EFFECT_MAIN:
		take_main(w, &e->main);
		break;
	case EFFECT_RELEASE:
		take_release(w, &e->release);
		break;
	case EFFECT_STRAYS:
		take_strays(w, &e->strays);
		break;
	case EFFECT_REPLY:
		take_reply(w, &e->reply);
		break;
	case EFFECT_NOTIFY:
		take_notify(w, &e->notify);
		break;
	default:
		world_fault(w, "an effect of unknown type %u", e->type);
	}
}
