/* SPDX-License-Identifier: MIT */
/*
 * Datagrams at the notification sockets of jobs, until init has been told of them: anybody may send them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/log.h"
#include "rig.h"

#define ON_THEIR_WAY 16 /* messages of one socket that init has not acknowledged */
#define HELD_FDS_MAX 256

static struct rig rig;
static DBusConnection *client;
static struct place {
	int speaker; /* connected to a socket of its own */
} places[2];

/* Give control a socket to listen to, for the process of that number. */
static void
listen_to(uint64_t process, struct place *place)
{
	const struct msg_listen listen = { .process = process };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address);
	const int on = 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address.sun_family)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
	place->speaker = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(place->speaker, (struct sockaddr *) &address, size), 0);
	assert_int_equal(msg_send(rig.ipc, MSG_LISTEN, 0, &listen, &fd, 1), 0);
	(void) close(fd);
}

static int
start(void **state)
{
	rig_start(&rig, "user", NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		listen_to(i + 1, &places[i]);
	client = rig_client(&rig);
	return 0;
}

static int
stop(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		(void) close(places[i].speaker);
	rig_stop(&rig);
	return 0;
}

static void
say(const struct place *place, const char *text)
{
	rig_until(&rig, send(place->speaker, text, strlen(text), 0) >= 0);
}

static void
say_with(const struct place *place, const char *text, int fd)
{
	struct iovec part = { (void *) (uintptr_t) text, strlen(text) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} room = { 0 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	rig_until(&rig, sendmsg(place->speaker, &m, 0) >= 0);
}

/* Control has looked at all there is, twice. */
static void
let_it_look(void)
{
	for (int i = 0; i < 2; i++)
		rig_is_empty(rig_answer(&rig, rig_call(client, rig_message("/", "org.freedesktop.DBus.Peer", "Ping", ""))));
}

/* Control has read what init sent it. */
static void
let_it_read(void)
{
	const struct msg_notify notify = { .type = NOTIFY_EVENT_EMITTED, .text = "x" };

	rig_notify(&rig, &notify);
	dbus_message_unref(rig_signal(&rig, client, "EventEmitted"));
}

static void
acknowledge(uint64_t upto)
{
	const struct msg_ack ack = { .upto = upto };

	rig_send(&rig, MSG_ACK, 0, &ack);
}

static void
test_few_are_on_their_way(void **state)
{
	rig.silent = true;
	for (int i = 0; i < ON_THEIR_WAY + 4; i++)
		say(&places[0], "STATUS=x");
	rig_until(&rig, rig.n_words >= ON_THEIR_WAY);
	let_it_look();
	assert_int_equal(rig.n_words, ON_THEIR_WAY);
	say(&places[1], "READY=1");
	rig_until(&rig, rig.n_words == ON_THEIR_WAY + 1);
	assert_int_equal(rig.words[ON_THEIR_WAY].process, 2);
	acknowledge(1);
	rig_until(&rig, rig.n_words == ON_THEIR_WAY + 2);
	let_it_look();
	assert_int_equal(rig.n_words, ON_THEIR_WAY + 2);
	assert_int_equal(rig.words[ON_THEIR_WAY + 1].process, 1);
	acknowledge(ON_THEIR_WAY + 2);
	rig_until(&rig, rig.n_words == ON_THEIR_WAY + 5);
}

/* An image of init that has got all says so with its HELLO. */
static void
test_next_image_of_init_makes_room(void **state)
{
	char program[] = "init";
	struct msg_hello hello = { .generation = 1, .log_level = LOG_LEVEL_MESSAGE, .program = program, .reexec = true };

	rig.silent = true;
	for (int i = 0; i < ON_THEIR_WAY + 1; i++)
		say(&places[0], "STATUS=x");
	rig_until(&rig, rig.n_words == ON_THEIR_WAY);
	hello.received = ON_THEIR_WAY;
	rig_hello(&rig, &hello);
	rig_until(&rig, rig.n_words == ON_THEIR_WAY + 1);
}

static void
test_strangers_are_told_of_once(void **state)
{
	const struct msg_disbelieved stranger = { 1, getpid(), (int32_t) getuid() };
	pid_t child;

	say(&places[0], "STATUS=x");
	rig_until(&rig, rig.n_words == 1);
	assert_int_equal(rig.words[0].pid, getpid());
	rig_send(&rig, MSG_DISBELIEVED, 0, &stranger);
	let_it_read();
	for (int i = 0; i < 5; i++)
		say(&places[0], "STATUS=x");
	child = fork();
	if (child == 0)
		_exit(send(places[0].speaker, "READY=1", 7, 0) == 7 ? 0 : 1);
	rig_until(&rig, rig.n_words == 2);
	assert_int_equal(rig.words[1].pid, child);
	say(&places[1], "READY=1");
	rig_until(&rig, rig.n_words == 3);
	assert_int_equal(rig.words[2].process, 2);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The limit on descriptors with which control can open `more`. */
static rlim_t
limit_for(unsigned more)
{
	bool used[HELD_FDS_MAX] = { false };
	const struct dirent *e;
	char path[64];
	rlim_t n = 0;
	DIR *dir;

	(void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) rig.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			used[strtoul(e->d_name, NULL, 10) % HELD_FDS_MAX] = true;
	(void) closedir(dir);
	for (; n < HELD_FDS_MAX && (used[n] || more > 0); n++)
		more -= used[n] ? 0 : 1;
	return n;
}

/* What comes with a barrier is not lost because the barrier can't be kept yet. */
static void
test_words_with_a_barrier_wait_for_room(void **state)
{
	struct rlimit old, tight;
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(prlimit(rig.pid, RLIMIT_NOFILE, NULL, &old), 0);
	say(&places[0], "STATUS=x");
	rig_until(&rig, rig.n_words == 1);
	let_it_look();
	/* One for the barrier, none for the message that waits with it. */
	tight = (struct rlimit){ limit_for(1), old.rlim_max };
	assert_int_equal(prlimit(rig.pid, RLIMIT_NOFILE, &tight, NULL), 0);
	say_with(&places[0], "READY=1\nBARRIER=1", ends[1]);
	(void) close(ends[1]);
	let_it_look();
	assert_int_equal(rig.n_words, 1);
	assert_int_equal(prlimit(rig.pid, RLIMIT_NOFILE, &old, NULL), 0);
	rig_until(&rig, rig.n_words == 2);
	assert_int_equal(rig.words[1].what, SAID_READY);
	assert_true(rig.word_fds[1] >= 0);
	/* Nobody else holds it when it has been heard. */
	let_it_look();
	(void) close(rig.word_fds[1]);
	rig.word_fds[1] = -1;
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void) close(ends[0]);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_few_are_on_their_way),
		TEST(test_next_image_of_init_makes_room),
		TEST(test_strangers_are_told_of_once),
		TEST(test_words_with_a_barrier_wait_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
