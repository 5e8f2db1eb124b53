# SPDX-License-Identifier: MIT
"""init crashes, and goes on from its journal."""

import fcntl
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import INIT, WATCHES, is_alive, process_state, wait_for
from test_container import Container, make_container  # noqa: F401
from test_reexec import copied, restart  # noqa: F401
from test_servants_faults import folder_with

SLEEP = "exec sleep 1000\n"
FATAL = [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL]


def crash(session, number):
    """Send a fatal signal and wait until the next image has said so."""
    before = session.messages().count("going on from the journal")
    os.kill(session.pid, number)
    wait_for(lambda: session.messages().count("going on from the journal") > before, "the next image")
    wait_for(session.answers, "it to answer")


def signals_of(pid):
    """As they are while it waits: whoever is about to fork blocks them all for a moment."""
    status = pathlib.Path(f"/proc/{pid}/status")
    lines = wait_for(lambda: (text := status.read_text().splitlines()) and "State:\tS (sleeping)" in text and text, "it to wait")
    return [line for line in lines if line.startswith(("SigBlk", "SigIgn", "ShdPnd"))]


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


@pytest.fixture
def gap(make_session):
    """A session whose journal is far above its other descriptors, as after many jobs that stopped."""
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.job("a", SLEEP)
    session.start(env={"UPSTART_TEST_HIGH": "5000"})
    session.ctl("start", "a")
    assert max(int(fd) for fd in os.listdir(f"/proc/{session.pid}/fd")) >= 5000
    return session


def test_no_gap_hides_the_journal_from_a_crash(gap):
    pid = gap.pid_of("a")
    for _ in range(2):
        crash(gap, signal.SIGSEGV)
        assert gap.pid_of("a") == pid
    assert "revert" not in gap.messages() and "dropped" not in gap.messages()
    assert gap.end() == 0


def test_no_gap_hides_the_journal_from_the_next_image(gap):
    pid = gap.pid_of("a")
    restart(gap)
    assert gap.pid_of("a") == pid
    crash(gap, signal.SIGSEGV)
    assert gap.pid_of("a") == pid
    assert "revert" not in gap.messages() and "dropped" not in gap.messages()
    assert gap.end() == 0


def test_no_gap_keeps_strangers_open(make_session):
    """What an image without a state inherits it closes, however far up."""
    session = make_session()
    reader, writer = os.pipe()
    high = fcntl.fcntl(writer, fcntl.F_DUPFD, 5000)
    os.close(writer)
    session.job("a", SLEEP)
    session.start("--restart", pass_fds=[high])
    os.close(high)
    wait_for(lambda: select.select([reader], [], [], 0)[0], "the end of the pipe")
    os.close(reader)
    assert session.end() == 0


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


def test_crashes_that_get_somewhere_drop_no_state(session):
    """More of them than may follow each other without any progress."""
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    for _ in range(20):
        crash(session, signal.SIGSEGV)
    assert session.pid_of("a") == pid and is_alive(pid)
    assert "the state is dropped" not in session.messages()
    session.ctl("stop", "a")


def test_one_that_only_crashes_ends(make_session):
    """A session does not crash for ever."""
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.job("a", SLEEP)
    session.start(env={"UPSTART_TEST_CRASH_AT": "TURN"})
    session.ctl("start", "a")
    os.kill(session.pid, signal.SIGSEGV)
    assert session.process.wait(60) == 70
    assert "after so many crashes the state is dropped" in session.messages()
    assert "init: keeps crashing, giving up\n" in session.messages()


def test_process_one_that_only_crashes_comes_to_the_rescue(make_pid1):
    """It reaps, offers a shell, and leaves the jobs alone."""
    machine = make_pid1()
    machine.program = INIT.parent / "init-faulty"
    machine.job("a", SLEEP)
    machine.start(env={"UPSTART_TEST_CRASH_AT": "TURN"})
    machine.ctl("start", "a")
    pid = machine.pid_of("a")
    os.kill(machine.pid, signal.SIGSEGV)
    wait_for(lambda: b"--rescue" in pathlib.Path(f"/proc/{machine.pid}/cmdline").read_bytes(), "the rescuer")
    assert pathlib.Path(f"/proc/{machine.pid}/root/proc/{pid}").exists()
    # Orphans do not pile up; the shell's own end comes again and again here, where it has nothing to read.
    machine.command("sh", "-c", "for i in 1 2 3 4 5; do (true &); done")
    wait_for(lambda: [process_state(c) for c in machine.children()].count("Z") == 0, "no zombies")
    assert machine.shell.poll() is None


