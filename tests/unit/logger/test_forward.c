/* SPDX-License-Identifier: MIT */
/*
 * Copies for syslog and the journal: what a message looks like, and receivers that come late, are slow, or go.
 */
#include "logger/forward.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <regex.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/log.h"
#include "files.h"

#define TURNS_MAX 6000 /* of 10 ms */

struct fixture {
	struct folder folder;
	struct event_base *base;
	struct forwards *all;
	char syslog[128], journald[128];
	unsigned warnings;
};

static void
count_warnings_cb(enum log_level level, const char *text, void *data)
{
	struct fixture *f = data;

	if (level >= LOG_LEVEL_WARN)
		f->warnings++;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	(void) strcpy(f->syslog, folder_path(&f->folder, "log"));
	(void) strcpy(f->journald, folder_path(&f->folder, "journal"));
	f->base = event_base_new();
	assert_non_null(f->base);
	f->all = forwards_new(f->base, f->syslog, f->journald);
	assert_non_null(f->all);
	log_set_sink(count_warnings_cb, f);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_null(forwards_free(f->all));
	event_base_free(f->base);
	folder_remove(&f->folder);
	log_set_sink(NULL, NULL);
	free(f);
	return 0;
}

static struct forward *
forward_of(struct fixture *f, uint32_t kind, const char *job, const char *instance)
{
	char process[] = "main";
	const struct msg_log_open open = { .forward = kind,
					   .job = (char *) (uintptr_t) job,
					   .instance = (char *) (uintptr_t) instance,
					   .process = process,
					   .pid = 812 };
	struct forward *forward;

	assert_int_equal(forward_new(&forward, f->all, &open), 0);
	return forward;
}

static void
say(struct forward *forward, const char *text)
{
	forward_add(forward, text, strlen(text));
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void) strcpy(address.sun_path, path);
	(void) unlink(path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	return fd;
}

/* The next message; the loop runs until it comes. Its size. */
static size_t
receive(struct fixture *f, int fd, char *buf, size_t size)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = recv(fd, buf, size - 1, 0);

		if (n >= 0) {
			buf[n] = '\0';
			return (size_t) n;
		}
		assert_int_equal(errno, EAGAIN);
		(void) event_base_loop(f->base, EVLOOP_NONBLOCK);
		(void) poll(&p, 1, 10);
	}
	fail_msg("no message came");
	return 0;
}

static void
assert_matches(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("%s is not %s", text, pattern);
	regfree(&re);
}

#define HEAD "^<30>(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] "

static void
test_nothing_is_forwarded_unless_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_null(forward_of(f, MSG_FORWARD_NONE, "web", ""));
	assert_null(forward_of(f, 99, "web", ""));
	say(NULL, "text\n");
	assert_null(forward_free(NULL));
}

static void
test_syslog_gets_a_line_a_message(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "net/we b:", "a[1]");
	int fd = listen_at(f->syslog);
	char buf[16384];

	say(web, "one\nt");
	say(web, "wo");
	say(web, "\r\n\nno end");
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, HEAD "net_we_b_-a_1]\\[812\\]: one$");
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, HEAD "net_we_b_-a_1]\\[812\\]: two$");
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, HEAD "net_we_b_-a_1]\\[812\\]: $");
	forward_add(web, "\0.\n", 3);
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, ": no end [.]$");
	say(web, "the last");
	assert_null(forward_free(web));
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, ": the last$");
	assert_int_equal(f->warnings, 0);
	close(fd);
}

static void
test_long_line_is_several_messages(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "web", "");
	int fd = listen_at(f->syslog);
	size_t n = 2 * FORWARD_LINE_MAX + 10;
	char *line auto_free = malloc(n + 1);
	char buf[16384];

	assert_non_null(line);
	memset(line, 'x', n);
	line[n] = '\n';
	for (size_t at = 0; at < n + 1; at += 1000)
		forward_add(web, line + at, n + 1 - at < 1000 ? n + 1 - at : 1000);
	for (int i = 0; i < 3; i++) {
		size_t size = receive(f, fd, buf, sizeof(buf));
		const char *text = strstr(buf, "]: ");

		assert_non_null(text);
		assert_int_equal(size - (size_t) (text + 3 - buf), i < 2 ? FORWARD_LINE_MAX : 10);
	}
	(void) forward_free(web);
	close(fd);
}

