/* SPDX-License-Identifier: MIT */
#include "bridges/crontabs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/log.h"
#include "unit.h"

struct world {
	char folder[32];
	char *jobs, *tab;
	char *files[2];
	struct crontabs crontabs;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void) strcpy(w->folder, "/tmp/upstart-cron-XXXXXX");
	if (!mkdtemp(w->folder))
		return -1;
	w->jobs = str_printf("%s/run/jobs", w->folder);
	w->tab = str_printf("%s/my tab", w->folder);
	w->files[0] = w->tab;
	w->crontabs = (struct crontabs) { .files = w->files, .folder = w->jobs };
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char *run = str_printf("%s/run", w->folder);
	bool changed;

	w->crontabs.files = NULL;
	assert_int_equal(crontabs_make(&w->crontabs, &changed), 0);
	crontabs_deinit(&w->crontabs);
	(void) unlink(w->tab);
	(void) rmdir(w->jobs);
	(void) rmdir(run);
	assert_int_equal(rmdir(w->folder), 0);
	free(run);
	free(w->jobs);
	free(w->tab);
	free(w);
	return 0;
}

static void
write_tab(const struct world *w, const char *text)
{
	FILE *file = fopen(w->tab, "w");

	assert_non_null(file);
	(void) fputs(text, file);
	(void) fclose(file);
	assert_int_equal(chmod(w->tab, 0600), 0);
}

static bool
make(struct world *w)
{
	bool changed = false;

	assert_int_equal(crontabs_make(&w->crontabs, &changed), 0);
	return changed;
}

/* The text of the n-th job; the caller's. */
static char *
job_text(const struct world *w, size_t n)
{
	char *path = str_printf("%s/%s.conf", w->jobs, w->crontabs.jobs[n]), *text = calloc(1, 4096);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	(void) fread(text, 1, 4095, file);
	(void) fclose(file);
	free(path);
	return text;
}

static size_t
count_files(const struct world *w)
{
	DIR *dir = opendir(w->jobs);
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	if (dir)
		(void) closedir(dir);
	return n;
}

static void
test_a_line_becomes_a_job_of_its_user(void **state)
{
	struct world *w = *state;
	char *text, *about;

	write_tab(w, "A=it's\n0 3 * * 1-5 web echo \"$A\"%in\n");
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.jobs), 1);
	assert_int_equal(strncmp(w->crontabs.jobs[0], "cron-my_tab-", 12), 0);
	text = job_text(w, 0);
	about = str_printf("description \"%s: echo \\\"$A\\\"\"\n", w->tab);
	assert_non_null(strstr(text, about));
	assert_non_null(strstr(text, "\nstart on time CRON=\"0 3 * * 1-5\"\ntask\nsetuid web\nuser environment\nscript\n"
				     "\texport SHELL='/bin/sh' A='it'\\''s'\n"
				     "\tcd \"${HOME:-/}\" 2>/dev/null || cd /\n"
				     "\tprintf '%s\\n' 'in' |\n\t '/bin/sh' -c 'echo \"$A\"'\nend script\n"));
	free(text);
	free(about);
}

static void
test_nothing_is_written_twice(void **state)
{
	struct world *w = *state;

	write_tab(w, "@daily root x\n");
	assert_true(make(w));
	assert_false(make(w));
	write_tab(w, "# something else\n\n@daily root x\n");
	assert_false(make(w)); /* a line that moves is the same job */
	write_tab(w, "@daily root y\n");
	assert_true(make(w));
	assert_int_equal(count_files(w), 1);
	write_tab(w, "");
	assert_true(make(w));
	assert_int_equal(count_files(w), 0);
}

static void
test_the_same_line_twice_is_two_jobs(void **state)
{
	struct world *w = *state;

	write_tab(w, "@daily root x\n@daily root x\n");
	assert_true(make(w));
	assert_int_equal(count_files(w), 2);
	assert_string_not_equal(w->crontabs.jobs[0], w->crontabs.jobs[1]);
}

static void
test_a_file_that_others_may_write_is_not_heeded(void **state)
{
	struct world *w = *state;

	write_tab(w, "@daily root x\n");
	assert_true(make(w));
	assert_int_equal(chmod(w->tab, 0620), 0);
	assert_true(make(w));
	assert_int_equal(count_files(w), 0);
	assert_int_equal(strv_len(w->crontabs.told), 1);
}

static void
test_a_file_that_cannot_be_read_for_now_loses_nothing(void **state)
{
	struct world *w = *state;

	write_tab(w, "@daily root x\n");
	assert_true(make(w));
	/* A circle of links: it is there, and cannot be read. */
	assert_int_equal(unlink(w->tab), 0);
	assert_int_equal(symlink("my tab", w->tab), 0);
	assert_false(make(w));
	assert_int_equal(count_files(w), 1);
	/* That it is gone is another thing. */
	assert_int_equal(unlink(w->tab), 0);
	assert_true(make(w));
	assert_int_equal(count_files(w), 0);
}

static void
test_faults_are_kept_so_as_to_be_told_once(void **state)
{
	struct world *w = *state;
	char *wanted = str_printf("%s:1:3: CRON: a hour is from 0 to 23", w->tab);

	write_tab(w, "0 24 * * * root x\n@daily root x\n");
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.told), 1);
	assert_string_equal(w->crontabs.told[0], wanted);
	assert_int_equal(strv_len(w->crontabs.jobs), 1);
	free(wanted);
}

static void
test_names_of_editors_and_packages_are_none(void **state)
{
	assert_true(crontabs_is_name("e2scrub_all") && crontabs_is_name("php-8"));
	assert_false(crontabs_is_name("") || crontabs_is_name(".placeholder") || crontabs_is_name("a~") || crontabs_is_name("a.dpkg-new"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_becomes_a_job_of_its_user),
		TEST(test_nothing_is_written_twice),
		TEST(test_the_same_line_twice_is_two_jobs),
		TEST(test_a_file_that_others_may_write_is_not_heeded),
		TEST(test_a_file_that_cannot_be_read_for_now_loses_nothing),
		TEST(test_faults_are_kept_so_as_to_be_told_once),
		cmocka_unit_test(test_names_of_editors_and_packages_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
