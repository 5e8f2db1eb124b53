/* SPDX-License-Identifier: MIT */
/*
 * The messages between brain and servants: each comes back as it was sent, whole or not at all.
 */
#include "common/msg.h"

#include <errno.h>

#include "common/env.h"
#include "unit.h"

/* As large as the largest message's structure. */
union any {
#define X(id, st) struct msg_##st id;
	MESSAGES(X)
#undef X
	char bytes[1024];
};

static const size_t sizes[MSG_TYPE_COUNT] = {
#define X(id, st) [MSG_##id] = sizeof(struct msg_##st),
	MESSAGES(X)
#undef X
};

/* Fill one member with something that depends on `salt`, and is not zero. */
static int
fill_field(const struct wire_field *f, void *p, unsigned salt)
{
	char text[32];

	(void) snprintf(text, sizeof(text), "%s=%u", f->key.p, salt);
	switch (f->type) {
	case WIRE_BOOL:
		*(bool *) p = true;
		return 0;
	case WIRE_U32:
		*(uint32_t *) p = UINT32_MAX - salt;
		return 0;
	case WIRE_I32:
		*(int32_t *) p = INT32_MIN + (int32_t) salt;
		return 0;
	case WIRE_U64:
		*(uint64_t *) p = UINT64_MAX - salt;
		return 0;
	case WIRE_I64:
		*(int64_t *) p = INT64_MIN + salt;
		return 0;
	case WIRE_STR:
		*(char **) p = strdup(text);
		return *(char **) p == NULL ? -ENOMEM : 0;
	case WIRE_STRV:
		return strv_add(p, text) < 0 || strv_add(p, "") < 0 ? -ENOMEM : 0;
	case WIRE_U64V:
		return u64v_add(p, salt) < 0 || u64v_add(p, UINT64_MAX) < 0 ? -ENOMEM : 0;
	}
	return -EINVAL;
}

static int
fill_message(uint32_t type, union any *any)
{
	const struct wire_schema *s = msg_schema(type);
	int r = 0;

	memset(any, 0, sizeof(*any));
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = fill_field(&s->fields[i], any->bytes + s->fields[i].offset, (unsigned) i + 1);
	return r;
}

static void
assert_fields_equal(const struct wire_schema *s, const union any *a, const union any *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct wire_field *f = &s->fields[i];
		const void *pa = a->bytes + f->offset, *pb = b->bytes + f->offset;
		const struct u64v *va = pa, *vb = pb;

		switch (f->type) {
		case WIRE_BOOL:
			assert_int_equal(*(const bool *) pa, *(const bool *) pb);
			break;
		case WIRE_U32:
		case WIRE_I32:
			assert_memory_equal(pa, pb, 4);
			break;
		case WIRE_U64:
		case WIRE_I64:
			assert_memory_equal(pa, pb, 8);
			break;
		case WIRE_STR:
			assert_string_equal(*(char *const *) pa, *(char *const *) pb);
			break;
		case WIRE_STRV:
			assert_true(strv_equal(*(char **const *) pa, *(char **const *) pb));
			break;
		case WIRE_U64V:
			assert_int_equal(va->n, vb->n);
			assert_memory_equal(va->p, vb->p, va->n * sizeof(uint64_t));
			break;
		}
	}
}

static size_t
field_size(enum wire_type type)
{
	switch (type) {
	case WIRE_BOOL:
		return sizeof(bool);
	case WIRE_U32:
	case WIRE_I32:
		return 4;
	case WIRE_U64:
	case WIRE_I64:
		return 8;
	case WIRE_STR:
	case WIRE_STRV:
		return sizeof(void *);
	case WIRE_U64V:
		return sizeof(struct u64v);
	}
	return 0;
}

