/* SPDX-License-Identifier: MIT */
/*
 * Log files: when they are opened, that rotation is noticed, and what happens when they
 * cannot be written. Time is what the test says it is.
 */
#include "logger/sink.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/log.h"
#include "common/log_file.h"
#include "files.h"

#define SEC USEC_PER_SEC

struct fixture {
	struct folder folder;
	struct store *store;
	struct sinks sinks;
	usec_t now;
	unsigned warnings;
};

static void
count_warnings_cb(enum log_level level, const char *text, void *data)
{
	struct fixture *f = data;

	if (level >= LOG_LEVEL_WARN)
		f->warnings++;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	f->now = 1000 * SEC;
	f->store = store_new(-1);
	assert_non_null(f->store);
	assert_int_equal(sinks_init(&f->sinks, f->store, f->now), 0);
	log_set_sink(count_warnings_cb, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sinks_deinit(&f->sinks);
	store_free(f->store);
	folder_remove(&f->folder);
	log_set_sink(NULL, NULL);
	free(f);
	return 0;
}

static const char *
path_of(struct fixture *f, const char *name)
{
	return folder_path(&f->folder, name);
}

static void
say(struct fixture *f, struct sink *s, const char *text)
{
	sink_write(s, text, strlen(text), f->now);
}

static int
flush(struct fixture *f)
{
	const char *path = NULL;

	return sinks_flush(&f->sinks, f->now, &path);
}

static void
test_file_appears_with_first_output(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));
	struct stat st;
	mode_t old = umask(0);

	assert_int_equal(access(path_of(f, "job.log"), F_OK), -1);
	say(f, s, "hello\n");
	assert_file(path_of(f, "job.log"), "hello\n");
	assert_int_equal(stat(path_of(f, "job.log"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	sink_put(s);
	assert_null(f->sinks.all);
	assert_int_equal(f->sinks.n_open, 0);
	(void) umask(old);
}

static void
test_old_content_is_kept(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));

		say(f, s, "run\n");
		sink_put(s);
	}
	assert_file(path_of(f, "job.log"), "run\nrun\n");
}

static void
test_path_is_shared(void **state)
{
	struct fixture *f = *state;
	struct sink *a = sinks_get(&f->sinks, path_of(f, "job.log"));
	struct sink *b = sinks_get(&f->sinks, path_of(f, "job.log"));

	assert_ptr_equal(a, b);
	say(f, a, "pre-start\n");
	say(f, b, "main\n");
	assert_int_equal(f->sinks.n_open, 1);
	sink_put(a);
	say(f, b, "still\n");
	sink_put(b);
	assert_file(path_of(f, "job.log"), "pre-start\nmain\nstill\n");
}

static void
test_rotation_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));

	say(f, s, "one\n");
	assert_int_equal(unlink(path_of(f, "job.log")), 0);
	say(f, s, "two\n");
	assert_file(path_of(f, "job.log"), "two\n");

	assert_int_equal(rename(path_of(f, "job.log"), path_of(f, "job.log.1")), 0);
	say(f, s, "three\n");
	assert_file(path_of(f, "job.log.1"), "two\n");
	assert_file(path_of(f, "job.log"), "three\n");

	/* Replaced by another file: it goes on in that one. */
	assert_int_equal(rename(path_of(f, "job.log.1"), path_of(f, "job.log")), 0);
	say(f, s, "four\n");
	assert_file(path_of(f, "job.log"), "two\nfour\n");

	/* Copied and truncated: no hole. */
	assert_int_equal(truncate(path_of(f, "job.log"), 0), 0);
	say(f, s, "five\n");
	assert_file(path_of(f, "job.log"), "five\n");
	sink_put(s);
	assert_int_equal(f->warnings, 0);
}

static void
test_folder_that_appears_later_gets_all(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "later/job.log"));

	say(f, s, "one\n");
	say(f, s, "two\n");
	sink_put(s); /* its job is over: it waits all the same */
	assert_int_equal(f->warnings, 1);
	assert_int_equal(flush(f), -ENOENT);
	assert_int_equal(mkdir(path_of(f, "later"), 0755), 0);
	s = sinks_get(&f->sinks, path_of(f, "later/job.log"));
	f->now += SEC;
	say(f, s, "three\n");
	assert_file(path_of(f, "later/job.log"), "one\ntwo\nthree\n");
	sink_put(s);
	assert_null(f->sinks.all);
}

