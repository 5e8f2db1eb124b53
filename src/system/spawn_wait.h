/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A process that waits for a file (`expect pidfile`). It has root, directory and user of the main process, so that it
 * sees what that sees; and where the file system hangs, it hangs, and nobody else.
 */

#define SPAWN_WAIT_FD 3

/*
 * Look at `path` again and again; write the pid in it to `out` as a line whenever it is another, and now and then
 * anyhow. Ends when nobody reads `out` any more.
 */
_Noreturn void spawn_wait_pidfile(const char *path, int out);
