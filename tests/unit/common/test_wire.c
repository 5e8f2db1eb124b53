/* SPDX-License-Identifier: MIT */
/*
 * The encoding: numbers at their edges, text, structures, and input that others damaged.
 */
#include "common/wire.h"

#include <errno.h>

#include "unit.h"

/* All kinds of field. */
struct sample {
	bool flag;
	uint32_t u32;
	int32_t i32;
	uint64_t u64;
	int64_t i64;
	char *text;
	char **list;
	struct u64v numbers;
};

static const struct wire_field sample_fields[] = {
	WIRE_FIELD(BOOL, struct sample, flag), WIRE_FIELD(U32, struct sample, u32),
	WIRE_FIELD(I32, struct sample, i32),   WIRE_FIELD(U64, struct sample, u64),
	WIRE_FIELD(I64, struct sample, i64),   WIRE_FIELD(STR, struct sample, text),
	WIRE_FIELD(STRV, struct sample, list), WIRE_FIELD(U64V, struct sample, numbers),
};
static const struct wire_schema sample_schema = WIRE_SCHEMA("sample", sample_fields);

static char *list_abc[] = { (char *) "A=1", (char *) "", (char *) "C=\xff\x01", NULL };

/* Every member differs from zero. */
static int
sample_fill(struct sample *s)
{
	*s = (struct sample) { .flag = true,
			      .u32 = UINT32_MAX,
			      .i32 = INT32_MIN,
			      .u64 = UINT64_MAX,
			      .i64 = INT64_MIN,
			      .text = strdup("text with \"quotes\"") };
	if (s->text == NULL || strv_dup(&s->list, list_abc) < 0)
		return -ENOMEM;
	for (uint64_t i = 0; i < 20; i++)
		if (u64v_add(&s->numbers, i * i * UINT64_C(0x100000001)) < 0)
			return -ENOMEM;
	return 0;
}

static void
assert_samples_equal(const struct sample *a, const struct sample *b)
{
	assert_int_equal(a->flag, b->flag);
	assert_int_equal(a->u32, b->u32);
	assert_int_equal(a->i32, b->i32);
	assert_true(a->u64 == b->u64);
	assert_true(a->i64 == b->i64);
	assert_string_equal(a->text, b->text);
	assert_true(strv_equal(a->list, b->list));
	assert_int_equal(a->numbers.n, b->numbers.n);
	assert_memory_equal(a->numbers.p, b->numbers.p, a->numbers.n * sizeof(uint64_t));
}

static struct wire_in
reader_of(const struct strbuf *b)
{
	struct wire_in in;

	wire_in_init(&in, b->p, b->len);
	return in;
}

static const uint64_t edges[] = {
	0,
	1,
	0x1f,
	0x20,
	0x7f,
	0x80,
	0xff,
	0x100,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	INT64_MAX - 1,
	INT64_MAX,
	(uint64_t) INT64_MAX + 1,
	UINT64_MAX - 1,
	UINT64_MAX,
};

static void
test_wire_uint_round_trip(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		wire_put_uint(&b, edges[i]);
	in = reader_of(&b);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		assert_true(wire_get_uint(&in) == edges[i]);
	assert_false(in.bad);
	assert_ptr_equal(in.p, in.end);
}

static void
test_wire_int_round_trip(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		wire_put_int(&b, (int64_t) edges[i]);
		wire_put_int(&b, (int64_t) -edges[i]);
	}
	in = reader_of(&b);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		assert_true(wire_get_int(&in) == (int64_t) edges[i]);
		assert_true(wire_get_int(&in) == (int64_t) -edges[i]);
	}
	assert_false(in.bad);
	assert_ptr_equal(in.p, in.end);
}

