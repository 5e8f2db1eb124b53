/* SPDX-License-Identifier: MIT */
/*
 * Foreign states: who holds them, how long, and jobs that follow them.
 */
#include "rig.h"

#include "core/explain.h"

static int
setup(void **state)
{
	struct rig *r = rig_new();

	rig_show(r, RIG_WORK | RIG_REPLIES);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	(void) rig_free(*state);
	return 0;
}

/* A call; what is left out is not said. */
struct ask {
	enum state_action action;
	const char *name;
	const char *env; /* words */
	const char *connection;
	bool bound, all, wait, administrator;
	int32_t uid;
	const char *job; /* "web:main": the process that asks; NULL: nobody's */
	const char *root;
};

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static int32_t
pid_of(struct rig *r, const char *process)
{
	char *const text = copy(process);
	char *slash = text != NULL ? strrchr(text, ':') : NULL;
	int32_t pid = 0;

	if (slash != NULL) {
		*slash = '\0';
		pid = rig_proc(r, text, slash + 1)->pid;
	}
	free(text);
	return pid;
}

static int
ask(struct rig *r, struct ask a)
{
	struct input in = { .type = INPUT_STATE };

	in.state = (struct input_state){
		.request = ++r->requests,
		.action = a.action,
		.name = copy(a.name),
		.env = rig_words(a.env != NULL ? a.env : ""),
		.all = a.all,
		.wait = a.wait,
		.bound = a.bound,
		.administrator = a.administrator,
		.caller = pid_of(r, a.job),
		.uid = a.uid,
		.root = copy(a.root),
		.connection = copy(a.connection),
	};
	return rig_apply(r, &in);
}

#define SET(...) assert_int_equal(ask(r, (struct ask){ .action = STATE_SET, __VA_ARGS__ }), 0)
#define CLEAR(...) assert_int_equal(ask(r, (struct ask){ .action = STATE_CLEAR, __VA_ARGS__ }), 0)
#define REPLACE(...) assert_int_equal(ask(r, (struct ask){ .action = STATE_REPLACE, __VA_ARGS__ }), 0)
#define ENDED(c) assert_int_equal(ask(r, (struct ask){ .action = STATE_CONNECTION_ENDED, .connection = (c) }), 0)

static void
startup(struct rig *r)
{
	(void) rig_emit(r, "startup", NULL);
	rig_settle(r);
	rig_forget(r);
}

static void
add_state(const struct core_state *s, void *data)
{
	struct strbuf *b = data;
	auto_free char *env = strv_join((char **) (uintptr_t) s->env, ",");

	strbuf_addf(b, "%s%s[%s]", b->len > 0 ? " " : "", s->name, env);
	for (size_t i = 0; i < s->n_owners; i++)
		strbuf_addf(b, " by %s", s->owners[i].job != NULL ? s->owners[i].job : "/");
}

/* What holds, by name, with the owners. */
static void
expect_states(struct rig *r, const char *expected)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "");
	assert_int_equal(core_each_state(r->core, (struct span){ NULL, 0 }, add_state, &b), 0);
	assert_string_equal(b.p, expected);
}

/* The core as it comes out of a snapshot goes on from here. */
static void
save_and_load(struct rig *r)
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

/* -- following ------------------------------------------------------------------------ */

