# SPDX-License-Identifier: MIT
"""What `make run` shows: the jobs of docs/examples in a session of their own.

UPSTART_BUILD names the build folder (default: build); the installation in its `root` is run.
"""

import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

from conftest import wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
ROOT = pathlib.Path(os.environ.get("UPSTART_BUILD", TOP / "build")).resolve() / "root"
DEMO = TOP / "tools" / "run-demo"
LIMIT = 120  # seconds

pytestmark = pytest.mark.skipif(not (ROOT / "sbin" / "init").exists(), reason="there is no installation in the build folder")


@pytest.fixture
def env(tmp_path):
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TMPDIR": str(tmp_path), "SHELL": "/bin/sh", "HOME": str(tmp_path)}


def leftovers(tmp_path):
    """Processes that still mention the scratch folder."""
    left = []
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(tmp_path).encode() in (proc / "cmdline").read_bytes():
                left.append(int(proc.name))
        except OSError:
            pass
    return left


def assert_nothing_left(tmp_path):
    wait_for(lambda: leftovers(tmp_path) == [], lambda: f"the end of {leftovers(tmp_path)}", LIMIT)
    assert list(tmp_path.glob("upstart-demo.*")) == []


def test_without_terminal_it_ends_by_itself(env, tmp_path):
    done = subprocess.run([DEMO, ROOT], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    for line in ("clock stop/waiting", "Handling started event", "clock start/running", "greeter start/running",
                 "worker (one) start/running", "greeter.log | good morning: clock has started",
                 "greeter.log | good night: clock is stopping", "summary.log | greeter is over, result: ok"):
        assert line in out
    assert "clock.log | it is " in out
    assert ".conf:" not in out  # no fault in any job file
    assert done.stderr == ""
    assert_nothing_left(tmp_path)


class Terminal:
    """The demonstration on a terminal."""

    def __init__(self, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(str(DEMO), [str(DEMO), str(ROOT)], env)
        self.text = ""

    def read_until(self, wanted):
        deadline = time.monotonic() + LIMIT
        while wanted not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, "waited in vain for %r in:\n%s" % (wanted, self.text)
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, "ended without %r:\n%s" % (wanted, self.text)
            self.text += data.decode("utf-8", "replace")

    def type(self, line):
        self.text = ""
        os.write(self.fd, line.encode() + b"\n")

    def status(self):
        """Read to the end; exit status."""
        while True:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode("utf-8", "replace")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_on_a_terminal_it_gives_a_prompt(env, tmp_path):
    terminal = Terminal(env)
    terminal.read_until("upstart demo $ ")
    terminal.type("status greeter")
    terminal.read_until("greeter start/running")
    terminal.type("stop clock; status summary; echo $UPSTART_SESSION")
    terminal.read_until("unix:abstract=")
    terminal.type("exit")
    assert terminal.status() == 0
    assert_nothing_left(tmp_path)


def test_hangup_ends_it(env, tmp_path):
    terminal = Terminal(env)
    terminal.read_until("upstart demo $ ")
    os.kill(terminal.pid, signal.SIGHUP)
    os.close(terminal.fd)
    os.waitpid(terminal.pid, 0)
    assert_nothing_left(tmp_path)


def test_without_installation_it_says_what_to_do(env, tmp_path):
    done = subprocess.run([DEMO, tmp_path / "nowhere"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert "run 'make run'" in done.stderr

