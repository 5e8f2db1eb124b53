/* SPDX-License-Identifier: MIT */
#include "init/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "init/brain.h"
#include "init/condemn.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/fdtable.h"
#include "init/logs.h"
#include "init/owed.h"
#include "init/proc.h"
#include "init/record.h"
#include "init/rlimits.h"
#include "init/servant_state.h"
#include "init/servants.h"
#include "init/sources.h"
#include "init/strays.h"
#include "init/timers.h"
#include "system/clock.h"
#include "system/memfile.h"
#include "system/process.h"

#define TAIL_MAX ((off_t) 1024 * 1024) /* journal beyond the snapshot; twice the snapshot if that is more */
#define RETRY (1 * USEC_PER_SEC)       /* after a snapshot that could not be written */
#define UNUSED_MAX 64		       /* definitions nobody needs, before a snapshot drops them */

static const struct wire_field note_fields[] = {
	WIRE_FIELD(U32, struct note, kind), WIRE_FIELD(U64, struct note, id),	 WIRE_FIELD(U64V, struct note, numbers),
	WIRE_FIELD(STR, struct note, text), WIRE_FIELD(STRV, struct note, list),
};
static const struct wire_schema note_schema = WIRE_SCHEMA("note", note_fields);

uint64_t
note_number(const struct note *note, size_t i)
{
	return i < note->numbers.n ? note->numbers.p[i] : 0;
}

int
note_fd(const struct note *note, size_t i)
{
	uint64_t n = note_number(note, i);

	/* One that the last image had closed, without a word of it, is not what it was: its number may be ours by now. */
	return n == 0 || n > INT32_MAX || !crash_inherited((int) n - 1) ? -1 : (int) n - 1;
}

/* -- writing ------------------------------------------------------------------------------- */

void
state_note_list(struct init *init, const struct note *note)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct journal *j = init->state.target != NULL ? init->state.target : init->state.journal;

	if (init->state.loading || j == NULL)
		return;
	wire_put_struct(&b, &note_schema, note);
	crash_point();
	if (journal_append(j, RECORD_NOTE, &b, true, NULL) < 0)
		init->state.damaged = true;
	crash_point();
}

void
state_note(struct init *init, enum note_kind kind, uint64_t id, const char *text, const uint64_t *numbers, size_t n)
{
	const struct note note = {
		.kind = kind,
		.id = id,
		.numbers = { (uint64_t *) (uintptr_t) numbers, n },
		.text = (char *) (uintptr_t) text,
	};

	state_note_list(init, &note);
}

static struct journal *
new_journal(void)
{
	int fd = memfile_new("upstart-journal");
	struct journal *j = fd >= 0 ? journal_new(fd, true) : NULL;

	if (j == NULL)
		fd_close(&fd);
	return j;
}

int
state_new(struct init *init)
{
	init->state.damaged = true; /* the first turn writes a snapshot */
	init->state.journal = new_journal();
	return init->state.journal != NULL ? journal_begin(init->state.journal) : -ENOMEM;
}

static void
give_up_recording(struct init *init, int r)
{
	if (r == 0)
		return;
	log_error("The recording is given up: %s", strerror(-r));
	init->state.record = journal_free(init->state.record);
}

/* What must not be refused may use the journal's reserve. */
static bool
is_vital(const struct input *in)
{
	return in->type == INPUT_SPAWNED || in->type == INPUT_SPAWN_FAILED || in->type == INPUT_EXEC_DONE ||
	       in->type == INPUT_EXITED || in->type == INPUT_STOPPED || in->type == INPUT_TIMER ||
	       in->type == INPUT_ACK || in->type == INPUT_CONTROL || in->type == INPUT_FAMILY || in->type == INPUT_STRAYS;
}

/* Is it what a signal to init was made of? Once it is journaled the signal has done its work. */
static bool
is_of_signal(const struct input *in)
{
	return in->type == INPUT_SHUTDOWN || in->type == INPUT_SESSION_END ||
	       (in->type == INPUT_EMIT && in->emit.request == 0);
}

