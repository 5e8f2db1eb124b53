/* SPDX-License-Identifier: MIT */
#include "control/introspect.h"

#include <string.h>

#include "common/error.h"
#include "control/request.h"

/* Append one <arg> per complete type; *names moves on to the next name. */
static void
add_args(struct strbuf *b, const char *signature, const char **names, const char *direction)
{
	DBusSignatureIter it;

	if (signature[0] == '\0')
		return;
	dbus_signature_iter_init(&it, signature);
	do {
		char *type = dbus_signature_iter_get_signature(&it);
		size_t n = strcspn(*names, " ");

		if (type == NULL) {
			b->failed = true;
			return;
		}
		strbuf_addf(b, "      <arg name=\"%.*s\" type=\"%s\"%s/>\n", (int) n, *names, type, direction);
		dbus_free(type);
		*names += n;
		*names += **names == ' ' ? 1 : 0;
	} while (dbus_signature_iter_next(&it));
}

static void
add_element(struct strbuf *b, const char *element, const char *name, const char *args, const char *in, const char *out)
{
	bool empty = args[0] == '\0';

	strbuf_addf(b, "    <%s name=\"%s\"%s\n", element, name, empty ? "/>" : ">");
	if (empty)
		return;
	add_args(b, in, &args, " direction=\"in\"");
	add_args(b, out, &args, element[0] == 'm' ? " direction=\"out\"" : "");
	strbuf_addf(b, "    </%s>\n", element);
}

void
introspect_interface(struct strbuf *b, enum interface_id interface)
{
	strbuf_addf(b, "  <interface name=\"%s\">\n", interfaces[interface].name);
	for (const struct method *m = methods; m < methods + methods_count; m++)
		if (m->interface == interface)
			add_element(b, "method", m->name, m->args, m->in, m->out);
	for (const struct signal *s = signals; s < signals + signals_count; s++)
		if (s->interface == interface)
			add_element(b, "signal", s->name, s->args, "", s->signature);
	for (const struct property *p = properties; p < properties + properties_count; p++)
		if (p->interface == interface)
			strbuf_addf(b, "    <property name=\"%s\" type=\"%s\" access=\"%s\"/>\n", p->name, p->type,
				    p->writable ? "readwrite" : "read");
	strbuf_add(b, "  </interface>\n");
}

static void
add_child(struct strbuf *b, const char *name)
{
	strbuf_addf(b, "  <node name=\"%s\"/>\n", name);
}

/* The next component of the way from `path` to our objects; NULL: it is not above them. */
static const char *
way_on(const char *path)
{
	static const char *const way[][2] = {
		{ "/", "com" },
		{ "/com", "ubuntu" },
		{ "/com/ubuntu", "Upstart" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(way); i++)
		if (strcmp(path, way[i][0]) == 0)
			return way[i][1];
	return NULL;
}

/* Where jobs are, or perhaps those of a chroot session. */
static bool
is_above_jobs(const char *path)
{
	const size_t n = sizeof(JOBS_PATH) - 1;

	return strncmp(path, JOBS_PATH, n) == 0 &&
	       (path[n] == '\0' || (path[n] == '/' && strchr(path + n + 1, '/') == NULL));
}

/* Instances, by the names init gave. */
static void
add_instances(struct strbuf *b, char **names)
{
	request_sort(names);
	for (; names != NULL && *names != NULL; names++) {
		strbuf_add(b, "  <node name=\"");
		path_escape(b, *names);
		strbuf_add(b, "\"/>\n");
	}
}

/* What is next below `path` on the way to these jobs. False: nothing is. */
static bool
add_jobs(struct strbuf *b, const char *path, char **names)
{
	auto_free char *last = NULL;
	bool any = false;

	request_sort(names);
	for (; names != NULL && *names != NULL; names++) {
		auto_free char *job = path_job(*names);
		size_t n = strlen(path);

		if (job == NULL) {
			b->failed = true;
			return true;
		}
		if (strncmp(job, path, n) != 0 || job[n] != '/')
			continue;
		job[n + 1 + strcspn(job + n + 1, "/")] = '\0';
		/* Those of one chroot session follow each other. */
		if (last == NULL || strcmp(last, job) != 0)
			add_child(b, job + n + 1);
		free(last);
		last = steal(&job);
		any = true;
	}
	return any;
}

static void
answer(struct call *call, const struct msg_reply *reply)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	const char *path = dbus_message_get_path(call->message);
	DBusMessage *m;

	strbuf_add(&b, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE);
	if (call->object.kind == OBJECT_NONE) {
		strbuf_add(&b, "<node>\n");
		if (reply == NULL) {
			add_child(&b, way_on(path));
		} else if (!add_jobs(&b, path, reply->list) && strcmp(path, JOBS_PATH) != 0) {
			call_unknown(call);
			return;
		}
	} else {
		strbuf_addf(&b, "<node name=\"%s\">\n", path);
		for (unsigned i = 0; i < IFACE_COUNT; i++)
			if (interfaces[i].listed && table_has(call->object.kind, i))
				introspect_interface(&b, i);
	}
	if (call->object.kind == OBJECT_MANAGER)
		add_child(&b, "jobs");
	else if (call->object.kind == OBJECT_JOB && reply != NULL)
		add_instances(&b, reply->list);
	strbuf_add(&b, "</node>\n");

	m = b.failed ? NULL : call_reply_new(call);
	call_reply_filled(call, m,
			  m != NULL && dbus_message_append_args(m, DBUS_TYPE_STRING, &b.p, DBUS_TYPE_INVALID));
}

void
introspect(struct call *call)
{
	const char *path = dbus_message_get_path(call->message);

	if (call->object.kind == OBJECT_JOB)
		request_simple(call, REQUEST_GET_INSTANCES, answer);
	else if (call->object.kind == OBJECT_INSTANCE)
		call_require_object(call, answer);
	else if (is_above_jobs(path))
		request_simple(call, REQUEST_GET_JOBS, answer);
	else if (call->object.kind == OBJECT_MANAGER || way_on(path) != NULL)
		answer(call, NULL);
	else
		call_unknown(call);
}
