/* SPDX-License-Identifier: MIT */
#include "control/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "control/bus.h"
#include "control/call.h"
#include "control/notify.h"
#include "control/words.h"

#define LINK_TURN 256 /* messages taken before clients get their turn */
#define SHORT_PAUSE_USEC 100000L

struct link {
	struct control *control; /* borrowed */
	struct ipc *ipc;	 /* owned */
	struct event *readable;	 /* owned */
	struct event *writable;	 /* owned */
	struct event *again;	 /* owned; a timer: the socket lacks something other than room, or this program memory */
	struct ipc_message held; /* owned: one that there was no memory to read; type 0: none */
	uint64_t seen;		 /* the highest effect id */
	uint64_t acknowledged;
};

/* Try again in a moment; at once if there is no memory to wait with. */
static void
try_again(const struct link *link)
{
	const struct timeval pause = { 0, SHORT_PAUSE_USEC };

	if (event_add(link->again, &pause) == 0)
		return;
	/* Nobody can be served without memory: nobody waits for longer than it lasts. */
	(void) usleep(SHORT_PAUSE_USEC);
	event_active(link->again, EV_TIMEOUT, 0);
}

/* Wait for room in the socket while something is queued. */
static void
update(const struct link *link)
{
	if (ipc_is_short(link->ipc))
		try_again(link);
	if (ipc_wants_write(link->ipc))
		(void) event_add(link->writable, NULL);
	else
		(void) event_del(link->writable);
}

static void
lost(const struct link *link)
{
	log_debug("The link to init is closed");
	(void) event_base_loopbreak(link->control->base);
}

static void
writable_cb(evutil_socket_t fd, short what, void *data)
{
	struct link *link = data;
	int r = ipc_flush(link->ipc);

	if (r == -EPIPE)
		lost(link);
	else if (r < 0)
		log_error("Unable to write to init: %s", strerror(-r));
	update(link);
}

int
link_send_request(struct link *link, const struct strbuf *body, const int *fds, size_t n_fds)
{
	int r = ipc_send_kept(link->ipc, MSG_REQUEST, body, fds, n_fds);

	update(link);
	return r;
}

int
link_send_said(struct link *link, const struct strbuf *body, int fd, uint64_t *number)
{
	int r = ipc_send_kept(link->ipc, MSG_SAID, body, &fd, fd >= 0 ? 1 : 0);

	*number = ipc_last_number(link->ipc);
	update(link);
	return r;
}

int
link_send_audience(struct link *link, bool subscribers)
{
	const struct msg_audience audience = { subscribers };
	int r = msg_send(link->ipc, MSG_AUDIENCE, 0, &audience, NULL, 0);

	update(link);
	return r;
}

int
link_send_query(struct link *link, const struct strbuf *body)
{
	int r = ipc_send(link->ipc, MSG_QUERY, 0, body, NULL, 0);

	update(link);
	return r;
}

/* Say what has been taken, so that init may forget it. */
static void
acknowledge(struct link *link)
{
	struct msg_ack ack = { .upto = link->seen };

	if (link->acknowledged == link->seen)
		return;
	if (msg_send(link->ipc, MSG_ACK, 0, &ack, NULL, 0) == 0)
		link->acknowledged = link->seen;
	update(link);
}

/* -- what init says ----------------------------------------------------------- */

/* As init itself does in a session: what is no warning goes to its output, as it is. */
static void
session_sink(enum log_level level, const char *text, void *data)
{
	const struct control *control = data;

	if (level <= LOG_LEVEL_MESSAGE)
		(void) dprintf(STDOUT_FILENO, "%s\n", text);
	else
		(void) dprintf(STDERR_FILENO, "%s: %s\n", control->program, text);
}

static void
take_hello(struct link *link, struct msg_hello *hello)
{
	struct control *control = link->control;
	int r;

	if (hello->program != NULL && hello->program[0] != '\0') {
		log_set_program(hello->program);
		free(control->program);
		control->program = steal(&hello->program);
		if (control->options.mode == MODE_USER)
			log_set_sink(session_sink, control);
	}
	if (hello->log_level >= 0 && hello->log_level < LOG_LEVEL_COUNT)
		log_set_level((enum log_level) hello->log_level);
	control->chroot_sessions = hello->chroot_sessions;
	r = ipc_resend(link->ipc, hello->received);
	if (r < 0 && r != -EPIPE)
		log_error("Unable to repeat requests to init: %s", strerror(-r));
	words_acknowledged(control, hello->received);
	link->acknowledged = 0; /* the new image may not have journaled our word: say it again */
	if (!control->serving) {
		/* Numbers must not repeat those of a control that died. */
		control->counter = hello->generation << 32;
		control_serve(control);
	} else {
		call_ask_again(control);
		if (hello->reexec)
			notify_restarted(control);
	}
	control->audience = true;
	notify_audience(control);
	update(link);
}