int
state_input(struct init *init, const struct input *in, enum servant_id from, uint64_t number)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	uint64_t mark;
	int r;

	wire_put_uint(&b, from);
	wire_put_uint(&b, number);
	input_pack(&b, in);
	mark = journal_next_mark(init->state.journal);
	crash_point();
	r = error_of_memfile(journal_append(init->state.journal, RECORD_INPUT, &b, is_vital(in), NULL));
	if (r == 0 && is_of_signal(in))
		crash_signal_in_hand(0);
	crash_point();
	if (r == 0)
		crash_in_hand(mark);
	else
		init->state.damaged = true; /* another file may do better, or a shorter one */
	if (r == 0 && init->state.record != NULL)
		give_up_recording(init, record_input(init->state.record, in, from, number));
	return r;
}

static int
save_core(struct init *init, struct journal *j)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_strbuf struct strbuf none = STRBUF_INIT;
	int r;

	core_save(init->core, &b);
	r = journal_append(j, RECORD_CORE, &b, false, NULL);
	return r < 0 ? r : journal_append(j, RECORD_READY, &none, false, NULL);
}

static void
save_notes(struct init *init)
{
	STATE_NOTE(init, NOTE_DEFINITIONS, 0, NULL, NOTE_FD(definitions_fd(init->definitions)));
	STATE_NOTE(init, NOTE_LISTEN, 0, init->address, NOTE_FD(init->listen_fd), NOTE_FD(init->second_fd));
	STATE_NOTE(init, NOTE_RING, 0, NULL, NOTE_FD(init->ring_fd));
	STATE_NOTE(init, NOTE_LEVEL, 0, NULL, (uint64_t) init->level);
	limits_save(init);
	STATE_NOTE(init, NOTE_BUS, 0, init->bus_address, 0);
	servants_save(init);
	strays_save(init);
	procs_save(init);
	logs_save(init);
	fdtable_save(init);
	timers_save(init);
	clients_save(init);
	condemn_save(init);
	owed_save(init);
}

static int
note_definitions_cb(int fd, void *data)
{
	struct init *init = data;

	STATE_NOTE(init, NOTE_DEFINITIONS, 0, NULL, NOTE_FD(fd));
	return init->state.damaged ? -ENOMEM : 0;
}

/* Right after a snapshot nothing in the journal speaks of a definition that nobody has. */
static void
drop_definitions(struct init *init)
{
	size_t useless;
	int r = 0;

	definitions_unmark(init->definitions);
	sources_mark(init);
	useless = definitions_unused(init->definitions);
	if (useless >= UNUSED_MAX || (useless > 0 && definitions_grew(init->definitions)))
		r = definitions_compact(init->definitions, note_definitions_cb, init);
	if (r < 0)
		log_debug("Old definitions are kept: %s", strerror(-r));
	definitions_settle(init->definitions);
}

int
state_snapshot(struct init *init)
{
	struct state *s = &init->state;
	struct journal *fresh, *old = s->journal;
	int r;

	fresh = new_journal();
	if (fresh == NULL)
		return -ENOMEM;
	r = journal_begin(fresh);
	s->target = fresh;
	s->damaged = false;
	if (r == 0)
		save_notes(init);
	if (r == 0)
		r = s->damaged ? -ENOMEM : save_core(init, fresh);
	s->target = NULL;
	if (r < 0) {
		s->damaged = true;
		(void) journal_free(fresh);
		return r;
	}
	s->journal = fresh;
	crash_point();
	crash_set_journal(init);
	crash_point();
	(void) journal_free(old);
	drop_definitions(init);
	s->base = journal_size(fresh);
	return 0;
}

void
state_turn(struct init *init)
{
	struct state *s = &init->state;
	off_t limit = 2 * s->base > TAIL_MAX ? 2 * s->base : TAIL_MAX;
	int r;

	/* A core that is not to be relied on must not be written: the journal knows better. */
	if (init->brain.spoiled)
		return;
	/* However long a definition is, the journal says little of it. */
	if (init->phase >= PHASE_LEAVING ||
	    (!s->damaged && journal_size(s->journal) - s->base < limit && !definitions_grew(init->definitions)))
		return;
	if (s->not_before > clock_now())
		return;
	r = state_snapshot(init);
	if (r < 0) {
		log_debug("No snapshot for now: %s", strerror(-r));
		s->not_before = clock_now() + RETRY;
	}
}

/* -- recording ---------------------------------------------------------------------------------- */

/* No event called startup will come for states to wait for. */
static bool
starts_awake(const struct options *options)
{
	return options->no_startup_event ||
	       (options->startup_event != NULL && strcmp(options->startup_event, "startup") != 0);
}

