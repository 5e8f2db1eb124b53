/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a crash when little could be had at the start, and what the next image is told of it. Each runs in a
 * child, which the crash is the end of; the machine's end is the test's own, and so is the next image.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/crash.h"
#include "init/journal.h"
#include "rig.h"
#include "system/boot.h"
#include "unit.h"

#define ENDED 40 /* and how */
#define NEXT 30	 /* by the next image */

int __wrap_boot_end(enum boot_end how, const char *argument);
void __wrap_sync(void);

int
__wrap_boot_end(enum boot_end how, const char *argument)
{
	(void) argument;
	_exit(ENDED + (int) how);
}

void
__wrap_sync(void)
{
}

static void
prepare(struct rig *rig)
{
	struct init *init = &rig->init;

	rig_init(rig);
	(void) prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L); /* no core is left */
	init->mode = MODE_SYSTEM;
	init->options.state_fd = -1;
	init->own_path = strdup("/nowhere");
	assert_int_equal(strv_add(&init->argv, "init"), 0);
}

/* Run `fn` in a child, which says what it has to on its standard output. How it ended; *said is the caller's. */
static int
in_child(void (*fn)(struct rig *rig, const char *text), const char *text, char **said)
{
	struct strbuf b = STRBUF_INIT;
	char piece[256];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct rig rig;

		prepare(&rig);
		assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
		fn(&rig, text);
		_exit(1);
	}
	assert_true(pid > 0);
	(void) close(ends[1]);
	while ((n = read(ends[0], piece, sizeof(piece))) > 0)
		strbuf_addn(&b, piece, (size_t) n);
	(void) close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (said != NULL)
		*said = strbuf_steal(&b);
	strbuf_deinit(&b);
	return WEXITSTATUS(status);
}

static void
crash_late(struct rig *rig, const char *text)
{
	rig->init.options.crash = strdup(text);
	crash_begin(&rig->init);
	rig->init.last.level = strdup("6");
	crash_turn(&rig->init);
	(void) raise(SIGSEGV);
}

/* Handling of crashes that could not be had at the start is had when the way down has begun. */
static void
test_last_crash_ends_a_machine_though_handling_came_late(void **state)
{
	(void) state;
	assert_int_equal(in_child(crash_late, "15:0:0:11", NULL), ENDED + BOOT_END_RESTART);
}

static void
crash_when_called_off(struct rig *rig, const char *text)
{
	rig->init.again = true;
	rig->init.options.crash = strdup(text);
	crash_begin(&rig->init);
	rig->init.options.down = strdup("6");
	crash_turn(&rig->init);
	(void) raise(SIGSEGV);
}

/* What the options say of a way down that was called off meanwhile ends nothing. */
static void
test_last_crash_ends_no_machine_that_stays(void **state)
{
	(void) state;
	assert_int_equal(in_child(crash_when_called_off, "15:0:0:11", NULL), 70); /* it is not process 1: given up */
}

/* -- what an image tells the next one -------------------------------------------------------------------- */

#define BAD 77	 /* an input */
#define OTHER 78 /* another */

static void
begin_image(struct rig *rig, const char *text)
{
	rig->init.again = true;
	rig->init.options.crash = strdup(text);
	rig->init.options.state_fd = STDOUT_FILENO; /* that of a journal, as far as anybody looks */
	rig->init.state.journal = journal_free(rig->init.state.journal);
	crash_begin(&rig->init);
	if (crash_install(&rig->init) < 0)
		_exit(2);
}

static void
judge(struct rig *rig, const char *text)
{
	begin_image(rig, text);
	for (uint64_t what = BAD; what <= OTHER; what++) {
		const char *cause = crash_cause(what);

		(void) dprintf(STDOUT_FILENO, "%u %s%s; ", crash_condemned(what), cause != NULL ? cause : "none",
			       crash_is_news(what) ? ", news" : "");
	}
	rig_forget(rig);
	crash_report(&rig->init);
	(void) dprintf(STDOUT_FILENO, "%s", rig_messages(rig));
}

static void
want(struct rig *rig, const char *text)
{
	begin_image(rig, text);
	crash_try_again();
}

