# SPDX-License-Identifier: MIT
"""A whole Debian in a container of crun or bubblewrap, as root and rootless: init as process 1, real daemons below it with the jobs of a
machine, a System V script that nobody has changed. The root is the cached one of debootstrap (tools/make-debian-root)."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, LIMIT, ROOT, wait_for
from debianroot import cached_root

INSTALLED = BUILD / "root"
LONG = bool(os.environ.get("UPSTART_TEST_LONG"))
NOBODY, OTHERS = 65534, 100000  # root in a rootless container, and the first of all others there
CHAPTER = (ROOT / "docs" / "containers.md").read_text()
SERVICES = ("cron", "dbus", "rsyslog", "ssh")
# What containers are given, and the loopback interface to be set up.
CAPABILITIES = ["CAP_" + name for name in ("CHOWN DAC_OVERRIDE FSETID FOWNER NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT "
                                           "KILL AUDIT_WRITE NET_ADMIN").split()]
# crun wants one hierarchy of control groups; the machine may have both kinds. newuidmap gives out what these files say, which here are
# not the machine's.
AROUND = """umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
for f in subuid subgid; do mount --bind "$1/$f" /etc/$f || exit 77; done
shift; exec "$@"
"""
# bwrap hands on what it is to give as ambient capabilities, which a daemon that changes its user would keep; dbus-daemon refuses.
AMBIENT = ("setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--")
NOBODYS = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
USERS = (f"--map-users={OTHERS},1,65535", f"--map-groups={OTHERS},1,65535")
ASK = "dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus."
JOBS = {
    # Works with dbus, which it must not outlive.
    "client": f"""start on started dbus
stop on stopping dbus
post-stop script
  [ -z "$({ASK}GetId)" ] || echo the bus is still there
end script
script
  {ASK}ListNames | grep -q org.freedesktop.DBus && echo the bus answers
  exec sleep 1000
end script
""",
    "leaves": "task\nexec sh -c 'for i in 1 2 3; do (sleep 0.1 &); done'\n",
    "app": """start on started ssh
