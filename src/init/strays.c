/* SPDX-License-Identifier: MIT */
#include "init/strays.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#include "common/backoff.h"
#include "init/brain.h"
#include "init/brood.h"
#include "init/proc.h"
#include "init/state.h"
#include "system/cgroup.h"
#include "system/clock.h"

#define BASE_NAME "upstart"
#define NAME_MAX_LENGTH 200
#define NAMES_MAX 1000		   /* that differ in what is put behind them only */
#define IDLE (1 * USEC_PER_SEC)	   /* so long a brood without processes is kept: the next may be asked for already */
#define AGAIN (100 * USEC_PER_MSEC) /* between looks at one that nothing tells of */
#define AGAIN_MAX (1 * USEC_PER_SEC)
#define LONG_AGAIN (10 * USEC_PER_SEC)

static void timer_cb(void *data);

int
strays_init(struct init *init)
{
	struct strays *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->base = s->watch = -1;
	s->timer = loop_timer_new(init->loop, timer_cb, init);
	if (s->timer == NULL) {
		free(s);
		return -ENOMEM;
	}
	init->strays = s;
	return 0;
}

/* Have it be looked at then; 0: at no certain time. The later one is asked for, the later it mostly is due. */
static void
set_due(struct strays *s, struct brood *b, usec_t due)
{
	struct brood *before;

	if (b->due != 0)
		DL_DELETE2(s->due, b, due_prev, due_next);
	b->due = due;
	if (due == 0)
		return;
	before = s->due != NULL ? s->due->due_prev : NULL; /* the last */
	while (before != NULL && before->due > due)
		before = before != s->due ? before->due_prev : NULL;
	if (before != NULL)
		DL_APPEND_ELEM2(s->due, before, b, due_prev, due_next);
	else
		DL_PREPEND2(s->due, b, due_prev, due_next);
}

/* What its watch tells is nobody's any more. */
static void
unwatch(struct strays *s, struct brood *b)
{
	if (b->watch > 0)
		map_del_id(&s->by_watch, (uint64_t) b->watch);
	b->watch = 0;
}

static void
brood_free(struct strays *s, struct brood *b)
{
	set_due(s, b, 0);
	unwatch(s, b);
	DL_DELETE(s->list, b);
	map_del_id(&s->by_id, b->id);
	map_del(&s->by_key, b->key);
	if (b->leaf != NULL)
		map_del(&s->by_leaf, b->leaf);
	u64v_deinit(&b->sessions);
	free(b->leaf);
	free(b->key);
	free(b->instance);
	free(b->job);
	free(b);
}

void
strays_deinit(struct init *init)
{
	struct strays *s = init->strays;
	struct brood *b, *next;

	if (s == NULL)
		return;
	DL_FOREACH_SAFE(s->list, b, next) {
		if (b->leaf != NULL)
			(void) !cgroup_remove(s->base, b->leaf);
		brood_free(s, b);
	}
	map_deinit(&s->by_id);
	map_deinit(&s->by_key);
	map_deinit(&s->by_leaf);
	map_deinit(&s->by_watch);
	proctable_deinit(&s->table);
	if (s->path != NULL)
		cgroup_remove_base(s->path);
	s->source = loop_fd_free(s->source);
	s->timer = loop_timer_free(s->timer);
	fd_close(&s->watch);
	fd_close(&s->base);
	free(s->path);
	free(s);
	init->strays = NULL;
}

/* -- making ------------------------------------------------------------------------------ */

static char *
key_of(const char *job, const char *instance)
{
	return str_printf("%zu:%s%s", strlen(job), job, instance);
}

/* *b: NULL: there is none. 0 or -ENOMEM. */
static int
brood_find(const struct init *init, const char *job, const char *instance, struct brood **b)
{
	auto_free char *key = key_of(job, instance != NULL ? instance : "");

	if (key == NULL)
		return -ENOMEM;
	*b = map_get(&init->strays->by_key, key);
	return 0;
}

