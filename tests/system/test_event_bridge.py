# SPDX-License-Identifier: MIT
"""upstart-event-bridge: with stand-ins for both inits, with a bus, and with real inits.

UPSTART_BUILD names the build folder (default: build).
"""

import os
import re
import pathlib
import signal
import subprocess
import sys

import pytest

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT_DIR / "tests" / "helpers"))

import waiting  # noqa: E402
from fake_init import ERROR, MANAGER, ROOT, Drop, FakeInit, Failure, Job, Silence  # noqa: E402

BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT_DIR / "build")).resolve()
BRIDGE = BUILD / "src" / "bridges" / "upstart-event-bridge"
INIT = BUILD / "src" / "init" / "init"
INITCTL = BUILD / "src" / "initctl" / "initctl"
TELINIT = BUILD / "src" / "sysv" / "telinit"
JOBS = ROOT_DIR / "jobs"
LIMIT = 60  # seconds until something counts as hung
WRAPPER = os.environ.get("UPSTART_TEST_WRAPPER", "").split()  # valgrind …

pytestmark = pytest.mark.skipif(not BRIDGE.exists(), reason="the bridges are not built")

TRY = "Try `upstart-event-bridge --help' for more information.\n"


def wait_for(condition, what="it"):
    return waiting.wait_for(condition, what, LIMIT)


class Bridge:
    """A running bridge; what it says is in `log`."""

    def __init__(self, tmp_path, session, *options, ready=True, **env):
        self.path = tmp_path / ("bridge-%d.log" % len(list(tmp_path.glob("bridge-*.log"))))
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "UPSTART_SESSION": getattr(session, "address", session),
                    "XDG_RUNTIME_DIR": str(tmp_path), **env}
        command = [*WRAPPER, str(BRIDGE), "--debug", *options]
        here, there = os.pipe()
        if ready:
            command.append("--ready=%d" % there)
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[there])
        os.close(there)
        said = os.read(here, 10) if ready else None
        os.close(here)
        assert not ready or said == b"\n", self.log

    @property
    def log(self):
        return self.path.read_text(errors="surrogateescape")

    def says(self, text, times=1):
        wait_for(lambda: self.log.count(text) >= times, "%r in:\n%s" % (text, self.log))

    def end(self, signo=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signo)
        return self.process.wait(LIMIT)


@pytest.fixture
def start(tmp_path):
    """start(session, *options) -> Bridge; they must end well."""
    bridges = []

    def start(session, *options, **env):
        bridges.append(Bridge(tmp_path, session, *options, **env))
        return bridges[-1]
    yield start
    for bridge in bridges:
        if bridge.process.poll() is None:
            assert bridge.end() == 0, bridge.log
        for word in ("Sanitizer", "runtime error", "assertion", "arguments to dbus"):
            assert word not in bridge.log


@pytest.fixture
def system():
    with FakeInit() as init:
        yield init


def listen_again(init):
    """After deaf(): the address is free once the thread that accepts has let go of it."""
    def listen():
        try:
            return init.listen()
        except OSError:
            return None
    wait_for(listen, "the address")


def event(init, name, *env):
    init.signal(ROOT, MANAGER, "EventEmitted", "sas", name, list(env))


def session_of(*names, **options):
    """A session whose jobs ask for these events."""
    return FakeInit([Job("job%d" % i, start_on=[[name]]) for i, name in enumerate(names)], **options)


def got(session):
    """The events the session was given."""
    return [(what[1][0], what[1][1]) for what in list(session.performed) if what[0] == "EmitEvent"]


def names(session):
    return [name for name, _ in got(session)]


def test_forwards_only_what_is_asked_for(start, system):
    jobs = [Job("a", start_on=[[":sys:started", "JOB=x"], ["unrelated"], ["/OR"]]),
            Job("b", stop_on=[["a"], [":sys:stopped"], [":sys:with space"], ["/AND"], ["/AND"]]),
            Job("c", start_on=[["plain"], [":sys:"], [":sys:quote'd"], ["/OR"], ["/OR"]])]
    with FakeInit(jobs) as session:
        start(session, "--system-address=" + system.address)
        for name in ("started", "starting", "stopped", "plain", "a", "unrelated", ":sys:started", "", "start",
                     "startedx", "with space", "STARTED", "quote'd"):
            event(system, name, "JOB=y", "INSTANCE=", "X=a=b", "E=")
        env = ["JOB=y", "INSTANCE=", "X=a=b", "E="]
        wait_for(lambda: len(got(session)) >= 4)
        assert got(session) == [(":sys:started", env), (":sys:stopped", env), (":sys:with space", env), (":sys:quote'd", env)]
        # Nobody waits for what a session makes of it.
        assert all(what[1][2] == 0 for what in session.performed)