static void
test_wire_int_reads_all_widths(void **state)
{
	/* what other writers may produce: int8 -1, int16 -2, int32 -3, uint8 5, fixint -32 */
	static const unsigned char bytes[] = {
		0xd0, 0xff, 0xd1, 0xff, 0xfe, 0xd2, 0xff, 0xff, 0xff, 0xfd, 0xcc, 5, 0xe0
	};
	struct wire_in in;

	wire_in_init(&in, bytes, sizeof(bytes));
	assert_int_equal(wire_get_int(&in), -1);
	assert_int_equal(wire_get_int(&in), -2);
	assert_int_equal(wire_get_int(&in), -3);
	assert_int_equal(wire_get_int(&in), 5);
	assert_int_equal(wire_get_int(&in), -32);
	assert_false(in.bad);
}

static void
test_wire_text_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 255, 256, 65535, 65536, 100000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		auto_free char *text = malloc(sizes[i] + 1);
		auto_free char *copy = NULL;
		struct wire_in in;

		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		wire_put_cstr(&b, text);
		wire_put_cstr(&b, NULL);
		wire_put_cstr(&b, text);
		in = reader_of(&b);
		copy = wire_get_cstr(&in);
		assert_string_equal(copy, text);
		assert_null(wire_get_cstr(&in));
		assert_false(in.bad);
		assert_true(span_is(wire_get_span(&in), text));
		assert_false(in.bad);
	}
}

static void
test_wire_text_with_nul_is_damage(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;
	char **v = NULL;

	wire_put_array(&b, 1);
	wire_put_str(&b, (struct span) { "a\0b", 3 });
	in = reader_of(&b);
	assert_int_equal(wire_get_strv(&in, &v), -EBADMSG);
	assert_null(v);
	assert_true(in.bad);
	wire_in_init(&in, b.p + 1, b.len - 1);
	assert_null(wire_get_cstr(&in));
	assert_true(in.bad);
}

static void
test_wire_lists_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 100, 65535, 65536 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct wire_in in;
		char **v = NULL;

		wire_put_array(&b, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			wire_put_cstr(&b, "x");
		in = reader_of(&b);
		assert_int_equal(wire_get_strv(&in, &v), 0);
		assert_int_equal(strv_len(v), sizes[i]);
		assert_ptr_equal(in.p, in.end);
		/* What was read can be added to, like every other vector. */
		assert_int_equal(strv_add(&v, "one"), 0);
		assert_int_equal(strv_add(&v, "two"), 0);
		assert_int_equal(strv_len(v), sizes[i] + 2);
		assert_string_equal(v[sizes[i] + 1], "two");
		(void) strv_free(v);
	}
}

static void
test_wire_count_beyond_the_bytes_is_damage(void **state)
{
	static const unsigned char array[] = { 0xdd, 0xff, 0xff, 0xff, 0xff };
	static const unsigned char map[] = { 0xdf, 0x7f, 0xff, 0xff, 0xff, 1, 2 };
	static const unsigned char odd_map[] = { 0x82, 0xa1, 'a', 1 };
	struct wire_in in;
	char **v = NULL;

	wire_in_init(&in, array, sizeof(array));
	assert_int_equal(wire_get_strv(&in, &v), -EBADMSG);
	wire_in_init(&in, map, sizeof(map));
	assert_int_equal(wire_get_map(&in), 0);
	assert_true(in.bad);
	wire_in_init(&in, odd_map, sizeof(odd_map));
	assert_int_equal(wire_get_map(&in), 0);
	assert_true(in.bad);
	/* and the fault sticks */
	assert_int_equal(wire_get_uint(&in), 0);
	assert_true(in.bad);
}

static void
test_wire_wrong_type_is_damage(void **state)
{
	static const unsigned char kinds[] = { 5, 0xc0, 0xc1, 0xc2, 0xa0, 0x90, 0x80, 0xe0 };

	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct wire_in in;

		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_uint(&in);
		assert_int_equal(in.bad, kinds[i] != 5);
		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_int(&in);
		assert_int_equal(in.bad, kinds[i] != 5 && kinds[i] != 0xe0);
		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_bool(&in);
		assert_int_equal(in.bad, kinds[i] != 0xc2);
		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_span(&in);
		assert_int_equal(in.bad, kinds[i] != 0xa0);
		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_array(&in);
		assert_int_equal(in.bad, kinds[i] != 0x90);
		wire_in_init(&in, &kinds[i], 1);
		(void) wire_get_map(&in);
		assert_int_equal(in.bad, kinds[i] != 0x80);
		wire_in_init(&in, &kinds[i], 1);
		assert_int_equal(wire_get_nil(&in), kinds[i] == 0xc0);
	}
}

