# SPDX-License-Identifier: MIT
"""Who may do what: every method there is, by way of every transport, as root, as the owner of a session, and as others."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import INIT, INITCTL, LIMIT, ROOT, WATCHES, Session, wait_for
from test_control_servant import bus  # noqa: F401

pytest.importorskip("dbus")
pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be several users"),
              pytest.mark.skipif(not WATCHES, reason="sockets of this platform lie elsewhere")]

OWNER, OTHER = 65534, 65533
DAEMON = 1  # another, who has a name: a bus admits nobody else
MANAGER, JOB, INSTANCE = "com.ubuntu.Upstart0_6", "com.ubuntu.Upstart0_6.Job", "com.ubuntu.Upstart0_6.Instance"
PATH = "/com/ubuntu/Upstart"
PATHS = {"com.ubuntu.Upstart": PATH, "com.ubuntu.Upstart.Job": PATH + "/jobs/web", "com.ubuntu.Upstart.Instance": PATH + "/jobs/web/_"}
STANDARD = [(PATH, "org.freedesktop.DBus.Introspectable", "Introspect", ""), (PATH, "org.freedesktop.DBus.Properties", "Get", "ss"),
            (PATH, "org.freedesktop.DBus.Properties", "GetAll", "s"), (PATH, "org.freedesktop.DBus.Properties", "Set", "ssv"),
            (PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""), (PATH, "org.freedesktop.DBus.Peer", "Ping", "")]
# What everybody may do on the system bus, and nothing else.
EVERYBODY = {(MANAGER, "GetJobByName"), (MANAGER, "GetAllJobs"), (JOB, "GetInstance"), (JOB, "GetInstanceByName"), (JOB, "GetAllInstances"),
             ("com.ubuntu.Upstart2", "GetLogPath"), ("com.ubuntu.Upstart2", "Subscribe"),
             ("org.freedesktop.DBus.Introspectable", "Introspect"), ("org.freedesktop.DBus.Properties", "Get"),
             ("org.freedesktop.DBus.Properties", "GetAll")}
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
LOST = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.NoServer",
        "org.freedesktop.DBus.Error.FileNotFound", "org.freedesktop.DBus.Error.AccessDenied")

# Calls each method once; prints what came of it.
ASKER = r"""
import json, sys, dbus, dbus.bus, dbus.connection, dbus.lowlevel
address, private = sys.argv[1], sys.argv[2] == "private"
VALUES = {"s": "x", "b": False, "as": dbus.Array([], "s"), "o": "/", "h": dbus.types.UnixFd(0), "a{sv}": dbus.Dictionary({}, "sv"),
          "aas": dbus.Array([], "as"), "v": "x", "i": 0, "u": dbus.UInt32(0)}

def connect():
    return dbus.connection.Connection(address) if private else dbus.bus.BusConnection(address)

def call(bus, path, interface, member, signature):
    message = dbus.lowlevel.MethodCallMessage(None if private else "com.ubuntu.Upstart", path, interface, member)
    message.append(*[VALUES[one] for one in dbus.Signature(signature)], signature=signature)
    bus.send_message_with_reply_and_block(message, 20)

bus, results = None, []
for what in json.load(sys.stdin):
    try:
        bus = bus or connect()
        call(bus, *what)
        results.append("ok")
    except dbus.DBusException as e:
        results.append(e.get_dbus_name())
        if not bus or not bus.get_is_connected():
            bus = None
