# SPDX-License-Identifier: MIT
"""shutdown, reboot and the login records, beyond the cases of cli/system.txt: what other programs read of them, whole countdowns,
terminals that hang up, and the kernel's answer. All in namespaces, with utmp and wtmp of their own."""

import os
import pty
import re
import signal
import struct
import subprocess
import sys

import pytest

from conftest import BUILD, LIMIT, wait_for
from test_cli import ROOT, System

SYSV = BUILD / "src" / "sysv"
HURRY = BUILD / "tests" / "helpers" / "libhurry.so"

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(not (BUILD / "src/init/init").exists(), reason="init is not built"),
]

RUNLEVELS = {"rl": "start on runlevel\ntask\nscript\n  echo $RUNLEVEL $INIT_HALT >> <W>/rl.txt\nend script\n"}


@pytest.fixture
def machine():
    rig = System(RUNLEVELS)
    rig.run("touch /run/utmp /var/log/wtmp")
    yield rig
    rig.end()


def done(rig, command):
    """What a command that must work prints."""
    status, out, err = rig.run(command)
    assert (status, err) == (0, ""), (command, status, out, err, rig.init_log())
    return out


def log_in(rig):
    """Somebody at a terminal; what is written to it is in tty.txt."""
    rig.run(f"/usr/bin/python3 {ROOT}/tests/helpers/terminal.py /run/utmp <W>/tty.txt & <W>/await . /run/utmp; "
            "until [ -e <W>/tty.txt ]; do sleep 0.02; done")
    return rig.scratch / "tty.txt"


# ---- login records, as others read them ----

def test_who_and_last_read_the_records(machine):
    assert done(machine, "telinit 2; telinit 3; who -r /run/utmp").split()[:2] == ["run-level", "3"]
    assert "last=2" in done(machine, "who -r /run/utmp")
    assert "system boot" in done(machine, "who -b /run/utmp")
    release = os.uname().release
    lines = done(machine, "last -x -w -F -f /var/log/wtmp").splitlines()
    assert [re.split(r"\s+", line)[:3] for line in lines[:3]] == [
        ["runlevel", "(to", "lvl"], ["runlevel", "(to", "lvl"], ["reboot", "system", "boot"]]
    assert "(to lvl 3)" in lines[0] and "(to lvl 2)" in lines[1]
    assert all(release in line for line in lines[:3])
    done(machine, "reboot -w")
    assert done(machine, "last -x -w -f /var/log/wtmp").splitlines()[0].split()[:3] == ["shutdown", "system", "down"]
    # A reboot before which there was a shutdown is no crash.
    done(machine, "rm /run/utmp; touch /run/utmp; telinit 2")
    reboots = [line for line in done(machine, "last -x -w -f /var/log/wtmp").splitlines() if line.startswith("reboot")]
    assert len(reboots) == 2 and not any("crash" in line for line in reboots)


def test_records_are_whole_and_carry_the_time(machine):
    done(machine, "date +%s > <W>/before; telinit 4")
    entry = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
    for file in "/run/utmp", "/var/log/wtmp":
        data = subprocess.run([*machine.inside, "cat", file], capture_output=True, timeout=LIMIT).stdout
        records = [entry.unpack_from(data, i) for i in range(0, len(data), entry.size)]
        assert len(data) == 2 * entry.size
        assert [(r[0], r[1], r[2].rstrip(b"\0"), r[3].rstrip(b"\0"), r[4].rstrip(b"\0")) for r in records] == [
            (2, 0, b"~", b"~~", b"reboot"), (1, ord("4"), b"~", b"~~", b"runlevel")]
        assert all(r[5].rstrip(b"\0").decode() == os.uname().release for r in records)
        assert all(r[9] >= int((machine.scratch / "before").read_text()) for r in records)


def test_half_a_record_at_the_end_of_wtmp_shifts_nothing(machine):
    done(machine, "telinit 2; printf half >> /var/log/wtmp; telinit 3")
    assert "(to lvl 3)" in done(machine, "last -x -w -f /var/log/wtmp").splitlines()[0]


# ---- the countdown ----

def told(minutes):
    """When users are told, from the page of the manual: each hour, each half hour in the last three, each quarter in the last,
    and each of the last nine minutes."""
    return [m for m in range(minutes - 1, -1, -1)
            if m % 60 == 0 or (m < 180 and m % 30 == 0) or (m < 60 and m % 15 == 0) or m <= 9]


