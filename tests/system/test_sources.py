# SPDX-License-Identifier: MIT
"""Where job files are read from, and what happens when they change while jobs run, conditions are half met and events held."""

import os
import pathlib
import shutil
import signal

import pytest

import conftest
from conftest import WATCHES, is_alive, wait_for

SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")


def put(directory, name, text):
    """A file, renamed into place."""
    target = pathlib.Path(directory) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name("." + target.name + ".new")
    draft.write_text(text)
    draft.rename(target)
    return target


def usage(init, name):
    """What the file that counts says of itself."""
    done = init.command("initctl", "usage", name)
    return done.stdout.strip().removeprefix("Usage: ") if done.returncode == 0 else None


def wait_usage(init, name, text):
    wait_for(lambda: usage(init, name) == text, lambda: f"{name} to be {text}, it is {usage(init, name)}")


def held(init, *words):
    """An emit that waits; it has been heard, by another job too, when this returns."""
    init.job("heard", f"start on {words[0]}\ntask\nexec echo heard\n")
    init.wait_job("heard")
    emit = init.background("emit", *words)
    wait_for(lambda: init.log_of("heard"), "the event to be heard")
    return emit


# -- which directories, and which of them wins


def test_order_of_options_does_not_matter_but_their_kind_does(make_session):
    init = make_session()
    for name in ("pre1", "pre2", "conf", "conf2", "app"):
        put(init.path / name, "every.conf", f"usage {name}\n")
        put(init.path / name, f"{name}.conf", f"usage {name}\n")
    p = init.path
    init.start("--append-confdir", p / "app", "--confdir", p / "conf2", "--prepend-confdir", p / "pre1", "--prepend-confdir", p / "pre2")
    assert sorted(init.jobs()) == ["app", "conf", "conf2", "every", "pre1", "pre2"]
    for name in ("pre1", "pre2", "conf", "conf2", "app"):
        wait_usage(init, "every", name)
        (init.path / name / "every.conf").unlink()
    wait_usage(init, "every", None)
    put(p / "app", "every.conf", "usage last\n")
    wait_usage(init, "every", "last")
    put(p / "pre2", "every.conf", "usage first\n")
    wait_usage(init, "every", "first")


def test_user_directories(make_session):
    init = make_session()
    home, xdg = init.path / "home", init.path / "home" / "xdg"
    places = [home / ".config" / "upstart", home / ".init", xdg / "upstart", init.path / "more" / "upstart"]
    for i, place in enumerate(places[1:], 1):
        put(place, "j.conf", f"usage {i}\n")
    init.start(confdir=False, env={"XDG_CONFIG_DIRS": f"{xdg}:relative:{init.path}/more"})
    assert places[0].is_dir() and places[0].stat().st_mode & 0o777 == 0o700
    put(places[0], "j.conf", "usage 0\n")
    for i, place in enumerate(places):
        wait_usage(init, "j", str(i))
        (place / "j.conf").unlink()
    wait_usage(init, "j", None)


