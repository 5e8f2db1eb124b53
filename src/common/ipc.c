/* SPDX-License-Identifier: MIT */
/*
 * Links between the brain and its servants. Owns the socket, the queue of what the
 * kernel did not take yet and, for numbered messages, what is not acknowledged.
 *
 * One packet = header + body. When the body is longer than IPC_INLINE_MAX it lies in an
 * anonymous file whose descriptor is the first of those attached.
 */
#include "common/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utlist.h>

#define IPC_MAGIC 0x55324950u /* "U2IP" */
#define IPC_INLINE_MAX (64 * 1024)
#define IPC_BODY_MAX (64 * 1024 * 1024)
#define IPC_FLAG_FILE 1u

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

struct ipc_header {
	uint32_t magic;
	uint32_t type;
	uint64_t id;
	uint64_t len;
	uint32_t flags;
	uint32_t n_fds; /* without the body's file */
};

/* A message that waits: to be sent, or (kept) to be acknowledged too. */
struct packet {
	struct packet *prev, *next;
	struct ipc_header head;
	char *body; /* owned */
	int fds[IPC_MAX_FDS];
	bool sent;
};

struct ipc {
	int fd;
	struct packet *queue; /* unnumbered, not sent yet */
	struct packet *kept;  /* numbered, not acknowledged; those not sent yet are the last ones */
	size_t unsent;	      /* packets in either list that the kernel has not taken, */
	size_t bytes;	      /* their bytes */
	size_t backlog;	      /* packets in both lists */
	bool is_short;	      /* the kernel refuses the first of them for want of something */
	uint64_t number;      /* the last one given */
};

struct ipc *
ipc_new(int fd)
{
	struct ipc *ipc = calloc(1, sizeof(*ipc));
	int flags = fcntl(fd, F_GETFL);

	if (ipc == NULL || flags < 0) {
		free(ipc);
		(void) close(fd);
		return NULL;
	}
	(void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	ipc->fd = fd;
	return ipc;
}

static void
packet_free(struct packet *p)
{
	for (size_t i = 0; i < p->head.n_fds; i++)
		if (p->fds[i] >= 0)
			(void) close(p->fds[i]);
	free(p->body);
	free(p);
}

static void
drop_packets(struct ipc *ipc)
{
	struct packet *p, *next;

	DL_FOREACH_SAFE(ipc->queue, p, next) {
		DL_DELETE(ipc->queue, p);
		packet_free(p);
	}
	DL_FOREACH_SAFE(ipc->kept, p, next) {
		DL_DELETE(ipc->kept, p);
		packet_free(p);
	}
}

int
ipc_release_fd(struct ipc *ipc)
{
	int fd = ipc->fd;

	drop_packets(ipc);
	free(ipc);
	return fd;
}

struct ipc *
ipc_free(struct ipc *ipc)
{
	if (ipc != NULL)
		(void) close(ipc_release_fd(ipc));
	return NULL;
}

int
ipc_fd(const struct ipc *ipc)
{
	return ipc->fd;
}

int
ipc_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		int size = 1024 * 1024;

		/* As much as the kernel allows: a burst then costs no queueing here. */
		(void) setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return 0;
}