static void
test_wire_skips_every_kind(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	static const unsigned char ext[] = {
		0xd4, 1, 1,								/* fixext 1 */
		0xd8, 1, 0,    1,   2,	 3, 4,	 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, /* fixext 16 */
		0xc7, 2, 9,    'x', 'y',						/* ext 8 */
		0xc8, 0, 1,    9,   'x',						/* ext 16 */
		0xc9, 0, 0,    0,   1,	 9, 'x',					/* ext 32 */
		0xca, 0, 0,    0,   0,							/* float */
		0xcb, 0, 0,    0,   0,	 0, 0,	 0, 0,					/* double */
		0xc4, 1, 0xff,								/* binary */
	};
	struct wire_in in;
	size_t n = 0;

	wire_put_nil(&b);
	wire_put_bool(&b, true);
	wire_put_uint(&b, UINT64_MAX);
	wire_put_int(&b, INT64_MIN);
	wire_put_cstr(&b, "text");
	wire_put_map(&b, 2);
	wire_put_cstr(&b, "limits");
	wire_put_array(&b, 3);
	wire_put_uint(&b, UINT64_MAX); /* nested, and above what is signed */
	wire_put_uint(&b, 1);
	wire_put_nil(&b);
	wire_put_uint(&b, UINT64_MAX);
	wire_put_map(&b, 0);
	strbuf_addn(&b, ext, sizeof(ext));
	in = reader_of(&b);
	while (in.p < in.end && !in.bad) {
		wire_skip(&in);
		n++;
	}
	assert_false(in.bad);
	assert_int_equal(n, 14);
}

static void
test_wire_skip_is_bounded(void **state)
{
	unsigned char deep[1000];
	struct wire_in in;

	memset(deep, 0x91, sizeof(deep)); /* [[[[… */
	wire_in_init(&in, deep, sizeof(deep));
	wire_skip(&in);
	assert_true(in.bad);
	deep[WIRE_MAX_DEPTH] = 1; /* as deep as is allowed */
	wire_in_init(&in, deep, WIRE_MAX_DEPTH + 1);
	wire_skip(&in);
	assert_false(in.bad);
	wire_in_init(&in, deep, 0);
	wire_skip(&in);
	assert_true(in.bad);
}

static void
test_wire_struct_round_trip(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample a, back = { 0 }, copy = { 0 };
	struct wire_in in;

	assert_int_equal(sample_fill(&a), 0);
	wire_put_struct(&b, &sample_schema, &a);
	in = reader_of(&b);
	assert_int_equal(wire_get_struct(&in, &sample_schema, &back), 0);
	assert_ptr_equal(in.p, in.end);
	assert_samples_equal(&a, &back);
	assert_int_equal(wire_copy_struct(&sample_schema, &copy, &back), 0);
	wire_free_struct(&sample_schema, &back);
	assert_samples_equal(&a, &copy);
	wire_free_struct(&sample_schema, &copy);
	wire_free_struct(&sample_schema, &copy);
	assert_null(copy.text);
	wire_free_struct(&sample_schema, &a);
}

static void
test_wire_struct_leaves_out_what_is_zero(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample none = { 0 }, back = { 0 };
	char *empty[] = { NULL };
	struct wire_in in;

	none.list = empty;
	wire_put_struct(&b, &sample_schema, &none);
	assert_int_equal(b.len, 1);
	in = reader_of(&b);
	assert_int_equal(wire_get_struct(&in, &sample_schema, &back), 0);
	assert_null(back.list);
}

static void
test_wire_struct_keeps_empty_text_apart_from_none(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample a = { .text = (char *) "" }, back = { 0 };
	struct wire_in in;

	wire_put_struct(&b, &sample_schema, &a);
	in = reader_of(&b);
	assert_int_equal(wire_get_struct(&in, &sample_schema, &back), 0);
	assert_string_equal(back.text, "");
	wire_free_struct(&sample_schema, &back);
}

