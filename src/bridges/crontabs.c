/* SPDX-License-Identifier: MIT */
/*
 * The shell's words in a job are quoted by single quotes alone, which nothing gets out of: a line of a crontab is one line,
 * and so it can't end the script either.
 */
#include "bridges/crontabs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/folder.h"
#include "common/log.h"
#include "common/map.h"
#include "job/quote.h"
#include "schedule/crontab.h"
#include "schedule/ledger.h"
#include "schedule/zone.h"

#define SIZE_MAX_FILE ((size_t) 1 << 20)
/* Of one file, which may be any user's: nothing it says may cost more than a moment, or more than this in /run. */
#define LINES_MAX 1000 /* jobs, as in Debian's cron */
#define TEXT_MAX ((size_t) 4 << 20) /* of all its jobs, each of which repeats the variables */
#define TOLD_MAX 20    /* faults that are logged */

#define PREFIX "cron-"
#define SUFFIX ".conf"
#define MADE "# Made by upstart-time-bridge"

/* One reading of all files. */
struct making {
	struct crontabs *c;
	char **jobs, **told; /* owned: as in struct crontabs */
	struct map names;    /* of jobs; the values mean nothing */
	const char *file;    /* read now */
	const char *owner;   /* of its lines; NULL: they say it, or there is none */
	struct map keys;     /* of its lines, see job_name(): to the next number in `next` */
	uint64_t next[LINES_MAX];
	size_t lines, text;  /* jobs that the file has become so far, and how long they are in all */
	unsigned faults;
	bool full;           /* no more of the file is heeded */
	char *zone;          /* owned: that was looked for last; NULL: none was */
	char *zone_fault;    /* owned: what is wrong with it; NULL: nothing */
	bool changed;
	bool incomplete; /* something that is there could not be read: what is missing now may be there all the same */
	int failed; /* the last negative errno of writing */
};

bool
crontabs_is_name(const char *name)
{
	return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

/* Log it, unless the last reading did; takes over the text. */
static void
tell(struct making *m, char *text)
{
	if (text && !strv_has(m->c->told, text) && !strv_has(m->told, text))
		log_warn("%s", text);
	(void) !strv_take(&m->told, text);
}

static void
tell_unreadable(struct making *m, const char *path, int error)
{
	m->incomplete |= error != ENOENT && error != ENOTDIR;
	tell(m, str_printf("Unable to read %s: %s", path, strerror(error)));
}

/* -- the text of a job --------------------------------------------------------------- */

static void
add_shell_word(struct strbuf *b, const char *word)
{
	strbuf_addc(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			strbuf_add(b, "'\\''");
		else
			strbuf_addc(b, *word);
	}
	strbuf_addc(b, '\'');
}

static void
add_environment(struct strbuf *b, const struct crontab_entry *entry)
{
	strbuf_add(b, "\texport SHELL=");
	add_shell_word(b, entry->shell);
	for (char **pair = entry->env; pair && *pair; pair++) {
		const char *equals = strchr(*pair, '=');

		strbuf_addf(b, " %.*s", (int) (equals + 1 - *pair), *pair);
		add_shell_word(b, equals + 1);
	}
	strbuf_add(b, "\n\tcd \"${HOME:-/}\" 2>/dev/null || cd /\n");
}

static void
add_command(struct strbuf *b, const struct crontab_entry *entry)
{
	if (entry->input) {
		strbuf_add(b, "\tprintf '%s\\n'");
		for (char **line = entry->input; *line; line++) {
			strbuf_addc(b, ' ');
			add_shell_word(b, *line);
		}
		strbuf_add(b, " |\n\t");
	} else {
		strbuf_add(b, "\texec");
	}
	strbuf_addc(b, ' ');
	add_shell_word(b, entry->shell);
	strbuf_add(b, " -c ");
	add_shell_word(b, entry->command);
	strbuf_addc(b, '\n');
}

/* Owned; NULL: out of memory. */
static char *
job_text(const struct making *m, const struct crontab_entry *entry, const char *user)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;
	char *about auto_free = str_printf("A line of %s", m->file);

	if (!about)
		return NULL;
	/* What it runs is its owner's affair, while descriptions are shown to everybody. */
	strbuf_add(&b, MADE " from a crontab; made again whenever that changes.\ndescription ");
	quote_word(&b, about);
	strbuf_add(&b, "\nstart on time");
	for (char **word = entry->words; *word; word++) {
		strbuf_addc(&b, ' ');
		quote_event_argument(&b, *word, false);
	}
	strbuf_add(&b, "\ntask\n");
	if (user) {
		strbuf_add(&b, "setuid ");
		quote_word(&b, user);
		strbuf_add(&b, "\nuser environment\n");
	}
	strbuf_add(&b, "script\n");
	add_environment(&b, entry);
	add_command(&b, entry);
	strbuf_add(&b, "end script\n");
	return strbuf_steal(&b);
}

/* Where the next number for lines that say `key` stands; NULL: out of memory. */
static uint64_t *
next_number(struct making *m, const char *key)
{
	uint64_t *next = map_get(&m->keys, key);

	if (next)
		return next;
	next = &m->next[m->lines];
	*next = ledger_id(key);
	return map_put(&m->keys, key, next) < 0 ? NULL : next;
}

/* What the line says, as a name that no other has, and that is taken now. Owned; NULL: out of memory. */
static char *
job_name(struct making *m, const struct crontab_entry *entry, const char *user)
{
	const char *slash = strrchr(m->file, '/');
	char *base auto_free = strdup(slash ? slash + 1 : m->file);
	char *schedule auto_free = strv_join(entry->words, " ");
	char *key auto_free = schedule ? str_printf("%s\x1f%s\x1f%s\x1f%s", m->file, user ? user : "", schedule, entry->command)
				       : NULL;
	uint64_t *number = key ? next_number(m, key) : NULL;
	char *name = NULL;

	for (char *p = base; p && *p; p++) {
		char one[2] = { *p, '\0' };

		if (!crontabs_is_name(one))
			*p = '_';
	}
	if (!base || !number)
		return NULL;
	do { /* the same line twice */
		free(name);
		name = str_printf(PREFIX "%s-%08" PRIx32, base, (uint32_t) (*number)++);
	} while (name && map_get(&m->names, name));
	if (name && map_put(&m->names, name, m) == 0)
		return name;
	free(name);
	return NULL;
}

/* -- files of jobs -------------------------------------------------------------------- */

/* The whole of a file that has no more than `max` bytes; owned. NULL, errno set: it can't be read. */
static char *
read_descriptor(int fd, size_t max, size_t *size)
{
	char *text = malloc(max + 1);
	ssize_t n = 0;

	*size = 0;
	while (text && *size <= max && (n = read(fd, text + *size, max + 1 - *size)) > 0)
		*size += (size_t) n;
	if (text && (n < 0 || *size > max)) {
		int error = n < 0 ? errno : EFBIG;

		free(text);
		errno = error;
		return NULL;
	}
	return text;
}

static bool
has_content(const char *path, const char *text)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t wanted = strlen(text), size = 0;
	char *old auto_free = fd >= 0 ? read_descriptor(fd, wanted, &size) : NULL;

	return old && size == wanted && memcmp(old, text, size) == 0;
}

