# SPDX-License-Identifier: MIT
"""Servants that are stopped and go on, that keep dying, and that send garbage and halves of messages: no job, event or
accepted request is lost, and init is never hurt. See *When a servant dies* in docs/architecture.md."""

import os
import signal

import pytest

from conftest import BUILD, SERVANTS, is_alive, process_state, wait_for
from test_servants_faults import folder_with

SLEEP = "exec sleep 1000\n"
NAMES = ["spawner", "logger", "control"]

pytestmark = pytest.mark.skipif(SERVANTS < 3, reason="this platform has no spawner")


# -- stopped, and going on --------------------------------------------------------------------------------


def stop(session, name):
    """SIGSTOP a servant; its pid."""
    pid = session.wait_servants()["upstart-" + name]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: process_state(pid) == "T", "it to be stopped")
    return pid


def go_on(session, pid):
    """It is the same one that goes on, not another."""
    os.kill(pid, signal.SIGCONT)
    wait_for(session.answers, "answers")
    assert is_alive(pid)
    assert "starting it again" not in session.messages()


def test_a_stopped_spawner_starts_what_waited_once(session):
    count = 20
    for i in range(count):
        session.job(f"j{i}", f"start on go\nscript\n  echo run >> {session.path}/ran.{i}\n  exec sleep 1000\nend script\n")
    session.wait_jobs(count)
    pid = stop(session, "spawner")
    emit = session.background("emit", "go")
    wait_for(lambda: "j19 start/spawned" in session.command("initctl", "status", "j19").stdout, "all to be asked for")
    # Others are served meanwhile, and what waits can be stopped.
    stopping = session.background("stop", "j0")
    wait_for(lambda: "j0 stop/" in session.command("initctl", "status", "j0").stdout, "the stop")
    go_on(session, pid)
    emit.communicate(timeout=60)
    assert stopping.wait(60) == 0
    for i in range(1, count):
        session.wait_status(f"j{i}", "start/running, process")
        wait_for((session.path / f"ran.{i}").exists, "its file")
        assert (session.path / f"ran.{i}").read_text() == "run\n"
    assert session.status("j0") == "j0 stop/waiting"


def test_a_stopped_logger_loses_no_line(session):
    """The job waits for its reader, nobody else does."""
    lines = 20000
    session.job("p", f"task\nscript\n  i=0\n  while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); done\nend script\n")
    session.job("quiet", "task\nexec true\n")
    session.wait_jobs(2)
    pid = stop(session, "logger")
    start = session.background("start", "p")
    session.wait_status("p", "start/running, process")
    for _ in range(20):
        session.ctl("start", "quiet")
    assert start.poll() is None
    go_on(session, pid)
    assert start.wait(60) == 0, start.stderr.read()
    wait_for(lambda: session.log_of("p").splitlines() == [f"line {i}" for i in range(lines)], "all lines")


def test_a_stopped_control_keeps_its_clients(session):
    session.job("t", f"task\nexec sh -c 'echo ran >> {session.path}/ran'\n")
    session.job("r", f"respawn\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    session.wait_jobs(2)
    session.ctl("start", "r")
    first = session.pid_of("r")
    pid = stop(session, "control")
    clients = [session.background("start", "t"), session.background("status", "t"), session.background("list")]
    # init goes on without its mouth.
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len((session.path / "lives").read_text().split()) == 2, "the respawn")
    assert all(client.poll() is None for client in clients)
    go_on(session, pid)
    assert [client.wait(60) for client in clients] == [0, 0, 0]
    assert (session.path / "ran").read_text() == "ran\n"


# -- dying, and dying again --------------------------------------------------------------------------------


def test_a_client_waits_on_over_the_death_of_control(session):
    """It asks again by its token, and what it asked for has been done once."""
    session.job("t", f"task\nscript\n  echo ran >> {session.path}/ran\n  until [ -e {session.path}/go ]; do sleep 0.05; done\nend script\n")
    session.wait_job("t")
    start = session.background("start", "t")
    wait_for((session.path / "ran").exists, "the task")
    for _ in range(3):
        victim = session.wait_servants()["upstart-control"]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: session.servants().get("upstart-control", victim) != victim, "the next one")
        wait_for(session.answers, "answers")
    assert start.poll() is None
    (session.path / "go").touch()
    assert start.wait(60) == 0, start.stderr.read()
    assert (session.path / "ran").read_text() == "ran\n"


