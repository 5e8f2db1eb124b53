/* SPDX-License-Identifier: MIT */
/*
 * Predictions: from a snapshot that is made as init makes one, to the text that people read.
 */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "failalloc.h"
#include "job/parse.h"
#include "plan/print.h"
#include "system/memfile.h"

/* What init has: definitions and a core. */
struct model {
	struct definitions *definitions;
	struct core *core;
	struct core_config config;
	usec_t now;
	uint64_t seen;
	int32_t last_pid;
};

static int
setup(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct input control = { .type = INPUT_CONTROL, .control.present = true };

	assert_non_null(m);
	m->now = 5 * USEC_PER_SEC;
	m->definitions = definitions_new();
	assert_non_null(m->definitions);
	m->config = (struct core_config){
		.log_level = LOG_LEVEL_MESSAGE,
		.resolve = definitions_resolve,
		.resolve_data = m->definitions,
	};
	m->core = core_new(&m->config);
	assert_non_null(m->core);
	assert_int_equal(core_apply(m->core, &control), 0);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct model *m = *state;

	m->core = core_free(m->core);
	m->definitions = definitions_free(m->definitions);
	free(m);
	return 0;
}

static void
feed(struct model *m, struct input *in)
{
	in->now = m->now;
	assert_int_equal(core_apply(m->core, in), 0);
	input_free(in);
}

/* The text is split at ';'. */
static void
define(struct model *m, const char *name, const char *text)
{
	struct parse_report report = { 0 };
	auto_free char *lines = strdup(text);
	struct input in = { .type = INPUT_DEFINE };
	struct job_class *cls = NULL;

	for (char *p = lines; (p = strchr(p, ';')) != NULL;)
		*p = '\n';
	assert_int_equal(job_parse(name, &(const struct parse_source){ name, span_of(lines) }, NULL, &cls, &report), 0);
	parse_report_deinit(&report);
	assert_int_equal(definitions_add(m->definitions,
					 &(const struct definition_text){ .name = (char *) (uintptr_t) name,
									  .path = (char *) (uintptr_t) name,
									  .text = lines },
					 cls, &in.define.class_id),
			 0);
	feed(m, &in);
}

static void
emit(struct model *m, const char *event)
{
	struct input in = { .type = INPUT_EMIT, .emit.name = strdup(event) };

	feed(m, &in);
}

static void
start(struct model *m, const char *job)
{
	struct input in = { .type = INPUT_REQUEST, .request = { .kind = JOB_START, .job = strdup(job) } };

	feed(m, &in);
}

/* Processes that were asked for exist, and main ones run; hooks do not end. */
static void
settle(struct model *m)
{
	for (bool again = true; again;) {
		struct u64v asked = { 0 };

		again = false;
		for (const struct effect *e = core_outbox(m->core, m->seen); e != NULL; e = e->next)
			if (e->type == EFFECT_SPAWN)
				assert_int_equal(u64v_add(&asked, e->spawn.process), 0);
		m->seen = core_last_effect(m->core);
		for (size_t i = 0; i < asked.n; i++) {
			struct input made = { .type = INPUT_SPAWNED, .spawned = { asked.p[i], ++m->last_pid } };
			struct input done = { .type = INPUT_EXEC_DONE, .exec_done.process = asked.p[i] };

			feed(m, &made);
			feed(m, &done);
			again = true;
		}
		u64v_deinit(&asked);
	}
}

static void
kill_main(struct model *m, const char *job)
{
	struct core_instance view;
	struct input in = { .type = INPUT_EXITED };

	assert_int_equal(core_instance(m->core, job, "", &view), 0);
	in.exited = (struct input_exited){ view.processes[0].pid, JOB_EXIT_SIGNAL(SIGSEGV) };
	feed(m, &in);
	settle(m);
}

/* The snapshot as init makes it. */
static int
snapshot(struct model *m)
{
	int fd = memfile_new("snapshot"), copy = dup(fd);
	struct journal *j = journal_new(fd, false);

	assert_true(copy >= 0);
	assert_non_null(j);
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(record_config(j, &m->config), 0);
	for (uint64_t id = 0; (id = definitions_next(m->definitions, id)) != 0;) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		assert_int_equal(definitions_payload(m->definitions, id, &b), 0);
		assert_int_equal(journal_append(j, RECORD_DEFINITION, &b, false, NULL), 0);
	}
	assert_int_equal(record_core(j, m->core), 0);
	(void) journal_free(j);
	return copy;
}

