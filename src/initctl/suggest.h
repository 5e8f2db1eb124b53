/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "Did you mean …?" for names that are not there. Only people are asked: nothing is printed unless standard error is a
 * terminal, so that scripts see the messages they know.
 */

#include "initctl/initctl.h"

/* Of `names` (NULL-terminated) the one that is most like `word`, or NULL when none is like it. Borrowed. */
const char *suggest_closest(const char *word, const char *const *names);
/* Ask about the closest of `names`; about a job of a connected init. */
void suggest_name(const char *word, const char *const *names);
void suggest_job(struct initctl *ctl, const char *word);
