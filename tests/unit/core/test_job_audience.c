/* SPDX-License-Identifier: MIT */
/*
 * The index of conditions: whatever a leaf asks for, the event that matches it finds it, and no other does. What
 * matches is told by job/condition.h.
 */
#include "rig.h"

#include "../../sim/rng.h"
#include "job/condition.h"

#include <stdio.h>
#include <string.h>

#define WORLDS 25
#define LEAVES 30
#define EVENTS 12

static const char *const arguments[] = { "a",	 "b",	      "b*",   "[ab]",  "?",    "*",	"\\a",
					 "$A",	 "${X:-a}",   "A=a",  "A=b",   "A=",   "B=a",	"B=b",
					 "C=a",	 "A!=a",      "A!=b", "B!=*",  "A=*",  "A=[a]", "B=$X",
					 "B=$Y", "A=${X:-b}", "AA=a", "A=a=b", "C!=$A" };
static const char *const variables[] = { "A=a", "A=b", "A=", "B=a", "B=b", "C=a", "C=", "AA=a", "A=a=b", "X=a" };

/* Up to `most` of them, in any order; owned. */
static char **
some(struct rng *rng, const char *const *of, size_t n_of, unsigned most)
{
	unsigned n = rng_below(rng, most + 1);
	char **words = NULL;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(strv_add(&words, of[rng_below(rng, (unsigned) n_of)]), 0);
	return words;
}

static bool
is_named(const char *arg)
{
	return strchr(arg, '=') != NULL;
}

/* A condition of one leaf, as a file has it: what has no key comes first. */
static void
write_leaf(struct strbuf *b, char *const *args)
{
	strbuf_add(b, "start on ev");
	for (int named = 0; named < 2; named++)
		for (size_t i = 0; args != NULL && args[i] != NULL; i++)
			if (is_named(args[i]) == (named == 1))
				strbuf_addf(b, " \"%s\"", args[i]);
	strbuf_add(b, "\ntask\nenv Y=b\n");
}

static void
emit(struct rig *r, char *const *env, bool literal)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup("ev");
	in.emit.literal = literal;
	assert_non_null(in.emit.name);
	assert_int_equal(strv_dup(&in.emit.env, env), 0);
	assert_int_equal(rig_apply(r, &in), 0);
}

/* What the rig is to see: each job whose leaf matches goes up, in the order of the jobs. */
static void
expect(struct rig *r, char *const *env, bool literal)
{
	auto_strbuf struct strbuf lines = STRBUF_INIT;

	for (size_t i = 0; i < r->n_classes; i++) {
		const struct job_class *cls = r->classes[i];
		auto_strv char **vars = NULL;

		assert_int_equal(job_class_environment(cls, r->config.job_env, r->config.own_env, &vars), 0);
		if (condition_node_test(&cls->start_on->nodes[0], "ev", env, vars, literal ? CONDITION_LITERAL : 0) ==
		    1)
			strbuf_addf(&lines, "spawn %s main\n", cls->name);
	}
	rig_expect(r, lines.p != NULL ? lines.p : "");
}

static void
test_job_audience_is_those_that_match(void **state)
{
	struct rng rng = { 7 };

	(void) state;
	for (int world = 0; world < WORLDS; world++) {
		struct rig *r = rig_new();

		for (int i = 0; i < LEAVES; i++) {
			auto_strv char **args = some(&rng, arguments, ARRAY_SIZE(arguments), 3);
			auto_strbuf struct strbuf text = STRBUF_INIT;
			char name[16];

			(void) snprintf(name, sizeof(name), "job%02d", i);
			write_leaf(&text, args);
			strbuf_add(&text, "exec x\n");
			(void) rig_define(r, name, text.p);
		}
		for (int i = 0; i < EVENTS; i++) {
			auto_strv char **env = some(&rng, variables, ARRAY_SIZE(variables), 4);
			bool literal = rng_chance(&rng, 20);

			rig_show(r, 1u << EFFECT_SPAWN);
			emit(r, env, literal);
			expect(r, env, literal);
			rig_settle(r); /* all are down again */
		}
		(void) rig_free(r);
	}
}

/* A leaf lies with the fewest; when those beside it go, and all of them, nothing of the index is left behind. */
static void
test_job_audience_changes_with_its_jobs(void **state)
{
	struct rig *r = rig_new();

	(void) state;
	(void) rig_define(r, "a", "start on ev R=ok N=a;task;exec x");
	(void) rig_define(r, "b", "start on ev R=ok N=b;task;exec x");
	(void) rig_define(r, "c", "start on ev R=ok N=b;task;exec x");
	rig_show(r, 1u << EFFECT_SPAWN);
	(void) rig_emit(r, "ev", "R=ok N=b");
	rig_expect(r, "spawn b main\nspawn c main\n");
	rig_settle(r);
	rig_undefine(r, "a");
	rig_undefine(r, "b");
	rig_forget(r);
	(void) rig_emit(r, "ev", "R=ok N=b");
	rig_expect(r, "spawn c main\n");
	rig_settle(r);
	(void) rig_define(r, "c", "start on ev R=bad;task;exec x");
	rig_forget(r);
	(void) rig_emit(r, "ev", "R=ok N=b");
	rig_expect(r, "");
	(void) rig_emit(r, "ev", "R=bad");
	rig_expect(r, "spawn c main\n");
	rig_settle(r);
	rig_undefine(r, "c");
	rig_forget(r);
	(void) rig_emit(r, "ev", "R=bad");
	rig_expect(r, "");
	(void) rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_audience_is_those_that_match),
		cmocka_unit_test(test_job_audience_changes_with_its_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
