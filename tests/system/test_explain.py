# SPDX-License-Identifier: MIT
"""`initctl explain` and `initctl list --blocked`, of a running init."""

import json
import re

from conftest import wait_for

SLEEP = "exec sleep 9999\n"


def explain(init, *words):
    """What is said, without how long ago things were."""
    return re.sub(r"\d+ s\b", "N s", re.sub(r"process \d+", "process P", init.ctl("explain", *words)))


def blocked(init):
    return re.sub(r"for \d+ s", "for N s", re.sub(r"process \d+", "process P", init.ctl("list", "--blocked")))


def test_stopped_job_names_what_would_start_it(session):
    session.job("web", "start on net-up and (disk-up or started db)\n" + SLEEP)
    session.job("hand", SLEEP)
    session.wait_jobs(2)
    session.ctl("emit", "-n", "net-up", "IFACE=eth0")
    assert explain(session, "web") == (
        "web stop/waiting\n"
        "\tnext: waits for event disk-up, started db\n"
        "\tstart on (net-up and (disk-up or started db))\n"
        "\t\ttrue  net-up: net-up IFACE=eth0\n"
        "\t\tfalse disk-up\n"
        "\t\tfalse started db\n")
    assert explain(session, "hand") == "hand stop/waiting\n\tnext: a `start': nothing starts it by itself\n"
    assert blocked(session) == ("event net-up IFACE=eth0\n"
                                "\twaits for `start on' of web, which needs disk-up, started db\n")


def test_blocked_job_names_who_is_in_the_way(session):
    session.job("web", "stop on net-down\n" + SLEEP)
    session.job("check", "start on starting web\ntask\n" + SLEEP)
    session.wait_jobs(2)
    client = session.background("start", "web")
    wait_for(lambda: "start/running" in session.status("check"), "the hook")
    assert explain(session, "web") == (
        "web start/starting, for N s\n"
        "\twaits for event starting JOB=web INSTANCE=\n"
        "\t\twaits for check start/running (task)\n"
        "\t1 client waits for it\n"
        "\tstop on net-down\n"
        "\t\tfalse net-down\n")
    assert blocked(session) == (
        "web start/starting for N s, 1 client waits for it\n"
        "\twaits for event starting JOB=web INSTANCE=\n"
        "\t\twaits for check start/running (task)\n")
    session.ctl("stop", "check")
    assert client.wait(30) == 0
    assert blocked(session) == ""


def test_failed_job_names_how_its_processes_ended(session):
    session.job("web", "pre-start exec sh -c 'kill -TERM $$'\n" + SLEEP)
    session.job("none", "exec /no/such/program\n")
    session.job("fast", "respawn\nrespawn limit 2 100\nexec sh -c 'exit 7'\n")
    session.wait_jobs(3)
    for job in "web", "none", "fast":
        session.command("initctl", "start", job)
        session.wait_status(job, "stop/waiting")
    assert explain(session, "web") == ("web stop/waiting, for N s\n\tfailed: pre-start\n"
                                       "\tnext: a `start': nothing starts it by itself\n"
                                       "\tpre-start process was killed by signal TERM, N s ago\n")
    assert ("\tmain process could not be made: unable to execute: No such file or directory (/no/such/program), N s ago\n"
            in explain(session, "none"))
    assert "\tfailed: respawned too fast\n" in explain(session, "fast")
    assert "\tmain process ended with status 7, N s ago\n" in explain(session, "fast")


def test_list_shows_only_what_failed_or_is_asked_for(session):
    session.job("bad", "task\nexec sh -c 'exit 4'\n")
    session.job("none", "instance $N\nexec /no/such/program\n")
    session.job("web", SLEEP)
    session.wait_jobs(3)
    assert session.ctl("list", "--failed") == ""
    session.ctl("start", "web")
    for words in ["bad"], ["none", "N=1"]:
        assert session.command("initctl", "start", *words).returncode == 1
    wait_for(lambda: session.ctl("list").count("stop/waiting") == 2, "the end of both")
    assert re.sub(r"\d+ s ago", "N s ago", session.ctl("list", "--failed")) == (
        "bad stop/waiting\n\tmain process ended with status 4, N s ago\n"
        "none (1) stop/waiting\n"
        "\tmain process could not be made: unable to execute: No such file or directory (/no/such/program), N s ago\n")
    failed = json.loads(session.ctl("list", "--failed", "--json", "--filter=b*"))
    assert [(one["job"], one["instance"], one["failed"], one["exits"][0]["status"]) for one in failed] == [("bad", "", "main", 4)]
    assert session.ctl("list", "-f", "b*", "-f", "none") == "bad stop/waiting\nnone stop/waiting\n"


