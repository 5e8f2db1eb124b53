/* SPDX-License-Identifier: MIT */
#include "canon.h"

#include <string.h>

void
canon_number(struct canon *c, uint64_t v)
{
	if (v >= CANON_FIRST) {
		uintptr_t place = (uintptr_t) map_get_id(&c->places, v);

		if (place == 0) {
			place = ++c->n;
			if (map_put_id(&c->places, v, (void *) place) < 0)
				c->out.failed = true;
		}
		v = CANON_FIRST + place;
	}
	wire_put_uint(&c->out, v);
}

/*
 * Counters, and what nothing is decided by: since when, how processes ended last, what the history says. How many starts lie behind (hops)
 * counts only with the time they took, and no time goes by here.
 */
static bool
is_left_out(struct span key)
{
	static const struct span keys[] = {
		SPAN("seq"),	  SPAN("last_effect"), SPAN("last_id"), SPAN("since"),	  SPAN("exits"), SPAN("last_run"),
		SPAN("runs_dropped"), SPAN("began"),   SPAN("startup"), SPAN("look_run"), SPAN("run"),	 SPAN("queued"),
	};
	static const char prompt[] = "prompt.";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].n == key.n && memcmp(keys[i].p, key.p, key.n) == 0)
			return true;
	if (key.n > strlen(prompt) && memcmp(key.p, prompt, strlen(prompt)) == 0)
		return true;
	return key.n > 5 && memcmp(key.p + key.n - 5, ".hops", 5) == 0;
}

/* Is this the record of an instance that is gone, or of the history, for people? Those alone say `at` or `number`. */
static bool
is_past(struct wire_in in)
{
	unsigned char tag = in.p < in.end ? *in.p : 0xc1;
	size_t n = (tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf ? wire_get_map(&in) : 0;
	bool found = false;

	for (; n > 0 && !in.bad; n--) {
		struct span key = wire_get_span(&in);

		found = found || span_is(key, "at") || span_is(key, "number");
		wire_skip(&in);
	}
	return found;
}

static void
canon_array(struct canon *c, struct wire_in *in)
{
	size_t n = wire_get_array(in);
	bool pasts = n > 0 && is_past(*in);

	wire_put_array(&c->out, pasts ? 0 : n);
	for (; n > 0 && !in->bad; n--)
		if (pasts)
			wire_skip(in);
		else
			canon_value(c, in);
}

static void
canon_map(struct canon *c, struct wire_in *in)
{
	size_t n = wire_get_map(in);

	for (; n > 0 && !in->bad; n--) {
		struct span key = wire_get_span(in);

		if (is_left_out(key)) {
			wire_skip(in);
			continue;
		}
		wire_put_str(&c->out, key);
		canon_value(c, in);
	}
}

void
canon_value(struct canon *c, struct wire_in *in)
{
	unsigned char tag = in->p < in->end ? *in->p : 0xc1;
	const unsigned char *from = in->p;

	if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
		canon_number(c, wire_get_uint(in));
	} else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		canon_array(c, in);
	} else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		canon_map(c, in);
	} else {
		wire_skip(in);
		strbuf_addn(&c->out, from, (size_t) (in->p - from));
	}
}

uint64_t
canon_hash(const struct canon *c)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < c->out.len; i++)
		h = (h ^ (unsigned char) c->out.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

void
canon_deinit(struct canon *c)
{
	map_deinit(&c->places);
	strbuf_deinit(&c->out);
}
