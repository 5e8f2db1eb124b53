/* SPDX-License-Identifier: MIT */
#include "init/events.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "init/crash.h"
#include "init/own.h"
#include "init/reexec.h"
#include "init/servants.h"
#include "init/shutdown.h"
#include "init/sources.h"
#include "system/signals.h"

static void
on_child(struct init *init)
{
	init->children_due = true;
}

static void
on_reload(struct init *init)
{
	sources_reload(init);
}

/* PID 1: the next image; a session: its end. */
static void
on_term(struct init *init)
{
	if (!init_is_session(init)) {
		log_warn("Re-executing %s", init->argv[0]);
		reexec_begin(init);
		return;
	}
	own_session_end(init);
}

static void
on_reconnect(struct init *init)
{
	servants_join_bus(init, BUS_RECONNECT);
}

/* Pressed again on the way down, it means that somebody has waited long enough. */
static void
on_interrupt(struct init *init)
{
	if (!shutdown_skip(init))
		own_emit(init, "control-alt-delete");
}

static void
on_keyboard(struct init *init)
{
	own_emit(init, "keyboard-request");
}

static void
on_power(struct init *init)
{
	own_emit(init, "power-status-changed");
}

#define IN_SYSTEM 1u
#define IN_TEST 2u
#define IN_USER 4u
#define IN_CONTAINER 8u
#define NOT_IN_CONTAINER (IN_SYSTEM | IN_TEST | IN_USER)
#define EVERYWHERE (NOT_IN_CONTAINER | IN_CONTAINER)
#define HALT (-1) /* what systemd in a container is told to halt by: a real-time signal, no constant */

static const struct {
	int number;
	unsigned where; /* elsewhere the default action stays */
	void (*fn)(struct init *init);
} rows[] = {
	{ SIGCHLD, EVERYWHERE, on_child },   { SIGHUP, EVERYWHERE, on_reload },
	{ SIGTERM, NOT_IN_CONTAINER, on_term },
	{ SIGUSR1, IN_SYSTEM | IN_CONTAINER | IN_TEST, on_reconnect },
	{ SIGINT, IN_SYSTEM, on_interrupt }, { SIGWINCH, IN_SYSTEM, on_keyboard },
#ifdef SIGPWR
	{ SIGPWR, IN_SYSTEM | IN_CONTAINER, on_power },
#endif
	{ SIGTERM, IN_CONTAINER, shutdown_begin },
	{ SIGINT, IN_CONTAINER, shutdown_begin },
#ifdef SIGRTMIN
	{ HALT, IN_CONTAINER, shutdown_begin },
#endif
};

static int
number_of(size_t i)
{
#ifdef SIGRTMIN
	if (rows[i].number == HALT)
		return SIGRTMIN + 3;
#endif
	return rows[i].number;
}

static bool
is_handled(const struct init *init, size_t i)
{
	static const unsigned bits[] = { [MODE_SYSTEM] = IN_SYSTEM, [MODE_USER] = IN_USER, [MODE_SESSION] = IN_TEST };

	return (rows[i].where & (init->container ? IN_CONTAINER : bits[init->mode])) != 0;
}

static void
signal_cb(unsigned events, void *data)
{
	struct init *init = data;
	int number;

	(void) events;
	while ((number = signals_read(init->signal_fd)) > 0) {
		crash_signal_in_hand(number);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (number_of(i) == number && is_handled(init, i))
				rows[i].fn(init);
		crash_signal_in_hand(0);
	}
}

int
events_init(struct init *init)
{
	int list[ARRAY_SIZE(rows)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_handled(init, i))
			list[n++] = number_of(i);
	init->signal_fd = signals_open(list, n);
	if (init->signal_fd < 0)
		return init->signal_fd;
	/* A session must survive what system inits are sent (control.md 1.4). */
	if (init_is_session(init)) {
		signals_ignore(SIGUSR1);
		signals_ignore(SIGUSR2);
	}
	init->signal_source = loop_fd_new(init->loop, init->signal_fd, LOOP_READ, signal_cb, init);
	return init->signal_source != NULL ? 0 : -ENOMEM;
}

void
events_deinit(struct init *init)
{
	init->signal_source = loop_fd_free(init->signal_source);
	if (init->signal_fd >= 0)
		(void) close(init->signal_fd);
	init->signal_fd = -1;
}
