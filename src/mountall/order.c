/* SPDX-License-Identifier: MIT */
#include "mountall/order.h"

#include <errno.h>
#include <string.h>

#include "common/str.h"

/* -- options --------------------------------------------------------------------- */

/* Go through "a,b=c": the next word, its length in *n; NULL at the end. Commas in quotes belong to the word. */
static const char *
next_option(const char **at, size_t *n)
{
	const char *begin = *at;
	bool quoted = false;

	if (*begin == '\0')
		return NULL;
	for (*n = 0; begin[*n] != '\0' && (quoted || begin[*n] != ','); (*n)++) {
		if (begin[*n] == '"')
			quoted = !quoted;
	}
	*at = begin + *n + (begin[*n] == ',');
	return begin;
}

const char *
mount_option(const char *options, const char *name, size_t *n)
{
	size_t length = strlen(name), all;
	const char *word;

	while ((word = next_option(&options, &all)) != NULL) {
		if (all < length || memcmp(word, name, length) != 0)
			continue;
		if (all == length || word[length] == '=') {
			*n = all > length ? all - length - 1 : 0;
			return all > length ? word + length + 1 : word + length;
		}
	}
	*n = 0;
	return NULL;
}

static bool
has_option(const char *options, const char *name)
{
	size_t n;

	return mount_option(options, name, &n) != NULL;
}

char *
mount_options_proper(const char *options)
{
	static const char *const ours[] = { "bootwait", "nobootwait", "optional", "showthrough" };
	struct strbuf b auto_strbuf = STRBUF_INIT;
	const char *word;
	size_t n;

	while ((word = next_option(&options, &n)) != NULL) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
			skip = skip || (n == strlen(ours[i]) && memcmp(word, ours[i], n) == 0);
		if (skip)
			continue;
		if (b.len > 0)
			strbuf_addc(&b, ',');
		strbuf_addn(&b, word, n);
	}
	return strbuf_steal(&b);
}

static bool
is_secret(const char *word, size_t n)
{
	static const char *const names[] = { "password=", "password2=", "pass=", "passwd=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (n > strlen(names[i]) && memcmp(word, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

char *
mount_options_public(const char *options)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;
	const char *word;
	size_t n;

	while ((word = next_option(&options, &n)) != NULL) {
		if (b.len > 0)
			strbuf_addc(&b, ',');
		if (is_secret(word, n)) {
			strbuf_addn(&b, word, (size_t) ((const char *) memchr(word, '=', n) - word) + 1);
			strbuf_addn(&b, "***", 3);
		} else {
			strbuf_addn(&b, word, n);
		}
	}
	return strbuf_steal(&b);
}

/* -- lines ------------------------------------------------------------------------ */

static void
entry_deinit(struct mount_entry *e)
{
	free(e->source);
	free(e->device);
	free(e->target);
	free(e->type);
	free(e->options);
	free(e->after);
}

/* A path without slashes that say nothing. */
static char *
plain_path(const char *path)
{
	char *plain = strdup(path), *to = plain;

	for (const char *p = path; plain != NULL && *p != '\0'; p++) {
		if (*p != '/' || to == plain || to[-1] != '/')
			*to++ = *p;
	}
	if (plain == NULL)
		return NULL;
	if (to > plain + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	return plain;
}

static bool
is_bound(const char *options)
{
	static const char *const words[] = { "bind", "rbind", "move", "loop" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (has_option(options, words[i]))
			return true;
	}
	return false;
}

static enum mount_kind
kind_of(const struct mount_line *line, const char *options)
{
	if (strcmp(line->type, "swap") == 0)
		return MOUNT_SWAP;
	if (line->net || has_option(options, "_netdev"))
		return MOUNT_REMOTE;
	return line->pseudo && !is_bound(options) ? MOUNT_VIRTUAL : MOUNT_LOCAL;
}

static struct mount_entry *
same_built_in(struct mounts *m, const char *target)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->entries[i].built_in && strcmp(m->entries[i].target, target) == 0)
			return &m->entries[i];
	}
	return NULL;
}