def test_forwards_all(start, system):
    with FakeInit() as session:
        start(session, "--always", "--system-address", system.address)
        event(system, "one", "A=1")
        event(system, ":sys:one")  # an echo of ourselves
        system.signal(ROOT, MANAGER, "Restarted")
        event(system, "two")
        wait_for(lambda: len(got(session)) >= 3)
        assert got(session) == [(":sys:one", ["A=1"]), (":sys:restarted", []), (":sys:two", [])]


@pytest.mark.parametrize("asked", [":sys:restarted", ":sys:re*"])
def test_restarted(start, system, asked):
    with session_of(asked, ":sys:end") as session:
        start(session, "--system-address=" + system.address)
        system.signal(ROOT, MANAGER, "Restarted")
        event(system, "end")
        wait_for(lambda: ":sys:end" in names(session))
        assert got(session) == [(":sys:restarted", []), (":sys:end", [])]


def test_restarted_is_not_forwarded_unasked(start, system):
    with session_of(":sys:end") as session:
        start(session, "--system-address=" + system.address)
        system.signal(ROOT, MANAGER, "Restarted")
        event(system, "end")
        wait_for(lambda: names(session))
        assert names(session) == [":sys:end"]


def test_globs(start, system):
    with session_of(":sys:net-*", ":sys:run[lk]evel", ":sys:?") as session:
        start(session, "--system-address=" + system.address)
        for name in ("net-up", "network", "runlevel", "runmevel", "x", "xy", "net-*"):
            event(system, name)
        wait_for(lambda: len(got(session)) >= 4)
        assert names(session) == [":sys:net-up", ":sys:runlevel", ":sys:x", ":sys:net-*"]


def test_other_signals_are_nothing(start, system):
    with session_of(":sys:end", ":sys:bad") as session:
        start(session, "--system-address=" + system.address)
        system.signal(ROOT + "/jobs/x", MANAGER, "EventEmitted", "sas", "bad", [])
        system.signal(ROOT, MANAGER + ".Job", "EventEmitted", "sas", "bad", [])
        system.signal(ROOT, MANAGER, "EventEmitted", "s", "bad")
        system.signal(ROOT, MANAGER, "EventEmitted", "su", "bad", 3)
        system.signal(ROOT, MANAGER, "EventEmitted")
        system.signal(ROOT, MANAGER, "JobAdded", "o", "/bad")
        session.signal(ROOT, MANAGER, "EventEmitted", "sas", "bad", [])
        session.signal(ROOT, MANAGER, "JobAdded", "s", "bad")
        session.signal(ROOT, MANAGER, "JobRemoved", "o", "/unknown")
        event(system, "end")
        wait_for(lambda: names(session))
        assert names(session) == [":sys:end"]


# ---- jobs come and go ----

def test_jobs_come_change_and_go(start, system):
    with session_of(":sys:end") as session:
        bridge = start(session, "--system-address=" + system.address)
        job = Job("new", start_on=[[":sys:one"]])
        session.jobs["new"] = job
        session.signal(ROOT, MANAGER, "JobAdded", "o", job.path)
        bridge.says("The jobs ask for 2 events")
        event(system, "one")
        event(system, "two")
        wait_for(lambda: got(session))

        # A changed file: it goes and comes.
        job.start_on, job.stop_on = [], [[":sys:two"], [":sys:three"], ["/AND"]]
        session.signal(ROOT, MANAGER, "JobRemoved", "o", job.path)
        session.signal(ROOT, MANAGER, "JobAdded", "o", job.path)
        bridge.says("The jobs ask for 3 events")
        event(system, "one")
        event(system, "two")
        wait_for(lambda: len(got(session)) >= 2)

        del session.jobs["new"]
        session.signal(ROOT, MANAGER, "JobRemoved", "o", job.path)
        bridge.says("The jobs ask for 1 events", 2)
        event(system, "two")
        event(system, "end")
        wait_for(lambda: len(got(session)) >= 3)
        assert names(session) == [":sys:one", ":sys:two", ":sys:end"]


def test_a_job_that_vanishes_or_fails_is_passed_over(start, system):
    def hook(init, message):
        if message.path.endswith("gone"):
            init.unknown(message)
        if message.path.endswith("broken"):
            raise Failure(ERROR + "PermissionDenied", "Not for you")
    jobs = [Job("gone", start_on=[[":sys:x"]]), Job("broken", start_on=[[":sys:x"]]), Job("good", start_on=[[":sys:end"]])]
    with FakeInit(jobs, hooks={"GetAll": hook}) as session:
        bridge = start(session, "--system-address=" + system.address)
        event(system, "x")
        event(system, "end")
        wait_for(lambda: got(session))
        assert names(session) == [":sys:end"]
        assert "Unable to read the conditions of %s/jobs/broken: Not for you" % ROOT in bridge.log
        assert "conditions of %s/jobs/gone" % ROOT not in bridge.log


