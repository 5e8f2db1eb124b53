/* SPDX-License-Identifier: MIT */
/*
 * Exported names that nothing sets. What an event brings cannot be known from the file, so that only jobs without
 * conditions are looked at; and one with `instance` or `usage` says itself that whoever starts it gives variables.
 */
#include "job/exports.h"

#include <errno.h>
#include <string.h>

#include "common/map.h"
#include "job/variables.h"

void
exports_deinit(struct exports *exports)
{
	free(exports->v);
	*exports = (struct exports){ 0 };
}

int
exports_add(struct exports *exports, const char *path, struct place at)
{
	if (exports->n == exports->cap) {
		size_t cap = exports->cap > 0 ? 2 * exports->cap : 4;
		struct export_place *grown = realloc(exports->v, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		exports->v = grown;
		exports->cap = cap;
	}
	exports->v[exports->n++] = (struct export_place){ path, at };
	return 0;
}

/* Put the names of KEY=VALUE, or KEY, into the map. 0 or -ENOMEM. */
static int
add_names(struct map *names, char *const *v)
{
	for (; v != NULL && *v != NULL; v++) {
		auto_free char *name = span_dup((struct span){ *v, strcspn(*v, "=") });

		if (name == NULL || map_put(names, name, names) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
exports_check(const struct exports *exports, const struct job_class *cls, struct parse_report *report)
{
	struct map names = MAP_INIT;
	int r;

	if (exports->n == 0 || cls->start_on != NULL || cls->while_on != NULL || *cls->instance != '\0' ||
	    cls->usage != NULL)
		return 0;
	r = add_names(&names, cls->env);
	if (r == 0)
		r = add_names(&names, cls->import);
	for (size_t i = 0; r == 0 && i < exports->n; i++) {
		const char *name = cls->export[i];
		const struct parse_fault fault = { .kind = FAULT_EXPORT_UNSET,
						   .at = exports->v[i].at,
						   .word = span_of(name) };

		if (strchr(name, '=') == NULL && !variables_is_given(span_of(name)) && map_get(&names, name) == NULL)
			r = report_add(report, exports->v[i].path, &fault);
	}
	map_deinit(&names);
	return r;
}
