# SPDX-License-Identifier: MIT
"""A user's session: its life, its configuration directories, its logs, its end."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, WATCHES, is_alive, wait_for

SLEEP = "exec sleep 1000\n"

needs_watch = pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")


# -- the life of jobs


def test_service_starts_and_stops(session):
    session.job("web", SLEEP)
    session.wait_job("web")
    assert session.ctl("start", "web").startswith("web start/running, process ")
    pid = session.pid_of("web")
    assert is_alive(pid)
    assert session.ctl("stop", "web") == "web stop/waiting\n"
    assert not is_alive(pid)


def test_task_is_over_when_start_returns_and_its_output_is_in_the_log(session):
    session.job("hello", "task\nexec echo hello world\n")
    session.wait_job("hello")
    assert session.ctl("start", "hello") == "hello stop/waiting\n"
    wait_for(lambda: session.log_of("hello") == "hello world\n", "the output")


# -- who waits (cases I23 and I24 of the commands)


def slow_to_start(session, *stanzas):
    """A job that starts when there is a file `go`, and what says that it is at it."""
    go = session.path / "go"
    session.job("slow", "\n".join([*stanzas, f"pre-start script\nuntil [ -e {go} ]; do sleep 0.02; done\nend script\n{SLEEP}"]))
    session.wait_job("slow")
    return go, lambda: session.status("slow").startswith("slow start/pre-start")


def test_start_goes_on_when_who_waits_is_killed(session):
    go, starts = slow_to_start(session)
    waiting = session.background("start", "slow")
    wait_for(starts, "its start")
    waiting.kill()
    waiting.communicate()
    go.touch()
    wait_for(lambda: session.status("slow").startswith("slow start/running, process "), "its main process")


def test_event_that_waits_for_a_start_succeeds_when_the_job_is_stopped(session):
    go, starts = slow_to_start(session, "start on e")
    emitting = session.background("emit", "e")
    wait_for(starts, "its start")
    stopping = session.background("stop", "slow")
    assert emitting.wait(60) == 0
    go.touch()
    assert stopping.wait(60) == 0
    assert session.status("slow") == "slow stop/waiting"


def test_long_scripts_arrive_whole(session):
    body = "".join(f"echo {i}\n" for i in range(5000))
    session.job("long", "task\nscript\n" + body + "end script\n")
    session.wait_job("long")
    session.ctl("start", "long")
    wait_for(lambda: session.log_of("long") == "".join(f"{i}\n" for i in range(5000)), "all lines")


def test_many_jobs_start_on_one_event(session):
    for i in range(150):
        session.job(f"j{i}", "start on go\n" + SLEEP)
    session.wait_jobs(150)
    session.ctl("emit", "go")
    status = session.ctl("list").splitlines()
    assert len([line for line in status if "start/running, process" in line]) == 150


def test_status_after_start_without_waiting_never_lacks_the_pid(session):
    session.job("w", SLEEP)
    session.wait_job("w")
    for _ in range(30):
        session.ctl("start", "-n", "w")
        status = session.status("w")
        assert not status.startswith("w start/spawned") or "process" in status
        session.wait_status("w", "start/running, process")
        session.ctl("stop", "w")


def test_process_that_ends_at_once_was_running(session):
    """An exit is never heard of before the exec that came before it."""
    session.job("quick", "exec true\n")
    session.job("seen", "start on started quick\ntask\nscript\n  echo seen >> $SEEN\nend script\nenv SEEN=" + str(session.path / "seen") + "\n")
    session.wait_job("seen")
    session.wait_job("quick")
    for _ in range(40):
        session.command("initctl", "start", "quick")
    wait_for(lambda: "quick stop/waiting" in session.status("quick"), "quick to be over")
    # A task that is running already misses an event: only that none is lost for good can be said, so run it alone.
    before = (session.path / "seen").read_text().count("seen") if (session.path / "seen").exists() else 0
    session.wait_status("seen", "stop/waiting")
    session.command("initctl", "start", "quick")
    wait_for(lambda: (session.path / "seen").read_text().count("seen") > before, "the started event")


def test_failing_exec_is_reported(session):
    session.job("none", "exec /nonexistent/program\n")
    session.wait_job("none")
    done = session.command("initctl", "start", "none")
    assert done.returncode == 1
    assert done.stderr == "initctl: Job failed to start\n"
    wait_for(lambda: "init: Failed to spawn none main process: unable to execute: No such file or directory" in session.messages(),
             "the message")


def test_startup_event(make_session):
    s = make_session()
    s.job("first", "start on startup\ntask\nexec echo up\n")
    s.job("other", "start on begin\ntask\nexec echo begun\n")
    s.start(startup=True)
    wait_for(lambda: s.log_of("first") == "up\n", "the job of the startup event")
    assert s.log_of("other") == ""


def test_other_startup_event(make_session):
    s = make_session()
    s.job("other", "start on begin\ntask\nexec echo begun\n")
    s.start("--startup-event", "begin", startup=True)
    wait_for(lambda: s.log_of("other") == "begun\n", "the job of the event")


# -- environment


def test_jobs_do_not_inherit_when_told_so(make_session):
    s = make_session()
    s.job("e", "task\nexec env\n")
    s.start(env={"LEAK": "yes"})
    s.ctl("start", "e")
    wait_for(lambda: "UPSTART_JOB=e\n" in s.log_of("e"), "the environment")
    assert "LEAK" not in s.log_of("e")
    assert f"UPSTART_SESSION={s.address}\n" in s.log_of("e")


def test_jobs_inherit_environment_and_umask(make_session):
    s = make_session()
    s.job("e", "task\nscript\n  echo $GIVEN\n  umask\nend script\n")
    before = os.umask(0o027)
    try:
        s.start(inherit=True, env={"GIVEN": "yes"})
    finally:
        os.umask(before)
    s.ctl("start", "e")
    wait_for(lambda: s.log_of("e") == "yes\n0027\n", "the output")


def test_jobs_get_the_limits_init_was_started_with(session):
    soft = os.popen("ulimit -n").read().strip()
    session.job("l", "task\nexec sh -c 'ulimit -n'\n")
    session.wait_job("l")
    session.ctl("start", "l")
    wait_for(lambda: session.log_of("l") == soft + "\n", "the limit")


# -- configuration directories


@needs_watch
def test_files_come_change_and_go(session):
    session.job("a", "description one\n" + SLEEP)
    session.wait_job("a")
    session.job("a", "description two\nstart on x\n" + SLEEP)
    wait_for(lambda: "start on x" in session.ctl("show-config", "a"), "the change")
    (session.conf / "a.conf").rename(session.conf / "b.conf")
    session.wait_job("b")
    session.wait_job("a", present=False)
    (session.conf / "b.conf").unlink()
    session.wait_job("b", present=False)


@needs_watch
def test_folders_below_are_watched_when_they_come_move_and_go(session):
    session.job("net/eth", SLEEP)
    session.wait_job("net/eth")
    (session.conf / "net").rename(session.conf / "web")
    session.wait_job("web/eth")
    session.wait_job("net/eth", present=False)
    session.job("web/late", SLEEP)  # the renamed folder is still watched
    session.wait_job("web/late")
    (session.conf / "web").rename(session.path / "elsewhere")
    session.wait_job("web/eth", present=False)
    session.wait_job("web/late", present=False)


@needs_watch
def test_directory_that_is_not_there_yet_is_waited_for(make_session):
    s = make_session()
    later = s.path / "not" / "yet"
    s.start("--append-confdir", str(later))
    later.mkdir(parents=True)
    (later / "late.conf").write_text(SLEEP)
    s.wait_job("late")
    os.rename(s.path / "not", s.path / "gone")
    # The watched directory itself has not moved, its parent has: an explicit reload tells.
    s.ctl("reload-configuration")
    s.wait_job("late", present=False)
    later.mkdir(parents=True)
    (later / "again.conf").write_text(SLEEP)
    s.ctl("reload-configuration")
    s.wait_job("again")


def test_directory_deleted_and_made_again(make_session):
    s = make_session()
    s.job("a", SLEEP)
    s.start()
    (s.conf / "a.conf").unlink()
    s.conf.rmdir()
    s.wait_job("a", present=False)
    s.conf.mkdir()
    s.job("b", SLEEP)
    s.wait_job("b")


@needs_watch
def test_syntax_error_keeps_the_last_good_definition(session):
    session.job("a", "start on good\n" + SLEEP)
    session.wait_job("a")
    session.job("a", "start on bad\nfrobnicate\n")
    wait_for(lambda: f"init:{session.conf}/a.conf:2" in session.messages() and "Unknown stanza" in session.messages(), "the message")
    assert "start on good" in session.ctl("show-config", "a")
    session.job("a", "start on better\n" + SLEEP)
    wait_for(lambda: "start on better" in session.ctl("show-config", "a"), "the correction")


@needs_watch
def test_override_applies_and_is_taken_away(session):
    session.job("a", "start on x\n" + SLEEP)
    session.wait_job("a")
    (session.conf / "a.override").write_text("manual\n")
    wait_for(lambda: "start on" not in session.ctl("show-config", "a"), "the override")
    (session.conf / "a.override").unlink()
    wait_for(lambda: "start on x" in session.ctl("show-config", "a"), "the job without it")


@needs_watch
def test_first_directory_wins_and_the_next_takes_over(make_session):
    s = make_session()
    low = s.path / "low"
    low.mkdir()
    (low / "a.conf").write_text("start on low\n" + SLEEP)
    s.job("a", "start on high\n" + SLEEP)
    s.start("--append-confdir", str(low))
    assert "start on high" in s.ctl("show-config", "a")
    (s.conf / "a.conf").unlink()
    wait_for(lambda: "start on low" in s.ctl("show-config", "a"), "the lower one")
    (s.conf / "a.conf").symlink_to("/dev/null")
    s.wait_job("a", present=False)
    (s.conf / "a.conf").unlink()
    s.wait_job("a")


def test_links_to_files_count_hidden_files_do_not(session):
    (session.path / "real").write_text(SLEEP)
    (session.conf / "link.conf").symlink_to(session.path / "real")
    (session.conf / ".hidden.conf").write_text(SLEEP)
    session.wait_job("link")
    session.ctl("reload-configuration")
    assert "hidden" not in session.ctl("list")


def test_a_flood_of_changes_loses_nothing(session):
    for i in range(400):
        (session.conf / f"f{i}.conf").write_text(SLEEP)
        (session.conf / f"f{i}.conf").write_text("start on x\n" + SLEEP)
    for i in range(0, 400, 2):
        (session.conf / f"f{i}.conf").unlink()
    session.wait_jobs(200)


def test_hup_reloads(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.process.send_signal(signal.SIGHUP)
    session.job("b", SLEEP)
    session.wait_job("b")


# -- the init itself


def test_usr_signals_are_survived(session):
    session.process.send_signal(signal.SIGUSR1)
    session.process.send_signal(signal.SIGUSR2)
    session.job("a", SLEEP)
    session.wait_job("a")
    assert session.process.poll() is None


def test_session_file_holds_the_address_and_goes_with_the_session(session):
    file = session.find()
    assert session.address == f"unix:abstract=/com/ubuntu/upstart-session/{os.getuid()}/{session.pid}" or \
        session.address.startswith("unix:path=")
    assert session.end() == 0
    assert not file.exists()


def test_descriptors_of_who_started_it_are_let_go(make_session):
    """A lock, say, or a pipe whose end somebody waits for."""
    session = make_session()
    wrapper = session.path / "init"
    wrapper.write_text(f'#!/bin/bash\nexec 200>{session.path}/held\nflock -n 200 && exec {session.program} "$@"\n')
    wrapper.chmod(0o755)
    session.program = wrapper
    session.start()
    session.wait_servants()
    assert subprocess.run(["flock", "-n", session.path / "held", "true"], timeout=30).returncode == 0


# Takes the address that the session it becomes will want.
SQUATTER = """#!/usr/bin/python3
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind("\\0/com/ubuntu/upstart-session/%d/%d" % (os.getuid(), os.getpid()))
s.listen()
if os.fork() == 0:
    while os.getppid() > 1:
        time.sleep(0.1)
