/* SPDX-License-Identifier: MIT */
/*
 * What init knows of processes that jobs leave behind: by sessions alone, as where there are no control groups; when
 * memory and descriptors run out; and over a re-exec.
 */
#include "init/strays.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "init/brain.h"
#include "init/brood.h"
#include "init/definitions.h"
#include "init/proc.h"
#include "init/state.h"
#include "job/parse.h"
#include "rig.h"
#include "system/trace.h"
#include "unit.h"

#define BROOD 7

/* Two processes in a session that the first has begun; the second is ours when the first is gone. */
struct family {
	pid_t main, stray;
};

static struct rig rig;
static struct family family;

static void
main_of_family(int tell)
{
	pid_t stray;

	(void) setsid();
	(void) signal(SIGTERM, SIG_IGN);
	stray = fork();
	if (stray > 0)
		(void) signal(SIGTERM, SIG_DFL);
	if (stray > 0)
		(void) !write(tell, &stray, sizeof(stray));
	for (;;)
		(void) pause();
}

static int
setup(void **state)
{
	int fds[2];

	(void) state;
	rig_init(&rig);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	family.main = fork();
	if (family.main == 0)
		main_of_family(fds[1]);
	assert_true(family.main > 0);
	assert_int_equal(read(fds[0], &family.stray, sizeof(family.stray)), sizeof(family.stray));
	(void) close(fds[0]);
	(void) close(fds[1]);
	return 0;
}

/* The end of a process; its status. */
static int
reap(pid_t *pid, int number)
{
	int status = 0;

	if (*pid <= 0)
		return 0;
	if (number != 0)
		assert_int_equal(kill(*pid, number), 0);
	assert_int_equal(waitpid(*pid, &status, 0), *pid);
	*pid = 0;
	return status;
}

static int
teardown(void **state)
{
	(void) state;
	(void) reap(&family.main, SIGKILL);
	(void) reap(&family.stray, SIGKILL);
	rig_deinit(&rig);
	return 0;
}

static uint64_t
began(pid_t pid)
{
	struct trace_brief brief;

	assert_int_equal(trace_look_briefly(pid, &brief), 0);
	return brief.began;
}

/* A note as an image leaves it: the session of the family, seen with its first process. */
static int
load_note(struct init *init)
{
	uint64_t numbers[] = { 0, (uint64_t) family.main, (uint64_t) family.main, began(family.main) };
	char *list[] = { (char[]){ "web" }, (char[]){ "" }, NULL };
	struct note note = { .kind = NOTE_BROOD, .id = BROOD, .numbers = { numbers, 4 }, .list = list };

	return strays_load(init, &note);
}

static struct brood *
loaded(void)
{
	struct brood *b;

	assert_int_equal(load_note(&rig.init), 0);
	b = map_get_id(&rig.init.strays->by_id, BROOD);
	assert_non_null(b);
	return b;
}

static bool
has_both(const struct u64v *pids)
{
	return pids->n == 2 && u64v_has(pids, (uint64_t) family.main) && u64v_has(pids, (uint64_t) family.stray);
}

/* -- what is known ------------------------------------------------------------------------------- */

static void
note_that_is_read_twice_makes_one_brood(void **state)
{
	struct brood *b = loaded();
	struct u64v pids = { 0 };
	struct note gone = { .kind = NOTE_BROOD_GONE, .id = BROOD };

	(void) state;
	assert_ptr_equal(loaded(), b);
	assert_int_equal(map_count(&rig.init.strays->by_key), 1);
	assert_int_equal(brood_members(&rig.init, b, &pids), 0);
	assert_true(has_both(&pids));
	u64v_deinit(&pids);
	assert_int_equal(strays_load(&rig.init, &gone), 0);
	assert_int_equal(strays_load(&rig.init, &gone), 0);
	assert_int_equal(map_count(&rig.init.strays->by_id), 0);
}

