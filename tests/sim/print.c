/* SPDX-License-Identifier: MIT */
/*
 * Inputs and effects as text, from their packed form: whatever members they have.
 */
#include "world.h"

#include <stdio.h>

static void
print_value(struct wire_in *in)
{
	unsigned char tag = in->p < in->end ? *in->p : 0xc1;
	size_t n;

	if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
		(void) printf("%llu", (unsigned long long) wire_get_uint(in));
	} else if (tag >= 0xe0 || (tag >= 0xd0 && tag <= 0xd3)) {
		(void) printf("%lld", (long long) wire_get_int(in));
	} else if (tag == 0xc2 || tag == 0xc3) {
		(void) printf("%s", wire_get_bool(in) ? "yes" : "no");
	} else if (tag == 0xc0) {
		(void) wire_get_nil(in);
		(void) printf("-");
	} else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		(void) printf("[");
		for (n = wire_get_array(in); n > 0 && !in->bad; n--) {
			print_value(in);
			(void) printf("%s", n > 1 ? " " : "");
		}
		(void) printf("]");
	} else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		(void) printf("{");
		for (n = wire_get_map(in); n > 0 && !in->bad; n--) {
			struct span key = wire_get_span(in);

			(void) printf("%.*s=", (int) key.n, key.p);
			print_value(in);
			(void) printf("%s", n > 1 ? ", " : "");
		}
		(void) printf("}");
	} else {
		struct span s = wire_get_span(in);

		(void) printf("\"%.*s\"", (int) s.n, s.p);
	}
}

void
print_packed(const char *head, const char *name, const struct strbuf *packed)
{
	struct wire_in in;

	(void) printf("%s %s ", head, name);
	wire_in_init(&in, packed->p, packed->len);
	while (in.p < in.end && !in.bad)
		print_value(&in);
	(void) printf("\n");
}
