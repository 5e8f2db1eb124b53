/* SPDX-License-Identifier: MIT */
/*
 * What the reader makes of words, commands and blocks (job-language.md 1.3 to 1.5).
 */
#include "jobtest.h"

struct pair {
	const char *text;
	const char *want;
};

/* `description WORD` gives … */
static const struct pair words[] = {
	{ "plain", "plain" },
	{ "ab\"c d\"ef", "abc def" },
	{ "'it is \"so\"'", "it is \"so\"" },
	{ "\"it's\"", "it's" },
	{ "a\\\\b", "a\\b" },
	{ "a\\ b\\\tc", "a b\tc" },
	{ "\"  kept  \"", "  kept  " },
	{ "\"two\nlines\"", "two lines" },
	{ "\"two  \n\n\t lines\"", "two lines" },
	{ "\"1.0\n second line\"", "1.0 second line" },
	{ "\"a \\\n  b\"", "a b" },
	{ "\"end\n\"", "end " },
	{ "a\\\nb", "a b" },
	{ "a\\\n\\\nb", "a b" },
	{ "a\\\n\n", "a" },
	{ "a\\\n # comment\n", "a" },
	{ "\\$HOME", "\\$HOME" },
	{ "a\\#b", "a\\#b" },
	{ "\\(x", "\\(x" },
	{ "'$HOME'", "$HOME" },
	/* D17: blanks before an escape stay; D19: the backslash of an escaped quote goes */
	{ "\"say \\\"hi\\\" \\$x\"", "say \"hi\" \\$x" },
	{ "'it\\'s'", "it's" },
	{ "it\\'s", "it's" },
	/* D20 */
	{ "\"\"", "" },
	{ "''", "" },
	{ "\"a\"''", "a" },
	{ "\xef\xbb\xbfx\xc3\xa9\f\v", "\xef\xbb\xbfx\xc3\xa9\f\v" },
	{ "(a)", "(a)" },
	{ "a#b", "a" },
	{ "\"a#b\" # c", "a#b" },
	{ "crlf\r", "crlf" },
};

/* `exec COMMAND` gives … */
static const struct pair commands[] = {
	{ "/bin/true", "/bin/true" },
	{ "  /bin/a   b  ", "/bin/a   b" },
	{ "/bin/a \\\n  b", "/bin/a b" },
	{ "/bin/a\\\nb", "/bin/a b" },
	{ "\\\n \\\n/bin/a", "/bin/a" },
	{ "/bin/a \\\n", "/bin/a" },
	{ "/bin/a 'b  c' \"d\"", "/bin/a 'b  c' \"d\"" },
	{ "sh -c 'a\n   b'", "sh -c 'a b'" },
	{ "/bin/x --o=a#b", "/bin/x --o=a" },
	{ "/bin/x \"a#b\" # c", "/bin/x \"a#b\"" },
	{ "/bin/x a\\#b", "/bin/x a\\#b" },
	{ "\"\"", "\"\"" },
	/* D17 */
	{ "echo \\$HOME", "echo \\$HOME" },
	{ "echo   \\\"", "echo   \\\"" },
	{ "echo a\\ ", "echo a\\ " },
	{ "echo \\\\ ", "echo \\\\" },
	{ "a; b && c | d > e\r", "a; b && c | d > e" },
};

/* `script` and these lines and `end script` give … */
static const struct pair blocks[] = {
	{ "", "" },
	{ "echo hi\n", "echo hi\n" },
	{ "    a\n    b\n", "a\nb\n" },
	{ "  a\n    b\n  c\n", "a\n  b\nc\n" },
	{ "    a\n  b\n", "  a\nb\n" },
	{ "\ta\n        b\n", "\ta\n        b\n" },
	{ "\t a\n\t\tb\n", " a\n\tb\n" },
	/* D25: blank lines do not count */
	{ "  a\n\n  b\n", "a\n\nb\n" },
	{ "\n  a\n \n    \n", "\na\n\n  \n" },
	{ "  a\r\n\r\n  b\r\n", "a\r\n\r\nb\r\n" },
	{ "\n\n", "\n\n" },
	{ "echo \"it's # no comment\\\n", "echo \"it's # no comment\\\n" },
	{ "endscript\nend scripts\nend script now\nend\nscript\nEND SCRIPT\nxend script\n",
	  "endscript\nend scripts\nend script now\nend\nscript\nEND SCRIPT\nxend script\n" },
};

static const char *const block_ends[] = {
	"end script", "end script\n", " \tend \t script \r\n", "end script # done", "end script#done\ntask\n",
};

static void
test_words(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		auto_free char *text = str_printf("description %s\ntask\n", words[i].text);
		auto_parsed struct parsed p = parse_good(text);

		assert_string_equal(p.cls->description, words[i].want);
		assert_true(p.cls->task);
	}
}

