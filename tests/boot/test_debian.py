# SPDX-License-Identifier: MIT
"""A Debian with its own services boots, works, outlives the crash and the replacement of its init, and goes down clean."""

import os
import re
import shutil

import pytest

import debian

LONG = bool(os.environ.get("UPSTART_TEST_LONG"))
SERVICES = ("cron", "dbus", "rsyslog", "ssh", "udev")
LASTING = ("agent", "dbus", "rsyslog", "udev")  # also in runlevel 1


@pytest.fixture(scope="session")
def disk(kernel, tmp_path_factory):
    root, why = debian.cached_root()
    if root is None:
        pytest.skip(why)
    for program in ("mke2fs", "debugfs", "e2fsck", "dumpe2fs", "mkswap"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"there is no {program}")
    return debian.make_disk(tmp_path_factory.mktemp("debian"), kernel)


@pytest.fixture
def machine(kernel, disk, tmp_path, request):
    made = debian.Debian(tmp_path, kernel, request.node.name, disk)
    yield made
    made.clean_up()


def pids(machine):
    """The main processes of the services that run."""
    return dict(re.findall(r"^(\S+) start/running, process (\d+)$", machine.run("initctl list"), re.M))


def wait_for_services(machine, levels="N 2"):
    machine.wait("runlevel", f"^{levels}$")
    for name in SERVICES:
        machine.wait(f"initctl status {name}", r"start/running, process \d+$")
    machine.wait("initctl status rc", "stop/waiting")
    console = machine.console()
    assert "returned failure" not in console, console  # of any script


def order(machine, *lines):
    """All of them were witnessed, in this order."""
    said = machine.run("cat /dev/witness").splitlines()
    places = [said.index(line) if line in said else -1 for line in lines]
    assert -1 not in places and places == sorted(places), (lines, said)


def check_mounts(machine):
    mounts = machine.run("cat /proc/mounts")
    for text in ("/dev/vda / ext4 rw,", "/dev/vdb /srv/data ext4 rw,", "tmpfs /srv/data/fast tmpfs ", "/dev/vdb /mnt/bound ext4 ",
                 "tmpfs /run tmpfs "):
        assert text in mounts, mounts
    assert "Unable to mount" not in machine.console()
    assert "/dev/vdc" in machine.run("cat /proc/swaps")
    assert machine.run("cat /mnt/bound/file") == "inner"
    assert "start/running" in machine.run("initctl status mountall")  # of a disk that nobody needs
    machine.wait("cat /dev/witness", r"(?m)^filesystem")
    order(machine, "mounted /run tmpfs tmpfs", "mounted / ext4 /dev/vda",
          "mounting /srv/data ext4 LABEL=data", "mounted /srv/data ext4 LABEL=data",
          "mounting /mnt/bound none /srv/data/inner", "mounted /mnt/bound none /srv/data/inner")


def check_services(machine):
    names = "dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames"
    assert "org.freedesktop.DBus" in machine.run(names)
    machine.run("logger found-by-the-test")
    machine.wait("cat /var/log/syslog", "found-by-the-test")
    assert "LOOPBACK,UP" in machine.run("ip link show lo")
    assert "192.0.2.15/24" in machine.run("ip addr show eth0")
    machine.run("udevadm settle")
    assert machine.run("hostname") == "oak"
    machine.wait("initctl status console", "start/running")
    assert machine.run("pgrep -c -x cron") == "1"  # the script has left it to the job
    assert machine.run("ssh -o StrictHostKeyChecking=accept-new root@127.0.0.1 'echo $0 $SSH_CONNECTION'").endswith(" 127.0.0.1 22")
    # Of a package's script that has no job: run in insserv's order, it works, and obeys.
    atd = machine.run("cat /run/before-rc.local")
    assert atd == machine.run("pgrep -x atd")
    machine.run("echo 'echo done >/run/at-was-here' | at now 2>/dev/null")
    machine.wait("cat /run/at-was-here", "^done$")
    machine.run("service atd restart")
    assert machine.run("pgrep -x atd") not in ("", atd)


