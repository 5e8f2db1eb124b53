# SPDX-License-Identifier: MIT
"""What `initctl check-config` finds beyond unknown events and jobs: circles, jobs nothing can start, states."""

import json
import os

import pytest

from conftest import INITCTL, wait_for

SLEEP = "exec sleep 9999\n"

CASES = {
    # name: (jobs, what is printed, exit status)
    "states that are provided": (
        {"foo": "while bar and not baz and runlevel RUNLEVEL=[2345] and bar/done", "bar": "", "baz": "", "net": "emits online link-*",
         "up": "while online and link-eth0"}, "", 0),
    "names nothing provides": (
        {"foo": "while bar and ghost", "bar": "", "one": "while bar or ghost", "no": "while not ghost", "event": "while startup"},
        "event\n  while: unknown state startup\n"
        "foo\n  while: unknown state ghost\n"
        "no\n  while: unknown state ghost\n", 1),
    "a chain that cannot begin": (
        {"a": "start on never", "b": "start on started a", "c": "while b", "d": "start on started b or startup"},
        "a\n  start on: unknown event never\n"
        "b\n  start on: job a can never start\n"
        "c\n  while: job b can never start\n", 1),
    "a circle of events": (
        {"a": "start on started b", "b": "start on started c", "c": "start on stopped a", "in": "start on started a"},
        "a\n  start on: waits for itself: a, b, c, a\n"
        "b\n  start on: waits for itself: b, c, a, b\n"
        "c\n  start on: waits for itself: c, a, b, c\n"
        "in\n  start on: job a can never start\n", 1),
    "a circle that can be entered": (
        {"a": "start on started b or startup", "b": "start on started a"}, "", 0),
    "a circle through both": (
        {"a": "start on started b", "b": "while a"},
        "a\n  start on: waits for itself: a, b, a\n"
        "b\n  while: waits for itself: b, a, b\n", 1),
    "a job that waits for itself": (
        {"a": "start on stopped a", "b": "while b"},
        "a\n  start on: waits for itself: a, a\n"
        "b\n  while: waits for itself: b, b\n", 1),
    "contradictions": (
        {"a": "while not b", "b": "while a", "self": "while not self"},
        "a\n  while: contradicts itself: a, not b, a\n"
        "b\n  while: contradicts itself: b, a, not b\n"
        "self\n  while: contradicts itself: self, not self\n", 1),
    "two that exclude each other": (
        {"a": "while not b", "b": "while not a"}, "", 0),
    "bindings that are always empty": (
        {"bar": "export PORT", "many": "instance $N",
         "a": "while bar HOST=x", "b": "while bar PORT=80 and not bar HOST=x", "c": "while bar INSTANCE=x",
         "d": "while many INSTANCE=x and bar/done PORT=1", "e": "while bar * 80 x", "f": "while runlevel LEVEL=2",
         "g": "while bar and not bar", "h": "while many INSTANCE=1 and not many INSTANCE=2", "i": "while (bar or many) and not bar"},
        "a\n  while: `bar HOST=x' never holds: bar does not export HOST\n"
        "c\n  while: `bar INSTANCE=x' never holds: bar has a single instance without name\n"
        "d\n  while: `bar/done PORT=1' never holds: bar/done has no PORT\n"
        "e\n  while: `bar * 80 x' never holds: bar has only 2 variables\n"
        "f\n  while: `runlevel LEVEL=2' never holds: runlevel has no LEVEL\n"
        "g\n  while: `bar' and `not bar' never hold together\n", 1),
}


def write(session, jobs):
    for name, text in jobs.items():
        session.job(name, text.replace(";", "\n") + "\n" + SLEEP)


@pytest.mark.parametrize("name", CASES)
def test_findings(make_session, name):
    jobs, expected, status = CASES[name]
    session = make_session()
    write(session, jobs)
    session.start()
    session.wait_jobs(len(jobs))
    done = session.command("initctl", "check-config")
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", status)


def test_variables_that_nothing_binds(make_session):
    """They are told each time, also when the file is as it was."""
    session = make_session()
    write(session, {"net": "emits link", "dhcp": "instance $I;while link I=* and not net X=$J", "env": "while link X=$HOST",
                    "arms": "instance $J;while link I=*"})
    session.start()
    session.wait_jobs(4)
    for _ in range(2):
        done = session.command("initctl", "check-config", "dhcp")
        assert (done.stdout.splitlines()[0], done.returncode) == (
            f"{session.conf}/dhcp.conf:2:28: warning: Nothing here binds this variable: J", 1)
        done = session.command("initctl", "check-config", "arms")
        assert f"{session.conf}/arms.conf:1:10: warning: Nothing here binds this variable: J" in done.stdout
        session.ctl("reload-configuration")
        os.utime(session.conf / "dhcp.conf")
        session.ctl("reload-configuration")


