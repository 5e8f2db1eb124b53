/* SPDX-License-Identifier: MIT */
#include "init/told.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "init/brain.h"
#include "init/condemn.h"

uint64_t
told_best(const struct sources *s, const char *name)
{
	const struct source *source;

	DL_FOREACH(s->list, source) {
		const struct conf *conf = map_get(&source->by_name, name);

		if (conf != NULL && (conf->id != 0 || conf->masks))
			return conf->masks ? 0 : conf->id;
	}
	return 0;
}

struct told *
told_get(struct sources *s, const char *name)
{
	struct told *told = map_get(&s->told_by_name, name);

	if (told != NULL)
		return told;
	told = calloc(1, sizeof(*told));
	if (told == NULL)
		return NULL;
	told->name = strdup(name);
	if (told->name == NULL || map_put(&s->told_by_name, name, told) < 0) {
		free(told->name);
		free(told);
		return NULL;
	}
	DL_APPEND(s->told, told);
	return told;
}

static void
told_forget(struct sources *s, struct told *told)
{
	map_del(&s->told_by_name, told->name);
	DL_DELETE(s->told, told);
	free(told->name);
	free(told);
}

/* The core could not take a definition, and will not be told of it again: its file keeps the last good one. */
static void
keep_last_good(struct init *init, struct told *told)
{
	struct source *source;
	uint64_t hash;

	if (init->state.shunned.n == 0 || definitions_hash(init->definitions, told->id, &hash) < 0 ||
	    !condemn_is_shunned(init, hash))
		return;
	DL_FOREACH(init->sources->list, source) {
		struct conf *conf = map_get(&source->by_name, told->name);

		if (conf != NULL && conf->id == told->id)
			conf->id = conf_inherited_id(init, conf);
	}
	told->id = told_best(init->sources, told->name);
}

void
told_settle(struct init *init, const char *name, bool again)
{
	struct input in = { 0 };
	uint64_t best = told_best(init->sources, name);
	struct told *told = told_get(init->sources, name);
	int r = told != NULL ? 0 : -ENOMEM;

	if (r == 0 && told->id == best && (!again || best == 0)) {
		if (best == 0)
			told_forget(init->sources, told);
		return;
	}
	in.type = best != 0 ? INPUT_DEFINE : INPUT_UNDEFINE;
	if (r == 0 && best != 0) {
		in.define.class_id = best;
	} else if (r == 0) {
		in.undefine.name = strdup(name);
		r = in.undefine.name != NULL ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = brain_feed(init, &in);
	if (r < 0) {
		log_error("%s: Error while loading configuration file: %s", name, strerror(-r));
		sources_lack(init, r);
	} else if (best == 0) {
		told_forget(init->sources, told);
	} else {
		told->id = best;
		keep_last_good(init, told);
	}
}

void
told_inherit(struct init *init)
{
	auto_strv char **names = core_class_names(init->core);

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		struct told *told = told_get(init->sources, names[i]);

		if (told != NULL)
			told->id = core_class_told(init->core, names[i]);
	}
}

void
told_settle_rest(struct init *init)
{
	auto_strv char **names = NULL;
	const struct source *source;
	const struct told *told;

	DL_FOREACH(init->sources->list, source)
		if (source->missed)
			return; /* what is told may lie there */
	DL_FOREACH(init->sources->told, told)
		if (told_best(init->sources, told->name) == 0 && strv_add(&names, told->name) < 0)
			break;
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		told_settle(init, names[i], false);
}

void
told_deinit(struct sources *s)
{
	struct told *told, *next;

	DL_FOREACH_SAFE(s->told, told, next)
		told_forget(s, told);
	map_deinit(&s->told_by_name);
}
