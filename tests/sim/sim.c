/* SPDX-License-Identifier: MIT */
/*
 * The simulation: thousands of worlds, each made from a seed, until so many inputs have gone through the core.
 *
 *   sim [--steps N] [--seed S] [--worlds N] [--jobs N] [--print] [--record FILE] [--fault-at N]
 *
 * World number k is made from seed S + k. A fault prints the seed of its world and how to see it again, and leaves a
 * recording of it, sim-SEED.rec, for upstart-replay; the exit status is then 1. The last line is a line of totals.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

struct arguments {
	uint64_t steps, seed, worlds;
	unsigned jobs;
	bool print;
	const char *record;
	uint64_t fault_at;
};

/* What a crash needs to know. */
static volatile uint64_t current_seed;

static void
crashed(int signal)
{
	char line[160];
	int n = snprintf(line, sizeof(line),
			 "\nsim: signal %d in the world of seed %" PRIu64 "; see it with: sim --seed %" PRIu64
			 " --worlds 1 --record FILE\n",
			 signal, current_seed, current_seed);

	if (n > 0)
		(void) !write(STDERR_FILENO, line, (size_t) n);
	(void) raise(signal); /* SA_RESETHAND: this one ends it */
}

static void
watch_for_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGILL, SIGTRAP, SIGBUS, SIGFPE };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = (int) SA_RESETHAND | SA_NODEFER };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void) sigaction(signals[i], &action, NULL);
}

static int
usage(void)
{
	(void) fprintf(stderr, "usage: sim [--steps N] [--seed S] [--worlds N] [--jobs N] [--print] "
			       "[--record FILE] [--fault-at N]\n");
	return 2;
}

static bool
read_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "steps", required_argument, NULL, 's' },  { "seed", required_argument, NULL, 'r' },
		{ "worlds", required_argument, NULL, 'w' }, { "jobs", required_argument, NULL, 'j' },
		{ "print", no_argument, NULL, 'p' },	    { "record", required_argument, NULL, 'R' },
		{ "fault-at", required_argument, NULL, 'f' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t value = option != 'p' && option != 'R' && option != '?' ? strtoull(optarg, NULL, 0) : 0;

		switch (option) {
		case 's':
			a->steps = value;
			break;
		case 'r':
			a->seed = value;
			break;
		case 'w':
			a->worlds = value;
			break;
		case 'j':
			a->jobs = (unsigned) value;
			break;
		case 'p':
			a->print = true;
			break;
		case 'R':
			a->record = optarg;
			break;
		case 'f':
			a->fault_at = value;
			break;
		default:
			return false;
		}
	}
	return optind == argc && a->jobs > 0 && a->jobs <= JOBS_MAX;
}

/*
 * Rows that no input can take: the state is passed within the input that enters it, and the goal does not change in
 * between.
 */
static bool
is_passed_at_once(enum job_state state, enum job_goal goal)
{
	switch (state) {
	case JOB_SECURITY_SPAWNING:
	case JOB_PRE_STARTING:
	case JOB_SPAWNING:
	case JOB_POST_STARTING:
		return goal != GOAL_START;
	case JOB_PRE_STOPPING:
		return goal != GOAL_STOP;
	default:
		return false;
	}
}

/* Count the moves of the life cycle's table, and those that were made; name the others. */
static unsigned
check_coverage(const struct totals *totals, unsigned *covered)
{
	unsigned rows = 0;

	*covered = 0;
	for (unsigned state = 0; state < JOB_STATE_COUNT; state++)
		for (unsigned goal = 0; goal < JOB_GOAL_COUNT; goal++) {
			bool counted[JOB_STATE_COUNT] = { false };

			for (unsigned facts = 0; facts < 4; facts++) {
				enum job_state next = lifecycle_next((enum job_state) state, (enum job_goal) goal,
								     (struct lifecycle_facts) { facts & 1, facts & 2 });

				if (next == JOB_STATE_COUNT || counted[next] ||
				    is_passed_at_once((enum job_state) state, (enum job_goal) goal))
					continue;
				counted[next] = true;
				rows++;
				if (totals->moves[state][goal][next] > 0)
					(*covered)++;
				else
					(void) printf("not covered: %s, goal %s -> %s\n",
						      job_state_name((enum job_state) state),
						      job_goal_name((enum job_goal) goal), job_state_name(next));
			}
		}
	return rows;
}

