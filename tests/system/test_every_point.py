# SPDX-License-Identifier: MIT
"""init crashes before and after each write to the journal and each effect of a story, and the story ends as it would have.

The story has chapters, which touch all kinds of inputs and effects between them (a test looks at that): jobs in all
states, clients that wait, conditions that are half true, descriptors of events, timers, limits of respawning, output. The init-faulty of
the tests crashes at the N-th such place; see init/crash.h.
"""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from conftest import AWAIT, BUILD, INIT, ROOT, WATCHES, is_alive, wait_for
from test_container import make_container  # noqa: F401

REPLAY = BUILD / "src" / "replay" / "upstart-replay"
SLEEP = "exec sleep 1000\n"


def finish(client, status=0):
    """The end of a client that waits."""
    out, err = client.communicate(timeout=60)
    assert client.returncode == status, err
    return out


def told(session):
    try:
        return sorted((session.path / "story").read_text().splitlines())
    except OSError:
        return []


def left(session):
    return sorted(line.partition(", process")[0] for line in session.ctl("list").splitlines() if not line.startswith("\t"))


SAYS = ('import os, signal, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); '
        's.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:]); s.send(b"READY=1"); signal.pause()')


class Chapter:
    """Jobs, what happens to them, what the jobs have told of it in the end, and what is left."""

    env = {}

    def begin(self, request, program=INIT, *options, **env):
        session = request.getfixturevalue("make_session")()
        session.program = program
        return session.start(*options, env={**self.env, **env})

    def end(self, session):
        """The end of init, which leaves nobody behind."""
        pids = [int(line.rpartition(" ")[2]) for line in session.ctl("list").splitlines() if ", process " in line]
        assert session.end() == 0
        assert not any(is_alive(pid) for pid in pids)

    def said(self, session):
        return session.messages()


class Events(Chapter):
    """Conditions, instances, hooks, respawning, states that follow others, output."""

    jobs = {
        "web": """start on go
stop on end
respawn
normal exit 3
pre-start exec sh -c 'echo web pre >> {path}/story'
script
  echo printed
  exec sleep 1000
end script
post-stop exec sh -c 'echo web post >> {path}/story'
""",
        "task": "start on started web\ntask\nexec sh -c 'echo task $UPSTART_EVENTS >> {path}/story'\n",
        "follows": "while web\n" + SLEEP,
        "half": "start on go and come\nexec sh -c 'echo half >> {path}/story; exec sleep 1000'\n",
        "many": "start on go N=*\ninstance $N\n" + SLEEP,
    }
    told = ["half", "task started", "task started", "web post", "web post", "web pre", "web pre"]
    left = ["follows stop/waiting", "half start/running", "many (1) start/running", "task stop/waiting", "web stop/waiting"]
    places, sure = 1070, 950

    def run(self, session):
        # It waits for what `half` still lacks.
        go = session.background("emit", "go", "N=1")
        session.wait_status("web", "start/running, process")
        session.wait_status("follows", "start/running, process")
        session.wait_status("half", "stop/waiting")
        session.ctl("emit", "come")
        session.wait_status("half", "start/running, process")
        finish(go)
        assert "many (1) start/running" in session.ctl("list")
        # A task that still runs is not started again.
        wait_for(lambda: "task started" in told(session), "the task")
        session.wait_status("task", "stop/waiting")
        wait_for(lambda: session.log_of("web") == "printed\n", "the log")
        os.kill(session.pid_of("web"), signal.SIGKILL)
        wait_for(lambda: told(session).count("task started") == 2, "the respawn")
        session.wait_status("follows", "start/running, process")
        wait_for(lambda: session.log_of("web") == "printed\nprinted\n", "the log")
        session.ctl("emit", "end")
        session.wait_status("web", "stop/waiting")
        session.wait_status("follows", "stop/waiting")