struct core_config
state_core_config(struct init *init)
{
	return (struct core_config){
		.own_env = init->own_env,
		.job_env = init->job_env,
		.session_address = init_is_session(init) ? init->address : NULL,
		.log_level = (int32_t) init->level,
		.policies = settings_policies(&init->settings),
		.awake = starts_awake(&init->options),
		.resolve = definitions_resolve,
		.resolve_data = init->definitions,
	};
}

/* What a recording that goes on in the middle has to begin with: all definitions, and the core. */
static int
record_middle(struct init *init, struct journal *j)
{
	uint64_t id = 0;
	int r = 0;

	while (r == 0 && (id = definitions_next(init->definitions, id)) != 0) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		r = definitions_payload(init->definitions, id, &b);
		if (r == 0)
			r = journal_append(j, RECORD_DEFINITION, &b, false, NULL);
	}
	return r == 0 ? record_core(j, init->core) : r;
}

int
state_record(struct init *init, const char *path)
{
	const struct core_config config = state_core_config(init);
	struct journal *j;
	int r = record_open(path, init->again, &j);

	if (r == 0)
		r = record_config(j, &config);
	if (r == 0 && init->again)
		r = record_middle(init, j);
	if (r < 0)
		(void) journal_free(j);
	else
		init->state.record = j;
	return r;
}

int
state_copy(struct init *init)
{
	const struct core_config config = state_core_config(init);
	auto_close int fd = memfile_new("upstart-snapshot");
	struct journal *j;
	int r;

	if (fd < 0)
		return fd;
	j = journal_new(fd, false);
	if (j == NULL)
		return -ENOMEM;
	r = journal_begin(j);
	if (r == 0)
		r = record_config(j, &config);
	if (r == 0)
		r = record_middle(init, j);
	(void) journal_release(j);
	if (r < 0)
		return r;
	memfile_seal(fd);
	return steal_fd(&fd);
}

void
state_record_effects(struct init *init, uint64_t since)
{
	if (init->state.record != NULL)
		give_up_recording(init, record_effects(init->state.record, init->core, since));
}

void
state_record_core(struct init *init)
{
	if (init->state.record != NULL)
		give_up_recording(init, record_core(init->state.record, init->core));
}

void
state_record_definition(struct init *init, uint64_t id)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (init->state.record == NULL)
		return;
	if (definitions_payload(init->definitions, id, &b) < 0 ||
	    journal_append(init->state.record, RECORD_DEFINITION, &b, false, NULL) < 0)
		log_error("A definition is missing in the recording");
}

/* -- reading --------------------------------------------------------------------------------------- */

static int
load_text(char **to, const char *from)
{
	free(*to);
	*to = from != NULL ? strdup(from) : NULL;
	return from != NULL && *to == NULL ? -ENOMEM : 0;
}

static int
load_here(struct init *init, const struct note *note)
{
	switch (note->kind) {
	case NOTE_LISTEN:
		init->listen_fd = note_fd(note, 0);
		init->second_fd = note_fd(note, 1);
		return load_text(&init->address, note->text);
	case NOTE_RING:
		init->ring_fd = note_fd(note, 0);
		return 0;
	case NOTE_LEVEL:
		if (note_number(note, 0) < LOG_LEVEL_COUNT)
			init->level = (enum log_level) note_number(note, 0);
		return 0;
	case NOTE_BUS:
		return load_text(&init->bus_address, note->text);
	default:
		return 0;
	}
}

static int (*const loaders[NOTE_KIND_COUNT])(struct init *init, const struct note *note) = {
	[NOTE_SERVANT] = servants_load, [NOTE_RECEIVED] = servants_load,
	[NOTE_LISTEN] = load_here,	[NOTE_RING] = load_here,
	[NOTE_SPAWN] = procs_load,	[NOTE_SPAWN_GONE] = procs_load,
	[NOTE_STREAM] = logs_load,	[NOTE_STREAM_GONE] = logs_load,
	[NOTE_EVENT_FD] = fdtable_load, [NOTE_EVENT_FD_GONE] = fdtable_load,
	[NOTE_TIMER] = timers_load,	[NOTE_BUS] = load_here,
	[NOTE_LEVEL] = load_here,	[NOTE_NOFILE] = limits_load,
	[NOTE_FLUSH] = clients_load,	[NOTE_FLUSH_GONE] = clients_load,
	[NOTE_SHUNNED] = condemn_load,	[NOTE_DEGRADED] = condemn_load,
	[NOTE_ANSWER] = owed_load,	[NOTE_ANSWERS_GONE] = owed_load,
	[NOTE_BASE] = strays_load,	[NOTE_BROOD] = strays_load,
	[NOTE_BROOD_GONE] = strays_load,
	[NOTE_FSIZE] = limits_load,
};