/* The first process, by which it was known, ends: those who are left are what it is known by. */
static void
session_is_known_by_who_is_left(void **state)
{
	struct brood *b = loaded();
	struct u64v pids = { 0 };
	siginfo_t info;

	(void) state;
	/* A look of this turn, before it ended, must not be all that is known. */
	assert_int_equal(brood_members(&rig.init, b, &pids), 0);
	u64v_deinit(&pids);
	assert_int_equal(kill(family.main, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t) family.main, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(strays_before_end(&rig.init, family.main), 0);
	(void) reap(&family.main, 0);
	strays_begin_turn(&rig.init);
	assert_false(brood_is_empty(&rig.init, b));
	assert_int_equal(brood_members(&rig.init, b, &pids), 0);
	assert_int_equal(pids.n, 1);
	assert_int_equal(pids.p[0], family.stray);
	u64v_deinit(&pids);
	(void) reap(&family.stray, SIGKILL);
	strays_begin_turn(&rig.init);
	assert_true(brood_is_empty(&rig.init, b));
}

static void
number_that_is_another_now_is_not_its_session(void **state)
{
	struct brood *b = loaded();

	(void) state;
	b->sessions.p[2]++; /* it had begun at another time */
	assert_true(brood_is_empty(&rig.init, b));
	assert_int_equal(brood_signal(&rig.init, b, 0, SIGKILL), 0);
	assert_int_equal(waitpid(family.main, NULL, WNOHANG), 0);
}

/* One look at /proc does for all broods of a turn, and for no other turn. */
static void
processes_are_looked_at_once_in_a_turn(void **state)
{
	struct brood *b = loaded();
	struct proctable_row row;
	pid_t late;

	(void) state;
	assert_false(rig.init.strays->table.known);
	assert_false(brood_is_empty(&rig.init, b));
	assert_true(rig.init.strays->table.known);
	late = fork();
	if (late == 0)
		for (;;)
			(void) pause();
	assert_false(brood_is_empty(&rig.init, b));
	assert_false(proctable_find(&rig.init.strays->table, late, &row));
	strays_begin_turn(&rig.init);
	assert_false(rig.init.strays->table.known);
	assert_false(brood_is_empty(&rig.init, b));
	assert_true(proctable_find(&rig.init.strays->table, late, &row));
	assert_int_equal(row.parent, getpid());
	assert_int_equal(row.session, getsid(0));
	assert_false(row.dead);
	(void) reap(&late, SIGKILL);
}

/* Those are looked at whose time has come, in its order, however many there are besides. */
static void
broods_are_due_in_the_order_of_their_times(void **state)
{
	struct strays *s = rig.init.strays;
	char *list[] = { (char[]){ "web0" }, (char[]){ "" }, NULL };
	struct note note = { .kind = NOTE_BROOD, .list = list };
	const struct brood *b;
	usec_t last = 0;
	size_t n = 0;

	(void) state;
	for (unsigned i = 0; i < 8; i++) {
		note.id = i + 1;
		list[0][3] = (char) ('0' + i);
		assert_int_equal(strays_load(&rig.init, &note), 0);
	}
	rig.init.options.no_cgroups = true;
	strays_start(&rig.init);
	DL_FOREACH2(s->due, b, due_next) {
		assert_true(b->due >= last);
		last = b->due;
		n++;
	}
	assert_int_equal(n, 8);
	assert_int_equal(s->timer_due != 0, 1);
	note.kind = NOTE_BROOD_GONE;
	for (unsigned i = 0; i < 8; i++) {
		note.id = (i * 5) % 8 + 1;
		assert_int_equal(strays_load(&rig.init, &note), 0);
	}
	assert_null(s->due);
	assert_null(s->list);
}

/* -- wants ---------------------------------------------------------------------------------------- */

static int
try_load(void *data)
{
	struct note gone = { .kind = NOTE_BROOD_GONE, .id = BROOD };
	int r = load_note(&rig.init);

	(void) data;
	assert_int_equal(strays_load(&rig.init, &gone), 0);
	return r;
}

static int
try_members(void *data)
{
	struct u64v pids = { 0 };
	int r;

	strays_begin_turn(&rig.init);
	r = brood_members(&rig.init, data, &pids);
	assert_true(r < 0 || has_both(&pids));
	u64v_deinit(&pids);
	strays_begin_turn(&rig.init);
	return r;
}

/* Whoever is not seen for want of memory is not gone. */
static int
try_empty(void *data)
{
	bool empty;

	strays_begin_turn(&rig.init);
	empty = brood_is_empty(&rig.init, data);
	strays_begin_turn(&rig.init);
	assert_false(empty);
	return 0;
}

static int
try_signal(void *data)
{
	struct brood *b = data;
	int r;

	r = brood_signal(&rig.init, b, 0, SIGCONT);
	strays_begin_turn(&rig.init);
	/* Whatever of it was learnt, both are known. */
	assert_false(brood_is_empty(&rig.init, b));
	strays_begin_turn(&rig.init);
	return r;
}

static int
try_before_end(void *data)
{
	struct brood *b = data;
	int r;

	b->sessions.p[1] = (uint64_t) family.main;
	b->sessions.p[2] = began(family.main);
	strays_begin_turn(&rig.init);
	r = strays_before_end(&rig.init, family.main);
	strays_begin_turn(&rig.init);
	assert_true(r == 0 || r == -ENOMEM);
	if (r == 0) {
		assert_true(b->sessions.n >= 3);
		assert_int_equal(b->sessions.p[1], family.stray);
	} else {
		assert_int_equal(b->sessions.p[1], family.main);
	}
	return r;
}

static void
wants_of_memory_lose_nobody(void **state)
{
	struct brood *b;
	siginfo_t info;

	(void) state;
	assert_true(failalloc_each(try_load, NULL) > 4);
	b = loaded();
	assert_true(failalloc_each(try_members, b) > 10);
	assert_true(failalloc_each_lenient(try_empty, b) > 10);
	assert_true(failalloc_each_lenient(try_signal, b) > 10);
	assert_int_equal(kill(family.main, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t) family.main, &info, WEXITED | WNOWAIT), 0);
	assert_true(failalloc_each_lenient(try_before_end, b) > 10);
}

