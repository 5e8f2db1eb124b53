/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files of records that are only ever appended to: the journal, the definitions, a recording.
 *
 * A record is {u32 length, u32 crc, u64 number} and the payload, all little endian; the CRC is over number and
 * payload, the payload begins with its kind (MessagePack, like all of it). Reading stops at the first record that is
 * not whole and sound: what follows it was never finished.
 */

#include <sys/types.h>

#include "common/str.h"

enum record_kind {
	RECORD_HEADER = 1, /* format and version: first in every file */
	RECORD_NOTE,	   /* something the shell must remember (state.h) */
	RECORD_CORE,	   /* a core, whole (core_save) */
	RECORD_READY,	   /* the snapshot above is complete */
	RECORD_INPUT,	   /* servant, message number, then an input (input_pack) */
	RECORD_DEFINITION, /* definitions.h */
	RECORD_CONFIG,	   /* struct record_config (record.h): in recordings */
	RECORD_EFFECTS,	   /* what the input above led to: in recordings */
	RECORD_REPORT,	   /* struct record_report (record.h): ends a crash report */
	RECORD_LAST_ID,	   /* ids of definitions up to this number were given: in files of definitions */
};

#define JOURNAL_FORMAT 1

struct journal;

/*
 * A journal over `fd`, which it owns from now on; new and empty, or to be read with journal_read() first. With
 * `reserve` space is set aside in advance, so that what must not be refused finds some when there is none left. NULL:
 * out of memory; fd stays open and the caller's.
 */
struct journal *journal_new(int fd, bool reserve);
struct journal *journal_free(struct journal *j); /* takes NULL, returns NULL */
/* The same, but the descriptor stays open and is the caller's. */
int journal_release(struct journal *j);
int journal_fd(const struct journal *j);
/* The number of the last good record. */
uint64_t journal_number(const struct journal *j);
/* The record after it, told apart from those of other journals, over a re-exec as well. */
uint64_t journal_next_mark(const struct journal *j);
/* Bytes of good records. */
off_t journal_size(const struct journal *j);

/* Write what every file begins with. 0 or a negative errno. */
int must_check journal_begin(struct journal *j);
/* The payload of that first record: 0, or -EBADMSG: it is of another format. */
int must_check journal_check_header(const void *p, size_t n);

/*
 * Append one record. `vital` may use up the reserve. 0, -ENOMEM (payload->failed), or a negative errno
 * (-ENOSPC…): then the file is as it was before. *at (may be NULL) is where it lies.
 */
int must_check journal_append(struct journal *j, enum record_kind kind, const struct strbuf *payload, bool vital,
			      off_t *at);

/* Take back the record that was appended last, and nothing since. 0 or a negative errno. */
int must_check journal_drop_last(struct journal *j);

/* One record: 0 to go on, anything else ends the reading with that result. The payload is borrowed. */
typedef int (*journal_fn)(uint32_t kind, const void *p, size_t n, off_t at, void *data);

/*
 * Hand out all good records from the beginning, and be ready to append behind the last of them. 0, what the
 * function returned, or a negative errno (reading itself failed).
 */
int must_check journal_read(struct journal *j, journal_fn fn, void *data);

/*
 * As journal_read(), but goes on behind what is not sound: for records that do not build on each other. *gaps: how
 * often.
 */
int must_check journal_salvage(struct journal *j, journal_fn fn, void *data, size_t *gaps);

/* The record that lies at `at`: *payload is the caller's. 0, -EBADMSG, -ENOMEM or another negative errno. */
int must_check journal_read_at(struct journal *j, off_t at, uint32_t *kind, struct strbuf *payload);
