/* SPDX-License-Identifier: MIT */
/*
 * Faults: their texts and places, going on after them, warnings, overrides.
 */
#include "jobtest.h"

struct text_of {
	const char *text;
	const char *message;
};

/* The texts users know (job-language.md 1.6). */
static const struct text_of messages[] = {
	{ "env\n", "Expected token" },
	{ "task extra\n", "Unexpected token" },
	{ "exec a \\", "Trailing slash in file" },
	{ "author \"a\n", "Unterminated quoted string" },
	{ "script\n", "Unterminated block" },
	{ "wibble\n", "Unknown stanza" },
	{ "kill timeout x\n", "Illegal interval, expected number of seconds" },
	{ "normal exit x\n", "Illegal exit status, expected integer" },
	{ "kill signal x\n", "Illegal signal status, expected integer" },
	{ "umask x\n", "Illegal file creation mask, expected octal integer" },
	{ "nice x\n", "Illegal nice value, expected -20 to 19" },
	{ "oom x\n", "Illegal oom adjustment, expected -17 to 15 or 'never'" },
	{ "oom score x\n", "Illegal oom score adjustment, expected -1000 to 1000 or 'never'" },
	{ "limit core x 1\n", "Illegal limit, expected 'unlimited' or integer" },
	{ "respawn limit x 1\n", "Illegal limit, expected 'unlimited' or integer" },
	{ "start on and\n", "Expected event" },
	{ "start on (a) b\n", "Expected operator" },
	{ "start on a B=1 c\n", "Expected variable name before value" },
	{ "start on (a\n", "Mismatched parentheses" },
	{ "chdir ''\n", "Expected token, not an empty one" },
	{ "start on a ''\n", "Expected token, not an empty one" },
	{ "cgroup '' a\n", "Expected token, not an empty one" },
	{ "author 'ends in \\'\n", "Unterminated quoted string (a backslash hides the quote after it)" },
};

static void
test_messages(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		auto_parsed struct parsed p = parse_text(messages[i].text);

		assert_int_equal(p.r, -EINVAL);
		assert_int_equal(p.report.errors, 1);
		assert_string_equal(first_error(&p.report)->message, messages[i].message);
		assert_string_equal(first_error(&p.report)->path, "test.conf");
	}
}

static void
test_text_forms(void **state)
{
	auto_parsed struct parsed p = parse_text("task\n  nice 99\nauthor \"x\n\n");
	auto_free char *nice = parse_issue_text(&p.report.issues[0]);
	auto_free char *nice_long = parse_issue_text_long(&p.report.issues[0]);
	auto_free char *quote = parse_issue_text(&p.report.issues[1]);
	auto_free char *quote_long = parse_issue_text_long(&p.report.issues[1]);

	assert_int_equal(p.report.n, 2);
	assert_string_equal(nice, "test.conf:2: Illegal nice value, expected -20 to 19");
	assert_string_equal(nice_long, "test.conf:2:8: Illegal nice value, expected -20 to 19: 99");
	/* The log names the end of the file, the long form the opening quote (D22). */
	assert_string_equal(quote, "test.conf:5: Unterminated quoted string");
	assert_string_equal(quote_long, "test.conf:3:8: Unterminated quoted string: \"x");
}

