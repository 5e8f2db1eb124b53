/* SPDX-License-Identifier: MIT */
/*
 * `initctl report`: all that is known of a boot or session, to be kept or to be sent to somebody who can help.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "initctl/commands.h"
#include "initctl/json.h"
#include "initctl/log_files.h"
#include "initctl/report_html.h"

#define LOG_LINES 40			/* of the end of a log, */
#define LOG_BYTES ((size_t) 16 * 1024)	/* but not more than that */

/* -- reading ------------------------------------------------------------------------- */

static bool
is_same(const struct run *a, const struct run *b)
{
	return strcmp(a->job, b->job) == 0 && strcmp(a->instance, b->instance) == 0;
}

/* The end of the log, or why there is none: who may not read it does not get it here. */
static void
read_log(const struct initctl *ctl, struct failure *f)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	int r = upstart_log_path(ctl->upstart, f->run->job, f->run->instance, &f->path, &err);

	if (r < 0) {
		f->why_none = tool_must(str_printf(_("Its log is not known: %s"), err.text ? err.text : strerror(-r)));
		upstart_error_clear(&err);
		return;
	}
	r = log_tail(f->path, LOG_LINES, LOG_BYTES, &f->log);
	if (r == -ENOMEM)
		tool_nomem();
	if (r == -ENOENT || (r == 0 && f->log.len == 0))
		f->why_none = tool_must(strdup(_("Nothing that it printed has been logged.")));
	else if (r < 0)
		f->why_none = tool_must(str_printf(_("Cannot read %s: %s"), f->path,
						   r == -EBADMSG ? _("it is damaged") : strerror(-r)));
}

/* Of each instance the last start that failed. */
static void
read_failures(struct report *r, const struct initctl *ctl)
{
	const struct timeline *t = &r->timeline;

	r->failures = tool_array(t->n, sizeof(*r->failures));
	for (size_t i = 0; i < t->n; i++) {
		struct failure f = { .run = &t->runs[i], .times = 1 };
		bool last = *f.run->failed != '\0';

		for (size_t k = i + 1; last && k < t->n; k++) {
			if (!is_same(f.run, &t->runs[k]))
				continue;
			last = *t->runs[k].failed == '\0';
			f.later = &t->runs[k];
		}
		if (!last)
			continue;
		for (size_t k = 0; k < i; k++)
			f.times += is_same(f.run, &t->runs[k]) && *t->runs[k].failed != '\0';
		read_log(ctl, &f);
		r->failures[r->n_failures++] = f;
	}
}

/* Jobs are the first of all things, in the order of their definitions. */
static int
read_jobs(struct report *r, const struct initctl *ctl, struct upstart_error *err)
{
	int result = definitions_read(&r->definitions, ctl->upstart, err);

	if (result < 0)
		return result;
	relations_read(&r->relations, ctl, &r->definitions);
	r->wanted = tool_array(r->relations.n, sizeof(*r->wanted));
	r->standing = tool_array(r->relations.n, sizeof(*r->standing));
	r->instances = tool_array(r->definitions.n, sizeof(*r->instances));
	for (size_t i = 0; i < r->relations.n; i++)
		r->wanted[i] = true;
	for (size_t i = 0; i < r->definitions.n; i++) {
		struct instances *all = &r->instances[i];

		result = standing_read(all, &r->standing[i], ctl->upstart, r->definitions.job[i]->name, err);
		if (result < 0)
			return result;
		r->n_up += r->standing[i] == SVG_UP;
		for (size_t k = 0; k < all->n; k++)
			r->n_quarantined += is_quarantined(all->p[k]);
	}
	return 0;
}

static int
read_report(struct report *r, struct initctl *ctl)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	if (timeline_read(&r->timeline, ctl) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void) timeline_chain(&r->timeline, NULL, false);
	if (upstart_version(ctl->upstart, &r->version, &err) < 0 || read_jobs(r, ctl, &err) < 0)
		return initctl_failed(ctl, &err);
	/* An older init does not know. */
	if (upstart_degraded(ctl->upstart, &r->degraded, &err) < 0) {
		upstart_error_clear(&err);
		r->degraded = tool_must(strdup(""));
	}
	read_failures(r, ctl);
	r->user = initctl_is_user(ctl);
	if (uname(&r->machine) < 0)
		r->machine = (struct utsname){ 0 };
	return EXIT_SUCCESS;
}

