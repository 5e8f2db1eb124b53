# SPDX-License-Identifier: MIT
"""Process 1 of a PID namespace that is no container ends it as it would a machine, but leaves file systems alone."""

import os
import pathlib
import re
import resource
import shutil
import signal
import time

import pytest

from conftest import BUILD, INIT, INITCTL, LIMIT, WATCHES, wait_for
from faults import Faults

FAULTS = BUILD / "tests" / "helpers" / "libfaults.so"
SLEEP = "exec sleep 1000\n"
STUBBORN = "kill timeout %d\nscript\n  trap '' TERM\n  echo there\n  while :; do sleep 1; done\nend script\n"


@pytest.fixture
def pid1(make_pid1):
    return make_pid1().start("--shutdown-timeout=300")


def last(pid1):
    """What is told of the end; without an init."""
    pid1.prefix = []
    done = pid1.command(INITCTL, "last-shutdown", pid1.log / "last-shutdown")
    assert done.returncode == 0, done.stderr
    return done.stdout


def mounts():
    return [line.split()[4:6] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]


def go_down(pid1, level):
    pid1.ctl("emit", "--no-wait", "runlevel", f"RUNLEVEL={level}", "PREVLEVEL=2")
    return pid1.shell.wait(2 * LIMIT)


def test_runlevel_0_ends_it(pid1):
    before = mounts()
    pid1.job("web", "respawn\n" + SLEEP)
    pid1.job("db", STUBBORN % 2)
    pid1.job("rc", "start on runlevel [06]\ntask\nexec false\n")
    pid1.wait_jobs(3)
    pid1.ctl("start", "web")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    go_down(pid1, 0)
    assert re.fullmatch(r"\S+ \S+: poweroff, in \d+ s\nWaited for:\n(  .*\n)*  db main: \d+ s\n(  .*\n)*"
                        r"Killed:\n  db main: still there 2 s after it was told to end\n", last(pid1))
    assert mounts() == before


def test_runlevel_6_ends_it(pid1):
    go_down(pid1, 6)
    assert re.match(r"\S+ \S+: reboot, in \d+ s\n", last(pid1))


def test_an_init_that_was_replaced_by_one_that_cannot_start_ends_it(make_pid1):
    """As in the middle of an upgrade."""
    pid1 = make_pid1()
    pid1.program = pid1.path / "copy" / "init"
    pid1.program.parent.mkdir()
    shutil.copy(INIT, pid1.program)
    for name in ("spawner", "logger", "control"):
        (pid1.path / name).symlink_to(BUILD / "src" / name)
    pid1.start("--shutdown-timeout=300")
    fresh = pid1.program.with_name("fresh")
    fresh.write_text(f"#!/bin/sh\necho $$ > {pid1.path}/tried\nexit 127\n")
    fresh.chmod(0o755)
    fresh.rename(pid1.program)
    go_down(pid1, 0)
    assert re.match(r"\S+ \S+: poweroff, in \d+ s\n", last(pid1))
    if WATCHES:
        assert (pid1.path / "tried").read_text() != "1\n"


def test_processes_of_no_job_are_killed_and_it_survives_a_crash_meanwhile(pid1):
    ready = pid1.path / "ready"
    pid1.command("setsid", "-f", "sh", "-c", f"exec >/dev/null 2>&1; trap '' TERM HUP; touch {ready}; while :; do sleep 1; done")
    wait_for(ready.exists, "the stray")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for it")
    os.kill(pid1.one, signal.SIGSEGV)
    pid1.shell.wait(2 * LIMIT)
    assert re.search(r"Killed:\n(.*\n)*  sh: process \d+ of no job, still there after it was told to end\n", last(pid1))


def test_who_waits_for_nobody_is_obeyed_at_any_time(pid1):
    ready = pid1.path / "ready"
    pid1.job("db", STUBBORN % 10000)
    pid1.wait_job("db")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    pid1.command("setsid", "-f", "sh", "-c", f"exec >/dev/null 2>&1; trap '' TERM HUP; touch {ready}; while :; do sleep 1; done")
    wait_for(ready.exists, "the stray")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "waiting for db" in pid1.kmsg(), "the wait for db")
    assert "which init has not ended itself" in wait_for(lambda: (pid1.log / "last-shutdown").exists() and pid1.command(
        INITCTL, "last-shutdown", pid1.log / "last-shutdown").stdout, "the record on the way")
    os.kill(pid1.one, signal.SIGINT)
    pid1.shell.wait(2 * LIMIT)
    assert "  db main: its end was not waited for, as was asked\n" in last(pid1)


