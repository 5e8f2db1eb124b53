/* SPDX-License-Identifier: MIT */
#include "common/wire_print.h"

#include <inttypes.h>

#define DEPTH_MAX 16

static void
print_string(struct strbuf *b, struct span s)
{
	strbuf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char) s.p[i];

		if (c == '"' || c == '\\')
			strbuf_addf(b, "\\%c", c);
		else if (c == '\n')
			strbuf_add(b, "\\n");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(b, "\\u%04x", c);
		else
			strbuf_addc(b, (char) c);
	}
	strbuf_addc(b, '"');
}

static void
print_at(struct strbuf *b, struct wire_in *in, int depth)
{
	unsigned char tag = in->p < in->end ? *in->p : 0xc1;
	size_t n;

	if (in->bad || depth > DEPTH_MAX) {
		in->bad = true;
	} else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		strbuf_addc(b, '{');
		n = wire_get_map(in);
		for (size_t i = 0; i < n && !in->bad; i++) {
			strbuf_add(b, i > 0 ? ", " : "");
			print_at(b, in, depth + 1);
			strbuf_add(b, ": ");
			print_at(b, in, depth + 1);
		}
		strbuf_addc(b, '}');
	} else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		strbuf_addc(b, '[');
		n = wire_get_array(in);
		for (size_t i = 0; i < n && !in->bad; i++) {
			strbuf_add(b, i > 0 ? ", " : "");
			print_at(b, in, depth + 1);
		}
		strbuf_addc(b, ']');
	} else if ((tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb)) {
		print_string(b, wire_get_span(in));
	} else if (tag == 0xc2 || tag == 0xc3) {
		strbuf_add(b, wire_get_bool(in) ? "true" : "false");
	} else if (tag == 0xc0) {
		(void) wire_get_nil(in);
		strbuf_add(b, "null");
	} else if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
		strbuf_addf(b, "%" PRIu64, wire_get_uint(in));
	} else if (tag >= 0xe0 || (tag >= 0xd0 && tag <= 0xd3)) {
		strbuf_addf(b, "%" PRId64, wire_get_int(in));
	} else {
		wire_skip(in);
		strbuf_add(b, "?");
	}
}

void
wire_print(struct strbuf *b, struct wire_in *in)
{
	print_at(b, in, 0);
}
