/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A process that waits for what a main process does, and tells.
 *
 * `expect pidfile`: for a file. It has root, directory and user of the main process, so that it
 * sees what that sees; and where the file system hangs, it hangs, and nobody else.
 */

#define SPAWN_WAIT_FD 3

/*
 * Look at `path` again and again; write the pid in it to `out` as a line whenever it is another, and now and then
 * anyhow. Ends when nobody reads `out` any more.
 */
_Noreturn void spawn_wait_pidfile(const char *path, int out);

/*
 * `expect listen`: look again and again who listens at `address` (common/listener.h) in the network namespace of the
 * process `pid`, or our own when that is gone; write the pids of those who have the socket to `out`, a line each. It
 * keeps the root of its maker, who sees /proc.
 */
_Noreturn void spawn_wait_listener(const char *address, const char *pid, int out);
