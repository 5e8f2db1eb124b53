/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

#include <errno.h>
#include <string.h>

#define F(type, st, member) WIRE_FIELD(type, struct msg_##st, member)

static const struct wire_field hello_fields[] = {
	F(U64, hello, received),	 F(U64, hello, generation), F(U32, hello, mode),
	F(I32, hello, log_level),	 F(STR, hello, program),    F(BOOL, hello, reexec),
	F(BOOL, hello, chroot_sessions),
};
static const struct wire_field ack_fields[] = { F(U64, ack, upto) };
static const struct wire_field spawn_fields[] = {
	F(U64, spawn, process), F(STR, spawn, name),	      F(STRV, spawn, argv),   F(STRV, spawn, env),
	F(STR, spawn, script),	F(U32, spawn, flags),	      F(U32, spawn, console), F(U32, spawn, umask),
	F(I32, spawn, nice),	F(I32, spawn, oom_score_adj), F(U64V, spawn, limits), F(STR, spawn, chroot),
	F(STR, spawn, chdir),	F(STR, spawn, setuid),	      F(STR, spawn, setgid),  F(STR, spawn, apparmor_switch),
	F(U64V, spawn, fds),	F(STR, spawn, root),	      F(STR, spawn, cgroup),
};
static const struct wire_field spawned_fields[] = {
	F(U64, spawned, process), F(I32, spawned, pid), F(U32, spawned, step),
	F(I32, spawned, error),   F(U32, spawned, flags),
};
static const struct wire_field log_open_fields[] = {
	F(U64, log_open, stream),   F(STR, log_open, path),	F(U64, log_open, max_size), F(U64, log_open, keep),
	F(U32, log_open, compress), F(U64, log_open, max_age),	F(U32, log_open, format),   F(U32, log_open, forward),
	F(STR, log_open, job),	    F(STR, log_open, instance), F(STR, log_open, process),  F(I32, log_open, pid),
	F(U32, log_open, print),
};
static const struct wire_field log_finish_fields[] = { F(U64, log_finish, stream) };
static const struct wire_field log_ended_fields[] = { F(U64, log_ended, stream) };
static const struct wire_field log_flush_fields[] = { F(U64, log_flush, request) };
static const struct wire_field log_flushed_fields[] = {
	F(U64, log_flushed, request), F(I32, log_flushed, error), F(STR, log_flushed, path),
};
static const struct wire_field request_fields[] = {
	F(U64, request, request), F(U32, request, action), F(STR, request, job),   F(STR, request, instance),
	F(STR, request, name),	  F(STRV, request, env),   F(BOOL, request, wait), F(BOOL, request, replace),
	F(STR, request, token),	  F(I32, request, pid),	   F(I32, request, uid),   F(STR, request, root),
	F(BOOL, request, literal), F(BOOL, request, only), F(STRV, request, classes), F(STRV, request, instances),
	F(U32, request, options), F(STR, request, connection),
};
static const struct wire_field reply_fields[] = {
	F(U64, reply, request),	   F(STR, reply, error),   F(STR, reply, text),	 F(STR, reply, job),
	F(STR, reply, instance),   F(STR, reply, value),   F(STRV, reply, list), F(STR, reply, description),
	F(STR, reply, author),	   F(STR, reply, version), F(STR, reply, usage), F(STRV, reply, start_on),
	F(STRV, reply, stop_on),   F(STRV, reply, emits),  F(STR, reply, goal),	 F(STR, reply, state),
	F(STRV, reply, processes), F(STR, reply, path),	   F(STR, reply, fault), F(STR, reply, successor),
	F(STR, reply, quarantine), F(STR, reply, degraded),
	F(STRV, reply, while_on),   F(STRV, reply, exports), F(STR, reply, template), F(BOOL, reply, more),
	F(STR, reply, doing),	   F(STR, reply, status),
	F(STR, reply, followed),   F(STR, reply, group),
};
static const struct wire_field notify_fields[] = {
	F(U32, notify, type), F(STR, notify, job), F(STR, notify, instance),
	F(STR, notify, text), F(STRV, notify, env), F(I32, notify, value),
};
static const struct wire_field bus_fields[] = { F(U32, bus, what), F(STR, bus, address) };
static const struct wire_field listen_fields[] = { F(U64, listen, process) };
static const struct wire_field said_fields[] = {
	F(U64, said, process),	F(U32, said, what),  F(I32, said, pid),	     F(I32, said, uid),
	F(I32, said, main_pid), F(STR, said, status), F(U64, said, watchdog), F(U64, said, extend),
};
static const struct wire_field disbelieved_fields[] = {
	F(U64, disbelieved, process), F(I32, disbelieved, pid), F(I32, disbelieved, uid),
};
static const struct wire_field audience_fields[] = { F(BOOL, audience, subscribers) };
static const struct wire_field shutdown_fields[] = { F(U32, shutdown, why) };

static const struct {
	struct wire_schema schema;
	size_t size;
} messages[MSG_TYPE_COUNT] = {
#define X(id, st) [MSG_##id] = { WIRE_SCHEMA(#id, st##_fields), sizeof(struct msg_##st) },
	MESSAGES(X)
#undef X
};

const char *
msg_type_name(uint32_t type)
{
	return type > MSG_NONE && type < MSG_TYPE_COUNT ? messages[type].schema.name : "unknown";
}

const struct wire_schema *
msg_schema(uint32_t type)
{
	return type > MSG_NONE && type < MSG_TYPE_COUNT ? &messages[type].schema : NULL;
}

static int
encode(struct strbuf *b, uint32_t type, const void *obj)
{
	const struct wire_schema *s = msg_schema(type);

	if (s == NULL)
		return -EINVAL;
	wire_put_struct(b, s, obj);
	return b->failed ? -ENOMEM : 0;
}

int
msg_send(struct ipc *ipc, uint32_t type, uint64_t id, const void *obj, const int *fds, size_t n_fds)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	int r = encode(&b, type, obj);

	return r < 0 ? r : ipc_send(ipc, type, id, &b, fds, n_fds);
}

int
msg_send_kept(struct ipc *ipc, uint32_t type, const void *obj, const int *fds, size_t n_fds)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	int r = encode(&b, type, obj);

	return r < 0 ? r : ipc_send_kept(ipc, type, &b, fds, n_fds);
}

int
msg_decode(const struct ipc_message *m, void *obj)
{
	const struct wire_schema *s = msg_schema(m->type);
	struct wire_in in;
	int r;

	if (s == NULL)
		return -EBADMSG;
	memset(obj, 0, messages[m->type].size);
	wire_in_init(&in, m->body, m->len);
	/* Whoever asks pays a byte for one, and we forty. What init says may be a whole job file. */
	if (m->type == MSG_REQUEST || m->type == MSG_QUERY)
		in.most_strings = WIRE_MAX_STRINGS;
	r = wire_get_struct(&in, s, obj);
	if (r < 0)
		wire_free_struct(s, obj);
	return r;
}

void
msg_free(uint32_t type, void *obj)
{
	const struct wire_schema *s = msg_schema(type);

	if (s != NULL)
		wire_free_struct(s, obj);
}
