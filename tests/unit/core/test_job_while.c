/* SPDX-License-Identifier: MIT */
/*
 * `while`: a job that runs exactly as long as its states hold (docs/states.md).
 */
#include "rig.h"

#include <errno.h>

#include "common/log.h"
#include "common/spawn_step.h"
#include "core/explain.h"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, RIG_WORK);
	*state = r;
	return 0;
}

/* The system has started. */
static void
startup(struct rig *r)
{
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	rig_forget(r);
}

static void
start(struct rig *r, const char *job, const char *env)
{
	(void) rig_start(r, job, env);
	rig_settle(r);
}

static void
stop(struct rig *r, const char *job)
{
	(void) rig_stop(r, job, NULL);
	rig_settle(r);
}

/* foo runs while bar and baz do. */
static void
define_roadmap(struct rig *r)
{
	(void) rig_define(r, "foo", "while bar and baz;exec foo");
	(void) rig_define(r, "bar", "respawn;exec bar");
	(void) rig_define(r, "baz", "exec baz");
	startup(r);
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "none");
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "start/running");
	rig_forget(r);
}

static void
test_dependent_stops_before_what_it_needs(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	(void) rig_stop(r, "baz", NULL);
	rig_assert_state(r, "baz", "stop/stopping");
	rig_assert_state(r, "foo", "stop/killed");
	rig_exit(r, "foo", "main", JOB_EXIT_SIGNAL(15));
	rig_assert_state(r, "foo", "none");
	rig_assert_state(r, "baz", "stop/killed");
	rig_exit(r, "baz", "main", JOB_EXIT_SIGNAL(15));
	rig_assert_state(r, "baz", "none");
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_chain_stops_from_its_end(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "exec a");
	(void) rig_define(r, "b", "while a;exec b");
	(void) rig_define(r, "c", "while b;exec c");
	startup(r);
	start(r, "a", NULL);
	rig_assert_state(r, "c", "start/running");
	(void) rig_stop(r, "a", NULL);
	rig_assert_state(r, "a", "stop/stopping");
	rig_assert_state(r, "b", "stop/stopping");
	rig_assert_state(r, "c", "stop/killed");
	rig_settle(r);
	rig_assert_state(r, "a", "none");
	rig_assert_state(r, "b", "none");
	rig_assert_state(r, "c", "none");
}

static void
test_dependent_follows_a_crash_without_holding_it_up(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	rig_exit(r, "bar", "main", JOB_EXIT_SIGNAL(11));
	rig_assert_state(r, "bar", "start/spawned");
	rig_assert_state(r, "foo", "stop/killed");
	rig_settle(r);
	rig_assert_state(r, "bar", "start/running");
	rig_assert_state(r, "foo", "start/running");
}

/* bar comes back while foo is still on its way down: foo ends, then starts. */
static void
test_fall_is_completed_before_the_next_rise(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	rig_exit(r, "bar", "main", JOB_EXIT_SIGNAL(11));
	rig_up(r, "bar", "main");
	rig_assert_state(r, "bar", "start/running");
	rig_assert_state(r, "foo", "start/killed");
	rig_exit(r, "foo", "main", JOB_EXIT_SIGNAL(15));
	rig_assert_state(r, "foo", "start/spawned");
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_fall_is_not_cancelled_in_pre_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar;pre-stop exec p;exec foo");
	(void) rig_define(r, "bar", "respawn;exec bar");
	startup(r);
	start(r, "bar", NULL);
	rig_exit(r, "bar", "main", JOB_EXIT_SIGNAL(11));
	rig_assert_state(r, "foo", "stop/pre-stop");
	rig_up(r, "bar", "main");
	rig_assert_state(r, "foo", "start/pre-stop");
	rig_up(r, "foo", "pre-stop");
	rig_exit(r, "foo", "pre-stop", 0);
	rig_assert_state(r, "foo", "start/killed");
	rig_exit(r, "foo", "main", JOB_EXIT_SIGNAL(15));
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_not_never_overlaps(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "gdm", "pre-start exec p;exec gdm");
	(void) rig_define(r, "getty", "while not gdm;exec getty");
	startup(r);
	rig_settle(r);
	rig_assert_state(r, "getty", "start/running");
	(void) rig_start(r, "gdm", NULL);
	rig_assert_state(r, "gdm", "start/starting");
	rig_assert_state(r, "getty", "stop/killed");
	rig_exit(r, "getty", "main", JOB_EXIT_SIGNAL(15));
	rig_assert_state(r, "getty", "none");
	rig_assert_state(r, "gdm", "start/pre-start");
	rig_settle(r);
	stop(r, "gdm");
	rig_assert_state(r, "getty", "start/running");
}

