/* SPDX-License-Identifier: MIT */
/*
 * Links between brain and servants: order, descriptors, long bodies, what is kept and sent again,
 * damage, and an end that goes away.
 */
#include "common/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit.h"

#define INLINE_MAX (64 * 1024)

struct link {
	struct ipc *a, *b;
	int raw_a; /* a's descriptor, for sending what a link never would */
};

static size_t
open_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 512; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static int
setup(void **state)
{
	struct link *l = calloc(1, sizeof(*l));
	int fds[2];

	assert_int_equal(ipc_pair(fds), 0);
	l->a = ipc_new(fds[0]);
	l->b = ipc_new(fds[1]);
	l->raw_a = fds[0];
	assert_non_null(l->a);
	assert_non_null(l->b);
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	struct link *l = *state;

	assert_null(ipc_free(l->a));
	assert_null(ipc_free(l->b));
	assert_null(ipc_free(NULL));
	free(l);
	return 0;
}

/* A body of n bytes that depend on `mark`. */
static void
fill(struct strbuf *b, size_t n, unsigned mark)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addc(b, (char) (i * 31 + mark));
	assert_false(b->failed);
}

static void
assert_body(const struct ipc_message *m, size_t n, unsigned mark)
{
	const char *body = m->body;

	assert_int_equal(m->len, n);
	for (size_t i = 0; i < n; i++)
		if (body[i] != (char) (i * 31 + mark))
			fail_msg("byte %zu of %zu differs", i, n);
}

static void
send_one(struct ipc *ipc, uint32_t type, uint64_t id, size_t n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	fill(&b, n, type);
	assert_int_equal(ipc_send(ipc, type, id, &b, NULL, 0), 0);
}

static void
receive_one(struct ipc *ipc, uint32_t type, uint64_t id, size_t n)
{
	struct ipc_message m;

	assert_int_equal(ipc_receive(ipc, &m), 1);
	assert_int_equal(m.type, type);
	assert_int_equal(m.id, id);
	assert_body(&m, n, type);
	assert_int_equal(m.n_fds, 0);
	ipc_message_deinit(&m);
	assert_null(m.body);
}

static void
assert_nothing_comes(struct ipc *ipc)
{
	struct ipc_message m;

	assert_int_equal(ipc_receive(ipc, &m), 0);
}

static void
test_ipc_delivers_in_order_both_ways(void **state)
{
	struct link *l = *state;

	assert_nothing_comes(l->b);
	send_one(l->a, 3, 77, 10);
	send_one(l->a, 4, UINT64_MAX, 0);
	assert_int_equal(ipc_send(l->a, 5, 0, NULL, NULL, 0), 0);
	send_one(l->b, 6, 1, 2000);
	receive_one(l->b, 3, 77, 10);
	receive_one(l->b, 4, UINT64_MAX, 0);
	receive_one(l->b, 5, 0, 0);
	receive_one(l->a, 6, 1, 2000);
	assert_nothing_comes(l->a);
	assert_nothing_comes(l->b);
	assert_int_equal(ipc_backlog(l->a), 0);
}

static void
test_ipc_descriptors_do_not_block_and_close_on_exec(void **state)
{
	struct link *l = *state;

	assert_int_equal(ipc_fd(l->a), l->raw_a);
	assert_true(fcntl(l->raw_a, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(l->raw_a, F_GETFD) & FD_CLOEXEC);
}

static void
test_ipc_bodies_of_all_sizes(void **state)
{
	static const size_t sizes[] = { 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1, 200000, 5 * 1024 * 1024 };
	struct link *l = *state;
	size_t before = open_fds();

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		send_one(l->a, i, i, sizes[i]);
		receive_one(l->b, i, i, sizes[i]);
	}
	assert_int_equal(open_fds(), before);
}

