# SPDX-License-Identifier: MIT
"""upstart-time-bridge in tests: with a stand-in for init, and as a job of a real session init.

UPSTART_BUILD names the build folder (default: build). The fixtures `start` and `session` are imported by the tests.
"""

import os
import pathlib
import signal
import subprocess

import pytest

import waiting
from fake_init import MANAGER, ROOT

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT_DIR / "build")).resolve()
BRIDGE = BUILD / "src" / "bridges" / "upstart-time-bridge"
INIT = BUILD / "src" / "init" / "init"
INITCTL = BUILD / "src" / "initctl" / "initctl"
TELINIT = BUILD / "src" / "sysv" / "telinit"
LIMIT = 60  # seconds until something counts as hung


def wait_for(condition, what="it", path=None):
    return waiting.wait_for(condition, what, LIMIT, path)


class Bridge:
    """A running bridge; what it says is in `log`."""

    def __init__(self, tmp_path, address, *options, **env):
        self.path = tmp_path / ("bridge-%d.log" % len(list(tmp_path.glob("bridge-*.log"))))
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "UPSTART_SESSION": address, "HOME": str(tmp_path),
                    "XDG_RUNTIME_DIR": str(tmp_path), **env}
        here, there = os.pipe()
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([str(BRIDGE), "--debug", "--user", "--ready=%d" % there, *options], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[there])
        os.close(there)
        said = os.read(here, 10)
        os.close(here)
        assert said == b"\n", self.log

    @property
    def log(self):
        return self.path.read_text(errors="surrogateescape")

    def says(self, text, times=1):
        wait_for(lambda: self.log.count(text) >= times, lambda: "%r in:\n%s" % (text, self.log), self.path)

    def end(self, signo=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signo)
        return self.process.wait(LIMIT)


@pytest.fixture
def start(tmp_path):
    """start(init, *options) -> Bridge; they must end well."""
    bridges = []

    def start(init, *options, **env):
        bridges.append(Bridge(tmp_path, init.address, *options, **env))
        return bridges[-1]
    yield start
    for bridge in bridges:
        if bridge.process.poll() is None:
            assert bridge.end() == 0, bridge.log
        for word in ("Sanitizer", "runtime error", "assertion", "arguments to dbus"):
            assert word not in bridge.log


def got(init):
    """The events that init was given: dictionaries of their variables, in order."""
    return [dict(pair.split("=", 1) for pair in what[1][1]) for what in list(init.performed)
            if what[0].startswith("EmitEvent") and what[1][0] == "time"]


def event(init, name, *env):
    init.signal(ROOT, MANAGER, "EventEmitted", "sas", name, list(env))


def add_job(init, job):
    init.jobs[job.name] = job
    init.signal(ROOT, MANAGER, "JobAdded", "o", job.path)


needs_init = pytest.mark.skipif(not (INIT.exists() and INITCTL.exists()), reason="init is not built")


class Session:
    """A real session init with these job files, and the bridge as one of them."""

    def __init__(self, folder, jobs, usual=False, user=None):
        """`usual`: init looks for jobs where it usually does, which is below `folder` all the same. `user`: whose it is, a number."""
        self.folder, self.runtime = folder, folder / "run"
        self.jobs = folder / ".config" / "upstart" if usual else folder / "jobs"
        for path in (self.jobs, folder / "log", folder / "run"):
            path.mkdir(parents=True)
        shipped = (ROOT_DIR / "jobs" / "session" / "upstart-time-bridge.conf").read_text()
        for name, text in {"upstart-time-bridge": shipped, **jobs}.items():
            (self.jobs / (name + ".conf")).write_text(text)
        self.rights = {}
        if user is not None:
            self.rights = {"user": user, "group": user, "extra_groups": []}
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, user, user)
        path = ":".join([str(BRIDGE.parent), str(INITCTL.parent), os.environ["PATH"]])
        self.env = {"PATH": path, "LC_ALL": "C", "HOME": str(folder), "XDG_RUNTIME_DIR": str(self.runtime),
                    "UPSTART_NO_SYSTEM_USERCONFDIR": "1", "XDG_CONFIG_DIRS": str(folder)}
        with open(folder / "init.log", "wb") as log:
            where = [] if usual else ["--confdir", str(self.jobs)]
            self.process = subprocess.Popen([str(INIT), "--user", "--debug", *where, "--logdir", str(folder / "log")], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.rights)
        file = self.runtime / "upstart" / "sessions" / ("%d.session" % self.process.pid)
        self.address = wait_for(lambda: file.exists() and file.read_text().strip().partition("=")[2], "a session")
        wait_for(lambda: self.initctl("version", check=False).returncode == 0, "an answer of init")

    def initctl(self, *words, check=True):
        return subprocess.run([INITCTL, *words], env={**self.env, "UPSTART_SESSION": self.address}, check=check, text=True,
                              capture_output=True, timeout=LIMIT, **self.rights)

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
def session(tmp_path):
    made = []

    def make(jobs, **options):
        made.append(Session(tmp_path / "session", jobs, **options))
        return made[-1]
    yield make
    for one in made:
        one.end()
