/* SPDX-License-Identifier: MIT */
#include "core/input.h"

#include <errno.h>
#include <string.h>

#define F(type, st, member) WIRE_FIELD(type, struct input_##st, member)

static const struct wire_field define_fields[] = { F(U64, define, class_id) };
static const struct wire_field undefine_fields[] = { F(STR, undefine, name) };
static const struct wire_field emit_fields[] = {
	F(U64, emit, request), F(STR, emit, name),  F(STRV, emit, env),	  F(BOOL, emit, wait),
	F(U64, emit, fd),      F(STR, emit, token), F(I32, emit, caller), F(STR, emit, root),
	F(BOOL, emit, literal), F(BOOL, emit, only), F(STRV, emit, classes), F(STRV, emit, instances),
	F(U64V, emit, fds),
};
static const struct wire_field request_fields[] = {
	F(U64, request, request), F(U32, request, kind),  F(STR, request, job),   F(STR, request, instance),
	F(STRV, request, env),    F(BOOL, request, wait), F(STR, request, token), F(I32, request, caller),
	F(BOOL, request, when_ready),
};
static const struct wire_field spawned_fields[] = { F(U64, spawned, process), F(I32, spawned, pid) };
static const struct wire_field spawn_failed_fields[] = {
	F(U64, spawn_failed, process),
	F(U32, spawn_failed, step),
	F(U32, spawn_failed, arg),
	F(I32, spawn_failed, error),
};
static const struct wire_field exec_done_fields[] = { F(U64, exec_done, process) };
static const struct wire_field exited_fields[] = { F(I32, exited, pid), F(I32, exited, status) };
static const struct wire_field stopped_fields[] = {
	F(I32, stopped, pid),
	F(I32, stopped, signal),
	F(BOOL, stopped, continued),
};
static const struct wire_field timer_fields[] = { F(U64, timer, timer) };
static const struct wire_field ack_fields[] = { F(U32, ack, target), F(U64, ack, upto) };
static const struct wire_field control_fields[] = { F(BOOL, control, present) };
static const struct wire_field set_env_fields[] = {
	F(U64, set_env, request), F(U32, set_env, action), F(STR, set_env, job),
	F(STR, set_env, instance), F(STRV, set_env, env),  F(BOOL, set_env, replace),
};
static const struct wire_field session_end_fields[] = { F(STR, session_end, type) };
static const struct wire_field shutdown_fields[] = {
	F(U32, shutdown, what), F(STR, shutdown, job), F(U64, shutdown, limit),
	F(BOOL, shutdown, assist),
};
static const struct wire_field log_level_fields[] = { F(I32, log_level, level) };
static const struct wire_field substitute_fields[] = {
	F(STR, substitute, type),   F(STR, substitute, why),     F(BOOL, substitute, bare), F(U64, substitute, request),
	F(STR, substitute, token),  F(STR, substitute, name),    F(STRV, substitute, env),   F(U64, substitute, fd),
	F(U64, substitute, process), F(I32, substitute, pid),
	F(I32, substitute, status), F(U64, substitute, timer),   F(BOOL, substitute, present),
	F(U64V, substitute, fds),   F(STR, substitute, root),
};

static const struct wire_field family_fields[] = {
	F(U64, family, process), F(U32, family, what),	  F(I32, family, pid),
	F(I32, family, other),	 F(I32, family, session), F(I32, family, group),
};

static const struct wire_field state_fields[] = {
	F(U64, state, request),	   F(U32, state, action), F(STR, state, name),	       F(STRV, state, env),
	F(BOOL, state, all),	   F(BOOL, state, wait),  F(BOOL, state, bound),       F(BOOL, state, administrator),
	F(I32, state, caller),	   F(I32, state, uid),	  F(STR, state, root),	       F(STR, state, connection),
	F(STR, state, job),	   F(STR, state, instance),
};

static const struct wire_field said_fields[] = {
	F(U64, said, process), F(U32, said, what),     F(I32, said, main_pid),
	F(STR, said, status),  F(U64, said, watchdog), F(U64, said, extend),
};

static const struct wire_field strays_fields[] = { F(U64, strays, job_id), F(U64, strays, sweep) };

static const struct wire_schema schemas[INPUT_TYPE_COUNT] = {
#define X(id, st) [INPUT_##id] = WIRE_SCHEMA(#id, st##_fields),
	INPUTS(X)
#undef X
};

