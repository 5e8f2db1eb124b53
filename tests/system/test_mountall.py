# SPDX-License-Identifier: MIT
"""mountall mounts in an order that can be, waits for whom it tells, and goes on without what can't be had.

It runs as a job of an init in namespaces of its own, on file systems that need no device.
"""

import os
import pathlib
import signal
import stat
import subprocess

import pytest

from conftest import BUILD, wait_for

EVENTS = "mounting or mounted or virtual-filesystems or local-filesystems or remote-filesystems or all-swaps or filesystem"


@pytest.fixture
def machine(make_pid1, tmp_path):
    program = BUILD / "src" / "mountall" / "mountall"
    if not program.exists():
        pytest.skip("mountall is not built")
    m = make_pid1()
    m.start()
    m.place = tmp_path / "place"
    m.place.mkdir()
    m.table = tmp_path / "fstab"
    m.said = tmp_path / "said"
    m.said.touch()
    m.job("witness", f"start on {EVENTS}\ninstance $UPSTART_EVENTS-$MOUNTPOINT\nenv MOUNTPOINT=\ntask\n"
                     f"exec sh -c 'echo \"$UPSTART_EVENTS $MOUNTPOINT $TYPE\" >>{m.said}'\n")
    m.wait_job("witness")

    def run(fstab, *options, shell="", env=""):
        m.table.write_text(fstab.replace("@", str(m.place)))
        m.job("mountall", f"task\nconsole log\n{env}\nexec {program} --fstab={m.table} --shell={shell} {' '.join(options)}\n")
        m.wait_job("mountall")
        return m.ctl("start", "--no-wait", "mountall")

    m.mountall = run
    m.mounts = lambda: [line.split()[:4] for line in
                        open(f"/proc/{m.pid}/mounts").read().splitlines() if line.split()[1].startswith(str(m.place))]
    m.events = lambda: m.said.read_text().replace(str(m.place), "@").splitlines()
    return m


def wait_event(machine, line):
    wait_for(lambda: line in machine.events(), line)


def test_file_systems_are_mounted_after_what_they_lie_on(machine):
    machine.mountall("@/a/inner @/b none bind 0 0\n"
                     "tmpfs @/a/inner/deep tmpfs size=1m 0 0\ntmpfs @/a/inner tmpfs size=2m 0 0\ntmpfs @/a tmpfs size=3m,nobootwait 0 0\n"
                     "tmpfs @/never tmpfs noauto 0 0\n")
    wait_event(machine, "filesystem  ")
    wait_for(lambda: "stop/waiting" in machine.ctl("status", "mountall"), "the end of mountall")
    assert sorted(m[1].replace(str(machine.place), "@") for m in machine.mounts()) == ["@/a", "@/a/inner", "@/a/inner/deep", "@/b"]
    said = machine.events()
    where = [said.index(line) for line in ("mounting @/a tmpfs", "mounted @/a tmpfs", "mounting @/a/inner tmpfs", "mounted @/a/inner tmpfs",
                                           "mounting @/b none", "mounted @/b none")]
    assert where == sorted(where)
    assert said.index("mounted @/a/inner tmpfs") < said.index("mounting @/a/inner/deep tmpfs")
    for event in ("virtual-filesystems", "local-filesystems", "remote-filesystems", "all-swaps"):
        wait_event(machine, f"{event}  ")
    # What was mounted before has one event, no other.
    assert "mounted /proc proc" in said and "mounting /proc proc" not in said


def test_mounting_waits_for_what_it_starts(machine):
    go = machine.place / "go"
    machine.job("brake", f"start on mounting MOUNTPOINT={machine.place}/a\ntask\nexec sh -c 'until [ -e {go} ]; do sleep 0.05; done'\n")
    machine.wait_job("brake")
    machine.mountall("tmpfs @/a tmpfs defaults 0 0\ntmpfs @/c tmpfs defaults 0 0\n")
    wait_event(machine, "mounted @/c tmpfs")
    machine.wait_status("brake", "brake start/running")
    assert str(machine.place / "a") not in [m[1] for m in machine.mounts()]
    assert "filesystem  " not in machine.events()
    go.touch()
    wait_event(machine, "filesystem  ")
    assert str(machine.place / "a") in [m[1] for m in machine.mounts()]