static void
test_unknown_name_decides_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "while nobody;exec a");
	(void) rig_define(r, "b", "while not nobody;exec b");
	startup(r);
	rig_assert_state(r, "a", "none");
	rig_assert_state(r, "b", "none");
	(void) rig_define(r, "nobody", "exec n");
	rig_settle(r);
	rig_assert_state(r, "a", "none");
	rig_assert_state(r, "b", "start/running");
	rig_undefine(r, "nobody");
	rig_settle(r);
	rig_assert_state(r, "b", "none");
}

static void
test_nothing_is_looked_at_before_startup(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "early", "start on virtual;exec e");
	(void) rig_define(r, "foo", "while early;exec foo");
	(void) rig_emit(r, "virtual", NULL);
	rig_settle(r);
	rig_assert_state(r, "early", "start/running");
	rig_assert_state(r, "foo", "none");
	startup(r);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_start_without_its_states_says_which(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar and not gdm and ghost X=1;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "gdm", "exec gdm");
	startup(r);
	start(r, "gdm", NULL);
	rig_show(r, RIG_REPLIES);
	start(r, "foo", NULL);
	rig_expect(r, "reply 3 error ConditionNotMet: Its 'while' does not hold: bar, not gdm, ghost X=1 (unknown)\n");
	rig_assert_state(r, "foo", "none");
}

static void
test_stop_disarms_until_a_start(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	rig_show(r, RIG_REPLIES);
	stop(r, "foo");
	rig_expect(r, "reply 4 ok foo\n");
	rig_assert_state(r, "foo", "none");
	stop(r, "baz");
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "none");
	rig_forget(r);
	stop(r, "foo"); /* nothing runs: that is what was asked for */
	rig_expect(r, "reply 7 ok foo\n");
	start(r, "foo", NULL);
	rig_expect(r, "reply 8 ok foo\n");
	rig_assert_state(r, "foo", "start/running");
	stop(r, "baz");
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "start/running");
}

/* Also one that has not come about yet, of which nothing is known. */
static void
test_stop_before_the_first_rise_disarms(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	startup(r);
	rig_show(r, RIG_REPLIES);
	stop(r, "foo");
	start(r, "bar", NULL);
	rig_expect(r, "reply 2 ok foo\nreply 3 ok bar\n");
	rig_assert_state(r, "foo", "none");
	start(r, "foo", NULL);
	rig_assert_state(r, "foo", "start/running");
}

static void
stop_by(struct rig *r, const char *job, int32_t caller)
{
	struct input in = { .type = INPUT_REQUEST };

	in.request = (struct input_request){ .request = ++r->requests, .kind = JOB_STOP, .job = strdup(job), .caller = caller };
	assert_int_equal(rig_apply(r, &in), 0);
	rig_settle(r);
}