int
mounts_add(struct mounts *m, const struct mount_line *line)
{
	const char *options = line->options != NULL ? line->options : "";
	struct mount_entry e = { 0 }, *old, *more;

	if (has_option(options, "noauto") || strcmp(line->type, "ignore") == 0)
		return 0;
	if (strcmp(line->type, "swap") != 0 && line->target[0] != '/')
		return 0;
	e.kind = kind_of(line, options);
	e.source = strdup(line->source);
	e.target = e.kind == MOUNT_SWAP ? strdup("none") : plain_path(line->target);
	e.type = strdup(line->type);
	e.options = mount_options_proper(options);
	e.pass = line->pass;
	e.quiet = line->quiet || has_option(options, "optional");
	e.needed = !e.quiet && !has_option(options, "nofail") && !has_option(options, "nobootwait");
	e.built_in = line->built_in;
	e.bound = is_bound(options);
	if (e.source == NULL || e.target == NULL || e.type == NULL || e.options == NULL) {
		entry_deinit(&e);
		return -ENOMEM;
	}
	old = e.kind != MOUNT_SWAP && !e.built_in ? same_built_in(m, e.target) : NULL;
	/* One made of folders lies on what holds them, whatever its place. */
	e.first = (e.built_in || old != NULL) && e.kind == MOUNT_VIRTUAL && strcmp(e.type, "overlay") != 0;
	if (old != NULL) {
		entry_deinit(old);
		*old = e;
		return 0;
	}
	more = reallocarray(m->entries, m->count + 1, sizeof(*more));
	if (more == NULL) {
		entry_deinit(&e);
		return -ENOMEM;
	}
	m->entries = more;
	m->entries[m->count++] = e;
	return 0;
}

/* -- order --------------------------------------------------------------------------- */

/* Does `path` (n bytes) lie in the folder `above`, or is it that? */
static bool
lies_in(const char *path, size_t n, const char *above)
{
	size_t length = strlen(above);

	if (length == 1 && above[0] == '/')
		return n > 0 && path[0] == '/';
	return n >= length && memcmp(path, above, length) == 0 && (n == length || path[length] == '/');
}

static bool
comes_after(const struct mount_entry *e, size_t other)
{
	for (size_t i = 0; i < e->after_count; i++) {
		if (e->after[i] == other)
			return true;
	}
	return false;
}

/* Mark all that one comes after, by whatever way; the depth is that of folders, as circles are never made. */
static void
see(struct mounts *m, size_t from)
{
	struct mount_entry *e = &m->entries[from];

	if (e->seen)
		return;
	e->seen = true;
	for (size_t i = 0; i < e->after_count; i++)
		see(m, e->after[i]);
}

static bool
reaches(struct mounts *m, size_t from, size_t to)
{
	for (size_t i = 0; i < m->count; i++)
		m->entries[i].seen = false;
	see(m, from);
	return m->entries[to].seen;
}

