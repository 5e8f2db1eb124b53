# SPDX-License-Identifier: MIT
"""upstart-time-bridge: with a stand-in for init, and with a real session init.

What the clocks do over hours and nights is tests/unit/bridges/test_timers.c's.
"""

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT_DIR / "tests" / "helpers"))

from clock import BRIDGE, INIT, LIMIT, TELINIT, Session, add_job, event, got, needs_init, session, start, wait_for  # noqa: E402,F401
from fake_init import MANAGER, ROOT, FakeInit, Job  # noqa: E402

pytestmark = pytest.mark.skipif(not BRIDGE.exists(), reason="the bridges are not built")


# ---- what an event says ----

def test_every_second(start):
    with FakeInit([Job("a", start_on=[["time", "EVERY=1", "COUNT=2"]])]) as init:
        start(init)
        wait_for(lambda: len(got(init)) == 2)
        first, second = got(init)
        assert (first["EVERY"], first["COUNT"], first["RUN"], second["RUN"]) == ("1", "2", "1", "2")
        assert list(first) == ["EVERY", "COUNT", "SCHEDULED", "NOW", "RUN"]
        for key in ("SCHEDULED", "NOW"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", first[key])


def test_crontab_with_seconds_in_a_zone(start):
    with FakeInit([Job("a", start_on=[["time", "CRON=* * * * * *", "TZ=UTC"]])]) as init:
        start(init)
        wait_for(lambda: len(got(init)) >= 2)
        first, second = got(init)[:2]
        assert first["CRON"] == "* * * * * *" and first["TZ"] == "UTC"
        assert first["SCHEDULED"].endswith("+00:00")
        assert first["SCHEDULED"] < second["SCHEDULED"]


def test_calendar_and_other_events_in_one_condition(start):
    condition = [["started", "JOB=x"], ["time", "CALENDAR=*:*:*"], ["/OR"]]
    with FakeInit([Job("a", start_on=condition)]) as init:
        start(init)
        wait_for(lambda: got(init))
        assert got(init)[0]["CALENDAR"] == "*:*:*"


def test_after_an_event(start):
    with FakeInit([Job("a", start_on=[["time", "AFTER=started JOB=d?", "DELAY=1s"]])]) as init:
        bridge = start(init)
        event(init, "started", "JOB=other", "INSTANCE=")
        event(init, "stopped", "JOB=db", "INSTANCE=")
        event(init, "started", "JOB=db", "INSTANCE=")
        wait_for(lambda: got(init))
        event(init, "started", "JOB=dc", "INSTANCE=1")
        event(init, "started", "JOB=dc", "INSTANCE=2")
        wait_for(lambda: len(got(init)) == 3, lambda: bridge.log)
        assert [e["AFTER"] for e in got(init)] == ["started JOB=d?"] * 3


def test_after_startup_has_been(start):
    with FakeInit([Job("a", start_on=[["time", "AFTER=startup", "DELAY=0"]])]) as init:
        bridge = start(init)
        wait_for(lambda: len(got(init)) == 1)
        assert bridge.end() == 0
        # Not again when the bridge is.
        add_job(init, Job("b", start_on=[["time", "EVERY=1", "COUNT=1"]]))
        start(init)
        wait_for(lambda: len(got(init)) == 2)
        assert "EVERY" in got(init)[1]


def test_stop_after_own_start(start):
    with FakeInit([Job("a", stop_on=[["time", "AFTER=started JOB=$UPSTART_JOB", "DELAY=1"]])]) as init:
        start(init)
        event(init, "started", "JOB=b", "INSTANCE=")
        event(init, "started", "JOB=a", "INSTANCE=")
        wait_for(lambda: got(init))
        assert got(init)[0]["AFTER"] == "started JOB=$UPSTART_JOB"
        assert len(got(init)) == 1


# ---- jobs come and go ----

def test_jobs_come_change_and_go(start):
    with FakeInit() as init:
        bridge = start(init)
        bridge.says("0 timers")
        job = Job("a", start_on=[["time", "EVERY=1"]])
        add_job(init, job)
        bridge.says("1 timers")
        wait_for(lambda: got(init))
        job.start_on = [["time", "EVERY=1h"], ["time", "EVERY=2h"], ["/OR"]]
        init.signal(ROOT, MANAGER, "JobRemoved", "o", job.path)
        init.signal(ROOT, MANAGER, "JobAdded", "o", job.path)
        bridge.says("2 timers")
        n = len(got(init))
        del init.jobs["a"]
        init.signal(ROOT, MANAGER, "JobRemoved", "o", job.path)
        bridge.says("0 timers", 2)
        assert len(got(init)) == n


def test_bad_schedules_are_told_once_and_the_others_go_on(start):
    jobs = [Job("bad", start_on=[["time", "CRON=0 3 * * mom"], ["time", "EVERY=1s"], ["/OR"]], stop_on=[["time"]]),
            Job("zone", start_on=[["time", "CRON=* * * * *", "TZ=Mars/Olympus"]]),
            Job("keys", start_on=[["time", "EVERY=1h", "DELAY=3"]])]
    with FakeInit(jobs) as init:
        bridge = start(init)
        wait_for(lambda: got(init))
        assert "bad: start on time: column 14 of `CRON=0 3 * * mom': CRON: `mom' is no day of the week" in bridge.log
        assert "bad: stop on time: one of EVERY, CRON, CALENDAR, AT or AFTER is needed" in bridge.log
        assert "zone: start on time: There is no time zone Mars/Olympus" in bridge.log
        assert "keys: start on time: column 1 of `DELAY=3': DELAY: has no meaning with this kind of schedule" in bridge.log
        add_job(init, Job("more", start_on=[["time", "EVERY=1h"]]))
        bridge.says("2 timers")
        for text in ("no day of the week", "Mars/Olympus", "has no meaning", "is needed"):
            assert bridge.log.count(text) == 1


# ---- restarts ----

@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_a_bridge_that_is_started_anew_loses_and_repeats_nothing(start, signo):
    with FakeInit([Job("a", start_on=[["time", "EVERY=1", "COUNT=8"]])]) as init:
        for n in (2, 4, 6):
            bridge = start(init)
            wait_for(lambda: len(got(init)) >= n, lambda: bridge.log)
            bridge.end(signo)
        bridge = start(init)
        wait_for(lambda: got(init) and got(init)[-1]["RUN"] == "8", lambda: bridge.log)
        runs = [int(e["RUN"]) for e in got(init)]
        assert runs == sorted(set(runs))
        # What was written as done and not yet sent when it was killed is the one thing that may be missing.
        assert len(runs) >= (8 if signo == signal.SIGTERM else 5)


def test_init_goes_and_returns(start):
    with FakeInit([Job("a", start_on=[["time", "EVERY=1", "COUNT=4"]])]) as init:
        bridge = start(init)
        wait_for(lambda: got(init))
        init.deaf()
        bridge.says("Lost the connection to Upstart")
        bridge.says("Event time", 3)

        def listen():
            try:
                return init.listen()
            except OSError:
                return None
        wait_for(listen, "the address")
        wait_for(lambda: len(got(init)) >= 4, lambda: bridge.log)
        assert [e["RUN"] for e in got(init)] == ["1", "2", "3", "4"]


def test_missed_runs_are_made_up_for(start, tmp_path):
    """A record of another boot says that there was a run to be: it comes once."""
    words = ["CRON=0 0 1 1 *", "MISSED=run"]
    with FakeInit([Job("a", start_on=[["time", *words]]), Job("b", start_on=[["time", words[0]]])]) as init:
        bridge = start(init)
        assert bridge.end() == 0
        file = tmp_path / ".local" / "state" / "upstart" / "time" / "timers"
        head, line = file.read_text().splitlines()
        assert head.startswith("upstart-time 1 ")
        ident, last, following, due, runs = line.split()
        assert (last, due, runs) == ("0", "0", "0") and int(following) > time.time()
        file.write_text("upstart-time 1 elsewhere\n%s 0 %d 0 3\n" % (ident, time.time() - 7200))
        start(init)
        wait_for(lambda: got(init))
        assert [(e["RUN"], "MISSED" in e) for e in got(init)] == [("1", True)]


# ---- cost ----

def switches(pid):
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M).group(1))


