# SPDX-License-Identifier: MIT
"""initctl, telinit and libupstart against a stand-in for init: what they ask, print and do when it misbehaves.

UPSTART_BUILD names the build folder (default: build).
"""

import contextlib
import ctypes
import errno
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from fake_init import (ERROR, JOB, MANAGER, MANAGER2, Drop, FakeInit, Failure, Instance,  # noqa: E402
                       Job, Silence, Variant)

from waiting import until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
INITCTL = BUILD / "src" / "initctl" / "initctl"
TELINIT = BUILD / "src" / "sysv" / "telinit"
LIMIT = 60  # seconds until a command counts as hung

pytestmark = pytest.mark.skipif(not INITCTL.exists(), reason="initctl is not built")

TRY = "Try `%s --help' for more information.\n"


@pytest.fixture(scope="module")
def bin_dir():
    """initctl under all its names, where other users can reach it."""
    scratch = tempfile.TemporaryDirectory(prefix="upstart-cli-")
    path = pathlib.Path(scratch.name)
    path.chmod(0o755)
    for name in ("initctl", "start", "stop", "restart", "reload", "status", "emit", "xyz"):
        (path / name).symlink_to(INITCTL)
    (path / "telinit").symlink_to(TELINIT)
    (path / "init").symlink_to(TELINIT)
    (path / "runlevel").symlink_to(TELINIT.parent / "runlevel")
    yield path
    scratch.cleanup()


@pytest.fixture
def run(bin_dir, tmp_path):
    """run(init or None, "start web", VAR=…) -> (status, stdout, stderr)"""
    def run(init, *command, user=None, **env):
        words = command[0].split() + list(command[1:])
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "XDG_RUNTIME_DIR": str(tmp_path), **env}
        if init and "UPSTART_SESSION" not in env:
            env["UPSTART_SESSION"] = init.address
        done = subprocess.run([bin_dir / words[0], *words[1:]], env=env, capture_output=True, timeout=LIMIT,
                              errors="surrogateescape", user=user)
        return done.returncode, done.stdout, done.stderr
    return run


def ok(text=""):
    return 0, text, ""


def bad(text):
    return 1, "", text + "\n"


def misuse(prog, text):
    return 1, "", "%s: %s\n" % (prog, text) + TRY % prog


def web():
    return Job("web", usage="web [PORT=n]", env=["PORT=80"])


@pytest.fixture
def init():
    jobs = [web(), Job("tty", usage="tty DEV=name", key="DEV"), Job("pool", key="N"), Job("once", task=True),
            Job("oncebad", fails=True), Job("net/eth")]
    with FakeInit(jobs) as init:
        yield init


# ---- jobs ----

def test_life_of_a_job(init, run):
    assert run(init, "status web") == ok("web stop/waiting\n")
    assert run(init, "start web") == ok("web start/running, process 1000\n")
    assert run(init, "start web") == bad("start: Job is already running: web")
    assert run(init, "initctl status web") == ok("web start/running, process 1000\n")
    assert run(init, "restart web") == ok("web start/running, process 1001\n")
    assert run(init, "reload web") == ok()
    assert run(init, "stop web") == ok("web stop/waiting\n")
    for verb in "stop", "restart", "reload":
        assert run(init, verb + " web") == bad(verb + ": Unknown instance: ")
    assert run(init, "start nosuch") == bad("start: Unknown job: nosuch")
    assert run(init, "initctl status nosuch") == bad("initctl: Unknown job: nosuch")


def test_tasks_and_failures(init, run):
    assert run(init, "start once") == ok("once stop/waiting\n")
    assert run(init, "start oncebad") == bad("start: Job failed to start")


def test_instances(init, run):
    assert run(init, "start tty") == bad("start: Unknown parameter: DEV\nUsage: tty DEV=name")
    assert run(init, "stop tty") == bad("stop: Unknown parameter: DEV\nUsage: tty DEV=name")
    assert run(init, "restart tty") == bad("restart: Unknown parameter: DEV")
    assert run(init, "start pool") == bad("start: Unknown parameter: N")
    assert run(init, "start tty DEV=c1") == ok("tty (c1) start/running, process 1000\n")
    assert run(init, "start tty DEV=c2") == ok("tty (c2) start/running, process 1001\n")
    assert run(init, "start tty DEV=c1") == bad("start: Job is already running: tty (c1)")
    assert run(init, "status tty DEV=c2") == ok("tty (c2) start/running, process 1001\n")
    assert run(init, "status tty DEV=c9") == bad("status: Unknown instance: c9")
    assert run(init, "stop tty DEV=c9") == bad("stop: Unknown instance: c9")
    assert run(init, "start pool -- N=--odd") == ok("pool (--odd) start/running, process 1002\n")
    assert run(init, "initctl list") == ok(
        "net/eth stop/waiting\nonce stop/waiting\noncebad stop/waiting\n"
        "pool (--odd) start/running, process 1002\n"
        "tty (c1) start/running, process 1000\ntty (c2) start/running, process 1001\nweb stop/waiting\n")
    assert run(init, "stop tty DEV=c1") == ok("tty stop/waiting\n")
    assert run(init, "start web PORT") == bad("start: Env must be KEY=VALUE pairs")