/* NULL: out of memory. */
static struct brood *
brood_new(struct init *init, uint64_t id, const char *job, const char *instance)
{
	struct strays *s = init->strays;
	struct brood *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->id = id;
	b->job = strdup(job);
	b->instance = strdup(instance);
	b->key = key_of(job, instance);
	DL_APPEND(s->list, b);
	if (b->job == NULL || b->instance == NULL || b->key == NULL || map_put_id(&s->by_id, id, b) < 0 ||
	    map_put(&s->by_key, b->key, b) < 0) {
		DL_DELETE(s->list, b);
		map_del_id(&s->by_id, id);
		free(b->key);
		free(b->instance);
		free(b->job);
		free(b);
		return NULL;
	}
	s->last_id = id > s->last_id ? id : s->last_id;
	return b;
}

static void
base_note(struct init *init)
{
	STATE_NOTE(init, NOTE_BASE, 0, init->strays->path, NOTE_FD(init->strays->base));
}

/* Is there a base for groups? */
static bool
has_base(struct init *init)
{
	struct strays *s = init->strays;

	if (s->base >= 0 || init->options.no_cgroups || clock_now() < s->next_try)
		return s->base >= 0;
	/* A machine may mount it when it is up a little further. */
	s->next_try = init_is_system(init) ? clock_now() + LONG_AGAIN : UINT64_MAX;
	s->base = cgroup_open_base(BASE_NAME, &s->path);
	if (s->base < 0) {
		log_debug("Jobs have no control groups: %s", strerror(-s->base));
		s->base = -1;
		return false;
	}
	base_note(init);
	return true;
}

/* The n-th name that may be the group's; owned. */
static char *
name_for(const char *job, const char *instance, unsigned n)
{
	auto_free char *name = str_printf("%s%s%s", job, *instance != '\0' ? "-" : "", instance);

	if (name == NULL)
		return NULL;
	for (char *c = name; *c != '\0'; c++)
		if (*c == '/' || *c == '\n')
			*c = '_';
	if (strlen(name) > NAME_MAX_LENGTH)
		name[NAME_MAX_LENGTH] = '\0';
	return n == 1 ? steal(&name) : str_printf("%s~%u", name, n);
}

/* Give it a group. Others may have taken the name: job a-b, or instance b of job a. */
static void
give_leaf(struct init *init, struct brood *b)
{
	struct strays *s = init->strays;
	int r = -EEXIST;

	for (unsigned n = 1; r == -EEXIST && n <= NAMES_MAX; n++) {
		auto_free char *name = name_for(b->job, b->instance, n);

		if (name == NULL)
			return;
		r = map_get(&s->by_leaf, name) != NULL ? -EEXIST : cgroup_make(s->base, name);
		if (r == 0 && map_put(&s->by_leaf, name, b) == 0)
			b->leaf = steal(&name);
	}
	if (r < 0)
		log_debug("%s has no control group: %s", b->job, strerror(-r));
}

/* *b: NULL: it needs none. 0 or -ENOMEM. */
static int
brood_for(struct init *init, const struct effect_spawn *e, const struct job_class *cls, struct brood **b)
{
	bool groups = has_base(init);
	int r = brood_find(init, e->job, e->instance, b);

	if (r < 0 || *b != NULL || (!groups && cls->kill_mode != KILL_TREE))
		return r;
	*b = brood_new(init, init->strays->last_id + 1, e->job, e->instance != NULL ? e->instance : "");
	if (*b == NULL)
		return -ENOMEM;
	if (groups)
		give_leaf(init, *b);
	brood_note(init, *b);
	return 0;
}

static void
attach(struct proc *p, struct brood *b)
{
	if (p->brood == b)
		return;
	strays_forget(p);
	p->brood = b;
	if (b == NULL)
		return;
	DL_APPEND2(b->procs, p, brood_prev, brood_next);
	set_due(p->init->strays, b, 0);
	b->gone = false;
}

/*
 * Make the group if it is not there, for somebody may have cleared away. One that was killed is made anew: recent Linux
 * (seen with 6.18) kills at birth whoever clone3 puts into a group that has ever been. 0, or a negative errno: nobody can
 * be put there.
 */
static int
see_to_leaf(struct init *init, struct brood *b)
{
	struct strays *s = init->strays;
	int r = b->killed ? cgroup_remove(s->base, b->leaf) : 0;

	if (r == 0)
		r = cgroup_make(s->base, b->leaf);
	if (r == -EEXIST)
		return 0;
	if (r < 0) {
		log_debug("%s has no control group: %s", b->job, strerror(-r));
		return r;
	}
	unwatch(s, b);
	if (b->killed) {
		b->killed = false;
		brood_note(init, b);
	}
	return 0;
}

