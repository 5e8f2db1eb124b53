/* SPDX-License-Identifier: MIT */
/*
 * Small worlds, whole: every order in which a few things can happen is tried, to a fixed depth.
 *
 *   exhaustive [--depth N] [--asks N] [--states N] [--world NAME] [--part K/N]
 *
 * Each world has two or three jobs, and events. A state is a snapshot of the core with what the world knows of its
 * processes and timers; from each state every possible input is tried: users ask, so many times, and in some worlds
 * processes of jobs do and wait for the answer, files change, the session ends; a process is made, fails, ends before
 * it is known, runs, ends well or badly; a timer fires. States that behave alike are one (canon.h).
 *
 * After every input core_check() must hold, and no event be blocked by nobody. Where nothing is under way any more, no
 * instance may be on its way and nobody wait, unless a half-true condition keeps an event. A call of a process counts:
 * it does not end before it is answered, so who waits in a circle is found here.
 *
 * With --part only each N-th world is tried, from the K-th on (0 is the first): parts can run side by side.
 *
 * The last line counts the states. A world whose states are more than --states is cut there; its line says down to
 * which depth all is known. A fault leaves exhaustive-WORLD.rec, the way to it, for upstart-replay.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "canon.h"
#include "common/msg.h"
#include "init/definitions.h"
#include "init/record.h"
#include "jobs.h"
#include "small.h"
#include "snap.h"

/* Numbers the core gives start at CANON_FIRST, so that they can be told from all others. */
#define FIRST_EFFECT (UINT64_C(1) << 40)
#define FIRST_REQUEST (UINT64_C(1) << 41)
#define PROCS_MAX 12
#define TIMERS_MAX 8
#define NOW (100 * USEC_PER_SEC)

struct proc {
	uint64_t id;
	uint64_t asked; /* it waits for the answer to this request; 0: to none */
	int32_t pid;
	bool main, executed, dying;
	bool endless; /* it need not end by itself: of a service */
	bool early;   /* it has ended, and nobody knows yet that it was made */
};

/* What lies beside the core in a state. */
struct side {
	struct proc procs[PROCS_MAX];
	size_t n_procs;
	uint64_t timers[TIMERS_MAX];
	size_t n_timers;
	unsigned asks; /* users, and processes, asked so often */
	unsigned requests;
	bool other;    /* the file of a is the other one */
	bool finished; /* the session is over */
};

struct state {
	struct strbuf saved; /* until it has been expanded */
	struct side side;
	size_t from;	     /* the state it came from, */
	struct strbuf input; /* by this */
	unsigned depth;
};

struct search {
	struct store store;
	struct core_config config;
	size_t world;
	unsigned depth, asks;
	size_t limit;
	struct map seen;     /* hash of the canonical form -> anything */
	struct state *queue; /* owned: all states, in the order found */
	size_t n, done, cap;
	uint64_t steps, rests;
	const char *action;	   /* what is tried, for faults */
	const struct input *input; /* and how */
	bool failed;
};

static const char *const job_names[SMALL_JOBS] = { "a", "b", "c" };

/* -- faults ------------------------------------------------------------------------------------ */

static struct core *first_core(const struct core_config *config);

static void
record_definitions(const struct search *s, struct journal *j)
{
	struct definitions *d = definitions_new();

	for (size_t i = 0; d != NULL && i < s->store.n; i++) {
		struct definition_text text = { .name = s->store.all[i].cls->name,
						.path = (char *) "exhaustive",
						.text = s->store.all[i].text };
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct job_class *cls = store_parse(text.name, text.text);
		uint64_t id = 0;

		if (cls != NULL && definitions_add(d, &text, cls, &id) == 0 && definitions_payload(d, id, &b) == 0)
			(void) !journal_append(j, RECORD_DEFINITION, &b, false, NULL);
	}
	(void) definitions_free(d);
}