static int
load_note(struct init *init, const void *p, size_t n)
{
	struct note note = { 0 };
	struct wire_in in;
	int r;

	wire_in_init(&in, p, n);
	r = wire_get_struct(&in, &note_schema, &note);
	/* Kinds that a later release has added are left alone. */
	if (r == 0 && note.kind < NOTE_KIND_COUNT && loaders[note.kind] != NULL)
		r = loaders[note.kind](init, &note);
	wire_free_struct(&note_schema, &note);
	return r;
}

static int
load_core(struct init *init, const void *p, size_t n)
{
	struct core_config config;

	if (init->definitions == NULL)
		return -EBADMSG;
	config = state_core_config(init);
	init->core = core_free(init->core);
	return core_load(p, n, &config, &init->core);
}

/* Timers are not acknowledged one by one: what an input did to them is done again. */
static int
follow_timers(struct init *init, uint64_t before)
{
	for (const struct effect *e = core_outbox(init->core, before); e != NULL; e = e->next)
		if (e->type == EFFECT_TIMER && timers_set(init, e->timer.timer, e->timer.due) < 0)
			return -ENOMEM;
	return 0;
}

/* Apply an input of the journal; mark: of its record. */
static int
apply_again(struct init *init, struct input *in, uint64_t mark)
{
	unsigned level = crash_condemned(mark);
	int r;

	if (level > 0)
		return condemn_loaded(init, in, mark, level);
	crash_in_hand(mark);
	crash_at(input_type_name(in->type));
	r = core_apply(init->core, in);
	crash_in_hand(0);
	return crash_breaks(input_type_name(in->type)) ? -ENOTRECOVERABLE : r;
}

static int
load_input(struct init *init, const void *p, size_t n)
{
	struct input input = { 0 };
	struct wire_in in;
	uint64_t from, number, before, mark;
	int r;

	if (init->core == NULL)
		return -EBADMSG;
	wire_in_init(&in, p, n);
	from = wire_get_uint(&in);
	number = wire_get_uint(&in);
	r = in.bad ? -EBADMSG : input_unpack(&in, &input);
	if (r < 0)
		return r;
	if (from < SERVANT_COUNT)
		init->servants[from].received = number;
	if (input.type == INPUT_TIMER)
		(void) !timers_set(init, input.timer.timer, 0);
	before = core_last_effect(init->core);
	/* It is the one after those that were read. */
	mark = journal_next_mark(init->state.journal);
	r = apply_again(init, &input, mark);
	input_free(&input);
	if (r == -ENOTRECOVERABLE)
		crash_in_hand(mark); /* the last image crashed before it could take it back: the next one does without */
	if (r == -ENOMEM || r == -ENOTRECOVERABLE)
		return r;
	return follow_timers(init, before);
}

static int
load_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct init *init = data;

	if (at == 0 && kind != RECORD_HEADER)
		return -EBADMSG;
	switch (kind) {
	case RECORD_HEADER:
		return journal_check_header(p, n);
	case RECORD_NOTE:
		return load_note(init, p, n);
	case RECORD_CORE:
		return load_core(init, p, n);
	case RECORD_INPUT:
		return load_input(init, p, n);
	default:
		return 0;
	}
}

/* -- taking back ------------------------------------------------------------------------------------------- */

struct rewind {
	struct init *init;
	struct journal *reader; /* borrowed */
};

static int
rewind_input(struct rewind *rewind, const void *p, size_t n)
{
	struct input input = { 0 };
	struct wire_in in;
	int r;

	if (rewind->init->core == NULL)
		return -EBADMSG;
	wire_in_init(&in, p, n);
	(void) wire_get_uint(&in); /* from whom */
	(void) wire_get_uint(&in);
	r = in.bad ? -EBADMSG : input_unpack(&in, &input);
	if (r < 0)
		return r;
	r = apply_again(rewind->init, &input, journal_next_mark(rewind->reader));
	input_free(&input);
	return r == -ENOMEM ? r : 0;
}

static int
rewind_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct rewind *rewind = data;

	(void) at;
	if (kind == RECORD_CORE)
		return load_core(rewind->init, p, n);
	return kind == RECORD_INPUT ? rewind_input(rewind, p, n) : 0;
}

