# SPDX-License-Identifier: MIT
"""The chapter on cron, and the examples of time-event(7) and upstart-time-bridge(8), are done as they are written.

Blocks `upstart NAME` of the chapter are files of a session's directory, `crontab NAME` lie in its home, `console` are commands and
what they print. What is not the same each time is replaced by the commands themselves.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from clock import BRIDGE, INIT, LIMIT, needs_init, session, wait_for  # noqa: E402,F401

CHAPTER = (ROOT / "docs" / "from-cron.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", CHAPTER, flags=re.M)[1:]}
BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| `([^`]+)` \| `start on (time [^`]+)` \|$", re.M)

pytestmark = [pytest.mark.skipif(not BRIDGE.exists(), reason="the bridges are not built"), needs_init]


def commands(text):
    """Pairs of command and output."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def perform(s, command, expected):
    """What is done is done once, what is looked at until it has become so."""
    def run():
        return subprocess.run(["sh", "-c", "exec 2>&1; " + command], env={**s.env, "UPSTART_SESSION": s.address}, cwd=s.folder,
                              check=False, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT).stdout
    if command.startswith("initctl start"):
        assert run() == expected, command
        return
    wait_for(lambda: run() == expected, lambda: "%s:\n%s" % (command, run()))


@pytest.mark.parametrize("section", [name for name in SECTIONS if "```console" in SECTIONS[name]])
def test_section_is_as_it_is_written(session, section):
    blocks = BLOCK.findall(SECTIONS[section])
    files = {name: text for kind, name, text in blocks if kind == "upstart"}
    s = session({name[:-5]: text for name, text in files.items() if name.endswith(".conf")}, usual=True)
    for kind, name, text in blocks:
        if kind == "crontab":
            (s.folder / name).write_text(text)
    wait_for(lambda: s.status("upstart-time-bridge").endswith("start/running"), "the bridge")
    for name, text in files.items():
        if name.endswith(".override"):
            (s.jobs / name).write_text(text)
            s.initctl("stop", "upstart-time-bridge")
            s.initctl("start", "upstart-time-bridge")
    for kind, _, text in blocks:
        for command, expected in commands(text) if kind == "console" else ():
            perform(s, command, expected)
    assert "No schedule:" not in s.initctl("list-timers").stderr


def test_chapter_is_made_of_known_blocks():
    blocks = BLOCK.findall(CHAPTER)
    assert CHAPTER.count("```") == 2 * len(blocks)
    assert {kind for kind, _, _ in blocks} == {"crontab", "upstart", "upstart-system", "console"}


def test_other_ways_to_say_the_same_say_the_same(session):
    rows = ROW.findall(CHAPTER)
    assert len(rows) == 8
    jobs = {}
    for i, (cron, condition) in enumerate(rows):
        jobs["a%d" % i] = 'start on time CRON="%s"\ntask\nexec true\n' % cron
        jobs["b%d" % i] = "start on %s\ntask\nexec true\n" % condition
    s = session(jobs)

    def rows_now():
        return {row["job"]: row for row in json.loads(s.initctl("list-timers", "--json").stdout)}
    wait_for(lambda: rows_now()["a0"]["next"], "the bridge")
    for i, (cron, _) in enumerate(rows):
        def same(a="a%d" % i, b="b%d" % i, once=cron == "@reboot"):
            got = rows_now()
            assert got[a]["fault"] is None and got[b]["fault"] is None
            if once:
                return got[a]["runs"] == got[b]["runs"] == 1
            return got[a]["next"] == got[b]["next"] is not None
        wait_for(same, cron)


def literal_blocks(page):
    """The examples of a manual page."""
    text = (ROOT / "man" / page).read_text()
    text = text[text.index(".Sh EXAMPLES"):]
    text = text[:text.index(".Sh ", 5)]
    return [block.replace("\\e", "\\") for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)]


def test_examples_of_time_event(session, tmp_path):
    blocks = literal_blocks("time-event.7")
    assert len(blocks) >= 5
    programs = tmp_path / "bin"
    programs.mkdir()
    jobs = {}
    for i, text in enumerate(blocks):
        if "exec" not in text:
            text += "exec sleep 1000\n"
        jobs["example%d" % i] = text
        name = re.search(r"exec (\S+)", text)[1]
        if name != "sleep":
            (programs / name).write_text("#!/bin/sh\necho done\n")
            (programs / name).chmod(0o755)
    for name, text in jobs.items():
        file = tmp_path / (name + ".conf")
        file.write_text(text)
        done = subprocess.run([INIT, "--check", file], check=False, text=True, capture_output=True, timeout=LIMIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text
    s = session({name: "env PATH=%s:%s\n%s" % (programs, os.environ["PATH"], text) for name, text in jobs.items()})
    wait_for(lambda: s.status("upstart-time-bridge").endswith("start/running"), "the bridge")
    got = {row["job"]: row for row in json.loads(s.initctl("list-timers", "--json").stdout)}
    assert set(got) == set(jobs) and not any(row["fault"] for row in got.values())
    for name, text in jobs.items():
        if "task" in text:
            s.initctl("start", name)
            wait_for(lambda name=name: s.log(name) == "done\n", name)


def test_examples_of_the_bridge(session, tmp_path):
    system, mine = literal_blocks("upstart-time-bridge.8")
    shipped = (ROOT / "jobs" / "system" / "upstart-time-bridge.conf").read_text()
    (tmp_path / "upstart-time-bridge.conf").write_text(shipped)
    (tmp_path / "upstart-time-bridge.override").write_text(system)
    done = subprocess.run([INIT, "--check", tmp_path / "upstart-time-bridge.conf"], check=False, text=True, capture_output=True,
                          timeout=LIMIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for text in (system, *(block for kind, _, block in BLOCK.findall(CHAPTER) if kind == "upstart-system")):
        words = re.search(r"exec (.*)", text.replace("\\\n", " "))[1].split()
        assert words[0] == "upstart-time-bridge" and len([w for w in words if "crontab=" in w]) == 3
        assert subprocess.run([BRIDGE, *words[1:], "--version"], check=False, capture_output=True, timeout=LIMIT).returncode == 0
    s = session({}, usual=True)
    (s.folder / ".crontab").write_text("@reboot echo mine\n")
    (s.jobs / "upstart-time-bridge.override").write_text(mine)
    wait_for(lambda: s.status("upstart-time-bridge").endswith("start/running"), "the bridge")
    s.initctl("stop", "upstart-time-bridge")
    s.initctl("start", "upstart-time-bridge")
    wait_for(lambda: any(path.read_text() == "mine\n" for path in (s.folder / "log").glob("cron-*.log")), "the log")
