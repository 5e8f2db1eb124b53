/* SPDX-License-Identifier: MIT */
#include "initctl/markup.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a character that cannot be there */
#define ESCAPE '\x1b'

/* Does a character begin there that no XML may hold: U+FFFE or U+FFFF? Control characters are told otherwise. */
static bool
is_forbidden(struct span s)
{
	return s.n >= 3 && s.p[0] == '\xef' && s.p[1] == '\xbf' && (s.p[2] == '\xbe' || s.p[2] == '\xbf');
}

/* How long the order to a terminal is that begins there, like that for a colour; 0: none does. */
static size_t
order_length(struct span s)
{
	size_t n = 2;

	if (s.n < 3 || s.p[0] != ESCAPE || s.p[1] != '[')
		return 0;
	while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x40)
		n++;
	return n < s.n && s.p[n] >= 0x40 && s.p[n] < 0x7f ? n + 1 : 0;
}

static void
put_ascii(FILE *out, unsigned char c, bool lines)
{
	switch (c) {
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
	case '\n':
		(void) fputs(lines ? "\n" : "\\n", out);
		break;
	default:
		if ((c >= 0x20 && c != 0x7f) || (lines && c == '\t'))
			(void) fputc(c, out);
		else if (!lines || c != '\r')
			(void) fprintf(out, "\\x%02x", c);
	}
}

/* What is at its beginning; returns how much that is. */
static size_t
put(FILE *out, struct span s, bool lines)
{
	size_t n = lines ? order_length(s) : 0;

	if (n > 0)
		return n;
	n = span_utf8(s);
	if (n == 0 || is_forbidden(s))
		(void) fputs(REPLACEMENT, out);
	else if (n == 1)
		put_ascii(out, (unsigned char) *s.p, lines);
	else
		(void) fwrite(s.p, 1, n, out);
	return n > 0 ? n : 1;
}

static void
put_all(FILE *out, struct span s, bool lines)
{
	while (s.n > 0) {
		size_t n = put(out, s, lines);

		s.p += n;
		s.n -= n;
	}
}

void
markup_text(FILE *out, const char *text)
{
	put_all(out, span_of(text), false);
}

void
markup_lines(FILE *out, struct span text)
{
	put_all(out, text, true);
}