/* The inputs on the way to a state, oldest first; recursion is no deeper than --depth. */
static void
record_way(const struct search *s, struct journal *j, size_t at)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (at == 0)
		return;
	record_way(s, j, s->queue[at].from);
	wire_put_uint(&b, 0);
	wire_put_uint(&b, 0);
	strbuf_addn(&b, s->queue[at].input.p, s->queue[at].input.len);
	(void) !journal_append(j, RECORD_INPUT, &b, false, NULL);
}

static void
record_fault(const struct search *s)
{
	auto_free char *path = str_printf("exhaustive-%s.rec", small_worlds[s->world].name);
	struct core *core = first_core(&s->config);
	struct journal *j = NULL;

	for (char *p = path; p != NULL && *p != '\0'; p++)
		*p = *p == ' ' ? '-' : *p;
	if (path == NULL || core == NULL || s->n == 0 || record_open(path, false, &j) < 0 ||
	    record_config(j, &s->config) < 0 || record_core(j, core) < 0) {
		(void) printf("the way there can't be written\n");
	} else {
		record_definitions(s, j);
		for (uint64_t id = 1;
		     id <= SMALL_JOBS && id <= s->store.n && small_worlds[s->world].jobs[id - 1] != NULL; id++) {
			const struct input in = { .type = INPUT_DEFINE, .now = NOW, .define = { id } };

			(void) !record_input(j, &in, 0, 0);
		}
		record_way(s, j, s->done);
		if (s->input != NULL)
			(void) !record_input(j, s->input, 0, 0);
		(void) printf("the way there: upstart-replay --print %s\n", path);
	}
	(void) journal_free(j);
	(void) core_free(core);
}

static void
fault(struct search *s, const char *what, const char *more)
{
	if (s->failed)
		return;
	s->failed = true;
	(void) printf("FAULT in the world \"%s\": after %s: %s%s\n", small_worlds[s->world].name, s->action, what,
		      more);
	record_fault(s);
}

/* A number for the state that is the same for states that behave alike. */
static uint64_t
state_hash(const struct state *st)
{
	struct canon c = { 0 };
	struct wire_in in;
	uint64_t h;

	wire_in_init(&in, st->saved.p, st->saved.len);
	canon_value(&c, &in);
	for (size_t i = 0; i < st->side.n_procs; i++) {
		const struct proc *p = &st->side.procs[i];

		canon_number(&c, p->id);
		canon_number(&c, p->asked);
		wire_put_uint(&c.out, (unsigned) (p->main | p->executed << 1 | p->dying << 2 | p->early << 3));
		wire_put_int(&c.out, p->pid);
	}
	for (size_t i = 0; i < st->side.n_timers; i++)
		canon_number(&c, st->side.timers[i]);
	wire_put_uint(&c.out, st->side.asks);
	wire_put_bool(&c.out, st->side.other);
	wire_put_bool(&c.out, st->side.finished);
	h = canon_hash(&c);
	canon_deinit(&c);
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
take_kill(struct search *s, struct side *side, const struct effect_kill *k)
{
	for (size_t i = 0; i < side->n_procs; i++) {
		struct proc *p = &side->procs[i];

		if (p->id == k->process && p->pid != k->pid)
			fault(s, "a signal goes to the wrong process", "");
		p->dying = p->dying || (p->id == k->process && k->signal == SIGKILL);
	}
}

static void
take_reply(struct side *side, const struct effect_reply *r)
{
	for (size_t i = 0; i < side->n_procs; i++)
		if (side->procs[i].asked == r->request)
			side->procs[i].asked = 0;
}

static void
take(struct search *s, struct side *side, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_SPAWN:
		if (side->n_procs == PROCS_MAX)
			fault(s, "too many processes", "");
		else
			side->procs[side->n_procs++] = (struct proc){
				.id = e->spawn.process,
				.main = e->spawn.kind == PROCESS_MAIN,
				.endless =
				    e->spawn.kind == PROCESS_MAIN && !store_get(&s->store, e->spawn.class_id)->task,
			};
		break;
	case EFFECT_KILL:
		take_kill(s, side, &e->kill);
		break;
	case EFFECT_ENDED:
		forget_proc(side, e->ended.process);
		break;
	case EFFECT_TIMER:
		take_timer(s, side, &e->timer);
		break;
	case EFFECT_REPLY:
		take_reply(side, &e->reply);
		break;
	case EFFECT_FINISHED:
		side->finished = true;
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
	s->input = in;
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
		ack.ack = (struct input_ack){ target, core_last_effect(core) };
		if (core_apply(core, &ack) != 0)
			fault(s, "an acknowledgement is refused", "");
	}
	s->steps++;
}