def blocked_in_poll(pid):
    return pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "S"


def test_nothing_to_wait_for_makes_no_wake_up(start):
    jobs = [Job("a", start_on=[["started", "JOB=x"]]), Job("b", start_on=[["time", "AFTER=x", "DELAY=1h"]]),
            Job("c", start_on=[["time", "CRON=0 0 29 2 *"]])]
    with FakeInit(jobs) as init, FakeInit([Job("d", start_on=[["time", "EVERY=1", "COUNT=3"]])]) as other:
        bridge = start(init)
        bridge.says("Ready")
        wait_for(lambda: blocked_in_poll(bridge.process.pid))
        before = switches(bridge.process.pid)
        # Three seconds pass for the other one, which has something to do.
        start(other, XDG_RUNTIME_DIR=str(bridge.path.parent / "other"))
        wait_for(lambda: len(got(other)) == 3)
        # One may still have been under way; a tick would be three.
        assert switches(bridge.process.pid) <= before + 1


def test_a_firing_is_one_wake_up_and_init_s_answer(start):
    jobs = [Job("a", stop_on=[["time", "EVERY=1", "COUNT=4"]]), Job("b", stop_on=[["time", "CRON=0 0 29 2 *"]])]
    with FakeInit(jobs) as init:
        bridge = start(init)
        wait_for(lambda: got(init) and blocked_in_poll(bridge.process.pid))
        before, n = switches(bridge.process.pid), len(got(init))
        wait_for(lambda: len(got(init)) == 4 and blocked_in_poll(bridge.process.pid))
        # The answer to the first may still have been under way.
        assert switches(bridge.process.pid) <= before + 2 * (4 - n) + 1


