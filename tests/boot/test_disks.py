# SPDX-License-Identifier: MIT
"""What fstab names, on real disks: checks that mend, checks that need somebody, and swap space on and off."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
PROGRAMS = {"sbin/fsck": "fsck", "sbin/fsck.ext4": "e2fsck", "sbin/swapon": "swapon"}
# It tells the console where it is, and is a shell.
SULOGIN = "#!/bin/sh\necho Somebody must look at it.\nexec /bin/sh\n"
WITNESS = """start on mounting or mounted or local-filesystems or all-swaps or filesystem
instance $UPSTART_EVENTS-$MOUNTPOINT
env MOUNTPOINT=
task
exec sh -c 'echo "$UPSTART_EVENTS $MOUNTPOINT" >>/dev/witness'
"""


def tool(name):
    return shutil.which(name, path=PATH)


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, env={**os.environ, "PATH": PATH}).stdout


@pytest.fixture
def disks(machine):
    for name in (*PROGRAMS.values(), "mke2fs", "debugfs", "mkswap"):
        if tool(name) is None:
            pytest.skip(f"there is no {name}")
    if not (BUILD / "root" / "sbin" / "mountall").exists():
        pytest.skip("mountall is not built")
    for path, name in PROGRAMS.items():
        machine.program(path, tool(name))
    machine.job("mountall", (BUILD / "root/usr/share/upstart/machine/etc/init/mountall.conf").read_text())
    machine.job("witness", WITNESS)
    machine.text("sbin/sulogin", SULOGIN, 0o755)
    return machine


def make_disk(machine, label, faults=()):
    """A file system with a file of its label's name, and what debugfs(8) did to it."""
    tree, disk = machine.path / f"{label}-tree", machine.path / label
    tree.mkdir()
    (tree / label).write_text("whole\n")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-d", tree, disk, "16M")
    for command in faults:
        run("debugfs", "-w", "-R", command, disk)
    machine.drives.append(disk)
    return disk


# The first is mended by `fsck -a`; the second, a root folder that is none, by nobody who is not asked.
DIRTY = ("ssv state 2", "ssv free_blocks_count 7")
BROKEN = ("ssv state 2", "clri <2>")


