/* SPDX-License-Identifier: MIT */
/*
 * Inputs, effects and snapshots in their packed form: back again as they were, and never more than refused when
 * damaged.
 */
#include "rig.h"

#include <errno.h>

/* The tables are the core's own; a filled structure of each type is made by hand here, every member not zero. */
static void
fill_input(struct input *in, uint32_t type)
{
	*in = (struct input) { .type = type, .now = UINT64_C(123456789012345) };
	switch (type) {
	case INPUT_DEFINE:
		in->define = (struct input_define) { UINT64_MAX };
		break;
	case INPUT_UNDEFINE:
		in->undefine.name = strdup("net/web");
		break;
	case INPUT_EMIT:
		in->emit = (struct input_emit) { 7, strdup("event"), rig_words("A=1 B="), true, 9, strdup("token") };
		in->emit.literal = in->emit.only = true;
		in->emit.classes = rig_words("web net/x");
		in->emit.instances = rig_words("tty 1");
		(void) !u64v_add(&in->emit.fds, 10);
		break;
	case INPUT_REQUEST:
		in->request =
		    (struct input_request) { 7,	  INSTANCE_RELOAD, strdup("job"), strdup(""), rig_words("A=\xff"),
					    true, strdup("token") };
		break;
	case INPUT_SPAWNED:
		in->spawned = (struct input_spawned) { 7, INT32_MAX };
		break;
	case INPUT_SPAWN_FAILED:
		in->spawn_failed = (struct input_spawn_failed) { 7, 27, 5, -3 };
		break;
	case INPUT_EXEC_DONE:
		in->exec_done.process = 7;
		break;
	case INPUT_EXITED:
		in->exited = (struct input_exited) { 101, JOB_EXIT_SIGNAL(64) };
		break;
	case INPUT_STOPPED:
		in->stopped = (struct input_stopped) { 101, 19, true };
		break;
	case INPUT_TIMER:
		in->timer.timer = 7;
		break;
	case INPUT_ACK:
		in->ack = (struct input_ack) { TARGET_CONTROL, UINT64_MAX };
		break;
	case INPUT_CONTROL:
		in->control.present = true;
		break;
	case INPUT_SET_ENV:
		in->set_env =
		    (struct input_set_env) { 7, ENV_RESET, strdup("job"), strdup("x"), rig_words("A=1"), true };
		break;
	case INPUT_SESSION_END:
		in->session_end.type = strdup("logout");
		break;
	case INPUT_LOG_LEVEL:
		in->log_level.level = 5;
		break;
	case INPUT_FAMILY:
		in->family = (struct input_family){ 7, FAMILY_NEWS_GROUPED, 101, 102, 103, 104 };
		break;
	case INPUT_SHUTDOWN:
		in->shutdown = (struct input_shutdown) { SHUTDOWN_RULES, strdup("app"), 300000000, true };
		break;
	case INPUT_STATE:
		in->state = (struct input_state){ 7,	STATE_REPLACE, strdup("net-device"), rig_words("1 A=1"), true, true,
						  true, true,	       101,		     1000,
						  strdup("/srv"), strdup(":1.7"), strdup("web"), strdup("a") };
		break;
	case INPUT_SAID:
		in->said = (struct input_said) { 7, 1u << 8 | 5, 4711, strdup("busy"), UINT64_MAX, 1 };
		break;
	case INPUT_STRAYS:
		in->strays = (struct input_strays){ 7, UINT64_MAX };
		break;
	case INPUT_SUBSTITUTE:
		in->substitute = (struct input_substitute) { strdup("EMIT"), strdup("why"), true, 7, strdup("token"),
							     strdup("event"), rig_words("A=1"), 9, 7, 101, -1, 7, true, { 0 },
							     strdup("/srv/a") };
		break;
	default:
		fail_msg("input type %u is new: fill it here", type);
	}
}

static void
test_job_inputs_round_trip(void **state)
{
	for (uint32_t type = INPUT_NONE + 1; type < INPUT_TYPE_COUNT; type++) {
		auto_strbuf struct strbuf b = STRBUF_INIT, again = STRBUF_INIT;
		struct input in, back;
		struct wire_in from;

		fill_input(&in, type);
		in.seq = 99;
		input_pack(&b, &in);
		wire_in_init(&from, b.p, b.len);
		assert_int_equal(input_unpack(&from, &back), 0);
		assert_ptr_equal(from.p, from.end);
		assert_int_equal(back.type, type);
		assert_true(back.now == in.now);
		input_pack(&again, &back);
		assert_int_equal(b.len, again.len);
		assert_memory_equal(b.p, again.p, b.len);
		input_free(&in);
		input_free(&back);
	}
}