def test_many_jobs(start, system):
    with session_of(*[":sys:n%d" % i for i in range(1000)]) as session:
        bridge = start(session, "--system-address=" + system.address)
        bridge.says("The jobs ask for 1000 events")
        event(system, "n1000")
        event(system, "n999")
        wait_for(lambda: got(session))
        assert names(session) == [":sys:n999"]


# ---- what is in an event ----

def test_variables_are_filtered(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address, "--deny-env=SECRET*", "--deny-env", "T?KEN",
                       "--allow-env=LD_DEBUG")
        for _ in range(2):
            event(system, "x", "JOB=j", "INSTANCE=i", "RESULT=failed", "PROCESS=main", "EXIT_STATUS=1", "PATH=/evil",
                  "LD_PRELOAD=/evil", "UPSTART_SESSION=/evil", "DBUS_SESSION_BUS_ADDRESS=/evil", "HOME=/root", "A B=1",
                  "1=1", "=x", "nothing", "LD_DEBUG=all", "SECRET_KEY=1", "TOKEN=2", "persist.sys.usb-config=mtp",
                  "UTF=h\u00e9\u4e16\U0001f600", "NL=a\nb", "LAST=")
        wait_for(lambda: len(got(session)) >= 2)
        expected = (":sys:x", ["JOB=j", "INSTANCE=i", "RESULT=failed", "PROCESS=main", "EXIT_STATUS=1", "LD_DEBUG=all",
                               "persist.sys.usb-config=mtp", "UTF=h\u00e9\u4e16\U0001f600", "NL=a\nb", "LAST="])
        assert got(session) == [expected, expected]
        for name in ("PATH", "LD_PRELOAD", "UPSTART_SESSION", "DBUS_SESSION_BUS_ADDRESS", "HOME", "A B", "1", "nothing"):
            assert bridge.log.count("variable %s dropped" % name) == 1
        assert "SECRET_KEY" not in bridge.log


def test_sizes_are_bounded(start, system):
    with session_of(":sys:x") as session:
        start(session, "--system-address=" + system.address)
        event(system, "x", "BIG=" + "\u00e9" * 100000, *["V%d=" % i for i in range(5000)])
        event(system, "x", *["V%d=%s" % (i, "x" * 60000) for i in range(20)])
        wait_for(lambda: len(got(session)) >= 2)
        first, second = [env for _, env in got(session)]
        assert len(first) == 1024
        assert first[0] == "BIG=" + "\u00e9" * 32768
        assert sum(len(pair.encode()) for pair in second) <= 256 * 1024
        assert len(second) == 4


def test_what_is_not_utf8_ends_a_connection_and_nothing_else(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address)
        event(system, "x", "A=caf\udce9")
        bridge.says("Connected to the system's init again")
        wait_for(lambda: system.connections)
        event(system, "x", "A=1")
        wait_for(lambda: got(session))
        assert got(session) == [(":sys:x", ["A=1"])]


def test_a_flood_keeps_its_order(start, system):
    with session_of(":sys:x") as session:
        start(session, "--system-address=" + system.address)
        for i in range(3000):
            event(system, "x", "N=%d" % i)
        wait_for(lambda: len(got(session)) >= 3000)
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(3000)]


# ---- the source goes and returns ----

def test_source_returns(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address)
        for i in range(3):
            event(system, "x", "N=%d" % i)
            wait_for(lambda: len(got(session)) == i + 1)
            system.deaf()
            bridge.says("Lost the connection to the system's init", i + 1)
            listen_again(system)
            bridge.says("Connected to the system's init again", i + 1)
        event(system, "x", "N=3")
        wait_for(lambda: len(got(session)) == 4)
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(4)]


def test_source_comes_later(start):
    with session_of(":sys:x") as session:
        system = FakeInit()
        bridge = start(session, "--system-address=" + system.address)
        assert "Unable to connect to the system's init yet" in bridge.log
        with system:
            bridge.says("Connected to the system's init")
            event(system, "x")
            wait_for(lambda: got(session))


def test_source_that_shows_us_the_door(start):
    def authenticate(init, _):
        if init.accepted < 4:
            raise Drop
    with FakeInit(hooks={"authenticate": authenticate}) as system, session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address)
        bridge.says("Connected to the system's init")
        event(system, "x")
        wait_for(lambda: got(session))


# ---- the session's init goes and returns ----

def test_session_returns(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address)
        event(system, "x", "N=0")
        wait_for(lambda: got(session))
        session.deaf()
        bridge.says("Lost the connection to Upstart")
        for i in range(1, 200):
            event(system, "x", "N=%d" % i)
        bridge.says("Event :sys:x", 200)
        session.jobs["later"] = Job("later", start_on=[[":sys:later"]])
        del session.jobs["job0"]
        listen_again(session)
        bridge.says("Connected to Upstart again")
        wait_for(lambda: len(got(session)) >= 200)
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(200)]
        # The jobs were looked at again.
        wait_for(lambda: [call[1] for call in session.calls].count("GetAllJobs") == 2)
        event(system, "x")
        event(system, "later")
        wait_for(lambda: names(session)[-1] == ":sys:later")
        assert names(session).count(":sys:x") in (200, 201)  # depending on when the answer came


