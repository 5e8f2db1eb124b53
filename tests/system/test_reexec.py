# SPDX-License-Identifier: MIT
"""init executes its own program anew; jobs, their processes and whoever waits notice nothing."""

import os
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, INIT, LIMIT, WATCHES, is_alive, wait_for

SLEEP = "exec sleep 1000\n"


def image(session):
    """Something that differs between two images of the same process."""
    return open(f"/proc/{session.pid}/cmdline", "rb").read()


def restart(session):
    """Restart, and wait until the next image answers."""
    connection = session.bus()
    before = image(session)
    session.manager(connection).Restart()
    wait_for(lambda: image(session) != before and b"--restart" in image(session), "the next image")
    wait_for(session.answers, "it to answer")


def again(session):
    """A further restart: the command line looks the same, the state descriptor may not."""
    connection = session.bus()
    session.manager(connection).Restart()
    wait_for(session.answers, "it to answer")


def test_jobs_keep_their_processes(session):
    session.job("a", SLEEP)
    session.job("multi", "instance $N\n" + SLEEP)
    session.wait_job("multi")
    session.wait_job("a")
    session.ctl("start", "a")
    session.ctl("start", "multi", "N=1")
    session.ctl("start", "multi", "N=2")
    pids = [session.pid_of("a"), session.pid_of("multi", "N=1"), session.pid_of("multi", "N=2")]
    servants = session.wait_servants()
    restart(session)
    assert [session.pid_of("a"), session.pid_of("multi", "N=1"), session.pid_of("multi", "N=2")] == pids
    assert session.servants() == servants
    session.ctl("stop", "a")
    session.ctl("restart", "multi", "N=1")
    assert not is_alive(pids[0]) and not is_alive(pids[1]) and is_alive(pids[2])
    for _ in range(5):
        again(session)
    assert session.pid_of("multi", "N=2") == pids[2]
    session.ctl("stop", "multi", "N=2")


def test_a_waiting_start_gets_its_answer(session):
    session.job("slow", f"pre-start script\n  while [ ! -e {session.path}/go ]; do sleep 0.05; done\nend script\n" + SLEEP)
    session.wait_job("slow")
    start = session.background("start", "slow")
    wait_for(lambda: "slow start/pre-start" in session.status("slow"), "it to start")
    restart(session)
    assert start.poll() is None
    (session.path / "go").touch()
    out, err = start.communicate(timeout=30)
    assert start.returncode == 0, err
    assert out.startswith("slow start/running, process ")


def test_a_waiting_emit_gets_its_answer(session):
    session.job("t", f"start on ev\ntask\nscript\n  while [ ! -e {session.path}/go ]; do sleep 0.05; done\n  exit 3\nend script\n")
    session.wait_job("t")
    emit = session.background("emit", "ev")
    session.wait_status("t", "t start/running")
    restart(session)
    (session.path / "go").touch()
    out, err = emit.communicate(timeout=30)
    assert (emit.returncode, err) == (1, "initctl: Event failed\n")


def test_half_a_condition_survives(session):
    session.job("both", "start on one and two\n" + SLEEP)
    session.wait_job("both")
    session.ctl("emit", "-n", "one")
    restart(session)
    session.ctl("emit", "two")
    assert "both start/running" in session.status("both")


def test_kill_timer_goes_on(session):
    session.job("stubborn", "kill timeout 2\nscript\n  trap '' TERM\n  echo ready\n  while :; do sleep 0.1; done\nend script\n")
    session.wait_job("stubborn")
    session.ctl("start", "stubborn")
    wait_for(lambda: session.log_of("stubborn") == "ready\n", "the trap")
    pid = session.pid_of("stubborn")
    stop = session.background("stop", "stubborn")
    wait_for(lambda: "stop/killed" in session.status("stubborn"), "it to be killed")
    restart(session)
    assert stop.wait(30) == 0
    assert not is_alive(pid)


