# SPDX-License-Identifier: MIT
"""The logs of jobs on disks that are full, read-only, late or replaced; rotation, from inside and outside."""

import datetime
import json
import os
import pathlib
import re
import signal
import socket
import time

import pytest

from conftest import WATCHES, wait_for

TALKER = "script\n  while read -r line; do echo \"$line\"; done < {pipe}\nend script\n"


class Talker:
    """A job that says what it is told, and goes on until the end of the test."""

    def __init__(self, init, name, stanzas=""):
        self.pipe = init.path / f"{name}.pipe"
        os.mkfifo(self.pipe)
        init.job(name, stanzas + TALKER.format(pipe=self.pipe))
        init.wait_job(name)
        init.ctl("start", name)
        self.end = os.open(self.pipe, os.O_RDWR)

    def say(self, text):
        os.write(self.end, text.encode())


def old_logs(init, name):
    return sorted(path.name for path in init.log.iterdir() if path.name.startswith(f"{name}.log."))


@pytest.mark.parametrize("named", [True, False])
def test_logs_of_a_session_lie_in_the_cache_of_its_user(make_session, named):
    session = make_session()
    cache = pathlib.Path(session.env["XDG_CACHE_HOME"]) if named else pathlib.Path(session.env["HOME"]) / ".cache"
    if not named:
        del session.env["XDG_CACHE_HOME"]
    session.log = None
    session.start()
    session.job("net/job", "task\ninstance $N\nexec echo said\n")
    session.wait_job("net/job")
    session.ctl("start", "net/job", "N=a/b")
    log = cache / "upstart" / "net_job-a_b.log"
    wait_for(lambda: log.exists() and log.read_text() == "said\n", lambda: f"the log: {list(cache.rglob('*'))}")
    assert log.stat().st_mode & 0o7777 == 0o640 and log.parent.stat().st_mode & 0o7777 == 0o700


def test_rotation_by_size(session):
    talker = Talker(session, "job", "log max-size 1K\nlog keep 100\nlog compress none\n")
    lines = [f"line {i:05}\n" for i in range(1000)]
    for i in range(0, 1000, 10):
        talker.say("".join(lines[i:i + 10]))
    wait_for(lambda: session.log_of("job").endswith(lines[-1]), "the last line")
    names = old_logs(session, "job")
    assert names == sorted(f"job.log.{i}" for i in range(1, len(names) + 1)) and len(names) == 10
    whole = "".join((session.log / f"job.log.{i}").read_text() for i in range(len(names), 0, -1)) + session.log_of("job")
    assert whole == "".join(lines)
    assert all((session.log / name).stat().st_size <= 1024 for name in names)


def test_rotation_by_age(session):
    talker = Talker(session, "job", "log max-age 1\nlog compress none\n")
    said = ""

    def rotated():
        nonlocal said
        said += f"line {said.count(chr(10))}\n"
        talker.say(said.splitlines(True)[-1])
        return old_logs(session, "job")

    wait_for(rotated, "an old log")
    wait_for(lambda: session.ctl("log", "job") == said, "all lines")


STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_time_before_each_line(session):
    session.job("job", "log format time\ntask\npre-start exec printf 'no end'\nexec printf 'one\\n\\ntwo\\n'\n")
    session.wait_job("job")
    before = time.time()
    session.ctl("start", "job")
    wait_for(lambda: re.fullmatch(f"{STAMP} no end\n{STAMP} one\n{STAMP} \n{STAMP} two\n", session.log_of("job")), "four lines")
    said = datetime.datetime.strptime(session.log_of("job").split()[0] + "+0000", "%Y-%m-%dT%H:%M:%S.%fZ%z").timestamp()
    assert before - 0.001 <= said <= time.time()
    assert session.ctl("log", "--since", f"@{int(before) - 5}", "job") == session.log_of("job")
    assert session.ctl("log", "--since", "2038-01-01", "job") == ""


