/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading journals of other images within a test: descriptors they name exist, and nothing that loading does to
 * descriptors or processes reaches the test itself. Needs --wrap=close, --wrap=kill,
 * --wrap=rmdir and --wrap=crash_inherited.
 */

#include "rig.h"

/* Numbers below are the journal's, from there on the test's own. */
#define LOADER_FLOOR 200

/* A journal and its definitions, as bytes. */
struct heritage {
	struct strbuf journal, definitions;
};

/* Once, before anything is opened. */
void loader_init(void);

/* Read STEM.journal and STEM.definitions; 0 or a negative errno. */
int must_check heritage_read(struct heritage *h, const char *stem);
void heritage_deinit(struct heritage *h);
/* Its journal, to be read; to be freed with journal_free(). */
struct journal *heritage_journal(const struct heritage *h);

/* A rig that has loaded it: *r is what state_load() said. To be freed with loader_free(). */
void loader_load(struct rig *rig, const struct heritage *h, int *r);
void loader_free(struct rig *rig);

/* What was loaded, as text: jobs and their processes by the core's views, then all notes of a new snapshot. */
void loader_print(struct rig *rig, struct strbuf *b);

/* The same records with one more field in every map, and records and notes of unknown kinds in between. */
void heritage_of_the_future(struct heritage *to, const struct heritage *from);

/* Where the n-th record begins; the end for n = number of records. -1: there is none. */
off_t record_at(const struct strbuf *file, size_t n);
/* Make the CRC of the record at `at` right. */
void record_seal(const struct strbuf *file, off_t at);
