# SPDX-License-Identifier: MIT
"""Daemons where ptrace is refused, as in some containers: who is main is known by what init adopts.

The shapes are those of test_tracking.py; one is known to differ, where the parent of the daemon stays.
"""

import os
import pathlib
import signal
import sys

import pytest

from conftest import BUILD, INIT, ROOT, WATCHES, Machine, is_alive, process_state, wait_for
from test_tracking import DAEMONISER, SHAPES, STAYS, check_daemon_that_dies, daemon_of, job, noted, start, timeout_of, wait_main

sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from faults import Faults

LIBRARY = BUILD / "tests" / "helpers" / "libfaults.so"
REFUSER = BUILD / "tests" / "system" / "programs" / "refuser"

pytestmark = pytest.mark.skipif(not WATCHES or not REFUSER.exists(), reason="no seccomp on this platform")

ALIKE = [shape for shape in SHAPES if shape[0] in ("fork", "daemon", "exit") and shape[3] != STAYS]


def refuse(where):
    """An init that may not trace."""
    wrapper = where.path / "init"
    wrapper.write_text(f"#!/bin/sh\nexec {REFUSER} ptrace {INIT} \"$@\"\n")
    wrapper.chmod(0o755)
    if isinstance(where, Machine):
        where.wrapper = wrapper
    else:
        where.program = wrapper
    return where


@pytest.fixture(params=["grouped", "walked"])
def untraced(request, make_session):
    return refuse(make_session()).start(*["--no-cgroups"] * (request.param == "walked"))


def wait_tick_after(pid):
    """Who begins in the same tick of the kernel's as another can't be told to be the younger one."""
    began = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])
    ticks = os.sysconf("SC_CLK_TCK")
    wait_for(lambda: float(pathlib.Path("/proc/uptime").read_text().split()[0]) * ticks > began + 1, "a tick to pass")


def test_all_shapes_but_those_whose_parent_stays(untraced):
    shapes = ALIKE if "--no-cgroups" in untraced.process.args else ALIKE[::3]
    folders = [job(untraced, f"j{i}", *shape[:2], timeout=timeout_of(shape)) for i, shape in enumerate(shapes)]
    starts = [untraced.background("start", f"j{i}") for i in range(len(shapes))]
    for i, ((expect, steps, who, _), start_) in enumerate(zip(shapes, starts)):
        about = f"expect {expect}, {steps}"
        out, err = start_.communicate(timeout=60)
        assert start_.returncode == 0, f"{about}: {err}"
        assert f"j{i} start/running" in out, about
        mains = wait_for(lambda: noted(folders[i], "main"), f"{about}: its daemon")
        if who:
            wait_main(untraced, f"j{i}", mains[0])
    assert "can't be traced: what it leaves behind is looked at instead" not in untraced.messages()  # no warning
    for i in range(len(shapes)):
        pid = untraced.pid_of(f"j{i}")
        assert untraced.ctl("stop", f"j{i}") == f"j{i} stop/waiting\n"
        assert not is_alive(pid)
    assert "degraded" not in untraced.messages() and "does not hold" not in untraced.messages()


def test_status_says_how_it_is_followed(untraced):
    folder = job(untraced, "j", "daemon", "Wfmw", timeout=0)
    starting = untraced.background("start", "j")
    untraced.wait_status("j", ", process")
    assert "\tfollowed by: adoption\n" in untraced.ctl("status", "--verbose", "j")
    (folder / "go").touch()
    starting.communicate(timeout=30)
    wait_for(lambda: "\tfollowed by: child\n" in untraced.ctl("status", "--verbose", "j"), "it to be followed no more")
    untraced.ctl("stop", "j")


def test_parent_that_stays_is_main(untraced):
    """Where ptrace is there, its child would be."""
    job(untraced, "j", "fork", "Fsmw")
    start(untraced, "j")
    main = untraced.pid_of("j")
    assert daemon_of(untraced.path / "j") != main
    assert "forked less often than expected" in untraced.messages()
    assert untraced.ctl("stop", "j") == "j stop/waiting\n"


@pytest.mark.parametrize("expect", ["fork", "daemon", "exit"])
def test_a_main_that_ends_early_fails_the_start(untraced, expect):
    job(untraced, "j", expect, "ke3")
    done = untraced.command("initctl", "start", "j")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    assert untraced.status("j") == "j stop/waiting"


