/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who is behind a unique name on the bus.
 *
 * Names are never used twice while the bus lives, so that an answer stays true; the newest few are remembered.
 */

#include "control/peer.h"

struct senders;

struct senders *senders_new(void); /* NULL: out of memory */
/* Cancels open questions and forgets what waits. Takes NULL, returns NULL. */
struct senders *senders_free(struct senders *senders);

/* Dispatch a call that came over the bus as soon as its sender's credentials are known, or can't be. */
DBusHandlerResult sender_method_call(struct senders *senders, struct peer *bus, DBusMessage *message);
