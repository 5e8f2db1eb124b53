/* SPDX-License-Identifier: MIT */
/*
 * Main processes that daemonise: which process is main, and when the job is ready (core/family.h). The first half is
 * the table of `expect` and shapes; what the original did stands beside it where that was something else.
 */
#include "rig.h"

#include <errno.h>

#include "common/log.h"
#include "common/msg.h"
#include "core/family.h"

static int
setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) rig_free(*state);
	return 0;
}

/* -- the table ------------------------------------------------------------------------------ */

struct shape {
	const char *name;
	const char *job;    /* stanzas */
	const char *script; /* see rig_family() */
	const char *state;  /* in the end */
	int main;	    /* the member that is main then; 0: none */
	const char *says;   /* part of a warning; NULL: there is none */
};

#define FORK "expect fork;exec d"
#define DAEMON "expect daemon;exec d"
#define EXIT "expect exit;exec d"
#define RUNNING "start/running"
#define SPAWNED "start/spawned"
#define FEW "has forked less often than expected"
#define STAYS "although the one that made it stays"
#define GOES_ON "goes on: it should say"

static const struct shape shapes[] = {
	/* No fork: the original waited for ever. */
	{ "no fork, early", FORK, "1! +89", SPAWNED, 1, NULL },
	{ "no fork", FORK, "1! +91", RUNNING, 1, FEW },
	{ "no fork says what it is", FORK, "1! +91", RUNNING, 1, "this would be `expect none`" },
	{ "no fork", DAEMON, "1! +91", RUNNING, 1, FEW },
	{ "no fork", EXIT, "1! +1000", SPAWNED, 1, NULL },
	{ "no fork, other limit", "expect timeout 7;" FORK, "1! +8", RUNNING, 1, FEW },
	{ "no fork, no limit", "expect timeout 0;" FORK, "1! +5000", SPAWNED, 1, NULL },
	{ "no end in time", "expect timeout 7;" EXIT, "1! 1>2 +8", "stop/killed", 1, "has not ended in time" },

	{ "fork once", FORK, "1! 1>2 1.", RUNNING, 2, NULL },
	{ "fork once, parent not gone yet", FORK, "1! 1>2", SPAWNED, 1, NULL },
	{ "fork once", EXIT, "1! 1>2 1.", RUNNING, 2, NULL },
	/* The original waited for ever. */
	{ "fork once, early", DAEMON, "1! 1>2 1. +4", SPAWNED, 2, NULL },
	{ "fork once", DAEMON, "1! 1>2 1. +6", RUNNING, 2, "this would be `expect fork`" },
	{ "fork once, own limit is shorter", "expect timeout 2;" DAEMON, "1! 1>2 1. +3", RUNNING, 2, FEW },
	{ "fork once, own limit is longer", "expect timeout 60;" DAEMON, "1! 1>2 1. +6", RUNNING, 2, FEW },

	/* With `fork` the original followed 2, and its end was the job's. */
	{ "fork twice", FORK, "1! 1>2 1. 2>3 2. +3", RUNNING, 3, "should say `expect daemon`" },
	{ "fork twice, at once", FORK, "1! 1>2 2>3 2. 1.", RUNNING, 3, NULL },
	{ "fork twice", DAEMON, "1! 1>2 1. 2>3 2.", RUNNING, 3, NULL },
	{ "fork twice, parents end in any order", DAEMON, "1! 1>2 2>3 2. 1.", RUNNING, 3, NULL },
	{ "fork twice, one parent is left", DAEMON, "1! 1>2 2>3 1.", SPAWNED, 2, NULL },
	{ "fork twice", EXIT, "1! 1>2 2>3 2. 1.", RUNNING, 3, NULL },
	{ "fork twice, the second one late", EXIT, "1! 1>2 1. 2>3 2. +3", RUNNING, 3, NULL },

	{ "fork thrice", FORK, "1! 1>2 1. 2>3 2. 3>4 3. +3", RUNNING, 4, "should say `expect exit`" },
	{ "fork thrice", DAEMON, "1! 1>2 1. 2>3 2. 3>4 3. +3", RUNNING, 4, "should say `expect exit`" },
	{ "fork thrice", EXIT, "1! 1>2 2>3 3>4 2. 3. 1.", RUNNING, 4, NULL },

	/* The original took the helper, and then `stop` waited for ever (LP #406397). */
	{ "helper first", FORK, "1! 1>2 2! 2. 1>3 1.", RUNNING, 3, NULL },
	{ "helper first, waited for", FORK, "1! 1>2 2! 2. +10", SPAWNED, 1, NULL },
	{ "helper first, and that is all", FORK, "1! 1>2 2! 2. +91", RUNNING, 1, FEW },
	{ "helper first", DAEMON, "1! 1>2 2. 1>3 1. 3>4 3.", RUNNING, 4, NULL },
	{ "helper first", EXIT, "1! 1>2 2. 1>3 1.", RUNNING, 3, NULL },
	{ "helper first and stays", FORK, "1! 1>2 1>3 3s 1.", RUNNING, 3, NULL },
	{ "helper first, executed", FORK, "1! 1>2 2! 1>3 1.", RUNNING, 2, NULL },
	{ "helper first, executed, and ends", FORK, "1! 1>2 2! 1>3 1. 2. +3", RUNNING, 3, NULL },

	{ "helper last", FORK, "1! 1>2 2s 1>3 3! 1.", RUNNING, 2, NULL },
	{ "helper last, no session", FORK, "1! 1>2 1>3 1.", RUNNING, 2, NULL },
	{ "helper last, executed later", FORK, "1! 1>2 2! 1>3 3! 1.", RUNNING, 3, NULL },
	{ "helper last", DAEMON, "1! 1>2 2s 2>3 2. 1>4 4! 1.", RUNNING, 3, NULL },
	{ "helper last", EXIT, "1! 1>2 2s 1>3 1.", RUNNING, 2, NULL },
	{ "helper of the daemon", DAEMON, "1! 1>2 1. 2>3 3>4 4. 2.", RUNNING, 3, NULL },

	{ "parent lingers", FORK, "1! 1>2 2s +4", SPAWNED, 1, NULL },
	{ "parent lingers", FORK, "1! 1>2 2s +6", RUNNING, 2, STAYS },
	{ "parent lingers, session late", FORK, "1! 1>2 +6 2s", RUNNING, 2, STAYS },
	{ "parent lingers, group", FORK, "1! 1>2 2g +6", RUNNING, 2, STAYS },
	{ "parent lingers, same group", FORK, "1! 1>2 +60", SPAWNED, 1, NULL },
	{ "parent lingers, same group", FORK, "1! 1>2 +91", RUNNING, 1, FEW },
	{ "parent lingers, not deep enough", DAEMON, "1! 1>2 2s +60", SPAWNED, 1, NULL },
	{ "parent lingers", DAEMON, "1! 1>2 1. 2>3 3s +6", RUNNING, 3, STAYS },
	{ "parent lingers", EXIT, "1! 1>2 2s +1000", SPAWNED, 1, NULL },

	{ "exec between forks", DAEMON, "1! 1>2 2! 1.", RUNNING, 2, NULL },
	{ "exec between forks, after the end", DAEMON, "1! 1>2 1. 2!", RUNNING, 2, NULL },
	{ "exec between forks goes on", DAEMON, "1! 1>2 2! 1. 2>3 2. +3", RUNNING, 3, NULL },
	{ "exec of the first", DAEMON, "1! 1! 1>2 1. 2>3 2.", RUNNING, 3, NULL },
	{ "exec after the fork", FORK, "1! 1>2 1. 2!", RUNNING, 2, NULL },

	{ "exits early", FORK, "1! 1.3", "none", 0, "terminated with status 3" },
	{ "exits early with 0", FORK, "1! 1.", "none", 0, NULL },
	{ "exits early, killed", DAEMON, "1! 1.SEGV", "none", 0, "killed by SEGV signal" },
	{ "exits early, after a helper", FORK, "1! 1>2 2. 1.7", "none", 0, "terminated with status 7" },
	{ "exits early, the child", DAEMON, "1! 1>2 1. 2.4", "none", 0, "terminated with status 4" },
	{ "exits early", EXIT, "1! 1.3", "none", 0, "terminated with status 3" },
	{ "exits early, others live", EXIT, "1! 1>2 1.3", "stop/killed", 2, "terminated with status 3" },
	{ "did its work", EXIT, "1! 1>2 2. 1.", RUNNING, 0, NULL },
	{ "did its work, a helper failed", EXIT, "1! 1>2 2.5 1.", RUNNING, 0, NULL },
	{ "daemon dies at once", FORK, "1! 1>2 1. 2.3", "none", 0, "terminated with status 3" },
	{ "daemon ends at once, alone", FORK, "1! 1>2 1. 2.", "none", 0, NULL },
	{ "daemon ends badly, others live", FORK, "1! 1>2 1. 2>3 2.3", "none", 0, "status 3" },

	/* `sh` waits for `sleep`, then executes the daemon. */
	{ "waiting script", FORK, "1! 1>2 2! +20 2. 1! 1>3 1.", RUNNING, 3, NULL },
	{ "waiting script", DAEMON, "1! 1>2 2! +20 2. 1! 1>3 1. 3>4 3.", RUNNING, 4, NULL },
	{ "waiting script", EXIT, "1! 1>2 2! 2. 1! 1>3 3>4 3. 1.", RUNNING, 4, NULL },
	{ "waiting script without a daemon", FORK, "1! 1>2 2! +60 2. +60 1>3 +60 3.", SPAWNED, 1, NULL },

	/* The end of main is the end of the job once nothing has changed for two seconds. */
	{ "worker lives on, early", FORK, "1! 1>2 1. 2>3 +1 2. +3", RUNNING, 3, GOES_ON },
	{ "worker lives on, late", FORK, "1! 1>2 1. 2>3 +3 2.", "none", 0, NULL },
	{ "changes go on and on", FORK, "1! 1>2 1. 2>3 +1 2>4 +1 2>5 +1 2>6 +1 2.", RUNNING, 3, GOES_ON },
	{ "a wrong guess while the parent lingers", FORK, "1! 1>2 2s +6 2. +3", RUNNING, 1, "`expect none`" },

	/* A parent that nobody saw. */
	{ "orphan", FORK, "1! ?>2 1.", RUNNING, 2, NULL },
	{ "orphan", DAEMON, "1! ?>2 1.", RUNNING, 2, NULL },
	{ "orphan", EXIT, "1! ?>2 1.", RUNNING, 2, NULL },
	/* News come twice, or of somebody who is gone. */
	{ "twice", DAEMON, "1! 1! 1>2 1>2 1. 2>3 2>3 2. 2.", RUNNING, 3, NULL },

	/* Not traced: whom init adopts is known when the one who leaves him ends. */
	{ "adopted", FORK, "~ 1! ?>2 1.", RUNNING, 2, NULL },
	{ "adopted", EXIT, "~ 1! ?>2 1.", RUNNING, 2, NULL },
	{ "adopted, fork twice", DAEMON, "~ 1! ?>2 1. ?>3 2. +3", RUNNING, 3, NULL },
	{ "adopted, told twice", DAEMON, "~ ~ 1! ?>2 1. ~", RUNNING, 2, NULL },
	{ "adopted, of two the one in a session", FORK, "~ 1! ?>2 ?>3 3s 1.", RUNNING, 3, NULL },
	{ "adopted, nobody", FORK, "~ 1! 1.", "none", 0, NULL },
	{ "adopted, nobody, badly", DAEMON, "~ 1! 1.3", "none", 0, "terminated with status 3" },
	{ "adopted, nobody", EXIT, "~ 1! 1.", RUNNING, 0, NULL },
	{ "adopted, no fork", FORK, "~ 1! +91", RUNNING, 1, FEW },
	{ "adopted, no fork, early", FORK, "~ 1! +89", SPAWNED, 1, NULL },
	{ "adopted, to be told", "expect pidfile /p;exec d", "~ 1!", RUNNING, 1, "has no effect" },
};

