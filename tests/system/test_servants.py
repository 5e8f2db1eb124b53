# SPDX-License-Identifier: MIT
"""Servants die; jobs, events and what clients asked for do not."""

import os
import re
import signal
import threading

import pytest

from conftest import SERVANTS, is_alive, wait_for

SLEEP = "exec sleep 1000\n"

needs_spawner = pytest.mark.skipif(SERVANTS < 3, reason="this platform has no spawner")


def kill(pid):
    """SIGKILL somebody who may have ended meanwhile."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_servant(session, name):
    """SIGKILL it and wait until its successor is there."""
    old = session.wait_servants()[name]
    kill(old)
    return wait_for(lambda: session.servants().get(name, old) != old and session.servants()[name], f"a new {name}")


@pytest.mark.parametrize("name", ["upstart-spawner", "upstart-logger", "upstart-control"][3 - SERVANTS:])
def test_a_killed_servant_is_started_again_and_serves(session, name):
    session.job("a", SLEEP)
    session.job("say", "task\nexec echo said\n")
    session.wait_job("say")
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    kill_servant(session, name)
    wait_for(session.answers, "answers")
    assert session.pid_of("a") == pid and is_alive(pid)
    session.ctl("start", "say")
    wait_for(lambda: session.log_of("say") == "said\n", "output")
    session.ctl("stop", "a")
    assert not is_alive(pid)


@needs_spawner
def test_no_start_is_lost_while_the_spawner_is_killed(session):
    """Jobs are started as fast as can be while the spawner dies again and again: each runs once, and only once."""
    count = 60
    for i in range(count):
        session.job(f"j{i}", f"start on go\nscript\n  echo run >> {session.path}/ran.{i}\n  exec sleep 1000\nend script\n")
    session.wait_jobs(count)
    emit = session.background("emit", "go")
    for _ in range(3):
        kill(session.wait_servants()["upstart-spawner"])
    out, err = emit.communicate(timeout=60)
    assert emit.returncode == 0, err
    lines = session.ctl("list").splitlines()
    assert len([line for line in lines if "start/running, process" in line]) == count, lines
    wait_for(lambda: all((session.path / f"ran.{i}").exists() for i in range(count)), "all to have run")
    assert [i for i in range(count) if (session.path / f"ran.{i}").read_text() != "run\n"] == []


def test_output_goes_on_when_the_logger_is_killed(session):
    """A job prints without pause; its log has every line once, but for what each logger had read and not written."""
    enough, count = session.path / "enough", session.path / "count"
    session.job("p", f"task\nscript\n  i=0\n  while [ ! -e {enough} ]; do echo $i=$i.; i=$((i+1)); done\n  echo $i=$i.\n"
                f"  echo $i >{count}\nend script\n")
    session.wait_job("p")
    start = session.background("start", "p")
    for _ in range(3):
        kill_servant(session, "upstart-logger")
    before = len(session.log_of("p"))
    wait_for(lambda: len(session.log_of("p")) > before, "the new logger to write")
    enough.touch()
    assert start.wait(60) == 0, start.stderr.read()
    last = int(count.read_text())
    wait_for(lambda: session.log_of("p").endswith(f"\n{last}={last}.\n"), "the last line")
    lines = [re.fullmatch(r"(\d+)=\1\.", line) for line in session.log_of("p").splitlines()]
    assert lines.count(None) <= 3  # torn where a piece is missing
    numbers = [int(line[1]) for line in lines if line]
    assert numbers == sorted(set(numbers))
    gaps = [(a, b) for a, b in zip([-1, *numbers], numbers) if b != a + 1]
    assert len(gaps) <= 3, gaps


def test_starting_goes_on_while_control_is_killed(session):
    for i in range(20):
        session.job(f"j{i}", "start on go\n" + SLEEP)
    session.wait_jobs(20)
    emit = session.background("emit", "go")
    kill(session.wait_servants()["upstart-control"])
    emit.communicate(timeout=60)  # it may have been cut off, or have come back
    wait_for(session.answers, "a new control")
    if emit.returncode != 0:
        session.command("initctl", "emit", "go")
    for i in range(20):
        session.wait_status(f"j{i}", "start/running")


def test_connections_wait_for_the_next_control(session):
    """The listening socket is init's: a client that connects while control is dead is served by its successor."""
    session.wait_servants()
    stop = threading.Event()

    def murder():
        while not stop.is_set():
            pid = session.servants().get("upstart-control")
            if pid:
                os.kill(pid, signal.SIGSTOP)
                stop.wait(0.2)
                kill(pid)
                return

    thread = threading.Thread(target=murder)
    thread.start()
    wait_for(session.answers, "an answer")
    stop.set()
    thread.join()
    wait_for(session.answers, "an answer of the next one")


