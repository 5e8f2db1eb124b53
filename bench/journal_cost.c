/* SPDX-License-Identifier: MIT */
/*
 * What the journal costs for each event: the brain of init with its core, fed with events as it would be by control,
 * with its journal in a memory file and without any. Everything else is the same code; servants and clients are not
 * there.
 *
 *     journal_cost [EVENTS]
 *
 * Two kinds of events: one nobody listens to, and one that takes a job without processes through its life. Then how
 * long init writes at a snapshot, which begins a new journal when the old one has grown long, with so many jobs
 * running. Prints one figure a line: NAME VALUE UNIT.
 */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/brain.h"
#include "init/control.h"
#include "init/definitions.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/own.h"
#include "init/servants.h"
#include "init/sources.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/strays.h"
#include "init/timers.h"
#include "job/parse.h"

#define EVENTS 200000
#define ROUNDS 5
#define JOB "start on up\nstop on down\n"
#define SNAPSHOTS 20 /* of each size; the median counts */

/* Every input goes this way, and nothing else does while one is handled. */
int __real_state_input(struct init *init, const struct input *in, enum servant_id from, uint64_t number);
int __wrap_state_input(struct init *init, const struct input *in, enum servant_id from, uint64_t number);

static bool journaled;

int
__wrap_state_input(struct init *init, const struct input *in, enum servant_id from, uint64_t number)
{
	return journaled ? __real_state_input(init, in, from, number) : 0;
}

static void
start(struct init *init)
{
	struct core_config config;

	*init = (struct init){ .mode = MODE_USER, .level = LOG_LEVEL_ERROR };
	init->listen_fd = init->ring_fd = init->signal_fd = -1;
	init->loop = loop_new();
	init->options.no_cgroups = true;
	need(init->loop != NULL && brain_init(init) == 0 && own_init(init) == 0 && timers_init(init) == 0);
	need(fdtable_init(init) == 0 && strays_init(init) == 0 && spawns_init(init) == 0 && logs_init(init) == 0);
	need(servants_init(init) == 0 && clients_init(init) == 0 && sources_init(init) == 0);
	init->definitions = definitions_new();
	config = state_core_config(init);
	init->core = core_new(&config);
	need(init->core != NULL && state_new(init) == 0 && state_snapshot(init) == 0);
}

static void
stop(struct init *init)
{
	sources_deinit(init);
	clients_deinit(init);
	servants_deinit(init);
	logs_deinit(init);
	spawns_deinit(init);
	strays_deinit(init);
	fdtable_deinit(init);
	timers_deinit(init);
	own_deinit(init);
	brain_deinit(init);
	init->core = core_free(init->core);
	init->definitions = definitions_free(init->definitions);
	init->state.journal = journal_free(init->state.journal);
	init->loop = loop_free(init->loop);
}

static void
define(struct init *init, const char *name)
{
	struct definition_text text = { .name = (char *) name, .path = (char *) "/job.conf", .text = (char *) JOB };
	struct parse_source source = { "/job.conf", span_of(JOB) };
	struct parse_report report = { 0 };
	struct input in = { .type = INPUT_DEFINE };
	struct job_class *cls = NULL;

	need(job_parse(name, &source, NULL, &cls, &report) == 0);
	parse_report_deinit(&report);
	need(definitions_add(init->definitions, &text, cls, &in.define.class_id) == 0);
	need(brain_feed(init, &in) == 0);
}

static void
emit(struct init *init, const char *name)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	need(in.emit.name != NULL && strv_add(&in.emit.env, "IFACE=eth0") == 0 &&
	     strv_add(&in.emit.env, "ADDRFAM=inet") == 0);
	need(brain_feed(init, &in) == 0);
	/* What init does at the end of each turn: acknowledge, begin a new journal if this one is long. */
	brain_turn(init);
	if (journaled)
		state_turn(init);
}

/* Events per second. */
static double
run(bool with, bool heard, int events)
{
	static struct init init;
	double begin, took;

	journaled = true;
	start(&init);
	define(&init, "job");
	journaled = with;
	begin = now();
	for (int i = 0; i < events; i++)
		emit(&init, !heard ? "nobody-listens" : i % 2 == 0 ? "up" : "down");
	took = now() - begin;
	stop(&init);
	return events / took;
}

static void
compare(const char *what, bool heard, int events)
{
	double best[2] = { 0, 0 };

	for (int i = 0; i < ROUNDS; i++)
		for (int with = 0; with < 2; with++) {
			double rate = run(with != 0, heard, events);

			best[with] = rate > best[with] ? rate : best[with];
		}
	(void) printf("events-%s-without-journal %.0f per second\n", what, best[0]);
	(void) printf("events-%s-with-journal %.0f per second\n", what, best[1]);
	(void) printf("journal-cost-%s %.2f us for each event\n", what, 1e6 / best[1] - 1e6 / best[0]);
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Milliseconds of a snapshot with jobs that run, and what it fills. */
static void
snapshot(int jobs)
{
	static struct init init;
	double took[SNAPSHOTS];
	char name[32];

	journaled = true;
	start(&init);
	for (int i = 0; i < jobs; i++) {
		(void) snprintf(name, sizeof(name), "job%d", i);
		define(&init, name);
	}
	emit(&init, "up");
	for (int i = 0; i < SNAPSHOTS; i++) {
		double begin = now();

		need(state_snapshot(&init) == 0);
		took[i] = now() - begin;
	}
	qsort(took, SNAPSHOTS, sizeof(took[0]), compare_doubles);
	(void) printf("snapshot-of-%d-running-jobs %.3f ms\n", jobs, took[SNAPSHOTS / 2] * 1e3);
	(void) printf("snapshot-of-%d-running-jobs-size %lld bytes\n", jobs, (long long) init.state.base);
	stop(&init);
}

int
main(int argc, char **argv)
{
	int events = argc > 1 ? atoi(argv[1]) : EVENTS;

	log_set_level(LOG_LEVEL_ERROR);
	(void) setvbuf(stdout, NULL, _IOLBF, 0);
	compare("unheard", false, events);
	compare("heard", true, events);
	for (int jobs = 10; jobs <= 10000; jobs *= 10)
		snapshot(jobs);
	return 0;
}