static void
test_state_job_runs_as_long_as_it_is_set(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while lan;exec web");
	startup(r);
	rig_assert_state(r, "web", "none");
	SET(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_assert_env(r, "web", "main", "UPSTART_STATES", "lan");
	SET(.name = "lan");
	CLEAR(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
}

static void
test_state_unknown_name_decides_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while not lan;exec web");
	startup(r);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	CLEAR(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	SET(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
}

/* "1 KEY=0 1 KEY=1 …" up to n of them: states to be replaced by. */
static char *
numbered(const char *key, int n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < n; i++)
		strbuf_addf(&b, "%s1 %s=%d", i > 0 ? " " : "", key, i);
	return strbuf_steal(&b);
}

/* A term on the right of an `and` is looked up, not searched: a machine may have a thousand interfaces. */
static void
test_state_thousands_are_joined(void **state)
{
	struct rig *r = *state;
	auto_free char *links = numbered("I", 2000), *addresses = numbered("I", 1990);

	(void) rig_define(r, "dhcp", "instance $I;while link I=* and not address I=$I;exec dhcp");
	(void) rig_define(r, "any", "while link I=* and address I=$I;exec any");
	(void) rig_define(r, "none", "while link I=* and not link I=$I;exec none");
	startup(r);
	REPLACE(.name = "address", .env = addresses);
	REPLACE(.name = "link", .env = links);
	rig_settle(r);
	rig_assert_state(r, "dhcp/1989", "none");
	rig_assert_state(r, "dhcp/1990", "start/running");
	rig_assert_state(r, "dhcp/1999", "start/running");
	rig_assert_state(r, "any", "start/running");
	rig_assert_env(r, "any", "main", "I", "0");
	rig_assert_state(r, "none", "none");
	CLEAR(.name = "address", .env = "I=0");
	rig_settle(r);
	rig_assert_state(r, "dhcp/0", "start/running");
	rig_assert_state(r, "any", "start/running");
}

/* Patterns and other variables count on the right side as on the left. */
static void
test_state_joined_terms_match_as_others_do(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "plain", "instance $A$B;while x A=* and y A=$A B!=no;exec plain");
	(void) rig_define(r, "wild", "instance $A$B;while x A=* and y A=$A*;exec wild");
	(void) rig_define(r, "second", "instance $A$B;while x A=* and y * $A;exec second");
	startup(r);
	REPLACE(.name = "x", .env = "1 A=1 1 A=2 1 A=3 1 A=[ 1 A=?");
	REPLACE(.name = "y", .env = "2 A=1 B=a 2 A=2 B=no 2 A=1 B=b 2 B=c A=3 2 A=33 B=d 2 A=[ B=e 1 B=f");
	rig_settle(r);
	rig_assert_state(r, "plain/1a", "start/running");
	rig_assert_state(r, "plain/1b", "start/running");
	rig_assert_state(r, "plain/2no", "none");
	rig_assert_state(r, "plain/3c", "start/running");
	rig_assert_state(r, "plain/33d", "none");
	rig_assert_state(r, "wild/33d", "start/running");
	rig_assert_state(r, "wild/2no", "start/running");
	rig_assert_state(r, "second/3c", "start/running");
	rig_assert_state(r, "second/2no", "none");
}

/* What can't be told for their number stays as it was, and is told. */
static void
test_state_too_many_change_nothing(void **state)
{
	struct rig *r = *state;
	auto_free char *many = numbered("I", 400);
	auto_free char *more = numbered("K", 400);

	(void) rig_define(r, "pair", "instance $I;while x I=* and y K=*;exec pair");
	startup(r);
	REPLACE(.name = "y", .env = more);
	REPLACE(.name = "x", .env = "1 I=0 1 I=x");
	rig_settle(r);
	rig_assert_state(r, "pair/x", "start/running");
	rig_show(r, RIG_LOG);
	rig_forget(r);
	REPLACE(.name = "x", .env = many);
	rig_settle(r);
	rig_expect(r, "log error pair: its `while' is about too many states at once, and left as it was\n");
	rig_assert_state(r, "pair/0", "start/running");
	rig_assert_state(r, "pair/x", "start/running");
	rig_assert_state(r, "pair/1", "none");
	REPLACE(.name = "x", .env = "1 I=0");
	rig_settle(r);
	rig_assert_state(r, "pair/0", "start/running");
	rig_assert_state(r, "pair/x", "none");
}

static void
start(struct rig *r, const char *job, const char *env)
{
	(void) rig_start(r, job, env);
	rig_settle(r);
}

/* Those that hold; what does not, or is not to hold, is none that made it true. */
static void
test_state_names_are_of_those_that_made_it_true(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "aa", "exec aa");
	(void) rig_define(r, "bb", "instance $I;export I;exec bb");
	(void) rig_define(r, "cc", "exec cc");
	(void) rig_define(r, "web", "while (aa or bb I=*) and not cc;exec web");
	(void) rig_define(r, "both", "instance $I;while (aa or bb I=*) and bb I=$I and not (aa and cc);exec both");
	startup(r);
	start(r, "bb", "I=1");
	rig_assert_env(r, "web", "main", "UPSTART_STATES", "bb");
	rig_assert_env(r, "both/1", "main", "UPSTART_STATES", "bb");
	(void) rig_ask(r, JOB_STOP, "bb", NULL, "I=1", true);
	rig_settle(r);
	start(r, "aa", NULL);
	rig_assert_env(r, "web", "main", "UPSTART_STATES", "aa");
}