def test_unanswered_events_are_sent_again_and_done_once(start, system):
    """init takes an event, and is gone before it answers."""
    cut = []

    def hook(init, message):
        if message.body[1] == ["N=5"] and not cut:
            cut.append(message.body[3])
            init.handle(message)
            init.drop_all()
            raise Drop
    with session_of(":sys:x", hooks={"EmitEventWithToken": hook}) as session:
        bridge = start(session, "--system-address=" + system.address)
        for i in range(10):
            event(system, "x", "N=%d" % i)
        bridge.says("Connected to Upstart again")
        wait_for(lambda: len(got(session)) >= 10)
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(10)]
        tokens = [call[2][3] for call in session.calls if call[1] == "EmitEventWithToken"]
        assert tokens.count(cut[0]) == 2
        assert len(set(tokens)) == 10


def test_old_init_without_tokens(start, system):
    with session_of(":sys:x", tokens=False) as session:
        bridge = start(session, "--system-address=" + system.address)
        for i in range(100):
            event(system, "x", "N=%d" % i)
        wait_for(lambda: len(got(session)) >= 100)
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(100)]
        assert [call[1] for call in session.calls].count("EmitEventWithToken") == 1
        session.deaf()
        bridge.says("Lost the connection to Upstart")
        event(system, "x", "N=100")
        listen_again(session)
        wait_for(lambda: len(got(session)) >= 101)
        assert got(session)[-1] == (":sys:x", ["N=100"])


def test_session_that_does_not_return(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address)
        session.deaf()
        assert bridge.process.wait(LIMIT) == 1
        assert bridge.log.endswith("upstart-event-bridge: Disconnected from Upstart\n")


def test_queue_is_bounded(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address, "--queue=5")
        session.deaf()
        bridge.says("Lost the connection to Upstart")
        for i in range(100):
            event(system, "x", "N=%d" % i)
        bridge.says("Event :sys:x", 100)
        bridge.says("Dropped 1 events")  # the others within ten seconds are told later, together
        listen_again(session)
        wait_for(lambda: len(got(session)) >= 5)
        event(system, "x", "N=end")
        wait_for(lambda: got(session)[-1][1] == ["N=end"])
        assert [env for _, env in got(session)] == [["N=%d" % i] for i in range(5)] + [["N=end"]]


def test_refused_events_are_told(start, system):
    def hook(init, message):
        raise Failure(ERROR + "PermissionDenied", "You do not have permission to emit an event")
    with session_of(":sys:x", hooks={"EmitEventWithToken": hook}) as session:
        bridge = start(session, "--system-address=" + system.address)
        for _ in range(5):
            event(system, "x")
        wait_for(lambda: [call[1] for call in session.calls].count("EmitEventWithToken") == 5)
        bridge.says("init refuses an event: You do not have permission to emit an event")
        assert bridge.log.count("refuses") == 1


def test_what_is_queued_is_sent_before_the_end(start, system):
    """TERM while init takes its time: what was accepted is still delivered."""
    held = []

    def hook(init, message):
        if message.body[1] == ["N=0"] and not held:
            held.append(message)
            wait_for(lambda: "Sending the last" in bridge.log)
    with session_of(":sys:x", hooks={"EmitEventWithToken": hook}) as session:
        bridge = start(session, "--system-address=" + system.address)
        for i in range(200):
            event(system, "x", "N=%d" % i)
        bridge.says("Event :sys:x", 200)
        wait_for(lambda: held)
        bridge.process.terminate()
        assert bridge.process.wait(LIMIT) == 0
        if "were not sent" not in bridge.log:  # it has a second for it
            assert len(got(session)) == 200


def test_the_end_does_not_wait_for_ever(start, system):
    def hook(init, message):
        raise Silence
    with session_of(":sys:x", hooks={"EmitEventWithToken": hook}) as session:
        bridge = start(session, "--system-address=" + system.address)
        event(system, "x")
        bridge.says("Event :sys:x")
        assert bridge.end() == 0
        assert "1 events were not sent" in bridge.log


# ---- the command line ----

def run(*options, session="unix:abstract=/nobody/here/1", **env):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", **({"UPSTART_SESSION": session} if session else {}), **env}
    done = subprocess.run([BRIDGE, *options], env=env, capture_output=True, text=True, timeout=LIMIT)
    return done.returncode, done.stdout, done.stderr