/* Run the core through a snapshot: nothing of it is to be seen. */
static void
reload(struct rig *r)
{
	auto_strbuf struct strbuf saved = STRBUF_INIT, again = STRBUF_INIT;
	struct core *loaded;

	core_save(r->core, &saved);
	assert_int_equal(core_load(saved.p, saved.len, &r->config, &loaded), 0);
	core_save(loaded, &again);
	assert_int_equal(saved.len, again.len);
	assert_memory_equal(saved.p, again.p, saved.len);
	(void) core_free(r->core);
	r->core = loaded;
}

static void
run_shape(const struct shape *s, bool reloaded)
{
	auto_strv char **words = rig_words(s->script);
	struct rig *r = rig_new();
	const char *lines;
	int main;

	(void) rig_define(r, "web", s->job);
	(void) rig_start(r, "web", NULL);
	rig_show(r, RIG_LOG);
	rig_up(r, "web", "main");
	for (size_t i = 0; words[i] != NULL; i++) {
		if (reloaded)
			reload(r);
		rig_family(r, "web", words[i]);
	}
	print_message("%s: %s: %s\n", s->name, s->job, s->script);
	rig_assert_state(r, "web", s->state);
	main = rig_proc(r, "web", "main") != NULL ? rig_main(r, "web") : 0;
	assert_int_equal(main, s->main);
	lines = r->lines.p != NULL ? r->lines.p : "";
	if (s->says == NULL)
		assert_string_equal(lines, "");
	else if (strstr(lines, s->says) == NULL)
		fail_msg("it says \"%s\", not \"%s\"", lines, s->says);
	(void) rig_free(r);
}

