/* SPDX-License-Identifier: MIT */
#include "bridges/crontabs.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
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
	about = str_printf("\ndescription \"A line of %s\"\nstart on", w->tab); /* and not what it runs, which nobody else is to see */
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
test_a_zone_that_is_not_there_is_a_fault(void **state)
{
	struct world *w = *state;
	char *wanted = str_printf("%s:2:1: There is no time zone Mars/Olympus", w->tab);

	write_tab(w, "CRON_TZ=Mars/Olympus\n@daily root x\nCRON_TZ=UTC\n@daily root y\n@daily root z\n");
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.told), 1);
	assert_string_equal(w->crontabs.told[0], wanted);
	assert_int_equal(strv_len(w->crontabs.jobs), 2);
	free(wanted);
}

/* -- limits ---------------------------------------------------------------------------- */

/* Owned by the caller. */
static char *
long_line(const char *begin, char c, size_t n)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, begin);
	while (n-- > 0)
		strbuf_addc(&b, c);
	strbuf_addc(&b, '\n');
	assert_false(b.failed);
	return strbuf_steal(&b);
}

/* A line many times. */
static void
write_lines(const struct world *w, const char *before, const char *line, unsigned n)
{
	struct strbuf b auto_strbuf = STRBUF_INIT;

	strbuf_add(&b, before);
	for (unsigned i = 0; i < n; i++)
		strbuf_add(&b, line);
	assert_false(b.failed);
	write_tab(w, b.p);
}

static void
test_a_file_has_a_thousand_jobs_at_most(void **state)
{
	struct world *w = *state;
	char *wanted = str_printf("%s:1002: more than 1000 jobs: this line and those below are not heeded", w->tab);

	write_lines(w, "# equal lines\n", "@daily root x\n", 60000);
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.jobs), 1000);
	assert_int_equal(count_files(w), 1000);
	assert_int_equal(strv_len(w->crontabs.told), 1);
	assert_string_equal(w->crontabs.told[0], wanted);
	assert_false(make(w));
	/* The next file has its own thousand. */
	write_tab(w, "@daily root x\n");
	assert_true(make(w));
	assert_int_equal(count_files(w), 1);
	free(wanted);
}

static void
test_variables_are_not_repeated_without_end(void **state)
{
	struct world *w = *state;
	char *variable = long_line("A=", 'A', 600000), *wanted = str_printf("%s:8: jobs of more than 4 MiB", w->tab);

	write_lines(w, variable, "@daily root x\n", 20);
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.jobs), 6);
	assert_int_equal(strv_len(w->crontabs.told), 1);
	assert_int_equal(strncmp(w->crontabs.told[0], wanted, strlen(wanted)), 0);
	free(variable);
	free(wanted);
}

static void
test_a_job_of_any_size_is_written_once(void **state)
{
	struct world *w = *state;
	char *line = long_line("@daily root ", '\'', 900000); /* each takes four bytes in the job */

	write_tab(w, line);
	assert_true(make(w));
	assert_int_equal(count_files(w), 1);
	assert_false(make(w));
	free(line);
}

static void
test_faults_are_told_twenty_times(void **state)
{
	struct world *w = *state;
	char *wanted = str_printf("%s: more than 20 faults: the others are not told", w->tab);

	write_lines(w, "", "what?\n", 60000);
	assert_false(make(w));
	assert_int_equal(strv_len(w->crontabs.told), 21);
	assert_string_equal(w->crontabs.told[20], wanted);
	free(wanted);
}

/* -- what is whose ------------------------------------------------------------------------ */

static void
write_job(const struct world *w, const char *name, const char *text)
{
	char *path = str_printf("%s/%s", w->jobs, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void) fputs(text, file);
	(void) fclose(file);
	free(path);
}

static void
remove_job(const struct world *w, const char *name)
{
	char *path = str_printf("%s/%s", w->jobs, name);

	assert_int_equal(unlink(path), 0);
	free(path);
}

static void
test_jobs_of_others_stay(void **state)
{
	struct world *w = *state;

	write_tab(w, "@daily root x\n");
	assert_true(make(w));
	write_job(w, "cron-old-0.conf", "# Made by upstart-time-bridge from a crontab\ntask\n");
	write_job(w, "cron-mine.conf", "exec cron\n");
	write_job(w, "other.conf", "# Made by upstart-time-bridge, as somebody says\n");
	assert_true(make(w));
	assert_int_equal(count_files(w), 3);
	write_tab(w, "");
	assert_true(make(w));
	assert_int_equal(count_files(w), 2);
	remove_job(w, "cron-mine.conf");
	remove_job(w, "other.conf");
}

/* A user's file with one line, which has this owner; returns how many jobs it becomes. */
static size_t
make_users(struct world *w, const char *name, uid_t owner)
{
	size_t n;

	free(w->tab);
	w->tab = str_printf("%s/%s", w->folder, name);
	w->files[0] = w->tab;
	w->crontabs.files = NULL;
	w->crontabs.user_files = w->files;
	write_tab(w, "@daily x\n");
	assert_int_equal(chown(w->tab, owner, (gid_t) -1), 0);
	(void) make(w);
	n = strv_len(w->crontabs.jobs);
	w->crontabs.user_files = NULL;
	return n;
}