def stray(pid1, name="sh"):
    """A process of no job that listens to nothing but SIGKILL; its pid in the namespace."""
    ready = pid1.path / f"ready-{name}"
    program = pid1.path / name
    program.write_text(f"#!/bin/sh\nexec >/dev/null 2>&1\ntrap '' TERM HUP\necho $$ >{ready}.new\nmv {ready}.new {ready}\nwhile :; do sleep 1; done\n")
    program.chmod(0o755)
    pid1.command("setsid", "-f", program)
    wait_for(ready.exists, f"the stray {name}")
    return int(ready.read_text())


def stray_of(pid1, name, user):
    """The same of another user, who may write in /run/theirs."""
    folder = pathlib.Path(f"/proc/{pid1.one}/root/run/theirs")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    program = folder / name
    program.write_text(f"#!/bin/sh\nexec >/dev/null 2>&1\ntrap '' TERM HUP\ncd /run/theirs\necho $$ >{name}.new\nmv {name}.new {name}.ready\n"
                       "while :; do sleep 1; done\n")
    program.chmod(0o755)
    pid1.command("setsid", "-f", "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", f"/run/theirs/{name}")
    wait_for((folder / f"{name}.ready").exists, f"the stray {name}")
    return int((folder / f"{name}.ready").read_text())


def test_only_what_root_says_in_files_spares_anybody(pid1):
    """Pipes and files that others own or may write name nobody; a pipe that nobody writes to holds nobody up. A link of root's
    is as good as a file of root's below /run; those of others are not, nor what lies elsewhere or on another file system. A link
    of root's to a file of another user spares one process of that user."""
    run = pathlib.Path(f"/proc/{pid1.one}/root/run")
    omit = run / "sendsigs.omit.d"
    omit.mkdir(exist_ok=True)
    spared = ("file", "group-0", "link", "link-old", "link-relative")
    killed = ("foreign", "writable", "group", "elsewhere", "dots", "own-link", "foreign-file", "writable-file", "twice", "mounted", "piped")
    of_users = {"theirs": 1, "second": 1, "theirs-open": 1, "theirs-here": 1, "of-another": 2}
    pids = {name: stray(pid1, name) for name in (*spared, *killed)}
    pids |= {name: stray_of(pid1, name, user) for name, user in of_users.items()}
    killed += ("second", "theirs-open", "theirs-here", "of-another")

    def number(path, name, mode=0o644, owner=(0, 0)):
        path.write_text(f"{pids[name]}\n")
        os.chown(path, *owner)
        os.chmod(path, mode)

    def link(name, target, owner=0):
        (omit / name).symlink_to(target)
        os.chown(omit / name, owner, 0, follow_symlinks=False)

    number(omit / "file", "file")
    number(omit / "group-0", "group-0", 0o664)
    number(omit / "foreign", "foreign", owner=(1, 1))
    number(omit / "writable", "writable", 0o666)
    number(omit / "group", "group", 0o664, owner=(0, 1))
    os.mkfifo(omit / "pipe")
    # Links, as scripts of daemons make them.
    (run / "daemon").mkdir()
    number(run / "daemon" / "link.pid", "link")
    link("link", "/run/daemon/link.pid")
    number(run / "link-old.pid", "link-old")
    link("link-old", "/var/run/link-old.pid")
    number(run / "link-relative.pid", "link-relative")
    link("link-relative", "../link-relative.pid")
    # Links that are nobody's word.
    number(pid1.path / "elsewhere.pid", "elsewhere")
    link("elsewhere", pid1.path / "elsewhere.pid")
    number(pid1.path / "dots.pid", "dots")
    link("dots", f"/run/..{pid1.path}/dots.pid")
    number(run / "own-link.pid", "own-link")
    link("own-link", "/run/own-link.pid", owner=1)
    number(run / "foreign-file.pid", "foreign-file", owner=(1, 1))
    link("foreign-file", "/run/foreign-file.pid")
    number(run / "writable-file.pid", "writable-file", 0o666)
    link("writable-file", "/run/writable-file.pid")
    number(run / "twice.pid", "twice")
    (run / "twice").symlink_to("twice.pid")
    link("twice", "/run/twice")
    (run / "mounted").mkdir()
    pid1.command("mount", "-t", "tmpfs", "none", "/run/mounted")
    number(run / "mounted" / "mounted.pid", "mounted")
    link("mounted", "/run/mounted/mounted.pid")
    # Files of others, to which root's link leads: the first number counts, if it is of a process of theirs.
    for name, mode in (("theirs", 0o644), ("theirs-open", 0o664), ("of-another", 0o644)):
        number(run / f"{name}.pid", name, mode, owner=(1, 1))
        link(name, f"/run/{name}.pid")
    with open(run / "theirs.pid", "a") as f:
        f.write(f"{pids['second']}\n")
    number(omit / "theirs-here", "theirs-here", owner=(1, 1))
    os.mkfifo(run / "piped")
    link("piped", "/run/piped")
    link("gone", "/run/gone.pid")
    go_down(pid1, 0)
    assert set(re.findall(r"^  (\S+): process \d+ of no job", last(pid1), re.M)) - {"sleep"} == set(killed)