def test_output_goes_on(session):
    session.job("p", f"script\n  echo before\n  while [ ! -e {session.path}/go ]; do sleep 0.05; done\n  echo after\n  exec sleep 1000\nend script\n")
    session.wait_job("p")
    session.ctl("start", "p")
    wait_for(lambda: session.log_of("p") == "before\n", "the first line")
    restart(session)
    (session.path / "go").touch()
    wait_for(lambda: session.log_of("p") == "before\nafter\n", "the second line")
    # And a logger that comes later gets the terminal from the new image.
    os.kill(session.wait_servants()["upstart-logger"], signal.SIGKILL)
    session.wait_servants()
    session.ctl("stop", "p")


def test_exits_in_between_are_noticed(session):
    """Processes that end while init is between two images."""
    for i in range(20):
        session.job(f"e{i}", "exec sleep 1000\n")
    session.wait_jobs(20)
    for i in range(20):
        session.ctl("start", f"e{i}")
    pids = [session.pid_of(f"e{i}") for i in range(20)]
    connection = session.bus()
    session.manager(connection).Restart()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(session.answers, "the next image")
    for i in range(20):
        session.wait_status(f"e{i}", "stop/waiting")


def test_environment_and_log_level_survive(session):
    session.job("e", "task\nexec sh -c 'echo $SET'\n")
    session.wait_job("e")
    session.ctl("set-env", "SET=kept")
    session.ctl("log-priority", "warn")
    restart(session)
    assert session.ctl("log-priority") == "warn\n"
    assert session.ctl("get-env", "SET") == "kept\n"
    session.ctl("start", "e")
    wait_for(lambda: session.log_of("e") == "kept\n", "the value in the job")


@pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")
def test_files_changed_meanwhile_count_and_broken_ones_keep_what_was(session):
    session.job("stays", "start on same\n" + SLEEP)
    session.job("breaks", "start on good\n" + SLEEP)
    session.wait_job("breaks")
    session.wait_job("stays")
    session.job("breaks", "start on bad\nnonsense\n")
    wait_for(lambda: "Unknown stanza" in session.messages(), "the error")
    restart(session)
    assert "start on good" in session.ctl("show-config", "breaks")
    assert "start on same" in session.ctl("show-config", "stays")
    (session.conf / "stays.conf").unlink()
    session.wait_job("stays", present=False)
    session.job("new", SLEEP)
    session.wait_job("new")


def test_starts_in_flight_are_neither_lost_nor_doubled(session):
    count = 60
    for i in range(count):
        session.job(f"j{i}", f"start on go\nscript\n  echo run >> {session.path}/ran.{i}\n  exec sleep 1000\nend script\n")
    session.wait_jobs(count)
    connection = session.bus()
    emit = session.background("emit", "go")
    session.manager(connection).Restart()
    wait_for(session.answers, "the next image")
    out, err = emit.communicate(timeout=60)
    assert emit.returncode == 0, err
    for i in range(count):
        session.wait_status(f"j{i}", "start/running, process")
    wait_for(lambda: all((session.path / f"ran.{i}").exists() for i in range(count)), "all to have run")
    assert [i for i in range(count) if (session.path / f"ran.{i}").read_text() != "run\n"] == []


@pytest.fixture
def copied(make_session):
    """A session whose program is a copy, which can be taken away; its servants are the ones of the build."""
    session = make_session()
    session.program = session.path / "copy" / "init"
    session.program.parent.mkdir()
    shutil.copy(INIT, session.program)
    for name in ("spawner", "logger", "control"):
        servant = BUILD / "src" / name / f"upstart-{name}"
        if servant.exists():
            (session.program.parent / servant.name).symlink_to(servant)
    session.job("a", SLEEP)
    session.start(env={"UPSTART_LIBEXECDIR": str(session.program.parent)})
    session.ctl("start", "a")
    return session


def refusal(session):
    """What a call that fails says, and init's log as well."""
    dbus = pytest.importorskip("dbus")
    with pytest.raises(dbus.DBusException) as refused:
        session.manager(session.bus()).Restart()
    text = refused.value.get_dbus_message()
    assert text in session.messages()
    return text


def replace(session, text):
    """Another program in its place, as an upgrade does it."""
    fresh = session.program.with_name("fresh")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.rename(session.program)