else:
    os.execv({init!r}, [{init!r}, *sys.argv[1:]])
"""


@pytest.mark.skipif(not WATCHES, reason="only where names of sockets are anybody's")
def test_address_that_somebody_else_has_is_no_loss(make_session):
    session = make_session()
    wrapper = session.path / "init"
    wrapper.write_text(SQUATTER.format(init=str(session.program)))
    wrapper.chmod(0o755)
    session.program = wrapper
    session.job("tell", "task\nconsole log\nexec echo $UPSTART_SESSION\n")
    session.start()
    assert re.fullmatch(f"unix:abstract=/com/ubuntu/upstart-session/{os.getuid()}/[0-9a-f]{{16}}/{session.pid}", session.address)
    assert "Somebody else listens at unix:abstract=/com/ubuntu/upstart-session/" in session.messages()
    session.ctl("start", "tell")
    wait_for(lambda: session.log_of("tell") == session.address + "\n", "the job to be told")
    assert f"{session.pid} {session.address}\n" == session.ctl("list-sessions")


@pytest.mark.parametrize("runtime, says", [(None, "is not set"), ("run", "is no absolute path: run")])
def test_session_that_can_not_be_listed_says_so(make_session, runtime, says):
    session = make_session()
    env = {**session.env, **({"XDG_RUNTIME_DIR": runtime} if runtime else {})}
    if not runtime:
        del env["XDG_RUNTIME_DIR"]
    with open(session.out, "wb") as out, \
            subprocess.Popen([session.program, "--user", "--no-dbus", "--confdir", session.conf, "--logdir", session.log], env=env,
                             stdout=out, stderr=out) as process:
        try:
            wait_for(lambda: f"init: XDG_RUNTIME_DIR {says}: `initctl list-sessions' will not show this session\n" in session.messages(),
                     "the warning")
        finally:
            process.terminate()


def test_directories_that_are_not_there_are_said_and_watched_for(make_session):
    session = make_session()
    later, file = session.path / "later", session.path / "file"
    file.touch()
    session.start("--verbose", "--prepend-confdir", later, "--append-confdir", file)
    wait_for(lambda: "There is no job in any configuration directory\n" in session.messages(), "all to have been said")
    assert f"{later}: No job is read from here: No such file or directory\n" in session.messages()
    assert f"{file}: No job is read from here: Not a directory\n" in session.messages()
    assert f"{session.conf}: No job" not in session.messages()
    later.mkdir()
    (later / "a.conf").write_text("task\n")
    session.ctl("reload-configuration")
    session.wait_job("a")


def test_session_file_is_not_written_through_what_lies_there(make_session):
    session = make_session()
    folder = session.path / "run" / "upstart" / "sessions"
    folder.mkdir(parents=True)
    prize = session.path / "prize"
    prize.write_text("precious")
    wrapper = session.path / "init"
    wrapper.write_text(f'#!/bin/sh\nln {prize} {folder}/$$.session\nln -s {prize} {folder}/$$.session.new\n'
                       f'exec {session.program} "$@"\n')
    wrapper.chmod(0o755)
    session.program = wrapper
    session.start()
    assert prize.read_text() == "precious"
    assert os.listdir(folder) == [f"{session.pid}.session"]


def test_end_stops_all_jobs(session):
    session.job("a", SLEEP)
    session.job("b", "kill timeout 1\nscript\n  trap '' TERM\n  sleep 1000 & wait; wait\nend script\n")
    session.wait_job("b")
    session.wait_job("a")
    session.ctl("start", "a")
    session.ctl("start", "b")
    pids = [session.pid_of("a"), session.pid_of("b")]
    servants = session.wait_servants()
    assert session.end() == 0
    wait_for(lambda: not any(is_alive(p) for p in [*pids, *servants.values()]), "jobs and servants to be gone")


@pytest.mark.skipif(not WATCHES, reason="there is no spawner on this platform")
def test_killed_init_leaves_nobody_behind(session):
    """Who has a group of his own does not hear what the job's first process is sent."""
    file = session.path / "daemon"
    session.job("a", f"script\n  setsid sleep 1000 & echo $! > {file}\n  wait\nend script\n")
    session.wait_job("a")
    session.ctl("start", "a")
    wait_for(lambda: file.exists() and file.read_text().endswith("\n"), "the daemon")
    main, daemon = session.pid_of("a"), int(file.read_text())
    wait_for(lambda: os.getsid(daemon) == daemon, "its session")
    servants = session.wait_servants()
    os.kill(session.pid, signal.SIGKILL)
    session.process.wait(30)
    try:
        wait_for(lambda: not any(is_alive(p) for p in [main, daemon, *servants.values()]), "jobs and servants to be gone")
    finally:
        if is_alive(daemon):
            os.kill(daemon, signal.SIGKILL)