def entries_of_root():
    """bwrap's words that give the machine's files a root of their own: what is written into it stays there."""
    words = ["--tmpfs", "/"]
    for path in pathlib.Path("/").iterdir():
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir() and path.name not in ("dev", "proc", "run"):
            words += ["--bind", str(path), str(path)]
    return words


class OwnRoot(Container):
    around = ("bwrap", "--unshare-pid", "--unshare-net", "--as-pid-1", *entries_of_root(), "--tmpfs", "/run", "--dev", "/dev", "--proc", "/proc",
              "--die-with-parent", "--")


CORES = pytest.mark.skipif(pathlib.Path("/proc/sys/kernel/core_pattern").read_text()[0] in "|/\n", reason="cores are put elsewhere")


def assert_is_core(file):
    """The first bytes of it are those of one."""
    head = file.read_bytes()[:18]
    assert head[:4] == b"\x7fELF" and int.from_bytes(head[16:18], sys.byteorder) == 4  # ET_CORE


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="there is no bwrap")
@CORES
def test_a_crash_leaves_a_core(make_container):  # noqa: F811
    """In init's root folder, whatever soft limit it was started with: an image of init's memory at the crash, while init goes on."""
    container = make_container(OwnRoot)
    container.start(before="ulimit -S -c 0")
    root = pathlib.Path(f"/proc/{container.pid}/root")
    assert not list(root.glob("core*"))
    container.kill(signal.SIGSEGV)
    core = wait_for(lambda: next((f for f in root.glob("core*") if f.stat().st_size > 0), None), "the core")
    wait_for(container.answers, "the next image's answer")
    wait_for(lambda: "Caught segmentation fault, core dumped" in container.said(), "what it says")
    assert_is_core(core)


@CORES
def test_a_session_leaves_its_core_where_it_was_started(make_session):
    """Its user may not write to the root folder, as a rule."""
    session = make_session().start()
    os.kill(session.pid, signal.SIGSEGV)
    core = wait_for(lambda: next((f for f in session.path.glob("core*") if f.stat().st_size > 0), None), "the core")
    wait_for(lambda: "Caught segmentation fault, core dumped" in session.messages(), "what it says")
    assert session.answers()
    assert_is_core(core)


def test_a_container_that_only_crashes_ends(make_container):  # noqa: F811
    container = make_container()
    container.program = INIT.parent / "init-faulty"
    container.job("a", SLEEP)
    container.start(env={"container": "test", "UPSTART_TEST_CRASH_AT": "TURN"})
    container.ctl("start", "a")
    container.kill(signal.SIGSEGV)
    assert container.ends() == 70
    assert "init: keeps crashing, and ends with its container\n" in container.said()


RESCUED = """#!/bin/sh
echo shell $(cat /proc/1/comm) >> {path}/rescued
(true &)
"""


def test_the_rescuer_can_be_asked_for(make_pid1):
    """A shell again and again; nothing else, and no zombies."""
    machine = make_pid1()
    (machine.path / "sulogin").write_text(RESCUED.format(path=machine.path))
    (machine.path / "sulogin").chmod(0o755)
    script = f"mount --bind {machine.path}/sulogin $(readlink -f /sbin/sulogin); umask 0; exec {INIT} --rescue"
    machine.shell = subprocess.Popen(["unshare", "--fork", "--pid", "--mount", "--mount-proc", "--kill-child", "sh", "-c", script],
                                     env={**machine.env, "container": ""}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (machine.path / "rescued").exists() and len((machine.path / "rescued").read_text().split()) >= 6, "three shells")
    assert set((machine.path / "rescued").read_text().splitlines()) == {"shell init"}
    assert (machine.path / "rescued").stat().st_mode & 0o777 == 0o644
    machine.one = wait_for(machine.find, "init as process 1")
    wait_for(lambda: [process_state(c) for c in machine.children()].count("Z") == 0, "no zombies")
    assert machine.shell.poll() is None


def test_one_that_crashes_over_a_crash_ends(make_session):
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.start(env={"UPSTART_TEST_CRASH_AT": "HANDLER"})
    os.kill(session.pid, signal.SIGSEGV)
    assert session.process.wait(60) == 70


def test_process_one_that_crashes_over_a_crash_comes_to_the_rescue(make_pid1):
    """There the kernel would panic."""
    machine = make_pid1()
    machine.program = INIT.parent / "init-faulty"
    machine.job("a", SLEEP)
    machine.start(env={"UPSTART_TEST_CRASH_AT": "HANDLER"})
    machine.ctl("start", "a")
    pid = machine.pid_of("a")
    os.kill(machine.pid, signal.SIGSEGV)
    machine.command("sh", "-c", "for i in 1 2 3 4 5; do (true &); done")
    wait_for(lambda: [process_state(c) for c in machine.children()].count("Z") == 0, "no zombies")
    assert pathlib.Path(f"/proc/{machine.pid}/root/proc/{pid}").exists()


