/* SPDX-License-Identifier: MIT */
/*
 * Conditions: the shape of the tree, truth, matching one event, text (job-language.md 4).
 */
#include "jobtest.h"

static struct condition *
condition_of(const char *text)
{
	struct parse_report report = { 0 };
	struct condition *cond = NULL;

	if (condition_parse(span_of(text), "test", false, &cond, &report) != 0)
		fail_msg("\"%s\" is refused: %s", text, report.n > 0 ? report.issues[0].message : "?");
	parse_report_deinit(&report);
	return cond;
}

static void
condition_free_p(struct condition **cond)
{
	*cond = condition_free(*cond);
}

#define auto_condition __attribute__((cleanup(condition_free_p)))

static void
test_reverse_polish_order(void **state)
{
	auto_condition struct condition *c = condition_of("a X=1 and (b or c)\n");

	assert_int_equal(c->n_nodes, 5);
	assert_int_equal(c->n_leaves, 3);
	assert_string_equal(c->nodes[0].name, "a");
	assert_string_equal(c->nodes[0].args[0], "X=1");
	assert_string_equal(c->nodes[1].name, "b");
	assert_null(c->nodes[1].args);
	assert_string_equal(c->nodes[2].name, "c");
	assert_int_equal(c->nodes[3].type, CONDITION_OR);
	assert_int_equal(c->nodes[3].left, 1);
	assert_int_equal(c->nodes[3].right, 2);
	assert_int_equal(c->nodes[4].type, CONDITION_AND);
	assert_int_equal(c->nodes[4].left, 0);
	assert_int_equal(c->nodes[4].right, 3);
	assert_int_equal(c->nodes[4].parent, -1);
	assert_int_equal(c->nodes[3].parent, 4);
	assert_int_equal(c->nodes[0].parent, 4);
	assert_int_equal(c->nodes[2].parent, 3);
	for (int i = 0; i < c->n_leaves; i++) {
		assert_int_equal(c->leaves[i], i);
		assert_int_equal(c->nodes[i].leaf, i);
	}
	assert_int_equal(c->nodes[3].leaf, -1);
}

static const struct {
	const char *text;
	const char *want;
} prints[] = {
	{ "a", "a" },
	{ "a # x", "a" },
	{ "a or b and c", "((a or b) and c)" },
	{ "a and b or c and d", "(((a and b) or c) and d)" },
	{ "a or (b and c)", "(a or (b and c))" },
	{ "((a))", "a" },
	{ "(a)and(b)", "(a and b)" },
	{ "(a # x\n\n # y\n or\n\n b)", "(a or b)" },
	{ "a \\\n or b", "(a or b)" },
	{ "a X=1 Y!=2 ", "a X=1 Y!=2" },
	{ "a p q X='b c' Y=\"\"", "a p q X=\"b c\" Y=" },
	{ "started JOB=\"x y\" or foo A='b c' D=$E", "(started JOB=\"x y\" or foo A=\"b c\" D=$E)" },
	{ "\"and\" or 'or' \"and\"", "(\"and\" or \"or\" \"and\")" },
	{ "AND And", "AND And" },
	{ "a '#x' X=\"(1)\" \"Y#=1\"", "a \"#x\" X=\"(1)\" \"Y#=1\"" },
	{ "a \\$y X=\\\\d", "a \"\\\\$y\" X=\"\\\\d\"" },
	{ "a \\(b", "a \"\\\\(b\"" },
	{ "X=1", "X=1" },
	{ "a =", "a =" },
	{ "a=\"x y\"", "\"a=x y\"" },
};

static void
test_print(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(prints); i++) {
		auto_condition struct condition *c = condition_of(prints[i].text);
		auto_free char *text = condition_print(c);
		auto_condition struct condition *again = condition_of(text);

		assert_string_equal(text, prints[i].want);
		assert_true(condition_equal(c, again));
	}
}

static void
test_refused(void **state)
{
	static const char *const texts[] = { "",   "\n",      "# x\n", "a X=and or or", "a\nb", "a)",
					     "()", "a b=1 c", "(a",    "\"a",           "a\\" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct parse_report report = { 0 };
		struct condition *cond = NULL;

		assert_int_equal(condition_parse(span_of(texts[i]), "test", false, &cond, &report), -EINVAL);
		assert_null(cond);
		assert_true(report.errors > 0);
		parse_report_deinit(&report);
	}
}

static void
test_equal(void **state)
{
	auto_condition struct condition *a = condition_of("a X=1 and b");
	static const char *const others[] = { "a X=1 or b", "a X=2 and b", "a and b",
					      "a X=1",      "b and a X=1", "a X=1 and b and c" };

	assert_true(condition_equal(a, a));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		auto_condition struct condition *b = condition_of(others[i]);

		assert_false(condition_equal(a, b));
	}
}

/* Truth, and which leaves count, as strings of 0 and 1 by leaf. */
static const struct {
	const char *text;
	const char *held;
	bool want;
	const char *used;
} truths[] = {
	{ "a", "0", false, "0" },
	{ "a", "1", true, "1" },
	{ "a and b", "10", false, "00" },
	{ "a and b", "11", true, "11" },
	{ "a or b", "01", true, "01" },
	{ "a or b", "11", true, "11" },
	{ "(a and b) or c", "101", true, "001" },
	{ "(a and b) or c", "111", true, "111" },
	{ "(a and b) or c", "110", true, "110" },
	{ "(a or b) and (c or d)", "0110", true, "0110" },
	{ "(a or b) and (c or d)", "1100", false, "0000" },
};

