/* SPDX-License-Identifier: MIT */
/*
 * The encoding is MessagePack, as the library that defines it reads and writes it.
 */
#include "common/wire.h"

#include <msgpack.h>

#include "unit.h"

#define VALUES 3000

/* One random value, written by ours. Returns how deep it may go on. */
static void
put_random(struct strbuf *b, uint64_t *seed, int depth)
{
	static const size_t sizes[] = { 0, 3, 31, 32, 255, 256, 70000 };
	uint64_t r = unit_random(seed);
	uint64_t number = unit_random(seed) >> (unit_random(seed) % 64);
	size_t n = (size_t) (unit_random(seed) % 20);
	char text[70000];

	switch (r % (depth > 4 ? 5 : 7)) {
	case 0:
		wire_put_nil(b);
		break;
	case 1:
		wire_put_bool(b, r & 8);
		break;
	case 2:
		wire_put_uint(b, number);
		break;
	case 3:
		wire_put_int(b, (int64_t) (r & 8 ? number : -number));
		break;
	case 4:
		n = sizes[r / 16 % (depth == 0 ? 7 : 6)];
		memset(text, 'a' + (int) (r / 256 % 26), n);
		wire_put_str(b, (struct span) { text, n });
		break;
	case 5:
		wire_put_array(b, n);
		for (size_t i = 0; i < n; i++)
			put_random(b, seed, depth + 2);
		break;
	default:
		wire_put_map(b, n);
		for (size_t i = 0; i < 2 * n; i++)
			put_random(b, seed, depth + 2);
		break;
	}
}

/* Read with ours what the library has understood, and compare. */
static void
compare(const msgpack_object *o, struct wire_in *in)
{
	struct span s;
	size_t n;

	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		assert_true(wire_get_nil(in));
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		assert_int_equal(wire_get_bool(in), o->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		assert_true(wire_get_uint(in) == o->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		assert_true(wire_get_int(in) == o->via.i64);
		break;
	case MSGPACK_OBJECT_STR:
		s = wire_get_span(in);
		assert_int_equal(s.n, o->via.str.size);
		assert_memory_equal(s.p, o->via.str.ptr, s.n);
		break;
	case MSGPACK_OBJECT_ARRAY:
		n = wire_get_array(in);
		assert_int_equal(n, o->via.array.size);
		for (size_t i = 0; i < n; i++)
			compare(&o->via.array.ptr[i], in);
		break;
	case MSGPACK_OBJECT_MAP:
		n = wire_get_map(in);
		assert_int_equal(n, o->via.map.size);
		for (size_t i = 0; i < n; i++) {
			compare(&o->via.map.ptr[i].key, in);
			compare(&o->via.map.ptr[i].val, in);
		}
		break;
	default:
		fail_msg("the library read a type that is never written: %d", (int) o->type);
	}
}

static void
test_wire_is_read_by_msgpack(void **state)
{
	uint64_t seed = 42;

	for (int i = 0; i < VALUES; i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		msgpack_unpacked result;
		struct wire_in in;
		size_t offset = 0;

		put_random(&b, &seed, 0);
		assert_false(b.failed);
		msgpack_unpacked_init(&result);
		assert_int_equal(msgpack_unpack_next(&result, b.p, b.len, &offset), MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(offset, b.len);
		wire_in_init(&in, b.p, b.len);
		compare(&result.data, &in);
		assert_false(in.bad);
		assert_ptr_equal(in.p, in.end);
		msgpack_unpacked_destroy(&result);
		wire_in_init(&in, b.p, b.len);
		wire_skip(&in);
		assert_false(in.bad);
		assert_ptr_equal(in.p, in.end);
	}
}

static void
pack_random(msgpack_packer *pk, uint64_t *seed, int depth)
{
	uint64_t r = unit_random(seed);
	uint64_t number = unit_random(seed) >> (unit_random(seed) % 64);
	size_t n = (size_t) (unit_random(seed) % 20);
	char text[300];

	switch (r % (depth > 4 ? 6 : 8)) {
	case 0:
		msgpack_pack_nil(pk);
		break;
	case 1:
		(void) (r & 8 ? msgpack_pack_true(pk) : msgpack_pack_false(pk));
		break;
	case 2:
		msgpack_pack_uint64(pk, number);
		break;
	case 3:
		msgpack_pack_int64(pk, (int64_t) number);
		break;
	case 4:
	case 5:
		n = (size_t) (r / 16 % 300);
		memset(text, 'q', n);
		msgpack_pack_str(pk, n);
		msgpack_pack_str_body(pk, text, n);
		break;
	case 6:
		msgpack_pack_array(pk, n);
		for (size_t i = 0; i < n; i++)
			pack_random(pk, seed, depth + 2);
		break;
	default:
		msgpack_pack_map(pk, n);
		for (size_t i = 0; i < 2 * n; i++)
			pack_random(pk, seed, depth + 2);
		break;
	}
}

static void
test_wire_reads_what_msgpack_writes(void **state)
{
	uint64_t seed = 4711;

	for (int i = 0; i < VALUES; i++) {
		msgpack_sbuffer buffer;
		msgpack_unpacked result;
		msgpack_packer pk;
		struct wire_in in;
		size_t offset = 0;

		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
		pack_random(&pk, &seed, 0);
		msgpack_unpacked_init(&result);
		assert_int_equal(msgpack_unpack_next(&result, buffer.data, buffer.size, &offset),
				 MSGPACK_UNPACK_SUCCESS);
		wire_in_init(&in, buffer.data, buffer.size);
		compare(&result.data, &in);
		assert_false(in.bad);
		assert_ptr_equal(in.p, in.end);
		msgpack_unpacked_destroy(&result);
		msgpack_sbuffer_destroy(&buffer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_is_read_by_msgpack),
		cmocka_unit_test(test_wire_reads_what_msgpack_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
