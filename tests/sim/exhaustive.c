/* SPDX-License-Identifier: MIT */
/*
 * Small worlds, whole: every order in which a few things can happen is tried, to a fixed depth.
 *
 *   exhaustive [--depth N] [--asks N] [--states N]
 *
 * Each world has two jobs and two events. A state is a snapshot of the core with what the world knows of its
 * processes and timers; from each state every possible input is tried: users ask (so many times), a process is made,
 * fails, runs, ends well or badly, a timer fires. States that differ only in numbers given are one: numbers are
 * replaced by the order in which they appear before a state is looked up.
 *
 * After every input core_check() must hold, no event be blocked by nobody; and where nothing is under way any more, no
 * instance may be on its way, unless an event that somebody holds keeps it. The last line counts the states.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/map.h"
#include "core/core.h"
#include "jobs.h"
#include "snap.h"

/* Numbers the core gives start here, so that they can be told from all others. */
#define FIRST_ID UINT64_C(1000000)
#define FIRST_EFFECT (UINT64_C(1) << 40)
#define PROCS_MAX 8
#define TIMERS_MAX 4
#define NOW (100 * USEC_PER_SEC)

static const struct {
	const char *name, *a, *b;
} worlds[] = {
	{ "dependents", "start on ev-a\nstop on ev-b\nexec a\n", "start on started a\nstop on stopping a\nexec b\n" },
	{ "respawn", "start on ev-a\nrespawn\nrespawn limit 1 10\npre-start exec p\nexec a\n",
	  "start on stopped a\ntask\nexec b\n" },
	{ "hook", "start on ev-a and ev-b\nstop on stopping b\nexec a\n", "start on starting a\ntask\nexec b\n" },
	{ "restart", "start on ev-a\npre-stop exec q\npost-stop exec s\nexec a\n", "stop on stopping a\nexec b\n" },
	{ "circle", "start on ev-a\nstop on stopping b and ev-b\nexec a\n",
	  "start on ev-a\nstop on stopping a and ev-b\nexec b\n" },
	{ "post-start", "start on ev-a\nstop on ev-b\nrespawn\npost-start exec h\nexec a\n",
	  "start on stopping a or ev-b\n" },
	{ "ready", "expect stop\nrespawn\nkill timeout 1\nexec a\n",
	  "start on starting a or ev-a\nstop on ev-b\nexec b\n" },
	{ "while", "start on ev-a\nstop on ev-b\nrespawn\nexec a\n", "while a\npre-stop exec q\nexec b\n" },
	{ "while not", "start on ev-a\nstop on ev-b\npre-start exec p\nexec a\n", "while not a\npost-stop exec q\nexec b\n" },
	{ "armed", "start on ev-a\nwhile b\nexec a\n", "start on ev-a\nstop on ev-b\nrespawn\nrespawn limit 1 10\nexec b\n" },
	{ "contradiction", "while not b\nexec a\n", "while a\nexec b\n" },
};

struct proc {
	uint64_t id;
	int32_t pid;
	bool main, executed, dying;
};

/* What lies beside the core in a state. */
struct side {
	struct proc procs[PROCS_MAX];
	size_t n_procs;
	uint64_t timers[TIMERS_MAX];
	size_t n_timers;
	unsigned asks; /* users asked so often */
	int32_t last_pid;
};

struct state {
	struct strbuf saved;
	struct side side;
};

struct search {
	struct store store;
	struct core_config config;
	const char *world;
	unsigned depth, asks;
	size_t limit;
	struct map seen;     /* hash of the canonical form -> anything */
	struct state *queue; /* owned: all states, in the order found */
	unsigned *depths;    /* owned */
	size_t n, done, cap;
	uint64_t steps, rests;
	const char *action; /* what is tried, for faults */
	bool failed;
};

static void
fault(struct search *s, const char *what, const char *more)
{
	if (!s->failed)
		(void) printf("FAULT in the world \"%s\": after %s: %s%s\n", s->world, s->action, what, more);
	s->failed = true;
}

/* -- the canonical form ---------------------------------------------------------------------- */

struct canon {
	struct map numbers; /* number -> its place, from 1 */
	size_t n;
	struct strbuf out;
};

static void
canon_number(struct canon *c, uint64_t v)
{
	if (v >= FIRST_ID) {
		uintptr_t place = (uintptr_t) map_get_id(&c->numbers, v);

		if (place == 0) {
			place = ++c->n;
			if (map_put_id(&c->numbers, v, (void *) place) < 0)
				c->out.failed = true;
		}
		v = FIRST_ID + place;
	}
	wire_put_uint(&c->out, v);
}

static bool
is_counter(struct span key)
{
	return span_is(key, "seq") || span_is(key, "last_effect") || span_is(key, "last_id");
}

