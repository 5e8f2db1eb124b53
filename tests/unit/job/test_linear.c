/* SPDX-License-Identifier: MIT */
/*
 * No job file takes more than linear time or memory, up to 1 MiB. Time is the number of basic blocks run in our code,
 * memory the number of allocations and the most bytes in use: the compiler and the linker let us count them.
 */
#include <malloc.h>

#include "jobtest.h"

#define SMALL (64u * 1024)
#define LARGE (1024u * 1024)
#define FACTOR (LARGE / SMALL)

/* What it may take, for each byte of the file; constants that hold with room for the shapes below, and no quadratic
 * one. */
#define STEPS_MAX 400
#define BYTES_MAX 1200
#define ALLOCATIONS_PER_BYTE 3

static uint64_t steps, allocations;
static int64_t in_use, most_in_use; /* what libc allocates by itself is not seen */

void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
	steps++;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static void *
count(void *p)
{
	allocations++;
	in_use += (int64_t) malloc_usable_size(p);
	if (in_use > most_in_use)
		most_in_use = in_use;
	return p;
}

void *
__wrap_malloc(size_t size)
{
	return count(__real_malloc(size));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return count(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t size)
{
	in_use -= (int64_t) malloc_usable_size(p);
	return count(__real_realloc(p, size));
}

char *
__wrap_strdup(const char *s)
{
	return count(__real_strdup(s));
}

void
__wrap_free(void *p)
{
	in_use -= (int64_t) malloc_usable_size(p);
	__real_free(p);
}

/* A file: what it begins with, what is repeated (%N is the number of the repetition), what it ends with. */
static const struct {
	const char *first, *again, *last;
} shapes[] = {
	{ "description ", "x", "\n" },
	{ "description \"", " \\\n ", "\"\n" },
	{ "description ", "\\\n", "x\n" },
	{ "description a", "\\\nb", "\n" },
	{ "exec a", " \\b 'c' \"d\"", "\n" },
	{ "exec \"", "\n", "\"\n" },
	{ "", "\n", "" },
	{ "", "# x\n", "" },
	{ "", "task#x\n", "" },
	{ "", "env A%N=b\n", "" },
	{ "env B\n", "export A%N B\n", "" },
	{ "", "emits a b c\n", "" },
	{ "emits", " a", "\n" },
	{ "normal exit", " 1 TERM", "\n" },
	{ "", "cgroup c n k%N v\n", "" },
	{ "", "mount a b\n", "" },
	{ "", "wibble\n", "" },
	{ "", "nice 99\n", "" },
	{ "", "exec \"oops\n", "" },
	{ "", "start on (\n", "" },
	{ "", "'\n", "" },
	{ "", "script\n", "" },
	{ "", "script x\n end script\n", "" },
	{ "", "x script\n", "" },
	{ "script\n", " end scrip\n", "end script\n" },
	{ "script\n", "\tx\n", "end script\n" },
	{ "script\n", "\n", "end script\n" },
	{ "", "script\nend script\n", "" },
	{ "start on ", "(", "" },
	{ "start on a", " or b", "\n" },
	{ "start on a", " or (b and c X=%N)", "\n" },
	{ "start on a", " X=%N", "\n" },
	{ "while ", "not ", "a\n" },
	{ "while a", " and not (b or not c)", "\n" },
	{ "start on (a", "\n# x\n", ")\n" },
	{ "instance ", "${A:-", "\n" },
	{ "", "start on a and b\nstop on c\n", "" },
	{ "", "\\\n", "" },
	{ "", "\\", "" },
	{ "", "manual ", "" },
	{ "", "kill timeout 5 # x\nlimit core 1 2\n", "" },
};

static char *
make_shape(size_t shape, size_t size, size_t *length)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, shapes[shape].first);
	for (unsigned n = 0; b.len < size; n++) {
		const char *again = shapes[shape].again;
		const char *number = strstr(again, "%N");

		if (number == NULL)
			strbuf_add(&b, again);
		else
			strbuf_addf(&b, "%.*s%u%s", (int) (number - again), again, n, number + 2);
	}
	strbuf_add(&b, shapes[shape].last);
	*length = b.len;
	return strbuf_steal(&b);
}

struct cost {
	uint64_t steps, allocations, bytes;
};

/* Parse, and if it is right write it, read that and compare. */
static struct cost
measure(size_t shape, size_t size)
{
	size_t length;
	auto_free char *text = make_shape(shape, size, &length);
	int64_t before = in_use;
	auto_free char *printed = NULL;

	steps = allocations = 0;
	most_in_use = in_use;
	auto_parsed struct parsed p = parse_span((struct span){ text, length });

	if (p.r == 0) {
		auto_parsed struct parsed again = { 0 };

		printed = job_class_print(p.cls);
		again = parse_text(printed);
		if (again.r != 0 || !job_class_equal(p.cls, again.cls))
			fail_msg("%s does not read back", shapes[shape].again);
	}
	return (struct cost){ steps, allocations, (uint64_t) (most_in_use - before) };
}