/* The line with a caret under the place; of a long one a part, of which no character is cut. */
static void
test_excerpts(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "task\n\tnice\t99 # x\n", "    \tnice\t99 # x\n    \t    \t^\n" },
		{ "nice 99", "    nice 99\n    "
			     "     ^\n" },
		{ "nice\n", "    nice\n    "
			    "    ^\n" },
		{ "env \\\n", "    \n    ^\n" },
		{ "\xc3\xa9 x\n", "    \xc3\xa9 x\n    ^\n" },
		{ "emits \xc3\xa9\nnice '\xc3\xa9' x\n", "    nice '\xc3\xa9' x\n    "
							 "     ^\n" },
		{ "task \x1b[1m\x7f\r\n", "    task  [1m  \n    "
					  "     ^\n" },
		{ "task\nauthor \"x\n\n", "    author \"x\n    "
					  "       ^\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_parsed struct parsed p = parse_text(cases[i].text);
		auto_free char *got = parse_issue_excerpt(first_error(&p.report), span_of(cases[i].text));

		assert_string_equal(got, cases[i].want);
	}
	for (size_t before = 0; before < 1000; before += 99) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		strbuf_add(&b, "emits a\nexec ");
		for (size_t i = 0; i < before; i++)
			strbuf_add(&b, "\xc3\xa9");
		strbuf_add(&b, " \"open");
		for (size_t i = 0; i < 1000; i++)
			strbuf_add(&b, "\xc3\xa9");
		auto_parsed struct parsed p = parse_text(b.p);
		auto_free char *got = parse_issue_excerpt(first_error(&p.report), span_of(b.p));
		char *caret = strchr(got, '^'), *second = strchr(got, '\n') + 1;
		size_t column = 0;

		assert_true(strlen(got) < 400);
		for (struct span s = span_of(got); s.n > 0; s.p += span_utf8(s), s.n = strlen(s.p))
			assert_true(span_utf8(s) > 0);
		/* As many characters before the quote as blanks before the caret. */
		for (const char *c = got; *c != '"'; c++)
			column += ((unsigned char) *c & 0xc0) != 0x80;
		assert_int_equal(caret - second, column);
	}
}

/* What can't be expanded, whatever is set. */
static void
test_braces(void **state)
{
	auto_parsed struct parsed p = parse_text("start on a X=${A\nwhile a X=${A:-${B}}$}{\n");

	assert_int_equal(p.report.n, 0);
	assert_errors("while a X=${A\n", "test.conf:1:9: Mismatched braces: X=${A\n");
	assert_errors("while a and b ${A:-${B}\n", "test.conf:1:15: Mismatched braces: ${A:-${B}\n");
}

static void
test_all_errors_are_reported(void **state)
{
	assert_errors("nice 99\nbogus 'a\nb' c\numask 9 9\n\ntask 1 # x\nstart on (a or\n b c=d e\n  f) and\nkill it\n"
		      "expect\nexec ok\nscript\n",
		      "test.conf:1:6: Illegal nice value, expected -20 to 19: 99\n"
		      "test.conf:2:1: Unknown stanza: bogus\n"
		      "test.conf:4:7: Illegal file creation mask, expected octal integer: 9\n"
		      "test.conf:6:6: Unexpected token: 1\n"
		      "test.conf:8:8: Expected variable name before value: e\n"
		      "test.conf:10:6: Unknown stanza: it (expected signal, timeout or mode)\n"
		      "test.conf:11:7: Expected token\n"
		      "test.conf:13:1: Unterminated block: script\n");
}

/* The words of short lists, of long ones what is like it; the log has the text users know. */
static void
test_what_could_stand_there(void **state)
{
	assert_errors("console foo\n", "test.conf:1:9: Unknown stanza: foo (expected none, log, output or owner)\n");
	assert_errors("expect foo\n", "test.conf:1:8: Unknown stanza: foo (expected none, stop, fork, daemon, exit, "
				      "pidfile, notify, fd, listen or timeout)\n");
	assert_errors("limit nofiles 1 1\n", "test.conf:1:7: Unknown stanza: nofiles (perhaps nofile)\n");
	assert_errors(
	    "limit elephants 1 1\n",
	    "test.conf:1:7: Unknown stanza: elephants (expected core, cpu, data, fsize, memlock, msgqueue, nice, "
	    "nofile, nproc, rss, rtprio, sigpending, stack or as)\n");
	assert_errors("kill mode foo\n", "test.conf:1:11: Unknown kill mode, expected group or tree: foo\n");
	assert_errors("start at a\n", "test.conf:1:7: Unknown stanza: at (expected on)\n");
	assert_errors("descripton a\n", "test.conf:1:1: Unknown stanza: descripton (perhaps description)\n");
	assert_errors("elephant\n", "test.conf:1:1: Unknown stanza: elephant\n");
	assert_errors("kill signal SIGTEM\n",
		      "test.conf:1:13: Illegal signal status, expected integer: SIGTEM (perhaps TERM)\n");
	assert_errors("reload signal usr1\n",
		      "test.conf:1:15: Illegal signal status, expected integer: usr1 (perhaps USR1)\n");
	assert_errors("kill signal SIGFOO\n", "test.conf:1:13: Illegal signal status, expected integer: SIGFOO "
					      "(expected a name such as TERM, or 1 to 64)\n");
	assert_errors("normal exit 0 HUPP\n",
		      "test.conf:1:15: Illegal exit status, expected integer: HUPP (perhaps HUP)\n");
	assert_errors("normal exit -1\n", "test.conf:1:13: Illegal exit status, expected integer: -1 "
					  "(expected 0 to 255, or a signal such as TERM)\n");
}