static void
test_ipc_refuses_what_is_too_much(void **state)
{
	struct strbuf huge = { (char *) "", 64 * 1024 * 1024 + 1, 0, false };
	struct strbuf failed = { NULL, 0, 0, true };
	struct link *l = *state;
	int fds[IPC_MAX_FDS + 1] = { 0 };

	assert_int_equal(ipc_send(l->a, 1, 0, &huge, NULL, 0), -EMSGSIZE);
	assert_int_equal(ipc_send_kept(l->a, 1, &huge, NULL, 0), -EMSGSIZE);
	assert_int_equal(ipc_send(l->a, 1, 0, NULL, fds, IPC_MAX_FDS + 1), -EMSGSIZE);
	assert_int_equal(ipc_send(l->a, 1, 0, &failed, NULL, 0), -ENOMEM);
	assert_int_equal(ipc_send_kept(l->a, 1, &failed, NULL, 0), -ENOMEM);
	assert_nothing_comes(l->b);
}

static ino_t
inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void
test_ipc_descriptors_travel(void **state)
{
	static const size_t sizes[] = { 4, INLINE_MAX + 5 };
	struct link *l = *state;
	int mine[IPC_MAX_FDS];

	for (size_t i = 0; i < IPC_MAX_FDS; i += 2)
		assert_int_equal(pipe2(&mine[i], O_CLOEXEC), 0);
	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct ipc_message m;
		size_t before = open_fds();
		int kept;

		fill(&b, sizes[k], 9);
		assert_int_equal(ipc_send(l->a, 9, 1, &b, mine, IPC_MAX_FDS), 0);
		assert_int_equal(ipc_receive(l->b, &m), 1);
		assert_body(&m, sizes[k], 9);
		assert_int_equal(m.n_fds, IPC_MAX_FDS);
		for (size_t i = 0; i < IPC_MAX_FDS; i++) {
			assert_int_equal(inode_of(m.fds[i]), inode_of(mine[i]));
			assert_true(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
		}
		kept = steal_fd(&m.fds[3]);
		ipc_message_deinit(&m);
		assert_int_equal(open_fds(), before + 1);
		assert_int_equal(inode_of(kept), inode_of(mine[3]));
		(void) close(kept);
	}
	for (size_t i = 0; i < IPC_MAX_FDS; i++)
		(void) close(mine[i]);
}

/* Send until the kernel takes no more, then some. Returns how many were sent. */
static unsigned
overfill(struct ipc *ipc, int fd)
{
	unsigned n = 0;

	for (unsigned more = 0; more < 20; n++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		fill(&b, 3000, n);
		assert_int_equal(ipc_send(ipc, n, n, &b, &fd, fd >= 0 ? 1 : 0), 0);
		if (ipc_wants_write(ipc))
			more++;
		assert_true(n < 100000);
	}
	return n;
}

static void
test_ipc_queues_what_the_kernel_does_not_take(void **state)
{
	struct link *l = *state;
	struct ipc_message m;
	unsigned sent = overfill(l->a, -1), got = 0;

	assert_int_equal(ipc_backlog(l->a), 20);
	assert_int_equal(ipc_flush(l->a), 1);
	while (got < sent) {
		while (ipc_receive(l->b, &m) == 1) {
			assert_int_equal(m.type, got);
			assert_body(&m, 3000, got);
			got++;
			ipc_message_deinit(&m);
		}
		assert_true(ipc_flush(l->a) >= 0);
	}
	assert_int_equal(got, sent);
	assert_int_equal(ipc_flush(l->a), 0);
	assert_false(ipc_wants_write(l->a));
	assert_int_equal(ipc_backlog(l->a), 0);
}

