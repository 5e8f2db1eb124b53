/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The main process's connection to init: tells what is complete, and hears that a network interface is up.
 */

#include <stdbool.h>

struct tell;

/*
 * `net_up`, and `skip` when somebody asks at the keyboard, are called from within tell_read() and tell_event(). NULL: no init answers,
 * which is logged.
 */
struct tell *tell_new(void (*net_up)(void *data), void (*skip)(void *data), void *data);
struct tell *tell_free(struct tell *t); /* takes NULL, returns NULL */

/* Emit an event without waiting for what it starts. `t` NULL: nothing. */
void tell_event(struct tell *t, const char *event);

/* To be polled for `*events`; -1: nothing. */
int tell_fd(const struct tell *t, short *events);
/* Take in what init says. */
void tell_read(struct tell *t);