def test_who_is_spared_is_so_when_the_files_can_be_read_no_more(pid1):
    """There is a descriptor for the folder then, but none for a file in it."""
    omit = pathlib.Path(f"/proc/{pid1.one}/root/run/sendsigs.omit.d")
    omit.mkdir(exist_ok=True)
    spared, killed = stray(pid1, "spared"), stray(pid1, "killed")
    (omit / "spared").write_text(f"{spared}\n")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for them")
    # What is open at each look is open for good.
    used = set.intersection(*({int(fd) for fd in os.listdir(f"/proc/{pid1.one}/fd")} for _ in range(20)))
    resource.prlimit(pid1.one, resource.RLIMIT_NOFILE, (min(set(range(1000)) - used) + 1,) * 2)
    pid1.shell.wait(2 * LIMIT)
    told = {int(pid) for pid in re.findall(r": process (\d+) of no job", last(pid1))}
    assert killed in told and spared not in told


def test_servants_that_do_not_end_are_left_when_somebody_asks(pid1):
    logger = pid1.wait_servants()["upstart-logger"]
    os.kill(logger, signal.SIGSTOP)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    kmsg = open(f"/proc/{pid1.one}/root/dev/kmsg", errors="replace")
    wait_for(lambda: "init: waiting for upstart-logger: 1 of 10 s\n" in pid1.kmsg(), "the wait for it")
    os.kill(pid1.one, signal.SIGINT)
    pid1.shell.wait(2 * LIMIT)
    assert "The servants are not waited for, as was asked for" in kmsg.read()


def journal(pid1):
    """The path of the journal, where its text can be changed."""
    for fd in pathlib.Path(f"/proc/{pid1.one}/fd").iterdir():
        if "upstart-journal" in os.readlink(fd):
            return fd
    raise AssertionError("there is no journal")


def test_a_state_that_is_lost_on_the_way_down_ends_it_all_the_same(pid1):
    """What runs are processes of no job then; no job of the runlevel is run a second time."""
    ran = pid1.path / "ran"
    pid1.job("db", STUBBORN % 10000)
    pid1.job("rc", f"start on runlevel [06]\ntask\nexec sh -c 'echo $RUNLEVEL >>{ran}; exec sleep 1000'\n")
    pid1.wait_jobs(2)
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=6", "PREVLEVEL=2", "INIT_HALT=odd")
    wait_for(ran.exists, "rc")
    wait_for(lambda: (pid1.log / "last-shutdown").exists(), "the way down to be known")
    kmsg = open(f"/proc/{pid1.one}/root/dev/kmsg", errors="replace")
    with open(journal(pid1), "r+b", buffering=0) as file:
        file.write(b"no journal at all")
    os.kill(pid1.one, signal.SIGSEGV)
    pid1.shell.wait(2 * LIMIT)
    assert "The state was lost on the way down" in kmsg.read()
    told = last(pid1)
    assert re.match(r"\S+ \S+: reboot, in \d+ s\nKilled:\n", told)
    assert re.search(r"^  sh: process \d+ of no job, still there", told, re.M)
    assert ran.read_text() == "6\n"