static void
test_journal_gets_fields(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_JOURNALD, "web", "a\nMESSAGE=forged");
	int fd = listen_at(f->journald);
	static const char before[] =
	    "MESSAGE=text = \x01\nPRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=web-a_MESSAGE=forged\n"
	    "SYSLOG_PID=812\nUPSTART_JOB=web\nUPSTART_INSTANCE\n\x10\0\0\0\0\0\0\0a\nMESSAGE=forged\n"
	    "UPSTART_PROCESS=main\n";
	char buf[16384];

	say(web, "text = \x01\n");
	assert_int_equal(receive(f, fd, buf, sizeof(buf)), sizeof(before) - 1);
	assert_memory_equal(buf, before, sizeof(before) - 1);
	(void) forward_free(web);
	close(fd);
}

static void
test_receiver_that_comes_late_gets_all_in_order(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "web", "");
	char buf[16384], text[32];
	int fd;

	for (int i = 0; i < 100; i++) {
		(void) snprintf(text, sizeof(text), "line %d\n", i);
		say(web, text);
	}
	assert_int_equal(f->warnings, 1);
	fd = listen_at(f->syslog);
	for (int i = 0; i < 100; i++) {
		(void) receive(f, fd, buf, sizeof(buf));
		(void) snprintf(text, sizeof(text), "]: line %d", i);
		assert_non_null(strstr(buf, text));
	}
	(void) forward_free(web);
	close(fd);
}

static void
test_receiver_that_is_replaced_is_found_again(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "web", "");
	int fd = listen_at(f->syslog);
	char buf[16384];

	say(web, "one\n");
	(void) receive(f, fd, buf, sizeof(buf));
	close(fd);
	fd = listen_at(f->syslog);
	say(web, "two\n");
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, ": two$");
	close(fd);
	say(web, "three\n");
	fd = listen_at(f->syslog);
	(void) receive(f, fd, buf, sizeof(buf));
	assert_matches(buf, ": three$");
	(void) forward_free(web);
	close(fd);
}

/* It does not read: nobody waits for it, what it gets later is in order, and how many lines are missing is said. */
static void
test_receiver_that_does_not_keep_up_is_told_what_it_lost(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "web", "");
	int fd = listen_at(f->syslog);
	char buf[16384], text[200];
	long next = 0, lost = 0, sent = 30000;

	for (long i = 0; i < sent; i++) {
		(void) snprintf(text, sizeof(text), "%ld %0100d\n", i, 0);
		say(web, text);
	}
	assert_int_equal(f->warnings, 1);
	while (next < sent) {
		(void) receive(f, fd, buf, sizeof(buf));
		if (strstr(buf, " upstart-logger: ") != NULL) {
			assert_int_equal(lost, 0);
			lost = atol(strstr(buf, ": ") + 2);
			next += lost;
			continue;
		}
		assert_int_equal(atol(strstr(buf, ": ") + 2), next);
		next++;
		/* It goes on printing until some of that is taken again. */
		if (lost == 0) {
			(void) snprintf(text, sizeof(text), "%ld\n", sent++);
			say(web, text);
		}
	}
	assert_int_equal(f->warnings, 1);
	assert_in_range(lost, 1, sent);
	(void) forward_free(web);
	close(fd);
}

static void
test_last_words_count_what_is_lost(void **state)
{
	struct fixture *f = *state;
	struct forward *web = forward_of(f, MSG_FORWARD_SYSLOG, "web", "");
	struct forward *other = forward_of(f, MSG_FORWARD_JOURNALD, "web", "");
	int fd;

	say(web, "one\ntwo\n");
	say(other, "three\n");
	assert_int_equal(forwards_last_words(f->all), 3);
	fd = listen_at(f->syslog);
	assert_int_equal(forwards_last_words(f->all), 1);
	(void) forward_free(web);
	(void) forward_free(other);
	close(fd);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_nothing_is_forwarded_unless_asked_for),
		T(test_syslog_gets_a_line_a_message),
		T(test_long_line_is_several_messages),
		T(test_journal_gets_fields),
		T(test_receiver_that_comes_late_gets_all_in_order),
		T(test_receiver_that_is_replaced_is_found_again),
		T(test_receiver_that_does_not_keep_up_is_told_what_it_lost),
		T(test_last_words_count_what_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
