# SPDX-License-Identifier: MIT
"""init as process 1 of a container: a PID namespace, told that it is one, without anything prepared."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, INIT, INITCTL, LIMIT, ROOT, WATCHES, Init, is_alive, wait_for

SLEEP = "exec sleep 1000\n"
TELINIT = BUILD / "src" / "sysv" / "telinit"
CHAPTER = (ROOT / "docs" / "containers.md").read_text().partition("## A whole Debian")[0]
SIGNALS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT, "RTMIN+3": signal.SIGRTMIN + 3}


# Not the machine's: init has a socket there. Who may not mount can't write there either.
RUN = "mount -t tmpfs -o mode=755 none /run 2>/dev/null || :\n"


class Container(Init):
    """Process 1 of PID, mount and network namespaces; `before` is a script that runs in them first."""

    program = INIT
    around = ("unshare", "--fork", "--pid", "--mount", "--net", "--mount-proc", "--kill-child")
    into = ("-m", "-p", "-n")
    user = None

    def start(self, *options, startup=True, env=None, before=":", log=True, answer=True):
        words = [self.program, "--confdir", self.conf, *(["--logdir", self.log] if log else ["--no-log"]),
                 *([] if startup else ["--no-startup-event"]), *options]
        self.errors = self.path / "init.err"
        with open(self.out, "ab") as out, open(self.errors, "ab") as err:
            self.shell = subprocess.Popen([*self.around, "sh", "-c", RUN + before + '\nexec "$@"', "sh", *words],
                                          env={**self.env, **({"container": "test"} if env is None else env)},
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd="/", start_new_session=True,
                                          user=self.user, group=self.user, extra_groups=[] if self.user else None)
        self.one = wait_for(lambda: self.find() or self.shell.poll() is not None, "init as process 1")
        self.prefix = ["nsenter", "-t", str(self.one), *self.into]
        if answer:
            wait_for(self.answers, lambda: f"init to answer; {self.said()}")
        return self

    def find(self):
        """init: the descendant of what was started that runs it."""
        todo = [self.shell.pid]
        while todo:
            pid = todo.pop()
            try:
                if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(self.program):
                    return pid
                todo += [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                pass
        return None

    @property
    def pid(self):
        return self.one

    def said(self):
        """init's own messages."""
        return self.errors.read_text(errors="replace")

    def kill(self, number):
        os.kill(self.one, number)

    def ends(self):
        """Its exit status."""
        return self.shell.wait(2 * LIMIT)

    def kill_all(self):
        if self.shell.poll() is None:
            os.kill(self.shell.pid, signal.SIGKILL)
        self.shell.wait(LIMIT)


@pytest.fixture
def make_container():
    """In a folder that anybody may enter: containers of other users have to."""
    made = []
    base = pathlib.Path(tempfile.mkdtemp(prefix="upstart-container-"))
    base.chmod(0o755)

    def make(kind=Container):
        path = base / f"container{len(made)}"
        path.mkdir()
        made.append(kind(path))
        return made[-1]

    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    yield make
    for container in made:
        if hasattr(container, "shell"):
            container.kill_all()
    shutil.rmtree(base)


@pytest.fixture
def container(make_container):
    return make_container()


def writes(path, text):
    return f"echo {text} >>{path}"


# -- the way down

@pytest.mark.parametrize("name", SIGNALS)
def test_signals_shut_down_in_order(container, name):
    order = container.path / "order"
    container.job("save", f"start on runlevel 0\ntask\nscript\n  sleep 0.1\n  echo save $RUNLEVEL $PREVLEVEL >>{order}\nend script\n")
    container.job("early", f"start on startup\nstop on runlevel [016]\npost-stop exec sh -c '{writes(order, 'early')}'\n" + SLEEP)
    container.job("db", f"start on startup\nrespawn\npost-stop exec sh -c '{writes(order, 'db')}'\n" + SLEEP)
    container.job("web", f"start on started db\nstop on stopping db\npost-stop exec sh -c 'sleep 0.2; {writes(order, 'web')}'\n" + SLEEP)
    container.start()
    for job in ("early", "db", "web"):
        container.wait_status(job, "start/running")
    container.kill(SIGNALS[name])
    assert container.ends() == 0, container.said()
    lines = order.read_text().splitlines()
    assert sorted(lines[:2]) == ["early", "save 0 N"]
    assert lines[2:] == ["web", "db"]


