/* SPDX-License-Identifier: MIT */
/*
 * Reading job files only to see whether they are right. Each is read as init would read it: with the override next
 * to it. Diagnostics go to the standard error, with --json to the standard output.
 */
#include "init/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/json.h"
#include "init/check_fix.h"
#include "init/check_shell.h"
#include "init/conffile.h"
#include "init/settings.h"
#include "job/parse.h"

struct check {
	const struct options *o;
	const char *dir; /* names are relative to it; NULL: a single file */
	size_t files;
	size_t errors;
	size_t warnings;
	struct strbuf json; /* of all so far */
};

/* A text that was read, to show lines of. */
struct source {
	const char *path;
	char *text; /* owned */
	size_t len;
};

static void
source_deinit(struct source *s)
{
	free(s->text);
	s->text = NULL;
}

#define auto_source __attribute__((cleanup(source_deinit)))

/* -- JSON ---------------------------------------------------------------------------------- */

static void
json_issue(struct strbuf *b, const struct parse_issue *issue)
{
	json_begin_object(b, NULL);
	json_put_number(b, "line", issue->at_line);
	json_put_number(b, "column", issue->column);
	json_put_string(b, "path", issue->path);
	json_put_string(b, "severity", issue->warning ? "warning" : "error");
	json_put_string(b, "id", issue->id);
	json_put_string(b, "message", issue->message);
	if (issue->word != NULL)
		json_put_string(b, "word", issue->word);
	if (issue->hint != NULL)
		json_put_string(b, "hint", issue->hint);
	json_end_object(b);
}

/* A fault without a place in a file. */
static void
json_fault(struct strbuf *b, const char *path, bool warning, const char *id, const char *message)
{
	json_begin_object(b, NULL);
	json_put_number(b, "line", 0);
	json_put_number(b, "column", 0);
	json_put_string(b, "path", path);
	json_put_string(b, "severity", warning ? "warning" : "error");
	json_put_string(b, "id", id);
	json_put_string(b, "message", message);
	json_end_object(b);
}

/* -- text ------------------------------------------------------------------------------------ */

/* The line a fault is in, and a caret below its place. */
static void
show_line(const struct source *s, const struct parse_issue *issue)
{
	auto_free char *excerpt = parse_issue_excerpt(issue, (struct span){ s->text, s->len });

	if (excerpt != NULL)
		(void) fputs(excerpt, stderr);
}

static void
tell_issue(struct check *c, const struct parse_issue *issue, const struct source *sources, size_t n)
{
	auto_free char *told = c->o->quiet ? parse_issue_text(issue) : parse_issue_text_long(issue);

	if (c->o->quiet) {
		/* As the log of init has it. */
		if (!issue->warning && told != NULL)
			(void) fprintf(stderr, "init:%s\n", told);
		return;
	}
	if (told != NULL)
		(void) fprintf(stderr, "%s\n", told);
	for (size_t i = 0; c->o->verbose && i < n; i++)
		if (sources[i].text != NULL && strcmp(sources[i].path, issue->path) == 0)
			show_line(&sources[i], issue);
}

/* -- one file ---------------------------------------------------------------------------------- */

static void
tell(struct check *c, const char *path, bool warning, const char *id, const char *message)
{
	*(warning ? &c->warnings : &c->errors) += 1;
	json_fault(&c->json, path, warning, id, message);
	if (!c->o->json && !(warning && c->o->quiet))
		(void) fprintf(stderr, "%s: %s%s\n", path, warning ? "warning: " : "", message);
}

static void
tell_fault(struct check *c, const char *path, const char *id, const char *message)
{
	tell(c, path, false, id, message);
}

static void
tell_report(struct check *c, const struct parse_report *report, const struct source *sources, size_t n)
{
	c->errors += report->errors;
	c->warnings += report->n - report->errors;
	for (size_t i = 0; i < report->n; i++) {
		json_issue(&c->json, &report->issues[i]);
		if (!c->o->json)
			tell_issue(c, &report->issues[i], sources, n);
	}
}

/* Without the newlines at its end. */
static void
trim(char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
}

/* What people call it: there is no `main` in a job file. */
static const char *
section_name(const struct job_class *cls, enum process_kind kind)
{
	if (kind == PROCESS_MAIN)
		return cls->process[kind].script ? "script" : "exec";
	return process_kind_name(kind);
}

