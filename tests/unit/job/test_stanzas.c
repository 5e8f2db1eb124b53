/* SPDX-License-Identifier: MIT */
/*
 * Every stanza: the values it sets, its limits, its default (job-language.md 3, 9, 10).
 */
#include <signal.h>

#include "job/signals.h"
#include "job/stanza.h"
#include "jobtest.h"

/* The stanza of every row reads as `long`. */
#define NUMBER(type, field)                                                                                            \
	static long get_##field(const struct job_class *cls)                                                           \
	{                                                                                                              \
		return (long) cls->field;                                                                              \
	}

NUMBER(uint32_t, kill_timeout)
NUMBER(int, kill_signal)
NUMBER(int, reload_signal)
NUMBER(uint32_t, respawn_limit)
NUMBER(uint32_t, respawn_interval)
NUMBER(uint32_t, respawn_delay)
NUMBER(uint32_t, respawn_delay_max)
NUMBER(bool, respawn)
NUMBER(bool, task)
NUMBER(bool, debug)
NUMBER(uint32_t, umask)
NUMBER(int, nice)
NUMBER(int, oom_score_adj)
NUMBER(int, console)
NUMBER(int, expect)

static const struct {
	const char *text;
	long (*get)(const struct job_class *cls);
	long want;
} numbers[] = {
	{ "", get_kill_timeout, 5 },
	{ "kill timeout 20 # seconds", get_kill_timeout, 20 },
	{ "kill timeout 0", get_kill_timeout, 0 },
	{ "kill timeout 010", get_kill_timeout, 10 },
	{ "kill timeout +3", get_kill_timeout, 3 },
	{ "kill timeout \" 3\"", get_kill_timeout, 3 },
	{ "kill timeout 1\nkill timeout 2", get_kill_timeout, 2 },
	{ "kill timeout 99999999999", get_kill_timeout, UINT32_MAX },
	{ "kill timeout 9223372036854775807", get_kill_timeout, UINT32_MAX },
	{ "", get_kill_signal, SIGTERM },
	{ "kill signal INT", get_kill_signal, SIGINT },
	{ "kill signal SIGKILL", get_kill_signal, SIGKILL },
	{ "kill signal 10", get_kill_signal, 10 },
	{ "kill signal 64", get_kill_signal, 64 },
	{ "kill signal IOT", get_kill_signal, SIGABRT },
	{ "kill signal CLD", get_kill_signal, SIGCHLD },
	{ "", get_reload_signal, SIGHUP },
	{ "reload signal SIGUSR1", get_reload_signal, SIGUSR1 },
	{ "", get_respawn, false },
	{ "respawn limit 2 7", get_respawn, false },
	{ "", get_respawn_limit, 10 },
	{ "", get_respawn_interval, 5 },
	{ "respawn", get_respawn, true },
	{ "respawn # x", get_respawn, true },
	{ "respawn limit 2 7", get_respawn_limit, 2 },
	{ "respawn limit 2 7", get_respawn_interval, 7 },
	{ "respawn limit unlimited", get_respawn_limit, 0 },
	{ "respawn limit \"unlimited\"", get_respawn_interval, 0 },
	{ "respawn limit 2147483647 5", get_respawn_limit, 2147483647 },
	{ "", get_respawn_delay, 0 },
	{ "respawn delay 2", get_respawn_delay, 2 },
	{ "respawn delay 2", get_respawn_delay_max, 2 },
	{ "respawn delay 2 60 # at most a minute", get_respawn_delay, 2 },
	{ "respawn delay 2 60", get_respawn_delay_max, 60 },
	{ "respawn delay 2 60\nrespawn delay 3", get_respawn_delay_max, 3 },
	{ "respawn delay 2", get_respawn, false },
	{ "", get_task, false },
	{ "task", get_task, true },
	{ "debug", get_debug, true },
	{ "manual task", get_task, true },
	{ "", get_umask, JOB_UMASK_UNSET },
	{ "umask 0", get_umask, 0 },
	{ "umask 0777", get_umask, 0777 },
	{ "umask 22", get_umask, 022 },
	{ "", get_nice, JOB_NICE_UNSET },
	{ "nice -20", get_nice, -20 },
	{ "nice +19", get_nice, 19 },
	{ "", get_oom_score_adj, JOB_OOM_UNSET },
	{ "oom -17", get_oom_score_adj, -1000 },
	{ "oom -8", get_oom_score_adj, -470 },
	{ "oom 0", get_oom_score_adj, 0 },
	{ "oom 7", get_oom_score_adj, 466 },
	{ "oom 15", get_oom_score_adj, 1000 },
	{ "oom never", get_oom_score_adj, -1000 },
	{ "oom \"never\"", get_oom_score_adj, -1000 },
	{ "oom score -1000", get_oom_score_adj, -1000 },
	{ "oom 'score' 1000", get_oom_score_adj, 1000 },
	{ "oom score never", get_oom_score_adj, -1000 },
	{ "", get_console, CONSOLE_UNSET },
	{ "console none", get_console, CONSOLE_NONE },
	{ "console 'log'", get_console, CONSOLE_LOG },
	{ "console output", get_console, CONSOLE_OUTPUT },
	{ "console owner", get_console, CONSOLE_OWNER },
	{ "", get_expect, EXPECT_NONE },
	{ "expect stop", get_expect, EXPECT_STOP },
	{ "expect \"fork\"", get_expect, EXPECT_FORK },
	{ "expect daemon", get_expect, EXPECT_DAEMON },
	{ "expect daemon\nexpect none", get_expect, EXPECT_NONE },
};