def test_json_lines(session):
    session.job("net/job", "log format json\nlog max-size 400\nlog compress none\ninstance $N\n"
                "pre-start exec printf '\\377 \\303\\251 \"'\nscript\n  for i in 1 2 3 4; do echo $i; done\n  exec sleep 1000\nend script\n")
    session.wait_job("net/job")
    session.ctl("start", "net/job", "N=a \u2603")
    wait_for(lambda: session.ctl("log", "net/job", "a \u2603").count("\n") == 5, "five lines")
    objects = [json.loads(line) for line in session.ctl("log", "net/job", "a \u2603").splitlines()]
    assert [o["line"] for o in objects] == ["\ufffd \u00e9 \"", "1", "2", "3", "4"]
    assert [o["process"] for o in objects] == ["pre-start"] + ["main"] * 4
    assert {(o["job"], o["instance"]) for o in objects} == {("net/job", "a \u2603")}
    assert {o["pid"] for o in objects[1:]} == {session.pid_of("net/job", "N=a \u2603")}
    assert all(set(o) == {"time", "job", "instance", "process", "pid", "line"} and re.fullmatch(STAMP, o["time"]) for o in objects)


def test_format_outlives_the_logger_and_a_restart_of_init(session):
    talker = Talker(session, "job", "log format json\n")
    talker.say("one\n")
    wait_for(lambda: session.log_of("job").endswith("\n"), "the first line")
    if "upstart-logger" in session.servants():
        first = session.servants()["upstart-logger"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: session.servants().get("upstart-logger", first) != first, "another logger")
    talker.say("two\n")
    session.manager(session.bus()).Restart()
    wait_for(session.answers, "init to answer again")
    first = session.servants()["upstart-logger"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: session.servants().get("upstart-logger", first) != first, "another logger")
    talker.say("three\n")
    wait_for(lambda: session.log_of("job").count("\n") == 3, "three lines")
    objects = [json.loads(line) for line in session.log_of("job").splitlines()]
    assert [o.pop("line") for o in objects] == ["one", "two", "three"]
    assert [o.pop("time") for o in objects] and objects == [objects[0]] * 3
    assert objects[0] == {"job": "job", "instance": "", "process": "main", "pid": session.pid_of("job")}


class Receiver:
    """What a datagram socket inside a machine gets."""

    def __init__(self, machine, path):
        inside = pathlib.Path(f"/proc/{machine.pid}/root{path}")
        machine.command("mkdir", "-p", str(pathlib.Path(path).parent))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(inside))

    def message(self):
        def attempt():
            try:
                return self.socket.recv(1 << 17)
            except BlockingIOError:
                return None

        return wait_for(attempt, "a message")


def test_lines_for_syslog_and_the_journal(pid1):
    """Early ones, too: they wait until there is somebody."""
    early = Talker(pid1, "early", "log forward syslog\n")
    early.say("before syslog\n")
    wait_for(lambda: pid1.command("cat", pid1.log / "early.log").stdout == "before syslog\n", "the log, which has all in any case")
    syslog = Receiver(pid1, "/dev/log")
    pid = pid1.command("sh", "-c", "initctl status early").stdout.split()[-1]
    assert re.fullmatch(rf"<30>\w{{3}} [ \d]\d \d\d:\d\d:\d\d early\[{pid}\]: before syslog", syslog.message().decode())
    other = Talker(pid1, "other", "log forward journald\nlog format json\n")
    journal = Receiver(pid1, "/run/systemd/journal/socket")
    other.say("to the journal\n")
    fields = dict(line.split("=", 1) for line in journal.message().decode().splitlines())
    assert fields["MESSAGE"] == "to the journal" and fields["UPSTART_JOB"] == fields["SYSLOG_IDENTIFIER"] == "other"
    assert fields["UPSTART_PROCESS"] == "main" and fields["UPSTART_INSTANCE"] == ""
    # One that does not read holds nobody up, and is told what it has missed.
    lines = "".join(f"{i} {'x' * 100}\n" for i in range(30000))
    for at in range(0, len(lines), 4096):
        early.say(lines[at:at + 4096])
    wait_for(lambda: pid1.command("tail", "-c", "1000", pid1.log / "early.log").stdout.endswith(lines[-1000:]), "all of it in the log")
    early.say("last\n")
    number, lost = 0, 0
    while number + lost < 30000:
        text = syslog.message().decode()
        if " upstart-logger: " in text:
            lost = int(text.partition(": ")[2].split()[0])
        else:
            assert text.partition(": ")[2].split()[0] in (str(number + lost), "last")
            number += 1
        early.say("last\n") if not lost and number % 100 == 0 else None
    assert 0 < lost < 30000