/* What editors of another system put there is seen by nobody. */
static void
test_byte_order_mark(void **state)
{
	assert_errors("\xef\xbb\xbftask\nnice 99\n", "test.conf:1:1: The file begins with a byte order mark\n"
						     "test.conf:2:6: Illegal nice value, expected -20 to 19: 99\n");
	assert_errors("\xef\xbb\xbf", "test.conf:1:1: The file begins with a byte order mark\n");
	assert_errors("task\n\xef\xbb\xbf\n", "test.conf:2:1: Unknown stanza: \xef\xbb\xbf\n");
}

static void
test_places(void **state)
{
	assert_errors("pre-start \\\n  bogus \\\n x\n",
		      "test.conf:2:3: Unknown stanza: bogus (expected exec, script, setuid or setgid)\n");
	assert_errors("limit core 1 \\\n   x\n", "test.conf:2:4: Illegal limit, expected 'unlimited' or integer: x\n");
	assert_errors("start on (a\n or (b\n", "test.conf:2:5: Mismatched parentheses: (\n");
	assert_errors("start on a or \\\n", "test.conf:1:12: Expected event\n");
	assert_errors("start on (a) b X=1\n", "test.conf:1:14: Expected operator: b\n");
	assert_errors("pre-stop script\n a\n", "test.conf:1:10: Unterminated block: script\n");
	assert_errors("don't\ntask\n", "test.conf:1:4: Unterminated quoted string: 't\n");
	assert_errors("author a\\", "test.conf:1:9: Trailing slash in file: \\\n");
}

/* The log's line where it is another than that of the fault. */
static void
test_line_of_log(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
		{ "pre-start \\\n  bogus \\\n x\n", 3 },
		{ "start on (a\n or (b\n", 3 },
		{ "start on (a) b \\\n X=1\n", 2 },
		{ "start on (a or\n b\n) and \\\n # x\n", 3 },
		{ "task\nscript\na", 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_parsed struct parsed p = parse_text(cases[i].text);

		assert_int_equal(p.report.issues[0].line, cases[i].line);
	}
}

/* One mistake gives one message: what belongs to it is not read as stanzas. */
static void
test_no_cascades(void **state)
{
	assert_errors(
	    "pre-strat script\n  a\n  b\nend script\ntask x\n",
	    "test.conf:1:1: Unknown stanza: pre-strat (perhaps pre-start)\ntest.conf:5:6: Unexpected token: x\n");
	assert_errors("script x\n  a\nend script\ntask\n", "test.conf:1:8: Unexpected token: x\n");
	assert_errors("post-stop script x\n  a\nend script\n", "test.conf:1:18: Unexpected token: x\n");
	assert_errors("bogus a \\\n  b \\\n c\ntask\n", "test.conf:1:1: Unknown stanza: bogus\n");
	assert_errors("bogus \"a\n b\n\" c\ntask\n", "test.conf:1:1: Unknown stanza: bogus\n");
	assert_errors("bogus don't\ntask x\n",
		      "test.conf:1:1: Unknown stanza: bogus\ntest.conf:2:6: Unexpected token: x\n");
	assert_errors("start on (a and and\n  b or\n  c)\ntask x\n",
		      "test.conf:1:17: Expected event: and\ntest.conf:4:6: Unexpected token: x\n");
	assert_errors("start on (a and and b\ntask x\n",
		      "test.conf:1:17: Expected event: and\ntest.conf:2:6: Unexpected token: x\n");
	assert_errors("description script extra\ntask\nscript\nend script\n",
		      "test.conf:1:20: Unexpected token: extra\n");
	assert_errors("env \\\n\ntask x\n", "test.conf:2:1: Expected token\ntest.conf:3:6: Unexpected token: x\n");
}