static const struct {
	const char *text;
	const char *id;
} refused[] = {
	{ "kill timeout -1", "ILLEGAL_INTERVAL" },
	{ "kill timeout 9223372036854775808", "ILLEGAL_INTERVAL" },
	{ "kill timeout \" \"", "ILLEGAL_INTERVAL" },
	{ "kill signal 0", "ILLEGAL_SIGNAL" },
	{ "kill signal -1", "ILLEGAL_SIGNAL" },
	{ "kill signal 65", "ILLEGAL_SIGNAL" },
	{ "kill signal 4294967297", "ILLEGAL_SIGNAL" },
	{ "kill signal SIG", "ILLEGAL_SIGNAL" },
	{ "kill signal RTMIN+99", "ILLEGAL_SIGNAL" },
	{ "respawn limit 4294967297 5", "ILLEGAL_LIMIT" },
	{ "respawn limit 5 -1", "ILLEGAL_INTERVAL" },
	{ "respawn delay", "EXPECTED_TOKEN" },
	{ "respawn delay x", "ILLEGAL_INTERVAL" },
	{ "respawn delay 1 -1", "ILLEGAL_INTERVAL" },
	{ "respawn delay 5 4", "ILLEGAL_INTERVAL" },
	{ "respawn delay 5 6 7", "UNEXPECTED_TOKEN" },
	{ "normal exit 2147483648", "ILLEGAL_EXIT" },
	{ "umask 1000", "ILLEGAL_UMASK" },
	{ "umask -1", "ILLEGAL_UMASK" },
	{ "nice 20", "ILLEGAL_NICE" },
	{ "nice 4294967301", "ILLEGAL_NICE" },
	{ "oom score -1001", "ILLEGAL_OOM" },
	{ "oom score 4294967296", "ILLEGAL_OOM" },
	{ "limit core 18446744073709551616 1", "ILLEGAL_LIMIT" },
	{ "limit core 1 '1 '", "ILLEGAL_LIMIT" },
	{ "console unset", "UNKNOWN_STANZA" },
	{ "pre-start", "EXPECTED_TOKEN" },
	{ "cgroup a b c d e", "UNEXPECTED_TOKEN" },
	{ "cgroup a '' c", "EXPECTED_TOKEN" },
	{ "apparmor load ''", "EXPECTED_TOKEN" },
	{ "setuid ''", "EXPECTED_TOKEN" },
	{ "env ''", "EXPECTED_TOKEN" },
};