def check_survival(machine):
    """Neither the crash nor the replacement of init is noticed by any service."""
    before, agent = pids(machine), machine.agent
    machine.run("initctl log-priority info")
    machine.run("kill -SEGV 1")
    machine.wait("dmesg", "init: Caught segmentation fault, core dumped; going on from the journal")
    assert pids(machine) == before
    images = machine.run("dmesg").count("Stateful re-exec completed")
    machine.run("telinit u")
    machine.wait("dmesg | grep -c 'Stateful re-exec completed'", f"^{images + 1}$")
    assert pids(machine) == before and machine.agent == agent
    machine.run("initctl log-priority message")
    machine.wait("ps -eo stat= | grep -c ^Z", "^0$")

    # And then they are as ever.
    machine.run("service ssh restart")
    after = pids(machine)
    assert after["ssh"] != before["ssh"] and {**after, "ssh": None} == {**before, "ssh": None}
    machine.run("date -s '2031-03-03 12:59:57' && rm -f /run/cron-was-here && service cron restart")
    machine.wait("cat /run/cron-was-here", r"^\d+$")


def go_down(machine, command, how):
    if command is None:
        machine.press_ctrl_alt_delete()
    else:
        machine.line.sendall(command.encode() + b"\n")
    machine.wait_off()
    assert f"reboot: {how}" in machine.console()
    for fault in ("Kernel panic", "returned failure", "Killing all remaining processes"):
        assert fault not in machine.console(), machine.console()
    machine.assert_clean()


def enter_maintenance(machine, time):
    """Answer sulogin on the console; its shell is the `time`th. What is typed before its prompt is thrown away."""
    machine.wait_console("(?s)" + r"Press Enter for maintenance.*?Control-D to continue\): .*" * time)
    machine.type("\n")
    prompt = r"root@\S+:~#"  # the machine has no name yet in the first
    machine.wait_console("(?s)" + (prompt + ".*exit.*") * (time - 1) + prompt)


@pytest.mark.skipif(not LONG, reason="a boot of Debian takes minutes: make check-long does it")
def test_maintenance_before_the_boot_and_in_single_user_mode(machine):
    machine.boot("emergency", "single")
    enter_maintenance(machine, 1)
    machine.type("echo this is $((500 + 55))\n")
    machine.wait_console("this is 555")
    assert re.findall("^/dev/vd.*", machine.run("cat /proc/mounts"), re.M) == ["/dev/vda / ext4 ro,relatime 0 0"]
    assert set(pids(machine)) == {"agent", "emergency"}
    machine.type("exit\n")
    enter_maintenance(machine, 2)
    assert machine.run("runlevel") == "N S"
    machine.type("echo this is $((600 + 66))\n")
    machine.wait_console("this is 666")
    up = pids(machine)
    assert "udev" in up and "ssh" not in up and "cron" not in up, up
    machine.run("! pgrep -x 'sshd|cron|atd'")
    machine.type("exit\n")
    wait_for_services(machine, "S 2")
    assert machine.run("pgrep -x atd") != ""

    # Down to runlevel 1, whose scripts kill what is of no job and ask for single-user mode; and up again.
    before = pids(machine)
    machine.run("sleep 100000 </dev/null >/dev/null 2>&1 &")
    machine.run("telinit 1")
    enter_maintenance(machine, 3)
    assert machine.run("runlevel") == "1 S"
    machine.run("! pgrep -x 'sshd|cron|atd|sleep'")
    assert {name: pids(machine)[name] for name in LASTING} == {name: before[name] for name in LASTING}
    machine.type("exit\n")
    wait_for_services(machine, "S 2")
    assert machine.run("pgrep -x atd") != ""
    machine.leave()
    go_down(machine, "poweroff", "Power down")


@pytest.mark.skipif(not LONG, reason="several boots of Debian take minutes: make check-long does it")
def test_a_debian_lives_for_four_boots(machine):
    machine.boot()
    wait_for_services(machine)
    check_mounts(machine)
    check_services(machine)
    check_survival(machine)
    # A disk that comes late; init is another than the one that mountall began to tell of disks.
    machine.plug_in(machine.path / "late", "virtio-blk-pci")
    machine.wait("cat /proc/mounts", "/dev/vd. /mnt/late ext4 rw,")
    machine.wait("cat /dev/witness", "(?m)^mounted /mnt/late ext4 LABEL=late")
    machine.wait("initctl status mountall", "stop/waiting")
    machine.leave()
    assert "No shutdown is on record" in machine.run("initctl last-shutdown", 1)
    go_down(machine, "reboot", "Restarting system")

    for command, how in (("shutdown -r now", "Restarting system"), (None, "Restarting system"), ("poweroff", "Power down")):
        machine.boot()
        wait_for_services(machine)
        told = machine.run("initctl last-shutdown")
        assert re.match(r"\S+ \S+: reboot", told) and "Killed" not in told and "Not unmounted" not in told, told
        machine.leave()
        go_down(machine, command, how)
