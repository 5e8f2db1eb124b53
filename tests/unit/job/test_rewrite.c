/* SPDX-License-Identifier: MIT */
/*
 * Files that say with events what a `while` says: which are rewritten, how, and which are left alone.
 */
#include "job/rewrite.h"

#include "failalloc.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static int
rewrite(const char *text, struct job_rewrite *made, const char **why)
{
	const struct parse_source conf = { "foo.conf", { text, strlen(text) } };

	*made = (struct job_rewrite) JOB_REWRITE_INIT;
	return job_rewrite("foo", &conf, made, why);
}

static void
test_rewrite_replaces_those_two_stanzas_only(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "start on started bar\nstop on stopping bar\nexec foo\n", "while bar\nexec foo\n" },
		/* In whatever order and form; comments, blanks and the missing newline stay. */
		{ "# top\n\nstop on stopping baz or (stopping JOB=bar)  # both\n  start on  \\\n (started bar and\n"
		  "started baz ) # these\r\nexec foo # x",
		  "# top\n\n  # both\n  while bar and baz # these\r\nexec foo # x" },
		{ "start on started bar\n\tstop on stopping bar # why\n", "while bar\n\t # why\n" },
		/* Matches, quoted where they must be. */
		{ "start on started a/b INSTANCE=1 X=\"p q\" and started not\nstop on stopping not or stopping a/b INSTANCE=1 X='p q'\n",
		  "while a/b INSTANCE=1 X=\"p q\" and \"not\"\n" },
		{ "start on started tty tty1\nstop on stopping tty tty1\n", "while tty tty1\n" },
		/* What else stops it goes on to do so. */
		{ "start on started bar\nstop on runlevel [016] or stopping bar or stopping other or stopping bar RESULT=failed\n",
		  "while bar\nstop on runlevel [016] or stopping other or stopping bar RESULT=failed\n" },
		/* In scripts such words are nothing. */
		{ "script\n  start on started x\nend script\nstart on started bar\nstop on stopping bar\n",
		  "script\n  start on started x\nend script\nwhile bar\n" },
		{ "start on started bar\nstop on stopping bar", "while bar\n" },
	};

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
		struct parse_report report = { 0 };
		struct job_class *cls = NULL;
		struct parse_source source;
		const char *why;

		assert_int_equal(rewrite(cases[i].before, &made, &why), 1);
		assert_string_equal(made.text, cases[i].after);
		assert_int_equal(made.len, strlen(made.text));
		source = (struct parse_source){ "foo.conf", { made.text, made.len } };
		assert_int_equal(job_parse("foo", &source, NULL, &cls, &report), 0);
		assert_non_null(cls->while_on);
		assert_null(cls->start_on);
		(void) job_class_unref(cls);
		parse_report_deinit(&report);
	}
}

static void
test_rewrite_leaves_alone_what_means_something_else(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: nothing of the kind is in it */
	} cases[] = {
		{ "exec foo\n", NULL },
		{ "start on started bar\n", NULL },
		{ "start on started bar\nstop on runlevel [016]\n", NULL },
		{ "start on started bar\nstop on stopped bar\n", NULL },
		{ "start on starting bar\nstop on stopping bar\n", NULL },
		{ "start on started *\nstop on stopping *\n", NULL },
		{ "start on started $X\nstop on stopping $X\n", NULL },
		{ "start on started JOB!=bar\nstop on stopping JOB!=bar\n", NULL },
		{ "start on started bar or started baz\nstop on stopping bar or stopping baz\n", "does not stop with each" },
		{ "start on started bar and net-up\nstop on stopping bar\n", "does not stop with each" },
		{ "start on started bar and started baz\nstop on stopping bar\n", "does not stop with each" },
		{ "start on started bar and started baz\nstop on stopping bar and stopping baz\n", "does not stop with each" },
		{ "start on started bar INSTANCE=1\nstop on stopping bar INSTANCE=2\n", "does not stop with each" },
		{ "start on started bar\nstop on stopping bar INSTANCE=2\n", "does not stop with each" },
		{ "start on started bar\nstop on stopping bar\nwhile baz\n", "has a while" },
		{ "start on started bar\nstop on stopping bar\ninstance $N\n", "has instances" },
		{ "start on started bar\nstop on stopping bar\nexec foo $JOB\n", "speak of variables" },
		{ "start on started bar\nstop on stopping bar\npre-start script\necho ${JOB:-x}\nend script\n", "speak of variables" },
		{ "start on started bar\nstop on stopping bar\npost-stop exec test $RESULT = ok\n", "speak of variables" },
		{ "start on started bar\nstop on stopping bar\nexec sh -c 'set | grep UPSTART_EVENTS'\n", "speak of variables" },
		{ "start on started baz\nstart on started bar\nstop on stopping bar\n", "several" },
		{ "start on (started bar # this\n)\nstop on stopping bar\n", "comment" },
	};

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
		const char *why;

		if (rewrite(cases[i].text, &made, &why) != 0)
			fail_msg("%s", cases[i].text);
		if (cases[i].why == NULL ? why != NULL : why == NULL || strstr(why, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, why != NULL ? why : "(nothing)");
	}
}

static void
test_rewrite_takes_other_variables_for_what_they_are(void **state)
{
	auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
	const char *why;

	(void) state;
	assert_int_equal(rewrite("start on started bar\nstop on stopping bar\nexec foo $JOBS $MY_JOB ${INSTANCE} JOB\n", &made, &why), 1);
}

static void
test_rewrite_of_a_wrong_file_is_refused(void **state)
{
	auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
	const char *why;

	(void) state;
	assert_int_equal(rewrite("start on started bar\nstop on stopping bar\nnonsense\n", &made, &why), -EINVAL);
}

static void
test_rewrite_without_memory(void **state)
{
	const char *text = "start on started bar and started baz\nstop on stopping bar or stopping baz or x\nexec foo\n";
	int r = -ENOMEM;

	(void) state;
	for (size_t n = 1; r == -ENOMEM; n++) {
		auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT;
		const char *why;

		failalloc_arm(n, false);
		r = rewrite(text, &made, &why);
		(void) failalloc_disarm();
		assert_true(r == -ENOMEM || (r == 1 && strcmp(made.states, "bar and baz") == 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewrite_replaces_those_two_stanzas_only),
		cmocka_unit_test(test_rewrite_leaves_alone_what_means_something_else),
		cmocka_unit_test(test_rewrite_takes_other_variables_for_what_they_are),
		cmocka_unit_test(test_rewrite_of_a_wrong_file_is_refused),
		cmocka_unit_test(test_rewrite_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