static void
tell_and_want(struct rig *rig, const char *text)
{
	begin_image(rig, text);
	(void) crash_is_news(BAD);
	crash_try_again();
}

static void
break_rule(struct rig *rig, const char *text)
{
	begin_image(rig, text);
	crash_in_hand(BAD);
	crash_try_again();
}

static void
crash_over_other(struct rig *rig, const char *text)
{
	begin_image(rig, text);
	crash_in_hand(OTHER);
	(void) raise(SIGFPE);
}

/* What an image that was told `text` makes of it. */
static void
assert_judged(const char *text, const char *expected)
{
	auto_free char *said = NULL;

	(void) in_child(judge, text, &said);
	assert_string_equal(said, expected);
}

/* The same of one that was told what becomes of `text` by what `fn` does. */
static void
assert_judged_after(void (*fn)(struct rig *rig, const char *text), const char *text, const char *expected)
{
	auto_free char *words = NULL;

	assert_int_equal(in_child(fn, text, &words), NEXT);
	assert_judged(words, expected);
}

#define GOES_ON "core dumped; going on from the journal\n"

static void
test_images_are_told_what_condemned_each_thing(void **state)
{
	(void) state;
	assert_judged("2:77:1:11", "1 segmentation fault, news; 0 none; Caught segmentation fault, " GOES_ON);
	assert_judged("2:77:2:0", "1 none, news; 0 none; Read the state without what broke a rule of init's own\n");
	assert_judged("3:78:1:11:77*1*0*1", "1 none; 1 segmentation fault, news; Caught segmentation fault, " GOES_ON);
}

/* By a release that did not say what condemned each thing. */
static void
test_words_of_older_images_are_understood(void **state)
{
	(void) state;
	assert_judged("2:77:1:0", "1 none, news; 0 none; Read the state without what broke a rule of init's own\n");
	assert_judged("3:78:1:11:77*2",
		      "2 segmentation fault; 1 segmentation fault, news; Caught segmentation fault, " GOES_ON);
}

static void
test_a_want_after_a_crash_changes_nothing_of_it(void **state)
{
	(void) state;
	assert_judged_after(want, "2:77:1:11",
			    "1 segmentation fault, news; 0 none; Caught segmentation fault, " GOES_ON);
	assert_judged_after(tell_and_want, "2:77:1:11",
			    "1 segmentation fault; 0 none; Caught segmentation fault, " GOES_ON);
	assert_judged_after(want, "1:0:0:0", "0 none; 0 none; Read the state in spite of wants\n");
}

static void
test_a_crash_over_something_else_changes_no_cause(void **state)
{
	(void) state;
	assert_judged_after(crash_over_other, "2:77:2:0",
			    "1 none, news; 0 none; Caught Floating point exception, " GOES_ON);
	assert_judged_after(crash_over_other, "2:78:0:11:77*1*0*1",
			    "1 none; 1 Floating point exception, news; Caught Floating point exception, " GOES_ON);
}

static void
test_a_rule_broken_after_a_crash_hides_neither(void **state)
{
	(void) state;
	assert_judged_after(break_rule, "1:77:0:11",
			    "1 none, news; 0 none; Caught segmentation fault, " GOES_ON
			    "Read the state without what broke a rule of init's own\n");
}

/* The image that follows: it hands back what it was told. */
static int
be_next(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--crash") == 0)
			(void) dprintf(STDOUT_FILENO, "%s", argv[i + 1]);
	return NEXT;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_crash_ends_a_machine_though_handling_came_late),
		cmocka_unit_test(test_last_crash_ends_no_machine_that_stays),
		cmocka_unit_test(test_images_are_told_what_condemned_each_thing),
		cmocka_unit_test(test_words_of_older_images_are_understood),
		cmocka_unit_test(test_a_want_after_a_crash_changes_nothing_of_it),
		cmocka_unit_test(test_a_crash_over_something_else_changes_no_cause),
		cmocka_unit_test(test_a_rule_broken_after_a_crash_hides_neither),
	};

	if (argc > 1)
		return be_next(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
