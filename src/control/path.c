/* SPDX-License-Identifier: MIT */
#include "control/path.h"

#include <errno.h>
#include <string.h>

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

char *
path_job(const char *job)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, JOBS_PATH "/");
	path_escape(&b, job);
	return strbuf_steal(&b);
}

char *
path_instance(const char *job, const char *instance)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, JOBS_PATH "/");
	path_escape(&b, job);
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

int
path_parse(const char *path, struct object *object)
{
	const size_t prefix = sizeof(JOBS_PATH "/") - 1;
	const char *slash;
	struct span job, instance = { NULL, 0 };
	int r;

	*object = (struct object) OBJECT_INIT;
	if (strcmp(path, MANAGER_PATH) == 0) {
		object->kind = OBJECT_MANAGER;
		return 0;
	}
	if (strncmp(path, JOBS_PATH "/", prefix) != 0)
		return 0;
	job = span_of(path + prefix);
	slash = memchr(job.p, '/', job.n);
	if (slash != NULL) {
		instance = span_of(slash + 1);
		job.n = (size_t) (slash - job.p);
	}
	r = unescape(job, &object->job);
	if (r > 0 && slash != NULL)
		r = unescape(instance, &object->instance);
	if (r <= 0) {
		object_deinit(object);
		return r;
	}
	object->kind = slash != NULL ? OBJECT_INSTANCE : OBJECT_JOB;
	return 0;
}

void
object_deinit(struct object *object)
{
	free(object->job);
	free(object->instance);
	*object = (struct object) OBJECT_INIT;
}