int
strays_group(struct proc *p, const struct effect_spawn *e, const struct job_class *cls, char **group)
{
	struct strays *s = p->init->strays;
	struct brood *b = NULL;
	int r = brood_for(p->init, e, cls, &b);

	*group = NULL;
	if (r < 0)
		return r;
	attach(p, b);
	if (b == NULL || b->leaf == NULL)
		return 0;
	if (see_to_leaf(p->init, b) < 0 && b->killed)
		return 0;
	*group = str_printf("%s/%s", s->path, b->leaf);
	return *group != NULL ? 0 : -ENOMEM;
}

void
strays_made(struct proc *p, bool outside)
{
	struct brood *b = p->brood;
	int r;

	if (b == NULL || (b->leaf != NULL && !outside && !b->killed))
		return;
	b->outside = b->outside || b->leaf != NULL;
	r = brood_add(p->init, b, p->pid);
	if (r < 0)
		log_error("What %s leaves behind is not known: %s", p->name, strerror(-r));
}

/* -- waiting ------------------------------------------------------------------------------------- */

/* Have the timer fire then, or sooner. */
static void
timer_at(struct strays *s, usec_t due)
{
	if (s->timer_due != 0 && s->timer_due <= due)
		return;
	loop_timer_set(s->timer, due);
	s->timer_due = due;
}

static void
set_timer(struct init *init)
{
	if (init->strays->due != NULL)
		timer_at(init->strays, init->strays->due->due);
}

/* Look at it then, or sooner. */
static void
look_at(struct init *init, struct brood *b, usec_t due)
{
	if (b->due != 0 && b->due <= due)
		return;
	set_due(init->strays, b, due);
	timer_at(init->strays, due);
}

/* The next turn looks whether somebody can be told that nobody is left. */
static void
answer(struct init *init)
{
	init->strays->answers_due = true;
	timer_at(init->strays, clock_now());
}

/* Somebody waits until nobody is left. */
static void
wait_for_end(struct brood *b, uint64_t job_id, uint64_t sweep)
{
	b->job_id = job_id;
	b->sweep = sweep;
	b->gone = false;
	b->pause = 0;
}

static void look(struct init *init, struct brood *b);

static void
changed_cb(int number, void *data)
{
	struct init *init = data;
	struct brood *b, *next;

	if (number > 0) {
		b = map_get_id(&init->strays->by_watch, (uint64_t) number);
		if (b != NULL)
			look(init, b);
		return;
	}
	DL_FOREACH_SAFE(init->strays->list, b, next)
		if (b->watch > 0)
			look(init, b);
}

static void
watch_cb(unsigned events, void *data)
{
	const struct init *init = data;

	(void) events;
	cgroup_watch_read(init->strays->watch, changed_cb, data);
}

/* Be told of its group, unless that can't be had. */
static void
watch(struct strays *s, struct brood *b)
{
	int number = cgroup_watch_add(s->watch, s->path, b->leaf);

	if (number > 0 && map_put_id(&s->by_watch, (uint64_t) number, b) == 0)
		b->watch = number;
}

/* Each look goes through all processes: who takes long is looked at less often. */
static usec_t
next_pause(struct brood *b)
{
	b->pause = backoff_next(b->pause, AGAIN, AGAIN_MAX);
	return b->pause;
}

/* Hear of it when nobody is in its group any more, or look again by and by. */
static void
await(struct init *init, struct brood *b)
{
	struct strays *s = init->strays;

	if (s->watch < 0 && b->leaf != NULL) {
		s->watch = cgroup_watch_new();
		s->source = s->watch >= 0 ? loop_fd_new(init->loop, s->watch, LOOP_READ, watch_cb, init) : NULL;
		if (s->source == NULL)
			fd_close(&s->watch);
	}
	if (b->watch == 0 && b->leaf != NULL && s->watch >= 0)
		watch(s, b);
	if (b->watch == 0 || b->outside)
		look_at(init, b, clock_now() + (b->sweep != 0 ? next_pause(b) : LONG_AGAIN));
}

/* Is there any use in knowing it further? */
static bool
is_needed(const struct init *init, const struct brood *b)
{
	struct core_instance view;

	return b->leaf != NULL || core_instance(init->core, b->job, b->instance, &view) == 0;
}

