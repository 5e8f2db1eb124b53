/* SPDX-License-Identifier: MIT */
#include "core/effect.h"

#include <errno.h>
#include <string.h>

#define F(type, st, member) WIRE_FIELD(type, struct effect_##st, member)

static const struct wire_field spawn_fields[] = {
	F(U64, spawn, process), F(U64, spawn, class_id), F(STR, spawn, job),  F(STR, spawn, instance),
	F(U32, spawn, kind),    F(STRV, spawn, env),     F(U64V, spawn, fds),
};
static const struct wire_field kill_fields[] = {
	F(U64, kill, process),
	F(I32, kill, pid),
	F(I32, kill, signal),
	F(BOOL, kill, group),
};
static const struct wire_field timer_fields[] = { F(U64, timer, timer), F(U64, timer, due) };
static const struct wire_field log_fields[] = { F(I32, log, level), F(STR, log, text) };
static const struct wire_field close_fd_fields[] = { F(U64, close_fd, fd) };
static const struct wire_field ended_fields[] = { F(U64, ended, process), F(I32, ended, pid) };
static const struct wire_field finished_fields[] = {
	F(I32, finished, status), F(STR, finished, level), F(STR, finished, halt), F(STRV, finished, killed),
	F(STRV, finished, slow),
};
static const struct wire_field main_fields[] = { F(U64, main, process), F(I32, main, pid) };
static const struct wire_field release_fields[] = { F(U64, release, process), F(U64V, release, pids) };
static const struct wire_field strays_fields[] = {
	F(STR, strays, job),	F(STR, strays, instance), F(U64, strays, job_id),
	F(U64, strays, sweep), F(I32, strays, session),  F(I32, strays, signal),
	F(BOOL, strays, alone),
};
static const struct wire_field reply_fields[] = {
	F(U64, reply, request), F(STR, reply, error),    F(STR, reply, text),
	F(STR, reply, job),     F(STR, reply, instance),
};
static const struct wire_field notify_fields[] = {
	F(U32, notify, type), F(STR, notify, job),  F(STR, notify, instance),
	F(STR, notify, text), F(STRV, notify, env), F(I32, notify, value),
};

static const struct {
	struct wire_schema schema;
	enum effect_target target;
} effects[EFFECT_TYPE_COUNT] = {
#define X(id, st, to) [EFFECT_##id] = { WIRE_SCHEMA(#id, st##_fields), TARGET_##to },
	EFFECTS(X)
#undef X
};

static bool
is_known(uint32_t type)
{
	return type > EFFECT_NONE && type < EFFECT_TYPE_COUNT;
}

static void *
body(const struct effect *e)
{
	return (void *) (uintptr_t) &e->spawn;
}

const char *
effect_type_name(uint32_t type)
{
	return is_known(type) ? effects[type].schema.name : "unknown";
}

enum effect_target
effect_target_of(uint32_t type)
{
	return is_known(type) ? effects[type].target : TARGET_LOCAL;
}

void
effect_pack(struct strbuf *b, const struct effect *e)
{
	wire_put_array(b, 3);
	wire_put_uint(b, e->id);
	wire_put_cstr(b, effect_type_name(e->type));
	if (is_known(e->type))
		wire_put_struct(b, &effects[e->type].schema, body(e));
	else
		b->failed = true;
}

int
effect_unpack(struct wire_in *w, struct effect *e)
{
	struct span name;
	int r;

	memset(e, 0, sizeof(*e));
	if (wire_get_array(w) != 3)
		return -EBADMSG;
	e->id = wire_get_uint(w);
	name = wire_get_span(w);
	if (w->bad)
		return -EBADMSG;
	for (uint32_t i = EFFECT_NONE + 1; i < EFFECT_TYPE_COUNT; i++)
		if (span_is(name, effects[i].schema.name))
			e->type = i;
	if (e->type == EFFECT_NONE)
		return -EBADMSG;
	r = wire_get_struct(w, &effects[e->type].schema, body(e));
	if (r < 0)
		effect_free(e);
	return r;
}

void
effect_free(struct effect *e)
{
	if (is_known(e->type))
		wire_free_struct(&effects[e->type].schema, body(e));
}
