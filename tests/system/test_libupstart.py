# SPDX-License-Identifier: MIT
"""libupstart as others use it: the example programs of the documentation, built against the header and the library."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, LIMIT, ROOT, wait_for
from test_reexec import restart

EXAMPLES = ROOT / "docs" / "examples" / "libupstart"
LIBRARY = BUILD / "src" / "libupstart"
SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(not shutil.which("cc") or not (LIBRARY / "libupstart.so").exists(), reason="no compiler or no library")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")

    def make(name):
        program = folder / name
        if not program.exists():
            done = subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{ROOT}/src/libupstart",
                                   EXAMPLES / f"{name}.c", f"-L{LIBRARY}", "-lupstart", f"-Wl,-rpath,{LIBRARY}", "-o", program],
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return program
    return make


def test_blocking_example_starts_and_lists(session, build):
    session.job("web", SLEEP)
    session.job("pool", "instance $N\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "pool", "N=one")
    done = session.command(build("jobs"), "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pool\n  [one] start/running, main\nweb\n  [] start/running, main\n" or \
        done.stdout == "web\n  [] start/running, main\npool\n  [one] start/running, main\n"
    again = session.command(build("jobs"), "web")
    assert (again.returncode, again.stderr) == (1, "jobs: Job is already running: web\n")
    unknown = session.command(build("jobs"), "nothing")
    assert (unknown.returncode, unknown.stderr) == (1, "jobs: Unknown job: nothing\n")


def test_event_loop_example_hears_and_is_answered(session, build):
    session.job("web", SLEEP)
    session.wait_job("web")
    done = session.command(build("watch"), "web")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "running: /com/ubuntu/Upstart/jobs/web/_" in lines
    assert [line for line in lines if line in ("web starting", "web running", "event starting")] == \
        ["web starting", "event starting", "web running"]


def test_event_loop_example_is_told_of_failure(session, build):
    session.job("bad", "pre-start exec false\n" + SLEEP)
    session.wait_job("bad")
    done = session.command(build("watch"), "bad")
    assert (done.returncode, done.stderr) == (1, "watch: Job failed to start\n")
    assert "doesn't exist" in session.command(build("watch"), "none").stderr


@pytest.mark.parametrize("what", ["control", "init"])
def test_request_in_an_event_loop_outlives_the_connection(session, build, what):
    session.job("slow", f"pre-start exec sh -c 'until test -e {session.path}/go; do sleep 0.05; done'\n" + SLEEP)
    session.wait_job("slow")
    watch = subprocess.Popen([build("watch"), "slow"], env=session.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "pre-start" in session.status("slow"), "pre-start")
    if what == "control":
        before = session.wait_servants()["upstart-control"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: session.servants().get("upstart-control", before) != before, "another control")
    else:
        restart(session)
    wait_for(session.answers, "an answer")
    (session.path / "go").touch()
    out, err = watch.communicate(timeout=LIMIT)
    assert (watch.returncode, err) == (0, "")
    assert out.count("running: /com/ubuntu/Upstart/jobs/slow/_\n") == 1
    assert session.status("slow").startswith("slow start/running")


def test_request_is_answered_when_init_has_gone(session, build):
    session.job("slow", "pre-start exec sleep 1000\n" + SLEEP)
    session.wait_job("slow")
    watch = subprocess.Popen([build("watch"), "slow"], env=session.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "pre-start" in session.status("slow"), "pre-start")
    session.kill_all()
    out, err = watch.communicate(timeout=LIMIT)
    assert watch.returncode == 1 and "running:" not in out
    assert "The connection to init was lost" in err


def test_header_is_for_cxx_too(tmp_path):
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    source = tmp_path / "header.cc"
    source.write_text("#include <upstart.h>\nint main() { upstart_error err = UPSTART_ERROR_INIT; return err.name != nullptr; }\n")
    done = subprocess.run(["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/src/libupstart", "-fsyntax-only", source],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_library_exports_its_own_names_only():
    if not shutil.which("nm"):
        pytest.skip("no nm")
    out = subprocess.run(["nm", "-D", "--defined-only", LIBRARY / "libupstart.so"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in out.splitlines()]
    assert "upstart_connect@@UPSTART_2" in names
    assert [name for name in names if not name.startswith("upstart_") and name != "UPSTART_2"] == []


def test_every_function_has_its_manual_page():
    functions = set(re.findall(r"^\w[\w *]*\b(upstart_\w+)\(", (ROOT / "src/libupstart/upstart.h").read_text(), re.M))
    described, declared = set(), set()
    for page in (ROOT / "man").glob("*.3"):
        text = page.read_text()
        described |= set(re.findall(r"^\.Nm (upstart_\w+)", text, re.M))
        declared |= set(re.findall(r"^\.Fn (upstart_\w+) ", text.partition("DESCRIPTION")[0], re.M))
    assert len(functions) > 40
    assert described == functions and declared == functions
