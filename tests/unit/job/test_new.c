/* SPDX-License-Identifier: MIT */
/*
 * Stanzas the original did not have: what they mean, what is wrong in them, that they are written and read back, that
 * those without effect so far are warned of.
 */
#include "jobtest.h"

/* A text, and how it is written. */
static const struct {
	const char *text;
	const char *want; /* NULL: as the text */
} prints[] = {
	{ "import A B\nimport C\n", "import A\nimport B\nimport C\n" },
	{ "tmpfiles /a.conf '/b c.conf'\n", "tmpfiles /a.conf\ntmpfiles \"/b c.conf\"\n" },
	{ "while a\n", NULL },
	{ "while a and not b X=1 or not (c or d)\n", "while ((a and not b X=1) or not (c or d))\n" },
	{ "while not not a\n", NULL },
	{ "while (a\n # x\n\n and not(b)and c)\n", "while ((a and not b) and c)\n" },
	{ "while \"not\" \"none\" and \"none\"\n", "while (\"not\" \"none\" and \"none\")\n" },
	{ "while a\nwhile none\n", "" },
	{ "while started\n", NULL },
	{ "while started X=1 Y=2\n", NULL },
	{ "while net-device INTERFACE=* and not static-address INTERFACE=$INTERFACE\n",
	  "while (net-device INTERFACE=* and not static-address INTERFACE=$INTERFACE)\n" },
	{ "start on not a\n", NULL },
	{ "start on none\n", NULL },
	{ "expect exit\n", NULL },
	{ "expect pidfile '/run/a b'\n", "expect pidfile \"/run/a b\"\n" },
	{ "expect notify\nwatchdog 30\n", NULL },
	{ "expect fd 4\n", NULL },
	{ "expect listen tcp:80\nexpect timeout 20\n", NULL },
	{ "expect fd 4\nexpect none\n", "" },
	{ "expect listen 80\nexpect stop\n", "expect stop\n" },
	{ "kill mode tree\n", NULL },
	{ "kill mode tree\nkill mode group\n", "" },
	{ "log max-size 10M\nlog max-age 2d\nlog keep 0\nlog compress zstd\nlog format json\nlog forward syslog\n",
	  "log max-size 10485760\nlog max-age 172800\nlog keep 0\nlog compress zstd\nlog format json\n"
	  "log forward syslog\n" },
	{ "cgroup delegate\n", NULL },
	{ "cgroup delegate www\ncgroup optional\n", "cgroup optional\ncgroup delegate www\n" },
	{ "namespace net pid bare\nnamespace optional time\n", "namespace net pid bare\nnamespace optional time\n" },
	{ "namespace join net vpn create\n", NULL },
	{ "namespace join net vpn\n", NULL },
	{ "namespace share db\n", NULL },
	{ "namespace share db one\n", NULL },
	{ "namespace uts\nhostname box\n", NULL },
	{ "mount a /b\nmount /c /d none bind,ro\n", NULL },
	{ "private proc tmp\nprivate dev\n", "private tmp dev proc\n" },
	{ "readonly /a /b\nhidden /c\n", "readonly /a\nreadonly /b\nhidden /c\n" },
	{ "idmap \"0 1000 1\" \"0 1000 1\"\n", NULL },
	{ "time offset -5\n", NULL },
	{ "setuid web\nuser environment\npre-start exec true\npre-start setuid root\npre-start setgid 'a b'\n",
	  "setuid web\nuser environment\npre-start exec true\npre-start setuid root\npre-start setgid \"a b\"\n" },
	{ "post-stop setuid a\npost-stop setuid b\n", "post-stop setuid b\n" },
};

static void
test_print(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(prints); i++) {
		const char *want = prints[i].want != NULL ? prints[i].want : prints[i].text;
		auto_parsed struct parsed p = parse_good(prints[i].text);
		auto_free char *text = job_class_print(p.cls);
		auto_parsed struct parsed again = parse_good(text);

		assert_string_equal(text, want);
		assert_true(job_class_equal(p.cls, again.cls));
	}
}

