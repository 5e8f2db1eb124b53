/* SPDX-License-Identifier: MIT */
#include "init/definitions.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "common/log.h"
#include "common/map.h"
#include "common/wire.h"
#include "job/parse.h"
#include "system/memfile.h"

#define LOST_MAX 65536 /* definitions in one place that is damaged */
#define GROWN_MIN ((off_t) 4 * 1024 * 1024)

struct record {
	uint64_t id;
	char *name, *path, *text, *override_path, *override_text;
	bool unconfined;
};

#define F(type, member) WIRE_FIELD(type, struct record, member)
static const struct wire_field fields[] = {
	F(U64, id),	     F(STR, name), F(STR, path), F(STR, text), F(STR, override_path), F(STR, override_text),
	F(BOOL, unconfined),
};
static const struct wire_schema schema = WIRE_SCHEMA("definition", fields);

struct definition {
	struct definition *prev, *next;
	uint64_t id;
	off_t at; /* its record */
	bool marked;
	struct job_class *cls; /* ref */
};

struct definitions {
	struct journal *file;
	struct definition *list; /* in order of ids */
	struct map by_id;
	size_t count;
	uint64_t last_id;
	off_t settled; /* the size of the file then */
};

struct definitions *
definitions_new(void)
{
	auto_close int fd = memfile_new("upstart-definitions");
	struct definitions *d = fd >= 0 ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL)
		return NULL;
	d->file = journal_new(fd, false);
	if (d->file == NULL) {
		free(d);
		return NULL;
	}
	(void) steal_fd(&fd); /* the file has it */
	return d;
}

static void
drop(struct definitions *d, struct definition *def)
{
	DL_DELETE(d->list, def);
	map_del_id(&d->by_id, def->id);
	def->cls = job_class_unref(def->cls);
	free(def);
	d->count--;
}

static void
free_all_but_file(struct definitions *d)
{
	struct definition *def, *next;

	DL_FOREACH_SAFE(d->list, def, next)
		drop(d, def);
	map_deinit(&d->by_id);
	free(d);
}

struct definitions *
definitions_free(struct definitions *d)
{
	if (d == NULL)
		return NULL;
	(void) journal_free(d->file);
	free_all_but_file(d);
	return NULL;
}

int
definitions_fd(const struct definitions *d)
{
	return journal_fd(d->file);
}

/* Without AppArmor what `apparmor load` stands for is no failure: it is not there (runtime.md 17.2). */
static void
leave_out_security(struct job_class *cls)
{
	char *command = cls->process[PROCESS_SECURITY].command;

	if (command != NULL && cls->tmpfiles != NULL) {
		*command = '\0'; /* the slot is the one of `tmpfiles` too */
		return;
	}
	free(command);
	cls->process[PROCESS_SECURITY].command = NULL;
}

/* Take a class (its reference, always) in as `id`. */
static int
insert(struct definitions *d, uint64_t id, off_t at, struct job_class *cls)
{
	struct definition *def = calloc(1, sizeof(*def));

	if (def == NULL || map_put_id(&d->by_id, id, def) < 0) {
		free(def);
		(void) job_class_unref(cls);
		return -ENOMEM;
	}
	cls->id = id;
	*def = (struct definition){ .id = id, .at = at, .cls = cls };
	DL_APPEND(d->list, def);
	d->count++;
	if (id > d->last_id)
		d->last_id = id;
	return 0;
}

int
definitions_add(struct definitions *d, const struct definition_text *text, struct job_class *cls, uint64_t *id)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct record record = { d->last_id + 1,      text->name,	   text->path,	    text->text,
				 text->override_path, text->override_text, text->unconfined };
	off_t at;
	int r;

	wire_put_struct(&b, &schema, &record);
	r = error_of_memfile(journal_append(d->file, RECORD_DEFINITION, &b, false, &at));
	if (r < 0) {
		(void) job_class_unref(cls);
		return r;
	}
	if (text->unconfined)
		leave_out_security(cls);
	/* The id is used up in any case: the file has it. */
	d->last_id = *id = record.id;
	return insert(d, record.id, at, cls);
}

static struct parse_source
source_of(const char *path, const char *text)
{
	return (struct parse_source){ path != NULL ? path : "", span_of(text != NULL ? text : "") };
}

