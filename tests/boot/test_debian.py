# SPDX-License-Identifier: MIT
"""A Debian with its own services boots, works, and goes down clean."""

import os
import re
import shutil

import pytest

import debian

LONG = bool(os.environ.get("UPSTART_TEST_LONG"))
SERVICES = ("cron", "dbus", "rsyslog", "ssh", "udev")


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
def machine(kernel, disk, tmp_path):
    made = debian.Debian(tmp_path, kernel, disk)
    yield made
    made.clean_up()


def pids(machine):
    """The main processes of the services that run."""
    return dict(re.findall(r"^(\S+) start/running, process (\d+)$", machine.run("initctl list"), re.M))


def wait_for_services(machine):
    machine.wait("runlevel", "^N 2$")
    for name in SERVICES:
        machine.wait(f"initctl status {name}", r"start/running, process \d+$")
    machine.wait("initctl status rc", "stop/waiting")


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
    assert "Unable to mount" not in (machine.path / "console").read_text(errors="replace")
    assert "/dev/vdc" in machine.run("cat /proc/swaps")
    assert machine.run("cat /mnt/bound/file") == "inner"
    machine.wait("cat /dev/witness", r"(?m)^filesystem")
    order(machine, "mounted /run tmpfs tmpfs", "mounted / ext4 /dev/vda",
          "mounting /srv/data ext4 LABEL=data", "mounted /srv/data ext4 LABEL=data",
          "mounting /mnt/bound none /srv/data/inner", "mounted /mnt/bound none /srv/data/inner")


def check_services(machine):
    assert ":22 " in machine.run("ss -ltn")
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


def go_down(machine, command, how):
    machine.line.sendall(command.encode() + b"\n")
    machine.wait_off()
    assert f"reboot: {how}" in machine.console()
    assert "Kernel panic" not in machine.console()
    machine.assert_clean()


@pytest.mark.skipif(not LONG, reason="a boot of Debian takes minutes: make check-long does it")
def test_debian_boots_works_and_powers_off(machine):
    machine.boot()
    wait_for_services(machine)
    check_mounts(machine)
    check_services(machine)
    go_down(machine, "poweroff", "Power down")
