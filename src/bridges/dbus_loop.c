/* SPDX-License-Identifier: MIT */
/*
 * libdbus hands out watches (a descriptor and what to wait for) and timeouts; each gets an event, which it owns through
 * its data pointer. Messages that were read are dispatched from an event of their own, never from inside libdbus, a
 * limited number at a time so that signals and the other connection get their turn.
 */
#include "bridges/dbus_loop.h"

#include <signal.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/macros.h"

#define MESSAGES_PER_TURN 64
#define NO_MEMORY_PAUSE_USEC 100000

struct dbus_loop {
	struct event_base *base; /* borrowed */
	DBusConnection *dbus;    /* ref */
	struct event *dispatch;  /* owned */
};

void
dbus_loop_prepare(void)
{
	if (setenv("DBUS_FATAL_WARNINGS", "0", 1) < 0)
		log_warn("Unable to tell the D-Bus library not to abort");
	dbus_connection_set_change_sigpipe(FALSE);
	(void) signal(SIGPIPE, SIG_IGN);
}

static void
free_event(void *event)
{
	event_free(event);
}

/* -- descriptors -------------------------------------------------------------- */

static void
watch_cb(evutil_socket_t fd, short what, void *data)
{
	unsigned int flags = 0;

	if (what & EV_READ)
		flags |= DBUS_WATCH_READABLE;
	if (what & EV_WRITE)
		flags |= DBUS_WATCH_WRITABLE;
	/* Without memory it is left undone, and the descriptor stays ready. */
	(void) dbus_watch_handle(data, flags);
}

static dbus_bool_t
add_watch_cb(DBusWatch *watch, void *data)
{
	struct dbus_loop *loop = data;
	unsigned int flags = dbus_watch_get_flags(watch);
	short what = EV_PERSIST;
	struct event *event;

	if (flags & DBUS_WATCH_READABLE)
		what |= EV_READ;
	if (flags & DBUS_WATCH_WRITABLE)
		what |= EV_WRITE;
	event = event_new(loop->base, dbus_watch_get_unix_fd(watch), what, watch_cb, watch);
	if (!event)
		return FALSE;
	if (dbus_watch_get_enabled(watch) && event_add(event, NULL) < 0) {
		event_free(event);
		return FALSE;
	}
	dbus_watch_set_data(watch, event, free_event);
	return TRUE;
}

static void
remove_watch_cb(DBusWatch *watch, void *data)
{
	dbus_watch_set_data(watch, NULL, NULL);
}

static void
toggle_watch_cb(DBusWatch *watch, void *data)
{
	struct event *event = dbus_watch_get_data(watch);

	if (!event)
		return;
	if (!dbus_watch_get_enabled(watch))
		(void) event_del(event);
	else if (event_add(event, NULL) < 0)
		log_warn("Unable to wait for D-Bus messages");
}

/* -- timeouts ----------------------------------------------------------------- */

static void
start_timeout(DBusTimeout *timeout, struct event *event)
{
	int ms = dbus_timeout_get_interval(timeout);
	const struct timeval interval = { ms / 1000, (suseconds_t) (ms % 1000) * 1000 };

	(void) event_add(event, &interval);
}

static void
timeout_cb(evutil_socket_t fd, short what, void *data)
{
	(void) dbus_timeout_handle(data);
}

static dbus_bool_t
add_timeout_cb(DBusTimeout *timeout, void *data)
{
	struct dbus_loop *loop = data;
	struct event *event = event_new(loop->base, -1, EV_PERSIST, timeout_cb, timeout);

	if (!event)
		return FALSE;
	if (dbus_timeout_get_enabled(timeout))
		start_timeout(timeout, event);
	dbus_timeout_set_data(timeout, event, free_event);
	return TRUE;
}

static void
remove_timeout_cb(DBusTimeout *timeout, void *data)
{
	dbus_timeout_set_data(timeout, NULL, NULL);
}

static void
toggle_timeout_cb(DBusTimeout *timeout, void *data)
{
	struct event *event = dbus_timeout_get_data(timeout);

	if (!event)
		return;
	if (dbus_timeout_get_enabled(timeout))
		start_timeout(timeout, event);
	else
		(void) event_del(event);
}

/* -- messages ----------------------------------------------------------------- */

static void
dispatch_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval pause = { 0, NO_MEMORY_PAUSE_USEC };
	struct dbus_loop *loop = data;
	DBusDispatchStatus status = dbus_connection_get_dispatch_status(loop->dbus);

	for (int i = 0; i < MESSAGES_PER_TURN && status == DBUS_DISPATCH_DATA_REMAINS; i++)
		status = dbus_connection_dispatch(loop->dbus);
	if (status == DBUS_DISPATCH_DATA_REMAINS)
		event_active(loop->dispatch, EV_TIMEOUT, 0);
	else if (status == DBUS_DISPATCH_NEED_MEMORY)
		(void) event_add(loop->dispatch, &pause);
}

/* Called from anywhere inside libdbus: no more than a note that there is work. */
static void
status_cb(DBusConnection *dbus, DBusDispatchStatus status, void *data)
{
	struct dbus_loop *loop = data;

	if (status != DBUS_DISPATCH_COMPLETE)
		event_active(loop->dispatch, EV_TIMEOUT, 0);
}

struct dbus_loop *
dbus_loop_attach(struct event_base *base, DBusConnection *dbus)
{
	struct dbus_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->base = base;
	loop->dbus = dbus_connection_ref(dbus);
	loop->dispatch = event_new(base, -1, 0, dispatch_cb, loop);
	if (!loop->dispatch ||
	    !dbus_connection_set_watch_functions(dbus, add_watch_cb, remove_watch_cb, toggle_watch_cb, loop, NULL) ||
	    !dbus_connection_set_timeout_functions(dbus, add_timeout_cb, remove_timeout_cb, toggle_timeout_cb, loop,
						   NULL))
		return dbus_loop_detach(loop);
	dbus_connection_set_dispatch_status_function(dbus, status_cb, loop, NULL);
	status_cb(dbus, dbus_connection_get_dispatch_status(dbus), loop);
	return loop;
}

struct dbus_loop *
dbus_loop_detach(struct dbus_loop *loop)
{
	if (!loop)
		return NULL;
	dbus_connection_set_dispatch_status_function(loop->dbus, NULL, NULL, NULL);
	(void) dbus_connection_set_watch_functions(loop->dbus, NULL, NULL, NULL, NULL, NULL);
	(void) dbus_connection_set_timeout_functions(loop->dbus, NULL, NULL, NULL, NULL, NULL);
	if (loop->dispatch)
		event_free(loop->dispatch);
	dbus_connection_unref(loop->dbus);
	free(loop);
	return NULL;
}
