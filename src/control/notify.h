/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * D-Bus signals: init's notices, sent to every private client and to the bus (control.md 7).
 */

#include "control/control.h"

void notify_clients(struct control *control, const struct msg_notify *notify);
void notify_restarted(struct control *control);