/* -- what must hold in a state ------------------------------------------------------------------ */

/* Is anything under way? A process that waits for its answer is not: only others can give it. */
static bool
is_at_rest(const struct side *side)
{
	for (size_t i = 0; i < side->n_procs; i++) {
		const struct proc *p = &side->procs[i];

		if (p->dying || !p->executed || (!p->endless && p->asked == 0))
			return false;
	}
	return side->n_timers == 0;
}

/* Does a condition that is true in part keep an event? Then others may have to wait. */
static bool
is_anything_kept(const struct snap *snap)
{
	for (size_t i = 0; i < snap->n_trees; i++)
		for (size_t k = 0; k < snap->trees[i].held.n; k++)
			if (snap->trees[i].held.p[k] != 0)
				return true;
	return false;
}

static void
check_rest(struct search *s, const struct snap *snap, const struct side *side)
{
	bool kept = is_anything_kept(snap);

	for (size_t i = 0; i < snap->n_jobs; i++) {
		const struct snap_job *job = &snap->jobs[i];
		bool waits = job->state == JOB_STARTING || job->state == JOB_STOPPING;

		s->rests++;
		/* A main process that is not ready yet is under way too. */
		if ((job->state == JOB_RUNNING && job->goal == GOAL_START) ||
		    (job->state == JOB_SPAWNED && job->goal == GOAL_START))
			continue;
		if (!kept || (waits && !snap_event_is_held(snap, job->blocker)))
			fault(s, "at rest, and on its way: ", job->slot);
	}
	for (size_t i = 0; i < side->n_procs && !kept; i++)
		if (side->procs[i].asked != 0)
			fault(s, "at rest, and a process waits for an answer", "");
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
	if (!st->side.finished && is_at_rest(&st->side))
		check_rest(s, &snap, &st->side);
	snap_deinit(&snap);
}

/* -- the search ------------------------------------------------------------------------------------ */

static bool
grow(struct search *s)
{
	size_t cap = s->cap > 0 ? 2 * s->cap : 1024;
	struct state *queue;

	if (s->n < s->cap)
		return true;
	queue = realloc(s->queue, cap * sizeof(*queue));
	if (queue == NULL)
		return false;
	s->queue = queue;
	s->cap = cap;
	return true;
}

/* Keep a state if it is new. */
static void
keep(struct search *s, const struct core *core, const struct side *side, unsigned depth)
{
	struct state st = { .side = *side, .from = s->done, .depth = depth };
	uint64_t h;

	core_save(core, &st.saved);
	h = state_hash(&st);
	/* One that behaves alike has been looked at. */
	if (map_get_id(&s->seen, h) != NULL) {
		strbuf_deinit(&st.saved);
		return;
	}
	check_state(s, &st);
	if (s->input != NULL)
		input_pack(&st.input, s->input);
	if (!grow(s) || map_put_id(&s->seen, h, s) < 0) {
		fault(s, "out of memory", "");
		strbuf_deinit(&st.saved);
		strbuf_deinit(&st.input);
		return;
	}
	s->queue[s->n++] = st;
}

/* Try one input from the state at hand; takes the input. `side` is what it does beside the core. */
static void
try_input(struct search *s, struct input *in, const char *action, const struct side *side)
{
	const struct state *from = &s->queue[s->done];
	unsigned depth = from->depth + 1;
	struct core *core = NULL;
	struct side after = *side;

	s->action = action;
	if (!s->failed && core_load(from->saved.p, from->saved.len, &s->config, &core) < 0)
		fault(s, "the snapshot does not load", "");
	if (core != NULL && !s->failed) {
		apply(s, core, &after, in);
		keep(s, core, &after, depth);
	}
	s->input = NULL;
	(void) core_free(core);
	input_free(in);
}