static void
test_flush_names_the_first_that_fails(void **state)
{
	struct fixture *f = *state;
	struct sink *good = sinks_get(&f->sinks, path_of(f, "good/job.log"));
	struct sink *bad = sinks_get(&f->sinks, path_of(f, "bad/job.log"));
	const char *path = NULL;

	say(f, good, "good\n");
	say(f, bad, "bad\n");
	assert_int_equal(mkdir(path_of(f, "good"), 0755), 0);
	assert_int_equal(sinks_flush(&f->sinks, f->now, &path), -ENOENT);
	assert_string_equal(path, path_of(f, "bad/job.log"));
	assert_file(path_of(f, "good/job.log"), "good\n");
	assert_int_equal(mkdir(path_of(f, "bad"), 0755), 0);
	assert_int_equal(flush(f), 0);
	assert_file(path_of(f, "bad/job.log"), "bad\n");
	assert_true(sinks_next_retry(&f->sinks) == UINT64_MAX);
	sink_put(good);
	sink_put(bad);
}

static void
test_retries_back_off(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "later/job.log"));
	usec_t wait = 0, next;

	say(f, s, "one\n");
	for (int i = 0; i < 12; i++) {
		next = sinks_next_retry(&f->sinks);
		assert_true(next > f->now && next != UINT64_MAX);
		assert_true(next - f->now >= wait);
		assert_true(next - f->now <= 10 * SEC);
		wait = next - f->now;
		f->now = next;
		sinks_retry(&f->sinks, f->now);
	}
	assert_int_equal(wait, 10 * SEC);
	assert_int_equal(f->warnings, 1);
	assert_int_equal(mkdir(path_of(f, "later"), 0755), 0);
	f->now = sinks_next_retry(&f->sinks);
	sinks_retry(&f->sinks, f->now);
	assert_file(path_of(f, "later/job.log"), "one\n");
	sink_put(s);
}

static void
test_one_success_wakes_the_others(void **state)
{
	struct fixture *f = *state;
	struct sink *a = sinks_get(&f->sinks, path_of(f, "later/a.log"));
	struct sink *b = sinks_get(&f->sinks, path_of(f, "later/b.log"));

	say(f, a, "a\n");
	say(f, b, "b\n");
	for (int i = 0; i < 10; i++) {
		f->now = sinks_next_retry(&f->sinks);
		sinks_retry(&f->sinks, f->now);
	}
	assert_int_equal(mkdir(path_of(f, "later"), 0755), 0);
	f->now += SEC;
	say(f, a, "more\n");
	assert_file(path_of(f, "later/a.log"), "a\nmore\n");
	assert_int_equal(sinks_next_retry(&f->sinks), f->now);
	sinks_retry(&f->sinks, f->now);
	assert_file(path_of(f, "later/b.log"), "b\n");
	sink_put(a);
	sink_put(b);
}

static void
test_dropped_output_is_told_in_its_place(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));
	char line[64], *text, *end;
	unsigned long dropped, first;

	say(f, s, "in time, but cut");
	assert_int_equal(unlink(path_of(f, "job.log")), 0);
	assert_int_equal(mkdir(path_of(f, "job.log"), 0755), 0);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(line, sizeof(line), "%031u\n", i);
		say(f, s, line);
	}
	assert_int_equal(f->warnings, 1);
	assert_int_equal(rmdir(path_of(f, "job.log")), 0);
	assert_int_equal(flush(f), 0);
	text = file_read(path_of(f, "job.log"));
	assert_non_null(text);
	dropped = strtoul(text, &end, 10);
	assert_memory_equal(end, " bytes of output were dropped\n", 30);
	assert_true(dropped >= 640000 - STORE_QUEUE_MAX && dropped < 640000);
	assert_int_equal(strlen(end + 30), 640000 - dropped);
	first = dropped / 32 + 1;
	assert_int_equal(strtoul(end + 30 + (first * 32 - dropped), NULL, 10), first);
	snprintf(line, sizeof(line), "%031u\n", 19999);
	assert_string_equal(text + strlen(text) - 32, line);
	free(text);
	sink_put(s);
}

static void
test_notice_of_loss_starts_a_line(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));
	struct rlimit old, small = { 1000, RLIM_INFINITY };
	char *big = calloc(1, 300000), *text;

	/* The file cannot grow: the same one is written again later. */
	(void) signal(SIGXFSZ, SIG_IGN);
	assert_non_null(big);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	say(f, s, "cut off here");
	small.rlim_max = old.rlim_max;
	small.rlim_cur = 12;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(big, 'x', 300000);
	sink_write(s, big, 300000, f->now);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void) signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(flush(f), 0);
	text = file_read(path_of(f, "job.log"));
	assert_memory_equal(text, "cut off here\n37856 bytes of output were dropped\nxxx", 50);
	free(text);
	free(big);
	sink_put(s);
}

