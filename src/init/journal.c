/* SPDX-License-Identifier: MIT */
#include "init/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/wire.h"

#define HEAD 16
#define RECORD_MAX ((uint32_t) 256 * 1024 * 1024)
#define CHUNK ((off_t) 64 * 1024)	    /* set aside at a time */
#define CRC_POLYNOMIAL UINT32_C(0xedb88320) /* bits reversed */
#define RESERVE ((off_t) 16 * 1024)	    /* of it for what is vital */

/* A mark is made of the file's inode and the record's number; its highest bit is for others (crash.h). */
#define MARK_SHIFT 32
#define MARK_NUMBER UINT64_C(0xffffffff)
#define MARK_OTHER (UINT64_C(1) << 63)

struct header {
	uint32_t format;
	char *version;
};
static const struct wire_field header_fields[] = {
	WIRE_FIELD(U32, struct header, format),
	WIRE_FIELD(STR, struct header, version),
};
static const struct wire_schema header_schema = WIRE_SCHEMA("header", header_fields);

struct journal {
	int fd;
	bool reserve;
	off_t size;	 /* end of the last good record */
	off_t last;	 /* where the last one that was appended begins; -1: none that could be dropped */
	off_t set_aside; /* the file system has promised this much */
	uint64_t mark;	 /* of its file */
	uint64_t number;
};

/* -- bytes -------------------------------------------------------------------- */

/* Slicing by eight: slices[i][b] is the check of byte b with i zero bytes behind it. */
static uint32_t slices[8][256];

/* Filled at the first use: as constants they would be eight thousand bytes of source that nobody can read. */
static void
fill_slices(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
		slices[0][byte] = crc;
	}
	for (int i = 1; i < 8; i++)
		for (int byte = 0; byte < 256; byte++)
			slices[i][byte] = (slices[i - 1][byte] >> 8) ^ slices[0][slices[i - 1][byte] & 0xff];
}

/* CRC-32 as zlib and Ethernet have it. A snapshot of thousands of jobs is megabytes, and init does nothing else
 * meanwhile. */
static uint32_t
crc32_of(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *b = p;

	if (slices[0][1] == 0)
		fill_slices();
	crc = ~crc;
	for (; n >= 8; n -= 8, b += 8) {
		crc ^= (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 | (uint32_t) b[3] << 24;
		crc = slices[7][crc & 0xff] ^ slices[6][(crc >> 8) & 0xff] ^ slices[5][(crc >> 16) & 0xff] ^
		      slices[4][crc >> 24] ^ slices[3][b[4]] ^ slices[2][b[5]] ^ slices[1][b[6]] ^ slices[0][b[7]];
	}
	for (; n > 0; n--, b++)
		crc = (crc >> 8) ^ slices[0][(crc ^ *b) & 0xff];
	return ~crc;
}

static void
put_le(unsigned char *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (unsigned char) (v >> (8 * i));
}

static uint64_t
get_le(const unsigned char *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t) p[i] << (8 * i);
	return v;
}

