# SPDX-License-Identifier: MIT
"""Main processes that say themselves when they are ready, and how they are: `expect notify`, `expect fd`, `watchdog`."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import LIMIT, WATCHES, is_alive, process_state, wait_for
from test_reexec import restart

SPEAKER = pathlib.Path(__file__).parent / "programs" / "speaker.py"

notifies = pytest.mark.skipif(not WATCHES, reason="this platform has no notification sockets")


class Speaker:
    """A job whose main process says what it is told to say."""

    def __init__(self, where, name, stanzas=""):
        self.where, self.name = where, name
        self.fifo, self.heard = where.path / f"{name}.fifo", where.path / f"{name}.heard"
        os.mkfifo(self.fifo)
        self.fifo.chmod(0o666)
        self.heard.touch()
        where.job(name, f"expect notify\n{stanzas}\nexec /usr/bin/python3 {SPEAKER} {self.fifo} {self.heard}\n")
        where.wait_job(name)

    def start(self):
        """Ask for it; its pid, when its program runs."""
        self.where.ctl("start", "--no-wait", self.name)
        self.where.wait_status(self.name, "start/spawned, process")
        return self.where.pid_of(self.name)

    def tell(self, line):
        with os.fdopen(wait_for(self.open, "the program to read"), "w") as out:
            out.write(f"{line}\n")

    def open(self):
        try:
            fd = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None  # nobody reads yet
        os.set_blocking(fd, True)
        return fd

    def sync(self, line=""):
        """Have it said, and heard by init."""
        before = self.heard.read_text()
        self.tell(f"barrier {line}")
        wait_for(lambda: self.heard.read_text() != before, "the barrier")

    def json(self):
        return json.loads(self.where.ctl("status", "--json", self.name))

    def is_(self, wanted):
        self.where.wait_status(self.name, wanted)


def control_of(where):
    return where.wait_servants()["upstart-control"]


def crash(where):
    """Have init crash from outside; it goes on from its journal."""
    said = where.messages().count("going on from the journal")
    os.kill(where.pid, signal.SIGSEGV)
    wait_for(lambda: where.messages().count("going on from the journal") > said, "init to crash")
    wait_for(where.answers, "init to answer")


def replace_control(where):
    old = control_of(where)
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: where.servants().get("upstart-control") not in (None, old), "another control")
    wait_for(where.answers, "init to answer")


DISTURBANCES = {"nothing": lambda where: None, "control dies": replace_control, "init crashes": crash, "init is replaced": restart}


@notifies
@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_ready_when_it_says_so(session, disturbance):
    speaker = Speaker(session, "a")
    started = session.background("start", "a")
    speaker.is_("start/spawned, process")
    speaker.sync("STATUS=warming up")
    assert session.status("a").startswith("a start/spawned")
    assert started.poll() is None
    DISTURBANCES[disturbance](session)
    assert speaker.json()["status"] == "warming up"
    speaker.tell("say READY=1")
    assert started.wait(LIMIT) == 0
    assert started.stdout.read() == f"a start/running, process {session.pid_of('a')}\n"
    session.ctl("stop", "a")


@notifies
def test_what_is_said_while_control_is_dead_is_heard_by_the_next(session):
    speaker = Speaker(session, "a")
    speaker.start()
    speaker.sync("STATUS=one")
    control = control_of(session)
    os.kill(control, signal.SIGSTOP)
    speaker.tell("say STATUS=two")
    speaker.tell("say READY=1")
    os.kill(control, signal.SIGKILL)
    speaker.is_("start/running")
    assert speaker.json()["status"] == "two"


@notifies
def test_status_is_shown_and_can_be_taken_back(session):
    speaker = Speaker(session, "a")
    pid = speaker.start()
    speaker.sync("READY=1\\nSTATUS=über 5 \x01\x7fclients")
    assert speaker.json()["status"] == "über 5 ??clients"
    assert session.ctl("status", "--verbose", "a").startswith(f"a start/running, process {pid}\n\tsays: über 5 ??clients\n")
    assert session.status("a") == f"a start/running, process {pid}"
    speaker.sync("RELOADING=1")
    assert speaker.json()["doing"] == "reloading"
    speaker.sync("READY=1\\nSTATUS=")
    assert (speaker.json()["doing"], speaker.json()["status"]) == (None, None)
    speaker.sync("STOPPING=1")
    assert speaker.json()["doing"] == "stopping"
    session.ctl("restart", "--no-wait", "a")
    wait_for(lambda: "start/spawned, process" in session.status("a") and speaker.json()["doing"] is None, "a new process")


@notifies
def test_end_before_readiness_fails_the_start(session):
    speaker = Speaker(session, "a")
    started = session.background("start", "a")
    speaker.is_("start/spawned, process")
    speaker.tell("exit 0")
    assert started.wait(LIMIT) == 1
    assert "Job failed to start" in started.stderr.read()


@notifies
def test_ready_and_ended_at_once_was_ready(session):
    session.job("a", f"expect notify\ntask\npost-start exec touch {session.path}/was-ready\n"
                     "script\nexec /usr/bin/python3 -c '\n"
                     "import os, socket\n"
                     "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                     "s.sendto(b\"READY=1\", \"\\0\" + os.environ[\"NOTIFY_SOCKET\"][1:])\n"
                     "os._exit(0)'\nend script\n")
    session.wait_job("a")
    for _ in range(5):
        (session.path / "was-ready").unlink(missing_ok=True)
        session.ctl("start", "a")
        assert (session.path / "was-ready").exists()


@notifies
def test_not_ready_in_time_fails_the_start(session):
    speaker = Speaker(session, "a", "expect timeout 1")
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert "was not ready in time" in session.messages()
    speaker.is_("stop/waiting")


@notifies
@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_another_main_process(session, disturbance):
    speaker = Speaker(session, "a")
    first = speaker.start()
    speaker.tell("child READY=1")
    speaker.is_("start/running")
    second = wait_for(lambda: session.pid_of("a") != first and session.pid_of("a"), "another main process")
    wait_for(lambda: process_state(first) is None, "the first one to end")
    DISTURBANCES[disturbance](session)
    speaker.sync("STATUS=I am it")
    assert session.status("a") == f"a start/running, process {second}"
    assert speaker.json()["status"] == "I am it"
    os.kill(second, signal.SIGKILL)
    speaker.is_("stop/waiting")


@notifies
def test_main_process_of_another_is_not_believed(session):
    session.job("b", "exec sleep 1000\n")
    speaker = Speaker(session, "a")
    session.ctl("start", "b")
    pid = speaker.start()
    for wrong in (session.pid_of("b"), session.pid, 1, control_of(session), 0, -5, "x", 2**31, 2**80):
        speaker.sync(f"MAINPID={wrong}")
    speaker.sync("READY=1")
    assert session.status("a") == f"a start/running, process {pid}"
    assert session.status("b").startswith("b start/running")
    assert session.messages().count("names a main process that can't be") == 1


@notifies
def test_garbage_is_no_word(session):
    speaker = Speaker(session, "a")
    pid = speaker.start()
    for line in ("READY=", "READY=2", "READY", "ready=1", "=1", "", "READY=1x", "\\n\\n", "BARRIER=1", "FDSTORE=1", "X" * 70000):
        speaker.tell(f"say {line}")
    speaker.sync("STATUS=still here")
    assert session.status("a") == f"a start/spawned, process {pid}"
    speaker.sync("X=1\\nREADY=1\\nY")
    assert session.status("a") == f"a start/running, process {pid}"


@notifies
@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_strangers_do_not_speak_for_it(make_session):
    session = make_session()
    session.path.chmod(0o777)
    speaker = Speaker(session.start(), "a")
    pid = speaker.start()
    speaker.sync("STATUS=mine")
    variables = dict(v.split("=", 1) for v in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if v)
    stranger = ("import os, socket, sys\nos.setuid(65534)\n"
                "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1\\nSTATUS=not mine', '\\0' + sys.argv[1][1:])\n")
    subprocess.run(["/usr/bin/python3", "-c", stranger, variables["NOTIFY_SOCKET"]], check=True, timeout=LIMIT)
    wait_for(lambda: "speaks for it, which is not believed" in session.messages(), "the refusal")
    speaker.sync("X=1")
    assert session.status("a").startswith("a start/spawned")
    assert speaker.json()["status"] == "mine"


@notifies
def test_end_that_waits_for_its_words_holds_up_no_other(session):
    """What lies in its socket may be anybody's, and may never end."""
    order = session.path / "order"
    session.job("b", f"exec sleep 1000\npost-stop exec sh -c 'echo b >> {order}'\n")
    speaker = Speaker(session, "a", f"post-stop exec sh -c 'echo a >> {order}'\n")
    pids = [speaker.start()]
    speaker.sync("READY=1")
    session.ctl("start", "b")
    pids.append(session.pid_of("b"))
    control = control_of(session)
    os.kill(control, signal.SIGSTOP)
    try:
        speaker.tell("say STATUS=unheard")
        # It reads its next line when it has said this one.
        os.kill(session.pid, signal.SIGSTOP)
        speaker.tell("exit 0")
        wait_for(lambda: process_state(pids[0]) == "Z", "the end of one")
        os.kill(pids[1], signal.SIGKILL)
        wait_for(lambda: process_state(pids[1]) == "Z", "the end of the other")
        os.kill(session.pid, signal.SIGCONT)
        wait_for(lambda: order.exists() and len(order.read_text().split()) == 2, "both ends")
    finally:
        os.kill(session.pid, signal.SIGCONT)
        os.kill(control, signal.SIGCONT)
    assert order.read_text().split() == ["b", "a"]