def test_what_cannot_be_mounted_is_left_out_with_what_lies_on_it(machine):
    machine.mountall("/dev/never-there @/x ext4 nofail 0 0\ntmpfs @/x/on tmpfs defaults 0 0\nnothing @/y no-such-type defaults 0 0\n"
                     "tmpfs @/z tmpfs defaults 0 0\n", "--device-timeout=0")
    wait_event(machine, "filesystem  ")
    wait_for(lambda: "stop/waiting" in machine.ctl("status", "mountall"), "the end of mountall")
    assert [m[1] for m in machine.mounts()] == [str(machine.place / "z")]
    wait_for(lambda: "/y is left out" in machine.log_of("mountall"), "what it says")
    log = machine.log_of("mountall").replace(str(machine.place), "@")
    assert "@/x: /dev/never-there did not come within 0 s" in log
    assert "@/x/on is left out, as @/x is not there" in log
    assert "Unable to mount nothing on @/y" in log


def test_somebody_is_called_once_and_then_it_is_tried_again(machine):
    shell = machine.place / "shell"
    # It stays until both have failed: who fails after it has ended needs somebody again.
    log = machine.log / "mountall.log"
    shell.write_text(f"#!/bin/sh\necho called >>{machine.place}/calls\n"
                     f"until [ $(grep -c 'Unable to mount' {log}) = 2 ] && ! pgrep -P $PPID mountall >/dev/null; do sleep 0.05; done\n"
                     f"mkdir {machine.place}/source\n")
    shell.chmod(0o755)
    machine.mountall("@/source @/x none bind 0 0\n@/never @/y none bind 0 0\n", shell=shell)
    wait_event(machine, "filesystem  ")
    assert (machine.place / "calls").read_text() == "called\n"
    assert [m[1] for m in machine.mounts()] == [str(machine.place / "x")]


def test_without_fsck_nothing_is_checked_and_nobody_called(machine):
    # A block device without a driver: as the type is not known, only fsck itself could say that there is no checker.
    os.mknod(machine.place / "disk", 0o600 | stat.S_IFBLK, os.makedev(120, 0))
    machine.mountall("@/disk @/x auto defaults 0 2\n", env="env PATH=/nowhere")
    wait_event(machine, "filesystem  ")
    wait_for(lambda: "/x is left out" in machine.log_of("mountall"), "what it says")
    log = machine.log_of("mountall").replace(str(machine.place), "@")
    assert "@/x: @/disk is not checked, as there is no fsck" in log
    assert "could not be checked" not in log
    assert "Unable to mount @/disk on @/x" in log  # it went on


def test_a_disk_that_is_not_there_is_not_called_mounted(machine):
    os.mknod(machine.place / "disk", 0o600 | stat.S_IFBLK, os.makedev(120, 0))  # no driver has that
    machine.mountall("@/disk @/x ext4 nofail 0 0\ntmpfs @/x/on tmpfs nofail 0 0\n")
    wait_event(machine, "filesystem  ")
    machine.wait_status("mountall", "mountall stop/waiting")
    wait_for(lambda: "/x/on is left out" in machine.log_of("mountall"), "what it says")
    assert "mounted @/x ext4" not in machine.events()
    log = machine.log_of("mountall").replace(str(machine.place), "@")
    assert "Unable to mount @/disk on @/x: No such device or address" in log
    assert "@/x is left out" in log and "@/x/on is left out, as @/x is not there" in log


@pytest.fixture
def hanging(machine):
    """Whoever is to use swap space never comes back."""
    (machine.place / "bin").mkdir()
    swapon = machine.place / "bin" / "swapon"
    swapon.write_text(f"#!/bin/sh\necho $$ >>{machine.place}/began\nexec sleep 100000\n")
    swapon.chmod(0o755)
    machine.began = lambda: (machine.place / "began").read_text().split() if (machine.place / "began").exists() else []
    machine.bin = f"env PATH={machine.place}/bin:{os.environ['PATH']}"
    return machine


