#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""terminal.py UTMP FILE: a user who is logged in at a pseudo-terminal; what is written to it is appended to FILE."""

import os
import struct
import sys
import tty

UTMP = struct.Struct("<hxxi32s4s32s256shhiii16s20x")  # of Linux on 64 bits
USER_PROCESS = 7

master, slave = os.openpty()
tty.setraw(slave)
line = os.ttyname(slave).removeprefix("/dev/").encode()
with open(sys.argv[1], "ab") as utmp:
    utmp.write(UTMP.pack(USER_PROCESS, os.getpid(), line, b"t1", b"tester", b"", 0, 0, 0, 0, 0, b""))
with open(sys.argv[2], "ab", buffering=0) as collected:
    while True:
        collected.write(os.read(master, 4096))
