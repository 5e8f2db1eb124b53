# SPDX-License-Identifier: MIT
"""Scenarios: job files, steps, and what must come of them, as text.

A file of tests/system/scenarios/ holds scenarios one after the other. Each begins with `scenario ID what it is about` and goes on with
lines of these kinds; a tab begins a line that belongs to the one above.

    mode pid1                 init is process 1 of a namespace (else: a session)
    options WORDS             more options for init; +startup: it emits the startup event
    needs WHAT                skipped, with this reason, until that is there; UPSTART_TEST_LONG is there for make check-long
    job NAME                  a job file, its text below; after `run` it is written anew and has been read when the step is over
    job NAME gone             the job file is removed
    run                       init is started (else before the first step)
    > COMMAND                 run by sh; what it prints is below as `< LINE`, its status as `rc N` (else 0)
    & NAME COMMAND            the same in the background
    join NAME                 it ends; `<` and `rc` as above
    waits NAME                it has not ended
    until COMMAND             again and again, until it prints what is below
    log NAME                  the log of a job comes to be this; with `log NAME has TEXT` it holds that
    message TEXT              init says this line, on its standard error or to the kernel's log
    tells TEXT                init, or a servant of its, says a line with this in it
    info TEXT, warning TEXT   the same, and it says so as this
    silent TEXT               and nobody has said this
    alive $P    dead $P       a process is there, or comes to be gone
    ended N                   init ends with that status
    call NAME                 something that python does; see CALLS
    states JOB                all states that the job has gone through are these
    failed JOB STATUS...      clients are told of these failures, and of no others
    events                    the events that had their turn, in order, with their variables; between { and } only the order of those
                              with the same JOB counts, or of those without; what stands between `repeat N` and `again` comes N times

In job files and commands $D is a folder of the scenario's own, $DMN a daemon that does as told (tests/helpers/dmn.c). In what is expected $P (or any name of capital letters) is a number: the
first time any, later the same, and commands have it as a variable.
"""

import dataclasses
import pathlib
import re
import subprocess

from conftest import BUILD, is_alive, wait_for

LIMIT = 120  # seconds until something counts as hung
FOLDER = pathlib.Path(__file__).parent / "scenarios"
DMN = BUILD / "tests" / "helpers" / "dmn"
REPLAY = BUILD / "src" / "replay" / "upstart-replay"


@dataclasses.dataclass
class Step:
    word: str
    rest: str
    place: str
    body: list  # lines below, without their tab
    output: list  # of `<` lines; None: not looked at
    status: int = 0


@dataclasses.dataclass
class Scenario:
    name: str
    title: str
    place: str
    steps: list


def read(path):
    """All scenarios of a file."""
    scenarios, step = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        place = f"{path.name}:{number}"
        if line.startswith("\t") or (not line and step and step.word in ("job", "log")):
            assert step, f"{place}: nothing is above"
            step.body.append(line[1:])
            continue
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "scenario":
            name, _, title = rest.partition(" ")
            scenarios.append(Scenario(name, title, place, []))
            step = None
        elif word == "<":
            step.output.append(rest)
        elif word == "rc":
            step.status = int(rest)
        else:
            step = Step(word, rest, place, [], [])
            scenarios[-1].steps.append(step)
    for scenario in scenarios:
        for step in scenario.steps:
            while step.word == "job" and step.body and not step.body[-1]:
                step.body.pop()
    return scenarios


def all_scenarios():
    return [s for path in sorted(FOLDER.glob("*.txt")) for s in read(path)]