static int
write_all(int fd, const void *p, size_t n, off_t at)
{
	const char *from = p;

	while (n > 0) {
		ssize_t done = pwrite(fd, from, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		from += done;
		at += done;
		n -= (size_t) done;
	}
	return 0;
}

/* Read exactly n bytes. 1, 0 (the file ends before), or a negative errno. */
static int
read_all(int fd, void *p, size_t n, off_t at)
{
	char *to = p;

	while (n > 0) {
		ssize_t done = pread(fd, to, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return 0;
		to += done;
		at += done;
		n -= (size_t) done;
	}
	return 1;
}

/* -- life --------------------------------------------------------------------- */

struct journal *
journal_new(int fd, bool reserve)
{
	struct journal *j = calloc(1, sizeof(*j));
	struct stat st;

	if (j == NULL)
		return NULL;
	j->fd = fd;
	j->reserve = reserve;
	j->last = -1;
	if (fstat(fd, &st) == 0)
		j->mark = (uint64_t) st.st_ino << MARK_SHIFT & ~MARK_OTHER;
	return j;
}

struct journal *
journal_free(struct journal *j)
{
	if (j == NULL)
		return NULL;
	(void) close(j->fd);
	free(j);
	return NULL;
}

int
journal_release(struct journal *j)
{
	int fd = j->fd;

	free(j);
	return fd;
}

int
journal_fd(const struct journal *j)
{
	return j->fd;
}

uint64_t
journal_number(const struct journal *j)
{
	return j->number;
}

uint64_t
journal_next_mark(const struct journal *j)
{
	return j->mark | ((j->number + 1) & MARK_NUMBER);
}

off_t
journal_size(const struct journal *j)
{
	return j->size;
}

/* -- appending ------------------------------------------------------------------ */

/* Is there room for n more bytes? 0 or a negative errno. */
static int
make_room(struct journal *j, off_t n, bool vital)
{
	off_t wanted = j->size + n + RESERVE;
	int r;

	if (!j->reserve || wanted <= j->set_aside)
		return 0;
	wanted = (wanted / CHUNK + 1) * CHUNK;
	r = posix_fallocate(j->fd, 0, wanted);
	if (r == 0) {
		j->set_aside = wanted;
		return 0;
	}
	if (r == EOPNOTSUPP || r == EINVAL || r == ENOSYS) {
		j->reserve = false; /* this file system makes no promises */
		return 0;
	}
	return vital && j->size + n <= j->set_aside ? 0 : -r;
}

int
journal_append(struct journal *j, enum record_kind kind, const struct strbuf *payload, bool vital, off_t *at)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	unsigned char head[HEAD] = { 0 };
	size_t n;
	int r;

	if (payload->failed)
		return -ENOMEM;
	strbuf_addn(&b, head, sizeof(head));
	wire_put_uint(&b, kind);
	if (payload->len > 0)
		strbuf_addn(&b, payload->p, payload->len);
	if (b.failed)
		return -ENOMEM;
	n = b.len - HEAD;
	if (n > RECORD_MAX)
		return -EMSGSIZE;
	r = make_room(j, (off_t) b.len, vital);
	if (r < 0)
		return r;
	put_le((unsigned char *) b.p, n, 4);
	put_le((unsigned char *) b.p + 8, j->number + 1, 8);
	put_le((unsigned char *) b.p + 4, crc32_of(0, b.p + 8, b.len - 8), 4);
	r = write_all(j->fd, b.p, b.len, j->size);
	if (r < 0) {
		/* Half a record would end every later reading here, but the next one is written over it. */
		static const unsigned char zero[HEAD] = { 0 };

		(void) !write_all(j->fd, zero, sizeof(zero), j->size);
		return r;
	}
	if (at != NULL)
		*at = j->size;
	j->last = j->size;
	j->number++;
	j->size += (off_t) b.len;
	return 0;
}

int
journal_drop_last(struct journal *j)
{
	static const unsigned char zero[HEAD] = { 0 };
	int r;

	if (j->last < 0)
		return -EINVAL;
	r = write_all(j->fd, zero, sizeof(zero), j->last);
	if (r < 0)
		return r;
	j->size = j->last;
	j->number--;
	j->last = -1;
	return 0;
}

/* -- reading -------------------------------------------------------------------- */

int
journal_begin(struct journal *j)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct header header = { JOURNAL_FORMAT, (char *) (uintptr_t) UPSTART_VERSION };

	wire_put_struct(&b, &header_schema, &header);
	return journal_append(j, RECORD_HEADER, &b, false, NULL);
}

int
journal_check_header(const void *p, size_t n)
{
	struct header header = { 0 };
	struct wire_in in;
	int r;

	wire_in_init(&in, p, n);
	r = wire_get_struct(&in, &header_schema, &header);
	if (r == 0 && header.format != JOURNAL_FORMAT)
		r = -EBADMSG;
	wire_free_struct(&header_schema, &header);
	return r;
}

