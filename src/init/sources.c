/* SPDX-License-Identifier: MIT */
/*
 * Per source the conf files found there. Whatever happens to files, the way is the same: look at the file, maybe make a
 * definition of it, then see for its name which definition counts now (told.c).
 */
#include "init/sources.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "common/backoff.h"
#include "common/error.h"
#include "init/condemn.h"
#include "init/crash.h"
#include "init/places.h"
#include "init/source.h"
#include "init/told.h"
#include "job/parse.h"
#include "system/clock.h"
#include "system/spawn.h"
#include "system/watch.h"

#define RETRY_FIRST (100 * USEC_PER_MSEC) /* after something was lacking; then doubling */
#define RETRY_MAX (10 * USEC_PER_SEC)

static void changed_cb(enum watch_event event, unsigned number, const char *path, void *data);

static void retry_cb(void *data);

int
sources_init(struct init *init)
{
	init->sources = calloc(1, sizeof(*init->sources));
	if (init->sources == NULL)
		return -ENOMEM;
	init->sources->retry = loop_timer_new(init->loop, retry_cb, init);
	return init->sources->retry != NULL ? 0 : -ENOMEM;
}

void
sources_lack(struct init *init, int r)
{
	struct sources *s = init->sources;

	if (!error_is_want(r) || loop_timer_is_set(s->retry))
		return;
	s->delay = backoff_next(s->delay, RETRY_FIRST, RETRY_MAX);
	loop_timer_set(s->retry, clock_now() + s->delay);
}

static void
conf_free(struct source *source, struct conf *conf)
{
	map_del(&source->by_name, conf->name);
	DL_DELETE(source->confs, conf);
	free(conf->name);
	free(conf->path);
	free(conf->override);
	faults_deinit(&conf->faults);
	free(conf);
}

void
sources_deinit(struct init *init)
{
	struct sources *s = init->sources;
	struct source *source, *next_source;
	struct conf *conf, *next;

	if (s == NULL)
		return;
	s->watch = watch_free(s->watch);
	DL_FOREACH_SAFE(s->list, source, next_source) {
		DL_FOREACH_SAFE(source->confs, conf, next)
			conf_free(source, conf);
		map_deinit(&source->by_name);
		DL_DELETE(s->list, source);
		free(source->path);
		free(source->root);
		faults_deinit(&source->faults);
		free(source);
	}
	told_deinit(s);
	(void) loop_timer_free(s->retry);
	free(s);
	init->sources = NULL;
}

int
sources_add(struct init *init, const char *path, bool file)
{
	struct source *source = calloc(1, sizeof(*source));
	size_t n = strlen(path);

	if (source == NULL)
		return -ENOMEM;
	while (n > 1 && path[n - 1] == '/')
		n--;
	source->path = span_dup((struct span){ path, n });
	if (source->path == NULL) {
		free(source);
		return -ENOMEM;
	}
	source->init = init;
	source->file = file;
	source->number = init->sources->list != NULL ? init->sources->list->prev->number + 1 : 0;
	DL_APPEND(init->sources->list, source);
	return 0;
}

int
sources_setup(struct init *init)
{
	return places_sources(init);
}

void
sources_drop(struct init *init)
{
	struct source *source, *next;

	DL_FOREACH_SAFE(init->sources->list, source, next) {
		DL_DELETE(init->sources->list, source);
		free(source->path);
		free(source);
	}
}

/* -- reading one ---------------------------------------------------------------------------- */

/*
 * The override for a job of that source: the first of that name from the highest priority down to it, in its session. 0
 * or -ENOMEM: nobody knows.
 */
static int
find_override(const struct sources *s, const struct source *upto, const char *name, char **path,
	      struct conffile_stamp *stamp, enum conffile_state *state)
{
	const struct source *source;

	*path = NULL;
	*state = CONFFILE_ABSENT;
	*stamp = (struct conffile_stamp){ 0 };
	DL_FOREACH(s->list, source) {
		char *candidate;

		if (source->file || !scope_equal(scope_of(source->root), scope_of(upto->root)))
			continue;
		candidate = str_printf("%s/%s" OVERRIDE_SUFFIX, source->path, scope_plain(name));
		if (candidate == NULL)
			return -ENOMEM;
		*state = conffile_look(candidate, stamp);
		if (*state != CONFFILE_ABSENT) {
			*path = candidate;
			return 0;
		}
		free(candidate);
		if (source == upto)
			break;
	}
	return 0;
}

