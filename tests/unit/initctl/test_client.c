/* SPDX-License-Identifier: MIT */
/*
 * What libupstart does without a server; and with one, at $UPSTART_TEST_ADDRESS, when memory runs out.
 */
#include "libupstart/upstart.h"

#include <errno.h>

#include "common/str.h"

#include "unit.h"

static void
assert_path(const char *job, const char *instance, const char *expected)
{
	char *path auto_free = upstart_job_path(job);
	char *below auto_free = NULL;

	assert_non_null(path);
	if (!instance) {
		assert_string_equal(path, expected);
		return;
	}
	below = upstart_instance_path(path, instance);
	assert_string_equal(below, expected);
}

static void
test_paths_are_escaped(void **state)
{
	assert_path("rc-sysinit", NULL, "/com/ubuntu/Upstart/jobs/rc_2dsysinit");
	assert_path("d/a-b.c_e", NULL, "/com/ubuntu/Upstart/jobs/d_2fa_2db_2ec_5fe");
	assert_path("caf\xc3\xa9s", NULL, "/com/ubuntu/Upstart/jobs/caf_c3_a9s");
	assert_path("ssh", "", "/com/ubuntu/Upstart/jobs/ssh/_");
	assert_path("getty", "tty1", "/com/ubuntu/Upstart/jobs/getty/tty1");
	assert_path("network-interface", "eth0.1", "/com/ubuntu/Upstart/jobs/network_2dinterface/eth0_2e1");
}

static void
assert_refused(enum upstart_transport transport, const char *where, int code)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart *conn = NULL;

	assert_int_equal(upstart_connect(&conn, transport, where, &err), code);
	assert_null(conn);
	assert_non_null(err.name);
	assert_true(strlen(err.text) > 0);
	upstart_error_clear(&err);
	assert_null(err.text);
	/* nobody has to listen to errors */
	assert_int_equal(upstart_connect(&conn, transport, where, NULL), code);
}

static void
test_bad_addresses_are_refused(void **state)
{
	assert_refused(UPSTART_PRIVATE, "", -ENOTCONN);
	assert_refused(UPSTART_PRIVATE, "rubbish", -ENOTCONN);
	assert_refused(UPSTART_PRIVATE, "unix:abstract=/nobody/listens/here", -ENOTCONN);
	assert_refused(UPSTART_PRIVATE, "unix:path=/\xff", -EINVAL);
	assert_refused(UPSTART_SYSTEM_BUS, "no bus name", -EINVAL);
	assert_refused(UPSTART_SYSTEM_BUS, "\xff", -EINVAL);
	assert_refused((enum upstart_transport) 9, "x", -EINVAL);
}

static void
test_nothing_can_be_freed(void **state)
{
	assert_null(upstart_free(NULL));
	assert_null(upstart_job_free(NULL));
	assert_null(upstart_instance_free(NULL));
	assert_null(upstart_strv_free(NULL));
}

/* -ENOMEM, or 0 for whatever else was answered. */
static int
only_nomem(int r, struct upstart_error *err)
{
	if (r == -ENOMEM) {
		assert_non_null(err->text);
		assert_string_equal(err->text, "Out of Memory");
	}
	upstart_error_clear(err);
	return r == -ENOMEM ? r : 0;
}

static int
make_paths(void *data unused)
{
	char *job auto_free = upstart_job_path("a-b"), *instance auto_free = NULL;

	if (job)
		instance = upstart_instance_path(job, "c");
	return instance ? 0 : -ENOMEM;
}

static int
look_at_jobs(void *data)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_job *properties = NULL;
	struct upstart *conn = data;
	char **jobs = NULL;
	char *usage auto_free = NULL;
	int r = upstart_get_jobs(conn, &jobs, &err);

	for (size_t i = 0; r == 0 && jobs[i]; i++) {
		r = upstart_job_properties(conn, jobs[i], &properties, &err);
		if (r == 0)
			properties = upstart_job_free(properties);
	}
	if (r == 0)
		r = upstart_job_usage(conn, jobs[0], &usage, &err);
	upstart_strv_free(jobs);
	return only_nomem(r, &err);
}

static int
run_a_job(void *data)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart_instance *instance = NULL;
	struct upstart *conn = data;
	char *job auto_free = NULL, *path auto_free = NULL;
	int r = upstart_get_job(conn, "web", &job, &err);

	if (r == 0)
		r = upstart_job_start(conn, job, NULL, true, NULL, &err);
	if (r == 0 || r == -EREMOTEIO)
		r = upstart_job_instance(conn, job, NULL, &path, &err);
	if (r == 0)
		r = upstart_instance_properties(conn, path, &instance, &err);
	if (r == 0)
		r = upstart_job_restart(conn, job, NULL, false, NULL, &err);
	if (r == 0)
		r = upstart_job_stop(conn, job, NULL, true, &err);
	upstart_instance_free(instance);
	return only_nomem(r, &err);
}

static int
look_at_environments(void *data)
{
	char *const vars[] = { (char *) "A=1", (char *) "B", NULL };
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart *conn = data;
	char *value auto_free = NULL;
	char **env = NULL;
	int r = upstart_set_env(conn, NULL, NULL, vars, true, &err);

	if (r == 0)
		r = upstart_get_env(conn, NULL, NULL, "A", &value, &err);
	if (r == 0)
		r = upstart_list_env(conn, NULL, NULL, &env, &err);
	if (r == 0)
		r = upstart_emit(conn, "fails", vars, true, &err);
	upstart_strv_free(env);
	return only_nomem(r, &err);
}

static int
connect_and_ask(void *data)
{
	struct upstart_error err = UPSTART_ERROR_INIT;
	struct upstart *conn = NULL;
	char *version auto_free = NULL;
	int r = upstart_connect(&conn, UPSTART_PRIVATE, data, &err);

	if (r == 0)
		r = upstart_version(conn, &version, &err);
	upstart_free(conn);
	return only_nomem(r, &err);
}

static void
test_memory_may_run_out_anywhere(void **state)
{
	char *address = getenv("UPSTART_TEST_ADDRESS");
	struct upstart *conn = NULL;

	assert_true(failalloc_each(make_paths, NULL) > 0);
	if (!address)
		return;
	assert_true(failalloc_each(connect_and_ask, address) > 0);
	assert_int_equal(upstart_connect(&conn, UPSTART_PRIVATE, address, NULL), 0);
	assert_true(failalloc_each(look_at_jobs, conn) > 0);
	assert_true(failalloc_each(run_a_job, conn) > 0);
	assert_true(failalloc_each(look_at_environments, conn) > 0);
	upstart_free(conn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_are_escaped),
		cmocka_unit_test(test_bad_addresses_are_refused),
		cmocka_unit_test(test_nothing_can_be_freed),
		cmocka_unit_test(test_memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
