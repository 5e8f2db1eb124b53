# SPDX-License-Identifier: MIT
"""The private socket below /run: who may use it, from where, and that it outlives what init goes through."""

import os
import pathlib
import stat
import subprocess

import pytest

from conftest import INITCTL, LIMIT, PREPARE, WATCHES, Machine, is_alive, wait_for

SLEEP = "exec sleep 1000\n"
PATH = "/run/upstart/private"

pytestmark = pytest.mark.skipif(not WATCHES, reason="the first socket is in the file system already")


def outside_the_network(machine, *words, **options):
    """In the machine's namespaces, but in another network's."""
    return subprocess.run(["nsenter", "-t", str(machine.one), "-m", "-p", *map(str, words)], env=machine.env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT, **options)


def send(*more):
    return ["dbus-send", f"--peer=unix:path={PATH}", "--print-reply", "/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6.GetAllJobs", *more]


def test_socket_is_of_root_alone(pid1):
    path = pathlib.Path(f"/proc/{pid1.one}/root{PATH}")
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert (path.stat().st_mode & 0o777, path.stat().st_uid, path.parent.stat().st_mode & 0o777) == (0o600, 0, 0o755)
    assert pid1.command(*send()).returncode == 0
    done = pid1.command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *send())
    assert done.returncode != 0 and "Permission denied" in done.stderr


def test_other_network_namespaces_reach_init(pid1):
    pid1.job("web", SLEEP)
    pid1.wait_job("web")
    done = outside_the_network(pid1, INITCTL, "start", "web")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("web start/running")
    # What waits for signals and answers, too.
    assert outside_the_network(pid1, INITCTL, "stop", "web").stdout == "web stop/waiting\n"


def test_socket_outlives_servants_and_images(pid1):
    path = pathlib.Path(f"/proc/{pid1.one}/root{PATH}")
    before = path.stat().st_ino
    control = pid1.servants()["upstart-control"]
    os.kill(control, 9)
    wait_for(lambda: not is_alive(control), "the end of control")
    assert outside_the_network(pid1, INITCTL, "version").returncode == 0
    image = pathlib.Path(f"/proc/{pid1.one}/stat").read_text().split()[21]
    assert pid1.command(INITCTL.parents[1] / "sysv" / "telinit", "u").returncode == 0
    assert outside_the_network(pid1, INITCTL, "version").returncode == 0
    assert path.stat().st_ino == before and pathlib.Path(f"/proc/{pid1.one}/stat").read_text().split()[21] == image


def test_socket_that_is_hidden_is_made_anew(pid1):
    """What is mounted over /run takes nobody the way to init."""
    path = pathlib.Path(f"/proc/{pid1.one}/root{PATH}")
    before = path.stat()
    pid1.job("web", SLEEP)
    pid1.ctl("start", "web")
    web = pid1.pid_of("web")
    assert pid1.command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run").returncode == 0
    wait_for(lambda: path.is_socket() and path.stat().st_dev != before.st_dev, "another socket")
    wait_for(lambda: outside_the_network(pid1, INITCTL, "version").returncode == 0, "init to answer there")
    # Over a crash, too.
    os.kill(pid1.one, 11)
    wait_for(lambda: outside_the_network(pid1, INITCTL, "version").returncode == 0, "init to answer there")
    assert pid1.pid_of("web") == web
    assert pid1.command("umount", "-l", "/run").returncode == 0
    wait_for(lambda: path.is_socket() and path.stat().st_dev == before.st_dev, "the first place")
    wait_for(lambda: outside_the_network(pid1, INITCTL, "version").returncode == 0, "init to answer there")


class Guest(Machine):
    """A machine in the network namespace of another."""

    host = None

    def start(self, *options):
        (self.path / "dev").mkdir(exist_ok=True)
        with open(self.out, "ab") as out:
            self.shell = subprocess.Popen(
                ["nsenter", "-t", str(self.host.one), "-n", "unshare", "--fork", "--pid", "--mount", "--mount-proc", "--kill-child", "sh",
                 "-c", PREPARE, "sh", self.program, "--logdir", self.log, "--confdir", self.conf, "--no-startup-event", *options],
                env={**self.env, "container": "", "D": str(self.path), "PTS": ""}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd="/", start_new_session=True)
        self.one = wait_for(self.find, "init as process 1")
        self.prefix = ["nsenter", "-t", str(self.one), "-m", "-p", "-n"]
        wait_for(lambda: pathlib.Path(f"/proc/{self.one}/root{PATH}").is_socket(), "the second socket")
        return self


def test_guests_who_share_the_network_talk_to_their_own_init(make_pid1, tmp_path):
    host = make_pid1().start()
    host.job("of-host", SLEEP)
    host.wait_job("of-host")
    (tmp_path / "guest").mkdir()
    guest = Guest(tmp_path / "guest")
    guest.host = host
    guest.job("of-guest", SLEEP)
    try:
        guest.start()
        # The name of the first socket is the host's, whose init is in no namespace of the guest's.
        assert guest.command(INITCTL, "list").stdout.split()[0] == "of-guest"
        assert host.command(INITCTL, "list").stdout.split()[0] == "of-host"
    finally:
        guest.kill_all()
