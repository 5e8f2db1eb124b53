/* SPDX-License-Identifier: MIT */
#include "common/wire.h"

#include <errno.h>
#include <string.h>

/* -- writing ------------------------------------------------------------- */

static void
put_be(struct strbuf *b, unsigned char tag, uint64_t v, int bytes)
{
	unsigned char out[9];

	out[0] = tag;
	for (int i = 0; i < bytes; i++)
		out[1 + i] = (unsigned char) (v >> (8 * (bytes - 1 - i)));
	strbuf_addn(b, out, (size_t) bytes + 1);
}

void
wire_put_nil(struct strbuf *b)
{
	strbuf_addc(b, (char) 0xc0);
}

void
wire_put_bool(struct strbuf *b, bool v)
{
	strbuf_addc(b, (char) (v ? 0xc3 : 0xc2));
}

void
wire_put_uint(struct strbuf *b, uint64_t v)
{
	if (v < 0x80)
		strbuf_addc(b, (char) v);
	else if (v <= UINT8_MAX)
		put_be(b, 0xcc, v, 1);
	else if (v <= UINT16_MAX)
		put_be(b, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_be(b, 0xce, v, 4);
	else
		put_be(b, 0xcf, v, 8);
}

void
wire_put_int(struct strbuf *b, int64_t v)
{
	if (v >= 0)
		wire_put_uint(b, (uint64_t) v);
	else if (v >= -32)
		strbuf_addc(b, (char) v);
	else
		put_be(b, 0xd3, (uint64_t) v, 8);
}

void
wire_put_str(struct strbuf *b, struct span s)
{
	if (s.n < 32)
		strbuf_addc(b, (char) (0xa0 | s.n));
	else if (s.n <= UINT8_MAX)
		put_be(b, 0xd9, s.n, 1);
	else if (s.n <= UINT16_MAX)
		put_be(b, 0xda, s.n, 2);
	else
		put_be(b, 0xdb, s.n, 4);
	strbuf_addn(b, s.p, s.n);
}

void
wire_put_cstr(struct strbuf *b, const char *s)
{
	if (s == NULL)
		wire_put_nil(b);
	else
		wire_put_str(b, span_of(s));
}

void
wire_put_array(struct strbuf *b, size_t n)
{
	if (n < 16)
		strbuf_addc(b, (char) (0x90 | n));
	else if (n <= UINT16_MAX)
		put_be(b, 0xdc, n, 2);
	else
		put_be(b, 0xdd, n, 4);
}

void
wire_put_map(struct strbuf *b, size_t n)
{
	if (n < 16)
		strbuf_addc(b, (char) (0x80 | n));
	else if (n <= UINT16_MAX)
		put_be(b, 0xde, n, 2);
	else
		put_be(b, 0xdf, n, 4);
}

void
wire_put_strv(struct strbuf *b, char *const *v)
{
	wire_put_array(b, strv_len(v));
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		wire_put_cstr(b, v[i]);
}

/* -- reading ------------------------------------------------------------- */

void
wire_in_init(struct wire_in *in, const void *p, size_t n)
{
	in->p = p;
	in->end = in->p + n;
	in->most_strings = SIZE_MAX;
	in->bad = false;
}

static size_t
left(const struct wire_in *in)
{
	return (size_t) (in->end - in->p);
}

/* The next n bytes, or NULL (and bad). */
static const unsigned char *
take(struct wire_in *in, size_t n)
{
	const unsigned char *p = in->p;

	if (in->bad || left(in) < n) {
		in->bad = true;
		return NULL;
	}
	in->p += n;
	return p;
}

static uint64_t
take_be(struct wire_in *in, int bytes)
{
	const unsigned char *p = take(in, (size_t) bytes);
	uint64_t v = 0;

	for (int i = 0; p != NULL && i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static unsigned char
take_tag(struct wire_in *in)
{
	const unsigned char *p = take(in, 1);

	return p != NULL ? *p : 0xc1; /* 0xc1 is never used: no getter accepts it */
}

bool
wire_get_nil(struct wire_in *in)
{
	if (in->bad || left(in) == 0 || *in->p != 0xc0)
		return false;
	in->p++;
	return true;
}

bool
wire_get_bool(struct wire_in *in)
{
	unsigned char tag = take_tag(in);

	if (tag != 0xc2 && tag != 0xc3)
		in->bad = true;
	return tag == 0xc3 && !in->bad;
}

uint64_t
wire_get_uint(struct wire_in *in)
{
	unsigned char tag = take_tag(in);

	if (tag < 0x80)
		return tag;
	if (tag >= 0xcc && tag <= 0xcf)
		return take_be(in, 1 << (tag - 0xcc));
	in->bad = true;
	return 0;
}

int64_t
wire_get_int(struct wire_in *in)
{
	unsigned char tag;
	uint64_t v;

	if (in->bad || left(in) == 0) {
		in->bad = true;
		return 0;
	}
	tag = *in->p;
	if (tag >= 0xe0 || (tag >= 0xd0 && tag <= 0xd3)) {
		in->p++;
		if (tag >= 0xe0)
			return (int8_t) tag;
		v = take_be(in, 1 << (tag - 0xd0));
		switch (tag) {
		case 0xd0:
			return (int8_t) v;
		case 0xd1:
			return (int16_t) v;
		case 0xd2:
			return (int32_t) v;
		default:
			return (int64_t) v;
		}
	}
	v = wire_get_uint(in);
	if (v > INT64_MAX) {
		in->bad = true;
		return 0;
	}
	return (int64_t) v;
}

struct span
wire_get_span(struct wire_in *in)
{
	unsigned char tag = take_tag(in);
	const unsigned char *p;
	size_t n;

	if ((tag & 0xe0) == 0xa0)
		n = tag & 0x1f;
	else if (tag >= 0xd9 && tag <= 0xdb)
		n = (size_t) take_be(in, 1 << (tag - 0xd9));
	else if (tag >= 0xc4 && tag <= 0xc6)
		n = (size_t) take_be(in, 1 << (tag - 0xc4));
	else {
		in->bad = true;
		return SPAN("");
	}
	p = take(in, n);
	if (p == NULL)
		return SPAN("");
	return (struct span) { (const char *) p, n };
}

char *
wire_get_cstr(struct wire_in *in)
{
	struct span s;
	char *copy;

	if (wire_get_nil(in))
		return NULL;
	s = wire_get_span(in);
	if (in->bad || memchr(s.p, '\0', s.n) != NULL) {
		in->bad = true;
		return NULL;
	}
	copy = span_dup(s);
	if (copy == NULL)
		in->bad = true;
	return copy;
}

static size_t
get_count(struct wire_in *in, unsigned char fix, unsigned char tag16)
{
	unsigned char tag = take_tag(in);
	size_t n;

	if ((tag & 0xf0) == fix)
		n = tag & 0x0f;
	else if (tag == tag16)
		n = (size_t) take_be(in, 2);
	else if (tag == tag16 + 1)
		n = (size_t) take_be(in, 4);
	else {
		in->bad = true;
		return 0;
	}
	/* Every element takes a byte at least: a count beyond that is damage. */
	if (in->bad || n > left(in)) {
		in->bad = true;
		return 0;
	}
	return n;
}

size_t
wire_get_array(struct wire_in *in)
{
	return get_count(in, 0x90, 0xdc);
}

size_t
wire_get_map(struct wire_in *in)
{
	size_t n = get_count(in, 0x80, 0xde);

	if (n > left(in) / 2) {
		in->bad = true;
		return 0;
	}
	return n;
}

int
wire_get_strv(struct wire_in *in, char ***v)
{
	size_t n;
	char **made;

	*v = NULL;
	if (wire_get_nil(in))
		return 0;
	n = wire_get_array(in);
	if (in->bad)
		return -EBADMSG;
	if (n == 0)
		return 0;
	if (n > in->most_strings) {
		in->bad = true;
		return -EBADMSG;
	}
	made = strv_new(n);
	if (made == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct span s = wire_get_span(in);

		if (in->bad || memchr(s.p, '\0', s.n) != NULL) {
			in->bad = true;
			(void) strv_free(made);
			return -EBADMSG;
		}
		made[i] = span_dup(s);
		if (made[i] == NULL) {
			(void) strv_free(made);
			return -ENOMEM;
		}
	}
	*v = made;
	return 0;
}

static void
skip_depth(struct wire_in *in, int depth)
{
	unsigned char tag;
	size_t n;

	if (in->bad || left(in) == 0 || depth > WIRE_MAX_DEPTH) {
		in->bad = true;
		return;
	}
	tag = *in->p;
	if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		for (n = wire_get_array(in); n > 0 && !in->bad; n--)
			skip_depth(in, depth + 1);
	} else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		for (n = 2 * wire_get_map(in); n > 0 && !in->bad; n--)
			skip_depth(in, depth + 1);
	} else if ((tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb) || (tag >= 0xc4 && tag <= 0xc6)) {
		(void) wire_get_span(in);
	} else if (tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
		(void) take(in, 1);
	} else if (tag == 0xca || tag == 0xcb) {
		(void) take(in, tag == 0xca ? 5 : 9); /* floats: never written here, but known */
	} else if (tag >= 0xd4 && tag <= 0xd8) {
		(void) take(in, 2 + ((size_t) 1 << (tag - 0xd4))); /* extensions: likewise */
	} else if (tag >= 0xc7 && tag <= 0xc9) {
		(void) take(in, 1);
		n = (size_t) take_be(in, 1 << (tag - 0xc7));
		(void) take(in, n + 1);
	} else if (tag == 0xcf) {
		(void) wire_get_uint(in); /* above INT64_MAX is no damage */
	} else {
		(void) wire_get_int(in);
	}
}

void
wire_skip(struct wire_in *in)
{
	skip_depth(in, 0);
}

/* -- structures ------------------------------------------------------------ */

static const void *
at(const void *obj, const struct wire_field *f)
{
	return (const char *) obj + f->offset;
}

static bool
field_is_empty(const struct wire_field *f, const void *p)
{
	switch (f->type) {
	case WIRE_BOOL:
		return !*(const bool *) p;
	case WIRE_U32:
	case WIRE_I32:
		return *(const uint32_t *) p == 0;
	case WIRE_U64:
	case WIRE_I64:
		return *(const uint64_t *) p == 0;
	case WIRE_STR:
		return *(char *const *) p == NULL;
	case WIRE_STRV:
		return *(char **const *) p == NULL || **(char **const *) p == NULL;
	case WIRE_U64V:
		return ((const struct u64v *) p)->n == 0;
	}
	return true;
}

static void
put_field(struct strbuf *b, const struct wire_field *f, const void *p)
{
	const struct u64v *v = p;

	switch (f->type) {
	case WIRE_BOOL:
		wire_put_bool(b, *(const bool *) p);
		break;
	case WIRE_U32:
		wire_put_uint(b, *(const uint32_t *) p);
		break;
	case WIRE_I32:
		wire_put_int(b, *(const int32_t *) p);
		break;
	case WIRE_U64:
		wire_put_uint(b, *(const uint64_t *) p);
		break;
	case WIRE_I64:
		wire_put_int(b, *(const int64_t *) p);
		break;
	case WIRE_STR:
		wire_put_cstr(b, *(char *const *) p);
		break;
	case WIRE_STRV:
		wire_put_strv(b, *(char **const *) p);
		break;
	case WIRE_U64V:
		wire_put_array(b, v->n);
		for (size_t i = 0; i < v->n; i++)
			wire_put_uint(b, v->p[i]);
		break;
	}
}

void
wire_put_struct(struct strbuf *b, const struct wire_schema *s, const void *obj)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!field_is_empty(&s->fields[i], at(obj, &s->fields[i])))
			n++;
	wire_put_map(b, n);
	for (size_t i = 0; i < s->n; i++) {
		const struct wire_field *f = &s->fields[i];

		if (field_is_empty(f, at(obj, f)))
			continue;
		wire_put_str(b, f->key);
		put_field(b, f, at(obj, f));
	}
}