static void
test_ipc_queued_descriptors_are_copies(void **state)
{
	struct link *l = *state;
	size_t before = open_fds();
	int fds[2];
	unsigned sent;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	sent = overfill(l->a, fds[1]);
	(void) close(fds[1]);
	for (unsigned got = 0; got < sent; got++) {
		struct ipc_message m;

		(void) !ipc_flush(l->a);
		assert_int_equal(ipc_receive(l->b, &m), 1);
		assert_int_equal(m.n_fds, 1);
		assert_int_equal(write(m.fds[0], "x", 1), 1);
		ipc_message_deinit(&m);
		if (got == sent - 5)
			break; /* the rest goes with the links */
	}
	(void) close(fds[0]);
	l->a = ipc_free(l->a);
	l->b = ipc_free(l->b);
	assert_int_equal(open_fds(), before - 2);
}

static void
test_ipc_kept_messages_are_numbered(void **state)
{
	struct link *l = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;

	fill(&b, 5, 8);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(ipc_send_kept(l->a, 8, &b, NULL, 0), 0);
	send_one(l->a, 2, 0, 1); /* others are not */
	assert_int_equal(ipc_backlog(l->a), 3);
	for (uint64_t i = 1; i <= 3; i++)
		receive_one(l->b, 8, i, 5);
	receive_one(l->b, 2, 0, 1);
	ipc_acknowledged(l->a, 2);
	assert_int_equal(ipc_backlog(l->a), 1);
	ipc_acknowledged(l->a, 2);
	assert_int_equal(ipc_backlog(l->a), 1);
	ipc_acknowledged(l->a, 99);
	assert_int_equal(ipc_backlog(l->a), 0);
	assert_int_equal(ipc_send_kept(l->a, 8, &b, NULL, 0), 0);
	receive_one(l->b, 8, 4, 5);
}

static void
test_ipc_kept_messages_are_sent_again(void **state)
{
	struct link *l = *state;
	struct ipc_message m;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (uint64_t i = 1; i <= 4; i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;

		fill(&b, 5, 7);
		assert_int_equal(ipc_send_kept(l->a, 7, &b, &fds[1], i == 4 ? 1 : 0), 0);
	}
	while (ipc_receive(l->b, &m) == 1)
		ipc_message_deinit(&m);
	(void) close(fds[1]);
	assert_int_equal(ipc_resend(l->a, 2), 0);
	assert_int_equal(ipc_backlog(l->a), 2);
	receive_one(l->b, 7, 3, 5);
	assert_int_equal(ipc_receive(l->b, &m), 1);
	assert_int_equal(m.id, 4);
	assert_int_equal(m.n_fds, 1);
	assert_int_equal(write(m.fds[0], "x", 1), 1);
	ipc_message_deinit(&m);
	assert_nothing_comes(l->b);
	(void) close(fds[0]);
}

/* The kernel is full of other things: kept messages wait, and keep their order. */
static void
test_ipc_kept_messages_wait_for_room(void **state)
{
	struct link *l = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	unsigned sent = overfill(l->a, -1);
	struct ipc_message m;
	uint64_t last = 0;

	fill(&b, 5, 7);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ipc_send_kept(l->a, 1000000, &b, NULL, 0), 0);
	assert_int_equal(ipc_resend(l->a, 0), 0);
	for (unsigned n = 0; n < sent + 10; n++) {
		(void) !ipc_flush(l->a);
		assert_int_equal(ipc_receive(l->b, &m), 1);
		if (m.type == 1000000)
			assert_int_equal(m.id, ++last);
		ipc_message_deinit(&m);
	}
	assert_int_equal(last, 10);
	assert_false(ipc_wants_write(l->a));
	assert_int_equal(ipc_backlog(l->a), 10);
	ipc_acknowledged(l->a, 10);
	assert_int_equal(ipc_backlog(l->a), 0);
}

