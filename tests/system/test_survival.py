# SPDX-License-Identifier: MIT
"""init is replaced and crashes at random while much goes on, and nobody notices.

Under a load of everything (jobs that start, stop, respawn, print; clients that wait in `start`; events that are waited for)
init executes itself anew, is hit by fatal signals from outside, and runs into faults planted in its handling of inputs.
In the end every process is the one it was, every exit was noticed, every event has done its work once, every request has had one
answer, and init's descriptors and memory are back where they were.
"""

import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading

import pytest

from conftest import INIT, ROOT, WATCHES, wait_for

FATAL = [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL]
ROUNDS = 1000 if "UPSTART_TEST_LONG" in os.environ else 50  # of each kind of disturbance
FAULTS = 50  # places at which they are planted
LIMIT = 60
GROWTH = 2048  # KiB of memory that each program may have taken in the end

pytestmark = pytest.mark.skipif(not WATCHES, reason="the load takes a spawner")

STAYERS = 5
JOBS = {
    **{f"stay{i}": "exec sleep 100000\n" for i in range(STAYERS)},
    # One line every now and then, each with its number.
    "prints": "script\n  i=0\n  while :; do echo line $i; i=$((i+1)); sleep 0.03; done\nend script\n",
    # Each event does its work once.
    "work": "start on work\ninstance $N\ntask\nexec sh -c 'echo $N >> {path}/worked'\n",
    # Its exits are not asked for.
    "killed": "respawn\nrespawn limit unlimited\nscript\n  echo $$ >> {path}/lives\n  exec sleep 100000\nend script\n",
    # Who starts it waits until it is let through.
    "gate": "instance $N\npre-start script\n  until [ -e {path}/open.$N ]; do sleep 0.02; done\nend script\nexec sleep 100000\n",
    "ends": "instance $N\nscript\n  until [ -e {path}/end.$N ]; do sleep 0.02; done\n  exit $CODE\nend script\n",
    "cycle": "kill timeout 20\nexec sleep 100000\npost-stop exec sh -c 'echo over >> {path}/cycles'\n",
}