static void
test_wire_struct_ignores_unknown_keys(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample back = { 0 };
	struct wire_in in;

	wire_put_map(&b, 4);
	wire_put_cstr(&b, "from_the_next_release");
	wire_put_map(&b, 1);
	wire_put_cstr(&b, "numbers");
	wire_put_array(&b, 2);
	wire_put_uint(&b, UINT64_MAX);
	wire_put_int(&b, -5);
	wire_put_cstr(&b, "u32");
	wire_put_uint(&b, 7);
	wire_put_cstr(&b, "text_too");
	wire_put_nil(&b);
	wire_put_cstr(&b, "text");
	wire_put_cstr(&b, "read");
	in = reader_of(&b);
	assert_int_equal(wire_get_struct(&in, &sample_schema, &back), 0);
	assert_int_equal(back.u32, 7);
	assert_string_equal(back.text, "read");
	wire_free_struct(&sample_schema, &back);
}

static void
test_wire_struct_takes_the_last_of_equal_keys(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample back = { 0 };
	struct wire_in in;

	wire_put_map(&b, 6);
	for (int i = 0; i < 2; i++) {
		wire_put_cstr(&b, "text");
		wire_put_cstr(&b, i ? "second" : "first");
		wire_put_cstr(&b, "list");
		wire_put_strv(&b, list_abc);
		wire_put_cstr(&b, "numbers");
		wire_put_array(&b, 1);
		wire_put_uint(&b, 5);
	}
	in = reader_of(&b);
	assert_int_equal(wire_get_struct(&in, &sample_schema, &back), 0);
	assert_string_equal(back.text, "second");
	assert_int_equal(back.numbers.n, 1);
	wire_free_struct(&sample_schema, &back);
}

static void
test_wire_struct_refuses_numbers_that_do_not_fit(void **state)
{
	static const char *const keys[] = { "u32", "i32", "i32", "i64" };
	static const int64_t values[] = { (int64_t) UINT32_MAX + 1, (int64_t) INT32_MAX + 1, (int64_t) INT32_MIN - 1,
					  0 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct sample back = { 0 };
		struct wire_in in;

		wire_put_map(&b, 1);
		wire_put_cstr(&b, keys[i]);
		if (i == 3)
			wire_put_uint(&b, UINT64_MAX);
		else
			wire_put_int(&b, values[i]);
		in = reader_of(&b);
		assert_int_equal(wire_get_struct(&in, &sample_schema, &back), -EBADMSG);
		wire_free_struct(&sample_schema, &back);
	}
}

/* Cut at every length, the reader says so and leaks nothing. */
static void
test_wire_struct_cut_short_is_damage(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample a;
	long before;

	assert_int_equal(sample_fill(&a), 0);
	wire_put_struct(&b, &sample_schema, &a);
	before = failalloc_held();
	for (size_t n = 0; n < b.len; n++) {
		auto_free char *part = malloc(n + 1); /* exact, so that reading beyond is noticed */
		struct sample back = { 0 };
		struct wire_in in;

		memcpy(part, b.p, n);
		wire_in_init(&in, part, n);
		assert_int_equal(wire_get_struct(&in, &sample_schema, &back), -EBADMSG);
		wire_free_struct(&sample_schema, &back);
	}
	assert_int_equal(failalloc_held(), before);
	wire_free_struct(&sample_schema, &a);
}

/* Damaged bytes are read or refused, never more. */
static void
test_wire_struct_damaged_is_survived(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	uint64_t seed = 1;
	struct sample a;
	long before;

	assert_int_equal(sample_fill(&a), 0);
	wire_put_struct(&b, &sample_schema, &a);
	before = failalloc_held();
	for (int round = 0; round < 50000; round++) {
		auto_free unsigned char *bytes = malloc(b.len);
		struct sample back = { 0 };
		struct wire_in in;
		int r;

		memcpy(bytes, b.p, b.len);
		for (int i = 0; i <= round % 3; i++)
			bytes[unit_random(&seed) % b.len] = (unsigned char) unit_random(&seed);
		wire_in_init(&in, bytes, b.len);
		r = wire_get_struct(&in, &sample_schema, &back);
		assert_true(r == 0 || r == -EBADMSG);
		wire_free_struct(&sample_schema, &back);
		wire_in_init(&in, bytes, b.len);
		wire_skip(&in);
		assert_true(in.p <= in.end);
	}
	assert_int_equal(failalloc_held(), before);
	wire_free_struct(&sample_schema, &a);
}