/* An acknowledgement of what was never sent (a confused other end) leaves the count right. */
static void
test_ipc_acknowledged_before_sent(void **state)
{
	struct link *l = *state;

	(void) overfill(l->a, -1);
	assert_int_equal(ipc_send_kept(l->a, 7, NULL, NULL, 0), 0);
	ipc_acknowledged(l->a, 1);
	assert_int_equal(ipc_backlog(l->a), 20);
	for (int i = 0; i < 100000 && ipc_wants_write(l->a); i++) {
		struct ipc_message m;

		while (ipc_receive(l->b, &m) == 1)
			ipc_message_deinit(&m);
		assert_true(ipc_flush(l->a) >= 0);
	}
	assert_int_equal(ipc_backlog(l->a), 0);
}

static void
test_ipc_end_of_file_comes_after_the_messages(void **state)
{
	struct link *l = *state;
	struct ipc_message m;

	send_one(l->a, 1, 1, 10);
	l->a = ipc_free(l->a);
	receive_one(l->b, 1, 1, 10);
	assert_int_equal(ipc_receive(l->b, &m), -EPIPE);
	assert_int_equal(ipc_receive(l->b, &m), -EPIPE);
	assert_int_equal(ipc_send(l->b, 1, 1, NULL, NULL, 0), -EPIPE);
}

static void
test_ipc_kept_messages_outlive_the_other_end(void **state)
{
	struct link *l = *state;
	int fds[2];

	assert_int_equal(ipc_send_kept(l->a, 4, NULL, NULL, 0), 0);
	l->b = ipc_free(l->b);
	assert_int_equal(ipc_send_kept(l->a, 4, NULL, NULL, 0), -EPIPE);
	assert_int_equal(ipc_backlog(l->a), 2);
	assert_int_equal(ipc_pair(fds), 0); /* to have a b for the teardown */
	l->b = ipc_new(fds[1]);
	(void) close(fds[0]);
}

static void
test_ipc_released_descriptor_is_in_step(void **state)
{
	struct link *l = *state;

	send_one(l->a, 1, 1, 100);
	send_one(l->a, 2, 2, INLINE_MAX + 100);
	receive_one(l->b, 1, 1, 100);
	l->b = ipc_new(ipc_release_fd(l->b)); /* another image takes over */
	receive_one(l->b, 2, 2, INLINE_MAX + 100);
	send_one(l->b, 3, 3, 3);
	receive_one(l->a, 3, 3, 3);
}

struct raw_header {
	uint32_t magic, type;
	uint64_t id, len;
	uint32_t flags, n_fds;
};

/* One packet as no link sends it, with a descriptor if fd >= 0. */
static void
send_raw(int fd, const void *p, size_t n, int attached)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *) (uintptr_t) p, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (attached >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &attached, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &msg, 0), (ssize_t) n);
}

static void
test_ipc_damage_is_thrown_away(void **state)
{
	static const struct raw_header good = { 0x55324950u, 1, 1, 0, 0, 0 };
	struct raw_header wrong[8];
	struct link *l = *state;
	struct ipc_message m;
	size_t before = open_fds();

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = good;
	wrong[0].magic++;
	wrong[1].len = 5;   /* there is no such body */
	wrong[2].n_fds = 1; /* nor a descriptor */
	wrong[3].flags = 1; /* nor a file */
	wrong[4].len = UINT64_MAX;
	wrong[5].len = INLINE_MAX + 1; /* long, and not in a file */
	wrong[6].n_fds = UINT32_MAX;
	wrong[7].flags = 1;
	wrong[7].len = 64 * 1024 * 1024;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		send_raw(l->raw_a, &wrong[i], sizeof(wrong[i]), -1);
	send_raw(l->raw_a, "x", 1, -1);
	send_raw(l->raw_a, "long enough to be a header, and wrong", 37, -1);
	send_raw(l->raw_a, &good, sizeof(good), l->raw_a);     /* a descriptor too much */
	send_raw(l->raw_a, &wrong[7], sizeof(good), l->raw_a); /* no file that could be read */
	send_one(l->a, 9, 9, 9);
	for (size_t i = 0; i < ARRAY_SIZE(wrong) + 4; i++)
		assert_int_equal(ipc_receive(l->b, &m), -EBADMSG);
	receive_one(l->b, 9, 9, 9);
	assert_int_equal(open_fds(), before);
}