def said(minutes, what="reboot"):
    when = "NOW!" if minutes == 0 else f"in {minutes} minute{'s' if minutes != 1 else ''}!"
    return f"The system is going down for {what} {when}"


@pytest.mark.skipif(not HURRY.exists(), reason="the clock that hurries is not built")
@pytest.mark.parametrize("minutes", [3, 200])
def test_a_whole_countdown(machine, minutes):
    tty = log_in(machine)
    log = machine.scratch / "waits"
    done(machine, f"LD_PRELOAD={HURRY} HURRY_LOG={log} shutdown -r +{minutes} save all")
    wait_for(lambda: said(0) in tty.read_text(), "the last warning")
    wait_for(lambda: (machine.scratch / "rl.txt").exists(), "the runlevel")
    assert (machine.scratch / "rl.txt").read_text() == "6\n"
    assert re.findall(r"The system .*!", tty.read_text()) == [said(m) for m in [minutes, *told(minutes)]]
    assert tty.read_text().count("save all \n") == 1 + len(told(minutes))
    # One wait for each minute; nobody may log in from the fifth last on, at once when there are no more.
    waits = [line.partition(" ") for line in log.read_text().splitlines()]
    assert [int(passed) // 60 for passed, _, _ in waits] == list(range(minutes))
    for i, (_, _, barred) in enumerate(waits):
        left = minutes - i
        assert barred == ("" if left > 5 else f"/{said(left)}//save all //"), (left, barred)
    assert machine.run("ls /etc/nologin /run/shutdown.pid")[0] != 0


def test_only_warning_bars_nobody(machine):
    done(machine, "shutdown -k +2")
    assert machine.run("ls /etc/nologin /run/shutdown.pid")[1] == ""


def test_cancelling_lets_people_in_again(machine):
    machine.run("(shutdown -h +3 >/dev/null 2>&1; echo rc $? >> <W>/sd.txt) & <W>/await . /etc/nologin")
    assert said(3, "halt") in done(machine, "cat /etc/nologin")
    done(machine, "shutdown -c; <W>/await rc <W>/sd.txt")
    assert (machine.scratch / "sd.txt").read_text() == "rc 0\n"
    assert machine.run("ls /etc/nologin /run/shutdown.pid")[1] == ""


def test_shutdown_outlives_its_terminal(machine):
    """One that was started in a terminal goes on when that hangs up, and can be cancelled."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe("nsenter", [*machine.inside, "shutdown", "-r", "+9"], machine.env)
    waiting = wait_for(lambda: machine.run("cat /run/shutdown.pid")[1].strip(), "the pid file")
    status = f"/proc/{waiting}/status"
    ignored = int(re.search(r"^SigIgn:\s*(\w+)", done(machine, f"cat {status}"), re.M)[1], 16)
    os.close(master)

    def has_terminal():
        return int(done(machine, f"cat /proc/{waiting}/stat").rpartition(")")[2].split()[4]) != 0
    wait_for(lambda: not has_terminal(), "the terminal to hang up")
    assert ignored >> (signal.SIGHUP - 1) & 1
    assert said(0) not in done(machine, f"kill -0 {waiting}; echo")
    done(machine, "shutdown -c")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, -signal.SIGHUP)  # nsenter, that is
    wait_for(lambda: machine.run("ls /run/shutdown.pid")[0] != 0, "its end")
    assert machine.run("ls /etc/nologin")[1] == ""


STUCK = """
import os, signal, struct, tty
master, slave = os.openpty()
tty.setraw(slave)
os.set_blocking(slave, False)
try:
    while True:
        os.write(slave, b"x" * 4096)
except BlockingIOError:
    pass
line = os.ttyname(slave).removeprefix("/dev/").encode()
with open("/run/utmp", "ab") as utmp:
    utmp.write(struct.pack("<hxxi32s4s32s256shhiii16s20x", 7, os.getpid(), line, b"t0", b"stuck", b"", 0, 0, 0, 0, 0, b""))
signal.pause()
"""


def test_stuck_terminal_holds_up_nobody(machine):
    """One that takes nothing, as after Control-S, is passed over."""
    (machine.scratch / "stuck.py").write_text(STUCK)
    machine.run("/usr/bin/python3 <W>/stuck.py & <W>/await stuck /run/utmp")
    tty = log_in_after(machine)
    done(machine, "shutdown -k now hello")
    wait_for(lambda: "hello" in tty.read_text(), "the terminal behind it")


def log_in_after(rig):
    rig.run(f"/usr/bin/python3 {ROOT}/tests/helpers/terminal.py /run/utmp <W>/tty.txt & <W>/await tester /run/utmp; "
            "until [ -e <W>/tty.txt ]; do sleep 0.02; done")
    return rig.scratch / "tty.txt"


ENTRIES = """
import os, struct
master, slave = os.openpty()
line = os.ttyname(slave).removeprefix("/dev/")
os.set_blocking(master, False)
open("/dev/plain", "w").close()
open("/run/plain", "w").close()
with open("/run/utmp", "ab") as utmp:
    for kind, name, user in (8, line, "gone"), (6, line, "LOGIN"), (7, line, ""), (7, "plain", "x"), (7, "../run/plain", "x"), (7, "/run/plain", "x"):
        utmp.write(struct.pack("<hxxi32s4s32s256shhiii16s20x", kind, 1, name.encode(), b"t0", user.encode(), b"", 0, 0, 0, 0, 0, b""))
os.system("shutdown -k now hello; <W>/await hello <W>/tty.txt")
assert os.path.getsize("/dev/plain") == os.path.getsize("/run/plain") == 0
try:
    os.read(master, 1)
except BlockingIOError:
    print("nothing")
"""


def test_only_terminals_of_users_are_written_to(machine):
    """No login prompts, none who have left, nobody without a name; and no file that somebody has put there as a terminal."""
    (machine.scratch / "entries.py").write_text(ENTRIES.replace("<W>", str(machine.scratch)))
    log_in(machine)
    assert done(machine, "/usr/bin/python3 <W>/entries.py") == "nothing\n"


def test_heading_names_sender_terminal_and_time(machine):
    """The hour has one digit where one does, the minute always two."""
    tty = log_in(machine)
    zone = (int(done(machine, "date -u +%H")) - 4) % 24
    (machine.scratch / "say").write_text(f"shutdown -k now hello; {machine.scratch}/await hello {tty}\n")
    done(machine, f"TZ=ABC{zone} /usr/bin/python3 -c 'import pty; pty.spawn([\"sh\", \"<W>/say\"])'")
    assert re.search(r"Broadcast message from root@tbox\r?\n\t\(pts/\d+\) at [45]:\d\d \.\.\.", tty.read_text()), tty.read_text()


@pytest.mark.parametrize("name", ["INT", "QUIT", "TERM"])
def test_signals_that_cancel(machine, name):
    """The pid file, and all that is said, is in the name of the program."""
    done(machine, "ln -s $(readlink -f <W>/bin/shutdown) <W>/bin/going")
    machine.run("(going -h +3 >/dev/null 2><W>/sd.txt; echo rc $? >> <W>/sd.txt) & <W>/await . /run/going.pid; <W>/await . /etc/nologin")
    done(machine, f"kill -{name} $(cat /run/going.pid); <W>/await rc <W>/sd.txt")
    assert (machine.scratch / "sd.txt").read_text() == "going: Shutdown cancelled\nrc 0\n"
    assert machine.run("ls /etc/nologin /run/going.pid")[1] == ""


def test_signals_that_disturb_nothing(machine):
    machine.run("(shutdown -h +9 >/dev/null 2>&1; echo rc $? >> <W>/sd.txt) & <W>/await . /run/shutdown.pid")
    ignored = int(done(machine, "sed -n 's/^SigIgn:\\s*//p' /proc/$(cat /run/shutdown.pid)/status"), 16)
    for number in signal.SIGCHLD, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU:
        assert ignored >> (number - 1) & 1, number
    done(machine, "shutdown -c; <W>/await rc <W>/sd.txt")


def test_a_second_shutdown_warns_nobody(machine):
    tty = log_in(machine)
    machine.run("shutdown -h +9 first >/dev/null 2>&1 & <W>/await . /run/shutdown.pid")
    wait_for(lambda: "first" in tty.read_text(), "the first warning")
    for words in "-k now", "-r now", "-g 5 -P":
        assert machine.run(f"shutdown {words} second") == (1, "", "shutdown: Another shutdown is already running\n")
    done(machine, "shutdown -c third")
    wait_for(lambda: "third" in tty.read_text(), "the last warning")
    assert "second" not in tty.read_text()


# ---- reboot and its other names ----

REFUSED = "The kernel refuses: Operation not permitted\n"


def test_the_name_decides(machine):
    done(machine, "ln -s $(readlink -f <W>/bin/reboot) <W>/bin/frob; telinit 6")
    # In runlevel 6, as utmp has it, force is implied.
    for command, says in (("frob", "Rebooting"), ("reboot -p -d -i -h -n", "Rebooting"), ("halt", "Halting"), ("halt -p", "Powering off"),
                          ("poweroff recovery", "Powering off"), ("halt recovery", "Halting")):
        assert machine.run(f"{command} -v") == (1, says + "\n", f"{command.split()[0]}: {REFUSED}"), command
        done(machine, "telinit 2; telinit 6")  # the record of the shutdown was the last


def test_shutdown_that_can_not_be_executed(machine):
    """Its place is that of the installation."""
    done(machine, "mount --bind /dev/null $(readlink -f /sbin)/shutdown")
    for name in "reboot", "halt", "poweroff":
        assert machine.run(name) == (1, "", f"{name}: Unable to execute shutdown: Permission denied\n")


def test_shutdown_gets_what_is_documented(machine):
    """Others put a program of their own in its place."""
    done(machine, "printf '#!/bin/sh\\necho \"$*\"\\n' >/run/shutdown; chmod 755 /run/shutdown; "
                  "mount --bind /run/shutdown $(readlink -f /sbin)/shutdown")
    for command, gets in (("reboot", "-r now"), ("reboot -d -i", "-r now"), ("reboot recovery", "--keep-argument -r now"),
                          ("halt", "-h -H now"), ("halt -p", "-h -P now"), ("poweroff", "-h -P now"), ("poweroff x", "-h -P now")):
        assert machine.run(command) == (0, gets + "\n", ""), command


def test_a_users_variables_count_for_nothing_in_a_set_user_id_program(machine):
    """Neither where the records are is for the caller to say, nor who the caller is."""
    done(machine, "touch /run/mine; chmod 666 /run/mine; mkdir /run/suid; "
                  "for n in telinit shutdown reboot; do cp <W>/bin/$n /run/suid; chmod 4755 /run/suid/$n; done")
    for command in "telinit 2", "shutdown now", "reboot -w":
        assert machine.run(f"UPSTART_UTMP=/run/mine UPSTART_WTMP=/run/mine <W>/as /run/suid/{command}")[::2] == (0, ""), command
    assert done(machine, "cat /run/mine") == ""
    assert [line[20:28] for line in done(machine, "utmpdump /var/log/wtmp 2>/dev/null").splitlines()] == [
        "reboot  ", "runlevel", "runlevel", "shutdown"]


def test_a_users_runlevel_counts_for_nothing_in_a_set_user_id_reboot(machine):
    """In 0 and 6 it would be done at once; the orderly way needs shutdown."""
    done(machine, "mkdir /run/suid; cp <W>/bin/reboot /run/suid; chmod 4755 /run/suid/reboot; "
                  "mount --bind /dev/null $(readlink -f /sbin)/shutdown")
    says = "reboot: Unable to execute shutdown: Permission denied\n"
    assert machine.run("RUNLEVEL=0 <W>/as /run/suid/reboot") == (1, "", says)


# ---- another init ----

def bare(script, *arguments):
    """A script in namespaces without any init; what is written to is scratch."""
    set_up = "set -e; for d in run var/log dev etc; do mount -t tmpfs none /$d; done; mknod -m 666 /dev/null c 1 3; set +e\n"
    return subprocess.run(["unshare", "--fork", "--pid", "--mount", "--mount-proc", "--net", "--kill-child", "sh", "-c",
                           set_up + script, "sh", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT, env={"PATH": f"{SYSV}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})


@pytest.mark.parametrize("fifo", ["/run/initctl", "/dev/initctl"])
def test_a_system_v_init_is_asked_through_its_fifo(tmp_path, fifo):
    result = bare(f"mkfifo {fifo}; exec 3<>{fifo}; shutdown -r now; echo $?; head -c 384 <&3 > $1/request", tmp_path)
    assert (result.stdout, result.stderr) == ("0\n", "")
    request = (tmp_path / "request").read_bytes()
    assert request == struct.pack("=iiii368x", 0x03091969, 1, ord("6"), 5)


@pytest.mark.skipif(not HURRY.exists(), reason="the clock that hurries is not built")
@pytest.mark.parametrize("fifo", [True, False])
def test_nothing_is_left_behind_without_upstart(fifo):
    """Neither when an older init has been asked, nor when there is none."""
    result = bare(("mkfifo /run/initctl; exec 3<>/run/initctl; " if fifo else "") +
                  f"LD_PRELOAD={HURRY} HURRY_LOG=/run/waits shutdown -r +1; echo $?; cat /run/waits; ls -A /etc; ls /run/shutdown.pid")
    assert re.fullmatch(r"%d\n0 /The system is going down for reboot in 1 minute!//\n" % (not fifo), result.stdout)
    assert [line for line in result.stderr.splitlines() if line.startswith("shutdown:")] == (
        [] if fifo else ["shutdown: Unable to shutdown system"])


def test_no_init_at_all():
    result = bare("shutdown -r now; echo $?; telinit 2; echo $?; mkdir /run/initctl; shutdown -h now; echo $?")
    lines = result.stderr.splitlines()
    assert result.stdout == "1\n1\n1\n"
    assert lines[0] == lines[2] == "shutdown: Unable to shutdown system"
    assert lines[1].startswith("telinit: ")


# ---- the kernel ----

KERNEL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000 | 0x20000000 | 0x00020000):  # user, pid, mount
    sys.exit(77)
child = os.fork()
if child == 0:
    # Process 1 of a namespace, in a user namespace: what may be asked of the kernel here ends this process and no machine.
    if os.getpid() != 1:
        os._exit(99)
    os.execv("/bin/sh", ["sh", "-c", '"$@" & wait; sleep 1000', "sh", *sys.argv[1:]])
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize("words,number,says", [
    (["reboot", "-f", "-v"], signal.SIGHUP, "Rebooting\n"),
    (["reboot", "-fn", "-v"], signal.SIGHUP, "Rebooting\n"),
    (["reboot", "-f", "-v", "recovery"], signal.SIGHUP, "Rebooting with recovery\n"),
    (["halt", "-f", "-v"], signal.SIGINT, "Halting\n"),
    (["halt", "-f", "-p", "-v"], signal.SIGINT, "Powering off\n"),
    (["poweroff", "-f", "-v"], signal.SIGINT, "Powering off\n"),
])
def test_forced_in_a_pid_namespace(tmp_path, words, number, says):
    """The kernel ends process 1 of the namespace, by a signal that tells which of them it was."""
    # setuid(0) must work: the user namespace needs a map, which only the parent may write; it is a script of ours.
    for name in "utmp", "wtmp":
        (tmp_path / name).touch()
    mapped = KERNEL.replace("child = os.fork()", "for name, text in ('setgroups', 'deny'), ('uid_map', '0 0 1'), ('gid_map', '0 0 1'):\n"
                            "    with open('/proc/self/' + name, 'w') as file:\n        file.write(text)\nchild = os.fork()")
    (tmp_path / "bin").mkdir()
    for name in "reboot", "halt", "poweroff":
        (tmp_path / "bin" / name).symlink_to(SYSV / "reboot")
    result = subprocess.run([sys.executable, "-c", mapped, tmp_path / "bin" / words[0], *words[1:]], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=LIMIT,
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "UPSTART_UTMP": str(tmp_path / "utmp"),
                                 "UPSTART_WTMP": str(tmp_path / "wtmp")})
    if result.returncode == 77:
        pytest.skip("no user namespaces")
    assert result.stderr == ""
    text, _, status = result.stdout[:-1].rpartition("\n")
    assert text + "\n" == says
    assert os.WIFSIGNALED(int(status)) and os.WTERMSIG(int(status)) == number
    for name in "utmp", "wtmp":
        dump = subprocess.run(["utmpdump", tmp_path / name], capture_output=True, text=True, timeout=LIMIT).stdout
        assert [line[:45] for line in dump.splitlines()] == ["[1] [00000] [~~  ] [shutdown] [~           ] "]