/* What a term on the left binds is known to those on its right, where it is told what does not hold as well. */
static void
test_state_refusal_says_of_which_binding(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "dev", "instance $I;export I;exec dev");
	(void) rig_define(r, "fixed", "instance $I;export I;exec fixed");
	(void) rig_define(r, "web", "while dev I=* and not fixed I=$I;exec web");
	(void) rig_define(r, "sure", "while dev I=* and fixed I=$I;exec sure");
	startup(r);
	start(r, "dev", "I=e0");
	start(r, "fixed", "I=e0");
	rig_show(r, RIG_REPLIES);
	rig_forget(r);
	(void) rig_start(r, "web", NULL);
	assert_non_null(strstr(r->lines.p, "Its 'while' does not hold: not fixed I=e0\n"));
	start(r, "dev", "I=e1");
	rig_assert_state(r, "web", "start/running");
	start(r, "fixed", "I=e1");
	rig_assert_state(r, "sure", "start/running");
	(void) rig_ask(r, JOB_STOP, "fixed", NULL, "I=e0", true);
	(void) rig_ask(r, JOB_STOP, "fixed", NULL, "I=e1", true);
	rig_settle(r);
	rig_forget(r);
	(void) rig_start(r, "sure", NULL);
	assert_non_null(strstr(r->lines.p, "Its 'while' does not hold: fixed I=e0\n"));
}

