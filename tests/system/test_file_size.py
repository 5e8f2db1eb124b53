# SPDX-License-Identifier: MIT
"""A limit on the size of files (RLIMIT_FSIZE) that init was started with: its journal and what it tells its servants are files too."""

import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from conftest import INITCTL, Session, WATCHES, is_alive, wait_for

BLOCKS = 128
LIMIT = BLOCKS * 512  # in bytes
SOMEBODY = 65534
LONG = "description \"" + 2000 * "x" + "\"\n"


def start_limited(session, option):
    """Start it with this limit, set by ulimit's option: soft or hard."""
    program = session.path / "limited"
    program.write_text(f'#!/bin/sh\nulimit {option} -f {BLOCKS}\nexec {session.program} "$@"\n')
    program.chmod(0o755)
    session.program = program
    session.start()


@pytest.fixture
def somebody():
    """A session, not started yet, of somebody who is not root and may not raise hard limits."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if subprocess.run([Session.program, "--version"], user=SOMEBODY, group=SOMEBODY, extra_groups=[], capture_output=True).returncode != 0:
        pytest.skip("others can't run what is built here")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        session = Session(path)
        session.user = SOMEBODY
        yield session
        session.kill_all()


def fill(session):
    """Jobs whose definitions are larger than the limit; the first of them stays, and tells its limit."""
    session.job("stays", "exec sh -c 'ulimit -f; exec sleep 100000'\n")
    for i in range(100):
        session.job(f"long{i:02}", LONG + "task\nexec true\n")
    for below in [session.path, *session.path.rglob("*")]:
        os.chown(below, session.user or 0, session.user or 0, follow_symlinks=False)


def restart(session):
    session.manager(session.bus()).Restart()
    wait_for(session.answers, "the next image's answer")


def take_spawner_away(session):
    for _ in range(4):
        pid = session.servants().get("upstart-spawner")
        if pid:
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: session.servants().get("upstart-spawner") != pid, "its end")


@pytest.mark.parametrize("spawner", [True, pytest.param(False, marks=pytest.mark.skipif(not WATCHES, reason="there is no spawner here"))])
def test_a_soft_limit_is_for_the_jobs(somebody, spawner):
    session = somebody
    fill(session)
    start_limited(session, "-S")
    if not spawner:
        take_spawner_away(session)
    assert session.ctl("start", "stays").startswith("stays start/running")
    told = f"{BLOCKS}\n"
    wait_for(lambda: session.log_of("stays") == told, "the job's limit")
    pid = session.pid_of("stays")
    restart(session)
    assert session.pid_of("stays") == pid and len(session.ctl("list").splitlines()) == 101
    assert session.ctl("stop", "stays") == "stays stop/waiting\n"
    # Through the image after it as well.
    assert session.ctl("start", "stays").startswith("stays start/running")
    wait_for(lambda: session.log_of("stays") == told + told, "the limit of the second one")


def test_a_hard_limit_costs_no_job_and_is_said(somebody):
    session = somebody
    fill(session)
    start_limited(session, "")
    assert f"Files may have {LIMIT} bytes here (limit fsize)" in session.messages()
    assert session.ctl("start", "stays").startswith("stays start/running")
    pid = session.pid_of("stays")
    for i in range(100):
        session.command(INITCTL, "start", f"long{i:02}")  # whatever becomes of it
    restart(session)
    assert session.pid_of("stays") == pid and is_alive(pid)
