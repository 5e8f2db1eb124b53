# SPDX-License-Identifier: MIT
"""A machine that nobody ends but init goes down in order, its disk is clean at the next boot, and it is told how it went."""

import re

SLEEP = "exec sleep 100000\n"
STUBBORN = "kill timeout %d\nscript\n\ttrap '' TERM\n\ttouch /run/%s\n\twhile :; do sleep 1; done\nend script\n"


def go_down(machine, command, said):
    """Give the command, and see how it ends: init said so to the kernel, and left a clean disk. What the console heard."""
    if command:
        machine.line.sendall(command.encode() + b"\n")
    machine.wait_off()
    console = machine.console()
    assert f"reboot: {said}" in console
    assert "Kernel panic" not in console and "Not unmounted" not in console
    assert machine.disk_state() == "clean"
    return console


def test_three_reboots_and_a_power_off(machine):
    machine.job("web", "start on startup\nrespawn\n" + SLEEP)
    machine.job("talker", "start on startup\nrespawn\nscript\n\twhile :; do echo word; sleep 0.1; done\nend script\n")
    machine.job("db", STUBBORN % (3, "db"))
    machine.job("slow", STUBBORN % (10000, "slow"))
    machine.job("login", "start on startup\ntask\nexec chmod 666 /var/log/wtmp\n")

    # 1. init crashes once and is executed anew once; then file systems are stacked, one in use by a process of no job that
    # does not listen.
    machine.boot_disk("quiet")
    web = machine.wait("initctl status web", r"^web start/running, process \d+$")
    assert "ext4" in machine.run("grep ' / ' /proc/mounts")
    machine.run("kill -SEGV 1")
    machine.wait("initctl status web", web)
    machine.run("telinit u")
    machine.wait("initctl status web", web)
    assert "No shutdown is on record" in machine.run("initctl last-shutdown", 1)
    machine.run("mkdir -p /mnt/a; mount -t tmpfs none /mnt/a; mkdir /mnt/a/in; mount --bind /var /mnt/a/in")
    machine.run("(trap '' TERM HUP; cd /mnt/a/in; while :; do sleep 1000; done) </dev/null >/dev/null 2>&1 &")
    machine.leave()
    machine.run("start db")
    machine.wait("ls /run/db", "^/run/db$")
    console = go_down(machine, "/sbin/reboot", "Restarting system")
    assert re.search(r"^init: waiting for db: \d of 3 s", console, re.M)
    assert re.search(r"^init: waiting for \d processes of no job: \d of 5 s", console, re.M)

    # 2. It is told. init is replaced: what was removed does not keep the disk from being clean.
    machine.boot_disk("quiet")
    told = machine.run("initctl last-shutdown")
    assert re.search(r"^\S+ \S+: reboot, in \d+ s\nWaited for:\n(  .*\n)*  db main: \d+ s\n(  .*\n)*Killed:\n  db main: still there 3 s after", told)
    assert re.search(r"^  agent: process \d+ of no job, still there", told, re.M)
    assert '"left": []' in machine.run("initctl last-shutdown --json")
    assert "shutdown" in machine.run("strings /var/log/wtmp", None)
    machine.leave()
    machine.run("cp /sbin/init /sbin/init.new && mv /sbin/init.new /sbin/init")
    go_down(machine, "/sbin/reboot", "Restarting system")

    # 3. The keys: once to go down, once more for who waits for nobody.
    machine.boot_disk("quiet")
    assert "Killed" not in machine.run("initctl last-shutdown")
    machine.leave()
    machine.run("start slow")
    machine.wait("ls /run/slow", "^/run/slow$")
    machine.press_ctrl_alt_delete()
    machine.wait_console(r"init: waiting for slow: \d+ of 10000 s")
    machine.press_ctrl_alt_delete()
    go_down(machine, None, "Restarting system")

    # 4. Off.
    machine.boot_disk("quiet")
    assert "slow main: its end was not waited for, as was asked" in machine.run("initctl last-shutdown")
    machine.leave()
    go_down(machine, "shutdown -P now", "Power down")