static int
put_after(struct mounts *m, size_t i, size_t other)
{
	struct mount_entry *e = &m->entries[i];
	size_t *more;

	if (comes_after(e, other))
		return 0;
	more = reallocarray(e->after, e->after_count + 1, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	e->after = more;
	e->after[e->after_count++] = other;
	return 0;
}

/* Is entry `other` mounted on a folder above this one's, or earlier on the same? */
static bool
is_below(const struct mounts *m, size_t i, size_t other)
{
	const struct mount_entry *e = &m->entries[i], *o = &m->entries[other];

	if (e->kind == MOUNT_SWAP || o->kind == MOUNT_SWAP || i == other)
		return false;
	if (strcmp(e->target, o->target) == 0)
		return other < i;
	if (e->first && strcmp(o->target, "/") == 0)
		return false;
	return lies_in(e->target, strlen(e->target), o->target);
}

/*
 * What the kernel makes comes before any disk: to look at one needs places to write to. Not so when one of those places lies on
 * a disk itself.
 */
static int
link_root(struct mounts *m, size_t root)
{
	for (size_t other = 0; other < m->count; other++) {
		const struct mount_entry *o = &m->entries[other];

		if (o->first && o->needed && !reaches(m, other, root) && put_after(m, root, other) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* All that lie below others first: among those there are no circles. */
static int
link_targets(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		for (size_t other = 0; other < m->count; other++) {
			if (is_below(m, i, other) && put_after(m, i, other) < 0)
				return -ENOMEM;
		}
	}
	for (size_t i = 0; i < m->count; i++) {
		if (m->entries[i].kind != MOUNT_SWAP && strcmp(m->entries[i].target, "/") == 0 && link_root(m, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The path is in one of these; 0, -ELOOP, -ENOMEM. */
static int
link_path(struct mounts *m, size_t i, const char *path, size_t n)
{
	for (size_t other = 0; other < m->count; other++) {
		const struct mount_entry *o = &m->entries[other];

		if (other == i || o->kind == MOUNT_SWAP || !lies_in(path, n, o->target))
			continue;
		if (reaches(m, other, i))
			return -ELOOP;
		if (put_after(m, i, other) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The folders of "lowerdir=/a:/b". */
static int
link_layers(struct mounts *m, size_t i, const char *name)
{
	size_t n;
	const char *value = mount_option(m->entries[i].options, name, &n);

	while (value != NULL && n > 0) {
		const char *colon = memchr(value, ':', n);
		size_t length = colon != NULL ? (size_t) (colon - value) : n;
		int r = link_path(m, i, value, length);

		if (r < 0 || colon == NULL)
			return r;
		value = colon + 1;
		n -= length + 1;
	}
	return 0;
}

static int
link_source(struct mounts *m, size_t i)
{
	static const char *const layers[] = { "lowerdir", "upperdir", "workdir" };
	const struct mount_entry *e = &m->entries[i];
	int r = 0;

	/* A device is there when it is there; a swap file, and what is made of a path, lies on something. */
	if (e->source[0] == '/' && (e->bound || e->kind == MOUNT_SWAP || strncmp(e->source, "/dev/", 5) != 0))
		r = link_path(m, i, e->source, strlen(e->source));
	if (strcmp(e->type, "overlay") != 0)
		return r;
	for (size_t l = 0; r == 0 && l < ARRAY_SIZE(layers); l++)
		r = link_layers(m, i, layers[l]);
	return r;
}

/* What lies on a remote one is as far away. */
static void
spread_remote(struct mounts *m)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < m->count; i++) {
			struct mount_entry *e = &m->entries[i];

			for (size_t a = 0; e->kind == MOUNT_LOCAL && a < e->after_count; a++) {
				if (m->entries[e->after[a]].kind == MOUNT_REMOTE) {
					e->kind = MOUNT_REMOTE;
					more = true;
				}
			}
		}
	}
}

int
mounts_link(struct mounts *m, mounts_circle_fn circle, void *data)
{
	int r = link_targets(m);

	for (size_t i = 0; r == 0 && i < m->count; i++) {
		r = link_source(m, i);
		if (r == -ELOOP) {
			m->entries[i].stage = MOUNT_LEFT_OUT;
			circle(data, &m->entries[i]);
			r = 0;
		}
	}
	if (r == 0)
		spread_remote(m);
	return r;
}

/* -- progress ----------------------------------------------------------------------------- */

static bool
is_over(const struct mount_entry *e)
{
	return e->stage == MOUNT_THERE || e->stage == MOUNT_LEFT_OUT;
}

static bool
may_begin(const struct mounts *m, const struct mount_entry *e)
{
	if (e->stage != MOUNT_WAITING || (e->kind == MOUNT_REMOTE && !m->network))
		return false;
	for (size_t i = 0; i < e->after_count; i++) {
		if (!is_over(&m->entries[e->after[i]]))
			return false;
	}
	return true;
}

struct mount_entry *
mounts_next(struct mounts *m, size_t from)
{
	for (size_t i = from; i < m->count; i++) {
		if (may_begin(m, &m->entries[i]))
			return &m->entries[i];
	}
	return NULL;
}

const struct mount_entry *
mounts_lacks(const struct mounts *m, const struct mount_entry *e)
{
	for (size_t i = 0; strcmp(e->target, "/") != 0 && i < e->after_count; i++) {
		const struct mount_entry *o = &m->entries[e->after[i]];

		/* A root that can't be written, and what not every kernel has, can be lain on all the same. */
		if (o->stage == MOUNT_LEFT_OUT && strcmp(o->target, "/") != 0 && !o->quiet)
			return o;
	}
	return NULL;
}

bool
mounts_settled(const struct mounts *m, enum mount_kind kind)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mount_entry *e = &m->entries[i];

		if (e->kind == kind && e->needed && !is_over(e))
			return false;
	}
	return true;
}

bool
mounts_over(const struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!is_over(&m->entries[i]))
			return false;
	}
	return true;
}

void
mounts_deinit(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++)
		entry_deinit(&m->entries[i]);
	free(m->entries);
	*m = (struct mounts) { 0 };
}