def test_end_session_is_heard_by_jobs(session):
    session.job("bye", f"start on session-end\ntask\nexec sh -c 'echo $TYPE > {session.path}/bye'\n")
    session.wait_job("bye")
    connection = session.bus()
    session.manager(connection).EndSession()
    assert session.process.wait(30) == 0
    assert (session.path / "bye").read_text() == "logout\n"


@pytest.mark.skipif(not WATCHES, reason="this platform knows no sub-reapers")
def test_orphans_are_adopted_and_reaped(session):
    file = session.path / "orphan"
    session.job("o", f"task\nexec sh -c '(sh -c \"echo \\$\\$ > {file}; exec sleep 0.2\" &)'\n")
    session.wait_job("o")
    session.ctl("start", "o")
    wait_for(lambda: file.exists() and file.read_text().strip(), "the orphan")
    wait_for(lambda: not os.path.exists(f"/proc/{file.read_text().strip()}"), "it to be reaped")


def test_log_priority_is_changed_at_run_time(session):
    session.job("a", SLEEP)
    session.wait_job("a")
    session.ctl("start", "a")
    assert "goal changed" not in session.messages()
    session.ctl("log-priority", "info")
    session.ctl("stop", "a")
    wait_for(lambda: "a goal changed from start to stop\n" in session.messages(), "the line")
    assert session.ctl("log-priority") == "info\n"


