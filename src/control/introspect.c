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

/* The next component of the way to our objects, for the paths above them. */
static void
add_way(struct strbuf *b, const char *path)
{
	static const char *const way[][2] = {
		{ "/", "com" },
		{ "/com", "ubuntu" },
		{ "/com/ubuntu", "Upstart" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(way); i++)
		if (strcmp(path, way[i][0]) == 0)
			add_child(b, way[i][1]);
}

/* Children by the names init gave, escaped; `jobs`: they are names of jobs. */
static void
add_children(struct strbuf *b, char **names, bool jobs)
{
	request_sort(names);
	for (; names != NULL && *names != NULL; names++) {
		strbuf_add(b, "  <node name=\"");
		if (jobs)
			path_add_job(b, *names);
		else
			path_escape(b, *names);
		strbuf_add(b, "\"/>\n");
	}
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
		add_way(&b, path);
	} else {
		strbuf_addf(&b, "<node name=\"%s\">\n", path);
		for (unsigned i = 0; i < IFACE_COUNT; i++)
			if (interfaces[i].listed && table_has(call->object.kind, i))
				introspect_interface(&b, i);
	}
	if (call->object.kind == OBJECT_MANAGER)
		add_child(&b, "jobs");
	else if (reply != NULL && call->object.kind != OBJECT_INSTANCE)
		add_children(&b, reply->list, call->object.kind == OBJECT_NONE);
	strbuf_add(&b, "</node>\n");

	m = b.failed ? NULL : call_reply_new(call);
	call_reply_filled(call, m,
			  m != NULL && dbus_message_append_args(m, DBUS_TYPE_STRING, &b.p, DBUS_TYPE_INVALID));
}

/* A path where nothing is (any more) has no interfaces and no children, which is not an error. */
static void
answer_nothing(struct call *call)
{
	call->object.kind = OBJECT_NONE;
	answer(call, NULL);
}

void
introspect(struct call *call)
{
	const char *path = dbus_message_get_path(call->message);

	call->gone = answer_nothing;
	if (call->object.kind == OBJECT_JOB)
		request_simple(call, REQUEST_GET_INSTANCES, answer);
	else if (call->object.kind == OBJECT_INSTANCE)
		call_require_object(call, answer);
	else if (strcmp(path, JOBS_PATH) == 0)
		request_simple(call, REQUEST_GET_JOBS, answer);
	else
		answer(call, NULL);
}
