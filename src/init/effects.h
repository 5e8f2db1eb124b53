/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Effects that init carries out itself (signals, timers, lines, descriptors, the end), and those it hands to control.
 */

#include "init/init.h"

/* 0, or a negative errno: to be tried again. */
int must_check effect_local(struct init *init, const struct effect *e);
/* REPLY and NOTIFY, which are control's. 0, or a negative errno: later. */
int must_check effect_control(struct init *init, const struct effect *e);
