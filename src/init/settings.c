/* SPDX-License-Identifier: MIT */
#include "init/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "core/core.h"
#include "init/conffile.h"

static void
tell(const struct parse_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		auto_free char *text = parse_issue_text(&report->issues[i]);

		if (!report->issues[i].warning)
			log_error("%s", text != NULL ? text : report->issues[i].message);
	}
}

/*
 * Read one file over *s, if it is there. Its right lines count also when others are wrong. What is wrong is logged and
 * added to *faults, unless that is NULL. 0 or the negative errno of a want.
 */
static int
read_file(struct settings *s, const char *path, struct faults *faults)
{
	struct parse_report report = { 0 };
	auto_free char *text = NULL;
	struct conffile_stamp stamp;
	struct parse_source source = { path, { NULL, 0 } };
	int r;

	if (conffile_look(path, &stamp) != CONFFILE_PRESENT)
		return 0;
	r = conffile_read(path, &text, &source.text.n);
	source.text.p = text;
	if (r == 0)
		r = settings_parse(&source, s, &report);
	if (r < 0 && r != -EINVAL && faults != NULL) {
		log_error("%s: Error while loading configuration file: %s", path, strerror(-r));
		faults_add_unreadable(faults, path, strerror(-r));
	}
	if (faults != NULL) {
		tell(&report);
		faults_add(faults, &report, &source, NULL);
	}
	parse_report_deinit(&report);
	return error_is_want(r) ? r : 0;
}

/* The override of PATH.conf; owned; NULL when out of memory. */
static char *
override_of(const char *path)
{
	size_t n = strlen(path) - strlen(CONF_SUFFIX);

	return str_printf("%.*s" OVERRIDE_SUFFIX, (int) n, path);
}

void
settings_check(const char *path, struct faults *faults)
{
	struct settings none = { .oom_score = JOB_OOM_UNSET };
	auto_free char *override = override_of(path);

	faults_deinit(faults);
	(void) read_file(&none, path, faults);
	if (override != NULL)
		(void) read_file(&none, override, faults);
}

bool
settings_is_file(const char *path)
{
	auto_free char *override = override_of(SETTINGS_FILE);

	return strcmp(path, SETTINGS_FILE) == 0 || (override != NULL && strcmp(path, override) == 0);
}

static void
set_option(struct settings *s, const char *name, const char *value)
{
	if (value != NULL && !settings_set(s, name, value))
		log_error("invalid value for --%s: %s", name, value);
}

/* What settings_arguments() wrote: flags as digits, then the oom score or "-". */
static bool
read_handed_on(struct settings *s, const char *text)
{
	int import, zero, absent, load, forks, score;

	*s = (struct settings){ .oom_score = JOB_OOM_UNSET };
	if (sscanf(text, "%1d%1d%1d%1d%1d,%d", &import, &zero, &absent, &load, &forks, &score) < 5)
		return false;
	s->import_listed = import != 0;
	s->zero_exit_fails = zero != 0;
	s->absent_is_unequal = absent != 0;
	s->apparmor_must_load = load != 0;
	s->forks_across_exec = forks != 0;
	if (strlen(text) > 6 && score >= -1000 && score <= 1000)
		s->oom_score = score;
	return true;
}

int
settings_read(struct settings *s, const struct options *o, const char *file)
{
	if (o->settings != NULL && read_handed_on(s, o->settings))
		return 0;
	*s = (struct settings){ .oom_score = JOB_OOM_UNSET };
	if (file != NULL) {
		auto_free char *override = override_of(file);
		int r = override != NULL ? read_file(s, file, NULL) : -ENOMEM; /* sources.c tells what is wrong, when the log is there */

		if (r == 0)
			r = read_file(s, override, NULL);
		if (r < 0)
			return r;
	}
	set_option(s, "import-policy", o->import_policy);
	set_option(s, "default-oom-score", o->oom_score);
	s->zero_exit_fails |= o->zero_exit_fails;
	s->absent_is_unequal |= o->absent_is_unequal;
	s->apparmor_must_load |= o->apparmor_must_load;
	s->forks_across_exec |= o->forks_across_exec;
	return 0;
}

uint32_t
settings_policies(const struct settings *s)
{
	return (s->import_listed ? CORE_POLICY_IMPORT_LISTED : 0u) |
	       (s->zero_exit_fails ? CORE_POLICY_ZERO_EXIT_FAILS : 0u) |
	       (s->absent_is_unequal ? CORE_POLICY_ABSENT_IS_UNEQUAL : 0u) |
	       (s->apparmor_must_load ? CORE_POLICY_SECURITY_FAILS : 0u) |
	       (s->forks_across_exec ? CORE_POLICY_FORKS_ACROSS_EXEC : 0u);
}

int
settings_arguments(const struct settings *s, char ***argv)
{
	auto_free char *score = s->oom_score != JOB_OOM_UNSET ? str_printf(",%d", s->oom_score) : strdup("");

	if (score == NULL)
		return -ENOMEM;
	return strv_take(argv, str_printf("--settings=%d%d%d%d%d%s", s->import_listed, s->zero_exit_fails,
					  s->absent_is_unequal, s->apparmor_must_load, s->forks_across_exec, score));
}
