# SPDX-License-Identifier: MIT
"""A shell before anything else: init's event `emergency`, and the job that brings the boot back."""

import os
import signal

import pytest

from conftest import INITCTL, ROOT, wait_for

TEXT = (ROOT / "jobs" / "system" / "emergency.conf").read_text()


@pytest.fixture
def machine(make_pid1, tmp_path):
    m = make_pid1()
    shell = tmp_path / "sulogin"
    shell.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nuntil [ -e {tmp_path}/left ]; do sleep 0.05; done\n")
    shell.chmod(0o755)
    m.text = TEXT.replace("/sbin/sulogin", str(shell)).replace("exec initctl", f"exec {INITCTL}")
    m.called, m.left = tmp_path / "called", tmp_path / "left"
    m.job("first", "start on startup\nexec sleep 100000\n")
    m.job("state", "start on never\nwhile first\nexec sleep 100000\n")
    return m


@pytest.mark.parametrize("word", ["emergency", "-b", "--emergency"])
def test_startup_comes_when_the_shell_is_left(machine, word):
    machine.job("emergency", machine.text)
    machine.start("quiet", word, startup=True)
    wait_for(machine.called.exists, "the shell")
    assert machine.status("first") == "first stop/waiting"
    os.kill(machine.one, signal.SIGTERM)  # it executes itself again, and does not begin anew
    wait_for(lambda: "Stateful re-exec completed" in machine.kmsg() or "Re-executing" in machine.kmsg(), "the next image")
    machine.ctl("emit", "anything")
    assert machine.status("first") == "first stop/waiting"
    machine.left.touch()
    machine.wait_status("first", r"first start/running")
    machine.wait_status("emergency", "emergency stop/waiting")


def test_a_shell_that_cannot_be_had_does_not_keep_the_boot(machine):
    machine.job("emergency", machine.text.replace("/dev/console", "/nowhere/console"))
    machine.start("emergency", startup=True)
    machine.wait_status("first", r"first start/running")
    assert not machine.called.exists()


@pytest.mark.parametrize("text", [None, "exec sleep 100000\n"])
def test_without_a_job_that_starts_the_boot_goes_on(machine, text):
    if text is not None:
        machine.job("emergency", text)
    machine.start("emergency", startup=True)
    machine.wait_status("first", r"first start/running")
    wait_for(lambda: "no job emergency that would start" in machine.kmsg(), "what init says")


def test_on_the_way_down_the_boot_does_not_begin(machine):
    machine.job("emergency", machine.text)
    machine.start("emergency", startup=True)
    wait_for(machine.called.exists, "the shell")
    machine.ctl("emit", "runlevel", "RUNLEVEL=6", "PREVLEVEL=N")
    machine.wait_status("emergency", "emergency stop/waiting")
    assert machine.status("first") == "first stop/waiting"