static int
tell(struct model *m, const struct world_question *q, struct strbuf *b, bool json)
{
	auto_source struct source source = SOURCE_INIT;
	struct story story = { 0 };
	int r = source_read_snapshot(&source, snapshot(m));

	if (r == 0)
		r = world_tell(&source, q, &story);
	if (r == 0 && json)
		plan_print_json(b, &story, q);
	else if (r == 0)
		plan_print_text(b, &story, q, false);
	story_deinit(&story);
	return r == 0 && b->failed ? -ENOMEM : r;
}

static void
assert_plan(struct model *m, enum world_action action, const char *name, const char *expected)
{
	const struct world_question q = { .action = action, .name = name, .limit = 100000 };
	auto_strbuf struct strbuf b = STRBUF_INIT;

	assert_int_equal(tell(m, &q, &b, false), 0);
	assert_string_equal(b.p != NULL ? b.p : "", expected);
}

/* -- events ---------------------------------------------------------------------------- */

static void
test_event_tells_what_starts_and_waits_in_order(void **state)
{
	struct model *m = *state;

	define(m, "web", "start on net-up;pre-start exec p;exec web");
	define(m, "check", "start on starting web;task;exec check");
	define(m, "after", "start on started web;exec after");
	assert_plan(m, WORLD_EMIT, "net-up",
		    "   1  event net-up\n"
		    "   2  web starts, on net-up\n"
		    "   3  event net-up waits for web\n"
		    "   4  check starts, on starting\n"
		    "   5  web waits: event starting JOB=web INSTANCE= waits for check\n"
		    "   6  check stops, it has ended\n"
		    "   7  check has stopped\n"
		    "   8  web is running\n"
		    "   9  after starts, on started\n"
		    "  10  event started JOB=web INSTANCE= waits for after\n"
		    "  11  after is running\n"
		    "started: after, web\n"
		    "ran: check\n");
}

static void
test_event_nobody_waits_for_changes_nothing(void **state)
{
	assert_plan(*state, WORLD_EMIT, "unheard", "   1  event unheard\n");
}

static void
test_half_a_condition_blocks(void **state)
{
	struct model *m = *state;

	define(m, "web", "start on a and (b or c);exec web");
	assert_plan(m, WORLD_EMIT, "a",
		    "   1  event a\n"
		    "   2  event a waits for `start on' of web (which needs b, c)\n"
		    "blocked: event a waits for `start on' of web (which needs b, c)\n"
		    "emit would wait for ever\n");
	emit(m, "a");
	/* What was blocked before is not what the event would do. */
	assert_plan(m, WORLD_EMIT, "x", "   1  event x\n");
	assert_plan(m, WORLD_EMIT, "b",
		    "   1  event b\n"
		    "   2  web starts, on a b\n"
		    "   3  event b waits for web\n"
		    "   4  web is running\n"
		    "started: web\n");
}

static void
test_events_that_jobs_emit_follow_when_asked_for(void **state)
{
	struct model *m = *state;
	const struct world_question q = { .action = WORLD_EMIT, .name = "go", .emits = true, .limit = 100000 };
	auto_strbuf struct strbuf b = STRBUF_INIT;

	define(m, "src", "start on go;task;emits made class-*;exec src");
	define(m, "dst", "start on made;exec dst");
	assert_int_equal(tell(m, &q, &b, false), 0);
	assert_string_equal(b.p, "   1  event go\n"
				 "   2  src starts, on go\n"
				 "   3  event go waits for src\n"
				 "   4  event made, which a job says it emits\n"
				 "   5  dst starts, on made\n"
				 "   6  event made waits for dst\n"
				 "   7  src stops, it has ended\n"
				 "   8  src has stopped\n"
				 "   9  dst is running\n"
				 "started: dst\n"
				 "ran: src\n");
}

static void
test_circle_without_end_is_given_up(void **state)
{
	struct model *m = *state;
	const struct world_question q = { .action = WORLD_EMIT, .name = "go", .limit = 200 };
	auto_source struct source source = SOURCE_INIT;
	struct story story = { 0 };

	define(m, "loop", "start on go or stopped loop;task;exec l");
	assert_int_equal(source_read_snapshot(&source, snapshot(m)), 0);
	assert_int_equal(world_tell(&source, &q, &story), 0);
	assert_false(story.complete);
	assert_in_range(story.steps, 200, 300);
	assert_true(story.n > 10);
	story_deinit(&story);
}

/* -- requests ---------------------------------------------------------------------------- */

