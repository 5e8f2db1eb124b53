/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Arguments that several stanzas take. Private to job/.
 */

#include "job/stanza.h"

/*
 * The list of cases (language-cases.tsv) holds signal names in lower case and `limit rttime` for
 * errors; D40 wants them accepted. Job files are held to the list: it decides whether
 * a file may be moved between versions.
 */
#define JOB_ACCEPT_NEW_SPELLINGS false

/* A fault about an argument, which is released. */
int must_check argument_fault(struct parser *p, enum parse_fault_kind kind, struct word *w);

/* The same with a text of its own. */
int must_check argument_fault_message(struct parser *p, enum parse_fault_kind kind, struct word *w,
				      const char *message);

/* The same of a word that is none of n `names`. */
int must_check argument_fault_names(struct parser *p, enum parse_fault_kind kind, struct word *w,
				    const char *const *names, size_t n);

/* Read a word, not an empty one, in place of the owned *text. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_text(struct parser *p, char **text);

/* A whole number: optional sign, digits of the base, nothing after; false if it is none or too large. */
bool argument_to_long(const char *text, int base, long *value);

/* Read a number in [min, max], else report `kind`. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_number(struct parser *p, int base, long min, long max, enum parse_fault_kind kind, long *value);

/* Read bytes: a number, with K, M, G or T behind it for powers of 1024. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_size(struct parser *p, uint64_t *bytes);

/* Read a time: seconds, or a number with s, m, h, d or w behind it. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_time(struct parser *p, uint64_t *seconds);

/*
 * Read one of `names`, of which the ones before `first` can't be written. 0 and *index, -EINVAL (reported with
 * `message`) or -ENOMEM.
 */
int must_check argument_choice(struct parser *p, const char *const *names, unsigned first, unsigned n,
			       const char *message, unsigned *index);

/* Read seconds; more than fit (136 years) are as good as that. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_seconds(struct parser *p, uint32_t *seconds);