def start_without_home(init, home, passwd):
    """With another HOME and password file than the machine's."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a password file of its own")
    env = init.env
    for name in ("HOME", "XDG_CONFIG_HOME"):
        env.pop(name)
    if home is not None:
        env["HOME"] = home
    (init.path / "passwd").write_text(passwd)
    wrapper = init.path / "init.sh"
    wrapper.write_text(f"#!/bin/sh\nexec unshare --mount sh -c 'mount --bind {init.path}/passwd /etc/passwd && exec {init.program} \"$@\"' "
                       "sh \"$@\"\n")
    wrapper.chmod(0o755)
    init.program = wrapper
    init.start(confdir=False, env={"XDG_CONFIG_HOME": "not/absolute"})


@pytest.mark.parametrize("home", [None, "relative", ""])
def test_session_without_a_home_starts(make_session, home):
    init = make_session()
    put(init.path / "home" / "xdg" / "upstart", "j.conf", "usage x\n")
    start_without_home(init, home, "other:x:12345:12345::/nowhere:/bin/sh\nroot:x:0:0::relative:/bin/sh\n")
    assert usage(init, "j") == "x"


@pytest.mark.parametrize("home", [None, "relative"])
def test_home_is_looked_up_where_the_environment_does_not_say(make_session, home):
    init = make_session()
    own = init.path / "own"
    put(own / ".init", "j.conf", "usage old\n")
    start_without_home(init, home, f"other:x:12345:12345::/nowhere:/bin/sh\nroot:x:{os.geteuid()}:0::{own}:/bin/sh\n")
    assert usage(init, "j") == "old"
    put(own / ".config" / "upstart", "j.conf", "usage new\n")
    wait_usage(init, "j", "new")


def test_system_directories(make_pid1, monkeypatch):
    init = make_pid1()
    put(init.path / "told", "j.conf", "usage told\n")
    put(init.path / "app", "k.conf", "usage app\n")
    init.env["UPSTART_CONFDIR"] = str(init.path / "told")
    init.start("--append-confdir", init.path / "app", confdir=False)
    assert (usage(init, "j"), usage(init, "k")) == ("told", "app")


def test_global_settings(make_pid1, monkeypatch):
    init = make_pid1()
    put(init.path / "etc", "init.conf", "# settings\ndefault-oom-score 77\nzero-exit-fails\nwibble 1\nimport-policy some\n")
    put(init.path / "etc", "init.override", "default-oom-score 78\n")
    monkeypatch.setattr(conftest, "PREPARE", 'mount -t overlay -o "lowerdir=$D/etc:/etc" overlay /etc\n' + conftest.PREPARE)
    init.job("j", SLEEP)
    init.job("zero", "exec true\n")
    init.job("see", "start on stopped zero RESULT=failed\n" + SLEEP)
    init.start()
    assert "/etc/init.conf:4: Unknown stanza" in init.kmsg()
    shown = init.command("initctl", "check-config").stdout
    assert "/etc/init.conf:4:1: Unknown stanza: wibble\n    wibble 1\n    ^\n" in shown
    assert "/etc/init.conf:5:15: Illegal policy, expected all or listed: some\n" in shown
    checked = init.command(conftest.INIT, "--check", "/etc/init.conf", "/etc/init.override")
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == ["/etc/init.conf:4:1: Unknown stanza: wibble",
                                           "/etc/init.conf:5:15: Illegal policy, expected all or listed: some"]
    assert "/etc/init.conf:5: Illegal policy, expected all or listed" in init.kmsg()
    init.ctl("start", "j")
    score = init.command("cat", f"/proc/{init.pid_of('j')}/oom_score_adj").stdout.strip()
    assert score == "78"
    init.command("initctl", "start", "zero")
    init.wait_status("see", "start/running")


# -- names


def test_names_and_what_is_ignored(make_session):
    init = make_session()
    good = ["a", "a.b", "net/web", "sub.d/x", "with space", "x.bak", "conf.conf/deep/er", "ümläut"]
    for name in good:
        put(init.conf, f"{name}.conf", "task\n")
    for name in (".hidden.conf", "x.conf~", "#x.conf#", "x.conf.dpkg-new", "x.CONF", "plain", ".conf", ".git/x.conf", "CVS/x.conf",
                 "RCS/x.conf", "a~/x.conf", "a.bak/x.conf", "a.dpkg-new/x.conf", "a.rpmsave/x.conf", "a;0123abcd/x.conf", "x.swp/y.conf"):
        put(init.conf, name, "task\n")
    os.mkfifo(init.conf / "fifo.conf")
    (init.conf / "dangling.conf").symlink_to("nowhere")
    init.start()
    listed = [line.rsplit(" ", 1)[0] for line in init.ctl("list").splitlines()]
    assert sorted(listed) == sorted(good)
    assert f"{init.conf}/fifo.conf: This is a FIFO, no regular file, and is left out\n" in init.messages()


# -- overrides


def test_override_is_searched_from_the_highest_priority_down_to_the_file(make_session):
    init = make_session()
    for name in ("pre", "conf", "app"):
        (init.path / name).mkdir(exist_ok=True)
    put(init.conf, "j.conf", "usage file\nenv A=1\n" + SLEEP)
    put(init.path / "app", "j.override", "usage app\n")
    init.start("--prepend-confdir", init.path / "pre", "--append-confdir", init.path / "app")
    assert usage(init, "j") == "file"
    put(init.conf, "j.override", "usage same\n")
    wait_usage(init, "j", "same")
    put(init.path / "pre", "j.override", "usage above\n")
    wait_usage(init, "j", "above")
    (init.path / "pre" / "j.override").unlink()
    wait_usage(init, "j", "same")
    (init.conf / "j.override").unlink()
    wait_usage(init, "j", "file")
    put(init.path / "pre", "lonely.override", "usage none\n")
    init.ctl("reload-configuration")
    assert "lonely" not in init.jobs()


def test_override_with_manual_and_a_running_instance(session):
    session.job("j", "start on go\nusage file\n" + SLEEP)
    session.wait_job("j")
    session.ctl("emit", "go")
    pid = session.pid_of("j")
    put(session.conf, "j.override", "manual\nusage over\n")
    session.ctl("emit", "go")
    assert session.pid_of("j") == pid
    session.ctl("stop", "j")
    wait_usage(session, "j", "over")
    session.ctl("emit", "go")
    assert session.status("j") == "j stop/waiting"
    (session.conf / "j.override").unlink()
    wait_usage(session, "j", "file")
    session.ctl("emit", "go")
    assert "start/running" in session.status("j")


def test_broken_override_is_ignored_whole_and_broken_file_is_no_job(session):
    put(session.conf, "j.override", "usage over\nexec \"oops\n")
    session.job("j", "usage file\n" + SLEEP)
    wait_usage(session, "j", "file")
    assert session.ctl("start", "j").startswith("j start/running")
    put(session.conf, "k.override", "usage over\n" + SLEEP)
    session.job("k", "wibble\n")
    session.ctl("reload-configuration")
    assert "k" not in session.jobs()


# -- links and masks


def test_masks_and_links(make_session):
    init = make_session()
    low = init.path / "low"
    put(low, "j.conf", "usage low\n")
    init.start("--append-confdir", low)
    wait_usage(init, "j", "low")
    (init.conf / "j.conf").symlink_to("/dev/null")
    wait_usage(init, "j", None)
    (init.conf / "j.conf").unlink()
    wait_usage(init, "j", "low")
    put(init.path / "else", "real", "usage linked\n")
    (init.conf / "j.conf").symlink_to("../else/real")
    wait_usage(init, "j", "linked")
    (init.conf / "j.conf").unlink()
    wait_usage(init, "j", "low")
    put(init.path / "else", "over", "usage over\n")
    (low / "j.override").symlink_to("../else/over")
    wait_usage(init, "j", "over")
    os.link(init.path / "else" / "real", init.conf / "hard.conf")
    wait_usage(init, "hard", "linked")
    (init.conf / "hard.conf").unlink()
    (init.conf / "hard.conf").mkdir()
    wait_usage(init, "hard", None)


def test_link_to_a_directory_is_not_followed(make_session):
    init = make_session()
    put(init.path / "else", "x.conf", "task\n")
    (init.conf / "d.conf").symlink_to("../else")
    (init.conf / "loop.conf").symlink_to(".")
    put(init.conf, "j.conf", "task\n")
    init.start()
    assert init.jobs() == ["j"]


# -- files that come, change and go


def test_written_in_place_touched_renamed_over_and_renamed_away(session):
    target = session.conf / "j.conf"
    with open(target, "w") as file:
        file.write("usage one\n")
    wait_usage(session, "j", "one")
    target.write_text("usage two\n")
    wait_usage(session, "j", "two")
    session.job("j", "usage three\n")
    wait_usage(session, "j", "three")
    target.rename(session.conf / "k.conf")
    wait_usage(session, "k", "three")
    wait_usage(session, "j", None)
    (session.conf / "k.conf").rename(session.path / "k.conf")
    wait_usage(session, "k", None)
    (session.path / "k.conf").rename(session.conf / "k.conf")
    wait_usage(session, "k", "three")


def test_replaced_and_deleted_under_a_running_instance(session):
    session.job("j", "usage old\n" + SLEEP)
    session.job("m", "instance $N\nusage old\n" + SLEEP)
    session.wait_job("m")
    session.ctl("start", "j")
    session.ctl("start", "m", "N=1")
    pid = session.pid_of("j")
    session.job("j", "usage new\nexec sleep 2000\n")
    session.job("m", "instance $N\nusage new\n" + SLEEP)
    session.job("mark", "task\n")
    session.wait_job("mark")
    assert session.pid_of("j") == pid
    session.ctl("stop", "j")
    wait_usage(session, "j", "new")
    session.ctl("start", "j")
    pid = session.pid_of("j")
    assert b"2000" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    # Deleted: what runs may finish, nothing new begins (decision 005).
    (session.conf / "j.conf").unlink()
    (session.conf / "m.conf").unlink()
    put(session.conf, "mark2.conf", "task\n")
    session.wait_job("mark2")
    assert session.pid_of("j") == pid and is_alive(pid)
    assert session.command("initctl", "start", "m", "N=2").returncode == 1
    session.ctl("stop", "j")
    session.ctl("stop", "m", "N=1")
    wait_for(lambda: set(session.jobs()) == {"mark", "mark2"}, "the deleted to be gone")


def test_bad_edit_keeps_the_last_good_definition(session):
    session.job("j", "usage good\nstart on a and b\n" + SLEEP)
    session.wait_job("j")
    emit = held(session, "a")
    session.job("j", "usage bad\nwibble\n")
    wait_for(lambda: "j.conf:2: Unknown stanza" in session.messages(), "the message")
    assert usage(session, "j") == "good"
    session.ctl("emit", "b")
    assert emit.wait(30) == 0
    assert "start/running" in session.status("j")
    session.ctl("reload-configuration")
    assert usage(session, "j") == "good"
    session.job("j", "usage better\n" + SLEEP)
    session.ctl("stop", "j")
    wait_usage(session, "j", "better")


def test_status_and_check_config_tell_of_a_bad_edit(session):
    session.job("j", "usage good\n" + SLEEP)
    session.wait_job("j")
    assert session.command("initctl", "status", "j").stderr == ""
    assert session.command("initctl", "check-config").returncode == 0
    path = session.job("j", "usage bad\n  wibble x\numask\t9\n")
    wait_for(lambda: "j.conf:2: Unknown stanza" in session.messages(), "the message")
    done = session.command("initctl", "status", "j")
    assert (done.returncode, done.stdout) == (0, "j stop/waiting\n")
    assert done.stderr == f"initctl: j keeps its last good definition, the file is wrong: {path}:2: Unknown stanza\n"
    shown = f"""{path}:2:3: Unknown stanza: wibble
      wibble x
      ^
{path}:3:7: Illegal file creation mask, expected octal integer: 9
    umask\t9
         \t^
