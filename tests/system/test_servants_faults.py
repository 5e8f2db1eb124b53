# SPDX-License-Identifier: MIT
"""Servants that hang or lie, and an init that may open no more descriptors."""

import os
import pathlib
import resource
import signal
import threading

import pytest

from conftest import AWAIT, BUILD, SERVANTS, is_alive, wait_for

SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(SERVANTS < 3, reason="this platform has no spawner")


def folder_with(session, name, text):
    """A folder with the servants of the build, but for one."""
    servants = session.path / "servants"
    servants.mkdir()
    for part in ("spawner", "logger", "control"):
        (servants / f"upstart-{part}").symlink_to(BUILD / "src" / part / f"upstart-{part}")
    (servants / name).unlink()
    (servants / name).write_text(text)
    (servants / name).chmod(0o755)
    return {"UPSTART_LIBEXECDIR": str(servants)}


# -- one that has nothing to do -------------------------------------------------------------------------


@pytest.mark.skipif("UPSTART_TEST_LONG" not in os.environ, reason="takes half a minute")
def test_a_control_that_only_answered_questions_stays(session):
    """The answer to a query is not acknowledged: nothing is owed for it."""
    control = session.wait_servants()["upstart-control"]
    session.ctl("list")
    with pytest.raises(AssertionError):
        wait_for(lambda: not is_alive(control), "nothing", limit=35)
    assert "does not answer" not in session.messages()


# -- one that stops ------------------------------------------------------------------------------------


def test_a_spawner_that_hangs_is_replaced(session):
    """What it was asked is asked of the next one; init answers meanwhile."""
    session.job("a", SLEEP)
    session.wait_job("a")
    old = session.wait_servants()["upstart-spawner"]
    os.kill(old, signal.SIGSTOP)
    start = session.background("start", "a")
    wait_for(lambda: "a start/" in session.command("initctl", "status", "a").stdout, "the start")
    assert start.wait(90) == 0, start.stderr.read()
    assert f"upstart-spawner ({old}) does not answer, killing it" in session.messages()
    assert is_alive(session.pid_of("a")) and not is_alive(old)


@pytest.mark.skipif("UPSTART_TEST_LONG" not in os.environ, reason="takes half a minute")
def test_a_control_servant_that_hangs_is_replaced(session):
    """It is told of an end and does not take it: the next one tells the client, who has come back."""
    go = session.path / "go"
    session.job("a", f"pre-start script\n  {AWAIT} {go}\nend script\n" + SLEEP)
    session.wait_job("a")
    old = session.wait_servants()["upstart-control"]
    start = session.background("start", "a")
    wait_for(lambda: "a start/pre-start" in session.command("initctl", "status", "a").stdout, "the start")
    os.kill(old, signal.SIGSTOP)
    go.write_text("")
    assert start.wait(90) == 0, start.stderr.read()
    assert f"upstart-control ({old}) does not answer, killing it" in session.messages()


def test_without_a_logger_no_job_waits_for_ever(make_session):
    """More than a terminal holds is printed; the task ends all the same."""
    session = make_session()
    env = folder_with(session, "upstart-logger", "#!/bin/sh\nexit 1\n")
    session.job("say", "task\nexec head -c 1000000 /dev/zero\n")
    session.job("quiet", "task\nexec true\n")
    session.start(env=env)
    start = session.background("start", "say")
    session.ctl("start", "quiet")
    assert start.wait(90) == 0, start.stderr.read()
    assert "There is no logger: what jobs print is lost until there is one" in session.messages()
    assert session.end() == 0


# -- one that lies --------------------------------------------------------------------------------------

# Stands between init and the real servant, and changes what that says. The servant itself keeps the process that
# init has made: processes of jobs become init's children through it.
BETWEEN = """#!/usr/bin/python3
import array, os, socket, struct, sys
ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
link = socket.socket(fileno=os.dup(3))
if os.fork() != 0:
    os.dup2(its.fileno(), 3)
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
os.close(3)
its.close()
link.setblocking(True)

def forward(a, b, change=lambda data: data):
    data, control, _, _ = a.recvmsg(1 << 20, 4096)
    if not data:
        os._exit(0)
    fds = array.array("i")
    for level, kind, payload in control:
        fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
    b.sendmsg([change(data)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
    for fd in fds:
        os.close(fd)

{change}
import select
while True:
    for sock in select.select([link, ours], [], [])[0]:
        if sock is link:
            forward(link, ours)
        else:
            forward(ours, link, change)
"""

# Another pid in each answer.
LIE = """
def change(data):
    at = data.find(b"\\xa3pid")
    if at < 0:
        return data
    at += 4
    size = {{0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8}}.get(data[at], 0)
    body = data[32:at] + b"\\xce" + struct.pack(">I", {pid}) + data[at + 1 + size:]
    return data[:16] + struct.pack("=Q", len(body)) + data[24:32] + body
"""

# The first of the numbered messages is damaged on the way, once.
DAMAGE = """
once = []
def change(data):
    if data[8:16] != struct.pack("=Q", 1) or once:
        return data
    once.append(1)
    return b"damaged!" + data[8:]
"""