static void
canon_value(struct canon *c, struct wire_in *in)
{
	unsigned char tag = in->p < in->end ? *in->p : 0xc1;
	const unsigned char *from = in->p;
	size_t n;

	if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
		canon_number(c, wire_get_uint(in));
	} else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		n = wire_get_array(in);
		wire_put_array(&c->out, n);
		for (; n > 0 && !in->bad; n--)
			canon_value(c, in);
	} else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		n = wire_get_map(in);
		for (; n > 0 && !in->bad; n--) {
			struct span key = wire_get_span(in);

			if (is_counter(key)) {
				wire_skip(in);
				continue;
			}
			wire_put_str(&c->out, key);
			canon_value(c, in);
		}
	} else {
		wire_skip(in);
		strbuf_addn(&c->out, from, (size_t) (in->p - from));
	}
}

/* A number for the state that is the same for states that differ in given numbers only. */
static uint64_t
state_hash(const struct state *st)
{
	struct canon c = { 0 };
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct wire_in in;

	wire_in_init(&in, st->saved.p, st->saved.len);
	canon_value(&c, &in);
	for (size_t i = 0; i < st->side.n_procs; i++) {
		const struct proc *p = &st->side.procs[i];

		canon_number(&c, p->id);
		wire_put_uint(&c.out, (unsigned) (p->main | p->executed << 1 | p->dying << 2));
		wire_put_int(&c.out, p->pid);
	}
	for (size_t i = 0; i < st->side.n_timers; i++)
		canon_number(&c, st->side.timers[i]);
	wire_put_uint(&c.out, st->side.asks);
	for (size_t i = 0; i < c.out.len; i++)
		h = (h ^ (unsigned char) c.out.p[i]) * UINT64_C(0x100000001b3);
	map_deinit(&c.numbers);
	strbuf_deinit(&c.out);
	return h;
}

/* -- one input -------------------------------------------------------------------------------- */

static void
forget_proc(struct side *side, uint64_t id)
{
	for (size_t i = 0; i < side->n_procs; i++)
		if (side->procs[i].id == id) {
			memmove(&side->procs[i], &side->procs[i + 1], (side->n_procs - i - 1) * sizeof(side->procs[0]));
			side->n_procs--;
			return;
		}
}

static void
take_timer(struct search *s, struct side *side, const struct effect_timer *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < side->n_timers; i++)
		if (side->timers[i] != t->timer)
			side->timers[kept++] = side->timers[i];
	side->n_timers = kept;
	if (t->due == 0)
		return;
	if (side->n_timers == TIMERS_MAX)
		fault(s, "too many timers", "");
	else
		side->timers[side->n_timers++] = t->timer;
}

static void
take(struct search *s, struct side *side, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_SPAWN:
		if (side->n_procs == PROCS_MAX)
			fault(s, "too many processes", "");
		else
			side->procs[side->n_procs++] =
			    (struct proc) { .id = e->spawn.process, .main = e->spawn.kind == PROCESS_MAIN };
		break;
	case EFFECT_KILL:
		for (size_t i = 0; i < side->n_procs; i++) {
			struct proc *p = &side->procs[i];

			if (p->id == e->kill.process && p->pid != e->kill.pid)
				fault(s, "a signal goes to the wrong process", "");
			p->dying = p->dying || (p->id == e->kill.process && e->kill.signal == SIGKILL);
		}
		break;
	case EFFECT_ENDED:
		forget_proc(side, e->ended.process);
		break;
	case EFFECT_TIMER:
		take_timer(s, side, &e->timer);
		break;
	default:
		break;
	}
}

static void
apply(struct search *s, struct core *core, struct side *side, struct input *in)
{
	uint64_t before = core_last_effect(core);
	char why[256];
	struct input ack = { .type = INPUT_ACK, .now = NOW };

	in->now = NOW;
	if (core_apply(core, in) != 0)
		fault(s, "the input is refused", "");
	for (const struct effect *e = core_outbox(core, before); e != NULL; e = e->next) {
		if (e->id <= before)
			fault(s, "effects are out of order", "");
		take(s, side, e);
	}
	if (core_check(core, why, sizeof(why)) < 0)
		fault(s, "", why);
	for (uint32_t target = 0; target < TARGET_COUNT; target++) {
		ack.ack = (struct input_ack) { target, core_last_effect(core) };
		if (core_apply(core, &ack) != 0)
			fault(s, "an acknowledgement is refused", "");
	}
	s->steps++;
}

/* Is anything under way in this state? */
static bool
is_at_rest(const struct side *side)
{
	for (size_t i = 0; i < side->n_procs; i++)
		if (!side->procs[i].main || !side->procs[i].executed || side->procs[i].dying)
			return false;
	return side->n_timers == 0;
}

