/* SPDX-License-Identifier: MIT */
#include "loader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/wire.h"
#include "init/definitions.h"
#include "init/state.h"
#include "system/memfile.h"
#include "unit.h"

#define HEAD 16
#define DEPTH_MAX 16

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_kill(pid_t pid, int signal);
int __wrap_rmdir(const char *path);
bool __wrap_crash_inherited(int fd);

static int null_fd = -1;
static bool closed[LOADER_FLOOR]; /* those that must be occupied again */

int
__wrap_close(int fd)
{
	if (fd <= STDERR_FILENO || fd == null_fd)
		return 0;
	if (fd < LOADER_FLOOR)
		closed[fd] = true;
	return __real_close(fd);
}

int
__wrap_kill(pid_t pid, int number)
{
	(void) pid;
	(void) number;
	return 0;
}

/* The control groups that a journal names may be another init's now. */
int
__wrap_rmdir(const char *path)
{
	(void) path;
	return 0;
}

/* A damaged journal may name what the test itself has open: that was not there when its image began. */
bool
__wrap_crash_inherited(int fd)
{
	return fd < LOADER_FLOOR;
}

/* Every number below the floor is a descriptor of nothing. */
static void
occupy(void)
{
	for (int fd = STDERR_FILENO + 1; fd < LOADER_FLOOR; fd++) {
		if (closed[fd])
			assert_int_equal(dup2(null_fd, fd), fd);
		closed[fd] = false;
	}
}

void
loader_init(void)
{
	int fd = open("/dev/null", O_RDWR);

	null_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOADER_FLOOR);
	assert_true(null_fd >= LOADER_FLOOR);
	memset(closed, true, sizeof(closed));
	occupy();
}

/* -- files ---------------------------------------------------------------------------- */

static int
read_file(struct strbuf *b, const char *stem, const char *part)
{
	char path[512], chunk[4096];
	size_t n;
	FILE *f;

	(void) snprintf(path, sizeof(path), "%s.%s", stem, part);
	f = fopen(path, "rb");
	if (f == NULL)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		strbuf_addn(b, chunk, n);
	(void) fclose(f);
	return b->failed ? -ENOMEM : 0;
}

int
heritage_read(struct heritage *h, const char *stem)
{
	int r = read_file(&h->journal, stem, "journal");

	return r < 0 ? r : read_file(&h->definitions, stem, "definitions");
}

void
heritage_deinit(struct heritage *h)
{
	strbuf_deinit(&h->journal);
	strbuf_deinit(&h->definitions);
}

static int
memfile_of(const struct strbuf *b)
{
	int fd = memfile_new("loader");

	assert_true(fd >= 0);
	if (b->len > 0)
		assert_int_equal(pwrite(fd, b->p, b->len, 0), b->len);
	return fd;
}

struct journal *
heritage_journal(const struct heritage *h)
{
	struct journal *j = journal_new(memfile_of(&h->journal), false);

	assert_non_null(j);
	return j;
}

/* -- loading -------------------------------------------------------------------------- */

/* The last note about definitions that can be read. */
static int
find_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	uint64_t what = 0, number = 0;
	struct wire_in in;
	size_t members;

	(void) at;
	wire_in_init(&in, p, n);
	members = kind == RECORD_NOTE ? wire_get_map(&in) : 0;
	for (; members > 0 && !in.bad; members--) {
		struct span key = wire_get_span(&in);

		if (span_is(key, "kind"))
			what = wire_get_uint(&in);
		else if (span_is(key, "numbers"))
			number = wire_get_array(&in) > 0 ? wire_get_uint(&in) : 0;
		else
			wire_skip(&in);
	}
	if (!in.bad && what == NOTE_DEFINITIONS && number > 0 && number <= LOADER_FLOOR)
		*(int *) data = (int) number - 1;
	return 0;
}