/* All of them differ from each other and from nothing. */
static void
test_equal(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(prints); i++) {
		auto_parsed struct parsed a = parse_good(prints[i].text);
		auto_free char *a_text = job_class_print(a.cls);

		for (size_t j = 0; j < ARRAY_SIZE(prints); j++) {
			auto_parsed struct parsed b = parse_good(prints[j].text);
			auto_free char *b_text = job_class_print(b.cls);

			assert_int_equal(job_class_equal(a.cls, b.cls), strcmp(a_text, b_text) == 0);
		}
	}
}

static void
test_refused(void **state)
{
	assert_errors("import\n", "test.conf:1:7: Expected token\n");
	assert_errors("while\n", "test.conf:1:6: Expected token\n");
	assert_errors("while a not b\n", "test.conf:1:9: Expected operator: not\n");
	assert_errors("while a and not\n", "test.conf:1:13: Expected event\n");
	assert_errors("while (not)\n", "test.conf:1:11: Expected event: )\n");
	assert_errors(
	    "while a or started bar\n",
	    "test.conf:1:12: An event's words, but 'while' takes states: write the job's name alone: started\n");
	assert_errors("expect pidfile\n", "test.conf:1:15: Expected token\n");
	assert_errors("expect listen udp:1\n",
		      "test.conf:1:15: Illegal address, expected [tcp:|tcp4:|tcp6:]PORT, a path or @NAME: udp:1\n");
	assert_errors("expect listen 65536\n",
		      "test.conf:1:15: Illegal address, expected [tcp:|tcp4:|tcp6:]PORT, a path or @NAME: 65536\n");
	assert_errors("expect fd 9\n", "test.conf:1:11: Illegal descriptor, expected 3 to 1023 but not 9: 9\n");
	assert_errors("expect notify x\n", "test.conf:1:15: Unexpected token: x\n");
	assert_errors("expect timeout x\n", "test.conf:1:16: Illegal interval, expected number of seconds: x\n");
	assert_errors("kill mode all\n", "test.conf:1:11: Unknown kill mode, expected group or tree: all\n");
	assert_errors("log max-size 5X\nlog max-size -1\nlog max-size 99999999999999T\n",
		      "test.conf:1:14: Illegal size, expected a number of bytes with or without K, M, G or T: 5X\n"
		      "test.conf:2:14: Illegal size, expected a number of bytes with or without K, M, G or T: -1\n"
		      "test.conf:3:14: Illegal size, expected a number of bytes with or without K, M, G or T: "
		      "99999999999999T\n");
	assert_errors("pre-start setuid\npre-start setgid a b\nuser\nuser home\nuser environment x\n",
		      "test.conf:1:17: Expected token\n"
		      "test.conf:2:20: Unexpected token: b\n"
		      "test.conf:3:5: Expected token\n"
		      "test.conf:4:6: Unknown stanza: home (expected environment)\n"
		      "test.conf:5:18: Unexpected token: x\n");
	assert_errors("log compress ''\nlog it\n",
		      "test.conf:1:14: Expected token, not an empty one: ''\n"
		      "test.conf:2:5: Unknown stanza: it (expected max-size, max-age, keep, compress, format or forward)\n");
#define KINDS "user, cgroup, ipc, uts, net, mount, pid or time"
	assert_errors("namespace\nnamespace foo\nnamespace bare\n",
		      "test.conf:1:10: Expected token\n"
		      "test.conf:2:11: Unknown namespace kind, expected " KINDS ": foo\n"
		      "test.conf:3:11: Unknown namespace kind, expected " KINDS ": bare\n");
#undef KINDS
	assert_errors("namespace join pid x\n", "test.conf:1:16: Only a net namespace can be joined by name: pid\n");
	assert_errors("namespace join net x y\n", "test.conf:1:22: Unexpected token: y\n");
	assert_errors("mount a\nidmap 1\n", "test.conf:1:8: Expected token\ntest.conf:2:8: Expected token\n");
	assert_errors("private home\n", "test.conf:1:9: Unknown part, expected tmp, dev or proc: home\n");
	assert_errors("cgroup cpu max 50000 100000\n",
		      "test.conf:1:16: A value with blanks needs quotes: cgroup cpu max \"50000 100000\": 50000\n");
}

