/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What benches of a running init share: a session init on job files of its own, and a connection to it. Whatever fails ends the
 * program.
 */

#include <dbus/dbus.h>
#include <stdbool.h>
#include <sys/types.h>

#include "measure.h"

struct bench {
	const char *init;
	char dir[128]; /* scratch */
	pid_t pid;
	DBusConnection *bus;
};

/* Scratch folders, then a file in the one of the job files. */
void make_dirs(struct bench *b);
void put_file(const struct bench *b, const char *name, const char *text);
/* Start b->init there and connect to it; end it, and remove the folders. */
void start_init(struct bench *b);
void stop_init(struct bench *b);

/* Messages to be called: a method of the manager; EmitEvent. */
DBusMessage *method(const char *name);
DBusMessage *emit_message(const char *event, bool wait);
/* Call and wait; the reply is thrown away. False: an error. */
bool call(struct bench *b, DBusMessage *m);

/* Figures of jobs that follow each other (chains.c): with a process each, or by events alone; the emitter waits; each. */
void bench_chain(struct bench *b, int n, bool processes);
void bench_tasks(struct bench *b, int n);
void bench_emit_with_wait(struct bench *b, int n);
/* One that starts and stops so often, among so many that wait for others to. */
void bench_among(struct bench *b, int others, int n);

/* Figures of clients (clients.c): n events, and so on, over one connection. */
void bench_clients(struct bench *b, int n);

/* Figures of processes (processes.c): n tasks with so many other jobs; n deaths of a service; so much output. */
void bench_spawn(struct bench *b, int jobs, int n);
void bench_respawn(struct bench *b, int n);
void bench_log(struct bench *b, int megabytes);
/* What the service of bench_respawn() does: it says there that it is born. */
void tell_birth(const char *fifo) __attribute__((noreturn));

/* Figures of survival (survival.c): re-exec and crash with so many jobs, idle or running. */
void bench_survival(struct bench *b, int jobs, bool running);