@pytest.mark.parametrize("goal, state, processes, line", [
    ("start", "post-start", [("main", 5), ("post-start", 6)],
     "web start/post-start, process 5\n\tpost-start process 6\n"),
    ("start", "post-start", [("post-start", 6)], "web start/post-start, (post-start) process 6\n"),
    ("start", "pre-start", [("pre-start", 6)], "web start/pre-start, process 6\n"),
    ("start", "security", [("security", 6)], "web start/security, (security) process 6\n"),
    ("stop", "pre-stop", [("main", 5), ("pre-stop", 7)], "web stop/pre-stop, process 5\n\tpre-stop process 7\n"),
    ("stop", "post-stop", [("post-stop", 8)], "web stop/post-stop, process 8\n"),
    ("stop", "killed", [("main", 5)], "web stop/killed, process 5\n"),
    ("start", "running", [], "web start/running\n"),
])
def test_status_line(init, run, goal, state, processes, line):
    job = init.jobs["web"]
    job.instances[""] = Instance(job, "", goal, state, processes)
    assert run(init, "status web") == ok(line)


def test_wait_is_passed_on(init, run):
    run(init, "start web")
    run(init, "stop --no-wait web A=1")
    run(init, "start web -n")
    run(init, "restart web -nq")
    run(init, "initctl emit e -n K=v")
    run(init, "initctl emit e")
    assert init.performed == [
        ("Start", ["web", [], 1]), ("Stop", ["web", ["A=1"], 0]), ("Start", ["web", [], 0]),
        ("Restart", ["web", [], 0]), ("EmitEvent", ["e", ["K=v"], 0]), ("EmitEvent", ["e", [], 1])]


def test_quiet_prints_errors_only(init, run):
    assert run(init, "start -q web") == ok()
    assert run(init, "initctl --quiet status web") == ok()
    assert run(init, "initctl list -q") == ok()
    assert run(init, "initctl -q version") == ok()
    assert run(init, "start -q web") == bad("start: Job is already running: web")


def test_inside_a_job_its_instance_is_meant(init, run):
    run(init, "start tty DEV=c1")
    inside = {"UPSTART_JOB": "tty", "UPSTART_INSTANCE": "c1"}
    assert run(init, "status", **inside) == ok("tty (c1) start/running, process 1000\n")
    assert run(init, "start", **inside) == bad("start: Job is already running: tty (c1)")
    assert run(init, "restart", **inside) == ok("tty (c1) start/running, process 1001\n")
    assert run(init, "reload", **inside) == ok()
    assert run(init, "initctl usage", **inside) == ok("Usage: tty DEV=name\n")
    assert run(init, "stop", **inside) == ok("tty (c1) stop/killed, process 1001\n")
    assert ("Stop", ["tty", "c1", 0]) in init.performed
    # an operand always means what it means outside
    assert run(init, "status web", **inside) == ok("web stop/waiting\n")
    assert run(init, "status", UPSTART_JOB="web", UPSTART_INSTANCE="") == bad("status: Unknown instance: ")
    assert run(init, "status", UPSTART_JOB="web") == misuse("status", "missing job name")


