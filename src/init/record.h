/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Recordings, which upstart-replay reads. A recording is a journal (init/journal.h):
 *
 *   HEADER CONFIG      what the core was told at its start
 *   CORE               the core as it was, where the recording begins, or goes on, in the middle of its life
 *   DEFINITION         before the input that speaks of it
 *   INPUT, EFFECTS     what happened, and what the core made of it; no EFFECTS where memory ran out
 *   REPORT             in a crash report only, at its end: what init could not do
 */

#include "core/core.h"
#include "init/journal.h"

struct record_config {
	char **own_env;
	char **job_env;
	char *session_address;
	int32_t log_level;
	uint32_t policies;
	bool awake;
};

extern const struct wire_schema record_config_schema;

/* The record before it, an input or what led to an effect, is what this is about. */
struct record_report {
	char *what; /* "input EXITED", "effect SPAWN", "file /etc/init/web.conf" */
	char *why;  /* "init crashed twice" … */
	char *cause; /* "segmentation fault", or the rule that does not hold */
};

extern const struct wire_schema record_report_schema;
/*
 * Open a recording for writing: a new one, or (`append`) the rest of one that is there. The owner calls
 * journal_free(). 0 or a negative errno.
 */
int must_check record_open(const char *path, bool append, struct journal **j);
/* All of these: 0 or a negative errno. */
int must_check record_config(struct journal *j, const struct core_config *config);
int must_check record_core(struct journal *j, const struct core *core);
/* What came of an input that came from a servant (from, number: see init/state.c). */
int must_check record_input(struct journal *j, const struct input *in, uint64_t from, uint64_t number);
/* The effects above `since`, one after the other, each as effect_pack() writes it. */
int must_check record_effects(struct journal *j, const struct core *core, uint64_t since);
/* The payload of that record. */
void record_pack_effects(struct strbuf *b, const struct core *core, uint64_t since);