static void
tell_issues(const struct parse_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		auto_free char *text = parse_issue_text(&report->issues[i]);

		if (text == NULL)
			log_error("%s: %s", report->issues[i].path, report->issues[i].message);
		else if (report->issues[i].warning && strcmp(report->issues[i].id, "NOT_YET") == 0)
			log_warn("%s: %s", text, report->issues[i].word); /* whoever wrote it relies on it */
		else if (report->issues[i].warning)
			log_info("%s", text);
		else
			log_error("%s", text);
	}
}

/* A file that can't be read: say so, and remember it. */
static void
tell_unreadable(struct conf *conf, const char *path, int r)
{
	log_error("%s: Error while loading configuration file: %s", path, strerror(-r));
	faults_add_unreadable(&conf->faults, path, strerror(-r));
}

/* The texts of a conf file and its override. 0 or a negative errno (told). */
static int
read_texts(struct conf *conf, enum conffile_state override, struct definition_text *text, size_t *len,
	   size_t *override_len)
{
	int r = conffile_read(conf->path, &text->text, len);

	*override_len = 0;
	text->name = conf->name;
	text->path = conf->path;
	if (r < 0) {
		tell_unreadable(conf, conf->path, r);
		return r;
	}
	if (override == CONFFILE_ABSENT)
		return 0;
	text->override_path = conf->override;
	if (override == CONFFILE_PRESENT)
		r = conffile_read(conf->override, &text->override_text, override_len);
	else
		text->override_text = strdup("");
	if (text->override_text == NULL && r == 0)
		r = -ENOMEM;
	if (r == 0)
		return 0;
	tell_unreadable(conf, conf->override, r);
	if (error_is_want(r))
		return r; /* without it the job would be another */
	text->override_path = NULL; /* as one with an error: ignored */
	return 0;
}

uint64_t
conf_inherited_id(const struct init *init, const struct conf *conf)
{
	uint64_t id = init->core != NULL ? core_class_told(init->core, conf->name) : 0;
	const struct job_class *cls = id != 0 ? definitions_class(init->definitions, id) : NULL;

	/* A file that was gone and is back may say what its job still runs with. */
	if (id == 0 && init->core != NULL)
		cls = core_class(init->core, conf->name);
	return cls != NULL && cls->path != NULL && strcmp(cls->path, conf->path) == 0 ? cls->id : 0;
}

/*
 * Make a definition of the texts, unless they are those of `*id` (0: none). 0 and *id, or a negative errno: they say
 * nothing that makes sense. What is wrong is told, but not once more of texts that are known.
 */
static int
define_texts(struct init *init, struct conf *conf, const struct definition_text *text, size_t len, size_t override_len,
	     uint64_t *id)
{
	struct parse_source source = { text->path, { text->text, len } };
	struct parse_source over = { text->override_path, { text->override_text, override_len } };
	const struct parse_source *override = text->override_path != NULL ? &over : NULL;
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	/* A text that holds a NUL byte is not what the store would keep of it: it never equals, and never parses. */
	bool known = *id != 0 && strlen(text->text) == len && definitions_equal(init->definitions, *id, text);
	uint64_t hash;
	int r;

	if (known && override == NULL && !job_class_while_speaks(definitions_class(init->definitions, *id)))
		return 0; /* else nothing may bind what it speaks of */
	if (condemn_refuses(init, text, &hash))
		return -EINVAL;
	crash_in_hand(CRASH_FILE(hash));
	crash_at(text->name);
	r = job_parse(conf->name, &source, override, &cls, &report);
	crash_in_hand(0);
	if (r == 0 || r == -EINVAL)
		faults_add(&conf->faults, &report, &source, override);
	if (known) {
		cls = job_class_unref(cls); /* it was parsed for its faults alone */
	} else {
		tell_issues(&report);
		if (r == 0)
			r = definitions_add(init->definitions, text, cls, id);
		if (r < 0 && r != -EINVAL)
			log_error("%s: Error while loading configuration file: %s", conf->path, strerror(-r));
	}
	parse_report_deinit(&report);
	return known ? 0 : r;
}

