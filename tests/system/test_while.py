# SPDX-License-Identifier: MIT
"""Many jobs that follow one, and a long row of jobs that follow each other: the jobs themselves write down their order."""

import os

import pytest

from conftest import wait_for

LONG = "UPSTART_TEST_LONG" in os.environ
DEPENDENTS = 1000 if LONG else 60
LINKS = 200 if LONG else 25
PATIENCE = 300 if LONG else 60

# What a job says on its way up is said before it is up, what it says on its way down when it is down.
JOB = """{condition}
console none
pre-start exec sh -c 'echo up {name} >>{log}'
post-stop exec sh -c 'echo down {name} >>{log}'
exec sleep 9999
"""


class Said:
    """What the jobs have said since it was asked last."""

    def __init__(self, path):
        self.path = path
        path.write_text("")

    def lines(self):
        return [tuple(line.split()) for line in self.path.read_text().splitlines()]

    def wait(self, count):
        wait_for(lambda: len(self.lines()) >= count, f"{count} to say something", PATIENCE)
        lines = self.lines()
        self.path.write_text("")
        return lines


def define(session, name, condition, said):
    (session.conf / f"{name}.conf").write_text(JOB.format(name=name, condition=condition, log=said.path))


def all_run(session, count):
    wait_for(lambda: session.ctl("list").count(" start/running") == count, f"{count} jobs to run", PATIENCE)


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_dependents_of_one_job_start_after_it_and_stop_before_it(make_session, tmp_path, how):
    session, said = make_session(), Said(tmp_path / "said")
    names = [f"d{n:04}" for n in range(DEPENDENTS)]
    define(session, "base", "respawn" if how == "crash" else "", said)
    for name in names:
        define(session, name, "while base", said)
    session.start()
    session.wait_jobs(DEPENDENTS + 1)
    for _ in range(2):
        session.ctl("start", "base")
        lines = said.wait(DEPENDENTS + 1)
        assert lines[0] == ("up", "base")
        assert sorted(lines[1:]) == [("up", name) for name in names]
        all_run(session, DEPENDENTS + 1)
        if how == "crash":
            # Nothing is left to protect: base is back without waiting, and each dependent goes and comes with it.
            os.kill(session.pid_of("base"), 9)
            lines = said.wait(2 * DEPENDENTS + 2)
            assert sorted(lines) == sorted((what, name) for name in ["base", *names] for what in ("up", "down"))
            assert all(lines.index(("up", "base")) < lines.index(("up", name)) for name in names)
            assert all(lines.index(("down", name)) < lines.index(("up", name)) for name in names)
            all_run(session, DEPENDENTS + 1)
        done = session.command("initctl", "stop", "base", timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (0, "base stop/waiting\n")
        lines = said.wait(DEPENDENTS + 1)
        assert lines[-1] == ("down", "base")
        assert sorted(lines[:-1]) == [("down", name) for name in names]


def test_row_of_jobs_starts_in_order_and_stops_from_its_end(make_session, tmp_path):
    session, said = make_session(), Said(tmp_path / "said")
    names = [f"c{n:03}" for n in range(LINKS)]
    for before, name in zip([None, *names], names):
        define(session, name, f"while {before}" if before else "", said)
    session.start()
    session.wait_jobs(LINKS)
    for _ in range(2):
        session.ctl("start", names[0])
        assert said.wait(LINKS) == [("up", name) for name in names]
        all_run(session, LINKS)
        done = session.command("initctl", "stop", names[0], timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (0, f"{names[0]} stop/waiting\n")
        assert said.wait(LINKS) == [("down", name) for name in reversed(names)]
    # A break in the middle takes down what is behind it, and nothing else.
    session.ctl("start", names[0])
    said.wait(LINKS)
    all_run(session, LINKS)
    middle = LINKS // 2
    session.command("initctl", "stop", names[middle], timeout=PATIENCE)
    assert said.wait(LINKS - middle) == [("down", name) for name in reversed(names[middle:])]
    assert session.ctl("list").count(" start/running") == middle
    session.ctl("start", names[middle])
    assert said.wait(LINKS - middle) == [("up", name) for name in names[middle:]]
