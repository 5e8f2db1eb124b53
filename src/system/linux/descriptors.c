/* SPDX-License-Identifier: MIT */
#include "system/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/macros.h"

#define LIST_SIZE 2048 /* little: the stack may be a handler's */

/* As the kernel writes it; readdir() needs memory, which a handler must not ask for. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* -1: it is no number. */
static int
number_of(const char *name)
{
	int n = 0;

	if (*name == '\0')
		return -1;
	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + (*name - '0');
	return *name == '\0' ? n : -1;
}

int
descriptors_listed(int *next, descriptors_fn fn, void *data)
{
	_Alignas(struct entry) char list[LIST_SIZE];
	const int first = *next;
	auto_close int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;

	if (dir < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, dir, list, sizeof(list))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *) (list + at);
			int fd = number_of(entry->name);

			at += entry->size;
			if (fd < first || fd == dir)
				continue;
			if (fd >= *next)
				*next = fd + 1;
			fn(fd, data);
		}
	}
	return n < 0 ? -errno : 0;
}