static void
test_state_unknown_name_becomes_known_by_an_empty_replacement(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while not lan;exec web");
	startup(r);
	REPLACE(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

static void
test_state_instance_per_state(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "dhcp", "instance $INTERFACE;"
				     "while net-device INTERFACE=* and not static-address INTERFACE=$INTERFACE;exec d");
	startup(r);
	REPLACE(.name = "static-address", .env = "1 INTERFACE=eth1");
	REPLACE(.name = "net-device", .env = "2 INTERFACE=eth0 MTU=1 1 INTERFACE=eth1 1 INTERFACE=lo");
	rig_settle(r);
	rig_assert_state(r, "dhcp/eth0", "start/running");
	rig_assert_state(r, "dhcp/eth1", "none");
	rig_assert_state(r, "dhcp/lo", "start/running");
	rig_assert_env(r, "dhcp/eth0", "main", "MTU", "1");
	/* In one step: what is still there is not touched. */
	rig_forget(r);
	REPLACE(.name = "net-device", .env = "1 INTERFACE=lo 2 INTERFACE=eth0 MTU=1");
	rig_expect(r, "reply 4 ok\n");
	REPLACE(.name = "static-address");
	REPLACE(.name = "net-device", .env = "1 INTERFACE=eth1");
	rig_settle(r);
	rig_assert_state(r, "dhcp/eth0", "none");
	rig_assert_state(r, "dhcp/eth1", "start/running");
	rig_assert_state(r, "dhcp/lo", "none");
}

static void
test_state_of_a_job_hides_a_foreign_one(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while lan;exec web");
	startup(r);
	SET(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	(void) rig_define(r, "lan", "exec lan");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_undefine(r, "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
}

/* -- owners ----------------------------------------------------------------------------- */

static void
test_state_stays_until_its_last_owner_lets_go(void **state)
{
	struct rig *r = *state;

	startup(r);
	SET(.name = "lan", .env = "A=1", .uid = 0);
	SET(.name = "lan", .env = "A=1", .uid = 1000);
	expect_states(r, "lan[A=1] by / by /");
	CLEAR(.name = "lan", .uid = 0);
	expect_states(r, "lan[A=1] by /");
	CLEAR(.name = "lan", .uid = 0);
	expect_states(r, "lan[A=1] by /");
	CLEAR(.name = "lan", .uid = 0, .all = true);
	expect_states(r, "");
}

static void
test_state_clear_takes_what_matches(void **state)
{
	struct rig *r = *state;

	startup(r);
	REPLACE(.name = "net", .env = "1 I=eth0 1 I=eth1 2 I=lo X=1 0");
	expect_states(r, "net[I=eth0] by / net[I=eth1] by / net[I=lo,X=1] by / net[] by /");
	CLEAR(.name = "net", .env = "I=eth*");
	expect_states(r, "net[I=lo,X=1] by / net[] by /");
	CLEAR(.name = "net", .env = "I=lo X=2");
	expect_states(r, "net[I=lo,X=1] by / net[] by /");
	CLEAR(.name = "net");
	expect_states(r, "");
}

static void
test_state_of_a_job_ends_when_it_stops(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bridge", "exec bridge");
	(void) rig_define(r, "web", "while lan;exec web");
	startup(r);
	(void) rig_start(r, "bridge", NULL);
	rig_settle(r);
	SET(.name = "lan", .job = "bridge:main");
	expect_states(r, "bridge[INSTANCE=] by bridge lan[] by bridge");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	save_and_load(r);
	/* Who stands on it stops first. */
	(void) rig_stop(r, "bridge", NULL);
	rig_assert_state(r, "bridge", "stop/stopping");
	rig_assert_state(r, "web", "stop/killed");
	rig_settle(r);
	rig_assert_state(r, "bridge", "none");
	rig_assert_state(r, "web", "none");
	expect_states(r, "");
}

static void
test_state_of_a_job_outlasts_respawn_and_restart(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bridge", "respawn;exec bridge");
	(void) rig_define(r, "web", "while lan and wan;exec web");
	startup(r);
	(void) rig_start(r, "bridge", NULL);
	rig_settle(r);
	SET(.name = "lan", .job = "bridge:main");
	SET(.name = "wan", .job = "bridge:main");
	rig_settle(r);
	rig_exit(r, "bridge", "main", JOB_EXIT_SIGNAL(11));
	rig_settle(r);
	(void) rig_restart(r, "bridge", NULL);
	rig_settle(r);
	save_and_load(r);
	rig_assert_state(r, "web", "start/running");
	/* What it does not set again within ten seconds goes. */
	SET(.name = "lan", .job = "bridge:main");
	rig_pass(r, 9 * USEC_PER_SEC);
	rig_assert_state(r, "web", "start/running");
	rig_pass(r, 2 * USEC_PER_SEC);
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	expect_states(r, "bridge[INSTANCE=] by bridge lan[] by bridge");
}

static void
test_state_set_again_in_time_stays(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bridge", "respawn;exec bridge");
	startup(r);
	(void) rig_start(r, "bridge", NULL);
	rig_settle(r);
	SET(.name = "lan", .job = "bridge:main");
	rig_exit(r, "bridge", "main", JOB_EXIT_SIGNAL(11));
	rig_settle(r);
	REPLACE(.name = "lan", .env = "0", .job = "bridge:main");
	rig_pass(r, 20 * USEC_PER_SEC);
	expect_states(r, "bridge[INSTANCE=] by bridge lan[] by bridge");
}

static void
test_state_set_by_a_hook_on_the_way_down_ends_with_the_instance(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web;post-stop exec p");
	startup(r);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	(void) rig_stop(r, "web", NULL);
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(15));
	rig_up(r, "web", "post-stop");
	SET(.name = "lan", .job = "web:post-stop");
	expect_states(r, "lan[] by web");
	save_and_load(r);
	rig_exit(r, "web", "post-stop", 0);
	expect_states(r, "");
}

static void
test_state_for_the_administrator_outlasts_the_job(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	startup(r);
	(void) rig_start(r, "web", NULL);
	rig_settle(r);
	SET(.name = "lan", .job = "web:main", .administrator = true);
	(void) rig_stop(r, "web", NULL);
	rig_settle(r);
	expect_states(r, "lan[] by /");
}

static void
test_state_bound_ends_with_its_connection(void **state)
{
	struct rig *r = *state;

	startup(r);
	SET(.name = "lan", .connection = "1", .bound = true);
	SET(.name = "lan", .connection = "2", .bound = true);
	SET(.name = "wan", .connection = "2");
	save_and_load(r);
	ENDED("1");
	expect_states(r, "lan[] by / wan[] by /");
	/* Another's connection is nothing to let go of. */
	CLEAR(.name = "lan", .connection = "3");
	expect_states(r, "lan[] by / wan[] by /");
	ENDED("2");
	expect_states(r, "wan[] by /");
}

static void
test_state_bound_outlasts_a_loss_of_control_for_a_while(void **state)
{
	struct rig *r = *state;
	struct input gone = { .type = INPUT_CONTROL, .control = { false } };
	struct input back = { .type = INPUT_CONTROL, .control = { true } };

	startup(r);
	SET(.name = "lan", .connection = ":1.1", .bound = true);
	SET(.name = "wan", .connection = ":1.2", .bound = true);
	assert_int_equal(rig_apply(r, &gone), 0);
	assert_int_equal(rig_apply(r, &back), 0);
	save_and_load(r);
	SET(.name = "lan", .connection = ":1.1", .bound = true);
	rig_pass(r, 11 * USEC_PER_SEC);
	expect_states(r, "lan[] by /");
}

/* -- waiting ----------------------------------------------------------------------------- */

static void
test_state_clear_waits_for_those_that_stop(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while lan;exec web;post-stop exec p");
	startup(r);
	SET(.name = "lan");
	rig_settle(r);
	rig_show(r, RIG_REPLIES | RIG_SIGNALS);
	CLEAR(.name = "lan", .wait = true);
	rig_expect(r, "sig manager StateCleared lan []\n"
		      "sig job web instance _ GoalChanged stop\n"
		      "sig job web instance _ StateChanged pre-stopping\n"
		      "sig job web instance _ StateChanged pre-stop\n"
		      "sig job web instance _ StateChanged stopping\n"
		      "sig job web instance _ StateChanged killed\n"
		      "sig manager EventEmitted stopping [JOB=web INSTANCE= RESULT=ok]\n");
	rig_show(r, RIG_REPLIES);
	rig_exit(r, "web", "main", JOB_EXIT_SIGNAL(15));
	rig_up(r, "web", "post-stop");
	save_and_load(r);
	rig_expect(r, "");
	rig_exit(r, "web", "post-stop", 0);
	rig_expect(r, "reply 3 ok\n");
}

static void
test_state_clear_waits_for_nobody_when_nobody_stops(void **state)
{
	struct rig *r = *state;

	startup(r);
	SET(.name = "lan");
	CLEAR(.name = "lan", .wait = true);
	CLEAR(.name = "lan", .wait = true);
	rig_expect(r, "reply 2 ok\nreply 3 ok\nreply 4 ok\n");
}

/* -- guards ------------------------------------------------------------------------------- */

static unsigned
starts_of(struct rig *r, const char *job)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->n_procs; i++)
		n += strcmp(r->procs[i].job, job) == 0 && r->procs[i].kind == PROCESS_MAIN ? 1 : 0;
	return n;
}