/* A stop by a process of its own means "not now", one by anybody else "no more", whatever it is at. */
static void
test_stop_counts_by_who_asks(void **state)
{
	static const struct {
		const char *job, *process;
		bool by_itself;
		const char *state, *after;
	} cases[] = {
		{ "hooked", "pre-start", true, "start/pre-start", "start/pre-start" },
		{ "hooked", "pre-start", false, "start/pre-start", "none" },
		{ "plain", "main", true, "start/running", "start/running" },
		{ "plain", "main", false, "start/running", "none" },
	};
	struct rig *r = *state;

	define_roadmap(r);
	(void) rig_define(r, "hooked", "while bar and baz;pre-start exec hook;exec main");
	(void) rig_define(r, "plain", "while bar and baz;exec main");
	rig_rule(r, "hooked", "pre-start", "waits", false);
	rig_settle(r);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *job = cases[i].job, *process = cases[i].process;

		rig_assert_state(r, job, cases[i].state);
		stop_by(r, job, cases[i].by_itself ? rig_proc(r, job, process)->pid : 77777);
		if (rig_proc(r, job, process) != NULL)
			rig_exit(r, job, process, JOB_EXIT_SIGNAL(15));
		rig_settle(r);
		rig_assert_state(r, job, "none");
		stop(r, "baz");
		start(r, "baz", NULL);
		rig_assert_state(r, job, cases[i].after);
	}
}

/* A start that is refused arms all the same. */
static void
test_refused_start_arms(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	stop(r, "foo");
	stop(r, "baz");
	start(r, "foo", NULL);
	rig_assert_state(r, "foo", "none");
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_restart_keeps_it_wanted(void **state)
{
	struct rig *r = *state;

	define_roadmap(r);
	(void) rig_restart(r, "foo", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_task_runs_once_per_rise(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "t", "while bar;task;exec t");
	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "after", "while t/done;exec after");
	startup(r);
	rig_rule(r, "t", "main", "exit 0", false);
	for (int i = 0; i < 2; i++) {
		rig_forget(r);
		start(r, "bar", NULL);
		rig_assert_state(r, "t", "none");
		rig_assert_state(r, "after", "start/running");
		rig_expect(r, i == 0 ? "spawn bar main\nspawn t main\nspawn after main\n"
				     : "spawn bar main\nspawn t main\nkill after main TERM\nkill after main CONT\n"
				       "timer 5\ntimer off\nspawn after main\n");
		stop(r, "bar");
		rig_assert_state(r, "after", "start/running");
	}
}

static void
test_failure_gets_a_new_chance_with_its_states(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar;pre-start exec p;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "alarm", "while foo/failed;exec alarm");
	startup(r);
	rig_rule(r, "foo", "pre-start", "exit 1", true);
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "none");
	stop(r, "bar");
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_failed_main_is_a_state(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "exec foo");
	(void) rig_define(r, "alarm", "while foo/failed;exec alarm");
	startup(r);
	start(r, "foo", NULL);
	rig_exit(r, "foo", "main", 1);
	rig_settle(r);
	rig_assert_state(r, "alarm", "start/running");
	start(r, "foo", NULL);
	rig_assert_state(r, "alarm", "none");
	stop(r, "foo");
	rig_assert_state(r, "alarm", "none");
}

/* Whatever kept it from running, or failed behind it: the state says what RESULT=failed says. */
static void
test_what_could_not_start_has_failed(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "pre-start exec p;exec foo;post-stop exec q");
	(void) rig_define(r, "miss", "exec miss");
	(void) rig_define(r, "alarm", "while foo/failed;exec alarm");
	(void) rig_define(r, "bell", "while miss/failed;exec bell");
	(void) rig_define(r, "done", "while foo/done;exec d");
	startup(r);
	rig_rule(r, "foo", "pre-start", "exit 1", true);
	start(r, "foo", NULL);
	rig_assert_state(r, "foo", "none");
	rig_assert_state(r, "alarm", "start/running");
	start(r, "foo", NULL);
	rig_assert_state(r, "foo", "start/running");
	rig_assert_state(r, "alarm", "none");
	rig_rule(r, "foo", "post-stop", "exit 1", true);
	stop(r, "foo");
	rig_assert_state(r, "alarm", "start/running");
	start(r, "foo", NULL);
	rig_exit(r, "foo", "main", 0);
	rig_settle(r);
	rig_assert_state(r, "alarm", "none");
	rig_assert_state(r, "done", "start/running");
	(void) rig_start(r, "miss", NULL);
	rig_fail(r, "miss", "main", SPAWN_EXEC, ENOENT);
	rig_settle(r);
	rig_assert_state(r, "miss", "none");
	rig_assert_state(r, "bell", "start/running");
}

