/* SPDX-License-Identifier: MIT */
#include "init/proctable.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "common/error.h"
#include "system/trace.h"

#define ROW_WORDS 5 /* as in struct proctable_row */

void
proctable_deinit(struct proctable *t)
{
	u64v_deinit(&t->rows);
	t->known = false;
}

static int
add(struct proctable *t, pid_t pid, const struct trace_brief *brief)
{
	const uint64_t words[ROW_WORDS] = { (uint64_t) pid, (uint64_t) brief->parent, (uint64_t) brief->session,
					    brief->began, brief->dead ? 1 : 0 };

	for (size_t i = 0; i < ROW_WORDS; i++)
		if (u64v_add(&t->rows, words[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* One entry of /proc. Who has gone meanwhile, or is hidden from us, is not there. */
static int
look(struct proctable *t, const char *name)
{
	pid_t pid = (pid_t) strtol(name, NULL, 10);
	struct trace_brief brief;
	int r;

	if (pid <= 1)
		return 0;
	r = trace_look_briefly(pid, &brief);
	if (r < 0)
		return error_is_want(r) ? r : 0;
	return add(t, pid, &brief);
}

int
proctable_read(struct proctable *t)
{
	const struct dirent *e;
	DIR *dir;
	int r = 0;

	proctable_deinit(t);
	dir = opendir("/proc");
	if (dir == NULL)
		r = error_is_want(-errno) ? -errno : 0; /* where it is not mounted nobody is seen */
	while (dir != NULL && r == 0 && (e = readdir(dir)) != NULL)
		r = look(t, e->d_name);
	if (dir != NULL)
		(void) closedir(dir);
	if (r < 0)
		proctable_deinit(t);
	t->known = r == 0;
	return r;
}

int
proctable_need(struct proctable *t)
{
	return t->known ? 0 : proctable_read(t);
}

void
proctable_forget(struct proctable *t)
{
	if (t->known)
		proctable_deinit(t);
}

size_t
proctable_count(const struct proctable *t)
{
	return t->rows.n / ROW_WORDS;
}

struct proctable_row
proctable_row(const struct proctable *t, size_t i)
{
	const uint64_t *words = t->rows.p + i * ROW_WORDS;

	return (struct proctable_row){ (pid_t) words[0], (pid_t) words[1], (pid_t) words[2], words[3], words[4] != 0 };
}

bool
proctable_find(const struct proctable *t, pid_t pid, struct proctable_row *row)
{
	size_t i = 0, n = proctable_count(t);

	while (i < n && t->rows.p[i * ROW_WORDS] != (uint64_t) pid)
		i++;
	if (i == n)
		return false;
	*row = proctable_row(t, i);
	return true;
}
