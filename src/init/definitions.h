/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The store of definitions: for each id the texts a class was made of. They lie once, in a file that
 * is only appended to and survives exec; classes are made from them by parsing, at load time as well.
 * A definition is dropped when a snapshot finds that nobody but the store has its class.
 */

#include "common/error.h"
#include "init/journal.h"
#include "job/class.h"

struct definitions;

/* The texts of one definition. All borrowed where it is an argument. */
struct definition_text {
	char *name;
	char *path;
	char *text;
	char *override_path; /* NULL: none */
	char *override_text;
	bool unconfined; /* there is no AppArmor here: the security process is left out */
};

/* An empty store over a new file; NULL when out of memory or descriptors. */
struct definitions *definitions_new(void);
/* The store in an inherited file. 0, or a negative errno; fd stays open then. Classes that do not parse are left out
 * (told). */
int must_check definitions_open(int fd, struct definitions **d);
struct definitions *definitions_free(struct definitions *d); /* takes NULL, returns NULL */
int definitions_fd(const struct definitions *d);

/*
 * Keep a class, whose reference is taken and which nobody else has yet, under a new id, which it is given. 0 and *id,
 * or a negative errno: then the class is released.
 */
int must_check definitions_add(struct definitions *d, const struct definition_text *text, struct job_class *cls,
			       uint64_t *id);

/* Put a definition with a known id there (reading a recording): parses it. 0, -EINVAL, -EBADMSG, -ENOMEM. */
int must_check definitions_restore(struct definitions *d, const void *p, size_t n);
/* The payload of a RECORD_DEFINITION for an id, as definitions_restore() reads it. 0 or a negative errno. */
int must_check definitions_payload(struct definitions *d, uint64_t id, struct strbuf *payload);

/* The lowest id above `id`; 0: there is none. */
uint64_t definitions_next(const struct definitions *d, uint64_t id);
/* A number that stands for the texts: another for others, but for chance; never 0. */
uint64_t definition_text_hash(const struct definition_text *text);
/* That of a definition in the store. 0 or a negative errno. */
int must_check definitions_hash(struct definitions *d, uint64_t id, uint64_t *hash);
/* As definitions_payload(), for texts that are not in the store: under id 0. */
void definition_text_pack(const struct definition_text *text, struct strbuf *payload);

/* Borrowed, or NULL. */
struct job_class *definitions_class(const struct definitions *d, uint64_t id);
/* A core_resolve_fn; `data` is the store. */
struct job_class *definitions_resolve(uint64_t id, void *data);

/* Do the texts of that id equal these? */
bool definitions_equal(struct definitions *d, uint64_t id, const struct definition_text *text);

/*
 * Dropping: forget all marks, mark what a file stands for, then either count those that neither are marked nor used by
 * anybody, or write all others to a new file and go on with that. `note` writes down that there is another file, before
 * anything is dropped; what it says, a negative errno, is the end of it. 0 or a negative errno (then nothing has changed).
 */
void definitions_unmark(struct definitions *d);
void definitions_mark(struct definitions *d, uint64_t id);
size_t definitions_unused(const struct definitions *d);
/* Is the file some MiB long, and twice as long as when definitions_settle() was called last? */
bool definitions_grew(const struct definitions *d);
void definitions_settle(struct definitions *d);
typedef int (*definitions_note_fn)(int fd, void *data);
int must_check definitions_compact(struct definitions *d, definitions_note_fn note, void *data);
