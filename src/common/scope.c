/* SPDX-License-Identifier: MIT */
#include "common/scope.h"

#include <string.h>

#define SEPARATOR "//"

/* Where the separator stands; NULL: it is the name of a job of the machine. */
static const char *
separator(const char *name)
{
	return name[0] == '/' ? strstr(name, SEPARATOR) : NULL;
}

const char *
scope_plain(const char *name)
{
	const char *at = separator(name);

	return at != NULL ? at + strlen(SEPARATOR) : name;
}

struct span
scope_root(const char *name)
{
	const char *at = separator(name);

	return at != NULL ? (struct span){ name, (size_t) (at - name) } : (struct span){ NULL, 0 };
}

char *
scope_join(struct span root, const char *name)
{
	return root.n == 0 ? strdup(name) : str_printf("%.*s" SEPARATOR "%s", (int) root.n, root.p, name);
}
