# SPDX-License-Identifier: MIT
"""A running init for system tests.

UPSTART_BUILD names the build folder (default: build); init finds its servants there.

`session` starts `init --user` in a folder of its own, `pid1` an init as process 1 of a PID namespace (root only). Both give an
Init: write job files, run initctl, wait for conditions. Nothing here sleeps for a fixed time: everything waits for something,
with a deadline that only a broken init meets.
"""

import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from waiting import until, wait_for  # noqa: E402,F401

BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
INIT = BUILD / "src" / "init" / "init"
AWAIT = BUILD / "tests" / "system" / "programs" / "await"  # for scripts of jobs: until a file is there
INITCTL = BUILD / "src" / "initctl" / "initctl"
LIMIT = 30  # seconds until something counts as hung

MANAGER = "com.ubuntu.Upstart0_6"
INSTANCE = "com.ubuntu.Upstart0_6.Instance"


def process_state(pid):
    """The letter of /proc/PID/stat, or None when there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def is_alive(pid):
    return process_state(pid) not in (None, "Z", "X")


def own_group():
    """The directory of the cgroup v2 we are in, or None."""
    try:
        mounts = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
        group = next(line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    if not mounts or not group.startswith(mounts[0][3]):
        return None
    return pathlib.Path(mounts[0][4] + group[len(mounts[0][3].rstrip("/")):])


def pytest_configure(config):
    config.begun = time.time()


def pytest_unconfigure(config):
    """Process 1 of a namespace that has the machine's files leaves its core in their root: not for good."""
    core = pathlib.Path("/core")
    try:
        if os.geteuid() == 0 and core.is_file() and core.stat().st_mtime >= config.begun:
            core.unlink()
    except FileNotFoundError:
        pass  # another run of tests has


def clear_groups():
    """Remove control groups of inits that were killed; a live one holds a lock."""
    for base in own_group().glob("upstart*") if own_group() else []:
        try:
            fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for folder, _, _ in os.walk(base, topdown=False):
                os.rmdir(folder)
        except OSError:
            pass  # somebody is there
        os.close(fd)


def pytest_sessionfinish():
    clear_groups()