"""
    for words in ([], ["j"]):
        done = session.command("initctl", "check-config", *words)
        assert (done.returncode, done.stdout, done.stderr) == (1, shown, "")
    # It runs, and what is wrong is known to the next image as well.
    session.ctl("start", "j")
    session.manager(session.bus()).Restart()
    wait_for(session.answers, "init to answer")
    wait_for(lambda: "last good" in session.command("initctl", "status", "j").stderr, "the warning")
    assert session.command("initctl", "check-config", "j").stdout == shown
    # A fault in the override alone is told too; one in a file that never was right also.
    session.job("j", "usage better\n" + SLEEP)
    override = put(session.conf, "j.override", "nice 99\n")
    never = session.job("never", "exec 'oops\n")
    wait_for(lambda: str(override) in session.command("initctl", "status", "j").stderr, "the warning")
    done = session.command("initctl", "check-config", "never")
    assert (done.returncode, done.stdout) == (1, f"{never}:1:6: Unterminated quoted string: 'oops\n    exec 'oops\n         ^\n")
    assert session.command("initctl", "check-config", "other").stderr == "initctl: Invalid job class: other\n"
    # Mended, all is quiet.
    override.unlink()
    never.unlink()
    session.ctl("stop", "j")
    wait_usage(session, "j", "better")
    wait_for(lambda: session.command("initctl", "check-config").returncode == 0, "no faults")
    assert session.command("initctl", "status", "j").stderr == ""


def test_status_tells_that_another_definition_waits(session):
    path = session.job("j", SLEEP)
    session.wait_job("j")
    session.ctl("start", "j")
    session.job("j", "exec sleep 2000\n")
    wait_for(lambda: session.command("initctl", "status", "j").stderr ==
             f"initctl: j runs with an older definition than that in {path}\n", "the warning")
    path.unlink()
    wait_for(lambda: session.command("initctl", "status", "j").stderr ==
             f"initctl: j runs with a definition whose file is gone: {path}\n", "the warning")
    assert session.status("j").startswith("j start/running, process ")
    session.job("j", SLEEP)
    wait_for(lambda: session.command("initctl", "status", "j").stderr == "", "the same definition to be back")


def test_restart_goes_on_with_the_newest_definition_when_told(session):
    path = session.job("j", "env V=old\nusage old\n" + SLEEP)
    session.job("m", "instance $N\nusage old\n" + SLEEP)
    session.wait_jobs(2)
    for words in (["j", "W=1"], ["m", "N=1"], ["m", "N=2"]):
        session.ctl("start", *words)
    session.job("j", "env V=new\nusage new\n" + SLEEP)
    session.job("m", "instance $N\nusage new\n" + SLEEP)
    for name in ("j", "m N=1"):
        wait_for(lambda: "older definition" in session.command("initctl", "status", *name.split()).stderr, "init to notice")
    session.ctl("restart", "j")
    assert usage(session, "j") == "old"
    assert session.ctl("restart", "--renew", "j", "W=2").startswith("j start/running, process ")
    assert usage(session, "j") == "new"
    env = pathlib.Path(f"/proc/{session.pid_of('j')}/environ").read_text().split("\0")
    assert "V=new" in env and "W=2" in env
    # Nothing newer: as without it.
    pid = session.pid_of("j")
    assert session.ctl("restart", "-r", "j").startswith("j start/running") and session.pid_of("j") != pid
    # Other instances keep the old one in force, which is said.
    done = session.command("initctl", "restart", "--renew", "m", "N=1")
    assert done.returncode == 0 and done.stdout.startswith("m (1) start/running")
    assert done.stderr == "initctl: Other instances of m run with the older definition, so this one does too\n"
    # Neither a wrong file nor one that is gone stops anything.
    pid = session.pid_of("j")
    session.job("j", "wibble\n")
    wait_for(lambda: "last good" in session.command("initctl", "status", "j").stderr, "init to notice")
    done = session.command("initctl", "restart", "--renew", "j")
    assert (done.returncode, done.stderr) == (1, f"initctl: j cannot be renewed, its file is wrong: {path}:1: Unknown stanza\n")
    path.unlink()
    wait_for(lambda: "file is gone" in session.command("initctl", "status", "j").stderr, "init to notice")
    done = session.command("initctl", "restart", "--renew", "j")
    assert (done.returncode, done.stderr) == (1, f"initctl: j cannot be renewed, its file is gone: {path}\n")
    assert session.pid_of("j") == pid and is_alive(pid)
    session.job("self", "script\n  trap '' TERM\n  initctl restart --renew\n  exec sleep 1000\nend script\n")
    session.wait_job("self")
    session.ctl("start", "self")
    wait_for(lambda: "self cannot renew itself" in session.log_of("self"), "its refusal")


def test_cold_start_with_a_bad_file_has_no_job_until_it_is_mended(make_session):
    init = make_session()
    low = init.path / "low"
    put(low, "k.conf", "usage low\n")
    put(init.conf, "j.conf", "wibble\n")
    put(init.conf, "k.conf", "wibble\n")
    init.start("--append-confdir", low)
    assert init.jobs() == ["k"] and usage(init, "k") == "low"
    init.job("j", "usage mended\n")
    wait_usage(init, "j", "mended")
    init.job("k", "usage high\n")
    wait_usage(init, "k", "high")


# -- conditions half met, events held


def test_half_met_condition_survives_an_edit_that_leaves_it(session):
    session.job("j", "start on a and b\nusage one\n" + SLEEP)
    session.wait_job("j")
    emit = held(session, "a", "V=1")
    session.job("j", "start on a and b\nusage two\n" + SLEEP)
    wait_usage(session, "j", "two")
    assert emit.poll() is None
    session.ctl("reload-configuration")
    assert emit.poll() is None
    session.ctl("emit", "b")
    assert emit.wait(30) == 0
    assert "start/running" in session.status("j")


@pytest.mark.parametrize("change", ["condition", "delete", "override"])
def test_held_event_is_let_go_when_the_condition_goes(session, change):
    session.job("j", "start on a and b\nusage one\n" + SLEEP)
    session.wait_job("j")
    emit = held(session, "a")
    if change == "condition":
        session.job("j", "start on c and b\nusage two\n" + SLEEP)
    elif change == "delete":
        (session.conf / "j.conf").unlink()
    else:
        put(session.conf, "j.override", "manual\n")
    assert emit.wait(30) == 0
    session.ctl("emit", "-n", "b")
    assert change == "delete" or session.status("j") == "j stop/waiting"


def test_definition_that_comes_late_hears_no_old_events(session):
    session.ctl("emit", "go")
    session.job("j", "start on go\n" + SLEEP)
    session.wait_job("j")
    assert session.status("j") == "j stop/waiting"
    session.ctl("emit", "go")
    assert "start/running" in session.status("j")


# -- directories


def test_directory_renamed_moved_out_in_and_deleted_with_running_jobs(session):
    put(session.conf, "sub/deep/j.conf", SLEEP)
    session.wait_job("sub/deep/j")
    session.ctl("start", "sub/deep/j")
    pid = session.pid_of("sub/deep/j")
    (session.conf / "sub").rename(session.conf / "other")
    session.wait_job("other/deep/j")
    assert session.pid_of("sub/deep/j") == pid
    session.ctl("stop", "sub/deep/j")
    session.wait_job("sub/deep/j", False)
    # The new place is watched.
    put(session.conf, "other/deep/k.conf", "task\n")
    session.wait_job("other/deep/k")
    (session.conf / "other").rename(session.path / "out")
    wait_for(lambda: session.jobs() == [], "all to be gone")
    put(session.path / "out", "deep/l.conf", "task\n")
    (session.path / "out").rename(session.conf / "back")
    wait_for(lambda: sorted(session.jobs()) == ["back/deep/j", "back/deep/k", "back/deep/l"], "all to be back")
    shutil.rmtree(session.conf / "back")
    wait_for(lambda: session.jobs() == [], "all to be gone")


def test_top_directory_deleted_and_made_again_with_a_running_job(session):
    session.job("j", "usage one\n" + SLEEP)
    session.wait_job("j")
    session.ctl("start", "j")
    pid = session.pid_of("j")
    shutil.rmtree(session.conf)
    wait_for(lambda: session.command("initctl", "start", "j").returncode == 1, "init to notice")
    assert is_alive(pid)
    put(session.conf, "j.conf", "usage two\n" + SLEEP)
    put(session.conf, "k.conf", "task\n")
    session.wait_job("k")
    assert session.pid_of("j") == pid
    session.ctl("stop", "j")
    wait_usage(session, "j", "two")


def test_missing_directory_deep_down_is_waited_for(make_session):
    init = make_session()
    far = init.path / "a" / "b" / "c"
    init.start("--append-confdir", far)
    put(far, "j.conf", "usage far\n")
    wait_usage(init, "j", "far")


def without_power(session):
    """Have its init respect the modes of files, though it is root's."""
    caps = "-dac_override,-dac_read_search"
    wrapper = session.path / "init"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={caps} --inh-caps={caps} {session.program} "$@"\n')
    wrapper.chmod(0o755)
    session.program = wrapper
    return session


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_directory_that_cannot_be_read_costs_only_what_is_in_it(make_session):
    session = without_power(make_session())
    for name in ("closed/in", "later/on", "web"):
        session.job(name, SLEEP)
    closed = session.conf / "closed"
    closed.chmod(0)
    session.start()
    session.wait_job("web")
    session.wait_job("later/on")
    assert "closed/in" not in session.jobs()
    assert f"init:{closed}: Unable to load configuration: Permission denied\n" in session.messages()
    assert "Unable to watch" not in session.messages()

    session.job("later/still", SLEEP)  # what lies beside it is watched
    session.wait_job("later/still")
    closed.chmod(0o755)
    session.wait_job("closed/in")
    session.ctl("start", "closed/in")

    closed.chmod(0)
    session.ctl("reload-configuration")  # nothing is known to be gone
    assert "running" in session.status("closed/in")
    closed.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_top_directory_that_cannot_be_read_is_read_as_soon_as_it_can(make_session):
    session = without_power(make_session())
    session.job("web", SLEEP)
    session.conf.chmod(0)
    session.start()
    assert session.jobs() == []
    assert f"init:{session.conf}: Unable to load configuration: Permission denied\n" in session.messages()
    session.conf.chmod(0o755)
    session.wait_job("web")
    session.job("other", SLEEP)
    session.wait_job("other")


