# SPDX-License-Identifier: MIT
"""`expect pidfile`: main is who the file names, if it comes from the job; `expect listen`: it is ready when it listens. And what programs
inside a PID namespace say of themselves, and who init does not wait for."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import struct
import subprocess

import pytest

from conftest import AWAIT, WATCHES, is_alive, wait_for
from test_slow_disks import disk_in
from test_tracking import crash, restart, wait_released

SPEAKER = pathlib.Path(__file__).parent / "programs" / "speaker.py"
HELPERS = pathlib.Path(__file__).parents[1] / "helpers"

pytestmark = pytest.mark.skipif(not WATCHES, reason="nothing is followed on this platform")

IN_CLOSE_NOWRITE, IN_OPEN = 0x10, 0x20

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")


def make(where, name, script, stanzas="", file=None):
    """A job whose script writes $FILE, which is made anew."""
    file = file or where.path / f"{name}.pid"
    where.job(name, f"expect pidfile {file}\nenv FILE={file}\nenv D={where.path}\n{stanzas}\nscript\n{script}\nend script\n")
    where.wait_job(name)
    return file


def start(where, name):
    """Ask for it, and let it be."""
    where.ctl("start", "--no-wait", name)
    where.wait_status(name, "start/spawned, process")


def pid_in(file):
    return int(wait_for(lambda: file.exists() and file.read_text().endswith("\n") and file.read_text(), f"{file}"))


def watchers(where):
    """Who looks at files."""
    def name(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            return ""

    return [pid for pid in where.children() if is_alive(pid) and name(pid) in ("pidfile-watch\n", "listen-watch\n")]


@contextlib.contextmanager
def looks_at(file):
    """Gives a function that waits until somebody has looked at the file as it is now, and has gone on to look again."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(file), IN_OPEN | IN_CLOSE_NOWRITE) >= 0, os.strerror(ctypes.get_errno())

    def opened():
        """How often since it was last asked; events of one file have no name. Alike ones that follow each other are one: hence both."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return 0
        return sum(mask & IN_OPEN != 0 for _, mask, _, _ in struct.iter_unpack("iIII", data))

    def wait():
        opened()
        seen = 0

        def twice():
            nonlocal seen
            seen += opened()
            return seen >= 2

        wait_for(twice, f"somebody to look at {file}")

    try:
        yield wait
    finally:
        os.close(fd)


def test_the_file_names_the_daemon(session):
    file = make(session, "d", "setsid sh -c 'sleep 1000 & echo $! > $FILE; wait' &\nexit 0")
    assert "d start/running" in session.ctl("start", "d")
    pid = pid_in(file)
    assert session.pid_of("d") == pid
    wait_released(pid)
    wait_for(lambda: not watchers(session), "nobody to look at the file any more")
    session.ctl("stop", "d")
    assert not is_alive(pid)


def test_it_is_not_ready_before_the_file_is_there(session):
    file = make(session, "d", f"({AWAIT} $D/go; sh -c 'echo $PPID > $FILE'; exec sleep 1000) &\nexit 0")
    start(session, "d")
    wait_for(lambda: len(watchers(session)) == 1, "somebody to look at the file")
    assert "start/spawned" in session.status("d")
    (session.path / "go").touch()
    session.wait_status("d", "start/running, process")
    assert session.pid_of("d") == pid_in(file)


def test_one_that_stays_names_itself(session):
    make(session, "d", "printf '%d' $$ > $FILE\nexec sleep 1000")  # without an end of the line
    assert "d start/running" in session.ctl("start", "d")


def test_a_file_of_the_last_time_is_not_believed(session):
    sleeper = subprocess.Popen(["sleep", "1000"])
    file = session.path / "d.pid"
    file.write_text(f"{sleeper.pid}\n")
    make(session, "d", f"{AWAIT} $D/go\necho $$ > $FILE\nexec sleep 1000")
    start(session, "d")
    wait_for(lambda: len(watchers(session)) == 1, "somebody to look at the file")
    with looks_at(file) as wait_for_looks:
        for text in ("", "no number\n", "-1\n", "0\n", "1\n", "99999999999999999999\n", f"{session.pid}\n", f"{sleeper.pid} \n"):
            file.write_text(text)
            wait_for_looks()
            assert "start/spawned" in session.status("d")
    (session.path / "go").touch()
    session.wait_status("d", "start/running, process")
    assert session.pid_of("d") != sleeper.pid
    session.ctl("stop", "d")
    assert is_alive(sleeper.pid)
    sleeper.kill()
    sleeper.wait()


def test_variables_stand_for_their_values(session):
    session.job("d", f"instance $N\nexpect pidfile {session.path}/$N.pid\nscript\n  echo $$ > {session.path}/$N.pid\n  exec sleep 1000\nend script\n")
    session.wait_job("d")
    for n in "ab":
        assert f"d ({n}) start/running" in session.ctl("start", "d", f"N={n}")
        assert session.pid_of("d", f"N={n}") == pid_in(session.path / f"{n}.pid")


def test_a_first_process_that_fails_has_failed(session):
    make(session, "d", "sleep 1000 &\nexit 3")
    done = session.command("initctl", "start", "d")
    assert done.returncode == 1
    session.wait_status("d", "stop/waiting")


def test_all_that_end_without_a_file_have_failed(session):
    make(session, "d", "exit 0")
    assert session.command("initctl", "start", "d").returncode == 1


def test_one_that_takes_too_long_has_failed(session):
    make(session, "d", "exec sleep 1000", "expect timeout 1")
    assert session.command("initctl", "start", "d").returncode == 1
    assert "was not ready in time" in session.messages()


def test_a_stop_before_it_is_ready(session):
    make(session, "d", "sleep 1000 &\nexec sleep 1000")
    start(session, "d")
    pid = session.pid_of("d")
    session.ctl("stop", "d")
    assert not is_alive(pid)
    wait_for(lambda: not watchers(session), "nobody to look at the file any more")


@pytest.mark.parametrize("again", [restart, crash])
def test_another_image_has_it_watched(session, again):
    file = make(session, "d", f"({AWAIT} $D/go; sh -c 'echo $PPID > $FILE'; exec sleep 1000) &\nexit 0")
    start(session, "d")
    for _ in range(2):
        again(session)
    (session.path / "go").touch()
    session.wait_status("d", "start/running, process")
    assert session.pid_of("d") == pid_in(file)
    wait_for(lambda: not watchers(session), "nobody to look at the file any more")


def test_who_looks_at_it_may_be_killed(session):
    make(session, "d", f"{AWAIT} $D/go\necho $$ > $FILE\nexec sleep 1000")
    start(session, "d")
    for _ in range(3):
        old = wait_for(lambda: watchers(session), "somebody to look at the file")
        os.kill(old[0], signal.SIGKILL)
        wait_for(lambda: watchers(session) and old[0] not in watchers(session), "another")
    spawner = session.servants()["upstart-spawner"]
    last = wait_for(lambda: watchers(session), "somebody to look at the file")
    os.kill(spawner, signal.SIGKILL)
    os.kill(last[0], signal.SIGKILL)
    (session.path / "go").touch()
    session.wait_status("d", "start/running, process")


@needs_root
def test_a_number_from_inside_a_pid_namespace(session):
    file = make(session, "d", "exec unshare --fork --pid --kill-child sh -c 'echo $$ > $FILE; exec sleep 1000'")
    session.ctl("start", "d")
    assert pid_in(file) == 1
    pid = session.pid_of("d")
    assert pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    assert "NSpid:\t" + str(pid) + "\t1\n" in pathlib.Path(f"/proc/{pid}/status").read_text()


@needs_root
def test_a_word_from_inside_a_pid_namespace(session):
    """The first process there names its child, as both see it."""
    code = ("import os, signal, socket; pid = os.fork();\n"
            "if pid == 0: signal.pause()\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:]);\n"
            "s.send(b'READY=1\\nMAINPID=%d' % pid); signal.pause()\n")
    (session.path / "says.py").write_text(code)
    session.job("d", f"expect notify\nexec unshare --fork --pid --kill-child python3 {session.path}/says.py\n")
    session.wait_job("d")
    session.ctl("start", "d")
    pid = session.pid_of("d")
    wait_for(lambda: session.pid_of("d") != pid or "python3" in pathlib.Path(f"/proc/{pid}/comm").read_text(), "its word")
    pid = session.pid_of("d")
    assert pathlib.Path(f"/proc/{pid}/status").read_text().partition("\nNSpid:\t")[2].partition("\n")[0] == f"{pid}\t2"


SAYS = ("import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
        "s.send(f'READY=1\\nMAINPID={sys.argv[1]}'.encode())\n")


def say_and_go(where, name):
    """The job has its helper speak, which is gone before init hears it."""
    where.ctl("start", "--no-wait", name)
    where.wait_status(name, "start/spawned, process")
    first = where.pid_of(name)
    os.kill(where.pid, signal.SIGSTOP)
    (where.path / "go").touch()
    wait_for((where.path / "said").exists, "the word")
    os.kill(where.pid, signal.SIGCONT)
    where.wait_status(name, "start/running, process")
    return first


@needs_root
def test_a_word_of_one_that_is_gone_is_of_its_namespace(session):
    """The number is that of a process out here, which has nothing to do with the job."""
    sleeper = subprocess.Popen(["sleep", "1000"])
    (session.path / "says.py").write_text(SAYS)
    session.job("d", f"""expect notify
