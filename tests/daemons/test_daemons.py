# SPDX-License-Identifier: MIT
"""Real daemons of Debian under an init that is process 1: each goes into the background in its own way.

Of each: it becomes ready by each `expect` that fits it; the pid in `initctl status` is the one of its pid file and of who listens;
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

from system_conftest import BUILD, INITCTL, ROOT, WATCHES, is_alive, wait_for

DAEMONS = pathlib.Path(os.environ.get("UPSTART_TEST_DAEMONS", BUILD / "daemons"))

pytestmark = pytest.mark.skipif(not WATCHES, reason="nothing is followed on this platform")


@dataclasses.dataclass
class Daemon:
    name: str
    packages: str
    job: str  # stanzas; `respawn` is added
    ports: tuple = ()  # where main listens: "tcp 80", "udp 53", "unix /path"
    pidfile: str = None  # has main's pid in it
    ask: tuple = ()  # a port, what is sent there, and what is in the answer; bytes as in Python's literals
    files: dict = dataclasses.field(default_factory=dict)
    users: str = ""  # accounts that its package would make
    prepare: str = ""  # a script, before init knows the job


DNS = "\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\x09localhost\\0\\0\\1\\0\\1"  # A of localhost?

DAEMONS_OF_DEBIAN = [
    Daemon("nginx", "nginx",
           "expect fork\nkill mode tree\nexec /usr/sbin/nginx\n",
           ports=("tcp 80",), pidfile="/run/nginx.pid", ask=("tcp 80", "GET / HTTP/1.0\\r\\n\\r\\n", "it is nginx"),
           files={"/etc/nginx/nginx.conf": """
user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx/error.log; events { }
http { access_log off; server { listen 80; location / { return 200 "it is nginx"; } } }
"""}, prepare="mkdir -p /var/log/nginx /var/lib/nginx"),
    Daemon("memcached", "memcached",
           "expect fork\nexec /usr/bin/memcached -d -u nobody -P /run/memcached/pid -l 127.0.0.1\n",
           ports=("tcp 11211",), ask=("tcp 11211", "version\\r\\n", "VERSION 1."), pidfile="/run/memcached/pid",
           prepare="install -d -o nobody /run/memcached"),
    Daemon("redis", "redis-server",
           "expect fork\nexec /usr/bin/redis-server --daemonize yes --pidfile /run/redis.pid --dir /run --save ''\n",
           ports=("tcp 6379",), ask=("tcp 6379", "PING\\r\\n", "+PONG"), pidfile="/run/redis.pid"),
    Daemon("apache2", "apache2",
           "expect fork\nkill mode tree\nexec /usr/sbin/apache2 -k start\n",
           ports=("tcp 80",), pidfile="/run/apache2.pid", ask=("tcp 80", "GET / HTTP/1.0\\r\\n\\r\\n", "it is apache"),
           files={"/etc/apache2/apache2.conf": """
ServerName localhost
PidFile /run/apache2.pid
ErrorLog /var/log/apache2.log
DefaultRuntimeDir /run
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
Listen 80
DocumentRoot /var/www
ErrorDocument 404 "it is apache"
"""}, prepare="mkdir -p /var/www /run/lock"),
    Daemon("postfix", "postfix",
           "expect exit\nkill mode tree\nexec /usr/sbin/postfix start\n",
           ports=("tcp 25",), pidfile="/var/spool/postfix/pid/master.pid", ask=("tcp 25", "QUIT\\r\\n", "220 test.example ESMTP"),
           users="postfix postdrop",
           files={"/etc/postfix/main.cf": """
compatibility_level = 3.6
myhostname = test.example
mydestination = localhost
inet_interfaces = loopback-only
alias_maps =
alias_database =
"""}, prepare="""cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
install -d -o postfix /var/lib/postfix
postfix set-permissions >/dev/null 2>&1 || true"""),
    # A child of process 1 it does not fork.
    Daemon("exim4", "exim4-daemon-light",
           "expect listen 25\nexec /usr/sbin/exim4 -bd -q30m\n",
           ports=("tcp 25",), pidfile="/run/exim4/exim.pid", ask=("tcp 25", "QUIT\\r\\n", "220 test.example ESMTP Exim"),
           users="Debian-exim",
           files={"/etc/exim4/exim4.conf": """
