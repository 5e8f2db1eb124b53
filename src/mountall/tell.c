/* SPDX-License-Identifier: MIT */
#include "mountall/tell.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "libupstart/upstart.h"

struct tell {
	struct upstart *conn; /* owned */
	void (*net_up)(void *data);
	void (*skip)(void *data);
	void *data;
};

static void
signal_cb(const struct upstart_signal *signal, void *data)
{
	const struct tell *t = data;

	if (signal->type != UPSTART_SIGNAL_EVENT)
		return;
	if (strcmp(signal->text, "net-device-up") == 0)
		t->net_up(t->data);
	else if (strcmp(signal->text, "keyboard-request") == 0)
		t->skip(t->data);
}

struct tell *
tell_new(void (*net_up)(void *data), void (*skip)(void *data), void *data)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct tell *t = calloc(1, sizeof(*t));
	int r = -1;

	if (t == NULL)
		return NULL;
	t->net_up = net_up;
	t->skip = skip;
	t->data = data;
	if (upstart_connect(&t->conn, UPSTART_PRIVATE, getenv("UPSTART_SESSION"), &err) == 0)
		r = upstart_subscribe(t->conn, signal_cb, t, &err);
	if (r == 0)
		return t;
	log_warn("Nobody is told of what is mounted: %s", err.text != NULL ? err.text : "out of memory");
	upstart_error_clear(&err);
	return tell_free(t);
}

struct tell *
tell_free(struct tell *t)
{
	if (t != NULL)
		upstart_free(t->conn);
	free(t);
	return NULL;
}

void
tell_event(struct tell *t, const char *event)
{
	struct upstart_error err = UPSTART_ERROR_INIT;

	log_info("%s", event);
	if (t == NULL)
		return;
	if (upstart_emit(t->conn, event, NULL, false, &err) < 0)
		log_error("Unable to tell init of %s: %s", event, err.text);
	upstart_error_clear(&err);
}

int
tell_fd(const struct tell *t, short *events)
{
	*events = t != NULL ? (short) upstart_events(t->conn) : 0;
	return t != NULL ? upstart_fd(t->conn) : -1;
}

void
tell_read(struct tell *t)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	int r = upstart_dispatch(t->conn, 0, &err);

	/* An event may have passed unheard meanwhile: it is only tried once more. */
	if (r == 1)
		t->net_up(t->data);
	upstart_error_clear(&err);
}