static void
test_an_instance_per_binding(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "net", "instance $IF;export IF KIND;exec net");
	(void) rig_define(r, "static", "instance $IF;export IF;exec s");
	(void) rig_define(r, "dhcp", "instance $IF;while net IF=* KIND=ether and not static IF=$IF;exec dhcp");
	startup(r);
	start(r, "net", "IF=eth0 KIND=ether");
	start(r, "net", "IF=lo KIND=loop");
	start(r, "net", "IF=eth1 KIND=ether");
	rig_assert_state(r, "dhcp/eth0", "start/running");
	rig_assert_state(r, "dhcp/eth1", "start/running");
	rig_assert_state(r, "dhcp/lo", "none");
	rig_assert_env(r, "dhcp/eth1", "main", "IF", "eth1");
	rig_assert_env(r, "dhcp/eth1", "main", "UPSTART_STATES", "net");
	start(r, "static", "IF=eth1");
	rig_assert_state(r, "dhcp/eth0", "start/running");
	rig_assert_state(r, "dhcp/eth1", "none");
	(void) rig_ask(r, JOB_STOP, "static", NULL, "IF=eth1", true);
	rig_settle(r);
	rig_assert_state(r, "dhcp/eth1", "start/running");
}

static void
test_event_arms_and_is_let_go(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "foo", "start on go;while bar;exec foo");
	startup(r);
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "none");
	stop(r, "bar");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", "WITH=it");
	rig_expect(r, "reply 4 ok\n"); /* it waits for no level */
	rig_assert_state(r, "foo", "none");
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "start/running");
	rig_assert_env(r, "foo", "main", "WITH", "it");
	rig_assert_env(r, "foo", "main", "UPSTART_EVENTS", "go");
	/* It ends by itself: the next event is needed. */
	rig_exit(r, "foo", "main", 0);
	rig_settle(r);
	stop(r, "bar");
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "none");
}

/* foo follows the interface it was armed with last. */
static void
define_armed_with_interface(struct rig *r)
{
	(void) rig_define(r, "net", "instance $IF;export IF;exec net");
	(void) rig_define(r, "foo", "start on go;while net IF=$IF;pre-start exec p;exec foo");
	startup(r);
	start(r, "net", "IF=eth0");
	rig_assert_state(r, "foo", "none");
}

/* An event arms what runs with something else, with which its `while` does not hold. */
static void
test_armed_anew_falls_when_its_while_ends(void **state)
{
	struct rig *r = *state;
	char why[256];

	define_armed_with_interface(r);
	(void) rig_emit(r, "go", "IF=eth0");
	rig_assert_state(r, "foo", "start/pre-start");
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
	(void) rig_emit(r, "go", "IF=eth0");
	rig_assert_state(r, "foo", "start/running");
	rig_show(r, RIG_REPLIES);
	(void) rig_emit(r, "go", "IF=eth1");
	rig_expect(r, "reply 5 ok\n"); /* it waits for no level, nor for the end of one */
	rig_assert_state(r, "foo", "stop/killed");
	assert_int_equal(core_check(r->core, why, sizeof(why)), 0);
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	start(r, "net", "IF=eth1");
	rig_assert_state(r, "foo", "start/running");
	rig_assert_env(r, "foo", "main", "IF", "eth1");
}

/* A period of truth ends with what it was armed with, and what was used up in it is not in the next. */
static void
test_armed_anew_gets_a_new_chance(void **state)
{
	struct rig *r = *state;

	define_armed_with_interface(r);
	rig_rule(r, "foo", "pre-start", "exit 1", true);
	(void) rig_emit(r, "go", "IF=eth0");
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	(void) rig_emit(r, "go", "IF=eth0");
	rig_assert_state(r, "foo", "none"); /* spent: the same period */
	(void) rig_emit(r, "go", "IF=eth1");
	rig_assert_state(r, "foo", "none");
	(void) rig_emit(r, "go", "IF=eth0");
	rig_settle(r);
	rig_assert_state(r, "foo", "start/running");
}

