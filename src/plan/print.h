/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Telling a story: lines for people, or one JSON object.
 */

#include "plan/story.h"
#include "plan/world.h"

/* `all`: with the steps that matter to few. b->failed tells of want of memory. */
void plan_print_text(struct strbuf *b, const struct story *story, const struct world_question *question, bool all);
void plan_print_json(struct strbuf *b, const struct story *story, const struct world_question *question);