/* The class of a record. 0, -EINVAL or -ENOMEM. */
static int
parse_record(const struct record *record, struct job_class **cls)
{
	struct parse_source conf = source_of(record->path, record->text);
	struct parse_source override = source_of(record->override_path, record->override_text);
	struct parse_report report = { 0 };
	int r;

	if (record->name == NULL)
		return -EINVAL;
	r = job_parse(record->name, &conf, record->override_path != NULL ? &override : NULL, cls, &report);
	parse_report_deinit(&report);
	if (r == 0 && record->unconfined)
		leave_out_security(*cls);
	return r;
}

static int
restore_at(struct definitions *d, const void *p, size_t n, off_t at)
{
	struct record record = { 0 };
	struct job_class *cls = NULL;
	struct wire_in in;
	int r;

	wire_in_init(&in, p, n);
	r = wire_get_struct(&in, &schema, &record);
	if (r == 0)
		r = parse_record(&record, &cls);
	if (r == 0 && map_get_id(&d->by_id, record.id) == NULL)
		r = insert(d, record.id, at, cls);
	else if (r == 0)
		(void) job_class_unref(cls);
	else if (r == -EINVAL)
		log_error("%s: a definition that was good before cannot be read any more",
			  record.path != NULL ? record.path : "?");
	wire_free_struct(&schema, &record);
	return r;
}

int
definitions_restore(struct definitions *d, const void *p, size_t n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	off_t at;
	int r;

	strbuf_addn(&b, p, n);
	r = journal_append(d->file, RECORD_DEFINITION, &b, false, &at);
	return r < 0 ? r : restore_at(d, p, n, at);
}

static void
restore_last_id(struct definitions *d, const void *p, size_t n)
{
	struct wire_in in;
	uint64_t id;

	wire_in_init(&in, p, n);
	id = wire_get_uint(&in);
	if (!in.bad && id > d->last_id)
		d->last_id = id;
}

static int
load_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	int r;

	if (kind == RECORD_LAST_ID)
		restore_last_id(data, p, n);
	if (kind != RECORD_DEFINITION)
		return 0;
	r = restore_at(data, p, n, at);
	return r == -EINVAL ? 0 : r;
}

int
definitions_open(int fd, struct definitions **made)
{
	struct definitions *d = calloc(1, sizeof(*d));
	size_t gaps;
	int r;

	if (d == NULL)
		return -ENOMEM;
	d->file = journal_new(fd, false);
	if (d->file == NULL) {
		free(d);
		return -ENOMEM;
	}
	r = journal_salvage(d->file, load_cb, d, &gaps);
	if (r < 0) {
		(void) journal_release(d->file);
		free_all_but_file(d);
		return r;
	}
	if (gaps > 0)
		log_error("Job definitions are damaged in memory: some are lost until their files are read");
	/* What is lost may be spoken of all the same: its number is not given again. */
	d->last_id += gaps * LOST_MAX;
	*made = d;
	return 0;
}

int
definitions_payload(struct definitions *d, uint64_t id, struct strbuf *payload)
{
	const struct definition *def = map_get_id(&d->by_id, id);
	uint32_t kind;

	return def == NULL ? -ENOENT : journal_read_at(d->file, def->at, &kind, payload);
}

uint64_t
definitions_next(const struct definitions *d, uint64_t id)
{
	const struct definition *def;

	DL_FOREACH(d->list, def)
		if (def->id > id)
			return def->id;
	return 0;
}

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t
hash_text(uint64_t hash, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * FNV_PRIME;
	return (hash ^ (text != NULL)) * FNV_PRIME;
}

uint64_t
definition_text_hash(const struct definition_text *text)
{
	uint64_t hash = hash_text(FNV_START, text->name);

	hash = hash_text(hash, text->path);
	hash = hash_text(hash, text->text);
	hash = hash_text(hash, text->override_path);
	hash = hash_text(hash, text->override_text);
	return hash != 0 ? hash : 1;
}