/* What has no effect yet says so; what has does not. */
static void
test_not_yet(void **state)
{
	static const char *const without[] = { "namespace net\n",	 "hostname a\n",
					       "cgroup cpu\n",	   "cgroup delegate\n", "time offset 1\n" };
	static const char *const with[] = { "kill mode tree\n", "expect pidfile /a\n", "expect listen 1\n",
					    "expect fork\n",	"expect none\n",     "kill timeout 1\n",
					    "expect exit\n",	"expect timeout 5\n",
					    "expect notify\n", "watchdog 1\n",     "expect fd 3\n",
					    "import A\n",	"tmpfiles /a\n",     "respawn\nrespawn delay 1\n",
					    "log keep 1\n",	"log max-size 1M\n", "log compress none\n",
					    "log max-age 1d\n", "log format json\n", "log forward syslog\n" };

	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		auto_parsed struct parsed p = parse_good(without[i]);

		if (!has_warning(&p.report, "NOT_YET"))
			fail_msg("no warning: %s", without[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
		auto_parsed struct parsed p = parse_good(with[i]);

		if (has_warning(&p.report, "NOT_YET"))
			fail_msg("a warning: %s", with[i]);
	}
	/* It names the stanza, not others that begin with the same word. */
	auto_parsed struct parsed p = parse_good("kill signal INT\n  hostname a\n");
	auto_free char *text = parse_issue_text_long(&p.report.issues[0]);

	assert_int_equal(p.report.n, 1);
	assert_string_equal(text,
			    "test.conf:2:3: warning: Understood, but this version does nothing with it yet: hostname");
}

/* What is expected, and with what. */
static void
test_expect(void **state)
{
	auto_parsed struct parsed p = parse_good("expect fd 4\n");
	auto_parsed struct parsed listen = parse_good("expect listen tcp6:4\n");

	assert_int_equal(p.cls->expect, EXPECT_FD);
	assert_int_equal(p.cls->readiness, EXPECT_FD);
	assert_int_equal(p.cls->expect_fd, 4);
	assert_int_equal(listen.cls->expect, EXPECT_LISTEN);
	assert_string_equal(listen.cls->expect_path, "tcp6:4");
}

static void
test_while(void **state)
{
	auto_parsed struct parsed p = parse_good("while a and not (b or c)\n");
	const struct condition *c = p.cls->while_on;
	const bool held[] = { true, false, false }, more[] = { true, false, true };

	assert_true(c->of_states);
	assert_int_equal(c->n_nodes, 6);
	assert_int_equal(c->nodes[4].type, CONDITION_NOT);
	assert_int_equal(c->nodes[4].right, 3);
	assert_int_equal(c->nodes[3].parent, 4);
	assert_int_equal(c->nodes[4].parent, 5);
	assert_true(condition_evaluate(c, held, NULL));
	assert_false(condition_evaluate(c, more, NULL));
}

static int
parse_row(void *data)
{
	struct parse_source source = { "test.conf", span_of(data) };
	auto_parsed struct parsed p = { 0 };
	auto_free char *text = NULL;

	p.r = job_parse("test", &source, &source, &p.cls, &p.report);
	text = p.r == 0 ? job_class_print(p.cls) : NULL;
	return text != NULL ? 0 : -ENOMEM;
}

static void
test_without_memory(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(prints); i++)
		(void) failalloc_each(parse_row, (void *) (uintptr_t) prints[i].text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),	       cmocka_unit_test(test_equal),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_yet),	       cmocka_unit_test(test_expect), cmocka_unit_test(test_while),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