def test_only_process_one_comes_to_the_rescue():
    done = subprocess.run([INIT, "--rescue"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (1, "init: Only process 1 can come to the rescue\n")


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


def test_a_file_that_comes_back_meanwhile_counts_as_before(session):
    """The core was told that it is gone, or another, once the job stops; and it is as it was when the next image looks."""
    for name in ("deleted", "changed"):
        session.job(name, "start on first\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "deleted")
    session.ctl("start", "changed")
    (session.conf / "deleted.conf").unlink()
    session.job("changed", "start on second\n" + SLEEP)
    session.ctl("reload-configuration")
    os.kill(session.pid, signal.SIGSTOP)
    for name in ("deleted", "changed"):
        session.job(name, "start on first\n" + SLEEP)
    os.kill(session.pid, signal.SIGSEGV)
    os.kill(session.pid, signal.SIGCONT)
    wait_for(lambda: "going on from the journal" in session.messages() and session.answers(), "the next image")
    session.ctl("stop", "deleted")
    session.ctl("stop", "changed")
    assert sorted(session.jobs()) == ["changed", "deleted"]
    session.ctl("emit", "first")
    assert "start/running" in session.ctl("status", "changed") and "start/running" in session.ctl("status", "deleted")


@pytest.mark.skipif(not WATCHES, reason="this platform has no spawner to do without")
@pytest.mark.parametrize("spawner", ["spawner", "without"])
def test_processes_do_not_inherit_what_the_handler_had_blocked(make_session, spawner):
    session = make_session()
    env = folder_with(session, "upstart-spawner", "#!/bin/sh\nexit 1\n") if spawner == "without" else {}
    session.job("a", SLEEP)
    session.start(env=env)
    wait_for(lambda: session.command("initctl", "start", "a").returncode == 0, "a start")
    usual = signals_of(session.pid_of("a"))
    own = signals_of(session.pid)
    for number in FATAL:
        crash(session, number)
    assert signals_of(session.pid) == own
    session.ctl("stop", "a")
    wait_for(lambda: session.command("initctl", "start", "a").returncode == 0, "a start")  # a spawner may just be ending
    assert signals_of(session.pid_of("a")) == usual
    assert session.end() == 0


@pytest.mark.skipif(not WATCHES, reason="this platform has no other way to its own program")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_the_running_image_is_what_goes_on(copied, how):  # noqa: F811
    """Not the one that lies there now, which nobody has asked for yet."""
    pid = copied.pid_of("a")
    running = copied.program.stat().st_ino
    fresh = copied.program.with_name("fresh")
    shutil.copy(INIT, fresh)
    copied.program.unlink()
    if how == "replaced":
        fresh.rename(copied.program)
    for _ in range(2):
        crash(copied, signal.SIGSEGV)
        assert os.stat(f"/proc/{copied.pid}/exe").st_ino == running
    assert copied.pid_of("a") == pid and is_alive(pid)
    assert copied.end() == 0


# -- what crashes it again and again --------------------------------------------------------------------


def start_faulty(make_session, name):
    """A session init that crashes whenever it comes to an input or effect of that name."""
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.job("a", SLEEP)
    session.job("b", "start on go\n" + SLEEP)
    session.start(env={"UPSTART_TEST_CRASH_AT": name})
    session.wait_jobs(2)
    return session


def test_an_input_that_crashes_init_twice_is_left_out(make_session):
    session = start_faulty(make_session, "EMIT")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    done = session.command("initctl", "emit", "go")
    assert (done.returncode, done.stderr) == (1, "initctl: The request was left out: init crashed twice over it\n")
    # The second time it was reading the journal.
    assert session.messages().count("going on from the journal") == 1
    assert "Input EMIT made init crash twice and is left out" in session.messages()
    assert session.pid_of("a") == pid and is_alive(pid)
    session.ctl("start", "b")
    assert session.end() == 0


def test_an_effect_that_crashes_init_twice_is_left_out(make_session):
    """A process that can't be made: its job fails, and all others stay."""
    session = start_faulty(make_session, "SPAWN")
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert session.messages().count("going on from the journal") == 2
    assert "Effect SPAWN made init crash twice and is left out" in session.messages()
    assert session.status("a") == "a stop/waiting"
    assert session.end() == 0


def test_crashes_over_different_things_condemn_none(make_session):
    """The numbers of records begin anew in each image's journal: what they stand for must not be mixed up."""
    session = start_faulty(make_session, "none of them")
    for i in range(4):
        session.ctl("start", "a")
        crash(session, signal.SIGSEGV)
        session.ctl("stop", "a")
    assert "left out" not in session.messages()
    assert session.end() == 0
