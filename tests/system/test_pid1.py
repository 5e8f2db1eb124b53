# SPDX-License-Identifier: MIT
"""init as process 1: of a PID namespace here, of a container in life."""

import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, INIT, SERVANTS, WATCHES, is_alive, wait_for

SLEEP = "exec sleep 1000\n"


def test_jobs_start_and_stop(pid1):
    pid1.job("a", SLEEP)
    pid1.wait_job("a")
    assert pid1.ctl("start", "a").startswith("a start/running, process ")
    assert pid1.ctl("stop", "a") == "a stop/waiting\n"


def test_jobs_get_the_systems_environment(pid1):
    pid1.job("e", "task\nscript\n  env\n  pwd\n  umask\nend script\n")
    pid1.wait_job("e")
    pid1.ctl("start", "e")
    wait_for(lambda: "0022\n" in pid1.log_of("e"), "the output")
    lines = pid1.log_of("e").splitlines()
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin" in lines
    assert "TERM=linux" in lines
    assert "UPSTART_JOB=e" in lines and "UPSTART_INSTANCE=" in lines
    assert not [line for line in lines if line.startswith(("HOME=", "XDG_", "UPSTART_SESSION"))]
    assert "/" in lines


def test_signals_become_events(pid1):
    for event in ("control-alt-delete", "keyboard-request", "power-status-changed"):
        pid1.job(event, f"start on {event}\ntask\nexec echo {event}\n")
        pid1.wait_job(event)
    for number, event in ((signal.SIGINT, "control-alt-delete"), (signal.SIGWINCH, "keyboard-request"),
                          (signal.SIGPWR, "power-status-changed")):
        os.kill(pid1.pid, number)
        wait_for(lambda: pid1.log_of(event) == event + "\n", event)


def test_hup_reloads_and_usr_signals_are_harmless(pid1):
    os.kill(pid1.pid, signal.SIGUSR1)
    os.kill(pid1.pid, signal.SIGUSR2)
    os.kill(pid1.pid, signal.SIGHUP)
    pid1.job("a", SLEEP)
    pid1.wait_job("a")


def test_term_executes_init_anew(pid1):
    pid1.job("a", SLEEP)
    pid1.wait_job("a")
    pid1.ctl("start", "a")
    pid = pid1.pid_of("a")
    os.kill(pid1.pid, signal.SIGTERM)
    wait_for(lambda: f"init: Re-executing {INIT}\n" in pid1.kmsg(), "the message")
    wait_for(pid1.answers, "the next image")
    assert pid1.pid_of("a") == pid
    pid1.ctl("stop", "a")


@pytest.mark.skipif(not WATCHES, reason="this platform has no such log")
def test_messages_go_to_the_kernels_log(pid1):
    pid1.job("bad", "nonsense\n")
    wait_for(lambda: f"<3>init: {pid1.conf}/bad.conf:1" in pid1.kmsg() and "Unknown stanza" in pid1.kmsg(), "the message")


@pytest.mark.skipif(not WATCHES, reason="this platform has no such log")
def test_messages_of_several_do_not_overwrite_each_other(make_pid1):
    """init and its servants write to one file: whoever does begins behind all that is there."""
    machine = make_pid1()
    machine.job("a", SLEEP)
    machine.start("--verbose")
    for word in "start", "restart", "stop":
        machine.ctl(word, "a")
    lines = machine.kmsg().splitlines()
    assert [line for line in lines if not re.match(r"(<\d>init|init|upstart-[a-z]+): ", line)] == []
    assert len([line for line in lines if line == "init: Connection from private client"]) >= 4


def test_orphans_are_reaped(pid1):
    pid1.job("o", "task\nexec sh -c 'for i in 1 2 3 4 5; do (sleep 0.1 &); done'\n")
    pid1.wait_job("o")
    for _ in range(3):
        pid1.ctl("start", "o")
    wait_for(lambda: len(pid1.children()) == SERVANTS, "only the servants to be left")


def test_it_survives_its_own_death_sentence(pid1):
    """The kernel keeps process 1 from what it does not handle."""
    done = pid1.command("kill", "-KILL", "1")
    assert done.returncode == 0
    assert pid1.answers()


def test_killed_servants_come_back(pid1):
    pid1.job("a", SLEEP)
    pid1.wait_job("a")
    pid1.ctl("start", "a")
    pid = pid1.pid_of("a")
    for victim in pid1.wait_servants().values():
        os.kill(victim, signal.SIGKILL)
    wait_for(pid1.answers, "answers")
    pid1.wait_servants()
    assert pid1.pid_of("a") == pid
    pid1.ctl("restart", "a")


def test_arguments_are_hidden(pid1):
    words = [w for w in open(f"/proc/{pid1.pid}/cmdline", "rb").read().split(b"\0") if w]
    assert words == [str(INIT).encode()]


def test_environment_does_not_say_where_the_servants_are(make_pid1):
    """It does for a session, which has no more power than who says it."""
    machine = make_pid1()
    folder = machine.path / "servants"
    folder.mkdir()
    for name in ("spawner", "logger", "control"):
        (folder / f"upstart-{name}").write_text(f"#!/bin/sh\n: > {machine.path}/was-run\n")
        (folder / f"upstart-{name}").chmod(0o755)
    machine.start(env={"UPSTART_LIBEXECDIR": str(folder)})
    for name, pid in machine.wait_servants().items():
        assert os.readlink(f"/proc/{pid}/exe") == str(BUILD / "src" / name.removeprefix("upstart-") / name)
    assert not (machine.path / "was-run").exists()


def test_startup_event_and_console_output(make_pid1):
    machine = make_pid1()
    machine.job("s", "start on startup\ntask\nconsole output\nexec echo on the console\n")
    machine.start(startup=True)
    wait_for(lambda: "on the console" in open(f"/proc/{machine.pid}/root/dev/console").read(), "the line")


def test_bad_options_do_not_stop_it(make_pid1):
    machine = make_pid1().start("--default-console", "nonsense", "ro", "quiet", "--frobnicate=1")
    assert "invalid console type specified: nonsense" in machine.messages() + machine.kmsg()


def test_no_other_process_can_be_a_system_init(tmp_path):
    done = subprocess.run([INIT], capture_output=True, text=True, timeout=30, user="nobody" if os.getuid() == 0 else None)
    assert done.returncode == 1
    assert done.stderr == "init: Need to be root\n"


@pytest.mark.parametrize("option,text", [("--help", "Usage: init [OPTION]..."), ("--version", "init (upstart ")])
def test_information(option, text):
    done = subprocess.run([INIT, option], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert done.stdout.startswith(text)