static void
check_state(struct search *s, const struct state *st)
{
	struct snap snap;

	if (snap_read(&snap, st->saved.p, st->saved.len) < 0)
		fault(s, "the snapshot does not read", "");
	for (size_t i = 0; i < snap.n_events; i++)
		if (!snap_event_is_held(&snap, snap.events[i].id))
			fault(s, "blocked by nobody: event ", snap.events[i].name);
	for (size_t i = 0; i < snap.n_jobs && is_at_rest(&st->side); i++) {
		const struct snap_job *job = &snap.jobs[i];
		bool waits = job->state == JOB_STARTING || job->state == JOB_STOPPING;

		s->rests++;
		/* A main process that is not ready yet is under way too. */
		if ((job->state == JOB_RUNNING && job->goal == GOAL_START) ||
		    (job->state == JOB_SPAWNED && job->goal == GOAL_START))
			continue;
		if (!waits || !snap_event_is_held(&snap, job->blocker))
			fault(s, "at rest, and on its way: ", job->slot);
	}
	snap_deinit(&snap);
}

/* Keep a state if it is new. */
static void
keep(struct search *s, const struct core *core, const struct side *side, unsigned depth)
{
	struct state st = { STRBUF_INIT, *side };
	uint64_t h;

	core_save(core, &st.saved);
	check_state(s, &st);
	h = state_hash(&st);
	if (map_get_id(&s->seen, h) != NULL) {
		strbuf_deinit(&st.saved);
		return;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? 2 * s->cap : 1024;
		struct state *queue = realloc(s->queue, cap * sizeof(*queue));
		unsigned *depths = queue != NULL ? realloc(s->depths, cap * sizeof(*depths)) : NULL;

		s->queue = queue != NULL ? queue : s->queue;
		s->depths = depths != NULL ? depths : s->depths;
		s->cap = depths != NULL ? cap : s->cap;
	}
	if (s->n == s->cap || map_put_id(&s->seen, h, s) < 0) {
		fault(s, "out of memory", "");
		strbuf_deinit(&st.saved);
		return;
	}
	s->depths[s->n] = depth;
	s->queue[s->n++] = st;
}

/* Try one input from the state at hand; takes the input. `change` is what it does beside the core. */
static void
try_input(struct search *s, struct input *in, const char *action, const struct side *side)
{
	const struct state *from = &s->queue[s->done];
	unsigned depth = s->depths[s->done] + 1;
	struct core *core = NULL;
	struct side after = *side;

	s->action = action;
	if (!s->failed && core_load(from->saved.p, from->saved.len, &s->config, &core) < 0)
		fault(s, "the snapshot does not load", "");
	if (core != NULL && !s->failed) {
		apply(s, core, &after, in);
		keep(s, core, &after, depth);
	}
	(void) core_free(core);
	input_free(in);
}

/* -- all that can happen -------------------------------------------------------------------------- */

