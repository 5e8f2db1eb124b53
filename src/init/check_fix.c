/* SPDX-License-Identifier: MIT */
#include "init/check_fix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/macros.h"
#include "common/str.h"
#include "job/rewrite.h"

/* All of it, with mode and owner of the old one, on the disk. 0 or a negative errno. */
static int
fill(int fd, const struct job_rewrite *rewrite, const struct stat *old)
{
	for (size_t done = 0; done < rewrite->len;) {
		ssize_t n = write(fd, rewrite->text + done, rewrite->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t) n : 0;
	}
	if ((old->st_uid != geteuid() || old->st_gid != getegid()) && fchown(fd, old->st_uid, old->st_gid) < 0)
		return -errno;
	if (fchmod(fd, old->st_mode & 07777) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* The name of a link stays one: the file it leads to is replaced. 0 or a negative errno. */
static int
replace(const char *path, const struct job_rewrite *rewrite)
{
	auto_free char *real = realpath(path, NULL);
	auto_free char *draft = real != NULL ? str_printf("%s.XXXXXX", real) : NULL;
	auto_close int fd = -1;
	struct stat old;
	int r;

	if (draft == NULL)
		return real == NULL ? -errno : -ENOMEM;
	if (stat(real, &old) < 0)
		return -errno;
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fill(fd, rewrite, &old);
	if (r == 0 && rename(draft, real) < 0)
		r = -errno;
	if (r < 0)
		(void) unlink(draft);
	return r;
}

static void
tell_differences(void)
{
	for (const char *line = job_rewrite_differences; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		(void) printf("  %.*s\n", (int) n, line);
		line += n + 1;
	}
}

int
check_fix(const char *name, const struct parse_source *conf, bool has_override)
{
	auto_rewrite struct job_rewrite rewrite = JOB_REWRITE_INIT;
	const char *why = NULL;
	int r = job_rewrite(name, conf, &rewrite, &why);

	if (r == 1 && has_override) {
		why = "its override says more of it";
		r = 0;
	}
	if (r == 0 && why != NULL)
		(void) printf("%s: not rewritten: %s\n", conf->path, why);
	if (r == 1) {
		r = replace(conf->path, &rewrite);
		if (r == 0) {
			(void) printf("%s: `while %s' instead of `start on %s' and `stop on %s'%s%s%s\n", conf->path, rewrite.states,
				      rewrite.start_on, rewrite.stop_on, rewrite.rest != NULL ? "; left: `stop on " : "",
				      rewrite.rest != NULL ? rewrite.rest : "", rewrite.rest != NULL ? "'" : "");
			tell_differences();
		}
	}
	if (r < 0)
		(void) fprintf(stderr, "%s: not rewritten: %s\n", conf->path, strerror(-r));
	return r;
}