static int
write_read_copy(void *data)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct sample a = { 0 }, back = { 0 }, copy = { 0 };
	struct wire_in in;
	int r = sample_fill(&a);

	if (r == 0) {
		wire_put_struct(&b, &sample_schema, &a);
		r = b.failed ? -ENOMEM : 0;
	}
	if (r == 0) {
		in = reader_of(&b);
		r = wire_get_struct(&in, &sample_schema, &back);
	}
	if (r == 0)
		r = wire_copy_struct(&sample_schema, &copy, &back);
	wire_free_struct(&sample_schema, &a);
	wire_free_struct(&sample_schema, &back);
	wire_free_struct(&sample_schema, &copy);
	return r;
}

static void
test_wire_survives_want_of_memory(void **state)
{
	assert_true(failalloc_each(write_read_copy, NULL) > 20);
}

static void
test_wire_want_of_memory_sets_bad(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	wire_put_cstr(&b, "text");
	in = reader_of(&b);
	failalloc_arm(1, false);
	assert_null(wire_get_cstr(&in));
	assert_true(failalloc_disarm());
	assert_true(in.bad);
}

/* Empty strings cost a byte there and forty here. */
static void
test_wire_strv_is_limited(void **state)
{
	static const size_t sizes[] = { WIRE_MAX_STRINGS, WIRE_MAX_STRINGS + 1 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct wire_in in;
		char **v = NULL;

		wire_put_array(&b, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			wire_put_cstr(&b, "");
		in = reader_of(&b);
		in.most_strings = WIRE_MAX_STRINGS;
		assert_int_equal(wire_get_strv(&in, &v), i == 0 ? 0 : -EBADMSG);
		assert_int_equal(strv_len(v), i == 0 ? sizes[i] : 0);
		assert_int_equal(in.bad, i == 1);
		v = strv_free(v);
		/* What is our own may have any number. */
		in = reader_of(&b);
		assert_int_equal(wire_get_strv(&in, &v), 0);
		assert_int_equal(strv_len(v), sizes[i]);
		(void) strv_free(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_uint_round_trip),
		cmocka_unit_test(test_wire_int_round_trip),
		cmocka_unit_test(test_wire_int_reads_all_widths),
		cmocka_unit_test(test_wire_text_round_trip),
		cmocka_unit_test(test_wire_text_with_nul_is_damage),
		cmocka_unit_test(test_wire_lists_round_trip),
		cmocka_unit_test(test_wire_count_beyond_the_bytes_is_damage),
		cmocka_unit_test(test_wire_wrong_type_is_damage),
		cmocka_unit_test(test_wire_skips_every_kind),
		cmocka_unit_test(test_wire_skip_is_bounded),
		cmocka_unit_test(test_wire_struct_round_trip),
		cmocka_unit_test(test_wire_struct_leaves_out_what_is_zero),
		cmocka_unit_test(test_wire_struct_keeps_empty_text_apart_from_none),
		cmocka_unit_test(test_wire_struct_ignores_unknown_keys),
		cmocka_unit_test(test_wire_struct_takes_the_last_of_equal_keys),
		cmocka_unit_test(test_wire_struct_refuses_numbers_that_do_not_fit),
		cmocka_unit_test(test_wire_struct_cut_short_is_damage),
		cmocka_unit_test(test_wire_struct_damaged_is_survived),
		cmocka_unit_test(test_wire_survives_want_of_memory),
		cmocka_unit_test(test_wire_want_of_memory_sets_bad),
		cmocka_unit_test(test_wire_strv_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