static void
test_family_shapes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		run_shape(&shapes[i], false);
}

static void
test_family_shapes_over_snapshots(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		run_shape(&shapes[i], true);
}

/* -- stopping --------------------------------------------------------------------------------- */

#define RIG_LIFE (RIG_WORK | RIG_REPLIES | 1u << EFFECT_ENDED | 1u << EFFECT_RELEASE | 1u << EFFECT_MAIN)

static struct rig *
begun(struct rig *r, const char *text, const char *script)
{
	(void) rig_define(r, "web", text);
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_show(r, RIG_LIFE);
	rig_family(r, "web", script);
	rig_forget(r);
	return r;
}

/* Defect 8 of the original: it waited for the process to fork. */
static void
test_family_stop_before_readiness_reaches_all(void **state)
{
	struct rig *r = begun(*state, DAEMON, "1! 1>2 2>3");

	(void) rig_stop(r, "web", NULL);
	rig_assert_state(r, "web", "stop/killed");
	rig_expect(r, "reply 1 ok web\n"
		      "timer off\nkill web main TERM alone\nkill web 2 TERM alone\nkill web 3 TERM alone\n"
		      "kill web main CONT alone\nkill web 2 CONT alone\nkill web 3 CONT alone\ntimer 5\n");
}

static void
test_family_stop_waits_for_the_last(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2 1>3");

	(void) rig_stop(r, "web", NULL);
	rig_forget(r);
	rig_family(r, "web", "1. 3.");
	rig_assert_state(r, "web", "stop/killed");
	rig_family(r, "web", "2.TERM");
	rig_assert_state(r, "web", "none");
	rig_expect(r, "main web 2\ntimer off\nended web main\nreply 2 ok web\n");
}

