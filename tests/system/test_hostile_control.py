# SPDX-License-Identifier: MIT
"""An upstart-control that somebody else has taken over: it speaks init's own language, and means ill.

Messages that are no messages are in test_servants_garbage.py. Here they are sound, and ask for anything: actions there are and are
not, of jobs there are and are not, with names, variables and numbers that no control would pass on.
"""

import json
import os

import pytest

from conftest import BUILD, INIT, SERVANTS, is_alive, wait_for
from test_control_servant import ACTIONS, MAGIC, TYPE
from test_servants_garbage import folder_with

pytest.importorskip("msgpack")
dbus = pytest.importorskip("dbus")
pytestmark = pytest.mark.skipif(not INIT.exists() or SERVANTS != 3, reason="init is not built, or has no spawner")

LONG = bool(os.environ.get("UPSTART_TEST_LONG"))
SLEEP = "exec sleep 1000\n"

# Says COUNT things, reads what comes, and tells when it is through.
HOSTILE = """#!/usr/bin/python3
import os, random, socket, struct, msgpack
PACKET = struct.Struct("=IIQQII")
chance = random.Random({seed})
link = socket.socket(fileno=3)
link.setblocking(True)
link.recv(1 << 20)  # HELLO
link.setblocking(False)
TEXTS = ["web", "many", "once", "held", "follows", "go", "stopped", "nothing", "", "/", "..", "web/..", "$N", "${{N:-", "%n%s", "x" * 1000,
         "\\n", "\\x01", "_", "link", "startup", "FOO", "debug", "unix:path=/none", "\\udcff\\udcfe"]
PAIRS = ["N=1", "N=2", "N=", "N=/", "A=$N", "=", "", "A", "JOB=web", "INSTANCE=", "UPSTART_JOB=x", "PATH=", "K=%n", "L=" + "y" * 500, "B=\\udcff"]

def text():
    return chance.choice(TEXTS)

def pairs():
    return chance.choices(PAIRS, k=chance.choice([0, 1, 2, 3, 60]))

def number():
    return chance.choice([0, 1, -1, 2, 65534, 2**31 - 1, -2**31])

FIELDS = {{"job": text, "instance": text, "name": text, "env": pairs, "wait": lambda: chance.random() < 0.5, "replace": lambda: True,
          "token": text, "pid": number, "uid": number, "root": lambda: chance.choice(["/", "/nowhere", "", "relative", {path!r} + "/evil"]),
          "literal": lambda: True, "only": lambda: True, "classes": lambda: chance.choices(TEXTS, k=2),
          "instances": lambda: chance.choices(TEXTS, k=chance.randrange(4)), "options": lambda: chance.choice([1, 2, 4, 8, 15, 2**32 - 1]),
          "connection": text}}
sent = 0

def say(kind, body, number):
    global sent
    data = msgpack.packb(body, unicode_errors="surrogateescape")
    packet = PACKET.pack({magic}, kind, number, len(data), 0, 0) + data
    while True:
        hear()
        try:
            link.send(packet)
            return
        except BlockingIOError:
            pass

def hear():
    try:
        while True:
            data = link.recv(1 << 20)
            if not data:
                os._exit(0)
            kind, effect = struct.unpack_from("=IQ", data, 4)
            if effect and chance.random() < 0.5:  # some are never acknowledged
                link.send(PACKET.pack({magic}, {types}["ACK"], 0, len(msgpack.packb({{"upto": effect}})), 0, 0) + msgpack.packb({{"upto": effect}}))
    except BlockingIOError:
        pass

for i in range({count}):
    body = {{name: make() for name, make in FIELDS.items() if chance.random() < 0.4}}
    body["request"] = chance.choice([i + 1, i + 1, i + 1, 0, 1, 2**64 - 1])
    body["action"] = chance.choice({actions} + [{last}, 9999, 2**32 - 1])
    if chance.random() < 0.5:
        body["job"] = chance.choice(["web", "many", "once", "held", "follows"])
    if "root" in body and chance.random() < 0.8:
        del body["root"]
    if chance.random() < 0.05:
        sent += 1
        say({types}["SAID"], {{"process": number() % 2**64, "what": number() % 2**32, "pid": number(), "uid": number(), "main_pid": number(),
                              "status": text(), "watchdog": number() % 2**64, "extend": number() % 2**64}}, sent)
    elif chance.random() < 0.6:
        sent += 1
        say({types}["REQUEST"], body, sent)
    else:
        say({types}["QUERY"], body, 0)
open({path!r} + "/through", "w").close()
link.setblocking(True)
while True:
    if not link.recv(1 << 20):
        break
"""


@pytest.mark.parametrize("options", [[], ["--chroot-sessions"]])
@pytest.mark.parametrize("seed", range(20 if LONG else 1))
def test_requests_of_an_ill_meaning_control_hurt_nobody(make_session, seed, options):
    session = make_session()
    # Jobs that somebody has left below a directory that nobody has for his root.
    evil = session.path / "evil" / "etc" / "init"
    evil.mkdir(parents=True)
    (evil / "mine.conf").write_text("start on go or link or startup or stopped\nexec sleep 1000\n")
    ending = {"REQUEST_END_SESSION", "REQUEST_REEXEC"}  # what it may have, and what would end the test
    actions = [number for number, name in enumerate(ACTIONS) if name not in ending]
    env = folder_with(session, "upstart-control", HOSTILE.format(seed=seed, magic=MAGIC, types=TYPE, actions=actions, last=len(ACTIONS),
                                                                 count=5000 if LONG else 1500, path=str(session.path)))
    session.job("kept", f"start on startup\nscript\n  echo $$ >> {session.path}/lives\n  exec sleep 1000\nend script\n")
    session.job("web", "start on go N\n" + SLEEP)
    session.job("many", "instance $N\nstart on link\nstop on go\nenv N=0\nexec true\n")
    session.job("once", "task\nstart on started web\nexec false\n")
    session.job("held", "start on starting web\npre-stop exec false\npost-stop exec true\n" + SLEEP)
    session.job("follows", "while web and link\n" + SLEEP)
    session.answers = lambda: True  # who should
    session.start(*options, env=env, startup=True)
    wait_for((session.path / "through").exists, lambda: "all to be said:\n" + session.messages()[-3000:], limit=240)
    hostile = session.servants()["upstart-control"]
    good = session.path / "servants" / "good"
    good.symlink_to(BUILD / "src/control/upstart-control")
    good.rename(session.path / "servants" / "upstart-control")
    os.kill(hostile, 9)
    del session.answers
    wait_for(session.answers, "answers")
    assert "damaged" not in session.messages()  # all was taken for what it seemed
    assert len((session.path / "lives").read_text().split()) == 1
    assert "core dumped" not in session.messages() and "Caught" not in session.messages()
    assert json.loads(session.ctl("list", "--json"))
    connection = session.bus()
    state = session.manager(connection).GetState()
    degraded = connection.get_object("com.ubuntu.Upstart", "/com/ubuntu/Upstart", introspect=False).Get(
        "com.ubuntu.Upstart2", "degraded", dbus_interface=dbus.PROPERTIES_IFACE)
    connection.close()
    assert degraded == ""
    # Nobody has that root, whatever it said: its jobs are none.
    assert "mine" not in state and "evil" not in state and "mine" not in session.messages()
    assert is_alive(session.pid)
    assert session.end() == 0
