# SPDX-License-Identifier: MIT
"""initctl --json: the same facts as the text, as one value."""

import json

from conftest import INITCTL, wait_for

SLEEP = "exec sleep 1000\n"


def ask(init, *words):
    return json.loads(init.ctl(*words, "--json"))


def test_status_and_list_have_instances_and_processes(session):
    path = session.job("web", SLEEP)
    session.job("pool", "instance $N\npre-stop exec sleep 1000\n" + SLEEP)
    session.wait_jobs(2)
    started = ask(session, "start", "web")
    assert started == {"job": "web", "instance": "", "goal": "start", "state": "running",
                       "processes": [{"process": "main", "pid": session.pid_of("web")}], "doing": None, "status": None,
                       "followed": "child", "group": started["group"]}
    assert started["group"] is None or started["group"].endswith("/web")
    assert ask(session, "status", "web") == {**started, "file": str(path), "fault": None, "successor": None}
    nothing = {"job": "pool", "instance": None, "goal": "stop", "state": "waiting", "processes": [], "doing": None, "status": None,
               "followed": None, "group": None}
    assert ask(session, "list") == [nothing, started]
    ask(session, "start", "pool", "N=b")
    ask(session, "start", "pool", "N=a b")
    session.ctl("stop", "-n", "pool", "N=b")
    wait_for(lambda: "pre-stop process" in session.status("pool", "N=b"), "pre-stop")
    listed = ask(session, "list")
    assert [(one["job"], one["instance"]) for one in listed] == [("pool", "a b"), ("pool", "b"), ("web", "")]
    assert listed[1]["goal"] == "stop" and listed[1]["state"] == "pre-stop"
    assert [p["process"] for p in listed[1]["processes"]] == ["main", "pre-stop"]
    assert ask(session, "restart", "web")["state"] == "running"
    assert ask(session, "stop", "web") == {**nothing, "job": "web"}


def test_status_tells_of_the_file(session):
    path = session.job("web", SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    session.job("web", "exec sleep 2000\n")
    wait_for(lambda: ask(session, "status", "web")["successor"] == "changed", "init to notice the edit")
    session.job("web", SLEEP + "wibble\n")
    wait_for(lambda: ask(session, "status", "web")["fault"] == f"{path}:2: Unknown stanza", "init to notice the fault")
    path.unlink()
    wait_for(lambda: ask(session, "status", "web")["successor"] == "deleted", "init to notice that it is gone")
    # What is said to people is said all the same, beside the value.
    done = session.command("initctl", "status", "--json", "web")
    assert "file is gone" in done.stderr and json.loads(done.stdout)["state"] == "running"


def test_configuration_is_a_tree(session):
    session.job("a", 'description "some \\"thing\\""\nauthor me\nusage "a X=1"\nemits one two\n'
                     "start on (up IFACE=eth0 and started b) or go\nstop on runlevel [016]\n")
    session.job("b", SLEEP)
    session.wait_jobs(2)
    a = {"job": "a", "description": 'some "thing"', "author": "me", "version": "", "usage": "a X=1", "emits": ["one", "two"],
         "start_on": {"or": [{"and": [{"event": "up", "match": ["IFACE=eth0"]}, {"event": "started", "match": ["b"]}]},
                             {"event": "go", "match": []}]},
         "stop_on": {"event": "runlevel", "match": ["[016]"]}}
    shown = ask(session, "show-config", "a")
    assert {key: shown[key] for key in a} == a
    everything = ask(session, "show-config")
    assert [job["job"] for job in everything] == ["a", "b"] and everything[1]["start_on"] is None
    assert ask(session, "usage", "a") == {"job": "a", "usage": "a X=1"}


def test_environment_is_an_object(session):
    session.ctl("set-env", "A=1=2", "EMPTY=")
    env = ask(session, "list-env")
    assert env["A"] == "1=2" and env["EMPTY"] == "" and "PATH" in env
    assert ask(session, "get-env", "A") == {"name": "A", "value": "1=2"}


def test_init_itself(session):
    assert ask(session, "version")["version"] == session.ctl("version").strip()
    assert ask(session, "log-priority") == {"log_priority": session.ctl("log-priority").strip()}
    assert ask(session, "log-priority", "warn") == {"log_priority": "warn"}
    assert ask(session, "list-sessions") == [{"pid": session.process.pid, "address": session.address}]
    commands = {one["command"]: one for one in ask(session, "help")}
    assert commands["start"]["operands"] == "JOB [KEY=VALUE]..." and commands["list"]["summary"]


def test_errors_stay_text_and_quiet_stays_quiet(session):
    session.job("web", SLEEP)
    session.wait_job("web")
    done = session.command(INITCTL, "status", "--json", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "initctl: Unknown job: nothing\n")
    assert session.ctl("-q", "status", "--json", "web") == ""
