# SPDX-License-Identifier: MIT
"""States that no job has, of a running init: who holds them, for how long, and jobs that follow."""

import json
import os
import signal
import subprocess
import sys

import pytest

from conftest import INITCTL, wait_for
from test_reexec import restart

SLEEP = "exec sleep 9999\n"

# A client that holds what is bound to its connection, until it is killed.
BINDER = """
import sys, dbus.bus
conn = dbus.connection.Connection(sys.argv[1])
conn.call_blocking(None, "/com/ubuntu/Upstart", "com.ubuntu.Upstart2", "SetState", "sasa{sv}", (sys.argv[2], [], {"bound": True}))
print("bound", flush=True)
sys.stdin.read()
"""

# A bridge: says in one step which interfaces there are, and that it has said so.
BRIDGE = """
import dbus.bus, os, sys, time
conn = dbus.connection.Connection(sys.argv[1])
conn.call_blocking(None, "/com/ubuntu/Upstart", "com.ubuntu.Upstart2", "ReplaceStates", "saasa{sv}",
                   ("net", [["I=" + name] for name in open(sys.argv[2]).read().split()], {}))
open(sys.argv[2] + ".said", "a").write("once more\\n")
time.sleep(9999)
"""


def states(init, *names):
    return init.ctl("list-states", *names).splitlines()


def foreign(init):
    """Those that somebody has set."""
    return [line for line in states(init) if ", set by " in line]


def runs(init, job, *words):
    return wait_for(lambda: "start/running" in init.status(job, *words), f"{job} to run")


def is_gone(init, job):
    return wait_for(lambda: "stop/waiting" in init.status(job), f"{job} to be gone")


def test_job_follows_a_state(session):
    session.job("web", "while lan\n" + SLEEP)
    session.wait_job("web")
    session.ctl("set-state", "lan", "SPEED=fast")
    runs(session, "web")
    assert "SPEED=fast" in session.ctl("explain", "web")
    assert states(session, "lan") == ["lan SPEED=fast, set by a user"]
    session.ctl("clear-state", "--wait", "lan")
    assert "stop/waiting" in session.status("web")
    assert states(session, "lan") == []


def test_start_when_ready_waits_for_the_states(session):
    session.job("web", "while lan\n" + SLEEP)
    session.wait_job("web")
    refused = session.command(INITCTL, "start", "web")
    assert (refused.returncode, refused.stderr) == (1, "initctl: Its 'while' does not hold: lan (unknown)\n")
    assert session.ctl("start", "--when-ready", "--no-wait", "web") == "web stop/waiting\n"
    waiting = session.background("start", "--when-ready", "web")
    stopped = session.background("start", "--when-ready", "web")
    try:
        wait_for(lambda: "\t\t2 starts wait until it holds\n" in session.ctl("explain", "web"), "both to wait")
        session.ctl("set-state", "unrelated")
        restart(session)
        assert waiting.poll() is None
        session.ctl("set-state", "lan")
        assert waiting.communicate()[0] == stopped.communicate()[0] == session.status("web") + "\n"
        assert "start/running" in session.status("web")
    finally:
        waiting.kill()
        stopped.kill()


def test_start_when_ready_ends_with_a_stop(session):
    session.job("web", "while lan\n" + SLEEP)
    session.wait_job("web")
    waiting = session.background("start", "--when-ready", "web")
    try:
        wait_for(lambda: "\t\t1 start waits until it holds\n" in session.ctl("explain", "web"), "it to wait")
        session.ctl("stop", "web")
        assert waiting.communicate()[1] == "initctl: It was stopped before its 'while' held\n"
        assert waiting.returncode == 1
    finally:
        waiting.kill()


def test_stop_of_what_does_not_run_keeps_it_down(session):
    session.job("web", "while lan\n" + SLEEP)
    session.job("other", "while lan\n" + SLEEP)
    session.wait_jobs(2)
    assert session.ctl("stop", "web") == "web stop/waiting\n"
    session.ctl("set-state", "lan")
    runs(session, "other")
    assert "stop/waiting" in session.status("web")
    session.ctl("start", "web")
    runs(session, "web")


def test_unknown_name_decides_nothing_until_it_was_spoken_of(session):
    session.job("web", "while not maintenance\n" + SLEEP)
    session.wait_job("web")
    assert "stop/waiting" in session.status("web")
    session.ctl("clear-state", "maintenance")
    runs(session, "web")


def test_instance_per_state(session):
    session.job("dhcp", "instance $I\nwhile net-device I=* and not static I=$I\n" + SLEEP)
    session.wait_job("dhcp")
    session.ctl("set-state", "static", "I=eth1")
    for name in "eth0", "eth1", "lo":
        session.ctl("set-state", "net-device", "I=" + name)
    runs(session, "dhcp", "I=eth0")
    runs(session, "dhcp", "I=lo")
    assert "(eth1)" not in session.ctl("list")
    session.ctl("clear-state", "--wait", "net-device", "I=eth*")
    assert [line.split(",")[0] for line in session.ctl("list").splitlines() if line.startswith("dhcp")] == ["dhcp (lo) start/running"]


