/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Telling all who are logged in (control.md 12.4).
 */

/*
 * Write `text` with a heading that names the sender to the terminal of each user in the utmp file. Does not wait: a
 * child does it, and a terminal that takes nothing for two seconds is passed over. Nothing that fails is worth a message.
 */
void wall_broadcast(const char *utmp, const char *text);
