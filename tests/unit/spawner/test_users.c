/* SPDX-License-Identifier: MIT */
/*
 * What processes get from their user, and every limit there is.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/spawn_limits.h"

/* Both ways of making a process are tested: *state says which. */
static enum world_kind
kind_of(void **state)
{
	return *state == NULL ? WORLD_LOCAL : WORLD_SPAWNER;
}

static void
start(struct world *w, void **state)
{
	if (kind_of(state) == WORLD_SPAWNER && !has_spawner())
		skip_because("there is no spawner on this platform");
	assert_true(world_start(w, kind_of(state), NULL));
}

static void
assert_user(const char *probed, const struct passwd *user)
{
	assert_probe(probed, "env:HOME", user->pw_dir);
	assert_probe(probed, "env:USER", user->pw_name);
	assert_probe(probed, "env:LOGNAME", user->pw_name);
	assert_probe(probed, "env:SHELL", *user->pw_shell != '\0' ? user->pw_shell : "/bin/sh");
}

static void
test_environment_of_the_user_comes_on_request(void **state)
{
	char *env[] = { (char *) "A=1", NULL };
	struct passwd *nobody = getpwuid(NOBODY);
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	if (!is_root() || nobody == NULL)
		skip_because("needs root and a user 65534");
	start(&w, state);
	request.env = env;
	request.setuid = nobody->pw_name;
	text = run_probe(&w, &request);
	assert_null(probe_value(text, "env:HOME"));
	assert_null(probe_value(text, "env:USER"));
	free(text);
	request.flags = SPAWN_FLAG_USER_ENV;
	text = run_probe(&w, &request);
	assert_user(text, nobody);
	assert_probe(text, "env:A", "1");
	free(text);
	/* By its number it is the same user. */
	request.setuid = (char *) "65534";
	text = run_probe(&w, &request);
	assert_user(text, nobody);
	free(text);
	world_stop(&w);
}

static void
test_environment_without_setuid_is_the_callers(void **state)
{
	struct passwd *own = getpwuid(geteuid());
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	if (own == NULL)
		skip_because("needs a user with a record");
	start(&w, state);
	request.flags = SPAWN_FLAG_USER_ENV;
	text = run_probe(&w, &request);
	assert_user(text, own);
	free(text);
	world_stop(&w);
}

static void
test_environment_the_job_has_already_stays(void **state)
{
	char *env[] = { (char *) "HOME=/srv/web", (char *) "SHELL=", NULL };
	struct passwd *own = getpwuid(geteuid());
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	if (own == NULL)
		skip_because("needs a user with a record");
	start(&w, state);
	request.env = env;
	request.flags = SPAWN_FLAG_USER_ENV;
	text = run_probe(&w, &request);
	assert_probe(text, "env:HOME", "/srv/web");
	assert_probe(text, "env:SHELL", "");
	assert_probe(text, "env:USER", own->pw_name);
	free(text);
	world_stop(&w);
}

static void
test_of_a_number_without_record_nothing_is_known(void **state)
{
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	if (!is_root())
		skip_because("needs root");
	start(&w, state);
	request.flags = SPAWN_FLAG_USER_ENV;
	request.setuid = (char *) "54321";
	request.setgid = (char *) "54322";
	text = run_probe(&w, &request);
	assert_probe(text, "uid", "54321 54321");
	assert_null(probe_value(text, "env:HOME"));
	assert_null(probe_value(text, "env:USER"));
	assert_null(probe_value(text, "env:LOGNAME"));
	assert_null(probe_value(text, "env:SHELL"));
	free(text);
	world_stop(&w);
}

/* The record inside the new root counts; where there is none, nothing. */
static void
test_environment_in_a_chroot_is_from_inside(void **state)
{
	char *argv[] = { (char *) "/probe", (char *) "7", NULL };
	struct msg_spawn request = request_for(argv);
	struct world w;
	char *root, *text, probe[256];

	if (!is_root() || is_wrapped())
		skip_because("needs root");
	start(&w, state);
	root = folder_new();
	file_write(root, "probe", "", 0755);
	(void) snprintf(probe, sizeof(probe), "cp '%s' '%s/probe'", probe_path(), root);
	assert_int_equal(system(probe), 0);
	request.chroot = root;
	request.flags = SPAWN_FLAG_USER_ENV;
	request.setuid = (char *) "1234";
	request.setgid = (char *) "1235";
	text = run_probe(&w, &request);
	assert_null(probe_value(text, "env:HOME"));
	free(text);
	request.setuid = request.setgid = NULL;
	(void) snprintf(probe, sizeof(probe), "%s/etc", root);
	assert_int_equal(mkdir(probe, 0755), 0);
	file_write(root, "etc/passwd", "root:x:0:0::/inside:/bin/own\ninsider:x:1234:1235::/home/in:\n", 0644);
	text = run_probe(&w, &request);
	assert_probe(text, "env:HOME", "/inside");
	assert_probe(text, "env:SHELL", "/bin/own");
	free(text);
	request.setuid = (char *) "insider";
	text = run_probe(&w, &request);
	assert_probe(text, "env:HOME", "/home/in");
	assert_probe(text, "env:SHELL", "/bin/sh");
	assert_probe(text, "env:USER", "insider");
	free(text);
	world_stop(&w);
	folder_remove(root);
}

static void
test_security_process_gets_nothing_of_a_user(void **state)
{
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	start(&w, state);
	request.flags = SPAWN_FLAG_USER_ENV | SPAWN_FLAG_SECURITY;
	text = run_probe(&w, &request);
	assert_null(probe_value(text, "env:HOME"));
	free(text);
	world_stop(&w);
}

/* -- limits -- */

/* A value for a limit that may be set by anybody, and is not the one there is: lower, but not so that nothing runs. */
static rlim_t
other_value(const struct rlimit *now)
{
	if (now->rlim_max == RLIM_INFINITY)
		return (rlim_t) 1 << 40;
	return now->rlim_max > 64 ? now->rlim_max - 1 : now->rlim_max;
}

static void
test_every_limit_is_set(void **state)
{
	struct msg_spawn request = request_for(NULL);
	struct world w;
	char *text;

	if (is_wrapped())
		skip_because("valgrind has limits of its own");
	start(&w, state);
	for (uint64_t i = 0; i < JOB_LIMIT_COUNT; i++) {
		int resource = spawn_limit_resource(job_limit_names[i]);
		uint64_t limits[3] = { i };
		char key[64], expected[64];
		struct rlimit now;

		if (resource < 0)
			continue;
		assert_int_equal(getrlimit((__typeof__(RLIMIT_CPU)) resource, &now), 0);
		limits[1] = limits[2] = other_value(&now);
		request.limits = (struct u64v){ limits, 3 };
		text = run_probe(&w, &request);
		(void) snprintf(key, sizeof(key), "limit-%s", job_limit_names[i]);
		(void) snprintf(expected, sizeof(expected), "%lld %lld", (long long) limits[1], (long long) limits[2]);
		assert_probe(text, key, expected);
		free(text);
	}
	world_stop(&w);
}

/* clang-format off */
#define BOTH(name) cmocka_unit_test(name), { #name " (spawner)", name, NULL, NULL, (void *) 1 }
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_environment_of_the_user_comes_on_request),
		BOTH(test_environment_without_setuid_is_the_callers),
		BOTH(test_environment_the_job_has_already_stays),
		BOTH(test_of_a_number_without_record_nothing_is_known),
		BOTH(test_environment_in_a_chroot_is_from_inside),
		BOTH(test_security_process_gets_nothing_of_a_user),
		BOTH(test_every_limit_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