static void
test_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	char line[64], *text;
	struct sink *s;
	int fd;

	if (!folder_mount_small(&f->folder, 64)) {
		skip();
		return;
	}
	fd = open(path_of(f, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	text = calloc(1, 56 * 1024);
	assert_int_equal(write(fd, text, 56 * 1024), 56 * 1024);
	close(fd);
	free(text);
	s = sinks_get(&f->sinks, path_of(f, "job.log"));
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "%031u\n", i);
		say(f, s, line);
		f->now += 50 * USEC_PER_MSEC;
	}
	assert_int_equal(flush(f), -ENOSPC);
	assert_int_equal(f->warnings, 1);
	assert_int_equal(unlink(path_of(f, "filler")), 0);
	f->now += SEC;
	/* 160,000 bytes do not fit into 64 KiB either: the file has to be taken away twice. */
	for (unsigned i = 0, rounds = 0; i < 5000; rounds++) {
		size_t len;

		(void) flush(f);
		text = file_read(path_of(f, "job.log"));
		len = strlen(text);
		assert_true(len > 0 && rounds < 5);
		for (size_t at = 0; at < len; at += 32, i++) {
			snprintf(line, sizeof(line), "%031u\n", i);
			assert_memory_equal(text + at, line, 32);
		}
		free(text);
		assert_int_equal(unlink(path_of(f, "job.log")), 0);
	}
	assert_int_equal(store_bytes(f->store), 0);
	sink_put(s);
}

static void
test_read_only_disk_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct sink *s;

	if (!folder_mount_small(&f->folder, 64)) {
		skip();
		return;
	}
	assert_int_equal(mount(NULL, f->folder.path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	s = sinks_get(&f->sinks, path_of(f, "job.log"));
	say(f, s, "early\n");
	sink_put(s);
	assert_int_equal(flush(f), -EROFS);
	assert_int_equal(mount(NULL, f->folder.path, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(flush(f), 0);
	assert_file(path_of(f, "job.log"), "early\n");
}

static void
test_link_in_place_of_log_is_not_followed(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));

	assert_int_equal(symlink(path_of(f, "victim"), path_of(f, "job.log")), 0);
	say(f, s, "text\n");
	assert_int_equal(access(path_of(f, "victim"), F_OK), -1);
	assert_int_equal(unlink(path_of(f, "job.log")), 0);
	assert_int_equal(flush(f), 0);
	assert_file(path_of(f, "job.log"), "text\n");
	sink_put(s);
}

static void
test_pipe_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "pipe"));
	char got[16] = "";
	int fd;

	assert_int_equal(mkfifo(path_of(f, "pipe"), 0600), 0);
	say(f, s, "kept\n");
	assert_int_equal(flush(f), 0); /* the rest of the disk is fine */
	fd = open(path_of(f, "pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flush(f), 0);
	assert_int_equal(read(fd, got, sizeof(got) - 1), 0);
	close(fd);
	assert_int_equal(store_bytes(f->store), 5);
	assert_int_equal(f->warnings, 1);
	/* Nothing is due by itself; when it is gone the next output brings all. */
	assert_true(sinks_next_retry(&f->sinks) == UINT64_MAX);
	assert_int_equal(unlink(path_of(f, "pipe")), 0);
	f->now += SEC;
	say(f, s, "more\n");
	assert_file(path_of(f, "pipe"), "kept\nmore\n");
	sink_put(s);
}

static void
test_what_is_no_file_ends_with_its_job(void **state)
{
	struct fixture *f = *state;
	struct sink *folder = sinks_get(&f->sinks, path_of(f, "folder"));
	struct sink *link = sinks_get(&f->sinks, path_of(f, "link"));
	struct sink *missing = sinks_get(&f->sinks, path_of(f, "later/job.log"));

	assert_int_equal(mkdir(path_of(f, "folder"), 0700), 0);
	assert_int_equal(symlink("/dev/null", path_of(f, "link")), 0);
	say(f, folder, "1");
	say(f, link, "22");
	say(f, missing, "333");
	assert_int_equal(store_bytes(f->store), 6);
	assert_int_equal(flush(f), -ENOENT);
	sink_put(folder);
	assert_int_equal(store_bytes(f->store), 5);
	sink_put(link);
	sink_put(missing);
	/* A folder may yet come; a folder or link in the place of a file doesn't go by itself. */
	assert_int_equal(store_bytes(f->store), 3);
	assert_int_equal(f->warnings, 5);
	assert_int_equal(mkdir(path_of(f, "later"), 0700), 0);
	assert_int_equal(flush(f), 0);
	assert_int_equal(store_bytes(f->store), 0);
	assert_null(f->sinks.all);
	assert_int_equal(unlink(path_of(f, "link")), 0);
}

/* The only name in the folder that starts with `start`; a static buffer. */
static const char *
find_file(struct fixture *f, char start)
{
	static char name[300];
	const struct dirent *entry;
	DIR *dir = opendir(f->folder.path);
	int found = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] == start) {
			found++;
			(void) snprintf(name, sizeof(name), "%s", entry->d_name);
		}
	(void) closedir(dir);
	assert_int_equal(found, 1);
	return name;
}