/* -- all that can happen -------------------------------------------------------------------------- */

static const enum request_kind kinds[] = { JOB_START, JOB_STOP, JOB_RESTART };
static const char *const verbs[] = { "start", "stop", "restart" };

static bool
has_job(const struct search *s, unsigned job)
{
	return small_worlds[s->world].jobs[job] != NULL;
}

static void
try_states(struct search *s, const struct side *side)
{
	struct side after = *side;

	after.asks++;
	for (unsigned i = 0; i < 3; i++) {
		struct input in = { .type = INPUT_STATE };

		in.state.action = i == 0 ? STATE_SET : STATE_CLEAR;
		in.state.name = strdup("lan");
		in.state.wait = i == 2;
		try_input(s, &in, i == 0 ? "a state is set" : "a state is cleared", &after);
	}
}

/* A start that waits until states hold; of a process (`p`, in `after`), or of a user. */
static void
try_ready(struct search *s, const struct side *after, const struct proc *p)
{
	for (unsigned job = 0; job < SMALL_JOBS && has_job(s, job); job++) {
		struct input in = { .type = INPUT_REQUEST };

		in.request.request = p != NULL ? p->asked : 0;
		in.request.kind = JOB_START;
		in.request.job = strdup(job_names[job]);
		in.request.wait = in.request.when_ready = true;
		in.request.caller = p != NULL ? p->pid : 0;
		try_input(s, &in, "a start when ready", after);
	}
}