static void
test_numbers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		auto_parsed struct parsed p = parse_good(numbers[i].text);

		if (numbers[i].get(p.cls) != numbers[i].want)
			fail_msg("%s: %ld", numbers[i].text, numbers[i].get(p.cls));
	}
}

static void
test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		auto_parsed struct parsed p = parse_text(refused[i].text);

		if (p.r != -EINVAL)
			fail_msg("%s is accepted", refused[i].text);
		assert_string_equal(p.report.issues[0].id, refused[i].id);
	}
}

static void
test_texts(void **state)
{
	auto_parsed struct parsed p =
	    parse_good("description a\nauthor b\nversion c\nusage d\ninstance e\nchroot f\nchdir g\n"
		       "setuid h\nsetgid 1000\napparmor switch j\nauthor k\n");

	assert_string_equal(p.cls->description, "a");
	assert_string_equal(p.cls->author, "k");
	assert_string_equal(p.cls->version, "c");
	assert_string_equal(p.cls->usage, "d");
	assert_string_equal(p.cls->instance, "e");
	assert_string_equal(p.cls->chroot, "f");
	assert_string_equal(p.cls->chdir, "g");
	assert_string_equal(p.cls->setuid, "h");
	assert_string_equal(p.cls->setgid, "1000");
	assert_string_equal(p.cls->apparmor_switch, "j");
}

static void
test_lists(void **state)
{
	auto_parsed struct parsed p =
	    parse_good("env A=1\nenv B\nenv A='2 3'\nexport X Y \\\n Z\nexport W\nemits a b*\nemits c\n"
		       "normal exit 0 TERM SIGINT 255\nnormal exit 3\n");
	auto_free char *env = strv_join(p.cls->env, "|");
	auto_free char *export = strv_join(p.cls->export, "|");
	auto_free char *emits = strv_join(p.cls->emits, "|");
	static const int exits[] = { 0, SIGTERM << 8, SIGINT << 8, 255, 3 };

	assert_string_equal(env, "A=1|B|A=2 3");
	assert_string_equal(export, "X|Y|Z|W");
	assert_string_equal(emits, "a|b*|c");
	assert_int_equal(p.cls->n_normal_exit, ARRAY_SIZE(exits));
	assert_memory_equal(p.cls->normal_exit, exits, sizeof(exits));
	assert_true(job_class_exit_is_normal(p.cls, SIGTERM << 8));
	assert_true(job_class_exit_is_normal(p.cls, 255));
	assert_false(job_class_exit_is_normal(p.cls, SIGTERM));
	assert_false(job_class_exit_is_normal(p.cls, 1));
}

static void
test_limits(void **state)
{
	auto_parsed struct parsed p = parse_good("limit core 0 unlimited\nlimit nofile 5 9\nlimit nofile 6 10\n"
						 "limit cpu -1 18446744073709551615\n");
	size_t set = 0;

	for (size_t i = 0; i < JOB_LIMIT_COUNT; i++) {
		const struct job_limit *limit = &p.cls->limits[i];

		set += limit->set;
		if (strcmp(job_limit_names[i], "core") == 0)
			assert_true(limit->set && limit->soft == 0 && limit->hard == UINT64_MAX);
		if (strcmp(job_limit_names[i], "nofile") == 0)
			assert_true(limit->set && limit->soft == 6 && limit->hard == 10);
		if (strcmp(job_limit_names[i], "cpu") == 0)
			assert_true(limit->set && limit->soft == UINT64_MAX && limit->hard == UINT64_MAX);
	}
	assert_int_equal(set, 3);
}

static void
assert_cgroup(const struct job_cgroup *g, const char *controller, const char *name, const char *key, const char *value)
{
	const char *const got[] = { g->controller, g->name, g->key, g->value };
	const char *const want[] = { controller, name, key, value };

	for (size_t i = 0; i < ARRAY_SIZE(got); i++) {
		assert_int_equal(got[i] == NULL, want[i] == NULL);
		if (want[i] != NULL)
			assert_string_equal(got[i], want[i]);
	}
}