def test_a_runlevel_from_inside_ends_it(container):
    container.job("db", "start on startup\n" + SLEEP)
    container.start()
    container.wait_status("db", "start/running")
    container.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=6", "PREVLEVEL=2")
    assert container.ends() == 0


def last(container):
    done = subprocess.run([INITCTL, "last-shutdown", container.log / "last-shutdown"], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, ""), container.said()
    return done.stdout


@pytest.mark.parametrize("way", ["signal", "runlevel", "at once", "job"])
def test_it_leaves_a_record_of_its_end(container, way):
    if way != "at once":
        container.job("db", "start on startup\n" + SLEEP)
    container.start(*(["--exit-with", "db"] if way == "job" else []))
    if way != "at once":
        container.wait_status("db", "start/running")
    if way == "runlevel":
        container.ctl("emit", "--no-wait", "runlevel", "RUNLEVEL=0")
    elif way == "job":
        container.ctl("stop", "--no-wait", "db")
    else:
        container.kill(signal.SIGTERM)
    container.ends()
    assert re.match(r"\S+ \S+: poweroff, in \d+ s\n", last(container))


def test_it_leaves_no_record_where_it_shall_not_write(container):
    seen = container.path / "seen"
    seen.mkdir()
    container.start(before=f"mount --bind {seen} /var/log", log=False)
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert list(seen.iterdir()) == []


def test_it_says_what_it_waits_for_and_what_it_had_to_kill(container):
    container.job("stubborn", "start on startup\nkill timeout 2\nscript\n  trap '' TERM\n  touch $UPSTART_READY\n  while :; do sleep 1; done\n"
                              f"end script\nenv UPSTART_READY={container.path}/ready\n")
    container.start()
    wait_for(lambda: (container.path / "ready").exists(), "the job")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert "init: waiting for stubborn: 1 of 2 s\n" in container.said()
    assert "init: Killed on the way down: stubborn main: still there 2 s after it was told to end\n" in container.said()
    assert "Killed:\n  stubborn main: still there 2 s after it was told to end\n" in last(container)


def test_the_second_signal_skips(container):
    container.job("slow", f"start on startup\npre-stop exec sh -c 'touch {container.path}/stopping; exec sleep 1000'\n" + SLEEP)
    container.start()
    container.wait_status("slow", "start/running")
    container.kill(signal.SIGTERM)
    wait_for(lambda: (container.path / "stopping").exists(), "pre-stop")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert "slow pre-stop: its end was not waited for, as was asked" in container.said()


def test_it_ends_at_the_limit(container):
    container.job("hangs", f"start on startup\nkill timeout 1000\nscript\n  trap '' TERM\n  touch {container.path}/ready\n"
                           "  while :; do sleep 1; done\nend script\n")
    container.start("--shutdown-timeout=2")
    wait_for(lambda: (container.path / "ready").exists(), "the job")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert "hangs main: still there at the end of all time, 2 s" in container.said()


def test_strays_are_asked_to_end(container):
    stray = f"trap 'echo gone >{container.path}/gone; exit' TERM; touch {container.path}/ready; while :; do sleep 0.1; done"
    container.job("leaves", f"start on startup\ntask\nscript\n  setsid sh -c \"{stray}\" </dev/null >/dev/null 2>&1 &\nend script\n")
    container.start()
    wait_for(lambda: (container.path / "ready").exists(), "the stray")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert (container.path / "gone").read_text() == "gone\n"


def test_the_second_signal_leaves_strays(container):
    container.job("leaves", f"start on startup\ntask\nscript\n  setsid sh -c \"trap '' TERM; touch {container.path}/ready; while :; do sleep 1; done\" "
                            "</dev/null >/dev/null 2>&1 &\nend script\n")
    container.start()
    wait_for(lambda: (container.path / "ready").exists(), "the stray")
    container.kill(signal.SIGTERM)
    wait_for(lambda: "processes of no job: 1 of 5 s" in container.said(), "the wait for it")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert "init: Processes of no job are not waited for, as was asked for\n" in container.said()


def test_bad_limit_is_told(container):
    container.start("--shutdown-timeout=soon")
    assert "init: invalid value for --shutdown-timeout: soon\n" in container.said()
    container.kill(signal.SIGTERM)
    assert container.ends() == 0


# -- the status

@pytest.mark.parametrize("what,status", [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137)])
def test_it_ends_with_its_job(container, what, status):
    container.job("other", "start on startup\n" + SLEEP)
    container.job("app", f"start on started other\nscript\n  {what}\nend script\n")
    container.start("--exit-with", "app", answer=False)
    assert container.ends() == status, container.said()


