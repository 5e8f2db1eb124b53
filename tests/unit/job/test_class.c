/* SPDX-License-Identifier: MIT */
/*
 * Classes: their life, comparing, environment; and how a slot is run.
 */
#include "jobtest.h"

static void
test_names(void **state)
{
	enum console_mode console;
	enum expect_mode expect;

	assert_string_equal(process_kind_name(PROCESS_MAIN), "main");
	assert_string_equal(process_kind_name(PROCESS_SECURITY), "security");
	assert_string_equal(process_kind_name(PROCESS_KIND_COUNT), "unknown");
	assert_string_equal(console_mode_name(CONSOLE_OUTPUT), "output");
	assert_string_equal(console_mode_name((enum console_mode) 99), "unknown");
	assert_true(console_mode_from_name(SPAN("owner"), &console) && console == CONSOLE_OWNER);
	assert_false(console_mode_from_name(SPAN("own"), &console));
	assert_string_equal(expect_mode_name(EXPECT_DAEMON), "daemon");
	assert_true(expect_mode_from_name(SPAN("none"), &expect) && expect == EXPECT_NONE);
	assert_false(expect_mode_from_name(SPAN(""), &expect));
}

static void
test_references(void **state)
{
	struct job_class *cls = job_class_new("net/web");

	assert_string_equal(cls->name, "net/web");
	assert_string_equal(cls->instance, "");
	assert_ptr_equal(job_class_ref(cls), cls);
	assert_null(job_class_unref(cls));
	assert_string_equal(cls->name, "net/web");
	assert_null(job_class_unref(cls));
	assert_null(job_class_unref(NULL));
}

/* Each of these lines makes a class another one. */
static void
test_equal(void **state)
{
	static const char *const lines[] = {
		"description a\n",
		"author a\n",
		"version a\n",
		"usage a\n",
		"instance a\n",
		"chroot a\n",
		"chdir a\n",
		"setuid a\n",
		"setgid a\n",
		"apparmor switch a\n",
		"apparmor load a\n",
		"start on a\n",
		"stop on a\n",
		"emits a\n",
		"env a\n",
		"export a\n",
		"exec a\n",
		"script\na\nend script\n",
		"script\nend script\n",
		"post-stop exec a\n",
		"expect fork\n",
		"task\n",
		"respawn\n",
		"respawn limit 1 5\n",
		"respawn limit 10 6\n",
		"respawn delay 1\n",
		"respawn delay 1 2\n",
		"normal exit 1\n",
		"normal exit 1 1\n",
		"kill timeout 6\n",
		"kill signal INT\n",
		"reload signal INT\n",
		"console none\n",
		"umask 022\n",
		"nice 0\n",
		"oom 0\n",
		"limit core 0 0\n",
		"limit core 0 1\n",
		"limit core 1 1\n",
		"limit cpu 0 0\n",
		"debug\n",
		"cgroup a\n",
		"cgroup a b\n",
		"cgroup a b c\n",
		"cgroup a b c d\n",
		"cgroup a b d\n",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		auto_parsed struct parsed a = parse_good(lines[i]);

		for (size_t j = 0; j < ARRAY_SIZE(lines); j++) {
			auto_parsed struct parsed b = parse_good(lines[j]);

			if (job_class_equal(a.cls, b.cls) != (i == j))
				fail_msg("%s and %s", lines[i], lines[j]);
		}
	}
}

static void
test_environment(void **state)
{
	auto_parsed struct parsed p =
	    parse_good("env A=stanza\nenv B\nenv C\nenv D=first\nenv D=last\nenv NO\nenv E=x\n"
		       "env E\nenv BOTH\nenv LIT=$A\nenv EMPTY=\n");
	static const char *const table[] = { "PATH=/bin", "A=table", "B=table", "BOTH=table", NULL };
	static const char *const own[] = { "B=own", "C=own", "BOTH=own", "HIDDEN=own", NULL };
	auto_strv char **env = NULL;
	auto_strv char **bare = NULL;

	assert_int_equal(job_class_environment(p.cls, TABLE(table), TABLE(own), &env), 0);
	auto_free char *text = strv_join(env, "|");

	/* D34: the table before init's own; a key that neither has is removed. */
	assert_string_equal(text, "PATH=/bin|A=stanza|B=table|BOTH=table|C=own|D=last|LIT=$A|EMPTY=");
	assert_int_equal(job_class_environment(p.cls, NULL, NULL, &bare), 0);
	auto_free char *bare_text = strv_join(bare, "|");

	assert_string_equal(bare_text, "A=stanza|D=last|LIT=$A|EMPTY=");
}

