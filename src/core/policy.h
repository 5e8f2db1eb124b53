/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Rules that may differ from one system to another (core_config.policies). With none of them set all is as ever.
 */

#include "core/core.h"

/*
 * Lay the variables of an event or a request over a job's. With CORE_POLICY_IMPORT_LISTED only those that the class
 * imports enter, and those init itself makes. 0 or -ENOMEM.
 */
int must_check policy_merge(const struct core_config *config, const struct job_class *cls, char ***env,
			    char *const *over);

/*
 * What a client may send with an event: with CORE_POLICY_IMPORT_LISTED nothing that init itself makes. *made is the
 * caller's. 0 or -ENOMEM.
 */
int must_check policy_client_env(const struct core_config *config, char *const *env, char ***made);
