# SPDX-License-Identifier: MIT
"""`initctl plan`: what is told is what then happens, and telling changes nothing."""

import json
import os

import pytest

from conftest import BUILD, wait_for

SLEEP = "exec sleep 9999\n"
JOBS = {
    "web": "start on net-up\nstop on net-down\npre-start exec true\n" + SLEEP,
    "check": "start on starting web\ntask\nexec true\n",
    "foo": "while web\n" + SLEEP,
    "half": "start on net-up and never\n" + SLEEP,
}


@pytest.fixture
def net(make_session):
    session = make_session()
    for name, text in JOBS.items():
        session.job(name, text)
    session.start()
    session.wait_jobs(len(JOBS))
    return session


def test_what_is_told_then_happens(net):
    before = net.ctl("list")
    told = json.loads(net.ctl("plan", "--json", "net-up", "IFACE=eth0"))
    assert told["complete"] is True
    assert [place["job"] for place in told["started"]] == ["foo", "web"]
    assert [place["job"] for place in told["ran"]] == ["check"]
    assert [(event["event"], [h["job"] for h in event["held_by"]]) for event in told["blocked"]] == [("net-up", ["half"])]
    assert told["answer"] is None
    assert net.ctl("list") == before and net.ctl("list", "--blocked") == ""
    assert not net.log_of("check")
    net.ctl("emit", "-n", "net-up", "IFACE=eth0")
    net.wait_status("foo", "start/running")
    net.wait_status("web", "start/running")
    wait_for(lambda: net.ctl("list", "--blocked") == "event net-up IFACE=eth0\n\twaits for `start on' of half, which needs never\n",
             "the event to be held by half alone")
    stop = net.ctl("plan", "net-down").splitlines()
    assert stop[-1] == "stopped: foo, web"
    net.ctl("emit", "net-down")
    net.wait_status("web", "stop/waiting")
    assert "stop/waiting" in net.status("foo")


def test_daemons_are_foreseen(make_session):
    session = make_session()
    session.job("forks", "expect fork\nexec sh -c 'sleep 9999 & exit 0'\n")
    session.job("twice", "start on started forks\nexpect daemon\nexec sh -c '(sleep 9999 & exit 0) & exit 0'\n")
    session.job("last", "start on started twice\ntask\nexec true\n")
    session.start()
    session.wait_jobs(3)
    told = json.loads(session.ctl("plan", "--json", "start", "forks"))
    assert (told["complete"], told["answer"]) == (True, {"ok": True})
    assert [place["job"] for place in told["started"]] == ["forks", "twice"]
    assert [place["job"] for place in told["ran"]] == ["last"]
    assert "stop/waiting" in session.status("forks")
    session.ctl("start", "forks")
    session.wait_status("twice", "start/running")
    assert "start/running" in session.status("forks")


def test_text_is_in_order(net):
    assert net.ctl("plan", "start", "web") == (
        "   1  web starts, as asked\n"
        "   2  check starts, on starting\n"
        "   3  web waits: event starting JOB=web INSTANCE= waits for check\n"
        "   4  check stops, it has ended\n"
        "   5  check has stopped\n"
        "   6  web is running\n"
        "   7  foo starts, while web\n"
        "   8  foo is running\n"
        "started: foo, web\n"
        "ran: check\n")
    assert "event started JOB=web INSTANCE=" in net.ctl("plan", "-v", "start", "web")
    assert net.ctl("plan", "-q", "start", "web") == ""
    assert net.ctl("plan", "stop", "web") == "stop would fail: Unknown instance: \n"
    assert net.ctl("plan", "emit", "start") == "   1  event start\n"


def test_boot_of_a_directory_needs_no_init(make_session):
    session = make_session()
    session.job("db", "start on startup\n" + SLEEP)
    session.job("web", "start on started db\nstop on x\n" + SLEEP)
    (session.conf / "web.override").write_text("start on started none\n")
    session.job("net/eth", "start on started db\n" + SLEEP)
    assert session.ctl("plan", "--boot", f"--confdir={session.conf}") == (
        "   1  event startup\n"
        "   2  db starts, on startup\n"
        "   3  event startup waits for db\n"
        "   4  db is running\n"
        "   5  net/eth starts, on started\n"
        "   6  event started JOB=db INSTANCE= waits for net/eth\n"
        "   7  net/eth is running\n"
        "started: db, net/eth\n")
    bad = session.job("bad", "nonsense\n")
    done = session.command("initctl", "plan", "--boot", f"--confdir={session.conf}")
    assert done.returncode == 1
    assert done.stderr == f"{bad}:1:1: Unknown stanza: nonsense\n"
    assert done.stdout.endswith("started: db, net/eth\n")


def test_boot_of_an_init_takes_its_definitions(net):
    net.job("first", "start on startup\n" + SLEEP)
    net.wait_job("first")
    assert net.ctl("plan", "--boot").endswith("started: first\n")
    assert "stop/waiting" in net.status("first")


def test_circle_is_given_up_and_said(session):
    session.job("loop", "start on stopped loop\ntask\nexec true\n")
    session.wait_job("loop")
    done = session.command("initctl", "plan", "start", "loop")
    assert done.returncode == 1
    assert "\ngiven up after 10" in done.stdout and ": this may go on without end\n" in done.stdout
    assert "stop/waiting" in session.status("loop")


def test_what_cannot_be_told_is_an_error(session):
    for words, message in (((), "missing event name"), (("start",), "missing job name"), (("start", "nix"), "Unknown job: nix\n"),
                           (("--confdir=/x", "go"), "--confdir given without --boot"),
                           (("--boot", "go"), "unexpected operand: go"), (("go", "A"), "Env must be KEY=VALUE pairs"),
                           (("--boot", "--confdir=/no/such"), "/no/such: No such file or directory\n")):
        done = session.command("initctl", "plan", *words)
        assert done.returncode != 0 and done.stdout == "", words
        assert done.stderr.startswith("initctl: " + message), done.stderr


def test_many_instances_are_foreseen(session):
    session.job("pool", "instance $N\nstart on more\n" + SLEEP)
    session.job("follow", "instance $N\nwhile pool INSTANCE=$N\n" + SLEEP)
    session.wait_jobs(2)
    for n in range(5):
        session.ctl("emit", "more", f"N={n}")
    told = json.loads(session.ctl("plan", "--json", "more", "N=7"))
    assert told["started"] == [{"job": "pool", "instance": "7"}]
    assert json.loads(session.ctl("plan", "--json", "more", "N=3"))["started"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_others_may_not_ask(pid1):
    pid1.job("web", SLEEP)
    pid1.wait_job("web")
    for words in ("plan", "web"), ("explain", "web"), ("list", "--blocked"):
        done = pid1.command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BUILD / "src/initctl/initctl", *words)
        assert done.returncode == 1 and done.stdout == "", words
    assert pid1.ctl("plan", "start", "web").endswith("started: web\n")
    assert pid1.ctl("explain", "web") == "web stop/waiting\n\tnext: a `start': nothing starts it by itself\n"