static void
test_truth(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(truths); i++) {
		auto_condition struct condition *c = condition_of(truths[i].text);
		bool held[4];
		bool used[4];

		for (int j = 0; j < c->n_leaves; j++)
			held[j] = truths[i].held[j] == '1';
		assert_int_equal(condition_evaluate(c, held, NULL), truths[i].want);
		assert_int_equal(condition_evaluate(c, held, used), truths[i].want);
		for (int j = 0; j < c->n_leaves; j++)
			assert_int_equal(used[j], truths[i].used[j] == '1');
	}
}

static const struct {
	const char *match;
	bool want;
} matches[] = {
	{ "net-up", true },
	{ "net-up eth*", true },
	{ "net-up eth0 1000", true },
	{ "net-up eth0 1???", true },
	{ "net-up SPEED=1???", true },
	{ "net-up IFACE!=lo", true },
	{ "net-up IFACE=eth0 SPEED=1000 PATH=*", true },
	{ "net-up SPEED=1000 IFACE=eth0", true },
	{ "net-up EMPTY=", true },
	{ "net-up EMPTY!=x", true },
	{ "net-up PATH=/a/.b/*", true },
	{ "net-up PATH=?a?.b?c", true },
	{ "net-up IFACE=[a-f]th[!1-9]", true },
	{ "net-up IFACE=eth\\\\0", true },
	{ "net-up IFACE=$WANT", true },
	{ "net-up IFACE=${NO:-e*}", true },
	{ "net-up STAR=\\\\*", true },
	{ "net-up EQ=a=b", true },
	{ "net-up EQ=a!=b", false },
	{ "net-up NOT=a!=b", true },
	{ "net-up IFACE!=${NO:-lo}", true },
	{ "net-down", false },
	{ "net-*", false },
	{ "net-up eth0 1000 /a/.b/c \"*\" '*' '*' '*' '*'", false },
	{ "net-up eth1", false },
	{ "net-up eth0 x", false },
	{ "net-up COLOUR=red", false },
	{ "net-up COLOUR!=red", false },
	{ "net-up =x", false },
	{ "net-up !=x", false },
	{ "net-up IFACE!=eth*", false },
	{ "net-up IFACE=", false },
	{ "net-up IFACE=ETH0", false },
	{ "net-up IFACE=$NO", false },
	{ "net-up IFACE!=$NO", false },
	{ "net-up IFACE=${NO", false },
	{ "net-up IFAC=eth0", false },
};

static const char *const event_env[] = { "IFACE=eth0", "SPEED=1000", "PATH=/a/.b/c", "EMPTY=",
					 "STAR=*",     "EQ=a=b",     "NOT=a!=b",     NULL };
static const char *const vars[] = { "WANT=eth0", NULL };

static void
test_match(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		auto_condition struct condition *c = condition_of(matches[i].match);

		if (condition_node_matches(&c->nodes[0], "net-up", TABLE(event_env), TABLE(vars)) != matches[i].want)
			fail_msg("%s", matches[i].match);
	}
}

static void
test_match_without_variables(void **state)
{
	auto_condition struct condition *bare = condition_of("e");
	auto_condition struct condition *positional = condition_of("e *");
	auto_condition struct condition *named = condition_of("e A=*");
	auto_condition struct condition *both = condition_of("e and f");

	assert_true(condition_node_matches(&bare->nodes[0], "e", NULL, NULL));
	assert_false(condition_node_matches(&positional->nodes[0], "e", NULL, NULL));
	assert_false(condition_node_matches(&named->nodes[0], "e", NULL, NULL));
	assert_false(condition_node_matches(&both->nodes[2], "e", NULL, NULL));
}

/* Neither a long pattern nor a long value may take the stack or for ever. */
static void
test_match_large(void **state)
{
	enum { MANY = 2000 };
	auto_strbuf struct strbuf pattern = STRBUF_INIT;
	auto_strbuf struct strbuf value = STRBUF_INIT;

	strbuf_add(&pattern, "e X=");
	strbuf_add(&value, "X=");
	for (int i = 0; i < MANY; i++) {
		strbuf_add(&pattern, "*a");
		strbuf_add(&value, "a");
	}
	strbuf_add(&pattern, "b");
	auto_condition struct condition *c = condition_of(pattern.p);
	char *const env[] = { value.p, NULL };

	assert_false(condition_node_matches(&c->nodes[0], "e", env, NULL));
}

static int
test_and_print(void *data)
{
	struct condition *cond = data;
	auto_free char *text = NULL;
	int r = condition_node_test(&cond->nodes[0], "e", TABLE(event_env), TABLE(vars), 0);

	if (r < 0)
		return r;
	assert_int_equal(r, 1);
	text = condition_print(cond);
	return text != NULL ? 0 : -ENOMEM;
}

static int
parse_one(void *data)
{
	struct parse_report report = { 0 };
	struct condition *cond = NULL;
	int r = condition_parse(span_of(data), "test", false, &cond, &report);

	parse_report_deinit(&report);
	(void) condition_free(cond);
	return r;
}

static void
test_without_memory(void **state)
{
	auto_condition struct condition *c = condition_of("e $WANT and (b or c)");

	assert_true(failalloc_each(test_and_print, c) > 0);
	char text[] = "a b c d=e and ((b or c) and d and (((e or f) and b)))";

	(void) failalloc_each(parse_one, text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reverse_polish_order),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_without_variables),
		cmocka_unit_test(test_match_large),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