class Init:
    """One init, its folder and its clients."""

    def __init__(self, path):
        self.path = path
        self.conf = path / "conf"
        self.log = path / "log"
        self.out = path / "init.out"
        self.prefix = []  # in front of commands: nsenter
        self.address = None
        self.process = None
        for name in ("conf", "log", "run", "home"):
            (path / name).mkdir(exist_ok=True)
        (path / "run").chmod(0o700)
        self.env = {"PATH": f"{path}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "linux", "LC_ALL": "C", "HOME": str(path / "home"),
                    "XDG_RUNTIME_DIR": str(path / "run"), "XDG_CONFIG_HOME": str(path / "home/.config"),
                    "XDG_CACHE_HOME": str(path / "home/.cache"), "XDG_CONFIG_DIRS": str(path / "home/xdg"),
                    "UPSTART_NO_SYSTEM_USERCONFDIR": "1"}
        (path / "bin").mkdir(exist_ok=True)
        for name in ("initctl", "start", "stop", "restart", "reload", "status", "emit"):
            link = path / "bin" / name
            if not link.is_symlink():
                link.symlink_to(INITCTL)

    # -- files

    def job(self, name, text):
        """Write a job file as editors do: whole, then renamed into place."""
        target = self.conf / f"{name}.conf"
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".new")
        draft.write_text(text)
        draft.rename(target)
        return target

    def log_of(self, name):
        try:
            return (self.log / f"{name}.log").read_text()
        except OSError:
            return ""

    def messages(self):
        return self.out.read_text(errors="replace")

    # -- clients

    def command(self, *words, **options):
        options.setdefault("timeout", LIMIT)
        return subprocess.run([*self.prefix, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              **options)

    def ctl(self, *words):
        """initctl that must work; its output."""
        done = self.command(INITCTL, *words)
        assert done.returncode == 0, f"initctl {' '.join(words)}: {done.stderr}\n{self.messages()}"
        return done.stdout

    def background(self, *words):
        """An initctl that waits: a Popen."""
        return subprocess.Popen([*self.prefix, INITCTL, *words], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def status(self, *words):
        return self.ctl("status", *words).strip()

    def pid_of(self, *words):
        """The main process of a job, as seen from its init."""
        return int(self.status(*words).partition("\n")[0].rpartition(" ")[2])

    def wait_status(self, name, wanted):
        wait_for(lambda: wanted in self.status(name), lambda: f"{name} to be {wanted}, it is {self.status(name)}")

    def jobs(self):
        """Names of all jobs, once for each instance."""
        if not WATCHES:
            self.ctl("reload-configuration")
        return [line.split()[0] for line in self.ctl("list").splitlines() if not line.startswith("\t")]

    def wait_job(self, name, present=True):
        wait_for(lambda: (name in self.jobs()) == present, f"job {name} to be {'there' if present else 'gone'}")

    def wait_jobs(self, count):
        wait_for(lambda: len(self.jobs()) == count, f"{count} jobs")

    # -- the processes

    @property
    def pid(self):
        """init's pid as this test sees it."""
        return self.process.pid

    def servants(self):
        """name -> pid of the running servants, as this test sees them."""
        found = {}
        for child in self.children():
            try:
                name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
            except OSError:
                continue
            if name.startswith("upstart-") and is_alive(child):
                found[name] = child
        return found

    def children(self):
        try:
            return [int(p) for p in pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def wait_servants(self):
        def all_of_them():
            found = self.servants()
            return found if len(found) == SERVANTS else None

        return wait_for(all_of_them, "all servants")

    def answers(self):
        return self.command(INITCTL, "version").returncode == 0


# A build for a platform with POSIX only has no spawner, and is told of changed files by reloads only.
SERVANTS = 3 if (BUILD / "src" / "spawner" / "upstart-spawner").exists() else 2
WATCHES = SERVANTS == 3


class Session(Init):
    """`init --user`."""

    program = INIT
    user = None  # number of another than ours

    def start(self, *options, inherit=False, startup=False, confdir=True, env=None, pass_fds=()):
        words = [self.program, "--user"]
        words += ["--logdir", self.log] if self.log else []
        words += ["--confdir", self.conf] if confdir else []
        words += [] if inherit else ["--no-inherit-env"]
        words += [] if startup else ["--no-startup-event"]
        with open(self.out, "ab") as out:
            self.process = subprocess.Popen([*words, *options], env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, cwd=self.path, start_new_session=True, pass_fds=pass_fds, user=self.user, group=self.user,
                                            extra_groups=[] if self.user else None)
        self.find()
        wait_for(self.answers, "init to answer")
        return self

    def find(self):
        """The address, from the session's file."""
        file = self.path / "run" / "upstart" / "sessions" / f"{self.process.pid}.session"
        wait_for(lambda: file.exists() and file.read_text().endswith("\n"), "the session file")
        self.address = file.read_text().strip().partition("=")[2]
        self.env["UPSTART_SESSION"] = self.address
        return file

    def bus(self):
        """A D-Bus connection of python-dbus."""
        connection = pytest.importorskip("dbus.connection")
        return connection.Connection(self.address)

    def manager(self, connection):
        import dbus
        return dbus.Interface(connection.get_object("com.ubuntu.Upstart", "/com/ubuntu/Upstart", introspect=False), MANAGER)

    def end(self):
        """Ask it to end; its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def kill_all(self):
        """Whatever the test has left: init and what hangs from it."""
        family = []
        todo = [self.process.pid] if self.process else []
        while todo:
            pid = todo.pop()
            family.append(pid)
            try:
                todo += [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                pass
        if self.process and self.process.poll() is None:
            for pid in family:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            self.process.wait(LIMIT)


PREPARE = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs "$D/dev"
for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 ptmx:5:2; do
    IFS=: read -r name major minor <<EOF
$n
EOF
    mknod -m 666 "$D/dev/$name" c "$major" "$minor"
done
mkdir "$D/dev/pts" "$D/dev/shm"
[ -z "$PTS" ] || mount -t devpts -o mode=0620 devpts "$D/dev/pts"
: > "$D/dev/console"
: > "$D/dev/kmsg"
[ -z "$BARE" ] || umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
mount --move "$D/dev" /dev
exec "$@"
"""


class Machine(Init):
    """init as process 1 of PID, mount and network namespaces, with a /dev of its own."""

    program = INIT
    wrapper = None  # what executes it; None: nothing does

    def start(self, *options, startup=False, confdir=True, env=None):
        (self.path / "dev").mkdir(exist_ok=True)
        words = [self.wrapper or self.program, "--logdir", self.log, *(["--confdir", self.conf] if confdir else []), *([] if startup else ["--no-startup-event"])]
        with open(self.out, "ab") as out:
            self.shell = subprocess.Popen(
                ["unshare", "--fork", "--pid", "--mount", "--net", "--mount-proc", "--kill-child", "sh", "-c", PREPARE, "sh", *words,
                 *options], env={**self.env, "container": "", "D": str(self.path), "PTS": "" if WATCHES else "yes", **(env or {})},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", start_new_session=True)
        self.one = wait_for(self.find, "init as process 1")
        self.prefix = ["nsenter", "-t", str(self.one), "-m", "-p", "-n"]
        wait_for(self.answers, "init to answer")
        return self

    def find(self):
        kids = pathlib.Path(f"/proc/{self.shell.pid}/task/{self.shell.pid}/children")
        try:
            kid = int(kids.read_text().split()[0])
            return kid if os.path.realpath(f"/proc/{kid}/exe") == os.path.realpath(self.program) else None
        except (OSError, IndexError):
            return None

    @property
    def pid(self):
        return self.one

    def kmsg(self):
        """What init has said to the kernel's log, or to the console where there is none."""
        name = "kmsg" if WATCHES else "console"
        return pathlib.Path(f"/proc/{self.one}/root/dev/{name}").read_text(errors="replace")

    def kill_all(self):
        if self.shell.poll() is None:
            os.kill(self.shell.pid, signal.SIGKILL)
        self.shell.wait(LIMIT)


@pytest.fixture
def make_session(tmp_path):
    """make_session(): a Session that is not started; several may be made."""
    made = []

    def make():
        path = tmp_path / f"session{len(made)}"
        path.mkdir()
        made.append(Session(path))
        return made[-1]

    if not INIT.exists() or not INITCTL.exists():
        pytest.skip("init is not built")
    yield make
    for session in made:
        session.kill_all()


@pytest.fixture
def session(make_session):
    """A running session init without jobs."""
    return make_session().start()


@pytest.fixture
def make_pid1(tmp_path):
    made = []

    def make():
        path = tmp_path / f"machine{len(made)}"
        path.mkdir()
        made.append(Machine(path))
        return made[-1]

    if not INIT.exists() or not INITCTL.exists():
        pytest.skip("init is not built")
    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    yield make
    for machine in made:
        machine.kill_all()


@pytest.fixture
def pid1(make_pid1):
    """A running init that is process 1, without jobs."""
    return make_pid1().start()