/* No descriptor can be opened: nobody is taken for gone, and who is to get a signal gets it later. */
static void
wants_of_descriptors_lose_nobody(void **state)
{
	struct brood *b = loaded();
	struct rlimit old, none;
	struct u64v pids = { 0 };
	int empty, members, before_end, signal, added;

	(void) state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 0, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	empty = brood_is_empty(&rig.init, b);
	members = brood_members(&rig.init, b, &pids);
	before_end = strays_before_end(&rig.init, family.main);
	signal = brood_signal(&rig.init, b, 0, SIGKILL);
	added = brood_add(&rig.init, b, family.stray);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(empty);
	assert_int_equal(members, -EMFILE);
	assert_int_equal(before_end, -EMFILE);
	assert_int_equal(signal, -EMFILE);
	assert_int_equal(added, -EMFILE);
	assert_int_equal(waitpid(family.main, NULL, WNOHANG), 0);
	assert_int_equal(brood_signal(&rig.init, b, 0, SIGKILL), 0);
	assert_true(WIFSIGNALED(reap(&family.main, 0)));
	assert_true(WIFSIGNALED(reap(&family.stray, 0)));
	u64v_deinit(&pids);
}

/* -- over a re-exec --------------------------------------------------------------------------------- */

static void
feed(struct input in)
{
	assert_int_equal(brain_feed(&rig.init, &in), 0);
}

static uint64_t
spawn_that_is_asked_for(void)
{
	uint64_t process = 0;

	for (const struct effect *e = core_outbox(rig.init.core, 0); e != NULL; e = e->next)
		if (e->type == EFFECT_SPAWN)
			process = e->spawn.process;
	assert_true(process > 0);
	return process;
}

/* `web` is down but for what it has left behind. */
static void
down_but_for_strays(void)
{
	static const char text[] = "kill mode tree\nexec web\n";
	struct definition_text t = { .name = (char *) (uintptr_t) "web", .path = (char *) (uintptr_t) "/x" };
	struct parse_source source = { "web", span_of(text) };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	struct input in = { .type = INPUT_DEFINE };
	uint64_t process;

	assert_int_equal(state_snapshot(&rig.init), 0); /* what follows is to be read behind it */
	assert_int_equal(job_parse("web", &source, NULL, &cls, &report), 0);
	parse_report_deinit(&report);
	t.text = (char *) (uintptr_t) text;
	assert_int_equal(definitions_add(rig.init.definitions, &t, cls, &in.define.class_id), 0);
	feed(in);
	in = (struct input){ .type = INPUT_REQUEST };
	in.request.kind = JOB_START;
	in.request.job = strdup("web");
	feed(in);
	process = spawn_that_is_asked_for();
	feed((struct input){ .type = INPUT_SPAWNED, .spawned = { process, family.main } });
	feed((struct input){ .type = INPUT_EXEC_DONE, .exec_done = { process } });
	assert_int_equal(load_note(&rig.init), 0);
	brood_note(&rig.init, map_get_id(&rig.init.strays->by_id, BROOD));
	in = (struct input){ .type = INPUT_REQUEST };
	in.request.kind = JOB_STOP;
	in.request.job = strdup("web");
	feed(in);
}

static struct core_sweep sweep;