class Asker:
    """Requests that are open at the same time; see tests/helpers/asker.py."""

    def __init__(self, init):
        self.process = subprocess.Popen(
            [*init.prefix, "/usr/bin/python3" if init.prefix else sys.executable, ROOT / "tests/helpers/asker.py", init.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answers = collections.defaultdict(list)
        self.asked = {}
        self.heard = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            tag, _, answer = line.strip().partition(" ")
            with self.heard:
                self.answers[tag].append(answer)
                self.heard.notify_all()

    def ask(self, what, name, *env):
        with self.heard:
            tag = str(len(self.asked))
            self.asked[tag] = " ".join([what, name, *env])
            self.process.stdin.write(f"{tag} {self.asked[tag]}\n")
            self.process.stdin.flush()
        return tag

    def answer(self, tag):
        """The answer to a request, when it comes."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.answers.get(tag), LIMIT), f"no answer to {self.asked[tag]}"
            return self.answers[tag][0]

    def end(self):
        self.process.stdin.close()
        self.process.wait(LIMIT)


class Load(threading.Thread):
    """One thing that is done again and again, until it is enough. A failure is raised by finish()."""

    def __init__(self, once):
        super().__init__(daemon=True)
        self.once, self.rounds, self.failure, self.enough = once, 0, None, threading.Event()

    def run(self):
        try:
            while not self.enough.is_set():
                self.once(self.rounds)
                self.rounds += 1
        except Exception as failure:
            self.failure = failure

    def finish(self):
        self.enough.set()
        self.join(2 * LIMIT)
        if self.failure:
            raise self.failure
        return self.rounds


class World:
    """An init under load."""

    def __init__(self, init, log):
        self.init, self.path = init, init.path
        self.log, self.seen, self.images = log, 0, 0
        for name, text in JOBS.items():
            init.job(name, text.replace("{path}", str(init.path)))
        init.wait_jobs(len(JOBS))
        for i in range(STAYERS):
            init.ctl("start", f"stay{i}")
        init.ctl("start", "prints")
        init.ctl("start", "killed")
        self.asker = Asker(init)
        # From here on all images have followed another.
        self.next_image(self.execute_anew)
        wait_for(init.answers, "an answer")
        self.stayers = self.pids()
        self.start = self.measure()
        self.memory = self.resident(self.start)
        self.random = random.Random(4711)
        self.gates = collections.deque()
        self.loads = [Load(self.work), Load(self.kill), Load(self.pass_gate), Load(self.cycle)]
        for load in self.loads:
            load.start()

    # -- what is going on

    def work(self, turn):
        tags = [self.asker.ask("emit", "work", f"N={turn}.{i}") for i in range(4)]
        for tag in tags:
            assert self.asker.answer(tag) == "ok"

    def lives(self):
        try:
            return (self.path / "lives").read_text().split()
        except OSError:
            return []

    def kill(self, turn):
        wait_for(lambda: len(self.lives()) == turn + 1, f"life {turn + 1} of `killed`", LIMIT)
        done = self.init.command("kill", "-KILL", self.lives()[-1])
        assert done.returncode == 0, done.stderr

    def pass_gate(self, turn):
        """Always some clients wait, over several images."""
        self.gates.append((turn, self.asker.ask("start", "gate", f"N={turn}")))
        if len(self.gates) < 4:
            return
        first, tag = self.gates.popleft()
        (self.path / f"open.{first}").touch()
        assert self.asker.answer(tag) == "ok"
        assert self.asker.answer(self.asker.ask("stop", "gate", f"N={first}")) == "ok"
        self.loads[2].enough.wait(0.05)

    def cycle(self, turn):
        assert self.asker.answer(self.asker.ask("start", "cycle")) == "ok"
        assert self.asker.answer(self.asker.ask("restart", "cycle")) == "ok"
        assert self.asker.answer(self.asker.ask("stop", "cycle")) == "ok"

    # -- disturbances

    def heard(self, text):
        """How often init has said so since the last look."""
        with open(self.log(), errors="replace") as f:
            f.seek(self.seen)
            return f.read().count(text)

    def next_image(self, disturb, again=False):
        """Disturb init, now and then twice, and wait until another image has taken over."""
        self.seen = os.path.getsize(self.log())
        disturb()
        if again and self.random.random() < 0.2:
            self.pause()
            self.hit()
        wait_for(lambda: self.heard("Stateful re-exec completed") > 0, "the next image", LIMIT)
        self.images += 1

    def execute_anew(self):
        assert self.asker.answer(self.asker.ask("reexec", "init")) == "ok"

    def hit(self):
        os.kill(self.init.pid, self.random.choice(FATAL))

    def pause(self):
        """Somewhere in what is going on."""
        threading.Event().wait(self.random.random() * 0.03)

    # -- what it was and is

    def pids(self):
        return [self.init.pid_of(f"stay{i}") for i in range(STAYERS)] + [self.init.pid_of("prints")]

    def alive(self, pid):
        return pathlib.Path(f"/proc/{self.init.pid}/root/proc/{pid}/stat").exists()

    def measure(self):
        """Of init and each servant: descriptors by kind, and resident KiB."""
        found = {}
        for name, pid in {"init": self.init.pid, **self.init.wait_servants()}.items():
            kinds = collections.Counter()
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    kinds[os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0].split(" ")[0]] += 1
                except OSError:
                    pass
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            found[name] = kinds, int(status.split("VmRSS:")[1].split()[0])
        return found

    def resident(self, measured):
        return {name: memory for name, (_, memory) in measured.items()}

    def half_time(self):
        """What is remembered on purpose (of the last runs, answers and circles) has grown to its limits now: from here on nothing is to grow."""
        self.next_image(self.execute_anew)
        wait_for(self.init.answers, "an answer")
        self.memory = self.resident(self.measure())

    def descriptors(self):
        return {name: kinds for name, (kinds, _) in self.measure().items()}

    def finish(self):
        """End the load, and look whether all is as it should be."""
        init = self.init
        worked, killed, gates, cycles = [load.finish() for load in self.loads]
        for turn, tag in self.gates:
            (self.path / f"open.{turn}").touch()
            assert self.asker.answer(tag) == "ok"
            assert self.asker.answer(self.asker.ask("stop", "gate", f"N={turn}")) == "ok"
        assert self.pids() == self.stayers
        assert all(self.alive(pid) for pid in self.stayers)
        done = (self.path / "worked").read_text().split()
        assert sorted(done) == sorted(f"{turn}.{i}" for turn in range(worked) for i in range(4))
        wait_for(lambda: len(self.lives()) == killed + 1, "the last respawn")
        assert init.pid_of("killed") == int(self.lives()[-1])
        assert (self.path / "cycles").read_text().split() == ["over"] * (2 * cycles)
        odd = {self.asker.asked.get(tag, tag): answers for tag, answers in self.asker.answers.items() if len(answers) != 1}
        assert odd == {} and len(self.asker.answers) == len(self.asker.asked)
        running = sorted(line.split(",")[0] for line in init.ctl("list").splitlines() if "start/" in line)
        assert running == sorted(f"{name} start/running" for name in ["killed", "prints", *(f"stay{i}" for i in range(STAYERS))])
        # What was printed is in the log, all of it and once.
        wait_for(lambda: len(init.log_of("prints").splitlines()) > 10, "its log")
        lines = init.log_of("prints").splitlines()
        assert lines == [f"line {i}" for i in range(len(lines))]
        # One more image, as at the beginning: it holds what that held.
        self.next_image(self.execute_anew)
        wait_for(init.answers, "an answer")
        wanted = {name: kinds for name, (kinds, _) in self.start.items()}
        # There was a client more then, perhaps, that had just gone.
        wait_for(lambda: not any(kinds - wanted[name] for name, kinds in self.descriptors().items()), lambda: f"the descriptors of the start: {wanted}, now {self.descriptors()}")
        for name, memory in self.resident(self.measure()).items():
            assert memory < self.memory[name] + GROWTH, f"{name} grew from {self.memory[name]} to {memory} KiB"
        self.asker.end()
        return worked


@pytest.fixture
def world(request):
    """A session's init, or process 1 of a namespace."""
    def make(program=INIT, **env):
        if request.param == "session":
            init = request.getfixturevalue("make_session")()
            log = lambda: init.out
        else:
            init = request.getfixturevalue("make_pid1")()
            log = lambda: f"/proc/{init.pid}/root/dev/kmsg"
        init.program = program
        init.start("--verbose", env=env)
        if init.address is None:
            init.address = "unix:abstract=/com/ubuntu/upstart"
        return World(init, log)

    return make


both = pytest.mark.parametrize("world", ["session", "pid1"], indirect=True)


@both
def test_re_execs_and_crashes_under_load(world):
    world = world()
    disturbances = [world.execute_anew, world.hit] * ROUNDS
    world.random.shuffle(disturbances)
    for i, disturb in enumerate(disturbances):
        world.pause()
        world.next_image(disturb, again=True)
        if i == ROUNDS:
            world.half_time()
    assert world.finish() > 0


def poison(world, place):
    """An event, a request or the end of a process that crashes init whenever it comes to it; what is to come of that, to be called."""
    if place % 3 == 0:
        tag = world.asker.ask("emit", "work", f"N=poison{place}", f"POISON={place}")
    elif place % 3 == 1:
        tag = world.asker.ask("start", "gate", f"N=poison{place}", f"POISON={place}")
    else:
        assert world.asker.answer(world.asker.ask("start", "ends", f"N={place}", f"CODE={100 + place}")) == "ok"
        (world.path / f"end.{place}").touch()
        return lambda: wait_for(lambda: "quarantined" in world.init.status("ends", f"N={place}"), f"the quarantine {place}", LIMIT)

    def refused():
        answer = world.asker.answer(tag)
        assert answer.startswith("error ") and ("init crashed twice" in answer or "Event failed" in answer), f"place {place}: {answer}"

    return refused


@both
def test_planted_faults_cost_only_what_was_poisoned(world):
    """Handling an event, a request or an exit crashes init, twice: it is done without, and nobody else notices."""
    world = world(INIT.parent / "init-faulty")
    for place in range(1, 1 + FAULTS):
        before = world.loads[0].rounds
        outcome = poison(world, place)
        if place % 4 == 0:
            # On top of it one from outside, anywhere in between.
            world.pause()
            world.hit()
        outcome()
        if place % 3 == 2:
            world.init.ctl("reset", "ends", f"N={place}")
        # Others get somewhere meanwhile: it is not one crash after the other.
        wait_for(lambda: world.loads[0].rounds > before + 2, "some work", LIMIT)
    world.finish()
