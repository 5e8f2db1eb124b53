/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the rows of the stanza table are written. Private to job/.
 */

#include "job/stanza.h"

void print_text(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_words(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_flag(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_condition(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_process(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_hook_user(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_apparmor_load(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
			 const struct stanza *outer);
void print_signal(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_kill_timeout(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
			const struct stanza *outer);
void print_respawn_limit(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
			 const struct stanza *outer);
void print_respawn_delay(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
			 const struct stanza *outer);
void print_normal_exit(struct strbuf *b, const struct job_class *cls, const struct stanza *s,
		       const struct stanza *outer);
void print_console(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_umask(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_nice(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_oom(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_limit(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);
void print_cgroup(struct strbuf *b, const struct job_class *cls, const struct stanza *s, const struct stanza *outer);

/* What `apparmor load` puts into the security slot, before the path. */
#define APPARMOR_PARSER "/sbin/apparmor_parser -r -W "