def test_without_control_init_goes_on_until_there_is_one(make_session):
    """A control servant that keeps dying; then one that works."""
    session = make_session()
    env = folder_with(session, "upstart-control", f"#!/bin/sh\necho died >> {session.path}/deaths\nexit 1\n")
    session.job("r", f"start on startup\nrespawn\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    session.answers = lambda: (session.path / "deaths").exists()  # all that can be known of it
    session.start(env=env, startup=True)
    wait_for(lambda: len((session.path / "deaths").read_text().split()) > 3, "some deaths")
    wait_for((session.path / "lives").exists, "the job")
    os.kill(int((session.path / "lives").read_text().split()[-1]), signal.SIGKILL)
    wait_for(lambda: len((session.path / "lives").read_text().split()) == 2, "the respawn")
    good = session.path / "servants" / "good"
    good.symlink_to(BUILD / "src/control/upstart-control")
    good.rename(session.path / "servants" / "upstart-control")
    del session.answers
    wait_for(session.answers, "answers")
    assert session.pid_of("r") == int((session.path / "lives").read_text().split()[-1])
    assert session.end() == 0


# -- garbage -------------------------------------------------------------------------------------------------

# Stands between init and a real servant. What init says goes through; before each message of the servant come garbage and parts
# of it, and it itself goes through as MODE says: good, or with a body that is no more than its header.
MUDDLER = """#!/usr/bin/python3
import array, os, random, select, socket, struct, sys
ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
link = socket.socket(fileno=os.dup(3))
if os.fork() != 0:
    os.dup2(its.fileno(), 3)
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
os.close(3)
its.close()
link.setblocking(True)
chance = random.Random(1)

def take(sock):
    data, control, _, _ = sock.recvmsg(1 << 20, 4096)
    if not data:
        os._exit(0)
    fds = array.array("i")
    for level, kind, payload in control:
        fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
    return data, fds

def pass_on(sock, data, fds):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
    for fd in fds:
        os.close(fd)

def garbage(data):
    magic, kind, number, size, flags, fds = struct.unpack_from("=IIQQII", data)
    head = lambda **k: struct.pack("=IIQQII", *({{"magic": magic, "kind": kind, "number": number, "size": size, "flags": flags,
                                                 "fds": fds}} | k).values())
    yield chance.randbytes(chance.randrange(1, 300))
    yield data[:len(data) // 2]
    yield data[:16]
    yield data + b"more"
    yield head(magic=0) + data[32:]
    yield head(size=size + 1000) + data[32:]
    yield head(size=1 << 60) + data[32:]
    yield head(flags=1) + data[32:]
    yield head(fds=16) + data[32:]
    yield head(kind=7777, number=0, fds=0) + data[32:]
    yield head(kind=0, number=0, fds=0) + data[32:]
    for other in range(1, 16):  # of any kind, with a body that says nothing
        body = chance.randbytes(chance.randrange(0, 40))
        yield head(kind=other, number=0, size=len(body), fds=0) + body

while True:
    for sock in select.select([link, ours], [], [])[0]:
        data, fds = take(sock)
        if sock is ours:
            for piece in garbage(data):
                link.send(piece)
            if {damaged!r} and struct.unpack_from("=QQ", data, 8)[0] != 0:
                data = data[:16] + struct.pack("=Q", 0) + data[24:28] + struct.pack("=I", 0)
                fds = array.array("i")
        pass_on(link if sock is ours else ours, data, fds)
"""


def muddled(make_session, name, damaged=False):
    session = make_session()
    real = str(BUILD / "src" / name / f"upstart-{name}")
    env = folder_with(session, f"upstart-{name}", MUDDLER.format(real=real, damaged=damaged))
    session.job("a", SLEEP)
    session.job("say", "task\nexec echo said\n")
    session.job("r", f"respawn\nrespawn limit unlimited\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    return session, env


@pytest.mark.parametrize("name", NAMES)
def test_garbage_between_messages_is_thrown_away(make_session, name):
    """Everything goes on as if it had not been there."""
    session, env = muddled(make_session, name)
    session.start(env=env)
    for turn in range(3):
        session.ctl("start", "a")
        pid = session.pid_of("a")
        session.ctl("start", "say")
        wait_for(lambda: session.log_of("say") == "said\n" * (turn + 1), "output")
        session.ctl("emit", "nobody-listens")
        session.ctl("restart", "a")
        assert not is_alive(pid)
        session.ctl("stop", "a")
    assert "core dumped" not in session.messages()
    assert session.end() == 0


@pytest.mark.parametrize("name", ["spawner", "logger"])
def test_messages_without_contents_end_their_servant(make_session, name):
    """Nobody waits for ever for what such a servant should have said: a start fails clearly, or goes on without it."""
    session, env = muddled(make_session, name, damaged=True)
    session.start(env=env)
    done = session.command("initctl", "start", "a")
    if name == "spawner":
        # At first twice in vain; one that never does better is done without.
        assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
        wait_for(lambda: session.command("initctl", "start", "a").returncode == 0, "a start without it")
    else:
        assert done.returncode == 0, done.stderr
    assert is_alive(session.pid_of("a"))
    session.ctl("start", "say")
    wait_for(lambda: f"upstart-{name}" in session.messages() and "is damaged" in session.messages(), "the complaint")
    assert "core dumped" not in session.messages()
    assert session.end() == 0


def test_requests_without_contents_hurt_no_job(make_session):
    """The same of control: clients are cut off, and the jobs go on."""
    session, env = muddled(make_session, "control", damaged=True)
    session.job("s", f"start on startup\nrespawn\nrespawn limit unlimited\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    session.start(env=env, startup=True)
    wait_for((session.path / "lives").exists, "the job")
    client = session.background("start", "a")
    wait_for(lambda: "is damaged" in session.messages(), "the complaint")
    os.kill(int((session.path / "lives").read_text().split()[-1]), signal.SIGKILL)
    wait_for(lambda: len((session.path / "lives").read_text().split()) == 2, "the respawn")
    assert "core dumped" not in session.messages()
    client.kill()
    client.wait()
    assert session.end() == 0


FLOOD = """#!/usr/bin/python3
import os, socket
link = socket.socket(fileno=3)
link.setblocking(True)
while True:
    link.send(os.urandom(100))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_flood_of_garbage_ends_its_servant(make_session, name):
    session = make_session()
    env = folder_with(session, f"upstart-{name}", FLOOD)
    session.job("s", f"start on startup\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    if name == "control":
        session.answers = lambda: True
    session.start(env=env, startup=True)
    wait_for(lambda: f"upstart-{name}" in session.messages() and "sends garbage, killing it" in session.messages(), "its end")
    wait_for((session.path / "lives").exists, "the job, all the same")
    assert "core dumped" not in session.messages()
    assert session.end() == 0
