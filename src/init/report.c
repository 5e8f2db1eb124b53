/* SPDX-License-Identifier: MIT */
#include "init/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/state.h"
#include "system/process.h"
#include "system/signals.h"
#include "system/spawn_fds.h"

#define REPORTS_MAX 16	 /* in a folder; the first ones are worth most, so none is ever removed by us */
#define PATIENCE 300	 /* seconds: so long the disk may take to be there */
#define PATIENCE_HARD 30 /* seconds more until a write that hangs ends the child */

/* How the child ends: with the number of the file, or with one of these. */
#define EXIT_FULL 100	/* there are as many already */
#define EXIT_FAILED 101 /* it can't be written there */

/* What is copied of the journal, and where to. */
struct copy {
	struct journal *to;
	uint64_t upto, number;
};

static int
append(struct journal *to, uint32_t kind, const void *p, size_t n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_addn(&b, p, n);
	return journal_append(to, (enum record_kind) kind, &b, false, NULL);
}

static int
definition_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	const struct copy *copy = data;

	(void) at;
	return kind == RECORD_DEFINITION ? append(copy->to, kind, p, n) : 0;
}

static int
record_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct copy *copy = data;

	(void) at;
	if (copy->number++ >= copy->upto)
		return 0;
	return kind == RECORD_CORE || kind == RECORD_INPUT ? append(copy->to, kind, p, n) : 0;
}

/* All records of the file on `fd` through `fn`. 0 or a negative errno. */
static int
read_through(int fd, journal_fn fn, struct copy *copy)
{
	struct journal *from = journal_new(fd, false);
	int r = from != NULL ? journal_read(from, fn, copy) : -ENOMEM;

	if (from != NULL)
		(void) journal_release(from);
	return r;
}

/* The whole report into the new file `fd`, which stays open. 0 or a negative errno. */
static int
fill(struct init *init, int fd, const struct record_report *report, uint64_t upto, const struct strbuf *definition)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct copy copy = { .to = journal_new(fd, false), .upto = upto };
	const struct core_config config = state_core_config(init);
	int r = copy.to != NULL ? journal_begin(copy.to) : -ENOMEM;

	if (r == 0)
		r = record_config(copy.to, &config);
	if (r == 0)
		r = read_through(definitions_fd(init->definitions), definition_cb, &copy);
	if (r == 0)
		r = read_through(journal_fd(init->state.journal), record_cb, &copy);
	if (r == 0 && definition != NULL)
		r = journal_append(copy.to, RECORD_DEFINITION, definition, false, NULL);
	wire_put_struct(&b, &record_report_schema, report);
	if (r == 0)
		r = journal_append(copy.to, RECORD_REPORT, &b, false, NULL);
	if (copy.to != NULL)
		(void) journal_release(copy.to);
	return r;
}

static void
name_of(char *buf, size_t size, int number)
{
	(void) snprintf(buf, size, "init-crash.%d.replay", number);
}

/* Make the first file whose name is free. Its number, 0: none is free; or a negative errno. */
static int
make_file(int dir, int *fd)
{
	char name[40];

	for (int i = 1; i <= REPORTS_MAX; i++) {
		name_of(name, sizeof(name), i);
		*fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd >= 0)
			return i;
		if (errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* One try. As make_file(). */
static int
try(struct init *init, const struct record_report *report, uint64_t upto, const struct strbuf *definition)
{
	auto_close int dir = open(init->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[40];
	auto_close int fd = -1;
	int number = dir >= 0 ? make_file(dir, &fd) : -errno;
	int r;

	if (number <= 0)
		return number;
	r = fill(init, fd, report, upto, definition);
	if (r == 0)
		return number;
	name_of(name, sizeof(name), number);
	(void) unlinkat(dir, name, 0);
	return r;
}

static void
child(struct init *init, const struct record_report *report, uint64_t upto, const struct strbuf *definition)
{
	int keep[] = { journal_fd(init->state.journal), definitions_fd(init->definitions) };
	pid_t parent = getppid();
	int r = -EINVAL;

	/* Copies of links and pipes would hide the ends of others from those who wait for them. */
	spawn_fds_close_others(keep, ARRAY_SIZE(keep));
	(void) setsid();
	signals_reset();
	(void) alarm(PATIENCE + PATIENCE_HARD);
	for (int i = 0; i < PATIENCE; i++) {
		r = try(init, report, upto, definition);
		if (r >= 0 || getppid() != parent)
			break;
		(void) sleep(1);
	}
	_exit(r > 0 ? r : r == 0 ? EXIT_FULL : EXIT_FAILED);
}

void
report_begin(struct init *init, const struct record_report *report, uint64_t upto, const struct strbuf *definition)
{
	pid_t pid;

	if (init->log_dir == NULL)
		return;
	if (init->report_pid != 0) {
		log_warn("No report is written: another one is under way");
		return;
	}
	pid = process_fork();
	if (pid == 0)
		child(init, report, upto, definition);
	if (pid < 0)
		log_warn("No report is written: %s", strerror(errno));
	else
		init->report_pid = pid;
}

bool
report_exited(struct init *init, pid_t pid, int status)
{
	char name[40];

	if (init->report_pid == 0 || pid != init->report_pid)
		return false;
	init->report_pid = 0;
	name_of(name, sizeof(name), status);
	if (status > 0 && status <= REPORTS_MAX)
		log_error("What led to it is in %s/%s, for upstart-replay", init->log_dir, name);
	else if (status == EXIT_FULL)
		log_warn("No report is written: there are %d in %s already", REPORTS_MAX, init->log_dir);
	else
		log_warn("No report could be written to %s", init->log_dir);
	return true;
}
