# SPDX-License-Identifier: MIT
"""What a process of a job gets from init and its servants, and what it must not get: descriptors, environment, memory; and
user look-ups that hang."""

import contextlib
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from conftest import WATCHES, wait_for
from test_tracking import user_session  # noqa: F401 (a fixture)

SECRET = "hidden-from-all-others"
SAY = "sh -c 'sh {out}.sh; exec sleep 1000'"
# Of the shell above it, which redirects nothing itself.
LOOK = ("for f in /proc/$PPID/fd/*; do echo ${{f##*/}} $(readlink $f); done > {out}.new; cat /proc/$PPID/environ > {out}.env; cat /proc/$PPID/maps > {out}.maps; "
        "mv {out}.new {out}\n")

# The stanzas of a job, the descriptors that it has beyond 0 to 2, what it knows beyond UPSTART_JOB and the like.
KINDS = {
    "none": ("console none\nexec {say}\n", 0, set()),
    "log": ("console log\nexec {say}\n", 0, set()),
    "output": ("console output\nexec {say}\n", 0, set()),
    "script": ("console none\nscript\n  :\n  sh {out}.sh\n  exec sleep 1000\nend script\n", 0, set()),
    "script-log": ("console log\nscript\n  :\n  sh {out}.sh\n  exec sleep 1000\nend script\n", 0, set()),
    "notify": ("console none\nexpect notify\nexec {say}\n", 0, {"NOTIFY_SOCKET"}),
    "watchdog": ("console log\nexpect notify\nwatchdog 1000\nexec {say}\n", 0, {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}),
    "fd": ("console none\nexpect fd 7\nexec {say}\n", 1, set()),
    "fork": ("console none\nexpect fork\nexec {say}\n", 0, set()),
    "pidfile": ("console none\nexpect pidfile /nowhere/pid\nexec {say}\n", 0, set()),
    "hook": ("console none\npre-start exec {say}\nexec sleep 1000\n", 0, set()),
    "user": ("console none\nuser environment\nexec {say}\n", 0, {"HOME", "USER", "LOGNAME", "SHELL"}),
}


# Who starts init may have left open whatever there is.
HEIR = """#!/usr/bin/python3 -I
import ctypes, os, sys
libc = ctypes.CDLL(None)
signals = (ctypes.c_ulong * 16)()
made = [libc.eventfd(0, 0), libc.epoll_create1(0), libc.inotify_init1(0), libc.timerfd_create(1, 0), libc.signalfd(-1, signals, 0),
        os.memfd_create("heirloom", 0), *os.pipe(), os.open("/", os.O_PATH)]
for fd in made:
    os.set_inheritable(fd, True)
open(sys.argv[0] + ".made", "w").write("\\n".join(os.readlink(f"/proc/self/fd/{fd}") for fd in made))
os.execv("{init}", sys.argv)
"""
HEIRLOOMS = ("anon_inode:[eventfd]", "anon_inode:[eventpoll]", "anon_inode:inotify", "anon_inode:[timerfd]", "anon_inode:[signalfd]",
             "/memfd:heirloom", "pipe:[")


def links_of(pid):
    """What the descriptors of a process lead to, from the third on."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += [os.readlink(entry)] if int(entry.name) > 2 else []
    return found


def memory_of(pid):
    """All that the process can read of its memory."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            where, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(part, 16) for part in where.split("-"))
            memory.seek(start)
            yield memory.read(end - start)


@pytest.fixture(scope="module", params=["session", "machine"])
def beside_a_secret(request, tmp_path_factory):
    """An init that runs all of these jobs, and others of whom they must not know."""
    from conftest import INIT, Machine, Session
    if not INIT.exists():
        pytest.skip("init is not built")
    if request.param == "machine" and os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    where = (Session if request.param == "session" else Machine)(tmp_path_factory.mktemp(request.param))
    try:
        (where.path / "said").mkdir()
        heir = where.path / "heir"
        heir.write_text(HEIR.replace("{init}", str(INIT)))
        heir.chmod(0o755)
        if WATCHES:
            setattr(where, "program" if request.param == "session" else "wrapper", heir)
        where.start()
        for i, more in enumerate(("console log\nexpect notify\n", "console none\n", "expect fd 5\n")):
            where.job(f"secret{i}", f"env TOKEN={SECRET}\n{more}script\n  # {SECRET}\n  exec sleep 1000\nend script\n")
        for name, (text, _, _) in KINDS.items():
            out = where.path / "said" / name
            out.with_suffix(".sh").write_text(LOOK.format(out=out))
            where.job(name, text.format(say=SAY.format(out=out), out=out))
        where.wait_jobs(len(KINDS) + 3)
        for name in [f"secret{i}" for i in range(3)] + list(KINDS):
            where.ctl("start", "--no-wait", name)
            where.ctl("status", name)
        yield where
    finally:
        where.kill_all()


