# SPDX-License-Identifier: MIT
"""Memory, descriptors, processes or the disk run out, at each place in turn, in init and in each servant.

A story is told again and again while calls of one kind fail (tests/helpers/faults.c): either one after the other, the first, the second, and so
on; or, several in one story, each place in the program once for the first time that it comes, for the second, and so on. Nothing
crashes or hangs, whoever is refused something is told so, and told again without wants the story ends as it always does: no exit
was lost, nothing is left over.
"""

import collections
import errno
import os
import pathlib
import signal
import sys

import pytest

from conftest import BUILD, LIMIT, ROOT, WATCHES, wait_for

sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from faults import Faults
from test_servants_faults import folder_with

LONG = "UPSTART_TEST_LONG" in os.environ
LONG_PARTS = "each_call[init] each_call[upstart-control]"
LIBRARY = BUILD / "tests" / "helpers" / "libfaults.so"
PROGRAMS = ["init", "upstart-spawner", "upstart-logger", "upstart-control"]
STORIES = 4000 if LONG else 4  # of each sweep, at most
# Calls that pass between two that fail, in a sweep: enough for a program to begin anew in between, and for init to read its journal.
GAPS = {"alloc": 60, "fd": 12, "fork": 3, "disk": 12}
GAP_OF_CONTROL = 1000
GAP_OF_INIT = 1 << 60
QUIET = 3  # stories in a row with nothing new to fail: all has been seen
GROWTH = 4096  # KiB that the memory of a program may differ after all that
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

    def __init__(self, session, env=None, whole=True):
        self.whole = whole  # all servants are there
        self.faults = Faults(session.path / "faults", LIBRARY)
        self.session = session
        session.start(env={**self.faults.env, **(env or {})})
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
        if self.whole:
            self.session.wait_servants()

    def programs(self):
        return {"init": self.session.pid, **(self.session.wait_servants() if self.whole else self.session.servants())}

    def measure(self):
        """program -> what it has open, by kind; and KiB of memory."""
        found = {}
        for name, pid in self.programs().items():
            targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            kinds = collections.Counter(target.split(":")[0].split(" ")[0] for target in targets)
            # init has two: that of control groups is made when it is needed first, and kept.
            kinds["anon_inode"] -= min(targets.count("anon_inode:inotify"), 2)
            found[name] = kinds, int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])
        return found

    def measured(self):
        """The same; None when somebody ends or closes something meanwhile."""
        try:
            return self.measure()
        except OSError:
            return None

    def begin(self, program, kind):
        """How many calls of that kind there are in the story, and what all programs have."""
        self.check()
        self.faults.watch(program)
        assert all(self.tell())
        count = self.faults.count(kind)
        assert count > 0, "the story has no such call"
        assert self.faults.count("turn") < TURNS
        self.settle()
        return count, wait_for(self.measured, "all programs to stand still")

    def go_through(self, place):
        """The story, with what has been planted."""
        self.tell()
        self.settle()
        assert self.faults.count("turn") < TURNS, (place, "does nothing again and again")
        assert self.session.process.poll() is None and "Caught" not in self.session.messages(), (place, self.session.messages())

    def end(self, before):
        """All is as ever, and as much as before."""
        self.check()

        def is_back():
            now = self.measured()
            # There was a client more then, perhaps, that had just gone.
            return now and not any(now[name][0] - before[name][0] for name in now.keys() & before.keys())

        wait_for(is_back, lambda: f"no descriptors to be left: {before}, now {self.measured()}")
        now = wait_for(self.measured, "all programs to stand still")
        for name in now.keys() & before.keys():
            assert now[name][1] < before[name][1] + GROWTH, name

    def fails_at_each_call(self, program, kind):
        """The story with one call failing: each in turn."""
        count, before = self.begin(program, kind)
        hits = 0
        for place in range(1, count + 1):
            self.faults.watch(program)
            self.faults.arm(kind, place)
            self.go_through(place)
            hits += self.faults.disarm(kind)
            if place % 8 == 0:
                self.check()
        assert hits > 0
        self.end(before)

    def fails_at_each_place(self, program, kind, times=1, error=None):
        """The story with `times` calls failing wherever nothing has failed yet, until there is no such place any more."""
        count, before = self.begin(program, kind)
        gap = GAP_OF_INIT if program == "init" else GAP_OF_CONTROL if (program, kind) == ("upstart-control", "alloc") else GAPS[kind]
        hits, quiet = [], 0
        while len(hits) < STORIES and quiet < QUIET:
            self.faults.watch(program)
            # Where there is little time not always the first ones.
            self.faults.sweep(kind, gap, times, error, first=0 if LONG else count * len(hits) // STORIES)
            self.go_through(len(hits))
            hits.append(self.faults.disarm(kind))
            quiet = quiet + 1 if hits[-1] == 0 else 0
            if len(hits) % 8 == 0:
                self.check()
        print(program, kind, times, hits)
        assert sum(hits) > 0
        self.end(before)


@pytest.fixture
def story(make_session):
    return Story(make_session())


@pytest.mark.skipif(not LONG, reason="takes some minutes for each")
@pytest.mark.parametrize("program", PROGRAMS)
def test_memory_runs_out_at_each_call(story, program):
    story.fails_at_each_call(program, "alloc")


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("program", PROGRAMS)
def test_memory_runs_out(story, program, times):
    story.fails_at_each_place(program, "alloc", times)


def test_memory_runs_out_as_the_state_is_read(story):
    """By an image that follows another: it executes itself once more, and has all of it then."""
    session = story.session
    assert story.ask("start", "svc")
    pid = story.main_of_svc()
    images = lambda: session.messages().count("Stateful re-exec completed")
    again = lambda: os.kill(session.pid, signal.SIGSEGV)
    session.ctl("log-priority", "info")
    story.faults.watch("init")
    again()
    wait_for(lambda: images() == 1 and session.answers(), "the next image")
    count = story.faults.count("alloc")
    hits = []
    for place in range(1, count, 7 if LONG else count // 20):
        story.faults.watch("init")
        story.faults.arm("alloc", place)
        before = images()
        again()
        wait_for(lambda: images() > before and session.answers(), lambda: f"the next image, with place {place}")
        hits.append(story.faults.disarm("alloc"))
        assert story.main_of_svc() == pid, (place, session.messages())
    assert sum(hits) > 0
    assert session.messages().count("Caught segmentation fault, core dumped") == 1 + len(hits)
    assert "stateless" not in session.messages() and "dropped" not in session.messages()
    story.check()


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE], ids=errno.errorcode.get)
@pytest.mark.parametrize("program", PROGRAMS)
def test_descriptors_run_out(story, program, error):
    story.fails_at_each_place(program, "fd", 2, error)


@pytest.mark.parametrize("times", [1, 5])
def test_processes_run_out(story, times):
    story.fails_at_each_place("upstart-spawner", "fork", times)


@pytest.mark.parametrize("times", [1, 5])
def test_processes_run_out_where_init_makes_them(make_session, times):
    """The spawner keeps dying."""
    session = make_session()
    story = Story(session, folder_with(session, "upstart-spawner", "#!/bin/sh\nexit 1\n"), whole=False)
    story.fails_at_each_place("init", "fork", times)


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("program", [program for program in PROGRAMS if program != "upstart-control"])  # which writes to none
def test_the_disk_is_full(story, program, times):
    story.fails_at_each_place(program, "disk", times)