# ---- a real init ----

@needs_init
def test_real_jobs_run_when_it_is_time(session):
    s = session({
        "often": "start on time EVERY=1s COUNT=3\ntask\nexec echo run $RUN\n",
        "cron": 'start on time CRON="* * * * * *"\ntask\nexec echo "$CRON" at $SCHEDULED\n',
        "startup": "start on time AFTER=startup DELAY=1s\ntask\nexec echo after\n",
        "short": "stop on time AFTER=\"started JOB=$UPSTART_JOB\" DELAY=1s\nexec sleep 1000\n",
    })
    wait_for(lambda: s.log("often").split("\n")[:3] == ["run 1", "run 2", "run 3"], lambda: s.log("often"))
    wait_for(lambda: s.log("cron").count("* * * * * * at 20") >= 2)
    wait_for(lambda: s.log("startup") == "after\n")
    s.initctl("start", "short")
    wait_for(lambda: s.status("short") == "short stop/waiting", "the end of short")
    # Who comes late has missed the start.
    (s.jobs / "late.conf").write_text("start on time AFTER=startup DELAY=0 or time EVERY=1s COUNT=1\ntask\nexec echo late $EVERY\n")
    wait_for(lambda: s.log("late"), lambda: s.log("upstart-time-bridge"))
    assert s.log("late") == "late 1s\n"
    rows = json.loads(s.initctl("list-timers", "--json", "late").stdout)
    assert [(row["next"], row["last"] is None, row["runs"]) for row in rows if row["schedule"][0] == "AFTER=startup"] == [(None, True, 0)]


