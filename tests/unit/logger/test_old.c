/* SPDX-License-Identifier: MIT */
/*
 * Rotation: when a log file becomes an old one, how many stay, and what is compressed.
 */
#include "servant.h"

#include <zstd.h>

#include "common/log.h"
#include "logger/sink-private.h"

struct fixture {
	struct folder folder;
	struct store *store;
	struct sinks sinks;
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
setup_sinks(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	f->store = store_new(-1);
	assert_non_null(f->store);
	assert_int_equal(sinks_init(&f->sinks, f->store, 0), 0);
	log_set_sink(count_warnings_cb, f);
	*state = f;
	return 0;
}

static int
teardown_sinks(void **state)
{
	struct fixture *f = *state;

	sinks_deinit(&f->sinks);
	store_free(f->store);
	folder_remove(&f->folder);
	log_set_sink(NULL, NULL);
	free(f);
	return 0;
}

static struct sink *
limited(struct fixture *f, uint64_t max_size, uint64_t keep, bool compress)
{
	struct sink *s = sinks_get(&f->sinks, folder_path(&f->folder, "job.log"));

	assert_non_null(s);
	sink_limit(s, &(struct file_limits){ .max_size = max_size, .keep = keep, .compress = compress });
	return s;
}

static void
put(struct sink *s, const char *text, size_t n)
{
	sink_write(s, text, n, 0);
	/* On a machine that is short of processors even a quick write may take its time. */
	if (s->busy)
		assert_true(sinks_wait(s->sinks, 0));
}

static void
say(struct sink *s, const char *text)
{
	put(s, text, strlen(text));
}

static void
assert_log(struct fixture *f, const char *name, const char *expected)
{
	assert_file(folder_path(&f->folder, name), expected);
}

static bool
exists(struct fixture *f, const char *name)
{
	struct stat st;

	return lstat(folder_path(&f->folder, name), &st) == 0;
}

static void
compress_all(struct fixture *f)
{
	for (unsigned turns = 0; old_files_has_work(f->sinks.old); turns++) {
		assert_true(turns < 30);
		(void) sinks_wait(&f->sinks, 0);
	}
}

/* What a compressed file holds, terminated, the caller's; *size may be NULL. */
static char *
decompress(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	unsigned long long n = (unsigned long long) 8 << 20;
	char *in, *out = calloc(1, n + 1);
	size_t r;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	in = malloc((size_t) st.st_size);
	assert_true(in != NULL && out != NULL);
	assert_int_equal(read(fd, in, (size_t) st.st_size), st.st_size);
	close(fd);
	r = ZSTD_decompress(out, n, in, (size_t) st.st_size);
	assert_false(ZSTD_isError(r));
	if (size != NULL)
		*size = r;
	free(in);
	return out;
}

static void
assert_compressed(struct fixture *f, const char *name, const char *expected)
{
	char *text = decompress(folder_path(&f->folder, name), NULL);

	assert_string_equal(text, expected);
	free(text);
}

static void
test_without_limit_it_grows(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 0, 0, true);

	for (int i = 0; i < 5000; i++)
		say(s, "one more line\n");
	assert_false(exists(f, "job.log.1"));
	assert_false(old_files_has_work(f->sinks.old));
	sink_put(s);
}

static void
test_lines_stay_whole(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 10, 9, false);

	say(s, "12345678\n"); /* fits */
	say(s, "2\n");	      /* does not */
	assert_log(f, "job.log.1", "12345678\n");
	assert_log(f, "job.log", "2\n");
	say(s, "3\n4\n5\n6\n7\n8\n"); /* one piece is cut at a line's end */
	assert_log(f, "job.log.2", "12345678\n");
	assert_log(f, "job.log.1", "2\n3\n4\n5\n6\n");
	assert_log(f, "job.log", "7\n8\n");
	say(s, "begun");
	say(s, " and gone on\nnext\n"); /* a line that was begun ends in its file */
	assert_log(f, "job.log.1", "7\n8\nbegun and gone on\n");
	assert_log(f, "job.log", "next\n");
	say(s, "longer than a file is\nafter\n");
	assert_log(f, "job.log.2", "next\n");
	assert_log(f, "job.log.1", "longer than a file is\n");
	assert_log(f, "job.log", "after\n");
	assert_false(old_files_has_work(f->sinks.old));
	sink_put(s);
}

