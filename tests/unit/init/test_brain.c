/* SPDX-License-Identifier: MIT */
/*
 * Inputs that are refused for want of something: nothing has happened then, and nothing is lost.
 */
#include "init/brain.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failalloc.h"
#include "init/control.h"
#include "init/fdtable.h"
#include "init/proc.h"
#include "init/spawn.h"
#include "rig.h"
#include "system/clock.h"
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

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(input_that_is_refused_does_not_let_others_in),
		TEST(input_does_not_overtake_one_that_waits),
		TEST(event_that_is_refused_gives_its_descriptor_back),
		TEST(end_of_a_child_waits_until_its_set_up_could_be_told),
		TEST(news_of_a_child_that_is_refused_is_told_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
