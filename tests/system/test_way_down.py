# SPDX-License-Identifier: MIT
"""Process 1 of a PID namespace that is no container ends it as it would a machine, but leaves file systems alone."""

import os
import pathlib
import re
import signal

import pytest

from conftest import INITCTL, LIMIT, wait_for

SLEEP = "exec sleep 1000\n"
STUBBORN = "kill timeout %d\nscript\n  trap '' TERM\n  echo there\n  while :; do sleep 1; done\nend script\n"


@pytest.fixture
def pid1(make_pid1):
    return make_pid1().start("--shutdown-timeout=300")


def last(pid1):
    """What is told of the end; without an init."""
    pid1.prefix = []
    done = pid1.command(INITCTL, "last-shutdown", pid1.log / "last-shutdown")
    assert done.returncode == 0, done.stderr
    return done.stdout


def mounts():
    return [line.split()[4:6] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]


def go_down(pid1, level):
    pid1.ctl("emit", "--no-wait", "runlevel", f"RUNLEVEL={level}", "PREVLEVEL=2")
    return pid1.shell.wait(2 * LIMIT)


def test_runlevel_0_ends_it(pid1):
    before = mounts()
    pid1.job("web", "respawn\n" + SLEEP)
    pid1.job("db", STUBBORN % 2)
    pid1.job("rc", "start on runlevel [06]\ntask\nexec false\n")
    pid1.wait_jobs(3)
    pid1.ctl("start", "web")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    go_down(pid1, 0)
    assert re.fullmatch(r"\S+ \S+: poweroff, in \d+ s\nWaited for:\n(  .*\n)*  db main: \d+ s\n(  .*\n)*"
                        r"Killed:\n  db main: still there 2 s after it was told to end\n", last(pid1))
    assert mounts() == before


def test_runlevel_6_ends_it(pid1):
    go_down(pid1, 6)
    assert re.match(r"\S+ \S+: reboot, in \d+ s\n", last(pid1))


def test_processes_of_no_job_are_killed_and_it_survives_a_crash_meanwhile(pid1):
    ready = pid1.path / "ready"
    pid1.command("setsid", "-f", "sh", "-c", f"exec >/dev/null 2>&1; trap '' TERM HUP; touch {ready}; while :; do sleep 1; done")
    wait_for(ready.exists, "the stray")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for it")
    os.kill(pid1.one, signal.SIGSEGV)
    pid1.shell.wait(2 * LIMIT)
    assert re.search(r"Killed:\n(.*\n)*  sh: process \d+ of no job, still there after it was told to end\n", last(pid1))


def test_who_waits_for_nobody_is_obeyed_at_any_time(pid1):
    ready = pid1.path / "ready"
    pid1.job("db", STUBBORN % 10000)
    pid1.wait_job("db")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    pid1.command("setsid", "-f", "sh", "-c", f"exec >/dev/null 2>&1; trap '' TERM HUP; touch {ready}; while :; do sleep 1; done")
    wait_for(ready.exists, "the stray")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "waiting for db" in pid1.kmsg(), "the wait for db")
    assert "which init has not ended itself" in wait_for(lambda: (pid1.log / "last-shutdown").exists() and pid1.command(
        INITCTL, "last-shutdown", pid1.log / "last-shutdown").stdout, "the record on the way")
    os.kill(pid1.one, signal.SIGINT)
    pid1.shell.wait(2 * LIMIT)
    assert "  db main: its end was not waited for, as was asked\n" in last(pid1)


def test_another_runlevel_calls_it_off(pid1):
    pid1.job("web", "stop on runlevel [016]\n" + SLEEP)
    pid1.job("rc", "start on runlevel 0\ntask\nexec sleep 1000\n")
    pid1.wait_jobs(2)
    pid1.ctl("start", "web")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    pid1.wait_status("web", "stop/waiting")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=2", "PREVLEVEL=0")
    pid1.ctl("stop", "rc")
    pid1.ctl("start", "web")
    pid1.wait_status("web", "start/running")


def test_without_a_limit_it_lives_on(make_pid1):
    machine = make_pid1().start()
    machine.job("rc", "start on runlevel [06]\ntask\nexec true\n")
    machine.wait_jobs(1)
    for level in 0, 6, 0:
        machine.ctl("emit", "runlevel", f"RUNLEVEL={level}", "PREVLEVEL=2")
    assert machine.status("rc") == "rc stop/waiting"
