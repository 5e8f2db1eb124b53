/* SPDX-License-Identifier: MIT */
#include "initctl/markup.h"

#include <string.h>

#include "initctl/tool.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a character that cannot be there */

/* Does a character begin there that no XML may hold: U+FFFE or U+FFFF? Control characters are told otherwise. */
static bool
is_forbidden(const char *c)
{
	return c[0] == '\xef' && c[1] == '\xbf' && (c[2] == '\xbe' || c[2] == '\xbf');
}

void
markup_text(FILE *out, const char *text)
{
	struct strbuf visible auto_strbuf = STRBUF_INIT;

	tool_add_visible(&visible, text);
	if (visible.failed)
		tool_nomem();
	for (const char *c = visible.p; c && *c; c++) {
		if (is_forbidden(c)) {
			(void) fputs(REPLACEMENT, out);
			c += strlen(REPLACEMENT) - 1;
			continue;
		}
		switch (*c) {
		case '&':
			(void) fputs("&amp;", out);
			break;
		case '<':
			(void) fputs("&lt;", out);
			break;
		case '>':
			(void) fputs("&gt;", out);
			break;
		case '"':
			(void) fputs("&quot;", out);
			break;
		default:
			(void) fputc(*c, out);
		}
	}
}
