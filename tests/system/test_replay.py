# SPDX-License-Identifier: MIT
"""Recordings: what init has decided follows from them alone, to the last byte."""

import os
import re
import struct
import subprocess
import zlib

import pytest

from conftest import BUILD, wait_for

REPLAY = BUILD / "src" / "replay" / "upstart-replay"
SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(not REPLAY.exists(), reason="upstart-replay is not built")


def replay(*words, status=0):
    done = subprocess.run([REPLAY, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def keep_busy(s):
    """Everything that a session's init may have to do with."""
    s.job("web", "respawn\nrespawn limit 20 5\nstart on go\nstop on halt\npre-start exec true\npost-stop exec true\n" + SLEEP)
    s.job("bad", "exec sh -c 'exit 3'\nrespawn\nrespawn limit 2 5\n")
    s.job("missing", "task\nexec /nonexistent\n")
    s.job("many", "instance $N\nstart on up\nstop on down N=$N\nexport N\n" + SLEEP)
    s.job("log", "task\ninstance $N\nstart on started many\nexec echo \"up $N\"\n")
    s.job("follower", "while web\npre-stop exec true\n" + SLEEP)
    s.job("hook", "pre-start exec initctl start many N=99\n" + SLEEP)
    for name in ("web", "bad", "missing", "many", "log", "follower", "hook"):
        s.wait_job(name)
    s.ctl("emit", "go", "X=1")
    waiting = [s.background("emit", "up", f"N={n}") for n in range(15)]
    s.command("initctl", "start", "bad")
    s.command("initctl", "start", "missing")
    assert all(w.wait(60) == 0 for w in waiting)
    os.kill(s.pid_of("web"), 9)
    s.wait_status("bad", "stop/waiting")
    s.job("web", "respawn\nstart on go\nstop on halt\n" + SLEEP)
    s.ctl("set-env", "NEW=1")
    s.ctl("log-priority", "info")
    s.ctl("start", "hook")
    s.ctl("emit", "down", "N=3")
    s.command("initctl", "restart", "many", "N=4")
    s.command("initctl", "reload", "many", "N=5")
    s.ctl("emit", "halt")


def test_busy_session_is_replayed_byte_for_byte(make_session):
    s = make_session()
    s.start("--record", str(s.path / "record"))
    keep_busy(s)
    assert s.end() == 0
    done = replay("--check", s.path / "record")
    assert done.stderr == ""
    inputs, effects = re.fullmatch(r"(\d+) inputs, (\d+) effects as recorded\n", done.stdout).groups()
    assert int(inputs) > 100 and int(effects) > 500
    assert replay("-q", s.path / "record").stdout == ""


def test_recording_goes_on_after_a_reexec(make_session):
    s = make_session()
    s.job("web", "start on go\n" + SLEEP)
    s.start("--record", str(s.path / "record"))
    s.ctl("emit", "go")
    images = s.messages().count("Stateful re-exec completed")
    s.ctl("log-priority", "info")
    s.bus().call_blocking("com.ubuntu.Upstart", "/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6", "Restart", "", ())
    wait_for(lambda: s.messages().count("Stateful re-exec completed") > images, "the next image")
    wait_for(s.answers, "it to answer")
    s.ctl("stop", "web")
    s.ctl("start", "web")
    assert s.end() == 0
    done = replay("--check", "--print", s.path / "record")
    assert done.stderr == ""
    assert done.stdout.count("  event started JOB=web INSTANCE=\n") == 2


def test_print_shows_inputs_events_and_effects(make_session):
    s = make_session()
    s.job("a", "start on go\npost-stop exec true\n" + SLEEP)
    s.start("--record", str(s.path / "record"), "--verbose")
    s.ctl("emit", "go", "X=1")
    pid = s.pid_of("a")
    s.ctl("stop", "a")
    assert s.end() == 0
    shown = replay("--print", s.path / "record").stdout
    lines = [line for line in s.messages().splitlines() if " state changed from " in line]
    assert lines
    for line in lines:
        assert f'"{line}"' in shown
    assert f'"pid": {pid}' in shown
    events = [line for line in shown.splitlines() if line.startswith("  event ")]
    assert events[:3] == ["  event go X=1", "  event starting JOB=a INSTANCE=", "  event started JOB=a INSTANCE="]


def test_until_stops_and_shows_what_there_is(make_session):
    s = make_session()
    s.job("a", "instance $N\nstart on go\npre-start exec true\n" + SLEEP)
    s.job("half", "start on go and never\n" + SLEEP)
    s.start("--record", str(s.path / "record"))
    s.ctl("emit", "-n", "go", "N=1")
    wait_for(lambda: "start/running" in s.status("a", "N=1"), "the instance to run")
    pid = int(s.status("a", "N=1").rpartition(" ")[2])
    s.ctl("stop", "a", "N=1")
    assert s.end() == 0
    inputs = [int(re.match(r"\[(\d+), ", line)[1]) for line in replay("--print", s.path / "record").stdout.splitlines()
              if line.startswith("[")]
    assert inputs == list(range(1, len(inputs) + 1))
    last = ""
    for n in inputs:
        last = replay("--until", str(n), s.path / "record").stdout
        if "start/running" in last:
            break
    assert f"a (1) start/running, main process {pid}\n" in last
    assert "event go N=1, held\n" in last


SIM = BUILD / "tests" / "sim" / "sim"


@pytest.mark.skipif(not SIM.exists(), reason="the simulation is not built")
def test_failing_simulation_leaves_a_recording(tmp_path):
    done = subprocess.run([SIM, "--seed", "7", "--worlds", "1", "--fault-at", "60"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 1
    # A step that has begun is ended: it may feed more than one input.
    told = re.search(r"^FAULT in the world of seed 7, after (6\d) inputs: as asked for$", done.stdout, re.M)
    assert told, done.stdout
    count = told.group(1)
    assert "a recording: upstart-replay --print sim-7.rec\n" in done.stdout
    assert replay("--check", tmp_path / "sim-7.rec").stdout.startswith(f"{count} inputs, ")
    assert f"\n{count} inputs, " in replay("--print", "--until", count, tmp_path / "sim-7.rec").stdout


def rewrite(path, change):
    """Write the records anew, the payloads as `change` gives them, with sound checksums."""
    data, out = path.read_bytes(), b""
    at = 0
    while at < len(data):
        length, _, number = struct.unpack("<IIQ", data[at:at + 16])
        body = struct.pack("<Q", number) + change(data[at + 16:at + 16 + length])
        out += struct.pack("<II", len(body) - 8, zlib.crc32(body)) + body
        at += 16 + length
    path.write_bytes(out)


def test_other_effects_than_recorded_are_told(make_session):
    s = make_session()
    s.job("a", SLEEP)
    s.start("--record", str(s.path / "record"))
    s.ctl("start", "a")
    assert s.end() == 0
    rewrite(s.path / "record", lambda payload: payload)
    replay(s.path / "record")
    rewrite(s.path / "record", lambda payload: payload.replace(b"post-starting", b"post-startinG"))
    done = replay(s.path / "record", status=1)
    assert re.fullmatch(r"upstart-replay: input \d+ leads to other effects than recorded\n", done.stderr)
    assert "post-startinG" in done.stdout and "post-starting" in done.stdout


def test_what_is_no_recording_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"nonsense" * 100)
    assert replay(tmp_path / "x", status=1).stderr == f"upstart-replay: {tmp_path}/x: not a recording of init\n"
    assert "No such file" in replay(tmp_path / "none", status=1).stderr
    assert "not the number of an input: 0" in replay("--until", "0", tmp_path / "x", status=2).stderr