@pytest.mark.skipif(not WATCHES, reason="not all of these on this platform")
@pytest.mark.parametrize("name", KINDS)
def test_process_has_what_is_meant_for_it_and_nothing_else(beside_a_secret, name):
    where, (text, more, knows) = beside_a_secret, KINDS[name]
    said = where.path / "said" / name
    wait_for(said.exists, f"the word of {name}\n{where.messages()}")
    links = {int(line.split()[0]): line.partition(" ")[2] for line in said.read_text().splitlines()}
    first, second, third, *others = (links[number] for number in sorted(links))
    log = "log" in name or name == "watchdog"
    assert first == ("/dev/null" if name != "output" else first)
    assert second == third
    assert second.startswith("/dev/pts/") if log else name == "output" or second == "/dev/null"
    # The script, which the shell reads; the pipe of `expect fd`; nothing else, such as a socket.
    if "script" in name:
        assert others.pop().startswith("/memfd:upstart-script")
    assert len(others) == more and all(other.startswith("pipe:") for other in others), others

    environment = dict(entry.split("=", 1) for entry in said.with_suffix(".env").read_text().split("\0") if entry)
    expected = {"PATH", "TERM", "UPSTART_JOB", "UPSTART_INSTANCE", "UPSTART_SESSION", "PWD", "OLDPWD", "_", "SHLVL"} | knows
    assert environment.keys() <= expected and environment["UPSTART_JOB"] == name
    assert knows <= environment.keys()

    files = {line.split()[5] for line in said.with_suffix(".maps").read_text().splitlines() if len(line.split()) > 5}
    assert not any("upstart" in file or "memfd" in file or "init" in file for file in files), files
    assert all(file.startswith(("/usr/", "/lib", "/bin/", "[")) for file in files), files


@pytest.mark.skipif(not WATCHES, reason="not all of these on this platform")
def test_neither_init_nor_its_servants_keep_what_they_inherit(beside_a_secret):
    made = (beside_a_secret.path / "heir.made").read_text()
    assert all(heirloom in made for heirloom in HEIRLOOMS), made
    for name, pid in [("init", beside_a_secret.pid), *beside_a_secret.servants().items()]:
        links = links_of(pid)
        assert not any("heirloom" in link or link in ("/", "anon_inode:[eventfd]") for link in links), (name, links)
        assert not any(link in made for link in links if link.startswith("pipe:")), (name, links)