json.dump(results, sys.stdout)
"""


def methods(but=()):
    """(path, interface, member, signature) of all there are, as the XML says; a new image last, for it takes time."""
    found = list(STANDARD)
    for name, path in PATHS.items():
        for interface in ElementTree.parse(ROOT / "dbus" / (name + ".xml")).getroot().iter("interface"):
            for method in interface.iter("method"):
                signature = "".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") == "in")
                found.append((path, interface.get("name"), method.get("name"), signature))
    found = [one for one in found if one[2] not in but]
    assert len(found) > 40
    return sorted(found, key=lambda one: one[1:3] == (MANAGER, "Restart"))


def ask(init, address, kind, user, wanted):
    identity = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    done = subprocess.run([*init.prefix, *identity, "/usr/bin/python3", "-c", ASKER, address, kind], input=json.dumps(wanted),
                          env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=4 * LIMIT)
    assert done.returncode == 0, done.stderr
    return {one[1:3]: result for one, result in zip(wanted, json.loads(done.stdout))}


def admitted(results):
    """What init has answered. (The library itself does not send files to who has not let it in.)"""
    return {what: result for what, result in results.items()
            if result not in LOST and not ("File" in what[1] and result == "org.freedesktop.DBus.Error.Failed")}


def test_private_socket_of_a_machine_is_for_root(pid1):
    pid1.job("web", "exec sleep 1000\n")
    pid1.wait_job("web")
    wanted = methods()
    for address in "unix:abstract=/com/ubuntu/upstart", "unix:path=/run/upstart/private":
        assert not admitted(ask(pid1, address, "private", OTHER, wanted))
        assert not [(what, result) for what, result in ask(pid1, address, "private", 0, wanted).items() if result in LOST]
    assert pid1.answers()


@pytest.fixture
def owned():
    """A session of somebody who is not root."""
    if subprocess.run([INIT, "--version"], user=OWNER, group=OWNER, extra_groups=[], capture_output=True).returncode != 0:
        pytest.skip("others can't run what is built here")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        session = Session(path)
        for below in [path, *path.rglob("*")]:
            os.chown(below, OWNER, OWNER, follow_symlinks=False)
        session.user = OWNER
        yield session.start()
        session.kill_all()


def test_private_socket_of_a_session_is_for_its_owner_and_root(owned):
    session = owned
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    wanted = methods(but=["EndSession"])
    for user in 0, OWNER:
        results = ask(session, session.address, "private", user, wanted)
        assert not [(what, result) for what, result in results.items() if result in LOST or "PermissionDenied" in result], user
    assert not admitted(ask(session, session.address, "private", OTHER, wanted))
    assert session.answers()


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_system_bus_lets_everybody_look_and_root_act(make_pid1, bus):  # noqa: F811
    bus.up()
    machine = make_pid1().start(env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    machine.job("web", "exec sleep 1000\n")
    machine.wait_job("web")
    wait_for(bus.has_name, "the name")
    wanted = methods(but=["Restart"])
    results = ask(machine, bus.address, "bus", OWNER, wanted)  # a bus admits only users with a name
    assert {what for what, result in results.items() if result != DENIED} == EVERYBODY
    assert not [result for result in results.values() if result in LOST and result != DENIED]
    results = ask(machine, bus.address, "bus", 0, wanted)
    assert {what for what, result in results.items() if result == DENIED} == {("org.freedesktop.DBus.Peer", "Ping")}
    assert machine.answers()


SESSION_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
<policy context="default">{admitted}<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""


@pytest.fixture
def session_bus(owned):
    """session_bus(RULES): dbus-daemon as the session bus of the owner, whom it admits, and who else the rules say. Its address."""
    running = []

    def make(admitted=""):
        address = f"unix:path={owned.path}/bus"
        config = owned.path / "bus.conf"
        config.write_text(SESSION_BUS.format(address=address, admitted=admitted))
        running.append(subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"], user=OWNER, group=OWNER,
                                        extra_groups=[], stderr=subprocess.DEVNULL))
        wait_for(lambda: owner(address) is None, "the bus to answer")
        return address

    def end():
        while running:
            running[-1].terminate()
            running.pop().wait(LIMIT)

    make.end = end
    yield make
    end()


def owner(address):
    """The process that has our name on a bus, or None."""
    done = subprocess.run(["dbus-send", "--bus=" + address, "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
                           "org.freedesktop.DBus.GetConnectionUnixProcessID", "string:com.ubuntu.Upstart"], user=OWNER, group=OWNER,
                          extra_groups=[], capture_output=True, text=True, timeout=LIMIT)
    if done.returncode != 0 and "NameHasNoOwner" not in done.stderr:
        return -1  # there is no bus
    return int(done.stdout.split()[1]) if done.returncode == 0 else None


def join(session, address, user=OWNER):
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    assert owner(address) is None  # nobody has told it
    done = session.command(INITCTL, "notify-dbus-address", address, user=user, group=user, extra_groups=[])
    assert done.returncode == 0, done.stderr
    assert owner(address) == session.servants()["upstart-control"]


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_session_bus_is_for_the_owner(owned, session_bus):
    address = session_bus()
    join(owned, address)
    wanted = methods(but=["EndSession"])
    for user in 0, OTHER:
        assert not admitted(ask(owned, address, "bus", user, wanted)), user
    results = ask(owned, address, "bus", OWNER, wanted)
    assert not [(what, result) for what, result in results.items() if result in LOST or "PermissionDenied" in result]
    # The last of them was a new image, which finds the bus again, and so does a new servant.
    wait_for(lambda: owner(address), "the name after a new image")
    old = owned.wait_servants()["upstart-control"]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: owner(address) not in (None, old), "the name with a new servant")
    assert set(ask(owned, address, "bus", OWNER, wanted[:9]).values()) == {results[one[1:3]] for one in wanted[:9]}


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_session_bus_that_was_lost_is_joined_by_the_next_image(owned, session_bus):
    address = session_bus()
    join(owned, address)
    control = owned.servants()["upstart-control"]
    session_bus.end()
    wait_for(lambda: "Disconnected from notified D-Bus bus" in owned.messages(), "the loss to be noted")
    session_bus()
    os.kill(owned.pid, signal.SIGSEGV)
    wait_for(lambda: owner(address) == control, "the same servant to have the name")


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_session_bus_decides_itself_whom_it_admits(owned, session_bus):
    """A session init asks nobody who he is: whom the owner's bus lets in may do all, as it ever was."""
    address = session_bus('<allow user="*"/>')
    join(owned, address, user=0)
    wanted = methods(but=["EndSession", "Restart"])
    for user in 0, DAEMON:
        results = ask(owned, address, "bus", user, wanted)
        assert not [(what, result) for what, result in results.items() if result in LOST or "PermissionDenied" in result], user


@pytest.mark.skipif(shutil.which("dbus-daemon") is None or shutil.which("busctl") is None, reason="there is no dbus-daemon, or no busctl")
def test_busctl_lists_and_calls(make_pid1, bus):  # noqa: F811
    bus.up()
    machine = make_pid1().start(env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    machine.job("web", "exec sleep 1000\n")
    machine.wait_job("web")
    wait_for(bus.has_name, "the name")

    def busctl(*words):
        done = machine.command("busctl", "--address=" + bus.address, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert busctl("call", "com.ubuntu.Upstart", PATH, MANAGER, "GetAllJobs") == f'ao 1 "{PATH}/jobs/web"\n'
    assert busctl("call", "com.ubuntu.Upstart", PATH + "/jobs/web", JOB, "Start", "asb", "1", "A=1", "true") == f'o "{PATH}/jobs/web/_"\n'
    assert busctl("get-property", "com.ubuntu.Upstart", PATH + "/jobs/web/_", INSTANCE, "state") == 's "running"\n'
    assert f"{PATH}/jobs/web/_" in busctl("tree", "com.ubuntu.Upstart")
    assert ".EmitEvent" in busctl("introspect", "com.ubuntu.Upstart", PATH)
