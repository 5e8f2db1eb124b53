# SPDX-License-Identifier: MIT
"""docs/dbus.md: its programs are run, and print what it says."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import LIMIT, ROOT, WATCHES

CHAPTER = (ROOT / "docs" / "dbus.md").read_text()
PYTHON = "/usr/bin/python3"
# Where Debian's packages of Go libraries lie; GOPATH may name another place.
GODBUS = "src/github.com/godbus/dbus"

pytestmark = pytest.mark.skipif(not WATCHES, reason="sockets of this platform have other addresses")


def program(name):
    """A program of the page, and what the page says that it prints."""
    found = re.search(rf"^```\w+\n((?:#|//) {re.escape(name)}\n.*?)^```$(.*?)(?=^## |^```\w+\n(?:#|//) )", CHAPTER, re.M | re.S)
    prints = re.search(r"^It prints\n\n```text\n(.*?)^```$", found[2], re.M | re.S)
    return found[1], prints and prints[1]


@pytest.fixture
def web(session):
    session.job("web", "exec sleep 1000\n")
    session.wait_job("web")
    return session


def needs(*modules):
    done = subprocess.run([PYTHON, "-c", "import " + ", ".join(modules)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("name, modules", [("start.py", ["dbus"]), ("glib.py", ["gi.repository.Gio"])])
def test_python_prints_what_the_page_says(web, name, modules):
    needs(*modules)
    text, prints = program(name)
    done = web.command(PYTHON, "-c", text)
    assert (done.stdout, done.stderr, done.returncode) == (prints, "", 0)


def test_python_watches(web):
    needs("dbus.mainloop.glib", "gi.repository.GLib")
    watcher = subprocess.Popen([PYTHON, "-c", program("watch.py")[0]], env=web.env, stdout=subprocess.PIPE, text=True)
    try:
        assert watcher.stdout.readline() == "watching\n"
        web.ctl("start", "web")
        web.ctl("emit", "enough", "A=1")
        lines = watcher.communicate(timeout=LIMIT)[0].splitlines()
    finally:
        watcher.kill()
    assert lines[0] == "web starting" and "web running" in lines and "event started JOB=web INSTANCE=" in lines
    assert lines[-1] == "event enough A=1" and watcher.returncode == 0


def test_go_prints_what_the_page_says(web):
    go = shutil.which("go") or pytest.skip("there is no Go")
    path = os.environ.get("GOPATH", "/usr/share/gocode")
    if not (pathlib.Path(path) / GODBUS).is_dir():
        pytest.skip("there is no godbus")
    text, prints = program("upstart.go")
    source = web.path / "upstart.go"
    source.write_text(text)
    web.env.update({"GOPATH": path, "GO111MODULE": "off", "GOCACHE": str(web.path / "cache"), "GOFLAGS": "", "HOME": str(web.path),
                    **{name: os.environ[name] for name in ("GOROOT", "PATH") if name in os.environ}})
    done = web.command(go, "run", source, timeout=10 * LIMIT)
    assert (done.stdout, done.stderr, done.returncode) == (prints, "", 0)


def commands():
    for block in re.findall(r"^```console\n(.*?)^```$", CHAPTER, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def test_shell_prints_what_the_page_says(web):
    for command, output in commands():
        tool = command.split()[0]
        if not shutil.which(tool):
            pytest.skip("there is no " + tool)
        done = web.command("sh", "-c", f"exec 2>&1; {command}")
        assert done.stdout.rstrip() == output.rstrip(), command


def test_paths_are_as_the_page_says(web):
    web.job("net/eth-0", "instance $N\nexec sleep 1000\n")
    web.wait_job("net/eth-0")
    done = web.command("dbus-send", "--peer=" + web.address, "--print-reply=literal", "/com/ubuntu/Upstart",
                       "com.ubuntu.Upstart0_6.GetJobByName", "string:net/eth-0")
    assert done.stdout.strip() == "/com/ubuntu/Upstart/jobs/net_2feth_2d0"
