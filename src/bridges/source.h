/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The events of another init: what upstart-event-bridge forwards (bridges.md 7.1, 7.2).
 *
 * They come over the system bus, from whoever owns com.ubuntu.Upstart there, or from a private socket. On a bus only
 * the events that are wanted wake us. A source that is lost is tried again for ever.
 */

#include <event2/event.h>

#include "common/error.h"
#include "common/str.h"

struct source;

struct source_ops {
	void (*event)(void *data, const char *name, char *const *env);
	void (*restarted)(void *data); /* the other init has re-executed itself */
	void (*settled)(void *data);   /* once: it listens, or there is nobody to listen to yet */
};

/* What is to be heard of. */
struct source_want {
	bool all;
	char **names; /* owned: unless all, these events; no globs */
	bool restarted;
};

/* `address` NULL: the system bus; else a private socket, copied. `base` and `ops` are borrowed. NULL: out of memory. */
struct source *source_new(struct event_base *base, const char *address, const struct source_ops *ops, void *data);
struct source *source_free(struct source *source); /* takes NULL, returns NULL */

/* Begin. Nobody there is not an error; -EINVAL is: the address is none. */
int must_check source_start(struct source *source, struct error *err);

/* Takes over `want` and leaves it empty. May be called at any time. */
void source_set_want(struct source *source, struct source_want *want);