/* One that ignores TERM, and goes on forking. */
static void
test_family_stop_kills_the_stubborn_and_their_children(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2");

	(void) rig_stop(r, "web", NULL);
	rig_forget(r);
	rig_family(r, "web", "2>3");
	rig_expect(r, "kill web 3 TERM alone\n");
	rig_family(r, "web", "+6");
	rig_expect(r, "kill web main KILL alone\nkill web 2 KILL alone\nkill web 3 KILL alone\n");
	rig_family(r, "web", "2>4");
	rig_expect(r, "kill web 4 KILL alone\n");
	rig_family(r, "web", "1.KILL 2.KILL 3.KILL");
	rig_assert_state(r, "web", "stop/killed");
	rig_family(r, "web", "4.KILL");
	rig_assert_state(r, "web", "none");
}

/* Its program has not come yet: who else is in its group only helps to set it up. */
static void
test_family_stop_during_set_up(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", FORK);
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	rig_family(r, "web", "1>2");
	rig_show(r, RIG_LIFE);
	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "reply 1 ok web\nkill web main TERM\nkill web main CONT\ntimer 5\n");
	rig_fail(r, "web", "main", SPAWN_SETUP, 0);
	rig_assert_state(r, "web", "none");
}

static void
test_family_stop_after_readiness_is_for_main(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2 1. 2>3");

	(void) rig_stop(r, "web", NULL);
	rig_expect(r, "kill web main TERM\nkill web main CONT\ntimer 5\n");
	/* It ends well, and a worker lives: that is no reason to go on. */
	rig_family(r, "web", "2.");
	rig_assert_state(r, "web", "none");
	rig_expect(r, "timer off\nrelease web 3\ntimer off\nended web main\nreply 2 ok web\n");
}