/* What a packed input says can be read by name, so that the next release understands it. */
static void
test_job_input_members_survive(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct input in, back;
	struct wire_in from;

	fill_input(&in, INPUT_REQUEST);
	input_pack(&b, &in);
	wire_in_init(&from, b.p, b.len);
	assert_int_equal(input_unpack(&from, &back), 0);
	assert_int_equal(back.request.request, 7);
	assert_int_equal(back.request.kind, INSTANCE_RELOAD);
	assert_string_equal(back.request.job, "job");
	assert_string_equal(back.request.instance, ""); /* given, and empty */
	assert_string_equal(back.request.env[0], "A=\xff");
	assert_true(back.request.wait);
	assert_string_equal(back.request.token, "token");
	input_free(&in);
	input_free(&back);
}

static void
test_job_input_names(void **state)
{
	assert_string_equal(input_type_name(INPUT_SPAWN_FAILED), "SPAWN_FAILED");
	assert_string_equal(input_type_name(INPUT_NONE), "unknown");
	assert_string_equal(input_type_name(INPUT_TYPE_COUNT), "unknown");
	assert_string_equal(effect_type_name(EFFECT_CLOSE_FD), "CLOSE_FD");
	assert_string_equal(effect_type_name(EFFECT_TYPE_COUNT), "unknown");
	assert_int_equal(effect_target_of(EFFECT_SPAWN), TARGET_SPAWNER);
	assert_int_equal(effect_target_of(EFFECT_REPLY), TARGET_CONTROL);
	assert_int_equal(effect_target_of(EFFECT_NOTIFY), TARGET_CONTROL);
	assert_int_equal(effect_target_of(EFFECT_KILL), TARGET_LOCAL);
}

/* A life with all that a snapshot may hold; the bench's core is in the middle of it. */
static struct rig *
busy_rig(void)
{
	struct rig *r = rig_new_session();
	struct input in = { .type = INPUT_EMIT };

	(void) rig_define(r, "web", "start on go or x;stop on a and b;post-start exec p;respawn;exec web");
	(void) rig_define(r, "tty", "instance $N;start on a and (c or d);kill timeout 9;exec tty");
	(void) rig_define(r, "hold", "start on starting tty;task;exec hold");
	in.emit.request = ++r->requests;
	in.emit.name = strdup("go");
	in.emit.env = rig_words("A=1 B=2");
	in.emit.wait = true;
	in.emit.fd = 5;
	in.emit.token = strdup("token");
	in.emit.literal = in.emit.only = true;
	in.emit.classes = rig_words("web net/x");
	in.emit.instances = rig_words("tty 1");
	assert_int_equal(u64v_add(&in.emit.fds, 6), 0);
	(void) rig_apply(r, &in);
	rig_up(r, "web", "main");
	(void) rig_emit(r, "a", "V=1");
	(void) rig_start(r, "tty", "N=1");
	(void) rig_start(r, "tty", "N=2");
	rig_up(r, "hold", "main");
	rig_exit(r, "hold", "main", 0);
	rig_settle(r);
	(void) rig_stop(r, "tty", "N=1 WHY=x");
	(void) rig_start(r, "tty", "N=1 Z=9");
	(void) rig_define(r, "tty", "instance $N;exec tty2");
	rig_undefine(r, "hold");
	return r;
}

static void
test_job_effects_round_trip(void **state)
{
	struct rig *r = busy_rig();
	bool seen[EFFECT_TYPE_COUNT] = { false };

	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next) {
		auto_strbuf struct strbuf b = STRBUF_INIT, again = STRBUF_INIT;
		struct effect back;
		struct wire_in from;

		seen[e->type] = true;
		effect_pack(&b, e);
		wire_in_init(&from, b.p, b.len);
		assert_int_equal(effect_unpack(&from, &back), 0);
		assert_ptr_equal(from.p, from.end);
		effect_pack(&again, &back);
		assert_int_equal(b.len, again.len);
		assert_memory_equal(b.p, again.p, b.len);
		effect_free(&back);
	}
	assert_true(seen[EFFECT_KILL] && seen[EFFECT_TIMER] && seen[EFFECT_REPLY] && seen[EFFECT_NOTIFY]);
	(void) rig_free(r);
}

typedef int (*unpack_fn)(struct wire_in *in);

static int
try_input(struct wire_in *from)
{
	struct input in;
	int r = input_unpack(from, &in);

	if (r == 0)
		input_free(&in);
	return r;
}

static int
try_effect(struct wire_in *from)
{
	struct effect e;
	int r = effect_unpack(from, &e);

	if (r == 0)
		effect_free(&e);
	return r;
}

static void
damage(const struct strbuf *b, unpack_fn fn, uint64_t *seed)
{
	long before = failalloc_held();

	for (int round = 0; round < 2000; round++) {
		size_t n = round % 2 == 0 ? unit_random(seed) % (b->len + 1) : b->len;
		auto_free unsigned char *bytes = malloc(n + 1);
		struct wire_in from;
		int r;

		memcpy(bytes, b->p, n);
		for (int i = 0; n > 0 && i < round % 4; i++)
			bytes[unit_random(seed) % n] = (unsigned char) unit_random(seed);
		wire_in_init(&from, bytes, n);
		r = fn(&from);
		assert_true(r == 0 || r == -EBADMSG);
	}
	assert_int_equal(failalloc_held(), before);
}

