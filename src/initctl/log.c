/* SPDX-License-Identifier: MIT */
/*
 * `initctl log`: init says where the log of an instance is, and we read it: who may read the file may read it so, too,
 * and neither init nor its servants have any work with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "initctl/commands.h"
#include "initctl/log_files.h"
#include "initctl/log_output.h"
#include "initctl/log_wait.h"
#include "initctl/target.h"

#define FOLLOW_LINES 10 /* shown first with -f alone */
#define BLOCK ((size_t) 64 * 1024)
#define NO_LIMIT UINT64_MAX

struct view {
	struct initctl *ctl; /* borrowed */
	const char *job;     /* borrowed */
	char *path;	     /* owned */
	uint64_t lines;	     /* of the end; NO_LIMIT: all */
	usec_t since;	     /* microseconds since 1970; 0: not asked for */
	struct log_output out;
	char *buf; /* owned; BLOCK bytes */
};

static int
cannot_read(const struct view *v, const char *path, int error)
{
	tool_error(&v->ctl->tool, _("Cannot read %s: %s"), path,
		   error == -EBADMSG ? _("it is damaged") : strerror(-error));
	return EXIT_FAILURE;
}

/* -- what is there ------------------------------------------------------------- */

/* Print what a reader has up to its end. */
static int
print_rest(struct view *v, const struct log_file *file, struct log_reader *reader)
{
	ssize_t n;

	while ((n = log_reader_read(reader, v->buf, BLOCK)) > 0) {
		log_output_add(&v->out, v->buf, (size_t) n);
		if (ferror(stdout))
			return EXIT_FAILURE;
	}
	return n < 0 ? cannot_read(v, file->path, (int) n) : EXIT_SUCCESS;
}

/* Print a file from `offset` on. The reader of the newest is kept in *reader when that is wanted. */
static int
print_file(struct view *v, const struct log_file *file, off_t offset, struct log_reader **keep)
{
	struct log_reader *reader = NULL;
	int r = file->fd >= 0 ? log_reader_new(&reader, file, offset) : file->error;
	int status;

	if (r < 0)
		return cannot_read(v, file->path, r);
	log_output_next_file(&v->out);
	status = print_rest(v, file, reader);
	if (keep != NULL)
		*keep = reader;
	else
		(void) log_reader_free(reader);
	return status;
}

/* Which file is the first to be printed, and from where on: enough for the last lines. */
static int
find_lines(struct view *v, const struct log_files *files, size_t *first, off_t *offset)
{
	int r = log_files_tail(files, v->lines, first, offset, &v->out.skip);

	return r < 0 ? cannot_read(v, files->file[*first].path, r) : EXIT_SUCCESS;
}

/* Which files were written since then: each of those is looked through. */
static size_t
find_since(const struct view *v, const struct log_files *files)
{
	size_t first = 0;

	for (size_t i = 0; i < files->n; i++) {
		const struct timespec *t = &files->file[i].written;

		/* Of one that can't be opened it isn't known. */
		if (files->file[i].fd >= 0 && (usec_t) t->tv_sec * USEC_PER_SEC + (usec_t) t->tv_nsec / 1000 < v->since)
			break;
		first = i;
	}
	return first;
}

/* Print what is asked for. The newest file's reader is kept in *reader. */
static int
print_present(struct view *v, const struct log_files *files, struct log_reader **reader)
{
	size_t first = files->n - 1;
	off_t offset = 0;
	int status = EXIT_SUCCESS;

	v->out.since = v->since;
	if (v->since > 0) {
		first = find_since(v, files);
		v->out.last = v->lines != NO_LIMIT ? v->lines : 0;
	} else if (v->lines != NO_LIMIT) {
		status = find_lines(v, files, &first, &offset);
	}
	for (size_t i = first + 1; status == EXIT_SUCCESS && i-- > 0;) {
		status = print_file(v, &files->file[i], offset, i == 0 ? reader : NULL);
		offset = 0;
	}
	log_output_flush(&v->out);
	return status;
}

