/* SPDX-License-Identifier: MIT */
/*
 * Inputs that are refused for want of something: nothing has happened then, and nothing is lost.
 */
#include "init/brain.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failalloc.h"
#include "init/control.h"
#include "init/effects.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/owed.h"
#include "init/own.h"
#include "init/proc.h"
#include "init/servants.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/timers.h"
#include "init/tracer.h"
#include "rig.h"
#include "system/clock.h"
#include "system/spawn.h"
#include "unit.h"

static int
set_up(void **state)
{
	static struct rig rig;

	rig_init(&rig);
	*state = &rig;
	return 0;
}

static int
tear_down(void **state)
{
	rig_deinit(*state);
	return 0;
}

static void
input_that_is_refused_does_not_let_others_in(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	struct input waits = { .type = INPUT_LOG_LEVEL }, refused = { .type = INPUT_LOG_LEVEL };
	uint64_t before = core_seq(init->core);
	int r;

	init->brain.busy = true;
	assert_int_equal(brain_feed(init, &waits), 0);
	init->brain.busy = false;
	failalloc_arm(1, false);
	r = brain_feed(init, &refused);
	(void) failalloc_disarm();
	assert_true(r < 0);
	assert_int_equal(core_seq(init->core), before);
	brain_deliver(init);
	assert_int_equal(core_seq(init->core), before + 1);
}

