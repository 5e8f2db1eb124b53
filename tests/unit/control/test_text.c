/* SPDX-License-Identifier: MIT */
/*
 * Object paths both ways, and text between init (bytes) and D-Bus (UTF-8).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bus/library.h"
#include "control/libdbus.h"
#include "control/path.h"

static const struct {
	const char *name, *escaped;
} names[] = {
	{ "", "_" },
	{ "rc-sysinit", "rc_2dsysinit" },
	{ "net/apache", "net_2fapache" },
	{ "foo_bar", "foo_5fbar" },
	{ "d/a-b.c_e", "d_2fa_2db_2ec_5fe" },
	{ "eth0.1", "eth0_2e1" },
	{ "/srv/root", "_2fsrv_2froot" },
	{ "caf\xc3\xa9s", "caf_c3_a9s" },
	{ "\x80\xff", "_80_ff" },
	{ "_", "_5f" },
	{ "AZaz09", "AZaz09" },
};

static void
test_path_escape_spells_as_specified(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		path_escape(&b, names[i].name);
		assert_string_equal(b.p, names[i].escaped);
	}
}

static void
test_path_parse_undoes_every_escape(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_free char *job = path_job(names[i].name);
		auto_free char *instance = path_instance("job", names[i].name);
		struct object object;

		assert_true(dbus_validate_path(job, NULL));
		assert_int_equal(path_parse(job, &object), 0);
		if (names[i].name[0] != '/') { /* so no job is called */
			assert_int_equal(object.kind, OBJECT_JOB);
			assert_string_equal(object.job, names[i].name);
		} else {
			assert_int_equal(object.kind, OBJECT_NONE);
		}
		assert_null(object.instance);
		object_deinit(&object);
		assert_int_equal(path_parse(instance, &object), 0);
		assert_int_equal(object.kind, OBJECT_INSTANCE);
		assert_string_equal(object.job, "job");
		assert_string_equal(object.instance, names[i].name);
		object_deinit(&object);
		object_deinit(&object);
	}
}

/* A job of a chroot session has its root before it. */
static void
test_path_of_a_session(void **state)
{
	auto_free char *job = path_job("/srv/root//net/web");
	auto_free char *instance = path_instance("/srv/root//net/web", "/a//b");
	struct object object;

	assert_string_equal(job, "/com/ubuntu/Upstart/jobs/_2fsrv_2froot/net_2fweb");
	assert_string_equal(instance, "/com/ubuntu/Upstart/jobs/_2fsrv_2froot/net_2fweb/_2fa_2f_2fb");
	assert_int_equal(path_parse(job, &object), 0);
	assert_int_equal(object.kind, OBJECT_JOB);
	assert_string_equal(object.job, "/srv/root//net/web");
	object_deinit(&object);
	assert_int_equal(path_parse(instance, &object), 0);
	assert_int_equal(object.kind, OBJECT_INSTANCE);
	assert_string_equal(object.job, "/srv/root//net/web");
	assert_string_equal(object.instance, "/a//b");
	object_deinit(&object);
}

static void
test_path_all_bytes_survive(void **state)
{
	for (int c = 1; c < 256; c++) {
		char name[4] = { 'x', (char) c, 'y', '\0' };
		auto_free char *path = path_job(name);
		struct object object;

		assert_true(dbus_validate_path(path, NULL));
		assert_int_equal(path_parse(path, &object), 0);
		assert_string_equal(object.job, name);
		object_deinit(&object);
	}
}

static void
test_path_other_spellings_name_nothing(void **state)
{
	static const char *const paths[] = {
		"/",
		"/com",
		"/com/ubuntu/Upstar",
		"/com/ubuntu/Upstart/jobs",
		"/com/ubuntu/Upstart/job/a",
		"/com/ubuntu/Upstart/jobs/a/b/c",
		"/com/ubuntu/Upstart/jobs/_41",
		"/com/ubuntu/Upstart/jobs/_2D",
		"/com/ubuntu/Upstart/jobs/a_",
		"/com/ubuntu/Upstart/jobs/a_2",
		"/com/ubuntu/Upstart/jobs/_00",
		"/com/ubuntu/Upstart/jobs/__",
		"/com/ubuntu/Upstart/jobs/a/_x",
		"/com/ubuntu/Upstart/jobs/_2fsrv",
		"/com/ubuntu/Upstart/jobs/_2fsrv_2f_2froot/a",
		"/com/ubuntu/Upstart/jobs/_2fsrv/a/b/c",
		"/com/ubuntu/Upstart/jobs/_2fsrv/a/_x",
		"/org/freedesktop/DBus",
	};
	struct object object;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(path_parse(paths[i], &object), 0);
		assert_int_equal(object.kind, OBJECT_NONE);
		assert_null(object.job);
		object_deinit(&object);
	}
	assert_int_equal(path_parse("/com/ubuntu/Upstart", &object), 0);
	assert_int_equal(object.kind, OBJECT_MANAGER);
}

