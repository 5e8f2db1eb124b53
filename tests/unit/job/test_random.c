/* SPDX-License-Identifier: MIT */
/*
 * Properties of random job files: what is right is written so that it reads back as the same and is written the same
 * again; an override means what the same lines at the end of the file mean; a fault has a place within the file.
 * Lines are made from the table of stanzas, so that a new one is among them by itself.
 */
#include "job/stanza.h"
#include "jobtest.h"

#define LINES 60000
#define FILES 3000

static uint64_t seed = 20131028;

static size_t
below(size_t n)
{
	return unit_random(&seed) % n;
}

static const char *
one_of(const char *const *v, size_t n)
{
	return v[below(n)];
}

#define ONE_OF(v) one_of(v, ARRAY_SIZE(v))

/* Words that some stanza takes, and how odd ones are written. */
static const char *const words[] = {
	"0", "1", "9", "10", "255", "256", "010", "+3", "-5", "-1000", "4294967296", "18446744073709551615", "unlimited",
	"never", "score", "TERM", "SIGUSR1", "RTMIN+2", "core", "nofile", "nice", "as", "log", "none", "output", "owner",
	"stop", "fork", "daemon", "exit", "pidfile", "notify", "fd", "listen", "timeout", "group", "tree", "10M", "2d",
	"zstd", "json", "time", "syslog", "journald", "net", "pid", "bare", "user", "uts", "mount", "tmp", "dev", "proc",
	"join", "share", "optional", "create", "delegate", "net-up", "a", "/a/b", "A=1", "B", "B!=x*", "$X", "${X:-y}",
	"=", "!=", "and", "or", "not", "limit", "delay", "on", "022", "777", "caf\xc3\xa9", "\xff\xfe", "cpu", "memory",
};
static const char *const odd_words[] = {
	"\"q r\"", "'q r'", "\"\"", "''", "a\\ b", "a\\\tb", "\\$X", "\"say \\\"x\\\"\"", "'it\\'s'", "x\"y z\"w", "\\\\",
	"\"\\\\\"", "x\\#y", "'#'", "\"a\n  b\"", "\"a\\\n b\"", "x\\\ny", "\"(\"", "')'", "\"and\"", "A=\"b c\"", "\" \"",
	"\"\t\"", "a#b", "\\", "\"", "\r", "\v", "\f",
};
static const char *const gaps[] = { " ", " ", " ", " ", "\t", "  ", " \t ", " \\\n ", "\\\n\t" };
static const char *const ends[] = { "\n", "\n", "\n", " \n", "\r\n", " # c\n", "#c\n", " \\\n\n" };

static void
add_random_word(struct strbuf *b)
{
	static const char alphabet[] = "ab1$=!-\"'\\ #()\t\xc3";

	switch (below(8)) {
	case 0:
		for (size_t n = 1 + below(8); n > 0; n--)
			strbuf_addc(b, alphabet[below(sizeof(alphabet) - 1)]);
		break;
	case 1:
	case 2:
		strbuf_add(b, ONE_OF(odd_words));
		break;
	default:
		strbuf_add(b, ONE_OF(words));
		break;
	}
}

static void
add_match(struct strbuf *b, unsigned depth)
{
	static const char *const names[] = { "a", "started", "stopping", "net-up", "\"and\"", "'x y'", "none", "\\(q" };

	if (depth > 0 && below(3) == 0) {
		strbuf_add(b, "not ");
		add_match(b, depth - 1);
		return;
	}
	strbuf_add(b, ONE_OF(names));
	for (size_t n = below(4); n > 0; n--) {
		strbuf_add(b, ONE_OF(gaps));
		strbuf_addf(b, "%s%s", below(2) ? "K=" : below(2) ? "K!=" : "", below(4) ? ONE_OF(words) : ONE_OF(odd_words));
	}
}

static void
add_expression(struct strbuf *b, bool parens, unsigned depth)
{
	static const char *const between[] = { " ", "\n", " # c\n", "\n\n  ", "" };

	if (depth == 0) {
		add_match(b, 2);
		return;
	}
	add_expression(b, parens, depth - 1 - (unsigned) below(depth));
	for (size_t n = below(3); n > 0; n--) {
		strbuf_add(b, below(2) ? " and " : " or ");
		if (below(2)) {
			strbuf_addf(b, "(%s", ONE_OF(between));
			add_expression(b, true, depth - 1);
			strbuf_addf(b, "%s)", ONE_OF(between));
		} else {
			add_expression(b, parens, 0);
		}
	}
}

static void
add_block(struct strbuf *b)
{
	static const char *const lines[] = { "\ta\n", "  b\n", "\n", "  \n", "echo \"open\n", "# c\n", "end scripts\n",
					     "    cat <<E\n", "x\\\n", "\r\n", "\xff\n" };

	strbuf_add(b, below(4) ? "\n" : " # c\n");
	for (size_t n = below(6); n > 0; n--)
		strbuf_add(b, ONE_OF(lines));
	strbuf_add(b, below(3) ? "end script\n" : "\t end \t script # c\n");
}