class Waiting(Chapter):
    """A client that waits over everything else, timers, a limit that is reached, a program that is not there, a held event."""

    jobs = {
        "slow": "pre-start script\n  {wait} {path}/open\nend script\n" + SLEEP,
        "stubborn": """kill timeout 1
script
  trap '' TERM
  touch {path}/deaf
  exec sleep 1000
end script
""",
        "fails": "exec false\nrespawn\nrespawn limit 2 60\n",
        "missing": "exec /nonexistent\n",
        "hook": "start on starting held\ntask\nexec sh -c '{wait} {path}/open; echo hook >> {path}/story'\n",
        "held": "exec sh -c 'echo held >> {path}/story; exec sleep 1000'\n",
        "posts": "post-start exec sh -c 'echo up >> {path}/story'\npre-stop exec sh -c 'echo down >> {path}/story'\n" + SLEEP,
        "refuses": "start on hurt\ntask\nexec sh -c 'echo hurt >> {path}/story; exit 1'\n",
    }
    told = ["down", "held", "hook", "hurt", "up"]
    left = ["fails stop/waiting", "held start/running", "hook stop/waiting", "missing stop/waiting", "posts stop/waiting",
            "refuses stop/waiting", "slow start/running", "stubborn stop/waiting"]
    places, sure = 1170, 1050

    def run(self, session):
        slow = session.background("start", "slow")
        held = session.background("start", "held")
        session.ctl("start", "stubborn")
        wait_for((session.path / "deaf").exists, "its trap")
        stop = session.background("stop", "stubborn")
        assert session.command("initctl", "start", "missing").returncode == 1
        session.command("initctl", "start", "fails")
        session.wait_status("fails", "stop/waiting")
        session.ctl("start", "posts")
        wait_for(lambda: "up" in told(session), "post-start")
        session.ctl("stop", "posts")
        finish(session.background("emit", "hurt"), 1)
        session.wait_status("hook", "hook start/running")
        assert slow.poll() is None and held.poll() is None
        (session.path / "open").touch()
        finish(slow)
        finish(held)
        finish(stop)


class Changes(Chapter):
    """Definitions that change and go, variables, the level of the log, descriptors, signals, restarts."""

    jobs = {
        "gift": "start on gift\nscript\n  cat <&$UPSTART_FDS >> {path}/story\n  exec sleep 1000\nend script\n",
        "stops": "expect stop\nscript\n  kill -STOP $$\n  exec sleep 1000\nend script\n",
        # Tells it once: a signal in the sending of which init crashes may come twice (docs/survival.md).
        "hears": "script\n  trap 'echo hup >> {path}/story; trap : HUP' HUP\n  [ -p {path}/never ] || mkfifo {path}/never\n  touch {path}/hears\n  while :; do read -r line <> {path}/never || :; done\nend script\n",
        "env": "task\nexec sh -c 'echo env $SET >> {path}/story'\n",
        "changed": "exec sh -c 'echo old >> {path}/story; exec sleep 1000'\n",
        "gone": SLEEP,
    }
    told = ["env by hand", "from outside", "hup", "new", "old", "old"]
    left = ["changed start/running", "env stop/waiting", "gift stop/waiting", "hears start/running", "stops start/running"]
    places, sure = 1010, 850

    def run(self, session):
        session.ctl("log-priority", "warn")
        session.ctl("set-env", "SET=by hand")
        session.ctl("start", "env")
        session.ctl("unset-env", "SET")
        for name in ("stops", "hears", "changed", "gone"):
            session.ctl("start", name)
        self.give(session)
        wait_for((session.path / "hears").exists, "its trap")
        session.ctl("reload", "hears")
        wait_for(lambda: "hup" in told(session), "the signal")
        # Whoever is stopped before it has told of itself never does.
        wait_for(lambda: "old" in told(session), "the first definition")
        session.ctl("restart", "changed")
        wait_for(lambda: told(session).count("old") == 2, "it once more")
        session.job("changed", self.jobs["changed"].replace("old", "new").format(path=session.path, wait=AWAIT))
        (session.conf / "gone.conf").unlink()
        session.ctl("reload-configuration")
        session.ctl("stop", "gone")
        session.wait_job("gone", present=False)
        session.ctl("stop", "changed")
        session.ctl("start", "changed")
        session.ctl("notify-disk-writeable")
        wait_for(lambda: "from outside" in told(session), "the job to read its descriptor")
        session.ctl("stop", "gift")

    @staticmethod
    def give(session):
        """An event with a descriptor, which waits for its job."""
        dbus = pytest.importorskip("dbus")
        manager = session.manager(session.bus())
        manager.GetAllJobs()  # descriptors can be sent once the connection is authenticated
        (session.path / "gift").write_text("from outside\n")
        with open(session.path / "gift") as file:
            manager.EmitEventWithFile("gift", [], True, dbus.types.UnixFd(file.fileno()), signature="sasbh")