static void
report_deinit(struct report *r)
{
	for (size_t i = 0; i < r->n_failures; i++) {
		free(r->failures[i].path);
		free(r->failures[i].why_none);
		strbuf_deinit(&r->failures[i].log);
	}
	for (size_t i = 0; r->instances && i < r->definitions.n; i++)
		instances_deinit(&r->instances[i]);
	free(r->failures);
	free(r->instances);
	free(r->wanted);
	free(r->standing);
	free(r->version);
	free(r->degraded);
	relations_deinit(&r->relations);
	definitions_deinit(&r->definitions);
	timeline_deinit(&r->timeline);
}

/* -- writing --------------------------------------------------------------------------- */

static json_t *
json_failures(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_failures; i++) {
		const struct failure *f = &r->failures[i];
		json_t *one = json_object();

		json_put(one, "job", json_text(f->run->job));
		json_put(one, "instance", json_text(f->run->instance));
		json_put(one, "run", json_integer(f->run->id));
		json_put(one, "failed", json_text(f->run->failed));
		json_put(one, "times", json_integer((json_int_t) f->times));
		json_put(one, "later", f->later ? json_integer(f->later->id) : json_null());
		json_put(one, "path", json_text(f->path));
		json_put(one, "log", json_text(f->why_none ? NULL : f->log.p));
		if (json_array_append_new(list, one) < 0)
			tool_nomem();
	}
	return list;
}

static json_t *
json_quarantined(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->definitions.n; i++) {
		for (size_t k = 0; k < r->instances[i].n; k++) {
			const struct upstart_instance *instance = r->instances[i].p[k];
			json_t *one;

			if (!is_quarantined(instance))
				continue;
			one = json_object();
			json_put(one, "job", json_text(r->definitions.job[i]->name));
			json_put(one, "instance", json_text(instance->name));
			json_put(one, "why", json_text(instance->quarantine));
			if (json_array_append_new(list, one) < 0)
				tool_nomem();
		}
	}
	return list;
}

/* The pictures are left to `chart` and `graph`. */
static char *
make_json(const struct report *r)
{
	json_t *root = json_object();

	json_put(root, "version", json_text(r->version));
	json_put(root, "degraded", json_text(*r->degraded != '\0' ? r->degraded : NULL));
	json_put(root, "jobs", json_integer((json_int_t) r->definitions.n));
	json_put(root, "running", json_integer((json_int_t) r->n_up));
	json_put(root, "boot", r->timeline.end >= 0 ? json_real(r->timeline.end) : json_null());
	json_put(root, "quarantined", json_quarantined(r));
	json_put(root, "failed", json_failures(r));
	return json_lines(root);
}

static char *
make_html(const struct report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = tool_open_text(&text, &size);

	report_html_write(out, r);
	if (fclose(out) != 0)
		tool_nomem();
	return text;
}

/* For its owner alone: not everybody may read the logs. */
static int
write_file(const struct initctl *ctl, const char *text)
{
	int fd = open(ctl->out, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool failed;

	if (!out) {
		tool_error(&ctl->tool, _("Cannot write %s: %s"), ctl->out, strerror(errno));
		fd_close(&fd);
		return EXIT_FAILURE;
	}
	failed = fputs(text, out) < 0;
	if (fclose(out) == 0 && !failed)
		return EXIT_SUCCESS;
	tool_error(&ctl->tool, _("Cannot write %s: %s"), ctl->out, strerror(errno));
	return EXIT_FAILURE;
}

static int
run(struct initctl *ctl, char *const *operands unused)
{
	struct report report = { 0 };
	int status = initctl_connect(ctl);

	if (status == EXIT_SUCCESS)
		status = read_report(&report, ctl);
	if (status == EXIT_SUCCESS) {
		char *text auto_free = ctl->json ? make_json(&report) : make_html(&report);

		if (ctl->out && strcmp(ctl->out, "-") != 0)
			status = write_file(ctl, text);
		else
			tool_print(&ctl->tool, "%s", text);
	}
	report_deinit(&report);
	return status;
}

static const struct option_spec options[] = {
	{ 0, "html", NULL, N_("as a page for a browser; so it is if nothing is said"), OPTION_FLAG,
	  offsetof(struct initctl, html) },
	{ 'o', "output", "FILE", N_("write it there, and not to the standard output"), OPTION_VALUE,
	  offsetof(struct initctl, out) },
	OPTION_JSON,
	OPTIONS_END,
};

const struct command command_report = {
	.name = "report",
	.group = GROUP_OTHER,
	.operands = "",
	.summary = N_("Write a report of the boot, and of what is wrong."),
	.help = N_("One page that needs nothing else: what failed, with the end of its log if you may read that, what is "
		   "in quarantine, the chart, the graph of jobs, and versions. FILE is made for its owner alone, as not "
		   "everybody may read the logs."),
	.options = options,
	.run = run,
};