/* -- what comes ----------------------------------------------------------------- */

struct follow {
	struct view *view; /* borrowed */
	struct log_wait *wait;
	struct log_files files; /* the first is the one that is read */
	struct log_reader *reader;
};

/* Is the file that is read the one that has the name? 1, 0, or -ENOENT: none has. */
static int
is_present(const struct follow *f)
{
	const struct log_file *file = f->files.n > 0 ? &f->files.file[0] : NULL;
	struct stat st;

	if (stat(f->view->path, &st) < 0)
		return -ENOENT;
	return file != NULL && !file->is_old && file->id.ino == st.st_ino && file->id.dev == st.st_dev;
}

/* Go on with the files that are newer than the one that was read; how many came between does not matter. */
static int
go_on(struct follow *f)
{
	struct log_files now = LOG_FILES_INIT;
	int status = EXIT_SUCCESS;
	ssize_t known;
	int r = log_files_open(&now, f->view->path);

	if (r == -ENOENT)
		return EXIT_SUCCESS;
	if (r < 0)
		return cannot_read(f->view, f->view->path, r);
	/* One that somebody else has moved out of sight: all that is known is what comes now. */
	known = f->files.n > 0 ? log_files_find(&now, &f->files.file[0].id) : (ssize_t) now.n;
	if (known < 0)
		known = 1;
	f->reader = log_reader_free(f->reader);
	for (size_t i = (size_t) known; status == EXIT_SUCCESS && i-- > 0;)
		status = print_file(f->view, &now.file[i], 0, i == 0 ? &f->reader : NULL);
	log_files_deinit(&f->files);
	f->files = now;
	log_wait_for_file(f->wait);
	return status;
}

/* Print what has come. */
static int
catch_up(struct follow *f)
{
	int present = is_present(f);
	int status = EXIT_SUCCESS;

	/* Only now: who writes has done with a file once the name leads to another. */
	if (f->reader != NULL) {
		if (present == 1)
			(void) log_reader_rewind(f->reader);
		status = print_rest(f->view, &f->files.file[0], f->reader);
	}
	if (status == EXIT_SUCCESS && present == 0)
		status = go_on(f);
	(void) fflush(stdout);
	return ferror(stdout) ? EXIT_FAILURE : status;
}

static int
follow(struct follow *f)
{
	int status = EXIT_SUCCESS;

	f->wait = log_wait_new(f->view->path);
	if (f->wait == NULL)
		tool_nomem();
	do
		status = catch_up(f);
	while (status == EXIT_SUCCESS && log_wait_once(f->wait));
	f->wait = log_wait_free(f->wait);
	return status;
}

/* -- the command ---------------------------------------------------------------- */

/* Say that there is nothing, and whether an instance should have been named. */
static int
nothing_there(struct view *v, bool named)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	auto_free char *job = NULL;
	char **instances auto_strv = NULL;

	if (!named && upstart_get_job(v->ctl->upstart, v->job, &job, &err) == 0 &&
	    upstart_job_instances(v->ctl->upstart, job, &instances, &err) == 0 && instances != NULL &&
	    instances[0] != NULL) {
		struct upstart_instance *one = NULL;

		if (upstart_instance_properties(v->ctl->upstart, instances[0], &one, &err) == 0 && *one->name != '\0') {
			tool_error(&v->ctl->tool, _("Job %s has instances, of which each has a log: name one, like %s"),
				   v->job, one->name);
			(void) upstart_instance_free(one);
			return EXIT_FAILURE;
		}
		(void) upstart_instance_free(one);
	}
	upstart_error_clear(&err);
	tool_error(&v->ctl->tool, _("No output of %s has been logged: there is no %s"), v->job, v->path);
	return EXIT_FAILURE;
}

