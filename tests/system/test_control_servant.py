# SPDX-License-Identifier: MIT
"""upstart-control with the clients people use: dbus-send, gdbus and python-dbus, over the private socket and over buses.

The test plays init: it holds the other end of the link and answers by a small table. UPSTART_BUILD names the build folder
(default: build).
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

dbus = pytest.importorskip("dbus")
msgpack = pytest.importorskip("msgpack")
import dbus.connection  # noqa: E402
from conftest import wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
CONTROL = BUILD / "src" / "control" / "upstart-control"
LIMIT = 30  # seconds until something counts as hung
NOBODY = 65534

MANAGER_PATH = "/com/ubuntu/Upstart"
MANAGER = "com.ubuntu.Upstart0_6"
JOB = "com.ubuntu.Upstart0_6.Job"
INSTANCE = "com.ubuntu.Upstart0_6.Instance"
NAME = "com.ubuntu.Upstart"

pytestmark = pytest.mark.skipif(not CONTROL.exists(), reason="upstart-control is not built")


HEADER = (ROOT / "src/common/msg.h").read_text()
MESSAGES = re.findall(r"X\((\w+), \w+\)", HEADER.split("#define MESSAGES(X)")[1].split("enum msg_type")[0])
TYPE = {name: i + 1 for i, name in enumerate(MESSAGES)}
ACTIONS = [n for n in re.findall(r"^\s*(REQUEST_\w+)", HEADER.split("enum request_action {")[1].split("};")[0], re.M)
           if n not in ("REQUEST_LAST_CHANGE", "REQUEST_ACTION_COUNT")]
NOTICES = re.findall(r"\b(NOTIFY_\w+),", HEADER.split("enum notify_type {")[1].split("};")[0])
PACKET = struct.Struct("=IIQQII")
MAGIC = 0x55324950


class FakeInit(threading.Thread):
    """The other end of the link. `answers` maps an action to a reply, or to a function of the request that makes one."""

    def __init__(self, mode, args=(), env=None):
        super().__init__(daemon=True)
        self.answers = {
            "REQUEST_GET_JOBS": {"list": ["web", "d/a-b.c_e"]},
            "REQUEST_GET_LOG_PRIORITY": {"value": "message"},
            "REQUEST_JOB_START": lambda r: {"instance": ""},
            "REQUEST_GET_INSTANCES": {"list": [""]},
            "REQUEST_JOB_PROPERTIES": {"description": "a web server", "start_on": ["1", "a", "1", "b", "1", "/OR"]},
            "REQUEST_INSTANCE_PROPERTIES": {"goal": "start", "state": "running", "processes": ["main", "812"]},
        }
        self.requests = []
        self.effect = 0
        self.lock = threading.Lock()
        self.address = f"unix:abstract=/upstart-test-{os.getpid()}-{id(self)}"
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = tempfile.TemporaryFile("w+")
        child = theirs.fileno()

        def arrange():
            os.dup2(child, 3)

        self.process = subprocess.Popen(
            [CONTROL, "--mode", mode, "--listen", self.address, *args],
            pass_fds=(3, child), preexec_fn=arrange, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})})
        theirs.close()
        self.start()
        self.send("HELLO", {"generation": 1, "log_level": 1, "program": "init"})

    def send(self, kind, body, effect=0):
        data = msgpack.packb(body)
        self.link.send(PACKET.pack(MAGIC, TYPE[kind], effect, len(data), 0, 0) + data)

    def send_effect(self, kind, body):
        with self.lock:
            self.effect += 1
            self.send(kind, body, self.effect)

    def notify(self, kind, **body):
        self.send_effect("NOTIFY", {"type": NOTICES.index(kind), **body})

    def run(self):
        while True:
            try:
                packet = self.link.recv(1 << 17)
            except OSError:
                return
            if not packet:
                return
            _, kind, number, length, _, _ = PACKET.unpack_from(packet)
            body = msgpack.unpackb(packet[PACKET.size:PACKET.size + length], unicode_errors="surrogateescape")
            if kind == TYPE["REQUEST"]:
                self.send("ACK", {"upto": number})
            if kind in (TYPE["REQUEST"], TYPE["QUERY"]):
                self.answer(kind, body)

    def answer(self, kind, body):
        action = ACTIONS[body.get("action", 0)]
        self.requests.append((action, body))
        reply = self.answers.get(action, {})
        if callable(reply):
            reply = reply(body)
        if reply is None:
            return
        reply = {"request": body["request"], **reply}
        if kind == TYPE["REQUEST"]:
            self.send_effect("REPLY", reply)
        else:
            self.send("REPLY", reply)

    def logged(self):
        self.log.flush()
        return pathlib.Path(f"/proc/self/fd/{self.log.fileno()}").read_text()

    def stop(self):
        if self.process.poll() is None:
            self.send("SHUTDOWN", {"why": 0})
            assert self.process.wait(LIMIT) == 0
        self.link.close()
        self.log.close()


@pytest.fixture
def init(request):
    mode, *args = getattr(request, "param", ("user",))
    it = FakeInit(mode, args)
    wait_for(lambda: can_connect(it.address), "the private socket")
    yield it
    it.stop()


def can_connect(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        try:
            s.connect("\0" + address.removeprefix("unix:abstract="))
            return True
        except OSError:
            return False


def run(*argv, **kwargs):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=LIMIT, **kwargs)


def peer_send(init, path, method, *args):
    return run("dbus-send", "--peer=" + init.address, "--print-reply=literal", path, method, *args)


# -- the private socket --------------------------------------------------------


def test_dbus_send_calls_and_errors(init):
    assert peer_send(init, MANAGER_PATH, f"{MANAGER}.GetJobByName", "string:d/a-b.c_e").stdout.strip() == \
        "/com/ubuntu/Upstart/jobs/d_2fa_2db_2ec_5fe"
    web = MANAGER_PATH + "/jobs/web"
    assert peer_send(init, web, f"{JOB}.Start", "array:string:A=1", "boolean:true").stdout.strip() == web + "/_"
    action, request = init.requests[-1]
    assert action == "REQUEST_JOB_START"
    assert (request["env"], request["wait"], request["job"]) == (["A=1"], True, "web")
    assert request.get("uid", 0) == os.getuid()

    got = peer_send(init, MANAGER_PATH, f"{MANAGER}.GetJobByName", "string:")
    assert got.stderr == "Error org.freedesktop.DBus.Error.InvalidArgs: Name may not be empty string\n"
    got = peer_send(init, MANAGER_PATH, f"{MANAGER}.GetJobByName", "int32:1")
    assert got.stderr == "Error org.freedesktop.DBus.Error.InvalidArgs: Invalid arguments to GetJobByName method\n"
    init.answers["REQUEST_GET_JOB"] = {"error": "com.ubuntu.Upstart0_6.Error.UnknownJob", "text": "Unknown job: zz"}
    got = peer_send(init, MANAGER_PATH, f"{MANAGER}.GetJobByName", "string:zz")
    assert got.stderr == "Error com.ubuntu.Upstart0_6.Error.UnknownJob: Unknown job: zz\n"
    init.answers["REQUEST_INSTANCE_STOP"] = {"error": "gone"}
    got = peer_send(init, web + "/_", f"{INSTANCE}.Stop", "boolean:true")
    assert got.stderr == ('Error org.freedesktop.DBus.Error.UnknownMethod: Method "Stop" with signature "b" on interface '
                          '"com.ubuntu.Upstart0_6.Instance" doesn\'t exist\n\n')


def test_python_dbus_finds_types_by_introspection(init):
    connection = dbus.connection.Connection(init.address)
    manager = connection.get_object(NAME, MANAGER_PATH)
    path = manager.GetJobByName("web", dbus_interface=MANAGER)
    job = connection.get_object(NAME, path)
    # Without introspection python-dbus could not know that [] is an array of strings.
    assert job.Start([], True, dbus_interface=JOB) == path + "/_"
    assert job.Get(JOB, "start_on", dbus_interface=dbus.PROPERTIES_IFACE) == [["a"], ["b"], ["/OR"]]
    instance = connection.get_object(NAME, path + "/_")
    everything = instance.GetAll("", dbus_interface=dbus.PROPERTIES_IFACE)
    assert everything == {"name": "", "goal": "start", "state": "running", "processes": [("main", 812)], "quarantine": "", "doing": "",
                          "status": "", "followed": "", "group": ""}
    assert list(everything)[:4] == ["name", "goal", "state", "processes"]
    manager.Set(MANAGER, "log_priority", "info", dbus_interface=dbus.PROPERTIES_IFACE)
    assert init.requests[-1][0] == "REQUEST_SET_LOG_PRIORITY"
    assert len(manager.GetMachineId(dbus_interface="org.freedesktop.DBus.Peer")) == 32
    job.StartWithToken(["A=1"], True, "my-token", dbus_interface="com.ubuntu.Upstart2.Job")
    assert init.requests[-1][1]["token"] == "my-token"
    with pytest.raises(dbus.DBusException) as refused:
        manager.EmitEvent("", [], True, dbus_interface=MANAGER)
    assert refused.value.get_dbus_name() == "org.freedesktop.DBus.Error.InvalidArgs"
    connection.close()


def test_file_goes_along(init):
    connection = dbus.connection.Connection(init.address)
    manager = connection.get_object(NAME, MANAGER_PATH)
    with open("/dev/null") as f:
        manager.EmitEventWithFile("ev", ["A=1"], False, dbus.types.UnixFd(f), dbus_interface=MANAGER)
    assert init.requests[-1][0] == "REQUEST_EMIT"
    connection.close()


def test_private_clients_are_logged(init):
    wait_for(lambda: "Connection from private client\n" in init.logged(), "the message")
    assert "init: Connection" not in init.logged()  # what is no warning has no prefix in a session


def test_other_user_is_dropped(init):
    if os.getuid() != 0:
        pytest.skip("needs root")
    got = run("dbus-send", "--peer=" + init.address, "--print-reply", MANAGER_PATH, f"{MANAGER}.GetAllJobs", user=NOBODY)
    assert got.returncode == 1
    assert "NoReply" in got.stderr
    assert init.requests == []


def test_unable_to_listen_is_a_warning(init):
    second = FakeInit("user", ["--listen", init.address])
    wait_for(lambda: "init: Unable to listen for private connections: " in second.logged(), "the warning")
    assert can_connect(second.address)
    second.stop()


@pytest.mark.parametrize("args", [[], ["--mode", "galactic"], ["--mode", "user", "--listen-fd", "x"],
                                  ["--mode", "user", "extra"], ["--mode", "user", "--listen-fd", "999"]])
def test_wrong_command_lines(args):
    got = run(CONTROL, *args)
    assert got.returncode == 2
    assert got.stderr.startswith("Usage: upstart-control ") or "Usage: upstart-control " in got.stderr


def test_link_missing_is_an_orderly_failure():
    got = run(CONTROL, "--mode", "user", stdin=subprocess.DEVNULL)
    assert got.returncode in (0, 1)


@pytest.mark.parametrize("init", [("system", "--no-dbus")], indirect=True)
def test_sandbox_is_on(init):
    peer_send(init, MANAGER_PATH, "org.freedesktop.DBus.Peer.Ping")
    status = dict(line.split(":\t") for line in
                  pathlib.Path(f"/proc/{init.process.pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    if status["Seccomp"] != "2":
        pytest.skip("built without libseccomp")
    if os.getuid() == 0:
        assert int(status["CapEff"], 16) == 0
        assert int(status["CapBnd"], 16) == 0


def test_sandbox_runs_no_programs(init, tmp_path):
    made = tmp_path / "made"
    for address in (f"unixexec:path=/usr/bin/touch,argv1={made}", "autolaunch:"):
        got = peer_send(init, MANAGER_PATH, f"{MANAGER}.NotifyDBusAddress", "string:" + address)
        assert got.returncode == 1 and got.stderr.startswith("Error org.freedesktop.DBus.Error."), got.stderr
    assert not made.exists()
    assert peer_send(init, MANAGER_PATH, f"{MANAGER}.GetAllJobs").returncode == 0


def test_end_of_the_link_ends_the_servant(init):
    init.link.shutdown(socket.SHUT_RDWR)
    assert init.process.wait(LIMIT) == 0


# -- buses ---------------------------------------------------------------------

SYSTEM_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>{address}</listen><auth>EXTERNAL</auth>
<policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/>
  <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/>
  <allow receive_type="error"/><allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus"/>
</policy>
<include>{policy}</include>
</busconfig>
"""


