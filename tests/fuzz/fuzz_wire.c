/* SPDX-License-Identifier: MIT */
/*
 * Messages of the other end: any bytes are read or refused, and what was read comes back the same when
 * it is written and read again. The first byte chooses the type.
 */
#include <stdlib.h>
#include <string.h>

#include "common/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As large as the largest message's structure. */
union any {
#define X(id, st) struct msg_##st id;
	MESSAGES(X)
#undef X
};

/* Every getter in turn, as the bytes say: the cursor never leaves the frame. */
static void
read_at_random(const uint8_t *data, size_t size)
{
	struct wire_in in;

	wire_in_init(&in, data, size);
	while (!in.bad && in.p < in.end) {
		const unsigned char *before = in.p;
		char **v = NULL;

		switch (*in.p % 11) {
		case 0:
			(void) wire_get_nil(&in);
			break;
		case 1:
			(void) wire_get_bool(&in);
			break;
		case 2:
			(void) wire_get_uint(&in);
			break;
		case 3:
			(void) wire_get_int(&in);
			break;
		case 4:
			(void) wire_get_span(&in);
			break;
		case 5:
			free(wire_get_cstr(&in));
			break;
		case 6:
			(void) !wire_get_strv(&in, &v);
			/* What was read is a vector like any other. */
			if (v != NULL && strv_add(&v, "more") < 0)
				abort();
			(void) strv_free(v);
			break;
		case 7:
			(void) wire_get_array(&in);
			break;
		case 8:
			(void) wire_get_map(&in);
			break;
		default:
			wire_skip(&in);
			break;
		}
		if (in.p < before || in.p > in.end)
			abort();
		if (in.p == before)
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct ipc_message m = { 0 };
	union any any, back;

	if (size == 0)
		return 0;
	read_at_random(data + 1, size - 1);
	m.type = data[0] % (MSG_TYPE_COUNT + 1);
	m.body = (void *) (uintptr_t) (data + 1);
	m.len = size - 1;
	if (msg_decode(&m, &any) < 0)
		return 0;
	wire_put_struct(&first, msg_schema(m.type), &any);
	m.body = first.p;
	m.len = first.len;
	if (msg_decode(&m, &back) < 0)
		abort();
	wire_put_struct(&second, msg_schema(m.type), &back);
	if (first.len != second.len || memcmp(first.p, second.p, first.len) != 0)
		abort();
	msg_free(m.type, &any);
	msg_free(m.type, &back);
	strbuf_deinit(&first);
	strbuf_deinit(&second);
	return 0;
}