@notifies
def test_watchdog_kills_and_respawns(session):
    speaker = Speaker(session, "a", "watchdog 1\nrespawn\nrespawn limit unlimited\nlimit core 0 0")
    first = speaker.start()
    variables = pathlib.Path(f"/proc/{first}/environ").read_text().split("\0")
    assert "WATCHDOG_USEC=1000000" in variables
    speaker.sync("READY=1")
    wait_for(lambda: not is_alive(first), "the watchdog")
    wait_for(lambda: "main process ended, respawning" in session.messages(), "the respawn")
    messages = session.messages()
    assert f"a main process ({first}) has not said in time that it is well, killing it" in messages
    assert f"a main process ({first}) killed by ABRT signal" in messages
    # None until it is ready, and none that it has switched off.
    speaker.is_("start/spawned, process")
    second = session.pid_of("a")
    speaker.sync("WATCHDOG_USEC=0\\nREADY=1")
    assert session.status("a") == f"a start/running, process {second}"
    speaker.tell("say WATCHDOG=trigger")
    wait_for(lambda: f"a main process ({second}) says that it is not well, killing it" in session.messages(), "the bite")
    session.ctl("stop", "a")


@notifies
def test_watchdog_outlives_a_crash(session):
    speaker = Speaker(session, "a", "watchdog 1\nlimit core 0 0")
    pid = speaker.start()
    speaker.sync("READY=1")
    crash(session)
    wait_for(lambda: not is_alive(pid), "the watchdog")
    speaker.is_("stop/waiting")


