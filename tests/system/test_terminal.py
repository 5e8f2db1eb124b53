# SPDX-License-Identifier: MIT
"""What initctl shows to people only: on a terminal, and never to scripts."""

import os
import pty
import select
import subprocess
import time

import pytest

from conftest import INITCTL, LIMIT

SLEEP = "exec sleep 1000\n"


def on_terminal(session, *words, until=None):
    """Run initctl with a terminal as its standard error: exit status, standard output, what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen([INITCTL, *words], env=session.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                               text=True)
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
