/* SPDX-License-Identifier: MIT */
/*
 * What it costs that a state comes and goes, with a job that follows it, while others run that follow other states: the
 * core alone, fed as it would be by init, its effects taken and acknowledged. No processes, no clients, no journal.
 *
 *     flap_cost [OTHERS]...
 *
 * Prints one figure a line: NAME VALUE UNIT. Processor time: what else the machine does is not in it, but for what that
 * leaves in the caches; so the worlds take turns, and of many rounds the quickest counts, and the median.
 */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "core/core.h"
#include "job/parse.h"

#define ROUNDS 201
#define FLAPS 200 /* in each */
#define WORLDS_MAX 8
#define STEP 1000 /* microseconds between inputs */

struct world {
	int others;
	struct job_class **classes;
	size_t n_classes;
	struct core_config config;
	struct core *core;
	usec_t now;
	double used[ROUNDS];
};

static struct job_class *
resolve(uint64_t id, void *data)
{
	const struct world *w = data;

	return id > 0 && id <= w->n_classes ? job_class_ref(w->classes[id - 1]) : NULL;
}

/* Apply an input, whose members are freed, and acknowledge what comes of it. */
static void
apply(struct world *w, struct input *in)
{
	in->now = w->now += STEP;
	need(core_apply(w->core, in) == 0);
	input_free(in);
	for (uint32_t target = 0; target < TARGET_COUNT; target++) {
		struct input ack = { .type = INPUT_ACK, .now = w->now, .ack = { target, core_last_effect(w->core) } };

		need(core_apply(w->core, &ack) == 0);
	}
}

static void
define(struct world *w, const char *name, const char *text)
{
	const struct parse_source conf = { name, { text, strlen(text) } };
	struct input in = { .type = INPUT_DEFINE };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;

	need(job_parse(name, &conf, NULL, &cls, &report) == 0);
	parse_report_deinit(&report);
	w->classes = realloc(w->classes, (w->n_classes + 1) * sizeof(*w->classes));
	need(w->classes != NULL);
	w->classes[w->n_classes++] = cls;
	cls->id = in.define.class_id = w->n_classes;
	apply(w, &in);
}

static void
change(struct world *w, const char *name, enum state_action action)
{
	struct input in = { .type = INPUT_STATE };

	in.state.request = 1;
	in.state.action = action;
	in.state.name = strdup(name);
	apply(w, &in);
}

static void
begin(struct world *w, int others)
{
	struct input in = { .type = INPUT_CONTROL, .control = { true } };
	char name[32], text[64];

	*w = (struct world){ .others = others };
	w->config = (struct core_config){ .log_level = LOG_LEVEL_MESSAGE, .resolve = resolve, .resolve_data = w };
	w->core = core_new(&w->config);
	need(w->core != NULL);
	apply(w, &in);
	define(w, "follower", "while flapping\n");
	for (int i = 0; i < others; i++) {
		(void) snprintf(name, sizeof(name), "other%05d", i);
		(void) snprintf(text, sizeof(text), "while ready or other-%d\n", i);
		define(w, name, text);
	}
	in = (struct input){ .type = INPUT_EMIT };
	in.emit.name = strdup("startup");
	apply(w, &in);
	change(w, "ready", STATE_SET);
}

static void
measure(struct world *w, int round)
{
	double before = processor_time();

	for (int i = 0; i < FLAPS; i++) {
		change(w, "flapping", STATE_SET);
		change(w, "flapping", STATE_CLEAR);
	}
	w->used[round] = (processor_time() - before) * 1e6 / FLAPS;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static const int usual[] = { 10, 1000, 10000 };
	static struct world worlds[WORLDS_MAX];
	int n = argc > 1 ? argc - 1 : (int) ARRAY_SIZE(usual);

	need(n <= WORLDS_MAX);
	for (int i = 0; i < n; i++)
		begin(&worlds[i], argc > 1 ? atoi(argv[i + 1]) : usual[i]);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < n; i++)
			measure(&worlds[i], round);
	for (int i = 0; i < n; i++) {
		struct world *w = &worlds[i];

		qsort(w->used, ROUNDS, sizeof(w->used[0]), compare);
		(void) printf("flap-of-a-state-%d-others %.2f us, median %.2f us\n", w->others, w->used[0], w->used[ROUNDS / 2]);
		(void) core_free(w->core);
		for (size_t k = 0; k < w->n_classes; k++)
			(void) job_class_unref(w->classes[k]);
		free(w->classes);
	}
	return 0;
}
