/* SPDX-License-Identifier: MIT */
/*
 * The table is never given back, but only the pages of it that are used are there. When it is full, or the block is not small,
 * malloc() serves.
 */
#include "control/slots.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 16384 /* as many as there may be descriptors: FD_LIMIT in control.c */

union slot {
	union slot *next; /* while it is free */
	_Alignas(SLOT_SIZE) unsigned char bytes[SLOT_SIZE];
};

/* libevent's functions have no argument to hang this from. */
static union slot slots[SLOTS];
static union slot *unused; /* those that were in use once */
static size_t touched;	   /* so many were ever in use */

bool
slots_hold(const void *p)
{
	uintptr_t at = (uintptr_t) p;

	return at >= (uintptr_t) slots && at < (uintptr_t) (slots + SLOTS);
}

void *
slots_malloc(size_t n)
{
	union slot *slot = unused;

	if (n > SLOT_SIZE)
		return malloc(n);
	if (slot != NULL)
		unused = slot->next;
	else if (touched < SLOTS)
		slot = &slots[touched++];
	else
		return malloc(n);
	return slot;
}

void
slots_free(void *p)
{
	union slot *slot = p;

	if (!slots_hold(p)) {
		free(p);
		return;
	}
	slot->next = unused;
	unused = slot;
}

void *
slots_realloc(void *p, size_t n)
{
	void *more;

	if (!slots_hold(p))
		return p == NULL ? slots_malloc(n) : realloc(p, n);
	if (n <= SLOT_SIZE)
		return p;
	more = malloc(n);
	if (more == NULL)
		return NULL;
	memcpy(more, p, SLOT_SIZE);
	slots_free(p);
	return more;
}

void
slots_prepare(void)
{
	event_set_mem_functions(slots_malloc, slots_realloc, slots_free);
}