def test_help_and_version():
    status, out, err = run("--help")
    assert status == 0 and err == ""
    assert out.startswith("Usage: upstart-event-bridge [OPTION]...\n")
    for option in ("--always", "--daemon", "--deny-env=GLOB", "--allow-env=GLOB", "--system-address=ADDRESS",
                   "--ready=HOW", "--queue=EVENTS", "-q, --quiet", "-v, --verbose", "--help", "--version"):
        assert "  " + option in out
    assert "--debug" not in out
    status, out, err = run("--version")
    assert status == 0 and err == ""
    assert out.startswith("upstart-event-bridge (upstart ")


@pytest.mark.parametrize("options, text", [
    (["--nonsense"], "invalid option: --nonsense"),
    (["-x"], "invalid option: -x"),
    (["--user"], "invalid option: --user"),
    (["--deny-env"], "missing argument: --deny-env"),
    (["--always=1"], "unexpected argument: --always=1"),
    (["word"], "unexpected argument: word"),
])
def test_misuse(options, text):
    assert run(*options) == (1, "", "upstart-event-bridge: %s\n%s" % (text, TRY))


@pytest.mark.parametrize("options, text", [
    (["--queue=0"], "Not a number of events from 1 to 1000000: 0"),
    (["--queue=1x"], "Not a number of events from 1 to 1000000: 1x"),
    (["--ready=go"], "Neither `stop' nor the number of an open descriptor: go"),
    (["--ready=77"], "Neither `stop' nor the number of an open descriptor: 77"),
])
def test_bad_values(options, text):
    assert run(*options) == (1, "", "upstart-event-bridge: %s\n" % text)


def test_no_session():
    text = "upstart-event-bridge: UPSTART_SESSION isn't set in environment\n"
    assert run(session=None) == (1, "", text)
    assert run(session="") == (1, "", text)
    status, _, err = run()
    assert status == 1
    assert err.startswith("upstart-event-bridge: Unable to connect to Upstart: ")
    status, _, err = run(session="nonsense")
    assert status == 1
    assert err.startswith("upstart-event-bridge: Unable to connect to Upstart: ")
    status, _, err = run("--daemon", session="unix:path=/run/upstart/socket", XDG_RUNTIME_DIR="/tmp")
    assert (status, err) == (1, "upstart-event-bridge: Invalid value for UPSTART_SESSION\n")


@pytest.mark.parametrize("address", ["nonsense", "unix:", "caf\udce9"])
def test_bad_source_address(address):
    with FakeInit() as session:
        status, _, err = run("--system-address=" + address, session=session.address)
        assert status == 1
        assert err.startswith("upstart-event-bridge: ")


def test_init_that_does_not_tell_its_jobs(system):
    def hook(init, message):
        raise Failure(ERROR + "PermissionDenied", "Not for you")
    with FakeInit(hooks={"GetAllJobs": hook}) as session:
        assert run("--system-address=" + system.address, session=session.address) == (
            1, "", "upstart-event-bridge: Unable to learn which jobs there are: Not for you\n")


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_ends_on_request(start, system, signo):
    with FakeInit() as session:
        bridge = start(session, "--system-address=" + system.address)
        assert bridge.end(signo) == 0


def test_quiet(tmp_path, system):
    with FakeInit() as session:
        bridge = Bridge(tmp_path, session, "--quiet", "--system-address=" + system.address)
        assert bridge.end() == 0
        assert bridge.log == ""


# ---- being ready, being a daemon ----

@pytest.mark.skipif(bool(WRAPPER), reason="the wrapper is not stopped")
def test_stops_itself_when_ready(start, system):
    with session_of(":sys:x") as session:
        bridge = start(session, "--system-address=" + system.address, "--ready=stop", ready=False)
        pid, status = os.waitpid(bridge.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
        assert "The jobs ask for 1 events" in bridge.log
        event(system, "x")
        bridge.process.send_signal(signal.SIGCONT)
        wait_for(lambda: got(session))


def test_is_not_ready_before_the_jobs_are_known(tmp_path, system):
    release = []

    def hook(init, message):
        wait_for(lambda: release)
    with session_of(":sys:x", hooks={"GetAll": hook}) as session:
        bridge = Bridge(tmp_path, session, "--system-address=" + system.address, ready=False)
        bridge.says("Connected to the system's init")
        assert "Ready" not in bridge.log
        release.append(True)
        bridge.says("Ready")
        assert bridge.end() == 0


def gone(pid):
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("signo, place", [(signal.SIGTERM, "XDG_RUNTIME_DIR"), (signal.SIGKILL, "HOME")])
def test_daemon(tmp_path, system, signo, place):
    with session_of(":sys:x") as session:
        here, there = os.pipe()
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "UPSTART_SESSION": session.address, place: str(tmp_path)}
        done = subprocess.run([*WRAPPER, str(BRIDGE), "--daemon", "--system-address=" + system.address, "--ready=%d" % there],
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              pass_fds=[there], timeout=LIMIT)
        os.close(there)
        assert done.returncode == 0
        pid_file = tmp_path / ("upstart-event-bridge.%s.pid" % session.address.rsplit("/", 1)[1])
        assert list(tmp_path.iterdir()) == [pid_file]
        pid = int(pid_file.read_text())
        try:
            assert os.read(here, 10) == b"\n"
            stat = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
            assert int(stat[3]) != pid and int(stat[3]) != os.getsid(0)  # another session, but not its leader
            assert os.readlink("/proc/%d/cwd" % pid) == "/"
            for fd in range(3):
                assert os.readlink("/proc/%d/fd/%d" % (pid, fd)) == "/dev/null"
            os.kill(pid, signal.SIGHUP)
            event(system, "x", "A=1")
            wait_for(lambda: got(session))
            system.deaf()
            listen_again(system)
            wait_for(lambda: system.connections)
            wait_for(lambda: ("org.freedesktop.DBus.Peer", "Ping", []) in system.calls[1:])
            event(system, "x", "A=2")
            wait_for(lambda: len(got(session)) == 2)
        finally:
            os.kill(pid, signo)
        wait_for(lambda: gone(pid))
        os.close(here)
        assert pid_file.exists() == (signo == signal.SIGKILL)


