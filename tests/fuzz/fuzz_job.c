/* SPDX-License-Identifier: MIT */
/*
 * Job files from nowhere. The input is a conf file and, after the first byte 0xff, an override.
 * Whatever is accepted must read back from its printed form as the same; its instance name and
 * conditions are used as well. What is rewritten must be right, have what it is said to have, and stay as it is then.
 */
#include "job/parse.h"
#include "job/rewrite.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void
use_condition(const struct condition *cond)
{
	char *const env[] = { (char[]) { "A=a" }, (char[]) { "B=" }, NULL };
	struct parse_report report = { 0 };
	struct condition *again = NULL;
	bool *held = calloc((size_t) cond->n_leaves, 2 * sizeof(*held));
	char *text = condition_print(cond);

	check(text != NULL && held != NULL);
	check(condition_parse(span_of(text), "again", cond->of_states, &again, &report) == 0);
	check(condition_equal(cond, again));
	for (int i = 0; i < cond->n_leaves; i++) {
		const struct condition_node *node = &cond->nodes[cond->leaves[i]];

		check(node->leaf == i);
		held[i] = condition_node_matches(node, node->name, env, env);
	}
	(void) condition_evaluate(cond, held, held + cond->n_leaves);
	again = condition_free(again);
	parse_report_deinit(&report);
	free(text);
	free(held);
}

static void
use_class(const struct job_class *cls)
{
	struct error err = ERROR_INIT;
	char *name = NULL;
	char **env = NULL;

	if (cls->start_on != NULL)
		use_condition(cls->start_on);
	if (cls->stop_on != NULL)
		use_condition(cls->stop_on);
	check(job_class_environment(cls, NULL, NULL, &env) == 0);
	(void) env_expand(&name, cls->instance, env, &err);
	free(name);
	(void) strv_free(env);
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		char **argv = NULL;
		char *script = NULL;

		if (cls->process[i].command == NULL)
			continue;
		check(job_process_command(&cls->process[i], &argv, &script) == 0 && argv != NULL);
		(void) strv_free(argv);
		free(script);
	}
}

static void
print_and_read_back(const struct job_class *cls)
{
	struct parse_report report = { 0 };
	struct job_class *again = NULL;
	char *text = job_class_print(cls);

	check(text != NULL);
	check(job_parse("fuzz", &(struct parse_source) { "again", span_of(text) }, NULL, &again, &report) == 0);
	check(job_class_equal(cls, again));
	again = job_class_unref(again);
	parse_report_deinit(&report);
	free(text);
}

static void
rewrite(const struct job_class *cls, const struct parse_source *conf)
{
	auto_rewrite struct job_rewrite made = JOB_REWRITE_INIT, again = JOB_REWRITE_INIT;
	struct parse_report report = { 0 };
	struct job_class *other = NULL;
	struct parse_source after;
	const char *why;
	int r = job_rewrite("fuzz", conf, &made, &why);

	check(r == 0 || r == 1);
	if (r == 0)
		return;
	after = (struct parse_source){ "after", { made.text, made.len } };
	check(job_parse("fuzz", &after, NULL, &other, &report) == 0);
	check(other->while_on != NULL && other->start_on == NULL && (other->stop_on != NULL) == (made.rest != NULL));
	check(other->respawn == cls->respawn && other->task == cls->task);
	check(job_rewrite("fuzz", &after, &again, &why) == 0);
	(void) job_class_unref(other);
	parse_report_deinit(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memchr(data, 0xff, size) : NULL;
	size_t n = cut != NULL ? (size_t) (cut - data) : size;
	struct parse_source conf = { "fuzz.conf", { (const char *) data, n } };
	struct parse_source over = { "fuzz.override", { (const char *) data + n + 1, size - n - 1 } };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	int r = job_parse("fuzz", &conf, cut != NULL ? &over : NULL, &cls, &report);

	check(r == 0 || r == -EINVAL);
	check((r == 0) == (cls != NULL));
	check(r == 0 || report.errors > 0);
	for (size_t i = 0; i < report.n; i++) {
		char *text = parse_issue_text_long(&report.issues[i]);

		check(text != NULL && report.issues[i].line > 0 && report.issues[i].at_line > 0 &&
		      report.issues[i].column > 0);
		free(text);
	}
	if (cls != NULL) {
		print_and_read_back(cls);
		use_class(cls);
		if (cut == NULL)
			rewrite(cls, &conf);
	}
	cls = job_class_unref(cls);
	parse_report_deinit(&report);
	return 0;
}
