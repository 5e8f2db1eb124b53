/* SPDX-License-Identifier: MIT */
/*
 * One row of the table per servant. A servant that ends is started again at once, then, while it keeps ending
 * soon after its start, after 0.1 s doubling to 10 s.
 */
#include "init/servants.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "common/backoff.h"
#include "init/brain.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/logs.h"
#include "init/owed.h"
#include "init/own.h"
#include "init/scopes.h"
#include "init/servant_exec.h"
#include "init/servant_state.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/word.h"
#include "system/clock.h"
#include "system/memfile.h"

#define DELAY_FIRST (100 * USEC_PER_MSEC)
#define DELAY_MAX (10 * USEC_PER_SEC)
#define SHORT_LIFE (10 * USEC_PER_SEC) /* an end before that counts as a failure */
#define HOPELESS 3		       /* so many in a row */
#define RETRY (100 * USEC_PER_MSEC)    /* a message that found no memory */
#define MESSAGES_PER_TURN 64
#define PATIENCE (30 * USEC_PER_SEC)	    /* a servant that owes an answer for so long hangs */
#define CUT_MAX 20			    /* so often in a row a message is asked for again */
#define GARBAGE_MAX 100			    /* what it may send in a row that is nothing */
#define QUEUED_BYTES_MAX (64 * 1024 * 1024) /* a servant that leaves so much unread hangs */

/* 0, or a negative errno: again later. */
typedef int handle_fn(struct servant *s, struct ipc_message *m);

static handle_fn on_spawned, on_log_ended, on_log_flushed, on_request, on_query, on_ack, on_said, on_audience;

struct handler {
	uint32_t type;
	bool kept; /* numbered: to be acknowledged */
	handle_fn *fn;
};

static const struct handler spawner_handlers[] = {
	{ MSG_SPAWNED, true, on_spawned },
	{ MSG_ACK, false, NULL },
	{ 0 },
};
static const struct handler logger_handlers[] = {
	{ MSG_LOG_ENDED, true, on_log_ended },
	{ MSG_LOG_FLUSHED, true, on_log_flushed },
	{ MSG_ACK, false, NULL },
	{ 0 },
};
static const struct handler control_handlers[] = {
	{ MSG_REQUEST, true, on_request },
	{ MSG_QUERY, false, on_query },
	{ MSG_SAID, true, on_said },
	{ MSG_AUDIENCE, false, on_audience },
	{ MSG_ACK, false, on_ack },
	{ 0 },
};

static const struct handler *const handlers[SERVANT_COUNT] = {
	[SERVANT_SPAWNER] = spawner_handlers,
	[SERVANT_LOGGER] = logger_handlers,
	[SERVANT_CONTROL] = control_handlers,
};

static void readable_cb(unsigned events, void *data);
static void timer_cb(void *data);
static void patience_cb(void *data);

