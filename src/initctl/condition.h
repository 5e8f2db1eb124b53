/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The conditions of jobs as init hands them out, over events or (`while`) over states: reverse Polish, made a tree again
 * and printed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/str.h"

enum condition_op { CONDITION_EVENT, CONDITION_AND, CONDITION_OR, CONDITION_NOT };

struct condition {
	enum condition_op op;
	char *const *words; /* borrowed: event and its arguments; of CONDITION_EVENT */
	struct condition *left, *right; /* borrowed: in the same tree; of the others. CONDITION_NOT has right only */
	bool value; /* for whoever evaluates it */
};

struct condition_tree {
	struct condition *nodes; /* owned */
	struct condition *root;  /* NULL: there is no condition */
};

#define CONDITION_TREE_INIT { NULL, NULL }

/* `rpn` must outlive the tree. 0; -EINVAL when it is not one expression; -ENOMEM. */
int must_check condition_tree_read(struct condition_tree *tree, char *const *const *rpn);
/* The same for a `while`, in which there is CONDITION_NOT. */
int must_check condition_tree_read_while(struct condition_tree *tree, char *const *const *rpn);
void condition_tree_deinit(struct condition_tree *tree); /* idempotent */
#define auto_condition __attribute__((cleanup(condition_tree_deinit)))

/* "(a X=1 and (b or c))": every operator in brackets, words quoted where a job file needs it. A failed allocation shows in `out`. */
void condition_format(const struct condition *condition, struct strbuf *out);

/* starting, started, stopping and stopped: the events that are about a job. */
bool condition_is_job_event(const char *event);
/*
 * The job such an event must be about: the value of the first JOB= argument, or the first argument without name. NULL
 * when it may be any, or for another event. *word is then the number of the argument's word. Borrowed.
 */
const char *condition_job(const struct condition *leaf, size_t *word);

/* Call `visit` for each event, from left to right. */
typedef void (*condition_visit_fn)(const struct condition *leaf, void *data);
void condition_visit(const struct condition *condition, condition_visit_fn visit, void *data);