/* It has no process that init knows. Whoever waits is told when nobody is left; then it goes. */
static void
look(struct init *init, struct brood *b)
{
	bool told = b->watch > 0;
	char buf[256];
	int r;

	set_due(init->strays, b, 0);
	if (b->procs != NULL)
		return;
	if (b->gone)
		return;
	if (b->sweep != 0) {
		await(init, b); /* first, so that nothing is missed */
		if (!brood_is_empty(init, b))
			return;
		b->gone = true;
		answer(init);
		return;
	}
	r = b->leaf != NULL ? cgroup_remove(init->strays->base, b->leaf) : 0;
	if (r == 0 && (brood_is_empty(init, b) || !is_needed(init, b))) {
		STATE_NOTE(init, NOTE_BROOD_GONE, b->id, NULL, 0);
		brood_free(init->strays, b);
		return;
	}
	await(init, b);
	if (!told)
		brood_tell(init, b, brood_display(b, buf, sizeof(buf)));
	/* It may have ended before it was watched. */
	if (b->leaf != NULL && b->watch > 0 && cgroup_is_populated(init->strays->base, b->leaf) <= 0)
		look_at(init, b, clock_now() + AGAIN);
}

static void
timer_cb(void *data)
{
	struct init *init = data;
	struct strays *s = init->strays;
	usec_t now = clock_now();

	s->timer_due = 0;
	while (s->due != NULL && s->due->due <= now)
		look(init, s->due); /* again only later */
	set_timer(init);
}

struct over {
	struct init *init;
	struct input_strays in; /* .sweep: 0: none is over */
	uint64_t brood;		/* 0: there is none */
	int r;
};

/* The first that is over; of others the broods know who waits for them. */
static void
over_cb(const struct core_sweep *sweep, void *data)
{
	struct over *o = data;
	struct brood *b = NULL;

	if (o->r == 0 && o->in.sweep == 0)
		o->r = brood_find(o->init, sweep->job, sweep->instance, &b);
	if (o->r < 0 || o->in.sweep != 0)
		return;
	if (b != NULL && (b->sweep != sweep->sweep || b->job_id != sweep->job_id)) {
		wait_for_end(b, sweep->job_id, sweep->sweep);
		if (b->procs == NULL)
			look_at(o->init, b, clock_now());
	}
	if (b != NULL && !b->gone)
		return;
	o->in = (struct input_strays){ sweep->job_id, sweep->sweep };
	o->brood = b != NULL ? b->id : 0;
}

/* 1: somebody was told; 0: nobody is to be; or a negative errno: later. */
static int
tell_one(struct init *init)
{
	struct over over = { .init = init };
	struct input in = { .type = INPUT_STRAYS };
	struct brood *b;

	core_each_sweep(init->core, over_cb, &over);
	if (over.r < 0 || over.in.sweep == 0)
		return over.r;
	in.strays = over.in;
	over.r = brain_feed(init, &in);
	if (over.r < 0)
		return over.r;
	b = map_get_id(&init->strays->by_id, over.brood);
	if (b != NULL && b->sweep == over.in.sweep) {
		wait_for_end(b, 0, 0);
		if (b->procs == NULL)
			look_at(init, b, clock_now() + IDLE);
	}
	return 1;
}

void
strays_begin_turn(struct init *init)
{
	proctable_forget(&init->strays->table);
}

void
strays_turn(struct init *init)
{
	struct strays *s = init->strays;
	int r;

	if (!s->answers_due)
		return;
	do
		r = tell_one(init);
	while (r == 1);
	s->answers_due = r < 0;
	if (r < 0)
		timer_at(s, clock_now() + AGAIN);
}

/* -- ends --------------------------------------------------------------------------------------------- */

void
strays_forget(struct proc *p)
{
	struct init *init = p->init;
	struct brood *b = p->brood;

	if (b == NULL)
		return;
	p->brood = NULL;
	DL_DELETE2(b->procs, p, brood_prev, brood_next);
	if (b->procs != NULL || init->state.loading || init->phase >= PHASE_LEAVING)
		return;
	if (b->sweep != 0)
		look(init, b);
	else
		look_at(init, b, clock_now() + IDLE);
}

int
strays_before_end(struct init *init, pid_t pid)
{
	struct brood *b;
	int r = 0;

	DL_FOREACH(init->strays->list, b)
		if (r == 0 && brood_knows(b, pid))
			r = brood_learn(init, b, pid);
	return r;
}

