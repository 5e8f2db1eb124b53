# SPDX-License-Identifier: MIT
"""What initctl shows to people only: on a terminal, and never to scripts."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time

import pytest

from conftest import INITCTL, LIMIT

SLEEP = "exec sleep 1000\n"


def on_terminal(session, *words, until=None):
    """Run initctl with a terminal as its standard error: exit status, standard output, what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen([INITCTL, *words], env=session.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                               text=True, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0))
    os.close(slave)
    text = b""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break  # the other end is closed
            text += piece
        if until and until(text.decode()):
            until = None
    status = process.wait(LIMIT)
    os.close(master)
    return status, process.stdout.read(), text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("words, complaint, question", [
    (["strat", "web"], "initctl: invalid command: strat\n", "Did you mean `start'?\n"),
    (["status", "wbe"], "initctl: Unknown job: wbe\n", "Did you mean `web'?\n"),
    (["start", "webb"], "initctl: Unknown job: webb\n", "Did you mean `web'?\n"),
    (["usage", "elephant"], "initctl: Unknown job: elephant\n", None),
    (["xyzzy"], "initctl: invalid command: xyzzy\n", None),
])
def test_wrong_name_is_asked_about_on_a_terminal_only(session, words, complaint, question):
    session.job("web", SLEEP)
    session.job("database", SLEEP)
    session.wait_jobs(2)
    status, out, shown = on_terminal(session, *words)
    assert status == 1 and out == "" and shown.startswith(complaint)
    assert shown.endswith(question) if question else "Did you mean" not in shown
    assert "Did you mean" not in session.command(INITCTL, *words).stderr


MORE = "For more, try `initctl explain {0}' and `initctl log {0}'.\n"


@pytest.mark.parametrize("stanzas, why", [
    ("exec /no/such/program", "main process could not be made: unable to execute: No such file or directory (/no/such/program)"),
    ("chdir /no/such/place\nexec true", "main process could not be made: unable to change working directory: No such file or directory "
     "(/no/such/place)"),
    ("setuid nobody-of-that-name\nexec true", "main process could not be made: unable to find setuid user (nobody-of-that-name)"),
    ("pre-start exec sh -c 'exit 3'\nexec sleep 1000", "pre-start process ended with status 3"),
    ("task\nexec sh -c 'exit 4'", "main process ended with status 4"),
    ("expect notify\nexpect timeout 1\nexec sleep 1000", "main process was not ready in time (expect timeout 1)"),
    ("expect fd 3\nscript\nexec 3>&-\nexec sleep 1000\nend script",
     "main process closed what it was to say on that it is ready (expect fd)"),
])
def test_start_that_fails_tells_why_on_a_terminal_only(session, stanzas, why):
    session.job("web", stanzas + "\n")
    session.wait_job("web")
    status, out, shown = on_terminal(session, "start", "web")
    assert (status, out) == (1, "")
    shown = re.sub(r"\r\x1b\[K(web \S+ for \d+ s)?", "", shown).splitlines(keepends=True)
    assert shown[-3] == "initctl: Job failed to start\n" and shown[-1] == MORE.format("web")
    assert shown[-2].startswith(f"web {why}"), shown
    session.wait_status("web", "stop/waiting")
    assert session.command(INITCTL, "start", "web").stderr == "initctl: Job failed to start\n"


def test_start_that_fails_names_its_instance(session):
    session.job("tty", "instance $DEV\ntask\nexec false\n")
    session.wait_job("tty")
    _, _, shown = on_terminal(session, "start", "tty", "DEV=c1")
    assert shown.endswith(MORE.format("tty c1"))


@pytest.mark.parametrize("words, complaint, further", [
    (["start", "web", "b"], "Env must be KEY=VALUE pairs", "This is none: b\n"),
    (["emit", "go", "A=1", "b"], "Env must be KEY=VALUE pairs", "This is none: b\n"),
    (["emit", "go", *(f"V{i}=" for i in range(4097))], "More than 4096 variables", ""),
    (["stop", "web"], "Unknown instance: ", "web is not running\n"),
    (["restart", "tty", "DEV=c1"], "Unknown instance: c1", "tty (c1) is not running\n"),
])
def test_complaint_names_what_it_is_about_on_a_terminal_only(session, words, complaint, further):
    session.job("web", SLEEP)
    session.job("tty", "instance $DEV\n" + SLEEP)
    session.wait_jobs(2)
    status, out, shown = on_terminal(session, *words)
    assert (status, out) == (1, "") and shown.replace("\r\x1b[K", "") == f"initctl: {complaint}\n{further}"
    assert session.command(INITCTL, *words).stderr == f"initctl: {complaint}\n"


