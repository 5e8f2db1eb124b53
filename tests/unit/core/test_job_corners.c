/* SPDX-License-Identifier: MIT */
/*
 * The same things in every corner of a life: a process asks about its own job, and a file changes or goes. Whatever
 * comes of it, it comes to an end.
 */
#include "rig.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define OLD "pre-start exec p;post-start exec o;pre-stop exec q;post-stop exec s;exec old"
#define NEW "start on go;exec new"

/* -- where it is ------------------------------------------------------------------------------ */

enum stage { STARTING, PRE_START, SPAWNED, POST_START, RUNNING, PRE_STOP, STOPPING, KILLED, POST_STOP, STAGES };

static const char *const states[STAGES] = {
	[STARTING] = "start/starting",	   [PRE_START] = "start/pre-start", [SPAWNED] = "start/spawned",
	[POST_START] = "start/post-start", [RUNNING] = "start/running",	    [PRE_STOP] = "stop/pre-stop",
	[STOPPING] = "stop/stopping",	   [KILLED] = "stop/killed",	    [POST_STOP] = "stop/post-stop",
};

/* Bring job a to that stage; what it waits for there does not end by itself. */
static void
bring(struct rig *r, enum stage stage)
{
	(void) rig_define(r, "a", OLD);
	if (stage == STARTING || stage == STOPPING)
		(void) rig_define(r, "hold",
				  stage == STARTING ? "start on starting a;task;exec h"
						    : "start on stopping a;task;exec h");
	(void) rig_start(r, "a", NULL);
	if (stage >= PRE_START)
		rig_up(r, "a", "pre-start");
	if (stage >= SPAWNED)
		rig_exit(r, "a", "pre-start", 0);
	if (stage >= POST_START) {
		rig_up(r, "a", "main");
		rig_up(r, "a", "post-start");
	}
	if (stage >= RUNNING)
		rig_exit(r, "a", "post-start", 0);
	if (stage >= PRE_STOP) {
		(void) rig_stop(r, "a", NULL);
		rig_up(r, "a", "pre-stop");
	}
	if (stage >= STOPPING)
		rig_exit(r, "a", "pre-stop", 0);
	if (stage >= POST_STOP) {
		rig_exit(r, "a", "main", JOB_EXIT_SIGNAL(15));
		rig_up(r, "a", "post-stop");
	}
	rig_assert_state(r, "a", states[stage]);
}

/* -- a process asks about its own job --------------------------------------------------------- */

struct asked {
	const char *by; /* which of its processes */
	enum stage stage;
	enum request_kind what;
	const char *answer; /* at once; NULL: it is none of those that wait for themselves */
	const char *then;   /* its state when all has come to rest */
};

static const struct asked asked[] = {
	/* What is so already, or goes there. */
	{ "pre-start", PRE_START, JOB_START, "AlreadyStarted", "start/running" },
	{ "main", RUNNING, JOB_START, "AlreadyStarted", "start/running" },
	{ "post-start", POST_START, JOB_START, "AlreadyStarted", "start/running" },
	{ "pre-stop", PRE_STOP, JOB_STOP, "AlreadyStopped", "none" },
	{ "post-stop", POST_STOP, JOB_STOP, "AlreadyStopped", "none" },
	{ "pre-stop", PRE_STOP, JOB_RESTART, "AlreadyStopped", "none" },
	{ "post-stop", POST_STOP, JOB_RESTART, "AlreadyStopped", "none" },
	/* The other way. */
	{ "pre-start", PRE_START, JOB_STOP, "ok", "none" },
	{ "main", RUNNING, JOB_STOP, "ok", "none" },
	{ "post-start", POST_START, JOB_STOP, "ok", "none" },
	{ "pre-stop", PRE_STOP, JOB_START, "ok", "start/running" },
	{ "post-stop", POST_STOP, JOB_START, "ok", "start/running" },
	{ "pre-start", PRE_START, JOB_RESTART, "ok", "start/running" },
	{ "main", RUNNING, JOB_RESTART, "ok", "start/running" },
	{ "post-start", POST_START, JOB_RESTART, "ok", "start/running" },
};

static uint64_t
ask(struct rig *r, const struct asked *a, bool wait)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request.request = ++r->requests;
	in.request.kind = a->what;
	in.request.job = strdup("a");
	in.request.wait = wait;
	in.request.caller = rig_proc(r, "a", a->by)->pid;
	(void) rig_apply(r, &in);
	return r->requests;
}