static const struct {
	const char *bytes, *escaped, *replaced;
} texts[] = {
	{ "", "", "" },
	{ "plain", "plain", "plain" },
	{ "caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "a\xe9z", "a\\xe9z", "a\xef\xbf\xbdz" },
	{ "\xff\xfe", "\\xff\\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc3", "\\xc3", "\xef\xbf\xbd" },
	{ "\xc3\xa9\xc3", "\xc3\xa9\\xc3", "\xc3\xa9\xef\xbf\xbd" },
	{ "\xc0\x80", "\\xc0\\x80", "\xef\xbf\xbd\xef\xbf\xbd" },		       /* overlong */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "\\x41", "\\x41", "\\x41" },
	{ "\\xe9", "\\xe9", "\\xe9" },
};

static void
test_text_keeps_utf8_and_spells_the_rest(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_free char *one = NULL;
		auto_free char *two = NULL;

		assert_string_equal(libdbus_text(texts[i].bytes, TEXT_ESCAPE, &one), texts[i].escaped);
		assert_string_equal(libdbus_text(texts[i].bytes, TEXT_REPLACE, &two), texts[i].replaced);
	}
}

static void
test_name_comes_back_as_its_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_free char *owned = NULL;
		auto_free char *back = libdbus_name(libdbus_text(texts[i].bytes, TEXT_ESCAPE, &owned));

		/* The one ambiguity: a name that spells an escape of its own is taken for the byte. */
		if (strcmp(texts[i].bytes, "\\xe9") == 0)
			assert_string_equal(back, "\xe9");
		else
			assert_string_equal(back, texts[i].bytes);
	}
}

static void
test_text_random_bytes_always_become_valid(void **state)
{
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		char bytes[12];
		auto_free char *owned = NULL;
		auto_free char *back = NULL;
		const char *text;
		size_t n = (size_t) (rand_r(&seed) % 11);

		for (size_t i = 0; i < n; i++) {
			static const unsigned char dear[] = { 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4,
							      0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf };

			bytes[i] =
			    (char) (rand_r(&seed) % 3 == 0 ? 'a' + rand_r(&seed) % 26 : (int) dear[rand_r(&seed) % 12]);
		}
		bytes[n] = '\0';
		text = libdbus_text(bytes, TEXT_ESCAPE, &owned);
		assert_true(dbus_validate_utf8(text, NULL));
		assert_int_equal(owned == NULL, dbus_validate_utf8(bytes, NULL));
		back = libdbus_name(text);
		assert_string_equal(back, bytes);
	}
}

static void
test_error_reply_survives_bad_name_and_text(void **state)
{
	DBusMessage *call = dbus_message_new_method_call(NULL, "/", "a.b", "C");
	DBusMessage *error;
	const char *text;

	library_prepare();
	dbus_message_set_serial(call, 7);
	error = libdbus_error(call, "not an error name", "caf\xe9");
	assert_non_null(error);
	assert_string_equal(dbus_message_get_error_name(error), "org.freedesktop.DBus.Error.Failed");
	assert_true(dbus_message_get_args(error, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	assert_string_equal(text, "caf\\xe9");
	dbus_message_unref(error);
	dbus_message_unref(call);
}

/* Whatever slips through all the same must not end the process. */
static void
test_library_does_not_abort_on_a_failed_check(void **state)
{
	const char *bad = "caf\xe9";
	DBusMessage *m;
	DBusMessageIter it;

	library_prepare();
	assert_string_equal(getenv("DBUS_FATAL_WARNINGS"), "0");
	assert_null(dbus_message_new_method_call(NULL, "not/a/path", "a.b", "C"));
	m = dbus_message_new_method_call(NULL, "/", "a.b", "C");
	dbus_message_iter_init_append(m, &it);
	assert_false(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &bad));
	assert_false(libdbus_put_path(&it, "not/a/path"));
	assert_false(libdbus_put_path(&it, NULL));
	assert_true(libdbus_put_string(&it, bad));
	dbus_message_unref(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the library reads its variable once. */
		cmocka_unit_test(test_library_does_not_abort_on_a_failed_check),
		cmocka_unit_test(test_path_escape_spells_as_specified),
		cmocka_unit_test(test_path_parse_undoes_every_escape),
		cmocka_unit_test(test_path_of_a_session),
		cmocka_unit_test(test_path_all_bytes_survive),
		cmocka_unit_test(test_path_other_spellings_name_nothing),
		cmocka_unit_test(test_text_keeps_utf8_and_spells_the_rest),
		cmocka_unit_test(test_name_comes_back_as_its_bytes),
		cmocka_unit_test(test_text_random_bytes_always_become_valid),
		cmocka_unit_test(test_error_reply_survives_bad_name_and_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