/* Make a definition of what the files say. False: the last good one stays. */
static bool
define(struct init *init, struct conf *conf, enum conffile_state override)
{
	struct definition_text text = { .unconfined = !init->sources->confinable };
	size_t len = 0, override_len = 0;
	uint64_t id = conf->id != 0 ? conf->id : conf_inherited_id(init, conf);
	bool was_wrong = conf->faults.first != NULL;
	int r;

	faults_deinit(&conf->faults);
	r = read_texts(conf, override, &text, &len, &override_len);
	if (r == 0)
		r = define_texts(init, conf, &text, len, override_len, &id);
	conf->id = id;
	if (error_is_want(r))
		conf->stamp = (struct conffile_stamp){ 0 }; /* it is as if it had not been looked at */
	sources_lack(init, r);
	if (r < 0 && id != 0 && !was_wrong)
		log_info("%s: The last good definition stays", conf->path);
	free(text.text);
	free(text.override_text);
	return r == 0;
}

/* Look at a conf file that is there. True if it says something new. */
static bool
conf_look(struct source *source, struct conf *conf, enum conffile_state state, const struct conffile_stamp *stamp,
	  bool force)
{
	struct init *init = source->init;
	struct conffile_stamp override_stamp;
	auto_free char *override = NULL;
	enum conffile_state override_state;

	if (state == CONFFILE_EMPTIED) {
		faults_deinit(&conf->faults);
		conf->masks = true;
		conf->id = 0;
		return true;
	}
	if (find_override(init->sources, source, conf->name, &override, &override_stamp, &override_state) < 0) {
		conf->stamp = (struct conffile_stamp){ 0 };
		sources_lack(init, -ENOMEM);
		return false;
	}
	if (!force && !conf->masks && conffile_stamp_equal(&conf->stamp, stamp) &&
	    conffile_stamp_equal(&conf->override_stamp, &override_stamp) &&
	    (conf->override == NULL) == (override == NULL) &&
	    (override == NULL || strcmp(override, conf->override) == 0))
		return false;
	conf->masks = false;
	conf->stamp = *stamp;
	conf->override_stamp = override_stamp;
	free(conf->override);
	conf->override = steal(&override);
	return define(init, conf, override_state);
}

static struct conf *
conf_get(struct source *source, const char *name, const char *path)
{
	struct conf *conf = map_get(&source->by_name, name);

	if (conf != NULL)
		return conf;
	conf = calloc(1, sizeof(*conf));
	if (conf == NULL)
		return NULL;
	conf->name = strdup(name);
	conf->path = strdup(path);
	if (conf->name == NULL || conf->path == NULL || map_put(&source->by_name, name, conf) < 0) {
		free(conf->name);
		free(conf->path);
		free(conf);
		return NULL;
	}
	DL_APPEND(source->confs, conf);
	return conf;
}

static void
conf_gone(struct source *source, struct conf *conf)
{
	auto_free char *name = strdup(conf->name);

	log_info("Handling deletion of %s", conf->path);
	conf_free(source, conf);
	if (name != NULL)
		told_settle(source->init, name, false);
	else
		sources_lack(source->init, -ENOMEM);
}

/* The name inside init of the job that a file of that source is of; owned; NULL when out of memory. */
static char *
name_of(const struct source *source, const char *path)
{
	auto_free char *name = conffile_job_name(source->path, path);

	return name != NULL ? scope_join(scope_of(source->root), name) : NULL;
}

/* Something happened to a conf file: see what is so now. */
static int
conf_changed(struct source *source, const char *path, bool force)
{
	auto_free char *name = name_of(source, path);
	struct conffile_stamp stamp;
	enum conffile_state state = conffile_look(path, &stamp);
	struct conf *conf;
	bool anew;

	if (name == NULL) {
		sources_lack(source->init, -ENOMEM);
		return -ENOMEM;
	}
	conf = map_get(&source->by_name, name);
	if (state == CONFFILE_ABSENT) {
		if (conf != NULL)
			conf_gone(source, conf);
		return 0;
	}
	conf = conf_get(source, name, path);
	if (conf == NULL) {
		log_error("%s: Error while loading configuration file: %s", path, strerror(ENOMEM));
		sources_lack(source->init, -ENOMEM);
		return -ENOMEM;
	}
	conf->seen = true;
	anew = conf_look(source, conf, state, &stamp, force);
	/* Only the one that counts is told again. */
	told_settle(source->init, name, anew && force && told_best(source->init->sources, name) == conf->id);
	return 0;
}

