/* SPDX-License-Identifier: MIT */
/*
 * A list of requests with their errors, as short as what one turn of the loop answers. An error and its text are one
 * text in a note: names of errors have no blanks.
 */
#include "init/owed.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "init/servants.h"
#include "init/state.h"

struct owed {
	struct owed *prev, *next;
	uint64_t request;
	char *error; /* owned: "NAME TEXT"; NULL: success */
};

static void
note(struct init *init, const struct owed *o)
{
	STATE_NOTE(init, NOTE_ANSWER, o->request, o->error, 0);
}

static void
drop_all(struct init *init)
{
	struct owed *o, *next;

	DL_FOREACH_SAFE(init->owed, o, next) {
		DL_DELETE(init->owed, o);
		free(o->error);
		free(o);
	}
}

void
owed_deinit(struct init *init)
{
	drop_all(init);
}

/* NULL: out of memory. `error` is taken. */
static const struct owed *
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

void
owed_forget(struct init *init)
{
	if (init->owed == NULL)
		return;
	STATE_NOTE(init, NOTE_ANSWERS_GONE, 0, NULL, 0);
	drop_all(init);
}

void
owed_turn(struct init *init)
{
	if (init->owed != NULL && servants_told(init, SERVANT_CONTROL))
		owed_forget(init);
}

void
owed_again(struct init *init)
{
	const struct owed *o;

	DL_FOREACH(init->owed, o) {
		const char *blank = o->error != NULL ? strchr(o->error, ' ') : NULL;
		auto_free char *name = blank != NULL ? strndup(o->error, (size_t) (blank - o->error)) : NULL;
		const struct msg_reply reply = {
			.request = o->request,
			.error = blank != NULL && name == NULL ? (char *) (uintptr_t) ERR_NO_MEMORY : name,
			.text = blank != NULL ? (char *) (uintptr_t) (blank + 1) : NULL,
		};

		(void) !servants_send(init, SERVANT_CONTROL, MSG_REPLY, 0, &reply, NULL, 0);
	}
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
		drop_all(init);
		return 0;
	}
	if (n->text != NULL && (error = strdup(n->text)) == NULL)
		return -ENOMEM;
	return put(init, n->id, error) != NULL ? 0 : -ENOMEM;
}
