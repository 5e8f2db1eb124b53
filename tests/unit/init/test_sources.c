/* SPDX-License-Identifier: MIT */
/*
 * Which file of which directory counts (job-language.md 8), and what the core is told when files change.
 */
#include "init/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/scope.h"
#include "init/conffile.h"
#include "init/scopes.h"
#include "rig.h"
#include "scratch.h"
#include "system/clock.h"

#define PATIENCE (20 * USEC_PER_SEC)

struct fixture {
	struct rig rig;
	struct scratch dir;
};

static int
set_up(void **state)
{
	static struct fixture f;

	scratch_init(&f.dir);
	rig_init(&f.rig);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	rig_deinit(&f->rig);
	scratch_deinit(&f->dir);
	return 0;
}

static void
add_dirs(struct fixture *f, const char *a, const char *b)
{
	assert_int_equal(sources_add(&f->rig.init, scratch_path(&f->dir, a), false), 0);
	if (b != NULL)
		assert_int_equal(sources_add(&f->rig.init, scratch_path(&f->dir, b), false), 0);
	sources_load(&f->rig.init);
}

/* The main command of a job; NULL: there is no such job. */
static const char *
command_of(struct fixture *f, const char *job)
{
	const struct job_class *cls = core_class(f->rig.init.core, job);

	return cls != NULL ? cls->process[PROCESS_MAIN].command : NULL;
}

#define assert_command(f, job, wanted) assert_string_equal(command_of(f, job), wanted)

#ifdef UPSTART_PLATFORM_LINUX /* where files are watched */
/* Turn the loop until the job's command is that (NULL: the job is gone). */
static void
wait_command(struct fixture *f, const char *job, const char *wanted)
{
	usec_t deadline = clock_now() + PATIENCE;

	for (;;) {
		const char *is = command_of(f, job);

		if (wanted == NULL ? is == NULL : is != NULL && strcmp(is, wanted) == 0)
			return;
		assert_true(clock_now() < deadline);
		rig_turn(&f->rig, 50);
	}
}
#endif

/* -- names ------------------------------------------------------------------------- */

static void
names_tell_what_a_file_is(void **state)
{
	assert_int_equal(conffile_kind_of("a.conf"), CONFFILE_CONF);
	assert_int_equal(conffile_kind_of("a.b.conf"), CONFFILE_CONF);
	assert_int_equal(conffile_kind_of("a.override"), CONFFILE_OVERRIDE);
	assert_int_equal(conffile_kind_of(".conf"), CONFFILE_OTHER);
	assert_int_equal(conffile_kind_of(".a.conf"), CONFFILE_OTHER);
	assert_int_equal(conffile_kind_of("a.CONF"), CONFFILE_OTHER);
	assert_int_equal(conffile_kind_of("a.conf~"), CONFFILE_OTHER);
	assert_int_equal(conffile_kind_of("a.conf.dpkg-new"), CONFFILE_OTHER);
	assert_int_equal(conffile_kind_of("conf"), CONFFILE_OTHER);
}

static void
some_directories_are_not_entered(void **state)
{
	static const char *const no[] = { ".git",      "a~",	    "a.bak",	 "a.BAK",  "#a#",	 "a.swp",
					  "a.swo",     "a.swn",	    "a,v",	 "RCS",	   "CVS",	 "CVS.adm",
					  "SCCS",      "BitKeeper", "{arch}",	 "_darcs", "a.dpkg-old", "a.rpmsave",
					  "a.rpmorig", "a.rpmnew",  "a;0123abcd" };
	static const char *const yes[] = { "a", "a.conf", "sub.d", "a;0123abc", "#a", "RCS2", "rpmsave" };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(conffile_enter(no[i]));
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(conffile_enter(yes[i]));
}

static void
jobs_are_called_by_their_path(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/net/web.conf", "exec x\n");
	scratch_write(&f->dir, "c/a.b.conf", "exec x\n");
	scratch_write(&f->dir, "c/two words.conf", "exec x\n");
	scratch_write(&f->dir, "c/dir.conf/in.conf", "exec x\n");
	scratch_write(&f->dir, "c/.git/no.conf", "exec x\n");
	scratch_write(&f->dir, "c/.hidden.conf", "exec x\n");
	add_dirs(f, "c", NULL);
	assert_command(f, "net/web", "x");
	assert_command(f, "a.b", "x");
	assert_command(f, "two words", "x");
	assert_command(f, "dir.conf/in", "x");
	assert_null(command_of(f, ".git/no"));
	assert_null(command_of(f, ".hidden"));
}

