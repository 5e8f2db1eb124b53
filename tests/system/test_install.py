# SPDX-License-Identifier: MIT
"""What `make install DESTDIR=D` makes, and that it runs from there, wherever that is and whoever runs it.

UPSTART_BUILD names the build folder (default: build); the installation in its `root` is copied to elsewhere.
"""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

from conftest import BUILD, LIMIT, SERVANTS, Session, wait_for
from conftest import ROOT as TOP

ROOT = BUILD / "root"
NOBODY = 65534

pytestmark = pytest.mark.skipif(not (ROOT / "sbin" / "init").exists(), reason="there is no installation in the build folder")


@pytest.fixture
def place():
    """A copy of the installation, which everybody can reach."""
    with tempfile.TemporaryDirectory(prefix="upstart-install-") as scratch:
        path = pathlib.Path(scratch)
        path.chmod(0o755)
        shutil.copytree(ROOT, path / "D", symlinks=True)
        yield path


@pytest.fixture
def make(place):
    made = []

    def make(user=None):
        path = place / f"session{len(made)}"
        path.mkdir()
        session = Session(path)
        session.program = place / "D" / "sbin" / "init"
        session.user = user
        for folder in [path, *path.rglob("*")] if user else []:
            os.chown(folder, user, user, follow_symlinks=False)
        made.append(session)
        return session

    yield make
    for session in made:
        session.kill_all()


def test_everything_is_where_it_belongs():
    for name in ("sbin/init", "sbin/initctl", "sbin/telinit", "sbin/shutdown", "sbin/reboot", "sbin/runlevel",
                 "usr/lib/upstart/service", "usr/lib/upstart/invoke-rc.d", "usr/lib/upstart/update-rc.d", "usr/lib/upstart/upstart-job",
                 "usr/lib/upstart/upstart-control", "usr/lib/upstart/upstart-logger",
                 *(["usr/lib/upstart/upstart-spawner"] if SERVANTS == 3 else [])):
        assert os.access(ROOT / name, os.X_OK), name
    for name in ("start", "stop", "restart", "reload", "status"):
        assert os.readlink(ROOT / "sbin" / name) == "initctl"
    for name in ("halt", "poweroff"):
        assert os.readlink(ROOT / "sbin" / name) == "reboot"
    assert os.readlink(ROOT / "usr/lib/init/upstart-job") == "/usr/lib/upstart/upstart-job"
    for name in ("etc/init/rc.conf", "usr/lib/lsb/init-functions.d/40-upstart", "usr/share/dbus-1/system.d/Upstart.conf", "usr/share/man/man8/init.8", "usr/include/upstart/upstart.h"):
        assert (ROOT / name).is_file(), name
    assert stat.S_IMODE((ROOT / "var/log/upstart").stat().st_mode) == 0o755
    for path in ROOT.rglob("*"):
        assert path.is_symlink() or not path.stat().st_mode & 0o022, f"{path} may be changed by others"


@pytest.mark.skipif(shutil.which("meson") is None, reason="there is no meson")
@pytest.mark.parametrize("option,name,where", [
    ("service_commands=true", "service", "/usr/sbin/service"), ("service_commands=true", "update-rc.d", "/usr/sbin/update-rc.d"),
    ("service_commands=true", "invoke-rc.d", "/usr/sbin/invoke-rc.d"), ("service_commands=false", "service", "/usr/lib/upstart/service"),
    ("jobs=machine", "cron.conf", "/etc/init/cron.conf"), ("jobs=minimal", "cron.conf", "/usr/share/upstart/machine/etc/init/cron.conf")])