static void
sweep_cb(const struct core_sweep *found, void *data)
{
	(void) data;
	sweep = *found;
}

/* The instance, if it is to be told when nobody is left of it; sweep.sweep is 0 if not. */
static void
find_sweep(const struct rig *r)
{
	sweep = (struct core_sweep){ 0 };
	core_each_sweep(r->init.core, sweep_cb, NULL);
}

/* Main heeds SIGTERM, the stray does not. */
static void
main_ends(void)
{
	pid_t pid = family.main;
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(strays_before_end(&rig.init, pid), 0);
	feed((struct input){ .type = INPUT_EXITED, .exited = { pid, SIGTERM << 8 } });
	assert_int_equal(WTERMSIG(reap(&family.main, 0)), SIGTERM);
	find_sweep(&rig);
	assert_true(sweep.sweep > 0);
}

/* The journal of the rig in the hands of another image. */
static void
take_over(struct rig *next)
{
	rig_init(next);
	next->init.core = core_free(next->init.core);
	next->init.definitions = definitions_free(next->init.definitions);
	next->init.state.journal = journal_free(next->init.state.journal);
	assert_int_equal(state_load(&next->init, dup(journal_fd(rig.init.state.journal))), 0);
	strays_start(&next->init);
}

/* Turns until nobody is waited for any more. */
static void
turn_until_gone(struct rig *r)
{
	for (int i = 0; i < 600; i++) {
		find_sweep(r);
		if (sweep.sweep == 0)
			return;
		strays_begin_turn(&r->init);
		rig_turn(r, 100);
		strays_turn(&r->init);
	}
	fail_msg("it is waited for yet");
}

static void
who_is_waited_for_is_waited_for_by_the_next_image(void **state)
{
	struct rig next;

	(void) state;
	down_but_for_strays();
	main_ends();
	take_over(&next);
	for (int i = 0; i < 3; i++) {
		strays_begin_turn(&next.init);
		rig_turn(&next, 0);
		strays_turn(&next.init);
	}
	find_sweep(&next);
	assert_true(sweep.sweep > 0);
	(void) reap(&family.stray, SIGKILL);
	turn_until_gone(&next);
	rig_deinit(&next);
}

/* The input that says so is in the journal: the next image has nothing to say. */
static void
end_of_strays_is_told_once_over_a_re_exec(void **state)
{
	struct rig next;
	uint64_t seq;

	(void) state;
	down_but_for_strays();
	main_ends();
	(void) reap(&family.stray, SIGKILL);
	turn_until_gone(&rig);
	take_over(&next);
	find_sweep(&next);
	assert_int_equal(sweep.sweep, 0);
	seq = core_seq(next.init.core);
	strays_begin_turn(&next.init);
	strays_turn(&next.init);
	assert_int_equal(core_seq(next.init.core), seq);
	rig_deinit(&next);
}

/* An effect that is carried out once more, when the instance has gone on. */
static void
signal_of_another_time_reaches_nobody(void **state)
{
	struct effect_strays e = { .job = (char[]){ "web" }, .instance = (char[]){ "" }, .signal = SIGKILL };

	(void) state;
	down_but_for_strays();
	main_ends();
	e.job_id = sweep.job_id;
	e.sweep = sweep.sweep + 1;
	assert_int_equal(strays_effect(&rig.init, &e), 0);
	assert_int_equal(waitpid(family.stray, NULL, WNOHANG), 0);
	e.sweep--;
	strays_begin_turn(&rig.init);
	assert_int_equal(strays_effect(&rig.init, &e), 0);
	assert_int_equal(WTERMSIG(reap(&family.stray, 0)), SIGKILL);
	assert_int_equal(strays_effect(&rig.init, &e), 0);
	turn_until_gone(&rig);
}

int
main(void)
{
#define STRAYS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		STRAYS(note_that_is_read_twice_makes_one_brood),
		STRAYS(session_is_known_by_who_is_left),
		STRAYS(number_that_is_another_now_is_not_its_session),
		STRAYS(processes_are_looked_at_once_in_a_turn),
		STRAYS(broods_are_due_in_the_order_of_their_times),
		STRAYS(wants_of_memory_lose_nobody),
		STRAYS(wants_of_descriptors_lose_nobody),
		STRAYS(who_is_waited_for_is_waited_for_by_the_next_image),
		STRAYS(end_of_strays_is_told_once_over_a_re_exec),
		STRAYS(signal_of_another_time_reaches_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
