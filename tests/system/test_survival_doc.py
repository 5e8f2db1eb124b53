# SPDX-License-Identifier: MIT
"""The examples of docs/survival.md are done as they are written."""

import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, INIT, ROOT, WATCHES, wait_for

CHAPTER = (ROOT / "docs" / "survival.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", CHAPTER, flags=re.M)[1:]}
SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(not WATCHES, reason="the steps of this platform are others")


def examples(section):
    """Pairs of command and output."""
    for block in re.findall(r"^```console\n(.*?)^```$", SECTIONS[section], re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def normal(text):
    """What is not the same each time: process ids, times, and how many steps there were."""
    text = re.sub(r"process (\(?)\d+", r"process \1N", text)
    text = re.sub(r'^\[\d+, \d+,', "[N, N,", text, flags=re.M)
    text = re.sub(r'"pid": \d+', '"pid": N', text)
    return re.sub(r"^\d+ inputs, \d+ effects", "N inputs, N effects", text, flags=re.M)


def prepare(session):
    session.conf, session.log = session.path / "jobs", session.path / "logs"
    for folder in (session.conf, session.log):
        folder.mkdir()
    (session.path / "bin" / "init").symlink_to(INIT)
    (session.path / "bin" / "upstart-replay").symlink_to(BUILD / "src" / "replay" / "upstart-replay")
    session.job("web", SLEEP)


def perform(session, command, expected):
    done = session.command("sh", "-c", f"exec 2>&1; {command}", cwd=session.path)
    assert normal(done.stdout) == normal(expected), command


def test_crash_report_reads_as_it_is_written(make_session):
    session = make_session()
    prepare(session)
    session.program = INIT.parent / "init-faulty"
    session.start(env={"UPSTART_TEST_CRASH_AT": "EXITED"})
    session.ctl("start", "web")
    os.kill(session.pid_of("web"), signal.SIGKILL)
    wait_for(lambda: "for upstart-replay" in session.messages(), "the report")
    steps = list(examples("Reading a crash report"))
    assert len(steps) == 5
    # The numbers of the page are those of a report with as many steps.
    last = session.command("sh", "-c", "upstart-replay logs/init-crash.1.replay | tail -n 1", cwd=session.path).stdout.split()[0]
    for command, output in steps:
        perform(session, command.replace("--until 11", f"--until {int(last) - 1}"), output)


def test_recording_is_made_as_it_is_written(make_session):
    session = make_session()
    prepare(session)
    (first, _), *steps = list(examples("Recording what happens"))
    assert first.endswith(" &") and len(steps) == 3
    with open(session.out, "ab") as out:
        session.process = subprocess.Popen(["sh", "-c", "exec " + first.removesuffix(" &")], env=session.env, cwd=session.path,
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    session.find()
    wait_for(session.answers, "init to answer")
    session.wait_job("web")
    for command, output in steps:
        perform(session, command, output)
    assert session.end() == 0