def test_a_job_to_end_with_that_is_not_there_is_an_error(container):
    container.job("app", SLEEP)
    container.start("--exit-with=ap")
    assert "--exit-with: there is no job ap, so that nothing ends this container by itself\n" in container.said()
    container.kill(signal.SIGTERM)
    assert container.ends() is not None


def test_it_ends_with_a_job_that_can_not_start(container):
    container.job("app", "start on startup\nexec /nonexistent/program\n")
    container.start("--exit-with=app", answer=False)
    assert container.ends() == 1


def test_the_status_of_its_job_holds_for_a_shutdown_too(container):
    container.job("app", f"start on startup\nscript\n  trap 'exit 9' TERM\n  touch {container.path}/ready\n"
                         "  while :; do sleep 0.1; done\nend script\n")
    container.start("--exit-with=app")
    wait_for(lambda: (container.path / "ready").exists(), "the job")
    container.kill(signal.SIGTERM)
    assert container.ends() == 9


def test_a_job_that_comes_again_does_not_end_it(container):
    container.job("app", f"start on startup\nrespawn\nscript\n  echo x >>{container.path}/starts\n  exec sleep 1000\nend script\n")
    container.start("--exit-with=app")
    container.wait_status("app", "start/running")
    first = container.pid_of("app")
    assert container.command("kill", "-KILL", str(first)).returncode == 0
    wait_for(lambda: re.search(r"start/running, process (?!%d\n)\d+" % first, container.status("app") + "\n"), "the next one")
    container.ctl("stop", "--no-wait", "app")
    assert container.ends() == 128 + signal.SIGTERM


# -- surroundings

def test_it_needs_nothing(container):
    """No /proc, /sys, /run, and only /dev/null in /dev; nothing is mounted and nothing made there."""
    container.job("a", f"start on startup\ntask\nexec touch {container.path}/ran\n")
    container.job("b", "start on startup\n" + SLEEP)
    bare = "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; for d in proc sys run; do mount -t tmpfs -o ro none /$d; done"
    container.start(before=bare, answer=False)
    wait_for(lambda: (container.path / "ran").exists(), "the job")
    seen = pathlib.Path(f"/proc/{container.one}/root")
    for folder, there in (("dev", ["null"]), ("proc", []), ("sys", []), ("run", [])):
        assert [entry.name for entry in (seen / folder).iterdir()] == there
    container.kill(signal.SIGTERM)
    assert container.ends() == 0


def test_orphans_are_reaped(container):
    container.job("o", "task\nexec sh -c 'for i in 1 2 3 4 5; do (sleep 0.1 &); done'\n")
    container.start()
    container.ctl("start", "o")
    wait_for(lambda: len(container.children()) == len(container.servants()), "only the servants to be left")


def test_variables_and_path_of_the_container(container):
    container.job("e", "start on startup\ntask\nenv GIVEN\nexec env\n")
    container.start(env={"container": "test", "GIVEN": "yes", "PATH": "/opt/bin:/usr/bin:/bin"})
    wait_for(lambda: "PATH=" in container.log_of("e"), "the output")
    lines = container.log_of("e").splitlines()
    assert "GIVEN=yes" in lines and "PATH=/opt/bin:/usr/bin:/bin" in lines


def test_it_keeps_its_master_process_group_and_stays_a_container(container):
    """Over a re-exec and a crash."""
    container.job("a", "start on startup\n" + SLEEP)
    container.start(env={}, before="mount -t tmpfs none /run; touch /run/.containerenv")
    container.wait_status("a", "start/running")
    pid = container.pid_of("a")
    assert container.command(TELINIT, "u").returncode == 0
    wait_for(container.answers, "the next image")
    container.kill(signal.SIGSEGV)
    wait_for(container.answers, "the next image")
    assert container.pid_of("a") == pid
    container.kill(signal.SIGTERM)
    assert container.ends() == 0


@pytest.mark.parametrize("how", ["option", "variable", "containerenv", "dockerenv"])
def test_how_it_is_known(make_container, how):
    container = make_container()
    before = {"containerenv": "mount -t tmpfs none /run; touch /run/.containerenv"}.get(how, ":")
    if how == "dockerenv":
        if not pathlib.Path("/.dockerenv").exists() or os.major(os.stat("/").st_dev) != 0:
            pytest.skip("there is no /.dockerenv, or the root is a disk")
    container.start(*(["--container"] if how == "option" else []), env={"container": "x"} if how == "variable" else {},
                    before=before)
    container.kill(signal.SIGTERM)
    assert container.ends() == 0