/* An unnamed file holding the body; a descriptor or a negative errno. */
static int
body_file(const char *body, size_t len)
{
	auto_close int fd = -1;
	size_t done = 0;

#ifdef UPSTART_PLATFORM_LINUX
	fd = memfd_create("upstart-message", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("upstart-message", MFD_CLOEXEC);
#else
	{
		char path[] = "/tmp/upstart-message-XXXXXX";

		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			(void) unlink(path);
	}
#endif
	if (fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = pwrite(fd, body + done, len - done, (off_t) done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t) n;
	}
	return steal_fd(&fd);
}

/* Hand one packet to the kernel: 0, -EAGAIN when it is full, or another negative errno. */
static int
transmit(const struct ipc *ipc, const struct ipc_header *head, const void *body, const int *fds)
{
	struct ipc_header h = *head;
	auto_close int file = -1;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * (IPC_MAX_FDS + 1))];
	} control;
	int all[IPC_MAX_FDS + 1];
	size_t n = 0;
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *) (uintptr_t) body, (size_t) h.len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (h.len > IPC_INLINE_MAX) {
		file = body_file(body, (size_t) h.len);
		if (file < 0)
			return file;
		h.flags |= IPC_FLAG_FILE;
		msg.msg_iovlen = 1;
		all[n++] = file;
	}
	for (size_t i = 0; i < h.n_fds; i++)
		all[n++] = fds[i];
	if (n > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), all, sizeof(int) * n);
	}
	for (;;) {
		if (sendmsg(ipc->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return -EAGAIN;
		if (errno == ECONNRESET || errno == ENOTCONN)
			return -EPIPE;
		return -errno;
	}
}

static struct packet *
packet_new(const struct ipc_header *head, const struct strbuf *body, const int *fds)
{
	struct packet *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->head = *head;
	p->head.n_fds = 0;
	p->body = malloc(head->len + 1);
	if (p->body == NULL) {
		packet_free(p);
		return NULL;
	}
	if (head->len > 0)
		memcpy(p->body, body->p, head->len);
	for (size_t i = 0; i < head->n_fds; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (copy < 0) {
			packet_free(p);
			return NULL;
		}
		p->fds[p->head.n_fds++] = copy;
	}
	return p;
}

static void
wait_for_kernel(struct ipc *ipc, const struct packet *p)
{
	ipc->unsent++;
	ipc->bytes += sizeof(p->head) + p->head.len;
}

static void
taken(struct ipc *ipc, const struct packet *p)
{
	ipc->unsent--;
	ipc->bytes -= sizeof(p->head) + p->head.len;
}

static int
check(const struct strbuf *body, size_t n_fds)
{
	if (body != NULL && body->failed)
		return -ENOMEM;
	if (n_fds > IPC_MAX_FDS || (body != NULL && body->len > IPC_BODY_MAX))
		return -EMSGSIZE;
	return 0;
}

int
ipc_send(struct ipc *ipc, uint32_t type, uint64_t id, const struct strbuf *body, const int *fds, size_t n_fds)
{
	struct ipc_header head = { IPC_MAGIC, type, id, body ? body->len : 0, 0, (uint32_t) n_fds };
	struct packet *p;
	int r = check(body, n_fds);

	if (r < 0)
		return r;
	if (ipc->unsent == 0) {
		r = transmit(ipc, &head, body ? body->p : NULL, fds);
		if (r != -EAGAIN)
			return r;
	}
	errno = 0;
	p = packet_new(&head, body, fds);
	if (p == NULL)
		return errno == EMFILE ? -EMFILE : -ENOMEM;
	DL_APPEND(ipc->queue, p);
	wait_for_kernel(ipc, p);
	ipc->backlog++;
	return 0;
}

int
ipc_send_kept(struct ipc *ipc, uint32_t type, const struct strbuf *body, const int *fds, size_t n_fds)
{
	struct ipc_header head = { IPC_MAGIC, type, ipc->number + 1, body ? body->len : 0, 0, (uint32_t) n_fds };
	struct packet *p;
	int r = check(body, n_fds);

	if (r < 0)
		return r;
	errno = 0;
	p = packet_new(&head, body, fds);
	if (p == NULL)
		return errno == EMFILE ? -EMFILE : -ENOMEM;
	ipc->number++;
	DL_APPEND(ipc->kept, p);
	ipc->backlog++;
	wait_for_kernel(ipc, p);
	r = ipc_flush(ipc);
	return r < 0 ? r : 0;
}

uint64_t
ipc_last_number(const struct ipc *ipc)
{
	return ipc->number;
}

void
ipc_acknowledged(struct ipc *ipc, uint64_t number)
{
	struct packet *p, *next;

	DL_FOREACH_SAFE(ipc->kept, p, next) {
		if (p->head.id > number)
			break;
		DL_DELETE(ipc->kept, p);
		ipc->backlog--;
		if (!p->sent)
			taken(ipc, p);
		packet_free(p);
	}
}

int
ipc_resend(struct ipc *ipc, uint64_t number)
{
	struct packet *p;
	int r;

	ipc_acknowledged(ipc, number);
	DL_FOREACH(ipc->kept, p) {
		if (p->sent)
			wait_for_kernel(ipc, p);
		p->sent = false;
	}
	r = ipc_flush(ipc);
	return r < 0 ? r : 0;
}

size_t
ipc_backlog(const struct ipc *ipc)
{
	return ipc->backlog;
}

bool
ipc_wants_write(const struct ipc *ipc)
{
	return ipc->unsent > 0 && !ipc->is_short;
}

bool
ipc_is_short(const struct ipc *ipc)
{
	return ipc->is_short;
}

size_t
ipc_queued_bytes(const struct ipc *ipc)
{
	return ipc->bytes;
}

/* What ipc_flush() says of a packet that was not taken. One that never will be makes the link useless. */
static int
not_taken(struct ipc *ipc, int r)
{
	switch (r) {
	case -EAGAIN:
		return 1;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
	case -EFBIG: /* a limit, which may be raised */
	case -ETOOMANYREFS:
		ipc->is_short = true;
		return 1;
	default:
		return -EPIPE;
	}
}

int
ipc_flush(struct ipc *ipc)
{
	struct packet *p, *next;
	int r;

	ipc->is_short = false;
	if (ipc->unsent == 0)
		return 0;
	DL_FOREACH_SAFE(ipc->queue, p, next) {
		r = transmit(ipc, &p->head, p->body, p->fds);
		if (r < 0)
			return not_taken(ipc, r);
		DL_DELETE(ipc->queue, p);
		taken(ipc, p);
		packet_free(p);
		ipc->backlog--;
	}
	DL_FOREACH(ipc->kept, p) {
		if (p->sent)
			continue;
		r = transmit(ipc, &p->head, p->body, p->fds);
		if (r < 0)
			return not_taken(ipc, r);
		p->sent = true;
		taken(ipc, p);
	}
	return 0;
}

/* -- receiving --------------------------------------------------------------- */

void
ipc_message_deinit(struct ipc_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		if (m->fds[i] >= 0)
			(void) close(m->fds[i]);
	free(m->body);
	*m = (struct ipc_message){ 0 };
}

/* Collect the descriptors of a received packet; more than fit are closed. */
static void
collect_fds(struct msghdr *msg, int *fds, size_t *n)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*n <= IPC_MAX_FDS)
				fds[(*n)++] = fd;
			else
				(void) close(fd);
		}
	}
}

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void) close(fds[i]);
}