BROKEN = {
    "a library is missing": ("echo 'init: error while loading shared libraries: libevent.so' >&2; exit 127",
                             "init: error while loading shared libraries: libevent.so"),
    "it says nothing": ("exit 3", "it ended with status 3"),
    "it is killed": ("kill -TERM $$", "it ended by signal 15 (Terminated)"),
    "it says what is no text": (r"printf 'a\033[1m\377\n' >&2; exit 1", "a?[1m?"),
    "it says no end": ("yes x >&2; exit 1", "x"),
    "it hangs": ("exec sleep 1000", "it does not start in time"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_image_that_cannot_start_changes_nothing(copied, how):
    if "time" in BROKEN[how][1] and "UPSTART_TEST_LONG" not in os.environ:
        pytest.skip("takes ten seconds")
    pid = copied.pid_of("a")
    replace(copied, f"#!/bin/sh\n{BROKEN[how][0]}\n")
    for _ in range(2):
        assert refusal(copied) == f"Failed to re-execute {copied.program}: {BROKEN[how][1]}"
    assert b"--restart" not in image(copied)
    done = copied.command(BUILD / "src/sysv/telinit", "--user", "u")
    assert (done.returncode, done.stderr) == (1, f"telinit: Failed to re-execute {copied.program}: {BROKEN[how][1]}\n")
    assert copied.pid_of("a") == pid
    copied.ctl("restart", "a")
    shutil.copy(INIT, copied.program.with_name("fresh"))
    copied.program.with_name("fresh").rename(copied.program)
    assert copied.command(BUILD / "src/sysv/telinit", "--user", "u").returncode == 0
    assert b"--restart" in image(copied)
    copied.ctl("stop", "a")
    assert copied.end() == 0


def test_init_works_while_the_next_image_is_tried(copied):
    """… and a session that ends meanwhile waits for none."""
    replace(copied, f"#!/bin/sh\ntouch {copied.path}/tried\nexec sleep 1000\n")
    telinit = subprocess.Popen([BUILD / "src/sysv/telinit", "--user", "u"], env=copied.env, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (copied.path / "tried").exists(), "the trial")
    copied.ctl("restart", "a")
    copied.ctl("stop", "a")
    assert telinit.poll() is None
    assert copied.end() == 0
    telinit.communicate(timeout=LIMIT)
    assert telinit.returncode == 1


def test_a_failing_exec_changes_nothing(copied):
    pid = copied.pid_of("a")
    copied.program.chmod(0)
    assert refusal(copied) == f"Failed to re-execute {copied.program}: Permission denied"
    assert b"--restart" not in image(copied)
    assert copied.pid_of("a") == pid
    copied.ctl("restart", "a")
    copied.program.chmod(0o755)
    restart(copied)
    copied.ctl("stop", "a")


@pytest.mark.skipif(not WATCHES, reason="this platform has no other way to its own program")
def test_a_deleted_program_is_executed_nevertheless(copied):
    pid = copied.pid_of("a")
    copied.program.unlink()
    restart(copied)
    assert copied.pid_of("a") == pid


def test_a_replaced_program_is_what_is_executed(copied):
    pid = copied.pid_of("a")
    fresh = copied.program.with_name("fresh")
    shutil.copy(INIT, fresh)
    with open(fresh, "ab") as f:
        f.write(b"\0")  # the same program, another file
    fresh.rename(copied.program)
    restart(copied)
    assert copied.pid_of("a") == pid
    assert os.stat(f"/proc/{copied.pid}/exe").st_ino == copied.program.stat().st_ino


def test_no_startup_event_the_second_time(make_session):
    session = make_session()
    session.job("s", f"start on startup\ntask\nexec sh -c 'echo up >> {session.path}/ups'\n")
    session.start(startup=True)
    wait_for(lambda: (session.path / "ups").exists(), "the first time")
    restart(session)
    session.ctl("emit", "startup-is-over")
    assert (session.path / "ups").read_text() == "up\n"


def test_session_ends_cleanly_after_it(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    file = session.find()
    restart(session)
    assert session.end() == 0
    assert not is_alive(pid)
    assert not file.exists()