static void
free_field(const struct wire_field *f, void *p)
{
	if (f->type == WIRE_STR) {
		free(*(char **) p);
		*(char **) p = NULL;
	} else if (f->type == WIRE_STRV) {
		*(char ***) p = strv_free(*(char ***) p);
	} else if (f->type == WIRE_U64V) {
		u64v_deinit(p);
	}
}

static int
get_u64v(struct wire_in *in, struct u64v *v)
{
	size_t n = wire_get_array(in);

	for (size_t i = 0; i < n && !in->bad; i++)
		if (u64v_add(v, wire_get_uint(in)) < 0)
			return -ENOMEM;
	return 0;
}

static int
get_field(struct wire_in *in, const struct wire_field *f, void *p)
{
	bool was_nil;

	free_field(f, p); /* a key that comes twice: the last one counts */
	switch (f->type) {
	case WIRE_BOOL:
		*(bool *) p = wire_get_bool(in);
		break;
	case WIRE_U32: {
		uint64_t v = wire_get_uint(in);

		in->bad = in->bad || v > UINT32_MAX;
		*(uint32_t *) p = (uint32_t) v;
		break;
	}
	case WIRE_I32: {
		int64_t v = wire_get_int(in);

		in->bad = in->bad || v > INT32_MAX || v < INT32_MIN;
		*(int32_t *) p = (int32_t) v;
		break;
	}
	case WIRE_U64:
		*(uint64_t *) p = wire_get_uint(in);
		break;
	case WIRE_I64:
		*(int64_t *) p = wire_get_int(in);
		break;
	case WIRE_STR: {
		struct span s;

		was_nil = wire_get_nil(in);
		if (was_nil)
			break;
		s = wire_get_span(in);
		if (in->bad || memchr(s.p, '\0', s.n) != NULL) {
			in->bad = true;
			break;
		}
		*(char **) p = span_dup(s);
		if (*(char **) p == NULL)
			return -ENOMEM;
		break;
	}
	case WIRE_STRV:
		return wire_get_strv(in, p);
	case WIRE_U64V:
		return get_u64v(in, p);
	}
	return in->bad ? -EBADMSG : 0;
}