def check(disk):
    done = subprocess.run([tool("e2fsck"), "-fn", disk], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "needs_recovery" not in run("dumpe2fs", "-h", disk)


def events(machine):
    return machine.run("cat /dev/witness").splitlines()


def go_down(machine, command="/sbin/poweroff", how="Power down"):
    machine.leave()
    machine.line.sendall(command.encode() + b"\n")
    machine.wait_off()
    assert f"reboot: {how}" in machine.console()
    assert "Kernel panic" not in machine.console() and "Not unmounted" not in machine.console()


def checked(disks, label):
    """fsck's word of it."""
    return re.search(rf"(?m)^{label}: ", disks.console())


def test_file_systems_are_checked_and_somebody_is_called(disks):
    dirty, mended, left = (make_disk(disks, *one) for one in (("dirty", DIRTY), ("mended", BROKEN), ("left", BROKEN)))
    spared = make_disk(disks, "spared", BROKEN)
    disks.text("etc/fstab", "LABEL=dirty /mnt/dirty ext4 defaults 0 2\nLABEL=mended /mnt/mended ext4 defaults 0 2\n"
                            "LABEL=left /mnt/left ext4 defaults 0 2\nLABEL=spared /mnt/spared ext4 nofail 0 2\n")
    disks.boot("quiet")
    disks.wait_console("Somebody must look at it.")
    disks.wait("cat /proc/mounts", " /mnt/dirty ext4 ")
    disks.wait_console("(?s)(there are faults on /dev/nvme[0-9]n1 that fsck did not mend.*){3}")
    assert "/mnt/mended" not in disks.run("cat /proc/mounts") and "filesystem " not in events(disks)
    assert "start/running" in disks.run("initctl status mountall")
    disks.type("fsck.ext4 -y /dev/$(grep -l drive1 /sys/block/*/device/serial | cut -d/ -f4)\nexit\n")
    # One was mended; of the other is said again that it is not, and nobody is called for it any more.
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    disks.wait("initctl status mountall", "stop/waiting")
    mounts = disks.run("cat /proc/mounts")
    assert " /mnt/mended ext4 " in mounts and " /mnt/left " not in mounts and " /mnt/spared " not in mounts
    assert disks.run("cat /mnt/dirty/dirty") == "whole"
    assert disks.run("ls /mnt/mended/lost+found") != ""
    console = disks.console()
    assert console.count("Somebody must look at it.") == 1
    assert "/mnt/left is left out" in console and "/mnt/spared is left out" in console
    assert "mounted /mnt/left" not in events(disks)
    go_down(disks)
    for disk in (dirty, mended):
        check(disk)

    # The words of the kernel's command line: all that can be mended is; then nothing is checked; then all is.
    disks.boot("quiet", "fsckfix")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    disks.wait("cat /proc/mounts", "(?s) /mnt/left .* /mnt/spared | /mnt/spared .* /mnt/left ")
    assert "Somebody" not in disks.console()
    go_down(disks)
    for disk in (left, spared):
        check(disk)
    run("debugfs", "-w", "-R", "ssv state 2", dirty)
    disks.boot("quiet", "fastboot")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    assert not checked(disks, "dirty")
    go_down(disks)
    disks.boot("quiet", "forcefsck")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    for label in ("dirty", "mended", "left"):
        assert checked(disks, label)
    go_down(disks)


def test_swap_space_is_used_and_left_and_a_disk_comes_late(disks):
    folder = disks.path / "data-tree"
    folder.mkdir()
    (folder / "swap").write_bytes(os.urandom(2 << 20))  # without holes
    (folder / "swap").chmod(0o600)
    run("mkswap", folder / "swap")
    data, swap = disks.path / "data", disks.path / "swap"
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "data", "-d", folder, data, "16M")  # no holes of 1,024 bytes
    run("truncate", "-s", "8M", swap)
    uuid = re.search(r"UUID=(\S+)", run("mkswap", swap))[1]
    late = make_disk(disks, "late")
    disks.drives = [data, swap]
    disks.text("etc/init/mountall.override", "exec mountall --device-timeout=86400\n")
    disks.text("etc/fstab", f"UUID={uuid} none swap sw,pri=7 0 0\n/srv/swap none swap defaults 0 0\nLABEL=data /srv ext4 defaults 0 2\n"
                            "/dev/no-such none swap sw,nofail 0 0\nUUID=7-7 none swap nofail 0 0\nLABEL=late /mnt/late ext4 nofail 0 2\n")
    disks.boot("quiet")
    disks.wait("cat /dev/witness", "(?m)^all-swaps ")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    swaps = disks.run("cat /proc/swaps")
    assert re.search(r"^/dev/nvme1n1\s+partition\s+\d+\s+\d+\s+7$", swaps, re.M), swaps
    assert re.search(r"^/srv/swap\s+file\s", swaps, re.M), swaps
    # Without udev nobody gives it a name: it is looked at itself when it has come.
    disks.plug_in(late, "nvme", serial="late")
    disks.wait("cat /dev/witness", "(?m)^mounted /mnt/late")
    assert disks.run("cat /mnt/late/late") == "whole"
    go_down(disks)
    for disk in (data, late):
        check(disk)


def test_a_root_that_was_changed_by_its_check_is_begun_again(disks):
    disks.text("etc/fstab", "/dev/nvme0n1 / ext4 defaults 0 1\n")
    disks.boot_disk("quiet", mode="ro")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    assert " / ext4 rw," in disks.run("cat /proc/mounts")
    go_down(disks)
    for command in DIRTY:
        run("debugfs", "-w", "-R", command, disks.disk)
    disks.start_disk("quiet", mode="ro")
    disks.wait_off()
    assert "fsck has changed the root file system" in disks.console()
    disks.boot_disk("quiet", mode="ro")
    disks.wait("cat /dev/witness", "(?m)^filesystem ")
    assert " / ext4 rw," in disks.run("cat /proc/mounts")
    go_down(disks)
    check(disks.disk)


def test_a_root_that_stays_read_only(disks):
    disks.text("etc/fstab", "/dev/nvme0n1 / ext4 ro 0 1\ntmpfs /var/log tmpfs size=1m 0 0\n")
    disks.job("service", "start on filesystem\nexec sleep 100000\n")
    disks.job("early", "start on startup\ntask\nexec echo said before there was a place for it\n")
    disks.job("flush-early-job-log", (BUILD / "root/usr/share/upstart/machine/etc/init/flush-early-job-log.conf").read_text())
    disks.boot_disk("quiet", mode="ro")
    service = disks.wait("initctl status service", r"start/running, process \d+$")
    assert " / ext4 ro," in disks.run("cat /proc/mounts")
    assert disks.run("touch /here", 1).endswith("Read-only file system")
    disks.wait("initctl status mountall", "stop/waiting")
    disks.run("kill -SEGV 1")
    disks.run("telinit u")
    assert disks.wait("initctl status service", "start/running") == service
    go_down(disks)
    assert disks.disk_state() == "clean"
