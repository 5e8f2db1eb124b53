# SPDX-License-Identifier: MIT
"""The chapters on job files, on states and on units: each section is done as it is written, in a session of its own.

Blocks `upstart NAME` are files of its directory (`upstart-wrong`: init refuses it), blocks `console` commands and what they print;
blocks `ini` and `udev` are others' languages. What is not the same each time is a process id, so those are not compared.
"""

import re
import subprocess

import pytest

from conftest import BUILD, INIT, ROOT, WATCHES, wait_for

CHAPTERS = [(ROOT / "docs" / chapter).read_text() for chapter in ("job-language.md", "events-or-states.md", "from-systemd.md")]
SECTIONS = {part.partition("\n")[0]: part
            for chapter in CHAPTERS for part in re.split(r"^## ", chapter, flags=re.M)[1:]}
BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
# These show what becomes so by itself: they are asked until it has.
LOOKS = re.compile(r"(cat|test|status|initctl (list|log|status|show-config)) ")


def commands(text):
    """Pairs of command and output."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def normal(text):
    return re.sub(r"process \d+", "process N", text)


def perform(session, command, expected):
    def run():
        done = session.command("sh", "-c", f"exec 2>&1; {command}", cwd=session.path)
        return normal(done.stdout)

    if not LOOKS.match(command + " "):
        assert run() == normal(expected), command
        return
    try:
        wait_for(lambda: run() == normal(expected), command)
    except AssertionError:
        assert run() == normal(expected), command


@pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")
@pytest.mark.parametrize("section", [name for name in SECTIONS if "```upstart" in SECTIONS[name]])
def test_section_is_as_it_is_written(make_session, section):
    session = make_session()
    session.conf, session.log = session.path / "jobs", session.path / "logs"
    for folder in (session.conf, session.log):
        folder.mkdir()
    (session.path / "bin" / "init").symlink_to(session.program)
    checkconf = session.path / "bin" / "init-checkconf"
    checkconf.write_text(f'#!/bin/sh\nexec sh {BUILD}/src/init/init-checkconf --upstart-path={session.program} "$@"\n')
    checkconf.chmod(0o755)
    blocks = BLOCK.findall(SECTIONS[section])
    session.start()
    for kind, name, text in blocks:
        if kind.startswith("upstart"):
            (session.conf / name).write_text(text)
            session.ctl("reload-configuration")
            refused = session.command("init", "--check", session.conf / name).returncode != 0
            assert refused == (kind == "upstart-wrong"), name
            continue
        if kind in ("ini", "udev"):
            continue
        assert kind == "console"
        for command, expected in commands(text):
            perform(session, command, expected)


def test_chapter_is_made_of_known_blocks():
    blocks = BLOCK.findall("".join(CHAPTERS))
    assert "".join(CHAPTERS).count("```") == 2 * len(blocks)
    assert {kind for kind, _, _ in blocks} == {"upstart", "upstart-wrong", "console", "ini", "udev"}
    assert sum(kind == "upstart" for kind, _, _ in blocks) >= 10


def test_what_rules_of_udev_run_is_what_is_shown():
    """With what udev puts in the place of its variables; the commands are run as those of any section."""
    section = SECTIONS["From udev"]
    rules = next(text for kind, _, text in BLOCK.findall(section) if kind == "udev")
    shown = [command for kind, _, text in BLOCK.findall(section) if kind == "console" for command, _ in commands(text)]
    run = [text.replace("%k", "eth0").replace("%E{DEVNAME}", "/dev/sdb1") for text in re.findall(r'RUN\+="([^"]*)"', rules)]
    assert len(run) == len(rules.splitlines()) == 3 and all(text.startswith("/sbin/initctl ") for text in run)
    assert [text.removeprefix("/sbin/") for text in run if text.removeprefix("/sbin/") not in shown] == []


@pytest.mark.parametrize("stanzas", re.findall(r"^\| `.*?` \| `([^`]*)` \| [^|]*\|$", CHAPTERS[-1].partition("## Directives")[2], re.M))
def test_stanzas_for_a_unit_are_understood(stanzas, tmp_path):
    """Those of the table, each with a main process where it has none; and none is said to be without effect."""
    text = stanzas.replace("<br>", "\n").replace("\\|", "|") + "\n"
    file = tmp_path / "unit.conf"
    file.write_text(text if re.search("^(exec|script|pre-start exec)", text, re.M) else text + "exec true\n")
    done = subprocess.run([INIT, "--check", file], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), text


def test_stanzas_without_effect_are_named(session):
    """All of them and no others, in the chapter; and in the log with their line."""
    source = (ROOT / "src" / "job" / "stanza.c").read_text()
    rows = re.findall(r'^\t\{ "(\w+)"((?:(?!^\t\{ ).)*?)STANZA_NOT_YET', source, re.M | re.S)
    named = re.search(r"have no effect yet[^:]*: (.*?)\.", CHAPTERS[0], re.S)[1]
    assert sorted(re.findall(r"`(?:time )?(\w+)`", named)) == sorted(name for name, _ in rows)
    path = session.job("confined", "exec sleep 9\ncgroup cpu\ntime offset 5\n")
    for line, stanza in ((2, "cgroup"), (3, "time offset")):
        told = f"{path}:{line}: Understood, but this version does nothing with it yet: {stanza}\n"
        wait_for(lambda told=told: told in session.messages(), "the warning")


def test_table_of_units_is_read():
    assert len(re.findall(r"^\| `.*`.* \| `", CHAPTERS[-1].partition("## Directives")[2], re.M)) > 40