exec ssh -o BatchMode=yes -o StrictHostKeyChecking=no 127.0.0.1 true
""",
}

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(not LONG, reason="a whole Debian takes a while: make check-long does it"),
    pytest.mark.skipif(not (INSTALLED / "sbin/init").exists(), reason="there is no installation in the build folder"),
]


class Box:
    """A folder with the root of a container, which belongs to root or to somebody without rights."""

    def __init__(self, path, rootless):
        self.path = path
        self.root = path / "root"
        self.rootless = rootless
        self.process = None
        self.env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(path)}
        for name in ("subuid", "subgid"):
            (path / name).write_text(f"{NOBODY}:{OTHERS}:65535\nnobody:{OTHERS}:65535\n")
        self.root.mkdir()
        if rootless:
            for folder in (path, self.root):
                os.chown(folder, NOBODY, NOBODY)

    def around(self, *words, users=False):
        """In a mount namespace of its own, as whom the container is run by; `users`: and in a user namespace, where that is not root."""
        space = ("unshare", "--user", "--map-root-user", *USERS) if users and self.rootless else ()
        return ["unshare", "--mount", "sh", "-c", AROUND, "sh", str(self.path), *(NOBODYS if self.rootless else ()), *space, *words]

    def set_up(self, archive):
        done = subprocess.run(self.around("true", users=True), capture_output=True, text=True, timeout=LIMIT)
        if done.returncode != 0:
            pytest.skip(f"no container for others with many users in it: {done.stderr.strip()}")
        with open(archive, "rb") as tar:
            subprocess.run(self.around("tar", "-C", str(self.root), "--numeric-owner", "--exclude=./dev/*", "-xf", "-", users=True),
                           stdin=tar, check=True, timeout=20 * LIMIT)
        with subprocess.Popen(["tar", "-C", INSTALLED, "--owner=0", "--group=0", "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(self.around("tar", "-C", str(self.root), "--keep-directory-symlink", "-xf", "-", users=True), stdin=tar.stdout,
                           check=True, timeout=LIMIT)
        block = re.search(r"^```sh\n# a whole Debian\n(.*?)^```", CHAPTER, re.M | re.S)[1]
        self.chroot("set -e\n" + block)
        self.write("/etc/init/boot.conf", re.search(r"^```upstart\n# boot\.conf\n(.*?)^```$", CHAPTER, re.M | re.S)[1])
        self.write("/etc/cron.d/test", "@reboot root touch /run/cron-was-here\n")
        self.write("/etc/rc.local", "#!/bin/sh\ntouch /run/rc-local-was-here\n")
        self.chroot("chmod 755 /etc/rc.local")

    def chroot(self, script, *words, **options):
        subprocess.run(self.around("chroot", str(self.root), "/bin/sh", "-c", script, "sh", *words, users=True), check=True, timeout=LIMIT,
                       env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, **options)

    def write(self, path, text):
        self.chroot('cat >"$1"', path, input=text.encode())

    def start(self, *words):
        with open(self.path / "out", "wb") as out, open(self.path / "err", "wb") as err:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env)

    def sh(self, text):
        """What a shell inside prints."""
        return self.inside("sh", "-c", text).stdout

    def out(self):
        return (self.path / "out").read_text(errors="replace")

    def err(self):
        return (self.path / "err").read_text(errors="replace")

    def ends(self):
        return self.process.wait(4 * LIMIT)


class Crun(Box):
    program = "crun"

    def crun(self, *words):
        return self.around("crun", "--root", str(self.path / "state"), "--cgroup-manager=disabled", *words)

    @property
    def name(self):
        return f"upstart-{os.getpid()}-{self.path.name}"

    def run(self, *args):
        def tmpfs(path, mode):
            return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", f"mode={mode}"]}
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}, tmpfs("/dev", "755"), tmpfs("/run", "755"),
                  {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}]
        config = {"ociVersion": "1.0.0", "hostname": "box", "root": {"path": str(self.root)}, "mounts": mounts,
                  "process": {"user": {"uid": 0, "gid": 0}, "args": list(args), "cwd": "/",
                              "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"],
                              "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
                  "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]}}
        if self.rootless:
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
                {"containerID": 0, "hostID": NOBODY, "size": 1}, {"containerID": 1, "hostID": OTHERS, "size": 65535}]
        (self.path / "config.json").write_text(json.dumps(config))
        self.start(*self.crun("run", "--bundle", str(self.path), self.name))

    def inside(self, *words):
        return subprocess.run(self.crun("exec", self.name, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
                              env=self.env)

    def kill(self, number):
        subprocess.run(self.crun("kill", self.name, str(int(number))), check=True, timeout=LIMIT, env=self.env)

    def clear(self):
        if self.process and self.process.poll() is None:
            subprocess.run(self.crun("kill", self.name, "KILL"), check=False, capture_output=True, timeout=LIMIT, env=self.env)
            self.process.wait(LIMIT)


class Bubble(Box):
    program = "bwrap"
    one = None

    def run(self, *args):
        allowed = ["--cap-drop", "ALL", *(word for name in CAPABILITIES for word in ("--cap-add", name))]
        self.start(*self.around(
            "bwrap", "--bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--unshare-pid", "--unshare-net",
            "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--die-with-parent", *allowed, "--clearenv",
            "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "container", "bwrap", "--", *AMBIENT, *args, users=True))
        self.one = wait_for(lambda: self.process.poll() is not None or self.find(), "init as process 1")

    def find(self):
        """init: the descendant of what was started that is process 1 of a namespace and runs it."""
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith("/sbin/init"):
                    return pid
                todo += [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                pass
        return None

    def inside(self, *words):
        return subprocess.run(["nsenter", "-t", str(self.one), "-m", "-p", "-n", "-i", "-r", "-w",
                               *(["-U"] if self.rootless else []), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def kill(self, number):
        os.kill(self.one, number)

    def clear(self):
        if self.process and self.process.poll() is None:
            if self.one:
                os.kill(self.one, signal.SIGKILL)
            self.process.wait(LIMIT)


@pytest.fixture(params=[(kind, rootless) for kind in (Crun, Bubble) for rootless in (False, True)],
                ids=["crun-root", "crun-rootless", "bwrap-root", "bwrap-rootless"], scope="module")
def box(request):
    kind, rootless = request.param
    if shutil.which(kind.program) is None:
        pytest.skip(f"there is no {kind.program}")
    if rootless and shutil.which("newuidmap") is None:
        pytest.skip("there is no newuidmap")
    archive, why = cached_root()
    if archive is None:
        pytest.skip(why)
    scratch = tempfile.mkdtemp(prefix="upstart-debian-")
    os.chmod(scratch, 0o755)
    path = pathlib.Path(scratch) / "box"
    path.mkdir()
    made = kind(path, rootless)
    try:
        made.set_up(archive)
        yield made
    finally:
        made.clear()
        shutil.rmtree(scratch)


@pytest.fixture
def fresh(box):
    """The box with nothing in it that runs, and no jobs of an earlier test."""
    box.clear()
    box.chroot("cd /etc/init && rm -f client.conf leaves.conf app.conf; rm -f /var/log/syslog")
    return box


def start_all(box, *options, jobs=()):
    for name in jobs:
        box.write(f"/etc/init/{name}.conf", JOBS[name])
    box.run("/sbin/init", "--log-stdout", *options)


def wait_for_services(box):
    def said():
        return box.inside("initctl", "list").stdout

    for name in SERVICES:
        wait_for(lambda: box.process.poll() is not None or re.search(rf"^{name} start/running, process \d+$", said(), re.M),
                 lambda: f"{name}: {said()}\n{box.out()}\n{box.err()}", LIMIT)
        assert box.process.poll() is None, box.err()
    wait_for(lambda: re.search(r"^rc stop/waiting$", said(), re.M), said, LIMIT)


def dead(box):
    return [line for line in box.sh("cat /proc/[0-9]*/stat 2>/dev/null").splitlines() if ") Z " in line]


def test_a_debian_with_its_daemons(fresh):
    """They work, are supervised, and go down in order by a signal."""
    number = {"crun-root": signal.SIGTERM, "crun-rootless": signal.SIGRTMIN + 3, "bwrap-root": signal.SIGINT,
              "bwrap-rootless": signal.SIGTERM}[f"{fresh.program}-{'rootless' if fresh.rootless else 'root'}"]
    start_all(fresh, jobs=("client", "leaves"))
    wait_for_services(fresh)
    assert fresh.sh("runlevel") == "N 2\n"
    wait_for(lambda: "client: the bus answers\n" in fresh.out(), fresh.out)
    assert "OpenSSH" in fresh.sh("ssh-keyscan 127.0.0.1 2>&1 | head -n 1")
    fresh.sh("logger found-by-the-test")
    wait_for(lambda: "found-by-the-test" in fresh.sh("cat /var/log/syslog"), "the line in the log")
    wait_for(lambda: fresh.inside("test", "-e", "/run/cron-was-here").returncode == 0, "cron to do its work")
    # A script of a package, with no job of its name; the others have left their work to jobs.
    assert fresh.inside("test", "-e", "/run/rc-local-was-here").returncode == 0
    assert fresh.sh("pgrep -c -x cron; pgrep -c -x rsyslogd") == "1\n1\n"
    # init is on the system bus.
    said = fresh.sh("dbus-send --system --print-reply=literal --dest=com.ubuntu.Upstart /com/ubuntu/Upstart "
                    "com.ubuntu.Upstart0_6.GetJobByName string:cron")
    assert said.strip() == "/com/ubuntu/Upstart/jobs/cron"
    # It reaps, and respawns.
    assert fresh.inside("initctl", "start", "leaves").returncode == 0
    wait_for(lambda: "(sleep)" not in "".join(dead(fresh)) and fresh.sh("pgrep -c -x sleep") == "1\n", lambda: str(dead(fresh)))
    pid = fresh.sh("pgrep -x cron")
    fresh.sh("kill -KILL " + pid)
    wait_for(lambda: fresh.sh("pgrep -x cron") not in ("", pid), "the next cron")
    assert dead(fresh) == []
    assert fresh.inside("telinit", "u").returncode == 0
    wait_for_services(fresh)
    fresh.kill(number)
    assert fresh.ends() == 0, fresh.err()
    assert [line for line in fresh.out().splitlines() if line.startswith("client: ")] == ["client: the bus answers", "client: the bus is still there"]
    assert "Killed" not in fresh.err()


def test_a_debian_ends_with_its_job(fresh):
    start_all(fresh, "--no-log", "--exit-with=app", jobs=("app",))
    assert fresh.ends() == 255, fresh.err() + fresh.out()
    assert re.search(r"^app: .*: Permission denied", fresh.out(), re.M), fresh.out()
