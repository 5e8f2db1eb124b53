/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <inttypes.h>

static void
put_text(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '"');
	for (struct span rest = span_of(s); rest.n > 0;) {
		size_t n = span_utf8(rest);

		if (n == 0)
			strbuf_add(b, "\\ufffd");
		else if (*rest.p == '"' || *rest.p == '\\')
			strbuf_addf(b, "\\%c", *rest.p);
		else if ((unsigned char) *rest.p < 0x20 || *rest.p == 0x7f)
			strbuf_addf(b, "\\u%04x", (unsigned) (unsigned char) *rest.p);
		else
			strbuf_addn(b, rest.p, n);
		n = n > 0 ? n : 1;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	strbuf_addc(b, '"');
}

/* Begin a value: no value ends in one of these three. */
static void
begin(struct strbuf *b, const char *key)
{
	char last = b->len > 0 && b->p != NULL ? b->p[b->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		strbuf_addc(b, ',');
	if (key == NULL)
		return;
	put_text(b, key);
	strbuf_addc(b, ':');
}

void
json_begin_object(struct strbuf *b, const char *key)
{
	begin(b, key);
	strbuf_addc(b, '{');
}

void
json_end_object(struct strbuf *b)
{
	strbuf_addc(b, '}');
}

void
json_begin_array(struct strbuf *b, const char *key)
{
	begin(b, key);
	strbuf_addc(b, '[');
}

void
json_end_array(struct strbuf *b)
{
	strbuf_addc(b, ']');
}

void
json_put_string(struct strbuf *b, const char *key, const char *value)
{
	if (value == NULL) {
		json_put_null(b, key);
		return;
	}
	begin(b, key);
	put_text(b, value);
}

void
json_put_number(struct strbuf *b, const char *key, int64_t value)
{
	begin(b, key);
	strbuf_addf(b, "%" PRId64, value);
}

void
json_put_bool(struct strbuf *b, const char *key, bool value)
{
	begin(b, key);
	strbuf_add(b, value ? "true" : "false");
}

void
json_put_null(struct strbuf *b, const char *key)
{
	begin(b, key);
	strbuf_add(b, "null");
}

void
json_put_strings(struct strbuf *b, const char *key, char *const *v)
{
	json_begin_array(b, key);
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		json_put_string(b, NULL, v[i]);
	json_end_array(b);
}

void
json_put_seconds(struct strbuf *b, const char *key, usec_t value)
{
	begin(b, key);
	strbuf_addf(b, "%" PRIu64 ".%06" PRIu64, value / USEC_PER_SEC, value % USEC_PER_SEC);
}