static void
test_endless_line_is_cut(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 10, 3, false);

	for (int i = 0; i < 30; i++)
		say(s, "x");
	assert_log(f, "job.log.1", "xxxxxxxxxxxxxxxxxxxx");
	assert_log(f, "job.log", "xxxxxxxxxx");
	sink_put(s);
}

static void
test_only_so_many_stay(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 4, 3, false);
	char line[16];

	for (int i = 1; i <= 7; i++) {
		snprintf(line, sizeof(line), "l%d\n", i);
		say(s, line);
	}
	assert_log(f, "job.log", "l7\n");
	assert_log(f, "job.log.1", "l6\n");
	assert_log(f, "job.log.2", "l5\n");
	assert_log(f, "job.log.3", "l4\n");
	assert_false(exists(f, "job.log.4"));
	/* Fewer are wanted: the others go with the next. */
	sink_limit(s, &(struct file_limits){ .max_size = 4, .keep = 1 });
	say(s, "l8\n");
	assert_log(f, "job.log.1", "l7\n");
	assert_false(exists(f, "job.log.2"));
	assert_false(exists(f, "job.log.3"));
	sink_limit(s, &(struct file_limits){ .max_size = 4, .compress = true });
	say(s, "l9\n");
	assert_log(f, "job.log", "l9\n");
	assert_false(exists(f, "job.log.2"));
	sink_put(s);
}

