# SPDX-License-Identifier: MIT
"""The chapter on sysvinit is done as it is written: blocks `upstart NAME` are job files of a session, `console` are commands and what
they print; the stanzas of its tables are stanzas."""

import re
import subprocess

import pytest

from conftest import INIT, INITCTL, LIMIT, ROOT, wait_for

CHAPTER = (ROOT / "docs" / "from-sysvinit.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", CHAPTER, flags=re.M)[1:]}
BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
ACTIONS = ("respawn", "once", "wait", "sysinit", "boot", "bootwait", "ctrlaltdel", "kbrequest", "powerwait", "ondemand", "off")


def rows(section):
    """Pairs of what is marked as code in both cells of a table's row."""
    for line in re.findall(r"^\| .* \|$", SECTIONS[section], re.M):
        cells = line.strip("| ").split(" | ")
        yield tuple(re.findall(r"`([^`]+)`", cell) for cell in cells)


@pytest.mark.parametrize("section", [name for name in SECTIONS if "```console" in SECTIONS[name]])
def test_section_is_as_it_is_written(make_session, section):
    session = make_session()
    blocks = BLOCK.findall(SECTIONS[section])
    for kind, name, text in blocks:
        if kind == "upstart":
            session.job(name.removesuffix(".conf"), text)
    session.start()

    def run(command):
        return session.command("sh", "-c", "exec 2>&1; " + command).stdout
    for kind, _, text in blocks:
        for part in re.split(r"^\$ ", text, flags=re.M)[1:] if kind == "console" else ():
            command, _, expected = part.partition("\n")
            if "emit" in command:
                assert run(command) == expected, command
            else:
                wait_for(lambda: run(command) == expected, lambda: f"{command}: {run(command)}")


def test_chapter_is_made_of_known_blocks():
    blocks = BLOCK.findall(CHAPTER)
    assert CHAPTER.count("```") == 2 * len(blocks)
    assert {kind for kind, _, _ in blocks} == {"console", "sh", "upstart"}


def check(tmp_path, stanzas):
    file = tmp_path / "x.conf"
    file.write_text("\n".join(stanzas).replace("CMD", "true") + "\n")
    done = subprocess.run([INIT, "--check", file], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, ""), stanzas


def test_actions_of_inittab_become_jobs(tmp_path):
    table = {left[0].split(":")[2]: right for left, right in rows("inittab") if left}
    assert tuple(table) == ACTIONS
    for action, stanzas in table.items():
        if action not in ("wait", "ondemand"):  # in words
            check(tmp_path, [s for s in stanzas] + ([] if any(s.startswith("exec") for s in stanzas) else ["exec true"]))


def test_headers_become_stanzas(tmp_path):
    values = {"setuid": "setuid root", "chdir": "chdir /", "nice": "nice 5", "umask": "umask 022", "kill timeout": "kill timeout 5",
              "kill signal": "kill signal INT", "reload signal": "reload signal USR1", "description": 'description "x"', "while": "while x",
              "env": "env A=1", "script": "script\n  true\nend script"}
    found = [stanza for _, right in rows("A script") for stanza in right if stanza not in ("exec",)]
    assert len(found) >= 20
    for stanza in found:
        text = values.get(stanza, stanza)
        check(tmp_path, [text] if text.startswith(("script",)) else [text, "exec true"])


def test_commands_are_there():
    """What the second column calls initctl by is a command of it."""
    known = subprocess.run([INITCTL, "help"], capture_output=True, text=True, timeout=LIMIT).stdout
    words = [code.split()[1] for _, right in rows("Commands") for code in right if code.startswith("initctl ")]
    assert words and all(re.search(rf"^  {word}\b", known, re.M) for word in words)