static void
try_requests(struct search *s, const struct side *side)
{
	struct side after = *side;

	after.asks++;
	for (unsigned i = 0; i < 2; i++) {
		struct input in = { .type = INPUT_EMIT };

		in.emit.name = strdup(event_names[i]);
		try_input(s, &in, event_names[i], &after);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		for (unsigned job = 0; job < SMALL_JOBS && has_job(s, job); job++) {
			struct input in = { .type = INPUT_REQUEST };

			in.request.kind = kinds[i];
			in.request.job = strdup(job_names[job]);
			try_input(s, &in, verbs[i], &after);
		}
	if ((small_worlds[s->world].what & SMALL_READY) != 0)
		try_ready(s, &after, NULL);
	if ((small_worlds[s->world].what & SMALL_STATES) != 0)
		try_states(s, side);
}

/* A process of a job asks, and does nothing else until it has its answer. */
static void
try_calls(struct search *s, const struct side *side, size_t i)
{
	struct side after = *side;
	struct proc *p = &after.procs[i];

	after.asks++;
	p->asked = FIRST_REQUEST + ++after.requests;
	for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (unsigned job = 0; job < SMALL_JOBS && has_job(s, job); job++) {
			struct input in = { .type = INPUT_REQUEST };

			in.request.request = p->asked;
			in.request.kind = kinds[kind];
			in.request.job = strdup(job_names[job]);
			in.request.wait = true;
			in.request.caller = p->pid;
			try_input(s, &in, "a call", &after);
		}
	for (unsigned event = 0; event < 2; event++) {
		struct input in = { .type = INPUT_EMIT };

		in.emit.request = p->asked;
		in.emit.name = strdup(event_names[event]);
		in.emit.wait = true;
		in.emit.caller = p->pid;
		try_input(s, &in, "a call that emits", &after);
	}
	if ((small_worlds[s->world].what & SMALL_READY) != 0)
		try_ready(s, &after, p);
}

static void
try_files(struct search *s, const struct side *side)
{
	struct side after = *side;
	struct input in = { .type = INPUT_DEFINE };

	after.asks++;
	after.other = !side->other;
	/* The definitions of a world are numbered in the order in which they came: the other one is the last. */
	in.define.class_id = after.other ? s->store.n : 1;
	try_input(s, &in, "a file changes", &after);
	after = *side;
	after.asks++;
	in = (struct input){ .type = INPUT_UNDEFINE };
	in.undefine.name = strdup("b");
	try_input(s, &in, "a file goes", &after);
	in = (struct input){ .type = INPUT_DEFINE, .define = { 2 } };
	try_input(s, &in, "a file comes again", &after);
}

static void
try_session_end(struct search *s, const struct side *side)
{
	static const char *const types[] = { "logout", "shutdown" };
	struct side after = *side;

	after.asks++;
	for (unsigned i = 0; i < 2; i++) {
		struct input in = { .type = INPUT_SESSION_END };

		in.session_end.type = strdup(types[i]);
		try_input(s, &in, types[i], &after);
	}
}

static int32_t
free_pid(const struct side *side, size_t at)
{
	int32_t pid = 100 + (int32_t) at;

	for (size_t k = 0; k < side->n_procs; k++)
		if (k != at && side->procs[k].pid == pid) {
			pid += 10;
			k = SIZE_MAX; /* from the beginning */
		}
	return pid;
}

/* It was asked for. */
static void
try_unmade(struct search *s, const struct side *side, size_t i)
{
	struct side after = *side;
	struct proc *p = &after.procs[i];
	struct input in;

	if (!p->early)
		p->pid = free_pid(side, i);
	if (!p->early && (small_worlds[s->world].what & SMALL_EARLY) != 0) {
		p->early = true;
		in = (struct input){ .type = INPUT_EXITED, .exited = { p->pid, 1 } };
		try_input(s, &in, "an early exit", &after);
		p->early = false;
	}
	in = (struct input){ .type = INPUT_SPAWNED, .spawned = { p->id, p->pid } };
	p->dying = p->early;
	try_input(s, &in, "spawned", &after);
	if (p->early)
		return;
	in = (struct input){ .type = INPUT_SPAWN_FAILED, .spawn_failed = { p->id, SPAWN_CLONE, 0, ENOMEM } };
	try_input(s, &in, "spawn failed", side);
}

static void
try_process(struct search *s, const struct side *side, size_t i)
{
	struct side after = *side;
	struct proc *p = &after.procs[i];
	struct input in;

	if (p->pid == 0 || p->early) {
		try_unmade(s, side, i);
		return;
	}
	if (!p->executed) {
		p->executed = true;
		in = (struct input){ .type = INPUT_EXEC_DONE, .exec_done = { p->id } };
		try_input(s, &in, "exec done", &after);
		in = (struct input){ .type = INPUT_SPAWN_FAILED, .spawn_failed = { p->id, SPAWN_EXEC, 0, ENOENT } };
		try_input(s, &in, "exec failed", side);
		return;
	}
	for (int status = 0; status < 2 && (p->asked == 0 || p->dying); status++) {
		in = (struct input){ .type = INPUT_EXITED, .exited = { p->pid, status } };
		try_input(s, &in, status == 0 ? "exit 0" : "exit 1", side);
	}
	if (p->main) {
		in = (struct input){ .type = INPUT_STOPPED, .stopped = { p->pid, SIGSTOP, false } };
		try_input(s, &in, "stopped", side);
	}
	if ((small_worlds[s->world].what & SMALL_CALLS) != 0 && p->asked == 0 && side->asks < s->asks)
		try_calls(s, side, i);
}

static void
expand(struct search *s)
{
	struct side side = s->queue[s->done].side;
	unsigned what = small_worlds[s->world].what;

	if (side.asks < s->asks && !side.finished) {
		try_requests(s, &side);
		if ((what & SMALL_FILES) != 0)
			try_files(s, &side);
		if ((what & SMALL_SESSION) != 0)
			try_session_end(s, &side);
	}
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

/* -- a world ---------------------------------------------------------------------------------------- */

/* An empty core that gives numbers from CANON_FIRST on: what save.c writes of one. */
static struct core *
first_core(const struct core_config *config)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *core = NULL;

	wire_put_array(&b, 8);
	wire_put_uint(&b, 1);
	wire_put_map(&b, 5);
	wire_put_cstr(&b, "last_id");
	wire_put_uint(&b, CANON_FIRST);
	wire_put_cstr(&b, "last_effect");
	wire_put_uint(&b, FIRST_EFFECT);
	wire_put_cstr(&b, "control");
	wire_put_bool(&b, true);
	wire_put_cstr(&b, "awake");
	wire_put_bool(&b, true);
	wire_put_cstr(&b, "log_level");
	wire_put_int(&b, 5);
	for (int i = 0; i < 6; i++)
		wire_put_array(&b, 0);
	return core_load(b.p, b.len, config, &core) == 0 ? core : NULL;
}

static bool
begin(struct search *s)
{
	struct core *core = first_core(&s->config);
	struct side side = { 0 };

	s->action = "the start";
	if (core == NULL) {
		fault(s, "no core", "");
		return false;
	}
	for (unsigned i = 0; i < SMALL_JOBS && has_job(s, i); i++) {
		struct input in = { .type = INPUT_DEFINE };

		in.define.class_id = store_add(&s->store, job_names[i], small_worlds[s->world].jobs[i]);
		apply(s, core, &side, &in);
	}
	if (small_worlds[s->world].other != NULL)
		(void) store_add(&s->store, "a", small_worlds[s->world].other);
	s->input = NULL;
	keep(s, core, &side, 0);
	(void) core_free(core);
	return !s->failed;
}

static void
search_deinit(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		strbuf_deinit(&s->queue[i].saved);
		strbuf_deinit(&s->queue[i].input);
	}
	free(s->queue);
	map_deinit(&s->seen);
	store_deinit(&s->store);
}