/* -- precedence ---------------------------------------------------------------------- */

static void
first_directory_wins(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "high/a.conf", "exec high\n");
	scratch_write(&f->dir, "low/a.conf", "exec low\n");
	scratch_write(&f->dir, "low/b.conf", "exec low\n");
	add_dirs(f, "high", "low");
	assert_command(f, "a", "high");
	assert_command(f, "b", "low");
}

static void
broken_file_leaves_the_name_to_the_next_directory(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "high/a.conf", "nonsense\n");
	scratch_write(&f->dir, "low/a.conf", "exec low\n");
	scratch_write(&f->dir, "high/b.conf", "nonsense\n");
	add_dirs(f, "high", "low");
	assert_command(f, "a", "low");
	assert_null(command_of(f, "b"));
	assert_non_null(strstr(rig_messages(&f->rig), "/high/a.conf:1"));
	assert_non_null(strstr(rig_messages(&f->rig), "Unknown stanza"));
}

static void
link_to_null_hides_a_name(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "high/other.conf", "exec x\n");
	scratch_write(&f->dir, "low/a.conf", "exec low\n");
	assert_int_equal(symlink("/dev/null", scratch_path(&f->dir, "high/a.conf")), 0);
	add_dirs(f, "high", "low");
	assert_null(command_of(f, "a"));
}

static void
links_are_followed_to_files_not_to_directories(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "elsewhere/file", "exec linked\n");
	scratch_write(&f->dir, "elsewhere/in.conf", "exec x\n");
	scratch_write(&f->dir, "c/plain.conf", "exec x\n");
	assert_int_equal(symlink(scratch_path(&f->dir, "elsewhere/file"), scratch_path(&f->dir, "c/a.conf")), 0);
	assert_int_equal(symlink(scratch_path(&f->dir, "elsewhere"), scratch_path(&f->dir, "c/dir.conf")), 0);
	assert_int_equal(symlink(scratch_path(&f->dir, "c"), scratch_path(&f->dir, "c/loop")), 0);
	assert_int_equal(symlink("/nowhere", scratch_path(&f->dir, "c/dangling.conf")), 0);
	add_dirs(f, "c", NULL);
	assert_command(f, "a", "linked");
	assert_null(command_of(f, "dir.conf/in"));
	assert_null(command_of(f, "loop/plain"));
	assert_null(command_of(f, "dangling"));
	assert_non_null(strstr(rig_messages(&f->rig), "/c/dangling.conf: No such file or directory"));
}

/* -- overrides --------------------------------------------------------------------------- */

static void
override_is_taken_from_its_own_directory_or_a_higher_one(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "high/b.override", "exec over-high\n");
	scratch_write(&f->dir, "low/b.override", "exec over-low\n");
	scratch_write(&f->dir, "low/b.conf", "exec low\n");
	scratch_write(&f->dir, "high/a.conf", "exec high\n");
	scratch_write(&f->dir, "low/a.override", "exec over-low\n");
	scratch_write(&f->dir, "low/c.conf", "exec low\n");
	scratch_write(&f->dir, "low/c.override", "exec over-low\n");
	scratch_write(&f->dir, "high/lonely.override", "exec x\n");
	add_dirs(f, "high", "low");
	assert_command(f, "b", "over-high"); /* the highest alone */
	assert_command(f, "a", "high");	     /* a lower one never applies */
	assert_command(f, "c", "over-low");
	assert_null(command_of(f, "lonely"));
}

static void
broken_override_is_ignored_whole(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	scratch_write(&f->dir, "c/a.override", "exec two\nnonsense\n");
	add_dirs(f, "c", NULL);
	assert_command(f, "a", "one");
	assert_non_null(strstr(rig_messages(&f->rig), "/c/a.override:2"));
}

static void
broken_file_is_no_job_whatever_the_override_says(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "nonsense\n");
	scratch_write(&f->dir, "c/a.override", "exec two\n");
	add_dirs(f, "c", NULL);
	assert_null(command_of(f, "a"));
}

static void
emptied_override_hides_lower_ones(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "low/a.conf", "exec low\n");
	scratch_write(&f->dir, "low/a.override", "exec over\n");
	scratch_write(&f->dir, "high/other.conf", "exec x\n");
	assert_int_equal(symlink("/dev/null", scratch_path(&f->dir, "high/a.override")), 0);
	add_dirs(f, "high", "low");
	assert_command(f, "a", "low");
}

/* -- changes ------------------------------------------------------------------------------- */

