/* SPDX-License-Identifier: MIT */
/*
 * Every state, and what start, stop, restart and events do to an instance that is in it (runtime.md 5.4).
 */
#include "rig.h"

#include <errno.h>

#include "common/msg.h"

/* All processes; `hold` keeps the events that web waits for. */
static const char web[] = "start on go;stop on halt;apparmor load /p;pre-start exec a;exec web;post-start exec b;"
			  "pre-stop exec c;post-stop exec d";
static const char hold[] = "start on starting web or stopping web;task;exec hold";

static enum job_state
state_of(const struct rig *r)
{
	struct core_instance view;

	return core_instance(r->core, "web", "", &view) == 0 ? view.state : JOB_WAITING;
}

/* Let one process come a step further, web's before hold's. */
static void
step(struct rig *r)
{
	static const char *const jobs[] = { "web", "hold" };

	for (size_t j = 0; j < ARRAY_SIZE(jobs); j++)
		for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
			const char *kind = process_kind_name((enum process_kind) i);
			const struct rig_proc *p = rig_proc(r, jobs[j], kind);

			if (p == NULL || (p->executed && i == PROCESS_MAIN && state_of(r) == JOB_RUNNING))
				continue;
			if (p->pid == 0)
				rig_made(r, jobs[j], kind);
			else if (!p->executed)
				rig_executed(r, jobs[j], kind);
			else if (i != PROCESS_MAIN || j == 1 || state_of(r) == JOB_KILLED)
				rig_exit(r, jobs[j], kind, 0);
			else
				continue;
			return;
		}
	fail_msg("nothing moves in %s", job_state_name(state_of(r)));
}

static void
reach(struct rig *r, enum job_state state)
{
	bool stopped = false;

	(void) rig_start(r, "web", NULL);
	for (int i = 0; i < 60 && state_of(r) != state; i++) {
		if (state_of(r) == JOB_RUNNING && !stopped) {
			stopped = true;
			(void) rig_stop(r, "web", NULL);
		} else {
			step(r);
		}
	}
	assert_int_equal(state_of(r), state);
}

enum what { START, STOP, RESTART, EVENT_START, EVENT_STOP, MAIN_DIES };

static uint64_t
do_it(struct rig *r, enum what what)
{
	switch (what) {
	case START:
		return rig_start(r, "web", NULL);
	case STOP:
		return rig_stop(r, "web", NULL);
	case RESTART:
		return rig_restart(r, "web", NULL);
	case EVENT_START:
		return rig_emit(r, "go", NULL);
	case EVENT_STOP:
		return rig_emit(r, "halt", NULL);
	default:
		rig_exit(r, "web", "main", 3);
		return 0;
	}
}

#define ONE_TOO_MANY "error AlreadyStarted: Job is already running: web"
#define STOPPED_ALREADY "error AlreadyStopped: Job has already been stopped: web"

