/* SPDX-License-Identifier: MIT */
#include "common/record_text.h"

#include <errno.h>
#include <string.h>

void
record_text_add(struct strbuf *b, const char *field)
{
	for (const char *p = field; *p != '\0'; p++) {
		if (*p == '\t')
			strbuf_add(b, "\\t");
		else if (*p == '\n')
			strbuf_add(b, "\\n");
		else if (*p == '\\')
			strbuf_add(b, "\\\\");
		else
			strbuf_addc(b, *p);
	}
	strbuf_addc(b, '\t');
}

void
record_text_end(struct strbuf *b)
{
	strbuf_addc(b, '\n');
}

/* The field that ends at the next tab; *at moves on behind that. 0, -ENOMEM or -EBADMSG. */
static int
next_field(const char **at, char **field)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	const char *p = *at;

	strbuf_add(&b, "");
	for (; *p != '\t'; p++) {
		if (*p == '\0' || *p == '\n')
			return -EBADMSG;
		if (*p != '\\') {
			strbuf_addc(&b, *p);
			continue;
		}
		p++;
		if (*p != 't' && *p != 'n' && *p != '\\')
			return -EBADMSG;
		strbuf_addc(&b, *p == 't' ? '\t' : *p == 'n' ? '\n' : '\\');
	}
	*at = p + 1;
	*field = strbuf_steal(&b);
	return *field != NULL ? 0 : -ENOMEM;
}

int
record_text_next(const char **at, char ***fields)
{
	auto_strv char **made = NULL;

	*fields = NULL;
	if (**at == '\0')
		return 0;
	while (**at != '\n') {
		char *field;
		int r = next_field(at, &field);

		if (r < 0)
			return r;
		if (strv_take(&made, field) < 0)
			return -ENOMEM;
	}
	(*at)++;
	*fields = steal(&made);
	return 1;
}