def test_nothing_starts_when_all_jobs_have_ended(pid1):
    """Neither what somebody asks for, nor what an event, a state or a respawn would start."""
    ran = pid1.path / "ran"
    stray(pid1)
    for name, when in ("asked", ""), ("heard", "start on go\n"), ("holds", "while not web\n"):
        pid1.job(name, f"{when}exec sh -c 'echo {name} >>{ran}; exec sleep 1000'\n")
    pid1.job("web", "respawn\n" + SLEEP)
    pid1.wait_jobs(4)
    pid1.ctl("start", "web")
    ran.unlink(missing_ok=True)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for the stray")
    for command in ("start", "restart"):
        done = pid1.command("initctl", command, "asked")
        assert done.returncode == 1 and done.stderr == "initctl: Nothing is started any more: the end is near\n", (command, done)
    pid1.ctl("emit", "go")
    assert pid1.shell.wait(2 * LIMIT)
    assert not ran.exists(), ran.read_text()


def test_nobody_can_start_a_job_once_the_state_is_lost(pid1):
    stray(pid1)
    ran = pid1.path / "ran"
    pid1.job("rc", "start on runlevel [06]\ntask\nexec sleep 1000\n")
    pid1.job("asked", f"start on go\nexec sh -c 'echo asked >>{ran}; exec sleep 1000'\n")
    pid1.wait_jobs(2)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=6", "PREVLEVEL=2")
    pid1.wait_status("rc", "start/running")
    wait_for(lambda: (pid1.log / "last-shutdown").exists(), "the way down to be known")
    with open(journal(pid1), "r+b", buffering=0) as file:
        file.write(b"no journal at all")
    os.kill(pid1.one, signal.SIGSEGV)
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for the stray")
    done = pid1.command("initctl", "start", "asked")
    assert done.returncode == 1 and done.stderr == "initctl: Nothing is started any more: the end is near\n", done
    pid1.ctl("emit", "go")
    assert pid1.shell.wait(2 * LIMIT) == -signal.SIGHUP
    assert not ran.exists()


@pytest.mark.parametrize("crashes", [False, True])
def test_no_servant_is_started_again_once_they_are_to_leave(make_pid1, crashes):
    pid1 = make_pid1()
    began = pid1.path / "began"
    pid1.program = pid1.path / "init" / "init"
    pid1.program.parent.mkdir()
    shutil.copy(INIT, pid1.program)
    for part in ("spawner", "logger", "control"):
        file = pid1.path / part / f"upstart-{part}"
        file.parent.mkdir()
        file.write_text(f"#!/bin/sh\necho {part} >>{began}\nexec {BUILD}/src/{part}/upstart-{part} \"$@\"\n")
        file.chmod(0o755)
    pid1.start("--shutdown-timeout=300")
    logger = pid1.wait_servants()["upstart-logger"]
    os.kill(logger, signal.SIGSTOP)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "waiting for upstart-logger: 1 of 10 s" in pid1.kmsg(), "the wait for it")
    if crashes:
        os.kill(pid1.one, signal.SIGSEGV)
        wait_for(lambda: "going on from the journal" in pid1.kmsg(), "the next image")
    else:
        os.kill(logger, signal.SIGKILL)
    assert pid1.shell.wait(2 * LIMIT) == -signal.SIGINT  # how the kernel says that a namespace was powered off
    assert sorted(began.read_text().split()) == ["control", "logger", "spawner"]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM])
def test_a_state_that_is_lost_on_the_way_down_ends_it_after_one_more_image(pid1, number):
    """SIGTERM: one that is executed anew, as by `telinit u`."""
    stray(pid1)
    pid1.job("rc", "start on runlevel [06]\ntask\nexec sleep 1000\n")
    pid1.wait_jobs(1)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=6", "PREVLEVEL=2", "INIT_HALT=odd")
    pid1.wait_status("rc", "start/running")
    wait_for(lambda: (pid1.log / "last-shutdown").exists(), "the way down to be known")
    with open(journal(pid1), "r+b", buffering=0) as file:
        file.write(b"no journal at all")
    os.kill(pid1.one, signal.SIGSEGV)
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for the stray")
    for _ in range(2):
        known = pid1.kmsg().count("The state was lost on the way down")
        os.kill(pid1.one, number)
        wait_for(lambda: pid1.kmsg().count("The state was lost on the way down") > known, "the next image")
    assert pid1.shell.wait(2 * LIMIT) == -signal.SIGHUP  # how the kernel says that a namespace was restarted
    assert re.match(r"\S+ \S+: reboot, in \d+ s\nKilled:\n", last(pid1))