static void
test_a_file_of_a_user_is_that_user_s(void **state)
{
	struct passwd *user = geteuid() == 0 ? getpwnam("nobody") : NULL;
	struct world *w = *state;
	uid_t uid = user ? user->pw_uid : 0;
	char *text;

	if (uid == 0)
		skip();
	assert_int_equal(make_users(w, "nobody", uid), 1);
	text = job_text(w, 0);
	assert_non_null(strstr(text, "\nsetuid nobody\nuser environment\n"));
	free(text);
	assert_int_equal(make_users(w, "nobody", 0), 1); /* root may give one */
	assert_int_equal(make_users(w, "nobody", uid + 1), 0);
	assert_int_equal(strv_len(w->crontabs.told), 1);
	assert_int_equal(unlink(w->tab), 0);
	assert_int_equal(make_users(w, "no-such-user", uid), 0);
	assert_int_equal(strv_len(w->crontabs.told), 1);
	/* Lines that name users are root's alone. */
	w->crontabs.files = w->files;
	write_tab(w, "@daily nobody x\n");
	assert_false(make(w));
	assert_int_equal(chown(w->tab, 0, (gid_t) -1), 0);
	assert_true(make(w));
	assert_int_equal(strv_len(w->crontabs.jobs), 1);
}

static void
test_names_of_editors_and_packages_are_none(void **state)
{
	assert_true(crontabs_is_name("e2scrub_all") && crontabs_is_name("php-8"));
	assert_false(crontabs_is_name("") || crontabs_is_name(".placeholder") || crontabs_is_name("a~") || crontabs_is_name("a.dpkg-new"));
}

/* One of a folder of crontabs of users. */
static size_t
make_of_folder(struct world *w, const char *name)
{
	char *file = str_printf("%s/%s", w->folder, name);
	size_t n;

	assert_int_equal(rename(w->tab, file), 0);
	(void) make(w);
	n = strv_len(w->crontabs.jobs);
	assert_int_equal(rename(file, w->tab), 0);
	free(file);
	return n;
}

static void
test_users_may_have_dots_in_their_names(void **state)
{
	struct world *w = *state;
	char *folders[] = { w->folder, NULL };

	w->crontabs.session = true;
	w->crontabs.files = NULL;
	w->crontabs.user_files = folders;
	write_tab(w, "@daily x\n");
	assert_int_equal(make_of_folder(w, "john.doe"), 1);
	assert_int_equal(strncmp(w->crontabs.jobs[0], "cron-john_doe-", 14), 0);
	assert_int_equal(make_of_folder(w, ".john"), 0);
	w->crontabs.files = folders;
	w->crontabs.user_files = NULL;
	assert_int_equal(make_of_folder(w, "john.doe"), 0);
}

static void
test_crontabs_of_users_are_no_links(void **state)
{
	struct world *w = *state;
	const struct passwd *user = getpwuid(geteuid());
	char *other = str_printf("%s/other", w->folder), *files[] = { NULL, NULL };

	if (!user)
		skip();
	w->crontabs.files = NULL;
	w->crontabs.user_files = files;
	files[0] = str_printf("%s/%s", w->folder, user->pw_name);
	write_tab(w, "@daily x\n");
	assert_int_equal(rename(w->tab, other), 0);
	assert_int_equal(symlink(other, files[0]), 0);
	(void) make(w);
	assert_int_equal(strv_len(w->crontabs.jobs), 0);
	assert_non_null(strstr(w->crontabs.told[0], "a symbolic link: it is not heeded"));
	assert_int_equal(unlink(files[0]), 0);
	assert_int_equal(link(other, files[0]), 0);
	(void) make(w);
	assert_int_equal(strv_len(w->crontabs.jobs), 0);
	assert_non_null(strstr(w->crontabs.told[0], "more than one name: it is not heeded"));
	assert_int_equal(unlink(other), 0);
	(void) make(w);
	assert_int_equal(strv_len(w->crontabs.jobs), 1);
	assert_int_equal(unlink(files[0]), 0);
	w->crontabs.user_files = NULL;
	free(files[0]);
	free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_becomes_a_job_of_its_user),
		TEST(test_users_may_have_dots_in_their_names),
		TEST(test_crontabs_of_users_are_no_links),
		TEST(test_nothing_is_written_twice),
		TEST(test_the_same_line_twice_is_two_jobs),
		TEST(test_a_file_that_others_may_write_is_not_heeded),
		TEST(test_a_file_that_cannot_be_read_for_now_loses_nothing),
		TEST(test_faults_are_kept_so_as_to_be_told_once),
		TEST(test_a_zone_that_is_not_there_is_a_fault),
		TEST(test_a_file_has_a_thousand_jobs_at_most),
		TEST(test_variables_are_not_repeated_without_end),
		TEST(test_a_job_of_any_size_is_written_once),
		TEST(test_faults_are_told_twenty_times),
		TEST(test_jobs_of_others_stay),
		TEST(test_a_file_of_a_user_is_that_user_s),
		cmocka_unit_test(test_names_of_editors_and_packages_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