/* A servant's later message must not be journaled before an earlier one: the servant would let go of both. */
static void
input_does_not_overtake_one_that_waits(void **state)
{
	struct rig *rig = *state;
	struct init *init = &rig->init;
	struct input first = { .type = INPUT_CONTROL, .control.present = true };
	struct input second = { .type = INPUT_LOG_LEVEL, .log_level.level = LOG_LEVEL_INFO };
	usec_t deadline = clock_now() + 60 * USEC_PER_SEC;
	uint64_t before = core_seq(init->core);

	init->brain.busy = true;
	assert_int_equal(brain_feed_from(init, SERVANT_CONTROL, 1, &first), 0);
	init->brain.busy = false;
	init->brain.spoiled = true;
	brain_deliver(init);
	init->brain.spoiled = false;
	assert_int_equal(brain_feed_from(init, SERVANT_CONTROL, 2, &second), -EAGAIN);
	assert_int_equal(init->servants[SERVANT_CONTROL].received, 0);
	assert_int_equal(core_seq(init->core), before);
	while (init->brain.queue != NULL && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_int_equal(init->servants[SERVANT_CONTROL].received, 1);
	second = (struct input){ .type = INPUT_LOG_LEVEL, .log_level.level = LOG_LEVEL_INFO };
	assert_int_equal(brain_feed_from(init, SERVANT_CONTROL, 2, &second), 0);
	assert_int_equal(init->servants[SERVANT_CONTROL].received, 2);
}

/* So often control is to hear of that event. */
static unsigned
told_of(const struct init *init, const char *event)
{
	unsigned n = 0;

	for (const struct effect *e = core_outbox(init->core, 0); e != NULL; e = e->next)
		n += e->type == EFFECT_NOTIFY && e->notify.type == NOTIFY_EVENT_EMITTED && e->notify.text != NULL &&
		     strcmp(e->notify.text, event) == 0;
	return n;
}

/* Nobody sends the signal again, and control comes once. */
static void
what_init_itself_has_to_tell_is_told_later(void **state)
{
	struct rig *rig = *state;
	struct init *init = &rig->init;
	usec_t deadline = clock_now() + 60 * USEC_PER_SEC;
	uint64_t before = core_seq(init->core);

	init->brain.spoiled = true;
	own_control(init, true);
	own_emit(init, "control-alt-delete");
	own_emit(init, "control-alt-delete");
	own_emit(init, "keyboard-request");
	init->brain.spoiled = false;
	assert_int_equal(core_seq(init->core), before);
	failalloc_arm(1, true);
	own_control(init, true);
	own_emit(init, "power-status-changed");
	(void) failalloc_disarm();
	assert_int_equal(core_seq(init->core), before);
	while (init->own.n_events > 0 && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_int_equal(told_of(init, "control-alt-delete"), 1);
	assert_int_equal(told_of(init, "keyboard-request"), 1);
	assert_int_equal(told_of(init, "power-status-changed"), 1);
}

static void
event_that_is_refused_gives_its_descriptor_back(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	const struct msg_request m = { .action = REQUEST_EMIT, .request = 1, .name = (char *) (uintptr_t) "go" };
	int fds[2], sent[2];
	struct files files = { sent, 2 };
	char c;

	assert_int_equal(pipe(fds), 0);
	sent[0] = fds[1];
	sent[1] = dup(fds[1]);
	init->brain.spoiled = true;
	assert_int_equal(clients_request(init, &m, &files, 1), 0);
	assert_int_equal(sent[0], -1);
	assert_int_equal(sent[1], -1);
	assert_int_equal(fdtable_get(init, 1), -1);
	assert_int_equal(fdtable_get(init, 2), -1);
	assert_int_equal(read(fds[0], &c, 1), 0); /* nobody holds the other end */
	(void) close(fds[0]);
}

/* The other end of a servant's link, in a test's hand. */
static struct ipc *
play(struct init *init, enum servant_id id)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	init->servants[id].ipc = ipc_new(ends[0]);
	assert_non_null(init->servants[id].ipc);
	return ipc_new(ends[1]);
}

/* What can't be taken now stays in the link, and makes no busy loop: the turns until it is tried again are few. */
static void
servant_that_can_not_be_heard_is_left_alone_for_a_while(void **state)
{
	struct rig *rig = *state;
	struct init *init = &rig->init;
	struct servant *s = &init->servants[SERVANT_CONTROL];
	struct ipc *control = play(init, SERVANT_CONTROL);
	usec_t deadline = clock_now() + 60 * USEC_PER_SEC;
	struct msg_ack ack;
	int turns = 0;

	own_control(init, true);
	own_emit(init, "go");
	ack.upto = core_last_effect(init->core);
	assert_true(ack.upto > 0);
	loop_timer_set(s->timer, clock_now()); /* it is listened to */
	while (s->source == NULL && clock_now() < deadline)
		rig_turn(rig, 1000);
	init->brain.spoiled = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(msg_send(control, MSG_ACK, 0, &ack, NULL, 0), 0);
	for (int i = 0; i < 3 && clock_now() < deadline; turns++) {
		usec_t before = clock_now();

		rig_turn(rig, 1000);
		servants_turn(init);
		i += clock_now() - before > 10 * USEC_PER_MSEC; /* it has slept */
	}
	assert_int_not_equal(s->held.type, 0);
	assert_true(turns < 50);
	init->brain.spoiled = false;
	while (init->brain.acked[TARGET_CONTROL] != ack.upto && clock_now() < deadline) {
		rig_turn(rig, 1000);
		servants_turn(init);
	}
	assert_int_equal(init->brain.acked[TARGET_CONTROL], ack.upto);
	(void) ipc_free(control);
}

/* The next answer that control gets: "ok", an error's name, or NULL. */
static const char *
next_answer(struct ipc *control)
{
	static char name[128];
	struct ipc_message m = { 0 };

	while (ipc_receive(control, &m) > 0) {
		struct msg_reply reply;

		if (m.type == MSG_REPLY) {
			assert_int_equal(msg_decode(&m, &reply), 0);
			(void) snprintf(name, sizeof(name), "%s", reply.error != NULL ? reply.error : "ok");
			msg_free(MSG_REPLY, &reply);
			ipc_message_deinit(&m);
			return name;
		}
		ipc_message_deinit(&m);
	}
	return NULL;
}

static void
end_of_a_session_is_answered_once(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	const struct msg_request m = { .action = REQUEST_END_SESSION, .request = 7 };
	struct ipc *control = play(init, SERVANT_CONTROL);

	init->brain.spoiled = true;
	assert_int_equal(clients_request(init, &m, NULL, 1), 0);
	assert_string_equal(next_answer(control), ERR_NO_MEMORY);
	assert_null(next_answer(control));
	/* What is said again after a crash is the same. */
	owed_again(init);
	assert_string_equal(next_answer(control), ERR_NO_MEMORY);
	assert_null(next_answer(control));
	init->brain.spoiled = false;
	assert_int_equal(clients_request(init, &m, NULL, 1), 0);
	assert_string_equal(next_answer(control), "ok");
	assert_null(next_answer(control));
	(void) ipc_free(control);
	init->phase_timer = loop_timer_free(init->phase_timer);
}

/* A timer for which there was no memory at the start of an image is set when there is. */
static void
timer_that_finds_no_memory_is_set_later(void **state)
{
	struct rig *rig = *state;
	struct init *init = &rig->init;
	usec_t deadline = clock_now() + 60 * USEC_PER_SEC;
	uint64_t before = core_seq(init->core);

	init->state.loading = true;
	assert_int_equal(timers_set(init, 77, 1), 0);
	init->state.loading = false;
	failalloc_arm(1, true);
	timers_start(init);
	assert_true(failalloc_disarm());
	while (core_seq(init->core) == before && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_true(core_seq(init->core) > before);
}

static void
count_cb(int fd, void *data)
{
	(void) fd;
	++*(int *) data;
}

/* Only the logger that was there before has the terminal: nobody else is told of it, for ever, and it goes with its process. */
static void
stream_whose_descriptor_is_lost_goes_with_its_process(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	struct note note = { .kind = NOTE_STREAM, .id = 9, .text = (char *) (uintptr_t) "/var/log/x.log" };
	struct ipc *logger = play(init, SERVANT_LOGGER);
	struct ipc_message m = { 0 };
	bool finished = false;
	int n = 0;

	assert_int_equal(logs_load(init, &note), 0);
	logs_logger_came(init);
	logs_finish(init, 9);
	while (ipc_receive(logger, &m) > 0) {
		assert_int_not_equal(m.type, MSG_LOG_OPEN);
		finished = finished || m.type == MSG_LOG_FINISH;
		ipc_message_deinit(&m);
	}
	assert_true(finished);
	logs_each(init, count_cb, &n);
	assert_int_equal(n, 0);
	(void) ipc_free(logger);
}

static pid_t
child_in_its_own_group(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			(void) pause();
	}
	assert_int_equal(setpgid(pid, pid), 0);
	return pid;
}

/* Whose number has become another's, since somebody else has reaped it: that one's group gets no signal. */
static void
group_of_a_number_that_is_another_now_is_left_alone(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	struct effect e = { .type = EFFECT_KILL, .kill = { .process = 7, .signal = SIGKILL, .group = true } };
	pid_t gone = child_in_its_own_group(), other = child_in_its_own_group();
	struct proc *p = proc_new(init, 7, 1);
	int status;

	assert_non_null(p);
	p->pidfd = spawn_pidfd_open(gone);
	assert_int_equal(kill(gone, SIGKILL), 0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	p->pid = e.kill.pid = other;
	if (p->pidfd >= 0)
		assert_int_equal(effect_local(init, &e), 0);
	/* A SIGKILL that was there before would have been what it died of. */
	assert_int_equal(kill(other, SIGTERM), 0);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	p->pid = 0;
}

static void
end_of_a_child_waits_until_its_set_up_could_be_told(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	struct proc *p = proc_new(init, 7, 1);
	int status[2];

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, status), 0);
	p->status_r = status[0];
	p->pid = 4711;
	assert_int_equal(map_put_id(&init->spawns->by_pid, 4711, p), 0);
	proc_set_stage(p, STAGE_SETUP);
	init->brain.spoiled = true;
	assert_true(spawn_before_exit(init, 4711) < 0);
	assert_int_equal(p->stage, STAGE_SETUP);
	init->brain.spoiled = false;
	assert_int_equal(spawn_before_exit(init, 4711), 0);
	assert_int_equal(p->stage, STAGE_RUNNING);
	assert_int_equal(spawn_before_exit(init, 4711), 0); /* once is enough */
	(void) close(status[1]);
}

