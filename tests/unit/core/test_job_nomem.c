/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out while the core is at work: each allocation of a scripted life fails once, and once all
 * later ones of that input too. The input says so or does without; nothing crashes or leaks, the core stays sound and,
 * restored from what it was before the input, carries it out.
 */
#include "rig.h"

#include <errno.h>

/* The script: what is done before, and the input that is tried. */
struct act {
	const char *name;
	void (*before)(struct rig *r);
	void (*input)(struct rig *r, struct input *in);
};

static void
before_nothing(struct rig *r)
{
	(void) rig_define(r, "web", "env A=1;start on go and x;stop on halt;pre-start exec a;export A;exec web");
	(void) rig_define(r, "tty", "instance $N;start on go;exec tty");
	(void) rig_define(r, "hold", "start on starting web;task;exec hold");
}

static void
before_running(struct rig *r)
{
	before_nothing(r);
	(void) rig_start(r, "web", "B=2");
	(void) rig_start(r, "tty", "N=1");
	rig_settle(r);
	rig_settle(r);
}

static void
before_half_true(struct rig *r)
{
	before_nothing(r);
	(void) rig_emit(r, "go", "K=v N=5");
}

static void
before_spawn(struct rig *r)
{
	before_nothing(r);
	(void) rig_start(r, "tty", "N=1");
}

static void
before_killed(struct rig *r)
{
	before_running(r);
	(void) rig_stop(r, "tty", "N=1");
}

static uint64_t
live_process(struct rig *r, const char *job)
{
	struct rig_proc *p = rig_proc(r, job, "main");

	assert_non_null(p);
	return p->id;
}

static void
in_define(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_DEFINE, .define = { 1 } };
}

static void
in_undefine(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_UNDEFINE };
	in->undefine.name = strdup("tty");
}

static void
in_emit(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_EMIT };
	in->emit = (struct input_emit) { 900, strdup("go"), rig_words("N=9 K=w"), true, 8, strdup("token") };
}

static void
in_emit_x(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_EMIT };
	in->emit = (struct input_emit) { 900, strdup("x"), rig_words("X=1"), true, 0, NULL };
}

static void
in_emit_halt(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_EMIT };
	in->emit = (struct input_emit) { 900, strdup("halt"), rig_words("X=1"), true, 0, NULL };
}

static void
request(struct input *in, enum request_kind kind, const char *job, const char *env)
{
	*in = (struct input) { .type = INPUT_REQUEST };
	in->request = (struct input_request) { 900, kind, strdup(job), NULL, rig_words(env), true, strdup("token") };
}

static void
in_start(struct rig *r, struct input *in)
{
	request(in, JOB_START, "web", "A=5 C=6");
}

static void
in_start_bad(struct rig *r, struct input *in)
{
	request(in, JOB_START, "tty", "A=5");
}

static void
in_stop(struct rig *r, struct input *in)
{
	request(in, JOB_STOP, "tty", "N=1 WHY=x");
}

static void
in_restart(struct rig *r, struct input *in)
{
	request(in, JOB_RESTART, "tty", "N=1 WHY=x");
}

static void
in_reload(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_REQUEST };
	in->request = (struct input_request) { 900, INSTANCE_RELOAD, strdup("tty"), strdup("1"), NULL, true, NULL };
}

static void
in_spawned(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SPAWNED, .spawned = { live_process(r, "tty/1"), 4711 } };
}

static void
in_spawn_failed(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SPAWN_FAILED };
	in->spawn_failed = (struct input_spawn_failed) { live_process(r, "tty/1"), 27, 0, ENOENT };
}

static void
in_early_exit(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_EXITED, .exited = { 4711, 3 } };
}

static void
in_exited(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_EXITED, .exited = { rig_proc(r, "tty/1", "main")->pid, 3 } };
}

static void
in_timer(struct rig *r, struct input *in)
{
	assert_true(r->n_timers > 0);
	*in = (struct input) { .type = INPUT_TIMER, .timer = { r->timers[0].id } };
}