/* Put the definitions where the journal says that they are. */
static void
place_definitions(const struct heritage *h)
{
	struct journal *j = heritage_journal(h);
	int number = -1, fd;

	assert_int_equal(journal_read(j, find_cb, &number), 0);
	(void) journal_free(j);
	if (number <= STDERR_FILENO)
		return;
	fd = memfile_of(&h->definitions);
	assert_int_equal(dup2(fd, number), number);
	(void) close(fd);
}

void
loader_load(struct rig *rig, const struct heritage *h, int *r)
{
	rig_init(rig);
	rig->init.core = core_free(rig->init.core);
	rig->init.definitions = definitions_free(rig->init.definitions);
	rig->init.state.journal = journal_free(rig->init.state.journal);
	place_definitions(h);
	*r = state_load(&rig->init, memfile_of(&h->journal));
}

void
loader_free(struct rig *rig)
{
	rig_deinit(rig);
	occupy();
}

/* -- printing ------------------------------------------------------------------------- */

static void
print_instance(struct strbuf *b, const struct core *core, const char *job, const char *name)
{
	struct core_instance view;

	assert_int_equal(core_instance(core, job, name, &view), 0);
	strbuf_addf(b, "  instance \"%s\" %s/%s", name, job_goal_name(view.goal), job_state_name(view.state));
	for (size_t i = 0; i < view.n_processes; i++)
		strbuf_addf(b, ", %s process %d", process_kind_name(view.processes[i].kind),
			    (int) view.processes[i].pid);
	strbuf_addc(b, '\n');
	for (size_t i = 0; view.env != NULL && view.env[i] != NULL; i++)
		strbuf_addf(b, "    %s\n", view.env[i]);
}

static void
print_core(struct strbuf *b, const struct core *core)
{
	auto_strv char **jobs = core_class_names(core);
	struct core_counts counts;

	core_counts(core, &counts);
	strbuf_addf(b, "%zu jobs, %zu instances, %zu events, %zu requests\n", counts.classes, counts.instances,
		    counts.events, counts.requests);
	for (size_t i = 0; core_job_env(core) != NULL && core_job_env(core)[i] != NULL; i++)
		strbuf_addf(b, "env %s\n", core_job_env(core)[i]);
	for (size_t i = 0; jobs != NULL && jobs[i] != NULL; i++) {
		auto_strv char **names = core_instance_names(core, jobs[i]);

		strbuf_addf(b, "job %s\n", jobs[i]);
		for (size_t k = 0; names != NULL && names[k] != NULL; k++)
			print_instance(b, core, jobs[i], names[k]);
	}
	for (const struct effect *e = core_outbox(core, 0); e != NULL; e = e->next)
		strbuf_addf(b, "effect %llu %s\n", (unsigned long long) e->id, effect_type_name(e->type));
}

static const char *const note_names[] = {
#define X(id) [NOTE_##id] = #id,
	NOTES(X)
#undef X
};

static int
print_note_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	auto_strbuf struct strbuf numbers = STRBUF_INIT;
	auto_free char *text = NULL;
	struct strbuf *b = data;
	uint64_t what = 0, id = 0;
	struct wire_in in;
	size_t members;

	(void) at;
	wire_in_init(&in, p, n);
	members = kind == RECORD_NOTE ? wire_get_map(&in) : 0;
	for (; members > 0 && !in.bad; members--) {
		struct span key = wire_get_span(&in);

		if (span_is(key, "kind"))
			what = wire_get_uint(&in);
		else if (span_is(key, "id"))
			id = wire_get_uint(&in);
		else if (span_is(key, "text"))
			text = wire_get_cstr(&in);
		else if (span_is(key, "numbers"))
			for (size_t i = wire_get_array(&in); i > 0; i--)
				strbuf_addf(&numbers, " %llu", (unsigned long long) wire_get_uint(&in));
		else
			wire_skip(&in);
	}
	assert_false(in.bad);
	if (kind == RECORD_NOTE && what < ARRAY_SIZE(note_names))
		strbuf_addf(b, "note %s %llu \"%s\"%s\n", note_names[what], (unsigned long long) id,
			    text != NULL ? text : "", numbers.p != NULL ? numbers.p : "");
	return 0;
}