static void
take_bus(struct control *control, const struct msg_bus *bus)
{
	if (bus->what == BUS_JOIN)
		bus_told_to_join(control, bus->address);
	else if (bus->what == BUS_RECONNECT)
		bus_reconnect(control);
}

static void
take(struct link *link, uint32_t type, void *body, int fd)
{
	struct control *control = link->control;

	switch (type) {
	case MSG_HELLO:
		take_hello(link, body);
		break;
	case MSG_ACK:
		ipc_acknowledged(link->ipc, ((struct msg_ack *) body)->upto);
		words_acknowledged(control, ((struct msg_ack *) body)->upto);
		break;
	case MSG_REPLY:
		call_answered(control, body, fd);
		break;
	case MSG_NOTIFY:
		notify_clients(control, body);
		break;
	case MSG_BUS:
		take_bus(control, body);
		break;
	case MSG_LISTEN:
		words_listen(control, ((struct msg_listen *) body)->process, fd);
		break;
	case MSG_LISTEN_END:
		words_end(control, ((struct msg_listen *) body)->process);
		break;
	case MSG_DISBELIEVED:
		words_disbelieve(control, body);
		break;
	case MSG_SHUTDOWN:
		if (((struct msg_shutdown *) body)->why == SHUTDOWN_END)
			control_end(control);
		break;
	default:
		log_debug("Message %s from init is not for us", msg_type_name(type));
	}
}

union any_message {
	struct msg_hello hello;
	struct msg_ack ack;
	struct msg_spawn spawn;
	struct msg_spawned spawned;
	struct msg_request request;
	struct msg_reply reply;
	struct msg_notify notify;
	struct msg_bus bus;
	struct msg_shutdown shutdown;
	struct msg_log_open log_open;
	struct msg_log_flushed log_flushed;
	struct msg_listen listen;
	struct msg_said said;
	struct msg_disbelieved disbelieved;
};

/* 0, or -ENOMEM: it has to be taken later. */
static int
take_message(struct link *link, const struct ipc_message *m)
{
	/* An effect is handled once; ids ascend. */
	bool is_effect = (m->type == MSG_REPLY || m->type == MSG_NOTIFY) && m->id != 0;
	union any_message body;
	int r;

	if (!link->control->serving && m->type != MSG_HELLO) {
		log_error("Message %s from init before HELLO", msg_type_name(m->type));
		return 0;
	}
	if (is_effect && m->id <= link->seen)
		return 0;
	r = msg_decode(m, &body);
	if (r == -ENOMEM)
		return r;
	if (is_effect)
		link->seen = m->id;
	if (r < 0) {
		log_error("Unable to read message %s from init: %s", msg_type_name(m->type), strerror(-r));
		return 0;
	}
	take(link, m->type, &body, m->n_fds > 0 ? m->fds[0] : -1);
	msg_free(m->type, &body);
	return 0;
}

static void
readable_cb(evutil_socket_t fd, short what, void *data)
{
	struct link *link = data;
	int r = 1;

	for (int i = 0; i < LINK_TURN && (r > 0 || r == -EBADMSG); i++) {
		r = link->held.type != 0 ? 1 : ipc_receive(link->ipc, &link->held);
		if (r == -EBADMSG)
			log_error("A damaged message from init was thrown away");
		if (r <= 0)
			continue;
		r = take_message(link, &link->held);
		if (r < 0)
			break;
		ipc_message_deinit(&link->held);
		r = 1;
	}
	if (r == -ENOMEM) {
		/* Nothing that follows is taken before it: no use in being woken meanwhile. */
		(void) event_del(link->readable);
		try_again(link);
	}
	if (r < 0 && r != -EBADMSG && r != -ENOMEM) {
		if (r != -EPIPE)
			log_error("Unable to read from init: %s", strerror(-r));
		lost(link);
	} else {
		acknowledge(link);
	}
}

static void
again_cb(evutil_socket_t fd, short what, void *data)
{
	struct link *link = data;

	writable_cb(fd, what, data);
	if (event_add(link->readable, NULL) < 0)
		try_again(link);
	readable_cb(fd, what, data);
}

int
link_open(struct control *control, int fd)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		(void) close(fd);
		return -ENOMEM;
	}
	control->link = link;
	link->control = control;
	link->ipc = ipc_new(fd);
	if (link->ipc != NULL) {
		link->readable = event_new(control->base, fd, EV_READ | EV_PERSIST, readable_cb, link);
		link->writable = event_new(control->base, fd, EV_WRITE | EV_PERSIST, writable_cb, link);
		link->again = event_new(control->base, -1, 0, again_cb, link);
	}
	if (link->readable == NULL || link->writable == NULL || link->again == NULL || event_add(link->readable, NULL) < 0) {
		link_close(control);
		return -ENOMEM;
	}
	return 0;
}

void
link_close(struct control *control)
{
	struct link *link = control->link;

	if (link == NULL)
		return;
	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	if (link->again != NULL)
		event_free(link->again);
	ipc_message_deinit(&link->held);
	link->ipc = ipc_free(link->ipc);
	free(link);
	control->link = NULL;
}
