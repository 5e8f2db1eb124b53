/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading and writing `namespace` and its companions; functions for rows of the stanza table, see
 * stanza_parse_fn and stanza_print_fn. Private to job/.
 */

#include "job/stanza.h"

int parse_namespace(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_namespace_optional(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_namespace_join(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_namespace_share(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_idmap(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_mount(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_private(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_time_offset(struct parser *p, const struct stanza *s, const struct stanza *outer);

void print_namespace(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_idmap(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_mount(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_private(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_time_offset(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
		       const struct stanza *outer);