static void
reload_finds_all_changes(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	scratch_write(&f->dir, "c/b.conf", "exec one\n");
	add_dirs(f, "c", NULL);
	scratch_write(&f->dir, "c/a.conf", "exec two\n");
	scratch_write(&f->dir, "c/sub/new.conf", "exec new\n");
	assert_int_equal(unlink(scratch_path(&f->dir, "c/b.conf")), 0);
	sources_reload(&f->rig.init);
	assert_command(f, "a", "two");
	assert_command(f, "sub/new", "new");
	assert_null(command_of(f, "b"));
}

static void
last_good_definition_is_kept(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	add_dirs(f, "c", NULL);
	scratch_write(&f->dir, "c/a.conf", "exec two\nnonsense\n");
	sources_reload(&f->rig.init);
	assert_command(f, "a", "one");
	assert_non_null(strstr(rig_messages(&f->rig), "/c/a.conf:2"));
	scratch_write(&f->dir, "c/a.conf", "exec three\n");
	sources_reload(&f->rig.init);
	assert_command(f, "a", "three");
}

/* What the core could not take, for want of memory say, is not taken for told. */
static void
definition_that_was_refused_is_told_at_the_next_look(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	f->rig.init.brain.spoiled = true;
	add_dirs(f, "c", NULL);
	assert_null(command_of(f, "a"));
	f->rig.init.brain.spoiled = false;
	sources_load(&f->rig.init);
	assert_non_null(command_of(f, "a"));
	assert_command(f, "a", "one");
}

static void
reload_of_the_same_makes_no_new_definition(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	add_dirs(f, "c", NULL);
	id = core_class(f->rig.init.core, "a")->id;
	for (int i = 0; i < 10; i++)
		sources_reload(&f->rig.init);
	assert_int_equal(core_class(f->rig.init.core, "a")->id, id);
}

static void
old_definitions_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	scratch_write(&f->dir, "c/a.conf", "exec 0\n");
	add_dirs(f, "c", NULL);
	first = core_class(f->rig.init.core, "a")->id;
	for (int i = 1; i <= 200; i++) {
		auto_free char *text = str_printf("exec %d\n", i);

		scratch_write(&f->dir, "c/a.conf", text);
		sources_reload(&f->rig.init);
	}
	f->rig.init.state.damaged = true;
	rig_turn(&f->rig, 0);
	assert_null(definitions_class(f->rig.init.definitions, first));
	assert_command(f, "a", "200");
}

/* -- chroot sessions ------------------------------------------------------------------- */

/* Whoever may start a job of a session may end its quarantine, too; nobody else can. */
static void
session_may_change_its_own_jobs(void **state)
{
	static const enum request_action actions[] = {
		REQUEST_JOB_START,	  REQUEST_JOB_STOP,	   REQUEST_JOB_RESTART,
		REQUEST_JOB_RESET,	  REQUEST_INSTANCE_START,  REQUEST_INSTANCE_STOP,
		REQUEST_INSTANCE_RESTART, REQUEST_INSTANCE_RELOAD, REQUEST_INSTANCE_RESET,
	};
	struct fixture *f = *state;
	auto_free char *root = strdup(scratch_path(&f->dir, "jail"));
	auto_free char *own = scope_join(scope_of(root), "web");

	f->rig.init.options.chroot_sessions = true;
	assert_true(sources_add_session(&f->rig.init, root)); /* somebody has come from there */
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		struct msg_request m = { .action = actions[i], .root = root, .job = own };
		auto_free char *name = NULL;

		assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_GO_ON);
		m.job = (char *) (uintptr_t) "web";
		assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_FOREIGN);
		assert_null(name);
	}
}

/* control says where its client is; init looks itself, and knows nothing of sessions where there are none. */
static void
session_that_nobody_came_from_is_not_believed(void **state)
{
	struct fixture *f = *state;
	auto_free char *root = strdup(scratch_path(&f->dir, "jail"));
	struct msg_request m = { .action = REQUEST_GET_JOBS, .root = root, .pid = (int32_t) getpid() };
	auto_free char *name = NULL;

	scratch_write(&f->dir, "jail/etc/init/theirs.conf", "exec theirs\n");
	for (int on = 0; on < 2; on++) {
		f->rig.init.options.chroot_sessions = on == 1;
		assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_DENIED);
		m.pid = 0;
		assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_DENIED);
		assert_false(sources_has_session(&f->rig.init, root));
	}
	assert_true(sources_add_session(&f->rig.init, root));
	assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_GO_ON);
	f->rig.init.options.chroot_sessions = false;
	assert_int_equal(scopes_admit(&f->rig.init, &m, &name), SCOPE_DENIED);
}