/* A pipe that stays readable would keep the loop from ever sleeping. */
static void
news_of_a_child_that_is_refused_is_told_later(void **state)
{
	struct rig *rig = *state;
	struct init *init = &rig->init;
	struct proc *p = proc_new(init, 7, 1);
	usec_t deadline = clock_now() + 60 * USEC_PER_SEC;
	int status[2];

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, status), 0);
	p->status_r = status[0];
	proc_set_stage(p, STAGE_SETUP);
	(void) close(status[1]);
	init->brain.spoiled = true;
	spawn_watch_later(init);
	while (p->source == NULL && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_non_null(p->source);
	while (p->source != NULL && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_null(p->source);
	assert_int_equal(p->stage, STAGE_SETUP);
	init->brain.spoiled = false;
	while (p->stage == STAGE_SETUP && clock_now() < deadline)
		rig_turn(rig, 1000);
	assert_int_equal(p->stage, STAGE_RUNNING);
}

/* Whether somebody is followed can't be told then: nobody is let go. */
static void
stops_of_the_followed_wait_for_the_core(void **state)
{
	struct init *init = &((struct rig *) *state)->init;
	const struct child_event stop = { .pid = getpid(), .news = CHILD_TRAPPED };

	init->brain.spoiled = true;
	assert_int_equal(tracer_stopped(init, &stop), -EAGAIN);
	init->brain.spoiled = false;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(input_that_is_refused_does_not_let_others_in),
		TEST(input_does_not_overtake_one_that_waits),
		TEST(what_init_itself_has_to_tell_is_told_later),
		TEST(event_that_is_refused_gives_its_descriptor_back),
		TEST(servant_that_can_not_be_heard_is_left_alone_for_a_while),
		TEST(end_of_a_session_is_answered_once),
		TEST(timer_that_finds_no_memory_is_set_later),
		TEST(stream_whose_descriptor_is_lost_goes_with_its_process),
		TEST(group_of_a_number_that_is_another_now_is_left_alone),
		TEST(end_of_a_child_waits_until_its_set_up_could_be_told),
		TEST(news_of_a_child_that_is_refused_is_told_later),
		TEST(stops_of_the_followed_wait_for_the_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