static const struct {
	const char *command;
	bool is_script;
	const char *argv; /* joined with | */
	const char *script;
} runs[] = {
	{ "/bin/true", false, "/bin/true", NULL },
	{ "/bin/a  b\tc", false, "/bin/a|b|c", NULL },
	{ "a %b,c@d:e+f-g/h#i", false, "a|%b,c@d:e+f-g/h#i", NULL },
	{ "a $B", false, "/bin/sh|-e|-c|exec a $B|/bin/sh", NULL },
	{ "a > b", false, "/bin/sh|-e|-c|exec a > b|/bin/sh", NULL },
	{ "\"\"", false, "/bin/sh|-e|-c|exec \"\"|/bin/sh", NULL },
	{ "", false, "/bin/sh|-e|-c|exec |/bin/sh", NULL },
	{ "echo hi\n", true, "/bin/sh|-e|-c|echo hi|/bin/sh", NULL },
	{ "echo hi\n\n\n", true, "/bin/sh|-e|-c|echo hi|/bin/sh", NULL },
	{ "", true, "/bin/sh|-e|-c||/bin/sh", NULL },
	{ "\n", true, "/bin/sh|-e|-c||/bin/sh", NULL },
	{ "a\nb\n", true, "/bin/sh|-e|/proc/self/fd/9", "exec 9<&-\na\nb\n" },
	{ "\na\n", true, "/bin/sh|-e|/proc/self/fd/9", "exec 9<&-\n\na\n" },
};

static void
test_commands(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct job_process process = { (char *) (uintptr_t) runs[i].command, runs[i].is_script };
		auto_strv char **argv = NULL;
		auto_free char *script = NULL;

		assert_int_equal(job_process_command(&process, &argv, &script), 0);
		auto_free char *text = strv_join(argv, "|");

		assert_string_equal(text, runs[i].argv);
		assert_int_equal(script != NULL, runs[i].script != NULL);
		if (script != NULL)
			assert_string_equal(script, runs[i].script);
	}
}

/* Exactly these characters want a shell. */
static void
test_shell_characters(void **state)
{
	static const char shell[] = "~`!$^&*()=|\\{}[];\"'<>?";

	for (int c = 1; c < 256; c++) {
		char command[] = { '/', 'a', ' ', (char) c, 'b', '\0' };
		struct job_process process = { command, false };
		auto_strv char **argv = NULL;
		auto_free char *script = NULL;

		assert_int_equal(job_process_command(&process, &argv, &script), 0);
		assert_int_equal(strcmp(argv[0], "/bin/sh") == 0, strchr(shell, c) != NULL);
	}
}

static int
make_environment(void *data)
{
	static const char *const table[] = { "PATH=/bin", "A=table", NULL };
	auto_strv char **env = NULL;

	return job_class_environment(data, TABLE(table), NULL, &env);
}

static int
make_command(void *data)
{
	auto_strv char **argv = NULL;
	auto_free char *script = NULL;

	return job_process_command(data, &argv, &script);
}

static int
make_class(void *data)
{
	struct job_class *cls = job_class_new("x");
	int r = cls != NULL ? 0 : -ENOMEM;

	(void) job_class_unref(cls);
	return r;
}

static void
test_without_memory(void **state)
{
	auto_parsed struct parsed p = parse_good("env A\nenv B=1\nenv C\n");

	(void) failalloc_each(make_environment, p.cls);
	(void) failalloc_each(make_class, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct job_process process = { (char *) (uintptr_t) runs[i].command, runs[i].is_script };

		(void) failalloc_each(make_command, &process);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),          cmocka_unit_test(test_references),
		cmocka_unit_test(test_equal),          cmocka_unit_test(test_environment),
		cmocka_unit_test(test_commands),       cmocka_unit_test(test_shell_characters),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
