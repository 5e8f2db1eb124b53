# SPDX-License-Identifier: MIT
"""Daemons that become one in all kinds of ways: which process is main, when the job is ready, how it is stopped.

The cases are those of the table in tests/unit/core/test_job_families.c, with real processes (programs/daemoniser.c).
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, WATCHES, Session, is_alive, process_state, wait_for

DAEMONISER = BUILD / "tests" / "system" / "programs" / "daemoniser"

pytestmark = pytest.mark.skipif(not WATCHES, reason="nothing is followed on this platform")

PTRACE_ATTACH, PTRACE_DETACH = 16, 17

STAYS = "although the one that made it stays"

FEWER = "has forked less often than expected"
ONCE = "this would be `expect fork`"
TOO_FEW = (FEWER, ONCE)

#        expect, steps, who is main: "main" of the trace, or "first", and part of a warning
SHAPES = [
    ("fork", "fmw", "main", None),
    ("fork", "fsmw", "main", None),
    ("fork", "sfmw", "main", None),
    ("fork", "omw", "main", None),
    ("fork", "mw", "first", FEWER),
    ("fork", "fnfmw", "main", "it should say `expect daemon`"),
    ("fork", "fnsnfmw", "main", "it should say `expect daemon`"),
    ("fork", "fnfnfmw", "main", "it should say `expect exit`"),
    ("fork", "kfmw", "main", None),
    ("fork", "kkkfmw", "main", None),
    ("fork", "kmw", "first", FEWER),
    ("fork", "vfmw", "main", None),
    ("fork", "hfsnmw", None, None),
    ("fork", "Fsmw", "main", STAYS),
    ("fork", "Fgmw", "main", STAYS),
    ("fork", "xfmw", "main", None),
    ("fork", "fxmw", "main", None),
    ("fork", "Vmw", "main", None),
    ("fork", "zmw", "main", None),
    ("fork", "tmw", "main", None),
    ("fork", "Ttmw", "main", None),
    ("fork", "lmw", "main", None),
    ("fork", "Lmw", "main", None),
    ("fork", "fTmw", "main", None),
    ("fork", "TkTxfTmw", "main", None),
    ("daemon", "ffmw", "main", None),
    ("daemon", "fsfmw", "main", None),
    ("daemon", "fsnfmw", "main", None),
    ("daemon", "nfnsnfnmw", "main", None),
    ("daemon", "mw", "first", FEWER),
    ("daemon", "fmw", "main", ONCE),
    ("daemon", "fsfnfmw", "main", "it should say `expect exit`"),
    ("daemon", "kfsfmw", "main", None),
    ("daemon", "fsfkmw", "main", None),
    ("daemon", "vfvsvfvmw", "main", None),
    ("daemon", "fxmw", "main", None),
    ("daemon", "xfxsmw", "main", None),
    ("daemon", "fsFsmw", "main", STAYS),
    ("daemon", "ttmw", "main", None),
    ("daemon", "TtTtTmw", "main", None),
    ("daemon", "llmw", "main", None),
    ("daemon", "zzmw", "main", None),
    ("exit", "fmw", "main", None),
    ("exit", "fsfmw", "main", None),
    ("exit", "fsfnfmw", "main", None),
    ("exit", "kfmw", "main", None),
    ("exit", "Vmw", "main", None),
    ("pidfile pid", "mpw", "main", None),
    ("pidfile pid", "fmpw", "main", None),
    ("pidfile pid", "ffmpw", "main", None),
    ("pidfile pid", "fnsfnfmpw", "main", None),
    ("pidfile pid", "kfmpw", "main", None),
    ("pidfile pid", "kmpw", "main", None),
    ("pidfile pid", "hfsnmpw", "main", None),
    ("pidfile pid", "fsHmpw", "main", None),
    ("pidfile pid", "Fsmpw", "main", None),
    ("pidfile pid", "fxmpw", "main", None),
    ("pidfile pid", "vfmpw", "main", None),
    ("pidfile pid", "Vmpw", "main", None),
    ("pidfile pid", "zmpw", "main", None),
    ("pidfile pid", "TtTtTmpw", "main", None),
]


def job(where, name, expect, steps, more="", timeout=1, wait=True):
    """A job that becomes a daemon by these steps, in a folder of its own. Too few forks are seen to after a second."""
    folder = where.path / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    where.job(name, f"expect {expect}\nexpect timeout {timeout}\nchdir {folder}\n{more}exec {DAEMONISER} {steps}\n")
    if wait:
        where.wait_job(name)
    return folder


def noted(folder, what):
    """The pids that are written down."""
    try:
        lines = (folder / "trace").read_text().splitlines()
    except OSError:
        return []
    return [int(line.split()[1]) for line in lines if line.split()[0] == what]


def daemon_of(folder):
    """The pid of the daemon, once it has got that far."""
    return wait_for(lambda: noted(folder, "main"), "the daemon")[0]


def start(where, name):
    out = where.ctl("start", name)
    assert f"{name} start/running" in out
    return out


def wait_main(where, name, pid):
    wait_for(lambda: where.status(name).partition("\n")[0].endswith(f", process {pid}"), lambda: f"{name} to be process {pid}, it is {where.status(name)}\n{where.messages()}")


def wait_released(pid):
    """None of its threads is traced. A first thread that has ended before others can't be let go."""
    def tracers():
        found = set()
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            try:
                fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
            except OSError:  # it ends
                continue
            if fields["State"][0] != "Z":
                found.add(fields["TracerPid"])
        return found

    wait_for(lambda: tracers() == {"0"}, f"process {pid} not to be traced")


