# SPDX-License-Identifier: MIT
"""Rules that differ from the usual ones when asked to: the five of ChromeOS, and stanzas of its dialect."""

import pathlib
import re
import stat

import pytest

import conftest
from conftest import wait_for

SLEEP = "exec sleep 1000\n"


def emit_env(init, name, *words):
    """What job NAME, which prints its environment, got."""
    init.ctl("emit", *words)
    wait_for(lambda: "END" in init.log_of(name), f"the environment of {name}")
    text = init.log_of(name)
    (init.log / f"{name}.log").unlink()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


DUMP = "task\nscript\n env\n echo END\nend script\n"


def test_without_policies_everything_is_as_ever(make_session):
    init = make_session().start()
    init.job("dump", "start on go\nimport A\n" + DUMP)
    init.job("ends", "exec true\n")
    init.job("unequal", "start on go X!=1\n" + SLEEP)
    init.wait_job("unequal")
    env = emit_env(init, "dump", "go", "A=1", "B=2")
    assert (env["A"], env["B"]) == ("1", "2")
    assert init.status("unequal") == "unequal stop/waiting"
    init.job("heard", "start on stopped ends\nexport RESULT\n" + DUMP)
    init.wait_job("heard")
    init.command("initctl", "start", "ends")
    wait_for(lambda: "END" in init.log_of("heard"), "the stopped event")
    assert "RESULT=ok" in init.log_of("heard")


def test_only_imported_variables_enter(make_session):
    init = make_session().start("--import-policy=listed")
    init.job("dump", "start on go or stopped src\nimport A C\nenv D=own\n" + DUMP)
    init.job("src", "export A B\nenv A=a\nenv B=b\nexec false\n")
    init.job("inst", "instance ${N:-none}\nimport N\n" + SLEEP)
    init.job("plain", "instance ${N:-none}\n" + SLEEP)
    init.wait_job("plain")
    env = emit_env(init, "dump", "go", "A=1", "B=2", "D=evil", "PATH=/evil", "UPSTART_X=forged", "RESULT=forged")
    assert env["A"] == "1" and "B" not in env and env["D"] == "own" and "/evil" not in env["PATH"]
    assert env["UPSTART_EVENTS"] == "go" and env["UPSTART_JOB"] == "dump"
    assert "UPSTART_X" not in env and "RESULT" not in env
    # Those init makes itself arrive, of those a job exports only the imported.
    init.command("initctl", "start", "src")
    wait_for(lambda: "END" in init.log_of("dump"), "the environment")
    got = dict(line.split("=", 1) for line in init.log_of("dump").splitlines() if "=" in line)
    assert (got["RESULT"], got["EXIT_STATUS"], got["A"]) == ("failed", "1", "a") and "B" not in got
    # Instance names see the same.
    assert init.ctl("start", "inst", "N=x").startswith("inst (x) start/running")
    assert init.ctl("start", "plain", "N=x").startswith("plain (none) start/running")
    assert init.ctl("status", "inst", "N=x").startswith("inst (x) start/running")


def test_zero_exit_of_a_service_fails(make_session):
    init = make_session().start("--zero-exit-fails")
    init.job("svc", "exec true\n")
    init.job("fine", "normal exit 0\nexec true\n")
    init.job("task", "task\nexec true\n")
    init.job("see", "start on stopped\ninstance $JOB\n" + DUMP)
    init.wait_job("see")
    for name, result in (("svc", "failed"), ("fine", "ok"), ("task", "ok")):
        init.command("initctl", "start", name)
        wait_for(lambda: "END" in init.log_of(f"see-{name}"), f"stopped {name}")
        assert f"RESULT={result}\n" in init.log_of(f"see-{name}")


def test_unequal_matches_what_is_absent(make_session):
    init = make_session().start("--absent-is-unequal")
    init.job("a", "start on go X!=1\n" + SLEEP)
    init.job("b", "start on go X!=1 Y!=2\n" + SLEEP)
    init.wait_job("b")
    init.ctl("emit", "go", "Y=2")
    assert "start/running" in init.status("a")
    assert init.status("b") == "b stop/waiting"
    init.ctl("stop", "a")
    init.ctl("emit", "go", "X=1")
    assert init.status("a") == "a stop/waiting"