static void
test_too_many_errors(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < 10000; i++)
		strbuf_add(&b, "bogus\n");
	auto_parsed struct parsed p = parse_text(b.p);

	assert_int_equal(p.r, -EINVAL);
	assert_true(p.report.n < 1000);
	assert_string_equal(p.report.issues[p.report.n - 1].id, "TOO_MANY_ERRORS");
}

static void
test_words_are_bounded_and_clean(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "nice \"\x1b[1m\n");
	for (int i = 0; i < 1000; i++)
		strbuf_add(&b, "\xc3\xa9");
	strbuf_add(&b, "\"\n");
	auto_parsed struct parsed p = parse_text(b.p);
	const char *word = p.report.issues[0].word;

	assert_true(strlen(word) < 200);
	assert_null(strpbrk(word, "\x1b\n"));
	assert_string_equal(word + strlen(word) - 5, "\xc3\xa9...");
}

/* D24: a NUL anywhere, but what is before it is read. */
static void
test_nul(void **state)
{
	static const char *const texts[] = { "task\0 junk\nbogus\n",	   "task\nauthor \"a\nb\0c\"\n", "\0",
					     "script\na\0b\nend script\n", "start on (a\n\0)\n",	 "# \0" };
	static const size_t sizes[] = { 17, 20, 1, 25, 16, 3 };
	static const unsigned lines[] = { 1, 3, 1, 2, 2, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_parsed struct parsed p = parse_span((struct span){ texts[i], sizes[i] });
		struct condition *cond = NULL;

		assert_int_equal(p.r, -EINVAL);
		assert_int_equal(p.report.errors, 1);
		assert_string_equal(p.report.issues[0].id, "UNEXPECTED_TOKEN");
		assert_string_equal(p.report.issues[0].message, "Unexpected NUL byte");
		assert_int_equal(p.report.issues[0].line, lines[i]);
		assert_int_equal(condition_parse((struct span){ texts[i], sizes[i] }, "x", false, &cond, &p.report),
				 -EINVAL);
	}
	auto_parsed struct parsed p = parse_span((struct span){ "bogus\nnice 1\n\0", 14 });

	assert_int_equal(p.report.errors, 2);
	assert_string_equal(p.report.issues[0].id, "UNKNOWN_STANZA");
	assert_int_equal(p.report.issues[1].line, 3);
}