int
state_reread(struct init *init)
{
	struct core *spoiled = init->core;
	/* Another reader: whatever comes of it, the journal itself still ends where it ends. */
	struct rewind rewind = { init, journal_new(journal_fd(init->state.journal), false) };
	int r;

	if (rewind.reader == NULL)
		return -ENOMEM;
	init->core = NULL;
	r = journal_read(rewind.reader, rewind_cb, &rewind);
	if (r == 0 && init->core == NULL)
		r = -EBADMSG;
	if (r == 0) {
		(void) core_free(spoiled);
	} else {
		init->core = core_free(init->core);
		init->core = spoiled;
	}
	(void) journal_release(rewind.reader);
	return r;
}

int
state_rewind(struct init *init)
{
	int r = journal_drop_last(init->state.journal);

	if (r == 0)
		r = state_reread(init);
	if (r < 0) {
		init->brain.spoiled = true;
		init->brain.before = core_last_effect(init->core);
	}
	return r;
}

/* -- descriptors ---------------------------------------------------------------------------------------- */

static void
each_descriptor(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	fn(init->listen_fd, data);
	fn(init->second_fd, data);
	fn(init->ring_fd, data);
	fn(journal_fd(init->state.journal), data);
	fn(definitions_fd(init->definitions), data);
	servants_each(init, fn, data);
	procs_each(init, fn, data);
	strays_each(init, fn, data);
	logs_each(init, fn, data);
	fdtable_each(init, fn, data);
}

static void
keep_cb(int fd, void *data)
{
	if (fd >= 0)
		process_set_cloexec(fd, !*(const bool *) data);
}

void
state_keep_descriptors(struct init *init, bool keep)
{
	each_descriptor(init, keep_cb, &keep);
}

/* Is that descriptor one the journal speaks of? Only those are to be there after an exec, for the moment. */
static bool
is_kept_cb(int fd, void *data)
{
	int flags = fcntl(fd, F_GETFD);

	(void) data;
	return flags < 0 || (flags & FD_CLOEXEC) == 0;
}

/* Definitions are needed before anything else, and the last note about them counts. */
static int
find_definitions_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	struct note note = { 0 };
	struct wire_in in;
	int r;

	(void) at;
	if (kind != RECORD_NOTE)
		return 0;
	wire_in_init(&in, p, n);
	r = wire_get_struct(&in, &note_schema, &note);
	if (r == 0 && note.kind == NOTE_DEFINITIONS)
		*(int *) data = note_fd(&note, 0);
	wire_free_struct(&note_schema, &note);
	return r;
}

static int
load_definitions(struct init *init)
{
	int fd = -1;
	int r = journal_read(init->state.journal, find_definitions_cb, &fd);

	init->definitions = definitions_free(init->definitions);
	if (r < 0)
		return r;
	return fd < 0 ? -EBADMSG : definitions_open(fd, &init->definitions);
}

/* All of it into init. What was opened is still open if that fails. */
static int
read_state(struct init *init, int fd)
{
	struct state *s = &init->state;
	int r;

	s->journal = journal_new(fd, true);
	if (s->journal == NULL)
		return -ENOMEM;
	/* What crashed the last image may crash this one, too: the next must find the journal as well. */
	crash_set_journal(init);
	s->loading = true;
	r = load_definitions(init);
	if (r == 0)
		r = journal_read(s->journal, load_cb, init);
	if (r == 0)
		r = servants_loaded(init);
	if (r == 0 && crash_breaks("STATE"))
		r = -EBADMSG;
	s->loading = false;
	return r == 0 && init->core == NULL ? -EBADMSG : r;
}

int
state_load(struct init *init, int fd)
{
	struct state *s = &init->state;
	int r = read_state(init, fd);

	/* What the next image needs is still open, all of it. */
	if (error_is_want(r) || r == -ENOTRECOVERABLE)
		crash_try_again();
	if (r < 0) {
		init->core = core_free(init->core);
		init->definitions = definitions_free(init->definitions);
		if (s->journal == NULL)
			(void) close(fd);
		s->journal = journal_free(s->journal);
		return r;
	}
	state_keep_descriptors(init, true);
	crash_close_strangers(is_kept_cb, init);
	state_keep_descriptors(init, false);
	s->damaged = true; /* begin anew: the next image shall not read what this one has */
	return 0;
}