static void
test_linear(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct cost small = measure(i, SMALL), large = measure(i, LARGE);

		if (large.steps > STEPS_MAX * (uint64_t) LARGE || large.bytes > BYTES_MAX * (uint64_t) LARGE ||
		    large.allocations > ALLOCATIONS_PER_BYTE * (uint64_t) LARGE)
			fail_msg("%s%s…: %lu steps, %lu bytes, %lu allocations", shapes[i].first, shapes[i].again,
				 (unsigned long) large.steps, (unsigned long) large.bytes,
				 (unsigned long) large.allocations);
		/* Sixteen times as large takes no more than sixteen times as long, but for a start that is hard to see.
		 */
		if (large.steps > (FACTOR + FACTOR / 4) * (small.steps + SMALL) ||
		    large.bytes > 2 * FACTOR * (small.bytes + SMALL) ||
		    large.allocations > (FACTOR + FACTOR / 4) * (small.allocations + 100))
			fail_msg("%s%s… grows: steps %lu to %lu, bytes %lu to %lu, allocations %lu to %lu",
				 shapes[i].first, shapes[i].again, (unsigned long) small.steps,
				 (unsigned long) large.steps, (unsigned long) small.bytes, (unsigned long) large.bytes,
				 (unsigned long) small.allocations, (unsigned long) large.allocations);
	}
}

/* Texts that are expanded, made like the files above. */
static const struct {
	const char *first, *again, *last;
} texts[] = {
	{ "", "x", "" },	{ "", "$", "" },	{ "", "$A", "" },	 { "", "${A}", "" },
	{ "", "${A:-b}", "" },	{ "", "${NO:-b}", "" }, { "", "${NO+$NO}", "" }, { "", "${", "" },
	{ "", "${NO:-", "" },	{ "", "${A:+", "" },	{ "${A:-", "${A", "" },	 { "${A-", "}{", "}" },
	{ "${NO-", "{}", "}" }, { "", "\\", "" },	{ "${", "A B", "}" },
};

static struct cost
measure_expansion(size_t i, size_t size)
{
	static const char *const env[] = { "A=1", "B=", NULL };
	struct strbuf b = STRBUF_INIT;
	struct error err = ERROR_INIT;
	auto_free char *out = NULL;
	auto_free char *text = NULL;
	int64_t before;

	strbuf_add(&b, texts[i].first);
	while (b.len < size)
		strbuf_add(&b, texts[i].again);
	strbuf_add(&b, texts[i].last);
	text = strbuf_steal(&b);
	before = in_use;
	steps = allocations = 0;
	most_in_use = in_use;
	(void) !env_expand(&out, text, TABLE(env), &err);
	return (struct cost){ steps, allocations, (uint64_t) (most_in_use - before) };
}

static void
test_expansion_is_linear(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cost small = measure_expansion(i, SMALL), large = measure_expansion(i, LARGE - 16);

		if (large.steps > (FACTOR + FACTOR / 4) * (small.steps + SMALL) ||
		    large.bytes > 2 * FACTOR * (small.bytes + SMALL) ||
		    large.allocations > (FACTOR + FACTOR / 4) * (small.allocations + 100) ||
		    large.steps > STEPS_MAX * (uint64_t) LARGE || large.bytes > BYTES_MAX * (uint64_t) LARGE)
			fail_msg("%s%s… grows: steps %lu to %lu, bytes %lu to %lu, allocations %lu to %lu",
				 texts[i].first, texts[i].again, (unsigned long) small.steps,
				 (unsigned long) large.steps, (unsigned long) small.bytes, (unsigned long) large.bytes,
				 (unsigned long) small.allocations, (unsigned long) large.allocations);
	}
}

/* A term of many arguments, and a long value. */
static void
test_matching_is_linear(void **state)
{
	struct cost cost[2] = { 0 };
	static const char *const vars[] = { "V=eth*", NULL };

	for (size_t round = 0; round < 2; round++) {
		size_t n = round == 0 ? 4096 : 65536;
		auto_strbuf struct strbuf text = STRBUF_INIT, value = STRBUF_INIT;
		struct parse_report report = { 0 };
		struct condition *cond = NULL;

		strbuf_add(&text, "e");
		for (size_t i = 0; i < n; i++)
			strbuf_add(&text, i % 2 ? " A=$V" : " A!=x${V:-y}");
		for (size_t i = 0; i < n; i++)
			strbuf_add(&value, i == 0 ? "A=eth" : "0");
		char *const env[] = { value.p, NULL };

		assert_int_equal(condition_parse((struct span){ text.p, text.len }, "x", false, &cond, &report), 0);
		steps = allocations = 0;
		assert_true(condition_node_matches(&cond->nodes[0], "e", env, TABLE(vars)));
		cost[round] = (struct cost){ steps, allocations, 0 };
		(void) condition_free(cond);
		parse_report_deinit(&report);
	}
	assert_true(cost[0].steps > 4096 && cost[0].allocations > 0);
	assert_true(cost[1].steps <= (FACTOR + FACTOR / 4) * cost[0].steps);
	assert_true(cost[1].allocations <= (FACTOR + FACTOR / 4) * cost[0].allocations);
}

/* The counters count: else the test above would always pass. */
static void
test_counters(void **state)
{
	struct cost cost = measure(0, SMALL);

	assert_true(cost.steps > SMALL);
	assert_true(cost.allocations > 10 && cost.bytes > SMALL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_expansion_is_linear),
		cmocka_unit_test(test_matching_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
