/* SPDX-License-Identifier: MIT */
/*
 * EmitEventWithOptions, against the real servant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/error.h"
#include "rig.h"

#define MGR "/com/ubuntu/Upstart"
#define JOBS MGR "/jobs"
#define I_MGR2 "com.ubuntu.Upstart2"
#define LIMITS "org.freedesktop.DBus.Error.LimitsExceeded"

static struct rig rig;
static DBusConnection *client;

static int
start_user(void **state)
{
	rig_start(&rig, "user", NULL, NULL);
	client = rig_client(&rig);
	/* A descriptor in the very first message may arrive with the end of the authentication, where the library loses it. */
	rig_is_empty(rig_answer(&rig, rig_call(client, rig_message(MGR, "org.freedesktop.DBus.Peer", "Ping", ""))));
	return 0;
}

static int
stop(void **state)
{
	assert_false(rig_has_said(&rig));
	rig_stop(&rig);
	return 0;
}

/* A message whose options are being written. */
struct writer {
	DBusMessage *message;
	DBusMessageIter args, dict, entry, variant, array;
};

static struct writer
begin(const char *name, const char *variable)
{
	struct writer w = { .message = dbus_message_new_method_call("com.ubuntu.Upstart", MGR, I_MGR2,
								     "EmitEventWithOptions") };

	assert_non_null(w.message);
	dbus_message_iter_init_append(w.message, &w.args);
	assert_true(dbus_message_iter_append_basic(&w.args, DBUS_TYPE_STRING, &name));
	assert_true(dbus_message_iter_open_container(&w.args, DBUS_TYPE_ARRAY, "s", &w.array));
	assert_true(dbus_message_iter_append_basic(&w.array, DBUS_TYPE_STRING, &variable));
	assert_true(dbus_message_iter_close_container(&w.args, &w.array));
	assert_true(dbus_message_iter_open_container(&w.args, DBUS_TYPE_ARRAY, "{sv}", &w.dict));
	return w;
}

static void
open_option(struct writer *w, const char *name, const char *type)
{
	assert_true(dbus_message_iter_open_container(&w->dict, DBUS_TYPE_DICT_ENTRY, NULL, &w->entry));
	assert_true(dbus_message_iter_append_basic(&w->entry, DBUS_TYPE_STRING, &name));
	assert_true(dbus_message_iter_open_container(&w->entry, DBUS_TYPE_VARIANT, type, &w->variant));
}

static void
close_option(struct writer *w)
{
	assert_true(dbus_message_iter_close_container(&w->entry, &w->variant));
	assert_true(dbus_message_iter_close_container(&w->dict, &w->entry));
}

static void
put_true(struct writer *w, const char *name)
{
	dbus_bool_t yes = TRUE;

	open_option(w, name, "b");
	assert_true(dbus_message_iter_append_basic(&w->variant, DBUS_TYPE_BOOLEAN, &yes));
	close_option(w);
}

static void
put_string(struct writer *w, const char *name, const char *value)
{
	open_option(w, name, "s");
	assert_true(dbus_message_iter_append_basic(&w->variant, DBUS_TYPE_STRING, &value));
	close_option(w);
}

static void
put_paths(struct writer *w, const char *const *paths, size_t n)
{
	open_option(w, "only", "ao");
	assert_true(dbus_message_iter_open_container(&w->variant, DBUS_TYPE_ARRAY, "o", &w->array));
	for (size_t i = 0; i < n; i++)
		assert_true(dbus_message_iter_append_basic(&w->array, DBUS_TYPE_OBJECT_PATH, &paths[i]));
	assert_true(dbus_message_iter_close_container(&w->variant, &w->array));
	close_option(w);
}

static void
put_files(struct writer *w, int fd, size_t n)
{
	open_option(w, "fds", "ah");
	assert_true(dbus_message_iter_open_container(&w->variant, DBUS_TYPE_ARRAY, "h", &w->array));
	for (size_t i = 0; i < n; i++)
		assert_true(dbus_message_iter_append_basic(&w->array, DBUS_TYPE_UNIX_FD, &fd));
	assert_true(dbus_message_iter_close_container(&w->variant, &w->array));
	close_option(w);
}

static DBusPendingCall *
end(struct writer *w)
{
	assert_true(dbus_message_iter_close_container(&w->args, &w->dict));
	return rig_call(client, w->message);
}

static void
refused(struct writer *w, const char *error, const char *text)
{
	rig_is_error(rig_answer(&rig, end(w)), error, text);
}

static void
done(struct said *said, DBusPendingCall *pending)
{
	rig_reply_ok(&rig, said);
	said_free(said);
	rig_is_empty(rig_answer(&rig, pending));
}

static void
test_without_options_it_is_emit_event(void **state)
{
	struct writer w = begin("go", "A=1");
	DBusPendingCall *pending = end(&w);
	struct said *said = rig_expect(&rig, REQUEST_EMIT);
	const struct msg_request *r = &said->request;

	assert_string_equal(r->name, "go");
	assert_string_equal(r->env[0], "A=1");
	assert_false(r->wait || r->literal || r->only);
	assert_null(r->token);
	assert_int_equal(said->n_fds, 0);
	done(said, pending);
}