/* A path in the fixture's folder with a name of that length: one letter, then the end. */
static char *
long_path(struct fixture *f, char letter, size_t length, const char *end)
{
	size_t folder = strlen(f->folder.path) + 1;
	char *path = calloc(1, folder + length + 1);

	assert_non_null(path);
	(void) snprintf(path, folder + 1, "%s/", f->folder.path);
	memset(path + folder, letter, length);
	memcpy(path + folder + length - strlen(end), end, strlen(end));
	return path;
}

static void
test_long_names_are_cut_and_never_shared(void **state)
{
	static const struct {
		char letter;
		size_t length, result;
	} cases[] = { { 'a', 238, 238 }, { 'b', 239, 239 }, { 'c', 240, 240 }, { 'd', 255, 240 }, { 'e', 5000, 240 } };
	struct fixture *f = *state;
	char *one, *other;
	struct sink *s, *t;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name;

		one = long_path(f, cases[i].letter, cases[i].length, ".log");
		s = sinks_get(&f->sinks, one);
		assert_ptr_equal(sinks_get(&f->sinks, one), s);
		say(f, s, "text\n");
		name = find_file(f, cases[i].letter);
		assert_int_equal(strlen(name), cases[i].result);
		assert_string_equal(name + strlen(name) - 4, ".log");
		sink_put(s);
		sink_put(s);
		free(one);
	}
	/* Names that differ in their end only; and one that is what another was cut to. */
	one = long_path(f, 'x', 300, "1.log");
	other = long_path(f, 'x', 300, "2.log");
	s = sinks_get(&f->sinks, one);
	t = sinks_get(&f->sinks, other);
	assert_ptr_not_equal(s, t);
	sink_put(s);
	sink_put(t);
	free(one);
	free(other);
	one = log_name("/dir/\xc3\xa4");
	assert_string_equal(one, "/dir/\xc3\xa4");
	free(one);
	one = long_path(f, 'y', 300, ".log");
	other = log_name(one);
	free(one);
	one = log_name(other);
	assert_string_not_equal(one, other);
	free(one);
	free(other);
	/* No half of a letter is left: 203 bytes stay, the last of which would be one. */
	one = long_path(f, 'z', 300, ".log");
	memcpy(strrchr(one, '/') + 1 + 202, "\xc3\xa4", 2);
	other = log_name(one);
	assert_memory_equal(strrchr(other, '/') + 1 + 200, "zz_~", 4);
	free(one);
	free(other);
}

static void
test_successor_writes_to_cut_name(void **state)
{
	struct fixture *f = *state;
	char *path = long_path(f, 'a', 300, ".log");
	char template[] = "/tmp/upstart-test-ring-XXXXXX";
	int ring = mkostemp(template, O_CLOEXEC);
	struct store *first = store_new(ring), *second;
	struct sinks sinks;
	struct sink *s;
	const char *where = NULL;

	assert_true(ring >= 0);
	assert_int_equal(unlink(template), 0);
	assert_int_equal(chmod(f->folder.path, 0700), 0);
	assert_int_equal(sinks_init(&sinks, first, f->now), 0);
	sinks_release(&sinks, f->now);
	s = sinks_get(&sinks, path);
	sink_write(s, "old\n", 4, f->now);
	sinks_deinit(&sinks);
	store_free(first);
	second = store_new(ring);
	assert_int_equal(sinks_init(&sinks, second, f->now), 0);
	s = sinks_get(&sinks, path);
	sink_write(s, "new\n", 4, f->now);
	assert_int_equal(sinks_flush(&sinks, f->now, &where), 0);
	assert_file(path_of(f, find_file(f, 'a')), "old\nnew\n");
	sinks_deinit(&sinks);
	store_free(second);
	close(ring);
	free(path);
}