/* An override came, changed or went: all jobs of its name are looked at again. */
static void
override_changed(struct source *from, const char *path)
{
	auto_free char *name = name_of(from, path);
	struct source *source;

	DL_FOREACH(from->init->sources->list, source) {
		const struct conf *conf = name != NULL ? map_get(&source->by_name, name) : NULL;
		auto_free char *conf_path = conf != NULL ? strdup(conf->path) : NULL;

		if (conf_path != NULL)
			(void) conf_changed(source, conf_path, true);
		else if (name == NULL || conf != NULL)
			sources_lack(from->init, -ENOMEM);
	}
}

/* -- reading all ------------------------------------------------------------------------------ */

static int
file_cb(const char *path, void *data)
{
	struct source *source = data;

	return conf_changed(source, path, source->force);
}

/* Of what lies in there nothing is known to be gone. */
static int
unreadable_cb(const char *dir, int error, void *data)
{
	struct source *source = data;
	struct conf *conf;
	size_t n = strlen(dir);

	log_error("%s: Unable to load configuration: %s", dir, strerror(error));
	sources_lack(source->init, -error);
	DL_FOREACH(source->confs, conf)
		conf->seen = conf->seen || (strncmp(conf->path, dir, n) == 0 && conf->path[n] == '/');
	return 0;
}

/* Read a source; with `force` also what has not changed. What is not found any more is gone. */
static void
source_scan(struct source *source, bool force)
{
	const struct conffile_walk w = { CONFFILE_CONF, file_cb, unreadable_cb, source };
	struct conf *conf, *next;
	int r;

	if (source->file) {
		settings_check(source->path, &source->faults);
		return;
	}
	log_info("Loading configuration from %s", source->path);
	DL_FOREACH(source->confs, conf)
		conf->seen = false;
	source->force = force;
	r = conffile_walk(source->path, &w);
	source->missed = r < 0 && r != -ENOENT && r != -ENOTDIR;
	if (source->missed) {
		/* Not even looked at: nothing is known to be gone. */
		log_error("%s: Unable to load configuration: %s", source->path, strerror(-r));
		sources_lack(source->init, r);
		return;
	}
	DL_FOREACH_SAFE(source->confs, conf, next)
		if (!conf->seen)
			conf_gone(source, conf);
}

static void
watch_source(struct source *source)
{
	struct sources *s = source->init->sources;
	int r;

	if (!s->watching) {
		s->watching = true;
		r = watch_new(source->init->loop, conffile_enter, changed_cb, source->init, &s->watch);
		if (r < 0 && r != -ENOSYS)
			log_warn("Unable to watch configuration directories: %s", strerror(-r));
		s->watching = !error_is_want(r);
		sources_lack(source->init, r);
	}
	if (s->watch == NULL)
		return;
	r = watch_add(s->watch, source->number, source->path, source->file);
	if (r < 0)
		log_warn("%s: Unable to watch configuration directory: %s", source->path, strerror(-r));
	sources_lack(source->init, r);
}

#define SESSIONS_MAX 256

static struct source *
find_session(const struct init *init, struct span root)
{
	struct source *source;

	DL_FOREACH(init->sources->list, source)
		if (source->root != NULL && scope_equal(scope_of(source->root), root))
			return source;
	return NULL;
}

/* The folder of a chroot session, made when it is not known yet. NULL: out of memory, or there are too many (told). */
static struct source *
session_source(struct init *init, struct span root, bool *is_new)
{
	auto_free char *path = str_printf("%.*s" SYSTEM_CONFDIR, (int) root.n, root.p);
	struct source *source = find_session(init, root);
	size_t n = 0;

	*is_new = false;
	if (source != NULL)
		return source;
	DL_FOREACH(init->sources->list, source)
		n += source->root != NULL;
	if (n >= SESSIONS_MAX || path == NULL || sources_add(init, path, false) < 0) {
		log_error("%.*s: No chroot session: %s", (int) root.n, root.p,
			  n >= SESSIONS_MAX ? "there are too many" : strerror(ENOMEM));
		return NULL;
	}
	source = init->sources->list->prev;
	source->root = span_dup(root);
	*is_new = source->root != NULL;
	if (*is_new)
		return source;
	DL_DELETE(init->sources->list, source);
	free(source->path);
	free(source);
	return NULL;
}