def test_the_end_of_a_daemon_is_noticed_and_it_is_started_again(untraced):
    check_daemon_that_dies(untraced)


def test_what_an_earlier_life_has_left_is_not_taken_for_the_daemon(untraced):
    """A helper in a session of its own stays over a stop; the next life, which leaves nobody, has failed."""
    folder = untraced.path / "j"
    folder.mkdir()
    untraced.job("j", f"expect fork\nchdir {folder}\nexec sh -c 'test -e go || exec {DAEMONISER} fHsmw; exec {DAEMONISER} ne0'\n")
    untraced.wait_job("j")
    start(untraced, "j")
    wait_main(untraced, "j", daemon_of(folder))
    helper = wait_for(lambda: noted(folder, "helper"), "the helper")[0]
    untraced.ctl("stop", "j")
    assert is_alive(helper)
    wait_tick_after(helper)
    (folder / "go").touch()
    assert untraced.command("initctl", "start", "j").returncode == 1
    assert untraced.status("j") == "j stop/waiting"
    assert is_alive(helper)
    os.kill(helper, signal.SIGKILL)


def test_a_stranger_with_the_environment_of_the_job_is_not_taken_for_it(make_session):
    """Another user's process says that it is of the job, and init is its parent."""
    if os.geteuid() != 0:
        pytest.skip("needs root to be another user")
    session = refuse(make_session()).start("--no-cgroups")
    session.path.chmod(0o755)
    for folder in session.path.parents:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o711)
    folder = job(session, "j", "daemon", "Wne0")
    starting = session.background("start", "j")
    session.wait_status("j", "start/spawned, process")
    session.job("liar", "task\nconsole none\nsetuid nobody\nexec env UPSTART_JOB=j UPSTART_INSTANCE= setsid -f sleep 1000\n")
    session.wait_job("liar")
    session.ctl("start", "liar")

    def liars():
        return [pid for pid in session.children() if pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]

    liar = wait_for(liars, "init to adopt it")[0]
    (folder / "go").touch()
    starting.communicate(timeout=60)
    assert starting.returncode == 1
    assert session.status("j") == "j stop/waiting" and is_alive(liar)
    os.kill(liar, signal.SIGKILL)


def test_an_orphan_whose_environment_can_not_be_read_holds_up_nobody(make_pid1):
    """Whoever opens it waits for ever, as for one who holds the lock of his own memory."""
    machine = refuse(make_pid1()).start("--no-cgroups")
    machine.job("other", "task\nconsole none\nexec setsid -f sleep 1000\n")
    folder = job(machine, "j", "daemon", "Wfsfmw")
    machine.wait_job("other")
    starting = machine.background("start", "j")
    machine.wait_status("j", "start/spawned, process")
    machine.ctl("start", "other")

    def sleepers():
        return machine.command("pgrep", "-x", "sleep").stdout.split()

    hanging = wait_for(sleepers, "init to adopt it")[0]
    assert machine.command("mkfifo", machine.path / "fifo").returncode == 0
    mounted = machine.command("mount", "--bind", machine.path / "fifo", f"/proc/{hanging}/environ")
    if mounted.returncode != 0:
        pytest.skip("nothing is mounted there: " + mounted.stderr)
    (folder / "go").touch()
    # Its first process ends, and the daemon is found nevertheless.
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    inner = machine.command("pgrep", "-f", "daemoniser").stdout.split()
    assert machine.status("j").split()[-1] in inner
    machine.ctl("stop", "j")
    assert sleepers() == [hanging]
    # Nobody is left who looked.
    wait_for(lambda: len(machine.children()) == len(machine.servants()) + 1, lambda: f"only servants and that one: {machine.children()}")