#ifdef UPSTART_PLATFORM_LINUX
/* Anybody may have any directory for his root, in a user namespace: only those who may ask for something count. */
static void
root_of_somebody_else_is_not_taken(void **state)
{
	auto_free char *root = NULL;
	int ends[2];
	char byte;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(scopes_root_of(getpid(), &root), 0);
	assert_null(root);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (chroot("/tmp") == 0 && setuid(65534) == 0 && write(ends[1], "", 1) == 1)
			(void) pause();
		_exit(1);
	}
	(void) close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(scopes_root_of(pid, &root), -EPERM);
	assert_null(root);
	(void) close(ends[0]);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(scopes_root_of(pid, &root), -ESRCH);
}

static void
watched_files_are_read_when_they_change(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/a.conf", "exec one\n");
	add_dirs(f, "c", NULL);
	scratch_write(&f->dir, "c/a.conf", "exec two\n");
	wait_command(f, "a", "two");
	scratch_write(&f->dir, "c/deep/er/b.conf", "exec deep\n");
	wait_command(f, "deep/er/b", "deep");
	assert_int_equal(rename(scratch_path(&f->dir, "c/deep"), scratch_path(&f->dir, "c/moved")), 0);
	wait_command(f, "moved/er/b", "deep");
	wait_command(f, "deep/er/b", NULL);
	scratch_write(&f->dir, "c/moved/er/b.conf", "exec again\n");
	wait_command(f, "moved/er/b", "again");
	scratch_write(&f->dir, "c/a.override", "exec over\n");
	wait_command(f, "a", "over");
	assert_int_equal(unlink(scratch_path(&f->dir, "c/a.override")), 0);
	wait_command(f, "a", "two");
	assert_int_equal(unlink(scratch_path(&f->dir, "c/a.conf")), 0);
	wait_command(f, "a", NULL);
}

static void
absent_directory_is_waited_for(void **state)
{
	struct fixture *f = *state;

	add_dirs(f, "later/and/later", NULL);
	scratch_write(&f->dir, "later/and/later/a.conf", "exec late\n");
	wait_command(f, "a", "late");
	assert_int_equal(unlink(scratch_path(&f->dir, "later/and/later/a.conf")), 0);
	assert_int_equal(rmdir(scratch_path(&f->dir, "later/and/later")), 0);
	wait_command(f, "a", NULL);
	scratch_write(&f->dir, "later/and/later/b.conf", "exec again\n");
	wait_command(f, "b", "again");
}

/* More news than the kernel keeps for a reader who does not read. */
static void
overflow_of_news_loses_nothing(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->dir, "c/last.conf", "exec one\n");
	add_dirs(f, "c", NULL);
	for (int i = 0; i < 20000; i++)
		scratch_write(&f->dir, i % 2 ? "c/x" : "c/y", "");
	scratch_write(&f->dir, "c/last.conf", "exec two\n");
	scratch_write(&f->dir, "c/new.conf", "exec new\n");
	wait_command(f, "last", "two");
	wait_command(f, "new", "new");
}
#endif

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_tell_what_a_file_is),
		cmocka_unit_test(some_directories_are_not_entered),
		TEST(jobs_are_called_by_their_path),
		TEST(first_directory_wins),
		TEST(broken_file_leaves_the_name_to_the_next_directory),
		TEST(link_to_null_hides_a_name),
		TEST(links_are_followed_to_files_not_to_directories),
		TEST(override_is_taken_from_its_own_directory_or_a_higher_one),
		TEST(broken_override_is_ignored_whole),
		TEST(broken_file_is_no_job_whatever_the_override_says),
		TEST(emptied_override_hides_lower_ones),
		TEST(reload_finds_all_changes),
		TEST(last_good_definition_is_kept),
		TEST(definition_that_was_refused_is_told_at_the_next_look),
		TEST(reload_of_the_same_makes_no_new_definition),
		TEST(old_definitions_are_dropped),
		TEST(session_may_change_its_own_jobs),
		TEST(session_that_nobody_came_from_is_not_believed),
#ifdef UPSTART_PLATFORM_LINUX
		TEST(root_of_somebody_else_is_not_taken),
		TEST(watched_files_are_read_when_they_change),
		TEST(absent_directory_is_waited_for),
		TEST(overflow_of_news_loses_nothing),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