static void
test_cgroups(void **state)
{
	auto_parsed struct parsed p =
	    parse_good("cgroup cpu\ncgroup cpu $UPSTART_CGROUP/sub\ncgroup cpu shares 512\n"
		       "cgroup blkio g throttle.x \"8:0 1\"\ncgroup cpu shares ''\ncgroup cpu\n");

	assert_int_equal(p.cls->n_cgroups, 4);
	assert_cgroup(&p.cls->cgroups[0], "cpu", NULL, NULL, NULL);
	assert_cgroup(&p.cls->cgroups[1], "cpu", "$UPSTART_CGROUP/sub", NULL, NULL);
	assert_cgroup(&p.cls->cgroups[2], "cpu", NULL, "shares", "");
	assert_cgroup(&p.cls->cgroups[3], "blkio", "g", "throttle.x", "8:0 1");
}

static void
test_apparmor_load_fills_the_security_slot(void **state)
{
	auto_parsed struct parsed p = parse_good("apparmor load /a\napparmor load '/etc/apparmor.d/x y'\n");
	auto_free char *text = job_class_print(p.cls);

	assert_string_equal(p.cls->process[PROCESS_SECURITY].command,
			    "/sbin/apparmor_parser -r -W /etc/apparmor.d/x y");
	assert_string_equal(text, "apparmor load \"/etc/apparmor.d/x y\"\n");
}

static void
test_manual_forgets_what_is_above(void **state)
{
	auto_parsed struct parsed above = parse_good("start on a\nmanual\nstop on b\n");
	auto_parsed struct parsed below = parse_good("manual\nstart on a\n");
	auto_parsed struct parsed last = parse_good("start on a\nstart on b\n");

	assert_null(above.cls->start_on);
	assert_non_null(above.cls->stop_on);
	assert_non_null(below.cls->start_on);
	assert_string_equal(last.cls->start_on->nodes[0].name, "b");
}

/* Everything at once, as it is written. */
static void
test_print(void **state)
{
	static const char text[] = "description \"a b\"\nauthor \"\"\nusage \"say \\\"\\\\\"\nstart on ((a X=\"1 2\" "
				   "or b) and c)\nstop on \"and\"\n"
				   "emits e*\ntask\ninstance $X\nenv A=1\nenv \"B=x y\"\nexport A\nexpect "
				   "fork\nrespawn\nrespawn limit unlimited\n"
				   "respawn delay 1 30\n"
				   "normal exit 0 TERM 255\nkill signal INT\nkill timeout 0\nreload signal "
				   "USR1\nconsole owner\numask 027\nnice -3\n"
				   "oom score -1000\nlimit core 0 unlimited\nchroot /c\nchdir /d\nsetuid u\nsetgid g\n"
				   "cgroup cpu g shares \"\"\napparmor load /p\napparmor switch q\ndebug\npre-start "
				   "exec x $Y\nscript\na\n  b\n\n"
				   "end script\npost-start script\nend script\npre-stop exec s\npost-stop exec t\n";
	auto_parsed struct parsed p = parse_good(text);
	auto_free char *printed = job_class_print(p.cls);

	assert_string_equal(printed, text);
}

static void
test_real_time_signals(void **state)
{
	auto_parsed struct parsed p = parse_good("kill signal RTMIN+3\nreload signal SIGRTMIN\nnormal exit RTMIN+1\n");
	auto_free char *text = job_class_print(p.cls);
	auto_parsed struct parsed again = parse_good(text);

	assert_int_equal(p.cls->kill_signal, SIGRTMIN + 3);
	assert_int_equal(p.cls->reload_signal, SIGRTMIN);
	assert_int_equal(p.cls->normal_exit[0], (SIGRTMIN + 1) << 8);
	assert_true(job_class_equal(p.cls, again.cls));
}