static void
test_start_of_a_running_job_would_fail(void **state)
{
	struct model *m = *state;

	define(m, "web", "exec web");
	start(m, "web");
	settle(m);
	assert_plan(m, WORLD_START, "web", "start would fail: Job is already running: web\n");
}

static void
test_stop_takes_along_what_follows_its_state(void **state)
{
	struct model *m = *state;

	define(m, "bar", "exec bar");
	define(m, "foo", "while bar;exec foo");
	define(m, "other", "while not bar;exec other");
	emit(m, "startup");
	settle(m);
	start(m, "bar");
	settle(m);
	{
		struct core_instance view;
		struct input in = { .type = INPUT_EXITED };

		/* `other' has to go before bar begins. */
		assert_int_equal(core_instance(m->core, "other", "", &view), 0);
		in.exited = (struct input_exited){ view.processes[0].pid, JOB_EXIT_SIGNAL(SIGTERM) };
		feed(m, &in);
		settle(m);
	}
	assert_plan(m, WORLD_STOP, "bar",
		    "   1  bar stops, as asked\n"
		    "   2  foo stops, its `while' does not hold any more\n"
		    "   3  bar waits: event stopping JOB=bar INSTANCE= RESULT=ok waits for foo\n"
		    "   4  foo has stopped\n"
		    "   5  bar has stopped\n"
		    "   6  other starts, its `while' holds\n"
		    "   7  other is running\n"
		    "started: other\n"
		    "stopped: bar, foo\n");
	assert_plan(m, WORLD_START, "other", "start would fail: Its 'while' does not hold: not bar\n");
}

static void
test_restart_tells_what_comes_back(void **state)
{
	struct model *m = *state;

	define(m, "web", "exec web");
	start(m, "web");
	settle(m);
	assert_plan(m, WORLD_RESTART, "web",
		    "   1  web stops, as asked\n"
		    "   2  web starts, as asked\n"
		    "   3  web is running\n"
		    "restarted: web\n");
}

static void
test_unknown_job_is_no_plan(void **state)
{
	const struct world_question q = { .action = WORLD_START, .name = "none", .limit = 100 };
	auto_strbuf struct strbuf b = STRBUF_INIT;

	assert_int_equal(tell(*state, &q, &b, false), -ENOENT);
}

/* -- what is there already ------------------------------------------------------------------ */

static void
test_what_is_under_way_goes_on(void **state)
{
	struct model *m = *state;

	define(m, "slow", "pre-start exec p;exec slow");
	define(m, "next", "start on started slow and go;exec n");
	start(m, "slow");
	settle(m);
	assert_plan(m, WORLD_EMIT, "go",
		    "under way before: slow start/pre-start\n"
		    "   1  event go\n"
		    "   2  event go waits for `start on' of next (which needs started slow)\n"
		    "   3  slow is running\n"
		    "   4  next starts, on started go\n"
		    "   5  event started JOB=slow INSTANCE= waits for next\n"
		    "   6  next is running\n"
		    "started: next, slow\n");
}

static void
test_rest_before_a_respawn_passes(void **state)
{
	struct model *m = *state;

	define(m, "web", "respawn;respawn delay 60 600;exec web");
	start(m, "web");
	settle(m);
	kill_main(m, "web");
	assert_plan(m, WORLD_EMIT, "x",
		    "under way before: web start/post-stop\n"
		    "   1  event x\n"
		    "   2  web is running\n"
		    "started: web\n");
}

static void
test_process_that_was_told_to_end_does(void **state)
{
	struct model *m = *state;
	struct input in = { .type = INPUT_REQUEST, .request = { .kind = JOB_STOP, .job = strdup("web") } };

	define(m, "web", "exec web");
	start(m, "web");
	settle(m);
	feed(m, &in);
	assert_plan(m, WORLD_EMIT, "x",
		    "under way before: web stop/killed\n"
		    "   1  event x\n"
		    "   2  web has stopped\n"
		    "stopped: web\n");
}

static void
test_service_that_stops_itself_becomes_ready(void **state)
{
	struct model *m = *state;

	define(m, "web", "expect stop;exec web");
	assert_plan(m, WORLD_START, "web", "   1  web starts, as asked\n   2  web is running\nstarted: web\n");
}