/* What the shell says of the scripts of a class. */
static void
check_scripts(struct check *c, const struct job_class *cls, const char *path)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		auto_free char *says = NULL;
		auto_free char *message = NULL;
		int r = check_shell(&cls->process[i], &says);

		if (r == 0)
			continue;
		if (r < 0)
			message = str_printf("Unable to run the shell: %s", strerror(-r));
		else
			message = str_printf("shell syntax invalid in %s section:\n%s",
					     section_name(cls, (enum process_kind) i), says);
		trim(message);
		tell_fault(c, path, "SHELL_SYNTAX", message != NULL ? message : strerror(ENOMEM));
	}
}

/* init leaves out what is no regular file, so that below a directory it costs nothing. */
static void
tell_unreadable(struct check *c, const char *path, int r)
{
	const char *other = conffile_other(path);
	auto_free char *message = NULL;

	if (other == NULL) {
		tell_fault(c, path, "UNREADABLE", strerror(-r));
		return;
	}
	message = str_printf("This is %s, no regular file%s", other, c->dir != NULL ? ", and is left out" : "");
	tell(c, path, c->dir != NULL, "UNREADABLE", message != NULL ? message : strerror(ENOMEM));
}

/* A link to /dev/null, which hides a job? */
static bool
is_emptied(const char *path)
{
	struct conffile_stamp stamp;

	return conffile_other(path) != NULL && conffile_look(path, &stamp) == CONFFILE_EMPTIED;
}

/* Read the override's text if it counts. */
static void
read_override(struct check *c, struct source *over)
{
	struct conffile_stamp stamp;
	int r;

	if (over->path == NULL || conffile_look(over->path, &stamp) != CONFFILE_PRESENT)
		return;
	r = conffile_read(over->path, &over->text, &over->len);
	if (r < 0)
		tell_unreadable(c, over->path, r);
}

/* The same for the file of global settings, or its override: they are no job's. */
static int
check_settings(struct check *c, const struct source *source)
{
	struct settings none = { .oom_score = JOB_OOM_UNSET };
	struct parse_report report = { 0 };
	int r = settings_parse(&(struct parse_source){ source->path, { source->text, source->len } }, &none, &report);

	if (r != -ENOMEM)
		tell_report(c, &report, source, 1);
	parse_report_deinit(&report);
	return r == -ENOMEM ? r : 0;
}

static bool
ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && strcmp(s + n - m, suffix) == 0;
}

/* Parse a job's texts and tell what is wrong. 0 or -ENOMEM. */
static int
check_texts(struct check *c, const char *name, const struct source *sources)
{
	struct parse_source conf = { sources[0].path, { sources[0].text, sources[0].len } };
	struct parse_source over = { sources[1].path, { sources[1].text, sources[1].len } };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	int r = job_parse(name, &conf, sources[1].text != NULL ? &over : NULL, &cls, &report);

	if (r != -ENOMEM) {
		tell_report(c, &report, sources, 2);
		if (cls != NULL && c->o->shell)
			check_scripts(c, cls, sources[0].path);
		/* Of an override alone nothing is known. */
		if (cls != NULL && c->o->fix && report.errors == 0 && ends_with(conf.path, CONF_SUFFIX) &&
		    check_fix(name, &conf, sources[1].text != NULL) < 0)
			c->errors++;
	}
	(void) job_class_unref(cls);
	parse_report_deinit(&report);
	return r == -ENOMEM ? r : 0;
}

/* `conf` may be NULL: there is only an override. 0 or -ENOMEM. */
static int
check_job(struct check *c, const char *name, const char *conf, const char *override)
{
	auto_source struct source first = { .path = conf != NULL ? conf : override };
	auto_source struct source second = { .path = conf != NULL ? override : NULL };
	size_t before = c->errors;
	int r;

	if (c->dir != NULL && is_emptied(first.path))
		return 0;
	c->files++;
	json_begin_object(&c->json, NULL);
	json_put_string(&c->json, "path", first.path);
	json_put_string(&c->json, "job", name);
	json_begin_array(&c->json, "issues");
	r = conffile_read(first.path, &first.text, &first.len);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		tell_unreadable(c, first.path, r);
	if (settings_is_file(first.path)) {
		r = r < 0 ? 0 : check_settings(c, &first);
	} else {
		read_override(c, &second);
		r = r < 0 ? 0 : check_texts(c, name, (const struct source[]){ first, second });
	}
	json_end_array(&c->json);
	json_put_bool(&c->json, "ok", c->errors == before);
	json_end_object(&c->json);
	return r;
}

