# SPDX-License-Identifier: MIT
"""initctl monitor and upstart-monitor: what init tells, while it happens."""

import json
import os
import pty
import re
import signal
import subprocess
import threading

import pytest

from conftest import BUILD, INITCTL, LIMIT, wait_for

UPSTART_MONITOR = BUILD / "src" / "initctl" / "upstart-monitor"

SLEEP = "exec sleep 1000\n"
TIME = r"\d\d:\d\d:\d\d\.\d{6}  "


class Monitor:
    """A running monitor; its lines are collected."""

    def __init__(self, init, *options):
        self.process = init.background("monitor", *options)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def await_line(self, pattern):
        wait_for(lambda: any(re.search(pattern, line) for line in self.lines), f"{pattern} in {self.lines}")

    def end(self):
        """Interrupt it; exit status and what it complained of."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        return status, self.process.stderr.read()


@pytest.fixture
def monitor(session):
    made = []

    def make(*options):
        made.append(Monitor(session, *options))
        # It hears of what comes after this: events are asked for until one is shown.
        def shown():
            session.ctl("emit", "-n", "are-you-there")
            return made[-1].lines
        if "are-you-there" not in options and not [o for o in options if o.startswith("-f")]:
            wait_for(shown, "the monitor to hear")
        return made[-1]

    yield make
    for m in made:
        if m.process.poll() is None:
            m.process.kill()
        m.process.wait()


def test_states_are_shown_that_come_and_go(session, monitor):
    text, objects = monitor(), monitor("--json")
    session.ctl("set-state", "lan", "A=1")
    session.ctl("set-state", "lan", "A=1")
    session.ctl("clear-state", "lan")
    text.await_line(f"^{TIME}clear  lan A=1$")
    assert len([line for line in text.lines if re.search(f"^{TIME}set    lan A=1$", line)]) == 1
    objects.await_line("state-cleared")
    told = [json.loads(line) for line in objects.lines if '"state-' in line]
    assert [(one["type"], one["name"], one["env"]) for one in told] == [("state-set", "lan", ["A=1"]), ("state-cleared", "lan", ["A=1"])]


def test_life_of_a_job_is_shown(session, monitor):
    m = monitor()
    session.job("web", "instance $N\n" + SLEEP)
    session.wait_job("web")
    session.ctl("start", "web", "N=one")
    session.ctl("stop", "web", "N=one")
    m.await_line("gone$")
    text = "\n".join(line for line in m.lines if "web" in line)
    wanted = ["job    web is known", r"job    web \(one\) begins", r"job    web \(one\) goal start",
              r"event  starting JOB=web INSTANCE=one", r"job    web \(one\) state running",
              r"event  started JOB=web INSTANCE=one", r"job    web \(one\) goal stop",
              r"event  stopping JOB=web INSTANCE=one RESULT=ok", r"job    web \(one\) is gone"]
    for line in wanted:
        assert re.search("^" + TIME + line + "$", text, re.M), line
    assert m.end() == (0, "")


def test_queued_events_are_shown_to_who_asks(session, monitor):
    session.job("held", "start on slow\ntask\nexec sleep 1000\n")
    session.wait_job("held")
    plain, curious = monitor(), monitor("--queued")
    session.ctl("emit", "-n", "slow", "A=1")
    curious.await_line(TIME + "queued slow A=1$")
    session.wait_status("held", "start/running")
    assert not [line for line in curious.lines if re.search(TIME + "event  slow", line)]
    session.ctl("stop", "held")
    curious.await_line(TIME + "event  slow A=1$")
    plain.await_line(TIME + "event  slow A=1$")
    assert not [line for line in plain.lines if "queued" in line]
    assert not [line for line in curious.lines if "PropertiesChanged" in line or "Interfaces" in line]
    # Also over a connection that was lost.
    os.kill(session.wait_servants()["upstart-control"], signal.SIGKILL)

    def shown():
        session.command(INITCTL, "emit", "-n", "again")
        return [line for line in curious.lines if re.search(TIME + "queued again$", line)]
    wait_for(shown, "the monitor to hear again")


def test_filter_shows_what_matches_and_events_of_matching_jobs(session, monitor):
    for name in "web", "webdb", "other":
        session.job(name, SLEEP)
    session.wait_jobs(3)
    m = monitor("-fare*", "-f", "web*")

    def shown():
        session.ctl("emit", "-n", "are-you-there")
        return m.lines
    wait_for(shown, "the monitor to hear")
    for name in "other", "web", "webdb":
        session.ctl("start", name)
    m.await_line("event  started JOB=webdb")
    assert any("event  started JOB=web " in line for line in m.lines)
    assert not any("other" in line for line in m.lines)


def test_json_is_one_object_a_line(session, monitor):
    m = monitor("--json")
    session.job("bad", "task\nexec false\n")
    session.wait_job("bad")
    assert session.command(INITCTL, "start", "bad").returncode == 1
    m.await_line('"instance-removed"')
    told = [json.loads(line) for line in m.lines]
    told = [{k: v for k, v in t.items() if k != "time"} for t in told if t.get("name") != "are-you-there"]
    assert {"type": "job-added", "job": "bad"} in told
    assert {"type": "state", "job": "bad", "instance": "", "state": "running"} in told
    assert {"type": "failed", "job": "bad", "instance": "", "status": 1} in told
    assert {"type": "event", "name": "stopped",
            "env": ["JOB=bad", "INSTANCE=", "RESULT=failed", "PROCESS=main", "EXIT_STATUS=1"]} in told or \
        any(t.get("name") == "stopping" and "RESULT=failed" in t["env"] for t in told)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", json.loads(line)["time"]) for line in m.lines)


def test_control_characters_of_events_do_not_reach_the_terminal(session, monitor):
    m = monitor()
    session.ctl("emit", "-n", "odd", "X=\033[31m\nevil")
    m.await_line(r"event  odd X=\\x1b\[31m\\nevil$")


def test_monitor_ends_when_nobody_reads_it(session):
    read, write = os.pipe()
    process = subprocess.Popen([INITCTL, "monitor"], env=session.env, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    def heard():
        session.ctl("emit", "-n", "hello")
        os.set_blocking(read, False)
        try:
            return os.read(read, 100)
        except BlockingIOError:
            return None
    wait_for(heard, "a line")
    os.close(read)
    assert process.wait(LIMIT) in (0, -signal.SIGPIPE)
    assert process.stderr.read() == b""


def test_monitor_goes_on_over_a_restart_of_init(session, monitor):
    m = monitor()
    os.kill(session.wait_servants()["upstart-control"], signal.SIGKILL)

    def shown():
        session.command(INITCTL, "emit", "-n", "after")
        return any("event  after" in line for line in m.lines)
    wait_for(shown, "the monitor to have come back")
    status, complaint = m.end()
    assert status == 0
    assert "connection was lost for a moment" in complaint


def test_monitor_fails_when_init_has_gone(session, monitor):
    m = monitor()
    session.end()
    assert m.process.wait(LIMIT) == 1
    assert "The connection to init was lost" in m.process.stderr.read()


def test_colour_is_for_terminals(session):
    master, slave = pty.openpty()
    process = subprocess.Popen([INITCTL, "monitor"], env=dict(session.env, TERM="xterm"), stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=subprocess.PIPE)
    os.close(slave)
    os.set_blocking(master, False)
    text = b""

    def painted():
        nonlocal text
        session.ctl("emit", "-n", "hello")
        try:
            text += os.read(master, 4096)
        except BlockingIOError:
            pass
        return b"\033[36mhello\033[0m" in text
    try:
        wait_for(painted, "colour")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
        os.close(master)


# -- upstart-monitor


def upstart_monitor(session, *options, **env):
    return subprocess.Popen([UPSTART_MONITOR, *options], env={**session.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("options, separator", [(["-n"], "\t"), (["--no-gui", "-s", " | ", "-d", "session-socket"], " | ")])
def test_upstart_monitor_prints_events(session, options, separator):
    process = upstart_monitor(session, *options)
    head = [process.stdout.readline().rstrip("\n") for _ in range(6)]
    assert all(line.startswith("#") for line in head[:5]) and head[5] == ""
    assert any("session" in line for line in head)
    session.ctl("emit", "-n", "deployed", "VERSION=3", "WHO=a=b", "ODD=\033[0m")
    line = process.stdout.readline()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}" + re.escape(separator) +
                        r"deployed VERSION='3' WHO='a=b' ODD='\\x1b\[0m'\n", line), line
    session.end()
    assert process.wait(LIMIT) == 1
    assert "The connection to init was lost" in process.stderr.read()


def test_upstart_monitor_says_what_is_wrong(session):
    for options, env, complaint in (
            (["-d", "moon"], {}, "unknown destination: moon"), (["what"], {}, "unexpected argument: what"),
            (["-d", "session-socket"], {"UPSTART_SESSION": "unix:path=/nowhere"}, "/nowhere"), (["-x"], {}, "invalid option: -x")):
        process = upstart_monitor(session, *options, **env)
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1 and out == "" and complaint in err, err