static void
test_signal_names(void **state)
{
	assert_string_equal(signal_name(SIGTERM), "TERM");
	assert_string_equal(signal_name(SIGABRT), "ABRT");
	assert_string_equal(signal_name(SIGCHLD), "CHLD");
	assert_null(signal_name(0));
	assert_null(signal_name(-1));
	assert_null(signal_name(SIGRTMIN));
	assert_null(signal_name(999));
	for (int i = 1; i < 32; i++) {
		assert_non_null(signal_name(i));
		assert_int_equal(signal_from_name(signal_name(i)), i);
	}
	assert_int_equal(signal_from_name("SIGTERM"), SIGTERM);
	assert_int_equal(signal_from_name("sigterm"), SIGTERM);
	assert_int_equal(signal_from_name("usr1"), SIGUSR1);
	assert_int_equal(signal_from_name("rtmin+2"), SIGRTMIN + 2);
	assert_int_equal(signal_from_name("SIGSIGTERM"), 0);
	assert_int_equal(signal_from_name("SIG"), 0);
	assert_int_equal(signal_from_name(""), 0);
	assert_int_equal(signal_from_name("15"), 0);
	assert_int_equal(signal_from_name("RTMIN+"), 0);
	assert_int_equal(signal_from_name("RTMIN-1"), 0);
	assert_int_equal(signal_from_name("RTMIN+1x"), 0);
	assert_int_equal(signal_from_name("RTMIN+111"), 0);
	assert_int_equal(signal_from_name("RTMINX"), 0);
	assert_false(signal_is_valid(0));
	assert_true(signal_is_valid(SIGRTMAX));
	assert_false(signal_is_valid(SIGRTMAX + 1));
}

/* The table has the stanzas of job-language.md section 10 and those that came later, each once, each with a line for people. */
static void
test_table(void **state)
{
	static const char *const want[] = {
		"apparmor load",
		"apparmor switch",
		"author",
		"cgroup",
		"chdir",
		"chroot",
		"console",
		"debug",
		"description",
		"emits",
		"env",
		"exec",
		"expect",
		"export",
		"hidden",
		"hostname",
		"idmap",
		"import",
		"instance",
		"kill mode",
		"kill signal",
		"kill timeout",
		"limit",
		"log compress",
		"log format",
		"log forward",
		"log keep",
		"log max-age",
		"log max-size",
		"manual",
		"mount",
		"namespace",
		"namespace join",
		"namespace optional",
		"namespace share",
		"nice",
		"normal exit",
		"oom",
		"post-start exec",
		"post-start script",
		"post-start setgid",
		"post-start setuid",
		"post-stop exec",
		"post-stop script",
		"post-stop setgid",
		"post-stop setuid",
		"pre-start exec",
		"pre-start script",
		"pre-start setgid",
		"pre-start setuid",
		"pre-stop exec",
		"pre-stop script",
		"pre-stop setgid",
		"pre-stop setuid",
		"private",
		"readonly",
		"reload signal",
		"respawn",
		"respawn delay",
		"respawn limit",
		"script",
		"setgid",
		"setuid",
		"start on",
		"stop on",
		"task",
		"time offset",
		"tmpfiles",
		"umask",
		"usage",
		"user environment",
		"version",
		"watchdog",
		"while",
	};
	auto_strv char **names = NULL;

	for (const struct stanza *s = job_stanzas(); s->name != NULL; s++) {
		assert_non_null(s->doc);
		assert_ptr_equal(stanza_find(job_stanzas(), span_of(s->name)), s);
		assert_true(s->parse != NULL || s->sub != NULL);
		if (s->parse != NULL)
			assert_int_equal(strv_add(&names, s->name), 0);
		for (const struct stanza *sub = s->sub; sub != NULL && sub->name != NULL; sub++) {
			assert_non_null(sub->doc);
			assert_non_null(sub->usage);
			assert_int_equal(strv_take(&names, str_printf("%s %s", s->name, sub->name)), 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strv_has(names, want[i]))
			fail_msg("no stanza %s", want[i]);
	assert_int_equal(strv_len(names), ARRAY_SIZE(want));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_apparmor_load_fills_the_security_slot),
		cmocka_unit_test(test_manual_forgets_what_is_above),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_real_time_signals),
		cmocka_unit_test(test_signal_names),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