static void
test_warnings(void **state)
{
	static const struct {
		const char *text;
		const char *id; /* NULL: none */
	} cases[] = {
		{ "exec a --colour=#fff\n", "COMMENT_IN_WORD" },
		{ "task#x\n", "COMMENT_IN_WORD" },
		{ "env A=a#b\n", "COMMENT_IN_WORD" },
		{ "start on (a# x\n)\n", "COMMENT_IN_WORD" },
		{ "task # x\nexec a \\\n# x\n#y\n \t# z\nenv A=\"#\"\n", NULL },
		{ "manual task\n", "TEXT_AFTER_KEYWORD" },
		{ "debug task\n", "TEXT_AFTER_KEYWORD" },
		{ "manual # x\ndebug\n", NULL },
		{ "start on a or b and c\n", "MIXED_OPERATORS" },
		{ "start on (a or b) and c and (d or e or f)\n", NULL },
		{ "start on (a or b) and c and (d or e and f)\n", "MIXED_OPERATORS" },
		{ "env =x\n", "ENV_WITHOUT_NAME" },
		{ "env A\nexport A B=1\n", "EXPORT_WITH_VALUE" },
		{ "export A\n", "EXPORT_UNSET" },
		{ "env B=A\nexport A B\n", "EXPORT_UNSET" },
		{ "export A\nstart on a\nmanual\n", "EXPORT_UNSET" },
		{ "export A B C PATH TERM UPSTART_EVENTS\nenv A=\nenv B\nimport C\n", NULL },
		{ "export A\nstart on a\n", NULL },
		{ "export A\nwhile a\n", NULL },
		{ "export A\ninstance $A\n", NULL },
		{ "export A\nusage A=a\n", NULL },
		{ "instance $I\nwhile n I=* and not st I=$J\n", "UNBOUND_VARIABLE" },
		{ "while b X=$I and n I=*\n", "UNBOUND_VARIABLE" },
		{ "while (n I=* or m) and b X=$I\n", "UNBOUND_VARIABLE" },
		{ "while not n I=* and b X=$I\n", "UNBOUND_VARIABLE" },
		{ "while not (n I=*) and b X=$I\n", "UNBOUND_VARIABLE" },
		{ "while n I=$I\n", "UNBOUND_VARIABLE" },
		{ "while n I=* and b ${I}$II\n", "UNBOUND_VARIABLE" },
		{ "while n I=* and b ${J}\n", "UNBOUND_VARIABLE" },
		{ "while n II=* and b $I\n", "UNBOUND_VARIABLE" },
		{ "instance $J\nwhile link I=*\n", "UNBOUND_VARIABLE" },
		{ "instance $I\nwhile link I=* or m\n", "UNBOUND_VARIABLE" },
		{ "instance $I\nwhile n I=* and not st I=$I\n", NULL },
		{ "while n I!=lo and (b or not st I=$I)\n", NULL },
		{ "while (n I=* or m I=x) and b X=$I\n", NULL },
		{ "while not (n I=* and not b X=$I)\n", NULL },
		{ "while web and b $INSTANCE and runlevel and c $RUNLEVEL $PREVLEVEL\n", NULL },
		{ "while b A=$A B=$B C=$C D=$PATH E=$TERM F=$UPSTART_JOB\nenv A\nenv B=\nimport C\n", NULL },
		{ "while b X=$I\nstart on a\n", NULL },
		{ "while b X=$I\nmanual\n", NULL },
		{ "while b X=$I\nusage I=i\n", NULL },
		{ "instance $I\nwhile b X=$I and n I=*\n", NULL },
		{ "while b X=${I:-1}${J+$K}${}$1$\n", NULL },
		{ "while b X=$I\nwhile none\n", NULL },
		{ "while b X=$I\nwhile n I=* and b X=$I\n", NULL },
		{ "exec echo \\$HOME\n", "ESCAPE_AFTER_BLANK" },
		{ "exec a '  \\b'\n", "ESCAPE_AFTER_BLANK" },
		{ "description \"a \\\"b\"\n", "ESCAPE_AFTER_BLANK" },
		{ "start on a \"b \\$c\"\n", "ESCAPE_AFTER_BLANK" },
		{ "exec \\a b\\c \\\\ \\\n d\n", NULL },
		{ "description \\$a\n", NULL },
		{ "description \"a\\$b \\\\\"\n", NULL },
		{ "script\n echo \\$a\nend script\n", NULL },
		{ "normal exit 255\n", NULL },
		{ "normal exit TERM\n", NULL },
		{ "normal exit 256\n", "EXIT_OUT_OF_RANGE" },
		{ "limit core 1 -1\n", "LIMIT_NEGATIVE" },
		{ "limit core 2 1\n", "LIMIT_SOFT_ABOVE_HARD" },
		{ "limit core unlimited 1\n", "LIMIT_SOFT_ABOVE_HARD" },
		{ "limit core 1 unlimited\n", NULL },
		{ "respawn limit 1 2\n", "RESPAWN_LIMIT_INERT" },
		{ "start on time CRON=\"0 3 * * mom\"\n", "BAD_SCHEDULE" },
		{ "start on x or (time and y)\n", "BAD_SCHEDULE" },
		{ "while time BETWEEN=22:00\n", "BAD_SCHEDULE" },
		{ "respawn limit 1 2\nrespawn\n", NULL },
		{ "respawn delay 1 60\n", "RESPAWN_DELAY_INERT" },
		{ "respawn delay 1 60\nrespawn\n", NULL },
		{ "watchdog 30\n", "WATCHDOG_INERT" },
		{ "watchdog 30\nexpect fd 5\n", "WATCHDOG_INERT" },
		{ "watchdog 30\nexpect notify\n", NULL },
		{ "expect timeout 9\n", "EXPECT_TIMEOUT_INERT" },
		{ "expect timeout 9\nexpect none\n", "EXPECT_TIMEOUT_INERT" },
		{ "expect timeout 9\nexpect fork\n", NULL },
		{ "log keep 3\n", "LOG_KEEP_INERT" },
		{ "log keep 3\nlog max-size 0\n", "LOG_KEEP_INERT" },
		{ "log keep 3\nlog max-size 1M\n", NULL },
		{ "log max-age 1d\nlog keep 3\n", NULL },
		{ "log compress none\n", "LOG_COMPRESS_INERT" },
		{ "log compress none\nlog max-age 1d\n", NULL },
		{ "exec a\nexec b\n", "COMMAND_REPLACED" },
		{ "exec a\nscript\n b\nend script\n", "COMMAND_REPLACED" },
		{ "post-stop script\n b\nend script\npost-stop exec a\n", "COMMAND_REPLACED" },
		{ "pre-start exec a\nexec b\npost-start exec c\n", NULL },
		{ "start on started a && b\n", "OPERATOR_AS_WORD" },
		{ "start on a || b\n", "OPERATOR_AS_WORD" },
		{ "start on a AND b\n", "OPERATOR_AS_WORD" },
		{ "start on (started a andd b)\n", "OPERATOR_AS_WORD" },
		{ "stop on started a adn started b\n", "OPERATOR_AS_WORD" },
		{ "stop on started a orr b\n", "OPERATOR_AS_WORD" },
		{ "start on not a\n", "OPERATOR_AS_WORD" },
		{ "while a NOT b\n", "OPERATOR_AS_WORD" },
		{ "while a or ! b\n", "OPERATOR_AS_WORD" },
		{ "start on started a '&&' b\n", NULL },
		{ "start on a X=and Y=or\n", NULL },
		{ "start on (started a and b) or c op of ro sand\n", NULL },
		{ "while not a\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_parsed struct parsed p = parse_good(cases[i].text);

		if (p.report.n != (cases[i].id != NULL))
			fail_msg("%zu warnings for %s", p.report.n, cases[i].text);
		if (cases[i].id != NULL && !has_warning(&p.report, cases[i].id))
			fail_msg("%s instead of %s", p.report.issues[0].id, cases[i].id);
	}
}

static void
test_warnings_are_bounded(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < 10000; i++)
		strbuf_add(&b, "task#\n");
	auto_parsed struct parsed p = parse_good(b.p);

	assert_true(p.report.n < 1000);
}