void
loader_print(struct rig *rig, struct strbuf *b)
{
	print_core(b, rig->init.core);
	assert_int_equal(state_snapshot(&rig->init), 0);
	assert_int_equal(journal_read(rig->init.state.journal, print_note_cb, b), 0);
	assert_false(b->failed);
}

/* -- records -------------------------------------------------------------------------- */

static uint32_t
get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *) p;

	return u[0] | (uint32_t) u[1] << 8 | (uint32_t) u[2] << 16 | (uint32_t) u[3] << 24;
}

off_t
record_at(const struct strbuf *file, size_t n)
{
	size_t at = 0;

	for (; n > 0; n--) {
		if (at + HEAD > file->len)
			return -1;
		at += HEAD + get_u32(file->p + at);
	}
	return at <= file->len ? (off_t) at : -1;
}

void
record_seal(const struct strbuf *file, off_t at)
{
	unsigned char *p = (unsigned char *) file->p + at;
	uint32_t n = get_u32(file->p + at), crc = UINT32_MAX;

	for (size_t i = 8; i < HEAD + n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		p[4 + i] = (unsigned char) (crc >> (8 * i));
}

/* -- what is to come ------------------------------------------------------------------ */

static void
put_news(struct strbuf *b)
{
	wire_put_cstr(b, "of the future");
	wire_put_array(b, 3);
	wire_put_uint(b, 42);
	wire_put_map(b, 1);
	wire_put_cstr(b, "deeper");
	wire_put_nil(b);
	wire_put_cstr(b, "text");
}

/* Copy one value, adding to each map in it. */
static void
copy_value(struct strbuf *b, struct wire_in *in, int depth)
{
	unsigned char tag = in->p < in->end ? *in->p : 0xc1;
	const unsigned char *from = in->p;
	size_t n;

	assert_false(in->bad);
	assert_true(depth < DEPTH_MAX);
	if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf) {
		n = wire_get_map(in);
		wire_put_map(b, n + 1);
		put_news(b);
		for (; n > 0; n--) {
			wire_put_str(b, wire_get_span(in));
			copy_value(b, in, depth + 1);
		}
	} else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd) {
		n = wire_get_array(in);
		wire_put_array(b, n);
		for (; n > 0; n--)
			copy_value(b, in, depth + 1);
	} else {
		wire_skip(in);
		strbuf_addn(b, from, (size_t) (in->p - from));
	}
}

/* Kinds of records and notes that nobody knows yet. */
static void
append_news(struct journal *j)
{
	auto_strbuf struct strbuf record = STRBUF_INIT, note = STRBUF_INIT;

	put_news(&record);
	assert_int_equal(journal_append(j, (enum record_kind) 99, &record, false, NULL), 0);
	wire_put_map(&note, 2);
	wire_put_cstr(&note, "kind");
	wire_put_uint(&note, 999);
	put_news(&note);
	assert_int_equal(journal_append(j, RECORD_NOTE, &note, false, NULL), 0);
}

static int
future_cb(uint32_t kind, const void *p, size_t n, off_t at, void *data)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;

	(void) at;
	wire_in_init(&in, p, n);
	while (in.p < in.end)
		copy_value(&b, &in, 0);
	assert_int_equal(journal_append(data, (enum record_kind) kind, &b, false, NULL), 0);
	append_news(data);
	return 0;
}

static void
future_of(struct strbuf *to, const struct strbuf *from)
{
	struct journal *old = journal_new(memfile_of(from), false);
	struct journal *new = journal_new(memfile_new("future"), false);
	size_t n;

	assert_int_equal(journal_read(old, future_cb, new), 0);
	n = (size_t) journal_size(new);
	to->p = malloc(n + 1);
	to->len = n;
	to->cap = n + 1;
	assert_int_equal(pread(journal_fd(new), to->p, n, 0), n);
	(void) journal_free(old);
	(void) journal_free(new);
}

void
heritage_of_the_future(struct heritage *to, const struct heritage *from)
{
	future_of(&to->journal, &from->journal);
	future_of(&to->definitions, &from->definitions);
}