/* A file in memory, as links send them. */
static int
memory_file(size_t size)
{
#ifdef UPSTART_PLATFORM_LINUX
	int fd = memfd_create("test", MFD_CLOEXEC);
#else
	char path[] = "/tmp/upstart-test-XXXXXX";
	int fd = mkstemp(path);

	(void) unlink(path);
#endif
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t) size), 0);
	return fd;
}

static void
test_ipc_too_short_a_file_is_damage(void **state)
{
	struct raw_header head = { 0x55324950u, 1, 1, INLINE_MAX + 1, 1, 0 };
	struct link *l = *state;
	struct ipc_message m;
	int fd = memory_file(INLINE_MAX);

	send_raw(l->raw_a, &head, sizeof(head), fd);
	assert_int_equal(ipc_receive(l->b, &m), -EBADMSG);
	assert_int_equal(ftruncate(fd, INLINE_MAX + 1), 0);
	send_raw(l->raw_a, &head, sizeof(head), fd);
	assert_int_equal(ipc_receive(l->b, &m), 1);
	ipc_message_deinit(&m);
	(void) close(fd);
}

#ifdef UPSTART_PLATFORM_LINUX
/* It might lie where reading it takes for ever. */
static void
test_ipc_file_that_is_not_in_memory_is_damage(void **state)
{
	struct raw_header head = { 0x55324950u, 1, 1, 10, 1, 0 };
	struct link *l = *state;
	struct ipc_message m;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	send_raw(l->raw_a, &head, sizeof(head), fd);
	assert_int_equal(ipc_receive(l->b, &m), -EBADMSG);
	(void) close(fd);
}
#endif

static void
test_ipc_new_without_a_descriptor_fails(void **state)
{
	long before = failalloc_held();

	assert_null(ipc_new(-1));
	assert_int_equal(failalloc_held(), before);
}

/* A kept message is the link's from then on, also when descriptors are short just then: it goes out later, once. */
static void
test_ipc_kept_message_waits_for_descriptors(void **state)
{
	struct link *l = *state;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct rlimit old, none;
	int r, flushed;

	fill(&b, INLINE_MAX + 1, 6);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = ipc_send_kept(l->a, 6, &b, NULL, 0);
	flushed = ipc_flush(l->a);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, 0);
	assert_int_equal(flushed, 1);
	/* Writable as it is, waiting for that would be a busy loop. */
	assert_true(ipc_is_short(l->a));
	assert_false(ipc_wants_write(l->a));
	assert_nothing_comes(l->b);
	assert_int_equal(ipc_flush(l->a), 0);
	assert_false(ipc_is_short(l->a));
	receive_one(l->b, 6, 1, INLINE_MAX + 1);
	assert_nothing_comes(l->b);
}

/* Want of descriptors takes a message's own, not the message: whoever gets it can say so. */
static void
test_ipc_receive_without_descriptors_keeps_the_message(void **state)
{
	struct link *l = *state;
	size_t before = open_fds();
	auto_strbuf struct strbuf b = STRBUF_INIT;
	int three[] = { l->raw_a, l->raw_a, l->raw_a };
	struct rlimit old, none;
	struct ipc_message m;
	int r;

	fill(&b, 100, 5);
	assert_int_equal(ipc_send(l->a, 5, 77, &b, three, 3), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = ipc_receive(l->b, &m);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, 1);
	assert_int_equal(m.type, 5);
	assert_int_equal(m.id, 77);
	assert_int_equal(m.len, 100);
	assert_int_equal(m.n_fds, 0);
	assert_true(m.lost_fds);
	ipc_message_deinit(&m);
	assert_int_equal(open_fds(), before);
	/* One that is all there afterwards. */
	assert_int_equal(ipc_send(l->a, 5, 78, &b, three, 3), 0);
	assert_int_equal(ipc_receive(l->b, &m), 1);
	assert_int_equal(m.n_fds, 3);
	assert_false(m.lost_fds);
	ipc_message_deinit(&m);
	assert_int_equal(open_fds(), before);
}