def test_reload_of_an_old_init(init, run, tmp_path):
    victim = subprocess.Popen(["sh", "-c", "trap 'echo reloaded; exit' HUP; echo ready; read x"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline() == "ready\n"
    job = init.jobs["web"]
    job.instances[""] = Instance(job, "", processes=[("main", victim.pid)])

    def unknown(init, message):
        init.unknown(message)

    init.hooks["Reload"] = unknown
    assert run(init, "reload web") == ok()
    victim.stdin.close()
    assert victim.stdout.read() == "reloaded\n"
    victim.wait()
    job.instances[""].processes = [("post-start", 99999999)]
    assert run(init, "reload web") == bad("reload: Not running")
    job.instances[""].processes = []
    assert run(init, "reload web") == bad("reload: Not running")


def test_vanishing_job_has_stopped(init, run):
    def vanish(init, message):
        init.jobs.pop("web")
        return "", []

    run(init, "start web")
    init.hooks["StopWithToken"] = vanish
    assert run(init, "stop web") == ok("web stop/waiting\n")


def test_list_passes_over_what_vanishes(init, run):
    def vanish(init, message):
        if message.path.endswith("/once"):
            init.unknown(message)

    init.hooks["GetAllInstances"] = vanish
    run(init, "start web")
    assert run(init, "initctl list")[1] == ("net/eth stop/waiting\noncebad stop/waiting\npool stop/waiting\n"
                                            "tty stop/waiting\nweb start/running, process 1000\n")
    init.hooks["GetAll"] = lambda init, message: init.unknown(message)
    assert "web stop/waiting\n" in run(init, "initctl list")[1]


# ---- events, init, environment ----

def test_events(init, run):
    assert run(init, "initctl emit nobody-cares") == ok()
    assert run(init, "initctl emit fails") == bad("initctl: Event failed")
    assert run(init, "initctl emit") == misuse("initctl", "missing event name")
    assert run(init, "initctl emit", "") == bad("initctl: Name may not be empty string")
    assert run(init, "initctl emit e foo") == bad("initctl: Env must be KEY=VALUE pairs")
    assert run(init, "initctl emit", "a b/c", "K=v w") == ok()
    assert init.performed[-1] == ("EmitEvent", ["a b/c", ["K=v w"], 1])


def test_questions_to_init(init, run):
    assert run(init, "initctl version x y") == ok("init (upstart 2.0.0)\n")
    assert run(init, "initctl log-priority") == ok("message\n")
    assert run(init, "initctl log-priority debug") == ok()
    assert run(init, "initctl log-priority") == ok("debug\n")
    assert run(init, "initctl log-priority loud") == bad("initctl: The log priority given was not recognised")
    assert run(init, "initctl reload-configuration") == ok() and init.reloads == 1
    assert run(init, "initctl usage web") == ok("Usage: web [PORT=n]\n")
    assert run(init, "initctl usage once") == ok("Usage: \n")
    assert run(init, "initctl usage") == misuse("initctl", "missing job name")
    assert run(init, "initctl notify-disk-writeable") == ok()
    assert run(init, "initctl notify-dbus-address") == misuse("initctl", "missing D-Bus address")
    assert run(init, "initctl notify-dbus-address unix:path=/no/such")[0] == 1
    assert run(init, "initctl notify-cgroup-manager-address") == misuse("initctl", "missing address")
    assert run(init, "initctl notify-cgroup-manager-address x") == ok()


def test_environment(init, run):
    assert run(init, "initctl set-env A=1 B=2 D E=a=b=c") == ok()
    assert run(init, "initctl get-env A") == ok("1\n")
    assert run(init, "initctl get-env D") == ok("\n")
    assert run(init, "initctl get-env E") == ok("a=b=c\n")
    assert run(init, "initctl set-env --retain A=10 F=new") == ok()
    assert run(init, "initctl list-env") == ok("A=1\nB=2\nD=\nE=a=b=c\nF=new\nPATH=/bin\nTERM=dumb\n")
    assert run(init, "initctl get-env NOPE") == bad("initctl: No such variable: NOPE")
    assert run(init, "initctl get-env", "") == bad("initctl: Variable may not be empty string")
    assert run(init, "initctl set-env", "") == bad("initctl: Variable may not be empty string")
    assert run(init, "initctl unset-env D E F NOPE") == ok()
    assert run(init, "initctl list-env") == ok("A=1\nB=2\nPATH=/bin\nTERM=dumb\n")
    assert run(init, "initctl reset-env") == ok()
    assert run(init, "initctl list-env") == ok("PATH=/bin\nTERM=dumb\n")
    for command, what in ("set-env", "value"), ("get-env", "name"), ("unset-env", "name"):
        assert run(init, "initctl " + command) == misuse("initctl", "missing variable " + what)
    init.pid_one = True
    assert run(init, "initctl set-env A=b") == bad("initctl: Not permissible to modify PID 1 job environment")


def test_environment_of_a_job(init, run):
    run(init, "start web")
    inside = {"UPSTART_JOB": "web", "UPSTART_INSTANCE": ""}
    assert run(init, "initctl get-env PORT", **inside) == ok("80\n")
    assert run(init, "initctl set-env X=local", **inside) == ok()
    assert run(init, "initctl get-env X", **inside) == ok("local\n")
    assert run(init, "initctl get-env -g X", **inside) == bad("initctl: No such variable: X")
    assert run(init, "initctl get-env PORT", UPSTART_JOB="web") == misuse("initctl", "missing job name")
    assert run(init, "initctl get-env PORT", UPSTART_JOB="web", UPSTART_INSTANCE="z") == bad(
        "initctl: Unknown instance: z of job web")
    assert run(init, "initctl list-env", UPSTART_JOB="", UPSTART_INSTANCE="") == bad(
        "initctl: Job may not be empty string")


# ---- conditions ----

@pytest.fixture
def conditions():
    # the fixtures G of the recorded cases
    jobs = [
        Job("src", emits=["go", "stay", "link-*"]),
        Job("p1", start_on=[["go"], ["gone"], ["/OR"]]),
        Job("p2", start_on=[["go"], ["stay"], ["gone"], ["/AND"], ["/OR"]]),
        Job("p3", start_on=[["gone"], ["lost"], ["/OR"]]),
        Job("p4", start_on=[["started", "src"], ["stopped", "ghost"], ["/AND"]]),
        Job("p5", start_on=[["starting", "X=1", "JOB=ghost"]], stop_on=[["stopping", "p1", "RESULT=failed"]]),
        Job("p6", start_on=[["link-up", "IFACE=eth0"], ["startup"], ["started", "$DEV"], ["/OR"], ["/AND"]],
            stop_on=[["runlevel", "[016]"]]),
        Job("p7"),
        Job("p8", start_on=[["gone"], ["go"], ["/OR"], ["lost"], ["go"], ["/AND"], ["/AND"]]),
    ]
    with FakeInit(jobs) as init:
        yield init


def test_show_config(conditions, run):
    show = "initctl show-config "
    assert run(conditions, show + "src") == ok("src\n  emits go\n  emits stay\n  emits link-*\n")
    assert run(conditions, show + "p7") == ok("p7\n")
    assert run(conditions, show + "p2") == ok("p2\n  start on (go or (stay and gone))\n")
    assert run(conditions, show + "p6") == ok(
        "p6\n  start on (link-up IFACE=eth0 and (startup or started $DEV))\n  stop on runlevel [016]\n")
    assert run(conditions, show + "zz") == bad("initctl: Unknown job: zz")
    assert run(conditions, show + "-e p5") == ok(
        "p5\n  start on starting (job: ghost, env: X=1)\n  stop on stopping (job: p1, env: RESULT=failed)\n")
    assert run(conditions, show + "--enumerate p6") == ok(
        "p6\n  start on link-up (job:, env: IFACE=eth0)\n  start on startup (job:, env:)\n"
        "  start on started (job: $DEV, env:)\n  stop on runlevel (job:, env: [016])\n")
    everything = run(conditions, "initctl show-config")[1]
    assert [line for line in everything.splitlines() if line[0] != " "] == sorted(conditions.jobs)


def test_check_config(conditions, run):
    check = "initctl check-config "
    faults = {
        "p2": "p2\n  start on: unknown event gone\n",
        "p3": "p3\n  start on: unknown event gone\n  start on: unknown event lost\n",
        "p4": "p4\n  start on: unknown job ghost\n",
        "p5": "p5\n  start on: unknown job ghost\n",
        "p6": "p6\n  stop on: unknown event runlevel\n",
        "p8": "p8\n  start on: unknown event gone\n  start on: unknown event lost\n",
    }
    for job in conditions.jobs:
        assert run(conditions, check + job) == ((1, faults[job], "") if job in faults else ok()), job
    assert run(conditions, check) == (1, "".join(faults.values()), "")
    assert run(conditions, check + "--warn p1") == (1, "p1\n  start on: unknown event gone\n", "")
    assert run(conditions, check + "-i gone,lost p3") == ok()
    assert run(conditions, check + "-i gone -i lost p3") == ok()
    assert run(conditions, check + "--ignore-events=ghost p4")[0] == 1
    assert run(conditions, check + "zz") == bad("initctl: Invalid job class: zz")


def test_senseless_condition_is_an_error(run):
    with FakeInit([Job("x", start_on=[["/AND"]]), Job("y", emits=["e"])]) as init:
        status, out, err = run(init, "initctl show-config")
        assert (status, out) == (1, "x\ny\n  emits e\n") and "makes no sense" in err
        assert run(init, "initctl check-config")[0] == 1


# ---- options and names ----

def test_options(init, run):
    assert run(init, "initctl") == misuse("initctl", "missing command")
    assert run(init, "initctl frobnicate") == misuse("initctl", "invalid command: frobnicate")
    assert run(init, "initctl --frob=1 list") == misuse("initctl", "invalid option: --frob=1")
    assert run(init, "initctl list --bogus") == misuse("initctl", "invalid option: --bogus")
    assert run(init, "initctl -z list") == misuse("initctl", "invalid option: -z")
    assert run(init, "initctl -n start web") == misuse("initctl", "invalid option: -n")
    assert run(init, "initctl --user=1 list") == misuse("initctl", "unexpected argument: --user=1")
    assert run(init, "initctl --dest") == misuse("initctl", "missing argument: --dest")
    assert run(init, "initctl unset-env -r A") == misuse("initctl", "invalid option: -r")
    for verb in "start", "stop", "restart", "reload", "status":
        assert run(init, verb) == misuse(verb, "missing job name")
        assert run(init, "initctl " + verb) == misuse("initctl", "missing job name")


# What each command needs, and what is said without it.
NEEDS = {
    "start": "job name", "stop": "job name", "restart": "job name", "reload": "job name", "status": "job name",
    "usage": "job name", "explain": "job name", "log": "job name", "reset": "job name", "emit": "event name", "plan": "event name",
    "get-env": "variable name", "set-env": "variable value", "unset-env": "variable name", "notify-dbus-address": "D-Bus address",
    "notify-cgroup-manager-address": "address", "set-state": "state name", "clear-state": "state name",
}
NEED_NOTHING = ["list", "monitor", "list-states", "list-timers", "list-env", "reset-env", "reload-configuration", "version", "log-priority",
                "show-config", "check-config", "notify-disk-writeable", "list-sessions", "tree", "top", "graph", "chart",
                "report", "last-shutdown", "help"]


def test_wrong_arguments_of_every_command(init, run):
    commands = [line.split()[0] for line in run(init, "initctl help")[1].splitlines() if re.match(r"  \S", line)]
    assert sorted(commands) == sorted([*NEEDS, *NEED_NOTHING])
    for command in commands:
        for wrong in "--wibble", "--wibble=1", "-Z", "--no-wai", "--User":
            assert run(init, f"initctl {command} {wrong} x") == misuse("initctl", f"invalid option: {wrong}"), command
            assert run(init, f"initctl {command} x {wrong}") == misuse("initctl", f"invalid option: {wrong}"), command
        assert run(init, f"initctl {command} --quiet=x") == misuse("initctl", "unexpected argument: --quiet=x"), command
        assert run(init, f"initctl {command} --dest") == misuse("initctl", "missing argument: --dest"), command
        if command in NEEDS:
            for nothing in "", " --", " -q", " -v --":
                assert run(init, f"initctl {command}{nothing}") == misuse("initctl", "missing " + NEEDS[command]), command
    assert not init.calls


def test_any_command_name_is_an_alias(init, run):
    assert run(init, "emit") == misuse("emit", "missing event name")
    assert run(init, "xyz status web") == ok("web stop/waiting\n")
    assert run(init, "status --version")[1].startswith("status (upstart ")


def test_help(init, run):
    assert run(init, "initctl status --help")[1].splitlines()[0] == \
        "Usage: initctl status [OPTION]... JOB [KEY=VALUE]..."
    assert run(init, "status --help")[1].splitlines()[0] == "Usage: status [OPTION]... JOB [KEY=VALUE]..."
    assert run(init, "initctl --help --bogus")[0] == 0
    listed = run(init, "initctl help")[1]
    names = sorted(line.split()[0] for line in listed.splitlines() if line[:2] == "  " and line[2] != " ")
    assert set(names) >= set("check-config emit get-env help list list-env list-sessions log log-priority "
                     "notify-cgroup-manager-address notify-dbus-address notify-disk-writeable reload "
                     "reload-configuration reset-env restart set-env show-config start status stop unset-env usage "
                     "version".split())
    for line in listed.splitlines():
        assert len(line) < 80
    for name in names:
        status, out, err = run(init, "initctl %s --help" % name)
        assert (status, err) == (0, "") and out.startswith("Usage: initctl " + name)


def test_output_that_cannot_be_written_is_an_error(init, bin_dir):
    with open("/dev/full", "w") as full:
        done = subprocess.run([bin_dir / "initctl", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env={"UPSTART_SESSION": init.address}, timeout=LIMIT)
    assert done.returncode == 1 and "No space left on device" in done.stderr


# ---- which init ----

@contextlib.contextmanager
def private_network():
    """Abstract sockets, and so the address of the system's init, are of the network namespace."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
            pytest.skip("no network namespaces here")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex("/run/upstart/private") not in (errno.ENOENT, errno.ECONNREFUSED):
                pytest.skip("the machine's own init can be reached from here")
        yield
    finally:
        libc.setns(before, 0x40000000)
        os.close(before)


SYSTEM = "unix:abstract=/com/ubuntu/upstart"
NO_BUS = "Unable to connect to system bus: "


def test_choice_of_init(run, init):
    with private_network(), FakeInit([web()], address=SYSTEM) as system:
        system.version = "system (upstart 1)"
        init.version = "session (upstart 1)"
        nobus = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/no/bus", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/no/bus"}
        assert run(None, "initctl version") == ok("system (upstart 1)\n")
        assert run(None, "initctl version", UPSTART_SESSION="") == ok("system (upstart 1)\n")
        assert run(None, "initctl --user list") == bad(
            "initctl: UPSTART_SESSION isn't set in the environment. Unable to locate the Upstart instance.")
        assert run(None, "initctl --dest=x.y list") == misuse("initctl", "--dest given without --system")
        assert NO_BUS in run(init, "initctl --system list", **nobus)[2]
        assert "Unable to connect to session bus: " in run(init, "initctl --session list", **nobus)[2]
        assert NO_BUS in run(None, "initctl list", **nobus, user=65534)[2]
        with FakeInit([web()], address="unix:abstract=/session") as session:
            assert run(session, "initctl version") == ok("init (upstart 2.0.0)\n")
            assert run(session, "initctl --user --system version") == ok("init (upstart 2.0.0)\n")


def test_unreachable_init(run):
    unable = "initctl: Unable to connect to Upstart: "
    assert run(None, "initctl --user list", UPSTART_SESSION="") == bad(unable + "Empty address ''")
    assert run(None, "initctl list", UPSTART_SESSION="rubbish") == bad(unable + "Address does not contain a colon")
    for command in "list", "check-config", "start x", "emit x":
        status, out, err = run(None, "initctl " + command, UPSTART_SESSION="unix:abstract=/nobody")
        assert (status, out) == (1, "") and err.startswith(unable + "Failed to connect to socket /nobody: ")


# Has an address before whom it belongs to: says so, then hears whoever comes.
SQUATTER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("\\0" + sys.argv[1].removeprefix("unix:abstract="))
s.listen()
print("there", flush=True)
while True:
    c, _ = s.accept()
    sys.stdout.write("heard" if b"BEGIN" in c.recv(4096) else "")
    c.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be two users")
@pytest.mark.parametrize("address", [SYSTEM, "unix:abstract=/com/ubuntu/upstart-session/0/4242"])
def test_nobody_passes_for_init(run, address):
    with private_network():
        squatter = subprocess.Popen(["/usr/bin/python3", "-c", SQUATTER, address], user=65534, stdout=subprocess.PIPE, text=True)
        try:
            assert squatter.stdout.readline() == "there\n"
            env = {} if address == SYSTEM else {"UPSTART_SESSION": address}
            assert run(None, "initctl emit secret PASSWORD=x", **env) == bad(
                "initctl: Unable to connect to Upstart: Another user listens at " + address)
            # Nor do bridges tell him anything: they ask for nobody's help but init's.
            bridge = subprocess.run([BUILD / "src/bridges" / ("upstart-event-bridge" if env else "upstart-time-bridge")],
                                    env={"PATH": os.environ["PATH"], **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            assert bridge.returncode == 1 and "Another user listens at " + address in bridge.stderr
        finally:
            squatter.kill()
            assert squatter.communicate()[0] == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be two users")
def test_root_speaks_to_the_session_of_a_user(run):
    address = "unix:abstract=/com/ubuntu/upstart-session/65534/4242"
    with private_network():
        squatter = subprocess.Popen(["/usr/bin/python3", "-c", SQUATTER, address], user=65534, stdout=subprocess.PIPE, text=True)
        try:
            assert squatter.stdout.readline() == "there\n"
            assert "Another user" not in run(None, "initctl version", UPSTART_SESSION=address)[2]
        finally:
            squatter.kill()
            squatter.communicate()


def test_list_sessions(run, tmp_path):
    sessions = tmp_path / "upstart" / "sessions"
    assert run(None, "initctl list-sessions") == ok()
    assert sessions.stat().st_mode & 0o777 == 0o700
    address = "unix:abstract=/com/ubuntu/upstart-session/0/%d" % os.getpid()
    (sessions / ("%d.session" % os.getpid())).write_text("UPSTART_SESSION=%s\n" % address)
    (sessions / "999999999.session").write_text("")
    (sessions / "99999999999999999999.session").write_text("UPSTART_SESSION=x\n")
    (sessions / "junk.session").write_text("")
    (sessions / "12").write_text("")
    (sessions / ("%d.session" % os.getppid())).write_text("")
    line = "%d %s\n" % (os.getpid(), address)
    assert run(None, "initctl list-sessions") == ok(line)
    assert run(None, "initctl -v list-sessions") == ok(
        line + "Ignoring stale session file: %s/999999999.session\n" % sessions)
    for folder in "", "rel":
        assert run(None, "initctl list-sessions", XDG_RUNTIME_DIR=folder) == bad(
            "initctl: Unable to query session directory")
    assert run(None, "initctl list-sessions", XDG_RUNTIME_DIR="/proc/nope") == bad(
        "initctl: unable to determine sessions")


# ---- a connection that is lost ----

def times(n, action):
    """A hook that acts n times and then stands aside."""
    left = [n]

    def hook(init, message):
        if left[0] > 0:
            left[0] -= 1
            return action(init, message)
        return None
    return hook


def drop(init, message):
    raise Drop


def do_and_drop(init, message):
    """Accept the request and die before the answer."""
    with contextlib.suppress(Failure), init.lock:
        init.handle(message)
    raise Drop


@pytest.mark.parametrize("accident", [drop, do_and_drop])
@pytest.mark.parametrize("deaths", [1, 3])
def test_waiting_survives_a_lost_connection(init, run, accident, deaths):
    for member in "StartWithToken", "StopWithToken", "RestartWithToken", "EmitEventWithToken":
        init.hooks[member] = times(deaths, accident)
    assert run(init, "start web") == ok("web start/running, process 1000\n")
    assert run(init, "restart web") == ok("web start/running, process 1001\n")
    assert run(init, "initctl emit ev A=1") == ok()
    assert run(init, "initctl emit fails") == bad("initctl: Event failed")
    assert run(init, "stop web") == ok("web stop/waiting\n")
    assert [member for member, _ in init.performed] == ["Start", "Restart", "EmitEvent", "EmitEvent", "Stop"]


def test_tokens_differ_between_requests_but_not_between_tries(init, run):
    init.hooks["EmitEventWithToken"] = times(2, drop)
    run(init, "initctl emit a")
    run(init, "initctl emit b")
    tokens = [body[3] for interface, member, body in init.calls if interface == MANAGER2]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    assert all(len(token) == 32 for token in tokens)


def sleeps_alone(pid):
    """Does a client sleep that has no connection? While nobody listens it has then tried to have one, in vain."""
    proc = pathlib.Path(f"/proc/{pid}")
    try:
        fds = [os.readlink(fd) for fd in (proc / "fd").iterdir() if int(fd.name) > 2]
        return not any(fd.startswith("socket:") for fd in fds) and (proc / "stat").read_text().rpartition(")")[2].split()[0] == "S"
    except OSError:
        return False


class Outage:
    """A hook's action: init is gone, without an answer, and back on the same address when its client has looked for it in vain."""

    def __init__(self):
        self.missed = self.over = False
        self.thread = None

    def __call__(self, init, message):
        self.thread = threading.Thread(target=self.pass_over, args=(init, init.peer))
        self.thread.start()
        raise Silence

    def pass_over(self, init, client):
        init.deaf()
        self.missed = until(lambda: sleeps_alone(client), LIMIT / 2)
        self.over = True
        init.listen()

    def join(self):
        self.thread.join()
        assert self.missed


def test_waiting_survives_an_init_that_is_away(init, run):
    """Killed while waiting, back after a while on the same address."""
    outage = Outage()
    init.hooks["EmitEventWithToken"] = times(1, outage)
    assert run(init, "initctl emit ev") == ok()
    outage.join()


def test_the_unwelcome_give_up_soon(init, run):
    """init drops clients it does not trust before any answer: no use to come back for a minute."""
    def unwelcome(init, message):
        raise Drop

    for member in "EmitEventWithToken", "Get", "GetJobByName":
        init.hooks[member] = unwelcome
    for command in "initctl emit ev", "initctl version", "start web":
        status, out, err = run(init, command)
        assert (status, out) == (1, "") and err.startswith(command.split()[0] + ": "), command
    assert init.accepted < 15


def test_quick_calls_are_asked_again_once(init, run):
    for member in "GetJobByName", "GetAll", "GetInstance":
        init.hooks[member] = times(1, drop)
    run(init, "start web")
    assert run(init, "status web") == ok("web start/running, process 1000\n")
    init.hooks["GetJobByName"] = times(2, drop)
    assert run(init, "status web")[0] == 1


def test_what_has_no_token_is_never_asked_twice(init, run):
    run(init, "start web")
    inside = {"UPSTART_JOB": "web", "UPSTART_INSTANCE": ""}
    for verb in "Stop", "Restart", "Reload":
        init.hooks[verb] = times(1, drop)
        assert run(init, verb.lower(), **inside)[0] == 1
        assert sum(member == verb for _, member, _ in init.calls) == 1


def test_signals_do_not_stop_a_waiting_client(init, run):
    def noise(init, message):
        for i in range(3000):
            init.signal("/com/ubuntu/Upstart", MANAGER, "EventEmitted", "sas", "noise", ["I=%d" % i, "X=" + "x" * 500])

    init.hooks["EmitEventWithToken"] = noise
    assert run(init, "initctl emit ev") == ok()


# ---- an original init ----

@pytest.fixture
def original():
    with FakeInit([web()], tokens=False) as init:
        yield init


def test_original_init_gets_original_calls(original, run):
    assert run(original, "start web A=1") == ok("web start/running, process 1000\n")
    assert run(original, "start web") == bad("start: Job is already running: web")
    assert run(original, "restart -n web") == ok("web start/running, process 1001\n")
    assert run(original, "stop web") == ok("web stop/waiting\n")
    assert run(original, "initctl emit ev K=v") == ok()
    assert run(original, "initctl emit fails") == bad("initctl: Event failed")
    done = [(member, body) for interface, member, body in original.calls
            if interface in (JOB, MANAGER) and member in ("Start", "Stop", "Restart", "EmitEvent")]
    assert done == [("Start", [["A=1"], 1]), ("Start", [[], 1]), ("Restart", [[], 0]), ("Stop", [[], 1]),
                    ("EmitEvent", ["ev", ["K=v"], 1]), ("EmitEvent", ["fails", [], 1])]


def test_original_init_cuts_waiting_clients_off(original, run):
    original.hooks["EmitEvent"] = drop
    assert run(original, "initctl emit ev")[0] == 1
    assert sum(member == "EmitEvent" for _, member, _ in original.calls) == 1


# ---- nonsense ----

@pytest.mark.parametrize("member, answer", [
    ("GetAllJobs", ("s", ["x"])), ("GetAllJobs", ("", [])), ("GetAllJobs", ("as", [["x"]])),
    ("Get", ("s", ["x"])), ("Get", ("v", [Variant("i", 1)])), ("GetAllInstances", ("ai", [[1]])),
    ("GetAll", ("s", ["x"])), ("GetAll", ("a{sv}", [{}])), ("GetAll", ("a{sv}", [{"name": Variant("i", 1)}])),
    ("GetAll", ("a{sv}", [{"processes": Variant("as", ["x"])}])),
    ("GetAll", ("a{sv}", [{"processes": Variant("a(is)", [(1, "x")])}])),
])
def test_malformed_answers_are_errors(init, run, member, answer):
    run(init, "start web")
    init.hooks[member] = lambda init, message: answer
    status, out, err = run(init, "initctl list")
    assert status == 1 and err.startswith("initctl: "), (out, err)


@pytest.mark.parametrize("answer", [("as", [["x"]]), ("a{sv}", [{}]), ("a{sv}", [{"start_on": Variant("as", ["x"])}]),
                                    ("a{sv}", [{"start_on": Variant("s", "x")}]),
                                    ("a{sv}", [{"name": Variant("s", "x"), "emits": Variant("s", "x")}])])
def test_malformed_definitions_are_errors(init, run, answer):
    init.hooks["GetAll"] = lambda init, message: answer
    for command in "show-config", "check-config", "show-config web":
        status, out, err = run(init, "initctl " + command)
        assert status == 1 and err.startswith("initctl: "), (out, err)


def test_arguments_that_cannot_be_sent_are_errors(init, run):
    for command in ("start", "\udcff"), ("start web", "A=\udcff"), ("initctl emit", "\udcff\udcfe"), \
            ("initctl set-env", "A=\udcc0\udc80"), ("initctl --system --dest=", "list"):
        status, out, err = run(init, *command)
        assert status == 1 and out == "" and err.count("\n") == 1, (command, err)


def test_library_survives_when_memory_runs_out(init):
    program = BUILD / "tests" / "unit" / "initctl" / "test_initctl_client"
    if not program.exists():
        pytest.skip("unit tests are not built")
    done = subprocess.run([program], env={"UPSTART_TEST_ADDRESS": init.address}, capture_output=True, text=True,
                          timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- telinit ----

@pytest.fixture
def records(tmp_path):
    (tmp_path / "utmp").touch()
    (tmp_path / "wtmp").touch()
    return {"UPSTART_UTMP": str(tmp_path / "utmp"), "UPSTART_WTMP": str(tmp_path / "wtmp")}


def dump(path):
    done = subprocess.run(["utmpdump", path], capture_output=True, text=True)
    return [line[:45] for line in done.stdout.splitlines()]


BOOT = "[2] [00000] [~~  ] [reboot  ] [~           ] "


def level_record(pid):
    return "[1] [%05d] [~~  ] [runlevel] [~           ] " % pid


def test_telinit_changes_the_runlevel(run, records):
    with private_network(), FakeInit(address=SYSTEM) as init:
        assert run(None, "telinit 2", **records) == ok()
        assert run(None, "runlevel", **records) == ok("N 2\n")
        assert run(None, "telinit -e X=1 -e INIT_HALT=odd 3", **records) == ok()
        assert run(None, "telinit -t 9 s", **records) == ok()
        assert run(None, "init 5", **records) == ok()
        assert run(None, "runlevel", **records) == ok("S 5\n")
        assert [body[0:2] for _, body in init.performed] == [
            ["runlevel", ["RUNLEVEL=2", "PREVLEVEL=N"]],
            ["runlevel", ["RUNLEVEL=3", "PREVLEVEL=2", "X=1", "INIT_HALT=odd"]],
            ["runlevel", ["RUNLEVEL=S", "PREVLEVEL=3"]], ["runlevel", ["RUNLEVEL=5", "PREVLEVEL=S"]]]
        assert all(body[2] == 0 for _, body in init.performed)
        levels = [level_record(50), level_record(51 + 256 * 50), level_record(83 + 256 * 51),
                  level_record(53 + 256 * 83)]
        assert dump(records["UPSTART_UTMP"]) == [BOOT, levels[-1]]
        assert dump(records["UPSTART_WTMP"]) == [BOOT, *levels]


def test_telinit_notes_a_missed_boot(run, records):
    with private_network(), FakeInit(address=SYSTEM) as init:
        run(None, "telinit 2", **records)
        assert run(None, "telinit 3", RUNLEVEL="5", **records) == ok()
        assert init.performed[-1][1][1] == ["RUNLEVEL=3", "PREVLEVEL=5"]
        assert dump(records["UPSTART_WTMP"]) == [BOOT, level_record(50), BOOT, level_record(51 + 256 * 53)]
        assert run(None, "telinit 4", RUNLEVEL="", **records) == ok()
        assert init.performed[-1][1][1] == ["RUNLEVEL=4", "PREVLEVEL=N"]
        assert dump(records["UPSTART_WTMP"])[-2:] == [BOOT, level_record(52)]


def test_telinit_without_init_writes_nothing(run, records, init):
    with private_network():
        status, out, err = run(init, "telinit 2", **records)
        assert (status, out) == (1, "") and err.startswith("telinit: Failed to connect to socket /com/ubuntu/upstart")
        assert dump(records["UPSTART_WTMP"]) == []
    assert init.calls == []  # never the session's


def test_telinit_refused_event(run, records):
    with private_network(), FakeInit(address=SYSTEM):
        assert run(None, "telinit -e X 2", **records) == bad("telinit: Env must be KEY=VALUE pairs")
        assert dump(records["UPSTART_WTMP"]) == [BOOT, level_record(50)]


def test_telinit_writes_records_before_the_event(run, records):
    seen = []

    def emit(init, message):
        seen.append(dump(records["UPSTART_WTMP"]))
        raise Failure(ERROR + "PermissionDenied", "No")

    with private_network(), FakeInit(address=SYSTEM, hooks={"EmitEventWithToken": emit}):
        assert run(None, "telinit 2", **records) == bad("telinit: No")
    assert seen == [[BOOT, level_record(50)]]


def test_telinit_asks_init_where_no_record_can_be_written(run, tmp_path):
    with private_network(), FakeInit(address=SYSTEM) as init:
        assert run(None, "telinit 2", UPSTART_UTMP=str(tmp_path / "none"), UPSTART_WTMP=str(tmp_path)) == ok()
        assert [body for _, body in init.performed] == [["runlevel", ["RUNLEVEL=2", "PREVLEVEL=N"], 0]]
    assert list(tmp_path.iterdir()) == [] or not (tmp_path / "none").exists()


def test_telinit_misuse(run):
    assert run(None, "telinit") == misuse("telinit", "missing runlevel")
    assert run(None, "init") == misuse("init", "missing runlevel")
    for level in "7", "22", "", "é":
        assert run(None, "telinit", level) == misuse("telinit", "illegal runlevel: " + level)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_telinit_needs_root(run):
    for level in "2", "q", "u":
        assert run(None, "telinit " + level, user=65534) == bad("telinit: Need to be root")


def test_telinit_u_waits_for_the_new_image(run):
    with private_network(), FakeInit([web()], address=SYSTEM) as init:
        def reexec(init, message):
            init.performed.append(("Restart", []))
            outage(init, message)

        outage = Outage()
        init.hooks["Restart"] = reexec
        assert run(None, "telinit u") == ok()
        assert outage.over and init.performed == [("Restart", [])]
        outage.join()


def test_telinit_u_asks_what_init_itself_must_answer(run):
    """And not its servant, which knows the version, whatever has become of init."""
    asked = []

    def busy(init, message):
        asked.append(message.body[1])
        raise Failure(ERROR + "Failed", "No")

    with private_network(), FakeInit(address=SYSTEM) as init:
        init.hooks["Get"] = times(2, busy)
        assert run(None, "telinit u") == ok()
    assert asked == ["log_priority"] * 2


def test_telinit_u_leaves_a_foreign_init_alone(run):
    with private_network():
        assert run(None, "telinit u")[0] == 1


def test_telinit_u_in_a_session(run, init):
    with private_network(), FakeInit(address=SYSTEM) as system, FakeInit(address="unix:abstract=/own") as session:
        assert run(session, "telinit --user U") == ok()
        assert session.performed == [("Restart", [])] and system.performed == []
        assert run(session, "telinit --system u") == ok()
        assert system.performed == [("Restart", [])]
        assert run(None, "telinit --user u")[0] == 1
        session.hooks["Restart"] = refuse
        assert run(session, "telinit --user u") == bad("telinit: No")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_root_means_process_one_in_a_session_too(run, records):
    """su keeps the variable, and scripts of packages don't look at it."""
    with private_network(), FakeInit(address=SYSTEM) as system, FakeInit(address="unix:abstract=/own") as session:
        for command in "telinit u", "telinit U", "telinit 2":
            assert run(session, command, **records) == ok()
        assert [name for name, _ in system.performed] == ["Restart", "Restart", "EmitEvent"]
        assert session.performed == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_others_mean_the_init_of_their_session(run):
    address = "unix:abstract=/com/ubuntu/upstart-session/65534/4242"
    with private_network(), FakeInit(address=SYSTEM) as system:
        # Nobody listens there: that is where it went.
        status, out, err = run(None, "telinit u", user=65534, UPSTART_SESSION=address)
        assert (status, out) == (1, "") and "upstart-session/65534/4242" in err
        assert run(None, "telinit --system u", user=65534, UPSTART_SESSION=address) == bad("telinit: Need to be root")
        assert system.performed == []


def refuse(init, message):
    raise Failure(ERROR + "PermissionDenied", "No")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_telinit_q_signals_process_one(bin_dir):
    script = "trap 'echo reloaded' HUP; %s/telinit q; echo $?; %s/telinit Q; echo $?" % (bin_dir, bin_dir)
    done = subprocess.run(["unshare", "--fork", "--pid", "--mount-proc", "--kill-child", "sh", "-c", script],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout == "reloaded\n0\nreloaded\n0\n"


# ---- shutdown ----

def test_shutdown_that_init_refuses(records):
    """It is told in init's words, and no older init is asked."""
    with private_network(), FakeInit(address=SYSTEM, hooks={"EmitEventWithToken": refuse}):
        done = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && mkfifo /run/initctl && exec 3<>/run/initctl && \"$@\"; "
                               "echo $?; timeout 0.1 head -c 1 <&3", "sh", BUILD / "src" / "sysv" / "shutdown", "-r", "now"],
                              env={**os.environ, **records}, capture_output=True, text=True, timeout=LIMIT)
    assert (done.stdout, done.stderr) == ("1\n", "shutdown: No\n")


# ---- runlevel ----

def test_runlevel(run, records, tmp_path):
    assert run(None, "runlevel /no/such") == bad("runlevel:/no/such: No such file or directory")
    assert run(None, "runlevel", **records) == (1, "unknown\n", "")
    assert run(None, "runlevel -q", **records) == (1, "", "")
    assert run(None, "runlevel -q /no/such")[2] != ""
    assert run(None, "runlevel", RUNLEVEL="5", PREVLEVEL="2") == ok("2 5\n")
    assert run(None, "runlevel", RUNLEVEL="5") == ok("N 5\n")
    assert run(None, "runlevel", RUNLEVEL="53", PREVLEVEL="21") == ok("2 5\n")
    assert run(None, "runlevel", RUNLEVEL="", PREVLEVEL="") == (1, "unknown\n", "")