static size_t
records_of(const struct rig *r, const char *job)
{
	auto_strv char **names = core_want_names(r->core, job);

	return strv_len(names);
}

/* Names that come once and never again leave nothing behind, however they came about. */
static void
test_names_that_are_gone_leave_no_record(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "exec bar");
	(void) rig_define(r, "net", "instance $IF;export IF;stop on removed IF=$IF");
	(void) rig_define(r, "foo", "start on added;stop on removed IF=$IF;instance $IF;while bar");
	(void) rig_define(r, "dhcp", "instance $IF;while net IF=*");
	startup(r);
	start(r, "bar", NULL);
	(void) rig_emit(r, "added", "IF=stays");
	for (int i = 0; i < 1000; i++) {
		auto_free char *env = str_printf("IF=ppp%d", i);
		auto_free char *foo = str_printf("foo/ppp%d", i), *dhcp = str_printf("dhcp/ppp%d", i);

		(void) rig_emit(r, "added", env);
		(void) rig_start(r, "net", env);
		rig_assert_state(r, foo, "start/running");
		rig_assert_state(r, dhcp, "start/running");
		(void) rig_emit(r, "removed", env);
		rig_assert_state(r, foo, "none");
		rig_assert_state(r, dhcp, "none");
	}
	assert_in_range(records_of(r, "foo"), 1, 100);
	assert_in_range(records_of(r, "dhcp"), 0, 100);
	/* One that is wanted, and one that was used up, are not forgotten. */
	stop(r, "bar");
	start(r, "bar", NULL);
	rig_assert_state(r, "foo/stays", "start/running");
}

/* What is spent, or disarmed by hand, says something. */
static void
test_records_that_say_something_are_kept(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "net", "instance $IF;export IF;stop on removed IF=$IF");
	(void) rig_define(r, "dhcp", "instance $IF;while net IF=*;exec dhcp");
	startup(r);
	(void) rig_start(r, "net", "IF=spent");
	(void) rig_start(r, "net", "IF=off");
	rig_settle(r);
	rig_exit(r, "dhcp/spent", "main", 1);
	(void) rig_ask(r, INSTANCE_STOP, "dhcp", "off", NULL, true);
	rig_settle(r);
	for (int i = 0; i < 200; i++) {
		auto_free char *env = str_printf("IF=ppp%d", i);

		(void) rig_start(r, "net", env);
		rig_settle(r);
		(void) rig_emit(r, "removed", env);
		rig_settle(r);
	}
	rig_assert_state(r, "dhcp/spent", "none");
	rig_assert_state(r, "dhcp/off", "none");
	assert_in_range(records_of(r, "dhcp"), 2, 100);
}

static void
test_contradiction_ends_at_the_third_time(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bar", "while foo;exec bar");
	(void) rig_define(r, "foo", "while not bar;exec foo");
	rig_show(r, RIG_LOG);
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	rig_assert_state(r, "bar", "none");
}

static void
test_nobody_holds_himself_up(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "a", "while b;exec a");
	(void) rig_define(r, "b", "while a;exec b");
	startup(r);
	rig_assert_state(r, "a", "none");
	rig_assert_state(r, "b", "none");
	start(r, "a", NULL);
	rig_assert_state(r, "a", "none");
}

static void
test_runlevel_is_a_state(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while runlevel RUNLEVEL=[2345];exec web");
	(void) rig_define(r, "always", "while runlevel;stop on ending;exec always");
	startup(r);
	rig_assert_state(r, "web", "none");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=2 PREVLEVEL=N");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=1 PREVLEVEL=2");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "always", "start/running");
	(void) rig_emit(r, "runlevel", "RUNLEVEL=6 PREVLEVEL=2");
	rig_settle(r);
	rig_assert_state(r, "always", "start/running"); /* its stop on says when */
}