int
servants_init(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		struct servant *s = &init->servants[i];

		s->id = (enum servant_id) i;
		s->init = init;
		s->loaded_fd = -1;
		s->timer = loop_timer_new(init->loop, timer_cb, s);
		s->patience = loop_timer_new(init->loop, patience_cb, s);
		if (s->timer == NULL || s->patience == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* Noted before it is closed: the next image would take the number of something else for it. */
static void
close_link(struct servant *s)
{
	struct ipc *ipc = s->ipc;

	s->source = loop_fd_free(s->source);
	s->ipc = NULL;
	if (ipc != NULL)
		servant_note(s);
	(void) ipc_free(ipc);
	ipc_message_deinit(&s->held);
	s->asked_at = 0;
	s->cut = 0;
	s->garbage = 0;
	s->again = s->resting = false;
}

void
servants_deinit(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		close_link(&init->servants[i]);
		init->servants[i].timer = loop_timer_free(init->servants[i].timer);
		init->servants[i].patience = loop_timer_free(init->servants[i].patience);
	}
}

bool
servants_present(const struct init *init, enum servant_id id)
{
	return init->servants[id].ipc != NULL;
}

bool
servants_told(const struct init *init, enum servant_id id)
{
	const struct servant *s = &init->servants[id];

	return s->ipc != NULL && ipc_queued_bytes(s->ipc) == 0;
}

bool
servants_hopeless(const struct init *init, enum servant_id id)
{
	const struct servant *s = &init->servants[id];

	return !servant_exists(id) || (s->failures >= HOPELESS && !s->proved);
}

/* -- starting ------------------------------------------------------------------------- */

static void
start_later(struct servant *s)
{
	if (s->init->phase >= PHASE_LEAVING || !servant_exists(s->id))
		return;
	loop_timer_set(s->timer, clock_now() + s->delay);
	s->delay = backoff_next(s->delay, DELAY_FIRST, DELAY_MAX);
}

void
servants_say_hello(struct init *init, enum servant_id id)
{
	struct servant *s = &init->servants[id];
	struct msg_hello hello = {
		.received = s->received,
		.generation = s->generation,
		.mode = init->mode,
		.log_level = (int32_t) init->level,
		.program = init->program,
		.reexec = init->again,
		.chroot_sessions = scopes_are_on(init),
	};

	s->deaf = false; /* until it says so */
	(void) !servants_send(init, id, MSG_HELLO, 0, &hello, NULL, 0);
}

void
servants_join_bus(struct init *init, uint32_t what)
{
	struct msg_bus bus = { .what = what, .address = init->bus_address };

	if (init->options.no_dbus)
		return;
	if (what == BUS_JOIN && init_is_session(init) && init->bus_address == NULL)
		return; /* a session joins the one it is told of */
	(void) !servants_send(init, SERVANT_CONTROL, MSG_BUS, 0, &bus, NULL, 0);
}

/* A servant is there, fresh or of before the re-exec: tell it who we are and what it is to do. */
static void
greet(struct servant *s, bool fresh)
{
	struct init *init = s->init;

	servants_say_hello(init, s->id);
	if (s->id == SERVANT_LOGGER) {
		logs_logger_came(init);
		clients_logger_came(init);
	} else if (s->id == SERVANT_CONTROL) {
		if (fresh)
			own_control(init, true);
		words_control_came(init);
		if (!fresh)
			owed_again(init); /* it has kept its connections, and the core its requests */
		servants_join_bus(init, BUS_JOIN); /* which one that has kept its bus ignores */
	} else {
		spawn_pump(init);
	}
}

static int
watch_link(struct servant *s)
{
	unsigned events = (s->resting ? 0 : LOOP_READ) | (ipc_wants_write(s->ipc) ? LOOP_WRITE : 0);

	if (s->source == NULL)
		s->source = loop_fd_new(s->init->loop, ipc_fd(s->ipc), events, readable_cb, s);
	else
		return loop_fd_want(s->source, events);
	return s->source != NULL ? 0 : -ENOMEM;
}

/* Our end of a new link, and the servant running at the other. 0 or a negative errno. */
static int
launch(struct servant *s)
{
	int fds[2];
	int r = ipc_pair(fds);
	pid_t pid;

	if (r < 0)
		return r;
	pid = servant_exec(s->init, s->id, fds[1]);
	(void) close(fds[1]);
	if (pid < 0) {
		(void) close(fds[0]);
		return (int) pid;
	}
	s->pid = pid;
	s->ipc = ipc_new(fds[0]);
	if (s->ipc == NULL || watch_link(s) < 0) {
		close_link(s); /* it sees the end of the link and leaves */
		return -ENOMEM;
	}
	return 0;
}

/* Nobody can say when it will be back: what waits for it goes on as it can. */
static void
do_without(struct servant *s)
{
	if (!servants_hopeless(s->init, s->id))
		return;
	if (s->id == SERVANT_SPAWNER)
		spawn_pump(s->init);
	else if (s->id == SERVANT_LOGGER)
		logs_do_without(s->init);
}

/* Have all jobs ended on the way down? Then the logger alone may have something left to do. */
static bool
is_needless(const struct servant *s)
{
	struct shutdown_view view;

	return s->id != SERVANT_LOGGER && shutdown_look_at(s->init->core, &view) && view.finished;
}

static void
start(struct servant *s)
{
	int r;

	if (s->ipc != NULL || s->pid != 0 || s->init->phase >= PHASE_LEAVING || !servant_exists(s->id) ||
	    is_needless(s))
		return;
	s->generation++;
	s->received = s->acked = 0;
	s->proved = false;
	s->started = clock_now();
	r = launch(s);
	if (r < 0) {
		servant_note(s);
		s->failures++;
		log_warn("Unable to start %s: %s", servant_name(s->id), strerror(-r));
		if (s->pid == 0)
			start_later(s);
		do_without(s);
		return;
	}
	greet(s, true);
	/* Noted last: a successor that does not know of it has cut its link, and starts another that is greeted. */
	servant_note(s);
}

/* Go on with one that an earlier image has started. */
static void
hear(struct servant *s)
{
	if (watch_link(s) == 0)
		greet(s, false);
	else
		loop_timer_set(s->timer, clock_now() + RETRY);
}

void
servants_start(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		struct servant *s = &init->servants[i];

		if (s->ipc == NULL)
			start(s);
		else
			hear(s);
	}
}