def test_limits_outlive_the_logger_and_a_restart_of_init(session):
    talker = Talker(session, "job", "log max-size 100\nlog keep 3\n")
    line = "forty letters and no more, with the end\n"
    compressed = lambda: [n for n in old_logs(session, "job") if n.endswith(".zst")]  # noqa: E731
    talker.say(line * 3)
    wait_for(lambda: compressed() == ["job.log.1.zst"], "the first old log")
    assert (session.log / "job.log.1.zst").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    if "upstart-logger" in session.servants():
        first = session.servants()["upstart-logger"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: session.servants().get("upstart-logger", first) != first, "another logger")
    talker.say(line * 2)
    wait_for(lambda: len(compressed()) == 2, "the second old log")
    session.manager(session.bus()).Restart()
    wait_for(session.answers, "init to answer again")
    for _ in range(6):
        talker.say(line)
    wait_for(lambda: compressed() == ["job.log.1.zst", "job.log.2.zst", "job.log.3.zst"], "three of them")
    wait_for(lambda: old_logs(session, "job") == compressed(), "no others")


def test_rotation_from_outside(session):
    """As logrotate does it: rename, with or without another file in its place; copy and truncate; remove."""
    talker = Talker(session, "job")
    log = session.log / "job.log"
    says = lambda text: (talker.say(text), wait_for(lambda: session.log_of("job") == text, text))  # noqa: E731
    says("one\n")
    log.rename(session.log / "renamed")
    says("two\n")
    log.rename(session.log / "again")
    log.touch(0o600)
    says("three\n")
    assert log.stat().st_mode & 0o777 == 0o600
    os.truncate(log, 0)
    says("four\n")
    log.unlink()
    says("five\n")
    assert (session.log / "renamed").read_text() == "one\n"
    assert (session.log / "again").read_text() == "two\n"