def test_default_oom_score(make_session):
    init = make_session().start("--default-oom-score=321")
    init.job("plain", SLEEP)
    init.job("own", "oom score 123\n" + SLEEP)
    init.wait_job("own")
    for name, score in (("plain", "321"), ("own", "123")):
        init.ctl("start", name)
        assert pathlib.Path(f"/proc/{init.pid_of(name)}/oom_score_adj").read_text().strip() == score


def test_policies_outlive_a_reexec(make_session):
    init = make_session().start("--import-policy=listed", "--default-oom-score=50")
    init.job("dump", "start on go\nimport A\n" + DUMP)
    init.wait_job("dump")
    init.manager(init.bus()).Restart()
    wait_for(init.answers, "init to answer")
    env = emit_env(init, "dump", "go", "A=1", "B=2")
    assert env["A"] == "1" and "B" not in env


def test_all_of_them_in_the_settings_file(make_pid1, monkeypatch):
    init = make_pid1()
    (init.path / "etc").mkdir()
    (init.path / "etc" / "init.conf").write_text("import-policy listed  # the five\ndefault-oom-score 42\nzero-exit-fails\n"
                                                 "absent-is-unequal\nforks-across-exec\n")
    monkeypatch.setattr(conftest, "PREPARE", 'mount -t overlay -o "lowerdir=$D/etc:/etc" overlay /etc\n' + conftest.PREPARE)
    init.job("dump", "start on go\nimport A\n" + DUMP)
    init.job("ends", "exec true\n")
    init.job("see", "start on stopped ends\n" + SLEEP)
    init.job("failed", "start on stopped ends RESULT=failed\n" + SLEEP)
    init.job("unequal", "start on go X!=1\n" + SLEEP)
    init.start()
    env = emit_env(init, "dump", "go", "A=1", "B=2")
    assert env["A"] == "1" and "B" not in env
    assert init.status("unequal").startswith("unequal start/running")
    assert init.command("cat", f"/proc/{init.pid_of('unequal')}/oom_score_adj").stdout == "42\n"
    init.command("initctl", "start", "ends")
    init.wait_status("failed", "start/running")
    assert init.command("initctl", "check-config", "dump").stderr == ""
    assert "/etc/init.conf" not in init.kmsg()


@pytest.mark.parametrize("option", ["--import-policy=some", "--default-oom-score=2000"])
def test_wrong_values_are_told_and_have_no_effect(make_session, option):
    init = make_session().start(option)
    name, value = option[2:].split("=")
    assert f"invalid value for --{name}: {value}" in init.messages()


# -- tmpfiles


def fake_helper(init, body):
    helper = init.path / "bin" / "systemd-tmpfiles"
    helper.write_text(f"#!/bin/sh\n{body}\n")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)


def start_tmpfiles(make_session, body):
    init = make_session()
    if body is not None:
        fake_helper(init, body)
    else:
        init.env["PATH"] = f"{init.path}/bin"
        for tool in ("sleep", "sh", "touch", "true"):
            (init.path / "bin" / tool).symlink_to(f"/bin/{tool}")
    init.start()
    init.job("t", f"tmpfiles /a.conf '/b c.conf'\ntmpfiles /d.conf\npre-start exec touch {init.path}/pre\n" + SLEEP)
    init.wait_job("t")
    return init


def test_tmpfiles_are_applied_before_pre_start(make_session):
    init = start_tmpfiles(make_session, 'test ! -e "${0%/*}/../pre" && for a in "$@"; do echo "<$a>"; done > "${0%/*}/../seen"')
    assert "start/running" in init.ctl("start", "t")
    assert (init.path / "seen").read_text().split("\n")[:-1] == ["<--create>", "<--remove>", "</a.conf>", "</b c.conf>", "</d.conf>"]
    assert (init.path / "pre").exists()


def test_tmpfiles_that_fail_fail_the_start(make_session):
    init = start_tmpfiles(make_session, "exit 3")
    done = init.command("initctl", "start", "t")
    assert done.returncode == 1 and "failed to start" in done.stderr
    assert not (init.path / "pre").exists()
    wait_for(lambda: init.status("t") == "t stop/waiting", "the job to be over")


def test_tmpfiles_without_helper_do_nothing_and_say_so(make_session):
    init = start_tmpfiles(make_session, None)
    assert "start/running" in init.ctl("start", "t")
    wait_for(lambda: "systemd-tmpfiles is not there" in init.log_of("t"), "the warning in the log")


