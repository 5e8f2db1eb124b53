# SPDX-License-Identifier: MIT
"""What init says of itself, line by line: the lines of 1.13, each at its level."""

import shlex

from conftest import wait_for

SLEEP = "exec sleep 9999\n"


def lines(init):
    return init.messages().splitlines()


def wait_line(init, line):
    wait_for(lambda: line in lines(init), f"the line {line}")


def test_life_of_a_job_line_by_line(make_session):
    session = make_session()
    session.job("web", "start on go\npre-start exec true\n" + SLEEP)
    session.start("--verbose")
    session.wait_job("web")
    seen = len(lines(session))
    session.ctl("emit", "go")
    pid = session.pid_of("web")
    session.ctl("stop", "web")
    wait_line(session, "web state changed from post-stop to waiting")
    # The handling of `stopped` comes last.
    wait_line(session, "Handling stopped event")
    told = [line for line in lines(session)[seen:] if line.startswith(("web ", "Handling", "Sending", "init: "))]
    hook = [line for line in told if line.startswith("web pre-start process (")]
    assert len(hook) == 2 and hook[1] == hook[0] + " exited normally"
    # Its number is known when the spawner has made it, which 1.13 did itself before it went on.
    main = f"web main process ({pid})"
    assert told.index("web state changed from spawning to spawned") < told.index(main) < told.index("Handling started event")
    assert [line for line in told if line not in (*hook, main)] == [
        "Handling go event", "web goal changed from stop to start", "web state changed from waiting to starting",
        "Handling starting event", "web state changed from starting to security-spawning",
        "web state changed from security-spawning to security", "web state changed from security to pre-starting",
        "web state changed from pre-starting to pre-start", "web state changed from pre-start to spawning",
        "web state changed from spawning to spawned", "web state changed from spawned to post-starting",
        "web state changed from post-starting to post-start", "web state changed from post-start to running", "Handling started event",
        "web goal changed from start to stop", "web state changed from running to pre-stopping",
        "web state changed from pre-stopping to pre-stop", "web state changed from pre-stop to stopping", "Handling stopping event",
        "web state changed from stopping to killed", f"Sending TERM signal to web main process ({pid})",
        f"init: web main process ({pid}) killed by TERM signal", "web state changed from killed to post-stopping",
        "web state changed from post-stopping to post-stop", "web state changed from post-stop to waiting", "Handling stopped event"]


def test_level_can_be_changed_while_it_runs(session):
    session.job("quiet", "exec true\n")
    session.job("loud", "exec sh -c 'exit 3'\n")
    session.wait_jobs(2)
    session.ctl("start", "quiet")
    assert "quiet goal changed" not in session.messages()
    session.ctl("log-priority", "info")
    session.ctl("start", "quiet")
    wait_line(session, "quiet goal changed from stop to start")
    session.ctl("log-priority", "error")
    session.command("initctl", "start", "loud")
    session.wait_status("loud", "stop/waiting")
    session.ctl("log-priority", "warn")
    session.command("initctl", "start", "loud")
    wait_for(lambda: "terminated with status 3" in session.messages(), "the warning")
    assert session.messages().count("terminated with status 3") == 1
    assert "loud goal changed" not in session.messages()


def test_files_that_are_read_and_that_go(make_session):
    session = make_session()
    path = session.job("web", SLEEP)
    session.start("--verbose")
    session.wait_job("web")
    assert f"Loading configuration from {session.conf}" in lines(session)
    path.unlink()
    wait_line(session, f"Handling deletion of {path}")
    session.ctl("reload-configuration")
    wait_line(session, "Reloading configuration")
    assert lines(session).count(f"Loading configuration from {session.conf}") >= 2


def test_image_that_follows_another(make_session):
    session = make_session()
    session.job("web", SLEEP)
    session.start("--verbose")
    session.wait_job("web")
    session.ctl("start", "web")
    session.manager(session.bus()).Restart()
    wait_line(session, "Stateful re-exec completed")
    order = [line for line in lines(session) if "e-exec" in line]
    assert order[0] == "Performing stateful re-exec" and order[-1] == "Stateful re-exec completed"


def test_state_that_cannot_be_read(make_session):
    """It is told, and init goes on without."""
    session = make_session()
    session.job("web", SLEEP)
    (session.path / "state").write_text("no journal at all\n")
    program = session.path / "init"
    program.write_text(f"#!/bin/sh\nexec 9<{shlex.quote(str(session.path / 'state'))}\n"
                       f'exec {shlex.quote(str(session.program))} "$@"\n')
    program.chmod(0o755)
    session.program = program
    session.start("--restart", "--state-fd=9")
    session.wait_job("web")
    assert any(line.startswith("init: Failed to read serialisation data - reverting to stateless re-exec: ") for line in lines(session))
    session.ctl("start", "web")
    assert "start/running" in session.status("web")