/*
 * Does reading it wait for nobody? Whoever is at the other end may have been taken over: a file on a file system that
 * never answers would hold up who reads it. On Linux only files in memory can be sealed.
 */
static bool
is_ready_file(int fd)
{
#ifdef UPSTART_PLATFORM_LINUX
	return fcntl(fd, F_GET_SEALS) >= 0;
#else
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
#endif
}

/* The body of a message that came as a file. */
static int
read_file(int fd, size_t len, char *body)
{
	size_t done = 0;

	if (!is_ready_file(fd))
		return -EBADMSG;
	while (done < len) {
		ssize_t n = pread(fd, body + done, len - done, (off_t) done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EBADMSG;
		done += (size_t) n;
	}
	return 0;
}

/*
 * How long a body the next packet says to have, without taking the packet. 0 (it may still be damaged; then
 * *len is 0) or what ipc_receive() is to return.
 */
static int
peek_length(const struct ipc *ipc, size_t *len)
{
	struct ipc_header head;
	ssize_t size;

	do
		size = recv(ipc->fd, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
	while (size < 0 && errno == EINTR);
	if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (size < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (size == 0)
		return -EPIPE;
	*len = 0;
	if ((size_t) size == sizeof(head) && head.magic == IPC_MAGIC && head.len <= IPC_BODY_MAX &&
	    (head.len <= IPC_INLINE_MAX || (head.flags & IPC_FLAG_FILE)))
		*len = (size_t) head.len;
	return 0;
}

/* Does a packet of `size` bytes and `n_fds` descriptors hold what its header says? */
static bool
packet_is_sound(const struct ipc_header *head, size_t size, size_t n_fds, size_t len)
{
	size_t file = head->flags & IPC_FLAG_FILE ? 1 : 0;

	return size >= sizeof(*head) && head->magic == IPC_MAGIC && head->len == len && head->n_fds <= IPC_MAX_FDS &&
	       n_fds == head->n_fds + file && size == sizeof(*head) + (file ? 0 : len);
}

int
ipc_receive(struct ipc *ipc, struct ipc_message *m)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * (IPC_MAX_FDS + 1))];
	} control;
	struct ipc_header head = { 0 };
	auto_free char *body = NULL;
	struct iovec iov[2] = { { &head, sizeof(head) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fds[IPC_MAX_FDS + 1];
	size_t n_fds = 0, len = 0, first;
	ssize_t size;
	int r;

	memset(m, 0, sizeof(*m));
	r = peek_length(ipc, &len);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	body = malloc(len + 1); /* before it is taken: want of memory loses no message */
	if (body == NULL)
		return -ENOMEM;
	iov[1] = (struct iovec){ body, len };
	msg.msg_control = control.space;
	msg.msg_controllen = sizeof(control.space);
	do
		size = recvmsg(ipc->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	collect_fds(&msg, fds, &n_fds);
	first = head.flags & IPC_FLAG_FILE ? 1 : 0;
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == MSG_CTRUNC && first == 0) {
		/* No numbers were left for them. Some without the others are of no use. */
		close_all(fds, n_fds);
		n_fds = head.n_fds;
		m->lost_fds = true;
	} else if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_all(fds, n_fds);
		return -EBADMSG;
	}
	if (!packet_is_sound(&head, (size_t) size, n_fds, len) || (first == 1 && read_file(fds[0], len, body) < 0)) {
		close_all(fds, m->lost_fds ? 0 : n_fds);
		m->lost_fds = false;
		return -EBADMSG;
	}
	if (first == 1)
		(void) close(fds[0]);
	for (size_t i = first; i < n_fds && !m->lost_fds; i++)
		m->fds[m->n_fds++] = fds[i];
	m->type = head.type;
	m->id = head.id;
	m->len = len;
	m->body = steal(&body);
	return 1;
}