@needs_watch
def test_messages_have_the_prefix_users_know(session):
    session.job("bad", "exec 'unbalanced\n")
    wait_for(lambda: f"init:{session.conf}/bad.conf:" in session.messages(), "the error")


def test_unknown_options_are_ignored(make_session):
    assert make_session().start("--frobnicate", "--level=3", "quiet", "-z").answers()


def test_two_sessions_do_not_meet(make_session):
    a, b = make_session(), make_session()
    a.job("only-a", SLEEP)
    a.start()
    b.start()
    assert "only-a" in a.ctl("list")
    assert "only-a" not in b.ctl("list")


def test_state_is_valid_json(session):
    session.job("odd", 'description "quo\\"te"\nstart on a and (b or c X=1)\nenv A=b\n' + SLEEP)
    session.wait_job("odd")
    session.ctl("start", "odd")
    state = json.loads(session.manager(session.bus()).GetState())
    for key in ("sessions", "events", "job_environment", "job_classes", "conf_sources"):
        assert isinstance(state[key], list)
    assert state["control_bus_address"] is None
    [odd] = [c for c in state["job_classes"] if c["name"] == "odd"]
    assert odd["start_on"] == "(a and (b or c X=1))"
    assert odd["jobs"][0]["state"] == "JOB_RUNNING" and odd["jobs"][0]["pid"][0] == session.pid_of("odd")