static int
show(struct view *v, bool named)
{
	struct follow f = { .view = v, .files = LOG_FILES_INIT };
	int r = log_files_open(&f.files, v->path);
	int status;

	if (r == -ENOENT && !v->ctl->follow)
		return nothing_there(v, named);
	if (r == -ENOTDIR) {
		tool_error(&v->ctl->tool, _("No output of %s is logged: the directory of %s is none"), v->job, v->path);
		return EXIT_FAILURE;
	}
	if (r < 0 && r != -ENOENT)
		return cannot_read(v, v->path, r);
	status = r == 0 ? print_present(v, &f.files, &f.reader) : EXIT_SUCCESS;
	if (status == EXIT_SUCCESS && v->ctl->follow)
		status = follow(&f);
	(void) log_reader_free(f.reader);
	log_files_deinit(&f.files);
	return status;
}

/* What the options say. */
static int
read_options(struct view *v)
{
	const struct initctl *ctl = v->ctl;
	struct timeval now;
	char *end;

	v->lines = ctl->follow && ctl->since == NULL ? FOLLOW_LINES : NO_LIMIT;
	if (ctl->lines != NULL) {
		errno = 0;
		v->lines = strtoull(ctl->lines, &end, 10);
		if (errno != 0 || *ctl->lines < '0' || *ctl->lines > '9' || *end != '\0')
			return tool_misuse(&ctl->tool, _("not a number of lines: %s"), ctl->lines);
	}
	(void) gettimeofday(&now, NULL);
	if (ctl->since != NULL &&
	    !log_time_parse(ctl->since, (usec_t) now.tv_sec * USEC_PER_SEC + (usec_t) now.tv_usec, &v->since))
		return tool_misuse(&ctl->tool, _("not a time: %s"), ctl->since);
	return EXIT_SUCCESS;
}

/* Which log: of the operands, or inside a job of that instance. */
static int
find_log(struct view *v, char *const *operands, const char **instance)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	v->job = operands[0];
	*instance = operands[0] != NULL ? operands[1] : NULL;
	if (v->job == NULL) {
		v->job = getenv("UPSTART_JOB");
		*instance = getenv("UPSTART_INSTANCE");
		if (v->job == NULL || *instance == NULL)
			return tool_misuse(&v->ctl->tool, _("missing job name"));
	}
	if (initctl_connect(v->ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (upstart_log_path(v->ctl->upstart, v->job, *instance != NULL ? *instance : "", &v->path, &err) < 0)
		return initctl_failed(v->ctl, &err);
	return EXIT_SUCCESS;
}

static int
run(struct initctl *ctl, char *const *operands)
{
	struct view v = { .ctl = ctl, .out = LOG_OUTPUT_INIT };
	const char *instance = NULL;
	int status = read_options(&v);

	v.out.json = ctl->json;
	if (status == EXIT_SUCCESS)
		status = find_log(&v, operands, &instance);
	if (status == EXIT_SUCCESS) {
		v.buf = tool_must(malloc(BLOCK));
		status = show(&v, instance != NULL);
	}
	log_output_deinit(&v.out);
	free(v.buf);
	free(v.path);
	return status;
}

static const struct option_spec options[] = {
	{ 'f', "follow", NULL, N_("go on, and print what comes"), OPTION_FLAG, offsetof(struct initctl, follow) },
	{ 'n', "lines", "COUNT", N_("only so many lines from the end"), OPTION_VALUE, offsetof(struct initctl, lines) },
	{ 0, "since", "TIME", N_("only what was said since then, like 09:30, 2h or yesterday"), OPTION_VALUE,
	  offsetof(struct initctl, since) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_log = {
	.name = "log",
	.group = GROUP_JOB,
	.operands = "JOB [INSTANCE]",
	.summary = N_("Print what a job has printed."),
	.help = N_("Old log files are read, too. Inside a job, without JOB, the log of that job is meant."),
	.options = options,
	.run = run,
};