def test_a_state_that_is_lost_on_the_way_down_ends_it_after_a_crash_among_the_last_steps(pid1):
    stray(pid1)
    pid1.job("rc", "start on runlevel [06]\ntask\nexec sleep 1000\n")
    pid1.wait_jobs(1)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=6", "PREVLEVEL=2")
    pid1.wait_status("rc", "start/running")
    wait_for(lambda: (pid1.log / "last-shutdown").exists(), "the way down to be known")
    with open(journal(pid1), "r+b", buffering=0) as file:
        file.write(b"no journal at all")
    os.kill(pid1.one, signal.SIGSEGV)
    wait_for(lambda: "processes of no job: 1 of 5 s" in pid1.kmsg(), "the wait for the stray")
    os.kill(pid1.wait_servants()["upstart-logger"], signal.SIGSTOP)
    wait_for(lambda: "waiting for upstart-logger: 1 of 10 s" in pid1.kmsg(), "the wait for a servant")
    os.kill(pid1.one, signal.SIGSEGV)
    assert pid1.shell.wait(2 * LIMIT) == -signal.SIGHUP


@pytest.mark.parametrize("place, level, end", [
    ("TURN", "6", signal.SIGHUP),  # how the kernel says that a namespace was restarted
    ("HANDLER", "0", signal.SIGINT),  # … that it was powered off
])
def test_one_that_only_crashes_on_the_way_down_ends_it_as_was_asked(make_pid1, place, level, end):
    """Each image that follows the crash crashes, with the state and without, or the handling of a crash does: no shell takes the
    place of the end."""
    pid1 = make_pid1()
    pid1.program = INIT.parent / "init-faulty"
    pid1.job("db", STUBBORN % 10000)
    pid1.start("--shutdown-timeout=300", env={"UPSTART_TEST_CRASH_AT": place})
    pid1.wait_job("db")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    pid1.ctl("emit", "--no-wait", "runlevel", f"RUNLEVEL={level}", "PREVLEVEL=2")
    wait_for(lambda: "waiting for db" in pid1.kmsg(), "the wait for db")
    os.kill(pid1.one, signal.SIGSEGV)
    assert pid1.shell.wait(2 * LIMIT) == -end


def test_unmounting_that_fails_is_told_tried_again_and_gone_past(make_pid1):
    pid1 = make_pid1()
    pid1.program = INIT.parent / "init-faulty"
    pid1.start("--shutdown-timeout=300", env={"UPSTART_TEST_CRASH_AT": "UNMOUNT"})
    kmsg = open(f"/proc/{pid1.one}/root/dev/kmsg", errors="replace")
    go_down(pid1, 0)
    why = "the copy of init was killed by ILL signal"
    assert kmsg.read().count(f"Unmounting: {why}\n") == 4
    # The last that was written is what the fourth copy knew.
    assert last(pid1).endswith("Failed:\n" + 3 * f"  unmounting: {why}\n")


@pytest.mark.skipif(not FAULTS.exists(), reason="this build has no faults to plant")
def test_that_no_copy_can_be_made_to_unmount_is_told_once(make_pid1):
    pid1 = make_pid1()
    faults = Faults(pid1.path / "faults", FAULTS)
    pid1.start("--shutdown-timeout=300", env=faults.env)
    kmsg = open(f"/proc/{pid1.one}/root/dev/kmsg", errors="replace")
    os.kill(pid1.wait_servants()["upstart-logger"], signal.SIGSTOP)
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    wait_for(lambda: "waiting for upstart-logger: 1 of 10 s" in pid1.kmsg(), "the wait for it")
    faults.watch("init")
    faults.arm("fork", 1, 1000)
    os.kill(pid1.one, signal.SIGINT)
    wait_for(lambda: "Nothing can be unmounted: " in pid1.kmsg(), "it to be told")
    failed = faults.failed("fork")
    wait_for(lambda: faults.failed("fork") >= failed + 2, "more of them to fail")
    faults.disarm("fork")
    pid1.shell.wait(2 * LIMIT)
    assert kmsg.read().count("Nothing can be unmounted: ") == 1