/* However a service says that it is ready, the imaginary one does so as its job expects, and serves. */
static void
test_service_becomes_ready_as_it_is_expected_to(void **state)
{
	static const char *const expects[] = { "none",	     "stop",   "fork", "daemon",	    "exit",
					       "pidfile /p", "notify", "fd 3", "listen 80" };
	struct model *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(expects); i++) {
		auto_free char *text = str_printf("expect %s;post-start exec h;exec web", expects[i]);

		define(m, "web", text);
		define(m, "after", "start on started web;task;exec after");
		assert_plan(m, WORLD_START, "web",
			    "   1  web starts, as asked\n"
			    "   2  web is running\n"
			    "   3  after starts, on started\n"
			    "   4  event started JOB=web INSTANCE= waits for after\n"
			    "   5  after stops, it has ended\n"
			    "   6  after has stopped\n"
			    "started: web\n"
			    "ran: after\n");
	}
}

/* A service that is to say again and again that it is well does so; nothing is foretold but that it runs. */
static void
test_service_that_is_watched_is_well(void **state)
{
	struct model *m = *state;

	define(m, "web", "watchdog 5;expect notify;respawn;exec web");
	define(m, "other", "watchdog 5;start on started web;exec other");
	assert_plan(m, WORLD_START, "web",
		    "   1  web starts, as asked\n"
		    "   2  web is running\n"
		    "   3  other starts, on started\n"
		    "   4  event started JOB=web INSTANCE= waits for other\n"
		    "   5  other is running\n"
		    "started: other, web\n");
}

/* Nor does a service that comes back lose the states that it has set. */
static void
test_service_that_comes_back_sets_its_states_again(void **state)
{
	struct model *m = *state;
	struct core_instance view;
	struct input in = { .type = INPUT_STATE };

	define(m, "web", "exec web");
	define(m, "user", "while online;exec user");
	emit(m, "startup");
	start(m, "web");
	settle(m);
	assert_int_equal(core_instance(m->core, "web", "", &view), 0);
	in.state = (struct input_state){ .action = STATE_SET,
					 .name = strdup("online"),
					 .caller = view.processes[0].pid,
					 .uid = -1,
					 .job = strdup("web"),
					 .instance = strdup("") };
	feed(m, &in);
	settle(m);
	assert_int_equal(core_instance(m->core, "user", "", &view), 0);
	assert_plan(m, WORLD_RESTART, "web",
		    "   1  web stops, as asked\n"
		    "   2  web starts, as asked\n"
		    "   3  web is running\n"
		    "restarted: web\n");
}

/* One that is half on its way to be a daemon goes on from there, and one that serves can be stopped. */
static void
test_daemon_that_is_there_goes_on(void **state)
{
	struct model *m = *state;
	struct core_instance view;
	struct input forked = { .type = INPUT_FAMILY };

	define(m, "web", "expect daemon;exec web");
	start(m, "web");
	settle(m);
	assert_plan(m, WORLD_EMIT, "x",
		    "under way before: web start/spawned\n"
		    "   1  event x\n"
		    "   2  web is running\n"
		    "started: web\n");
	assert_int_equal(core_instance(m->core, "web", "", &view), 0);
	forked.family = (struct input_family){ .what = FAMILY_NEWS_FORKED, .pid = view.processes[0].pid, .other = 1000 };
	feed(m, &forked);
	assert_plan(m, WORLD_EMIT, "x",
		    "under way before: web start/spawned\n"
		    "   1  event x\n"
		    "   2  web is running\n"
		    "started: web\n");
	assert_plan(m, WORLD_STOP, "web",
		    "under way before: web start/spawned\n"
		    "   1  web stops, as asked\n"
		    "   2  web has stopped\n"
		    "stopped: web\n");
}

static void
test_boot_takes_the_files_as_they_are(void **state)
{
	struct model *m = *state;
	struct input gone = { .type = INPUT_UNDEFINE, .undefine.name = strdup("gone") };

	define(m, "web", "exec web");
	define(m, "gone", "start on startup;exec gone");
	define(m, "db", "start on startup;exec db");
	define(m, "foo", "while db;exec foo");
	start(m, "web");
	start(m, "gone");
	settle(m);
	define(m, "web", "start on startup;exec other");
	feed(m, &gone);
	assert_plan(m, WORLD_BOOT, "startup",
		    "   1  event startup\n"
		    "   2  web starts, on startup\n"
		    "   3  db starts, on startup\n"
		    "   4  event startup waits for web, db\n"
		    "   5  web is running\n"
		    "   6  db is running\n"
		    "   7  foo starts, while db\n"
		    "   8  foo is running\n"
		    "started: db, foo, web\n");
}

/* -- form and faults ------------------------------------------------------------------------- */

