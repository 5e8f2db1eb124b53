/* SPDX-License-Identifier: MIT */
#include "logger/line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log_file.h"

#define NAME_MAX_BYTES ((size_t) 512) /* of a name in JSON: what comes behind is cut off */
#define REPLACEMENT "\\ufffd"	      /* for a byte that is no text */
#define ESCAPED_MAX ((size_t) 6)      /* bytes that one byte becomes at most */

void
line_stamp(usec_t when, char stamp[LINE_STAMP_SIZE])
{
	time_t seconds = (time_t) (when / USEC_PER_SEC);
	char whole[sizeof("2026-11-23T09:30:00")] = "1970-01-01T00:00:00";
	struct tm tm;

	/* Years of more than four digits are no times. */
	if (gmtime_r(&seconds, &tm) != NULL && tm.tm_year < 9999 - 1900)
		(void) strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	(void) snprintf(stamp, LINE_STAMP_SIZE, "%s.%03uZ", whole, (unsigned) (when % USEC_PER_SEC / USEC_PER_MSEC));
}

/* -- JSON --------------------------------------------------------------------- */

/* May more bytes make a character of these? */
static bool
is_incomplete(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *) s;
	size_t whole = n == 0 || p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	char filled[4];

	if (n >= whole)
		return false;
	/* The second byte is the one that has limits: both ends of each are tried. */
	for (int i = 0; i < 2; i++) {
		memset(filled, i == 0 ? 0x80 : 0xbf, sizeof(filled));
		memcpy(filled, s, n);
		if (span_utf8((struct span){ filled, whole }) > 0)
			return true;
	}
	return false;
}

/* One character as it stands in a JSON string; *taken says how many bytes of p that is, 0: more are needed. */
static size_t
escape(const char *p, size_t n, size_t *taken, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t size = span_utf8((struct span){ p, n });
	unsigned char c = (unsigned char) *p;

	*taken = size > 0 ? size : is_incomplete(p, n) ? 0 : 1;
	if (*taken == 0)
		return 0;
	if (size == 0) {
		memcpy(out, REPLACEMENT, ESCAPED_MAX);
		return ESCAPED_MAX;
	}
	if (c == '"' || c == '\\' || c == '\t') {
		out[0] = '\\';
		out[1] = c == '\t' ? 't' : (char) c;
		return 2;
	}
	if (c < 0x20) {
		out[0] = '\\';
		out[1] = 'u';
		out[2] = '0';
		out[3] = '0';
		out[4] = hex[c >> 4];
		out[5] = hex[c & 0xf];
		return ESCAPED_MAX;
	}
	memcpy(out, p, size);
	return size;
}

static void
add_name(struct strbuf *b, const char *key, const char *name)
{
	size_t n = name != NULL ? strnlen(name, NAME_MAX_BYTES) : 0;

	strbuf_addf(b, "\",\"%s\":\"", key);
	while (n > 0) {
		char out[ESCAPED_MAX];
		size_t taken, size = escape(name, n, &taken, out);

		if (taken == 0)
			break; /* cut in the middle of a character */
		strbuf_addn(b, out, size);
		name += taken;
		n -= taken;
	}
}

static char *
make_head(const struct msg_log_open *open)
{
	struct strbuf b = STRBUF_INIT;
	char *head;

	add_name(&b, "job", open->job);
	add_name(&b, "instance", open->instance);
	add_name(&b, "process", open->process);
	strbuf_addf(&b, "\",\"pid\":%d,\"line\":\"", (int) open->pid);
	head = strbuf_steal(&b);
	strbuf_deinit(&b);
	return head;
}