static void
test_state_provider_that_flaps_trips_nothing(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "bridge", "exec bridge");
	(void) rig_define(r, "web", "while lan;exec web");
	startup(r);
	(void) rig_start(r, "bridge", NULL);
	rig_settle(r);
	for (int i = 0; i < 10; i++) {
		SET(.name = "lan", .job = "bridge:main");
		rig_settle(r);
		CLEAR(.name = "lan", .job = "bridge:main");
		rig_settle(r);
	}
	assert_int_equal(starts_of(r, "web"), 10);
}

static void
test_state_job_that_clears_what_it_follows_is_not_started_for_ever(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while lan;pre-start exec a;exec web");
	(void) rig_define(r, "again", "start on stopped web;task;exec again");
	startup(r);
	SET(.name = "lan", .uid = 1);
	for (int i = 0; i < 10 && rig_proc(r, "web", "pre-start") != NULL; i++) {
		rig_up(r, "web", "pre-start");
		CLEAR(.name = "lan", .all = true, .job = "web:pre-start");
		rig_exit(r, "web", "pre-start", 0);
		rig_up(r, "again", "main");
		SET(.name = "lan", .job = "again:main", .administrator = true);
		rig_exit(r, "again", "main", 0);
	}
	rig_assert_state(r, "web", "none");
}