static void
test_words_at_end_of_file(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		auto_free char *text = str_printf("description %s", words[i].text);
		auto_parsed struct parsed p = parse_good(text);

		assert_string_equal(p.cls->description, words[i].want);
	}
}

static void
test_commands(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		auto_free char *text = str_printf("pre-stop exec %s\ntask\n", commands[i].text);
		auto_parsed struct parsed p = parse_good(text);

		assert_string_equal(p.cls->process[PROCESS_PRE_STOP].command, commands[i].want);
		assert_false(p.cls->process[PROCESS_PRE_STOP].script);
		assert_true(p.cls->task);
	}
}

static void
test_blocks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(block_ends); j++) {
			auto_free char *text = str_printf("script # x\n%s%s", blocks[i].text, block_ends[j]);
			auto_parsed struct parsed p = parse_good(text);

			assert_string_equal(p.cls->process[PROCESS_MAIN].command, blocks[i].want);
			assert_true(p.cls->process[PROCESS_MAIN].script);
		}
	}
}

/* D19: backslash-newline is a blank at the start of a line and behind a keyword. */
static void
test_continuations(void **state)
{
	auto_parsed struct parsed p =
	    parse_good("\\\n  task\nexec\\\n/bin/x\nkill\\\ntimeout\\\n7\n\\\n\\\n\nrespawn\n");

	assert_true(p.cls->task);
	assert_true(p.cls->respawn);
	assert_string_equal(p.cls->process[PROCESS_MAIN].command, "/bin/x");
	assert_int_equal(p.cls->kill_timeout, 7);
}

static void
test_exec_and_script_replace_each_other(void **state)
{
	auto_parsed struct parsed p = parse_good("exec a\nscript\nb\nend script\npre-start script\nc\nend script\n"
						 "pre-start exec d\n");

	assert_string_equal(p.cls->process[PROCESS_MAIN].command, "b\n");
	assert_true(p.cls->process[PROCESS_MAIN].script);
	assert_string_equal(p.cls->process[PROCESS_PRE_START].command, "d");
	assert_false(p.cls->process[PROCESS_PRE_START].script);
}

/* A word of any bytes is written so that it reads back. */
static void
test_words_print(void **state)
{
	static const char alphabet[] = "ab \t\r\"'\\#()=!$x\xc3";
	uint64_t seed = 1;

	for (int i = 0; i < 3000; i++) {
		auto_parsed struct parsed p = parse_good("start on event a\nemits x\n");
		size_t n = 1 + unit_random(&seed) % 12;
		char word[16] = "";

		for (size_t j = 0; j < n; j++)
			word[j] = alphabet[unit_random(&seed) % (sizeof(alphabet) - 1)];
		p.cls->usage = strdup(word);
		free(p.cls->emits[0]);
		p.cls->emits[0] = strdup(word);
		free(p.cls->start_on->nodes[0].args[0]);
		p.cls->start_on->nodes[0].args[0] = strdup(word);
		free(p.cls->start_on->nodes[0].name);
		p.cls->start_on->nodes[0].name = strdup(word);

		auto_free char *text = job_class_print(p.cls);
		auto_parsed struct parsed again = parse_good(text);

		if (!job_class_equal(p.cls, again.cls))
			fail_msg("%s", text);
	}
}

/* A hundred thousand of anything takes no time and no stack. */
static void
test_large(void **state)
{
	enum { MANY = 100000 };
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "emits");
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, " e");
	strbuf_add(&b, "\nnormal exit");
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, " 1");
	for (int i = 0; i < MANY; i++)
		strbuf_addf(&b, "\ncgroup c n%d k v", i);
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, "\nenv A=1");
	strbuf_add(&b, "\nstart on ");
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, "(a or ");
	strbuf_add(&b, "a");
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, ")");
	strbuf_add(&b, "\nstop on a");
	for (int i = 0; i < MANY; i++)
		strbuf_add(&b, " and a");
	strbuf_add(&b, "\n");

	auto_parsed struct parsed p = parse_good(b.p);
	auto_free char *text = job_class_print(p.cls);
	auto_parsed struct parsed again = parse_good(text);

	assert_true(job_class_equal(p.cls, again.cls));
	assert_int_equal(p.cls->n_cgroups, MANY);
	assert_int_equal(strv_len(p.cls->env), MANY);
	assert_int_equal(p.cls->start_on->n_leaves, MANY + 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),         cmocka_unit_test(test_words_at_end_of_file),
		cmocka_unit_test(test_commands),      cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_continuations), cmocka_unit_test(test_exec_and_script_replace_each_other),
		cmocka_unit_test(test_words_print),   cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