/* A stanza, right more often than by chance. */
static char *
random_stanza(void)
{
	const struct stanza *s = job_stanzas();
	struct strbuf b = STRBUF_INIT;
	size_t rows = 0, subs = 0;

	while (s[rows].name != NULL)
		rows++;
	s += below(rows);
	strbuf_add(&b, s->name);
	while (s->sub != NULL && s->sub[subs].name != NULL)
		subs++;
	if (subs > 0 && (s->parse == NULL || below(3) > 0)) {
		s = &s->sub[below(subs)];
		strbuf_addf(&b, "%s%s", ONE_OF(gaps), s->name);
	}
	if (strcmp(s->name, "script") == 0) {
		add_block(&b);
		return strbuf_steal(&b);
	}
	if (strcmp(s->name, "on") == 0 || strcmp(s->name, "while") == 0) {
		strbuf_addc(&b, ' ');
		add_expression(&b, false, (unsigned) below(4));
	} else {
		for (size_t n = s->usage != NULL && *s->usage == '\0' ? below(8) == 0 : below(4); n > 0; n--) {
			strbuf_add(&b, ONE_OF(gaps));
			add_random_word(&b);
		}
	}
	strbuf_add(&b, ONE_OF(ends));
	return strbuf_steal(&b);
}

/* What is right is written so that it reads back. */
static void
check_written(const struct parsed *p, const char *text)
{
	auto_free char *written = job_class_print(p->cls);
	auto_parsed struct parsed again = parse_text(written);
	auto_free char *written_again = again.r == 0 ? job_class_print(again.cls) : NULL;

	if (again.r != 0)
		fail_msg("%s\nis written as\n%s\nwhich is refused: %s", text, written, again.report.issues[0].message);
	if (!job_class_equal(p->cls, again.cls))
		fail_msg("%s\nis written as\n%s\nwhich is another", text, written);
	assert_string_equal(written_again, written);
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 1;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* Every fault is somewhere in the file, and the line of the log never before it. */
static void
check_places(const struct parsed *p, const char *text)
{
	unsigned lines = count_lines(text);

	for (size_t i = 0; i < p->report.n; i++) {
		const struct parse_issue *issue = &p->report.issues[i];

		if (issue->at_line < 1 || issue->line < issue->at_line || issue->line > lines || issue->column < 1 ||
		    issue->column > strlen(text) + 1)
			fail_msg("%s\n%s at %u:%u, line %u", text, issue->id, issue->at_line, issue->column, issue->line);
	}
}

/* Right lines, to build files of; owned. */
static char *right[LINES];
static size_t n_right;

static void
test_single_stanzas(void **state)
{
	size_t refused = 0;

	for (size_t i = 0; i < LINES; i++) {
		char *text = random_stanza();
		auto_parsed struct parsed p = parse_text(text);

		check_places(&p, text);
		if (p.r == 0)
			check_written(&p, text);
		refused += p.r != 0;
		if (p.r == 0 && text[strlen(text) - 2] != '\\') /* that would go on in the next */
			right[n_right++] = text;
		else
			free(text);
	}
	assert_true(n_right > LINES / 5 && refused > LINES / 5);
}

static void
add_right(struct strbuf *b, size_t n)
{
	while (n-- > 0)
		strbuf_add(b, right[below(n_right)]);
}

static void
test_whole_files_and_overrides(void **state)
{
	for (size_t i = 0; i < FILES; i++) {
		auto_strbuf struct strbuf conf = STRBUF_INIT, over = STRBUF_INIT;

		add_right(&conf, 1 + below(20));
		add_right(&over, 1 + below(6));
		auto_free char *whole = str_printf("%s%s", conf.p, over.p);
		auto_parsed struct parsed one = parse_good(whole);
		auto_parsed struct parsed two = parse_both(conf.p, over.p);

		check_written(&one, whole);
		assert_int_equal(two.r, 0);
		if (!job_class_equal(one.cls, two.cls))
			fail_msg("%s\nand then\n%s\nis another than both in one", conf.p, over.p);
	}
}

/* A faulty line anywhere refuses the file, is told, and hides no other fault. */
static void
test_faults_among_right_lines(void **state)
{
	for (size_t i = 0; i < FILES; i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		unsigned first, second;

		add_right(&b, below(10));
		first = count_lines(b.p != NULL ? b.p : "");
		strbuf_add(&b, "nice 99\n");
		add_right(&b, below(10));
		second = count_lines(b.p);
		strbuf_add(&b, "wibble\n");
		add_right(&b, below(10));
		auto_parsed struct parsed p = parse_text(b.p);

		assert_int_equal(p.r, -EINVAL);
		assert_int_equal(p.report.errors, 2);
		for (size_t j = 0, n = 0; j < p.report.n; j++)
			if (!p.report.issues[j].warning)
				assert_int_equal(p.report.issues[j].line, n++ == 0 ? first : second);
	}
}

static int
free_right(void **state)
{
	for (size_t i = 0; i < n_right; i++)
		free(right[i]);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_stanzas),
		cmocka_unit_test(test_whole_files_and_overrides),
		cmocka_unit_test(test_faults_among_right_lines),
	};

	return cmocka_run_group_tests(tests, NULL, free_right);
}