class Bus:
    """A private bus with the rules of a system bus and our policy file."""

    def __init__(self, folder):
        self.address = f"unix:path={folder}/bus"
        config = folder / "bus.conf"
        config.write_text(SYSTEM_BUS.format(address=self.address, policy=ROOT / "dbus" / "Upstart.conf"))
        self.config, self.folder, self.process = config, folder, None

    def up(self):
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile"],
                                        stderr=subprocess.DEVNULL)
        wait_for((self.folder / "bus").exists, "the bus")

    def down(self):
        if self.process:
            self.process.terminate()
            self.process.wait(LIMIT)
            self.process = None
            (self.folder / "bus").unlink(missing_ok=True)

    def send(self, *args, user=None):
        return run("dbus-send", "--bus=" + self.address, "--print-reply=literal", "--dest=" + NAME, *args, user=user)

    def has_name(self):
        got = run("dbus-send", "--bus=" + self.address, "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
                  "org.freedesktop.DBus.NameHasOwner", "string:" + NAME)
        return "true" in got.stdout


@pytest.fixture
def bus():
    if os.getuid() != 0:
        pytest.skip("needs root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="upstart-bus-"))
    folder.chmod(0o755)
    it = Bus(folder)
    yield it
    it.down()
    shutil.rmtree(folder)


def test_policy_lets_others_look_and_root_act(bus):
    bus.up()
    init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    wait_for(bus.has_name, "the name")
    web = MANAGER_PATH + "/jobs/web"
    for path, method, *args in [
            (MANAGER_PATH, f"{MANAGER}.GetAllJobs"), (MANAGER_PATH, f"{MANAGER}.GetJobByName", "string:web"),
            (web, f"{JOB}.GetInstance", "array:string:"), (web, f"{JOB}.GetInstanceByName", "string:"),
            (web, f"{JOB}.GetAllInstances"), (web, "org.freedesktop.DBus.Introspectable.Introspect"),
            (web, "org.freedesktop.DBus.Properties.GetAll", "string:"),
            (MANAGER_PATH, "org.freedesktop.DBus.Properties.Get", f"string:{MANAGER}", "string:version")]:
        got = bus.send(path, method, *args, user=NOBODY)
        assert got.returncode == 0, (method, got.stderr)
    for path, method, *args in [
            (MANAGER_PATH, f"{MANAGER}.GetState"), (MANAGER_PATH, f"{MANAGER}.ListEnv", "array:string:"),
            (MANAGER_PATH, f"{MANAGER}.EmitEvent", "string:x", "array:string:", "boolean:false"),
            (MANAGER_PATH, "com.ubuntu.Upstart2.EmitEventWithToken", "string:x", "array:string:", "boolean:false",
             "string:t"),
            (web, f"{JOB}.Start", "array:string:", "boolean:false"),
            (web, "com.ubuntu.Upstart2.Job.StartWithToken", "array:string:", "boolean:false", "string:t"),
            (web + "/_", f"{INSTANCE}.Stop", "boolean:false"),
            (MANAGER_PATH, "org.freedesktop.DBus.Peer.Ping")]:
        got = bus.send(path, method, *args, user=NOBODY)
        assert got.stderr.startswith("Error org.freedesktop.DBus.Error.AccessDenied"), (method, got.stderr)
        if "Peer" not in method:
            assert bus.send(path, method, *args).returncode == 0, method
    assert bus.send(MANAGER_PATH, f"{MANAGER}.EndSession").returncode == 0
    init.stop()


def test_gdbus_introspects_and_calls(bus):
    gdbus = shutil.which("gdbus") or pytest.skip("no gdbus")
    bus.up()
    init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    wait_for(bus.has_name, "the name")
    there = ["--address", bus.address, "--dest", NAME, "--object-path", MANAGER_PATH]
    tree = run(gdbus, "introspect", *there)
    assert tree.returncode == 0, tree.stderr
    order = re.findall(r"^      (\w+)\(", tree.stdout, re.M)
    assert order.index("ResetEnv") < order.index("EmitEvent") < order.index("EmitEventWithFile") < \
        order.index("NotifyDiskWriteable") < order.index("EndSession") < order.index("JobAdded")
    assert "version = 'init (upstart " in tree.stdout
    assert "node jobs {" in tree.stdout
    got = run(gdbus, "call", *there, "--method", f"{MANAGER}.GetAllJobs")
    assert got.stdout == "([objectpath '/com/ubuntu/Upstart/jobs/d_2fa_2db_2ec_5fe', '/com/ubuntu/Upstart/jobs/web'],)\n"
    init.stop()


def test_bus_that_comes_and_goes(bus):
    init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    wait_for(lambda: can_connect(init.address), "the private socket")
    peer_send(init, MANAGER_PATH, "org.freedesktop.DBus.Peer.Ping")
    for _ in range(3):
        bus.up()
        init.send("BUS", {"what": 2})
        wait_for(bus.has_name, "the name")
        assert bus.send(MANAGER_PATH, f"{MANAGER}.GetAllJobs").returncode == 0
        before = init.logged().count("Disconnected from D-Bus system bus")
        bus.down()
        wait_for(lambda: init.logged().count("Disconnected from D-Bus system bus") > before, "the warning")
    assert peer_send(init, MANAGER_PATH, f"{MANAGER}.GetAllJobs").returncode == 0
    init.stop()


def test_stuck_bus_blocks_nobody(bus):
    """A daemon that accepts and then says nothing, for joining and for the question who calls."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(bus.address.removeprefix("unix:path="))
        silent.listen(1)
        init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        wait_for(lambda: can_connect(init.address), "the private socket")
        assert peer_send(init, MANAGER_PATH, f"{MANAGER}.GetAllJobs").returncode == 0
        init.stop()
    os.unlink(bus.address.removeprefix("unix:path="))

    bus.up()
    init = FakeInit("system", env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
    wait_for(bus.has_name, "the name")
    bus.process.send_signal(signal.SIGSTOP)
    try:
        assert peer_send(init, MANAGER_PATH, f"{MANAGER}.GetAllJobs").returncode == 0
    finally:
        bus.process.send_signal(signal.SIGCONT)
    assert bus.send(MANAGER_PATH, f"{MANAGER}.ReloadConfiguration").returncode == 0
    init.stop()


def test_signals_reach_everybody(init):
    from gi.repository import GLib
    import dbus.mainloop.glib
    connection = dbus.connection.Connection(init.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
    heard = []
    context = GLib.MainContext.default()
    connection.add_signal_receiver(lambda *args, **kw: heard.append((kw["member"], kw["path"], args)),
                                   member_keyword="member", path_keyword="path")
    connection.get_object(NAME, MANAGER_PATH, introspect=False).Ping(dbus_interface="org.freedesktop.DBus.Peer")
    init.notify("NOTIFY_JOB_ADDED", job="d/x")
    init.notify("NOTIFY_STATE_CHANGED", job="web", instance="", text="running")
    init.notify("NOTIFY_EVENT_EMITTED", text="hello", env=["X=1"])
    init.send("HELLO", {"generation": 1, "log_level": 2, "program": "init", "received": 1 << 40, "reexec": True})

    def pumped():
        while context.iteration(False):
            pass
        return len(heard) >= 4

    wait_for(pumped, "four signals")
    assert heard == [
        ("JobAdded", MANAGER_PATH, ("/com/ubuntu/Upstart/jobs/d_2fx",)),
        ("StateChanged", MANAGER_PATH + "/jobs/web/_", ("running",)),
        ("EventEmitted", MANAGER_PATH, ("hello", ["X=1"])),
        ("Restarted", MANAGER_PATH, ()),
    ]
    connection.close()
