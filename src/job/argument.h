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

/* A whole number: optional sign, digits of the base, nothing after; false if it is none or too large. */
bool argument_to_long(const char *text, int base, long *value);

/* Read a number in [min, max], else report `kind`. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_number(struct parser *p, int base, long min, long max, enum parse_fault_kind kind, long *value);

/* Read seconds; more than fit (136 years) are as good as that. 0, -EINVAL (reported) or -ENOMEM. */
int must_check argument_seconds(struct parser *p, uint32_t *seconds);
