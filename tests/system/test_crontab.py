# SPDX-License-Identifier: MIT
"""upstart-time-bridge --crontab: lines of crontabs as jobs of a real session init, or written for one that is not there.

How lines are read is tests/unit/schedule/test_crontab.c's.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "helpers"))

from clock import BRIDGE, INIT, LIMIT, add_job, event, got, needs_init, session, start, wait_for  # noqa: E402,F401
from fake_init import FakeInit, Job  # noqa: E402

pytestmark = pytest.mark.skipif(not BRIDGE.exists(), reason="the bridges are not built")


def bridge_job(*options):
    return "start on startup\nstop on session-end\nemits time\nrespawn\nexpect stop\n" \
        "exec upstart-time-bridge --user --ready=stop %s\n" % " ".join(map(str, options))


def jobs_in(folder):
    return {path.stem: path.read_text() for path in folder.glob("*.conf")}


def made(s):
    """The jobs of crontabs that init knows."""
    return set(re.findall(r"^(cron-\S+)", s.initctl("list").stdout, re.M))


# ---- with a real init ----

@needs_init
def test_lines_of_a_crontab_are_jobs(session, tmp_path):
    crontab = tmp_path / "mine"
    crontab.write_text("MAILTO=me\nGREETING = \"it's  me\"\nPATH=/usr/bin:/bin\n\n"
                       "@reboot echo \"$GREETING\" 100\\% in $(pwd)%first%second\n"
                       "@reboot cat%one%two\n"
                       "0 25 * * * echo never\n"
                       "0 0 29 2 * echo rarely\n")
    s = session({"upstart-time-bridge": bridge_job("--crontab", crontab)}, usual=True)
    names = wait_for(lambda: (found := made(s)) and len(found) == 3 and found, "three jobs")
    wait_for(lambda: sorted(map(s.log, names)) == ["", "it's  me 100% in " + str(s.folder) + "\n", "one\ntwo\n"],
             lambda: repr([s.log(name) for name in names]))
    said = s.log("upstart-time-bridge")
    assert "%s:1:1: no mail is sent" % crontab in said
    assert "%s:7:3: CRON: a hour is from 0 to 23" % crontab in said
    assert said.count("%s:" % crontab) == 2
    listed = s.initctl("list-timers").stdout
    assert re.search(r'^20\S+  -  +cron-mine-[0-9a-f]{8}  start on time CRON="0 0 29 2 \*"$', listed, re.M)
    assert s.initctl("check-config", check=False).stdout == ""


@needs_init
def test_a_crontab_that_changes_changes_the_jobs(session, tmp_path):
    folder = tmp_path / "cron.d"
    folder.mkdir()
    (folder / "one").write_text("@yearly true 1\n@yearly true 2\n")
    (folder / "one.dpkg-old").write_text("@yearly true 3\n")
    s = session({"upstart-time-bridge": bridge_job("--crontab", folder)}, usual=True)

    before = wait_for(lambda: len(found := made(s)) == 2 and found, "two jobs")
    # The same line elsewhere in the file is the same job.
    (folder / "two").write_text("@yearly true 4\n")
    (folder / "new").write_text("# moved\n@yearly true 2\n")
    os.rename(folder / "new", folder / "one")
    after = wait_for(lambda: len(found := made(s)) == 2 and found != before and found, "other jobs")
    assert len(before & after) == 1 and any(name.startswith("cron-two-") for name in after)
    (folder / "one").unlink()
    (folder / "two").unlink()
    wait_for(lambda: not made(s), "no jobs")


# ---- what is written ----

@pytest.fixture
def folder(tmp_path):
    """Where a bridge with --runtime-dir puts jobs."""
    return tmp_path / "run" / "jobs"


def test_a_job_says_where_it_comes_from(start, tmp_path, folder):
    crontab = tmp_path / "tab"
    crontab.write_text("SHELL=/bin/bash\nCRON_TZ=Asia/Tokyo\nA='x y'\n5 4 * * sun echo 'it''s' $A\n@reboot x\n")
    with FakeInit() as init:
        bridge = start(init, "--crontab", str(crontab), "--runtime-dir", str(tmp_path / "run"))
        made = jobs_in(folder)
        assert len(made) == 2, bridge.log
        text = next(t for t in made.values() if "sun" in t)
        assert text == """# Made by upstart-time-bridge from a crontab; made again whenever that changes.
description "A line of %s"
start on time CRON="5 4 * * sun" TZ=Asia/Tokyo
task
script
	export SHELL='/bin/bash' A='x y'
	cd "${HOME:-/}" 2>/dev/null || cd /
	exec '/bin/bash' -c 'echo '\\''it'\\'''\\''s'\\'' $A'