static void
test_family_readiness_while_stopping_is_none(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "hold", "start on stopping web;task;exec hold");
	(void) begun(r, FORK, "1! 1>2");
	(void) rig_stop(r, "web", NULL);
	rig_assert_state(r, "web", "stop/stopping");
	rig_family(r, "web", "1. +100");
	rig_assert_state(r, "web", "stop/stopping");
	rig_settle(r);
	rig_family(r, "web", "2.TERM");
	rig_assert_state(r, "web", "none");
}

static void
test_family_all_gone_while_stopping(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "hold", "start on stopping web;task;exec hold");
	(void) begun(r, FORK, "1! 1>2");
	(void) rig_stop(r, "web", NULL);
	rig_family(r, "web", "1. 2.");
	rig_assert_state(r, "web", "stop/stopping");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
}

/* That main executes another program is told; what else executes, and its own program, is not. */
static void
test_family_main_that_executes_is_told(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_LOG_LEVEL, .log_level = { LOG_LEVEL_INFO } };

	(void) rig_define(r, "web", "expect daemon;exec web");
	(void) rig_apply(r, &in);
	(void) rig_start(r, "web", NULL);
	rig_up(r, "web", "main");
	rig_show(r, RIG_LOG);
	rig_family(r, "web", "1! 1>2 2!");
	rig_expect(r, "");
	rig_family(r, "web", "1!");
	rig_expect(r, "log info web main process (101) executable changed\n");
}

/* -- respawn, restart ----------------------------------------------------------------------------- */

/* Defect 2 of the original: it was start/running without a process. */
static void
test_family_that_ends_before_readiness_respawns(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "respawn;respawn limit 2 10;" FORK);
	rig_show(r, RIG_REPLIES | 1u << EFFECT_SPAWN);
	(void) rig_start(r, "web", NULL);
	for (int i = 0; i < 2; i++) {
		rig_up(r, "web", "main");
		rig_family(r, "web", "1! 1.1");
		rig_assert_state(r, "web", "start/spawned");
	}
	rig_up(r, "web", "main");
	rig_family(r, "web", "1! 1.1");
	rig_assert_state(r, "web", "none");
	rig_expect(r, "spawn web main\nspawn web main\nspawn web main\n"
		      "reply 1 error JobFailed: Job failed to start\n");
}

static void
test_family_exit_failure_ends_the_others_and_respawns(void **state)
{
	struct rig *r = begun(*state, "respawn;" EXIT, "1! 1>2");

	rig_family(r, "web", "1.3");
	rig_assert_state(r, "web", "start/killed");
	rig_expect(r, "main web 2\nkill web main TERM alone\nkill web main CONT alone\ntimer 5\n");
	rig_family(r, "web", "2.TERM");
	rig_assert_state(r, "web", "start/spawned");
	rig_expect(r, "timer off\nended web main\nspawn web main\n");
}