exec unshare --fork --pid --kill-child sh -c '{AWAIT} $D/go; python3 $D/says.py {sleeper.pid}; : > $D/said; exec sleep 1000'
env D={session.path}
""")
    session.wait_job("d")
    first = say_and_go(session, "d")
    assert session.pid_of("d") == first
    assert "names a main process that can't be" in session.messages()
    session.ctl("stop", "d")
    assert is_alive(sleeper.pid)
    sleeper.kill()
    sleeper.wait()


def test_a_word_of_one_that_is_gone_may_name_its_kin(session):
    (session.path / "says.py").write_text(SAYS)
    session.job("d", f"""expect notify
env D={session.path}
script
  setsid sleep 1000 &
  {AWAIT} $D/go
  python3 $D/says.py $!
  echo $! > $D/said
  exec sleep 1000
end script
""")
    session.wait_job("d")
    first = say_and_go(session, "d")
    assert session.pid_of("d") == pid_in(session.path / "said") != first


def test_the_watchdog_is_whose_it_is(session):
    session.job("d", f"""expect notify
watchdog 1000
script
  echo $WATCHDOG_PID $WATCHDOG_USEC $$ > {session.path}/watchdog
  systemd-notify --ready || python3 -c 'import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:]); s.send(b"READY=1")'
  exec sleep 1000