/* Want of memory leaves a message in the socket, and it comes later. */
static void
test_ipc_receive_without_memory_loses_nothing(void **state)
{
	struct link *l = *state;
	struct ipc_message m;
	size_t before = open_fds();
	auto_strbuf struct strbuf b = STRBUF_INIT;

	fill(&b, 100, 5);
	assert_int_equal(ipc_send(l->a, 5, 5, &b, &l->raw_a, 1), 0);
	for (unsigned long n = 1; n < 5; n++) {
		int r;

		failalloc_arm(n, false);
		r = ipc_receive(l->b, &m);
		if (failalloc_disarm()) {
			assert_int_equal(r, -ENOMEM);
			continue;
		}
		assert_int_equal(r, 1);
		assert_body(&m, 100, 5);
		assert_int_equal(m.n_fds, 1);
		ipc_message_deinit(&m);
		assert_int_equal(open_fds(), before);
		return;
	}
	fail_msg("the message does not come");
}

static int
talk(void *data)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	struct ipc_message m = { 0 };
	struct ipc *from, *to;
	int fds[2], r = 0;

	assert_int_equal(ipc_pair(fds), 0);
	from = ipc_new(fds[0]);
	to = ipc_new(fds[1]);
	for (int i = 0; i < 3000; i++)
		strbuf_addc(&b, 'x');
	if (from == NULL || to == NULL || b.failed) {
		r = -ENOMEM;
		goto out;
	}
	r = ipc_send_kept(from, 1, &b, NULL, 0);
	for (int i = 0; r == 0 && i < 120; i++)
		r = ipc_send(from, 2, 0, &b, &fds[0], 1);
	if (r == 0)
		r = ipc_receive(to, &m) < 0 ? -ENOMEM : 0;
	ipc_message_deinit(&m);
out:
	(void) ipc_free(from);
	(void) ipc_free(to);
	return r;
}

static void
test_ipc_survives_want_of_memory(void **state)
{
	size_t before = open_fds();

	assert_true(failalloc_each(talk, NULL) > 8);
	assert_int_equal(open_fds(), before);
}

#define LINKED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LINKED(test_ipc_delivers_in_order_both_ways),
		LINKED(test_ipc_descriptors_do_not_block_and_close_on_exec),
		LINKED(test_ipc_bodies_of_all_sizes),
		LINKED(test_ipc_refuses_what_is_too_much),
		LINKED(test_ipc_descriptors_travel),
		LINKED(test_ipc_queues_what_the_kernel_does_not_take),
		LINKED(test_ipc_queued_descriptors_are_copies),
		LINKED(test_ipc_kept_messages_are_numbered),
		LINKED(test_ipc_kept_messages_are_sent_again),
		LINKED(test_ipc_kept_messages_wait_for_room),
		LINKED(test_ipc_acknowledged_before_sent),
		LINKED(test_ipc_end_of_file_comes_after_the_messages),
		LINKED(test_ipc_kept_messages_outlive_the_other_end),
		LINKED(test_ipc_released_descriptor_is_in_step),
		LINKED(test_ipc_damage_is_thrown_away),
		LINKED(test_ipc_too_short_a_file_is_damage),
#ifdef UPSTART_PLATFORM_LINUX
		LINKED(test_ipc_file_that_is_not_in_memory_is_damage),
#endif
		cmocka_unit_test(test_ipc_new_without_a_descriptor_fails),
		LINKED(test_ipc_kept_message_waits_for_descriptors),
		LINKED(test_ipc_receive_without_descriptors_keeps_the_message),
		LINKED(test_ipc_receive_without_memory_loses_nothing),
		cmocka_unit_test(test_ipc_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