bool
sources_has_session(const struct init *init, const char *root)
{
	return find_session(init, span_of(root)) != NULL;
}

bool
sources_add_session(struct init *init, const char *root)
{
	bool is_new;
	struct source *source = session_source(init, span_of(root), &is_new);

	if (source != NULL && is_new) {
		watch_source(source);
		source_scan(source, false);
	}
	return source != NULL;
}

/* The sessions whose jobs a core of before the re-exec knows. */
static void
inherit_sessions(struct init *init)
{
	const struct told *told;
	bool is_new;

	DL_FOREACH(init->sources->told, told)
		if (scope_root(told->name).n > 0)
			(void) session_source(init, scope_root(told->name), &is_new);
}

void
sources_load(struct init *init)
{
	struct source *source;

	init->sources->confinable = spawn_apparmor_is_usable();
	told_inherit(init);
	inherit_sessions(init);
	DL_FOREACH(init->sources->list, source) {
		watch_source(source);
		source_scan(source, false);
	}
	told_settle_rest(init);
}

void
sources_reload(struct init *init)
{
	struct source *source;

	log_info("Reloading configuration");
	init->sources->confinable = spawn_apparmor_is_usable();
	DL_FOREACH(init->sources->list, source) {
		watch_source(source);
		source_scan(source, true);
	}
	told_settle_rest(init);
}

/* Look at all again, for what was lacking may be there now. */
static void
retry_cb(void *data)
{
	struct init *init = data;
	struct source *source;

	DL_FOREACH(init->sources->list, source) {
		watch_source(source);
		source_scan(source, false);
	}
	told_settle_rest(init);
	if (!loop_timer_is_set(init->sources->retry))
		init->sources->delay = 0;
}

static void
changed_cb(enum watch_event event, unsigned number, const char *path, void *data)
{
	struct init *init = data;
	struct source *source;
	const char *name;

	DL_FOREACH(init->sources->list, source)
		if (source->number == number)
			break;
	if (source == NULL)
		return;
	if (event == WATCH_RESCAN || source->file) {
		source_scan(source, false);
		return;
	}
	name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	switch (conffile_kind_of(name)) {
	case CONFFILE_CONF:
		(void) conf_changed(source, path, true);
		break;
	case CONFFILE_OVERRIDE:
		override_changed(source, path);
		break;
	case CONFFILE_OTHER:
		break;
	}
}

/* -- looking in --------------------------------------------------------------------------------- */

char **
sources_paths(const struct init *init)
{
	const struct source *source;
	char **paths = NULL;

	DL_FOREACH(init->sources->list, source)
		if (strv_add(&paths, source->path) < 0)
			return strv_free(paths);
	return paths;
}

const char *
sources_fault(const struct init *init, const char *name)
{
	const struct source *source;

	DL_FOREACH(init->sources->list, source) {
		const struct conf *conf = map_get(&source->by_name, name);

		if (conf != NULL && conf->faults.first != NULL)
			return conf->faults.first;
		if (conf != NULL && (conf->id != 0 || conf->masks))
			return NULL; /* what is below does not count */
	}
	return NULL;
}

char **
sources_faults(const struct init *init, struct span root, const char *name)
{
	char **all = calloc(1, sizeof(*all));
	const struct source *source;
	const struct conf *conf;

	DL_FOREACH(init->sources->list, source) {
		bool whole = name == NULL && scope_equal(root, scope_of(source->root));

		if (whole && (all == NULL || strv_extend(&all, source->faults.shown) < 0))
			return strv_free(all);
		DL_FOREACH(source->confs, conf)
			if ((whole || (name != NULL && strcmp(name, conf->name) == 0)) &&
			    (all == NULL || strv_extend(&all, conf->faults.shown) < 0))
				return strv_free(all);
	}
	return all;
}

void
sources_mark(const struct init *init)
{
	const struct source *source;
	const struct conf *conf;

	DL_FOREACH(init->sources->list, source)
		DL_FOREACH(source->confs, conf)
			definitions_mark(init->definitions, conf->id);
}