def test_relative_log_directory_is_below_the_working_directory(make_session):
    s = make_session()
    s.job("say", "task\nexec echo said\n")
    s.log = "log"
    s.start()
    s.log = s.path / "log"
    s.ctl("start", "say")
    wait_for(lambda: s.log_of("say") == "said\n", "the output")


# -- descriptors of events


def test_descriptor_of_an_event_reaches_the_job(session):
    dbus = pytest.importorskip("dbus")
    session.job("take", f"start on gift\ntask\nscript\n  echo $A >> {session.path}/got\n  cat <&$UPSTART_FDS >> {session.path}/got\nend script\n")
    session.wait_job("take")
    before = len(os.listdir(f"/proc/{session.pid}/fd"))
    (session.path / "gift").write_text("from outside\n")
    manager = session.manager(session.bus())
    manager.GetAllJobs()  # descriptors can be sent once the connection is authenticated
    for _ in range(3):
        with open(session.path / "gift") as file:
            manager.EmitEventWithFile("gift", ["A=1"], True, dbus.types.UnixFd(file.fileno()), signature="sasbh")
        with open(session.path / "gift") as file:
            manager.EmitEventWithFile("nobody-listens", [], True, dbus.types.UnixFd(file.fileno()), signature="sasbh")
    assert (session.path / "got").read_text() == "1\nfrom outside\n" * 3
    wait_for(lambda: len(os.listdir(f"/proc/{session.pid}/fd")) <= before, "the descriptors to be closed")