/* Every kind of input and effect must have occurred. */
static bool
check_kinds(const struct totals *totals)
{
	bool all = true;

	for (uint32_t i = INPUT_NONE + 1; i < INPUT_TYPE_COUNT; i++)
		if (totals->inputs[i] == 0) {
			(void) printf("no input %s\n", input_type_name(i));
			all = false;
		}
	for (uint32_t i = EFFECT_NONE + 1; i < EFFECT_TYPE_COUNT; i++)
		if (totals->made[i] == 0) {
			(void) printf("no effect %s\n", effect_type_name(i));
			all = false;
		}
	if (totals->adopted == 0) {
		(void) printf("no daemon was adopted\n");
		all = false;
	}
	for (unsigned i = 0; i < TOLD_COUNT; i++)
		if (totals->told[i] == 0) {
			(void) printf("no line with \"%s\"\n", told_texts[i]);
			all = false;
		}
	return all;
}

/* Do it again, writing it down: the same seed gives the same world. */
static void
record_world(const struct arguments *a, uint64_t seed)
{
	auto_free char *path = str_printf("sim-%" PRIu64 ".rec", seed);
	struct world_options options = { .seed = seed, .max_jobs = a->jobs, .checks = true, .record = path, .fault_at = a->fault_at };
	struct totals totals = { 0 };
	struct world w;

	if (path == NULL)
		return;
	if (world_init(&w, &options, &totals))
		world_run(&w);
	(void) printf("a recording: upstart-replay --print %s\n", path);
	world_deinit(&w);
}

/* How often what has happened. */
static void
print_counts(const struct totals *totals)
{
	(void) printf("inputs:");
	for (uint32_t i = INPUT_NONE + 1; i < INPUT_TYPE_COUNT; i++)
		(void) printf(" %s %" PRIu64, input_type_name(i), totals->inputs[i]);
	(void) printf("\neffects:");
	for (uint32_t i = EFFECT_NONE + 1; i < EFFECT_TYPE_COUNT; i++)
		(void) printf(" %s %" PRIu64, effect_type_name(i), totals->made[i]);
	(void) printf("\nlines:");
	for (unsigned i = 0; i < TOLD_COUNT; i++)
		(void) printf("%s \"%s\" %" PRIu64, i > 0 ? "," : "", told_texts[i], totals->told[i]);
	(void) printf("\n");
}

static bool
run_world(const struct arguments *a, uint64_t seed, struct totals *totals)
{
	struct world_options options = { .seed = seed, .max_jobs = a->jobs, .print = a->print, .checks = true, .record = a->record,
					 .fault_at = a->fault_at };
	struct world w;
	bool ok;

	current_seed = seed;
	if (!world_init(&w, &options, totals))
		world_fault(&w, "out of memory");
	if (w.fault == NULL)
		world_run(&w);
	ok = w.fault == NULL;
	if (!ok) {
		(void) printf("FAULT in the world of seed %" PRIu64 ", after %" PRIu64 " inputs: %s\n", seed, w.steps,
			      w.fault);
		(void) printf("see it with: sim --seed %" PRIu64 " --worlds 1 --jobs %u --print\n", seed, a->jobs);
	}
	world_deinit(&w);
	if (!ok && a->record == NULL)
		record_world(a, seed);
	return ok;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .steps = 1000000, .seed = 1, .jobs = JOBS_MAX };
	struct totals totals = { 0 };
	unsigned states = 0, covered, rows;
	bool ok = true;

	if (!read_arguments(argc, argv, &a))
		return usage();
	watch_for_crashes();
	for (uint64_t k = 0; ok && totals.steps < a.steps && (a.worlds == 0 || k < a.worlds); k++)
		ok = run_world(&a, a.seed + k, &totals);
	for (unsigned i = 0; i < JOB_STATE_COUNT; i++)
		states += totals.states[i] > 0;
	if (a.worlds == 0 && ok)
		ok = check_kinds(&totals);
	print_counts(&totals);
	rows = check_coverage(&totals, &covered);
	(void) printf("sim: %" PRIu64 " steps, %" PRIu64 " worlds, %" PRIu64 " effects, %" PRIu64 " snapshots, %" PRIu64
		      " replays, %" PRIu64 " rests, %" PRIu64
		      " emptied, %u states seen, %u of %u moves covered, up to %" PRIu64 " jobs: %s\n",
		      totals.steps, totals.worlds, totals.effects, totals.snapshots, totals.replays, totals.rests,
		      totals.emptied, states, covered, rows, totals.largest, ok ? "ok" : "FAULT");
	if (a.worlds == 0 && covered < rows)
		ok = false;
	return ok ? 0 : 1;
}