end script
post-start exec sh -c 'echo "[$WATCHDOG_PID]" > {session.path}/hook'
""")
    session.wait_job("d")
    session.ctl("start", "d")
    pid = session.pid_of("d")
    assert (session.path / "watchdog").read_text() == f"{pid} 1000000000 {pid}\n"
    assert (session.path / "hook").read_text() == "[]\n"


# -- expect listen ------------------------------------------------------------------------------------------

LISTENS = f"""import os, signal, socket, sys
sys.path.insert(0, "{HELPERS}")
from waiting import wait_for
where = sys.argv[1]
go = sys.argv[2]
wait_for(lambda: os.path.exists(go), go, 1000, go)
if where.isdigit():
    s = socket.socket(socket.AF_INET6 if "6" in sys.argv[3:] else socket.AF_INET)
    s.bind(("::1" if "6" in sys.argv[3:] else "127.0.0.1", int(where)))
else:
    s = socket.socket(socket.AF_UNIX)
    s.bind(where.replace("@", "\\0"))
if "late" in sys.argv[3:]:
    wait_for(lambda: os.path.exists(go + "2"), go, 1000, go)
s.listen()
if "forks" in sys.argv[3:] and os.fork():
    sys.exit(0)
open(go + "-listens", "w").write(str(os.getpid()) + "\\n")
signal.pause()
"""


def free_port(family=socket.AF_INET):
    with socket.socket(family) as s:
        s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return s.getsockname()[1]


def listens(where, name, address, bound, *words, stanzas=""):
    (where.path / "listens.py").write_text(LISTENS)
    where.job(name, f"expect listen {address}\n{stanzas}\nexec python3 {where.path}/listens.py {bound} {where.path}/go {' '.join(words)}\n")
    where.wait_job(name)


@pytest.mark.parametrize("kind", ["port", "tcp", "tcp4", "tcp6", "path", "abstract"])
def test_it_is_ready_when_it_listens(session, kind):
    port = free_port(socket.AF_INET6 if kind == "tcp6" else socket.AF_INET)
    address, bound = {"path": (session.path / "socket",) * 2, "abstract": (f"@upstart-{session.pid}",) * 2,
                      "port": (port, port)}.get(kind, (f"{kind}:{port}", port))
    listens(session, "d", address, bound, "late", *(["6"] if kind == "tcp6" else []))
    start(session, "d")
    pid = session.pid_of("d")
    (session.path / "go").touch()
    wait_for(lambda: len(watchers(session)) == 1, "somebody to look")
    assert "start/spawned" in session.status("d")
    (session.path / "go2").touch()
    session.wait_status("d", "start/running, process")
    assert session.pid_of("d") == pid
    wait_for(lambda: not watchers(session), "nobody to look any more")
    session.ctl("stop", "d")


def test_one_of_another_that_listens_there_does_not_count(session):
    path = session.path / "socket"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        session.job("d", f"expect listen {path}\nexpect timeout 2\nexec sleep 1000\n")
        session.wait_job("d")
        assert session.command("initctl", "start", "d").returncode == 1
    assert "was not ready in time" in session.messages()


def test_a_daemon_that_listens(session):
    port = free_port()
    listens(session, "d", "$PORT", port, "forks", stanzas=f"env PORT={port}")
    (session.path / "go").touch()
    session.ctl("start", "d")
    pid = pid_in(session.path / "go-listens")
    wait_for(lambda: session.pid_of("d") == pid, "it to be main")
    session.ctl("stop", "d")
    assert not is_alive(pid)


def test_an_address_that_is_none_fails_the_start(session):
    session.job("d", "env PORT=http\nexpect listen $PORT\nexec sleep 1000\n")
    session.wait_job("d")
    assert session.command("initctl", "start", "d").returncode == 1
    session.wait_status("d", "stop/waiting")


# -- init waits for nobody -----------------------------------------------------------------------------------


@needs_root
def test_a_file_where_nobody_answers_holds_up_its_job_only(pid1):
    with disk_in(pid1) as disk:
        pid1.job("d", f"expect pidfile {disk.path}/d.pid\nexec sleep 1000\n")
        pid1.job("other", "exec sleep 1000\n")
        pid1.wait_jobs(2)
        disk.hang()
        pid1.ctl("start", "--no-wait", "d")
        pid1.wait_status("d", "start/spawned")
        assert "other start/running" in pid1.ctl("start", "other")
        assert pid1.ctl("stop", "d") == "d stop/waiting\n"
        disk.go_on()


@needs_root
def test_a_program_where_nobody_answers_holds_up_its_job_only(pid1):
    with disk_in(pid1, "/bin/sleep") as disk:
        pid1.job("d", f"exec {disk.path}/sleep 1000\n")
        pid1.job("other", "exec sleep 1000\n")
        pid1.wait_jobs(2)
        disk.hang()
        starting = pid1.background("start", "d")
        pid1.wait_status("d", "start/spawned")
        for _ in range(20):
            assert "d start/spawned" in pid1.ctl("list")
        assert "other start/running" in pid1.ctl("start", "other")
        assert pid1.ctl("stop", "d") == "d stop/waiting\n"
        starting.communicate(timeout=30)
        pid1.ctl("start", "--no-wait", "d")
        pid1.wait_status("d", "start/spawned")
        disk.go_on()
        pid1.wait_status("d", "start/running")


@needs_root
def test_a_directory_where_nobody_answers_holds_up_its_job_only(pid1):
    with disk_in(pid1) as disk:
        for stanza in ("chdir", "chroot"):
            pid1.job(f"by-{stanza}", f"{stanza} {disk.path}/folder\nexec sleep 1000\n")
        pid1.job("other", "exec sleep 1000\n")
        pid1.wait_jobs(3)
        disk.hang()
        for stanza in ("chdir", "chroot"):
            pid1.ctl("start", "--no-wait", f"by-{stanza}")
            pid1.wait_status(f"by-{stanza}", "start/spawned")
        assert "other start/running" in pid1.ctl("start", "other")
        for stanza in ("chdir", "chroot"):
            assert "stop/waiting" in pid1.ctl("stop", f"by-{stanza}")
        disk.go_on()


@needs_root
def test_a_look_up_of_users_that_does_not_end_holds_up_its_job_only(pid1):
    """The table of users is a pipe that nobody writes to."""
    inside = f"{pid1.path}/passwd"
    assert pid1.command("sh", "-c", f"mkfifo {inside} && mount --bind {inside} /etc/passwd").returncode == 0
    pid1.job("d", "setuid nobody\nexec sleep 1000\n")
    pid1.job("hook", "pre-start setuid nobody\npre-start exec true\nexec sleep 1000\n")
    pid1.job("other", "exec sleep 1000\n")
    pid1.wait_jobs(3)
    starting = pid1.background("start", "d")
    pid1.ctl("start", "--no-wait", "hook")
    pid1.wait_status("d", "start/spawned")
    for _ in range(20):
        assert "d start/spawned" in pid1.ctl("list")
    assert "other start/running" in pid1.ctl("start", "other")
    assert "hook start/pre-start" in pid1.ctl("list")
    assert pid1.ctl("stop", "d") == "d stop/waiting\n"
    starting.communicate(timeout=30)


def test_a_pipe_that_is_full_holds_up_who_writes_only(session):
    """Nobody reads what the job writes: its own pipe, made by itself."""
    fifo = session.path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    session.job("d", f"script\n  echo begun > {session.path}/begun\n  exec cat /dev/zero > {fifo}\nend script\n")
    session.job("other", "exec sleep 1000\n")
    session.wait_jobs(2)
    session.ctl("start", "d")
    pid = session.pid_of("d")
    wait_for(lambda: "pipe" in pathlib.Path(f"/proc/{pid}/wchan").read_text() or
             pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S", "the pipe to be full")
    for _ in range(20):
        assert "d start/running" in session.ctl("list")
    assert "other start/running" in session.ctl("start", "other")
    assert session.ctl("stop", "d") == "d stop/waiting\n"
    os.close(reader)
