/* SPDX-License-Identifier: MIT */
/*
 * A DBusWatch becomes an event on its descriptor, a DBusTimeout a timer, and the
 * connection's dispatch status an event that is activated when messages wait. The events of watches
 * and timeouts belong to libdbus (set_data with a free function); the dispatch event belongs to struct watch.
 */
#include "bus/watch.h"

#include <errno.h>
#include <stdbool.h>

#define DISPATCH_TURN 32	  /* messages of one connection handled before others get their turn */
#define MEMORY_RETRY_USEC 100000L /* pause before a message is tried again that memory was lacking for */

struct watch {
	DBusConnection *dbus;	/* ref */
	struct event *dispatch; /* owned */
	bool running;		/* in dispatch_cb() */
	bool closed;		/* free when that returns */
};

static void
free_event(void *event)
{
	event_free(event);
}

/* -- watches ------------------------------------------------------------------ */

static void
watch_cb(evutil_socket_t fd, short what, void *data)
{
	DBusWatch *watch = data;
	unsigned flags = 0;

	if (what & EV_READ)
		flags |= DBUS_WATCH_READABLE;
	if (what & EV_WRITE)
		flags |= DBUS_WATCH_WRITABLE;
	/* False means out of memory; the descriptor stays ready, so it is tried again. */
	(void) dbus_watch_handle(watch, flags);
}

static dbus_bool_t
add_watch_cb(DBusWatch *watch, void *data)
{
	struct event_base *base = data;
	unsigned flags = dbus_watch_get_flags(watch);
	short what = EV_PERSIST;
	struct event *event;

	if (flags & DBUS_WATCH_READABLE)
		what |= EV_READ;
	if (flags & DBUS_WATCH_WRITABLE)
		what |= EV_WRITE;
	event = event_new(base, dbus_watch_get_unix_fd(watch), what, watch_cb, watch);
	if (event == NULL)
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

	if (event == NULL)
		return;
	if (dbus_watch_get_enabled(watch))
		(void) event_add(event, NULL);
	else
		(void) event_del(event);
}

/* -- timeouts ----------------------------------------------------------------- */

static void
arm_timeout(DBusTimeout *timeout, struct event *event)
{
	int ms = dbus_timeout_get_interval(timeout);
	struct timeval tv = { ms / 1000, (suseconds_t) (ms % 1000) * 1000 };

	(void) event_add(event, &tv);
}

static void
timeout_cb(evutil_socket_t fd, short what, void *data)
{
	DBusTimeout *timeout = data;
	struct event *event = dbus_timeout_get_data(timeout);

	/* Armed again first: handling it may remove it. */
	if (event != NULL && dbus_timeout_get_enabled(timeout))
		arm_timeout(timeout, event);
	(void) dbus_timeout_handle(timeout);
}

static dbus_bool_t
add_timeout_cb(DBusTimeout *timeout, void *data)
{
	struct event *event = event_new(data, -1, 0, timeout_cb, timeout);

	if (event == NULL)
		return FALSE;
	dbus_timeout_set_data(timeout, event, free_event);
	if (dbus_timeout_get_enabled(timeout))
		arm_timeout(timeout, event);
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

	if (event == NULL)
		return;
	(void) event_del(event);
	if (dbus_timeout_get_enabled(timeout))
		arm_timeout(timeout, event);
}

/* -- dispatch ----------------------------------------------------------------- */

static void
dispatch_cb(evutil_socket_t fd, short what, void *data)
{
	struct watch *watch = data;
	DBusDispatchStatus status = dbus_connection_get_dispatch_status(watch->dbus);

	watch->running = true;
	for (int i = 0; i < DISPATCH_TURN && status == DBUS_DISPATCH_DATA_REMAINS && !watch->closed; i++)
		status = dbus_connection_dispatch(watch->dbus);
	watch->running = false;
	if (watch->closed) {
		(void) watch_free(watch);
	} else if (status == DBUS_DISPATCH_DATA_REMAINS) {
		event_active(watch->dispatch, EV_TIMEOUT, 0);
	} else if (status == DBUS_DISPATCH_NEED_MEMORY) {
		const struct timeval pause = { 0, MEMORY_RETRY_USEC };

		(void) event_add(watch->dispatch, &pause);
	}
}

/* Called by the library in the middle of anything: only note that there is work. */
static void
status_cb(DBusConnection *dbus, DBusDispatchStatus status, void *data)
{
	struct watch *watch = data;

	if (status != DBUS_DISPATCH_COMPLETE)
		event_active(watch->dispatch, EV_TIMEOUT, 0);
}

struct watch *
watch_connection(struct event_base *base, DBusConnection *dbus)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->dbus = dbus_connection_ref(dbus);
	watch->dispatch = event_new(base, -1, 0, dispatch_cb, watch);
	if (watch->dispatch == NULL ||
	    !dbus_connection_set_watch_functions(dbus, add_watch_cb, remove_watch_cb, toggle_watch_cb, base, NULL) ||
	    !dbus_connection_set_timeout_functions(dbus, add_timeout_cb, remove_timeout_cb, toggle_timeout_cb, base,
						   NULL))
		return watch_free(watch);
	dbus_connection_set_dispatch_status_function(dbus, status_cb, watch, NULL);
	status_cb(dbus, dbus_connection_get_dispatch_status(dbus), watch);
	return watch;
}

struct watch *
watch_free(struct watch *watch)
{
	if (watch == NULL)
		return NULL;
	if (!watch->closed) {
		dbus_connection_set_dispatch_status_function(watch->dbus, NULL, NULL, NULL);
		(void) dbus_connection_set_watch_functions(watch->dbus, NULL, NULL, NULL, NULL, NULL);
		(void) dbus_connection_set_timeout_functions(watch->dbus, NULL, NULL, NULL, NULL, NULL);
	}
	watch->closed = true;
	if (watch->running)
		return NULL;
	if (watch->dispatch != NULL)
		event_free(watch->dispatch);
	dbus_connection_unref(watch->dbus);
	free(watch);
	return NULL;
}

int
watch_server(struct event_base *base, DBusServer *server)
{
	if (!dbus_server_set_watch_functions(server, add_watch_cb, remove_watch_cb, toggle_watch_cb, base, NULL) ||
	    !dbus_server_set_timeout_functions(server, add_timeout_cb, remove_timeout_cb, toggle_timeout_cb, base,
					       NULL))
		return -ENOMEM;
	return 0;
}
