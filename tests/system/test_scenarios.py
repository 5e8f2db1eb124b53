# SPDX-License-Identifier: MIT
"""The scenarios of tests/system/scenarios (see scenario.py), each with an init of its own."""

import collections
import os
import pathlib
import re
import resource

import pytest

from conftest import MANAGER, is_alive, wait_for
from scenario import REPLAY, Player, all_scenarios

pytestmark = pytest.mark.skipif(not REPLAY.exists(), reason="upstart-replay is not built")

SCENARIOS = all_scenarios()


def manager(player):
    return player.init.manager(player.init.bus())


def restart(player):
    """A planned re-exec, as `telinit u` asks for it; over when the next image answers."""
    done = player.init.messages().count("Stateful re-exec completed")
    manager(player).Restart()
    wait_for(lambda: player.init.messages().count("Stateful re-exec completed") > done, "the next image")
    wait_for(player.init.answers, "it to answer")


def end_session(player):
    manager(player).EndSession()


def emit_with_file(player, event, *variables):
    """An event that brings a file with it."""
    import dbus
    path = player.init.path / "file"
    path.write_text("brought\n")
    m = manager(player)
    m.GetAllJobs()  # a connection that is not authenticated yet takes no files
    with open(path) as file:
        m.EmitEventWithFile(event, list(variables), True, dbus.types.UnixFd(file.fileno()))


def lower_descriptors(player, free):
    """Leave init only so many descriptors."""
    used = len(os.listdir(f"/proc/{player.init.pid}/fd"))
    hard = resource.prlimit(player.init.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(player.init.pid, resource.RLIMIT_NOFILE, (used + int(free), hard))


def raise_descriptors(player, number):
    hard = resource.prlimit(player.init.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(player.init.pid, resource.RLIMIT_NOFILE, (min(int(number), hard), hard))


def huge_script(player, name, lines):
    """A job with a script of so many lines that do nothing, and one that does."""
    player.init.job(name, "script\n" + "true\n" * int(lines) + "echo END\nsleep 100\nend script\n")
    player.init.ctl("reload-configuration")


def wait_idle(player):
    """init uses no time any more: it waits."""
    def ticks():
        with open(f"/proc/{player.init.pid}/stat") as file:
            return sum(int(n) for n in file.read().rpartition(")")[2].split()[11:13])

    last = [ticks()]

    def looked():
        before, last[0] = last[0], ticks()
        os.kill(player.init.pid, 0)
        return before == last[0] and is_alive(player.init.pid)

    wait_for(looked, "init to rest")


CALLS = {"restart": restart, "end-session": end_session, "emit-with-file": emit_with_file, "lower-descriptors": lower_descriptors,
         "raise-descriptors": raise_descriptors, "huge-script": huge_script, "wait-idle": wait_idle}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{s.name}-{s.title.replace(' ', '-')}" for s in SCENARIOS])
def test_scenario(scenario, make_session, make_pid1):
    words = {step.word: step.rest for step in scenario.steps}
    if "needs" in words and words["needs"] not in os.environ:
        pytest.skip(f"needs {words['needs']}")
    player = Player(scenario, make_pid1() if words.get("mode") == "pid1" else make_session(), CALLS)
    try:
        player.play()
    finally:
        player.stop()


def test_all_scenarios_have_names_of_their_own():
    names = [s.name for s in SCENARIOS]
    assert len(names) == len(set(names)), [n for n in names if names.count(n) > 1]


DEFECTS = [
    ("system/runtime-defects.md", [f"R{n}" for n in range(1, 40) if n not in (16, 17)]),
    ("unit/job/language-defects.md", [f"D{n}" for n in range(1, 43)]),
    ("system/process-clauses.md", [f"P{n}" for n in range(1, 48)]),
    ("system/sysv-defects.md", [f"D{n}" for n in (20, 21, 22, 23, 24, 25, 32, 33, 34, 37)]),
]


@pytest.mark.parametrize("table, numbers", DEFECTS, ids=[table for table, numbers in DEFECTS])
def test_every_defect_is_tested_where_the_table_says(table, numbers):
    """Each has a row, and each scenario, test and decision page that is named there is there."""
    tests = pathlib.Path(__file__).parents[1]
    files = collections.defaultdict(str)  # several rooms may have one of that name
    for path in [*tests.rglob("test_*.c"), *tests.rglob("test_*.py")]:
        files[path.name] += path.read_text()
    cases = {s.name for s in SCENARIOS}
    for path in (tests / "system" / "cli").glob("*.txt"):
        cases |= {word for title in re.findall(r"^== (.*)$", path.read_text(), re.M) for word in title.split()[:2]}
    rows = re.findall(r"^\| ([RDP]\d+) \|.*\| (.*) \|$", (tests / table).read_text(), re.M)
    assert [row[0] for row in rows] == numbers
    for defect, cell in rows:
        named = re.findall(r"`([^`]+)`", cell)
        assert named, defect
        for name in named:
            file, _, test = name.partition("::")
            if test:
                assert re.search(rf"\b{test}\(", files[file]), f"{defect}: {name}"
            else:
                assert file in cases, f"{defect}: {name}"
        for page in re.findall(r"\]\(([^)]+)\)", cell):
            assert ((tests / table).parent / page).is_file(), f"{defect}: {page}"