def test_the_limit_ends_it(make_pid1):
    pid1 = make_pid1().start("--shutdown-timeout=4")
    pid1.job("db", STUBBORN % 10000)
    pid1.wait_job("db")
    pid1.ctl("start", "db")
    wait_for(lambda: "there" in pid1.log_of("db"), "db to be ready")
    go_down(pid1, 0)
    assert "Killed:\n  db main: still there at the end of all time, 4 s\n" in last(pid1)


def test_a_state_that_is_lost_at_another_time_ends_nothing(pid1):
    pid1.job("web", SLEEP)
    pid1.wait_job("web")
    pid1.ctl("start", "web")
    with open(journal(pid1), "r+b", buffering=0) as file:
        file.write(b"no journal at all")
    os.kill(pid1.one, signal.SIGSEGV)
    wait_for(lambda: pid1.answers() and "web" in pid1.jobs() and pid1.status("web") == "web stop/waiting", "init to have forgotten")
    pid1.ctl("start", "web")
    pid1.wait_status("web", "start/running")


def test_another_runlevel_calls_it_off(pid1):
    pid1.job("web", "stop on runlevel [016]\n" + SLEEP)
    pid1.job("rc", "start on runlevel 0\ntask\nexec sleep 1000\n")
    pid1.wait_jobs(2)
    pid1.ctl("start", "web")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    pid1.wait_status("web", "stop/waiting")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=2", "PREVLEVEL=0")
    pid1.ctl("stop", "rc")
    pid1.ctl("start", "web")
    pid1.wait_status("web", "start/running")
    # The record says so, and the logger keeps files open again.
    record = pid1.log / "last-shutdown"
    wait_for(lambda: record.exists() and "\noff " in record.read_text(), "the record to say so")
    pid1.job("talker", "script\n  while :; do echo word; sleep 0.01; done\nend script\n")
    pid1.wait_job("talker")
    pid1.ctl("start", "talker")
    log = pid1.log / "talker.log"
    wait_for(lambda: any(os.path.realpath(fd) == str(log) for fd in pathlib.Path(f"/proc/{pid1.servants()['upstart-logger']}/fd").iterdir()),
             "the log file to be open")
    began = int(re.search(r"^began (\d+)$", record.read_text(), re.M)[1])
    wait_for(lambda: time.time() >= began + 2, "a moment that the record can tell from that one")
    # The next way down begins anew, in the record too.
    pid1.ctl("stop", "talker")
    go_down(pid1, 6)
    assert "called off" not in last(pid1)
    assert int(re.search(r"^began (\d+)$", record.read_text(), re.M)[1]) > began


def test_a_logger_hears_of_what_was_called_off_just_before_a_crash(make_pid1):
    """It keeps files open again. What calls it off stops a job too, and each signal to that is the death of two images."""
    pid1 = make_pid1()
    pid1.program = INIT.parent / "init-faulty"
    pid1.job("rc", "start on runlevel 0\ntask\nexec sleep 1000\n")
    pid1.job("victim", "stop on runlevel 2\n" + SLEEP)
    pid1.job("talker", "script\n  while :; do echo word; sleep 0.01; done\nend script\n")
    pid1.start("--shutdown-timeout=300", env={"UPSTART_TEST_CRASH_AT": "KILL"})
    pid1.wait_jobs(3)
    pid1.ctl("start", "victim")
    pid1.ctl("start", "talker")
    log = pid1.log / "talker.log"

    def is_open():
        return any(os.path.realpath(fd) == str(log) for fd in pathlib.Path(f"/proc/{pid1.servants()['upstart-logger']}/fd").iterdir())

    wait_for(is_open, "the log file to be open")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "PREVLEVEL=2")
    pid1.wait_status("rc", "start/running")
    wait_for(lambda: not is_open(), "the log file to be closed")
    pid1.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=2", "PREVLEVEL=0")
    wait_for(lambda: '"signal": 18' in pid1.kmsg(), "both signals to be left out")
    wait_for(lambda: all(is_open() for _ in range(20)), "the log file to be open, and stay so")


def test_without_a_limit_it_lives_on(make_pid1):
    machine = make_pid1().start()
    machine.job("rc", "start on runlevel [06]\ntask\nexec true\n")
    machine.wait_jobs(1)
    for level in 0, 6, 0:
        machine.ctl("emit", "runlevel", f"RUNLEVEL={level}", "PREVLEVEL=2")
    assert machine.status("rc") == "rc stop/waiting"