primary_hostname = test.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = 25
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
begin acl
begin routers
begin transports
"""}, prepare="install -d -o Debian-exim /run/exim4 /var/spool/exim4 /var/log/exim4; hostname test.example 2>/dev/null || true"),
    # A child of process 1 it does not fork either; what Debian adds to it tells that it listens.
    Daemon("sshd", "openssh-server",
           "expect notify\nexec /usr/sbin/sshd -D\n",
           ports=("tcp 22",), pidfile="/run/sshd.pid", ask=("tcp 22", "SSH-2.0-test\\r\\n", "SSH-2.0-OpenSSH"),
           users="sshd",
           files={"/etc/ssh/sshd_config": "ListenAddress 127.0.0.1\nUsePAM no\nHostKey /etc/ssh/key\n"},
           prepare="mkdir -p /run/sshd; rm -f /etc/ssh/key; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/key"),
    Daemon("rsyslog", "rsyslog",
           "expect fork\nexec /usr/sbin/rsyslogd\n",
           ports=("unix /dev/log",), pidfile="/run/rsyslogd.pid",
           files={"/etc/rsyslog.conf": 'module(load="imuxsock")\n*.* /var/log/syslog\n'}, prepare="mkdir -p /var/spool/rsyslog"),
    Daemon("cron", "cron", "expect fork\nexec /usr/sbin/cron\n", pidfile="/run/crond.pid",
           prepare="mkdir -p /var/spool/cron/crontabs"),
    Daemon("atd", "at", "expect fork\nexec /usr/sbin/atd\n", pidfile="/run/atd.pid",
           prepare="mkdir -p /var/spool/cron/atspool; install -d -o daemon -m 1770 /var/spool/cron/atjobs /var/spool/cron/atspool"),
    Daemon("dnsmasq", "dnsmasq",
           "expect daemon\nexec /usr/sbin/dnsmasq --conf-file=/etc/dnsmasq.conf --pid-file=/run/dnsmasq.pid --user=root\n",
           ports=("udp 53", "tcp 53"), pidfile="/run/dnsmasq.pid",
           ask=("udp 53", DNS, "\\x7f\\x00\\x00\\x01"),
           files={"/etc/dnsmasq.conf": "listen-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\naddress=/localhost/127.0.0.1\n"}),
    Daemon("smbd", "samba",
           "expect fork\nkill mode tree\nexec /usr/sbin/smbd -D\n",
           ports=("tcp 445",), pidfile="/run/samba/smbd.pid",
           files={"/etc/samba/smb.conf": """[global]
interfaces = lo
bind interfaces only = yes
smb ports = 445
disable netbios = yes
server role = standalone server
log file = /var/log/samba.log
"""}, prepare="mkdir -p /run/samba /var/lib/samba/private /var/cache/samba /var/log/samba"),
    Daemon("named", "bind9",
           "expect fork\nexec /usr/sbin/named -4 -u bind -c /etc/bind/named.conf\n",
           ports=("udp 53", "tcp 53"), pidfile="/run/named/named.pid", ask=("udp 53", DNS, "\\x7f\\x00\\x00\\x01"),
           users="bind",
           files={"/etc/bind/named.conf": """
options { directory "/var/cache/bind"; listen-on { 127.0.0.1; }; recursion no; pid-file "/run/named/named.pid"; };
controls { };
zone "localhost" { type master; file "/etc/bind/db.local"; };
"""}, prepare="install -d -o bind /run/named /var/cache/bind"),
    # It must not touch the clock of the machine that runs the tests.
    Daemon("ntpsec", "ntpsec",
           "expect fork\nexec setpriv --bounding-set=-sys_time --inh-caps=-sys_time /usr/sbin/ntpd -c /etc/ntp.conf -p /run/ntpd.pid\n",
           ports=("udp 123",), pidfile="/run/ntpd.pid",
           files={"/etc/ntp.conf": "disable ntp\ndisable kernel\ninterface ignore wildcard\ninterface listen 127.0.0.1\n"},
           prepare="mkdir -p /var/lib/ntpsec /var/log/ntpsec"),
    Daemon("haproxy", "haproxy",
           "expect fork\nexec /usr/sbin/haproxy -D -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg\n",
           ports=("tcp 8000",), pidfile="/run/haproxy.pid", ask=("tcp 8000", "GET / HTTP/1.0\\r\\n\\r\\n", "503"),
           users="haproxy",
           files={"/etc/haproxy/haproxy.cfg": """global
 user haproxy
 group haproxy