@pytest.mark.parametrize("hook", ["pre-start", "post-start"])
def test_what_a_hook_leaves_is_not_taken_for_the_daemon(untraced, hook):
    """It began later than the main process, and is an orphan as a daemon is."""
    folder = untraced.path / "j"
    (folder / "left").mkdir(parents=True)
    leave = f"cd left; exec {DAEMONISER} fWfmw"
    steps = "Wne0" if hook == "pre-start" else "fmWe0"
    untraced.job("j", f"expect fork\nexpect timeout 20\nchdir {folder}\n{hook} script\n  {leave}\nend script\nexec {DAEMONISER} {steps}\n")
    untraced.wait_job("j")
    if hook == "pre-start":
        starting = untraced.background("start", "j")
        untraced.wait_status("j", "start/spawned, process")
    else:
        start(untraced, "j")
    (folder / "left/go").touch()
    left = daemon_of(folder / "left")
    if hook == "post-start":  # who is followed no more has no heir
        assert "\tfollowed by: adoption\n" in untraced.ctl("status", "--verbose", "j")
    (folder / "go").touch()
    if hook == "pre-start":
        _, err = starting.communicate(timeout=60)
        assert (starting.returncode, err) == (1, "initctl: Job failed to start\n")
    wait_for(lambda: untraced.status("j") == "j stop/waiting", lambda: f"it to be over: {untraced.status('j')}")
    assert is_alive(left)
    os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize("session", ["", "s"])
def test_what_main_leaves_while_a_hook_ends_is_no_hooks(untraced, session):
    """Both are dead when init looks, the hook being the older child of its."""
    folder = untraced.path / "j"
    folder.mkdir()
    untraced.job("j", f"expect fork\nchdir {folder}\nexec {DAEMONISER} fmWfmYf{session}mw\n"
                      "post-start script\n  touch go\n  while ! test -e go2; do sleep 0.01; done\nend script\n")
    untraced.wait_job("j")
    starting = untraced.background("start", "j")
    first = wait_for(lambda: noted(folder, "main")[1:], "the second daemon")[0]
    wait_main(untraced, "j", first)
    hook = int(untraced.status("j").splitlines()[1].split()[-1])
    os.kill(untraced.pid, signal.SIGSTOP)
    (folder / "go2").touch()
    last = wait_for(lambda: noted(folder, "main")[2:], "the third daemon")[0]
    wait_for(lambda: process_state(first) == "Z" and process_state(hook) == "Z", "both to end")
    os.kill(untraced.pid, signal.SIGCONT)
    out, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(untraced, "j", last)
    untraced.ctl("stop", "j")
    assert not is_alive(last)


def test_what_a_hook_leaves_while_it_runs_is_not_taken_for_the_daemon(untraced):
    """Main forks once more meanwhile: of its two children that init adopts only one is its."""
    folder = untraced.path / "j"
    folder.mkdir()
    untraced.job("j", f"expect fork\nchdir {folder}\nexec {DAEMONISER} fmYfmw\n"
                      "post-start script\n  sh -c 'sleep 1000 & echo $! > left'\n  touch go2\n"
                      "  while ! test -e end; do sleep 0.01; done\nend script\n")
    untraced.wait_job("j")
    starting = untraced.background("start", "j")
    last = wait_for(lambda: noted(folder, "main")[1:], "the second daemon")[0]
    first = noted(folder, "main")[0]
    wait_for(lambda: process_state(first) is None, "the first to be reaped")
    wait_main(untraced, "j", last)
    (folder / "end").touch()
    out, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    untraced.ctl("stop", "j")
    left = int((folder / "left").read_text())
    if is_alive(left):
        os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize("expect,steps", [("fork", "Wfmw"), ("daemon", "fsWfmw"), ("exit", "kWfmw")])
def test_daemons_go_on_over_a_crash(untraced, expect, steps):
    folder = job(untraced, "j", expect, steps, timeout=0)
    starting = untraced.background("start", "j")
    untraced.wait_status("j", ", process")
    before = untraced.messages().count("going on from the journal")
    os.kill(untraced.pid, signal.SIGSEGV)
    wait_for(lambda: untraced.messages().count("going on from the journal") > before, "the next image")
    wait_for(untraced.answers, "it to answer")
    (folder / "go").touch()
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(untraced, "j", daemon_of(folder))
    untraced.ctl("stop", "j")


def test_files_and_ports_are_not_waited_for(untraced):
    """Nobody could tell whether whom they name is of the job: a warning, and the job is ready when it runs."""
    job(untraced, "j", "pidfile pid", "mw")
    start(untraced, "j")
    assert "can't be followed: `expect pidfile` has no effect" in untraced.messages()
    untraced.ctl("stop", "j")


@pytest.fixture
def faulty(make_session):
    """One that may not trace, walks, and whose calls fail when they are told to."""
    if not LIBRARY.exists():
        pytest.skip("this build has no faults to plant")
    session = refuse(make_session())
    session.faults = Faults(session.path / "faults", LIBRARY)
    return session.start("--no-cgroups", env=session.faults.env)