def stop_all(where, count):
    stops = [where.background("stop", f"j{i}") for i in range(count)]
    for i, stop in enumerate(stops):
        out, err = stop.communicate(timeout=60)
        assert (stop.returncode, out) == (0, f"j{i} stop/waiting\n"), err


def timeout_of(shape):
    """Too few forks are to be seen soon; who forks as often as it should is given the time that it takes on a busy machine."""
    return 4 if shape[3] in TOO_FEW else 60


def live_shapes(where, shapes):
    """All of them at once; then all are stopped."""
    folders = [job(where, f"j{i}", *shape[:2], timeout=timeout_of(shape), wait=False) for i, shape in enumerate(shapes)]
    where.wait_jobs(len(shapes))
    pids = []
    starts = [where.background("start", f"j{i}") for i in range(len(shapes))]
    for i, ((expect, steps, who, says), start_) in enumerate(zip(shapes, starts)):
        about = f"expect {expect}, {steps}"
        out, err = start_.communicate(timeout=60)
        assert start_.returncode == 0, f"{about}: {err}"
        assert f"j{i} start/running" in out, about
        mains = wait_for(lambda: noted(folders[i], "main"), f"{about}: its daemon")
        if who:
            wait_main(where, f"j{i}", mains[0])
        pids.append(mains[0] if who else where.pid_of(f"j{i}"))
        warnings = [line for line in where.messages().splitlines() if line.startswith(f"init: j{i} ")]
        if says:
            wait_for(lambda: any(line.startswith(f"init: j{i} ") and says in line for line in where.messages().splitlines()),
                     f"{about}: the warning")
        else:
            assert warnings == [], about
    for pid in pids:
        wait_released(pid)
    stop_all(where, len(shapes))
    assert [pid for pid in pids if is_alive(pid)] == []
    assert "degraded" not in where.messages() and "does not hold" not in where.messages()


def test_all_shapes(session):
    live_shapes(session, SHAPES)


