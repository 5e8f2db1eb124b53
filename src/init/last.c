/* SPDX-License-Identifier: MIT */
#include "init/last.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "init/shutdown.h"
#include "system/boot.h"
#include "system/clock.h"
#include "system/process.h"
#include "system/procfile.h"
#include "system/signals.h"
#include "system/spawn_fds.h"

#define FOLDER "/var/log/upstart"
#define NAME "last-shutdown"
#define DRAFT ".last-shutdown.new"
#define PATIENCE 30 /* seconds until a write that hangs ends the child */

const char *
last_folder(const struct init *init)
{
	return init->log_dir != NULL ? init->log_dir : FOLDER;
}

bool
last_is_wanted(const struct init *init)
{
	return init->container ? init->log_dir != NULL : init->options.logdir != NULL || boot_owns_machine();
}

static usec_t
wall_now(void)
{
	struct timespec t = { 0, 0 };

	(void) clock_gettime(CLOCK_REALTIME, &t);
	return (usec_t) t.tv_sec * USEC_PER_SEC + (usec_t) t.tv_nsec / 1000;
}

static void
forget(struct init *init)
{
	free(init->last.text);
	init->last.text = NULL;
	init->last.killed = strv_free(init->last.killed);
	init->last.failed = strv_free(init->last.failed);
	init->last.began = init->last.since = 0;
}

static void
add_lines(struct strbuf *b, const char *word, char *const *texts)
{
	for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
		strbuf_addf(b, "%s ", word);
		for (const char *p = texts[i]; *p != '\0'; p++)
			strbuf_addc(b, *p == '\n' ? ' ' : *p);
		strbuf_addc(b, '\n');
	}
}

void
last_begin(struct init *init)
{
	struct shutdown_view view;
	const char *level, *halt;

	if (!shutdown_aim(init, &level, &halt))
		return;
	if (!shutdown_look_at(init->core, &view))
		view.since = init->last.since != 0 ? init->last.since : clock_now();
	if (init->last.began != 0 && init->last.since == view.since)
		return;
	if (init->last.began != 0)
		forget(init); /* it was called off, and there is another */
	init->last.since = view.since;
	init->last.began = wall_now() - (clock_now() - view.since);
}

char *
last_text(struct init *init, char *const *left, bool ended)
{
	struct strbuf b = STRBUF_INIT;
	struct shutdown_view view;
	const char *level, *halt;
	char *text;

	if (!shutdown_aim(init, &level, &halt))
		return NULL;
	(void) shutdown_look_at(init->core, &view);
	strbuf_addf(&b, "began %llu\nlevel %s\n", (unsigned long long) (init->last.began / USEC_PER_SEC), level);
	if (halt != NULL)
		strbuf_addf(&b, "halt %s\n", halt);
	add_lines(&b, "slow", view.slow);
	add_lines(&b, "killed", view.killed);
	add_lines(&b, "killed", init->last.killed);
	add_lines(&b, "failed", init->last.failed);
	add_lines(&b, "left", left);
	if (ended)
		strbuf_addf(&b, "ended %llu\n", (unsigned long long) (wall_now() / USEC_PER_SEC));
	text = strbuf_steal(&b);
	strbuf_deinit(&b);
	return text;
}

int
last_write(const char *dir, const char *text)
{
	size_t n = strlen(text);
	auto_close int folder = -1;
	auto_close int fd = -1;

	(void) mkdir(dir, 0755);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	(void) unlinkat(folder, DRAFT, 0);
	fd = openat(folder, DRAFT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	(void) fchmod(fd, 0644);
	if (write(fd, text, n) != (ssize_t) n || fsync(fd) < 0 || renameat(folder, DRAFT, folder, NAME) < 0) {
		(void) unlinkat(folder, DRAFT, 0);
		return -EIO;
	}
	(void) fsync(folder);
	return 0;
}

/* Is the first line of the record that lies there that of the text? It says when the way down began. */
static bool
is_there(const char *dir, const char *text)
{
	char there[64];
	size_t n = strcspn(text, "\n") + 1;
	auto_close int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int fd = folder >= 0 ? openat(folder, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

	return fd >= 0 && n <= sizeof(there) && read(fd, there, n) == (ssize_t) n && memcmp(there, text, n) == 0;
}

int
last_write_again(const char *dir, const char *text)
{
	return is_there(dir, text) ? last_write(dir, text) : -ENOENT;
}

static void
child(const char *dir, const char *text)
{
	spawn_fds_close_others(NULL, 0);
	(void) setsid();
	signals_reset();
	(void) alarm(PATIENCE);
	_exit(last_write(dir, text) < 0);
}

/* Begin to write it; `text` goes to us. False: the next turn tries again. */
static bool
begin(struct init *init, char *text)
{
	pid_t pid = process_fork();

	if (pid == 0)
		child(last_folder(init), text);
	if (pid < 0) {
		free(text);
		return false;
	}
	init->last.pid = pid;
	free(init->last.text);
	init->last.text = text;
	return true;
}

/* What the record said so far, and that it was called off. */
static void
call_off(struct init *init)
{
	char *text = NULL;

	if (init->last.text != NULL) {
		text = str_printf("%soff %llu\n", init->last.text, (unsigned long long) (wall_now() / USEC_PER_SEC));
		if (text == NULL || !begin(init, text))
			return;
	}
	forget(init);
}

/* A container is over when its init leaves; of a machine down.c writes the end. */
static void
end(struct init *init)
{
	char *text;

	if (!init->container || init->last.ended)
		return;
	last_begin(init);
	if (init->last.began == 0)
		return; /* it does not go down, it has failed */
	text = last_text(init, NULL, true);
	init->last.ended = text != NULL && begin(init, text);
}

bool
last_is_written(const struct init *init)
{
	return !init->container || !last_is_wanted(init) || init->last.began == 0 || (init->last.ended && init->last.pid == 0);
}

void
last_turn(struct init *init)
{
	const char *level, *halt;
	char *text;

	if (!last_is_wanted(init) || init->last.pid != 0)
		return;
	if (init->phase == PHASE_LEAVING)
		end(init);
	if (init->phase != PHASE_RUNNING || init->shutdown != NULL)
		return;
	if (!shutdown_aim(init, &level, &halt)) {
		if (init->last.began != 0)
			call_off(init);
		return;
	}
	last_begin(init);
	text = last_text(init, NULL, false);
	if (text == NULL || (init->last.text != NULL && strcmp(text, init->last.text) == 0))
		free(text);
	else
		(void) begin(init, text);
}

bool
last_exited(struct init *init, pid_t pid)
{
	if (init->last.pid == 0 || pid != init->last.pid)
		return false;
	init->last.pid = 0;
	return true;
}

void
last_note_stray(struct init *init, pid_t pid)
{
	char name[32];

	if (procfile_read(pid, "comm", name, sizeof(name)) <= 0)
		(void) strcpy(name, "?");
	name[strcspn(name, "\n")] = '\0';
	/* Anybody names their processes: no escapes for a terminal, nor what ends a name in the record. */
	for (char *p = name; *p != '\0'; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f || *p == ':')
			*p = '?';
	log_warn("Killed on the way down: %s, process %d of no job", name, (int) pid);
	(void) !strv_take(&init->last.killed,
			  str_printf("%s: process %d of no job, still there after it was told to end", name, (int) pid));
}

void
last_deinit(struct init *init)
{
	forget(init);
	free(init->last.level);
	free(init->last.halt);
	free(init->last.handed_on);
	init->last.level = init->last.halt = init->last.handed_on = NULL;
}