def test_relative_directories_are_where_init_was_started(make_session):
    init = make_session()
    init.start("--append-confdir", "now", "--append-confdir", "later", "--append-confdir", "far/away")
    for place in ("now", "later", "far/away"):
        name = pathlib.Path(place).name
        put(init.path / place, f"{name}.conf", "task\n")
        init.wait_job(name)
        put(init.path / place, f"sub/{name}.conf", "task\n")
        init.wait_job(f"sub/{name}")
    shutil.rmtree(init.path / "far")
    init.wait_job("away", False)
    put(init.path / "far/away", "again.conf", "task\n")
    init.wait_job("again")


def test_overflow_of_the_queue_is_a_rescan(session):
    """More events than the kernel keeps, while init cannot read: it looks at everything."""
    limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100000:
        pytest.skip("the kernel keeps too many events")
    for name in ("stays", "goes", "changes"):
        session.job(name, f"usage {name}\n")
    session.wait_jobs(3)
    session.process.send_signal(signal.SIGSTOP)
    try:
        spare = session.conf / "spare"
        for _ in range(limit // 3 + 1000):
            os.close(os.open(spare, os.O_CREAT | os.O_WRONLY))
            spare.unlink()
        (session.conf / "goes.conf").unlink()
        session.job("changes", "usage changed\n")
        session.job("comes", "usage comes\n")
        put(session.conf, "sub/deep.conf", "task\n")
    finally:
        session.process.send_signal(signal.SIGCONT)
    wait_for(lambda: sorted(session.jobs()) == ["changes", "comes", "stays", "sub/deep"], "all changes")
    assert usage(session, "changes") == "changed"
    # And goes on watching.
    put(session.conf, "sub/later.conf", "task\n")
    session.wait_job("sub/later")


def size_of_definitions(init):
    for fd in pathlib.Path(f"/proc/{init.pid}/fd").iterdir():
        if "memfd:upstart-definitions" in os.readlink(fd):
            return fd.stat().st_size
    return None


def test_long_definitions_that_are_replaced_are_dropped(session):
    """They add little to the journal, whose length makes others go."""
    body = "echo a line of a long script\n" * 25000
    for n in range(12):
        put(session.conf, "long.conf", f'usage "{n}"\nscript\n{body}end script\n')
        wait_usage(session, "long", str(n))
    wait_for(lambda: size_of_definitions(session) < 6 * 1024 * 1024, "the old ones to go")


def test_explicit_reload_does_the_same(session):
    session.job("j", "usage one\n" + SLEEP)
    session.wait_job("j")
    session.ctl("start", "j")
    pid = session.pid_of("j")
    for how in ("initctl", "hup"):
        session.job(how, "task\n")
        if how == "initctl":
            session.ctl("reload-configuration")
        else:
            session.process.send_signal(signal.SIGHUP)
        session.wait_job(how)
    assert session.pid_of("j") == pid