static void
test_changed_while_counts_at_once(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "exec foo");
	(void) rig_define(r, "bar", "exec bar");
	startup(r);
	start(r, "foo", NULL);
	(void) rig_define(r, "foo", "while bar;exec foo");
	rig_settle(r);
	rig_assert_state(r, "foo", "none");
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "start/running");
	(void) rig_define(r, "foo", "exec foo");
	stop(r, "bar");
	rig_assert_state(r, "foo", "start/running");
}

static void
test_manual_waits_for_a_start(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "foo", "while bar;manual;exec foo");
	(void) rig_define(r, "bar", "exec bar");
	startup(r);
	start(r, "bar", NULL);
	rig_assert_state(r, "foo", "none");
	start(r, "foo", NULL);
	rig_assert_state(r, "foo", "start/running");
}

/* Written and read back in the middle of a fall: it goes on as if nothing had been. */
static void
test_snapshot_in_the_middle_of_a_fall(void **state)
{
	struct rig *r = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *restored;

	define_roadmap(r);
	(void) rig_stop(r, "baz", NULL);
	core_save(r->core, &b);
	assert_false(b.failed);
	assert_int_equal(core_load(b.p, b.len, &r->config, &restored), 0);
	(void) core_free(r->core);
	r->core = restored;
	rig_assert_state(r, "baz", "stop/stopping");
	rig_exit(r, "foo", "main", JOB_EXIT_SIGNAL(15));
	rig_assert_state(r, "baz", "stop/killed");
	rig_exit(r, "baz", "main", JOB_EXIT_SIGNAL(15));
	start(r, "baz", NULL);
	rig_assert_state(r, "foo", "start/running");
}

static void
test_long_chain(void **state)
{
	enum { LENGTH = 200 };
	struct rig *r = *state;

	(void) rig_define(r, "c0", "exec c");
	for (int i = 1; i < LENGTH; i++) {
		auto_free char *name = str_printf("c%d", i);
		auto_free char *text = str_printf("while c%d;exec c", i - 1);

		(void) rig_define(r, name, text);
	}
	startup(r);
	start(r, "c0", NULL);
	rig_assert_state(r, "c199", "start/running");
	stop(r, "c0");
	rig_assert_state(r, "c0", "none");
	rig_assert_state(r, "c199", "none");
}

/*
 * A `while` comes with a definition that waits for its turn and has other defaults. It counts at once, so it says which
 * instance the old start on speaks of.
 */
static void
test_while_in_a_new_file_keeps_names(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "db", "exec db");
	(void) rig_start(r, "db", NULL);
	(void) rig_define(r, "web", "start on go;env L=old;instance $L;exec web");
	(void) rig_start(r, "web", "L=first");
	rig_settle(r);
	(void) rig_define(r, "web", "start on go;while db;env L=new;instance $L;exec web");
	(void) rig_emit(r, "go", NULL);
	rig_settle(r);
	rig_assert_state(r, "web/new", "start/running");
	rig_assert_state(r, "web/old", "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dependent_stops_before_what_it_needs, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_chain_stops_from_its_end, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_dependent_follows_a_crash_without_holding_it_up, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_fall_is_completed_before_the_next_rise, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_fall_is_not_cancelled_in_pre_stop, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_not_never_overlaps, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_unknown_name_decides_nothing, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_looked_at_before_startup, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_start_without_its_states_says_which, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_stop_disarms_until_a_start, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_stop_before_the_first_rise_disarms, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_stop_counts_by_who_asks, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_refused_start_arms, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_restart_keeps_it_wanted, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_task_runs_once_per_rise, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_failure_gets_a_new_chance_with_its_states, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_failed_main_is_a_state, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_what_could_not_start_has_failed, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_an_instance_per_binding, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_event_arms_and_is_let_go, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_armed_anew_falls_when_its_while_ends, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_armed_anew_gets_a_new_chance, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_names_that_are_gone_leave_no_record, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_records_that_say_something_are_kept, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_contradiction_ends_at_the_third_time, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_holds_himself_up, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_runlevel_is_a_state, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_changed_while_counts_at_once, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_manual_waits_for_a_start, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_in_the_middle_of_a_fall, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_long_chain, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_while_in_a_new_file_keeps_names, setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
