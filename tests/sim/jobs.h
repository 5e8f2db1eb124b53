/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Job definitions of a simulated world: written as job files, parsed by the parser that ships,
 * kept by number for as long as the world lasts.
 */

#include "common/str.h"
#include "job/class.h"
#include "rng.h"

#define JOBS_MAX 200

struct definition {
	struct job_class *cls; /* ref */
	char *text;	       /* owned: the job file */
};

struct store {
	struct definition *all; /* owned; the number of a definition is its index + 1 */
	size_t n;
};

void store_deinit(struct store *store);
/* Parse a job file and keep it. Its number; 0 when the parser refuses it (the reason goes to stderr). */
uint64_t store_add(struct store *store, const char *name, const char *text);
/* Parse one, which is the caller's. NULL: refused (as above). */
struct job_class *store_parse(const char *name, const char *text);
/* Borrowed; NULL when there is no such definition. */
const struct job_class *store_get(const struct store *store, uint64_t id);
/* core_resolve_fn: a new reference. */
struct job_class *store_resolve(uint64_t id, void *store);

/* How a set of jobs may be built. */
struct job_plan {
	unsigned n_jobs;
	bool loops;    /* jobs may start one another in circles */
	bool condemns; /* inputs may not be applied, and something safe takes their place */
};

/* "job0" … */
void job_name(char *buf, size_t size, unsigned index);
/* The text of a random job file for job number `index`. */
void job_write(struct rng *rng, const struct job_plan *plan, unsigned index, struct strbuf *text);

/* The events that users of the world emit. */
#define EVENT_COUNT 4
extern const char *const event_names[EVENT_COUNT];
#define FOREIGN_COUNT 2 /* states that no job has */
extern const char *const foreign_names[FOREIGN_COUNT];

/*
 * An event that leaf `node` (of a condition that job_write() wrote) matches: its name is the node's, the variables
 * are appended to *env.
 */
void leaf_example(const struct condition_node *node, char ***env);