# -- output

def test_output_of_jobs_on_standard_output(container):
    container.job("web", "start on startup\ntask\nexec sh -c 'echo one; echo two >&2; printf three'\n")
    container.job("tty", "start on startup\ninstance 1\ntask\nexec echo four\n")
    container.job("bare", "start on startup\ntask\nconsole output\nexec echo five\n")
    container.job("mute", "start on startup\ntask\nconsole none\nexec echo six\n")
    container.start("--log-stdout", "--verbose", before="mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3;"
                    "mknod -m 666 /dev/ptmx c 5 2; mkdir /dev/pts; mount -t devpts -o ptmxmode=0666 devpts /dev/pts")
    wanted = ["web: one\n", "web: two\n", "web: three\n", "tty (1): four\n", "five\n"]
    wait_for(lambda: all(w in container.messages() for w in wanted), "all lines")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0
    assert sorted(container.messages().splitlines(True)) == sorted(wanted)
    assert container.log_of("web") == "one\ntwo\nthree" and container.log_of("bare") == ""
    assert "init: web main process" in container.said()


def test_no_log_but_standard_output(container):
    container.job("web", "start on startup\ntask\nexec echo one\n")
    container.start("--log-stdout", log=False)
    wait_for(lambda: "web: one\n" in container.messages(), "the line")
    assert list(container.log.iterdir()) == []


def test_output_on_a_pipe_nobody_reads_holds_up_nobody(container):
    container.job("chatter", f"start on startup\ntask\nscript\n  seq 100000 150000 | sed 's/$/ {'x' * 60}/'\n  touch {container.path}/done\nend script\n")
    container.start("--log-stdout", log=False, before=f"mkfifo {container.path}/p; exec 3<>{container.path}/p 1>{container.path}/p",
                    answer=False)
    wait_for(lambda: (container.path / "done").exists(), "the job to be done")
    wait_for(container.answers, "init to answer")
    assert "standard output does not keep up" in container.said()


# -- others' containers

class Rootless(Container):
    around = ("unshare", "--user", "--map-root-user", *Container.around[1:])
    into = ("-U", *Container.into)


def test_rootless(make_container):
    container = make_container(Rootless)
    probe = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *Rootless.around, "test", "-x", str(INIT)],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"no user namespaces for others, or the build is not theirs to see: {probe.stderr.strip()}")
    container.user = 65534
    for folder in (container.path, container.conf, container.log):
        os.chown(folder, 65534, 65534)
    for file in (container.out, container.path / "init.err"):
        file.touch()
    container.job("a", f"start on startup\nexec sh -c 'id -u; exec sleep 1000'\n")
    container.start("--log-stdout")
    container.wait_status("a", "start/running")
    wait_for(lambda: "a: 0\n" in container.messages(), "the line")
    container.kill(signal.SIGTERM)
    assert container.ends() == 0, container.said()


class Bubble(Container):
    around = (shutil.which("bwrap"), "--unshare-pid", "--unshare-net", "--as-pid-1", "--bind", "/", "/", "--tmpfs", "/run", "--dev", "/dev", "--proc", "/proc", "--die-with-parent", "--")


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="there is no bwrap")
def test_bwrap(make_container):
    container = make_container(Bubble)
    container.job("app", "start on startup\nexec sh -c 'echo in a bubble; exit 4'\n")
    container.start("--container", "--log-stdout", "--exit-with=app", env={}, answer=False)
    assert container.ends() == 4, container.said()
    assert container.messages() == "app: in a bubble\n"


# -- the chapter

def test_the_chapters_image(container):
    """The entry point of the Dockerfile with the jobs of the chapter does what it says."""
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", CHAPTER, re.M)[1])
    for name, text in re.findall(r"^```upstart\n# (\w+)\.conf\n(.*?)^```$", CHAPTER, re.M | re.S):
        container.job(name, text)
        assert f"{name}.conf" in re.search(r"^COPY (.*) /etc/init/$", CHAPTER, re.M)[1]
    assert words[0] == "/sbin/init" and "--no-log" in words
    container.start(*[w for w in words[1:] if w != "--no-log"], log=False, env={}, answer=False)
    assert container.ends() == 0, container.said()
    wanted = re.search(r"^```text\n(.*?)^```$", CHAPTER, re.M | re.S)[1]
    assert sorted(container.messages().splitlines()) == sorted(wanted.splitlines())