static void
in_set_env(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SET_ENV };
	in->set_env = (struct input_set_env) { 900, ENV_SET, NULL, NULL, rig_words("FOO=1 PATH=/x"), true };
}

static void
in_reset_env(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SET_ENV };
	in->set_env = (struct input_set_env) { 900, ENV_RESET, NULL, NULL, NULL, true };
}

static void
in_session_end(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SESSION_END };
	in->session_end.type = strdup("logout");
}

static void
in_control(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_CONTROL, .control = { true } };
}

static void
in_ack(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_ACK, .ack = { TARGET_LOCAL, core_last_effect(r->core) } };
}

static void
before_unready(struct rig *r)
{
	(void) rig_define(r, "web", "expect notify;expect timeout 9;watchdog 5;exec web");
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
}

/* More time, another main process and a status, and it is ready. */
static void
in_said(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_SAID };
	in->said.process = live_process(r, "web");
	in->said.what = SAID_READY | SAID_MAIN | SAID_STATUS | SAID_EXTEND | SAID_WATCHDOG;
	in->said.main_pid = rig_proc(r, "web", "main")->pid + 1000;
	in->said.status = strdup("busy");
	in->said.watchdog = in->said.extend = 20 * USEC_PER_SEC;
}

static void
before_swept(struct rig *r)
{
	(void) rig_define(r, "web", "kill mode tree;pre-start exec a;exec web;respawn");
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", 0);
}

static void
sweep_cb(const struct core_sweep *sweep, void *data)
{
	*(struct input_strays *) data = (struct input_strays){ sweep->job_id, sweep->sweep };
}

static void
in_strays(struct rig *r, struct input *in)
{
	*in = (struct input) { .type = INPUT_STRAYS };
	core_each_sweep(r->core, sweep_cb, &in->strays);
	assert_true(in->strays.sweep != 0);
}

static void
in_substitute(struct rig *r, struct input *in)
{
	struct input of;

	in_exited(r, &of);
	assert_int_equal(input_substitute(&of, "why", false, in), 0);
}

static void
in_substitute_emit(struct rig *r, struct input *in)
{
	struct input of;

	in_emit(r, &of);
	assert_int_equal(input_substitute(&of, "why", false, in), 0);
	input_free(&of);
}

static void
before_quarantined(struct rig *r)
{
	struct input of = { .type = INPUT_STOPPED }, in;

	before_running(r);
	of.stopped.pid = rig_proc(r, "tty/1", "main")->pid;
	assert_int_equal(input_substitute(&of, "why", false, &in), 0);
	assert_int_equal(rig_apply(r, &in), 0);
}

static void
in_quarantined_reset(struct rig *r, struct input *in)
{
	request(in, JOB_RESET, "tty", "N=1");
}

static void
before_reset(struct rig *r)
{
	struct input in;

	before_quarantined(r);
	in_quarantined_reset(r, &in);
	assert_int_equal(rig_apply(r, &in), 0);
}

static const struct act acts[] = {
	{ "define", before_nothing, in_define },
	{ "define in the middle of a condition", before_half_true, in_define },
	{ "define while running", before_running, in_define },
	{ "undefine", before_nothing, in_undefine },
	{ "undefine while running", before_running, in_undefine },
	{ "emit", before_nothing, in_emit },
	{ "emit what completes a condition", before_half_true, in_emit_x },
	{ "emit what stops", before_running, in_emit_halt },
	{ "start", before_nothing, in_start },
	{ "start what has no name", before_nothing, in_start_bad },
	{ "start what runs", before_running, in_start },
	{ "stop", before_running, in_stop },
	{ "stop what is not there", before_nothing, in_stop },
	{ "restart", before_running, in_restart },
	{ "start what is stopping", before_killed, in_start },
	{ "reload", before_running, in_reload },
	{ "spawned", before_spawn, in_spawned },
	{ "spawn failed", before_spawn, in_spawn_failed },
	{ "early exit", before_spawn, in_early_exit },
	{ "exit", before_running, in_exited },
	{ "exit when killed", before_killed, in_exited },
	{ "timer", before_killed, in_timer },
	{ "set env", before_running, in_set_env },
	{ "reset env", before_nothing, in_reset_env },
	{ "session end", before_running, in_session_end },
	{ "control", before_killed, in_control },
	{ "ack", before_killed, in_ack },
	{ "said", before_unready, in_said },
	{ "nobody is left", before_swept, in_strays },
	{ "substitute", before_running, in_substitute },
	{ "substitute of an event", before_half_true, in_substitute_emit },
	{ "reset", before_quarantined, in_quarantined_reset },
	{ "last exit of a reset", before_reset, in_exited },
};

