/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sends the queued events to init, in order, and makes sure that a lost connection loses none.
 *
 * An Upstart 2 init knows a request again by its token: what was not answered when the connection was lost is sent once
 * more. An older one would carry it out twice, so there it is given up.
 */

#include "bridges/peer.h"
#include "bridges/queue.h"

struct sender;

/* Called whenever nothing is left to send or to wait for. May be NULL. */
typedef void (*sender_idle_fn)(void *data);

/* All are borrowed; `peer` is the connection to init. NULL: out of memory. */
struct sender *sender_new(struct event_base *base, struct peer *peer, struct queue *queue, sender_idle_fn idle,
			  void *data);
struct sender *sender_free(struct sender *sender); /* after the peer; takes NULL, returns NULL */

/* To be called when the peer is up, when it is down, and when something was queued (or dropped). */
void sender_up(struct sender *sender);
void sender_down(struct sender *sender);
void sender_pump(struct sender *sender);
