# SPDX-License-Identifier: MIT
"""What init can't do, because it crashes over it or breaks a rule of its own, is done without, told, and reported."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, INIT, WATCHES, is_alive, wait_for

SLEEP = "exec sleep 1000\n"
REPLAY = BUILD / "src" / "replay" / "upstart-replay"
CRASHED = "init crashed twice"
BROKEN = "init broke a rule of its own"


@pytest.fixture
def faulty(make_session):
    """faulty(crash="NAME,NAME", breaks="NAME"): a running session init with such faults, and the jobs a and b."""

    def make(crash="", breaks="", jobs=None, record=False):
        session = make_session()
        session.program = INIT.parent / "init-faulty"
        for name, text in (jobs or {"a": SLEEP, "b": "start on go\n" + SLEEP}).items():
            session.job(name, text)
        session.start(*(["--record", session.path / "record"] if record else []),
                      env={"UPSTART_TEST_CRASH_AT": crash, "UPSTART_TEST_BREAK_AT": breaks})
        return session

    return make


def crashes(session):
    return session.messages().count("core dumped; going on from the journal")


def quarantine(session, *words):
    lines = session.ctl("status", *words).splitlines()
    return [line[1:] for line in lines if line.startswith("\tquarantined")]


def report(session, number=1):
    """What upstart-replay says of a report."""
    path = session.log / f"init-crash.{number}.replay"
    wait_for(lambda: f"{path}, for upstart-replay" in session.messages(), "the report")
    assert path.stat().st_mode & 0o777 == 0o600
    done = subprocess.run([REPLAY, "--check", "--print", path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


# -- crashes ------------------------------------------------------------------------------------------------


def test_a_death_that_crashes_init_twice_quarantines_the_job(faulty):
    session = faulty("EXITED")
    session.ctl("start", "a")
    session.ctl("start", "b")
    kept = session.pid_of("b")
    pid = session.pid_of("a")
    os.kill(pid, signal.SIGKILL)
    session.wait_status("a", "stop/running")
    assert quarantine(session, "a") == [f"quarantined until `initctl reset': {CRASHED} over the end of its main process ({pid})"]
    assert f"a stop/running\n\tquarantined until `initctl reset': {CRASHED}" in session.ctl("list")
    assert f'"EXITED", {{"pid": {pid}, "status": 2304}}' in session.messages()
    for command in "start", "stop", "restart":
        done = session.command("initctl", command, "a")
        assert (done.returncode, done.stderr) == (1, "initctl: Job is quarantined until it is reset: a\n")
    assert session.pid_of("b") == kept and is_alive(kept)
    lines = report(session)
    assert lines[-2].startswith("report: input EXITED: init crashed twice (")
    assert f'"EXITED", {{"pid": {pid}, "status": 2304}}]' in [line for line in lines if line.startswith("[")][-1]
    assert session.ctl("reset", "a") == "a stop/waiting\n"
    assert session.ctl("start", "a").startswith("a start/running, process ")
    assert session.end() == 0


def test_quarantine_survives_re_exec_and_crash(faulty):
    session = faulty("EXITED")
    session.ctl("start", "a")
    os.kill(session.pid_of("a"), signal.SIGKILL)
    session.wait_status("a", "stop/running")
    told = quarantine(session, "a")
    before = crashes(session)
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: crashes(session) > before and session.answers(), "the next image")
    assert quarantine(session, "a") == told
    connection = session.bus()
    session.manager(connection).Restart()
    wait_for(session.answers, "the next image")
    assert quarantine(session, "a") == told
    session.ctl("reset", "a")
    assert session.end() == 0


def test_reset_kills_what_is_left(faulty):
    """The start is what crashes it: the process runs, and its end is noted."""
    session = faulty("EXEC_DONE")
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed to start\n")
    pid = session.pid_of("a") if "process" in session.status("a").partition("\n")[0] else None
    assert pid and is_alive(pid)
    assert quarantine(session, "a") == [f"quarantined until `initctl reset': {CRASHED} over the start of its main process ({pid})"]
    shown = json.loads(session.ctl("reset", "--json", "a"))
    assert (shown["job"], shown["goal"], shown["state"]) == ("a", "stop", "waiting")
    assert not is_alive(pid)
    assert session.end() == 0


def test_processes_of_a_quarantined_job_are_reaped(faulty):
    session = faulty("EXEC_DONE")
    session.command("initctl", "start", "a")
    pid = session.pid_of("a")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: f"process {pid}" not in session.status("a"), "its end to be noted")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it to be reaped")
    assert session.status("a").startswith("a stop/spawned\n\tquarantined")
    session.ctl("reset", "a")
    assert session.end() == 0


def test_a_timer_that_crashes_init_twice_quarantines_the_job(faulty):
    deaf = "kill timeout 1\nscript\n  trap '' TERM\n  touch {path}/deaf\n  while :; do sleep 0.05; done\nend script\n"
    session = faulty("TIMER", jobs={"b": SLEEP})
    session.job("a", deaf.format(path=session.path))
    session.wait_job("a")
    session.ctl("start", "a")
    wait_for((session.path / "deaf").exists, "its trap")
    pid = session.pid_of("a")
    done = session.command("initctl", "stop", "a")
    assert (done.returncode, done.stderr) == (1, "initctl: Job failed while stopping\n")
    assert quarantine(session, "a") == [f"quarantined until `initctl reset': {CRASHED} over its kill timer"]
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "its end")
    session.ctl("reset", "a")
    assert session.end() == 0


def test_an_event_that_crashes_init_twice_has_failed(faulty):
    session = faulty("EMIT", jobs={"a": SLEEP, "b": "start on go\n" + SLEEP, "hears": "start on go/failed\n" + SLEEP})
    done = session.command("initctl", "emit", "go")
    assert (done.returncode, done.stderr) == (1, f"initctl: The request was left out: {CRASHED} over it\n")
    session.wait_status("hears", "start/running")
    assert session.status("b") == "b stop/waiting"
    assert session.end() == 0


@pytest.mark.parametrize("name", ["REQUEST", "QUERY"])
def test_what_a_client_asks_is_answered_though_it_crashes_init(faulty, name):
    """Before anything of it is journaled: the message, or the query."""
    session = faulty(name, jobs={"a": SLEEP})
    command = ["start", "a"] if name == "REQUEST" else ["status", "a"]
    done = session.command("initctl", *command)
    assert (done.returncode, done.stderr) == (1, f"initctl: The request was left out: {CRASHED} over it\n")
    assert "the state is dropped" not in session.messages()
    assert session.end() == 0


def test_definitions_that_crash_init_twice_are_done_without(faulty):
    session = faulty("DEFINE")
    wait_for(lambda: session.messages().count("The definition is done without until its text changes") >= 2, "both")
    wait_for(session.answers, "it to answer")
    assert session.jobs() == []
    assert session.messages().count("Input DEFINE made init crash twice and is left out") == 2
    assert "the state is dropped" not in session.messages()
    assert session.end() == 0


def test_a_definition_is_tried_again_when_its_text_changes(faulty):
    session = faulty("poison", jobs={"a": SLEEP, "poison": "start on x\n" + SLEEP} if not WATCHES else {"a": SLEEP})
    session.job("poison", "start on x\n" + SLEEP)
    if not WATCHES:
        session.command("initctl", "reload-configuration")
    wait_for(lambda: "poison.conf made init crash twice" in session.messages(), "the message")
    wait_for(session.answers, "it to answer")
    assert session.jobs() == ["a"]
    assert any('report: file ' in line and "poison.conf" in line for line in report(session))
    before = crashes(session)
    # As it is it is not tried again, whatever happens.
    session.ctl("reload-configuration")
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: crashes(session) > before and session.answers(), "the next image")
    assert crashes(session) == before + 1
    session.ctl("start", "a")
    assert session.end() == 0


def test_a_substitute_that_crashes_init_is_replaced_by_a_lesser_one(faulty):
    session = faulty("EXITED,SUBSTITUTE")
    session.ctl("start", "b")
    kept = session.pid_of("b")
    session.ctl("start", "a")
    os.kill(session.pid_of("a"), signal.SIGKILL)
    wait_for(lambda: "Nothing is done in the place of input EXITED" in session.messages(), "the last level")
    wait_for(session.answers, "it to answer")
    assert session.pid_of("b") == kept
    assert session.messages().count("is quarantined, its processes are let be") == 0


def test_many_things_that_crash_init_cost_no_state(faulty):
    """Each is condemned by two crashes: that is getting somewhere."""
    session = faulty("EMIT")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    for i in range(9):
        assert session.command("initctl", "emit", f"e{i}").returncode == 1
    wait_for(lambda: session.messages().count("Input EMIT made init crash twice and is left out") == 9, "word of all of them")
    assert "the state is dropped" not in session.messages()
    assert session.pid_of("a") == pid
    assert session.end() == 0


def test_two_things_in_one_journal_are_both_left_out(faulty):
    """The second is met when the first has been dealt with: that must not be forgotten over it."""
    session = faulty("EXITED,SPAWN_FAILED", jobs={"a": SLEEP, "c": "exec /does/not/exist\n"})
    session.ctl("start", "a")
    start = session.background("start", "c")
    os.kill(session.pid_of("a"), signal.SIGKILL)
    assert start.wait(60) == 1
    session.wait_status("a", "stop/running")
    assert quarantine(session, "a") and quarantine(session, "c")
    assert "the state is dropped" not in session.messages()
    session.ctl("reset", "a")
    session.ctl("reset", "c")
    assert session.end() == 0


def test_never_more_than_sixteen_reports(faulty):
    session = faulty("EMIT")
    for i in range(1, 17):
        (session.log / f"init-crash.{i}.replay").touch()
    session.command("initctl", "emit", "go")
    wait_for(lambda: f"No report is written: there are 16 in {session.log} already" in session.messages(), "the message")
    assert len(list(session.log.glob("init-crash.*"))) == 16
    assert session.end() == 0


def test_a_report_waits_for_its_folder(faulty):
    session = faulty("EMIT")
    session.log.rename(session.path / "elsewhere")
    session.command("initctl", "emit", "go")
    assert "init-crash" not in session.messages()
    (session.path / "elsewhere").rename(session.log)
    report(session)
    assert session.end() == 0


def test_no_report_where_nothing_is_logged(make_session):
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.start("--no-log", env={"UPSTART_TEST_CRASH_AT": "EMIT"})
    assert session.command("initctl", "emit", "go").returncode == 1
    assert "for upstart-replay" not in session.messages()
    assert session.end() == 0


# -- rules that are broken -------------------------------------------------------------------------------------


def degraded(session):
    done = session.command(INIT.parent.parent / "initctl" / "initctl", "status", "a")
    return "initctl: init is degraded: " in done.stderr and " degraded: " in session.ctl("version")


def test_a_broken_rule_is_refused_in_place(faulty):
    session = faulty(breaks="REQUEST")
    before = os.readlink(f"/proc/{session.pid}/exe"), session.pid
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, f"initctl: The request was left out: {BROKEN} over it\n")
    assert session.status("a") == "a stop/waiting"
    assert (os.readlink(f"/proc/{session.pid}/exe"), session.pid) == before and crashes(session) == 0
    assert degraded(session)
    # What scripts take of the line.
    assert session.ctl("version").split()[2].rstrip(")") == "2.0.0"
    assert session.messages().count("Input REQUEST broke a rule of init's own and is left out") == 1
    assert '"REQUEST", {"request": ' in session.messages()
    assert any(line.startswith(f"report: input REQUEST: {BROKEN} (") for line in report(session))
    session.ctl("emit", "go")
    session.wait_status("b", "start/running")
    assert session.end() == 0


def test_a_death_that_breaks_a_rule_quarantines_the_job(faulty):
    session = faulty(breaks="EXITED")
    session.ctl("start", "a")
    session.ctl("start", "b")
    kept = session.pid_of("b")
    pid = session.pid_of("a")
    os.kill(pid, signal.SIGKILL)
    session.wait_status("a", "stop/running")
    assert quarantine(session, "a") == [f"quarantined until `initctl reset': {BROKEN} over the end of its main process ({pid})"]
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it to be reaped")
    assert session.pid_of("b") == kept and crashes(session) == 0
    # What was journaled in its place counts for the next image, too.
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: crashes(session) == 1 and session.answers(), "the next image")
    assert quarantine(session, "a") and degraded(session)
    session.ctl("reset", "a")
    assert session.status("a") == "a stop/waiting"
    assert session.end() == 0


def test_a_recording_goes_on_after_a_broken_rule(faulty):
    """What was taken back is in it, and what stands in for it."""
    session = faulty("", "REQUEST", record=True)
    assert session.command("initctl", "start", "a").returncode == 1
    session.ctl("emit", "go")
    session.wait_status("b", "start/running")
    assert session.end() == 0
    done = subprocess.run([REPLAY, "--print", "--check", session.path / "record"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r'"REQUEST", .*\n(?s:.*)"SUBSTITUTE", ', done.stdout)


def test_a_rule_broken_as_the_journal_is_read_costs_that_input_alone(faulty):
    """init crashes over the input before it can be taken back."""
    session = faulty(breaks="EXITED", crash="BROKEN")
    session.ctl("start", "a")
    session.ctl("start", "b")
    kept = session.pid_of("b")
    pid = session.pid_of("a")
    os.kill(pid, signal.SIGKILL)
    session.wait_status("a", "stop/running")
    assert quarantine(session, "a") == [f"quarantined until `initctl reset': {BROKEN} over the end of its main process ({pid})"]
    assert session.pid_of("b") == kept and is_alive(kept)
    assert "dropped" not in session.messages() and "stateless" not in session.messages()
    assert session.messages().count("Read the state without what broke a rule of init's own") == 1
    assert crashes(session) == 1
    assert session.messages().count("Input EXITED broke a rule of init's own and is left out") == 1
    assert any(line.startswith(f"report: input EXITED: {BROKEN} (an input broke a rule)") for line in report(session))
    assert degraded(session)
    session.ctl("reset", "a")
    assert session.ctl("start", "a").startswith("a start/running, process ")
    assert session.end() == 0


def test_degraded_init_is_well_again_after_re_exec(faulty):
    session = faulty(breaks="REQUEST")
    session.command("initctl", "start", "a")
    assert degraded(session)
    connection = session.bus()
    session.manager(connection).Restart()
    wait_for(session.answers, "the next image")
    wait_for(lambda: not degraded(session), "it to be well")
    assert session.end() == 0


@pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")
def test_a_definition_that_breaks_a_rule_leaves_the_old_one(make_session):
    session = make_session()
    session.program = INIT.parent / "init-faulty"
    session.job("a", "start on old\n" + SLEEP)
    session.start(env={"UPSTART_TEST_BREAK_AT": "DEFINE"})
    wait_for(lambda: "a.conf: The definition is done without until its text changes" in session.messages(), "the message")
    assert session.jobs() == []
    session.ctl("reload-configuration")
    assert session.messages().count("Input DEFINE broke a rule") == 1
    assert session.end() == 0


def test_a_substitute_that_breaks_a_rule_is_left_out(faulty):
    session = faulty(breaks="REQUEST,SUBSTITUTE")
    done = session.command("initctl", "start", "a")
    assert (done.returncode, done.stderr) == (1, f"initctl: The request was left out: {BROKEN} over it\n")
    assert "Nothing is done in the place of input REQUEST" in session.messages()
    session.ctl("emit", "go")
    session.wait_status("b", "start/running")
    assert session.end() == 0


def test_a_state_that_turns_out_to_be_unreadable_is_dropped_whole(faulty):
    """What had been read of it by then speaks of descriptors and processes that are no more: nothing is taken over."""
    session = faulty(breaks="STATE", jobs={"a": "script\n  echo up\n  exec sleep 1000\nend script\n"})
    descriptors = lambda: len(os.listdir(f"/proc/{session.pid}/fd"))
    session.wait_servants()
    before = descriptors()
    session.ctl("start", "a")
    pid = session.pid_of("a")
    wait_for(lambda: session.log_of("a") == "up\n", "what it prints")
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: "reverting to stateless re-exec: " in session.messages(), "the next image")
    wait_for(session.answers, "the one after it")
    session.wait_status("a", "stop/waiting")
    wait_for(lambda: descriptors() == before, lambda: f"{before} descriptors, not {descriptors()}")
    session.ctl("start", "a")
    assert session.pid_of("a") != pid
    wait_for(lambda: session.log_of("a") == "up\nup\n", "what it prints again")
    os.kill(pid, signal.SIGKILL)  # nobody's any more
    assert session.messages().count("Failed to read serialisation data") == 1
    assert "Read the state" not in session.messages()
    assert session.end() == 0
