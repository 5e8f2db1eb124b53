# SPDX-License-Identifier: MIT
"""The pages of events, section 7: each event that init or a job of a machine emits has one, and their examples work."""

import os
import re
import subprocess

import pytest

from conftest import INIT, INITCTL, LIMIT, ROOT, wait_for

PAGES = sorted(p.name for p in (ROOT / "man").glob("*.7"))


def examples(page):
    """Each a job file; one without a program gets one."""
    text = (ROOT / "man" / page).read_text()
    if ".Sh EXAMPLES" not in text:
        return []
    text = re.split(r"^\.Sh .*\n", text[text.index(".Sh EXAMPLES"):], flags=re.M)[1]
    found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S) + re.findall(r"^\.Dl (?![$#])(.*\n)", text, re.M)
    found = [block.replace("\\e", "\\") for block in found]
    return [block if re.search(r"^(exec|script)", block, re.M) else block + "exec sleep 1000\n" for block in found]


@pytest.mark.parametrize("page", [p for p in PAGES if examples(p)])
def test_examples_are_jobs_without_fault(page, tmp_path):
    for text in examples(page):
        file = tmp_path / "example.conf"
        file.write_text(text)
        done = subprocess.run([INIT, "--check", file], check=False, text=True, capture_output=True, timeout=LIMIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text


def test_whatever_fails_is_told(session, tmp_path):
    text = next(t for t in examples("starting.7") if "RESULT=failed" in t)
    logger = tmp_path / "bin" / "logger"
    logger.parent.mkdir()
    logger.write_text("#!/bin/sh\nfor last; do :; done; echo \"$last\"\n")
    logger.chmod(0o755)
    session.job("failures", "env PATH=%s:%s\n%s" % (logger.parent, os.environ["PATH"], text))
    session.job("web", "task\nexec sh -c 'exit 3'\n")
    session.wait_jobs(2)
    assert session.command(INITCTL, "start", "web").returncode == 1
    wait_for(lambda: "web  failed: main 3" in session.log_of("failures-web_"), "the failure in the log")


def test_each_event_has_its_page():
    named = set()
    for page in PAGES:
        head = (ROOT / "man" / page).read_text().partition(".Sh SYNOPSIS")[0]
        named |= set(re.findall(r"^\.Nm (\S+)", head, re.M))
    overview = (ROOT / "man" / "upstart-events.7").read_text()
    assert {"startup", "starting", "started", "stopping", "stopped", "runlevel", "session-end", "control-alt-delete",
            "keyboard-request", "power-status-changed"} <= named
    for name in named - {"upstart-events"}:
        assert re.search(r"\b%s\b" % re.escape(name), overview), name
    for job in (ROOT / "jobs" / "system").glob("*.conf"):
        for names in re.findall(r"^emits (.*)$", job.read_text(), re.M):
            for name in names.split():
                assert name in overview, "%s of %s" % (name, job.name)