@pytest.mark.parametrize("claim", [1, "logger"])
def test_a_spawner_that_lies_is_not_believed(make_session, claim):
    session = make_session()
    spawner = str(BUILD / "src" / "spawner" / "upstart-spawner")
    if claim == "logger":
        # Known when it has started: the lie reads it.
        pid = "int(open(%r).read())" % str(session.path / "victim")
    else:
        pid = str(claim)
    env = folder_with(session, "upstart-spawner", BETWEEN.format(real=spawner, change=LIE.format(pid=pid)))
    session.job("a", SLEEP)
    session.start(env=env)
    victim = session.wait_servants()["upstart-logger"]
    (session.path / "victim").write_text(str(victim))
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert "which can't be" in session.messages()
    session.command("initctl", "stop", "a")
    assert is_alive(victim)
    assert session.end() == 0


@pytest.mark.parametrize("servant", ["spawner", "logger", "control"])
def test_a_damaged_message_is_asked_for_again(make_session, servant):
    session = make_session()
    real = str(BUILD / "src" / servant / f"upstart-{servant}")
    env = folder_with(session, f"upstart-{servant}", BETWEEN.format(real=real, change=DAMAGE))
    session.job("a", "task\nexec echo hello\n")
    session.start(env=env)
    session.ctl("start", "a")
    session.ctl("start", "a")
    wait_for(lambda: session.log_of("a") == "hello\nhello\n", "what the job prints")
    wait_for(lambda: "damaged" in session.messages(), "the message")
    assert session.end() == 0


# -- no descriptors ---------------------------------------------------------------------------------------


def descriptors(session):
    return len(os.listdir(f"/proc/{session.pid}/fd"))


def highest(session):
    return max(int(n) for n in os.listdir(f"/proc/{session.pid}/fd"))


def allow(session, n):
    """Let init have descriptors below n."""
    resource.prlimit(session.pid, resource.RLIMIT_NOFILE, (n, resource.prlimit(session.pid, resource.RLIMIT_NOFILE)[1]))


def test_a_running_job_costs_init_three_descriptors_at_most(session):
    """With a log, one that is followed, one that speaks for itself: when they run, and when all is over."""
    says = ('import os, signal, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); '
            's.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:]); s.send(b"READY=1"); signal.pause()')
    count = 10
    jobs = {"plain": SLEEP, "none": "console none\n" + SLEEP, "daemon": "expect fork\nexec sh -c 'sleep 1000 &'\n",
            "says": f"expect notify\nexec python3 -c '{says}'\n"}
    for name, text in jobs.items():
        session.job(name, "instance $N\nkill mode tree\n" + text)
    session.wait_jobs(len(jobs))
    for name in jobs:  # whatever is opened for the first of a kind stays
        session.ctl("start", name, "N=first")
        session.ctl("stop", name, "N=first")
    before = descriptors(session)
    for name in jobs:
        for i in range(count):
            session.ctl("start", name, f"N={i}")
        wait_for(lambda: descriptors(session) <= before + 3 * count, lambda: f"{descriptors(session) - before} for {count} of {name}")
        for i in range(count):
            session.ctl("stop", name, f"N={i}")
        wait_for(lambda: descriptors(session) == before, f"nothing to be left of {name}")


def test_a_start_without_descriptors_fails_clearly_and_the_next_works(session):
    session.job("a", SLEEP)
    session.job("b", SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "b")
    pid = session.pid_of("b")
    usual = resource.prlimit(session.pid, resource.RLIMIT_NOFILE)[0]
    before = descriptors(session)
    allow(session, 3)
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert "Too many open files" in session.messages()
    assert session.ctl("status", "b") == f"b start/running, process {pid}\n"
    allow(session, usual)
    session.ctl("start", "a")
    session.ctl("stop", "a")
    wait_for(lambda: descriptors(session) == before, "nothing to be left open")


def test_a_start_waits_for_descriptors_a_little(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    usual = resource.prlimit(session.pid, resource.RLIMIT_NOFILE)[0]
    allow(session, 3)
    start = session.background("start", "a")
    wait_for(lambda: "Temporary process spawn error: Too many open files (a main)" in session.messages(), "the start")
    allow(session, usual)
    assert start.wait(60) == 0, start.stderr.read()


def test_answers_whose_descriptors_do_not_fit_come_again(session):
    """The limit rises and falls all the time while jobs are started: none is lost, none is there twice."""
    count = 40
    for i in range(count):
        session.job(f"j{i}", f"start on go\nscript\n  echo run >> {session.path}/ran.{i}\n  exec sleep 1000\nend script\n")
    session.wait_jobs(count)
    usual = resource.prlimit(session.pid, resource.RLIMIT_NOFILE)[0]
    over = threading.Event()

    def squeeze():
        while not over.is_set():
            allow(session, highest(session) + 2)
            over.wait(0.01)
            allow(session, usual)
            over.wait(0.05)

    thread = threading.Thread(target=squeeze)
    thread.start()
    try:
        emit = session.background("emit", "go")
        _, err = emit.communicate(timeout=90)
    finally:
        over.set()
        thread.join()
        allow(session, usual)
    running = [i for i in range(count) if "start/running" in session.ctl("status", f"j{i}")]
    failed = [i for i in range(count) if "stop/waiting" in session.ctl("status", f"j{i}")]
    assert len(running) + len(failed) == count
    for i in running:
        wait_for(pathlib.Path(f"{session.path}/ran.{i}").exists, "its file")
        assert pathlib.Path(f"{session.path}/ran.{i}").read_text() == "run\n"
        assert is_alive(session.pid_of(f"j{i}"))
    assert len(failed) <= count // 4, err
