/* SPDX-License-Identifier: MIT */
#include "init/definitions.h"

#include <errno.h>
#include <fcntl.h>

#include "job/parse.h"
#include "unit.h"

static struct job_class *
parsed(const struct definition_text *text)
{
	struct parse_source conf = { text->path, span_of(text->text) };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	int r = job_parse(text->name, &conf, NULL, &cls, &report);

	parse_report_deinit(&report);
	return r == 0 ? cls : NULL;
}

static struct definition_text
text_of(const char *name, const char *text)
{
	return (struct definition_text){
		.name = (char *) (uintptr_t) name,
		.path = (char *) (uintptr_t) "/etc/init/x.conf",
		.text = (char *) (uintptr_t) text,
	};
}

static uint64_t
add(struct definitions *d, const char *name, const char *body)
{
	struct definition_text text = text_of(name, body);
	uint64_t id = 0;

	assert_int_equal(definitions_add(d, &text, parsed(&text), &id), 0);
	return id;
}

/* The same file in the hands of the next image. */
static struct definitions *
inherited(const struct definitions *d)
{
	struct definitions *next = NULL;

	assert_int_equal(definitions_open(dup(definitions_fd(d)), &next), 0);
	return next;
}

static void
classes_are_found_by_id_and_survive(void **state)
{
	struct definitions *d = definitions_new(), *next;
	uint64_t a = add(d, "a", "exec one\n"), b = add(d, "net/b", "task\nexec two\n");
	struct job_class *cls;

	assert_true(a != b && a != 0);
	assert_string_equal(definitions_class(d, a)->process[PROCESS_MAIN].command, "one");
	assert_int_equal(definitions_class(d, a)->id, a);
	assert_null(definitions_class(d, 999));
	next = inherited(d);
	(void) definitions_free(d);
	cls = definitions_resolve(b, next);
	assert_string_equal(cls->name, "net/b");
	assert_true(cls->task);
	assert_int_equal(cls->id, b);
	assert_string_equal(cls->path, "/etc/init/x.conf");
	(void) job_class_unref(cls);
	assert_true(add(next, "c", "exec three\n") > b);
	(void) definitions_free(next);
}

static void
overrides_belong_to_a_definition(void **state)
{
	struct definitions *d = definitions_new(), *next;
	struct definition_text text = text_of("a", "start on x\nexec one\n");
	struct parse_source conf = { text.path, span_of(text.text) },
			    over = { "/etc/init/a.override", SPAN("manual\n") };
	struct parse_report report = { 0 };
	struct job_class *cls = NULL;
	uint64_t id;

	text.override_path = (char *) (uintptr_t) "/etc/init/a.override";
	text.override_text = (char *) (uintptr_t) "manual\n";
	assert_int_equal(job_parse("a", &conf, &over, &cls, &report), 0);
	parse_report_deinit(&report);
	assert_int_equal(definitions_add(d, &text, cls, &id), 0);
	next = inherited(d);
	assert_null(definitions_class(next, id)->start_on);
	(void) definitions_free(d);
	(void) definitions_free(next);
}

static void
same_texts_are_recognised(void **state)
{
	struct definitions *d = definitions_new();
	uint64_t a = add(d, "a", "exec one\n");
	struct definition_text text = text_of("a", "exec one\n");

	assert_true(definitions_equal(d, a, &text));
	text.text = (char *) (uintptr_t) "exec two\n";
	assert_false(definitions_equal(d, a, &text));
	text.text = (char *) (uintptr_t) "exec one\n";
	text.override_path = (char *) (uintptr_t) "/etc/init/a.override";
	text.override_text = (char *) (uintptr_t) "";
	assert_false(definitions_equal(d, a, &text));
	(void) definitions_free(d);
}

static void
security_process_is_left_out_where_it_has_no_meaning(void **state)
{
	struct definitions *d = definitions_new(), *next;
	struct definition_text text = text_of("a", "apparmor load /etc/apparmor.d/x\nexec one\n");
	uint64_t with, without;

	assert_int_equal(definitions_add(d, &text, parsed(&text), &with), 0);
	text.unconfined = true;
	assert_int_equal(definitions_add(d, &text, parsed(&text), &without), 0);
	next = inherited(d);
	assert_non_null(definitions_class(next, with)->process[PROCESS_SECURITY].command);
	assert_null(definitions_class(next, without)->process[PROCESS_SECURITY].command);
	(void) definitions_free(d);
	(void) definitions_free(next);
}

static int
noted(int fd, void *data)
{
	*(int *) data = fd;
	return 0;
}

static int
not_noted(int fd, void *data)
{
	*(int *) data = fd;
	return -ENOSPC;
}