static bool
search(struct search s, uint64_t *states, uint64_t *steps)
{
	unsigned whole = 0;
	bool ok;

	s.config = (struct core_config){
		.log_level = 5,
		.awake = true,
		.resolve = store_resolve,
		.resolve_data = &s.store,
		.session_address =
		    (small_worlds[s.world].what & SMALL_SESSION) != 0 ? (char *) "unix:abstract=/x" : NULL,
	};
	if (begin(&s))
		while (s.done < s.n && s.queue[s.done].depth < s.depth && s.n < s.limit && !s.failed)
			expand(&s);
	whole = s.done < s.n ? s.queue[s.done].depth : s.queue[s.n - 1].depth;
	(void) printf("%-14s %8zu states, %9llu inputs, %9llu instances at rest, %s depth %u\n",
		      small_worlds[s.world].name, s.n, (unsigned long long) s.steps, (unsigned long long) s.rests,
		      s.done < s.n ? "all to" : "all there are, to", whole);
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
		{ "world", required_argument, NULL, 'w' },
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct search s = { .depth = 40, .asks = 4, .limit = 20000 };
	const char *world = NULL;
	uint64_t states = 0, steps = 0;
	unsigned part = 0, parts = 1;
	bool ok = true;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			s.depth = (unsigned) strtoul(optarg, NULL, 0);
		else if (option == 'a')
			s.asks = (unsigned) strtoul(optarg, NULL, 0);
		else if (option == 's')
			s.limit = strtoul(optarg, NULL, 0);
		else if (option == 'w')
			world = optarg;
		else if (option == 'p' && sscanf(optarg, "%u/%u", &part, &parts) == 2 && part < parts)
			continue;
		else
			return 2;
	}
	for (s.world = 0; s.world < SMALL_WORLDS; s.world++)
		if (s.world % parts == part && (world == NULL || strcmp(world, small_worlds[s.world].name) == 0))
			ok = search(s, &states, &steps) && ok;
	(void) printf("exhaustive: %llu distinct states, %llu inputs: %s\n", (unsigned long long) states,
		      (unsigned long long) steps, ok ? "ok" : "FAULT");
	return ok ? 0 : 1;
}