/* -- the end of one --------------------------------------------------------------------- */

/* Its link is broken. It is dead, or about to be. */
static void
lost(struct servant *s)
{
	struct init *init = s->init;
	bool innocent = s->garbage > GARBAGE_MAX; /* … are those who asked it for something */

	if (s->ipc == NULL)
		return;
	close_link(s);
	if (s->pid > 0 && init->phase < PHASE_LEAVING)
		(void) kill(s->pid, SIGKILL);
	if (s->id == SERVANT_CONTROL)
		clients_control_gone(init);
	if (s->id == SERVANT_CONTROL && init->phase < PHASE_LEAVING)
		own_control(init, false);
	if (s->id == SERVANT_SPAWNER)
		spawn_servant_gone(init, innocent);
}

bool
servants_exited(struct init *init, pid_t pid, int status)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		struct servant *s = &init->servants[i];
		bool soon = clock_now() - s->started < SHORT_LIFE;

		if (s->pid != pid)
			continue;
		if (init->phase < PHASE_LEAVING)
			log_warn("%s (%d) ended %s %d, starting it again", servant_name(s->id), (int) pid,
				 status >> 8 ? "by signal" : "with status", status >> 8 ? status >> 8 : status);
		s->failures = soon ? s->failures + 1 : 0;
		s->delay = s->failures <= 1 ? 0 : s->delay;
		s->pid = 0;
		lost(s);
		servant_note(s);
		start_later(s);
		do_without(s);
		return true;
	}
	return false;
}

static void
timer_cb(void *data)
{
	struct servant *s = data;

	if (s->ipc == NULL) {
		start(s);
		return;
	}
	if (s->source == NULL) {
		hear(s);
		return;
	}
	if (s->again) {
		s->again = false;
		servants_say_hello(s->init, s->id);
	}
	if (ipc_flush(s->ipc) == -EPIPE)
		lost(s);
	else
		readable_cb(LOOP_READ, s); /* a message may be held */
}

/* Something it should have answered was not: it hangs. All it was asked is asked again of the next one. */
static void
patience_cb(void *data)
{
	struct servant *s = data;
	usec_t now = clock_now();

	if (s->asked_at == 0 || s->ipc == NULL || s->init->phase >= PHASE_LEAVING)
		return;
	if (now < s->asked_at + PATIENCE) {
		loop_timer_set(s->patience, s->asked_at + PATIENCE);
		return;
	}
	log_error("%s (%d) does not answer, killing it", servant_name(s->id), (int) s->pid);
	lost(s);
}

/*
 * It has been given something that it must answer: an effect, or a wish that the logger says has come true. The answer
 * to a query is no effect, and nobody says that it came.
 */
static void
expect_answer(struct servant *s, uint32_t type, uint64_t effect)
{
	if (s->asked_at != 0 || (effect == 0 && type != MSG_LOG_FLUSH))
		return;
	s->asked_at = clock_now();
	if (!loop_timer_is_set(s->patience))
		loop_timer_set(s->patience, s->asked_at + PATIENCE);
}

/* -- messages ----------------------------------------------------------------------------- */

static int
on_spawned(struct servant *s, struct ipc_message *m)
{
	struct msg_spawned spawned;
	int r = msg_decode(m, &spawned);

	if (r < 0)
		return r;
	s->proved = true;
	s->failures = 0;
	r = spawn_answered(s->init, &spawned, m->fds, m->n_fds, m->id);
	msg_free(m->type, &spawned);
	return r;
}

static int
on_log_ended(struct servant *s, struct ipc_message *m)
{
	struct msg_log_ended ended;
	int r = msg_decode(m, &ended);

	if (r < 0)
		return r;
	logs_ended(s->init, ended.stream);
	msg_free(m->type, &ended);
	return 0;
}

static int
on_log_flushed(struct servant *s, struct ipc_message *m)
{
	struct msg_log_flushed flushed;
	int r = msg_decode(m, &flushed);

	if (r < 0)
		return r;
	clients_flushed(s->init, &flushed);
	msg_free(m->type, &flushed);
	return 0;
}

static int
on_request(struct servant *s, struct ipc_message *m)
{
	struct files files = { m->fds, m->n_fds };
	struct msg_request request;
	int r = msg_decode(m, &request);

	if (r < 0)
		return r;
	r = clients_request(s->init, &request, &files, m->id);
	msg_free(m->type, &request);
	return r;
}