# Spared by all, and in a file system that can't be unmounted therefore.
SPARED = """#!/bin/sh
trap '' TERM HUP INT
cd /mnt/used
echo $$ >/run/sendsigs.omit.d/spared
until [ -e /run/crash ] && dmesg | grep -q 'init: waiting for /mnt/dead: 2 of 10 s'; do sleep 0.2; done
kill -SEGV 1
while :; do sleep 1; done
"""


def prepare(machine, loop):
    """Swap, a file that stands for a disk, a file system in use, and one whose disk will not answer."""
    machine.run(f"insmod {loop}; mkdir -p /mnt/used /mnt/dead /mnt/loop")
    for name, megabytes in ("swap", 8), ("image", 8):
        machine.run(f"dd if=/dev/zero of=/var/{name} bs=1M count={megabytes}")
    machine.run("mkswap /var/swap && swapon /var/swap")
    machine.run("losetup /dev/loop0 /var/image && mke2fs /dev/loop0 && mount /dev/loop0 /mnt/loop && touch /mnt/loop/there")
    machine.run("mount /dev/nvme1n1 /mnt/used && touch /mnt/used/there")
    machine.run("setsid /bin/spared </dev/null >/dev/null 2>&1 &")
    machine.wait("ls /run/sendsigs.omit.d/spared", "spared$")
    machine.run("mount /dev/nvme2n1 /mnt/dead && sync && dd if=/dev/zero of=/mnt/dead/much bs=1M count=8")
    machine.stall(1)


def skip(machine, what):
    """It is waited for, for longer than the last steps are always given; somebody waits no longer."""
    machine.wait_console(rf"init: waiting for {what}: [6-9]\d* of \d+ s")
    machine.press_ctrl_alt_delete()


def end(machine):
    """init has done its part; the kernel waits for all disks."""
    machine.wait_console("init: Restarting")
    machine.stall(1, False)
    machine.wait_off()


def test_what_hangs_or_is_in_use_costs_nothing_else(machine):
    loop = machine.module("loop")
    used = machine.drive("used")
    machine.drive("dead")
    machine.text("bin/spared", SPARED, 0o755)

    # 1. What hangs is skipped by hand.
    machine.boot_disk("quiet")
    prepare(machine, loop)
    machine.line.sendall(b"/sbin/reboot\n")
    skip(machine, "/mnt/dead")
    skip(machine, "the disks")
    end(machine)
    console = machine.console()
    assert "reboot: Restarting system" in console
    # One copy of init at a time is at work.
    assert len(re.findall("init: waiting for the disks: 3 of 60 s", console)) == 1
    assert machine.disk_state() == machine.disk_state(used) == "clean"
    left = [line for line in machine.disk_text("/var/log/upstart/last-shutdown").splitlines() if line.startswith("left")]
    assert sorted(left) == ["left /mnt/dead: Connection timed out", "left /mnt/used: Device or resource busy, read-only now"]

    # 2. init crashes meanwhile: the next image begins the last steps anew.
    machine.boot_disk("quiet")
    told = machine.run("initctl last-shutdown")
    assert "Not unmounted:\n  /mnt/dead: Connection timed out\n" in told
    prepare(machine, loop)
    machine.run("touch /run/crash")
    machine.line.sendall(b"/sbin/reboot\n")
    machine.wait_console("Caught segmentation fault, core dumped; going on from the journal")
    skip(machine, "the disks")
    end(machine)
    assert "reboot: Restarting system" in machine.console() and "Kernel panic" not in machine.console()
    assert machine.disk_state() == machine.disk_state(used) == "clean"
    record = machine.disk_text("/var/log/upstart/last-shutdown")
    assert re.search(r"^level 6$", record, re.M) and re.search(r"^ended \d+$", record, re.M)
