/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "system/memfile.h"

static void
test_memfile_is_empty_and_writable(void **state)
{
	int fd = memfile_new("upstart-test");
	struct stat st;

	(void) state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(write(fd, "text", 4), 4);
	assert_int_equal(ftruncate(fd, 2), 0);
	(void) close(fd);
}

static void
test_memfile_holds_what_it_was_given(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 1000000 };

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *data = malloc(sizes[i] + 1);
		struct stat st;
		char *text;
		int fd;

		assert_non_null(data);
		memset(data, 'x', sizes[i]);
		data[sizes[i]] = '\0';
		fd = memfile_from("upstart-test", data, sizes[i]);
		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0400);
		text = read_all(fd);
		assert_string_equal(text, data);
		free(text);
		free(data);
		(void) close(fd);
	}
}

/* Not even by a descriptor that was there before. */
static void
test_memfile_given_contents_stay(void **state)
{
	int fd = memfile_from("upstart-test", "text", 4);

	(void) state;
	assert_true(fd >= 0);
#ifdef UPSTART_PLATFORM_LINUX
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
#endif
	(void) close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memfile_is_empty_and_writable),
		cmocka_unit_test(test_memfile_holds_what_it_was_given),
		cmocka_unit_test(test_memfile_given_contents_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
