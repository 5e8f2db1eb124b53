# SPDX-License-Identifier: MIT
"""Job files as the lists of cases have them, with a real init: no file may cost more than its job (D3)."""

import re

import pytest

from conftest import LIMIT, ROOT, wait_for

DATA = ROOT / "tests" / "data"
# What reaches beyond the jobs: files that are written, and programs that are there or not.
SPARED = re.compile(rb">|apparmor|tmpfiles")
SETTLED = re.compile(r" (start/running|stop/waiting)\b")


def unescape(text):
    escapes = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}

    def char(match):
        return match[1] and bytes.fromhex(match[1]).decode("latin-1") or escapes[match[2]]

    return re.sub(r"\\(?:x([0-9a-f]{2})|(.))", char, text.encode().decode("latin-1")).encode("latin-1")


def cases():
    rows = []
    for name in ("language-cases.tsv", "language-more.tsv"):
        for line in (DATA / name).read_text().splitlines():
            text, tab, result = line.partition("\t")
            if tab:
                rows.append((unescape(text), result.split("\t")[0]))
    return [row for row in rows if not SPARED.search(row[0])]


def write(folder, texts):
    for i, text in enumerate(texts):
        (folder / f"j{i:04}.conf").write_bytes(text)


def lines(init):
    return [line for line in init.ctl("list").splitlines() if not line.startswith("\t")]


def start_all(init, at_least):
    init.ctl("emit", "-n", "go")
    wait_for(lambda: sum("start/running" in line for line in lines(init)) >= at_least, "jobs to have started", 4 * LIMIT)
    wait_for(lambda: all(SETTLED.search(line) for line in lines(init)), "the others to have failed", 4 * LIMIT)


def stop_all(init):
    init.ctl("emit", "-n", "halt")
    wait_for(lambda: all(line.endswith(" stop/waiting") for line in lines(init)), "all jobs to have stopped", 4 * LIMIT)


@pytest.fixture
def loaded(make_pid1):
    """An init with a job for each case, made to start and stop by events of ours."""
    init = make_pid1()
    rows = cases()
    write(init.conf, [text for text, result in rows])
    for i in range(len(rows)):
        (init.conf / f"j{i:04}.override").write_text("start on go\nstop on halt\n")
    init.start()
    return init, rows


def test_each_file_costs_its_own_job_at_most(loaded):
    init, rows = loaded
    assert len(rows) > 800
    jobs = init.jobs()
    right = [f"j{i:04}" for i, (text, result) in enumerate(rows) if result == "ok"]
    # Those the lists have as wrong are no jobs, but for what is new since (language-quirks.md).
    assert len(set(right) - set(jobs)) < 10 and len(set(jobs) - set(right)) < 10
    start_all(init, len(right) // 2)
    # All of them are edited while they run, into the next one, which is right or wrong.
    write(init.conf, [text for text, result in rows[1:] + rows[:1]])
    init.ctl("reload-configuration")
    stop_all(init)
    start_all(init, len(right) // 2)
    stop_all(init)
    # It is the init it was, and nothing had to be mended.
    assert init.find() == init.pid
    said = init.messages() + init.kmsg()
    assert "degraded" not in said and "does not hold" not in said and "crash" not in said
    assert init.command("initctl", "status", right[0]).stderr.count("degraded") == 0
