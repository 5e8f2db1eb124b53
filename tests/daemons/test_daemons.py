# SPDX-License-Identifier: MIT
"""Real daemons of Debian under an init that is process 1: each goes into the background in its own way.

Of each: it becomes ready by the `expect` that fits it; the pid in `initctl status` is the one of its pid file and of who listens;
killed with SIGKILL it is back; `initctl stop` leaves nothing of it. Nothing is installed: tools/fetch-programs unpacks packages
into a scratch root, which is laid over the machine's own in the mount namespace of that init.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

import pytest

from system_conftest import BUILD, ROOT, WATCHES, is_alive, wait_for

DAEMONS = pathlib.Path(os.environ.get("UPSTART_TEST_DAEMONS", BUILD / "daemons"))

pytestmark = pytest.mark.skipif(not WATCHES, reason="nothing is followed on this platform")


@dataclasses.dataclass
class Daemon:
    name: str
    packages: str
    job: str  # stanzas; `respawn` is added
    ports: tuple = ()  # where main listens: "tcp 80", "udp 53", "unix /path"
    pidfile: str = None  # has main's pid in it
    ask: tuple = ()  # a port, what is sent there, and what is in the answer
    files: dict = dataclasses.field(default_factory=dict)
    users: str = ""  # accounts that its package would make
    prepare: str = ""  # a script, before init knows the job


DAEMONS_OF_DEBIAN = [
    Daemon("nginx", "nginx",
           "expect fork\nkill mode tree\nexec /usr/sbin/nginx\n",
           ports=("tcp 80",), pidfile="/run/nginx.pid", ask=("tcp 80", "GET / HTTP/1.0\r\n\r\n", "it is nginx"),
           files={"/etc/nginx/nginx.conf": """
user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx/error.log; events { }
http { access_log off; server { listen 80; location / { return 200 "it is nginx"; } } }
"""}, prepare="mkdir -p /var/log/nginx /var/lib/nginx"),
    Daemon("memcached", "memcached",
           "expect daemon\nexec /usr/bin/memcached -d -u nobody -P /run/memcached/pid -l 127.0.0.1\n",
           ports=("tcp 11211",), ask=("tcp 11211", "version\r\n", "VERSION 1."), pidfile="/run/memcached/pid",
           prepare="install -d -o nobody /run/memcached"),
    Daemon("redis", "redis-server",
           "expect fork\nexec /usr/bin/redis-server --daemonize yes --pidfile /run/redis.pid --dir /run --save ''\n",
           ports=("tcp 6379",), ask=("tcp 6379", "PING\r\n", "+PONG"), pidfile="/run/redis.pid"),
]

# Sends a request to a port and prints the answer.
ASK = """
import socket, sys
kind, port, request = sys.argv[1:]
s = socket.create_connection(("127.0.0.1", int(port)), 20) if kind == "tcp" else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
if kind == "udp":
    s.connect(("127.0.0.1", int(port)))
s.sendall(request.encode("latin-1"))
sys.stdout.write(s.recv(4096).decode("latin-1"))
"""


class Place:
    """The machine as its daemons see it."""

    def __init__(self, machine):
        self.machine = machine
        self.space = os.readlink(f"/proc/{machine.pid}/ns/pid")

    def sh(self, script):
        done = self.machine.command("sh", "-ec", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def path(self, name):
        """The file as this test sees it."""
        return pathlib.Path(f"/proc/{self.machine.pid}/root{name}")

    def processes(self):
        """pid there -> folder in /proc here, of all but zombies."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(folder / "ns/pid") == self.space and is_alive(folder.name):
                    found[int(re.search(r"^NSpid:.*\s(\d+)$", (folder / "status").read_text(), re.M)[1])] = folder
            except OSError:
                pass
        return found

    def listeners(self, port):
        """pids of who has the socket."""
        kind, where = port.split()
        inodes = set()
        for table in ("unix",) if kind == "unix" else (kind, kind + "6"):
            try:
                rows = [row.split() for row in pathlib.Path(f"/proc/{self.machine.pid}/net/{table}").read_text().splitlines()[1:]]
            except OSError:
                continue
            if kind == "unix":
                inodes |= {row[6] for row in rows if row[-1] == where}
            else:
                state = "0A" if kind == "tcp" else "07"
                inodes |= {row[9] for row in rows if int(row[1].rpartition(":")[2], 16) == int(where) and row[3] == state}
        wanted = {f"socket:[{inode}]" for inode in inodes}
        return {pid for pid, folder in self.processes().items() if wanted & set(self.descriptors(folder))}

    @staticmethod
    def descriptors(folder):
        found = []
        for fd in (folder / "fd").glob("*"):
            try:
                found.append(os.readlink(fd))
            except OSError:
                pass
        return found

    def parent(self, pid):
        """0 for a process that is gone."""
        done = self.machine.command("sed", "-n", "s/^PPid:.//p", f"/proc/{pid}/status")
        return int(done.stdout or 0)

    def ask(self, port, request):
        done = self.machine.command(sys.executable, "-c", ASK, *port.split(), request)
        return done.stdout or done.stderr


