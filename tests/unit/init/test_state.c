/* SPDX-License-Identifier: MIT */
/*
 * What the next image finds in the journal: everything, whether or not there was time for a snapshot.
 */
#include "init/state.h"

#include <errno.h>
#include <fcntl.h>

#include "init/brain.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/sources.h"
#include "failalloc.h"
#include "rig.h"
#include "scratch.h"

static void
define(struct rig *rig, const char *name, const char *text)
{
	struct definition_text t = {
		.name = (char *) (uintptr_t) name,
		.path = (char *) (uintptr_t) "/x",
		.text = (char *) (uintptr_t) text,
	};
	struct input in = { .type = INPUT_DEFINE };
	struct job_class *cls = job_class_new(name);

	assert_non_null(cls);
	assert_int_equal(definitions_add(rig->init.definitions, &t, cls, &in.define.class_id), 0);
	assert_int_equal(brain_feed(&rig->init, &in), 0);
}

static void
emit(struct rig *rig, const char *name)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	assert_int_equal(brain_feed(&rig->init, &in), 0);
}

static void
set_env(struct rig *rig, const char *pair)
{
	struct input in = { .type = INPUT_SET_ENV };

	in.set_env.replace = true;
	assert_int_equal(strv_add(&in.set_env.env, pair), 0);
	assert_int_equal(brain_feed(&rig->init, &in), 0);
}

/* The journal of one in the hands of another. 0 or what state_load() says. */
static int
load(struct rig *from, struct rig *to)
{
	to->init.core = core_free(to->init.core);
	to->init.definitions = definitions_free(to->init.definitions);
	to->init.state.journal = journal_free(to->init.state.journal);
	return state_load(&to->init, dup(journal_fd(from->init.state.journal)));
}

static char *
saved(struct rig *rig)
{
	struct strbuf b = STRBUF_INIT;
	char *text;
	size_t n;

	core_save(rig->init.core, &b);
	n = b.len;
	assert_true(n > 0);
	text = malloc(2 * n + 1);
	for (size_t i = 0; i < n; i++)
		(void) snprintf(text + 2 * i, 3, "%02x", (unsigned char) b.p[i]);
	strbuf_deinit(&b);
	return text;
}

static void
assert_same_core(struct rig *a, struct rig *b)
{
	auto_free char *x = saved(a);
	auto_free char *y = saved(b);

	assert_string_equal(x, y);
}

/* Two inits in one process: what `to` has loaded is a number of `from`'s, which must still be open after `to` is done.
 */
static void
part(struct rig *to)
{
	int number = definitions_fd(to->init.definitions);
	int kept = dup(number);

	to->init.core = core_free(to->init.core);
	to->init.definitions = definitions_free(to->init.definitions);
	assert_int_equal(dup2(kept, number), number);
	(void) close(kept);
}

static void
inputs_after_the_snapshot_are_applied_again(void **state)
{
	struct rig a, b;

	rig_init(&a);
	rig_init(&b);
	assert_int_equal(state_snapshot(&a.init), 0);
	define(&a, "one", "");
	set_env(&a, "KEY=value");
	emit(&a, "ev");
	assert_int_equal(load(&a, &b), 0);
	assert_same_core(&a, &b);
	assert_non_null(core_class(b.init.core, "one"));
	assert_string_equal(core_job_env(b.init.core)[0], "KEY=value");
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
}

static void
snapshot_says_the_same_as_the_inputs(void **state)
{
	struct rig a, b;

	rig_init(&a);
	rig_init(&b);
	define(&a, "one", "");
	set_env(&a, "KEY=value");
	assert_int_equal(state_snapshot(&a.init), 0);
	assert_int_equal(load(&a, &b), 0);
	assert_same_core(&a, &b);
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
}

static void
numbers_of_servants_are_remembered(void **state)
{
	struct input in = { .type = INPUT_CONTROL, .control.present = true };
	struct rig a, b;

	rig_init(&a);
	rig_init(&b);
	assert_int_equal(state_snapshot(&a.init), 0);
	assert_int_equal(brain_feed_from(&a.init, SERVANT_CONTROL, 17, &in), 0);
	STATE_NOTE(&a.init, NOTE_RECEIVED, SERVANT_LOGGER, NULL, 4);
	assert_int_equal(load(&a, &b), 0);
	assert_int_equal(b.init.servants[SERVANT_CONTROL].received, 17);
	assert_int_equal(b.init.servants[SERVANT_LOGGER].received, 4);
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
}

static void
descriptors_keep_their_numbers(void **state)
{
	struct rig a, b;
	uint64_t kept, closed;
	int fd = open("/dev/null", O_RDWR), pty = open("/dev/null", O_RDWR);
	struct msg_log_open plan = { .stream = 5 };

	rig_init(&a);
	rig_init(&b);
	assert_int_equal(state_snapshot(&a.init), 0);
	assert_int_equal(fdtable_add(&a.init, fd, &kept), 0);
	assert_int_equal(fdtable_add(&a.init, dup(fd), &closed), 0);
	fdtable_close(&a.init, closed);
	plan.path = strdup("/var/log/x.log");
	assert_int_equal(logs_open(&a.init, &plan, 7, pty), 0);
	assert_int_equal(load(&a, &b), 0);
	assert_int_equal(fdtable_get(&b.init, kept), fd);
	assert_int_equal(fdtable_get(&b.init, closed), -1);
	logs_deinit(&b.init); /* closes the terminal: in one process it is a's too */
	assert_int_equal(fcntl(pty, F_GETFD), -1);
	assert_int_equal(logs_init(&b.init), 0);
	fdtable_close(&b.init, kept);
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
}