@pytest.mark.parametrize("across", [False, True], ids=["as ever", "forks-across-exec"])
def test_exec_between_the_forks_of_a_daemon(make_session, across):
    """What is executed after the first fork is the daemon, unless forks are counted on."""
    init = make_session().start(*["--forks-across-exec"] * across)
    folder = job(init, "d", "daemon", "fxmWfmw", timeout=600)
    starting = init.background("start", "d")
    # init has heard of the exec before the program could write anything.
    first = wait_for(lambda: noted(folder, "main"), "the program to be executed")[0]
    if across:
        assert init.status("d").startswith("d start/spawned")
        assert starting.poll() is None
        (folder / "go").touch()
        main = wait_for(lambda: noted(folder, "main")[1:], "the second fork")[0]
    else:
        main = first
    out, err = starting.communicate(timeout=60)
    assert starting.returncode == 0, err
    assert out.startswith("d start/running")
    wait_main(init, "d", main)
    assert init.ctl("stop", "d") == "d stop/waiting\n"


@pytest.mark.parametrize("expect", ["fork", "daemon", "exit"])
def test_a_main_that_ends_early_fails_the_start(session, expect):
    for i, steps in enumerate(["e3", "ke3", "ne3"]):
        job(session, f"j{i}", expect, steps)
        done = session.command("initctl", "start", f"j{i}")
        assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
        assert session.status(f"j{i}") == f"j{i} stop/waiting"
        assert f"j{i} main process" in session.messages() and "terminated with status 3" in session.messages()
    job(session, "zero", "daemon", "fe0")
    assert session.command("initctl", "start", "zero").returncode == 1
    assert session.status("zero") == "zero stop/waiting"


def test_expect_exit_with_nobody_left_runs_without_main(session):
    job(session, "j", "exit", "kvne0")
    assert start(session, "j") == "j start/running\n"
    assert session.ctl("restart", "j") == "j start/running\n"
    assert session.ctl("stop", "j") == "j stop/waiting\n"


def test_expect_exit_waits_for_the_end_of_the_first(session):
    folder = job(session, "j", "exit", "hfWmw", timeout=0)
    starting = session.background("start", "j")
    wait_for(lambda: noted(folder, "helper"), "the helper")
    # The first has ended: the helper, which has no parent, or the daemon is main.
    out, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    (folder / "go").touch()
    wait_for(lambda: noted(folder, "main"), "the daemon")
    session.ctl("stop", "j")


@pytest.mark.parametrize("expect,steps,kids", [("fork", "W", 1), ("fork", "hhW", 3), ("daemon", "fW", 1), ("daemon", "hfhW", 3),
                                               ("exit", "hW", 2)])
def test_stop_before_readiness_ends_all_at_once(session, expect, steps, kids):
    folder = job(session, "j", expect, "m" + steps, timeout=0)
    starting = session.background("start", "j")
    wait_for(lambda: len(noted(folder, "helper")) == steps.count("h"), "the helpers")
    session.wait_status("j", "start/spawned")
    assert session.ctl("stop", "j") == "j stop/waiting\n"
    assert not any(is_alive(pid) for pid in noted(folder, "helper") + noted(folder, "main"))
    starting.communicate(timeout=30)


def test_stop_before_readiness_kills_those_that_ignore_it(session):
    folder = job(session, "j", "daemon", "ihfhW", "kill timeout 1\n", timeout=0)
    starting = session.background("start", "j")
    wait_for(lambda: len(noted(folder, "helper")) == 2, "the helpers")
    assert session.ctl("stop", "j") == "j stop/waiting\n"
    assert not any(is_alive(pid) for pid in noted(folder, "helper"))
    starting.communicate(timeout=30)


def test_restart_before_readiness(session):
    folder = job(session, "j", "daemon", "hfWfmw", timeout=0)
    starting = session.background("start", "j")
    wait_for(lambda: len(noted(folder, "helper")) == 1, "the first life")
    again = session.background("restart", "j")
    wait_for(lambda: len(noted(folder, "helper")) == 2, "the second life")
    (folder / "go").touch()
    out, err = again.communicate(timeout=30)
    assert again.returncode == 0, err
    assert session.pid_of("j") == daemon_of(folder)
    assert len(noted(folder, "main")) == 1
    starting.communicate(timeout=30)