static int
on_audience(struct servant *s, struct ipc_message *m)
{
	struct msg_audience audience;
	int r = msg_decode(m, &audience);

	if (r == 0)
		s->deaf = !audience.subscribers; /* nothing in it has to be freed */
	return r;
}

static int
on_query(struct servant *s, struct ipc_message *m)
{
	struct msg_request request;
	int r = msg_decode(m, &request);

	if (r < 0)
		return r;
	clients_query(s->init, &request);
	msg_free(m->type, &request);
	return 0;
}

/* A barrier that came along is closed with the message: what its sender said before has been heard. */
static int
on_said(struct servant *s, struct ipc_message *m)
{
	struct msg_said said;
	int r = msg_decode(m, &said);

	if (r < 0)
		return r;
	r = word_said(s->init, &said, m->id);
	msg_free(m->type, &said);
	return r;
}

/* control has taken effects. */
static int
on_ack(struct servant *s, struct ipc_message *m)
{
	struct input in = { .type = INPUT_ACK };
	struct brain *b = &s->init->brain;
	struct msg_ack ack;
	int r = msg_decode(m, &ack);

	if (r < 0)
		return r;
	/* What was never sent can't have been taken. */
	if (ack.upto > core_last_effect(s->init->core))
		ack.upto = core_last_effect(s->init->core);
	if (ack.upto > b->acked[TARGET_CONTROL]) {
		in.ack.target = TARGET_CONTROL;
		in.ack.upto = ack.upto;
		r = brain_feed(s->init, &in);
		if (r == 0)
			b->acked[TARGET_CONTROL] = ack.upto;
	}
	msg_free(m->type, &ack);
	return r;
}

/* What it says has not come whole. True if it is asked to say it again, soon. */
static bool
ask_again(struct servant *s, const char *why)
{
	if (++s->cut > CUT_MAX)
		return false;
	if (s->cut == 1)
		log_warn("%s: what %s sends is asked for again", why, servant_name(s->id));
	s->again = true;
	loop_timer_set(s->timer, clock_now() + RETRY);
	return true;
}

/* It has sent what is no message, or none of its own. 0, or -EPROTO: too much of it. */
static int
bear(struct servant *s)
{
	if (++s->garbage <= GARBAGE_MAX)
		return 0;
	log_error("%s (%d) sends garbage, killing it", servant_name(s->id), (int) s->pid);
	return -EPROTO;
}

/* It speaks the language. */
static void
trust(struct servant *s)
{
	s->proved = true;
	s->asked_at = 0;
	s->garbage = 0;
}

/*
 * It made init crash twice before anything of it was journaled. A request is answered; another servant than control can be
 * replaced, and is asked again for all it owes.
 */
static int
do_without_message(struct servant *s, struct ipc_message *m)
{
	struct msg_request request;
	int r;

	log_error("A %s message of %s made init crash twice and is left out", msg_type_name(m->type), servant_name(s->id));
	if (m->type == MSG_SAID)
		return 0;
	if (m->type != MSG_REQUEST)
		return -EPROTO;
	r = msg_decode(m, &request);
	if (r < 0)
		return r;
	clients_refuse(s->init, &request);
	msg_free(m->type, &request);
	return 0;
}

/*
 * Handle one message. 0: done with, whatever became of it; -EPROTO: the servant is of no use; another negative errno:
 * again later.
 */
static int
handle(struct servant *s, struct ipc_message *m)
{
	const struct handler *h = handlers[s->id];
	int r;

	while (h->type != m->type && h->type != 0)
		h++;
	if (h->type == 0) {
		log_warn("%s sent a message of type %s", servant_name(s->id), msg_type_name(m->type));
		return bear(s);
	}
	if (h->fn == NULL) {
		trust(s);
		return 0;
	}
	if (h->kept && m->id <= s->received)
		return 0; /* told again, because we hadn't said that we know */
	if (h->kept && m->id != s->received + 1)
		return 0; /* one before it was not taken: both come again */
	if (h->kept && m->lost_fds && ask_again(s, "Out of descriptors"))
		return 0;
	s->cut = 0;
	if (h->kept && crash_condemned(CRASH_MESSAGE(s->id, s->generation, m->id)) > 0) {
		r = do_without_message(s, m);
	} else {
		/* Until it is journaled it is what is in hand; then the input is. */
		crash_in_hand(h->kept ? CRASH_MESSAGE(s->id, s->generation, m->id) : 0);
		crash_at(h->kept ? msg_type_name(m->type) : "");
		r = h->fn(s, m);
		crash_in_hand(0);
	}
	if (r == -EBADMSG) {
		log_error("A %s message of %s is damaged", msg_type_name(m->type), servant_name(s->id));
		/* It would say the same again, and what it should have said somebody waits for. */
		return h->kept ? -EPROTO : bear(s);
	}
	if (r == 0)
		trust(s);
	if (r == 0 && h->kept && s->received < m->id) {
		s->received = m->id;
		STATE_NOTE(s->init, NOTE_RECEIVED, s->id, NULL, m->id);
	}
	return r;
}

