/* SPDX-License-Identifier: MIT */
#pragma once

/* Make libdbus harmless to a daemon: no aborts for bad arguments, no meddling with SIGPIPE. Before all other use of it. */
void library_prepare(void);
/* Give the kernel back what a crowd of connections had needed, where the C library keeps it otherwise. */
void library_trim(void);