static void
test_job_damaged_inputs_and_effects_are_refused(void **state)
{
	struct rig *r = busy_rig();
	uint64_t seed = 5;

	for (uint32_t type = INPUT_NONE + 1; type < INPUT_TYPE_COUNT; type++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct input in;

		fill_input(&in, type);
		input_pack(&b, &in);
		input_free(&in);
		damage(&b, try_input, &seed);
	}
	for (const struct effect *e = core_outbox(r->core, 0); e != NULL; e = e->next) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		effect_pack(&b, e);
		if (e->id % 5 == 0)
			damage(&b, try_effect, &seed);
	}
	(void) rig_free(r);
}

static void
test_job_snapshot_round_trip(void **state)
{
	struct rig *r = busy_rig();
	auto_strbuf struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct core *loaded = NULL;
	char why[256];

	core_save(r->core, &first);
	assert_int_equal(core_load(first.p, first.len, &r->config, &loaded), 0);
	core_save(loaded, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.p, second.p, first.len);
	assert_int_equal(core_check(loaded, why, sizeof(why)), 0);
	assert_true(core_seq(loaded) == core_seq(r->core));
	assert_true(core_last_effect(loaded) == core_last_effect(r->core));
	(void) core_free(r->core);
	r->core = loaded; /* and life goes on with it */
	rig_settle(r);
	rig_assert_state(r, "tty/1", "start/running");
	rig_assert_env(r, "tty/1", "main", "Z", "9");
	rig_assert_state(r, "tty/2", "start/running");
	(void) rig_free(r);
}

/* Definitions that are not there any more: an error, not a crash. */
static void
test_job_snapshot_without_its_definitions_loses_only_those(void **state)
{
	struct rig *r = busy_rig();
	char why[256];
	char **names;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core_config config = r->config;
	struct core *loaded = (struct core *) &config;

	core_save(r->core, &b);
	config.resolve = NULL;
	assert_int_equal(core_load(b.p, b.len, &config, &loaded), 0);
	names = core_class_names(loaded);
	assert_non_null(names);
	assert_null(names[0]);
	(void) strv_free(names);
	{
		/* What waited only for those jobs goes on with the next input. */
		struct input in = { .type = INPUT_TIMER };

		assert_int_equal(core_apply(loaded, &in), 0);
	}
	assert_int_equal(core_check(loaded, why, sizeof(why)), 0);
	(void) core_free(loaded);
	(void) rig_free(r);
}

/* Whatever a damaged snapshot gives, it is freed whole, takes inputs and can be saved. */
static void
try_snapshot(const struct rig *r, const unsigned char *bytes, size_t n)
{
	struct core *loaded = NULL;
	int result = core_load(bytes, n, &r->config, &loaded);

	assert_true(result == 0 || result == -EBADMSG);
	if (result == 0)
		assert_non_null(loaded);
	else
		assert_null(loaded);
	(void) core_free(loaded);
}

static void
test_job_snapshot_damaged_is_refused_or_read(void **state)
{
	struct rig *r = busy_rig();
	auto_strbuf struct strbuf b = STRBUF_INIT;
	uint64_t seed = 77;
	long before;

	core_save(r->core, &b);
	before = failalloc_held();
	for (size_t n = 0; n < b.len; n += 1 + n / 64)
		try_snapshot(r, (const unsigned char *) b.p, n);
	for (int round = 0; round < 3000; round++) {
		auto_free unsigned char *bytes = malloc(b.len);

		memcpy(bytes, b.p, b.len);
		for (int i = 0; i <= round % 3; i++)
			bytes[unit_random(&seed) % b.len] = (unsigned char) unit_random(&seed);
		try_snapshot(r, bytes, b.len);
	}
	assert_int_equal(failalloc_held(), before);
	(void) rig_free(r);
}

static int
load(void *data)
{
	struct rig *r = data;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct core *loaded = NULL;
	int result;

	core_save(r->core, &b);
	if (b.failed)
		return -ENOMEM;
	result = core_load(b.p, b.len, &r->config, &loaded);
	if (result < 0)
		assert_null(loaded);
	(void) core_free(loaded);
	return result;
}

static void
test_job_snapshot_survives_want_of_memory(void **state)
{
	struct rig *r = busy_rig();

	/* Lenient: freeing a core may want memory for effects that nobody will see. */
	assert_true(failalloc_each_lenient(load, r) > 50);
	(void) rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_inputs_round_trip),
		cmocka_unit_test(test_job_input_members_survive),
		cmocka_unit_test(test_job_input_names),
		cmocka_unit_test(test_job_effects_round_trip),
		cmocka_unit_test(test_job_damaged_inputs_and_effects_are_refused),
		cmocka_unit_test(test_job_snapshot_round_trip),
		cmocka_unit_test(test_job_snapshot_without_its_definitions_loses_only_those),
		cmocka_unit_test(test_job_snapshot_damaged_is_refused_or_read),
		cmocka_unit_test(test_job_snapshot_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
