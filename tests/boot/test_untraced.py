# SPDX-License-Identifier: MIT
"""Daemons on a machine whose kernel lets nobody trace: Yama's scope 3, which can't be taken back."""

import re

from conftest import BUILD

DAEMONISER = BUILD / "tests" / "system" / "programs" / "daemoniser"

#         expect, steps (programs/daemoniser.c), does the daemon's parent end
SHAPES = [("fork", "fmw", True), ("fork", "fsmw", True), ("fork", "kfmw", True), ("fork", "fnfmw", True), ("fork", "Vmw", True),
          ("fork", "zmw", True), ("fork", "tmw", True), ("fork", "mw", True), ("fork", "Fsmw", False), ("daemon", "ffmw", True),
          ("daemon", "fsfmw", True), ("daemon", "nfnsnfnmw", True), ("daemon", "fxmw", True), ("daemon", "kfsfmw", True),
          ("daemon", "vfvsvfvmw", True), ("exit", "fsfmw", True), ("exit", "kfmw", True)]


def test_daemons_where_nobody_may_trace(machine):
    machine.program("bin/daemoniser", DAEMONISER)
    for i, (expect, steps, _) in enumerate(SHAPES):
        # Who has not ended in time has failed, and in QEMU that may be long.
        limit = 60 if expect == "exit" else 1
        machine.job(f"j{i}", f"expect {expect}\nexpect timeout {limit}\nchdir /run/j{i}\nexec /bin/daemoniser {steps}\n")
    machine.boot("quiet")
    assert machine.run("cat /proc/sys/kernel/yama/ptrace_scope") in ("0", "1", "2")
    machine.run("echo 3 >/proc/sys/kernel/yama/ptrace_scope")
    machine.run("mkdir " + " ".join(f"/run/j{i}" for i in range(len(SHAPES))))
    for i, (expect, steps, ends) in enumerate(SHAPES):
        machine.wait(f"initctl status j{i}", "stop/waiting")
        machine.run(f"start j{i}")
        main = machine.wait(f"cat /run/j{i}/trace", r"^main \d+").split()[1]
        status = machine.wait(f"initctl status j{i}", rf"process {main}$" if ends else r"process \d+$")
        # Of a daemon whose parent stays nobody knows: the parent is main.
        assert (re.search(r"\d+$", status)[0] == main) == ends, (expect, steps)
    assert "can't be traced" not in machine.run("dmesg")
    assert "has forked less often than expected" in machine.run("dmesg")
    # They outlive init, and their end is noticed.
    machine.run("kill -SEGV 1")
    main = machine.wait("initctl status j1", r"start/running, process \d+$").split()[-1]
    machine.run(f"kill -9 {main}")
    machine.wait("initctl status j1", "stop/waiting")
    for i in range(len(SHAPES)):
        machine.run(f"stop j{i}", None)
    machine.wait("pidof daemoniser | wc -w", "^[01]$")  # the one whose parent was main is left
    machine.leave()
    machine.line.sendall(b"poweroff -f\n")
    machine.wait_off()
    assert "Kernel panic" not in machine.console()