@needs_spawner
def test_jobs_start_without_a_spawner(session):
    """When it keeps dying at once, init makes its processes itself."""
    session.job("a", SLEEP)
    session.job("say", "task\nexec sh -c 'echo said; ulimit -n'\n")
    session.wait_job("say")
    session.wait_job("a")
    soft = os.popen("ulimit -n").read()
    for _ in range(4):
        pid = session.servants().get("upstart-spawner")
        if pid:
            kill(pid)
            wait_for(lambda: session.servants().get("upstart-spawner") != pid, "its end")
    assert session.ctl("start", "a").startswith("a start/running, process ")
    session.ctl("start", "say")
    wait_for(lambda: session.log_of("say") == "said\n" + soft, "output, and the limit of jobs")
    session.wait_servants()
    session.ctl("restart", "a")
    session.ctl("stop", "a")


def test_killing_init_ends_the_session(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    servants = session.wait_servants()
    session.process.kill()
    session.process.wait()
    wait_for(lambda: not any(is_alive(p) for p in servants.values()), "the servants to leave")
    if SERVANTS == 3:
        wait_for(lambda: not is_alive(pid), "the job to be ended")
    else:
        kill(pid)


def test_all_servants_at_once(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    for victim in session.wait_servants().values():
        kill(victim)
    wait_for(lambda: session.answers() and len(session.servants()) == SERVANTS, "all to be back")
    assert session.pid_of("a") == pid
    session.ctl("restart", "a")
    assert session.pid_of("a") != pid


MURDEROUS = """#!/usr/bin/python3
# A spawner that dies of the first request it is given.
import os, socket, struct
link = socket.socket(fileno=3)
link.setblocking(True)
while True:
    data = link.recv(65536)
    if not data or struct.unpack_from("=II", data)[1] == 3:  # MSG_SPAWN
        os.kill(os.getpid(), 9)
"""


@needs_spawner
def test_a_request_that_kills_the_spawner_twice_is_failed(make_session):
    session = make_session()
    servants = session.path / "servants"
    servants.mkdir()
    (servants / "upstart-spawner").write_text(MURDEROUS)
    (servants / "upstart-spawner").chmod(0o755)
    session.job("a", SLEEP)
    session.start(env={"UPSTART_LIBEXECDIR": str(servants)})
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert "Failed to spawn a main process: unable to reach the spawner" in session.messages()
    # One that never does better is done without.
    wait_for(lambda: session.command("initctl", "start", "a").returncode == 0, "a start without it")
    assert is_alive(session.pid_of("a"))


def test_without_a_logger_jobs_run(make_session):
    session = make_session()
    servants = session.path / "servants"
    servants.mkdir()
    (servants / "upstart-logger").write_text("#!/bin/sh\nexit 1\n")
    (servants / "upstart-logger").chmod(0o755)
    session.job("say", "task\nexec echo said\n")
    session.start(env={"UPSTART_LIBEXECDIR": str(servants)})
    for _ in range(100):
        session.ctl("start", "say")
    assert session.end() == 0
