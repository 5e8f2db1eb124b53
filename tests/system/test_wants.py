# SPDX-License-Identifier: MIT
"""Memory, descriptors, processes or the disk run out, at each place in turn, in init and in each servant.

A story is told with one call of its kind failing (tests/helpers/faults.c): the first, the second, and so on. Nothing crashes or
hangs, whoever is refused something is told so, and told again without wants the story ends as it always does: no exit was lost, nothing is
left over.
"""

import os
import signal
import sys

import pytest

from conftest import BUILD, LIMIT, ROOT, WATCHES, wait_for

sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from faults import Faults

LONG = "UPSTART_TEST_LONG" in os.environ
LIBRARY = BUILD / "tests" / "helpers" / "libfaults.so"
PROGRAMS = ["init", "upstart-spawner", "upstart-logger", "upstart-control"]
PLACES = 5  # of each program, when there is little time
TURNS = 3000  # of a program's loop in one story: more is a loop that does nothing
SLEEP = "exec sleep 1000\n"

JOBS = {
    "says": "task\nenv N\nexec echo said $N.\n",
    "svc": "respawn\nrespawn limit unlimited\npre-start exec true\n" + SLEEP + "post-stop exec true\n",
    "follows": "while svc\n" + SLEEP,
}

pytestmark = [
    pytest.mark.skipif(not WATCHES, reason="this platform has no spawner"),
    pytest.mark.skipif(not LIBRARY.exists(), reason="this build has no faults to plant"),
]


class Story:
    """A session and what happens in it."""

    def __init__(self, session):
        self.faults = Faults(session.path / "faults", LIBRARY)
        self.session = session
        session.start(env=self.faults.env)
        for name, text in JOBS.items():
            session.job(name, text)
        session.wait_jobs(len(JOBS))
        self.number = 0

    def ask(self, *words):
        """A command that works, or says why not; did it work?"""
        done = self.session.command("initctl", *words, timeout=2 * LIMIT)
        assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr.startswith("initctl: ")), (words, done)
        return done.returncode == 0

    def main_of_svc(self):
        done = self.session.command("initctl", "status", "svc")
        first = done.stdout.partition("\n")[0]
        return int(first.rpartition(" ")[2]) if "start/running, process" in first else None

    def tell(self, wants=True):
        """The story; what worked of it. Things that nobody asked for must come about all the same."""
        session, file = self.session, self.session.conf / "late.conf"
        self.number += 1
        worked = [self.ask("start", "says", f"N={self.number}"), self.ask("start", "svc")]
        if not wants:
            wait_for(lambda: self.shows("follows", "start/running"), "who follows")
        main = self.main_of_svc()
        if main is not None:
            os.kill(main, signal.SIGKILL)
            wait_for(lambda: not self.shows("svc", f"process {main}"), "an exit to be noticed")
        session.job("late", "start on go and come\ntask\nexec true\n")
        wait_for(lambda: self.shows("late", "late "), "a job file to be read", 2 * LIMIT)
        worked += [self.ask("emit", "go", "--no-wait"), self.ask("emit", "come", "--no-wait")]
        file.unlink()
        wait_for(lambda: not self.shows("late", "late "), "a deleted job to be gone", 2 * LIMIT)
        worked += [self.ask("set-env", "--global", "A=b"), self.ask("list"), self.ask("stop", "svc")]
        return worked

    def shows(self, job, text):
        return text in self.session.command("initctl", "status", job, timeout=2 * LIMIT).stdout

    def settle(self):
        """Stop what a story with wants has left."""
        def idle():
            for job in ["says", "svc"]:  # `follows` goes with it
                self.session.command("initctl", "reset", job)
                self.session.command("initctl", "stop", job)
            lines = self.session.command("initctl", "list").stdout.splitlines()
            return sorted(lines) == sorted(f"{job} stop/waiting" for job in JOBS)

        wait_for(idle, "all jobs to stop")

    def check(self):
        """Without wants all is as ever."""
        self.settle()
        worked = self.tell(wants=False)
        assert all(worked), (worked, self.session.messages()[-2000:])
        self.settle()
        wait_for(lambda: self.session.log_of("says").splitlines().count(f"said {self.number}.") == 1, "what was printed")
        self.session.wait_servants()

    def descriptors(self):
        return sorted(os.readlink(f"/proc/{self.session.pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{self.session.pid}/fd"))

    def places(self, program, kind, most):
        """Numbers of the calls that are to fail: all, or as many as there is time for."""
        self.check()
        self.faults.watch(program)
        assert all(self.tell())
        count = self.faults.count(kind)
        assert count > 0, "the story has no such call"
        assert self.faults.count("turn") < TURNS
        self.settle()
        return range(1, count + 1, 1 if LONG else max(1, count // most))

    def goes_on(self, program, kind, times, most=PLACES, error=None):
        """The story with `times` calls failing, from each place on."""
        session, hits = self.session, 0
        for place in self.places(program, kind, most):
            self.faults.watch(program)
            self.faults.arm(kind, place, times, error)
            self.tell()
            self.settle()
            assert self.faults.count("turn") < TURNS, (place, "does nothing again and again")
            hits += self.faults.disarm(kind)
            if not LONG or place % 8 == 0:
                self.check()
            assert session.process.poll() is None and "Caught" not in session.messages(), (place, session.messages())
        assert hits > 0


@pytest.fixture
def story(make_session):
    return Story(make_session())


@pytest.mark.parametrize("program", PROGRAMS)
def test_memory_runs_out(story, program):
    story.goes_on(program, "alloc", 1)


@pytest.mark.parametrize("program", PROGRAMS)
def test_memory_is_gone_for_a_while(story, program):
    story.goes_on(program, "alloc", 20, 6)


@pytest.mark.parametrize("program", PROGRAMS)
def test_descriptors_run_out(story, program):
    story.goes_on(program, "fd", 2)


def test_processes_run_out(story):
    story.goes_on("upstart-spawner", "fork", 1)


@pytest.mark.parametrize("program", ["init", "upstart-logger"])
def test_the_disk_is_full(story, program):
    story.goes_on(program, "disk", 1)