class Player:
    """One scenario at work."""

    def __init__(self, scenario, init, calls):
        self.scenario = scenario
        self.init = init
        self.calls = calls
        self.options = []
        self.numbers = {}
        self.running = {}
        self.started = False
        self.record = init.path / "record"

    # -- what may be anywhere

    def fill(self, text):
        return text.replace("$DMN", str(DMN)).replace("$D", str(self.init.path))

    def match(self, wanted, got):
        """Is the line what is wanted? Learns numbers."""
        pattern, names = "", []
        for part in re.split(r"(\$[A-Z]+)", self.fill(wanted)):
            if not part.startswith("$"):
                pattern += re.escape(part)
            elif part[1:] in self.numbers:
                pattern += self.numbers[part[1:]]
            else:
                names.append(part[1:])
                pattern += r"(\d+)"
        found = re.fullmatch(pattern, got)
        if not found:
            return False
        self.numbers.update(zip(names, found.groups()))
        return True

    def match_all(self, wanted, got):
        before = dict(self.numbers)
        if len(wanted) == len(got) and all(self.match(w, g) for w, g in zip(wanted, got)):
            return True
        self.numbers = before
        return False

    def environment(self):
        return {**self.init.env, **self.numbers, "D": str(self.init.path), "DMN": str(DMN),
                "INIT": str(self.init.process.pid if self.init.process else 1)}

    def popen(self, command):
        command = f"cd {self.init.path}\n{command}"
        return subprocess.Popen([*self.init.prefix, "sh", "-c", command], env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.init.path)

    def finish(self, step, process):
        try:
            output = process.communicate(timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{step.place}: hangs: {step.rest}\n{self.init.messages()}") from None
        got = output.splitlines()
        assert self.match_all(step.output, got), f"{step.place}: {step.rest}: expected {step.output}, got {got}\n{self.init.messages()}"
        assert process.returncode == step.status, f"{step.place}: {step.rest}: status {process.returncode}, {output}"

    def said(self):
        """All that init has said, line by line, without what the kernel's log puts before."""
        text = self.init.messages() + (self.init.kmsg() if hasattr(self.init, "kmsg") else "")
        return [re.sub(r"^(<\d>)?init: ?", "", line) for line in text.splitlines()]

    # -- steps

    def start(self):
        if self.started:
            return
        self.started = True
        options = [word for word in self.options if word != "+startup"]
        self.init.start("--record", str(self.record), "--verbose", *options, startup=len(options) < len(self.options))

    def do_options(self, step):
        self.options += self.fill(step.rest).split()

    def do_job(self, step):
        name, _, gone = step.rest.partition(" ")
        if gone:
            (self.init.conf / f"{name}.conf").unlink()
        else:
            self.init.job(name, self.fill("\n".join(step.body) + "\n"))
        if self.started:
            self.init.ctl("reload-configuration")

    def do_run(self, _):
        self.start()

    def do_command(self, step):
        self.start()
        self.finish(step, self.popen(step.rest))

    def do_background(self, step):
        self.start()
        name, _, command = step.rest.partition(" ")
        self.running[name] = self.popen(command)

    def do_join(self, step):
        self.finish(step, self.running.pop(step.rest))

    def do_waits(self, step):
        self.init.ctl("version")  # whatever was to end it has been worked off
        assert self.running[step.rest].poll() is None, f"{step.place}: {step.rest} does not wait"

    def do_until(self, step):
        self.start()
        last = []

        def look():
            last[:] = self.popen(step.rest).communicate(timeout=LIMIT)[0].splitlines()
            return self.match_all(step.output, last)

        try:
            wait_for(look)
        except AssertionError:
            raise AssertionError(f"{step.place}: {step.rest}: expected {step.output}, last {last}\n{self.init.messages()}") from None

    def do_log(self, step):
        self.start()
        name, _, text = step.rest.partition(" has ")
        text = self.fill(text)
        if text:
            wait_for(lambda: text in self.init.log_of(name), lambda: f"{step.place}: {text} in the log of {name}: {self.init.log_of(name)}")
            return
        wait_for(lambda: self.match_all(step.body, self.init.log_of(name).splitlines()), f"{step.place}: the log of {name}")

    def do_message(self, step):
        def look():
            return any(self.match(step.rest, line) for line in self.said())

        try:
            wait_for(look)
        except AssertionError:
            raise AssertionError(f"{step.place}: init has not said: {step.rest}\n" + "\n".join(self.said())) from None

    def do_info(self, step):
        self.do_message(step)
        assert any(self.match(step.rest, line) for line in self.init.messages().splitlines()), f"{step.place}: a warning: {step.rest}"

    def do_warning(self, step):
        self.do_message(step)
        assert any(self.match(f"init: {step.rest}", line) for line in self.init.messages().splitlines()), f"{step.place}: {step.rest}"

    def do_tells(self, step):
        text = self.fill(step.rest)
        wait_for(lambda: any(text in line for line in self.said()), f"{step.place}: {text}")

    def do_silent(self, step):
        assert not [line for line in self.said() if self.fill(step.rest) in line], step.place

    def seen(self, word):
        """The pid as this test sees it."""
        pid = self.numbers[word[1:]]
        return pid if not self.init.prefix else self.popen(f"grep NSpid /proc/{pid}/status").communicate()[0].split()[1:2]

    def do_alive(self, step):
        if self.init.prefix:
            self.finish(step, self.popen(f"kill -0 {step.rest}"))
        else:
            assert is_alive(int(self.numbers[step.rest[1:]])), step.place

    def do_dead(self, step):
        pid = self.numbers[step.rest[1:]]
        if self.init.prefix:
            wait_for(lambda: self.popen(f"kill -0 {pid}").wait(LIMIT) != 0, f"{step.place}: the end of {pid}")
        else:
            wait_for(lambda: not is_alive(int(pid)), f"{step.place}: the end of {pid}")

    def do_ended(self, step):
        assert self.init.process.wait(LIMIT) == int(step.rest), step.place

    def do_call(self, step):
        self.start()
        name, *words = self.fill(step.rest).split()
        self.calls[name](self, *words)

    def do_states(self, step):
        wanted = " ".join(step.body).split()
        start = f"{step.rest} state changed from "

        def states():
            return [line.rpartition(" ")[2] for line in self.said() if line.startswith(start)]

        try:
            wait_for(lambda: states() == wanted)
        except AssertionError:
            raise AssertionError(f"{step.place}: expected {wanted}, got {states()}") from None

    def recorded(self):
        return subprocess.run([REPLAY, "--print", self.record], capture_output=True, text=True, timeout=120).stdout.splitlines()

    def events(self):
        return [line[len("  event "):] for line in self.recorded() if line.startswith("  event ")]

    def do_failed(self, step):
        job, *wanted = step.rest.split()
        told = re.compile(r'    \[\d+, "NOTIFY", {"type": 6, "job": "' + re.escape(job) + r'", "instance": "[^"]*"(?:, "value": (-?\d+))?}\]')

        def values():
            return [found[1] or "0" for found in map(told.fullmatch, self.recorded()) if found]

        try:
            wait_for(lambda: values() == wanted)
        except AssertionError:
            raise AssertionError(f"{step.place}: expected {wanted}, got {values()}") from None

    def do_events(self, step):
        self.start()
        wanted = repeated([self.fill(line) for line in step.body])
        wait_for(lambda: not difference(wanted, self.events()),
                 lambda: f"{step.place}: {difference(wanted, self.events())}\n" + "\n".join(self.events()), LIMIT, self.record)
        done = subprocess.run([REPLAY, "--check", "--quiet", self.record], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), step.place

    WORDS = {">": "command", "&": "background"}

    def play(self):
        for step in self.scenario.steps:
            if step.word in ("mode", "needs"):
                continue
            getattr(self, "do_" + self.WORDS.get(step.word, step.word))(step)
        assert not self.running, f"{self.scenario.place}: nobody waits for {list(self.running)}"

    def stop(self):
        for process in self.running.values():
            process.kill()
            process.wait()


def repeated(lines):
    made, begun, times = [], 0, 0
    for line in lines:
        if line.startswith("repeat "):
            begun, times = len(made), int(line.split()[1])
        elif line == "again":
            made[begun:] = made[begun:] * times
        else:
            made.append(line)
    return made


def job_of(event):
    found = re.search(r" JOB=(\S+)(?: INSTANCE=(\S*))?", event)
    return found.groups() if found else None


def difference(wanted, got):
    """What is wrong with a list of events; "" if nothing is."""
    at, group = 0, None
    for line in wanted:
        if line == "{":
            group = []
        elif group is not None and line != "}":
            group.append(line)
        elif line == "}":
            part = got[at:at + len(group)]
            for key in {job_of(e) for e in group + part}:
                if [e for e in group if job_of(e) == key] != [e for e in part if job_of(e) == key]:
                    return f"from event {at + 1} on expected in any order {group}, got {part}"
            at += len(group)
            group = None
        else:
            if at >= len(got) or got[at] != line:
                return f"event {at + 1}: expected {line}, got {got[at] if at < len(got) else 'nothing'}"
            at += 1
    return "" if at == len(got) else f"more events: {got[at:]}"