class Daemons(Chapter):
    """Processes that become daemons. test_tracking.py has more of them."""

    jobs = {
        "forks": "expect fork\nexec sh -c 'sleep 1000 & echo $! > {path}/child'\n",
        "named": "expect pidfile {path}/pid\nexec sh -c 'sleep 1000 & echo $! > {path}/pid'\n",
    }
    told = []
    left = ["forks start/running", "named start/running"]
    places, sure = 380, 300

    def run(self, session):
        session.ctl("start", "forks")
        wait_for(lambda: (session.path / "child").exists() and (session.path / "child").read_text().endswith("\n"), "the child")
        pid = int((session.path / "child").read_text())
        assert session.pid_of("forks") == pid
        session.ctl("start", "named")
        assert session.pid_of("named") == int((session.path / "pid").read_text())
        wait_for(lambda: "TracerPid:\t0\n" in pathlib.Path(f"/proc/{pid}/status").read_text(), "it to be let go")


class Words(Chapter):
    """A program that says that it is ready, and a state that no job has."""

    jobs = {
        "says": f"expect notify\nexec python3 -c '{SAYS}'\n",
        "indoors": "while door K=1\n" + SLEEP,
    }
    told = []
    left = ["indoors stop/waiting", "says start/running"]
    places, sure = 200, 60

    def run(self, session):
        session.ctl("start", "says")
        session.ctl("set-state", "door", "K=1")
        session.wait_status("indoors", "start/running, process")
        session.ctl("clear-state", "door")
        session.wait_status("indoors", "stop/waiting")


class Strays(Chapter):
    """A job that leaves a process behind, and is down when that has ended, too. test_strays.py has more of them."""

    jobs = {
        "leaves": """kill mode tree
pre-start exec true
script
  bash -c 'set -m; sleep 1000 & echo $! > {path}/side'
  exec sleep 1000
end script
""",
    }
    told = []
    left = ["leaves start/running"]
    places, sure = 700, 500

    def run(self, session):
        side = session.path / "side"
        for _ in range(2):
            session.ctl("start", "leaves")
            wait_for(lambda: side.exists() and side.read_text().endswith("\n"), "the stray")
            pid = int(side.read_text())
            side.unlink()
            assert is_alive(pid)
            session.ctl("stop", "leaves")
            assert not is_alive(pid)
        session.ctl("start", "leaves")


class Broken(Chapter):
    """Each timer breaks a rule of init's: its job is quarantined, and then reset. test_quarantine.py has more of that."""

    env = {"UPSTART_TEST_BREAK_AT": "TIMER"}
    jobs = {"stubborn": Waiting.jobs["stubborn"], "stays": SLEEP}
    told = []
    left = ["stays start/running", "stubborn stop/waiting"]
    places, sure = 345, 270

    def run(self, session):
        session.ctl("start", "stays")
        session.ctl("start", "stubborn")
        wait_for((session.path / "deaf").exists, "its trap")
        pid = session.pid_of("stubborn")
        finish(session.background("stop", "stubborn"), 1)
        assert "quarantined until `initctl reset': init broke a rule of its own over its kill timer" in session.ctl("status", "stubborn")
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)  # by init its end would take a timer, once more
        wait_for(lambda: f"process {pid}" not in session.status("stubborn"), "its end to be noted")
        session.ctl("reset", "stubborn")


