/* SPDX-License-Identifier: MIT */
#include "initctl/dot.h"

#include <errno.h>
#include <string.h>

#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int
read_text(struct listing *listing, const char *text, char **line)
{
	FILE *in = fmemopen((void *) text, strlen(text), "r");
	int r;

	assert_non_null(in);
	r = listing_read(listing, in, line);
	assert_int_equal(fclose(in), 0);
	return r;
}

/* The lines of the graph that have an arrow, or all when `all`. */
static char *
draw(const char *text, char *const *only, bool all)
{
	static const struct dot_colours colours = DOT_COLOURS;
	struct listing listing auto_listing = LISTING_INIT;
	struct strbuf arrows auto_strbuf = STRBUF_INIT;
	char *graph auto_free = NULL, *line auto_free = NULL, *rest, *next;
	size_t size = 0;
	FILE *out = open_memstream(&graph, &size);

	assert_int_equal(read_text(&listing, text, &line), 0);
	assert_int_equal(dot_write(out, &listing, only, &colours), 0);
	assert_int_equal(fclose(out), 0);
	for (rest = graph; (next = strsep(&rest, "\n"));) {
		if (all || strstr(next, " -> "))
			strbuf_addf(&arrows, "%s\n", next);
	}
	return strbuf_steal(&arrows);
}

static void
test_arrows_go_from_cause_to_effect(void **state unused)
{
	char *arrows auto_free = draw("a\n"
				      "  emits up\n"
				      "  start on begin (job:, env: X=1)\n"
				      "  stop on stopping (job: b, env:)\n"
				      "b\n"
				      "  start on up (job:, env:)\n",
				      NULL, false);

	assert_string_equal(arrows, "  event_begin -> job_a:start [color=\"blue\"];\n"
				    "  job_b:job -> job_a:stop [color=\"red\"];\n"
				    "  job_a:job -> event_up [color=\"green\"];\n"
				    "  event_up -> job_b:start [color=\"blue\"];\n");
}

static void
test_arrow_of_starting_goes_the_other_way(void **state unused)
{
	char *arrows auto_free = draw("first\n  start on starting (job: second, env:)\nsecond\n", NULL, false);

	assert_string_equal(arrows, "  job_first:start -> job_second:job [color=\"blue\"];\n");
}

static void
test_job_event_of_any_job_is_an_event(void **state unused)
{
	char *arrows auto_free = draw("a\n  start on started (job:, env: RESULT=ok)\n", NULL, false);

	assert_string_equal(arrows, "  event_started -> job_a:start [color=\"blue\"];\n");
}

static void
test_names_become_identifiers(void **state unused)
{
	char *arrows auto_free = draw("net/eth-0.1\n  emits a*$B\n  start on started (job: x y, env:)\n", NULL, false);

	assert_string_equal(arrows, "  job_xblanky:job -> job_netslasheth_0dot1:start [color=\"blue\"];\n"
				    "  job_netslasheth_0dot1:job -> event_astardollar_B [color=\"green\"];\n");
}

static void
test_patterns_are_dotted_and_labels_quoted(void **state unused)
{
	char *graph auto_free = draw("a{\"}\n  emits b*\n", NULL, true);

	assert_non_null(strstr(graph, "label=\"<job> a\\{\\\"\\} | {"));
	assert_non_null(strstr(graph,
			       "event_bstar [label=\"b*\", shape=diamond, fontcolor=\"black\", fillcolor=\"thistle\", "
			       "style=\"filled,dotted\"];"));
}

static void
test_restriction_leaves_out_strangers(void **state unused)
{
	char *only[] = { (char *) "b", NULL };
	char *graph auto_free =
	    draw("a\n  start on started (job: b, env:)\nb\nc\n  start on x (job:, env:)\n", only, true);

	assert_non_null(strstr(graph, "job_b:job -> job_a:start"));
	assert_null(strstr(graph, "job_c"));
	assert_null(strstr(graph, "event_x"));
}

static void
test_line_that_makes_no_sense_is_named(void **state unused)
{
	static const char *const bad[] = { "  emits x",
					   "a\n  emits ",
					   "a\n  start on x",
					   "a\n  start on x (job:, env:",
					   "a\n wibble",
					   "a\n  stop on x (job:y, env:)",
					   "a\n  start on  (job:, env:)",
					   "a\n  stop on x (env:)" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct listing listing auto_listing = LISTING_INIT;
		char *line auto_free = NULL;

		assert_int_equal(read_text(&listing, bad[i], &line), -EINVAL);
		assert_string_equal(line, bad[i][0] == 'a' ? bad[i] + 2 : bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrows_go_from_cause_to_effect),
		cmocka_unit_test(test_arrow_of_starting_goes_the_other_way),
		cmocka_unit_test(test_job_event_of_any_job_is_an_event),
		cmocka_unit_test(test_names_become_identifiers),
		cmocka_unit_test(test_patterns_are_dotted_and_labels_quoted),
		cmocka_unit_test(test_restriction_leaves_out_strangers),
		cmocka_unit_test(test_line_that_makes_no_sense_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