static const struct wire_schema *
schema_of(uint32_t type)
{
	return type > INPUT_NONE && type < INPUT_TYPE_COUNT ? &schemas[type] : NULL;
}

/* All members of the union begin at the same address. */
static void *
body(const struct input *in)
{
	return (void *) (uintptr_t) &in->define;
}

const char *
input_type_name(uint32_t type)
{
	const struct wire_schema *s = schema_of(type);

	return s != NULL ? s->name : "unknown";
}

uint32_t
input_type_from_name(struct span name)
{
	for (uint32_t i = INPUT_NONE + 1; i < INPUT_TYPE_COUNT; i++)
		if (span_is(name, schemas[i].name))
			return i;
	return INPUT_NONE;
}

void
input_pack(struct strbuf *b, const struct input *in)
{
	const struct wire_schema *s = schema_of(in->type);

	wire_put_array(b, 4);
	wire_put_uint(b, in->seq);
	wire_put_uint(b, in->now);
	wire_put_cstr(b, input_type_name(in->type));
	if (s == NULL)
		b->failed = true;
	else
		wire_put_struct(b, s, body(in));
}

int
input_unpack(struct wire_in *w, struct input *in)
{
	struct span name;
	int r;

	memset(in, 0, sizeof(*in));
	if (wire_get_array(w) != 4)
		return -EBADMSG;
	in->seq = wire_get_uint(w);
	in->now = wire_get_uint(w);
	name = wire_get_span(w);
	if (w->bad)
		return -EBADMSG;
	in->type = input_type_from_name(name);
	if (in->type == INPUT_NONE)
		return -EBADMSG;
	r = wire_get_struct(w, &schemas[in->type], body(in));
	if (r < 0)
		input_free(in);
	return r;
}

void
input_free(struct input *in)
{
	const struct wire_schema *s = schema_of(in->type);

	if (s != NULL)
		wire_free_struct(s, body(in));
}

/* What the substitute of each type needs to know. */
static int
fill(struct input_substitute *s, const struct input *of)
{
	switch (of->type) {
	case INPUT_EMIT:
		s->request = of->emit.request;
		s->fd = of->emit.fd;
		if (u64v_copy(&s->fds, &of->emit.fds) < 0)
			return -ENOMEM;
		if (str_copy(&s->token, of->emit.token) < 0 || str_copy(&s->name, of->emit.name) < 0 ||
		    str_copy(&s->root, of->emit.root) < 0)
			return -ENOMEM;
		return strv_dup(&s->env, of->emit.env);
	case INPUT_REQUEST:
		s->request = of->request.request;
		return str_copy(&s->token, of->request.token);
	case INPUT_SET_ENV:
		s->request = of->set_env.request;
		return 0;
	case INPUT_STATE:
		s->request = of->state.request;
		return 0;
	case INPUT_SPAWNED:
		s->process = of->spawned.process;
		s->pid = of->spawned.pid;
		return 0;
	case INPUT_SPAWN_FAILED:
		s->process = of->spawn_failed.process;
		return 0;
	case INPUT_EXEC_DONE:
		s->process = of->exec_done.process;
		return 0;
	case INPUT_EXITED:
		s->pid = of->exited.pid;
		s->status = of->exited.status;
		return 0;
	case INPUT_STOPPED:
		s->pid = of->stopped.pid;
		return 0;
	case INPUT_TIMER:
		s->timer = of->timer.timer;
		return 0;
	case INPUT_FAMILY:
		s->process = of->family.process;
		s->pid = of->family.pid;
		return 0;
	case INPUT_SAID:
		s->process = of->said.process;
		return 0;
	case INPUT_SHUTDOWN:
		s->present = of->shutdown.what == SHUTDOWN_BEGIN;
		return 0;
	case INPUT_CONTROL:
		s->present = of->control.present;
		return 0;
	default:
		return 0;
	}
}

int
input_substitute(const struct input *of, const char *why, bool bare, struct input *in)
{
	*in = (struct input) { .type = INPUT_SUBSTITUTE, .now = of->now };
	in->substitute.bare = bare;
	if (str_copy(&in->substitute.type, input_type_name(of->type)) < 0 || str_copy(&in->substitute.why, why) < 0 ||
	    fill(&in->substitute, of) < 0) {
		input_free(in);
		return -ENOMEM;
	}
	return 0;
}