/* In that state, this: the instance is then …, the asker hears …, and in the end the instance is …. */
static const struct {
	enum job_state state;
	enum what what;
	const char *then, *answer, *finally;
} rows[] = {
	{ JOB_STARTING, START, "start/starting", ONE_TOO_MANY, "start/running" },
	{ JOB_STARTING, STOP, "stop/starting", "ok web", "none" },
	{ JOB_STARTING, RESTART, "start/starting", "ok web", "start/running" },
	{ JOB_STARTING, EVENT_START, "start/starting", "ok", "start/running" },
	{ JOB_STARTING, EVENT_STOP, "stop/starting", "ok", "none" },
	{ JOB_SECURITY, START, "start/security", ONE_TOO_MANY, "start/running" },
	{ JOB_SECURITY, STOP, "stop/security", "ok web", "none" },
	{ JOB_SECURITY, RESTART, "start/security", "ok web", "start/running" },
	{ JOB_SECURITY, EVENT_START, "start/security", "ok", "start/running" },
	{ JOB_SECURITY, EVENT_STOP, "stop/security", "ok", "none" },
	{ JOB_PRE_START, START, "start/pre-start", ONE_TOO_MANY, "start/running" },
	{ JOB_PRE_START, STOP, "stop/pre-start", "ok web", "none" },
	{ JOB_PRE_START, RESTART, "start/pre-start", "ok web", "start/running" },
	{ JOB_PRE_START, EVENT_START, "start/pre-start", "ok", "start/running" },
	{ JOB_PRE_START, EVENT_STOP, "stop/pre-start", "ok", "none" },
	{ JOB_SPAWNED, START, "start/spawned", ONE_TOO_MANY, "start/running" },
	{ JOB_SPAWNED, STOP, "stop/stopping", "ok web", "none" },
	{ JOB_SPAWNED, RESTART, "start/stopping", "ok web", "start/running" },
	{ JOB_SPAWNED, EVENT_START, "start/spawned", "ok", "start/running" },
	{ JOB_SPAWNED, EVENT_STOP, "stop/stopping", "ok", "none" },
	{ JOB_POST_START, START, "start/post-start", ONE_TOO_MANY, "start/running" },
	{ JOB_POST_START, STOP, "stop/post-start", "ok web", "none" },
	{ JOB_POST_START, RESTART, "start/post-start", "ok web", "start/running" },
	{ JOB_POST_START, EVENT_START, "start/post-start", "ok", "start/running" },
	{ JOB_POST_START, EVENT_STOP, "stop/post-start", "ok", "none" },
	{ JOB_POST_START, MAIN_DIES, "stop/post-start", NULL, "none" },
	{ JOB_RUNNING, START, "start/running", ONE_TOO_MANY, "start/running" },
	{ JOB_RUNNING, STOP, "stop/pre-stop", "ok web", "none" },
	{ JOB_RUNNING, RESTART, "start/pre-stop", "ok web", "start/running" },
	{ JOB_RUNNING, EVENT_START, "start/running", "ok", "start/running" },
	{ JOB_RUNNING, EVENT_STOP, "stop/pre-stop", "ok", "none" },
	{ JOB_RUNNING, MAIN_DIES, "stop/stopping", NULL, "none" },
	{ JOB_PRE_STOP, START, "start/pre-stop", "ok web", "start/running" },
	{ JOB_PRE_STOP, STOP, "stop/pre-stop", STOPPED_ALREADY, "none" },
	{ JOB_PRE_STOP, RESTART, "stop/pre-stop", STOPPED_ALREADY, "none" },
	{ JOB_PRE_STOP, EVENT_START, "start/pre-stop", "ok", "start/running" },
	{ JOB_PRE_STOP, EVENT_STOP, "stop/pre-stop", "ok", "none" },
	{ JOB_PRE_STOP, MAIN_DIES, "stop/pre-stop", NULL, "none" },
	{ JOB_STOPPING, START, "start/stopping", "ok web", "start/running" },
	{ JOB_STOPPING, STOP, "stop/stopping", STOPPED_ALREADY, "none" },
	{ JOB_STOPPING, RESTART, "stop/stopping", STOPPED_ALREADY, "none" },
	{ JOB_STOPPING, EVENT_START, "start/stopping", "ok", "start/running" },
	{ JOB_STOPPING, EVENT_STOP, "stop/stopping", "ok", "none" },
	{ JOB_STOPPING, MAIN_DIES, "stop/stopping", NULL, "none" },
	{ JOB_KILLED, START, "start/killed", "ok web", "start/running" },
	{ JOB_KILLED, STOP, "stop/killed", STOPPED_ALREADY, "none" },
	{ JOB_KILLED, RESTART, "stop/killed", STOPPED_ALREADY, "none" },
	{ JOB_KILLED, EVENT_START, "start/killed", "ok", "start/running" },
	{ JOB_KILLED, EVENT_STOP, "stop/killed", "ok", "none" },
	{ JOB_KILLED, MAIN_DIES, "stop/post-stop", NULL, "none" },
	{ JOB_POST_STOP, START, "start/post-stop", "ok web", "start/running" },
	{ JOB_POST_STOP, STOP, "stop/post-stop", STOPPED_ALREADY, "none" },
	{ JOB_POST_STOP, RESTART, "stop/post-stop", STOPPED_ALREADY, "none" },
	{ JOB_POST_STOP, EVENT_START, "start/post-stop", "ok", "start/running" },
	{ JOB_POST_STOP, EVENT_STOP, "stop/post-stop", "ok", "none" },
};

static void
test_state_heeds_what_is_asked_of_it(void **state)
{
	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig *r = rig_new();
		auto_free char *answer = NULL;
		uint64_t request;

		(void) rig_define(r, "web", web);
		(void) rig_define(r, "hold", hold);
		reach(r, rows[i].state);
		rig_forget(r);
		rig_show(r, RIG_REPLIES);
		request = do_it(r, rows[i].what);
		print_message("%s, %d\n", job_state_name(rows[i].state), rows[i].what);
		rig_assert_state(r, "web", rows[i].then);
		rig_settle(r);
		rig_assert_state(r, "web", rows[i].finally);
		if (rows[i].answer != NULL) {
			answer = str_printf("reply %llu %s\n", (unsigned long long) request, rows[i].answer);
			assert_non_null(strstr(r->lines.p, answer));
		}
		(void) rig_free(r);
	}
}

/* Each process of a job fails to be made where it is awaited. */
static void
test_state_without_its_process_goes_on(void **state)
{
	static const struct {
		enum job_state state;
		const char *kind, *finally;
	} failing[] = {
		{ JOB_SECURITY, "security", "none" },	{ JOB_PRE_START, "pre-start", "none" },
		{ JOB_SPAWNED, "main", "none" },	{ JOB_POST_START, "post-start", "start/running" },
		{ JOB_PRE_STOP, "pre-stop", "none" },	{ JOB_POST_STOP, "post-stop", "none" },
	};

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(failing); i++) {
		struct rig *r = rig_new();

		(void) rig_define(r, "web", web);
		(void) rig_define(r, "hold", hold);
		reach(r, failing[i].state);
		rig_fail(r, "web", failing[i].kind, SPAWN_EXEC, ENOENT);
		rig_settle(r);
		rig_assert_state(r, "web", failing[i].finally);
		(void) rig_free(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_heeds_what_is_asked_of_it),
		cmocka_unit_test(test_state_without_its_process_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
