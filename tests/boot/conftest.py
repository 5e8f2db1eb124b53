# SPDX-License-Identifier: MIT
"""A machine in QEMU whose process 1 is ours.

UPSTART_BUILD names the build folder (default: build), with an installation in its root/. The kernel and a busybox are unpacked
into a cache once (tools/fetch-kernel). With UPSTART_TEST_BOOT=once, as in make check, one boot is all, and nothing is fetched for it. The machine's root is an archive in memory: what is installed, its libraries, busybox, and
the job files of the test. A job of the test's (`agent`) runs a shell on the second serial line, over which the test gives
commands; it is supervised like any other, so that it shows what survives.
"""

import base64
import gzip
import json
import os
import pathlib
import re
import select
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from waiting import wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
LIMIT = 120  # seconds until something counts as hung; a loaded machine emulates slowly
ONCE = os.environ.get("UPSTART_TEST_BOOT") == "once"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "upstart"
RECORD = "/run/boot.record"
REPLAY = BUILD / "src" / "replay" / "upstart-replay"

AGENT = """#!/bin/sh
exec <>/dev/ttyS1 >&0 2>&1
stty raw -echo
while read -r line; do
	out=$(eval "$line" 2>&1 </dev/null)
	printf '<%s>%s<%d>\\n' "$$" "$out" $?
done
"""


# Slow, but the same everywhere; kvm where somebody knows that it works.
ACCELERATION = ["-accel", os.environ.get("UPSTART_TEST_ACCEL", "tcg")]


class Archive:
    """A cpio archive (newc) as the kernel unpacks it, with device nodes that need no privilege to make."""

    def __init__(self):
        self.parts = []
        self.names = set()

    def _add(self, name, mode, data=b"", major=0, minor=0):
        name = name.strip("/")
        if name in self.names:
            return
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(encoded), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + encoded
        self.parts += [head + b"\0" * (-len(head) % 4), data + b"\0" * (-len(data) % 4)]

    def folder(self, name, mode=0o755):
        self._add(name, stat.S_IFDIR | mode)

    def text(self, name, text, mode=0o644):
        self.data(name, text.encode(), mode)

    def data(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, major=major, minor=minor)

    def program(self, name, path):
        """A program with the libraries it needs."""
        self._add(name, stat.S_IFREG | 0o755, pathlib.Path(path).read_bytes())
        needs = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", needs):
            self._add(library, stat.S_IFREG | 0o755, pathlib.Path(library).read_bytes())

    def tree(self, path):
        """All that is installed below `path`, at its place."""
        for item in sorted(path.rglob("*")):
            name = str(item.relative_to(path))
            if item.is_symlink():
                self.link(name, os.readlink(item))
            elif item.is_dir():
                self.folder(name)
            elif item.read_bytes()[:4] == b"\x7fELF":
                self.program(name, item)
            else:
                self._add(name, stat.S_IFREG | (item.stat().st_mode & 0o777), item.read_bytes())

    def write(self, path):
        self._add("TRAILER!!!", 0)
        path.write_bytes(b"".join(self.parts))