/* overrides */

static void
test_override_is_read_as_if_appended(void **state)
{
	auto_parsed struct parsed p =
	    parse_both("start on a\nstop on b\nenv A=1\nexec x\nnormal exit 1\nlimit core 1 2\n"
		       "emits e\nkill timeout 9\ncgroup cpu g k 1\nrespawn limit 3 4\n",
		       "manual\nenv A=2\nscript\ny\nend script\nnormal exit 2\nlimit cpu 3 4\n"
		       "emits f\ncgroup cpu g k 2\nrespawn\n");
	auto_parsed struct parsed want =
	    parse_good("manual\nstop on b\nenv A=1\nenv A=2\nscript\ny\nend script\nnormal exit 1 2\nlimit core 1 2\n"
		       "limit cpu 3 4\nemits e f\nkill timeout 9\ncgroup cpu g k 2\nrespawn\nrespawn limit 3 4\n");

	assert_int_equal(p.r, 0);
	assert_int_equal(p.report.errors, 0);
	/* To replace a command is what an override is for. */
	assert_false(has_warning(&p.report, "COMMAND_REPLACED"));
	/* The override's `respawn` counts. */
	assert_false(has_warning(&p.report, "RESPAWN_LIMIT_INERT"));
	assert_true(job_class_equal(p.cls, want.cls));
	assert_string_equal(p.cls->path, "test.conf");
	assert_string_equal(p.cls->name, "test");
}