/* The record at `at` into *b (head and all). 1, 0: none that is sound, or a negative errno. */
static int
read_record(struct journal *j, off_t at, off_t end, struct strbuf *b)
{
	unsigned char head[HEAD];
	uint64_t n;
	int r = read_all(j->fd, head, sizeof(head), at);

	if (r <= 0)
		return r;
	n = get_le(head, 4);
	if (n == 0 || n > RECORD_MAX || at + HEAD + (off_t) n > end)
		return 0;
	b->len = 0;
	strbuf_addn(b, head, sizeof(head));
	if (b->cap < HEAD + n + 1) {
		/* Grow in one go, without writing what is read over anyway. */
		char *p = realloc(b->p, HEAD + n + 1);

		if (p == NULL)
			return -ENOMEM;
		b->p = p;
		b->cap = HEAD + n + 1;
	}
	if (b->failed)
		return -ENOMEM;
	r = read_all(j->fd, b->p + HEAD, n, at + HEAD);
	if (r <= 0)
		return r;
	b->len = HEAD + n;
	b->p[b->len] = '\0';
	return get_le(head + 4, 4) == crc32_of(0, b->p + 8, b->len - 8) ? 1 : 0;
}

static off_t
file_end(const struct journal *j)
{
	struct stat st;

	return fstat(j->fd, &st) == 0 ? st.st_size : 0;
}

/* Hand out records from `at`, where one may follow that has another number (`gap`), until one is not sound. */
static int
read_from(struct journal *j, off_t at, bool gap, journal_fn fn, void *data)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	off_t end = file_end(j);
	int r;

	j->size = at;
	j->last = -1;
	while ((r = read_record(j, j->size, end, &b)) == 1) {
		uint64_t number = get_le((const unsigned char *) b.p + 8, 8);
		struct wire_in in;
		uint64_t kind;

		if (number != j->number + 1 && !gap)
			return 0;
		gap = false;
		wire_in_init(&in, b.p + HEAD, b.len - HEAD);
		kind = wire_get_uint(&in);
		if (in.bad || kind > UINT32_MAX)
			return 0;
		r = fn((uint32_t) kind, in.p, (size_t) (in.end - in.p), j->size, data);
		if (r != 0)
			return r;
		j->number = number;
		j->size += (off_t) b.len;
	}
	return r;
}

int
journal_read(struct journal *j, journal_fn fn, void *data)
{
	j->number = 0;
	return read_from(j, 0, false, fn, data);
}

/*
 * Where the next record begins that is whole, sound and later than the last one; -1: there is none, or a negative
 * errno. What lies between has no beginning any more, so every place is looked at.
 */
static off_t
find_record(struct journal *j, off_t at, off_t end)
{
	auto_free unsigned char *rest = NULL;
	size_t n = (size_t) (end - at);
	int r;

	rest = malloc(n);
	if (rest == NULL)
		return -ENOMEM;
	r = read_all(j->fd, rest, n, at);
	if (r <= 0)
		return r < 0 ? r : -1;
	for (size_t i = 0; i + HEAD < n; i++) {
		const unsigned char *p = rest + i;
		uint64_t length = get_le(p, 4), number = get_le(p + 8, 8);

		if (length == 0 || length > n - i - HEAD || number <= j->number || number > j->number + n)
			continue;
		if (get_le(p + 4, 4) == crc32_of(0, p + 8, HEAD - 8 + (size_t) length))
			return at + (off_t) i;
	}
	return -1;
}

int
journal_salvage(struct journal *j, journal_fn fn, void *data, size_t *gaps)
{
	off_t end = file_end(j), at;
	int r = journal_read(j, fn, data);

	*gaps = 0;
	while (r == 0 && j->size < end) {
		at = find_record(j, j->size, end);
		if (at < 0)
			return at == -1 ? 0 : (int) at;
		++*gaps;
		r = read_from(j, at, true, fn, data);
	}
	return r;
}

int
journal_read_at(struct journal *j, off_t at, uint32_t *kind, struct strbuf *payload)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct wire_in in;
	int r = read_record(j, at, file_end(j), &b);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	wire_in_init(&in, b.p + HEAD, b.len - HEAD);
	*kind = (uint32_t) wire_get_uint(&in);
	if (in.bad)
		return -EBADMSG;
	strbuf_addn(payload, in.p, (size_t) (in.end - in.p));
	return payload->failed ? -ENOMEM : 0;
}