def test_stop_right_after_readiness(session):
    """While the family is still followed."""
    job(session, "j", "fork", "fmw")
    for i in range(5):
        start(session, "j")
        pid = session.pid_of("j")
        assert session.ctl("stop", "j") == "j stop/waiting\n"
        assert not is_alive(pid)


def check_daemon_that_dies(where):
    folder = job(where, "j", "daemon", "fsfmw", "respawn\n")
    start(where, "j")
    for i in range(3):
        pid = wait_for(lambda: len(noted(folder, "main")) == i + 1 and noted(folder, "main")[-1], "a life")
        wait_main(where, "j", pid)
        where.wait_status("j", "start/running")
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(noted(folder, "main")) == 4, "the last life")
    where.ctl("stop", "j")


def test_daemon_that_dies_is_started_again(session):
    check_daemon_that_dies(session)


def test_one_that_dies_before_readiness_respawns_until_it_is_too_often(session):
    """Defect 2 of the original: start/running without a process."""
    job(session, "j", "fork", "ne1", "respawn\nrespawn limit 2 60\n")
    done = session.command("initctl", "start", "j")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert session.messages().count("j main process ended, respawning") == 2
    assert "j respawning too fast, stopped" in session.messages()


def test_signals_reach_the_traced(session):
    folder = job(session, "j", "daemon", "umfumWfumw", timeout=0)
    starting = session.background("start", "j")
    pid = wait_for(lambda: len(noted(folder, "main")) == 2 and noted(folder, "main")[1], "the process in between")
    for i in range(20):
        os.kill(pid, signal.SIGUSR1)
        wait_for(lambda: noted(folder, "USR1") == [pid] * (i + 1), "the signal")
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: process_state(pid) in "tT", "it to stop")
    os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: noted(folder, "USR1") == [pid] * 21, "it to go on")
    (folder / "go").touch()
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    session.ctl("stop", "j")


def test_one_that_stops_itself_on_the_way(session):
    folder = job(session, "j", "fork", "mSfmw", timeout=0)
    starting = session.background("start", "j")
    pid = daemon_of(folder)
    wait_for(lambda: process_state(pid) in "tT", "it to stop")
    os.kill(pid, signal.SIGCONT)
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    session.ctl("stop", "j")


def test_a_stopped_one_can_be_stopped_for_good(session):
    folder = job(session, "j", "fork", "mSfmw", timeout=0)
    starting = session.background("start", "j")
    pid = daemon_of(folder)
    wait_for(lambda: process_state(pid) in "tT", "it to stop")
    assert session.ctl("stop", "j") == "j stop/waiting\n"
    assert not is_alive(pid)
    starting.communicate(timeout=30)


