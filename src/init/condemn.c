/* SPDX-License-Identifier: MIT */
#include "init/condemn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/wire_print.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/report.h"
#include "init/spawn.h"
#include "init/state.h"
#include "init/tracer.h"
#include "system/children.h"

#define LEVEL_BARE 2 /* the substitute crashed, too */
#define LEVEL_NOTHING 3
#define SHUNNED_MAX 64 /* definitions; the oldest is forgotten */
#define PIECE 1500     /* bytes of one line */
#define DEGRADED "an input broke a rule"

/* -- telling ------------------------------------------------------------------------------ */

/* All of an encoded value, in as many lines as it takes. */
static void
tell_whole(const struct strbuf *packed)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	wire_in_init(&in, packed->p, packed->len);
	wire_print(&b, &in);
	if (b.failed || in.bad) {
		log_error("Out of memory: it can't be shown");
		return;
	}
	for (size_t at = 0; at < b.len; at += PIECE)
		log_error("%s %.*s", at == 0 ? "It was:" : "…", PIECE, b.p + at);
}

static void
tell_input(const struct input *in)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	input_pack(&b, in);
	tell_whole(&b);
}

/* `mark`: as crash_condemned() knows it; 0: it has just broken a rule. */
static void
begin_report(struct init *init, const char *kind, const char *name, uint64_t mark, uint64_t upto,
	     const struct strbuf *definition)
{
	auto_free char *what = str_printf("%s %s", kind, name);
	const char *cause = crash_cause(mark);
	const char *rule = init->brain.degraded != NULL ? init->brain.degraded : "";
	const struct record_report report = {
		.what = what,
		.why = (char *) (uintptr_t) (cause != NULL ? CONDEMN_CRASHED : CONDEMN_BROKEN),
		.cause = (char *) (uintptr_t) (cause != NULL ? cause : rule),
	};

	report_begin(init, &report, upto, definition);
}

void
condemn_degrade(struct init *init, const char *why)
{
	if (init->brain.degraded != NULL)
		return;
	init->brain.degraded = strdup(why);
}

/* -- definitions ------------------------------------------------------------------------------- */

bool
condemn_is_shunned(const struct init *init, uint64_t hash)
{
	for (size_t i = 0; i < init->state.shunned.n; i++)
		if (init->state.shunned.p[i] == hash)
			return true;
	return false;
}

static int
add_shunned(struct u64v *v, uint64_t hash)
{
	if (v->n >= SHUNNED_MAX)
		memmove(v->p, v->p + 1, --v->n * sizeof(v->p[0]));
	return u64v_add(v, hash);
}

static void
shun(struct init *init, const char *path, uint64_t hash)
{
	log_error("%s: The definition is done without until its text changes", path);
	if (condemn_is_shunned(init, hash))
		return;
	if (add_shunned(&init->state.shunned, hash) < 0)
		log_error("Out of memory: it may be tried again");
	STATE_NOTE(init, NOTE_SHUNNED, hash, NULL, 0);
}

bool
condemn_refuses(struct init *init, const struct definition_text *text, uint64_t *hash)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	*hash = definition_text_hash(text);
	if (!condemn_is_shunned(init, *hash) && crash_condemned(CRASH_FILE(*hash)) == 0)
		return false;
	if (!condemn_is_shunned(init, *hash)) {
		log_error("%s made init crash twice", text->path);
		definition_text_pack(text, &b);
		begin_report(init, "file", text->path, CRASH_FILE(*hash), UINT64_MAX, &b);
	}
	shun(init, text->path, *hash);
	return true;
}

/* The definition an input speaks of is not to be tried again at the next look at its file. */
static void
shun_input(struct init *init, const struct input *in)
{
	const struct job_class *cls;
	uint64_t hash;

	if (in->type != INPUT_DEFINE || definitions_hash(init->definitions, in->define.class_id, &hash) < 0)
		return;
	cls = definitions_class(init->definitions, in->define.class_id);
	shun(init, cls != NULL && cls->path != NULL ? cls->path : "A job file", hash);
}

/* -- inputs ---------------------------------------------------------------------------------------- */

/* Not even that could be done. Who asked is told when there is somebody to carry it; what would be seen again is taken
 * away. */
static void
leave_out(struct init *init, const struct input *in, bool broken)
{
	struct u64v *refused = broken ? &init->state.refused_broken : &init->state.refused_crashed;
	uint64_t request = in->type == INPUT_EMIT      ? in->emit.request
			   : in->type == INPUT_REQUEST ? in->request.request
			   : in->type == INPUT_SET_ENV ? in->set_env.request
			   : in->type == INPUT_STATE   ? in->state.request
						       : 0;

	log_error("Nothing is done in the place of input %s", input_type_name(in->type));
	if (request != 0 && u64v_add(refused, request) < 0)
		log_error("Out of memory: a request gets no answer");
	if (in->type == INPUT_EXITED) {
		struct child_event end = { in->exited.pid, CHILD_ENDED, 0 };

		(void) !children_take(&end);
		spawn_ended(init, core_process_of_pid(init->core, in->exited.pid));
	} else if (in->type == INPUT_EXEC_DONE || in->type == INPUT_SPAWN_FAILED) {
		spawn_settled(init, in->type == INPUT_EXEC_DONE ? in->exec_done.process : in->spawn_failed.process);
	}
}