end script
""" % crontab
        if INIT.exists():
            for name in made:
                done = subprocess.run([INIT, "--check", folder / (name + ".conf")], check=False, text=True, capture_output=True,
                                      timeout=LIMIT)
                assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert bridge.end() == 0
        # Without the option they go.
        bridge = start(init, "--runtime-dir", str(tmp_path / "run"))
        assert jobs_in(folder) == {}


def test_an_init_that_sees_no_jobs_is_told_to_look_and_then_it_is_said(start, tmp_path, folder):
    crontab = tmp_path / "tab"
    crontab.write_text("@daily x\n")
    with FakeInit([Job("other")]) as init:
        bridge = start(init, "--crontab", str(crontab), "--runtime-dir", str(tmp_path / "run"))
        bridge.says("init reads no jobs in %s" % folder)
        assert [call for call in init.calls if "ReloadConfiguration" in str(call)]


def test_a_crontab_that_others_may_write_is_not_heeded(start, tmp_path, folder):
    crontab = tmp_path / "tab"
    crontab.write_text("@daily x\n")
    crontab.chmod(0o666)
    with FakeInit() as init:
        bridge = start(init, "--crontab", str(crontab), "--crontab", str(tmp_path / "absent"), "--runtime-dir", str(tmp_path / "run"))
        assert "%s: not a file that only its owner may write" % crontab in bridge.log
        assert "Unable to read %s: No such file or directory" % (tmp_path / "absent") in bridge.log
        assert jobs_in(folder) == {}
        crontab.chmod(0o644)
        wait_for(lambda: len(jobs_in(folder)) == 1, "the job")


# ---- what belongs to the start ----

def reboot_job(name):
    return Job(name, start_on=[["time", "CRON=@reboot"]])


def appears(folder, init):
    """The job that was made, which init takes."""
    name, = wait_for(lambda: list(jobs_in(folder)), "the job")
    add_job(init, reboot_job(name))


def test_reboot_of_crontabs_that_are_mounted_later(start, tmp_path, folder):
    spool = tmp_path / "var" / "spool"
    with FakeInit([Job("other")]) as init:
        bridge = start(init, "--crontab", str(spool / "tab"), "--runtime-dir", str(tmp_path / "run"))
        # What is there now is known, so that who comes later comes late; nothing is watched, as the folders are not there.
        spool.mkdir(parents=True)
        (spool / "tab").write_text("@reboot x\n")
        event(init, "filesystem")
        appears(folder, init)
        wait_for(lambda: [e["CRON"] for e in got(init)] == ["@reboot"], lambda: bridge.log)
        # The second time it is no longer the start.
        (spool / "tab").write_text("@reboot x\n@daily y\n")
        event(init, "filesystem")
        wait_for(lambda: len(jobs_in(folder)) == 2, "the other job")
        add_job(init, reboot_job("late"))
        add_job(init, Job("now", start_on=[["time", "EVERY=1", "COUNT=1"]]))
        wait_for(lambda: len(got(init)) == 2, lambda: bridge.log)
        assert "EVERY" in got(init)[1]


def test_file_systems_that_come_before_the_jobs_are_known(start, tmp_path, folder):
    spool = tmp_path / "var" / "spool"

    def mount(init, message):
        spool.mkdir(parents=True)
        (spool / "tab").write_text("@reboot x\n")
        event(init, "filesystem")
    with FakeInit([Job("other")], hooks={"GetAllJobs": mount}) as init:
        bridge = start(init, "--crontab", str(spool / "tab"), "--runtime-dir", str(tmp_path / "run"))
        appears(folder, init)
        wait_for(lambda: [e["CRON"] for e in got(init)] == ["@reboot"], lambda: bridge.log)


def test_a_job_without_a_timer_does_not_keep_the_start_open(start, tmp_path, folder):
    crontab = tmp_path / "tab"
    crontab.write_text("@daily x\n@daily y\n")
    with FakeInit([Job("other")]) as init:
        bridge = start(init, "--crontab", str(crontab), "--runtime-dir", str(tmp_path / "run"))
        for name in jobs_in(folder):
            add_job(init, Job(name))  # init knows it, and it asks for no time
        wait_for(lambda: len([call for call in init.calls if call[1] == "GetJobByName"]) >= 3, "three answers")
        add_job(init, reboot_job("late"))
        add_job(init, Job("now", start_on=[["time", "EVERY=1", "COUNT=1"]]))
        wait_for(lambda: got(init), lambda: bridge.log)
        assert ["EVERY" in e for e in got(init)] == [True]
