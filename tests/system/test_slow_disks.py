# SPDX-License-Identifier: MIT
"""A disk that hangs holds up what is on it and nothing else: neither init, nor other jobs, nor their logs."""

import contextlib
import hashlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from conftest import LIMIT, process_state, wait_for
from test_logs import Talker

LONG = "UPSTART_TEST_LONG" in os.environ
FUSE = pathlib.Path(__file__).resolve().parents[1] / "helpers" / "fuse.py"


class Disk:
    """A file system inside a machine that can be made to hang."""

    def __init__(self, machine, *files):
        self.machine, self.path = machine, machine.path / "disk"
        self.path.mkdir()
        if not os.path.exists("/dev/fuse"):
            pytest.skip("no FUSE")
        # The device is opened in the machine's namespace, whose /dev has none.
        machine.command("mknod", "-m", "600", "/dev/fuse", "c", "10", "229")
        self.server = subprocess.Popen([*machine.prefix[:3], "-m", "/usr/bin/python3", FUSE, self.path, *files], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "ready\n":
            pytest.skip("no FUSE: " + self.server.stderr.read())

    def hang(self):
        self.server.send_signal(signal.SIGSTOP)
        wait_for(lambda: process_state(self.server.pid) == "T", "the file system to stop")

    def go_on(self):
        self.server.send_signal(signal.SIGCONT)

    def end(self):
        self.server.kill()
        self.server.wait(LIMIT)


@contextlib.contextmanager
def disk_in(machine, *files):
    disk = Disk(machine, *files)
    try:
        yield disk
    finally:
        disk.end()


def inside(machine, path):
    return pathlib.Path(f"/proc/{machine.pid}/root{path}")


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def put_log_on(machine, disk, name):
    """The log of a job is a file of that disk; those of others are not."""
    assert machine.command("touch", disk.path / name, machine.log / f"{name}.log").returncode == 0
    mounted = machine.command("mount", "--bind", disk.path / name, machine.log / f"{name}.log")
    assert mounted.returncode == 0, mounted.stderr


def test_log_on_a_disk_that_hangs_holds_up_its_own_job_only(pid1):
    with disk_in(pid1) as disk:
        put_log_on(pid1, disk, "slow")
        slow, other = Talker(pid1, "slow"), Talker(pid1, "other")
        slow.say("before\n")
        log = inside(pid1, disk.path / "slow")
        wait_for(lambda: read(log) == "before\n", "the log on that disk")
        disk.hang()
        lines = "".join(f"line {i:05}\n" for i in range(2000))
        for at in range(0, len(lines), 1100):
            slow.say(lines[at:at + 1100])
        for i in range(10):
            other.say(f"{i}\n")
            wait_for(lambda: read(inside(pid1, pid1.log / "other.log")).endswith(f"{i}\n"), "the log on another disk")
        assert "slow start/running" in pid1.ctl("list") and pid1.servants()["upstart-logger"]
        # A job whose log hangs can be stopped, and another be started.
        third = Talker(pid1, "third")
        third.say("said\n")
        wait_for(lambda: read(inside(pid1, pid1.log / "third.log")) == "said\n", "a third log")
        pid1.ctl("stop", "slow")
        disk.go_on()
        wait_for(lambda: read(log).startswith("before\nline 00000\n"), "what was said before the stop")
        said = read(log).removeprefix("before\n")
        wait_for(lambda: read(log) and lines.startswith(read(log).removeprefix("before\n")), "whole output in order")
        assert lines.startswith(said)


@pytest.mark.skipif(not LONG, reason="takes a quarter of a minute")
def test_log_that_hangs_for_long_holds_up_nobody(pid1):
    """After some seconds the job goes on, and what does not fit is told."""
    with disk_in(pid1) as disk:
        put_log_on(pid1, disk, "slow")
        slow = Talker(pid1, "slow")
        slow.say("before\n")
        log = inside(pid1, disk.path / "slow")
        wait_for(lambda: read(log) == "before\n", "the log on that disk")
        disk.hang()
        count = 0
        os.set_blocking(slow.end, False)

        def all_said():
            nonlocal count
            with contextlib.suppress(BlockingIOError):
                while count < 100000:
                    os.write(slow.end, f"line {count:06}\n".encode())
                    count += 1
            return count == 100000

        wait_for(all_said, "the job to print a megabyte and more into a log that hangs", 60)
        wait_for(lambda: "hangs; its output is kept" in pid1.messages() + pid1.kmsg(), "the warning")
        disk.go_on()
        wait_for(lambda: read(log).endswith("line 099999\n"), "the last line")
        text = read(log)
        assert text.startswith("before\nline 000000\n") and text.count("bytes of output were dropped") == 1
        numbers = [int(line.split()[1]) for line in text.splitlines() if line.startswith("line ") and len(line) == 11]
        assert numbers == sorted(set(numbers))


def test_many_hanging_logs_leave_room_for_others(pid1):
    """More than the logger has threads."""
    with disk_in(pid1) as disk:
        names = [f"slow{i:02}" for i in range(20)]
        talkers = {}
        for name in names:
            put_log_on(pid1, disk, name)
            talkers[name] = Talker(pid1, name)
            talkers[name].say("before\n")
            wait_for(lambda: read(inside(pid1, disk.path / name)) == "before\n", f"the log of {name}")
        disk.hang()
        for name in names:
            talkers[name].say("after\n")
        assert pid1.ctl("list").count("start/running") == len(names)
        disk.go_on()
        for name in names:
            wait_for(lambda: read(inside(pid1, disk.path / name)) == "before\nafter\n", f"the rest of {name}")


def processor_time(pid):
    """Seconds that a process has used, those of its threads included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_flood_of_many_jobs_loses_nothing(session):
    """Every byte, in order, and those that print little are not kept waiting. It is no work for init."""
    jobs, size = (100, 100 << 20) if LONG else (100, 1 << 20)
    lines = size // 43
    for i in range(jobs):
        session.job(f"flood{i}", f"task\nexec seq -f 'job {i:03} says line number %017.0f' 1 {lines}\n")
    session.job("quiet", "script\n  i=0\n  while test -e go; do i=$((i + 1)); echo $i; sleep 0.01; done\nend script\n")
    session.wait_jobs(jobs + 1)
    (session.path / "go").touch()
    session.ctl("start", "quiet")
    starts = [session.background("start", f"flood{i}") for i in range(jobs)]
    seen = 0
    for start in starts:
        while start.poll() is None:
            wait_for(lambda: read(session.log / "quiet.log").count("\n") > seen, "a word of the quiet job")
            seen = read(session.log / "quiet.log").count("\n")
            assert session.answers()
        assert start.returncode == 0, start.stderr.read()
    (session.path / "go").unlink()
    logger = processor_time(session.servants()["upstart-logger"])
    # Most of what init does are the answers above, and the starts; with so little output that is not less.
    print("init:", processor_time(session.pid), "s, upstart-logger:", logger, "s")
    assert not LONG or processor_time(session.pid) < logger / 10
    for i in range(jobs):
        expected, whole = hashlib.sha256(), subprocess.Popen(
            ["seq", "-f", f"job {i:03} says line number %017.0f", "1", str(lines)], stdout=subprocess.PIPE)
        wait_for(lambda: (session.log / f"flood{i}.log").stat().st_size == lines * 43, f"the whole log of flood{i}")
        while block := whole.stdout.read(1 << 20):
            expected.update(block)
        got = hashlib.sha256()
        with open(session.log / f"flood{i}.log", "rb") as log:
            while block := log.read(1 << 20):
                got.update(block)
        assert got.digest() == expected.digest(), f"flood{i}"
        (session.log / f"flood{i}.log").unlink()


# -- processes that hang before their program runs


class Root:
    """A root directory whose user data base lies on a disk that can hang."""

    def __init__(self, machine, disk):
        self.path = machine.path / "root"
        (self.path / "etc").mkdir(parents=True)
        (self.path / "etc/passwd").touch()
        (self.path / "etc/group").write_text("users:x:100:\n")
        (self.path / "bin").mkdir()
        mounted = machine.command("mount", "--bind", disk.path / "passwd", self.path / "etc/passwd")
        assert mounted.returncode == 0, mounted.stderr


def hanging_stanzas(machine, disk):
    """What hangs as soon as the disk does: a user that is looked up, a program, a working directory."""
    root = Root(machine, disk)
    return {
        "user": f"chroot {root.path}\nsetuid insider\nexec /bin/true\n",
        "program": f"exec {disk.path}/true\n",
        "folder": f"chdir {disk.path}/folder\nexec true\n",
        "hook": f"pre-start exec {disk.path}/true\nexec true\n",
    }


@pytest.fixture
def passwd(tmp_path):
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0::/:/bin/sh\ninsider:x:1234:100::/:/bin/sh\n")
    return path


def children_of(machine):
    return {pid for pid in machine.children() if pid not in machine.servants().values()}


def test_process_that_hangs_in_its_set_up_holds_up_neither_init_nor_others(pid1, passwd):
    with disk_in(pid1, "/bin/true", passwd) as disk:
        stanzas = hanging_stanzas(pid1, disk)
        for name, text in stanzas.items():
            pid1.job(name, text)
        pid1.job("other", "exec sleep 1000\n")
        pid1.wait_jobs(len(stanzas) + 1)
        assert pid1.command(disk.path / "true").returncode == 0
        disk.hang()
        for name in stanzas:
            pid1.ctl("start", "--no-wait", name)
        wait_for(lambda: len(children_of(pid1)) == len(stanzas), "all of them to be made")
        # Each hangs in a call, and init does all that it is asked for.
        for _ in range(5):
            listed = pid1.ctl("list")
            assert all(f"{name} start/" in listed for name in stanzas), listed
            pid1.ctl("start", "other")
            pid1.ctl("emit", "something")
            pid1.ctl("stop", "other")
        assert not any(" running" in line for line in pid1.ctl("list").splitlines())
        # Those that hang can be stopped without the disk.
        for name in stanzas:
            if name != "hook":
                pid1.ctl("stop", name)
        wait_for(lambda: len(children_of(pid1)) <= 1, "their processes to be gone")
        disk.go_on()
        wait_for(lambda: not children_of(pid1), "the last one to end")
        wait_for(lambda: "start/" not in pid1.ctl("list"), "all to be over")


def test_process_that_hangs_in_its_set_up_goes_on_with_the_disk(pid1, passwd):
    with disk_in(pid1, "/bin/true", passwd) as disk:
        pid1.job("program", f"task\nexec {disk.path}/true\n")
        pid1.wait_job("program")
        disk.hang()
        start = pid1.background("start", "program")
        wait_for(lambda: children_of(pid1), "the process")
        assert "program start/spawned" in pid1.ctl("list") and start.poll() is None
        pid1.command("kill", "-TERM", "1")  # it executes itself again
        wait_for(pid1.answers, "init to answer again")
        assert "program start/spawned" in pid1.ctl("list") and start.poll() is None
        disk.go_on()
        assert start.wait(LIMIT) == 0, start.stderr.read()


def test_init_whose_own_output_nobody_reads_goes_on(make_session):
    """A full pipe as standard output and error of a session's init that says much."""
    session = make_session()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    session.out = pathlib.Path(f"/dev/fd/{writer}")
    session.start("--debug")
    session.job("job", "exec sleep 1000\n")
    session.wait_job("job")
    for _ in range(20):
        session.ctl("start", "job")
        session.ctl("emit", "something", "TEXT=" + "x" * 4096)
        session.ctl("stop", "job")
    os.close(reader)
    assert "job stop/waiting" in session.ctl("list")
    os.close(writer)
