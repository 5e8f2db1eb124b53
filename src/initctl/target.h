/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which job or instance a command is about: its operands, or inside a job that very instance.
 */

#include "initctl/initctl.h"

struct target {
	const char *job;      /* name, borrowed */
	const char *instance; /* name, borrowed; NULL unless this is the instance the caller runs in */
	char *const *env;     /* KEY=VALUE operands, borrowed */
	char *job_path;       /* owned */
	char *instance_path;  /* owned; NULL until known */
};

#define TARGET_INIT { 0 }

void target_deinit(struct target *target); /* idempotent */
#define auto_target __attribute__((cleanup(target_deinit)))

/*
 * From the operands, connect, and find the job (and inside a job, without operands, the instance). EXIT_SUCCESS, or
 * the exit status after saying what is wrong.
 */
int must_check target_find(struct target *target, struct initctl *ctl, char *const *operands);
/* Find the instance that the operands select, if it is not known yet; like an upstart_ function. */
int must_check target_find_instance(struct target *target, struct initctl *ctl, struct upstart_error *err);

/*
 * Whose environment: both NULL for the table of all jobs (-g, or outside a job). EXIT_SUCCESS, or the exit status
 * after saying that half of the context is missing.
 */
int must_check target_environment(struct initctl *ctl, const char **job, const char **instance);
