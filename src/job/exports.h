/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where names were exported, to tell of those that nothing sets (D32). Private to job/.
 */

#include "job/class.h"
#include "job/report.h"

struct export_place {
	const char *path; /* borrowed */
	struct place at;
};

/* One for each word of `export`, in order. */
struct exports {
	struct export_place *v; /* owned */
	size_t n, cap;
};

void exports_deinit(struct exports *exports); /* idempotent */

/* Note the place of the next exported word. 0 or -ENOMEM. */
int must_check exports_add(struct exports *exports, const char *path, struct place at);

/*
 * Warn of each exported name of a complete class that neither `env` nor `import` names, if no event and no state can
 * bring it and the job does not ask for variables. 0 or -ENOMEM.
 */
int must_check exports_check(const struct exports *exports, const struct job_class *cls, struct parse_report *report);