int
definitions_hash(struct definitions *d, uint64_t id, uint64_t *hash)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct record record = { 0 };
	struct wire_in in;
	int r = definitions_payload(d, id, &b);

	if (r < 0)
		return r;
	wire_in_init(&in, b.p, b.len);
	r = wire_get_struct(&in, &schema, &record);
	if (r == 0)
		*hash = definition_text_hash(&(struct definition_text){
		    .name = record.name,
		    .path = record.path,
		    .text = record.text,
		    .override_path = record.override_path,
		    .override_text = record.override_text,
		});
	wire_free_struct(&schema, &record);
	return r;
}

void
definition_text_pack(const struct definition_text *text, struct strbuf *payload)
{
	const struct record record = {
		0, text->name, text->path, text->text, text->override_path, text->override_text, text->unconfined
	};

	wire_put_struct(payload, &schema, &record);
}

struct job_class *
definitions_class(const struct definitions *d, uint64_t id)
{
	const struct definition *def = map_get_id(&d->by_id, id);

	return def != NULL ? def->cls : NULL;
}

struct job_class *
definitions_resolve(uint64_t id, void *data)
{
	struct job_class *cls = definitions_class(data, id);

	return cls != NULL ? job_class_ref(cls) : NULL;
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
definitions_equal(struct definitions *d, uint64_t id, const struct definition_text *text)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct record record = { 0 };
	struct wire_in in;
	bool equal;

	if (definitions_payload(d, id, &b) < 0)
		return false;
	wire_in_init(&in, b.p, b.len);
	equal = wire_get_struct(&in, &schema, &record) == 0 && same(record.name, text->name) &&
		same(record.path, text->path) && same(record.text, text->text) &&
		same(record.override_path, text->override_path) && same(record.override_text, text->override_text) &&
		record.unconfined == text->unconfined;
	wire_free_struct(&schema, &record);
	return equal;
}

void
definitions_unmark(struct definitions *d)
{
	struct definition *def;

	DL_FOREACH(d->list, def)
		def->marked = false;
}

void
definitions_mark(struct definitions *d, uint64_t id)
{
	struct definition *def = map_get_id(&d->by_id, id);

	if (def != NULL)
		def->marked = true;
}

static bool
is_unused(const struct definition *def)
{
	return def->cls->refs == 1 && !def->marked;
}

size_t
definitions_unused(const struct definitions *d)
{
	const struct definition *def;
	size_t n = 0;

	DL_FOREACH(d->list, def)
		n += is_unused(def) ? 1 : 0;
	return n;
}

bool
definitions_grew(const struct definitions *d)
{
	off_t limit = 2 * d->settled > GROWN_MIN ? 2 * d->settled : GROWN_MIN;

	return journal_size(d->file) > limit;
}

void
definitions_settle(struct definitions *d)
{
	d->settled = journal_size(d->file);
}

/* A recording, or a journal that was read half, may speak of one that is gone: no other gets its id. */
static int
put_last_id(const struct definitions *d, struct journal *file)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	wire_put_uint(&b, d->last_id);
	return journal_append(file, RECORD_LAST_ID, &b, false, NULL);
}

int
definitions_compact(struct definitions *d, definitions_note_fn note, void *data)
{
	struct definition *def, *next;
	struct journal *file;
	off_t *places; /* where each of the kept lies in the new file */
	auto_close int fd = memfile_new("upstart-definitions");
	size_t n = 0;
	int r = 0, number = fd;

	if (fd < 0)
		return fd;
	file = journal_new(fd, false);
	if (file != NULL)
		(void) steal_fd(&fd); /* it has it */
	places = calloc(d->count + 1, sizeof(*places));
	if (file == NULL || places == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = put_last_id(d, file);
	for (def = d->list; r == 0 && def != NULL; def = def->next) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		uint32_t kind;

		if (is_unused(def))
			continue;
		r = journal_read_at(d->file, def->at, &kind, &b);
		if (r == 0)
			r = journal_append(file, RECORD_DEFINITION, &b, false, &places[n++]);
	}
	if (r == 0)
		r = note(number, data);
	if (r < 0) {
		(void) journal_free(file);
		free(places);
		return r;
	}
	n = 0;
	DL_FOREACH_SAFE(d->list, def, next) {
		if (is_unused(def))
			drop(d, def);
		else
			def->at = places[n++];
	}
	(void) journal_free(d->file);
	d->file = file;
	free(places);
	return 0;
}