/* An instance whose own definition is damaged goes on by the one its job has now. */
static void
instance_outlives_its_definition(void **state)
{
	struct input in = { .type = INPUT_REQUEST };
	struct core_instance view;
	struct rig a, b;
	unsigned char turned;

	rig_init(&a);
	rig_init(&b);
	define(&a, "one", "");
	in.request.kind = JOB_START;
	in.request.job = strdup("one");
	assert_int_equal(brain_feed(&a.init, &in), 0);
	define(&a, "one", "");
	assert_int_equal(core_instance(a.init.core, "one", "", &view), 0);
	assert_int_equal(state_snapshot(&a.init), 0);
	assert_int_equal(pread(definitions_fd(a.init.definitions), &turned, 1, 20), 1);
	turned ^= 1;
	assert_int_equal(pwrite(definitions_fd(a.init.definitions), &turned, 1, 20), 1);
	assert_int_equal(load(&a, &b), 0);
	assert_non_null(strstr(rig_messages(&b), "Job definitions are damaged"));
	assert_int_equal(core_instance(b.init.core, "one", "", &view), 0);
	assert_int_equal(view.state, JOB_RUNNING);
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
}

static void
journal_is_begun_anew_when_it_is_long(void **state)
{
	struct rig a;
	auto_free char *big = malloc(5000);
	off_t longest = 0;

	memset(big, 'x', 4999);
	big[4999] = '\0';
	rig_init(&a);
	for (int i = 0; i < 1000; i++) {
		emit(&a, big);
		if (journal_size(a.init.state.journal) > longest)
			longest = journal_size(a.init.state.journal);
		rig_turn(&a, 0);
	}
	assert_true(longest > 1024 * 1024);
	assert_true(longest < 2 * 1024 * 1024);
	rig_deinit(&a);
}

static void
foreign_files_are_refused(void **state)
{
	struct rig b;
	int fd = open("/dev/null", O_RDWR);

	rig_init(&b);
	b.init.core = core_free(b.init.core);
	b.init.definitions = definitions_free(b.init.definitions);
	b.init.state.journal = journal_free(b.init.state.journal);
	assert_int_equal(state_load(&b.init, fd), -EBADMSG);
	assert_null(b.init.core);
	assert_null(b.init.state.journal);
	rig_deinit(&b);
}

/* An input that can't be written is not applied. */
static void
what_cannot_be_journaled_does_not_happen(void **state)
{
	struct input in = { .type = INPUT_SET_ENV };
	struct rig a;
	int fd;

	rig_init(&a);
	in.set_env.replace = true;
	assert_int_equal(strv_add(&in.set_env.env, "KEY=value"), 0);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(dup2(fd, journal_fd(a.init.state.journal)), journal_fd(a.init.state.journal));
	assert_true(brain_feed(&a.init, &in) < 0);
	assert_int_equal(strv_len(core_job_env(a.init.core)), 0);
	(void) close(fd);
	/* The next turn begins another journal, and all is well. */
	rig_turn(&a, 0);
	set_env(&a, "KEY=value");
	assert_string_equal(core_job_env(a.init.core)[0], "KEY=value");
	rig_deinit(&a);
}

/* The n-th allocation of a snapshot that drops definitions fails. True: there was one. */
static bool
drop_without_memory(unsigned long n)
{
	struct rig a, b;
	bool failed;

	rig_init(&a);
	rig_init(&b);
	assert_int_equal(state_snapshot(&a.init), 0);
	for (int i = 0; i < 70; i++)
		define(&a, "one", "");
	failalloc_arm(n, false);
	(void) !state_snapshot(&a.init);
	failed = failalloc_disarm();
	assert_int_equal(load(&a, &b), 0);
	assert_same_core(&a, &b);
	part(&b);
	rig_deinit(&b);
	rig_deinit(&a);
	return failed;
}

/* Whatever is noted or not: the journal leads to a file of definitions that is there. */
static void
definitions_are_found_however_dropping_them_went(void **state)
{
	for (unsigned long n = 1; drop_without_memory(n); n++)
		;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_after_the_snapshot_are_applied_again),
		cmocka_unit_test(snapshot_says_the_same_as_the_inputs),
		cmocka_unit_test(numbers_of_servants_are_remembered),
		cmocka_unit_test(descriptors_keep_their_numbers),
		cmocka_unit_test(instance_outlives_its_definition),
		cmocka_unit_test(journal_is_begun_anew_when_it_is_long),
		cmocka_unit_test(foreign_files_are_refused),
		cmocka_unit_test(what_cannot_be_journaled_does_not_happen),
		cmocka_unit_test(definitions_are_found_however_dropping_them_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