def test_options_say_where(tmp_path_factory, option, name, where):
    """Nothing is built for that."""
    build = tmp_path_factory.getbasetemp() / option
    if not build.exists():
        layout = re.search(r"^LAYOUT = (.*)$", (TOP / "Makefile").read_text(), re.M)[1].split()
        subprocess.run(["meson", "setup", *layout, "-Dtests=false", f"-D{option}", build, TOP], check=True, capture_output=True, timeout=10 * LIMIT)
    told = json.loads(subprocess.run(["meson", "introspect", "--installed", build], check=True, capture_output=True, timeout=LIMIT).stdout)
    assert [path for path in told.values() if path.rpartition("/")[2] == name] == [where]



@pytest.mark.parametrize("user", [None, pytest.param(NOBODY, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root"))])
def test_it_runs_from_there(place, make, user):
    session = make(user)
    session.job("web", "exec sleep 1000\n")
    session.job("who", "task\nexec id -u\n")
    session.start()
    for name, pid in session.wait_servants().items():
        assert os.readlink(f"/proc/{pid}/exe") == str(place / "D/usr/lib/upstart" / name)

    def ctl(*words):
        done = subprocess.run([place / "D" / "sbin" / words[0], *words[1:]], env=session.env, capture_output=True, text=True,
                              timeout=LIMIT, user=user, group=user, extra_groups=[] if user else None)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    assert ctl("initctl", "list") == "web stop/waiting\nwho stop/waiting\n"
    assert ctl("start", "web") == f"web start/running, process {session.pid_of('web')}\n"
    assert ctl("start", "who") == "who stop/waiting\n"
    wait_for(lambda: session.log_of("who") == f"{user or os.getuid()}\n", "the job to say who it is")
    assert ctl("stop", "web") == "web stop/waiting\n"
    assert session.end() == 0


@pytest.mark.skipif(not shutil.which("pkg-config") or not shutil.which("cc"), reason="no pkg-config or no compiler")
def test_programs_find_the_library_by_pkg_config(place, make):
    installed = place / "D"
    pc = next(installed.rglob("libupstart.pc"))
    env = {"PATH": os.environ["PATH"], "PKG_CONFIG_LIBDIR": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libupstart"], env=env, capture_output=True, text=True, check=True).stdout
    source = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "libupstart" / "jobs.c"
    done = subprocess.run(["cc", "-std=c17", source, *flags.split(), "-o", place / "program"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    needed = subprocess.run(["readelf", "-d", place / "program"], capture_output=True, text=True, check=True).stdout
    assert "[libupstart.so.2]" in needed  # the name that goes with the versions of its symbols
    session = make()
    session.job("web", "exec sleep 1000\n")
    session.start()
    done = subprocess.run([place / "program", "web"], env={**session.env, "LD_LIBRARY_PATH": str(pc.parents[1])}, capture_output=True,
                          text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "web\n  [] start/running, main\n", "")


def test_programs_of_a_tree_call_those_of_the_tree(place):
    """Not what is installed on the machine: here everything but what is called is a stand-in that says its name and arguments."""
    sbin = place / "D" / "sbin"
    (place / "web.conf").write_text("exec sleep 1000\n")
    for name in "telinit", "init":
        (sbin / f"{name}.new").write_text('#!/bin/sh\ncase $1 in --version) echo "init (upstart 2)";; --help) echo "  --check FILE";; '
                                          f'*) echo this {name}: "$@";; esac\n')
        (sbin / f"{name}.new").chmod(0o755)

    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT)
        return done.returncode, done.stdout, done.stderr

    if os.geteuid() == 0:
        (sbin / "telinit.new").rename(sbin / "telinit")
        assert run(sbin / "init", "foo") == (0, "this telinit: foo\n", "")
    assert run(sbin / "init-checkconf", place / "web.conf") == (0, f"File {place}/web.conf: syntax ok\n", "")
    (sbin / "init.new").rename(sbin / "init")
    for program in sbin / "init-checkconf", place / "D" / "usr" / "bin" / "init-checkconf":
        status, out, err = run(program, "--debug", place / "web.conf")
        assert (status, err) == (0, "") and f"DEBUG: asking {sbin}/init about" in out