@pytest.fixture
def disks(hanging):
    """A machine of disks whose list can be written, among them one that never answers."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse to make a disk of that hangs")
    inside = ["nsenter", "-m", "-t", str(hanging.pid)]
    (hanging.place / "dead").mkdir()
    (hanging.place / "partitions").touch()
    # A file system whose server says nothing: who looks below it waits until this is closed.
    hanging.fuse = os.open("/dev/fuse", os.O_RDWR)
    subprocess.run([*inside, "mount", "-i", "-t", "fuse", "-o", f"fd={hanging.fuse},rootmode=40000,user_id=0,group_id=0", "dead",
                    hanging.place / "dead"], check=True, pass_fds=[hanging.fuse])
    subprocess.run([*inside, "mount", "--bind", hanging.place / "partitions", "/proc/partitions"], check=True)

    def add(name, label=None):
        if label is None:
            os.symlink(hanging.place / "dead" / name, f"/proc/{hanging.one}/root/dev/{name}")
        else:
            disk = pathlib.Path(f"/proc/{hanging.one}/root/dev/{name}")
            disk.write_bytes(bytes(1 << 20))
            subprocess.run(["mkswap", "-L", label, disk], check=True, capture_output=True)
        with open(hanging.place / "partitions", "a") as f:
            f.write(f" 259        0       1024 {name}\n")

    hanging.add_disk = add
    yield hanging
    os.close(hanging.fuse)


def use_swap(machine):
    """swapon that does not hang, and tells what it was asked for."""
    (machine.place / "bin" / "swapon").write_text(f"#!/bin/sh\necho $* >>{machine.place}/used\n")


def used(machine):
    return (machine.place / "used").read_text().split() if (machine.place / "used").exists() else []


def test_a_disk_that_does_not_answer_holds_up_only_what_is_on_it(disks):
    use_swap(disks)
    for i in range(9):  # more than are asked at a time
        disks.add_disk(f"dead{i}")
    disks.add_disk("whole", "here")
    disks.mountall("LABEL=here none swap sw 0 0\nLABEL=\"here\" none swap sw 0 0\nLABEL=nowhere @/x ext4 nofail 0 0\n"
                   "tmpfs @/y tmpfs defaults 0 0\n", "--device-timeout=86400", env=disks.bin)
    wait_event(disks, "mounted @/y tmpfs")
    wait_event(disks, "filesystem  ")
    wait_for(lambda: len(used(disks)) == 2, "its use")
    assert used(disks) == ["/dev/whole"] * 2
    assert "start/running" in disks.ctl("status", "mountall")
    assert "/x is left out" not in disks.log_of("mountall")


def test_a_label_on_no_disk_that_answers_is_left_out(disks):
    disks.add_disk("dead")
    disks.mountall("LABEL=nowhere @/x ext4 nofail 0 0\ntmpfs @/y tmpfs defaults 0 0\n", "--device-timeout=0")
    wait_event(disks, "mounted @/y tmpfs")
    wait_event(disks, "filesystem  ")
    disks.wait_status("mountall", "mountall stop/waiting")
    wait_for(lambda: "/x is left out" in disks.log_of("mountall"), "what it says")
    assert "/x: LABEL=nowhere did not come" in disks.log_of("mountall")


def test_a_disk_that_comes_is_asked(disks):
    use_swap(disks)
    disks.add_disk("dead")
    disks.mountall("LABEL=late none swap sw 0 0\n", "--device-timeout=86400", env=disks.bin)
    wait_event(disks, "local-filesystems  ")
    disks.add_disk("late", "late")
    wait_event(disks, "filesystem  ")
    assert used(disks) == ["/dev/late"]


def test_what_is_made_of_what_does_not_answer_is_left_out(disks):
    disks.mountall("@/dead/deep @/x none bind 0 0\ntmpfs @/y tmpfs defaults 0 0\n", "--mount-timeout=1")
    wait_event(disks, "mounted @/y tmpfs")
    wait_event(disks, "filesystem  ")
    disks.wait_status("mountall", "mountall stop/waiting")
    wait_for(lambda: "/x is left out" in disks.log_of("mountall"), "what it says")
    assert "/x: " in disks.log_of("mountall") and "was not mounted within 1 s" in disks.log_of("mountall")


def test_what_is_mounted_by_another_way_is_not_mounted_again(machine):
    (machine.place / "real").mkdir()
    (machine.place / "way").symlink_to("real")
    for end in (1, 2):
        machine.mountall("tmpfs @/way tmpfs defaults 0 0\n")
        wait_for(lambda: machine.events().count("filesystem  ") == end, "the end")
        machine.wait_status("mountall", "mountall stop/waiting")
    assert [m[1].replace(str(machine.place), "@") for m in machine.mounts()] == ["@/real"]


def test_remote_file_systems_wait_for_the_network(machine):
    machine.mountall("tmpfs @/far tmpfs _netdev 0 0\ntmpfs @/near tmpfs defaults 0 0\n")
    wait_event(machine, "local-filesystems  ")
    assert "mounting @/far tmpfs" not in machine.events()
    pid = int(machine.ctl("status", "mountall").split()[-1])
    outside = next(int(p) for p in os.listdir("/proc") if p.isdigit() and in_namespace(int(p), machine.pid, pid))
    os.kill(outside, signal.SIGUSR1)
    wait_event(machine, "mounted @/far tmpfs")
    wait_event(machine, "filesystem  ")


def is_gone(machine, pid):
    return not any(in_namespace(int(p), machine.pid, int(pid)) for p in os.listdir("/proc") if p.isdigit())


def test_who_hangs_while_it_mounts_is_left_out_in_the_end(hanging):
    hanging.mountall("@/never none swap sw 0 0\ntmpfs @/y tmpfs defaults 0 0\n", "--mount-timeout=1", env=hanging.bin)
    wait_event(hanging, "mounted @/y tmpfs")
    wait_event(hanging, "filesystem  ")
    hanging.wait_status("mountall", "mountall stop/waiting")
    wait_for(lambda: "/never is left out" in hanging.log_of("mountall"), "what it says")
    assert "/never was not used within 1 s" in hanging.log_of("mountall")
    [pid] = hanging.began()
    wait_for(lambda: is_gone(hanging, pid), "its end")


def test_somebody_is_called_for_what_hangs_and_it_is_tried_once_more(hanging):
    shell = hanging.place / "shell"
    shell.write_text(f"#!/bin/sh\necho called >>{hanging.place}/calls\n")
    shell.chmod(0o755)
    hanging.mountall("@/never none swap sw 0 0\n", "--mount-timeout=1", shell=shell, env=hanging.bin)
    wait_event(hanging, "filesystem  ")
    assert (hanging.place / "calls").read_text() == "called\n"
    assert len(hanging.began()) == 2


@pytest.mark.parametrize("by", ("signal", "keyboard"))
def test_what_is_waited_for_is_told_and_gone_on_without_when_asked(hanging, by):
    hanging.mountall("@/never none swap sw 0 0\n@/other none swap nofail 0 0\n", "--mount-timeout=86400", env=hanging.bin)
    wait_for(lambda: "to be used as swap space: 5 of 86400 s; Alt-Up" in hanging.log_of("mountall"), "what it says")
    assert "all-swaps  " not in hanging.events()
    if by == "keyboard":
        hanging.ctl("emit", "--no-wait", "keyboard-request")
    else:
        pid = int(hanging.ctl("status", "mountall").split()[-1])
        outside = next(int(p) for p in os.listdir("/proc") if p.isdigit() and in_namespace(int(p), hanging.pid, pid))
        os.kill(outside, signal.SIGUSR2)
    wait_event(hanging, "filesystem  ")
    log = hanging.log_of("mountall")
    assert "/never is not waited for, as was asked for" in log and "/never is left out" in log
    assert "/other" not in log  # nobody waits for it
    assert "start/running" in hanging.ctl("status", "mountall")


def test_jobs_that_hold_a_mount_up_are_told_without_end(machine):
    machine.job("brake", f"start on mounting MOUNTPOINT={machine.place}/a\ntask\nexec sleep 100000\n")
    machine.job("after", f"start on mounted MOUNTPOINT={machine.place}/b\ntask\nexec sleep 100000\n")
    machine.wait_job("brake")
    machine.wait_job("after")
    machine.mountall("tmpfs @/a tmpfs defaults 0 0\ntmpfs @/b tmpfs defaults 0 0\n", "--mount-timeout=1")
    wait_for(lambda: "Waiting for jobs that start on mounting" in machine.log_of("mountall") and
             "Waiting for jobs that start on mounted" in machine.log_of("mountall"), "what it says")
    machine.ctl("emit", "--no-wait", "keyboard-request")
    wait_event(machine, "filesystem  ")
    assert [m[1].replace(str(machine.place), "@") for m in machine.mounts()] == ["@/b"]
    log = machine.log_of("mountall").replace(str(machine.place), "@")
    assert "@/a is left out" in log and "@/b is left out" not in log


def in_namespace(pid, one, wanted):
    """Is that process `wanted` of the namespace whose process 1 is `one`?"""
    try:
        same = os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{one}/ns/pid")
        with open(f"/proc/{pid}/status") as f:
            return same and f"NSpid:\t{pid}\t{wanted}\n" in f.read()
    except OSError:
        return False
