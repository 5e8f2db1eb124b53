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
    machine.run("cp /sbin/init /sbin/init.new && mv /sbin/init.new /sbin/init")
    go_down(machine, "/sbin/reboot", "Restarting system")

    # 3. The keys: once to go down, once more for who waits for nobody.
    machine.boot_disk("quiet")
    assert "Killed" not in machine.run("initctl last-shutdown")
    machine.run("start slow")
    machine.wait("ls /run/slow", "^/run/slow$")
    machine.press_ctrl_alt_delete()
    machine.wait_console(r"init: waiting for slow: \d+ of 10000 s")
    machine.press_ctrl_alt_delete()
    go_down(machine, None, "Restarting system")

    # 4. Off.
    machine.boot_disk("quiet")
    assert "slow main: its end was not waited for, as was asked" in machine.run("initctl last-shutdown")
    go_down(machine, "shutdown -P now", "Power down")
