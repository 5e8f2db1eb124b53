/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading and writing the stanzas about how a job is watched over: readiness, the watchdog, what a kill reaches, its
 * log file; functions for rows of the stanza table, see stanza_parse_fn and stanza_print_fn. Private to job/.
 */

#include "job/stanza.h"

int parse_expect(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_watchdog(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_kill_mode(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_size(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_age(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_keep(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_compress(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_format(struct parser *p, const struct stanza *s, const struct stanza *outer);
int parse_log_forward(struct parser *p, const struct stanza *s, const struct stanza *outer);

void print_expect(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_watchdog(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_kill_mode(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
/* A row's number, of which LOG_UNSET is not written. */
void print_log_number(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
		      const struct stanza *outer);
void print_log_compress(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
			const struct stanza *outer);
void print_log_format(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
		      const struct stanza *outer);
void print_log_forward(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
		       const struct stanza *outer);