def test_init_keeps_few_descriptors_for_a_job(session):
    for i in range(20):
        session.job(f"j{i}", "start on go\n" + SLEEP)
    session.wait_jobs(20)
    before = len(os.listdir(f"/proc/{session.pid}/fd"))
    session.ctl("emit", "go")
    wait_for(lambda: len(os.listdir(f"/proc/{session.pid}/fd")) - before <= 3 * 20, "few descriptors")
    for i in range(20):
        session.ctl("stop", f"j{i}")
    wait_for(lambda: len(os.listdir(f"/proc/{session.pid}/fd")) <= before, "none of them to be left")


def test_more_variables_than_init_takes_are_refused(session):
    """With an answer that says so, and for this caller only."""
    import dbus
    session.job("a", "exec sleep 1000\n")
    session.wait_job("a")
    bus = session.bus()
    path = session.manager(bus).GetJobByName("a")
    job = dbus.Interface(bus.get_object("com.ubuntu.Upstart", path, introspect=False), "com.ubuntu.Upstart0_6.Job")
    many = dbus.Array([f"V{i}=" for i in range(65537)], signature="s")
    manager = session.manager(bus)

    def refused(ask, *arguments):
        with pytest.raises(dbus.DBusException) as refusal:
            ask(*arguments)
        assert refusal.value.get_dbus_name() == "org.freedesktop.DBus.Error.LimitsExceeded"
        return refusal.value.get_dbus_message()

    assert refused(job.Start, many, True) == "More than 65536 variables"
    assert refused(job.Start, many[:4097], True) == "More than 4096 variables"
    assert refused(manager.EmitEvent, "go", many[:4097], True) == "More than 4096 variables"
    nobody = dbus.Array([], signature="s")
    assert refused(manager.SetEnvList, nobody, many[:4097], True) == "More than 4096 variables"
    job.Start(many[:1000], True)
    # What is set stays readable for the next image, and for programs.
    there = len(manager.ListEnv(nobody))
    manager.SetEnvList(nobody, many[:4096 - there], True)
    assert len(manager.ListEnv(nobody)) == 4096
    assert refused(manager.SetEnv, nobody, "ONE_MORE=", True) == "More than 4096 variables"
    assert refused(manager.SetEnvList, ["a", ""], many[5000:8000], True) == "More than 4096 variables"
    manager.SetEnvList(nobody, many[:100], True)
    assert "damaged" not in session.messages()


def test_a_job_file_may_have_more_words_than_a_request(session):
    """Whoever asks init is limited; what it has read itself it tells, and the next image of it reads it."""
    session.job("big", "emits " + " ".join(f"e{i}" for i in range(70000)) + "\ntask\nexec true\n")
    session.job("a", "exec sleep 1000\n")
    session.wait_job("a")
    session.wait_job("big")
    session.ctl("start", "a")
    pid = session.pid_of("a")
    assert "e69999\n" in session.ctl("show-config", "big")
    os.kill(session.pid, signal.SIGSEGV)
    wait_for(lambda: "going on from the journal" in session.messages(), "the next image")
    assert session.pid_of("a") == pid
    assert "e69999\n" in session.ctl("show-config", "big")


