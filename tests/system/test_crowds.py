# SPDX-License-Identifier: MIT
"""Crowds at the private socket: many who are there at once, who say half a word, who never read, who ask without end."""

import json
import os
import pathlib
import random
import socket
import struct
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


def private(pid):
    """KiB that are its own, and written to."""
    return sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
               if line.startswith("Private_Dirty:"))


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
    files, before, own = len(os.listdir(f"/proc/{control}/fd")), private(control), memory(session.pid)
    for _ in range(4):
        crowd = [admitted(session) if i % 2 else connect(session) for i in range(CROWD)]
        for half in crowd[::4]:
            half.sendall(b"\0AUTH EXTER")  # and no more
        assert session.ctl("list") == ""
        for client in crowd:
            client.close()
        wait_for(lambda: gone(session, control, files), "control to notice")
        # Each connection takes more than 4 KiB while it is there.
        wait_for(lambda: private(control) <= before + 1024, lambda: f"its memory to be as before, {before} KiB, and not {private(control)}")
    assert memory(session.pid) <= own + 1024
    assert session.servants()["upstart-control"] == control


def padded(data, to=8):
    return data + b"\0" * (-len(data) % to)


def text(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def field(code, signature, value):
    return bytes([code, len(signature)]) + signature.encode() + b"\0" + value


def call(serial, path, interface, member, signature="", body=b""):
    """A method call as it goes over the wire."""
    fields = b""
    for one in (field(1, "o", text(path)), field(2, "s", text(interface)), field(3, "s", text(member)),
                field(8, "g", bytes([len(signature)]) + signature.encode() + b"\0")):
        fields = padded(fields) + one
    return padded(b"l\1\0\1" + struct.pack("<III", len(body), serial, len(fields)) + fields) + body


def spoil(messages, chance):
    """What lies in a stream of messages, with a few bytes changed, left out, doubled or put elsewhere."""
    data = bytearray(chance.choice(messages) + chance.choice(messages))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        what = chance.randrange(4)
        if what == 0:
            data[at] = chance.choice([0, 1, 0x7f, 0x80, 0xff, chance.randrange(256)])
        elif what == 1:
            del data[at:at + chance.randint(1, 8)]
        elif what == 2:
            data[at:at] = data[at:at + chance.randint(1, 64)]
        else:
            data[at:at + 4] = struct.pack("<I", chance.choice([0, 1, 2**26, 2**27, 2**31, 2**32 - 1, len(data)]))
        data = data or bytearray(b"l")
    return bytes(data)


def test_spoilt_messages_hurt_nobody(session):
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    seed = int(os.environ.get("UPSTART_TEST_SEED", "1"))
    chance = random.Random(seed)
    env = padded(text("A=1"), 4)
    emit = padded(text("nobody-listens"), 4) + struct.pack("<I", len(env)) + env + struct.pack("<I", 0)
    job = struct.pack("<I", 0) + struct.pack("<I", 0)
    messages = [call(1, PATH, MANAGER, "EmitEvent", "sasb", emit), call(2, PATH, MANAGER, "GetAllJobs"),
                call(3, PATH + "/jobs/web", MANAGER + ".Job", "Start", "asb", job), call(4, PATH + "/jobs/web", MANAGER + ".Job", "Stop", "asb", job),
                call(5, PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", text(MANAGER)),
                call(6, PATH + "/jobs/web/_", "org.freedesktop.DBus.Introspectable", "Introspect")]
    control = session.servants()["upstart-control"]
    with admitted(session) as client:  # as they are they are answered
        client.sendall(b"".join(messages))
        assert client.recv(4096)[:1] == b"l"
    for i in range(20000 if LONG else 1000):
        with admitted(session) as client:
            try:
                client.sendall(spoil(messages, chance))
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has been closed already
        if i % 100 == 0:
            assert session.ctl("version"), (seed, i)
    assert session.servants()["upstart-control"] == control, seed
    session.command(INITCTL, "stop", "web")
    assert session.ctl("status", "web") == "web stop/waiting\n"


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
