/* SPDX-License-Identifier: MIT */
/*
 * A list of requests with their errors, as short as what one turn of the loop answers. An error and its text are one
 * text in a note: names of errors have no blanks.
 */
#include "init/owed.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#include "init/servants.h"
#include "init/state.h"

struct owed {
	struct owed *prev, *next;
	uint64_t request;
	char *error; /* owned: "NAME TEXT"; NULL: success */
	bool promised; /* not to be given by this image */
};

static void
note(struct init *init, const struct owed *o)
{
	STATE_NOTE(init, NOTE_ANSWER, o->request, o->error, 0);
}

static void
drop_all(struct init *init, bool promised)
{
	struct owed *o, *next;

	DL_FOREACH_SAFE(init->owed, o, next) {
		if (o->promised && !promised)
			continue;
		DL_DELETE(init->owed, o);
		free(o->error);
		free(o);
	}
}

void
owed_deinit(struct init *init)
{
	drop_all(init, true);
}

/* NULL: out of memory. `error` is taken. */
static struct owed *
put(struct init *init, uint64_t request, char *error)
{
	struct owed *o;

	DL_SEARCH_SCALAR(init->owed, o, request, request);
	if (o != NULL) { /* it turned out otherwise */
		free(o->error);
		o->error = error;
		return o;
	}
	o = calloc(1, sizeof(*o));
	if (o == NULL) {
		free(error);
		return NULL;
	}
	o->request = request;
	o->error = error;
	DL_APPEND(init->owed, o);
	return o;
}

void
owed_add(struct init *init, uint64_t request, const char *error, const char *text)
{
	char *both = error != NULL ? str_printf("%s %s", error, text != NULL ? text : "") : NULL;
	const struct owed *o = error == NULL || both != NULL ? put(init, request, both) : NULL;

	if (o != NULL)
		note(init, o);
	else
		log_error("Out of memory: a crash now would cost a client its answer");
}

bool
owed_promise(struct init *init, uint64_t request)
{
	struct owed *o = put(init, request, NULL);

	if (o == NULL)
		return false;
	o->promised = true;
	note(init, o);
	return true;
}

void
owed_break(struct init *init, const char *text)
{
	struct owed *o;

	DL_FOREACH(init->owed, o) {
		const struct msg_reply reply = {
			.request = o->request,
			.error = (char *) (uintptr_t) ERR_FAILED,
			.text = (char *) (uintptr_t) text,
		};

		if (!o->promised)
			continue;
		o->promised = false;
		owed_add(init, o->request, ERR_FAILED, text);
		(void) owed_give(init, &reply, -1);
	}
}

void
owed_forget(struct init *init)
{
	init->unsaid.n = 0;
	if (init->owed == NULL)
		return;
	STATE_NOTE(init, NOTE_ANSWERS_GONE, 0, NULL, 0);
	drop_all(init, true);
}

/* All that could be given has been. */
static void
forget_given(struct init *init)
{
	const struct owed *o;

	DL_SEARCH_SCALAR(init->owed, o, promised, false);
	if (o == NULL)
		return;
	STATE_NOTE(init, NOTE_ANSWERS_GONE, 0, NULL, 0);
	drop_all(init, false);
	DL_FOREACH(init->owed, o)
		note(init, o);
}

/* The answer that is noted for a request. 0 or a negative errno. */
static int
give_noted(struct init *init, const struct owed *o)
{
	const char *blank = o->error != NULL ? strchr(o->error, ' ') : NULL;
	auto_free char *name = blank != NULL ? strndup(o->error, (size_t) (blank - o->error)) : NULL;
	const struct msg_reply reply = {
		.request = o->request,
		.error = blank != NULL && name == NULL ? (char *) (uintptr_t) ERR_NO_MEMORY : name,
		.text = blank != NULL ? (char *) (uintptr_t) (blank + 1) : NULL,
	};

	return servants_send(init, SERVANT_CONTROL, MSG_REPLY, 0, &reply, NULL, 0);
}

/* The short one that always tells the truth. */
static int
give_sorry(struct init *init, uint64_t request)
{
	const struct msg_reply sorry = { .request = request, .error = (char *) (uintptr_t) ERR_NO_MEMORY };

	return servants_send(init, SERVANT_CONTROL, MSG_REPLY, 0, &sorry, NULL, 0);
}

static void
give_later(struct init *init, uint64_t request)
{
	const struct servant *control = &init->servants[SERVANT_CONTROL];

	if (init->unsaid.n < UNSAID_MAX) {
		init->unsaid.requests[init->unsaid.n++] = request;
	} else if (control->pid > 0) {
		log_error("There is no memory for answers: the connections of all clients end");
		(void) kill(control->pid, SIGKILL);
	}
}

bool
owed_give(struct init *init, const struct msg_reply *reply, int fd)
{
	int r = servants_send(init, SERVANT_CONTROL, MSG_REPLY, 0, reply, &fd, fd >= 0 ? 1 : 0);
	const struct owed *o;

	if (r == 0 || r == -ENOTCONN)
		return true;
	DL_SEARCH_SCALAR(init->owed, o, request, reply->request);
	/* A descriptor for a long one may be all that is lacking. */
	if (o != NULL || give_sorry(init, reply->request) < 0)
		give_later(init, reply->request);
	return false;
}

/* What could not be said, from the first on. */
static void
say_now(struct init *init)
{
	size_t said = 0;
	int r = 0;

	for (; said < init->unsaid.n && (r == 0 || r == -ENOTCONN); said++) {
		const struct owed *o;

		DL_SEARCH_SCALAR(init->owed, o, request, init->unsaid.requests[said]);
		r = o != NULL ? give_noted(init, o) : give_sorry(init, init->unsaid.requests[said]);
	}
	if (r != 0 && r != -ENOTCONN)
		said--;
	init->unsaid.n -= said;
	memmove(init->unsaid.requests, init->unsaid.requests + said, init->unsaid.n * sizeof(init->unsaid.requests[0]));
}

bool
owed_turn(struct init *init)
{
	if (init->unsaid.n > 0)
		say_now(init);
	if (init->unsaid.n > 0)
		return true;
	if (init->owed != NULL && servants_told(init, SERVANT_CONTROL))
		forget_given(init);
	return false;
}

void
owed_again(struct init *init)
{
	const struct owed *o;

	DL_FOREACH(init->owed, o)
		if (!o->promised && give_noted(init, o) < 0)
			give_later(init, o->request);
}

void
owed_save(struct init *init)
{
	const struct owed *o;

	DL_FOREACH(init->owed, o)
		note(init, o);
}

int
owed_load(struct init *init, const struct note *n)
{
	char *error = NULL;

	if (n->kind == NOTE_ANSWERS_GONE) {
		drop_all(init, true);
		return 0;
	}
	if (n->text != NULL && (error = strdup(n->text)) == NULL)
		return -ENOMEM;
	return put(init, n->id, error) != NULL ? 0 : -ENOMEM;
}