/* The field with that key, looked for from `from` on: who writes them in our order has the next one there. s->n: none. */
static size_t
find_field(const struct wire_schema *s, struct span key, size_t from)
{
	for (size_t k = 0; k < s->n; k++) {
		size_t i = from + k < s->n ? from + k : from + k - s->n;

		if (s->fields[i].key.n == key.n && memcmp(s->fields[i].key.p, key.p, key.n) == 0)
			return i;
	}
	return s->n;
}

int
wire_get_struct(struct wire_in *in, const struct wire_schema *s, void *obj)
{
	size_t n = wire_get_map(in), i = 0;

	for (; n > 0 && !in->bad; n--) {
		struct span key = wire_get_span(in);
		size_t last = i;
		int r;

		if (in->bad)
			break;
		i = find_field(s, key, last);
		if (i == s->n) {
			i = last;
			wire_skip(in);
			continue;
		}
		r = get_field(in, &s->fields[i], (char *) obj + s->fields[i].offset);
		if (r < 0)
			return r;
		i++;
	}
	return in->bad ? -EBADMSG : 0;
}

void
wire_free_struct(const struct wire_schema *s, void *obj)
{
	for (size_t i = 0; i < s->n; i++)
		free_field(&s->fields[i], (char *) obj + s->fields[i].offset);
}

