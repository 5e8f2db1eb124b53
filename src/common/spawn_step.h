/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The steps of making a process that may fail, and what is said then. Apart from the messages, so that
 * the core needs nothing that knows sockets.
 */

#include <stddef.h>
#include <stdint.h>

/* What the child does before exec, and which step failed. */
#define SPAWN_STEPS(X)                                                                                                 \
	X(NONE, "")                                                                                                    \
	X(CLONE, "unable to fork")                                                                                     \
	X(PTY, "unable to open pty master")                                                                            \
	X(GRANTPT, "unable to granpt")                                                                                 \
	X(UNLOCKPT, "unable to unlockpt")                                                                              \
	X(PTSNAME, "unable to get ptsname")                                                                            \
	X(OPENPT_SLAVE, "unable to open pty slave")                                                                    \
	X(DUP, "unable to move script fd")                                                                             \
	X(SCRIPT, "unable to write script")                                                                            \
	X(CONSOLE, "unable to open console")                                                                           \
	X(RLIMIT, "unable to set \"%s\" resource limit")                                                               \
	X(ENVIRON, "unable to set environment")                                                                        \
	X(PRIORITY, "unable to set priority")                                                                          \
	X(OOM_ADJ, "unable to set oom adjustment")                                                                     \
	X(CHROOT, "unable to change root directory")                                                                   \
	X(CHDIR, "unable to change working directory")                                                                 \
	X(GETPWNAM, "unable to getpwnam")                                                                              \
	X(GETGRNAM, "unable to getgrnam")                                                                              \
	X(BAD_SETUID, "unable to find setuid user")                                                                    \
	X(BAD_SETGID, "unable to find setgid group")                                                                   \
	X(CHOWN, "unable to chown")                                                                                    \
	X(INITGROUPS, "unable to initgroups")                                                                          \
	X(SETGID, "unable to setgid")                                                                                  \
	X(SETUID, "unable to setuid")                                                                                  \
	X(SIGNAL, "unable to modify signal handler")                                                                   \
	X(ALLOC, "unable to allocate memory")                                                                          \
	X(SECURITY, "unable to switch security profile")                                                               \
	X(EXEC, "unable to execute")                                                                                   \
	X(SETUP, "process died before it was executed")                                                                \
	X(SERVANT, "unable to reach the spawner")                                                                      \
	X(GETPWUID, "unable to getpwuid")                                                                              \
	X(READINESS, "unable to make what it would say on that it is ready")

enum spawn_step {
#define X(id, text) SPAWN_##id,
	SPAWN_STEPS(X)
#undef X
	SPAWN_STEP_COUNT
};

/*
 * The message of a failed step as runtime.md 9.4 words it: text, and ": strerror" unless the step has none.
 * `arg` is the name of the limit for SPAWN_RLIMIT. Writes into buf, always terminated.
 */
void spawn_step_text(uint32_t step, uint32_t arg, int error, char *buf, size_t size);