static void
test_few_open_files_are_enough(void **state)
{
	struct fixture *f = *state;
	struct sink *s[20];
	char name[32];

	sinks_limit_open(&f->sinks, 3);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%d.log", i);
		s[i] = sinks_get(&f->sinks, path_of(f, name));
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 20; i++) {
			say(f, s[i], "x");
			assert_true(f->sinks.n_open <= 3);
		}
	sinks_limit_open(&f->sinks, 0);
	assert_true(f->sinks.n_open <= 1);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%d.log", i);
		assert_file(path_of(f, name), "xxx");
		sink_put(s[i]);
	}
	assert_int_equal(f->warnings, 0);
}

static void
test_no_descriptor_left_keeps_output(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	say(f, s, "kept\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f->warnings, 1);
	assert_int_equal(flush(f), 0);
	assert_file(path_of(f, "job.log"), "kept\n");
	sink_put(s);
}

static void
test_many_failures_are_few_warnings(void **state)
{
	struct fixture *f = *state;
	struct sink *s[200];
	char name[32];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "no/%d.log", i);
		s[i] = sinks_get(&f->sinks, path_of(f, name));
		say(f, s[i], "x\n");
		say(f, s[i], "y\n");
	}
	assert_in_range(f->warnings, 1, 10);
	f->warnings = 0;
	f->now += 3600 * SEC;
	assert_int_equal(flush(f), -ENOENT);
	assert_int_equal(f->warnings, 0);
	assert_int_equal(mkdir(path_of(f, "no"), 0755), 0);
	assert_int_equal(flush(f), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "no/%d.log", i);
		assert_file(path_of(f, name), "x\ny\n");
		sink_put(s[i]);
	}
}

static void
test_release_closes_files_and_buffers(void **state)
{
	struct fixture *f = *state;
	struct sink *s = sinks_get(&f->sinks, path_of(f, "job.log"));

	say(f, s, "before\n");
	sinks_release(&f->sinks, f->now);
	assert_int_equal(f->sinks.n_open, 0);
	say(f, s, "after\n");
	f->now += 100 * SEC;
	sinks_retry(&f->sinks, f->now);
	say(f, s, "later\n");
	assert_int_equal(f->sinks.n_open, 0);
	assert_true(sinks_next_retry(&f->sinks) == UINT64_MAX);
	assert_file(path_of(f, "job.log"), "before\n");
	assert_int_equal(flush(f), 0);
	assert_file(path_of(f, "job.log"), "before\nafter\nlater\n");
	sink_put(s);
}

static void
test_successor_writes_what_waited(void **state)
{
	struct fixture *f = *state;
	char template[] = "/tmp/upstart-test-ring-XXXXXX";
	int ring = mkostemp(template, O_CLOEXEC);
	struct sink *s;

	assert_true(ring >= 0);
	assert_int_equal(unlink(template), 0);
	for (int life = 0; life < 3; life++) {
		sinks_deinit(&f->sinks);
		store_free(f->store);
		f->store = store_new(ring);
		assert_int_equal(sinks_init(&f->sinks, f->store, f->now), 0);
		s = sinks_get(&f->sinks, path_of(f, "later/job.log"));
		say(f, s, life == 0 ? "one\n" : "two\n");
		if (life == 0)
			sink_put(s);
	}
	assert_int_equal(mkdir(path_of(f, "later"), 0755), 0);
	sinks_retry(&f->sinks, f->now + 10 * SEC);
	assert_file(path_of(f, "later/job.log"), "one\ntwo\ntwo\n");
	sinks_deinit(&f->sinks);
	close(ring);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_file_appears_with_first_output),
		T(test_old_content_is_kept),
		T(test_path_is_shared),
		T(test_rotation_is_noticed),
		T(test_folder_that_appears_later_gets_all),
		T(test_flush_names_the_first_that_fails),
		T(test_retries_back_off),
		T(test_one_success_wakes_the_others),
		T(test_dropped_output_is_told_in_its_place),
		T(test_notice_of_loss_starts_a_line),
		T(test_full_disk_loses_nothing),
		T(test_read_only_disk_is_waited_for),
		T(test_link_in_place_of_log_is_not_followed),
		T(test_pipe_is_not_written_to),
		T(test_what_is_no_file_ends_with_its_job),
		T(test_long_names_are_cut_and_never_shared),
		T(test_successor_writes_to_cut_name),
		T(test_few_open_files_are_enough),
		T(test_no_descriptor_left_keeps_output),
		T(test_many_failures_are_few_warnings),
		T(test_release_closes_files_and_buffers),
		T(test_successor_writes_what_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