def test_daemon_that_cannot_start_says_so(tmp_path):
    status, _, err = run("--daemon", XDG_RUNTIME_DIR=str(tmp_path))
    assert status == 1
    assert err.startswith("upstart-event-bridge: Unable to connect to Upstart: ")
    assert list(tmp_path.iterdir()) == []


# ---- on a bus ----

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%s</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""


class Bus:
    """A message bus of our own."""

    def __init__(self, tmp_path):
        self.address = "unix:path=%s/bus" % tmp_path
        self.config = tmp_path / "bus.conf"
        self.config.write_text(BUS_CONFIG % (tmp_path / "bus"))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", "--config-file", str(self.config)],
                                        stdin=subprocess.DEVNULL)
        wait_for(self.connect, "the bus")
        return self

    def connect(self, name=None):
        dbus = pytest.importorskip("dbus")
        try:
            connection = dbus.bus.BusConnection(self.address)
        except dbus.DBusException:
            return None
        connection.set_exit_on_disconnect(False)
        if name:
            connection.request_name(name, dbus.bus.NAME_FLAG_DO_NOT_QUEUE)
        return connection

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            pathlib.Path(self.address.split("=", 1)[1]).unlink(missing_ok=True)


@pytest.fixture
def bus(tmp_path):
    pytest.importorskip("dbus")
    try:
        bus = Bus(tmp_path).start()
    except FileNotFoundError:
        pytest.skip("there is no dbus-daemon")
    yield bus
    bus.stop()


def emit(connection, member, *body, destination=None):
    import dbus.lowlevel
    message = dbus.lowlevel.SignalMessage(ROOT, MANAGER, member)
    if destination:
        message.set_destination(destination)
    if body:
        message.append(*body, signature="sas")
    connection.send_message(message)
    connection.flush()


UPSTART = "com.ubuntu.Upstart"


def test_bus(start, bus):
    init = bus.connect(UPSTART)
    other = bus.connect("com.example.Other")
    with session_of(":sys:x", ":sys:quote'd", ":sys:restarted") as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        emit(init, "EventEmitted", "x", ["A=1"])
        emit(other, "EventEmitted", "x", ["A=bad"])
        emit(init, "EventEmitted", "y", [])
        emit(init, "Restarted")
        emit(init, "EventEmitted", "quote'd", [])
        wait_for(lambda: len(got(session)) >= 3)
        assert got(session) == [(":sys:x", ["A=1"]), (":sys:restarted", []), (":sys:quote'd", [])]
        # Only what is asked for wakes the bridge.
        rules = [line for line in bridge.log.splitlines() if "AddMatch" in line]
        assert len(rules) == 5
        assert sum("member='EventEmitted',arg0='" in line for line in rules) == 3


def test_bus_signals_of_strangers_are_not_events(start, bus):
    """Anybody may send a signal straight to us."""
    init = bus.connect(UPSTART)
    stranger = bus.connect()
    with session_of(":sys:x") as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        known = {init.get_unique_name(), stranger.get_unique_name()}
        for name in stranger.list_names():
            if name.startswith(":") and name not in known:
                emit(stranger, "EventEmitted", "x", ["A=bad"], destination=name)
                emit(stranger, "Restarted", destination=name)
        stranger.list_names()  # the bus has dealt with them
        emit(init, "EventEmitted", "x", ["A=good"])
        wait_for(lambda: got(session))
        assert got(session) == [(":sys:x", ["A=good"])]
        assert "A=bad" not in bridge.log


def test_bus_init_gives_its_name_away(start, bus):
    first = bus.connect(UPSTART)
    with session_of(":sys:x") as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        emit(first, "EventEmitted", "x", ["A=1"])
        wait_for(lambda: got(session))
        first.release_name(UPSTART)
        bridge.says("The system's init is not on the bus")
        second = bus.connect(UPSTART)
        emit(second, "EventEmitted", "x", ["A=2"])
        wait_for(lambda: len(got(session)) >= 2)
        assert got(session)[1] == (":sys:x", ["A=2"])