/* Again after a while. More may lie in the link: to be called for that would be a busy loop. */
static void
rest(struct servant *s)
{
	s->resting = true;
	loop_timer_set(s->timer, clock_now() + RETRY);
	if (s->source != NULL)
		(void) !watch_link(s);
}

static void
readable_cb(unsigned events, void *data)
{
	struct servant *s = data;
	int r = 0;

	if (s->ipc == NULL)
		return;
	s->resting = false;
	if ((events & LOOP_WRITE) != 0)
		r = ipc_flush(s->ipc) == -EPIPE ? -EPIPE : 0;
	if (ipc_is_short(s->ipc) && !loop_timer_is_set(s->timer))
		loop_timer_set(s->timer, clock_now() + RETRY);
	for (int i = 0; r >= 0 && i < MESSAGES_PER_TURN && s->ipc != NULL; i++) {
		if (s->held.type == 0) {
			r = ipc_receive(s->ipc, &s->held);
			if (r == -EBADMSG) {
				(void) ask_again(s, "A damaged message");
				r = bear(s);
				continue;
			}
			if (r <= 0)
				break;
		}
		r = handle(s, &s->held);
		if (r == -EPROTO)
			break;
		if (r < 0) {
			rest(s);
			return;
		}
		ipc_message_deinit(&s->held);
	}
	if (r == -ENOMEM)
		rest(s);
	else if (r < 0)
		lost(s);
}

void
servants_listen(struct init *init, enum servant_id id)
{
	readable_cb(LOOP_READ, &init->servants[id]);
}

/* -- sending -------------------------------------------------------------------------------- */

int
servants_send(struct init *init, enum servant_id id, uint32_t type, uint64_t effect, const void *obj, const int *fds,
	      size_t n_fds)
{
	struct servant *s = &init->servants[id];
	int r;

	if (s->ipc == NULL)
		return -ENOTCONN;
	r = msg_send(s->ipc, type, effect, obj, fds, n_fds);
	if (r == -EPIPE) {
		/* Its death is on its way to us: all that follows from it is done then. */
		return -ENOTCONN;
	}
	if (r < 0)
		return r;
	expect_answer(s, type, effect);
	if (ipc_is_short(s->ipc) && !loop_timer_is_set(s->timer))
		loop_timer_set(s->timer, clock_now() + RETRY);
	else if (ipc_wants_write(s->ipc))
		(void) !watch_link(s);
	if (ipc_queued_bytes(s->ipc) > QUEUED_BYTES_MAX && s->pid > 0) {
		log_error("%s (%d) does not read what it is sent, killing it", servant_name(s->id), (int) s->pid);
		(void) kill(s->pid, SIGKILL); /* the rest follows when its end is noticed */
	}
	return 0;
}

void
servants_turn(struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++) {
		struct servant *s = &init->servants[i];
		struct msg_ack ack = { .upto = s->received };

		if (s->ipc == NULL)
			continue;
		if (s->received > s->acked && servants_send(init, s->id, MSG_ACK, 0, &ack, NULL, 0) == 0)
			s->acked = s->received;
		if (s->source != NULL)
			(void) !watch_link(s);
	}
}

bool
servants_drained(struct init *init)
{
	bool drained = true;

	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].ipc != NULL && ipc_wants_write(init->servants[i].ipc))
			drained = drained && ipc_flush(init->servants[i].ipc) <= 0;
	return drained;
}

void
servants_shutdown(struct init *init)
{
	const struct msg_shutdown end = { .why = SHUTDOWN_END };

	for (int i = 0; i < SERVANT_COUNT; i++)
		(void) !servants_send(init, (enum servant_id) i, MSG_SHUTDOWN, 0, &end, NULL, 0);
}

bool
servants_all_gone(const struct init *init)
{
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid != 0)
			return false;
	return true;
}