@needs_init
@pytest.mark.skipif(os.getuid() != 0, reason="it is one anyway")
def test_real_session_of_an_unprivileged_user():
    """All of it needs no rights: schedules, windows, crontabs, what is remembered."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o711)
        if subprocess.run([INIT, "--version"], check=False, user=nobody, group=nobody, extra_groups=[], capture_output=True).returncode != 0:
            pytest.skip("the build folder is not everybody's to read")
        tabs = folder / "tabs"
        tabs.mkdir()
        (tabs / "mine").write_text("@reboot id -u\n")
        for path in (tabs, tabs / "mine"):
            os.chown(path, nobody, nobody)
        s = Session(folder / "session", {
            "upstart-time-bridge": "start on startup\nrespawn\nexpect stop\n"
                                   "exec upstart-time-bridge --user --ready=stop --crontab=%s/mine\n" % tabs,
            "often": "start on time EVERY=1s COUNT=2\ntask\nexec echo run $RUN\n",
            "yearly": "start on time CRON=@yearly MISSED=run\ntask\nexec true\n",
            "day": "while time BETWEEN=00:00-00:00\nexec sleep 1000\n",
        }, usual=True, user=nobody)
        try:
            wait_for(lambda: s.log("often") == "run 1\nrun 2\n", lambda: s.log("upstart-time-bridge"))
            wait_for(lambda: s.status("day") == "day start/running")
            wait_for(lambda: [p.read_text() for p in (s.folder / "log").glob("cron-*.log")] == ["%d\n" % nobody], "the crontab")
            state = s.folder / ".local" / "state" / "upstart" / "time" / "timers"
            assert state.stat().st_uid == nobody
            assert s.log("upstart-time-bridge") == ""
        finally:
            s.end()


@needs_init
def test_real_events_are_for_one_job_alone(session):
    """A crontab of asterisks is a glob of all others; a job with the same words has a timer of its own."""
    s = session({
        "never": 'start on time CRON="0 0 29 2 *"\ntask\nexec echo never\n',
        "stars": 'start on time CRON="* * * * *"\ntask\nexec echo stars\n',
        "seconds": 'start on time CRON="* * * * * *" COUNT=2\ntask\nexec echo run $RUN\n',
        "same": 'start on time CRON="* * * * * *" COUNT=2\ntask\nexec echo run $RUN\n',
        "two": "instance $X\nstop on time AFTER='started JOB=two INSTANCE=$UPSTART_INSTANCE' DELAY=1s\nexec sleep 1000\n",
        "any": "start on time\ntask\nexec echo any\n",
    })
    wait_for(lambda: s.log("seconds") == s.log("same") == "run 1\nrun 2\n", lambda: s.log("seconds") + s.log("same"))
    assert s.log("never") == s.log("any") == ""
    s.initctl("start", "two", "X=1")
    wait_for(lambda: "two (1)" not in s.initctl("list").stdout, "the end of the first")


@needs_init
def test_real_running_job_is_left_alone_and_follows(session, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    s = session({
        "skip": "start on time EVERY=1s\ntask\nexec sh -c 'echo began; cat %s'\n" % gate,
        "follow": "start on time CRON='* * * * * *' MISSED=run\ntask\nexec sh -c 'echo began; cat %s'\n" % gate,
    })
    wait_for(lambda: "skip is still running: the run of" in s.log("upstart-time-bridge"))
    wait_for(lambda: "follow is still running: the run of" in s.log("upstart-time-bridge"))
    assert s.log("skip") == s.log("follow") == "began\n"
    with open(gate, "w", encoding="ascii"):
        pass
    wait_for(lambda: s.log("follow").count("began") >= 2)


def later(row, earlier):
    """Two times as list-timers tells them, compared."""
    return row is not None and (earlier is None or datetime.datetime.fromisoformat(row) > datetime.datetime.fromisoformat(earlier))


@needs_init
def test_timers_are_listed(session):
    s = session({
        "often": "start on time EVERY=1s COUNT=2\ntask\nexec true\n",
        "leap": 'start on time CRON="0 0 29 2 *" TZ=UTC or started x\ntask\nexec true\n',
        "short": 'stop on time AFTER="started JOB=$UPSTART_JOB" DELAY=2h\nexec sleep 1000\n',
        "bad": "start on time EVERY=1x or time EVERY=1h\ntask\nexec true\n",
        "day": "while time BETWEEN=00:00-00:00 TZ=UTC\nexec sleep 1000\n",
    })

    def rows(*words):
        return {(row["job"], row["schedule"][0]): row for row in json.loads(s.initctl("list-timers", "--json", *words).stdout)}
    wait_for(lambda: rows()["often", "EVERY=1s"]["runs"] == 2)
    s.initctl("start", "short")
    wait_for(lambda: rows()["short", "AFTER=started JOB=$UPSTART_JOB"]["next"])
    got = rows()
    assert len(got) == 6
    often, leap, short = got["often", "EVERY=1s"], got["leap", "CRON=0 0 29 2 *"], got["short", "AFTER=started JOB=$UPSTART_JOB"]
    assert often["next"] is None and later(often["last"], None)
    assert leap["schedule"] == ["CRON=0 0 29 2 *", "TZ=UTC"] and leap["stanza"] == "start on" and leap["last"] is None
    assert datetime.datetime.fromisoformat(leap["next"]).astimezone(datetime.timezone.utc).strftime("%m-%d %H:%M:%S") == "02-29 00:00:00"
    assert short["after"] == {"job": "short", "instance": ""} and short["stanza"] == "stop on" and later(short["next"], often["last"])
    assert got["day", "BETWEEN=00:00-00:00"]["holds"] is True and later(got["day", "BETWEEN=00:00-00:00"]["next"], often["last"])
    assert got["bad", "EVERY=1x"]["fault"] == "column 8 of `EVERY=1x': EVERY: `x' is no unit of time"
    assert got["bad", "EVERY=1h"]["fault"] is None and later(got["bad", "EVERY=1h"]["next"], often["last"])
    assert list(rows("leap")) == [("leap", "CRON=0 0 29 2 *")]

    done = s.initctl("list-timers")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["NEXT", "LAST", "JOB", "AND", "SCHEDULE"]
    assert [line.split()[2] for line in lines] == ["bad", "short", "day", "leap", "bad", "often"] or \
        [line.split()[2] for line in lines] == ["day", "bad", "short", "leap", "bad", "often"] or \
        [line.split()[2] for line in lines] == ["bad", "day", "short", "leap", "bad", "often"]
    assert re.search(r'^\S+  -  +leap  start on time CRON="0 0 29 2 \*" TZ=UTC$', done.stdout, re.M)
    assert re.search(r"^\S+  -  +day  while time BETWEEN=00:00-00:00 TZ=UTC \(holds\)$", done.stdout, re.M)
    assert done.stderr == "initctl: No schedule: bad: start on time: column 8 of `EVERY=1x': EVERY: `x' is no unit of time\n"
    assert s.initctl("list-timers", "nix", check=False).stderr == "initctl: Unknown job: nix\n"


@needs_init
def test_timers_of_a_bridge_that_never_ran(session):
    s = session({"a": "start on time EVERY=1h\ntask\nexec true\n", "upstart-time-bridge": "exec true\n"})
    done = s.initctl("list-timers")
    assert done.stdout.splitlines()[1].split() == ["-", "-", "a", "start", "on", "time", "EVERY=1h"]
    assert done.stderr == "initctl: upstart-time-bridge has not run: nothing is known of when\n"


@needs_init
def test_real_init_that_re_executes(session):
    s = session({"often": "start on time EVERY=1s COUNT=5\ntask\nexec echo run $RUN\n"})
    wait_for(lambda: "run 1\n" in s.log("often"))
    subprocess.run([TELINIT, "--user", "u"], env={**s.env, "UPSTART_SESSION": s.address}, check=True, timeout=LIMIT)
    wait_for(lambda: "run 5\n" in s.log("often"), lambda: s.log("often"))
    assert s.log("often") == "".join("run %d\n" % n for n in range(1, 6))


@needs_init
def test_bad_schedules_are_shown_with_their_place(session, tmp_path):
    text = 'start on started x or time CRON="0 3 * * mom" or (time\n  EVERY=1x)\nstop on time AFTER=x\n'
    file = tmp_path / "bad.conf"
    file.write_text(text)
    done = subprocess.run([INIT, "--check", file], check=False, text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0
    for place in ("1:42: warning: No schedule: CRON: `mom' is no day of the week", "2:10: warning: No schedule: EVERY: `x' is no unit",
                  "3:9: warning: No schedule: DELAY is missing"):
        assert "%s:%s" % (file, place) in done.stderr + done.stdout
    s = session({"bad": text, "zone": "start on time CRON=@daily TZ=Mars/Olympus\ntask\nexec true\n"})
    bad = s.jobs / "bad.conf"
    done = s.initctl("check-config", "bad", check=False)
    assert done.returncode == 1
    assert "  start on: time: column 14 of `CRON=0 3 * * mom': CRON: `mom' is no day of the week (%s)\n" % bad in done.stdout
    assert "  start on: time: column 8 of `EVERY=1x': EVERY: `x' is no unit of time (%s)\n" % bad in done.stdout
    assert "  stop on: time: DELAY is missing (%s)\n" % bad in done.stdout
    done = s.initctl("check-config", "zone", check=False)
    assert (done.returncode, done.stdout) == (1, "zone\n  start on: time: There is no time zone Mars/Olympus (%s)\n" % (s.jobs / "zone.conf"))
    wait_for(lambda: "zone (%s): start on time: There is no time zone Mars/Olympus\n" % (s.jobs / "zone.conf")
             in s.log("upstart-time-bridge"), lambda: s.log("upstart-time-bridge"))
    assert "bad (%s): start on time: column 14 of `CRON=0 3 * * mom'" % bad in s.log("upstart-time-bridge")
    assert "No schedule: zone: start on time: There is no time zone Mars/Olympus\n" in s.initctl("list-timers").stderr


@needs_init
def test_shipped_jobs_are_correct():
    for kind in ("system", "session"):
        done = subprocess.run([INIT, "--check", str(ROOT_DIR / "jobs" / kind / "upstart-time-bridge.conf")], check=False, text=True,
                              capture_output=True, timeout=LIMIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- the command line ----

def run(*options, session=None, **env):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **env}
    if session:
        environment["UPSTART_SESSION"] = session
    done = subprocess.run([str(BRIDGE), *options], env=environment, check=False, text=True, capture_output=True, timeout=LIMIT)
    return done.returncode, done.stdout, done.stderr


def test_command_line(tmp_path):
    status, out, _ = run("--version")
    assert (status, out.split()[0]) == (0, "upstart-time-bridge")
    status, out, _ = run("--help")
    assert status == 0 and "--state-dir=DIR" in out and "time-event(7)" in out
    status, _, err = run("--nonsense")
    assert status == 1 and "invalid option: --nonsense" in err
    assert run("--user") == (1, "", "upstart-time-bridge: UPSTART_SESSION isn't set in environment\n")
    with FakeInit() as init:
        assert run("--user", session=init.address) == (1, "", "upstart-time-bridge: XDG_RUNTIME_DIR isn't set in environment\n")