@pytest.mark.skipif(not WATCHES, reason="no spawner on this platform")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to read the memory of others")
def test_memory_of_a_process_holds_nothing_of_others(beside_a_secret):
    where = beside_a_secret
    family = [where.pid]
    for pid in family:
        with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
            family += [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    own, looked_at = set(where.servants().values()) | {where.pid}, 0
    for pid in family:
        try:
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if pid in own or SECRET.encode() in environ or b"UPSTART_JOB=" not in environ:
            continue
        looked_at += 1
        assert not any(SECRET.encode() in part for part in memory_of(pid)), pid
    assert looked_at >= len(KINDS)
    # It would be found.
    assert any(SECRET.encode() in part for part in memory_of(where.pid))


@pytest.mark.skipif(not WATCHES, reason="no spawner on this platform")
def test_spawner_is_reached_by_init_alone(session):
    """Its only way in is half of a pair of sockets, which has no name, and which nobody can open."""
    session.job("job", "exec sleep 1000\n")
    session.wait_job("job")
    session.ctl("start", "job")
    pid = session.servants()["upstart-spawner"]
    folder = pathlib.Path(f"/proc/{pid}/fd")
    sockets = [entry for entry in folder.iterdir() if stat.S_ISSOCK(entry.stat().st_mode)]
    assert [entry.name for entry in sockets] == ["3"]
    with pytest.raises(OSError, match="No such device or address"):
        os.open(sockets[0], os.O_RDWR)
    inode = os.readlink(sockets[0]).removeprefix("socket:[").removesuffix("]")
    line = next(line for line in pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines() if line.split()[6] == inode)
    assert len(line.split()) == 7  # it has no path
    holders = [int(entry.parts[2]) for entry in pathlib.Path("/proc").glob("[0-9]*/fd/*") if os.path.islink(entry)
               and same_link(entry, f"socket:[{inode}]")]
    assert holders == [pid]


def same_link(entry, text):
    try:
        return os.readlink(entry) == text
    except OSError:
        return False


# -- rights ----------------------------------------------------------------------------------------------------


def test_set_user_id_programs_work_from_each_process(user_session):  # noqa: F811
    """Of a session of an ordinary user: nothing takes that right from what it runs."""
    program = user_session.path / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    if subprocess.run([program, "-u"], user=65534, group=65534, extra_groups=[], capture_output=True, text=True).stdout != "0\n":
        pytest.skip("no set-user-ID programs on this file system")
    out = user_session.path / "out"
    out.mkdir()
    out.chmod(0o777)
    kinds = ("pre-start", "post-start", "pre-stop", "post-stop")
    user_session.job("job", "".join(f"{kind} exec {program} -u > {out}/{kind}\n" for kind in kinds)
                     + f"script\n  {program} -u > {out}/main.new\n  mv {out}/main.new {out}/main\n  exec sleep 1000\nend script\n")
    user_session.wait_job("job")
    user_session.ctl("start", "job")
    wait_for((out / "main").exists, "main's word")
    user_session.ctl("stop", "job")
    assert {path.name: path.read_text() for path in out.iterdir()} == {name: "0\n" for name in (*kinds, "main")}


# -- what hangs ------------------------------------------------------------------------------------------------

NSS = r"""
#include <nss.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum nss_status
_nss_compat_getpwnam_r(const char *name, struct passwd *pwd, char *buf, size_t size, int *error)
{
	if (strcmp(name, "stubborn") == 0)
		signal(SIGTERM, SIG_IGN);
	if (strcmp(name, "stubborn") == 0 || strcmp(name, "hangs") == 0)
		for (;;)
			pause();
	return NSS_STATUS_NOTFOUND;
}
"""


def test_user_data_base_that_hangs_holds_up_nobody(pid1, tmp_path):
    (tmp_path / "nss.c").write_text(NSS)
    library = tmp_path / "nss.so"
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "nss.c"], capture_output=True).returncode != 0:
        pytest.skip("no C compiler")
    (tmp_path / "nsswitch.conf").write_text("passwd: files compat\ngroup: files\n")
    theirs = list(pathlib.Path("/").glob("usr/lib/*/libnss_compat.so.2"))
    if not theirs or not os.path.exists("/etc/nsswitch.conf"):
        pytest.skip("no module of the C library's to stand in for")
    assert pid1.command("mount", "--bind", library, theirs[0]).returncode == 0
    assert pid1.command("mount", "--bind", tmp_path / "nsswitch.conf", "/etc/nsswitch.conf").returncode == 0
    pid1.job("web", "setuid hangs\nexec sleep 1000\n")
    pid1.job("db", "setuid stubborn\nkill timeout 1\nexec sleep 1000\n")
    pid1.job("hook", "pre-start setuid hangs\npre-start exec true\nexec sleep 1000\n")
    pid1.job("other", "setuid nobody\nexec sleep 1000\n")
    pid1.wait_jobs(4)
    starts = [pid1.background("start", name) for name in ("web", "db", "hook")]

    def set_up():
        return [pid for pid in pid1.children() if pid not in pid1.servants().values()]

    wait_for(lambda: len(set_up()) == 3, "all of them to be made")
    for _ in range(5):
        listed = pid1.ctl("list")
        assert "web start/spawned" in listed and "db start/spawned" in listed and "hook start/pre-start" in listed, listed
        assert "other start/running" in pid1.ctl("start", "other")
        pid1.ctl("stop", "other")
    # Neither has begun its program, and each can be stopped; one by `kill timeout` only.
    assert all(start.poll() is None for start in starts)
    stubborn = pid1.pid_of("db")
    wait_for(lambda: "sleep" not in pid1.command("cat", f"/proc/{stubborn}/cmdline").stdout, "it to be in its set-up")
    assert pid1.ctl("stop", "web") == "web stop/waiting\n"
    assert pid1.ctl("stop", "db") == "db stop/waiting\n"
    assert "Sending KILL signal to db main process" not in pid1.ctl("list")
    assert pid1.command("kill", "-9", pid1.status("hook").split()[-1]).returncode == 0
    for start in starts:
        start.communicate(timeout=30)
    wait_for(lambda: not set_up(), "their processes to be gone")


# -- output ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not WATCHES, reason="no such numbers on this platform")
def test_output_of_jobs_does_not_wake_init(session):
    """What jobs print goes by it: it is woken no more often for 40 MB than for nothing."""
    for i in range(20):
        session.job(f"j{i}", f"script\n  while ! test -e {session.path}/go; do sleep 0.05; done\n"
                             f"  seq -f '{i} says line number %017.0f' 1 60000\n  exec sleep 1000\nend script\n")
    session.wait_jobs(20)
    for i in range(20):
        session.ctl("start", f"j{i}")

    def woken():
        lines = pathlib.Path(f"/proc/{session.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("voluntary_ctxt_switches:")))

    def is_whole(i):
        try:
            with open(session.log / f"j{i}.log", "rb") as log:
                log.seek(-20, os.SEEK_END)
                return log.read().endswith(b"%017d\n" % 60000)
        except OSError:
            return False

    before = woken()
    (session.path / "go").touch()
    wait_for(lambda: all(is_whole(i) for i in range(20)), "all of their output", 120)
    assert woken() - before < 20
    for i in range(20):
        assert session.log_of(f"j{i}") == "".join(f"{i} says line number {n:017}\n" for n in range(1, 60001))