def test_and_of_events_that_do_not_recur_is_advised_against(make_session):
    session = make_session()
    write(session, {"bar": "", "baz": "", "net": "emits net-up",
                    "both": "start on started bar and started baz;stop on stopping bar or stopping baz",
                    "other": "start on net-up and started bar;stop on stopped JOB=bar",
                    "once": "start on started bar and started baz", "one": "start on started bar;stop on stopping bar"})
    session.start()
    session.wait_jobs(7)
    done = session.command("initctl", "check-config")
    assert done.stdout == (
        "both\n  start on: when bar comes back the other events do not; `while bar and baz' follows\n"
        "other\n  start on: when bar comes back the other events do not; a `while' with bar follows\n")
    assert (done.stderr, done.returncode) == ("", 0)


def test_one_job_and_ignored_names(make_session):
    session = make_session()
    write(session, {"foo": "while ghost", "bar": "while foo"})
    session.start()
    session.wait_jobs(2)
    done = session.command("initctl", "check-config", "bar")
    assert (done.stdout, done.returncode) == ("bar\n  while: job foo can never start\n", 1)
    assert session.ctl("check-config", "-i", "ghost") == ""


def test_show_config_has_the_states(make_session):
    session = make_session()
    write(session, {"foo": "start on x or y;while bar A=1 and (not baz or qux)", "bar": ""})
    session.start()
    session.wait_jobs(2)
    assert session.ctl("show-config") == "bar\nfoo\n  start on (x or y)\n  while (bar A=1 and (not baz or qux))\n"
    assert session.ctl("show-config", "-e") == "bar\nfoo\n  start on x (job:, env:)\n  start on y (job:, env:)\n"
    assert json.loads(session.ctl("show-config", "--json", "foo"))["while"] == {
        "and": [{"state": "bar", "match": ["A=1"]},
                {"or": [{"not": {"state": "baz", "match": []}}, {"state": "qux", "match": []}]}]}
    assert json.loads(session.ctl("show-config", "--json", "bar"))["while"] is None


def test_chain_of_a_thousand_jobs_is_seen_through(make_session):
    session = make_session()
    write(session, {f"j{n:04}": f"start on started j{n + 1:04}" if n < 999 else "start on startup" for n in range(1000)})
    session.start()
    session.wait_jobs(1000)
    done = session.command("initctl", "check-config", timeout=120)
    assert (done.stdout, done.returncode) == ("", 0)


def test_suggestions_are_shown_for_those_they_are_for(make_session):
    session = make_session()
    write(session, {"bar": "", "baz": "",
                    "foo": "start on started bar and started baz;stop on stopping bar or stopping baz",
                    "gone": "start on started ghost;stop on stopping ghost",
                    "part": "start on started bar and started baz;stop on stopping bar",
                    "over": "start on started bar and x;stop on stopping bar"})
    (session.conf / "over.override").write_text("env A=1\n")
    session.start()
    session.wait_jobs(6)
    done = session.command("initctl", "check-config", "--suggest")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["foo", "  suggested: while bar and baz", "  instead of: start on (started bar and started baz)"]
    # Those that get none are told what is told without.
    plain = session.command("initctl", "check-config").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["foo", "gone", "over", "part"]
    assert lines[lines.index("gone"):] == plain[plain.index("gone"):]
    assert "  start on: unknown job ghost" in lines
    assert session.command("initctl", "check-config", "--suggest", "foo").returncode == 0
    assert "suggested" not in session.command("initctl", "check-config", "foo").stdout


def test_complaints_as_json(session):
    session.job("a", "start on gone\nwhile missing\n" + "exec sleep 1000\n")
    session.job("b", "exec sleep 1000\n")
    session.wait_jobs(2)
    wrong = session.job("c", "exec sleep 1000\nwibble\n")
    wait_for(lambda: "wibble" in session.command(INITCTL, "check-config").stdout, "init to notice the fault")
    done = session.command(INITCTL, "check-config", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and len(found["faults"]) == 1 and found["faults"][0].startswith(f"{wrong}:2:1: Unknown stanza")
    assert found["jobs"] == [{"job": "a", "complaints": ["start on: unknown event gone", "while: unknown state missing"]}]
    done = session.command(INITCTL, "check-config", "--json", "b")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"faults": [], "jobs": []})
