/* SPDX-License-Identifier: MIT */
#include "initctl/log_output.h"

#include <stdio.h>
#include <string.h>

#include "common/log_file.h"
#include "initctl/json.h"
#include "initctl/tool.h"

#define TEXT_MAX (1024 * 1024) /* longer lines are told in pieces */

/* -- to stdout ------------------------------------------------------------------ */

/*
 * Is it a line of a log that is JSON? It begins as those do, and is one object: any job may print such a beginning, and
 * a line may not have ended yet.
 */
static bool
is_json(const char *text)
{
	json_t *value;

	if (strncmp(text, LOG_JSON_BEGIN, strlen(LOG_JSON_BEGIN)) != 0)
		return false;
	value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	json_decref(value);
	return value != NULL;
}

/* `whole`: it is no piece of a line. */
static void
print_object(struct log_output *out, bool whole)
{
	const char *text = out->text.p ? out->text.p : "";
	char *line auto_free = NULL;
	json_t *object;

	if (out->text.failed)
		tool_nomem();
	if (whole && is_json(text)) {
		(void) puts(text);
	} else {
		object = json_object();
		json_put(object, "line", json_text(text));
		line = tool_must(json_dumps(object, JSON_COMPACT));
		json_decref(object);
		(void) puts(line);
	}
	strbuf_deinit(&out->text);
}

static void
print(struct log_output *out, const char *p, size_t n)
{
	if (!out->json) {
		(void) fwrite(p, 1, n, stdout);
		return;
	}
	for (; n > 0; p++, n--) {
		bool end = *p == '\n';

		if (!end)
			strbuf_addc(&out->text, *p != '\0' ? *p : '?');
		if (end ? out->text.len > 0 || !out->pieces : out->text.len >= TEXT_MAX) {
			print_object(out, end && !out->pieces);
			out->pieces = true;
		}
		if (end)
			out->pieces = false;
	}
}

static void
free_ring(struct log_output *out)
{
	for (size_t i = 0; i < out->ring_used; i++)
		strbuf_deinit(&out->ring[i]);
	free(out->ring);
	out->ring = NULL;
	out->ring_used = 0;
}

void
log_output_deinit(struct log_output *out)
{
	if (out->text.len > 0)
		print_object(out, !out->pieces);
	strbuf_deinit(&out->text);
	free_ring(out);
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
		print(out, p, n);
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

		print(out, line->p, line->len);
	}
	free_ring(out);
	out->last = 0;
	out->ring_within = false;
	(void) fflush(stdout);
}