/* What lacked memory can still be saved, loaded and driven; what it lacks only a restore brings back. */
static void
go_on(struct rig *r, const struct core *core)
{
	auto_strbuf struct strbuf saved = STRBUF_INIT;
	struct core *loaded = NULL;
	struct input in = { .type = INPUT_TIMER, .now = r->now };

	core_save(core, &saved);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &loaded), 0);
	assert_int_equal(core_apply(loaded, &in), 0);
	(void) core_free(loaded);
}

/*
 * Try the act with its n-th allocation failing, on a core restored from `saved`. True if it failed. The effects of an
 * act that failed may be incomplete; the core must be sound.
 */
static bool
try_act(const struct act *act, struct rig *r, const struct strbuf *saved, unsigned long n, bool for_good)
{
	struct core *core = NULL;
	struct input in;
	char why[256];
	bool failed;
	int result;

	assert_int_equal(core_load(saved->p, saved->len, &r->config, &core), 0);
	act->input(r, &in);
	in.now = r->now;
	failalloc_arm(n, for_good);
	result = core_apply(core, &in);
	failed = failalloc_disarm();
	input_free(&in);
	if (!failed && result != 0)
		fail_msg("%s gives %d with all the memory it wants", act->name, result);
	if (failed && result != -ENOMEM && result != 0)
		fail_msg("%s, allocation %lu failing, gives %d", act->name, n, result);
	if (result == 0 && core_check(core, why, sizeof(why)) < 0)
		fail_msg("%s, allocation %lu failing: %s", act->name, n, why);
	if (result == -ENOMEM)
		go_on(r, core);
	/* Whatever it lacks, it can be looked at, take more, and be freed. */
	for (const struct effect *e = core_outbox(core, 0); e != NULL; e = e->next)
		assert_true(e->type > EFFECT_NONE && e->type < EFFECT_TYPE_COUNT);
	in = (struct input) { .type = INPUT_EXITED, .now = r->now, .exited = { 4712, 0 } };
	(void) !core_apply(core, &in);
	(void) core_free(core);
	return failed;
}

static void
test_job_every_allocation_may_fail(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct rig *r = rig_new_session();
		auto_strbuf struct strbuf saved = STRBUF_INIT;
		long before;

		acts[i].before(r);
		core_save(r->core, &saved);
		before = failalloc_held();
		for (int for_good = 0; for_good < 2; for_good++)
			for (unsigned long n = 1; try_act(&acts[i], r, &saved, n, for_good); n++) {
				if (failalloc_held() != before)
					fail_msg("%s leaks %ld blocks when allocation %lu fails", acts[i].name,
						 failalloc_held() - before, n);
				assert_true(n < 10000);
			}
		assert_int_equal(failalloc_held(), before);
		(void) rig_free(r);
	}
}