def test_bus_init_comes_later(start, bus):
    with session_of(":sys:x") as session:
        start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        init = bus.connect(UPSTART)
        emit(init, "EventEmitted", "x", [])
        wait_for(lambda: got(session))


def test_bus_rules_follow_the_jobs(start, bus):
    init = bus.connect(UPSTART)
    with FakeInit() as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        assert "member='EventEmitted'" not in bridge.log

        def add(name, *events):
            session.jobs[name] = Job(name, start_on=[[e] for e in events])
            session.signal(ROOT, MANAGER, "JobAdded", "o", session.jobs[name].path)

        def remove(name):
            session.signal(ROOT, MANAGER, "JobRemoved", "o", session.jobs.pop(name).path)

        add("one", ":sys:one", ":sys:end")
        bridge.says("AddMatch type='signal',sender='com.ubuntu.Upstart',path='/com/ubuntu/Upstart',"
                    "interface='com.ubuntu.Upstart0_6',member='EventEmitted',arg0='one'")
        add("all", ":sys:*")
        bridge.says("member='EventEmitted'\n")
        bridge.says("RemoveMatch", 2)
        remove("all")
        bridge.says("RemoveMatch", 3)
        add("many", *[":sys:n%d" % i for i in range(100)])
        bridge.says("member='EventEmitted'\n", 3)
        emit(init, "EventEmitted", "n99", [])
        emit(init, "EventEmitted", "two", [])
        emit(init, "EventEmitted", "end", [])
        wait_for(lambda: ":sys:end" in names(session))
        assert names(session) == [":sys:n99", ":sys:end"]


def test_bus_returns(start, bus):
    init = bus.connect(UPSTART)
    with session_of(":sys:x") as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        emit(init, "EventEmitted", "x", ["A=1"])
        wait_for(lambda: got(session))
        bus.stop()
        bridge.says("Lost the connection to the system bus")
        bus.start()
        bridge.says("Connected to the system bus again")
        bridge.says("member='EventEmitted',arg0='x'", 2)
        init = bus.connect(UPSTART)
        bridge.says("The system's init is :", 2)
        emit(init, "EventEmitted", "x", ["A=2"])
        wait_for(lambda: len(got(session)) >= 2)
        assert got(session)[1] == (":sys:x", ["A=2"])


def test_no_bus(start, tmp_path):
    with FakeInit() as session:
        bridge = start(session, DBUS_SYSTEM_BUS_ADDRESS="unix:path=%s/none" % tmp_path)
        assert "Unable to connect to the system's init yet" in bridge.log


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_systemd_machine(tmp_path):
    """Where systemd is process 1, the local bridge is the source, and names have no prefix."""
    with session_of("android-container", ":sys:other") as session:
        try:
            local = FakeInit(address="unix:abstract=/com/ubuntu/upstart/local/bridge").listen()
        except OSError:
            pytest.skip("the address of the local bridge is taken")
        script = 'mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec "$@"'
        log = open(tmp_path / "log", "wb")
        process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", str(BRIDGE), "--debug"], stdout=log,
                                   stderr=log, env={"PATH": os.environ["PATH"], "UPSTART_SESSION": session.address})
        try:
            wait_for(lambda: b"Ready" in (tmp_path / "log").read_bytes())
            event(local, "other")
            event(local, "android-container", "CLIENT_UID=0", "persist.sys.usb.config=mtp,adb")
            wait_for(lambda: got(session))
            assert got(session) == [("android-container", ["CLIENT_UID=0", "persist.sys.usb.config=mtp,adb"])]
        finally:
            process.terminate()
            assert process.wait(LIMIT) == 0
            local.deaf()
            log.close()


# ---- with real inits ----

needs_init = pytest.mark.skipif(not (INIT.exists() and INITCTL.exists()), reason="init is not built")