static void
try_requests(struct search *s, const struct side *side)
{
	static const enum request_kind kinds[] = { JOB_START, JOB_STOP, JOB_RESTART };
	static const char *const verbs[] = { "start", "stop", "restart" };
	struct side after = *side;

	after.asks++;
	for (unsigned i = 0; i < 2; i++) {
		struct input in = { .type = INPUT_EMIT };

		in.emit.name = strdup(event_names[i]);
		try_input(s, &in, event_names[i], &after);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		for (unsigned job = 0; job < 2; job++) {
			struct input in = { .type = INPUT_REQUEST };

			in.request.kind = kinds[i];
			in.request.job = strdup(job == 0 ? "a" : "b");
			try_input(s, &in, verbs[i], &after);
		}
}

static void
try_process(struct search *s, const struct side *side, size_t i)
{
	struct side after = *side;
	struct proc *p = &after.procs[i];
	struct input in;

	if (p->pid == 0) {
		p->pid = 100 + (int32_t) i;
		for (size_t k = 0; k < after.n_procs; k++) /* a pid that is free */
			if (k != i && after.procs[k].pid == p->pid)
				p->pid += 10;
		in = (struct input) { .type = INPUT_SPAWNED, .spawned = { p->id, p->pid } };
		try_input(s, &in, "spawned", &after);
		in = (struct input) { .type = INPUT_SPAWN_FAILED, .spawn_failed = { p->id, 1, 0, ENOMEM } };
		try_input(s, &in, "spawn failed", side);
		return;
	}
	if (!p->executed) {
		p->executed = true;
		in = (struct input) { .type = INPUT_EXEC_DONE, .exec_done = { p->id } };
		try_input(s, &in, "exec done", &after);
		in = (struct input) { .type = INPUT_SPAWN_FAILED, .spawn_failed = { p->id, 27, 0, ENOENT } };
		try_input(s, &in, "exec failed", side);
		return;
	}
	for (int status = 0; status < 2; status++) {
		in = (struct input) { .type = INPUT_EXITED, .exited = { p->pid, status } };
		try_input(s, &in, status == 0 ? "exit 0" : "exit 1", side);
	}
	if (p->main) {
		in = (struct input) { .type = INPUT_STOPPED, .stopped = { p->pid, SIGSTOP, false } };
		try_input(s, &in, "stopped", side);
	}
}

static void
expand(struct search *s)
{
	struct side side = s->queue[s->done].side;

	if (side.asks < s->asks)
		try_requests(s, &side);
	for (size_t i = 0; i < side.n_procs && !s->failed; i++)
		try_process(s, &side, i);
	for (size_t i = 0; i < side.n_timers && !s->failed; i++) {
		struct side after = side;
		struct input in = { .type = INPUT_TIMER, .timer = { side.timers[i] } };

		after.timers[i] = after.timers[--after.n_timers];
		try_input(s, &in, "timer", &after);
	}
	strbuf_deinit(&s->queue[s->done].saved);
	s->done++;
}

/* -- a search -------------------------------------------------------------------------------------- */

/* An empty core that gives numbers from FIRST_ID on: what save.c writes of one. */
static struct core *
first_core(const struct core_config *config)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *core = NULL;

	wire_put_array(&b, 8);
	wire_put_uint(&b, 1);
	wire_put_map(&b, 4);
	wire_put_cstr(&b, "last_id");
	wire_put_uint(&b, FIRST_ID);
	wire_put_cstr(&b, "last_effect");
	wire_put_uint(&b, FIRST_EFFECT);
	wire_put_cstr(&b, "control");
	wire_put_bool(&b, true);
	wire_put_cstr(&b, "log_level");
	wire_put_int(&b, 5);
	for (int i = 0; i < 6; i++)
		wire_put_array(&b, 0);
	return core_load(b.p, b.len, config, &core) == 0 ? core : NULL;
}

static bool
begin(struct search *s, const char *a, const char *b)
{
	struct core *core = first_core(&s->config);
	struct side side = { 0 };

	s->action = "the start";
	if (core == NULL) {
		fault(s, "no core", "");
		return false;
	}
	for (int i = 0; i < 2; i++) {
		struct input in = { .type = INPUT_DEFINE };

		in.define.class_id = store_add(&s->store, i == 0 ? "a" : "b", i == 0 ? a : b);
		apply(s, core, &side, &in);
	}
	keep(s, core, &side, 0);
	(void) core_free(core);
	return !s->failed;
}

static void
search_deinit(struct search *s)
{
	for (size_t i = s->done; i < s->n; i++)
		strbuf_deinit(&s->queue[i].saved);
	free(s->queue);
	free(s->depths);
	map_deinit(&s->seen);
	store_deinit(&s->store);
}

static bool
search(size_t world, unsigned depth, unsigned asks, size_t limit, uint64_t *states, uint64_t *steps)
{
	struct search s = { .world = worlds[world].name, .depth = depth, .asks = asks, .limit = limit };
	unsigned reached = 0;
	bool ok;

	s.config = (struct core_config) { .log_level = 5, .awake = true, .resolve = store_resolve, .resolve_data = &s.store };
	if (begin(&s, worlds[world].a, worlds[world].b))
		while (s.done < s.n && s.depths[s.done] < depth && s.n < limit && !s.failed) {
			reached = s.depths[s.done] + 1;
			expand(&s);
		}
	(void) printf("%-12s %8zu states, %9llu inputs, %9llu instances at rest, depth %u\n", s.world, s.n,
		      (unsigned long long) s.steps, (unsigned long long) s.rests, reached);
	*states += s.n;
	*steps += s.steps;
	ok = !s.failed;
	search_deinit(&s);
	return ok;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "depth", required_argument, NULL, 'd' },
		{ "asks", required_argument, NULL, 'a' },
		{ "states", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned depth = 40, asks = 4;
	uint64_t states = 0, steps = 0;
	size_t limit = 100000;
	bool ok = true;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			depth = (unsigned) strtoul(optarg, NULL, 0);
		else if (option == 'a')
			asks = (unsigned) strtoul(optarg, NULL, 0);
		else if (option == 's')
			limit = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++)
		ok = search(i, depth, asks, limit, &states, &steps) && ok;
	(void) printf("exhaustive: %llu distinct states, %llu inputs: %s\n", (unsigned long long) states,
		      (unsigned long long) steps, ok ? "ok" : "FAULT");
	return ok ? 0 : 1;
}
