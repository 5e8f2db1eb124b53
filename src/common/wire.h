/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one encoding of the house, MessagePack form: journal, snapshot, messages
 * between the brain and its servants, recordings.
 *
 * Writing goes into a strbuf, whose `failed` says all. Reading is a bounded
 * cursor over memory that others may have damaged: it allocates nothing, checks
 * every length against what is left, and is sticky: after the first fault
 * `bad` is set and every getter returns zero values.
 *
 * Structures are described by tables (struct wire_schema) and written as maps
 * with the field names as keys: a reader ignores keys it does not know and leaves
 * fields that are missing at zero, so that the next and the previous release
 * understand each other.
 */

#include "common/str.h"

#define WIRE_MAX_FRAME (1024 * 1024)
#define WIRE_MAX_DEPTH 32
#define WIRE_MAX_STRINGS 65536 /* of one vector of a request */

void wire_put_nil(struct strbuf *b);
void wire_put_bool(struct strbuf *b, bool v);
void wire_put_uint(struct strbuf *b, uint64_t v);
void wire_put_int(struct strbuf *b, int64_t v);
void wire_put_str(struct strbuf *b, struct span s);
void wire_put_cstr(struct strbuf *b, const char *s); /* NULL: nil */
void wire_put_strv(struct strbuf *b, char *const *v);
void wire_put_array(struct strbuf *b, size_t n);
void wire_put_map(struct strbuf *b, size_t n);

struct wire_in {
	const unsigned char *p;
	const unsigned char *end;
	size_t most_strings; /* of one vector; wire_in_init() sets no limit */
	bool bad;
};

void wire_in_init(struct wire_in *in, const void *p, size_t n);
/* True if the next value is nil; it is consumed then. */
bool wire_get_nil(struct wire_in *in);
bool wire_get_bool(struct wire_in *in);
uint64_t wire_get_uint(struct wire_in *in);
int64_t wire_get_int(struct wire_in *in);
struct span wire_get_span(struct wire_in *in); /* borrowed from the frame */
/* An owned copy; NULL for nil, and (with bad set) on damage or -ENOMEM. Embedded NULs are damage. */
char *wire_get_cstr(struct wire_in *in);
/* 0, -ENOMEM, or -EBADMSG (bad is set). An empty array gives NULL, one of more than most_strings is damage. */
int must_check wire_get_strv(struct wire_in *in, char ***v);
/* Number of elements (pairs) that follow; 0 when bad. Never more than bytes are left. */
size_t wire_get_array(struct wire_in *in);
size_t wire_get_map(struct wire_in *in);
/* Step over one value of any kind, nested to WIRE_MAX_DEPTH. */
void wire_skip(struct wire_in *in);

enum wire_type {
	WIRE_BOOL, /* bool */
	WIRE_U32,  /* uint32_t, or an enum */
	WIRE_I32,  /* int32_t */
	WIRE_U64,  /* uint64_t */
	WIRE_I64,  /* int64_t */
	WIRE_STR,  /* char *, owned, may be NULL */
	WIRE_STRV, /* char **, owned, may be NULL */
	WIRE_U64V, /* struct u64v, owned */
};

/* A list of numbers; p is owned, NULL when empty. */
struct u64v {
	uint64_t *p;
	size_t n;
};

int must_check u64v_add(struct u64v *v, uint64_t value); /* 0 or -ENOMEM */
int must_check u64v_copy(struct u64v *to, const struct u64v *from); /* *to is empty; 0 or -ENOMEM */
bool must_check u64v_has(const struct u64v *v, uint64_t value);
void u64v_deinit(struct u64v *v);                        /* idempotent */

struct wire_field {
	struct span key;
	enum wire_type type;
	size_t offset;
};

struct wire_schema {
	const char *name;
	const struct wire_field *fields;
	size_t n;
};

#define WIRE_FIELD(type_, struct_, member_) { { #member_, sizeof(#member_) - 1 }, WIRE_##type_, offsetof(struct_, member_) }
#define WIRE_SCHEMA(name_, fields_) { name_, fields_, ARRAY_SIZE(fields_) }

/* Fields that are zero, NULL or empty are left out. */
void wire_put_struct(struct strbuf *b, const struct wire_schema *s, const void *obj);
/*
 * Read a map into *obj, which the caller has zeroed. 0, -ENOMEM or -EBADMSG;
 * after an error wire_free_struct() releases what was read.
 */
int must_check wire_get_struct(struct wire_in *in, const struct wire_schema *s, void *obj);
/* Free the owned members and zero them. */
void wire_free_struct(const struct wire_schema *s, void *obj);
/* Deep copy into *to, which the caller has zeroed; 0 or -ENOMEM (then *to is released). */
int must_check wire_copy_struct(const struct wire_schema *s, void *to, const void *from);
