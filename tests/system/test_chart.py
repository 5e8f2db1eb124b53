# SPDX-License-Identifier: MIT
"""initctl chart: what started when and why, in order; nothing here measures time."""

import json
import os
import signal
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import INITCTL, wait_for

SLEEP = "exec sleep 1000\n"
SVG = "{http://www.w3.org/2000/svg}"


def until(name):
    """A shell command that ends once the test has made that file."""
    return f'until [ -e "$UPSTART_TEST/{name}" ]; do sleep 0.05; done'


@pytest.fixture
def boot(make_session):
    """A session whose jobs start each other, step by step as the test lets them."""
    s = make_session()
    s.job("mounts", f"start on startup\ntask\nscript\n{until('mounts')}\ninitctl emit --no-wait filesystem DEV=sda1 EMPTY=\nend script\n")
    s.job("quick", "start on startup\ntask\nexec true\n")
    s.job("net", f"start on filesystem\npre-start script\n{until('net')}\nend script\n" + SLEEP)
    s.job("prepare", f"start on starting web\ntask\nscript\n{until('prepare')}\nend script\n")
    s.job("web", "start on started net\n" + SLEEP)
    s.job("stats", f"while web and net\npre-start script\n{until('stats')}\nend script\n" + SLEEP)
    s.job("bad", "start on startup\ntask\nexec false\n")
    s.start(startup=True, env={"UPSTART_TEST": str(s.path), "PATH": f"{s.path}/bin:{os.environ['PATH']}"}, inherit=True)
    s.wait_jobs(7)
    return s


def go(s, *names):
    for name in names:
        (s.path / name).touch()


def chart(s, *words):
    told = json.loads(s.ctl("chart", "--json", *words))
    return told, {run["job"]: run for run in told["runs"]}


def chain(told):
    """The jobs of the critical chain, in order."""
    names = {run["run"]: run["job"] for run in told["runs"]}
    return [names[step["run"]] for step in told["chain"]]


def finish(s):
    go(s, "mounts", "net", "prepare", "stats")
    s.wait_status("stats", "start/running")
    wait_for(lambda: chart(s)[1]["mounts"]["gone"] is not None, "the end of mounts")


def check_causes(s):
    told, runs = chart(s, "stats")
    by = {run["run"]: run["job"] for run in told["runs"]}
    assert {job: (run["why"], run["event"], by.get(run["by"])) for job, run in runs.items()} == {
        "mounts": ("event", "startup", None), "quick": ("event", "startup", None), "bad": ("event", "startup", None),
        "net": ("event", "filesystem DEV=sda1", "mounts"), "web": ("event", "started JOB=net", "net"),
        "prepare": ("event", "starting JOB=web", "web"), "stats": ("while", None, "web")}
    assert chain(told) == ["mounts", "net", "web", "prepare", "web", "stats"]
    assert told["origin"] == "startup"
    steps = told["chain"]
    assert all(one["to"] == next["from"] for one, next in zip(steps, steps[1:]))
    assert all(step["from"] <= step["to"] for step in steps)
    assert steps[0]["from"] == told["startup"] and steps[-1]["to"] == runs["stats"]["ready"]
    assert {job for job, run in runs.items() if run["critical"]} == set(chain(told))
    return told


def test_critical_chain_goes_back_over_all_that_was_waited_for(boot):
    finish(boot)
    told = check_causes(boot)
    runs = {run["job"]: run for run in told["runs"]}
    assert runs["prepare"]["event_id"] == runs["web"]["starting_event"]
    assert runs["prepare"]["gone"] == runs["web"]["begun"]
    assert runs["stats"]["asked"] == runs["web"]["ready"]
    assert runs["bad"]["failed"] == "main" and runs["quick"]["failed"] is None
    for run in told["runs"]:
        times = [run[key] for key in ("asked", "starting", "begun", "main", "main_ready", "ready", "stopping", "gone") if run[key] is not None]
        assert times == sorted(times)
    assert chain(chart(boot, "net")[0]) == ["mounts", "net"]
    assert chain(chart(boot, "quick")[0]) == ["quick"]


def test_history_survives_the_replacement_and_the_crash_of_init(boot):
    go(boot, "mounts", "net")
    wait_for(lambda: chart(boot)[1].get("prepare"), "prepare to start")
    before = chart(boot)[0]["began"]
    images = boot.messages().count("Stateful re-exec completed")
    boot.ctl("log-priority", "info")
    boot.bus().call_blocking("com.ubuntu.Upstart", "/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6", "Restart", "", ())
    wait_for(lambda: boot.messages().count("Stateful re-exec completed") > images, "the next image")
    go(boot, "prepare")
    boot.wait_status("web", "start/running")
    os.kill(boot.pid, signal.SIGSEGV)
    wait_for(boot.answers, "it to answer")
    finish(boot)
    assert check_causes(boot)["began"] == before


