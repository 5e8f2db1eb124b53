/* SPDX-License-Identifier: MIT */
/*
 *	upstart-time 1 BOOT
 *	ID LAST NEXT DUE RUNS [TIMER INSTANCE]
 *
 * All zero behind an ID: it is forgotten. Of the instance's bytes those that might not pass are written as %XX.
 * A line that a crash has cut in two has no newline and is not read; the next writing makes the file anew. So does the
 * first of another boot.
 */
#include "schedule/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "common/folder.h"
#include "common/str.h"

#define MAGIC "upstart-time 1 "
#define SPARE_LINES 64 /* of history, beside one for each timer */

uint64_t
ledger_id(const char *text)
{
	/* FNV-1a; then mixed, since the names of jobs differ little. */
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ (h >> 31);
}

static void
forget(struct ledger *l, struct ledger_entry *entry)
{
	map_del_id(&l->by_id, entry->record.id);
	DL_DELETE(l->entries, entry);
	l->count--;
	l->instances -= entry->instance != NULL;
	free(entry->instance);
	free(entry);
}

/* 0 or -ENOMEM. */
static int
remember(struct ledger *l, const struct ledger_record *record, const char *instance)
{
	struct ledger_entry *entry = map_get_id(&l->by_id, record->id);

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		if ((instance && str_copy(&entry->instance, instance) < 0) || map_put_id(&l->by_id, record->id, entry) < 0) {
			free(entry->instance);
			free(entry);
			return -ENOMEM;
		}
		DL_APPEND(l->entries, entry);
		l->count++;
		l->instances += instance != NULL;
	}
	entry->record = *record;
	return 0;
}

static void
add_escaped(struct strbuf *b, const char *text)
{
	strbuf_addc(b, '=');
	for (; *text; text++) {
		unsigned char c = (unsigned char) *text;

		if (c <= ' ' || c == '%' || c == 0x7f)
			strbuf_addf(b, "%%%02x", c);
		else
			strbuf_addc(b, (char) c);
	}
}

/* In place, up to the end of the line. */
static void
unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
			*to++ = (char) (hex_value(text[1]) * 16 + hex_value(text[2]));
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* One line without its newline. What is `known` already stays as it is. */
static int
read_line(struct ledger *l, char *line, const struct map *known)
{
	struct ledger_record r = { 0 };
	struct ledger_entry *entry;
	char *instance = NULL;
	int end = 0, more = 0;

	if (sscanf(line, "%16" SCNx64 " %" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64 "%n", &r.id, &r.last, &r.next, &r.due,
		   &r.runs, &end) != 5 ||
	    r.id == 0)
		return 0;
	if (line[end] != '\0') {
		if (sscanf(line + end, " %16" SCNx64 " =%n", &r.timer, &more) != 1 || more == 0 || r.timer == 0)
			return 0;
		instance = line + end + more;
		unescape(instance);
	}
	if (known && map_get_id(known, r.id))
		return 0;
	if (!l->same_boot)
		r.due = r.runs = 0;
	if (r.last != 0 || r.next != 0 || r.due != 0 || r.runs != 0)
		return remember(l, &r, instance);
	entry = map_get_id(&l->by_id, r.id);
	if (entry)
		forget(l, entry);
	return 0;
}

static int
read_lines(struct ledger *l, FILE *file, const struct map *known)
{
	char *line auto_free = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	n = getline(&line, &size, file);
	if (n <= 0 || line[n - 1] != '\n' || strncmp(line, MAGIC, strlen(MAGIC)) != 0)
		return ferror(file) ? -EIO : 0;
	line[n - 1] = '\0';
	l->same_boot = strcmp(line + strlen(MAGIC), l->boot) == 0;
	while (r == 0 && (n = getline(&line, &size, file)) > 0 && line[n - 1] == '\n') {
		line[n - 1] = '\0';
		l->lines++;
		r = read_line(l, line, known);
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	return r;
}

static int
read_file(struct ledger *l, const struct map *known)
{
	FILE *file = fopen(l->path, "re");
	struct stat st;
	int r;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fileno(file), &st) == 0)
		l->changed = st.st_mtime;
	r = read_lines(l, file, known);
	(void) fclose(file);
	return r;
}

