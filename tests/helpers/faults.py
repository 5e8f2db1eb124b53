# SPDX-License-Identifier: MIT
"""Wants on purpose in a running program: the other end of tests/helpers/faults.c."""

import errno
import mmap
import struct

KINDS = ["alloc", "fd", "fork", "disk", "turn"]
PROGRAM = 64
WORDS = 5  # count, first, last, error, failed
SWEEP = PROGRAM + 8 * WORDS * len(KINDS)  # kind, gap, times, until, rest
TABLE = 16384 * 16
CAME = SWEEP + 8 * 5
SIZE = CAME + 2 * TABLE
ERRORS = {"alloc": errno.ENOMEM, "fd": errno.EMFILE, "fork": errno.EAGAIN, "disk": errno.ENOSPC}


class Faults:
    """What programs that are started with `env` do wrong; one program at a time."""

    def __init__(self, path, library):
        path.write_bytes(b"\0" * SIZE)
        self.env = {"LD_PRELOAD": str(library), "UPSTART_FAULTS": str(path)}
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def _at(self, kind, word):
        return PROGRAM + 8 * (WORDS * KINDS.index(kind) + word)

    def _set(self, kind, word, value):
        struct.pack_into("=Q", self.map, self._at(kind, word), value)

    def _get(self, kind, word):
        return struct.unpack_from("=Q", self.map, self._at(kind, word))[0]

    def watch(self, program):
        """From now on the calls of that program are counted, from zero, and none fails."""
        self.map[:PROGRAM] = program.encode().ljust(PROGRAM, b"\0")
        self.map[PROGRAM:CAME] = b"\0" * (CAME - PROGRAM)

    def _begin(self, kind, error):
        for word, value in [(1, 0), (0, 0), (4, 0), (3, error or ERRORS[kind])]:
            self._set(kind, word, value)

    def arm(self, kind, first, times=1, error=None):
        """Let the first-th call of that kind from now on fail (1: the next), and `times` - 1 after it."""
        self._begin(kind, error)
        self._set(kind, 2, first + times - 1)
        self._set(kind, 1, first)

    def sweep(self, kind, gap, times=1, error=None, first=0):
        """Let calls of that kind fail at places, stacks of callers, that have not failed yet: `times` in a row, then none
        of `gap` calls, nor any of the `first` ones. A place counts again when it comes the second time, the third or fourth, the
        fifth to eighth …"""
        self._begin(kind, error)
        self.map[CAME:CAME + TABLE] = b"\0" * TABLE
        struct.pack_into("=5Q", self.map, SWEEP, KINDS.index(kind) + 1, gap, times, 0, first)

    def disarm(self, kind):
        """Let no more fail; how many have."""
        self._set(kind, 1, 0)
        struct.pack_into("=Q", self.map, SWEEP, 0)
        return self.failed(kind)

    def count(self, kind):
        return self._get(kind, 0)

    def failed(self, kind):
        return self._get(kind, 4)