def test_listing_tells_all_that_holds(session):
    session.job("web", "export A\nenv A=1\n" + SLEEP)
    session.job("task", "task\nexec true\n")
    session.job("setter", "pre-start exec %s set-state ready\n" % INITCTL + SLEEP)
    session.wait_jobs(3)
    for job in "web", "task", "setter":
        session.ctl("start", job)
    session.ctl("set-state", "lan", "A=1", "B=x y")
    assert sorted(states(session)) == ["lan A=1 B=x y, set by a user", "ready, set by setter", "setter INSTANCE=",
                                       "task/done INSTANCE=", "web INSTANCE= A=1"]
    told = {one["state"]: one for one in json.loads(session.ctl("list-states", "--json"))}
    assert told["lan"] == {"state": "lan", "env": {"A": "1", "B": "x y"}, "owners": [{"job": None, "instance": None}]}
    assert told["ready"]["owners"] == [{"job": "setter", "instance": ""}] == told["setter"]["owners"]
    assert told["task/done"]["owners"] == []
    assert json.loads(session.ctl("list-states", "--json", "nix")) == []


def test_state_of_a_job_ends_with_it_and_dependents_stop_first(session, tmp_path):
    log = tmp_path / "order"
    session.job("bridge", f"pre-start exec {INITCTL} set-state lan\npost-stop exec sh -c 'echo bridge >>{log}'\n" + SLEEP)
    session.job("web", f"while lan\npost-stop exec sh -c 'echo web >>{log}'\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "bridge")
    runs(session, "web")
    session.ctl("stop", "bridge")
    assert log.read_text().split() == ["web", "bridge"]
    assert foreign(session) == []


def test_restart_of_a_provider_keeps_what_it_sets_again(session):
    session.job("bridge", f"pre-start exec {INITCTL} set-state lan\nrespawn\n" + SLEEP)
    session.job("web", "while lan\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "bridge")
    runs(session, "web")
    web, bridge = session.pid_of("web"), session.pid_of("bridge")
    session.ctl("restart", "bridge")
    os.kill(session.pid_of("bridge"), signal.SIGKILL)
    wait_for(lambda: "start/running" in session.status("bridge") and session.pid_of("bridge") != bridge, "the respawn")
    assert session.pid_of("web") == web
    assert foreign(session) == ["lan, set by bridge"]


def test_bridge_that_crashes_makes_nothing_flap(session, tmp_path):
    pytest.importorskip("dbus")
    there, program = tmp_path / "there", tmp_path / "bridge.py"
    there.write_text("eth0 eth1")
    said = tmp_path / "there.said"
    program.write_text(BRIDGE)
    session.job("bridge", f"respawn\nexec {sys.executable} {program} {session.env['UPSTART_SESSION']} {there}\n")
    session.job("dhcp", "instance $I\nwhile net I=*\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "bridge")
    wait_for(lambda: session.ctl("list").count(") start/running") == 2, "both to run")
    eth0 = session.pid_of("dhcp", "I=eth0")
    there.write_text("eth2 eth0")
    os.kill(session.pid_of("bridge"), signal.SIGKILL)
    wait_for(lambda: said.read_text().count("once more") == 2, "the bridge to be back")
    wait_for(lambda: "dhcp (eth2) start/running" in session.ctl("list") and "(eth1)" not in session.ctl("list"), "what is there now")
    assert session.pid_of("dhcp", "I=eth0") == eth0
    assert foreign(session) == ["net I=eth0, set by bridge", "net I=eth2, set by bridge"]
    # A provider that is stopped takes its states with it, and waits for those that follow them.
    session.ctl("stop", "bridge")
    assert foreign(session) == [] and "dhcp (" not in session.ctl("list")


def test_states_survive_reexec_and_crash(session):
    session.job("bridge", f"pre-start exec {INITCTL} set-state wan\n" + SLEEP)
    session.job("web", "while lan and wan\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "bridge")
    session.ctl("set-state", "lan")
    runs(session, "web")
    web, before = session.pid_of("web"), foreign(session)
    restart(session)
    assert foreign(session) == before and session.pid_of("web") == web
    for servant in session.servants().values():
        os.kill(servant, signal.SIGKILL)
    wait_for(lambda: foreign(session) == before, "the states after the servants' death")
    assert session.pid_of("web") == web
    session.ctl("stop", "bridge")
    is_gone(session, "web")


def test_bound_state_ends_with_its_connection(session):
    pytest.importorskip("dbus")
    session.job("web", "while lan\n" + SLEEP)
    session.wait_job("web")
    binder = subprocess.Popen([sys.executable, "-c", BINDER, session.env["UPSTART_SESSION"], "lan"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert binder.stdout.readline() == "bound\n"
        runs(session, "web")
    finally:
        binder.kill()
        binder.communicate()
    is_gone(session, "web")
    assert foreign(session) == []


@pytest.mark.parametrize("words, message", [
    (["set-state", "web"], "Name is that of a job's state, or of init's own: web"),
    (["set-state", "x/failed"], "Name is that of a job's state, or of init's own: x/failed"),
    (["set-state", "runlevel"], "Name is that of a job's state, or of init's own: runlevel"),
    (["set-state", "a b"], "Name of a state may hold letters, digits and _ . : / - only, and begins with a letter, a digit or ':'"),
    (["set-state", "x" * 256], "Name of a state may not be longer than 255 bytes"),
    (["set-state", "lan", "A"], "Env must be KEY=VALUE pairs"),
    (["clear-state", "lan", "A"], "Env must be KEY=VALUE pairs"),
])
def test_wrong_name_is_an_error(session, words, message):
    session.job("web", SLEEP)
    session.wait_job("web")
    done = session.command(INITCTL, *words)
    assert (done.returncode, done.stderr) == (1, f"initctl: {message}\n")
    assert states(session) == []