/* Is there an answer to that request among the lines, of that kind? */
static bool
is_answered(const struct rig *r, uint64_t request, const char *answer)
{
	auto_free char *ok = str_printf("reply %u ok", (unsigned) request);
	auto_free char *error = str_printf("reply %u error %s", (unsigned) request, answer);
	const char *lines = r->lines.p != NULL ? r->lines.p : "";

	return strstr(lines, strcmp(answer, "ok") == 0 ? ok : error) != NULL;
}

static void
test_job_process_asks_about_its_own_job(void **state)
{
	(void) state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(asked); i++) {
		const struct asked *a = &asked[i / 2];
		struct rig *r = rig_new();
		uint64_t request;

		bring(r, a->stage);
		rig_forget(r);
		rig_show(r, RIG_REPLIES | RIG_LOG);
		request = ask(r, a, i % 2 == 1);
		if (!is_answered(r, request, a->answer))
			fail_msg("%s, request %d, wait %d: not answered as it should be, but:\n%s", a->by, a->what,
				 (int) (i % 2), r->lines.p != NULL ? r->lines.p : "");
		/* It has its answer, and goes on. */
		rig_settle(r);
		rig_assert_state(r, "a", a->then);
		(void) rig_free(r);
	}
}

/* -- its file changes, or goes ------------------------------------------------------------------ */

enum change { REPLACED, DELETED, DELETED_AND_BACK, BROUGHT_BACK, CHANGES };

static void
change(struct rig *r, enum change what)
{
	if (what != REPLACED)
		rig_undefine(r, "a");
	if (what == REPLACED || what == DELETED_AND_BACK)
		(void) rig_define(r, "a", NEW);
	if (what == BROUGHT_BACK)
		(void) rig_define(r, "a", OLD);
}

/* It goes on by what it began with, hooks and all, until it is gone; then the file counts. */
static void
test_job_file_changes_in_every_stage(void **state)
{
	(void) state;
	for (int i = 0; i < STAGES * CHANGES; i++) {
		enum stage stage = (enum stage)(i / CHANGES);
		enum change what = (enum change)(i % CHANGES);
		struct rig *r = rig_new();

		bring(r, stage);
		rig_show(r, 1u << EFFECT_SPAWN);
		change(r, what);
		rig_settle(r);
		if (stage < PRE_STOP) {
			rig_assert_state(r, "a", "start/running");
			(void) rig_restart(r, "a", NULL);
			rig_settle(r);
			rig_assert_state(r, "a", "start/running");
			rig_forget(r);
			(void) rig_stop(r, "a", NULL);
			rig_settle(r);
			rig_expect(r, "spawn a pre-stop\nspawn a post-stop\n");
		}
		rig_assert_state(r, "a", "none");
		rig_undefine(r, "hold");
		rig_show(r, 1u << EFFECT_SPAWN);
		(void) rig_emit(r, "go", NULL);
		if (what == REPLACED || what == DELETED_AND_BACK)
			rig_expect(r, "spawn a main\n");
		else if (what == DELETED)
			assert_null(core_class(r->core, "a"));
		else
			assert_non_null(core_class(r->core, "a")->process[PROCESS_PRE_START].command);
		rig_settle(r);
		(void) rig_free(r);
	}
}

/* Nor is anything left of it where its file goes while it fails, in whatever way. */
static void
test_job_file_goes_while_it_fails(void **state)
{
	static const struct {
		enum stage stage;
		const char *kind;
	} ends[] = { { PRE_START, "pre-start" },
		     { POST_START, "main" },
		     { RUNNING, "main" },
		     { PRE_STOP, "main" },
		     { POST_STOP, "post-stop" } };

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct rig *r = rig_new();

		bring(r, ends[i].stage);
		rig_undefine(r, "a");
		rig_exit(r, "a", ends[i].kind, 3);
		rig_settle(r);
		rig_assert_state(r, "a", "none");
		assert_null(core_class(r->core, "a"));
		(void) rig_free(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_process_asks_about_its_own_job),
		cmocka_unit_test(test_job_file_changes_in_every_stage),
		cmocka_unit_test(test_job_file_goes_while_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