class Machine:
    """One machine: give it job files, boot it, give it commands."""

    limit = LIMIT
    kernel_console = "ttyS0"

    def __init__(self, path, cache, name):
        self.path = path
        self.cache = cache
        self.name = name
        self.boots = 0
        self.disk = path / "disk"
        self.jobs = {"agent": "start on startup\nrespawn\nrespawn limit unlimited\nexec /bin/agent\n"}
        self.texts = {}
        self.programs = {}
        self.drives = []  # files that it has as /dev/nvme1n1 and so on, or from 0 on without a disk for the root
        self.process = self.line = self.monitor = self.keyboard = None
        self.agent = None  # pid of the shell that answered last
        self.read = b""
        self.asked = 0  # how often whether the agent is there

    def job(self, name, text):
        self.jobs[name] = text

    def text(self, path, text, mode=0o644):
        """A file of the machine's; text or bytes."""
        self.texts[path] = text, mode

    def module(self, name):
        """The path of a module of the kernel's in the machine."""
        path = next(self.cache.glob(f"modules/*/kernel/**/{name}.ko"))
        self.text(f"lib/{name}.ko", path.read_bytes())
        return f"/lib/{name}.ko"

    def drive(self, name, size="64M"):
        """One more disk, with an empty file system; the first is /dev/nvme1n1."""
        path = self.path / name
        subprocess.run(["mke2fs", "-q", "-t", "ext4", path, size], check=True, capture_output=True)
        self.drives.append(path)
        return path

    def stall(self, number, yes=True):
        """From now on that one of the drives answers nothing, for all practical purposes, or does so again."""
        limits = dict.fromkeys(("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        self._control("block_set_io_throttle", device=f"drive{number}", bps=int(yes), **limits)

    def program(self, path, own):
        """A program of ours, with the libraries it needs."""
        self.programs[path] = own

    def boot(self, *words):
        """Start it, `words` on the kernel's command line, and wait for the agent."""
        self._pack()
        self.start("rdinit=/sbin/init", *words)
        self.answers()
        return self

    def boot_disk(self, *words, mode="rw"):
        """The same with its root on a disk, which is there again the next time."""
        self.start_disk(*words, mode=mode)
        self.answers()
        return self

    def start_disk(self, *words, mode):
        """Begin that, without waiting for the agent."""
        if not self.disk.exists():
            self._pack()
            root = self.path / "root"
            root.mkdir()
            with open(self.path / "root.cpio", "rb") as archive:
                subprocess.run([self.cache / "busybox", "cpio", "-id"], cwd=root, stdin=archive, check=True, capture_output=True)
            subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, self.disk, "128M"], check=True, capture_output=True)
            shutil.rmtree(root)
        device = ["-drive", f"if=none,id=disk,format=raw,file={self.disk}", "-device", "nvme,drive=disk,serial=1"]
        self.start(f"root=/dev/nvme0n1 rootwait {mode} init=/sbin/init", *words, extra=device, initrd=False)

    def disk_state(self, disk=None):
        """What the file system of the disk says of itself."""
        head = subprocess.run(["dumpe2fs", "-h", disk or self.disk], capture_output=True, text=True, check=True).stdout
        state = re.search(r"Filesystem state: +(.*)", head)[1]
        return state + (", needs recovery" if "needs_recovery" in head else "")

    def disk_text(self, path, disk=None):
        """A file on a disk, of the root if none is given, while the machine is off."""
        return subprocess.run(["debugfs", "-R", f"cat {path}", disk or self.disk], capture_output=True, text=True, check=True).stdout

    def _pack(self):
        archive = Archive()
        archive.tree(BUILD / "root")
        archive.program("bin/busybox", self.cache / "busybox")
        applets = subprocess.run([self.cache / "busybox", "--list"], capture_output=True, text=True, check=True).stdout
        for applet in applets.split():
            if applet not in ("init", "busybox"):
                archive.link(f"bin/{applet}", "busybox")
        for folder in ("dev", "proc", "sys", "run", "tmp", "root", "var/log/upstart", "etc/init"):
            archive.folder(folder)
        archive.device("dev/console", 5, 1)
        archive.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        archive.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
        archive.text("bin/agent", AGENT, 0o755)
        archive.text("run/utmp", "")
        archive.text("var/log/wtmp", "")
        archive.link("var/run", "/run")
        for path, own in self.programs.items():
            archive.program(path, own)
        for path, (text, mode) in self.texts.items():
            archive.data(path, text if isinstance(text, bytes) else text.encode(), mode)
        for name, text in self.jobs.items():
            archive.text(f"etc/init/{name}.conf", text)
        archive.write(self.path / "root.cpio")

    def start(self, *words, memory=256, extra=(), initrd=True):
        """Run QEMU with the archive root.cpio (unless told), `words` on the kernel's command line, and `extra` arguments."""
        for name in ("line", "monitor", "console", "keyboard"):
            (self.path / name).unlink(missing_ok=True)
        self.clean_up()
        self.boots += 1
        extra = [*extra]
        for i, drive in enumerate(self.drives):
            extra += ["-drive", f"if=none,id=drive{i},format=raw,file={drive}", "-device", f"nvme,drive=drive{i},serial=drive{i}"]
        words = [*words, *([] if "--" in words else ["--"]), f"--record={RECORD}"]
        self.line = self._listen("line")
        self.monitor = self._listen("monitor")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "pc", *ACCELERATION, "-m", str(memory), "-display", "none", "-nodefaults",
             "-no-user-config", "-no-reboot", "-kernel", self.cache / "vmlinuz",
             *(["-initrd", self.path / "root.cpio"] if initrd else []),
             "-chardev", f"socket,id=console,path={self.path}/keyboard,server=on,wait=off,logfile={self.path}/console",
             "-serial", "chardev:console", "-serial", f"unix:{self.path}/line", "-qmp", f"unix:{self.path}/monitor", *extra,
             # A loaded machine emulates the timer too late for the check of the kernel, which would panic.
             "-append", " ".join((f"console={self.kernel_console} panic=-1 loglevel=4 random.trust_cpu=on no_timer_check printk.devkmsg=on", *words))],
            stdin=subprocess.DEVNULL)
        self.read = b""
        self.line = self._accept(self.line)
        self.monitor = self._accept(self.monitor)
        self._control("qmp_capabilities")

    def _listen(self, name):
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self.path / name))
        server.listen(1)
        server.settimeout(self.limit)
        return server

    def _accept(self, server):
        with server:
            connection, _ = server.accept()
        connection.settimeout(self.limit)
        return connection

    def _control(self, command, **arguments):
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def answers(self):
        """Wait until the agent does; what it was asked before it was there may have been lost."""
        deadline = time.monotonic() + self.limit
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the machine is gone:\n{self.console()}"
            # Numbered: when the last is answered, nothing else is under way, however slow the machine is.
            self.asked += 1
            self.line.sendall(b"echo hel''lo%d\n" % self.asked)
            if self._match(rb"<(\d+)>hello%d<0>\n" % self.asked, 1):
                self.read = b""
                return
        raise AssertionError(f"no answer within {self.limit} s:\n{self.console()}")

    def _match(self, pattern, limit):
        deadline = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.read, re.DOTALL)
            if found:
                self.read = self.read[found.end():]
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.line], [], [], left)[0]:
                return None
            more = self.line.recv(65536)
            if not more:
                return None
            self.read += more

    def run(self, command, status=0):
        """What a shell command in the machine prints; it must end with `status` (None: any)."""
        self.line.sendall(command.encode() + b"\n")
        found = self._match(rb"<(\d+)>(.*?)<(\d+)>\n", self.limit)
        assert found, f"no answer to {command!r}; so far {self.read!r}\n{self.console()}"
        self.agent = int(found[1])
        out = found[2].decode()
        assert status is None or int(found[3]) == status, f"{command}: {out} (status {int(found[3])})\n{self.console()}"
        return out

    def wait(self, command, wanted):
        """Repeat a command until it prints what is wanted."""
        deadline = time.monotonic() + self.limit
        while True:
            out = self.run(command, None)
            if re.search(wanted, out):
                return out
            assert time.monotonic() < deadline, f"{command}: {out!r} is not {wanted!r}\n{self.console()}"

    def folder(self):
        """Where this boot leaves what it leaves."""
        folder = BUILD / "boots" / f"{self.name}-{self.boots}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def fetch(self, command):
        """The bytes that a shell command in the machine prints."""
        return gzip.decompress(base64.b64decode(self.run(f"{{ {command}; }} | gzip | base64")))

    def leave(self):
        """What every boot leaves in the build folder, to be looked at: its chart, a report, and a record of all that init did."""
        folder = self.folder()
        for name, command in (("chart.txt", "initctl chart"), ("chart.svg", "initctl chart --svg"), ("chart.json", "initctl chart --json"),
                              ("report.html", "initctl report --html"), ("record", f"cat {RECORD}")):
            (folder / name).write_bytes(self.fetch(command))
        told = json.loads((folder / "chart.json").read_text())
        runs = {run["run"]: run for run in told["runs"]}
        chain = [runs[step["run"]]["job"] for step in told["chain"]]
        assert chain, told
        text = (folder / "chart.txt").read_text()
        picture = ElementTree.parse(folder / "chart.svg").getroot()
        assert picture.tag.endswith("svg")
        shown = "".join(picture.itertext())
        for job in chain:
            assert job in text and job in shown, (job, text)
        report = (folder / "report.html").read_text()
        assert "<svg" in report and "http://" not in re.sub(r'xmlns[:\w]*="[^"]*"', "", report)
        replayed = subprocess.run([REPLAY, "--check", folder / "record"], capture_output=True, text=True)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        return told

    def type(self, text):
        """Enter it at the console."""
        if self.keyboard is None:
            self.keyboard = socket.socket(socket.AF_UNIX)
            self.keyboard.connect(str(self.path / "keyboard"))
            # What it says is in its log; here it is only taken, so that it never has to wait.
            threading.Thread(target=swallow, args=(self.keyboard,), daemon=True).start()
        self.keyboard.sendall(text.encode())

    def press(self, *keys):
        """Keys of the keyboard, all at once."""
        self._control("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    def plug_in(self, disk, driver, **more):
        """Bring a disk while the machine runs."""
        self._control("blockdev-add", **{"node-name": "late", "driver": "raw", "file": {"driver": "file", "filename": str(disk)}})
        self._control("device_add", driver=driver, drive="late", id="late", **more)

    def press_ctrl_alt_delete(self):
        self.press("ctrl", "alt", "delete")

    def console(self):
        try:
            return (self.path / "console").read_text(errors="replace")
        except OSError:
            return ""

    def wait_console(self, wanted):
        """Wait until the console says what is wanted."""
        wait_for(lambda: re.search(wanted, self.console()), lambda: f"somebody to say {wanted}:\n{self.console()}", self.limit,
                 self.path / "console")

    def wait_off(self):
        """Wait until the machine is off."""
        self.process.wait(self.limit)
        shutil.copy(self.path / "console", self.folder())

    def clean_up(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.wait_off()
        for s in (self.line, self.monitor, self.keyboard):
            if s is not None:
                s.close()
        self.line = self.monitor = self.keyboard = None


def swallow(connection):
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass


def pytest_configure(config):
    config.addinivalue_line("markers", "once: the boot that is done where there is time for one")


def pytest_collection_modifyitems(config, items):
    if not ONCE:
        return
    others = [item for item in items if item.get_closest_marker("once") is None]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


@pytest.fixture(scope="session")
def kernel():
    """The folder with the kernel and busybox."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("there is no qemu-system-x86_64")
    cache = pathlib.Path(os.environ.get("UPSTART_TEST_KERNEL", CACHE / "kernel"))
    if ONCE and not (cache / "modules").exists():
        pytest.skip(f"there is no kernel in {cache}: tools/fetch-kernel fetches it, or make check-long")
    done = subprocess.run([ROOT / "tools" / "fetch-kernel", cache], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    return cache


@pytest.fixture
def machine(kernel, tmp_path, request):
    made = Machine(tmp_path, kernel, re.sub(r"\W+", "-", request.node.name).strip("-"))
    yield made
    made.clean_up()