static void
test_state_names_that_are_not_to_be_had(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "exec web");
	startup(r);
	SET(.name = "web");
	SET(.name = "other/done");
	SET(.name = "runlevel");
	SET(.name = "");
	SET(.name = "a b");
	SET(.name = "/a");
	SET(.name = "lan", .env = "A");
	REPLACE(.name = "lan", .env = "2 A=1");
	REPLACE(.name = "lan", .env = "x");
#define RESERVED "org.freedesktop.DBus.Error.InvalidArgs: Name is that of a job's state, or of init's own: "
#define WRONG                                                                                                          \
	"org.freedesktop.DBus.Error.InvalidArgs: Name of a state may hold letters, digits and _ . : / - only, and "    \
	"begins with a letter, a digit or ':'"
#define NO_PAIRS "org.freedesktop.DBus.Error.InvalidArgs: Env must be KEY=VALUE pairs"
	rig_expect(r, "reply 2 error " RESERVED "web\n"
		      "reply 3 error " RESERVED "other/done\n"
		      "reply 4 error " RESERVED "runlevel\n"
		      "reply 5 error org.freedesktop.DBus.Error.InvalidArgs: Name may not be empty string\n"
		      "reply 6 error " WRONG "\n"
		      "reply 7 error " WRONG "\n"
		      "reply 8 error " NO_PAIRS "\n"
		      "reply 9 error " NO_PAIRS "\n"
		      "reply 10 error " NO_PAIRS "\n");
	expect_states(r, "");
}

/* What a binding lacks is said once, not whenever something changes; again once there was none, or for a new definition. */
static void
test_state_without_an_instance_is_told_once(void **state)
{
	static const char told[] = "log warn Failed to obtain job instance: Unknown parameter: J\n";
	struct rig *r = *state;

	(void) rig_define(r, "job", "instance $J;while link I=*;exec job");
	startup(r);
	rig_show(r, 1u << EFFECT_LOG);
	SET(.name = "link", .env = "I=1");
	rig_expect(r, told);
	SET(.name = "link", .env = "I=2");
	save_and_load(r); /* the next image says what this one would have said, letter by letter */
	SET(.name = "link", .env = "I=3 J=3");
	CLEAR(.name = "link", .env = "I=2");
	rig_settle(r);
	rig_assert_state(r, "job/3", "start/running");
	rig_expect(r, "");
	CLEAR(.name = "link", .env = "I=1");
	SET(.name = "link", .env = "I=1");
	rig_expect(r, told);
	CLEAR(.name = "link");
	rig_settle(r);
	rig_forget(r);
	(void) rig_define(r, "job", "instance $J;while link I=*;exec job 2");
	SET(.name = "link", .env = "I=1");
	(void) rig_define(r, "job", "instance $J;while link I=*;exec job 3");
	rig_expect(r, "log warn Failed to obtain job instance: Unknown parameter: J\n"
		      "log warn Failed to obtain job instance: Unknown parameter: J\n");
}