void
strays_ended(struct proc *p)
{
	struct brood *b = p->brood;
	auto_free char *who = NULL;

	if (b == NULL || b->procs != p || p->brood_next != NULL || b->leaf == NULL || p->pid <= 0 || !proc_is_hook(p) ||
	    cgroup_is_populated(p->init->strays->base, b->leaf) <= 0)
		return;
	who = str_printf("%s process (%d)", p->name, (int) p->pid);
	if (who != NULL)
		brood_tell(p->init, b, who);
}

int
strays_effect(struct init *init, const struct effect_strays *e)
{
	struct brood *b = NULL;
	int r = e->job != NULL ? brood_find(init, e->job, e->instance, &b) : 0;
	int32_t session;

	/* One that is carried out again, after a crash, may find another generation. */
	if (r < 0 || (e->sweep != 0 && core_sweep_of(init->core, e->job_id) != e->sweep))
		return r;
	if (b != NULL) {
		session = e->alone && b->procs == NULL ? 0 : e->session;
		r = brood_signal(init, b, session, e->signal);
		/* Whoever forks faster than we look is caught by the kernel. */
		if (e->sweep != 0 && e->signal == SIGKILL && b->leaf != NULL) {
			b->killed = true;
			brood_note(init, b); /* first: a successor must know */
			(void) !cgroup_kill(init->strays->base, b->leaf);
		}
	}
	if (r < 0 || e->sweep == 0)
		return r;
	if (b == NULL) {
		answer(init);
		return 0;
	}
	wait_for_end(b, e->job_id, e->sweep);
	look(init, b);
	return 0;
}

/* -- over a re-exec ------------------------------------------------------------------------------------------ */

void
strays_save(struct init *init)
{
	const struct brood *b;

	if (init->strays->base >= 0)
		base_note(init);
	DL_FOREACH(init->strays->list, b)
		brood_note(init, b);
}

static int
load_brood(struct init *init, const struct note *note)
{
	struct strays *s = init->strays;
	struct brood *b = map_get_id(&s->by_id, note->id);

	if (strv_len(note->list) != 2)
		return 0;
	if (b == NULL)
		b = brood_new(init, note->id, note->list[0], note->list[1]);
	if (b == NULL)
		return -ENOMEM;
	if (b->leaf == NULL && note->text != NULL) {
		b->leaf = strdup(note->text);
		if (b->leaf == NULL || map_put(&s->by_leaf, b->leaf, b) < 0)
			return -ENOMEM;
	}
	b->outside = (note_number(note, 0) & BROOD_OUTSIDE) != 0;
	b->killed = (note_number(note, 0) & BROOD_KILLED) != 0;
	b->sessions.n = 0;
	for (size_t i = 1; i < note->numbers.n; i++)
		if (u64v_add(&b->sessions, note->numbers.p[i]) < 0)
			return -ENOMEM;
	return 0;
}

int
strays_load(struct init *init, const struct note *note)
{
	struct strays *s = init->strays;
	struct brood *b;

	switch (note->kind) {
	case NOTE_BASE:
		s->base = note_fd(note, 0);
		free(s->path);
		s->path = note->text != NULL ? strdup(note->text) : NULL;
		return s->path != NULL || s->base < 0 ? 0 : -ENOMEM;
	case NOTE_BROOD:
		return load_brood(init, note);
	default:
		b = map_get_id(&s->by_id, note->id);
		if (b == NULL)
			return 0;
		while (b->procs != NULL)
			strays_forget(b->procs);
		brood_free(s, b);
		return 0;
	}
}

void
strays_attach(struct proc *p, uint64_t brood)
{
	attach(p, brood != 0 ? map_get_id(&p->init->strays->by_id, brood) : NULL);
}

uint64_t
strays_number(const struct proc *p)
{
	return p->brood != NULL ? p->brood->id : 0;
}

void
strays_start(struct init *init)
{
	struct brood *b;

	(void) has_base(init);
	answer(init);
	DL_FOREACH(init->strays->list, b)
		if (b->procs == NULL)
			look_at(init, b, clock_now()); /* images that follow each other fast would keep it for ever */
}

void
strays_each(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	if (init->strays->base >= 0)
		fn(init->strays->base, data);
}