static void
test_old_ones_are_compressed(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 4, 3, true);
	struct stat st;

	say(s, "l1\n");
	assert_int_equal(chmod(folder_path(&f->folder, "job.log"), 0604), 0);
	say(s, "l2\n");
	compress_all(f);
	assert_false(exists(f, "job.log.1"));
	assert_compressed(f, "job.log.1.zst", "l1\n");
	say(s, "l3\n");
	say(s, "l4\n"); /* twice before anything is compressed */
	compress_all(f);
	assert_compressed(f, "job.log.1.zst", "l3\n");
	assert_compressed(f, "job.log.2.zst", "l2\n");
	assert_compressed(f, "job.log.3.zst", "l1\n");
	/* The mode an administrator gave to the log stays. */
	assert_int_equal(stat(folder_path(&f->folder, "job.log"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(stat(folder_path(&f->folder, "job.log.3.zst"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	sink_put(s);
}

static void
test_rotation_amid_compression(void **state)
{
	struct fixture *f = *state;
	size_t n = 3 << 20, size;
	struct sink *s = limited(f, n, 5, true);
	char *big = malloc(n), *text;

	/* Enough for several pieces, and not too regular. */
	for (size_t i = 0; i < n; i++)
		big[i] = (i % 61 == 60) ? '\n' : (char) ('a' + (i * i >> 7) % 26);
	big[n - 1] = '\n';
	put(s, big, n);
	say(s, "second\n");
	while (!exists(f, "job.log.1.zst.part") && exists(f, "job.log.1"))
		continue; /* a thread begins with it */
	sink_limit(s, &(struct file_limits){ .max_size = 7, .keep = 5, .compress = true });
	say(s, "third\n");
	assert_log(f, "job.log.1", "second\n");
	compress_all(f);
	assert_false(exists(f, "job.log.1.zst.part"));
	text = decompress(folder_path(&f->folder, "job.log.2.zst"), &size);
	assert_int_equal(size, n);
	assert_memory_equal(text, big, n);
	assert_compressed(f, "job.log.1.zst", "second\n");
	assert_false(exists(f, "job.log.2"));
	free(text);
	free(big);
	sink_put(s);
}

static void
test_release_stops_compression(void **state)
{
	struct fixture *f = *state;
	size_t n = 8 << 20;
	struct sink *s = limited(f, n, 3, true);
	char *big = malloc(n);

	assert_non_null(big);
	memset(big, 'x', n - 1);
	big[n - 1] = '\n';
	put(s, big, n);
	say(s, "l2\n");
	sinks_release(&f->sinks, 0);
	assert_false(old_files_has_work(f->sinks.old));
	assert_false(exists(f, "job.log.1.zst.part"));
	assert_true(exists(f, "job.log.1") != exists(f, "job.log.1.zst"));
	free(big);
	sink_put(s);
}

static void
test_what_one_that_died_left_is_compressed(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 4, 5, true);

	file_put(folder_path(&f->folder, "job.log.1"), "not yet compressed\n");
	file_put(folder_path(&f->folder, "job.log.1.zst.part"), "half");
	say(s, "l1\n");
	say(s, "l2\n");
	compress_all(f);
	assert_compressed(f, "job.log.1.zst", "l1\n");
	assert_compressed(f, "job.log.2.zst", "not yet compressed\n");
	assert_false(exists(f, "job.log.1.zst.part"));
	sink_put(s);
}

/* A name in the way of moving: the log goes on, and says so once in a while. */
static void
test_log_that_can_not_be_moved_grows_on(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 4, 1, true);

	assert_int_equal(mkdir(folder_path(&f->folder, "job.log.1"), 0700), 0);
	for (int i = 0; i < 4; i++)
		say(s, "lin\n");
	assert_log(f, "job.log", "lin\nlin\nlin\nlin\n");
	assert_in_range(f->warnings, 1, 3);
	assert_int_equal(rmdir(folder_path(&f->folder, "job.log.1")), 0);
	for (int i = 0; i < 3; i++)
		say(s, "lin\n");
	assert_true(exists(f, "job.log.1"));
	sink_put(s);
}

/* A link in the place of an old file is moved, never followed; one in the place of the part is removed. */
static void
test_links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct sink *s = limited(f, 4, 5, true);

	file_put(folder_path(&f->folder, "victim"), "precious");
	assert_int_equal(symlink("victim", folder_path(&f->folder, "job.log.1")), 0);
	assert_int_equal(symlink("victim", folder_path(&f->folder, "job.log.1.zst.part")), 0);
	say(s, "l1\n");
	say(s, "l2\n");
	compress_all(f);
	assert_log(f, "victim", "precious");
	assert_compressed(f, "job.log.1.zst", "l1\n");
	assert_true(exists(f, "job.log.2"));
	assert_false(exists(f, "job.log.2.zst"));
	sink_put(s);
}

static void
test_full_disk_leaves_them_uncompressed(void **state)
{
	struct fixture *f = *state;
	size_t n = 16 * 1024;
	struct sink *s;
	char *noise = malloc(n);

	if (!folder_mount_small(&f->folder, 32)) {
		free(noise);
		skip();
		return;
	}
	/* Not to be compressed, so that it does not fit a second time. */
	for (size_t i = 0, x = 1; i < n; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (char) (x >> 40);
	}
	noise[n - 1] = '\n';
	s = limited(f, n, 3, true);
	sink_write(s, noise, n, 0);
	say(s, "next\n");
	file_put(folder_path(&f->folder, "filler"), "takes a page");
	compress_all(f);
	assert_true(exists(f, "job.log.1"));
	assert_false(exists(f, "job.log.1.zst"));
	assert_false(exists(f, "job.log.1.zst.part"));
	assert_log(f, "job.log", "next\n");
	free(noise);
	sink_put(s);
}

/* The real program, with its filter. */
static void
test_servant_rotates_and_compresses(void **state)
{
	struct init *in = *state;
	struct tty t = tty_open();
	const struct msg_log_open open = { .stream = 1,
					   .path = (char *) (uintptr_t) path_of(in, "job.log"),
					   .max_size = 8,
					   .keep = 2,
					   .compress = 1 };
	char *text;

	assert_int_equal(msg_send(in->ipc, MSG_LOG_OPEN, 0, &open, &t.master, 1), 0);
	tty_say(in, &t, "first\n");
	wait_until(in, file_is(path_of(in, "job.log"), "first\n"));
	tty_say(in, &t, "second\n");
	wait_until(in, access(path_of(in, "job.log.1.zst"), F_OK) == 0 && access(path_of(in, "job.log.1"), F_OK) < 0);
	assert_file(path_of(in, "job.log"), "second\n");
	text = decompress(path_of(in, "job.log.1.zst"), NULL);
	assert_string_equal(text, "first\n");
	free(text);
	tty_close(&t);
}

int
main(int argc, char **argv)
{
#define S(name) cmocka_unit_test_setup_teardown(name, setup_sinks, teardown_sinks)
	const struct CMUnitTest tests[] = {
		S(test_without_limit_it_grows),
		S(test_lines_stay_whole),
		S(test_endless_line_is_cut),
		S(test_only_so_many_stay),
		S(test_old_ones_are_compressed),
		S(test_rotation_amid_compression),
		S(test_release_stops_compression),
		S(test_what_one_that_died_left_is_compressed),
		S(test_log_that_can_not_be_moved_grows_on),
		S(test_links_are_not_followed),
		S(test_full_disk_leaves_them_uncompressed),
		cmocka_unit_test_setup_teardown(test_servant_rotates_and_compresses, setup, teardown),
	};

	program = argc > 1 ? argv[1] : getenv("UPSTART_LOGGER");
	(void) signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