/* Every byte of every structure belongs to a field of its schema, or is padding of less than 8 bytes in a row. */
static void
test_msg_schemas_leave_nothing_out(void **state)
{
	for (uint32_t type = MSG_NONE + 1; type < MSG_TYPE_COUNT; type++) {
		const struct wire_schema *s = msg_schema(type);
		bool covered[1024] = { false };
		size_t gap = 0;

		assert_true(sizes[type] <= sizeof(covered));
		for (size_t i = 0; i < s->n; i++)
			for (size_t k = 0; k < field_size(s->fields[i].type); k++) {
				assert_false(covered[s->fields[i].offset + k]);
				covered[s->fields[i].offset + k] = true;
			}
		for (size_t i = 0; i < sizes[type]; i++) {
			gap = covered[i] ? 0 : gap + 1;
			if (gap == 4 && i % 8 == 3)
				fail_msg("%s: nothing describes the member at %zu", s->name, i - 3);
			if (gap == 8)
				fail_msg("%s: nothing describes the member at %zu", s->name, i - 7);
		}
		for (size_t i = 0; i < s->n; i++)
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(s->fields[i].key.p, s->fields[k].key.p);
	}
}

static void
test_msg_names(void **state)
{
	assert_string_equal(msg_type_name(MSG_SPAWN), "SPAWN");
	assert_string_equal(msg_type_name(MSG_NONE), "unknown");
	assert_string_equal(msg_type_name(MSG_TYPE_COUNT), "unknown");
	assert_null(msg_schema(MSG_NONE));
	assert_null(msg_schema(MSG_TYPE_COUNT));
	assert_null(msg_schema(UINT32_MAX));
}

static int
encode_decode(void *data)
{
	uint32_t type = *(const uint32_t *) data;
	const struct wire_schema *s = msg_schema(type);
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct ipc_message m = { .type = type };
	union any any, back;
	int r = fill_message(type, &any);

	if (r == 0) {
		wire_put_struct(&b, s, &any);
		r = b.failed ? -ENOMEM : 0;
	}
	if (r == 0) {
		m.body = b.p;
		m.len = b.len;
		memset(&back, 0x55, sizeof(back));
		r = msg_decode(&m, &back);
	}
	if (r == 0) {
		assert_fields_equal(s, &any, &back);
		msg_free(type, &back);
	}
	msg_free(type, &any);
	return r;
}

static void
test_msg_round_trip_of_every_type(void **state)
{
	for (uint32_t type = MSG_NONE + 1; type < MSG_TYPE_COUNT; type++)
		(void) failalloc_each(encode_decode, &type);
}

static void
test_msg_goes_over_a_link(void **state)
{
	struct ipc *a, *b;
	struct ipc_message m;
	union any any, back;
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	a = ipc_new(fds[0]);
	b = ipc_new(fds[1]);
	for (uint32_t type = MSG_NONE + 1; type < MSG_TYPE_COUNT; type++) {
		assert_int_equal(fill_message(type, &any), 0);
		assert_int_equal(msg_send(a, type, 7, &any, &fds[0], 1), 0);
		assert_int_equal(msg_send_kept(a, type, &any, NULL, 0), 0);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(ipc_receive(b, &m), 1);
			assert_int_equal(m.type, type);
			assert_int_equal(m.n_fds, i == 0);
			assert_int_equal(m.id, i == 0 ? 7 : type);
			assert_int_equal(msg_decode(&m, &back), 0);
			assert_fields_equal(msg_schema(type), &any, &back);
			msg_free(type, &back);
			ipc_message_deinit(&m);
		}
		msg_free(type, &any);
	}
	assert_int_equal(msg_send(a, MSG_NONE, 0, &any, NULL, 0), -EINVAL);
	assert_int_equal(msg_send_kept(a, MSG_TYPE_COUNT, &any, NULL, 0), -EINVAL);
	(void) ipc_free(a);
	(void) ipc_free(b);
}

