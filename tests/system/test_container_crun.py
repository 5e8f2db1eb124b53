# SPDX-License-Identifier: MIT
"""Containers of crun, as root and rootless, with a read-only root that holds the installation and a few programs. The Dockerfile of the
chapter is followed line by line."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import BUILD, LIMIT, ROOT, wait_for

INSTALLED = BUILD / "root"
NOBODY = 65534
CHAPTER = (ROOT / "docs" / "containers.md").read_text().partition("## A whole Debian")[0]
PROGRAMS = ("sh", "sleep", "cat", "id", "touch", "tar", "rm", "ls")
# crun wants one hierarchy of control groups; the machine may have both kinds.
AROUND = "umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; exec \"$@\""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(shutil.which("crun") is None, reason="there is no crun"),
    pytest.mark.skipif(not (INSTALLED / "sbin/init").exists(), reason="there is no installation in the build folder"),
]


def small_root(root):
    """Programs of this machine with their libraries, and those that the installation needs."""
    files = [pathlib.Path(shutil.which(name)) for name in PROGRAMS]
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "proc", "dev", "sys", "run", "tmp", "etc/init"):
        (root / folder).mkdir(parents=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for file in files:
        shutil.copy(file, root / "bin")
    for file in [*files, *INSTALLED.glob("sbin/init*"), *INSTALLED.glob("usr/lib/upstart/upstart-*")]:
        said = subprocess.run(["ldd", file], capture_output=True, text=True, timeout=LIMIT).stdout
        for library in re.findall(r"(/\S+) \(0x", said):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])


class Box:
    """A bundle, and crun."""

    def __init__(self, path, user):
        self.path = path
        self.root = path / "root"
        self.root.mkdir()
        self.user = user
        self.name = f"upstart-{os.getpid()}-{path.name}"
        self.process = None
        small_root(self.root)

    def install(self):
        with subprocess.Popen(["tar", "-C", INSTALLED, "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-C", self.root, "--keep-directory-symlink", "-xf", "-"], stdin=tar.stdout, check=True, timeout=LIMIT)
        for file in (self.root / "etc/init").glob("*.conf"):
            file.unlink()

    def job(self, name, text):
        (self.root / "etc/init" / f"{name}.conf").write_text(text)

    def crun(self, *words):
        return ["unshare", "--mount", "sh", "-c", AROUND, "sh", *(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
                if self.user else []), "crun", "--root", str(self.path / "state"), "--cgroup-manager=disabled", *words]

    def run(self, *args, env=("container=oci",)):
        allowed = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_CHROOT"]
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                  {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}]
        config = {"ociVersion": "1.0.0", "hostname": "box", "root": {"path": str(self.root), "readonly": True}, "mounts": mounts,
                  "process": {"user": {"uid": 0, "gid": 0}, "args": list(args), "cwd": "/", "noNewPrivileges": True,
                              "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *env],
                              "capabilities": {kind: allowed for kind in ("bounding", "effective", "permitted")}},
                  "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]}}
        if self.user:
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": NOBODY, "size": 1}]
        (self.path / "config.json").write_text(json.dumps(config))
        if self.user:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.path], check=True, timeout=LIMIT)
        with open(self.path / "out", "wb") as out, open(self.path / "err", "wb") as err:
            self.process = subprocess.Popen(self.crun("run", "--bundle", str(self.path), self.name), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.path)})

    def inside(self, *words):
        return subprocess.run(self.crun("exec", self.name, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT, env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.path)})

    def kill(self, name):
        subprocess.run(self.crun("kill", self.name, name), check=True, timeout=LIMIT, env={"PATH": os.environ["PATH"],
                       "XDG_RUNTIME_DIR": str(self.path)})

    def out(self):
        return (self.path / "out").read_text()

    def err(self):
        return (self.path / "err").read_text()

    def ends(self):
        return self.process.wait(2 * LIMIT)

    def clear(self):
        if self.process and self.process.poll() is None:
            subprocess.run(self.crun("kill", self.name, "KILL"), check=False, capture_output=True, timeout=LIMIT)
            self.process.wait(LIMIT)


@pytest.fixture(params=["root", "rootless"])
def box(request):
    with tempfile.TemporaryDirectory(prefix="upstart-crun-") as scratch:
        os.chmod(scratch, 0o755)
        path = pathlib.Path(scratch) / "box"
        path.mkdir()
        made = Box(path, request.param == "rootless")
        yield made
        made.clear()


def test_a_container_of_crun(box):
    """It starts, logs, reaps, re-executes, and `crun kill` ends it in order."""
    box.install()
    box.job("db", "start on startup\nrespawn\nexec sh -c 'echo db is up as $(id -u); exec sleep 1000'\n")
    box.job("web", "start on started db\nstop on stopping db\npost-stop exec sh -c 'echo web is gone'\nexec sh -c 'echo web is up; exec sleep 1000'\n")
    box.job("leaves", "task\nexec sh -c 'for i in 1 2 3; do (sleep 0.1 &); done'\n")
    box.run("/sbin/init", "--no-log", "--log-stdout")
    said = ["db: db is up as 0", "web: web is up"]
    wait_for(lambda: sorted(box.out().splitlines()) == said or box.process.poll() is not None, "the jobs")
    assert box.process.poll() is None, box.err()

    def lines():
        return sorted(re.sub(r"process \d+", "process N", line) for line in box.inside("/sbin/initctl", "list").stdout.splitlines())
    jobs = ["db start/running, process N", "leaves stop/waiting", "web start/running, process N"]
    wait_for(lambda: lines() == jobs, "all to run")
    pids = box.inside("/sbin/initctl", "status", "db").stdout
    assert box.inside("/sbin/initctl", "start", "leaves").returncode == 0
    count = "for p in /proc/[0-9]*; do read -r a b c rest <$p/stat && echo $b $c; done 2>/dev/null"
    wait_for(lambda: "(sleep) Z" not in (said := box.inside("sh", "-c", count).stdout) and said.count("(sleep)") == 2, "orphans to be reaped")
    assert box.inside("/sbin/telinit", "u").returncode == 0
    wait_for(lambda: lines() == jobs, "the next image")
    assert box.inside("/sbin/initctl", "status", "db").stdout == pids
    assert box.inside("touch", "/etc/x").returncode != 0  # the root is read-only, and /run with it
    box.kill("TERM")
    assert box.ends() == 0, box.err()
    assert box.out().splitlines()[-1] == "web: web is gone"


def test_crun_ends_with_its_job(box):
    box.install()
    box.job("app", "start on startup\nexec sh -c 'echo works; exit 9'\n")
    box.run("/sbin/init", "--container", "--no-log", "--log-stdout", "--exit-with=app", env=())
    assert box.ends() == 9, box.err()
    assert box.out() == "app: works\n"


def needed_packages():
    """Debian's, of the libraries that all that is installed was linked with itself, but what each Debian has."""
    names = {name for file in [*INSTALLED.glob("sbin/*"), *INSTALLED.glob("usr/lib/upstart/*")]
             for name in re.findall(r"NEEDED +(\S+)", subprocess.run(["objdump", "-p", file], capture_output=True, text=True).stdout)}
    always = {"libc6", "libmount1", "libblkid1", "libsystemd0"}  # those of util-linux and apt
    found = subprocess.run(["dpkg", "-S", *(f"/lib/x86_64-linux-gnu/{name}" for name in names),
                            *(f"/usr/lib/x86_64-linux-gnu/{name}" for name in names)], capture_output=True, text=True).stdout
    return {line.partition(":")[0] for line in found.splitlines()} - always


