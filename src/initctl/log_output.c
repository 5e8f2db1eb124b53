/* SPDX-License-Identifier: MIT */
#include "initctl/log_output.h"

#include <stdio.h>
#include <string.h>

#include "initctl/tool.h"

void
log_output_deinit(struct log_output *out)
{
	for (size_t i = 0; i < out->ring_used; i++)
		strbuf_deinit(&out->ring[i]);
	free(out->ring);
	out->ring = NULL;
	out->ring_used = 0;
}

/* -- the last lines ----------------------------------------------------------- */

/* A line begins: the place for it, if need be that of the oldest. */
static struct strbuf *
ring_begin(struct log_output *out)
{
	if (out->ring_used < out->last) {
		struct strbuf *grown = reallocarray(out->ring, out->ring_used + 1, sizeof(*grown));

		if (!grown)
			tool_nomem();
		out->ring = grown;
		out->ring[out->ring_used] = (struct strbuf) STRBUF_INIT;
		return &out->ring[out->ring_used++];
	}
	strbuf_deinit(&out->ring[out->ring_at]);
	out->ring_at = (out->ring_at + 1) % out->ring_used;
	return &out->ring[(out->ring_at + out->ring_used - 1) % out->ring_used];
}

static struct strbuf *
ring_line(struct log_output *out)
{
	return out->ring_within ? &out->ring[(out->ring_at + out->ring_used - 1) % out->ring_used] : ring_begin(out);
}

/* A piece of a line, the last one with its end. */
static void
put(struct log_output *out, const char *p, size_t n)
{
	struct strbuf *line;

	if (out->last == 0) {
		(void) fwrite(p, 1, n, stdout);
		return;
	}
	line = ring_line(out);
	strbuf_addn(line, p, n);
	if (line->failed)
		tool_nomem();
	out->ring_within = p[n - 1] != '\n';
}

/* -- which lines -------------------------------------------------------------- */

/* The time of the line is known, or that it has none. */
static void
decide(struct log_output *out)
{
	usec_t when;

	if (out->skip > 0)
		out->shown = false;
	else if (out->since == 0)
		out->shown = true;
	else if (log_time_of_line(out->head, out->n_head, &when))
		out->shown = when >= out->since;
	if (out->shown && out->n_head > 0)
		put(out, out->head, out->n_head);
	out->n_head = 0;
	out->within = true;
}

/* A piece of one line, without its end but perhaps up to it. */
static void
add_piece(struct log_output *out, const char *p, size_t n)
{
	size_t wanted = sizeof(out->head) - out->n_head;

	if (!out->within && out->since > 0) {
		size_t part = n < wanted ? n : wanted;

		memcpy(out->head + out->n_head, p, part);
		out->n_head += part;
		p += part;
		n -= part;
		if (out->n_head < sizeof(out->head))
			return;
	}
	if (!out->within)
		decide(out);
	if (out->shown && n > 0)
		put(out, p, n);
}

static void
end_line(struct log_output *out)
{
	if (!out->within)
		decide(out);
	if (out->shown)
		put(out, "\n", 1);
	out->within = false;
	if (out->skip > 0)
		out->skip--;
}

void
log_output_add(struct log_output *out, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t piece = end ? (size_t) (end - p) : n;

		if (piece > 0)
			add_piece(out, p, piece);
		if (!end)
			return;
		end_line(out);
		p += piece + 1;
		n -= piece + 1;
	}
}

void
log_output_next_file(struct log_output *out)
{
	if (!out->within && out->n_head == 0)
		out->shown = true;
}

void
log_output_flush(struct log_output *out)
{
	if (out->n_head > 0)
		decide(out); /* of a line that has not ended no more is there */
	for (size_t i = 0; i < out->ring_used; i++) {
		const struct strbuf *line = &out->ring[(out->ring_at + i) % out->ring_used];

		(void) fwrite(line->p, 1, line->len, stdout);
	}
	log_output_deinit(out);
	out->last = 0;
	out->ring_within = false;
	(void) fflush(stdout);
}