/* Text of a line, as far as it goes; the end of the line is not taken. */
static size_t
put_json(struct line *line, struct span *in, char *buf, size_t size)
{
	size_t used = 0, taken;

	/* A character that was begun in an earlier read. */
	while (line->n_carry > 0 && size - used >= ESCAPED_MAX) {
		char whole[2 * sizeof(line->carry)];
		size_t more = in->n < sizeof(line->carry) ? in->n : sizeof(line->carry);

		memcpy(whole, line->carry, line->n_carry);
		memcpy(whole + line->n_carry, in->p, more);
		used += escape(whole, line->n_carry + more, &taken, buf + used);
		if (taken == 0) { /* still not complete: less than four bytes */
			memcpy(line->carry + line->n_carry, in->p, more);
			line->n_carry += more;
			*in = (struct span){ in->p + more, 0 };
			return used;
		}
		if (taken < line->n_carry) { /* it was none: its other bytes may be */
			line->n_carry -= taken;
			memmove(line->carry, line->carry + taken, line->n_carry);
			continue;
		}
		in->p += taken - line->n_carry;
		in->n -= taken - line->n_carry;
		line->n_carry = 0;
	}
	while (in->n > 0 && *in->p != '\n' && size - used >= ESCAPED_MAX) {
		used += escape(in->p, in->n, &taken, buf + used);
		if (taken == 0) {
			memcpy(line->carry, in->p, in->n);
			line->n_carry = in->n;
			taken = in->n;
		}
		in->p += taken;
		in->n -= taken;
	}
	return used;
}

/* -- lines -------------------------------------------------------------------- */

int
line_init(struct line *line, const struct msg_log_open *open)
{
	*line = (struct line){ .format = open->format };
	if (open->format != MSG_LOG_JSON)
		return 0;
	line->head = make_head(open);
	return line->head != NULL ? 0 : -ENOMEM;
}

void
line_deinit(struct line *line)
{
	free(steal(&line->head));
}

/* How a line begins. */
static size_t
begin(struct line *line, usec_t when, char *buf)
{
	char stamp[LINE_STAMP_SIZE];
	char *p = buf;

	line->begun = true;
	line_stamp(when, stamp);
	if (line->format == MSG_LOG_JSON && line->head != NULL)
		p = stpcpy(stpcpy(stpcpy(p, LOG_JSON_BEGIN), stamp), line->head);
	else
		p = stpcpy(stpcpy(p, stamp), " ");
	return (size_t) (p - buf);
}

static size_t
put_text(struct span *in, char *buf, size_t size)
{
	const char *end = memchr(in->p, '\n', in->n);
	size_t n = end != NULL ? (size_t) (end - in->p) : in->n;

	if (n > size)
		n = size;
	memcpy(buf, in->p, n);
	in->p += n;
	in->n -= n;
	return n;
}

size_t
line_put(struct line *line, struct span *in, usec_t when, char *buf, size_t size)
{
	size_t head = sizeof(LOG_JSON_BEGIN) + LINE_STAMP_SIZE + (line->head != NULL ? strlen(line->head) : 0) +
		      ESCAPED_MAX + LINE_END_MAX;
	size_t used = 0;

	while (in->n > 0 && size - used >= head) {
		if (!line->begun)
			used += begin(line, when, buf + used);
		size -= LINE_END_MAX; /* is kept for the end */
		used += line->format == MSG_LOG_JSON ? put_json(line, in, buf + used, size - used)
						     : put_text(in, buf + used, size - used);
		size += LINE_END_MAX;
		if (in->n > 0 && *in->p == '\n' && line->n_carry == 0) {
			used += line_end(line, true, buf + used);
			in->p++;
			in->n--;
		}
	}
	return used;
}

size_t
line_end(struct line *line, bool for_ever, char *buf)
{
	char *p = buf;

	if (!line->begun)
		return 0;
	line->begun = false;
	if (line->format == MSG_LOG_JSON) {
		if (for_ever && line->n_carry > 0)
			p = stpcpy(p, REPLACEMENT);
		if (for_ever)
			line->n_carry = 0;
		p = stpcpy(p, for_ever ? "\"}" : "\",\"more\":true}");
	}
	p = stpcpy(p, "\n");
	return (size_t) (p - buf);
}