static void
unused_ones_are_dropped(void **state)
{
	struct definitions *d = definitions_new(), *next;
	uint64_t marked = add(d, "a", "exec one\n"), held = add(d, "b", "exec two\n"),
		 unused_id = add(d, "c", "exec three\n");
	struct job_class *cls = definitions_resolve(held, d);
	off_t before = lseek(definitions_fd(d), 0, SEEK_END);
	int fd = -1, file = definitions_fd(d);

	definitions_unmark(d);
	definitions_mark(d, marked);
	assert_int_equal(definitions_unused(d), 1);
	/* What nobody would find is not gone on with. */
	assert_int_equal(definitions_compact(d, not_noted, &fd), -ENOSPC);
	assert_int_equal(definitions_fd(d), file);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_non_null(definitions_class(d, unused_id));
	assert_int_equal(definitions_compact(d, noted, &fd), 0);
	assert_int_equal(definitions_fd(d), fd);
	assert_null(definitions_class(d, unused_id));
	assert_non_null(definitions_class(d, marked));
	assert_ptr_equal(definitions_class(d, held), cls);
	assert_true(lseek(definitions_fd(d), 0, SEEK_END) < before);
	next = inherited(d);
	assert_non_null(definitions_class(next, marked));
	assert_non_null(definitions_class(next, held));
	assert_null(definitions_class(next, unused_id));
	/* The next image gives its number to no other: a recording may speak of it. */
	assert_true(add(next, "d", "exec four\n") > unused_id);
	(void) job_class_unref(cls);
	(void) definitions_free(d);
	(void) definitions_free(next);
}

static void
payload_makes_the_same_class_elsewhere(void **state)
{
	struct definitions *d = definitions_new(), *other = definitions_new();
	uint64_t a = add(d, "a", "exec one\n");
	auto_strbuf struct strbuf b = STRBUF_INIT;

	assert_int_equal(definitions_payload(d, a, &b), 0);
	assert_int_equal(definitions_restore(other, b.p, b.len), 0);
	assert_int_equal(definitions_restore(other, b.p, b.len), 0);
	assert_string_equal(definitions_class(other, a)->process[PROCESS_MAIN].command, "one");
	assert_int_equal(definitions_restore(other, "\xc1", 1), -EBADMSG);
	assert_int_equal(definitions_payload(d, 77, &b), -ENOENT);
	(void) definitions_free(d);
	(void) definitions_free(other);
}

/* A file in which one definition has been damaged: the others are there. */
static void
damage_costs_what_follows_only(void **state)
{
	struct definitions *d = definitions_new(), *next;
	uint64_t a = add(d, "a", "exec one\n"), b;
	off_t end = lseek(definitions_fd(d), 0, SEEK_END);
	unsigned char c;

	b = add(d, "b", "exec two\n");
	assert_int_equal(pread(definitions_fd(d), &c, 1, end + 20), 1);
	c ^= 0xff;
	assert_int_equal(pwrite(definitions_fd(d), &c, 1, end + 20), 1);
	next = inherited(d);
	assert_non_null(definitions_class(next, a));
	assert_null(definitions_class(next, b));
	(void) definitions_free(d);
	(void) definitions_free(next);
}

static int
attempt(void *data)
{
	struct definitions *d = definitions_new(), *next = NULL;
	struct definition_text text = text_of("a", "exec one\n");
	struct job_class *cls = d != NULL ? parsed(&text) : NULL;
	uint64_t id;
	int fd, copy = -1, r = d == NULL || cls == NULL ? -ENOMEM : definitions_add(d, &text, cls, &id);

	if (r == 0) {
		copy = dup(definitions_fd(d));
		r = definitions_open(copy, &next);
	}
	if (copy >= 0 && r != 0)
		assert_int_equal(close(copy), 0); /* it was left open */
	if (r == 0)
		definitions_unmark(d);
	if (r == 0)
		r = definitions_compact(d, noted, &fd);
	(void) definitions_free(d);
	(void) definitions_free(next);
	return r;
}

static void
want_of_memory_is_reported(void **state)
{
	assert_true(failalloc_each(attempt, NULL) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_found_by_id_and_survive),
		cmocka_unit_test(overrides_belong_to_a_definition),
		cmocka_unit_test(same_texts_are_recognised),
		cmocka_unit_test(security_process_is_left_out_where_it_has_no_meaning),
		cmocka_unit_test(unused_ones_are_dropped),
		cmocka_unit_test(payload_makes_the_same_class_elsewhere),
		cmocka_unit_test(damage_costs_what_follows_only),
		cmocka_unit_test(want_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