@pytest.fixture
def place(make_pid1):
    return Place(make_pid1().start())


def lay_over(place, root):
    """The unpacked packages over /usr, /etc and /var, of which the daemon may change what it likes."""
    over = place.machine.path / "over"
    over.mkdir()
    script = [f"mount -t tmpfs -o mode=755 over {over}"]
    for name in ("usr", "etc", "var"):
        lower = f"{root}/{name}:/{name}" if (root / name).exists() else f"/{name}"
        script.append(f"mkdir {over}/{name} {over}/{name}.work")
        script.append(f"mount -t overlay -o lowerdir={lower},upperdir={over}/{name},workdir={over}/{name}.work over /{name}")
    place.sh("\n".join([*script, "mkdir -p /var/log", "ip link set lo up"]))


def write(place, daemon):
    for number, user in enumerate(daemon.users.split(), 700):
        place.sh(f"getent passwd {user} || echo {user}:x:{number}:{number}::/:/bin/false >> /etc/passwd\n"
                 f"getent group {user} || echo {user}:x:{number}: >> /etc/group")
    for name, text in daemon.files.items():
        place.sh(f"mkdir -p {os.path.dirname(name)}; rm -f {name}")
        place.path(name).write_text(text)
    place.sh(daemon.prepare)


def main_of(place, daemon):
    """The pid that init says is main, and it is the daemon."""
    def serves():
        status = place.machine.status(daemon.name)
        if "start/running, process" not in status:
            return None
        pid = place.machine.pid_of(daemon.name)
        return pid if all(pid in place.listeners(port) for port in daemon.ports) else None

    def why():
        return (f"{daemon.name} to listen; {place.machine.status(daemon.name)}, {[place.listeners(p) for p in daemon.ports]},"
                f" {place.machine.log_of(daemon.name)}, {place.machine.messages()[-2000:]}")

    try:
        pid = wait_for(serves, "it")
    except AssertionError:
        raise AssertionError(why()) from None
    if daemon.pidfile:
        text = lambda: place.path(daemon.pidfile).exists() and place.path(daemon.pidfile).read_text().strip()  # noqa: E731
        wait_for(lambda: text() == str(pid), f"{pid} in {daemon.pidfile}, it has {text()}")
    assert place.parent(pid) == 1, f"{pid} is the child of {place.parent(pid)}"
    if daemon.ask:
        port, request, answer = daemon.ask
        said = place.ask(port, request)
        assert answer in said, said
    return pid


@pytest.mark.parametrize("daemon", DAEMONS_OF_DEBIAN, ids=lambda d: d.name)
def test_life(place, daemon):
    root = DAEMONS / daemon.name
    done = subprocess.run([ROOT / "tools" / "fetch-programs", root, *daemon.packages.split()], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    machine = place.machine
    lay_over(place, root)
    write(place, daemon)
    before = set(place.processes())
    machine.job(daemon.name, f"respawn\nconsole log\n{daemon.job}")
    machine.wait_job(daemon.name)
    machine.ctl("start", daemon.name)
    first = main_of(place, daemon)
    machine.command("kill", "-KILL", str(first))
    wait_for(lambda: "start/running, process" in machine.status(daemon.name) and machine.pid_of(daemon.name) != first, "another pid")
    second = main_of(place, daemon)
    assert second != first
    assert machine.ctl("stop", daemon.name) == f"{daemon.name} stop/waiting\n"
    left = lambda: {pid: (folder / "cmdline").read_bytes() for pid, folder in place.processes().items() if pid not in before}  # noqa: E731
    assert left() == {}
    assert "it should say" not in machine.messages() and "less often than expected" not in machine.messages()