static void
test_every_option_reaches_init(void **state)
{
	static const char *const paths[] = { JOBS "/web", JOBS "/tty/1", JOBS "/net_2fx", JOBS "/tty/_" };
	struct writer w = begin("go", "A=1");
	struct stat sent, got;
	DBusPendingCall *pending;
	struct said *said;
	FILE *f = tmpfile();

	assert_non_null(f);
	put_files(&w, fileno(f), 3);
	put_true(&w, "literal");
	put_string(&w, "token", "mine");
	put_paths(&w, paths, ARRAY_SIZE(paths));
	put_true(&w, "wait");
	pending = end(&w);
	said = rig_expect(&rig, REQUEST_EMIT);
	assert_true(said->request.wait && said->request.literal && said->request.only);
	assert_string_equal(said->request.token, "mine");
	assert_int_equal(strv_len(said->request.classes), 2);
	assert_string_equal(said->request.classes[0], "web");
	assert_string_equal(said->request.classes[1], "net/x");
	assert_int_equal(strv_len(said->request.instances), 4);
	assert_string_equal(said->request.instances[0], "tty");
	assert_string_equal(said->request.instances[1], "1");
	assert_string_equal(said->request.instances[3], "");
	assert_int_equal(said->n_fds, 3);
	assert_int_equal(fstat(fileno(f), &sent), 0);
	assert_int_equal(fstat(said->fds[2], &got), 0);
	assert_true(sent.st_ino == got.st_ino && sent.st_dev == got.st_dev);
	done(said, pending);
	(void) fclose(f);
}

static void
test_nobody_at_all_may_hear_it(void **state)
{
	struct writer w = begin("go", "A=1");
	DBusPendingCall *pending;
	struct said *said;

	put_paths(&w, NULL, 0);
	pending = end(&w);
	said = rig_expect(&rig, REQUEST_EMIT);
	assert_true(said->request.only);
	assert_null(said->request.classes);
	assert_null(said->request.instances);
	done(said, pending);
}

static void
test_what_makes_no_sense_is_refused(void **state)
{
	static const char *const manager[] = { JOBS "/web", MGR };
	static const char *const nothing[] = { "/org/x" };
	static const char *many[40000];
	struct writer w = begin("", "A=1");
	char token[300];

	refused(&w, ERR_INVALID_ARGS, "Name may not be empty string");
	w = begin("go", "garbage");
	refused(&w, ERR_INVALID_ARGS, "Env must be KEY=VALUE pairs");
	w = begin("go", "A=1");
	put_true(&w, "wait");
	put_true(&w, "loud");
	refused(&w, ERR_INVALID_ARGS, "Unknown option: loud");
	w = begin("go", "A=1");
	put_true(&w, "literal");
	put_true(&w, "literal");
	refused(&w, ERR_INVALID_ARGS, "Option literal was given twice");
	w = begin("go", "A=1");
	put_string(&w, "wait", "yes");
	refused(&w, ERR_INVALID_ARGS, "Option wait must be of type b");
	w = begin("go", "A=1");
	put_true(&w, "only");
	refused(&w, ERR_INVALID_ARGS, "Option only must be of type ao");
	w = begin("go", "A=1");
	put_paths(&w, manager, 2);
	refused(&w, ERR_INVALID_ARGS, "Neither a job nor an instance: " MGR);
	w = begin("go", "A=1");
	put_paths(&w, nothing, 1);
	refused(&w, ERR_INVALID_ARGS, "Neither a job nor an instance: /org/x");
	w = begin("go", "A=1");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = JOBS "/web";
	put_paths(&w, many, ARRAY_SIZE(many));
	refused(&w, LIMITS, "More than 32768 objects");
	memset(token, 't', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	w = begin("go", "A=1");
	put_string(&w, "token", token);
	refused(&w, ERR_INVALID_ARGS, "Token may not be longer than 255 bytes");
}

/* Whatever is refused after files were taken in must not leave them open. */
static void
test_files_of_a_refused_event_are_closed(void **state)
{
	int ends[2];
	char c;

	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 3; i++) {
		struct writer w = begin("go", "A=1");

		put_files(&w, ends[1], 8);
		put_true(&w, "loud");
		refused(&w, ERR_INVALID_ARGS, "Unknown option: loud");
	}
	{
		struct writer w = begin("go", "A=1");

		put_files(&w, ends[1], 17);
		refused(&w, LIMITS, "More than 16 files");
	}
	(void) close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 0);
	(void) close(ends[0]);
}

int
main(void)
{
#define USER(f) cmocka_unit_test_setup_teardown(f, start_user, stop)
	const struct CMUnitTest tests[] = {
		USER(test_without_options_it_is_emit_event), USER(test_every_option_reaches_init),
		USER(test_nobody_at_all_may_hear_it),	     USER(test_what_makes_no_sense_is_refused),
		USER(test_files_of_a_refused_event_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
