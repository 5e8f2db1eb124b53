# SPDX-License-Identifier: MIT
"""initctl log: what jobs have printed, in all files of a log, and what they print while it looks on."""

import json
import os
import subprocess
import time

import pytest

from conftest import INITCTL, LIMIT, wait_for
from test_logs import Talker


class Follower:
    """An `initctl log -f` in the background, and what it has printed so far."""

    def __init__(self, init, *words):
        self.path = init.path / f"follower{len(list(init.path.glob('follower*')))}"
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen([*init.prefix, INITCTL, "log", "-f", *words], env=init.env, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait(LIMIT)

    def printed(self):
        return self.path.read_text()

    def wait(self, text):
        wait_for(lambda: self.printed() == text or self.process.poll() is not None, lambda: f"{text!r}, it is {self.printed()!r}")
        assert self.printed() == text


def test_a_log_and_its_end(session):
    talker = Talker(session, "job")
    lines = [f"line {i}\n" for i in range(30)]
    talker.say("".join(lines))
    wait_for(lambda: session.log_of("job") == "".join(lines), "the log")
    assert session.ctl("log", "job") == "".join(lines)
    assert session.ctl("log", "job", "-n", "2") == "".join(lines[-2:])
    assert session.ctl("log", "--lines=0", "job") == ""
    session.ctl("stop", "job")
    assert session.ctl("log", "-n1", "job") == lines[-1]


def test_old_files_of_every_form(session):
    talker = Talker(session, "job", "log max-size 30\nlog keep 9\n")
    expected = "".join(f"line {i:02}\n" for i in range(20))
    for line in expected.splitlines(True):
        talker.say(line)
    last = lambda: sorted(p.name for p in session.log.glob("job.log*"))  # noqa: E731
    wait_for(lambda: session.log_of("job").endswith("line 19\n"), "the last line")
    wait_for(lambda: len(last()) > 6 and all(n.endswith(".zst") for n in last()[1:]), "old logs, compressed")
    assert session.ctl("log", "job") == expected
    assert session.ctl("log", "job", "-n", "7") == expected[-7 * 8:]
    # What others make of them.
    session.command("zstd", "-dq", "--rm", session.log / "job.log.1.zst")
    session.command("sh", "-c", f"zstd -dcq {session.log}/job.log.2.zst | gzip > {session.log}/job.log.2.gz")
    if (session.log / "job.log.1").exists() and (session.log / "job.log.2.gz").stat().st_size > 20:
        (session.log / "job.log.2.zst").unlink()
        assert session.ctl("log", "job") == expected
    (session.log / "job.log.3.zst").write_bytes(b"no such thing")
    done = session.command(INITCTL, "log", "job", "-n", "20")
    assert done.returncode == 1 and done.stderr == f"initctl: Cannot read {session.log}/job.log.3.zst: it is damaged\n"
    assert session.ctl("log", "job", "-n", "3") == expected[-3 * 8:]


def test_instances_and_names(session):
    session.job("net/job", "instance $N\nscript\n  echo said by $N\n  exec sleep 1000\nend script\n"
                "post-start script\n  until initctl log -n1 > out; do sleep 0.1; done\nend script\n")
    session.wait_job("net/job")
    long = "x" * 300
    for name in ("a", "b/c", long):
        session.ctl("start", "net/job", f"N={name}")
        wait_for(lambda: session.command(INITCTL, "log", "net/job", name).stdout == f"said by {name}\n", f"the log of {name}")
    done = session.command(INITCTL, "log", "net/job")
    assert done.returncode == 1
    assert done.stderr == "initctl: Job net/job has instances, of which each has a log: name one, like a\n"
    assert (session.path / "out").read_text() == f"said by {long}\n"


def test_follow_over_rotations_and_restarts(session):
    session.job("job", "log max-size 200\nlog keep 50\n" + "script\n  while read -r line; do echo \"$line\"; done < pipe\nend script\n")
    os.mkfifo(session.path / "pipe")
    session.wait_job("job")
    with Follower(session, "job") as follower:  # before there is a log
        session.ctl("start", "job")
        end = os.open(session.path / "pipe", os.O_RDWR)
        said = ""
        for i in range(60):
            line = f"line {i:03} and some more of it\n"
            os.write(end, line.encode())
            said += line
            if i % 20 == 0:
                follower.wait(said)
            if i == 30:
                follower.wait(said)
                session.ctl("restart", "job")
        follower.wait(said)
        with Follower(session, "job", "-n", "3") as other:
            other.wait("".join(said.splitlines(True)[-3:]))
        with Follower(session, "job") as other:
            other.wait("".join(said.splitlines(True)[-10:]))


def test_follow_over_what_others_do_to_the_log(session):
    talker = Talker(session, "job")
    log = session.log / "job.log"
    talker.say("one\n")
    wait_for(log.exists, "the log")
    with Follower(session, "job") as follower:
        follower.wait("one\n")
        log.rename(session.log / "job.log.1")  # logrotate with nocreate: there is none for a while
        talker.say("two\n")
        follower.wait("one\ntwo\n")
        os.truncate(log, 0)
        follower.wait("one\ntwo\n")
        talker.say("3\n")
        follower.wait("one\ntwo\n3\n")
        log.unlink()
        talker.say("four\n")
        follower.wait("one\ntwo\n3\nfour\n")


def test_follower_ends_with_its_reader(session):
    talker = Talker(session, "job")
    talker.say("one\n")
    wait_for(lambda: session.log_of("job"), "the log")
    reader, writer = os.pipe()
    process = subprocess.Popen([INITCTL, "log", "-f", "job"], env=session.env, stdout=writer, stderr=subprocess.DEVNULL)
    os.close(writer)
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    process.wait(LIMIT)


def test_since(session):
    talker = Talker(session, "job", "log max-size 10\nlog compress none\n")
    for line in ("before\n", "between\n", "after\n"):
        talker.say(line)
        wait_for(lambda: session.log_of("job") == line, line)
    long_ago = time.time() - 7200
    os.utime(session.log / "job.log.2", (long_ago, long_ago))
    assert session.ctl("log", "job", "--since", "1h") == "between\nafter\n"
    assert session.ctl("log", "job", "--since", "1h", "-n", "1") == "after\n"
    assert session.ctl("log", "job", "--since=3h") == "before\nbetween\nafter\n"


@pytest.mark.parametrize("words, said", [
    (["log"], "initctl: missing job name\nTry `initctl --help' for more information.\n"),
    (["log", "-n", "x", "job"], "initctl: not a number of lines: x\nTry `initctl --help' for more information.\n"),
    (["log", "-n", "1x", "job"], "initctl: not a number of lines: 1x\nTry `initctl --help' for more information.\n"),
    (["log", "--since", "soon", "job"], "initctl: not a time: soon\nTry `initctl --help' for more information.\n"),
    (["log", "nobody"], "initctl: Unknown job: nobody\n"),
    (["log", "job"], "initctl: No output of job has been logged: there is no {log}/job.log\n"),
])
def test_errors(session, words, said):
    session.job("job", "exec true\n")
    session.wait_job("job")
    done = session.command(INITCTL, *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said.format(log=session.log))


def test_init_that_does_not_log(make_session):
    session = make_session().start("--no-log")
    session.job("job", "exec true\n")
    session.wait_job("job")
    done = session.command(INITCTL, "log", "job")
    assert (done.returncode, done.stderr) == (1, "initctl: The output of jobs is not logged\n")


def test_only_who_may_read_the_file_reads_it(session):
    if os.geteuid() != 0:
        pytest.skip("needs root to be somebody else")
    talker = Talker(session, "job")
    talker.say("secret\n")
    wait_for(lambda: session.log_of("job"), "the log")
    as_root_without_powers = ["setpriv", "--bounding-set=-all", INITCTL, "log", "job"]
    done = session.command(*as_root_without_powers)
    assert (done.returncode, done.stdout) == (0, "secret\n"), done.stderr
    os.chown(session.log / "job.log", 65534, 65534)
    (session.log / "job.log").chmod(0o600)
    done = session.command(*as_root_without_powers)
    assert (done.returncode, done.stderr) == (1, f"initctl: Cannot read {session.log}/job.log: Permission denied\n")


def shown(session, job):
    """What `initctl log` prints, nothing while there is no log."""
    return session.command(INITCTL, "log", job).stdout


def test_lines_as_json(session):
    talker = Talker(session, "job")
    talker.say('one "two"\n\nthree\n')
    wait_for(lambda: shown(session, "job") == 'one "two"\n\nthree\n', "the text")
    assert [json.loads(line) for line in session.ctl("log", "--json", "job").splitlines()] == \
        [{"line": 'one "two"'}, {"line": ""}, {"line": "three"}]
    assert session.ctl("log", "--json", "-n", "1", "job") == '{"line":"three"}\n'
    # And a log that is JSON is told as it is.
    session.job("ready", "log format json\nexec sh -c 'echo hello; exec sleep 1000'\n")
    session.wait_job("ready")
    session.ctl("start", "ready")
    wait_for(lambda: shown(session, "ready"), "the line")
    assert session.ctl("log", "--json", "ready") == session.ctl("log", "ready")


def test_what_only_looks_like_json_is_told_as_text(session):
    talker = Talker(session, "plain")
    talker.say('{"time":"now\n{"time":"now"} more\n')
    session.job("part", "log format json\nexec sh -c 'printf \"one\\ntwo\"; exec sleep 1000'\n")
    session.wait_job("part")
    session.ctl("start", "part")
    wait_for(lambda: shown(session, "plain").endswith("more\n") and "two" in shown(session, "part"), "the text")
    assert [json.loads(line) for line in session.ctl("log", "--json", "plain").splitlines()] == \
        [{"line": '{"time":"now'}, {"line": '{"time":"now"} more'}]
    first, unfinished = session.ctl("log", "part").splitlines()
    assert not unfinished.endswith("}")
    assert [json.loads(line) for line in session.ctl("log", "--json", "part").splitlines()] == [json.loads(first), {"line": unfinished}]


def test_log_directory_that_is_none_is_told(session):
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    session.log.rmdir()
    session.log.touch()
    done = session.command("initctl", "log", "web")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"initctl: No output of web is logged: the directory of {session.log}/web.log is none\n"