def test_full_disk(make_pid1):
    """Output waits within its bound, is told of once, and comes in order when there is room."""
    machine = make_pid1()
    machine.start()
    mounted = machine.command("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", machine.log)
    assert mounted.returncode == 0, mounted.stderr
    inside = f"/proc/{machine.pid}/root{machine.log}"
    talker = Talker(machine, "job")
    talker.say("before\n")
    wait_for(lambda: os.path.exists(f"{inside}/job.log"), "the log")
    with pytest.raises(OSError):
        with open(f"{inside}/filler", "wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
    lines = "".join(f"line {i:05}\n" for i in range(2000))
    for i in range(0, len(lines), 1100):
        talker.say(lines[i:i + 1100])
    wait_for(lambda: machine.command("initctl", "notify-disk-writeable").returncode != 0, "the error")
    said = lambda: (machine.messages() + machine.kmsg()).count("Failed to write to log file")  # noqa: E731
    assert said() == 1
    assert machine.command("mount", "-o", "remount,size=1m", machine.log).returncode == 0
    machine.ctl("notify-disk-writeable")
    wait_for(lambda: open(f"{inside}/job.log").read() == "before\n" + lines, "all of it")
    talker.say("after\n")
    wait_for(lambda: open(f"{inside}/job.log").read().endswith("after\n"), "more")
    assert said() == 1


def test_want_of_a_terminal_costs_one_start_its_log(make_pid1):
    """It does not change the job: the next start has its log again."""
    machine = make_pid1()
    machine.start()
    machine.job("job", "exec sh -c 'echo hello; exec sleep 1000'\n")
    machine.wait_job("job")
    assert machine.command("mv", "/dev/ptmx", "/dev/kept").returncode == 0
    assert "start/running" in machine.ctl("start", "job")
    said = "Failed to create pty - disabling logging for job"
    wait_for(lambda: said in machine.messages() + machine.kmsg(), "the message")
    assert machine.command("readlink", f"/proc/{machine.pid_of('job')}/fd/1").stdout == "/dev/null\n"
    assert machine.command("mv", "/dev/kept", "/dev/ptmx").returncode == 0
    machine.ctl("restart", "job")
    wait_for(lambda: machine.command("cat", machine.log / "job.log").stdout == "hello\n", "the log")


def test_read_only_disk_and_one_that_appears_late(make_pid1):
    machine = make_pid1()
    machine.start()
    assert machine.command("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", machine.log).returncode == 0
    talker = Talker(machine, "job")
    talker.say("early\n")
    wait_for(lambda: machine.command("initctl", "notify-disk-writeable").returncode != 0, "the error")
    assert machine.command("mount", "-o", "remount,rw", machine.log).returncode == 0
    machine.ctl("notify-disk-writeable")
    inside = f"/proc/{machine.pid}/root{machine.log}"
    wait_for(lambda: os.path.exists(f"{inside}/job.log") and open(f"{inside}/job.log").read() == "early\n", "the log")


def test_folder_that_is_missing_and_replaced(session):
    session.log.rename(session.path / "away")
    talker = Talker(session, "job")
    talker.say("one\n")
    wait_for(lambda: session.command("initctl", "notify-disk-writeable").returncode != 0, "the error")
    session.log.mkdir()
    session.ctl("notify-disk-writeable")
    wait_for(lambda: session.log_of("job") == "one\n", "what waited")
    session.log.rename(session.path / "old")
    session.log.mkdir()
    talker.say("two\n")
    wait_for(lambda: session.log_of("job") == "two\n", "the log in the new folder")
    assert (session.path / "old" / "job.log").read_text() == "one\n"


def test_names_that_are_long_or_mean_ill(session):
    session.job("job", "instance $N\ntask\nexec echo said\n")
    session.wait_job("job")
    session.ctl("start", "job", "N=../../etc/shadow")
    wait_for(lambda: session.log_of("job-.._.._etc_shadow") == "said\n", "a name in the log's folder")
    for end in "ab":
        session.ctl("start", "job", "N=" + "x" * 300 + end)
    wait_for(lambda: len([p for p in session.log.iterdir() if "xxx" in p.name and p.read_text() == "said\n"]) == 2, "two logs")
    session.ctl("start", "job", "N=a\ninit: forged \x1b[2J")
    wait_for(lambda: "said\n" == session.log_of("job-a\ninit: forged \x1b[2J"), "its log")
    session.ctl("log-priority", "info")
    session.ctl("start", "job", "N=b\ninit: forged \x1b[2J")
    wait_for(lambda: "(b\\ninit: forged \\x1b[2J)" in session.messages(), "the message about it")
    assert "\ninit: forged" not in session.messages() and "\x1b" not in session.messages()


@pytest.mark.skipif(not WATCHES, reason="the portable build has no filter")
def test_logger_is_confined(pid1):
    logger = pid1.wait_servants()["upstart-logger"]
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{logger}/status").read().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) & ~2 == 0 and status["NoNewPrivs"] == "1"


@pytest.mark.skipif(not WATCHES, reason="the portable build has no filter")
def test_threads_of_the_logger_are_confined(pid1):
    """They are there, in spite of the filter, and under it."""
    Talker(pid1, "job").say("said\n")
    wait_for(lambda: pid1.command("cat", pid1.log / "job.log").stdout == "said\n", "the log")
    threads = list(pathlib.Path(f"/proc/{pid1.servants()['upstart-logger']}/task").iterdir())
    read = lambda thread: dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)  # noqa: E731
    assert len(threads) > 1
    main = read(threads[0])
    for status in map(read, threads):
        assert int(status["CapEff"], 16) & ~2 == 0 and status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == main["Seccomp"]
