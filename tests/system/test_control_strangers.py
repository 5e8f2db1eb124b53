# SPDX-License-Identifier: MIT
"""Users who may only look, and mean ill: what they send over a bus costs init neither the bus nor its memory.

With the rig of test_control_servant.py: a bus with our policy, upstart-control, and a test that plays init.
"""

import signal
import subprocess
import sys

import pytest

from test_control_servant import CONTROL, LIMIT, MANAGER, MANAGER_PATH, NOBODY, FakeInit, bus, peer_send, wait_for  # noqa: F401

pytestmark = pytest.mark.skipif(not CONTROL.exists(), reason="upstart-control is not built")

# stranger ADDRESS: says "here", does what is asked on standard input line by line, says what came of it.
STRANGER = r"""
import sys, dbus, dbus.bus, dbus.lowlevel
MANAGER = "com.ubuntu.Upstart0_6"

def message(path, interface, member, *args, signature=""):
    m = dbus.lowlevel.MethodCallMessage("com.ubuntu.Upstart", "/com/ubuntu/Upstart" + path, interface, member)
    m.append(*args, signature=signature)
    return m

def call(bus, *args, **kw):
    try:
        bus.send_message_with_reply_and_block(message(*args, **kw), 25)
        return "ok"
    except dbus.DBusException as e:
        return e.get_dbus_name()

def long_argument(bus, size):
    return call(bus, "/jobs/web", MANAGER + ".Job", "GetInstance", ["x" * 1000 + "="] * (size // 1000), signature="as")

def descriptors(bus, n):
    return call(bus, "/jobs/web", MANAGER + ".Job", "GetInstance", [dbus.types.UnixFd(0)] * n, signature="ah")

def flood(address, n):
    for _ in range(n):
        bus = dbus.bus.BusConnection(address)
        for _ in range(100):  # a bus lets 128 of each connection wait
            bus.send_message(message("", MANAGER, "GetAllJobs"))
        bus.flush()
        connections.append(bus)
    return "ok"

def newcomers(address, n):
    # Each says much before anybody can know who it is.
    for _ in range(n):
        bus = dbus.bus.BusConnection(address)
        for _ in range(3):
            bus.send_message(message("/jobs/web", MANAGER + ".Job", "GetInstance", ["x" * 1000000] * 12, signature="as"))
        bus.flush()
        connections.append(bus)
    return "ok"

connections = []
bus = dbus.bus.BusConnection(sys.argv[1])
print("here", flush=True)
for line in sys.stdin:
    what, _, n = line.partition(" ")
    print(globals()[what](sys.argv[1] if what in ("flood", "newcomers") else bus, int(n)), flush=True)
"""


class Stranger:
    def __init__(self, address):
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", STRANGER, address], user=NOBODY, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr)
        assert self.process.stdout.readline() == "here\n"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(LIMIT)


@pytest.fixture
def rig(bus):  # noqa: F811
    """A bus, an init on it, and a stranger who has come to both."""
    bus.up()
    init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    wait_for(bus.has_name, "the name")
    stranger = Stranger(bus.address)
    yield bus, init, stranger
    stranger.end()
    init.stop()


def still_serves_root(bus, init):  # noqa: F811
    got = bus.send(MANAGER_PATH, f"{MANAGER}.ReloadConfiguration")
    assert got.returncode == 0, got.stderr
    assert "Disconnected" not in init.logged() and "Closing" not in init.logged()


@pytest.mark.parametrize("size", [2 * 1024 * 1024, 20 * 1024 * 1024])
def test_long_arguments_of_a_stranger_are_refused_and_cost_no_bus(rig, size):
    bus, init, stranger = rig  # noqa: F811
    assert stranger.ask(f"long_argument {size}") == "org.freedesktop.DBus.Error.LimitsExceeded"
    assert not [body for action, body in init.requests if action == "REQUEST_GET_INSTANCE"]
    still_serves_root(bus, init)
    assert stranger.ask("long_argument 1000") == "ok"


@pytest.mark.parametrize("n", [1, 5, 16])
def test_descriptors_nobody_asked_for_are_refused_and_cost_no_bus(rig, n):
    bus, init, stranger = rig  # noqa: F811
    for _ in range(40):
        assert stranger.ask(f"descriptors {n}") == "org.freedesktop.DBus.Error.InvalidArgs"
    still_serves_root(bus, init)


def test_answers_a_stranger_has_asked_for_cost_no_bus(rig):
    bus, init, stranger = rig  # noqa: F811
    asked = []
    init.answers["REQUEST_GET_JOBS"] = lambda request: asked.append(request["request"])
    assert stranger.ask("flood 6") == "ok"
    wait_for(lambda: len(asked) == 600, "600 questions")
    bus.process.send_signal(signal.SIGSTOP)  # busy with other things
    try:
        for number in asked:  # 168 KB each, on the bus
            init.send("REPLY", {"request": number, "list": [f"{i:03}" + "-" * 200 for i in range(280)]})
        assert peer_send(init, MANAGER_PATH, f"{MANAGER}.ReloadConfiguration").returncode == 0
    finally:
        bus.process.send_signal(signal.SIGCONT)
    still_serves_root(bus, init)
    wait_for(lambda: stranger.ask("long_argument 1000") == "ok", "the stranger to be answered again")


def test_strangers_who_say_much_before_they_are_known_hold_nobody_up(rig):
    bus, init, stranger = rig  # noqa: F811
    assert stranger.ask("newcomers 4") == "ok"
    # The bus's answers to the question who calls are still read: the stranger's own old name is served, and root's new one.
    assert stranger.ask("long_argument 1000") == "ok"
    still_serves_root(bus, init)