# -- texts its programs parse (chromeos.md 5.2)


def test_status_inside_a_script_is_cut_by_blanks(session):
    session.job("svc", f"env OUT={session.path}\npost-start script\n initctl status | cut -f 4 -d ' ' > $OUT/pid\n"
                " status | awk '{split($2,a,\"/\"); print a[1]}' > $OUT/goal\nend script\n" + SLEEP)
    session.wait_job("svc")
    session.ctl("start", "svc")
    assert (session.path / "pid").read_text().split() == [str(session.pid_of("svc"))]
    assert (session.path / "goal").read_text().split()[0] == "start"


def test_errors_that_the_updater_compares(session):
    session.job("p2p", SLEEP)
    session.wait_job("p2p")
    assert session.command("initctl", "stop", "p2p").stderr == "initctl: Unknown instance: \n"
    session.ctl("start", "p2p")
    assert session.command("initctl", "start", "p2p").stderr == "initctl: Job is already running: p2p\n"


def test_log_lines_that_the_crash_reporter_matches(session):
    session.job("bad", "exec sh -c 'exit 7'\n")
    session.wait_job("bad")
    session.command("initctl", "start", "bad")
    wait_for(lambda: "terminated with status 7" in session.messages(), "the message")
    assert re.search(r"^init: bad main process \(\d+\) terminated with status 7$", session.messages(), re.M)


def test_log_lines_of_respawns_and_signals(session):
    session.job("again", "respawn\nexec sleep 1000\n")
    session.job("shot", "script\n  kill -KILL $$\nend script\n")
    session.job("many", "instance $N\nexec sh -c 'exit 3'\n")
    session.wait_jobs(3)
    session.ctl("start", "again")
    pid = session.pid_of("again")
    session.command("kill", str(pid))
    session.command("initctl", "start", "shot")
    session.command("initctl", "start", "many", "N=x")
    for line in (rf"init: again main process \({pid}\) killed by TERM signal", r"init: again main process ended, respawning",
                 r"init: shot main process \(\d+\) killed by KILL signal",
                 r"init: many \(x\) main process \(\d+\) terminated with status 3"):
        wait_for(lambda: re.search(f"^{line}$", session.messages(), re.M), line)


def test_status_of_an_instance_that_is_a_path(session):
    session.job("timberslide", "instance $LOG_PATH\nimport LOG_PATH\n" + SLEEP)
    session.wait_job("timberslide")
    session.ctl("start", "timberslide", "LOG_PATH=/var/log/x.log")
    line = session.ctl("status", "timberslide", "LOG_PATH=/var/log/x.log")
    assert re.fullmatch(r"timberslide \(/var/log/x\.log\) start/running, process \d+\n", line)
    got = session.command("sh", "-c", "initctl list | awk '$1 == \"timberslide\" && NF>1{print $NF}'").stdout
    assert got == line.split()[-1] + "\n"


def test_guards_in_pre_start_and_stop_of_oneself(session):
    """`if ! initctl status ui | grep -q running; then stop; exit 0; fi`: twenty jobs begin like that."""
    session.job("ui", SLEEP)
    session.job("needs-ui", "pre-start script\n  if ! initctl status ui | grep -q running; then\n    stop\n    exit 0\n  fi\nend script\n"
                + SLEEP)
    session.wait_jobs(2)
    session.command("initctl", "start", "needs-ui")
    wait_for(lambda: session.status("needs-ui") == "needs-ui stop/waiting", "it to give up")
    session.ctl("start", "ui")
    assert session.ctl("start", "needs-ui").startswith("needs-ui start/running, process ")


def test_runlevel_as_the_power_daemon_emits_it(session):
    session.job("halt", "start on runlevel 0 or runlevel 6\ntask\nexec echo $SHUTDOWN_REASON\n")
    session.job("not-halt", "start on runlevel [!06]\ntask\nexec true\n")
    session.wait_jobs(2)
    session.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0", "SHUTDOWN_REASON=low-battery")
    wait_for(lambda: session.log_of("halt") == "low-battery\n", "the job")


def test_reload_is_synchronous(session):
    (session.conf / "fresh.conf").write_text(SLEEP)
    session.ctl("reload-configuration")
    assert session.status("fresh") == "fresh stop/waiting"