int
ledger_open(struct ledger *l, const char *path, const char *boot, bool durable)
{
	*l = (struct ledger) { .durable = durable, .fd = -1 };
	(void) snprintf(l->boot, sizeof(l->boot), "%s", boot);
	l->path = strdup(path);
	return l->path ? read_file(l, NULL) : -ENOMEM;
}

int
ledger_reread(struct ledger *l)
{
	struct map known = MAP_INIT;
	int r = 0;

	if (l->fd >= 0)
		(void) close(l->fd);
	l->fd = -1;
	for (struct ledger_entry *e = l->entries; e && r == 0; e = e->next)
		r = map_put_id(&known, e->record.id, e);
	if (r == 0)
		r = read_file(l, &known);
	map_deinit(&known);
	return r;
}

void
ledger_close(struct ledger *l)
{
	while (l->entries)
		forget(l, l->entries);
	map_deinit(&l->by_id);
	if (l->path && l->fd >= 0)
		(void) close(l->fd);
	free(l->path);
	*l = (struct ledger) { .fd = -1 };
}

const struct ledger_record *
ledger_get(const struct ledger *l, uint64_t id)
{
	const struct ledger_entry *entry = map_get_id(&l->by_id, id);

	return entry ? &entry->record : NULL;
}

/* -- writing ---------------------------------------------------------------------- */

static void
add_line(struct strbuf *b, const struct ledger_record *r, const char *instance)
{
	strbuf_addf(b, "%016" PRIx64 " %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64, r->id, r->last, r->next, r->due, r->runs);
	if (instance) {
		strbuf_addf(b, " %016" PRIx64 " ", r->timer);
		add_escaped(b, instance);
	}
	strbuf_addc(b, '\n');
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			p += done;
			n -= (size_t) done;
		}
	}
	return 0;
}

/* A new name has to be on the disk, too. */
static void
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder auto_free = slash ? span_dup((struct span) { path, (size_t) (slash - path) + 1 }) : NULL;
	int fd auto_close = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		(void) fsync(fd);
}

/* Write all there is into a new file, and let it take the place of the old. */
static int
write_anew(struct ledger *l)
{
	struct strbuf text auto_strbuf = STRBUF_INIT;
	char *temporary auto_free = str_printf("%s.new", l->path);
	int fd auto_close = -1;
	int r;

	strbuf_addf(&text, MAGIC "%s\n", l->boot);
	for (const struct ledger_entry *e = l->entries; e; e = e->next)
		add_line(&text, &e->record, e->instance);
	if (text.failed || !temporary)
		return -ENOMEM;
	r = folder_make_above(l->path, 0755);
	if (r < 0)
		return r;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text.p, text.len);
	if (r == 0 && l->durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(temporary, l->path) < 0)
		r = -errno;
	if (r < 0) {
		(void) unlink(temporary);
		return r;
	}
	if (l->durable)
		sync_folder(l->path);
	if (l->fd >= 0)
		(void) close(l->fd);
	l->fd = steal_fd(&fd);
	l->lines = l->count;
	return 0;
}

static int
append(struct ledger *l, const struct ledger_record *record, const char *instance)
{
	struct strbuf line auto_strbuf = STRBUF_INIT;
	int r;

	add_line(&line, record, instance);
	if (line.failed)
		return -ENOMEM;
	r = write_all(l->fd, line.p, line.len);
	if (r == 0 && l->durable && fdatasync(l->fd) < 0)
		r = -errno;
	l->lines++;
	return r;
}

static int
write_record(struct ledger *l, const struct ledger_record *record, const char *instance)
{
	int r;

	if (l->fd >= 0 && l->lines < 2 * l->count + SPARE_LINES)
		r = append(l, record, instance);
	else
		r = write_anew(l);
	if (r < 0 && l->fd >= 0) {
		/* Half a line may be there: what comes next makes the file anew. */
		(void) close(l->fd);
		l->fd = -1;
	}
	return r;
}

int
ledger_put(struct ledger *l, const struct ledger_record *record, const char *instance)
{
	int r = remember(l, record, instance);

	return r < 0 ? r : write_record(l, record, instance);
}

int
ledger_drop(struct ledger *l, uint64_t id)
{
	struct ledger_entry *entry = map_get_id(&l->by_id, id);
	const struct ledger_record none = { .id = id };

	if (!entry)
		return 0;
	forget(l, entry);
	return write_record(l, &none, NULL);
}
