# SPDX-License-Identifier: MIT
"""What comes from a job and is none of its processes: control groups, `kill mode`, who is ended when the job stops.

`grouped` runs with a cgroup v2 for each job, where that is to be had; `walked` without (--no-cgroups).
"""

import os
import pathlib
import signal
import subprocess

import pytest

from conftest import WATCHES, is_alive, own_group, wait_for
from test_tracking import crash, restart

pytestmark = pytest.mark.skipif(not WATCHES, reason="strays are not known on this platform")


def can_group():
    group = own_group()
    if group is None:
        return False
    try:
        (group / f"upstart-test-{os.getpid()}").mkdir()
        (group / f"upstart-test-{os.getpid()}").rmdir()
    except OSError:
        return False
    return True


needs_groups = pytest.mark.skipif(not can_group(), reason="no cgroup v2 that could be written")


@pytest.fixture
def grouped(session):
    if not can_group():
        pytest.skip("no cgroup v2 that could be written")
    return session


@pytest.fixture
def walked(make_session):
    return make_session().start("--no-cgroups")


@pytest.fixture(params=["grouped", "walked"])
def either(request):
    return request.getfixturevalue(request.param)


def group_of(pid):
    """The group of a process, below the one we are in."""
    line = next(line for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::"))
    own = next(line for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    assert line.startswith(own)
    return line[len(own.rstrip("/")):].lstrip("/")


def noted(where, name):
    """A pid that a process has written down."""
    def read():
        try:
            text = (where.path / name).read_text()
        except OSError:
            return None
        return int(text) if text.endswith("\n") else None

    return wait_for(read, f"{name} to be there")


def ends(pid):
    wait_for(lambda: not is_alive(pid), f"process {pid} to end")


# A program in a process group of its own, and in main's session.
SIDE = "bash -c 'set -m; sh -c \"echo \\$\\$ > {path}/side; {does}exec sleep 1000\" &'\n"
# One in a session of its own, whose parent has ended.
AWAY = "setsid -f sh -c 'echo $$ > {path}/away; {does}exec sleep 1000'\n"


def make(where, name, script, stanzas="", does=""):
    body = script.format(path=where.path, does=does)
    where.job(name, f"{stanzas}\nscript\n{body}exec sleep 1000\nend script\n")
    where.wait_job(name)


# -- groups --------------------------------------------------------------------------------------------------


def test_each_instance_has_a_group_of_its_own(grouped):
    make(grouped, "web", AWAY)
    grouped.job("net/tty", "instance $N\nexec sleep 1000\n")
    grouped.job("web-a", "exec sleep 1000\n")
    grouped.wait_jobs(3)
    grouped.ctl("start", "web")
    for n in ("a/b", "2"):
        grouped.ctl("start", "net/tty", f"N={n}")
    base, _, leaf = group_of(grouped.pid_of("web")).partition("/")
    assert base.startswith("upstart") and leaf == "web"
    assert group_of(noted(grouped, "away")) == f"{base}/web"
    assert group_of(grouped.pid_of("net/tty", "N=a/b")) == f"{base}/net_tty-a_b"
    assert group_of(grouped.pid_of("net/tty", "N=2")) == f"{base}/net_tty-2"
    assert group_of(grouped.pid) == ""


def test_two_of_the_same_name_do_not_share_a_group(grouped):
    grouped.job("a-b", "kill mode tree\nexec sleep 1000\n")
    grouped.job("a", "instance $N\nexec sleep 1000\n")
    grouped.job("cgroup.procs", "exec sleep 1000\n")
    grouped.wait_jobs(3)
    grouped.ctl("start", "a", "N=b")
    grouped.ctl("start", "a-b")
    grouped.ctl("start", "cgroup.procs")
    groups = {group_of(grouped.pid_of(*words)).partition("/")[2] for words in (("a", "N=b"), ("a-b",), ("cgroup.procs",))}
    assert groups == {"a-b", "a-b~2", "cgroup.procs~2"}
    grouped.ctl("stop", "a-b")
    assert "a (b) start/running" in grouped.status("a", "N=b")


def test_all_processes_of_a_job_are_in_it_and_it_goes_with_them(grouped):
    grouped.job("web", f"""pre-start exec cp /proc/self/cgroup {grouped.path}/pre
exec sleep 1000
post-start exec cp /proc/self/cgroup {grouped.path}/post
post-stop exec cp /proc/self/cgroup {grouped.path}/end
""")
    grouped.wait_job("web")
    grouped.ctl("start", "web")
    group = group_of(grouped.pid_of("web"))
    grouped.ctl("stop", "web")
    for name in ("pre", "post", "end"):
        assert f"/{group}\n" in (grouped.path / name).read_text()
    wait_for(lambda: not (own_group() / group).exists(), "the group to go")
    base = own_group() / group.partition("/")[0]
    assert base.exists()
    assert grouped.end() == 0
    assert not base.exists()


def test_two_inits_have_two_directories(grouped, make_session):
    other = make_session().start()
    for where in (grouped, other):
        make(where, "web", AWAY, "kill mode tree")
        where.ctl("start", "web")
    assert group_of(grouped.pid_of("web")) != group_of(other.pid_of("web"))
    here, there = noted(grouped, "away"), noted(other, "away")
    other.ctl("stop", "web")
    assert is_alive(here) and not is_alive(there)


def test_what_a_dead_init_has_left_is_taken_over(grouped, make_session):
    make(grouped, "web", AWAY)
    grouped.ctl("start", "web")
    pid, base = grouped.pid_of("web"), group_of(grouped.pid_of("web")).partition("/")[0]
    stray = noted(grouped, "away")
    os.kill(grouped.pid, signal.SIGKILL)
    grouped.process.wait()
    ends(pid)  # the spawner sees to that
    os.kill(stray, signal.SIGKILL)
    ends(stray)
    nexts = [make_session().start() for _ in range(3)]
    for where in nexts:
        make(where, "new", AWAY)
        where.ctl("start", "new")
    assert base in {group_of(where.pid_of("new")).partition("/")[0] for where in nexts}


def test_an_init_that_may_not_goes_without(pid1):
    if not can_group():
        pytest.skip("no cgroup v2 that could be written")
    mount = next(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line)
    assert pid1.command("mount", "-o", "remount,bind,ro", mount, mount).returncode == 0 or \
        pid1.command("sh", "-c", f"mount --bind {mount} {mount} && mount -o remount,bind,ro {mount}").returncode == 0
    make(pid1, "web", SIDE.replace("{path}", "/run"), "kill mode tree")
    pid1.ctl("start", "web")
    side = wait_for(lambda: pid1.command("cat", "/run/side").stdout.strip(), "its pid")
    main, one = (pid1.command("cat", f"/proc/{pid}/cgroup").stdout for pid in (pid1.pid_of("web"), 1))
    assert main == one != ""
    assert pid1.ctl("stop", "web") == "web stop/waiting\n"
    assert pid1.command("kill", "-0", side).returncode != 0


def test_process_1_mounts_them_where_nobody_has(make_pid1):
    if not can_group():
        pytest.skip("no cgroup v2 that could be written")
    machine = make_pid1().start(env={"BARE": "yes"})
    make(machine, "web", AWAY.replace("{path}", "/run"), "kill mode tree")
    machine.ctl("start", "web")
    away = wait_for(lambda: machine.command("cat", "/run/away").stdout.strip(), "its pid")
    assert "/upstart" in machine.command("cat", f"/proc/{away}/cgroup").stdout
    assert " - cgroup2 " in machine.command("cat", "/proc/1/mountinfo").stdout
    machine.ctl("stop", "web")
    assert machine.command("kill", "-0", away).returncode != 0


def test_process_1_mounts_none_that_nobody_wants(make_pid1):
    """Told so, or as the image that follows one whose mount has been taken away."""
    if not can_group():
        pytest.skip("no cgroup v2 that could be written")
    machine = make_pid1().start("--no-cgroups", env={"BARE": "yes"})
    assert " - cgroup2 " not in machine.command("cat", "/proc/1/mountinfo").stdout
    machine = make_pid1().start(env={"BARE": "yes"})
    if " - cgroup2 " in machine.command("cat", "/proc/1/mountinfo").stdout:
        assert machine.command("umount", "-l", "/sys/fs/cgroup").returncode == 0
    os.kill(machine.one, signal.SIGTERM)
    wait_for(lambda: "init: Re-executing" in machine.kmsg(), "the next image")
    wait_for(machine.answers, "the next image to answer")
    assert " - cgroup2 " not in machine.command("cat", "/proc/1/mountinfo").stdout


# -- who is ended --------------------------------------------------------------------------------------------------


def test_group_mode_leaves_who_has_gone_away(either):
    make(either, "web", SIDE + AWAY)
    either.ctl("start", "web")
    side, away, main = noted(either, "side"), noted(either, "away"), either.pid_of("web")
    either.ctl("stop", "web")
    assert is_alive(side) and is_alive(away) and not is_alive(main)
    for pid in (side, away):
        os.kill(pid, signal.SIGKILL)


def test_tree_mode_ends_all_before_the_job_has_stopped(grouped):
    make(grouped, "web", SIDE + AWAY, "kill mode tree")
    grouped.ctl("start", "web")
    pids = noted(grouped, "side"), noted(grouped, "away")
    assert grouped.ctl("stop", "web") == "web stop/waiting\n"
    assert not any(is_alive(pid) for pid in pids)


def test_tree_mode_without_groups_ends_who_is_in_its_session_or_below(walked):
    """One that has left the session, and whose parent has ended, is nobody's."""
    below = "bash -c 'set -m; sh -c \"setsid sh -c \\\"echo \\\\\\$\\\\\\$ > {path}/below; exec sleep 1000\\\"; exit\" &'\n"
    make(walked, "web", SIDE + below, "kill mode tree")
    walked.ctl("start", "web")
    pids = noted(walked, "side"), noted(walked, "below")
    assert walked.ctl("stop", "web") == "web stop/waiting\n"
    assert not any(is_alive(pid) for pid in pids)


def test_tree_mode_kills_what_does_not_heed_its_signal(either):
    make(either, "web", SIDE, "kill mode tree\nkill timeout 1", does="trap \\\"\\\" TERM; ")
    either.ctl("start", "web")
    side = noted(either, "side")
    either.ctl("log-priority", "info")
    either.ctl("stop", "web")
    assert not is_alive(side)
    said = either.messages()
    term, kill = (said.index(f"Sending {name} signal to process {side}, which web has left behind") for name in ("TERM", "KILL"))
    assert term < kill


def test_tree_mode_sends_the_jobs_own_signal(either):
    told = f"trap \\\"echo told > {either.path}/told; exit\\\" INT; while :; do sleep 0.02; done; "
    make(either, "web", SIDE, "kill mode tree\nkill signal INT", does=told)
    either.ctl("start", "web")
    noted(either, "side")
    either.ctl("stop", "web")
    assert (either.path / "told").read_text() == "told\n"


def test_what_is_left_of_a_main_that_died_is_ended_before_the_next(either):
    make(either, "web", SIDE, "kill mode tree\nrespawn")
    either.ctl("start", "web")
    side = noted(either, "side")
    (either.path / "side").unlink()
    os.kill(either.pid_of("web"), signal.SIGKILL)
    new = noted(either, "side")
    assert new != side and not is_alive(side) and is_alive(new)


def test_the_next_main_lives_where_what_was_left_had_to_be_killed(either):
    """Recent Linux kills whoever is born into a control group that was ever killed as a whole."""
    make(either, "web", SIDE, "kill mode tree\nkill timeout 1\nrespawn", does="trap \\\"\\\" TERM; ")
    either.ctl("start", "web")
    for _ in range(2):
        side, main = noted(either, "side"), either.pid_of("web")
        (either.path / "side").unlink()
        os.kill(main, signal.SIGKILL)
        new = noted(either, "side")
        assert new != side and not is_alive(side) and is_alive(new) and either.pid_of("web") != main


def test_what_pre_start_leaves_is_ended_with_it(either):
    body = SIDE.format(path=either.path, does="")
    either.job("web", f"kill mode tree\npre-start script\n{body}until [ -s {either.path}/side ]; do sleep 0.02; done\nend script\nexec sleep 1000\n")
    either.wait_job("web")
    either.ctl("start", "web")
    ends(noted(either, "side"))
    assert "start/running" in either.status("web")


def test_what_post_start_leaves_is_ended_and_main_is_not(either):
    body = SIDE.format(path=either.path, does="")
    either.job("web", f"""kill mode tree
script
  setsid -f sh -c 'echo $$ > {either.path}/worker; exec sleep 1000'
  exec sleep 1000
end script
post-start script
  {body}until [ -s {either.path}/side ]; do sleep 0.02; done
end script
""")
    either.wait_job("web")
    either.ctl("start", "web")
    ends(noted(either, "side"))
    assert is_alive(noted(either, "worker"))


def test_what_a_hook_leaves_is_told(grouped):
    grouped.ctl("log-priority", "info")
    grouped.job("web", f"pre-start exec setsid -f sh -c 'echo $$ > {grouped.path}/away; exec sleep 1000'\nexec sleep 1000\n")
    grouped.wait_job("web")
    grouped.ctl("start", "web")
    assert is_alive(noted(grouped, "away"))
    grouped.ctl("stop", "web")
    wait_for(lambda: f"web has left 1 process behind: {noted(grouped, 'away')}" in grouped.messages(), "the line")


@pytest.mark.parametrize("again", [restart, crash])
def test_waiting_for_strays_goes_on_over_another_image(either, again):
    make(either, "web", SIDE, "kill mode tree\nkill timeout 60", does="trap \\\"\\\" TERM; ")
    either.ctl("start", "web")
    main, side = either.pid_of("web"), noted(either, "side")
    stopping = either.background("stop", "web")
    ends(main)
    for _ in range(2):
        again(either)
        assert "stop/killed" in either.status("web")
    os.kill(side, signal.SIGKILL)
    out, err = stopping.communicate(timeout=60)
    assert stopping.returncode == 0, err
    assert "web stop/waiting" in either.status("web")


# A session whose leader has a certain pid.
TAKE = """i=0
while [ $i -lt 1000 ]; do
  echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid
  setsid sleep 1000 > /dev/null 2>&1 &
  [ $! != $1 ] || exit 0
  kill -9 $!
  i=$((i + 1))
done
exit 1
"""


@pytest.mark.parametrize("left", [False, True])
def test_a_stranger_with_the_pid_of_a_process_that_has_ended_is_let_be(make_pid1, left):
    machine = make_pid1().start("--no-cgroups")
    side = SIDE.replace("{path}", "/run").replace("{does}", "trap \\\"\\\" TERM; ") + "until [ -s /run/side ]; do sleep 0.02; done"
    machine.job("web", f"kill mode tree\npre-start script\necho $$ > /run/pre\n{side if left else ''}\nend script\nexec sleep 1000\n")
    machine.wait_job("web")
    machine.ctl("start", "web")
    pre = machine.command("cat", "/run/pre").stdout.strip()
    if left:
        pid = machine.command("cat", "/run/side").stdout.strip()
        assert machine.command("kill", "-KILL", pid).returncode == 0
        wait_for(lambda: machine.command("kill", "-0", pid).returncode != 0, "it to be reaped")
    taken = machine.command("sh", "-c", TAKE, "sh", pre)
    assert taken.returncode == 0, taken.stderr
    machine.ctl("stop", "web")
    assert machine.command("kill", "-0", pre).returncode == 0


@pytest.mark.parametrize("again", [restart, crash])
def test_groups_are_known_to_another_image(grouped, again):
    make(grouped, "web", AWAY, "kill mode tree")
    grouped.ctl("start", "web")
    away, group = noted(grouped, "away"), group_of(grouped.pid_of("web"))
    again(grouped)
    grouped.ctl("stop", "web")
    assert not is_alive(away)
    wait_for(lambda: not (own_group() / group).exists(), "the group to go")


def test_a_family_that_can_not_be_followed_ends_too(grouped):
    """Workers of a daemon, each in a session of its own."""
    grouped.job("d", f"expect fork\nkill mode tree\nexec sh -c '(setsid -f sh -c \"echo \\$\\$ > {grouped.path}/away; exec sleep 1000\"; "
                     "exec sleep 1000) & exit 0'\n")
    grouped.wait_job("d")
    grouped.ctl("start", "d")
    away = noted(grouped, "away")
    grouped.ctl("stop", "d")
    assert not is_alive(away)


def test_an_ordinary_user_ends_strays(make_session):
    """Who may make no groups, unless they were delegated."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another")
    where = make_session()
    where.user = 65534
    subprocess.run(["chown", "-R", "65534:65534", str(where.path)], check=True)
    folder = where.path
    while folder != folder.parent:
        folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent
        if folder.stat().st_mode & 0o001:
            break
    where.start()
    make(where, "web", SIDE, "kill mode tree")
    where.ctl("start", "web")
    side = noted(where, "side")
    where.ctl("stop", "web")
    assert not is_alive(side)


def test_a_delegated_subtree_is_used(make_session):
    if os.geteuid() != 0 or not can_group():
        pytest.skip("needs root and a cgroup v2 that could be written")
    tree = own_group() / f"upstart-test-{os.getpid()}"
    tree.mkdir()
    try:
        where = make_session()
        where.user = 65534
        subprocess.run(["chown", "-R", "65534:65534", str(where.path), str(tree)], check=True)
        folder = where.path.parent
        while not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
            folder = folder.parent
        os.chown(tree / "cgroup.procs", 65534, 65534)
        own = own_group()
        (tree / "cgroup.procs").write_text(str(os.getpid()))
        try:
            where.start()
        finally:
            (own / "cgroup.procs").write_text(str(os.getpid()))
        make(where, "web", AWAY, "kill mode tree")
        where.ctl("start", "web")
        away = noted(where, "away")
        assert f"/{tree.name}/upstart/web\n" in pathlib.Path(f"/proc/{away}/cgroup").read_text()
        where.ctl("stop", "web")
        assert not is_alive(away)
        assert where.end() == 0
    finally:
        for folder, _, _ in os.walk(tree, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass
