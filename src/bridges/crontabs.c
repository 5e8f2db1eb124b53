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

#include "common/log.h"
#include "job/quote.h"
#include "schedule/crontab.h"
#include "schedule/ledger.h"

#define SIZE_MAX_FILE ((size_t) 1 << 20)
#define SUFFIX ".conf"

/* One reading of all files. */
struct making {
	struct crontabs *c;
	char **jobs, **told; /* owned: as in struct crontabs */
	const char *file;    /* read now */
	const char *owner;   /* of its lines; NULL: they say it, or there is none */
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
	char *about auto_free = str_printf("%s: %s", m->file, entry->command);

	if (!about)
		return NULL;
	strbuf_add(&b, "# Made by upstart-time-bridge from a crontab; made again whenever that changes.\ndescription ");
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

/* What the line says, as a name that no other has. Owned; NULL: out of memory. */
static char *
job_name(const struct making *m, const struct crontab_entry *entry, const char *user)
{
	const char *slash = strrchr(m->file, '/');
	char *base auto_free = strdup(slash ? slash + 1 : m->file);
	char *schedule auto_free = strv_join(entry->words, " ");
	char *key auto_free = schedule ? str_printf("%s\x1f%s\x1f%s\x1f%s", m->file, user ? user : "", schedule, entry->command)
				       : NULL;
	uint64_t id = key ? ledger_id(key) : 0;

	for (char *p = base; p && *p; p++) {
		char one[2] = { *p, '\0' };

		if (!crontabs_is_name(one))
			*p = '_';
	}
	for (; base && key; id++) {
		char *name = str_printf("cron-%s-%08" PRIx32, base, (uint32_t) id);

		if (!name || !strv_has(m->jobs, name))
			return name;
		free(name); /* the same line twice */
	}
	return NULL;
}

/* -- files of jobs -------------------------------------------------------------------- */

/* The whole of a small file; owned. NULL, errno set: it can't be read. */
static char *
read_descriptor(int fd, size_t *size)
{
	char *text = malloc(SIZE_MAX_FILE + 1);
	ssize_t n = 0;

	*size = 0;
	while (text && *size <= SIZE_MAX_FILE && (n = read(fd, text + *size, SIZE_MAX_FILE + 1 - *size)) > 0)
		*size += (size_t) n;
	if (text && (n < 0 || *size > SIZE_MAX_FILE)) {
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
	size_t size = 0;
	char *old auto_free = fd >= 0 ? read_descriptor(fd, &size) : NULL;

	return old && size == strlen(text) && memcmp(old, text, size) == 0;
}

/* The folder and those above it. */
static int
make_folder(const char *folder)
{
	char *copy auto_free = str_printf("%s/", folder);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
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
	r = make_folder(m->c->folder);
	if (r == 0)
		r = write_file(path, text);
	if (r < 0 && r != -ENOMEM) {
		log_error("Unable to write %s: %s", path, strerror(-r));
		m->failed = r;
		r = 0;
	}
	return r;
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

		if (n <= strlen(SUFFIX) || strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		name = span_dup((struct span) { entry->d_name, n - strlen(SUFFIX) });
		if (name && !strv_has(m->jobs, name) && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			m->changed = true;
	}
	if (dir)
		(void) closedir(dir);
}

/* -- reading crontabs ------------------------------------------------------------------- */

static int
entry_cb(void *data, const struct crontab_entry *entry)
{
	struct making *m = data;
	const char *user = m->c->session ? NULL : entry->user ? entry->user : m->owner;
	char *name auto_free = job_name(m, entry, user);
	char *text auto_free = job_text(m, entry, user);

	if (!name || !text || strv_add(&m->jobs, name) < 0)
		return -ENOMEM;
	return write_job(m, name, text);
}

static void
fault_cb(void *data, unsigned line, size_t column, const char *text)
{
	struct making *m = data;

	tell(m, str_printf("%s:%u:%zu: %s", m->file, line, column, text));
}

/* What it says is done with its owner's rights, or those of anybody it names: it must be nobody else's to write. */
static bool
is_trusted(const struct making *m, const struct stat *st)
{
	struct passwd *user = m->owner ? getpwnam(m->owner) : NULL;

	if (!S_ISREG(st->st_mode) || (st->st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	return st->st_uid == 0 || (m->owner ? user && st->st_uid == user->pw_uid : st->st_uid == geteuid());
}

static int
read_file(struct making *m, const char *path, bool users)
{
	static const struct crontab_ops ops = { entry_cb, fault_cb };
	const char *slash = strrchr(path, '/');
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text auto_free = NULL;
	struct stat st;
	size_t size;

	m->file = path;
	m->owner = users || m->c->session ? NULL : slash ? slash + 1 : path;
	if (fd < 0 || fstat(fd, &st) < 0) {
		tell_unreadable(m, path, errno);
		return 0;
	}
	if (!is_trusted(m, &st)) {
		tell(m, str_printf("%s: not a file that only its owner may write: it is not heeded", path));
		return 0;
	}
	text = read_descriptor(fd, &size);
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

/* A file, or all that lie in a folder. */
static int
read_path(struct making *m, const char *path, bool users)
{
	struct dirent **found = NULL;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return read_file(m, path, users);
	n = scandir(path, &found, is_crontab, alphasort);
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
		r = read_path(m, *path, !m->c->session);
	for (char *const *path = m->c->user_files; path && *path && r == 0; path++)
		r = read_path(m, *path, false);
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