def test_later_starts_are_told_by_who_asked(boot):
    finish(boot)
    boot.job("other", "task\nexec initctl start hand\n")
    boot.job("hand", "respawn\n" + SLEEP)
    boot.wait_jobs(9)
    boot.ctl("start", "other")
    pid = boot.pid_of("hand")
    told, runs = chart(boot)
    assert (runs["hand"]["why"], runs["hand"]["by"]) == ("request", runs["other"]["run"])
    assert (runs["other"]["why"], runs["other"]["by"]) == ("request", None)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: chart(boot)[1]["hand"]["why"] == "respawn" and chart(boot)[1]["hand"]["ready"], "the next hand")
    assert chain(chart(boot, "hand")[0]) == ["hand"]


def words(init, *command, locale="C.UTF-8"):
    done = init.command("env", f"LC_ALL={locale}", "COLUMNS=100", INITCTL, *command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_text_marks_the_chain(boot):
    finish(boot)
    lines = words(boot, "chart", "--all", "stats").splitlines()
    assert lines[0].startswith("stats was ready after ")
    said = [line.split("s  ", 1)[1] for line in lines[1:lines.index("")]]
    assert said == ["mounts  [startup]", "net  [filesystem DEV=sda1 by mounts]", "web  [started JOB=net]", "prepare  [starting JOB=web]",
                    "web  [started JOB=net]", "stats  [its `while' by web]"]
    bars = [line for line in lines if line.endswith("|")]
    assert len(bars) == 7 and all(len(line) <= 99 for line in bars)
    assert sorted(line.split("*")[1].split()[0] for line in bars if "*" in line) == ["mounts", "net", "prepare", "stats", "web"]
    assert words(boot, "chart", locale="C").isascii()
    blamed = words(boot, "chart", "--blame", "--all").splitlines()
    assert sorted(line.split()[-1] for line in blamed) == sorted(["mounts", "quick", "net", "prepare", "web", "stats", "bad"])
    took = [float(line.split()[0]) for line in blamed]
    assert took == sorted(took, reverse=True)
    unknown = boot.command(INITCTL, "chart", "wep")
    assert unknown.returncode == 1 and "wep" in unknown.stderr


def test_picture_has_a_bar_for_each_and_the_chain(boot):
    finish(boot)
    root = ElementTree.fromstring(words(boot, "chart", "--svg", "--all", "stats"))
    names = [one.find(SVG + "text").text for one in root.iter(SVG + "g")]
    assert sorted(names) == ["bad", "mounts", "net", "prepare", "quick", "stats", "web"]
    assert all(one.find(SVG + "rect") is not None for one in root.iter(SVG + "g"))
    assert len([path for path in root.iter(SVG + "path") if path.get("class") == "chain"]) == 2  # and one in the legend
    assert "prefers-color-scheme: dark" in root.find(SVG + "style").text


HOSTILE = "<b>&\"'\x1b[31m\tx"


def test_names_of_any_kind_stay_text(make_session):
    s = make_session()
    s.job("many", "instance $N\nstart on go\n" + SLEEP)
    s.start()
    s.wait_jobs(1)
    s.ctl("emit", "go", f"N={HOSTILE}")
    done = s.command("sh", "-c", f"{INITCTL} emit go \"$(printf 'N=\\377\\376end')\"")
    assert done.returncode in (0, 1)  # D-Bus may not carry it
    svg = words(s, "chart", "--svg", "--all")
    root = ElementTree.fromstring(svg)
    assert any("<b>&\"'" in "".join(text.itertext()) for text in root.iter(SVG + "text"))
    assert "\x1b" not in svg and "\x1b" not in words(s, "chart", "--all")
    assert any(run["instance"] == HOSTILE for run in json.loads(s.ctl("chart", "--json"))["runs"])


def test_nothing_has_started(session):
    session.job("x", SLEEP)
    session.wait_jobs(1)
    told = json.loads(session.ctl("chart", "--json"))
    assert (told["runs"], told["chain"], told["origin"], told["startup"], told["dropped"]) == ([], [], None, None, 0)
    ElementTree.fromstring(session.ctl("chart", "--svg"))
    session.ctl("chart")
    assert session.ctl("chart", "--blame") == ""
