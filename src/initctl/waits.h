/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What init says of itself as JSON, put into words: places of instances, events, and what they wait for. Members that
 * are missing or of another kind are passed over: init may be another release's.
 */

#include <jansson.h>

#include "common/str.h"
#include "initctl/initctl.h"

/* Ask, and read the answer into *root (the caller's to json_decref()). EXIT_SUCCESS, or EXIT_FAILURE after saying why.
 */
int must_check waits_read(struct initctl *ctl, int r, char *text, struct upstart_error *err, json_t **root);

/* "" for what is no string; 0 and false for what is no number or truth value. */
const char *json_text_of(const json_t *object, const char *key);
bool json_is_set(const json_t *object, const char *key);
long long json_count_of(const json_t *object, const char *key);

/* "web (1)"; with where it is: "web (1) start/running". */
void waits_add_name(struct strbuf *b, const json_t *place);
void waits_add_place(struct strbuf *b, const json_t *place);
/* "started JOB=web INSTANCE=". */
void waits_add_event(struct strbuf *b, const json_t *event);
/* "12 s", "3 min", "5 h", "2 d". */
void waits_add_time(struct strbuf *b, const json_t *seconds);
/* "main process ended with status 4": an entry of "exits"; and that with when it was, as a line of its own. */
void waits_add_exit(struct strbuf *b, const json_t *x);
void waits_add_exit_line(struct strbuf *b, const json_t *x);
/* Has that instance failed because it was respawned too fast? Then by the end of its main process. */
bool waits_is_respawned(const json_t *instance);
/* Is that end, an entry of its "exits", what made it fail? */
bool waits_is_failure(const json_t *instance, const json_t *x);

/* What an event or an instance waits for, one line each, every line begun by `indent` tabs. */
void waits_add_holders(struct strbuf *b, const json_t *event, int indent);
void waits_add_waits(struct strbuf *b, const json_t *instance, int indent);