/* What was told of a child would be told again. */
static void
take_stop(struct init *init, const struct input *in)
{
	struct child_event stop = { in->stopped.pid, in->stopped.continued ? CHILD_CONTINUED : CHILD_STOPPED, 0 };

	if (in->type == INPUT_STOPPED && children_take(&stop))
		tracer_let_go(init, &stop);
}

int
condemn_loaded(struct init *init, const struct input *in, uint64_t mark, unsigned level)
{
	bool broken = crash_cause(mark) == NULL; /* an image before this met it as it read the journal */
	const char *why = broken ? CONDEMN_BROKEN : CONDEMN_CRASHED;
	struct input substitute;
	int r;

	if (level == 1) {
		log_error("Input %s %s and is left out", input_type_name(in->type),
			  broken ? "broke a rule of init's own" : "made init crash twice");
		tell_input(in);
		if (broken)
			condemn_degrade(init, DEGRADED);
		if (crash_is_news(mark))
			begin_report(init, "input", input_type_name(in->type), mark,
				     journal_number(init->state.journal) + 1, NULL);
	}
	shun_input(init, in);
	take_stop(init, in);
	if (level >= LEVEL_NOTHING) {
		leave_out(init, in, broken);
		return 0;
	}
	r = input_substitute(in, why, level >= LEVEL_BARE, &substitute);
	if (r < 0)
		return r;
	crash_in_hand(mark);
	crash_at("SUBSTITUTE");
	r = core_apply(init->core, &substitute);
	crash_in_hand(0);
	input_free(&substitute);
	return r;
}

/* Journal and apply what stands in for an input. 0, -ENOTRECOVERABLE (that breaks a rule, too), or a negative errno. */
static int
apply_substitute(struct init *init, const struct input *in, bool bare, enum servant_id from, uint64_t number)
{
	struct input substitute;
	int r = input_substitute(in, CONDEMN_BROKEN, bare, &substitute);

	if (r < 0)
		return r;
	r = state_input(init, &substitute, from, number);
	if (r == 0)
		r = core_apply(init->core, &substitute);
	crash_in_hand(0);
	if (r == 0 && crash_breaks("SUBSTITUTE"))
		r = -ENOTRECOVERABLE;
	input_free(&substitute);
	return r;
}

int
condemn_broken(struct init *init, const struct input *in, enum servant_id from, uint64_t number)
{
	int r = -ENOTRECOVERABLE;

	crash_in_hand(0);
	crash_at("BROKEN");
	log_error("Input %s broke a rule of init's own and is left out", input_type_name(in->type));
	condemn_degrade(init, DEGRADED);
	tell_input(in);
	begin_report(init, "input", input_type_name(in->type), 0, journal_number(init->state.journal), NULL);
	for (int bare = 0; bare < 2 && r == -ENOTRECOVERABLE; bare++) {
		r = state_rewind(init);
		if (r == 0)
			r = apply_substitute(init, in, bare != 0, from, number);
	}
	if (r == -ENOTRECOVERABLE) {
		r = state_rewind(init);
		leave_out(init, in, true);
		clients_refuse_left_out(init);
	}
	shun_input(init, in);
	STATE_NOTE(init, NOTE_DEGRADED, 0, init->brain.degraded, 0);
	return r;
}

void
condemn_effect(struct init *init, const struct effect *e)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	log_error("Effect %s made init crash twice and is left out", effect_type_name(e->type));
	effect_pack(&b, e);
	tell_whole(&b);
	if (crash_is_news(CRASH_EFFECT(e->id)))
		begin_report(init, "effect", effect_type_name(e->type), CRASH_EFFECT(e->id),
			     journal_number(init->state.journal), NULL);
}

/* -- over a re-exec ------------------------------------------------------------------------------------ */

void
condemn_forget(struct init *init)
{
	if (init->state.shunned.n > 0)
		STATE_NOTE(init, NOTE_SHUNNED, 0, NULL, 0);
	if (init->brain.degraded != NULL)
		STATE_NOTE(init, NOTE_DEGRADED, 0, NULL, 0);
}

void
condemn_save(struct init *init)
{
	for (size_t i = 0; i < init->state.shunned.n; i++)
		STATE_NOTE(init, NOTE_SHUNNED, init->state.shunned.p[i], NULL, 0);
	if (init->brain.degraded != NULL)
		STATE_NOTE(init, NOTE_DEGRADED, 0, init->brain.degraded, 0);
}

int
condemn_load(struct init *init, const struct note *note)
{
	if (note->kind == NOTE_SHUNNED && note->id == 0) {
		init->state.shunned.n = 0; /* condemn_forget() */
		return 0;
	}
	if (note->kind == NOTE_SHUNNED)
		return condemn_is_shunned(init, note->id) ? 0 : add_shunned(&init->state.shunned, note->id);
	free(init->brain.degraded);
	init->brain.degraded = NULL;
	return note->text != NULL ? str_copy(&init->brain.degraded, note->text) : 0;
}

void
condemn_deinit(struct init *init)
{
	u64v_deinit(&init->state.shunned);
	free(init->brain.degraded);
	init->brain.degraded = NULL;
}