def test_the_dockerfile_of_the_chapter(box):
    """COPY and RUN make the root, ENTRYPOINT runs in it, STOPSIGNAL ends it."""
    dockerfile = re.search(r"^```Dockerfile\n(.*?)^```", CHAPTER, re.M | re.S)[1]
    context = box.path / "context"
    context.mkdir()
    # What `make install DESTDIR=…` has made; all but what a container of this test has no use for.
    subprocess.run(["tar", "-C", INSTALLED, "-cf", context / "upstart.tar", "."], check=True, timeout=LIMIT)
    for name, text in re.findall(r"^```upstart\n# (\w+)\.conf\n(.*?)^```$", CHAPTER, re.M | re.S):
        (context / f"{name}.conf").write_text(text)
    entry = None
    for line in dockerfile.splitlines():
        word, _, rest = line.partition(" ")
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                shutil.copy(context / name, box.root / target[1:])
        elif word == "RUN" and rest.startswith("apt-get"):
            packages = rest.split("recommends ")[1].split()  # in the root already
        elif word == "RUN":
            subprocess.run(["chroot", box.root, "/bin/sh", "-c", rest], check=True, timeout=LIMIT,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        elif word == "ENTRYPOINT":
            entry = json.loads(rest)
        else:
            assert (word, rest) in (("FROM", "debian:bookworm-slim"), ("STOPSIGNAL", "SIGTERM")), line
    assert not (box.root / "upstart.tar").exists() and (box.root / "etc/init/app.conf").exists()
    assert (box.root / "sbin").is_symlink()  # as it was: what else lies there is there still
    if shutil.which("dpkg"):
        assert needed_packages() <= set(packages)
    box.run(*entry, env=())
    assert box.ends() == 0, box.err()
    wanted = re.search(r"^```text\n(.*?)^```$", CHAPTER, re.M | re.S)[1]
    assert sorted(box.out().splitlines()) == sorted(wanted.splitlines())
