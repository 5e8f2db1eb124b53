/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading the stanzas about how processes are run (job-language.md 3.4, 3.6, 3.7); rows of the stanza
 * table, see stanza_parse_fn. Private to job/.
 */

#include "job/stanza.h"

int parse_console(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_umask(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_nice(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_oom(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_limit(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_cgroup(struct parser *p, const struct stanza *s, const struct stanza *outer);
