/* SPDX-License-Identifier: MIT */
#include "common/log_file.h"

#include <stdio.h>
#include <string.h>

#include "common/str.h"

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

char *
log_old_name(const char *path, unsigned number, const char *end)
{
	return str_printf("%s.%u%s", path, number, end);
}

/* -- where a compressed file comes from -------------------------------------- */

#define FRAME_MAGIC 0x184d2a5eu /* one of the frames that zstd's format lets everybody skip */
#define FRAME_HEAD ((size_t) 8) /* magic and size */
#define FRAME_TAG "UpLogOrg"
#define FRAME_TAG_SIZE (sizeof(FRAME_TAG) - 1)

/* Little-endian, as all of zstd's format is. */
static void
put_number(char *p, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (char) (unsigned char) (value >> (8 * i));
}

static uint64_t
get_number(const char *p, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t) (unsigned char) p[i] << (8 * i);
	return value;
}

void
log_origin_put(char frame[LOG_ORIGIN_SIZE], const struct log_origin *origin)
{
	put_number(frame, 4, FRAME_MAGIC);
	put_number(frame + 4, 4, LOG_ORIGIN_SIZE - FRAME_HEAD);
	memcpy(frame + FRAME_HEAD, FRAME_TAG, FRAME_TAG_SIZE);
	put_number(frame + FRAME_HEAD + FRAME_TAG_SIZE, 8, origin->dev);
	put_number(frame + FRAME_HEAD + FRAME_TAG_SIZE + 8, 8, origin->ino);
}

bool
log_origin_get(const char *p, size_t n, struct log_origin *origin)
{
	if (n != LOG_ORIGIN_SIZE || get_number(p, 4) != FRAME_MAGIC ||
	    get_number(p + 4, 4) != LOG_ORIGIN_SIZE - FRAME_HEAD ||
	    memcmp(p + FRAME_HEAD, FRAME_TAG, FRAME_TAG_SIZE) != 0)
		return false;
	origin->dev = get_number(p + FRAME_HEAD + FRAME_TAG_SIZE, 8);
	origin->ino = get_number(p + FRAME_HEAD + FRAME_TAG_SIZE + 8, 8);
	return true;
}
