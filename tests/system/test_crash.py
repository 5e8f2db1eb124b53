# SPDX-License-Identifier: MIT
"""init crashes, and goes on from its journal."""

import json
import os
import signal
import time

import pytest

from conftest import BUILD, SERVANTS, is_alive, wait_for

SLEEP = "exec sleep 1000\n"
FATAL = [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL]


def is_strict():
    try:
        options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
        return any(o["name"] == "strict" and o["value"] for o in options)
    except OSError:
        return False


def crash(session, number):
    """Send a fatal signal and wait until the next image has said so."""
    before = session.messages().count("going on from the journal")
    os.kill(session.pid, number)
    wait_for(lambda: session.messages().count("going on from the journal") > before, "the next image")
    wait_for(session.answers, "it to answer")


@pytest.mark.parametrize("number", FATAL)
def test_fatal_signals_are_survived(session, number):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    servants = session.wait_servants()
    crash(session, number)
    assert session.pid_of("a") == pid and is_alive(pid)
    assert session.servants() == servants
    session.ctl("restart", "a")
    session.ctl("stop", "a")
    assert session.end() == 0


def test_a_waiting_client_gets_its_answer(session):
    session.job("slow", f"pre-start script\n  while [ ! -e {session.path}/go ]; do sleep 0.05; done\nend script\n" + SLEEP)
    session.wait_job("slow")
    start = session.background("start", "slow")
    wait_for(lambda: "slow start/pre-start" in session.status("slow"), "it to start")
    crash(session, signal.SIGSEGV)
    (session.path / "go").touch()
    out, err = start.communicate(timeout=30)
    assert start.returncode == 0, err
    assert out.startswith("slow start/running, process ")


def test_output_and_descriptors_survive(session):
    session.job("p", f"script\n  echo before\n  while [ ! -e {session.path}/go ]; do sleep 0.05; done\n  echo after\n  exec sleep 1000\nend script\n")
    session.wait_job("p")
    session.ctl("start", "p")
    wait_for(lambda: session.log_of("p") == "before\n", "the first line")
    crash(session, signal.SIGSEGV)
    before = len(os.listdir(f"/proc/{session.pid}/fd"))
    for _ in range(5):
        crash(session, signal.SIGSEGV)
    wait_for(lambda: len(os.listdir(f"/proc/{session.pid}/fd")) <= before, "no descriptors to be left behind")
    (session.path / "go").touch()
    wait_for(lambda: session.log_of("p") == "before\nafter\n", "the second line")
    os.kill(session.wait_servants()["upstart-logger"], signal.SIGKILL)
    session.wait_servants()
    session.ctl("stop", "p")


def test_starts_in_flight_are_neither_lost_nor_doubled(session):
    count = 40
    for i in range(count):
        session.job(f"j{i}", f"start on go\nscript\n  echo run >> {session.path}/ran.{i}\n  exec sleep 1000\nend script\n")
    session.wait_jobs(count)
    emit = session.background("emit", "go")
    for _ in range(4):
        crash(session, signal.SIGSEGV)
    out, err = emit.communicate(timeout=60)
    assert emit.returncode == 0, err
    for i in range(count):
        session.wait_status(f"j{i}", "start/running, process")
    wait_for(lambda: all((session.path / f"ran.{i}").exists() for i in range(count)), "all to have run")
    assert [i for i in range(count) if (session.path / f"ran.{i}").read_text() != "run\n"] == []


def test_one_that_only_crashes_ends(session):
    """A session does not crash for ever."""
    session.job("a", SLEEP)
    session.wait_job("a")
    deadline = time.monotonic() + 60
    while session.process.poll() is None:
        assert time.monotonic() < deadline
        try:
            os.kill(session.pid, signal.SIGSEGV)
        except OSError:
            pass
        time.sleep(0.02)
    assert session.process.returncode != 0


def test_process_one_survives(pid1):
    pid1.job("a", SLEEP)
    pid1.wait_job("a")
    pid1.ctl("start", "a")
    pid = pid1.pid_of("a")
    for number in FATAL:
        before = pid1.kmsg().count("going on from the journal")
        os.kill(pid1.pid, number)
        wait_for(lambda: pid1.kmsg().count("going on from the journal") > before, "the next image")
        wait_for(pid1.answers, "it to answer")
    assert pid1.pid_of("a") == pid
    pid1.ctl("stop", "a")


@pytest.mark.skipif(not is_strict(), reason="only strict builds can crash on purpose")
@pytest.mark.parametrize("place", [*range(1, 40, 3), *range(40, 400, 17)])
def test_crash_at_any_place_changes_no_outcome(make_session, place):
    """Before and after journal writes and effects of a whole story; its end is always the same."""
    session = make_session()
    session.job("web", f"start on go\npre-start exec sh -c 'echo pre >> {session.path}/story'\n" + SLEEP)
    session.job("t", f"start on started web\ntask\nexec sh -c 'echo task $JOB >> {session.path}/story'\n")
    session.start(env={"UPSTART_TEST_CRASH": str(place)})
    session.ctl("emit", "go")
    session.wait_status("web", "start/running, process")
    wait_for(lambda: (session.path / "story").exists() and "task" in (session.path / "story").read_text(), "the task")
    session.wait_status("t", "stop/waiting")
    session.ctl("stop", "web")
    assert session.status("web") == "web stop/waiting"
    assert (session.path / "story").read_text() == "pre\ntask web\n"
    assert session.end() == 0
    assert SERVANTS in (2, 3)