defaults
 mode http
 timeout connect 5s
 timeout client 5s
 timeout server 5s
frontend test
 bind 127.0.0.1:8000
"""}),
    Daemon("php-fpm", "php-fpm",
           "expect fork\nkill mode tree\nexec /bin/sh -c 'exec /usr/sbin/php-fpm* --daemonize --fpm-config /etc/fpm.conf'\n",
           ports=("unix /run/fpm.sock",), pidfile="/run/fpm.pid",
           files={"/etc/fpm.conf": """[global]
pid = /run/fpm.pid
error_log = /var/log/fpm.log
[www]
user = www-data
group = www-data
listen = /run/fpm.sock
pm = static
pm.max_children = 2
"""}),
]

# Sends a request to a port and prints the answer.
ASK = """
import socket, sys
kind, port, request = sys.argv[1:]
s = socket.create_connection(("127.0.0.1", int(port)), 20) if kind == "tcp" else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
if kind == "udp":
    s.connect(("127.0.0.1", int(port)))
s.sendall(request.encode().decode("unicode_escape").encode("latin-1"))
print(ascii(s.recv(4096).decode("latin-1")))
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


def running(place, daemon):
    """The main process, or None."""
    found = re.search(r" start/running, process (\d+)$", place.machine.status(daemon.name), re.M)
    return int(found[1]) if found else None


def main_of(place, daemon):
    """The pid that init says is main, and it is the daemon."""
    def serves():
        pid = running(place, daemon)
        return pid if pid and all(pid in place.listeners(port) for port in daemon.ports) else None

    def why():
        return (f"{daemon.name} to listen; {place.machine.status(daemon.name)}, {[place.listeners(p) for p in daemon.ports]},"
                f" {place.machine.log_of(daemon.name)}, {place.machine.kmsg()[-2000:]}")

    try:
        pid = wait_for(serves, "it")
    except AssertionError:
        raise AssertionError(why()) from None
    if daemon.pidfile:
        text = lambda: place.path(daemon.pidfile).exists() and place.path(daemon.pidfile).read_text().strip()  # noqa: E731
        wait_for(lambda: text() == str(pid), f"{pid} in {daemon.pidfile}, it has {text()}")
    # Its pid file may be there before the one that made it has ended.
    wait_for(lambda: place.parent(pid) == 1, f"{pid} to be the child of 1, not of {place.parent(pid)}")
    if daemon.ask:
        port, request, answer = daemon.ask
        said = place.ask(port, request)
        assert answer in said, said
    return pid


def ways():
    """Each daemon by its own `expect`, by its pid file, and as one that goes into the background somehow."""
    for daemon in DAEMONS_OF_DEBIAN:
        own = re.search(r"^expect (.*)\n", daemon.job, re.M)[1]
        others = [f"pidfile {daemon.pidfile}"] + (["exit"] if own in ("fork", "daemon") else [])
        for way in [own, *others]:
            yield pytest.param(dataclasses.replace(daemon, job=daemon.job.replace(f"expect {own}\n", f"expect {way}\n")),
                               id=f"{daemon.name}-{way.split()[0]}")


@pytest.mark.parametrize("daemon", ways())
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
    done = machine.command(INITCTL, "start", daemon.name, timeout=120)
    assert done.returncode == 0, done.stderr + machine.log_of(daemon.name) + machine.kmsg()
    first = main_of(place, daemon)
    machine.command("kill", "-KILL", str(first))
    try:
        wait_for(lambda: running(place, daemon) not in (None, first), "another pid")
    except AssertionError:
        raise AssertionError(f"{first} killed: {machine.status(daemon.name)}\n{machine.log_of(daemon.name)}\n{machine.kmsg()}\n"
                             f"{place.sh('ps -eo pid,ppid,pgid,sid,stat,wchan,args')}") from None
    second = main_of(place, daemon)
    assert second != first
    assert machine.ctl("stop", daemon.name) == f"{daemon.name} stop/waiting\n"
    left = lambda: {pid: (folder / "cmdline").read_bytes() for pid, folder in place.processes().items() if pid not in before}  # noqa: E731
    assert left() == {}
    assert "it should say" not in machine.kmsg() and "less often than expected" not in machine.kmsg()
