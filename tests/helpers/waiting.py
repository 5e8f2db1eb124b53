# SPDX-License-Identifier: MIT
"""Waiting until something is so, in one way for all tests. Nothing waits for a fixed time."""

import ctypes
import os
import select
import time

IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100
PAUSE_FIRST, PAUSE_MAX = 0.001, 0.05  # seconds between two looks, doubling
PAUSE_TOLD = 1  # the same where changes are told

libc = ctypes.CDLL(None, use_errno=True)


class Pauses:
    """What passes between two looks: if the condition is about a file, until something in its folder changes; else a moment,
    since nobody tells of it."""

    def __init__(self, path):
        self.pause = PAUSE_FIRST
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK) if path is not None and hasattr(libc, "inotify_init1") else -1
        if self.fd >= 0:
            libc.inotify_add_watch(self.fd, os.fsencode(os.path.dirname(path)), IN_MODIFY | IN_MOVED_TO | IN_CREATE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.fd >= 0:
            os.close(self.fd)

    def one(self, longest):
        if self.fd < 0:
            time.sleep(min(self.pause, longest))
            self.pause = min(2 * self.pause, PAUSE_MAX)
        elif select.select([self.fd], [], [], min(PAUSE_TOLD, longest))[0]:
            os.read(self.fd, 65536)


def until(condition, limit, path=None):
    """Call `condition` until it gives something true, `limit` seconds at most; what it gave last. `path`: the file it is about."""
    deadline = time.monotonic() + limit
    with Pauses(path) as pauses:
        while True:
            value = condition()
            left = deadline - time.monotonic()
            if value or left <= 0:
                return value
            pauses.one(left)


def wait_for(condition, what="condition", limit=30, path=None):
    """The same, and it is to be so. `what` it is may be said by a function, in the end."""
    value = until(condition, limit, path)
    assert value, f"waited {limit} s for {what() if callable(what) else what}"
    return value