static int
write_file(const char *path, const char *text)
{
	char *temporary auto_free = str_printf("%s.new", path);
	int fd auto_close = temporary ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	size_t size = strlen(text);
	ssize_t n = fd >= 0 ? write(fd, text, size) : -1;
	int r = 0;

	if (!temporary)
		return -ENOMEM;
	if (n < 0)
		r = -errno;
	else if ((size_t) n < size)
		r = -ENOSPC;
	else if (rename(temporary, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		(void) unlink(temporary);
	return r;
}

static int
write_job(struct making *m, const char *name, const char *text)
{
	char *path auto_free = str_printf("%s/%s" SUFFIX, m->c->folder, name);
	int r;

	if (!path)
		return -ENOMEM;
	if (has_content(path, text))
		return 0;
	m->changed = true;
	r = folder_make_above(path, 0755);
	if (r == 0)
		r = write_file(path, text);
	if (r < 0 && r != -ENOMEM) {
		log_error("Unable to write %s: %s", path, strerror(-r));
		m->failed = r;
		r = 0;
	}
	return r;
}

/* Was it made here? The folder is for everybody who makes jobs. */
static bool
is_made_here(int folder, const char *name)
{
	char begin[sizeof(MADE)] = "";
	size_t n = strlen(name);
	int fd auto_close = -1;

	if (n <= strlen(PREFIX SUFFIX) || strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
	    strcmp(name + n - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 && read(fd, begin, strlen(MADE)) == (ssize_t) strlen(MADE) && strcmp(begin, MADE) == 0;
}

/* Take away what no line stands for. */
static void
sweep(struct making *m)
{
	DIR *dir = opendir(m->c->folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		size_t n = strlen(entry->d_name);
		char *name auto_free = NULL;

		if (!is_made_here(dirfd(dir), entry->d_name))
			continue;
		name = span_dup((struct span) { entry->d_name, n - strlen(SUFFIX) });
		if (name && !map_get(&m->names, name) && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			m->changed = true;
	}
	if (dir)
		(void) closedir(dir);
}

/* -- reading crontabs ------------------------------------------------------------------- */

static void
fault_cb(void *data, unsigned line, size_t column, const char *text)
{
	struct making *m = data;

	if (m->faults++ < TOLD_MAX)
		tell(m, str_printf("%s:%u:%zu: %s", m->file, line, column, text));
	else if (m->faults == TOLD_MAX + 1)
		tell(m, str_printf("%s: more than %d faults: the others are not told", m->file, TOLD_MAX));
}

/* The file has come to one of its limits. */
static int
fill(struct making *m, const struct crontab_entry *entry, char *limit)
{
	m->full = true;
	if (limit)
		tell(m, str_printf("%s:%u: %s: this line and those below are not heeded", m->file, entry->line, limit));
	free(limit);
	return limit ? 0 : -ENOMEM;
}

/* Can the zone of the line be had? 0; -EINVAL: no, as zone_fault says; -ENOMEM. */
static int
look_for_zone(struct making *m, const struct crontab_entry *entry)
{
	const char *name = NULL;
	struct error err = ERROR_INIT;
	struct zone *zone = NULL;
	int r;

	for (char **word = entry->words; *word; word++) {
		if (strncmp(*word, "TZ=", strlen("TZ=")) == 0)
			name = *word + strlen("TZ=");
	}
	if (!name)
		return 0;
	if (m->zone && strcmp(m->zone, name) == 0)
		return m->zone_fault ? -EINVAL : 0;
	free(steal(&m->zone_fault));
	free(steal(&m->zone));
	if (str_copy(&m->zone, name) < 0)
		return -ENOMEM;
	r = zone_load(&zone, name, &err);
	(void) zone_free(zone);
	if (r == 0)
		return 0;
	if (r == -ENOMEM || str_copy(&m->zone_fault, err.text) < 0) {
		free(steal(&m->zone));
		return -ENOMEM;
	}
	return -EINVAL;
}

static int
entry_cb(void *data, const struct crontab_entry *entry)
{
	struct making *m = data;
	const char *user = m->c->session ? NULL : entry->user ? entry->user : m->owner;
	char *name auto_free = NULL, *text auto_free = NULL;
	int r;

	if (m->full)
		return 0;
	if (m->lines == LINES_MAX)
		return fill(m, entry, str_printf("more than %d jobs", LINES_MAX));
	r = look_for_zone(m, entry);
	if (r == -EINVAL)
		fault_cb(m, entry->line, 1, m->zone_fault);
	if (r < 0)
		return r == -EINVAL ? 0 : r;
	text = job_text(m, entry, user);
	if (!text)
		return -ENOMEM;
	m->text += strlen(text);
	if (m->text > TEXT_MAX)
		return fill(m, entry, str_printf("jobs of more than %zu MiB, with their variables", TEXT_MAX >> 20));
	name = job_name(m, entry, user);
	if (!name || strv_add(&m->jobs, name) < 0)
		return -ENOMEM;
	m->lines++;
	return write_job(m, name, text);
}

/* What it says is done with its owner's rights, or those of anybody it names: it must be nobody else's to write. */
static bool
is_trusted(const struct making *m, const struct stat *st)
{
	const struct passwd *user = m->owner ? getpwnam(m->owner) : NULL;

	if (!S_ISREG(st->st_mode) || (st->st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	return st->st_uid == 0 || (m->owner ? user && st->st_uid == user->pw_uid : st->st_uid == geteuid());
}

static int
read_file(struct making *m, const char *path, bool users)
{
	static const struct crontab_ops ops = { entry_cb, fault_cb };
	const char *slash = strrchr(path, '/');
	const char *owner = users || m->c->session ? NULL : slash ? slash + 1 : path;
	/* Through a link one user's file would be run as another. */
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (owner ? O_NOFOLLOW : 0));
	char *text auto_free = NULL;
	struct stat st;
	size_t size;

	m->file = path;
	m->lines = m->text = 0;
	m->faults = 0;
	m->full = false;
	map_deinit(&m->keys);
	m->owner = owner;
	if (fd < 0 && errno == ELOOP && owner) {
		tell(m, str_printf("%s: a symbolic link: it is not heeded", path));
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		tell_unreadable(m, path, errno);
		return 0;
	}
	if (!is_trusted(m, &st)) {
		tell(m, str_printf("%s: not a file that only its owner may write: it is not heeded", path));
		return 0;
	}
	if (owner && st.st_nlink > 1) {
		tell(m, str_printf("%s: a file with more than one name: it is not heeded", path));
		return 0;
	}
	text = read_descriptor(fd, SIZE_MAX_FILE, &size);
	if (!text) {
		tell_unreadable(m, path, errno);
		return 0;
	}
	return crontab_read((struct span) { text, size }, users, &ops, m);
}

static int
is_crontab(const struct dirent *entry)
{
	return crontabs_is_name(entry->d_name);
}

/* Names of users may have dots. */
static int
is_users_crontab(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A file, or all that lie in a folder: of packages, or of users. */
static int
read_path(struct making *m, const char *path, bool users, int (*is_one)(const struct dirent *))
{
	struct dirent **found = NULL;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return read_file(m, path, users);
	n = scandir(path, &found, is_one, alphasort);
	if (n < 0)
		tell_unreadable(m, path, errno);
	for (int i = 0; i < n; i++) {
		char *file auto_free = str_printf("%s/%s", path, found[i]->d_name);

		if (r == 0)
			r = file ? read_file(m, file, users) : -ENOMEM;
		free(found[i]);
	}
	free(found);
	return r;
}

static int
read_all(struct making *m)
{
	int r = 0;

	for (char *const *path = m->c->files; path && *path && r == 0; path++)
		r = read_path(m, *path, !m->c->session, is_crontab);
	for (char *const *path = m->c->user_files; path && *path && r == 0; path++)
		r = read_path(m, *path, false, is_users_crontab);
	return r;
}

int
crontabs_make(struct crontabs *c, bool *changed)
{
	struct making m = { .c = c };
	int r = read_all(&m);

	/* Half of it would be worse than what there was. */
	if (r == 0 && !m.incomplete)
		sweep(&m);
	*changed = m.changed;
	map_deinit(&m.names);
	map_deinit(&m.keys);
	free(m.zone);
	free(m.zone_fault);
	if (r < 0) {
		(void) strv_free(m.jobs);
		(void) strv_free(m.told);
		return r;
	}
	(void) strv_free(c->jobs);
	(void) strv_free(c->told);
	c->jobs = m.jobs;
	c->told = m.told;
	return m.failed;
}

void
crontabs_deinit(struct crontabs *c)
{
	c->jobs = strv_free(c->jobs);
	c->told = strv_free(c->told);
}
