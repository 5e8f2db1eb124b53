/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What commands print with --json: one value, in one form for all of them. Members are only added, never changed or
 * taken away. Every function here ends the program when there is no memory.
 */

#include <jansson.h>

#include "initctl/condition.h"
#include "initctl/initctl.h"

/* Print the value, which goes; nothing when quiet. EXIT_SUCCESS. */
int json_show(const struct tool *tool, json_t *value);
/* What that prints, the caller's; the value goes. */
char *json_lines(json_t *value);

/* `object` gets a member; `value` goes to it. */
void json_put(json_t *object, const char *name, json_t *value);
/* Text; bytes that are no UTF-8 become \xhh. NULL becomes null. */
json_t *json_text(const char *text);
json_t *json_strings(char *const *v);
/* KEY=VALUE pairs as an object. */
json_t *json_env(char *const *env);

/*
 * {"job", "instance", "goal", "state", "processes": [{"process", "pid"}]}. A job without instances, where `instance` is
 * NULL, has null as its instance.
 */
json_t *json_status(const char *job, const struct upstart_instance *instance);
/*
 * A status gets "file", the path; "fault", why the last edit of it is refused; and "successor", what comes when the last
 * instance has stopped: "changed" or "deleted". Each is null when there is nothing to say.
 */
void json_put_file(json_t *status, const struct upstart_job_file *file);

/* {"event", "match": […]}, {"and": […, …]} or {"or": […, …]}; NULL becomes null. */
json_t *json_condition(const struct condition *condition);
/* The same of a `while`, with {"state", "match"} and {"not": …}. */
json_t *json_while(const struct condition *condition);