def test_ends_of_others_are_noticed_while_nobody_can_be_asked(faulty):
    """An end that is held back, since no child can be made that looks, would keep all that ended behind it."""
    folder = job(faulty, "j", "fork", "Womw", timeout=0)
    starting = faulty.background("start", "j")
    faulty.wait_status("j", ", process")
    # The kernel tells of the elder child first.
    faulty.job("other", "console none\nexec sleep 1000\n")
    faulty.wait_job("other")
    faulty.ctl("start", "other")
    faulty.faults.watch("init")
    faulty.faults.arm("fork", 1, 10**9)
    (folder / "go").touch()
    main = daemon_of(folder)
    wait_for(lambda: faulty.faults.failed("fork") > 0, "init to look for the daemon")
    os.kill(faulty.pid_of("other"), signal.SIGKILL)
    wait_for(lambda: faulty.status("other") == "other stop/waiting", "the end of another to be noticed")
    assert starting.poll() is None
    faulty.faults.disarm("fork")
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(faulty, "j", main)
    faulty.ctl("stop", "j")


def test_stops_of_others_are_noticed_while_nobody_can_be_asked(faulty):
    """As their ends are: the end that is held back stands before them too."""
    folder = job(faulty, "j", "fork", "Womw", timeout=0)
    starting = faulty.background("start", "j")
    faulty.wait_status("j", ", process")
    # The kernel tells of the elder child first.
    faulty.job("other", f"console none\nexpect stop\nchdir {faulty.path}\n"
                        "script\n  while ! test -e stop; do sleep 0.01; done\n  kill -STOP $$\n  exec sleep 1000\nend script\n")
    faulty.wait_job("other")
    other = faulty.background("start", "other")
    faulty.wait_status("other", ", process")
    faulty.faults.watch("init")
    faulty.faults.arm("fork", 1, 10**9)
    (folder / "go").touch()
    main = daemon_of(folder)
    wait_for(lambda: faulty.faults.failed("fork") > 0, "init to look for the daemon")
    (faulty.path / "stop").touch()
    wait_for(lambda: "start/running" in faulty.status("other"), "the stop of another to be noticed")
    assert starting.poll() is None
    faulty.faults.disarm("fork")
    assert other.wait(timeout=30) == 0
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(faulty, "j", main)
    faulty.ctl("stop", "other")
    faulty.ctl("stop", "j")


def test_one_who_can_not_be_known_is_asked_about_now_and_then(faulty):
    """Each child that is asked for it ends, which is a reason to look again."""
    folder = job(faulty, "j", "fork", "WU", timeout=0)
    starting = faulty.background("start", "j")
    faulty.wait_status("j", ", process")
    faulty.faults.watch("init")
    (folder / "go").touch()
    _, err = starting.communicate(timeout=30)
    assert (starting.returncode, err) == (1, "initctl: Job failed to start\n")
    assert 0 < faulty.faults.count("fork") < 20  # for half a second
    os.kill(daemon_of(folder), signal.SIGKILL)


def test_what_several_of_a_family_leave_while_a_hook_ends_is_found_out_once(faulty):
    """Of two that are dead init asks about the same stranger: what it has got to know for one it must not forget for the other."""
    folder = faulty.path / "j"
    folder.mkdir()
    faulty.job("j", f"expect fork\nchdir {folder}\nexec {DAEMONISER} fmWhomYfmw\n"
                     "post-start script\n  touch go\n  while test $(grep -c main trace) -lt 2; do sleep 0.01; done\n"
                     "  env -i setsid -f sleep 1000\n  while ! test -e go2; do sleep 0.01; done\nend script\n")
    faulty.wait_job("j")
    starting = faulty.background("start", "j")
    first = wait_for(lambda: noted(folder, "main")[1:], "the second daemon")[0]
    wait_main(faulty, "j", first)

    def strangers():
        return [pid for pid in faulty.children() if pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]

    stranger = wait_for(strangers, "the stranger")[0]
    hook = int(faulty.status("j").splitlines()[1].split()[-1])
    helper = noted(folder, "helper")[0]
    os.kill(faulty.pid, signal.SIGSTOP)
    os.kill(helper, signal.SIGKILL)
    (folder / "go2").touch()
    last = wait_for(lambda: noted(folder, "main")[2:], "the third daemon")[0]
    wait_for(lambda: all(process_state(pid) == "Z" for pid in (first, helper, hook)), "them to end")
    faulty.faults.watch("init")
    os.kill(faulty.pid, signal.SIGCONT)
    out, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(faulty, "j", last)
    assert faulty.faults.count("fork") < 10
    faulty.ctl("stop", "j")
    os.kill(stranger, signal.SIGKILL)