def attach_and_let_go(pid):
    """What a debugger does first and last."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    assert libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    _, status = os.waitpid(pid, 0x40000000)  # __WALL
    assert os.WIFSTOPPED(status)
    assert libc.ptrace(PTRACE_DETACH, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    wait_for(lambda: process_state(pid) not in "tT", "it to go on")


def test_a_debugger_may_come_when_it_is_ready(session):
    """Nothing of the job is traced any more; not even a thread."""
    folder = job(session, "j", "daemon", "fsfTmw")
    start(session, "j")
    pid = daemon_of(folder)
    wait_released(pid)
    for task in os.listdir(f"/proc/{pid}/task"):
        wait_released(task)
    attach_and_let_go(pid)
    assert session.pid_of("j") == pid and is_alive(pid)
    session.ctl("stop", "j")


def test_status_says_how_it_is_followed(session):
    folder = job(session, "j", "fork", "FsWmw", timeout=60)
    starting = session.background("start", "j")
    session.wait_status("j", "start/spawned, process")
    assert "\tfollowed by: ptrace\n" in session.ctl("status", "--verbose", "j")
    starting.communicate(timeout=30)
    (folder / "go").touch()
    pid = daemon_of(folder)
    wait_main(session, "j", pid)
    wait_released(pid)
    shown = wait_for(lambda: "\tfollowed by: pidfd\n" in session.ctl("status", "--verbose", "j") and session.ctl("status", "-v", "j"), "it to be held")
    group = next(line[3:] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::"))
    told = [line.removeprefix("\tcontrol group: ") for line in shown.splitlines() if line.startswith("\tcontrol group: ")]
    assert (told[0].endswith(group) if told else not group.endswith("/j")), (shown, group)
    assert "followed" not in session.status("j")
    session.ctl("stop", "j")


def test_a_script_waits_and_executes(session):
    folder = session.path / "j"
    folder.mkdir()
    session.job("j", f"expect daemon\nchdir {folder}\nscript\n  while [ ! -e go ]; do sleep 0.05; done\n  x=$(echo 1; true | cat)\n"
                     f"  exec {DAEMONISER} fsfmw\nend script\n")
    session.wait_job("j")
    starting = session.background("start", "j")
    session.wait_status("j", "start/spawned")
    (folder / "go").touch()
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(session, "j", daemon_of(folder))
    assert [line for line in session.messages().splitlines() if line.startswith("init: j ")] == []
    session.ctl("stop", "j")


def test_main_that_is_anothers_child_is_noticed_when_it_ends(session):
    """Its parent lingers: nobody tells init of its end."""
    folder = job(session, "j", "fork", "Fsmw", timeout=60)
    start(session, "j")
    pid = daemon_of(folder)
    wait_main(session, "j", pid)
    wait_released(pid)
    os.kill(pid, signal.SIGKILL)
    session.wait_status("j", "stop/waiting")


def test_other_processes_are_not_traced(session):
    folder = job(session, "j", "fork", "fmw", f"pre-start exec {DAEMONISER} mWe0\n")
    starting = session.background("start", "j")
    pid = daemon_of(folder)
    wait_released(pid)
    (folder / "go").touch()
    starting.communicate(timeout=30)
    session.ctl("stop", "j")


# -- over a re-exec, and a crash ---------------------------------------------------------------------------


def restart(session):
    session.manager(session.bus()).Restart()
    wait_for(lambda: b"--restart" in pathlib.Path(f"/proc/{session.pid}/cmdline").read_bytes(), "the next image")
    wait_for(session.answers, "it to answer")


def crash(session):
    before = session.messages().count("going on from the journal")
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: session.messages().count("going on from the journal") > before, "the next image")
    wait_for(session.answers, "it to answer")


@pytest.mark.parametrize("again", [restart, crash])
@pytest.mark.parametrize("expect,steps", [("fork", "Wfmw"), ("daemon", "fWsfmw"), ("daemon", "fsWfmw"), ("exit", "kWfmw"),
                                          ("daemon", "TWtWtmw")])
def test_daemons_go_on_over_another_image(session, again, expect, steps):
    folder = job(session, "j", expect, steps, timeout=0)
    starting = session.background("start", "j")
    session.wait_status("j", "start/spawned, process")
    for _ in range(2):
        again(session)
    (folder / "go").touch()
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    pid = daemon_of(folder)
    wait_main(session, "j", pid)
    again(session)  # it may still be followed
    wait_released(pid)
    assert session.pid_of("j") == pid
    assert session.ctl("stop", "j") == "j stop/waiting\n"
    assert not is_alive(pid)
    assert len(noted(folder, "main")) == 1


@pytest.mark.parametrize("again", [restart, crash])
def test_a_stopped_tracee_is_stopped_over_another_image(session, again):
    folder = job(session, "j", "fork", "umSfmw", timeout=0)
    starting = session.background("start", "j")
    pid = daemon_of(folder)
    wait_for(lambda: process_state(pid) in "tT", "it to stop")
    again(session)
    assert process_state(pid) in "tT"
    os.kill(pid, signal.SIGCONT)
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    session.ctl("stop", "j")


def test_main_of_another_is_noticed_over_a_crash(session):
    folder = job(session, "j", "fork", "Fsmw", timeout=60)
    start(session, "j")
    pid = daemon_of(folder)
    wait_main(session, "j", pid)
    wait_released(pid)
    crash(session)
    os.kill(pid, signal.SIGKILL)
    session.wait_status("j", "stop/waiting")


def test_daemons_are_neither_lost_nor_doubled_by_crashes(session):
    """They fork all the time while init crashes."""
    shapes = [("daemon", "fsfmw"), ("fork", "kkfmw"), ("daemon", "nfnnsnfnmw"), ("exit", "fsfnmw")] * 5
    folders = []
    for i, (expect, steps) in enumerate(shapes):
        folders.append(job(session, f"j{i}", expect, steps, "start on go\n", timeout=60))
    emit = session.background("emit", "go")
    for _ in range(4):
        crash(session)
    _, err = emit.communicate(timeout=60)
    assert emit.returncode == 0, err
    for i, folder in enumerate(folders):
        pid = daemon_of(folder)
        wait_main(session, f"j{i}", pid)
        wait_released(pid)
        assert len(noted(folder, "main")) == 1
    assert [line for line in session.messages().splitlines() if "j1" in line and "less often" in line] == []


# Before and after each write to the journal, each effect, and before each tracee goes on.
SURE = 150
PLACES = range(1, 300) if "UPSTART_TEST_LONG" in os.environ else range(3, 200, 14)


@pytest.mark.parametrize("place", [0, *PLACES])
def test_crash_at_any_place_changes_no_daemon(make_session, place):
    session = make_session()
    session.program = BUILD / "src" / "init" / "init-faulty"
    session.start(env={"UPSTART_TEST_CRASH": str(place)})
    folders = [job(session, name, expect, steps, timeout=60) for name, expect, steps in
               (("a", "daemon", "kfsfmw"), ("b", "fork", "fnfmw"), ("c", "exit", "ke0"))]
    for name in "abc":
        start(session, name)
    for name, folder in zip("ab", folders):
        pid = daemon_of(folder)
        wait_main(session, name, pid)
    session.ctl("stop", "a")
    assert not is_alive(daemon_of(folders[0]))
    wait_released(daemon_of(folders[1]))
    session.ctl("stop", "b")
    assert not is_alive(daemon_of(folders[1]))
    assert session.status("c") == "c start/running"
    crashes = session.messages().count("core dumped")
    assert crashes <= 1 and (crashes == 1) >= (0 < place < SURE)


# -- elsewhere -------------------------------------------------------------------------------------------


@pytest.fixture
def user_session():
    """A session of somebody who is not root."""
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user's session already")
    nobody = 65534
    may = subprocess.run([DAEMONISER, "e0"], user=nobody, group=nobody, extra_groups=[]) if DAEMONISER.exists() else None
    if may is None or may.returncode != 0:
        pytest.skip("others can't run what is built here")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        session = Session(path)
        for below in [path, *path.rglob("*")]:
            os.chown(below, nobody, nobody, follow_symlinks=False)
        session.user = nobody
        yield session.start()
        session.kill_all()


def test_shapes_of_an_ordinary_user(user_session):
    live_shapes(user_session, SHAPES[::3])


def test_shapes_below_process_1(pid1):
    """The pids are those of its own namespace."""
    shapes = [shape for shape in SHAPES if shape[2] == "main" and shape[3] is None]
    folders = [job(pid1, f"j{i}", *shape[:2], wait=False) for i, shape in enumerate(shapes)]
    pid1.wait_jobs(len(shapes))
    starts = [pid1.background("start", f"j{i}") for i in range(len(shapes))]
    for i, start_ in enumerate(starts):
        out, err = start_.communicate(timeout=60)
        assert start_.returncode == 0 and f"j{i} start/running" in out, err
        mains = wait_for(lambda: noted(folders[i], "main"), "the daemon")
        wait_main(pid1, f"j{i}", mains[0])
    stop_all(pid1, len(shapes))
