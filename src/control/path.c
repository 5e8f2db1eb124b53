/* SPDX-License-Identifier: MIT */
#include "control/path.h"

#include <errno.h>
#include <string.h>

#include "common/scope.h"

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void
path_escape(struct strbuf *b, const char *s)
{
	static const char digits[] = "0123456789abcdef";

	if (*s == '\0')
		strbuf_addc(b, '_');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char) *s;
		const char escape[] = { '_', digits[c >> 4], digits[c & 15] };

		if (is_plain(*s))
			strbuf_addc(b, *s);
		else
			strbuf_addn(b, escape, sizeof(escape));
	}
}

void
path_add_job(struct strbuf *b, const char *job)
{
	struct span root = scope_root(job);
	auto_free char *of_session = root.n > 0 ? span_dup(root) : NULL;

	if (of_session != NULL) {
		path_escape(b, of_session);
		strbuf_addc(b, '/');
	} else if (root.n > 0) {
		b->failed = true;
	}
	path_escape(b, scope_plain(job));
}

char *
path_job(const char *job)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, JOBS_PATH "/");
	path_add_job(&b, job);
	return strbuf_steal(&b);
}

char *
path_instance(const char *job, const char *instance)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, JOBS_PATH "/");
	path_add_job(&b, job);
	strbuf_addc(&b, '/');
	path_escape(&b, instance);
	return strbuf_steal(&b);
}

/*
 * Undo path_escape() on one component. 1 and *name (the caller's), 0 if it is not what
 * path_escape() makes of any name, or -ENOMEM.
 */
static int
unescape(struct span part, char **name)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	bool empty = part.n == 1 && part.p[0] == '_';

	for (size_t i = 0; i < part.n && !empty; i++) {
		int high, low;
		char byte;

		if (is_plain(part.p[i])) {
			strbuf_addc(&b, part.p[i]);
			continue;
		}
		if (part.p[i] != '_' || part.n - i < 3)
			return 0;
		high = hex_value(part.p[i + 1]);
		low = hex_value(part.p[i + 2]);
		if (high < 0 || low < 0)
			return 0;
		byte = (char) (high << 4 | low);
		if (byte == '\0' || is_plain(byte))
			return 0;
		strbuf_addc(&b, byte);
		i += 2;
	}
	*name = strbuf_steal(&b);
	return *name == NULL ? -ENOMEM : 1;
}

/* The next component of *path, which moves behind it and the slash. */
static struct span
component(const char **path)
{
	struct span part = { *path, strcspn(*path, "/") };

	*path += part.n;
	if (**path == '/')
		(*path)++;
	return part;
}

/* The job that the first components name: one, or root and job. 1, 0: none, or -ENOMEM. */
static int
parse_job(const char **path, char **job)
{
	auto_free char *root = NULL;
	auto_free char *name = NULL;
	int r = unescape(component(path), &name);

	if (r <= 0)
		return r;
	if (name[0] != '/') {
		*job = steal(&name);
		return 1;
	}
	/* No job of the machine is called like that: it is the root of a chroot session. */
	root = steal(&name);
	r = **path != '\0' && strstr(root, "//") == NULL ? unescape(component(path), &name) : 0;
	if (r <= 0)
		return r;
	*job = scope_join(span_of(root), name);
	return *job != NULL ? 1 : -ENOMEM;
}

int
path_parse(const char *path, struct object *object)
{
	const size_t prefix = sizeof(JOBS_PATH "/") - 1;
	bool has_instance;
	int r;

	*object = (struct object) OBJECT_INIT;
	if (strcmp(path, MANAGER_PATH) == 0) {
		object->kind = OBJECT_MANAGER;
		return 0;
	}
	if (strncmp(path, JOBS_PATH "/", prefix) != 0)
		return 0;
	path += prefix;
	r = parse_job(&path, &object->job);
	has_instance = *path != '\0';
	if (r > 0 && has_instance)
		r = unescape(component(&path), &object->instance);
	if (r <= 0 || *path != '\0') {
		object_deinit(object);
		return r < 0 ? r : 0;
	}
	object->kind = has_instance ? OBJECT_INSTANCE : OBJECT_JOB;
	return 0;
}

void
object_deinit(struct object *object)
{
	free(object->job);
	free(object->instance);
	*object = (struct object) OBJECT_INIT;
}