@notifies
def test_hooks_and_other_jobs_have_no_socket(session):
    session.job("a", f"expect notify\npre-start exec env > {session.path}/hook\nexec sleep 1000\n"
                .replace("exec env >", "script\nenv >").replace("hook\n", "hook\nend script\n", 1))
    session.job("b", f"script\nenv > {session.path}/other\nend script\n")
    session.wait_job("b")
    session.ctl("start", "--no-wait", "a")
    session.ctl("start", "b")
    session.wait_status("a", "start/spawned, process")
    wait_for(lambda: (session.path / "other").exists() and "PATH" in (session.path / "other").read_text(), "the other")
    assert "NOTIFY_SOCKET" not in (session.path / "hook").read_text() + (session.path / "other").read_text()


# -- a descriptor


@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize("number", [3, 4, 77])
def test_ready_when_it_writes_a_line(session, number, disturbance):
    go = session.path / "go"
    os.mkfifo(go)
    session.job("a", f"expect fd {number}\nscript\nread x < {go}\nprintf 'not yet' > /dev/fd/{number}\n"
                     f"echo > /dev/fd/{number}\nexec sleep 1000\nend script\n")
    session.wait_job("a")
    started = session.background("start", "a")
    session.wait_status("a", "start/spawned, process")
    DISTURBANCES[disturbance](session)
    assert session.status("a").startswith("a start/spawned")
    go.write_text("x\n")
    assert started.wait(LIMIT) == 0
    session.wait_status("a", "start/running, process")


def test_descriptor_closed_without_a_word_fails_the_start(session):
    session.job("a", "expect fd 3\nscript\nexec 3>&-\nexec sleep 1000\nend script\n")
    session.wait_job("a")
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert "has closed what it is to say on that it is ready" in session.messages()
    session.wait_status("a", "stop/waiting")


def test_line_and_end_at_once_was_ready(session):
    session.job("a", f"expect fd 3\ntask\npost-start exec touch {session.path}/was-ready\nscript\necho >&3\nend script\n")
    session.wait_job("a")
    for _ in range(5):
        (session.path / "was-ready").unlink(missing_ok=True)
        session.ctl("start", "a")
        assert (session.path / "was-ready").exists()


def test_descriptor_is_nobody_elses(session):
    session.job("a", f"expect fd 3\npre-start script\nls /proc/self/fd > {session.path}/hook\nend script\nscript\n"
                     f"ls /proc/self/fd > {session.path}/main\necho >&3\nexec sleep 1000\nend script\n")
    session.wait_job("a")
    session.ctl("start", "a")
    hook, main = ((session.path / name).read_text().split() for name in ("hook", "main"))
    assert len(main) == len(hook) + 1
