# SPDX-License-Identifier: MIT
"""What the kernel's command line says to init and to the jobs that it brings: one boot each."""

import pytest

UP = "start on startup\ntask\nscript\n\tinitctl emit --no-wait filesystem\n\tinitctl emit --no-wait static-network-up\nend script\n"
RC = """#!/bin/sh
echo "scripts of $RUNLEVEL after $PREVLEVEL"
[ "$RUNLEVEL" != 0 ] || exec /sbin/poweroff -f
"""
LOOK = r"Somebody must look at it\.\s*\n"  # the whole line: what is typed is echoed wherever the cursor stands
SULOGIN = "#!/bin/sh\necho Somebody must look at it.\nexec /bin/sh\n"


@pytest.fixture
def levels(machine):
    """A machine with scripts, and a shell for maintenance."""
    machine.job("up", UP)
    machine.text("etc/init.d/rcS", "#!/bin/sh\necho scripts of the boot\n", 0o755)
    machine.text("etc/init.d/rc", RC, 0o755)
    machine.text("sbin/sulogin", SULOGIN, 0o755)
    return machine


def said(machine):
    """What the console says of the way, in order; what init and the kernel say is not of it."""
    return [line.strip() for line in machine.console().splitlines() if line.startswith(("scripts of", "Somebody"))]


def power_off(machine):
    machine.leave()
    machine.line.sendall(b"/sbin/poweroff\n")
    machine.wait_off()
    assert "reboot: Power down" in machine.console()
    assert "Kernel panic" not in machine.console()


@pytest.mark.parametrize("word", ["single", "S", "-s"])
def test_single_user_mode_and_the_way_out_of_it(levels, word):
    levels.boot("quiet", word)
    levels.wait("runlevel", "^N S$")
    levels.wait_console(LOOK)
    levels.type("echo this is $((500 + 55)) in $(readlink /proc/self/fd/0)\n")
    levels.wait_console("this is 555 in /dev/(console|ttyS0)")
    levels.type("exit\n")
    levels.wait("runlevel", "^S 2$")
    levels.wait("initctl list", "rc stop/waiting")
    assert said(levels) == ["scripts of the boot", "Somebody must look at it.", "scripts of 2 after S"]
    power_off(levels)


@pytest.mark.parametrize("word", ["emergency", "-b"])
def test_a_shell_before_anything_else(levels, word):
    levels.jobs["agent"] = levels.jobs["agent"].replace("start on startup", "start on emergency or startup")
    levels.boot("quiet", word, "3")
    levels.wait_console(LOOK)
    assert levels.run("initctl status up") == "up stop/waiting"
    levels.type("echo this is $((500 + 55))\n")
    levels.wait_console("this is 555")
    assert levels.run("runlevel", 1) == "unknown"
    assert said(levels) == ["Somebody must look at it."]
    levels.type("exit\n")
    levels.wait("runlevel", "^N 3$")
    levels.wait("initctl list", "rc stop/waiting")
    assert said(levels) == ["Somebody must look at it.", "scripts of the boot", "scripts of 3 after N"]
    power_off(levels)


def test_a_digit_is_the_runlevel_and_options_are_inits(levels):
    levels.boot("quiet", "1", "--verbose", "--no-such-option", "--", "--default-console=none")
    levels.wait("runlevel", "^N 1$")
    levels.wait("initctl list", "rc stop/waiting")
    assert said(levels) == ["scripts of the boot", "scripts of 1 after N"]
    assert levels.run("initctl log-priority") == "info"
    levels.wait("dmesg", "init: rc state changed from")
    levels.run("printf 'task\\nexec echo unheard\\n' >/etc/init/mute.conf")
    levels.wait("start mute", "mute stop/waiting")
    levels.run("test ! -e /var/log/upstart/mute.log")
    power_off(levels)


def test_a_console_that_is_none(machine):
    machine.kernel_console = "null"
    machine.job("talker", "start on startup\nconsole output\nrespawn\nscript\n\techo heard by nobody\n\texec sleep 100000\nend script\n")
    machine.job("owner", "start on startup\nconsole owner\nexec sleep 100000\n")
    machine.boot()
    # Who wants to be heard does without; who must have it to speak with somebody can't.
    machine.wait("initctl status talker", r"start/running, process \d+$")
    machine.wait("dmesg", "init: Failed to spawn owner main process: unable to open console: No such device")
    machine.run("kill -SEGV 1")
    machine.run("telinit u")
    machine.wait("initctl status talker", r"start/running, process \d+$")
    machine.leave()
    machine.line.sendall(b"/sbin/poweroff\n")
    machine.wait_off()


def test_only_a_rescue(machine):
    machine.text("sbin/sulogin", SULOGIN, 0o755)
    machine._pack()
    machine.start("rdinit=/sbin/init", "quiet", "--", "--rescue")
    machine.wait_console(LOOK)
    machine.type("echo this is $((500 + 55)) of $(cat /proc/1/comm)\n")
    machine.wait_console("this is 555 of init")
    machine.type("/sbin/poweroff -f\n")
    machine.wait_off()
    assert "reboot: Power down" in machine.console()
