/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Output streams: the terminals of jobs with `console log`. init keeps each master until the logger has read it to
 * its end, so that a new logger goes on where the old one died.
 */

#include "init/init.h"

struct job_class;
struct note;

int must_check logs_init(struct init *init);
void logs_deinit(struct init *init);

/* "DIR/CLASS[-INSTANCE].log", slashes in names as '_' (runtime.md 13); owned; NULL when out of memory. */
char *logs_path(const char *dir, const char *job, const char *instance);

/* Is what jobs print to be printed (--log-stdout)? */
bool logs_print(const struct init *init);
/* The console of a job's processes: what its file or the options say, if that can be had. CONSOLE_LOG: a terminal. */
enum console_mode logs_console(const struct init *init, const struct job_class *cls);

/*
 * How the output of a process is to be logged: what the logger will be told, from the `log` stanzas of its job (may be
 * NULL). Without `keep` and `compress`: seven old files, compressed. 0 or -ENOMEM; msg_free() *plan in any case.
 */
int must_check logs_plan(const struct init *init, const struct effect_spawn *e, const struct job_class *cls,
			 struct msg_log_open *plan);

/*
 * The process that *plan was made for has a terminal, whose master is owned from now on. *plan is taken over, what is
 * left is to be freed as before. 0 or a negative errno (fd is closed).
 */
int must_check logs_open(struct init *init, struct msg_log_open *plan, pid_t pid, int fd);
/* Its process is over: read what is there, then close. Unknown ones are ignored. */
void logs_finish(struct init *init, uint64_t process);
/* The logger has closed the stream. */
void logs_ended(struct init *init, uint64_t process);
/*
 * There is no logger, and none to be expected. After some seconds what jobs print is read and dropped, so that none of
 * them waits for ever; until one comes after all.
 */
void logs_do_without(struct init *init);
/* A new logger is there: tell it of all. */
void logs_logger_came(struct init *init);

void logs_save(struct init *init);
int must_check logs_load(struct init *init, const struct note *note);
void logs_each(const struct init *init, void (*fn)(int fd, void *data), void *data);