/* -- files and directories ------------------------------------------------------------------------ */

/* The path with another suffix; owned; NULL when out of memory. */
static char *
with_suffix(const char *path, const char *old, const char *suffix)
{
	return str_printf("%.*s%s", (int) (strlen(path) - strlen(old)), path, suffix);
}

/* The name of the job that a file is of; owned; NULL when out of memory. */
static char *
job_name(const struct check *c, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (c->dir != NULL)
		return conffile_job_name(c->dir, path);
	path = slash != NULL ? slash + 1 : path;
	return conffile_kind_of(path) != CONFFILE_OTHER ? conffile_job_name("", path) : strdup(path);
}

static int
check_conf(const char *path, void *data)
{
	struct check *c = data;
	auto_free char *name = job_name(c, path);
	auto_free char *override = NULL;

	if (ends_with(path, CONF_SUFFIX)) {
		override = with_suffix(path, CONF_SUFFIX, OVERRIDE_SUFFIX);
		if (override == NULL)
			return -ENOMEM;
	}
	return name != NULL ? check_job(c, name, path, override) : -ENOMEM;
}

/* An override is checked with its conf file, or alone if there is none. */
static int
check_override(const char *path, void *data)
{
	struct check *c = data;
	auto_free char *conf = with_suffix(path, OVERRIDE_SUFFIX, CONF_SUFFIX);
	auto_free char *name = job_name(c, path);
	struct stat st;

	if (conf == NULL || name == NULL)
		return -ENOMEM;
	if (stat(conf, &st) < 0)
		return check_job(c, name, NULL, path);
	return c->dir != NULL ? 0 : check_job(c, name, conf, path);
}

static int
unreadable(const char *dir, int error, void *data)
{
	struct check *c = data;

	c->errors++;
	(void) fprintf(stderr, "%s: %s\n", dir, strerror(error));
	return 0;
}

/* It has been told of. */
static int
unreadable_again(const char *dir, int error, void *data)
{
	(void) dir;
	(void) error;
	(void) data;
	return 0;
}

static int
check_word(struct check *c, const char *path)
{
	const struct conffile_walk confs = { CONFFILE_CONF, check_conf, unreadable, c };
	const struct conffile_walk overrides = { CONFFILE_OVERRIDE, check_override, unreadable_again, c };
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		c->dir = NULL;
		return ends_with(path, OVERRIDE_SUFFIX) && !settings_is_file(path) ? check_override(path, c)
										   : check_conf(path, c);
	}
	c->dir = path;
	r = conffile_walk(path, &confs);
	if (r == 0)
		r = conffile_walk(path, &overrides);
	return r < 0 && r != -ENOMEM ? unreadable(path, -r, c) : r;
}

int
check_files(const struct options *o)
{
	struct check c = { .o = o, .json = STRBUF_INIT };
	int r = 0;

	if (o->extra == NULL) {
		(void) fputs("init: --check needs a file or a directory\n", stderr);
		return 1;
	}
	json_begin_object(&c.json, NULL);
	json_begin_array(&c.json, "files");
	for (size_t i = 0; r == 0 && o->extra[i] != NULL; i++)
		r = check_word(&c, o->extra[i]);
	json_end_array(&c.json);
	json_put_number(&c.json, "errors", (int64_t) c.errors);
	json_put_number(&c.json, "warnings", (int64_t) c.warnings);
	json_put_bool(&c.json, "ok", c.errors == 0);
	json_end_object(&c.json);
	if (r == 0 && c.json.failed)
		r = -ENOMEM;
	if (r == 0 && o->json)
		(void) puts(c.json.p);
	else if (r == 0 && o->verbose)
		(void) fprintf(stderr, "%zu files, %zu errors, %zu warnings\n", c.files, c.errors, c.warnings);
	strbuf_deinit(&c.json);
	if (r < 0)
		(void) fprintf(stderr, "init: %s\n", strerror(-r));
	return r < 0 || c.errors > 0;
}
