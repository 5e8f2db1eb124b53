/* SPDX-License-Identifier: MIT */
/*
 * A snapshot is a recording that begins in the middle (init/record.h). It came from init, but through other hands: it
 * is read as any recording is, with every length checked.
 */
#include "plan/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "init/conffile.h"
#include "job/parse.h"

void
source_deinit(struct source *source)
{
	source->definitions = definitions_free(source->definitions);
	wire_free_struct(&record_config_schema, &source->config);
	strbuf_deinit(&source->core);
	u64v_deinit(&source->ids);
}

/* -- a snapshot ------------------------------------------------------------------ */

static int
record_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct source *source = data;
	struct wire_in in;
	int r;

	if (at == 0 && kind != RECORD_HEADER)
		return -EBADMSG;
	switch (kind) {
	case RECORD_CONFIG:
		wire_in_init(&in, p, n);
		wire_free_struct(&record_config_schema, &source->config);
		return wire_get_struct(&in, &record_config_schema, &source->config);
	case RECORD_DEFINITION:
		r = definitions_restore(source->definitions, p, n);
		return r == -EINVAL ? 0 : r;
	case RECORD_CORE:
		source->core.len = 0;
		strbuf_addn(&source->core, p, n);
		return source->core.failed ? -ENOMEM : 0;
	default:
		return 0;
	}
}

int
source_read_snapshot(struct source *source, int fd)
{
	struct journal *journal = journal_new(fd, false);
	int r;

	if (journal == NULL) {
		(void) close(fd);
		return -ENOMEM;
	}
	source->definitions = definitions_new();
	r = source->definitions != NULL ? journal_read(journal, record_cb, source) : -ENOMEM;
	(void) journal_free(journal);
	return r == 0 && source->core.len == 0 ? -EBADMSG : r;
}

/* -- a directory -------------------------------------------------------------------- */

struct walk {
	struct source *source;
	const char *dir;
};

static void
tell(const struct parse_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		auto_free char *text = report->issues[i].warning ? NULL : parse_issue_text_long(&report->issues[i]);

		if (text != NULL)
			(void) fprintf(stderr, "%s\n", text);
	}
}

/* The override beside it, if there is one: its text (owned), else NULL. 0 or -ENOMEM. */
static int
read_override(const char *conf, char **path, char **text, size_t *len)
{
	struct conffile_stamp stamp;
	enum conffile_state state;

	*path = str_printf("%.*s" OVERRIDE_SUFFIX, (int) (strlen(conf) - strlen(CONF_SUFFIX)), conf);
	if (*path == NULL)
		return -ENOMEM;
	state = conffile_look(*path, &stamp);
	if (state == CONFFILE_PRESENT && conffile_read(*path, text, len) < 0)
		(void) fprintf(stderr, "%s: %s\n", *path, strerror(errno));
	return 0;
}

/* Parse the texts and keep what comes of them. 0 or -ENOMEM; a fault is told. */
static int
add(struct source *source, const struct definition_text *text, size_t len, size_t override_len)
{
	struct parse_source conf = { text->path, { text->text, len } };
	struct parse_source over = { text->override_path, { text->override_text, override_len } };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	uint64_t id = 0;
	int r = job_parse(text->name, &conf, text->override_text != NULL ? &over : NULL, &cls, &report);

	tell(&report);
	parse_report_deinit(&report);
	if (r == -EINVAL) {
		source->wrong++;
		return 0;
	}
	if (r == 0)
		r = definitions_add(source->definitions, text, cls, &id);
	return r == 0 ? u64v_add(&source->ids, id) : r;
}

static int
file_cb(const char *path, void *data)
{
	const struct walk *w = data;
	auto_free char *name = conffile_job_name(w->dir, path);
	auto_free char *text = NULL;
	auto_free char *override_path = NULL;
	auto_free char *override = NULL;
	struct conffile_stamp stamp;
	size_t len = 0, override_len = 0;
	int r;

	if (name == NULL)
		return -ENOMEM;
	if (conffile_look(path, &stamp) != CONFFILE_PRESENT)
		return 0; /* masked */
	r = conffile_read(path, &text, &len);
	if (r < 0 && r != -ENOMEM) {
		(void) fprintf(stderr, "%s: %s\n", path, strerror(-r));
		w->source->wrong++;
		return 0;
	}
	if (r == 0)
		r = read_override(path, &override_path, &override, &override_len);
	if (r < 0)
		return r;
	return add(w->source,
		   &(const struct definition_text){
		       .name = name,
		       .path = (char *) (uintptr_t) path,
		       .text = text,
		       .override_path = override != NULL ? override_path : NULL,
		       .override_text = override,
		   },
		   len, override_len);
}

static int
unreadable_cb(const char *dir, int error, void *data)
{
	const struct walk *w = data;

	(void) fprintf(stderr, "%s: %s\n", dir, strerror(error));
	w->source->wrong++;
	return 0;
}

/* What init would give to jobs. */
static int
set_environment(struct record_config *config)
{
	static const char *const names[] = { "PATH", "TERM" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && env_set_value(&config->job_env, names[i], value) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
source_read_directory(struct source *source, const char *dir)
{
	struct walk w = { source, dir };
	const struct conffile_walk walk = { CONFFILE_CONF, file_cb, unreadable_cb, &w };

	source->definitions = definitions_new();
	if (source->definitions == NULL || set_environment(&source->config) < 0)
		return -ENOMEM;
	return conffile_walk(dir, &walk);
}

struct core_config
source_config(const struct source *source)
{
	return (struct core_config){
		.own_env = source->config.own_env,
		.job_env = source->config.job_env,
		.session_address = source->config.session_address,
		.policies = source->config.policies,
		.awake = source->config.awake,
		.resolve = definitions_resolve,
		.resolve_data = source->definitions,
	};
}
