/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The part of init in these tests: starts a real upstart-spawner, asks it for real processes (or makes them itself, as
 * init's portable path does) and sees what comes of them. All waits have a deadline.
 *
 * The environment names the programs: UPSTART_SPAWNER, UPSTART_SPAWN_PROBE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/msg.h"
#include "job/class.h"
#include "system/spawn.h"
#include "system/spawn_status.h"

#define HARNESS_TIMEOUT_MS 60000
#define NOBODY 65534

enum world_kind {
	WORLD_SPAWNER, /* upstart-spawner makes the processes */
	WORLD_LOCAL    /* spawn_local(): the test itself does */
};

struct world {
	enum world_kind kind;
	struct ipc *ipc;
	pid_t spawner;
	uint64_t next; /* process id of the next request */
};

/* What a spawner starts from, besides the test's own state. Zero: nothing. */
struct world_options {
	enum init_mode mode;
	uint64_t generation;	   /* 0: 1 */
	uid_t uid;		   /* run the spawner as this user and group; 0: as it is */
	bool (*before_exec)(void); /* in the spawner's process; false: the test can't run here */
};

/* Start; false when before_exec said no (the test should skip). WORLD_LOCAL takes no options. */
bool world_start(struct world *w, enum world_kind kind, const struct world_options *options);
/* Say MSG_SHUTDOWN and expect exit status 0. */
void world_stop(struct world *w);
/* kill -9 and forget the link. */
void world_kill(struct world *w);
/* Close the link and leave the spawner to itself. */
void world_drop_link(struct world *w);

/* A process as init knows it. */
struct process {
	uint64_t id;
	pid_t pid;
	int pidfd, pty;
	uint32_t step;
	int error;
	int status_r, gate_w; /* -1: closed */
	struct spawn_status status;
};

/* A request for `argv` with everything unset; fill in more, then use it. Nothing is owned. */
struct msg_spawn request_for(char **argv);

/* Send a request; *p has the ends of the pipes. `fds` are those of request->fds. */
void process_request(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds);
/* Send it again with new pipes. */
void process_request_again(struct world *w, struct process *p, struct msg_spawn *request);
/* Wait for the answer about it; others' answers are an error. Acknowledges it. */
void process_await_answer(struct world *w, struct process *p);
/* process_request and process_await_answer, in the way of this world. */
void process_spawn(struct world *w, struct process *p, struct msg_spawn *request, const int *fds, size_t n_fds);
void process_open_gate(struct process *p);
void process_close_gate(struct process *p);
/* Wait until it is known whether it came to its exec. */
enum spawn_outcome process_await_exec(struct process *p);
/* Wait for its end: a wait status. Closes everything. */
int process_await_end(struct process *p);

/* Wait for a child of the test's; a wait status. */
int await_child(pid_t pid);
/* Wait until nothing answers to that pid; true when it is so in time. */
bool await_gone(pid_t pid);
/* The next message that comes from the spawner. */
void await_message(struct world *w, struct ipc_message *m);
/* Wait until the link ends. */
void await_link_end(struct world *w);

/*
 * Run the request to its end with a pipe's write end as descriptor `fd`: what was written to it, and *status, the wait
 * status. Fails the test when it does not come to its exec. The caller frees.
 */
char *run_and_read(struct world *w, struct msg_spawn *request, int fd, int *status);
/* Read a descriptor to its end (EIO of a pty counts as one); the caller frees. */
char *read_all(int fd);
/* run_and_read() of the probe with these attributes (argv is set here). */
char *run_probe(struct world *w, struct msg_spawn *request);
/* The value of "KEY=" in a probe's output, up to the line's end; a static buffer; NULL: none. */
const char *probe_value(const char *output, const char *key);
#define assert_probe(output, key, expected) assert_string_equal(probe_value(output, key), expected)

/* Skip the test and say why. */
#define skip_because(why)                                                                                              \
	do {                                                                                                           \
		print_message("[  REASON  ] %s\n", (why));                                                             \
		skip();                                                                                                \
	} while (0)

/* Is this run under valgrind? It has limits of its own for descriptors, and does not survive an exec that fails late.
 */
bool is_wrapped(void);
/* Is there an upstart-spawner? Other platforms than Linux have the portable way only; tests that start one are skipped.
 */
bool has_spawner(void);
/* Is the test run by root, in the machine's first user namespace or a whole one? */
bool is_root(void);
/* Can a fresh copy of this process have mounts of its own? */
bool can_mount(void);
/* Give this process mounts of its own; put a file over another. */
bool mounts_are_private(void);
bool bind_over(const char *file, const char *over);
const char *probe_path(void);

/* A fresh folder below the temporary one, open to everybody (0755), and its end. */
char *folder_new(void);
void folder_remove(char *path);
void file_write(const char *folder, const char *name, const char *text, unsigned mode);