static int
copy_field(const struct wire_field *f, void *to, const void *from)
{
	switch (f->type) {
	case WIRE_BOOL:
		*(bool *) to = *(const bool *) from;
		break;
	case WIRE_U32:
	case WIRE_I32:
		*(uint32_t *) to = *(const uint32_t *) from;
		break;
	case WIRE_U64:
	case WIRE_I64:
		*(uint64_t *) to = *(const uint64_t *) from;
		break;
	case WIRE_STR:
		if (*(char *const *) from == NULL)
			break;
		*(char **) to = strdup(*(char *const *) from);
		return *(char **) to == NULL ? -ENOMEM : 0;
	case WIRE_STRV:
		return strv_dup(to, *(char **const *) from);
	case WIRE_U64V:
		return u64v_copy(to, from);
	}
	return 0;
}

int
wire_copy_struct(const struct wire_schema *s, void *to, const void *from)
{
	for (size_t i = 0; i < s->n; i++)
		if (copy_field(&s->fields[i], (char *) to + s->fields[i].offset, at(from, &s->fields[i])) < 0) {
			wire_free_struct(s, to);
			return -ENOMEM;
		}
	return 0;
}

int
u64v_add(struct u64v *v, uint64_t value)
{
	uint64_t *p;

	if ((v->n & (v->n - 1)) == 0) { /* grown at 0, 1, 2, 4 … */
		p = realloc(v->p, (v->n ? 2 * v->n : 1) * sizeof(*p));
		if (p == NULL)
			return -ENOMEM;
		v->p = p;
	}
	v->p[v->n++] = value;
	return 0;
}

int
u64v_copy(struct u64v *to, const struct u64v *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (u64v_add(to, from->p[i]) < 0) {
			u64v_deinit(to);
			return -ENOMEM;
		}
	}
	return 0;
}

bool
u64v_has(const struct u64v *v, uint64_t value)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] == value)
			return true;
	return false;
}

void
u64v_deinit(struct u64v *v)
{
	free(v->p);
	v->p = NULL;
	v->n = 0;
}