@pytest.mark.parametrize("command", ["start", "status", "usage"])
def test_unknown_job_shows_what_is_wrong_with_its_file_on_a_terminal_only(session, command):
    path = session.job("web", "descripton \"a web server\"\n" + SLEEP)
    session.job("last", SLEEP)
    session.wait_job("last")
    status, out, shown = on_terminal(session, command, "web")
    assert (status, out) == (1, "")
    assert shown.startswith(f"initctl: Unknown job: web\n{path}:1:1: Unknown stanza: descripton (perhaps description)\n    descripton \"a web server\"\n    ^\n")
    assert session.command(INITCTL, command, "web").stderr == "initctl: Unknown job: web\n"


@pytest.mark.parametrize("words", [["version", "foo"], ["log-priority", "info", "foo"], ["usage", "web", "foo"], ["list", "foo"],
                                   ["reload-configuration", "foo"]])
def test_operands_too_many_for_old_commands_are_ignored_and_people_told(session, words):
    session.job("web", "usage \"A=1\"\n" + SLEEP)
    session.wait_job("web")
    done = session.command(INITCTL, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, session.ctl(*words[:-1]), "")
    status, out, shown = on_terminal(session, *words)
    assert (status, out, shown) == (0, done.stdout, "initctl: unexpected operand is ignored: foo\n")


@pytest.mark.parametrize("words", [["list-states", "lan", "foo"], ["explain", "web", "1", "foo"], ["list-timers", "web", "foo"],
                                   ["tree", "web", "foo"], ["log", "web", "1", "foo"], ["monitor", "foo"], ["top", "foo"]])
def test_operands_too_many_for_new_commands_are_refused(session, words):
    done = session.command(INITCTL, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "initctl: unexpected operand: foo\nTry `initctl --help' for more information.\n"


@pytest.mark.parametrize("command", ["list-timers", "chart", "check-config"])
def test_unknown_job_is_called_so(session, command):
    session.job("web", SLEEP)
    session.wait_job("web")
    complaint = "Invalid job class: wbe" if command == "check-config" else "Unknown job: wbe"
    status, out, shown = on_terminal(session, command, "wbe")
    assert (status, out, shown) == (1, "", f"initctl: {complaint}\nDid you mean `web'?\n")


def test_job_without_usage_says_so_on_a_terminal(session):
    session.job("web", SLEEP)
    session.wait_job("web")
    assert on_terminal(session, "usage", "web") == (0, "Usage: \n", "initctl: web has no `usage' stanza\n")
    done = session.command(INITCTL, "usage", "web")
    assert (done.stdout, done.stderr) == ("Usage: \n", "")


def test_start_that_takes_long_shows_how_it_gets_on(session):
    session.job("slow", f"pre-start exec sh -c 'until test -e {session.path}/go; do sleep 0.05; done'\n" + SLEEP)
    session.wait_job("slow")

    def seen(text):
        if "slow start/pre-start for 1 s" in text:
            (session.path / "go").touch()
            return True
        return False
    status, out, shown = on_terminal(session, "start", "slow", until=seen)
    assert status == 0 and out.startswith("slow start/running, process ")
    assert "slow start/pre-start for 1 s" in shown and shown.endswith("\r\x1b[K")


def test_progress_is_not_shown_when_quiet_or_to_a_script(session):
    session.job("slow", f"pre-start exec sh -c 'until test -e {session.path}/go; do sleep 0.05; done'\n" + SLEEP)
    session.wait_job("slow")
    waiting = session.background("start", "slow")
    session.command("sh", "-c", "until initctl status slow | grep -q pre-start; do :; done")
    children = open(f"/proc/{waiting.pid}/task/{waiting.pid}/children").read()
    (session.path / "go").touch()
    out, err = waiting.communicate(timeout=LIMIT)
    assert children == "" and err == "" and out.startswith("slow start/running")
    status, out, shown = on_terminal(session, "-q", "stop", "slow")
    assert (status, out, shown) == (0, "", "")