static void
test_family_daemon_respawns(void **state)
{
	struct rig *r = begun(*state, "respawn;" DAEMON, "1! 1>2 1. 2>3 2. +3");

	rig_family(r, "web", "3.KILL");
	rig_assert_state(r, "web", "start/spawned");
	rig_expect(r, "ended web main\nspawn web main\n");
	rig_up(r, "web", "main");
	rig_family(r, "web", "1! 1>2 1. 2>3 2.");
	rig_assert_state(r, "web", RUNNING);
}

static void
test_family_restart(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2 1.");

	(void) rig_restart(r, "web", NULL);
	rig_family(r, "web", "2.TERM");
	rig_up(r, "web", "main");
	rig_family(r, "web", "1! 1>2 1.");
	rig_assert_state(r, "web", RUNNING);
}

/* -- a job whose main process did its work -------------------------------------------------------------- */

static void
test_family_that_did_its_work_runs_without_main(void **state)
{
	struct rig *r = begun(*state, "respawn;post-start exec p;pre-stop exec q;" EXIT, "1! 1>2 2.");

	rig_family(r, "web", "1.");
	rig_settle(r);
	rig_assert_state(r, "web", RUNNING);
	reload(r);
	rig_assert_state(r, "web", RUNNING);
	(void) rig_restart(r, "web", NULL);
	rig_settle(r);
	rig_assert_state(r, "web", "start/spawned");
	rig_family(r, "web", "1! 1.");
	rig_settle(r);
	rig_forget(r);
	(void) rig_stop(r, "web", NULL);
	rig_assert_state(r, "web", "none");
}

/* -- the rest ------------------------------------------------------------------------------------------- */

static void
test_family_is_released_when_quiet(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2 2>3 1.");

	rig_assert_state(r, "web", RUNNING);
	rig_family(r, "web", "+1 3>4 +1.5");
	rig_forget(r);
	assert_true(core_follows(r->core));
	rig_family(r, "web", "+1");
	rig_expect(r, "release web 2 3 4\n");
	assert_false(core_follows(r->core));
	/* Nobody is known any more but main. */
	rig_family(r, "web", "3. 2>5 2!");
	rig_expect(r, "");
	rig_family(r, "web", "2.1");
	rig_assert_state(r, "web", "none");
}

/* One that forks for ever is not followed for ever. */
static void
test_family_is_released_in_the_end(void **state)
{
	struct rig *r = begun(*state, FORK, "1! 1>2 1.");
	char word[32];

	for (int i = 3; i < 40 && core_follows(r->core); i++) {
		(void) snprintf(word, sizeof(word), "2>%d +1", i);
		rig_family(r, "web", word);
	}
	assert_false(core_follows(r->core));
	rig_assert_state(r, "web", RUNNING);
}

static void
test_family_too_big_is_given_up(void **state)
{
	struct rig *r = begun(*state, DAEMON, "1!");
	char word[32];

	rig_show(r, RIG_LOG);
	for (unsigned i = 2; core_follows(r->core) && i < FAMILY_MAX + 10; i++) {
		(void) snprintf(word, sizeof(word), "1>%u", i);
		rig_family(r, "web", word);
	}
	rig_assert_state(r, "web", RUNNING);
	assert_int_equal(rig_main(r, "web"), 1);
	assert_false(core_follows(r->core));
	assert_non_null(strstr(r->lines.p, "too many processes to be followed"));
}

static void
test_family_forks_across_exec(void **state)
{
	struct rig *r = *state;

	r->config.policies = CORE_POLICY_FORKS_ACROSS_EXEC;
	(void) core_free(r->core);
	r->core = core_new(&r->config);
	r->seen = 0;
	(void) begun(r, DAEMON, "1! 1>2 2! 1.");
	rig_assert_state(r, "web", "start/spawned");
	rig_family(r, "web", "2>3 2.");
	rig_assert_state(r, "web", RUNNING);
	assert_int_equal(rig_main(r, "web"), 3);
}

static void
test_family_untraced_is_as_without_expect(void **state)
{
	struct rig *r = *state;
	struct input in = { .type = INPUT_FAMILY, .family.what = FAMILY_NEWS_UNTRACED };

	(void) rig_define(r, "web", DAEMON);
	(void) rig_start(r, "web", NULL);
	rig_made(r, "web", "main");
	in.family.process = rig_proc(r, "web", "main")->id;
	rig_show(r, RIG_LOG);
	(void) rig_apply(r, &in);
	rig_expect(r, "log warn web main process (101) can't be followed: `expect daemon` has no effect\n");
	rig_executed(r, "web", "main");
	rig_assert_state(r, "web", RUNNING);
}