/* A core that lacked memory is restored from its last snapshot, and then all is as if nothing had happened. */
static void
test_job_restored_after_want_of_memory(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct rig *r = rig_new_session();
		auto_strbuf struct strbuf saved = STRBUF_INIT, expected = STRBUF_INIT, got = STRBUF_INIT;
		struct core *core = NULL;
		struct input in;

		acts[i].before(r);
		core_save(r->core, &saved);
		acts[i].input(r, &in);
		in.now = r->now;
		assert_int_equal(core_apply(r->core, &in), 0);
		core_save(r->core, &expected);
		assert_int_equal(core_load(saved.p, saved.len, &r->config, &core), 0);
		failalloc_arm(2, true);
		(void) !core_apply(core, &in);
		(void) failalloc_disarm();
		(void) core_free(core);
		assert_int_equal(core_load(saved.p, saved.len, &r->config, &core), 0);
		assert_int_equal(core_apply(core, &in), 0);
		core_save(core, &got);
		assert_int_equal(got.len, expected.len);
		assert_memory_equal(got.p, expected.p, got.len);
		(void) core_free(core);
		input_free(&in);
		(void) rig_free(r);
	}
}

struct snapshot {
	struct rig *rig;
	struct strbuf saved;
};

static int
load(void *data)
{
	const struct snapshot *s = data;
	auto_strbuf struct strbuf again = STRBUF_INIT;
	struct core *core = NULL;
	int r = core_load(s->saved.p, s->saved.len, &s->rig->config, &core);

	if (r == 0)
		core_save(core, &again);
	if (r == 0 && !again.failed && (again.len != s->saved.len || memcmp(again.p, s->saved.p, again.len) != 0))
		r = -EILSEQ;
	(void) core_free(core);
	return r == 0 && again.failed ? -ENOMEM : r;
}

/* A want is told as one, never as damage, for who loads tries again then; or all is there in spite of it. */
static void
test_job_every_allocation_may_fail_in_a_load(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct snapshot s = { .rig = rig_new_session() };
		struct input in;

		acts[i].before(s.rig);
		(void) rig_define(s.rig, "follows", "while web or tty;exec follows");
		(void) rig_define(s.rig, "lan", "while lan K=1;exec lan");
		acts[i].input(s.rig, &in);
		in.now = s.rig->now;
		(void) !core_apply(s.rig->core, &in);
		input_free(&in);
		core_save(s.rig->core, &s.saved);
		assert_true(failalloc_each_lenient(load, &s) > 10);
		strbuf_deinit(&s.saved);
		(void) rig_free(s.rig);
	}
}

static int
make_substitute(void *data)
{
	struct input in;
	int r = input_substitute(data, "why", true, &in);

	if (r == 0)
		input_free(&in);
	return r;
}

static void
test_job_substitute_is_made_whole_or_not(void **state)
{
	struct input of;

	in_emit(NULL, &of);
	assert_true(failalloc_each(make_substitute, &of) > 3);
	input_free(&of);
}

static int
make(void *data)
{
	struct rig *r = data;
	struct core *core = core_new(&r->config);

	if (core == NULL)
		return -ENOMEM;
	(void) core_free(core);
	return 0;
}

static int
look(void *data)
{
	struct rig *r = data;
	char *env[] = { (char *) "N=1", NULL };
	struct error err = ERROR_INIT;
	auto_strv char **names = core_class_names(r->core);
	auto_strv char **instances = core_instance_names(r->core, "tty");
	auto_free char *name = NULL;

	if (names == NULL || instances == NULL)
		return -ENOMEM;
	return core_instance_name(r->core, "tty", env, &name, &err);
}

static void
test_job_making_and_looking_survive_want_of_memory(void **state)
{
	struct rig *r = rig_new_session();

	before_running(r);
	assert_true(failalloc_each(make, r) > 3);
	assert_true(failalloc_each(look, r) > 5);
	assert_null(core_free(NULL));
	(void) rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_every_allocation_may_fail),
		cmocka_unit_test(test_job_restored_after_want_of_memory),
		cmocka_unit_test(test_job_every_allocation_may_fail_in_a_load),
		cmocka_unit_test(test_job_substitute_is_made_whole_or_not),
		cmocka_unit_test(test_job_making_and_looking_survive_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