class Session:
    """A real session init with these job files."""

    def __init__(self, folder, jobs, **env):
        self.folder = folder
        self.runtime = folder / "run"
        for name in ("jobs", "log", "run"):
            (folder / name).mkdir(parents=True)
        for name, text in jobs.items():
            (folder / "jobs" / (name + ".conf")).write_text(text)
        path = ":".join([str(BRIDGE.parent), str(INITCTL.parent), str(TELINIT.parent), os.environ["PATH"]])
        self.env = {"PATH": path, "LC_ALL": "C", "HOME": str(folder), "XDG_RUNTIME_DIR": str(self.runtime), **env}
        with open(folder / "init.log", "wb") as log:
            self.process = subprocess.Popen([str(INIT), "--user", "--debug", "--confdir", str(folder / "jobs"), "--logdir",
                                             str(folder / "log")], env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        file = self.runtime / "upstart" / "sessions" / ("%d.session" % self.process.pid)
        self.address = wait_for(lambda: file.exists() and file.read_text().strip().partition("=")[2], "a session")
        wait_for(lambda: self.initctl("version", check=False).returncode == 0, "an answer of init")

    def initctl(self, *words, program=INITCTL, check=True):
        return subprocess.run([program, *words], env={**self.env, "UPSTART_SESSION": self.address}, check=check, text=True,
                              capture_output=True, timeout=LIMIT)

    def log(self, job):
        path = self.folder / "log" / (job + ".log")
        return path.read_text() if path.exists() else ""

    def status(self, job):
        return self.initctl("status", job).stdout.split(",")[0].strip()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()


@pytest.fixture
def sessions(tmp_path):
    made = []

    def make(jobs, **env):
        made.append(Session(tmp_path / ("s%d" % len(made)), jobs, **env))
        return made[-1]
    yield make
    for session in reversed(made):
        session.end()


SERVICE = "exec sleep 100000\n"
LISTENER = "start on :sys:started JOB=service\ntask\nexec echo \"$UPSTART_EVENTS $JOB $INSTANCE.\"\n"


@needs_init
def test_real_inits(start, sessions):
    system = sessions({"service": SERVICE})
    user = sessions({"listener": LISTENER})
    start(user, "--system-address=" + system.address)
    system.initctl("emit", "started", "JOB=other")
    system.initctl("start", "service")
    wait_for(lambda: user.log("listener") == ":sys:started service .\n", "the job")
    # Both execute themselves again, and a job is added, without a loss.
    user.initctl("--user", "u", program=TELINIT)
    system.initctl("restart", "service")
    wait_for(lambda: user.log("listener").count("\n") == 2, "the job after the session's re-execution")
    (user.folder / "jobs" / "follower.conf").write_text("start on :sys:restarted\n" + SERVICE)
    wait_for(lambda: "follower" in user.initctl("list").stdout)
    system.initctl("--user", "u", program=TELINIT)
    wait_for(lambda: user.status("follower") == "follower start/running")
    system.initctl("restart", "service")
    wait_for(lambda: user.log("listener").count("\n") == 3, "the job after the system's re-execution")
    assert user.log("listener") == ":sys:started service .\n" * 3


@needs_init
@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="the shipped job refuses to run here")
def test_shipped_jobs(sessions, bus):
    """The job as it is installed, with the system's init on the system bus."""
    shipped = {path.stem: path.read_text() for path in (JOBS / "session").glob("*.conf")}
    system = sessions({"service": SERVICE})
    system.initctl("notify-dbus-address", bus.address)
    user = sessions({"dbus": SERVICE, "listener": LISTENER, "reexecuted": "start on :sys:restarted\n" + SERVICE, **shipped},
                    DBUS_SYSTEM_BUS_ADDRESS=bus.address)
    assert user.status("upstart-event-bridge") == "upstart-event-bridge stop/waiting"
    user.initctl("start", "dbus")
    wait_for(lambda: user.status("upstart-event-bridge") == "upstart-event-bridge start/running", "the bridge")
    system.initctl("start", "service")
    wait_for(lambda: user.log("listener") == ":sys:started service .\n", "the job")
    system.initctl("--user", "u", program=TELINIT)
    wait_for(lambda: user.status("reexecuted") == "reexecuted start/running", "the news of the re-execution")
    # The bridge is respawned, and goes with dbus.
    before = user.initctl("status", "upstart-event-bridge").stdout
    os.kill(int(before.split()[-1]), signal.SIGKILL)
    wait_for(lambda: user.initctl("status", "upstart-event-bridge").stdout not in (before, "") and
             user.status("upstart-event-bridge") == "upstart-event-bridge start/running", "another bridge")
    system.initctl("restart", "service")
    wait_for(lambda: user.log("listener").count("\n") == 2, "the job, by the second bridge")
    user.initctl("stop", "dbus")
    wait_for(lambda: user.status("upstart-event-bridge") == "upstart-event-bridge stop/waiting", "its end")


@needs_init
def test_shipped_jobs_are_correct(sessions):
    init = sessions({path.stem: path.read_text() for path in JOBS.glob("*/*.conf")})
    for path in JOBS.glob("*/*.conf"):
        if path.stem == "upstart-time-bridge":
            continue  # it starts on startup
        if re.search(r"^instance ", path.read_text(), re.M):
            assert path.stem in init.initctl("show-config", path.stem).stdout
        else:
            assert init.status(path.stem) == path.stem + " stop/waiting"
    assert ".conf:" not in (init.folder / "init.log").read_text()
    shown = init.initctl("show-config", "control-alt-delete").stdout
    assert "start on control-alt-delete" in shown
    assert 'exec shutdown -r now "Control-Alt-Delete pressed"' in (JOBS / "system" / "control-alt-delete.conf").read_text()
