# SPDX-License-Identifier: MIT
"""Crowds at the private socket: many who are there at once, who say half a word, who never read, who ask without end."""

import json
import os
import pathlib
import socket
import subprocess

import pytest

from conftest import INITCTL, LIMIT, wait_for

dbus = pytest.importorskip("dbus")

LONG = bool(os.environ.get("UPSTART_TEST_LONG"))
CROWD = 1000
MANAGER = "com.ubuntu.Upstart0_6"
PATH = "/com/ubuntu/Upstart"
AUTH = b"\0AUTH EXTERNAL %s\r\n" % str(os.getuid()).encode().hex().encode()


def memory(pid):
    """KiB that are resident."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * (os.sysconf("SC_PAGESIZE") // 1024)


def connect(session):
    client = socket.socket(socket.AF_UNIX)
    client.connect("\0" + session.address.partition("abstract=")[2] if "abstract=" in session.address
                   else session.address.partition("path=")[2])
    return client


def admitted(session):
    """A connection that is through with the greeting."""
    client = connect(session)
    client.sendall(AUTH)
    assert client.recv(4096).startswith(b"OK ")
    client.sendall(b"BEGIN\r\n")
    return client


def gone(session, control, before):
    """Do others still get answers, and does control hold no more than that beside what it had?"""
    session.ctl("version")
    return len(os.listdir(f"/proc/{control}/fd")) <= before


def test_crowd_comes_and_goes_and_its_memory_with_it(session):
    control = session.servants()["upstart-control"]
    files, pages, own = len(os.listdir(f"/proc/{control}/fd")), [], memory(session.pid)
    for _ in range(4):
        crowd = [admitted(session) if i % 2 else connect(session) for i in range(CROWD)]
        for half in crowd[::4]:
            half.sendall(b"\0AUTH EXTER")  # and no more
        assert session.ctl("list") == ""
        for client in crowd:
            client.close()
        wait_for(lambda: gone(session, control, files), "control to notice")
        pages.append(memory(control))
    # What the first crowd has torn up the next ones use again.
    assert pages[-1] <= pages[0] + 1024, pages
    assert memory(session.pid) <= own + 1024
    assert session.servants()["upstart-control"] == control


def test_client_that_never_reads_is_dropped_and_its_memory_freed(session):
    control = session.servants()["upstart-control"]
    deaf = admitted(session)
    before = memory(control)
    text = [f"A{i}=" + "x" * 100000 for i in range(10)]
    most = 0
    for _ in range(80):  # each is a signal to all
        session.ctl("emit", "loud", *text)
        most = max(most, memory(control))
        if "does not read" in session.messages():
            break
    assert "Closing a D-Bus connection that does not read" in session.messages()
    assert most < before + 128 * 1024, "KiB"
    wait_for(lambda: memory(control) < before + 16 * 1024, "the memory to be given back")
    deaf.close()
    assert session.ctl("list") == ""


def test_requests_without_end_leave_nothing_behind(session):
    """100,000, as many as came in a minute; fewer unless there is time."""
    count = 100000 if LONG else 5000
    control = session.servants()["upstart-control"]
    bus = dbus.connection.Connection(session.address)
    message = dbus.lowlevel.MethodCallMessage("com.ubuntu.Upstart", PATH, MANAGER, "EmitEvent")
    message.append("nobody-listens", ["A=1"], False, signature="sasb")

    def ask(n):
        for i in range(n):
            copy = message.copy()
            copy.set_no_reply(True)
            bus.send_message(copy)
            if i % 100 == 0:
                bus.flush()
        bus.flush()
        assert session.ctl("list") == ""  # another is served meanwhile
        dbus.Interface(bus.get_object("com.ubuntu.Upstart", PATH, introspect=False), MANAGER).GetAllJobs()
    ask(count // 10)
    before = memory(session.pid), memory(control)
    ask(count)
    wait_for(lambda: memory(session.pid) <= before[0] + 4096 and memory(control) <= before[1] + 4096, "memory to be as before")
    bus.close()


@pytest.mark.skipif(not LONG, reason="takes a while: UPSTART_TEST_LONG")
def test_many_at_once_ask_without_end(session):
    """20 programs, each with questions and changes of its own, while jobs start and stop."""
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    script = """
import sys, dbus, dbus.connection
bus = dbus.connection.Connection(sys.argv[1])
manager = dbus.Interface(bus.get_object("com.ubuntu.Upstart", "/com/ubuntu/Upstart", introspect=False), "com.ubuntu.Upstart0_6")
for i in range(300):
    manager.EmitEvent("e%d" % (i % 7), ["I=%d" % i], i % 3 == 0)
    manager.GetAllJobs()
"""
    crowd = [subprocess.Popen(["/usr/bin/python3", "-c", script, session.address]) for _ in range(20)]
    for _ in range(10):
        session.ctl("start", "web")
        session.ctl("stop", "web")
    assert [client.wait(4 * LIMIT) for client in crowd] == [0] * 20
    assert json.loads(session.command(INITCTL, "list", "--json").stdout)[0]["state"] == "waiting"