def test_event_with_options_is_for_those_it_names(session):
    """As a bridge emits it: letter by letter, for one of two jobs with the same text, with two files."""
    dbus = pytest.importorskip("dbus")
    text = "start on time EVERY=[1-5]h$\ntask\nscript\n  for fd in $UPSTART_FDS; do cat <&$fd; done >> {}/$UPSTART_JOB\nend script\n"
    for name in "one", "two":
        session.job(name, text.format(session.path))
    session.job("pool", "instance $N\nstop on time AFTER=$UPSTART_INSTANCE\n" + SLEEP)
    session.wait_jobs(3)
    for n in "a", "b":
        session.ctl("start", "pool", f"N={n}")
    bus = session.bus()
    manager = dbus.Interface(bus.get_object("com.ubuntu.Upstart", "/com/ubuntu/Upstart"), "com.ubuntu.Upstart2")
    path = session.manager(bus).GetJobByName("two")
    (session.path / "first").write_text("first\n")
    (session.path / "second").write_text("second\n")
    with open(session.path / "first") as first, open(session.path / "second") as second:
        files = dbus.Array([dbus.types.UnixFd(f.fileno()) for f in (first, second)], signature="h")
        manager.EmitEventWithOptions("time", ["EVERY=[1-5]h$", "RUN=1"], {
            "wait": True, "literal": True, "only": dbus.Array([path], signature="o"), "fds": files})
    assert (session.path / "two").read_text() == "first\nsecond\n"
    assert not (session.path / "one").exists()
    instance = dbus.Array([session.manager(bus).GetJobByName("pool") + "/b"], signature="o")
    manager.EmitEventWithOptions("time", ["AFTER=b"], {"wait": True, "only": instance})
    assert session.ctl("list").count("pool (a) start/running") == 1
    assert "pool (b) start" not in session.ctl("list")
    for options, error in (({"loud": True}, "Unknown option: loud"), ({"wait": "yes"}, "Option wait must be of type b"),
                           ({"only": dbus.Array(["/"], signature="o")}, "Neither a job nor an instance: /")):
        with pytest.raises(dbus.DBusException) as refusal:
            manager.EmitEventWithOptions("time", [], dbus.Dictionary(options, signature="sv"))
        assert refusal.value.get_dbus_message() == error


def test_emit_takes_options_on_the_command_line(session):
    for name in "one", "two":
        session.job(name, "start on go N=*\n" + SLEEP)
    session.job("pool", "instance $N\nstop on end\n" + SLEEP)
    session.wait_jobs(3)
    session.ctl("start", "pool", "N=a")
    session.ctl("start", "pool", "N=b")
    session.ctl("emit", "--literal", "go", "N=x")
    assert "stop/waiting" in session.status("one") and "stop/waiting" in session.status("two")
    session.ctl("emit", "--literal", "--only=two", "go", "N=*")
    assert "stop/waiting" in session.status("one") and "start/running" in session.status("two")
    session.ctl("emit", "--only=one", "--only", "pool (b)", "end")
    listing = session.ctl("list")
    assert "pool (a) start/running" in listing and "pool (b)" not in listing
    for name, error in ("no", "initctl: Unknown job: no\n"), ("pool (c)", "initctl: Unknown instance: c\n"), ("no (c)", "initctl: Unknown job: no\n"):
        done = session.command("initctl", "emit", f"--only={name}", "end")
        assert (done.returncode, done.stderr) == (1, error)
    assert "pool (a) start/running" in session.ctl("list")


def test_names_of_instances_forge_no_lines(session):
    """Scripts read what list says, line by line; and whoever sets an event's variable chooses a name."""
    session.job("tty", "instance $DEV\n" + "exec sleep 1000\n")
    session.wait_job("tty")
    forged = "a\nssh start/running, process 1\nx\x1b[2J"
    started = session.ctl("start", "tty", "DEV=" + forged)
    pid = session.pid_of("tty", "DEV=" + forged)
    line = f"tty (a\\nssh start/running, process 1\\nx\\x1b[2J) start/running, process {pid}\n"
    assert started == line
    assert session.ctl("list") == line
    assert session.ctl("status", "tty", "DEV=" + forged) == line
    assert json.loads(session.ctl("list", "--json"))[0]["instance"] == forged
    session.ctl("log-priority", "info")
    session.ctl("stop", "tty", "DEV=" + forged)
    assert not [said for said in session.messages().splitlines() if said.startswith("ssh ")]