class Down(Chapter):
    """A container goes down: jobs in their order, one that has to be killed, a task of the runlevel, and its status."""

    env = {"container": "test"}
    jobs = {
        "db": "start on startup\nrespawn\npost-stop exec sh -c 'echo db >> {path}/story'\n" + SLEEP,
        "web": "start on started db\nstop on stopping db\npost-stop exec sh -c 'echo web >> {path}/story'\n" + SLEEP,
        "save": "start on runlevel 0\ntask\nexec sh -c 'echo save >> {path}/story'\n",
        "stubborn": Waiting.jobs["stubborn"],
    }
    told = []
    left = ["db start/running", "save stop/waiting", "stubborn start/running", "web start/running"]
    places, sure = 690, 480

    def begin(self, request, program=INIT, *options, **env):
        container = request.getfixturevalue("make_container")()
        container.program = program
        return container.start(*options, env={**self.env, **env})

    def run(self, container):
        container.ctl("start", "stubborn")
        wait_for((container.path / "deaf").exists, "its trap")
        container.ctl("start", "db")
        container.wait_status("web", "start/running, process")

    def end(self, container):
        container.kill(signal.SIGTERM)
        assert container.ends() == 0, container.said()
        assert sorted(told(container)) == ["db", "save", "web"]

    def said(self, container):
        return container.said()


LONG_PARTS = "[Events- [Waiting- [Changes- [Words- [Broken- [Daemons- [Strays- [Down-"
CHAPTERS = [Events(), Waiting(), Changes(), Words(), Broken(), *([Daemons(), Strays()] if WATCHES else []), *([Down()] if os.geteuid() == 0 else [])]


def places_of(chapter):
    """All of them, or a dozen that are spread evenly."""
    if "UPSTART_TEST_LONG" in os.environ:
        return range(1, chapter.places)
    return range(2, chapter.sure, chapter.sure // 9)


def tell(session, chapter):
    for name, text in chapter.jobs.items():
        session.job(name, text.format(path=session.path, wait=AWAIT))
    session.wait_jobs(len(chapter.jobs))
    chapter.run(session)
    wait_for(lambda: told(session) == chapter.told, lambda: f"the story {chapter.told}, not {told(session)}")
    wait_for(lambda: left(session) == chapter.left, lambda: f"{chapter.left}, not {left(session)}")
    chapter.end(session)


@pytest.mark.parametrize("chapter,place", [pytest.param(c, p, id=f"{type(c).__name__}-{p}") for c in CHAPTERS for p in [0, *places_of(c)]])
def test_crash_at_any_place_changes_no_outcome(request, chapter, place):
    """One crash somewhere in the story; its end is always the same."""
    session = chapter.begin(request, INIT.parent / "init-faulty", UPSTART_TEST_CRASH=str(place))
    tell(session, chapter)
    said = chapter.said(session)
    crashes = said.count("core dumped")
    assert crashes <= 1 and (crashes == 1) >= (0 < place < chapter.sure)


def kinds(name):
    """All kinds of inputs or effects, by the header that lists them."""
    text = (ROOT / "src" / "core" / f"{name}.h").read_text()
    table = text[text.index(f"#define {name.upper()}S(X)"):]
    return set(re.findall(r"^\s*X\((\w+),", table[:table.index("\n\n")], re.M))


@pytest.mark.skipif(not REPLAY.exists() or not WATCHES, reason="not in this build")
def test_the_story_touches_every_input_and_effect(request, tmp_path):
    inputs, effects = set(), set()
    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    for chapter in CHAPTERS:
        record = tmp_path / type(chapter).__name__
        session = chapter.begin(request, INIT.parent / "init-faulty", "--record", record)
        tell(session, chapter)
        done = subprocess.run([REPLAY, "--print", record], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        inputs |= set(re.findall(r'^\[\d+, \d+, "(\w+)"', done.stdout, re.M))
        effects |= set(re.findall(r'^    \[\d+, "(\w+)"', done.stdout, re.M))
    assert inputs == kinds("input")
    assert effects == kinds("effect")