/* D4 */
static void
test_override_that_is_wrong_is_ignored_whole(void **state)
{
	static const char *const wrong[] = { "start on broken\nbogus\n", "env A=2\nexec \"oops\n", "chdir ''\ntask\n",
					     "start on (\n" };
	auto_parsed struct parsed want = parse_good("start on go\nenv A=1\nexec x\n");

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		auto_parsed struct parsed p = parse_both("start on go\nenv A=1\nexec x\n", wrong[i]);

		assert_int_equal(p.r, 0);
		assert_int_equal(p.report.errors, 1);
		assert_string_equal(first_error(&p.report)->path, "test.override");
		assert_true(job_class_equal(p.cls, want.cls));
	}
}

static void
test_warnings_once_when_override_is_wrong(void **state)
{
	auto_parsed struct parsed p = parse_both("task#\nrespawn limit 1 1\n", "bogus\n");

	assert_int_equal(p.r, 0);
	assert_int_equal(p.report.n, 3);
	assert_int_equal(p.report.errors, 1);
	assert_true(has_warning(&p.report, "COMMENT_IN_WORD"));
	assert_true(has_warning(&p.report, "RESPAWN_LIMIT_INERT"));
}

/* D5; the override's own faults are told too. */
static void
test_no_job_from_an_override_alone(void **state)
{
	auto_parsed struct parsed p = parse_both("exec x\nbogus\n", "task\nexec y\nnice 99\n");

	assert_int_equal(p.r, -EINVAL);
	assert_null(p.cls);
	assert_int_equal(p.report.errors, 2);
	assert_string_equal(p.report.issues[0].path, "test.conf");
	assert_string_equal(p.report.issues[1].path, "test.override");
}

static int
parse_faulty(void *data)
{
	auto_parsed struct parsed p = parse_both("task#\nrespawn limit 1 1\nexec a\nemits a b c d e f g\n", data);

	return p.r;
}

static void
test_without_memory(void **state)
{
	char wrong[] = "bogus x\nnice 99\numask 9\nstart on (a and (b c=d e\n";
	char right[] = "start on a b c=d and (b or (c and d e f g h))\nlimit core 2 1\n";

	(void) failalloc_each(parse_faulty, wrong);
	(void) failalloc_each(parse_faulty, right);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_text_forms),
		cmocka_unit_test(test_excerpts),
		cmocka_unit_test(test_all_errors_are_reported),
		cmocka_unit_test(test_braces),
		cmocka_unit_test(test_what_could_stand_there),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_line_of_log),
		cmocka_unit_test(test_no_cascades),
		cmocka_unit_test(test_too_many_errors),
		cmocka_unit_test(test_words_are_bounded_and_clean),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_warnings_are_bounded),
		cmocka_unit_test(test_override_is_read_as_if_appended),
		cmocka_unit_test(test_override_that_is_wrong_is_ignored_whole),
		cmocka_unit_test(test_warnings_once_when_override_is_wrong),
		cmocka_unit_test(test_no_job_from_an_override_alone),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
