/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * D-Bus signals: init's notices, sent to every private client and to the bus (control.md 7).
 */

#include "control/call.h"

void notify_clients(struct control *control, const struct msg_notify *notify);
/*
 * The signals that came with Upstart 2 (EventQueued, PropertiesChanged, InterfacesAdded and InterfacesRemoved) go to those
 * only who have asked for them, by Subscribe or GetManagedObjects: others may rely on getting what they know.
 */
void notify_subscribe(struct call *call);
/* The caller is a subscriber from now on, and init knows. False: out of memory; the call has been answered. */
bool notify_add_subscriber(struct call *call);
/* Somebody has come or gone: tell init if that makes a difference. */
void notify_audience(struct control *control);
bool notify_has_subscribers(const struct control *control, struct span root);
/* Send one of those to all of a session who have asked; the message's reference is taken. NULL: out of memory. */
void notify_subscribers(struct control *control, struct span root, DBusMessage *message);
/* A property of the manager that a client has changed. */
void notify_log_priority(struct control *control, const char *priority);
void notify_restarted(struct control *control);