/* A name that a job takes: what was held under it is told of, counts no more, and may be cleared. */
static void
test_state_under_a_name_that_a_job_takes(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "user", "while n INTERFACE=*;exec user");
	startup(r);
	SET(.name = "n", .env = "INTERFACE=eth1");
	rig_settle(r);
	rig_assert_state(r, "user", "start/running");
	rig_show(r, 1u << EFFECT_LOG | 1u << EFFECT_REPLY);
	(void) rig_define(r, "n", "exec n");
	rig_settle(r);
	rig_assert_state(r, "user", "none");
	rig_expect(r, "log warn State n of the administrator does not count any more: a job has that name; it may be "
		      "cleared\nlog warn user main process (101) killed by TERM signal\n");
	expect_states(r, "");
	CLEAR(.name = "n");
	CLEAR(.name = "n");
	SET(.name = "n");
	rig_expect(r, "reply 3 ok\n"
		      "reply 4 error org.freedesktop.DBus.Error.InvalidArgs: Name is that of a job's state, or of init's own: n\n"
		      "reply 5 error org.freedesktop.DBus.Error.InvalidArgs: Name is that of a job's state, or of init's own: n\n");
	rig_undefine(r, "n");
	expect_states(r, "");
}

static void
test_state_of_a_session_is_its_own(void **state)
{
	struct rig *r = *state;

	(void) rig_define(r, "web", "while lan;exec web");
	(void) rig_define(r, "/srv//web", "while lan;exec web");
	startup(r);
	SET(.name = "lan", .root = "/srv");
	rig_settle(r);
	rig_assert_state(r, "web", "none");
	rig_assert_state(r, "/srv//web", "start/running");
	CLEAR(.name = "lan", .root = "/srv");
	rig_settle(r);
	SET(.name = "lan");
	rig_settle(r);
	rig_assert_state(r, "web", "start/running");
	rig_assert_state(r, "/srv//web", "none");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_state_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(job_runs_as_long_as_it_is_set),
		T(unknown_name_decides_nothing),
		T(thousands_are_joined),
		T(joined_terms_match_as_others_do),
		T(too_many_change_nothing),
		T(names_are_of_those_that_made_it_true),
		T(refusal_says_of_which_binding),
		T(unknown_name_becomes_known_by_an_empty_replacement),
		T(instance_per_state),
		T(of_a_job_hides_a_foreign_one),
		T(stays_until_its_last_owner_lets_go),
		T(clear_takes_what_matches),
		T(of_a_job_ends_when_it_stops),
		T(of_a_job_outlasts_respawn_and_restart),
		T(set_again_in_time_stays),
		T(set_by_a_hook_on_the_way_down_ends_with_the_instance),
		T(for_the_administrator_outlasts_the_job),
		T(bound_ends_with_its_connection),
		T(bound_outlasts_a_loss_of_control_for_a_while),
		T(clear_waits_for_those_that_stop),
		T(clear_waits_for_nobody_when_nobody_stops),
		T(provider_that_flaps_trips_nothing),
		T(job_that_clears_what_it_follows_is_not_started_for_ever),
		T(names_that_are_not_to_be_had),
		T(without_an_instance_is_told_once),
		T(under_a_name_that_a_job_takes),
		T(of_a_session_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
