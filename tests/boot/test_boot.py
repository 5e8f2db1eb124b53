# SPDX-License-Identifier: MIT
"""A machine boots, works, survives the crash and the replacement of its init, and goes down."""

import pytest

SLEEP = "exec sleep 100000\n"


# Alt and the up arrow (key 103) become the key of the keyboard's signal: table 8, as loadkmap reads it.
KEYMAP = b"bkeymap" + bytes(8) + b"\1" + bytes(247) + b"".join(b"\x12\2" if key == 103 else b"\0\2" for key in range(128))


@pytest.mark.once
def test_life_of_a_machine(machine):
    machine.job("service", "start on startup\nrespawn\n" + SLEEP)
    machine.job("first", "start on startup\ntask\nscript\n\techo first >/run/order\nend script\n")
    machine.job("second", "start on stopped first\ntask\nscript\n\techo second >>/run/order\nend script\n")
    machine.job("keys", "start on control-alt-delete\ntask\nexec touch /run/keys\n")
    machine.job("env", "task\nexec env\n")
    machine.boot("quiet", "frobnicate", "colour=blue")

    # What process 1 prepares.
    mounts = machine.run("cat /proc/mounts")
    for kind, place in (("devtmpfs", "/dev"), ("devpts", "/dev/pts"), ("proc", "/proc"), ("sysfs", "/sys")):
        assert f" {place} {kind} " in mounts
    assert machine.run("cat /proc/1/comm") == "init"
    machine.wait("cat /run/order", "^first\nsecond$")

    # Its commands, over its own socket.
    first = machine.wait("initctl status service", r"^service start/running, process \d+$").split()[-1]
    assert machine.run("initctl version").startswith("init (upstart 2.")
    assert "env stop/waiting" in machine.run("initctl list")
    machine.run("start env")
    machine.wait("cat /var/log/upstart/env.log", "UPSTART_JOB=env")
    assert "unknown" in machine.run("stop nothing", 1).lower()

    # A service that is killed comes back.
    machine.run(f"kill -9 {first}")
    machine.wait("initctl status service", rf"process (?!{first}$)\d+$")
    service = machine.run("initctl status service").split()[-1]
    agent = machine.agent

    # init is replaced, init crashes, its servants die: nobody notices.
    machine.run("telinit u")
    machine.wait("initctl status service", f"process {service}$")
    for signal in ("SEGV", "ABRT"):
        machine.run(f"kill -{signal} 1")
        machine.wait("initctl status service", f"process {service}$")
    for servant in ("upstart-spawner", "upstart-logger", "upstart-control"):
        machine.run(f"kill -9 $(pidof {servant})")
        machine.wait("initctl status service", f"process {service}$")
    assert machine.agent == agent
    assert machine.run("initctl restart service").startswith("service start/running, process ")

    # A file that comes and goes.
    machine.run("printf 'task\\nexec touch /run/late\\n' >/etc/init/late.conf")
    machine.wait("start late", "late stop/waiting")
    machine.run("test -e /run/late")
    machine.run("rm /etc/init/late.conf")
    machine.wait("initctl status late", "Unknown job")

    machine.leave()

    # The keys are an event, no reboot.
    machine.press_ctrl_alt_delete()
    machine.wait("ls /run/keys", "^/run/keys$")

    # Orphans are reaped, and nothing of all that is left.
    machine.run("for i in 1 2 3 4 5; do (sh -c 'sleep 0.1 &' &); done")
    machine.wait("grep -c '^State:.Z' /proc/[0-9]*/status | grep -c ':1$'", "^0$")

    machine.line.sendall(b"sync; poweroff -f\n")
    machine.wait_off()
    assert "Kernel panic" not in machine.console()


def test_the_keyboard_and_the_power_supply_are_events(machine):
    """Of the keyboard where the console is one."""
    machine.kernel_console = "tty0"
    machine.job("keys", "start on keyboard-request\ntask\nexec touch /run/keys\n")
    machine.job("power", "start on power-status-changed\ntask\nexec touch /run/power\n")
    machine.text("lib/keymap", KEYMAP)
    machine.boot("quiet")
    machine.run("loadkmap </lib/keymap")
    machine.press("alt", "up")
    machine.wait("ls /run/keys", "^/run/keys$")
    machine.run("kill -PWR 1")
    machine.wait("ls /run/power", "^/run/power$")
    machine.line.sendall(b"poweroff -f\n")
    machine.wait_off()


RC = """#!/bin/sh
echo "scripts of $RUNLEVEL after $PREVLEVEL"
[ "$RUNLEVEL" != 0 ] || exec /sbin/poweroff -f -v
"""


def test_runlevels(machine):
    """With the jobs that are installed: boot to a runlevel, another one, down."""
    machine.job("up", "start on startup\ntask\nscript\n\tinitctl emit --no-wait filesystem\n"
                      "\tinitctl emit --no-wait static-network-up\nend script\n")
    machine.text("etc/inittab", "# id:4:initdefault:\nid:3:initdefault:\n")
    machine.text("etc/init.d/rcS", "#!/bin/sh\necho scripts of the boot\n", 0o755)
    machine.text("etc/init.d/rc", RC, 0o755)
    machine.boot()
    machine.wait("runlevel", "^N 3$")
    machine.wait_console("scripts of 3 after N")  # the next runlevel would end them
    machine.run("telinit 2")
    machine.wait("runlevel", "^3 2$")
    machine.wait_console("scripts of 2 after 3")
    machine.wait("initctl list", "rc stop/waiting")
    machine.leave()
    machine.line.sendall(b"shutdown -P now\n")
    machine.wait_off()
    said = [line.strip() for line in machine.console().splitlines()]
    assert [line for line in said if line.startswith(("scripts", "Powering"))] == [
        "scripts of the boot", "scripts of 3 after N", "scripts of 2 after 3", "scripts of 0 after 2", "Powering off"]
    assert "reboot: Power down" in machine.console()


SLOW_RC = """#!/bin/sh
[ "$RUNLEVEL" = 0 ] || exit 0
while initctl status stubborn | grep -q stop/killed; do sleep 1; done
exec /sbin/poweroff -f
"""


def test_what_a_shutdown_waits_for_is_told_and_can_be_skipped(machine):
    machine.job("stubborn", "start on startup\nstop on runlevel [016]\nkill timeout 10000\nscript\n\ttrap '' TERM\n\ttouch /run/ready\n"
                            "\twhile :; do sleep 1; done\nend script\n")
    machine.text("etc/init.d/rc", SLOW_RC, 0o755)
    machine.boot()
    machine.wait("ls /run/ready", "^/run/ready$")
    machine.leave()
    machine.run("shutdown -P now")
    machine.wait("dmesg | grep waiting", r"init: waiting for stubborn: \d+ of 10000 s")
    machine.press_ctrl_alt_delete()
    machine.wait_off()
    assert "reboot: Power down" in machine.console()


def test_the_kernels_words_choose_the_runlevel(machine):
    machine.job("up", "start on startup\ntask\nexec initctl emit --no-wait failsafe-boot\n")
    machine.text("etc/init.d/rc", RC, 0o755)
    machine.boot("5")
    machine.wait("runlevel", "^N 5$")
    machine.leave()


def test_a_broken_file_harms_nothing_else(machine):
    machine.job("broken", "start on\nnonsense\n")
    machine.boot()
    assert "broken" not in machine.run("initctl list")
    assert "/etc/init/broken.conf:1" in machine.run("dmesg")
    machine.leave()
    machine.line.sendall(b"poweroff -f\n")
    machine.wait_off()
