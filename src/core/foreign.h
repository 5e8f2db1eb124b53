/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What foreign.c, which keeps states that no job has, shares with foreign_request.c, where clients ask for them. What
 * makes something gives NULL when memory is lacking, and core->oom is set then.
 */

#include "core/internal.h"

/* Job and instance, or (job NULL) the administrator of that user id; bound to a connection, or NULL. */
struct owner *owner_make(struct core *core, const char *job, const char *instance, int32_t uid, const char *connection);
void owner_free(struct core *core, struct owner *owner); /* holds nothing any more */
bool owner_acts_for(const struct owner *owner, const char *job, const char *instance); /* over whichever connection? */

struct known *known_get(const struct core *core, const char *name);
struct known *known_make(struct core *core, const char *name);
struct foreign *foreign_find(struct core *core, const struct known *known, char *const *env);

struct hold *hold_get(const struct foreign *state, const struct owner *owner);
/* The owner holds it from now on. True if the state was not there before. */
bool hold_begin(struct core *core, struct known *known, char *const *env, struct owner *owner);
/* True if the state is cleared by it. The owner stays. */
bool hold_end(struct core *core, struct hold *hold);

void foreign_connection_ended(struct core *core, const char *connection); /* what is bound to it goes */