def test_members_of_several_users_are_asked_about_while_a_hook_ends(faulty):
    """Two are dead, and the one who has left the daemon is not of the elder's user."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    folder = faulty.path / "j"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "trace").touch()
    (folder / "trace").chmod(0o666)
    faulty.job("j", f"expect fork\nchdir {folder}\nexec {DAEMONISER} fmWhomYNomw\n"
                     "post-start script\n  touch go\n  while ! test -e go2; do sleep 0.01; done\nend script\n")
    faulty.wait_job("j")
    starting = faulty.background("start", "j")
    second = wait_for(lambda: noted(folder, "main")[1:], "the second daemon")[0]
    wait_main(faulty, "j", second)
    hook = int(faulty.status("j").splitlines()[1].split()[-1])
    helper = noted(folder, "helper")[0]
    os.kill(faulty.pid, signal.SIGSTOP)
    os.kill(helper, signal.SIGKILL)
    (folder / "go2").touch()
    last = wait_for(lambda: noted(folder, "main")[2:], "the third daemon")[0]
    wait_for(lambda: all(process_state(pid) == "Z" for pid in (second, helper, hook)), "them to end")
    os.kill(faulty.pid, signal.SIGCONT)
    out, err = starting.communicate(timeout=30)
    assert starting.returncode == 0, err
    wait_main(faulty, "j", last)
    faulty.ctl("stop", "j")


def test_many_that_a_hook_leaves_are_not_all_looked_at_for_each(faulty):
    """When they end together. Each look at one opens a file."""
    count = 300
    faulty.job("j", f"expect fork\nconsole none\nchdir {faulty.path}\n"
                    f"pre-start exec sh -c 'for i in $(seq {count}); do sleep 1000 & done'\nexec {DAEMONISER} fmw\n")
    faulty.wait_job("j")
    start(faulty, "j")

    def left():
        return [pid for pid in faulty.children() if pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]

    wait_for(lambda: len(left()) == count, "all to be there")
    pids = left()
    faulty.faults.watch("init")
    os.kill(faulty.pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    os.kill(faulty.pid, signal.SIGCONT)
    wait_for(lambda: faulty.children() and not set(faulty.children()) & set(pids), "all to be reaped")
    # To look at all that are left for each of them would be count * count / 2; the busier the machine, the fewer end in one turn.
    assert faulty.faults.count("fd") < count * count / 4
    faulty.ctl("stop", "j")


@pytest.mark.parametrize("kind,mode", [("fd", "grouped"), ("fd", "walked"), ("alloc", "grouped"), ("alloc", "walked"), ("fork", "walked")])
def test_no_daemon_is_lost_when_init_is_short_of_something(make_session, kind, mode):
    """Whatever init wants while the first process ends, it looks again."""
    if not LIBRARY.exists():
        pytest.skip("this build has no faults to plant")
    session = refuse(make_session())
    faults = Faults(session.path / "faults", LIBRARY)
    session.start(*["--no-cgroups"] * (mode == "walked"), env=faults.env)
    hits = 0
    for place in range(1, 40, 2):
        # One that is in a session of its own when its parent ends is known by its environment, which a child reads.
        folder = job(session, f"j{place}", "daemon", "HWe0" if kind == "fork" else "fsWfmw")
        starting = session.background("start", f"j{place}")
        session.wait_status(f"j{place}", ", process")
        if kind == "fork":
            wait_for(lambda: noted(folder, "helper"), "it to have one")
        faults.watch("init")
        faults.arm(kind, place, 2)
        (folder / "go").touch()
        main = noted(folder, "helper")[0] if kind == "fork" else daemon_of(folder)
        _, err = starting.communicate(timeout=30)
        hits += faults.disarm(kind)
        if starting.returncode == 0:
            wait_main(session, f"j{place}", main)
        else:  # a servant went
            assert "failed to start" not in err, (place, err, session.messages())
        session.command("initctl", "stop", f"j{place}")
    assert hits > 0
