/* SPDX-License-Identifier: MIT */
/*
 * A ring of answers, oldest overwritten first, with a chained hash over it: links are places in
 * the ring, so that nothing is allocated after the start.
 */
#include "spawner/answers.h"

#include <stdlib.h>

#define NOBODY UINT16_MAX

struct answers {
	struct answer ring[ANSWERS_MAX];
	uint16_t next[ANSWERS_MAX];  /* in the same bucket */
	uint16_t first[ANSWERS_MAX]; /* by bucket */
	uint32_t used;
	uint32_t at; /* the place that is written next */
};

_Static_assert((ANSWERS_MAX & (ANSWERS_MAX - 1)) == 0 && ANSWERS_MAX < NOBODY, "places are uint16_t, buckets a mask");

static uint32_t
bucket_of(uint64_t process)
{
	/* Ids are counted up: their low bits spread by themselves. */
	return (uint32_t) (process ^ (process >> 32)) & (ANSWERS_MAX - 1);
}

struct answers *
answers_new(void)
{
	struct answers *a = malloc(sizeof(*a)); /* not cleared: places without an answer take no memory */

	if (a == NULL)
		return NULL;
	a->used = a->at = 0;
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		a->first[i] = NOBODY;
	return a;
}

struct answers *
answers_free(struct answers *a)
{
	free(a);
	return NULL;
}

const struct answer *
answers_find(const struct answers *a, uint64_t process)
{
	uint16_t i = a->first[bucket_of(process)];

	while (i != NOBODY && a->ring[i].process != process)
		i = a->next[i];
	return i != NOBODY ? &a->ring[i] : NULL;
}

/* Take the answer at a place out of its bucket. */
static void
forget(struct answers *a, uint16_t place)
{
	uint16_t *link = &a->first[bucket_of(a->ring[place].process)];

	while (*link != NOBODY && *link != place)
		link = &a->next[*link];
	if (*link == place)
		*link = a->next[place];
}

void
answers_add(struct answers *a, const struct answer *answer)
{
	uint16_t place = (uint16_t) a->at;
	uint16_t *first = &a->first[bucket_of(answer->process)];

	if (a->used == ANSWERS_MAX)
		forget(a, place);
	else
		a->used++;
	a->ring[place] = *answer;
	a->next[place] = *first;
	*first = place;
	a->at = (a->at + 1) & (ANSWERS_MAX - 1);
}
