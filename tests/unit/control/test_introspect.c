/* SPDX-License-Identifier: MIT */
/*
 * The tables and the files in dbus/ say the same; the tables are sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/introspect.h"

/* A file without comments and prologue, its indentation and empty lines removed. */
static char *
read_plain(const char *name)
{
	auto_free char *path = str_printf("%s/%s", getenv("UPSTART_DBUS_DIR"), name);
	auto_strbuf struct strbuf b = STRBUF_INIT;
	FILE *f = fopen(path, "r");
	char line[1024];
	bool comment = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *s = line + strspn(line, " \t");

		if (strncmp(s, "<!--", 4) == 0)
			comment = true;
		if (!comment && *s != '\n')
			strbuf_add(&b, s);
		if (strstr(s, "-->") != NULL)
			comment = false;
	}
	(void) fclose(f);
	return strbuf_steal(&b);
}

static char *
plain(const struct strbuf *b)
{
	auto_strbuf struct strbuf out = STRBUF_INIT;

	for (const char *s = b->p; *s != '\0';) {
		const char *end = strchr(s, '\n') + 1;

		s += strspn(s, " ");
		strbuf_addn(&out, s, (size_t) (end - s));
		s = end;
	}
	return strbuf_steal(&out);
}

static void
check_file(const char *name, const enum interface_id *ids, size_t n)
{
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				   "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
				   "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
				   "<node>\n";
	auto_strbuf struct strbuf table = STRBUF_INIT;
	auto_free char *file = read_plain(name);
	auto_free char *made = NULL;

	strbuf_add(&table, head);
	for (size_t i = 0; i < n; i++)
		introspect_interface(&table, ids[i]);
	strbuf_add(&table, "</node>\n");
	made = plain(&table);
	assert_string_equal(file, made);
}

static void
test_files_agree_with_tables(void **state)
{
	static const enum interface_id manager[] = { IFACE_MANAGER, IFACE_MANAGER2 };
	static const enum interface_id job[] = { IFACE_JOB, IFACE_JOB2 };
	static const enum interface_id instance[] = { IFACE_INSTANCE, IFACE_INSTANCE2 };

	check_file("com.ubuntu.Upstart.xml", manager, 2);
	check_file("com.ubuntu.Upstart.Job.xml", job, 2);
	check_file("com.ubuntu.Upstart.Instance.xml", instance, 2);
}

static size_t
count_types(const char *signature)
{
	DBusSignatureIter it;
	size_t n = 0;

	if (signature[0] == '\0')
		return 0;
	dbus_signature_iter_init(&it, signature);
	do
		n++;
	while (dbus_signature_iter_next(&it));
	return n;
}

static size_t
count_words(const char *s)
{
	size_t n = s[0] != '\0' ? 1 : 0;

	for (; *s != '\0'; s++)
		n += *s == ' ';
	return n;
}

static void
test_rows_name_all_their_arguments(void **state)
{
	for (size_t i = 0; i < methods_count; i++) {
		assert_true(dbus_signature_validate(methods[i].in, NULL));
		assert_true(dbus_signature_validate(methods[i].out, NULL));
		assert_int_equal(count_words(methods[i].args),
				 count_types(methods[i].in) + count_types(methods[i].out));
		assert_non_null(methods[i].handle);
		if (methods[i].check != NULL)
			assert_non_null(methods[i].denied);
	}
	for (size_t i = 0; i < signals_count; i++)
		assert_int_equal(count_words(signals[i].args), count_types(signals[i].signature));
	for (size_t i = 0; i < properties_count; i++)
		assert_true(dbus_signature_validate_single(properties[i].type, NULL));
}

static void
test_lookup_finds_by_kind_and_interface(void **state)
{
	assert_non_null(table_method(OBJECT_MANAGER, NULL, "GetJobByName"));
	assert_non_null(table_method(OBJECT_MANAGER, INTERFACE_MANAGER, "GetJobByName"));
	assert_null(table_method(OBJECT_MANAGER, INTERFACE_JOB, "GetJobByName"));
	assert_null(table_method(OBJECT_JOB, NULL, "GetJobByName"));
	assert_string_equal(table_method(OBJECT_JOB, NULL, "Start")->in, "asb");
	assert_string_equal(table_method(OBJECT_INSTANCE, NULL, "Start")->in, "b");
	assert_null(table_method(OBJECT_NONE, NULL, "Get"));
	assert_non_null(table_method(OBJECT_NONE, NULL, "Introspect"));
	assert_string_equal(table_property(OBJECT_JOB, "", "emits")->type, "as");
	assert_null(table_property(OBJECT_JOB, INTERFACE_MANAGER, "version"));
	assert_null(table_property(OBJECT_MANAGER, "", "emits"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_agree_with_tables),
		cmocka_unit_test(test_rows_name_all_their_arguments),
		cmocka_unit_test(test_lookup_finds_by_kind_and_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
