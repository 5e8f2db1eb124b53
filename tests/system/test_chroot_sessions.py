# SPDX-License-Identifier: MIT
"""Chroot sessions: who calls from a chroot has jobs of his own, and nobody else's."""

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import INITCTL, WATCHES, wait_for

pytestmark = pytest.mark.skipif(not WATCHES, reason="the portable build has no machine to chroot in")

SLEEP = "exec sleep 1000\n"
MANAGER = "com.ubuntu.Upstart0_6"
OBJECT = "/com/ubuntu/Upstart"


def install(root, program, target):
    """A program and the libraries it needs."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", text):
        place = root / library[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copy(library, place)
    place = root / target
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(program, place)


class Chroot:
    def __init__(self, init, name):
        self.init, self.root = init, init.path / name
        for program in ("sh", "sleep", "env", "cat", "dbus-send"):
            where = shutil.which(program)
            if where is None:
                pytest.skip(f"no {program}")
            install(self.root, where, f"bin/{program}")
        install(self.root, INITCTL, "sbin/initctl")
        self.conf = self.root / "etc/init"
        self.conf.mkdir(parents=True)
        self.log = self.root / str(init.log)[1:]
        self.log.mkdir(parents=True)

    def run(self, *words):
        """A command inside, that init is asked by."""
        return self.init.command("chroot", str(self.root), *words)

    def ctl(self, *words):
        done = self.run("/sbin/initctl", *words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def job(self, name, text):
        (self.conf / f"{name}.conf").write_text(text)

    def jobs(self):
        return sorted(line.split()[0] for line in self.ctl("list").splitlines())

    def wait_jobs(self, *names):
        wait_for(lambda: self.jobs() == sorted(names), lambda: f"jobs {names}, they are {self.jobs()}")


def send(runner, path, method, *arguments):
    """A method call of the private socket, as somebody without initctl makes it."""
    done = runner("dbus-send", "--peer=unix:abstract=/com/ubuntu/upstart", "--print-reply", path, method, *arguments)
    return done.stdout if done.returncode == 0 else done.stderr


@pytest.fixture
def init(make_pid1):
    return make_pid1()


@pytest.fixture
def sessions(init):
    """A machine with two chroots, each with a job `web`."""
    init.job("web", "usage machine\n" + SLEEP)
    a, b = Chroot(init, "a"), Chroot(init, "b")
    for chroot, name in ((a, "a"), (b, "b")):
        chroot.job("web", f"usage {name}\nscript\n  echo I am $UPSTART_JOB in {name}; exec sleep 1000\nend script\n")
    init.start("--chroot-sessions")
    return init, a, b


@pytest.mark.parametrize("how", ["no option", "UPSTART_NO_SESSIONS"])
def test_without_them_a_chroot_is_like_everywhere(init, how):
    init.job("web", SLEEP)
    a = Chroot(init, "a")
    a.job("inside", SLEEP)
    if how == "UPSTART_NO_SESSIONS":
        init.env["UPSTART_NO_SESSIONS"] = "1"
    init.start(*(["--chroot-sessions"] if how == "UPSTART_NO_SESSIONS" else []))
    assert a.jobs() == ["web"]


def test_each_sees_and_changes_its_own(sessions):
    init, a, b = sessions
    assert a.jobs() == b.jobs() == init.jobs() == ["web"]
    assert [a.ctl("usage", "web"), b.ctl("usage", "web"), init.ctl("usage", "web")] == ["Usage: a\n", "Usage: b\n", "Usage: machine\n"]
    assert re.fullmatch(r"web start/running, process \d+\n", a.ctl("start", "web"))
    assert b.ctl("status", "web") == init.ctl("status", "web") == "web stop/waiting\n"
    pid = int(a.ctl("status", "web").split()[-1])
    assert init.command("readlink", f"/proc/{pid}/root").stdout.strip() == str(a.root)
    wait_for(lambda: (a.log / "web.log").exists() and (a.log / "web.log").read_text() == "I am web in a\n", "its log")
    assert not (init.log / "web.log").exists()
    assert a.run("/sbin/initctl", "start", "web").stderr == "initctl: Job is already running: web\n"
    assert a.run("/sbin/initctl", "start", "none").stderr == "initctl: Unknown job: none\n"
    assert init.command("initctl", "status", f"{a.root}//web").stderr == f"initctl: Unknown job: {a.root}//web\n"
    assert a.ctl("stop", "web") == "web stop/waiting\n"


def escape(name):
    return "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)


def test_paths_have_the_root_in_them_and_guard_nothing_but_changes(sessions):
    init, a, b = sessions
    path = f"{OBJECT}/jobs/{escape(str(a.root))}/web"
    assert f'object path "{path}"' in send(a.run, OBJECT, f"{MANAGER}.GetAllJobs")
    assert f'object path "{path}"' in send(a.run, OBJECT, f"{MANAGER}.GetJobByName", "string:web")
    assert f'object path "{OBJECT}/jobs/web"' in send(init.command, OBJECT, f"{MANAGER}.GetAllJobs")
    start = ("array:string:", "boolean:true")
    for runner, job in ((init.command, path), (b.run, path), (a.run, f"{OBJECT}/jobs/web")):
        answer = send(runner, job, f"{MANAGER}.Job.Start", *start)
        assert answer == "Error com.ubuntu.Upstart0_6.Error.PermissionDenied: You do not have permission to modify job: web\n"
        assert 'string "web"' in send(runner, job, "org.freedesktop.DBus.Properties.Get", "string:", "string:name")
    assert f'object path "{path}/_"' in send(a.run, path, f"{MANAGER}.Job.Start", *start)
    answer = send(b.run, f"{path}/_", f"{MANAGER}.Instance.Stop", "boolean:true")
    assert "PermissionDenied" in answer and a.ctl("status", "web").startswith("web start/running")


def test_events_of_a_chroot_stay_in_it_and_those_of_the_machine_reach_all(sessions):
    init, a, b = sessions
    for place in (init, a, b):
        place.job("on", "start on go or started web\nstop on halt\n" + SLEEP)
    for chroot in (a, b):
        chroot.wait_jobs("on", "web")
    init.wait_job("on")
    running = lambda: ["start/running" in place.ctl("status", "on") for place in (init, a, b)]  # noqa: E731
    a.ctl("emit", "go")
    assert running() == [False, True, False]
    b.ctl("start", "web")
    wait_for(lambda: running() == [False, True, True], "the job's event to be heard where it is")
    init.ctl("emit", "halt")
    assert running() == [False, False, False]
    init.ctl("start", "web")
    wait_for(lambda: running() == [True, True, True], "the machine's event to be heard everywhere")


def test_what_is_not_for_them(sessions):
    init, a, _ = sessions
    for words in (["get-env", "-g", "PATH"],):
        assert a.run("/sbin/initctl", *words).stderr == "initctl: You do not have permission to query job environment\n"
    answer = send(a.run, OBJECT, f"{MANAGER}.GetState")
    assert answer == "Error com.ubuntu.Upstart0_6.Error.PermissionDenied: You do not have permission to request state\n"
    assert "PATH=" in a.ctl("list-env", "-g")
    a.ctl("notify-disk-writeable")
    pid = init.pid
    assert send(a.run, OBJECT, f"{MANAGER}.Restart").startswith("method return")
    assert "is ignored" in init.kmsg() and str(a.root) in init.kmsg()
    assert init.answers() and init.pid == pid
    a.ctl("log-priority", "debug")
    assert init.ctl("log-priority") == "debug\n"


def test_files_are_watched_and_overrides_are_of_the_same_session(sessions):
    init, a, b = sessions
    assert a.jobs() == ["web"]
    (init.conf / "web.override").write_text("usage override\n")
    wait_for(lambda: init.ctl("usage", "web") == "Usage: override\n", "the machine's override")
    assert a.ctl("usage", "web") == "Usage: a\n"
    (a.conf / "web.override").write_text("usage own\n")
    wait_for(lambda: a.ctl("usage", "web") == "Usage: own\n", "its override")
    assert init.ctl("usage", "web") == "Usage: override\n"
    a.job("more", SLEEP)
    a.wait_jobs("more", "web")
    assert init.jobs() == ["web"]
    a.job("more", "wibble\n")
    wait_for(lambda: "last good" in a.run("/sbin/initctl", "status", "more").stderr, "the fault to be known")
    assert a.run("/sbin/initctl", "check-config").stdout.startswith(f"{a.root}/etc/init/more.conf:1:1: Unknown stanza")
    assert init.command("initctl", "check-config").returncode == 0
    (a.conf / "more.conf").unlink()
    a.wait_jobs("web")
    shutil.rmtree(a.conf)
    a.wait_jobs()


def test_they_outlive_a_reexec(sessions):
    init, a, b = sessions
    a.job("half", "start on one and two\n" + SLEEP)
    a.ctl("start", "web")
    a.wait_jobs("half", "web")
    pid = a.ctl("status", "web").split()[-1]
    a.ctl("emit", "-n", "one")
    assert send(init.command, OBJECT, f"{MANAGER}.Restart").startswith("method return")
    wait_for(init.answers, "init to answer")
    wait_for(lambda: a.jobs() == ["half", "web"], "the jobs")
    assert a.ctl("status", "web").split()[-1] == pid
    assert init.jobs() == ["web"]
    init.ctl("emit", "two")
    assert a.ctl("status", "half").startswith("half start/running")
    a.job("later", SLEEP)
    a.wait_jobs("half", "later", "web")
    a.ctl("stop", "web")


def test_states_are_their_own(sessions):
    init, a, b = sessions
    for place in (init, a):
        place.job("needs", "while web\n" + SLEEP)
    init.wait_job("needs")
    a.wait_jobs("needs", "web")
    init.ctl("emit", "startup")
    init.ctl("start", "web")
    init.wait_status("needs", "start/running")
    assert a.ctl("status", "needs") == "needs stop/waiting\n"
    a.ctl("start", "web")
    wait_for(lambda: a.ctl("status", "needs").startswith("needs start/running"), "the state to be followed")


def test_a_chroot_within_a_job_of_one(sessions):
    init, a, _ = sessions
    inner = a.root / "inner"
    install(inner, shutil.which("sleep"), "bin/sleep")
    a.job("deep", "chroot /inner\nexec /bin/sleep 1000\n")
    a.wait_jobs("deep", "web")
    a.ctl("start", "deep")
    pid = a.ctl("status", "deep").split()[-1]
    assert init.command("readlink", f"/proc/{pid}/root").stdout.strip() == str(inner)


def test_client_that_does_not_wait_is_counted_where_it_is(sessions):
    """dbus-send without a reply is gone at once."""
    init, a, _ = sessions
    for place in (init, a):
        place.job("on", "start on go\n" + SLEEP)
    init.wait_job("on")
    a.wait_jobs("on", "web")
    for _ in range(20):
        a.run("dbus-send", "--peer=unix:abstract=/com/ubuntu/upstart", "--type=method_call", OBJECT, f"{MANAGER}.EmitEvent",
              "string:go", "array:string:", "boolean:false")
    a.ctl("emit", "go")
    assert init.status("on") == "on stop/waiting"
    assert pathlib.Path(a.root).exists() and a.ctl("status", "on").startswith("on start/running")