def test_respawning_job_tells_its_window(session):
    session.job("web", "respawn\nrespawn limit 5 1000\n" + SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    first = session.pid_of("web")
    session.command("kill", "-KILL", str(first))
    wait_for(lambda: "process" in session.status("web") and session.pid_of("web") != first, "the respawn")
    text = session.ctl("explain", "web")
    assert re.search(r"\trespawned 1 times of 5 within 1000 s; the first of them counts for \d+ min more\n", text), text
    assert "\tmain process was killed by signal KILL, " in text


def test_respawns_without_a_limit_are_not_counted(session):
    session.job("web", "respawn\nrespawn limit unlimited\n" + SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    first = session.pid_of("web")
    session.command("kill", "-KILL", str(first))
    wait_for(lambda: "process" in session.status("web") and session.pid_of("web") != first, "the respawn")
    assert "\trespawns without limit\n" in session.ctl("explain", "web")
    assert json.loads(session.ctl("explain", "--json", "web"))["instances"][0]["respawn"]["count"] is None


def test_main_process_that_was_not_ready_in_time_says_so(session):
    session.job("web", "expect notify\nexpect timeout 1\n" + SLEEP)
    session.wait_job("web")
    assert session.command("initctl", "start", "web").returncode == 1
    session.wait_status("web", "stop/waiting")
    assert ("\tmain process was not ready in time (expect timeout 1) and was ended by signal TERM, N s ago\n"
            in explain(session, "web"))
    [end] = json.loads(session.ctl("explain", "--json", "web"))["instances"][0]["exits"]
    assert (end["unready"], end["timeout"], end["signal"]) == ("late", 1, "TERM")


def test_job_that_rests_tells_how_long(session):
    session.job("web", "respawn\nrespawn delay 600 1000\n" + SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    session.command("kill", "-KILL", str(session.pid_of("web")))
    wait_for(lambda: "rests" in session.ctl("explain", "web"), "the rest")
    text = session.ctl("explain", "web")
    assert re.search(r"\trests before it starts again, for \d+ min\n", text), text
    assert re.search(r"\trespawn[^\n]*; the last after a delay of 10 min, at most 1000 s\n", text), text
    assert "respawned 0 times" not in text
    assert "rests before" in blocked(session)


def test_while_names_a_variable_that_is_not_set(session):
    """Which matches nothing, whatever there is."""
    session.job("inst", "instance $N\n" + SLEEP)
    session.job("foo", "env M=1\nwhile inst INSTANCE=$N and inst INSTANCE=$M\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "inst", "N=1")
    assert explain(session, "foo") == (
        "foo stop/waiting\n"
        "\tnext: waits for inst INSTANCE=$N\n"
        "\twhile (inst INSTANCE=$N and inst INSTANCE=$M)\n"
        "\t\tfalse inst INSTANCE=$N (Unknown parameter: N): inst (1) start/running\n"
        "\t\ttrue  inst INSTANCE=$M: inst (1) start/running\n")
    assert "unset" in session.ctl("explain", "--json", "foo")


def test_while_tells_each_part_and_the_record(make_session):
    session = make_session()
    session.job("foo", "while bar and not baz and ghost\n" + SLEEP)
    session.job("bar", "instance $N\n" + SLEEP)
    session.job("baz", SLEEP)
    session.job("user", "while bar\n" + SLEEP)
    session.start()
    session.wait_jobs(4)
    session.ctl("start", "bar", "N=1")
    session.wait_status("user", "start/running")
    assert explain(session, "foo") == (
        "foo stop/waiting\n"
        "\tnext: waits for ghost\n"
        "\twhile ((bar and not baz) and ghost)\n"
        "\t\ttrue  bar: bar (1) start/running\n"
        "\t\ttrue  not baz: not there\n"
        "\t\tfalse ghost: nothing of that name is known\n")
    assert "\twhile bar\n\t\ttrue  bar: bar (1) start/running\n\t\tarmed, wanted\n\t\tholds for INSTANCE=1\n" in explain(session, "user")
    session.ctl("stop", "user")
    assert "\t\tnot armed, not wanted\n" in explain(session, "user")
    assert "\tnext: a `start': nothing starts it by itself\n" in explain(session, "user")


def test_while_names_those_that_are_in_the_way(session):
    session.job("sub", "instance $K\nexport K\n" + SLEEP)
    session.job("user", "while not sub K=b\n" + SLEEP)
    session.job("net", "instance $I\nwhile link I=*\n" + SLEEP)
    session.wait_jobs(3)
    session.ctl("start", "sub", "K=a")
    session.ctl("start", "sub", "K=b")
    assert "\t\tfalse not sub K=b: sub (b) start/running\n" in explain(session, "user")
    session.ctl("set-state", "link", "I=e0")
    session.ctl("start", "net", "I=e7")
    assert "\t\tarmed, wanted\n\t\tarmed with I=e7\n" in explain(session, "net")
    session.ctl("stop", "net", "I=e7")
    said = explain(session, "net")
    assert "\t\tnot armed, not wanted\n" in said and "armed with" not in said


def test_edits_that_wait_or_are_refused_are_told(session):
    session.job("web", SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    path = session.job("web", "exec sleep 8888\n")
    session.ctl("reload-configuration")
    assert f"\truns with an older definition than {path} has now, until its last instance has stopped\n" in explain(session, "web")
    session.job("web", "exec sleep 7777\nnonsense\n")
    session.ctl("reload-configuration")
    assert f"\tits last edit is refused: {path}:2: Unknown stanza\n" in explain(session, "web")
    session.job("web", "exec sleep 6666\n")
    session.ctl("reload-configuration")
    assert "refused" not in explain(session, "web")
    path.unlink()
    session.ctl("reload-configuration")
    assert f"\t{path} is gone: no new instance starts\n" in explain(session, "web")


def test_instances_are_explained_one_by_one(session):
    session.job("tty", "instance $N\n" + SLEEP)
    session.wait_job("tty")
    assert explain(session, "tty").startswith("tty stop/waiting, no instance of $N\n")
    for n in "1", "2":
        session.ctl("start", "tty", "N=" + n)
    session.ctl("stop", "tty", "N=2")
    assert [line.split(",")[0] for line in explain(session, "tty").splitlines() if not line.startswith("\t")] == [
        "tty (1) start/running", "tty (2) stop/waiting"]
    assert explain(session, "tty", "1") == "tty (1) start/running, main process P, for N s\n"


def test_json_says_the_same(session):
    session.job("web", "start on go\npre-start " + SLEEP + SLEEP)
    session.wait_job("web")
    session.ctl("emit", "-n", "go", "A=1")
    session.wait_status("web", "pre-start, process")
    told = json.loads(session.ctl("explain", "--json", "web"))
    assert told["job"] == "web" and told["definition"] == "current" and told["refused"] is None
    instance, = told["instances"]
    assert (instance["goal"], instance["state"]) == ("start", "pre-start")
    assert instance["waits_for_process"] == {"process": "pre-start", "until": "ended"}
    assert instance["waited_for_by"] == [{"event": "go", "env": ["A=1"]}]
    waits = json.loads(session.ctl("list", "--blocked", "--json"))
    assert [event["event"] for event in waits["events"]] == ["go"]
    assert [one["job"] for one in waits["instances"]] == ["web"]
    assert waits["events"][0]["held_by"][0]["job"] == "web"


def test_what_cannot_be_explained_is_an_error(session):
    bad = session.job("bad", "nonsense\n")
    session.ctl("reload-configuration")
    for words, message in ((("explain",), "missing job name"), (("explain", "nix"), "Unknown job: nix\n"),
                           (("explain", "bad"), f"Unknown job: bad\nIts file is refused: {bad}:1: Unknown stanza\n")):
        done = session.command("initctl", *words)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("initctl: " + message), done.stderr
