/* SPDX-License-Identifier: MIT */
#include "logger/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".log"
#define HASH_DIGITS ((size_t) 32)
#define CUT_SIZE (LOG_NAME_MAX + 1)				      /* length of a cut name */
#define HEAD_SIZE (CUT_SIZE - 1 - HASH_DIGITS - (sizeof(SUFFIX) - 1)) /* what stays of it; "~" follows */

/* FNV-1a, and a second one that starts and mixes in another way: names are chosen by those who may start jobs. */
static void
hash(const char *name, uint64_t *a, uint64_t *b)
{
	*a = UINT64_C(0xcbf29ce484222325);
	*b = UINT64_C(0x9e3779b97f4a7c15);
	for (; *name != '\0'; name++) {
		*a = (*a ^ (unsigned char) *name) * UINT64_C(0x100000001b3);
		*b = (*b + (unsigned char) *name) * UINT64_C(0xbf58476d1ce4e5b9);
		*b ^= *b >> 29;
	}
}

static bool
is_inside_character(char c)
{
	return ((unsigned char) c & 0xc0) == 0x80;
}

char *
log_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t folder = (size_t) (name - path), head = HEAD_SIZE;
	uint64_t a, b;
	char *cut;

	if (strlen(name) <= LOG_NAME_MAX)
		return strdup(path);
	cut = malloc(folder + CUT_SIZE + 1);
	if (cut == NULL)
		return NULL;
	memcpy(cut, path, folder + HEAD_SIZE);
	while (head > 0 && is_inside_character(name[head]))
		head--; /* no half of a letter; the length stays, or the cut name might be another's */
	memset(cut + folder + head, '_', HEAD_SIZE - head);
	hash(name, &a, &b);
	(void) snprintf(cut + folder + HEAD_SIZE, CUT_SIZE + 1 - HEAD_SIZE, "~%016llx%016llx%s", (unsigned long long) a,
			(unsigned long long) b, SUFFIX);
	return cut;
}