static void
test_msg_decode_skips_unknown_keys(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct ipc_message m = { .type = MSG_ACK };
	struct msg_ack ack;

	wire_put_map(&b, 3);
	wire_put_cstr(&b, "limits_of_the_next_release");
	wire_put_array(&b, 2);
	wire_put_uint(&b, UINT64_MAX);
	wire_put_map(&b, 0);
	wire_put_cstr(&b, "upto");
	wire_put_uint(&b, 5);
	wire_put_cstr(&b, "");
	wire_put_nil(&b);
	m.body = b.p;
	m.len = b.len;
	assert_int_equal(msg_decode(&m, &ack), 0);
	assert_int_equal(ack.upto, 5);
}

static void
test_msg_decode_refuses_unknown_types(void **state)
{
	char body = (char) 0x80;
	struct ipc_message m = { .type = MSG_TYPE_COUNT, .body = &body, .len = 1 };
	union any any;

	assert_int_equal(msg_decode(&m, &any), -EBADMSG);
	m.type = MSG_NONE;
	assert_int_equal(msg_decode(&m, &any), -EBADMSG);
	m.type = MSG_HELLO;
	assert_int_equal(msg_decode(&m, &any), 0);
	m.len = 0;
	assert_int_equal(msg_decode(&m, &any), -EBADMSG);
}

static void
test_msg_decode_survives_damage(void **state)
{
	uint64_t seed = 99;
	long before = failalloc_held();

	for (uint32_t type = MSG_NONE + 1; type < MSG_TYPE_COUNT; type++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		union any any;

		assert_int_equal(fill_message(type, &any), 0);
		wire_put_struct(&b, msg_schema(type), &any);
		msg_free(type, &any);
		for (int round = 0; round < 3000; round++) {
			size_t n = round % 3 == 0 ? unit_random(&seed) % (b.len + 1) : b.len;
			struct ipc_message m = { .type = type, .body = malloc(n + 1), .len = n };
			int r;

			memcpy(m.body, b.p, n);
			for (int i = 0; n > 0 && i < round % 4; i++)
				((char *) m.body)[unit_random(&seed) % n] = (char) unit_random(&seed);
			r = msg_decode(&m, &any);
			assert_true(r == 0 || r == -EBADMSG);
			if (r == 0)
				msg_free(type, &any);
			free(m.body);
		}
	}
	assert_int_equal(failalloc_held(), before);
}

static void
assert_step(uint32_t step, uint32_t arg, int error, const char *expected)
{
	char text[128];

	spawn_step_text(step, arg, error, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void
test_msg_spawn_step_texts(void **state)
{
	char text[12];

	assert_step(SPAWN_EXEC, 0, ENOENT, "unable to execute: No such file or directory");
	assert_step(SPAWN_CHDIR, 0, EACCES, "unable to change working directory: Permission denied");
	assert_step(SPAWN_BAD_SETUID, 0, ENOENT, "unable to find setuid user");
	assert_step(SPAWN_BAD_SETGID, 0, ENOENT, "unable to find setgid group");
	assert_step(SPAWN_RLIMIT, 7, EPERM, "unable to set \"nofile\" resource limit: Operation not permitted");
	assert_step(SPAWN_RLIMIT, 1000, 0, "unable to set \"?\" resource limit");
	assert_step(SPAWN_SETUP, 0, 0, "process died before it was executed");
	assert_step(1000, 0, 0, "unknown step");
	spawn_step_text(SPAWN_EXEC, 0, ENOENT, text, sizeof(text)); /* cut, and terminated */
	assert_string_equal(text, "unable to e");
	spawn_step_text(SPAWN_EXEC, 0, ENOENT, text, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msg_schemas_leave_nothing_out),
		cmocka_unit_test(test_msg_names),
		cmocka_unit_test(test_msg_round_trip_of_every_type),
		cmocka_unit_test(test_msg_goes_over_a_link),
		cmocka_unit_test(test_msg_decode_skips_unknown_keys),
		cmocka_unit_test(test_msg_decode_refuses_unknown_types),
		cmocka_unit_test(test_msg_decode_survives_damage),
		cmocka_unit_test(test_msg_spawn_step_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