static void
test_json_says_the_same(void **state)
{
	struct model *m = *state;
	char variable[] = "A=1";
	char *env[] = { variable, NULL };
	const struct world_question q = { .action = WORLD_EMIT, .name = "go", .env = env, .limit = 100 };
	auto_strbuf struct strbuf b = STRBUF_INIT;

	define(m, "web", "start on go;stop on end and more;exec web");
	assert_int_equal(tell(m, &q, &b, true), 0);
	assert_string_equal(
	    b.p,
	    "{\"action\":\"emit\",\"name\":\"go\",\"env\":[\"A=1\"],\"complete\":true,\"under_way\":[],\"steps\":["
	    "{\"step\":\"event\",\"event\":\"go\",\"env\":[\"A=1\"]},"
	    "{\"step\":\"starts\",\"job\":\"web\",\"instance\":\"\",\"reason\":\"events\",\"names\":\"go\"},"
	    "{\"step\":\"waits\",\"event\":\"go\",\"env\":[\"A=1\"],\"held_by\":[{\"job\":\"web\",\"instance\":\"\"}]},"
	    "{\"step\":\"event\",\"event\":\"starting\",\"env\":[\"JOB=web\",\"INSTANCE=\"]},"
	    "{\"step\":\"process\",\"job\":\"web\",\"instance\":\"\",\"process\":\"main\"},"
	    "{\"step\":\"running\",\"job\":\"web\",\"instance\":\"\"},"
	    "{\"step\":\"event\",\"event\":\"started\",\"env\":[\"JOB=web\",\"INSTANCE=\"]}],"
	    "\"started\":[{\"job\":\"web\",\"instance\":\"\"}],\"ran\":[],\"restarted\":[],\"stopped\":[],\"stuck\":[],"
	    "\"blocked\":[],\"answer\":{\"ok\":true}}\n");
}

static void
test_damaged_snapshot_is_refused(void **state)
{
	struct model *m = *state;
	int fd = snapshot(m), empty = memfile_new("empty");
	off_t size = lseek(fd, 0, SEEK_END);

	assert_true(size > 0 && empty >= 0);
	for (off_t n = size - 1; n >= 0; n -= 7) {
		struct source source = SOURCE_INIT;

		assert_int_equal(ftruncate(fd, n), 0);
		assert_int_equal(source_read_snapshot(&source, dup(fd)), -EBADMSG);
		source_deinit(&source);
	}
	(void) close(fd);
	(void) close(empty);
}

static int
tell_it_all(void *data)
{
	const struct world_question q = { .action = WORLD_EMIT, .name = "go", .limit = 1000 };
	auto_source struct source source = SOURCE_INIT;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct story story = { 0 };
	int r = source_read_snapshot(&source, dup(*(const int *) data));

	if (r == 0)
		r = world_tell(&source, &q, &story);
	if (r == 0)
		plan_print_text(&b, &story, &q, true);
	if (r == 0 && !b.failed)
		plan_print_json(&b, &story, &q);
	story_deinit(&story);
	return r == 0 && b.failed ? -ENOMEM : r;
}

static void
test_want_of_memory_is_an_error(void **state)
{
	struct model *m = *state;
	int fd;

	define(m, "web", "start on go;exec web");
	define(m, "check", "start on starting web;task;exec check");
	define(m, "half", "start on go and never;exec half");
	define(m, "foo", "while web;exec foo");
	define(m, "up", "exec up");
	emit(m, "startup");
	start(m, "up");
	settle(m);
	fd = snapshot(m);
	assert_true(failalloc_each_lenient(tell_it_all, &fd) > 100);
	(void) close(fd);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_event_tells_what_starts_and_waits_in_order),
		test(test_event_nobody_waits_for_changes_nothing),
		test(test_half_a_condition_blocks),
		test(test_events_that_jobs_emit_follow_when_asked_for),
		test(test_circle_without_end_is_given_up),
		test(test_start_of_a_running_job_would_fail),
		test(test_stop_takes_along_what_follows_its_state),
		test(test_restart_tells_what_comes_back),
		test(test_unknown_job_is_no_plan),
		test(test_what_is_under_way_goes_on),
		test(test_rest_before_a_respawn_passes),
		test(test_process_that_was_told_to_end_does),
		test(test_service_that_stops_itself_becomes_ready),
		test(test_service_becomes_ready_as_it_is_expected_to),
		test(test_service_that_is_watched_is_well),
		test(test_service_that_comes_back_sets_its_states_again),
		test(test_daemon_that_is_there_goes_on),
		test(test_boot_takes_the_files_as_they_are),
		test(test_json_says_the_same),
		test(test_damaged_snapshot_is_refused),
		test(test_want_of_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