static void
test_family_members_are_looked_up(void **state)
{
	struct rig *r = begun(*state, DAEMON, "1! 1>2");
	const struct rig_proc *p = rig_proc(r, "web", "main");

	assert_true(core_process_of_pid(r->core, p->first + 1000) == p->id);
	rig_family(r, "web", "2.");
	assert_true(core_process_of_pid(r->core, p->first + 1000) == 0);
}

/* A stop of a member that is not main says nothing of the job. */
static void
test_family_stopped_members(void **state)
{
	struct rig *r = begun(*state, DAEMON, "1! 1>2");
	struct input in = { .type = INPUT_STOPPED, .stopped = { rig_proc(r, "web", "main")->first + 1000, 19, false } };

	assert_int_equal(rig_apply(r, &in), 0);
	rig_assert_state(r, "web", "start/spawned");
}

/* -- in numbers ----------------------------------------------------------------------------------------- */

static void
test_family_damaged_numbers_are_refused(void **state)
{
	const struct family_plan plan = { 2, true, FAMILY_PATIENCE };
	struct family *f = family_new(&plan, 100, 1), *back;
	struct u64v words = { 0 };
	uint64_t seed = 3;
	long before;

	family_begin(f, 1);
	assert_int_equal(family_forked(f, 100, 101, 2), 1);
	assert_int_equal(family_forked(f, 101, 102, 3), 1);
	assert_true(family_ended(f, 101, 7, 4));
	family_choose(f, family_get(f, 102), 5);
	assert_int_equal(family_pack(f, &words), 0);
	before = failalloc_held();
	for (int round = 0; round < 5000; round++) {
		struct u64v damaged = { 0 };
		size_t n = round % 2 == 0 ? unit_random(&seed) % (words.n + 1) : words.n;
		int r;

		for (size_t i = 0; i < n; i++)
			assert_int_equal(u64v_add(&damaged, words.p[i]), 0);
		for (int i = 0; n > 0 && i < round % 4; i++)
			damaged.p[unit_random(&seed) % n] =
			    round % 3 == 0 ? unit_random(&seed) : unit_random(&seed) % 128;
		r = family_unpack(&damaged, &back);
		assert_true(r == 0 || r == -EBADMSG);
		(void) family_free(back);
		u64v_deinit(&damaged);
	}
	assert_int_equal(failalloc_held(), before);
	u64v_deinit(&words);
	(void) family_free(f);
}

#define BENCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family_shapes),
		cmocka_unit_test(test_family_shapes_over_snapshots),
		BENCHED(test_family_stop_before_readiness_reaches_all),
		BENCHED(test_family_stop_waits_for_the_last),
		BENCHED(test_family_stop_kills_the_stubborn_and_their_children),
		BENCHED(test_family_stop_during_set_up),
		BENCHED(test_family_stop_after_readiness_is_for_main),
		BENCHED(test_family_readiness_while_stopping_is_none),
		BENCHED(test_family_all_gone_while_stopping),
		BENCHED(test_family_that_ends_before_readiness_respawns),
		BENCHED(test_family_exit_failure_ends_the_others_and_respawns),
		BENCHED(test_family_daemon_respawns),
		BENCHED(test_family_restart),
		BENCHED(test_family_that_did_its_work_runs_without_main),
		BENCHED(test_family_is_released_when_quiet),
		BENCHED(test_family_is_released_in_the_end),
		BENCHED(test_family_too_big_is_given_up),
		BENCHED(test_family_forks_across_exec),
		BENCHED(test_family_main_that_executes_is_told),
		BENCHED(test_family_untraced_is_as_without_expect),
		BENCHED(test_family_members_are_looked_up),
		BENCHED(test_family_stopped_members),
		cmocka_unit_test(test_family_damaged_numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
