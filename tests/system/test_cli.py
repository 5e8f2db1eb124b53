# SPDX-License-Identifier: MIT
"""The command-line cases against the real init: a session, and process 1 of a PID namespace.

cli/*.txt holds the cases in the order in which they are run, each group against one init. A case is

    == ID what it is about          (or "== prep": run, output discarded)
    $ COMMAND                       for bash
    -> STATUS                       0 if left out
    | a line of standard output     ! a line of standard error

with the placeholders <W> scratch directory, <ROOT> our source, <PID> digits, <VERSION>, <ANY> any text, <TAB>, <SP> a
blank at the end of a line, <NONL> no newline at the end, <CR> and <BEL>.

UPSTART_BUILD names the build folder (default: build).
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import until, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
CASES = pathlib.Path(__file__).resolve().parent / "cli"
LIMIT = 60      # seconds until a command counts as hung
PATIENCE = 10   # seconds for a question to be answered as it should

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(not (BUILD / "src/init/init").exists(), reason="init is not built"),
]

SLEEP = "exec sleep 9999\n"

JOBS = {
    "web": 'description "demo web server"\nauthor "A. Tester"\nversion "3.1"\nusage "web [PORT=n]"\n'
           "env PORT=80\n" + SLEEP,
    "tty": 'instance $DEV\nusage "tty DEV=name"\n' + SLEEP,
    "pool": "instance $N\n" + SLEEP,
    "opt": "instance ${N:-none}\n" + SLEEP,
    "net/eth": SLEEP,
    "gone": SLEEP,
    "once": "task\nexec true\n",
    "oncebad": 'task\nexec sh -c "exit 7"\n',
    "hook": "pre-start exec true\n",
    "badpre": "pre-start exec false\n" + SLEEP,
    "both": "post-start exec sleep 9999\n" + SLEEP,
    "postonly": "post-start exec sleep 9999\n",
    "slowpre": "pre-start exec sleep 2\n" + SLEEP,
    "slowstop": "pre-stop exec sleep 2\n" + SLEEP,
    "slowpost": "post-stop exec sleep 2\n" + SLEEP,
    "stubborn": "kill timeout 2\nscript\n  trap : TERM\n  while :; do sleep 1 ||:; done\nend script\n",
    "quitter": "pre-start exec stop\n" + SLEEP,
    "survivor": "pre-stop exec start\n" + SLEEP,
    "onping": 'start on ping\ntask\nexec sh -c "exit 3"\n',
    "onslow": "start on slow\ntask\nexec sleep 1\n",
    "hup": "script\n  trap 'echo reloaded >> <W>/hup.txt' HUP\n  while :; do sleep 0.2 ||:; done\nend script\n",
    "noexec": "exec /no/such/program\n",
    "inside": "instance $K\ntask\nscript\n  set +e\n  say() { echo \"\\$ $*\"; \"$@\"; echo \"=> $?\"; }\n" + "".join(
        "  say " + command + "\n" for command in (
            "status", "start", "initctl usage", "initctl get-env K", "initctl set-env X=local", "initctl get-env X",
            "initctl get-env -g X", "initctl set-env -g X=wide", "initctl get-env X", "initctl unset-env X",
            "initctl get-env X", "initctl get-env --global X", "initctl reset-env", "initctl get-env K")) +
              "end script\n",
}

CONDITIONS = {
    "src": "emits go stay link-*\n",
    "p1": "start on go or gone\n",
    "p2": "start on go or (stay and gone)\n",
    "p3": "start on gone or lost\n",
    "p4": "start on started src and stopped ghost\n",
    "p5": "start on starting X=1 JOB=ghost\nstop on stopping p1 RESULT=failed\n",
    "p6": "start on link-up IFACE=eth0 and (startup or started $DEV)\nstop on runlevel [016]\n",
    "p7": "exec true\n",
    "p8": "start on (gone or go) and (lost and go)\n",
}

SYSTEM = {
    "svc": SLEEP,
    "slow": "start on slow\ntask\nexec sleep 2\n",
    # Works on where a real one would end the machine; otherwise init would.
    "rl": "start on runlevel\nstop on runlevel\ntask\ninstance $RUNLEVEL\nscript\n"
          "  echo RUNLEVEL=$RUNLEVEL PREVLEVEL=$PREVLEVEL INIT_HALT=$INIT_HALT X=$X >> <W>/rl.txt\n"
          "  case $RUNLEVEL in 0 | 6) exec sleep 1000 ;; esac\nend script\n",
}


class Case:
    def __init__(self, title):
        self.id, _, self.about = title.partition(" ")
        self.command, self.status, self.out, self.err = "", 0, [], []

    @property
    def is_question(self):
        """May it be asked again until the answer is the right one?"""
        return re.match(r"(status|runlevel|tr|initctl (status|list|version|--system version))\b[^;]*$", self.command)


def read_cases(name):
    cases = []
    for line in (CASES / name).read_text().splitlines():
        if line.startswith("== "):
            cases.append(Case(line[3:]))
        elif line.startswith("$ "):
            cases[-1].command = line[2:]
        elif line.startswith("-> "):
            cases[-1].status = int(line[3:])
        elif line[:1] == "|":
            cases[-1].out.append(line[2:])
        elif line[:1] == "!":
            cases[-1].err.append(line[2:])
    return cases


def pattern(lines, scratch):
    text = "".join(line + "\n" for line in lines).replace("<NONL>\n", "").replace("<TAB>", "\t").replace("<SP>", " ")
    text = re.escape(text.replace("<W>", str(scratch)))
    for word, expression in ("<PID>", r"\d+"), ("<VERSION>", r"\d[^ )]*"), ("<ANY>", r".*"), ("<CR>", r"\r"), ("<BEL>", r"\a"):
        text = text.replace(re.escape(word), expression)
    return text


class Rig:
    """Namespaces, a scratch directory and an init in them."""

    def __init__(self, jobs):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="upstart-cli-"))
        self.scratch.chmod(0o755)
        for folder in "conf", "log", "xdg", "bin":
            (self.scratch / folder).mkdir()
        for name, text in jobs.items():
            path = self.scratch / "conf" / (name + ".conf")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("<W>", str(self.scratch)))
        for name in "initctl", "start", "stop", "restart", "reload", "status":
            (self.scratch / "bin" / name).symlink_to(BUILD / "src/initctl/initctl")
        (self.scratch / "bin" / "initctl2dot").symlink_to(BUILD / "src/initctl/initctl2dot")
        for name in "telinit", "runlevel", "shutdown", "reboot":
            (self.scratch / "bin" / name).symlink_to(BUILD / "src/sysv" / name)
        for name in "halt", "poweroff":
            (self.scratch / "bin" / name).symlink_to(BUILD / "src/sysv/reboot")
        (self.scratch / "bin" / "init").symlink_to(BUILD / "src/init/init")
        as_nobody = self.scratch / "as"
        as_nobody.write_text('#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"\n')
        as_nobody.chmod(0o755)
        await_text = self.scratch / "await"  # TEXT FILE: wait for the text in the file
        await_text.write_text('#!/bin/sh\nuntil grep -aqe "$1" "$2" 2>/dev/null; do sleep 0.02; done\n')
        await_text.chmod(0o755)
        self.env = {"PATH": "%s/bin:/usr/sbin:/usr/bin:/sbin:/bin" % self.scratch, "LC_ALL": "C.UTF-8", "TERM": "dumb",
                    "HOME": str(self.scratch), "XDG_RUNTIME_DIR": str(self.scratch / "xdg"),
                    "UPSTART_NO_SYSTEM_USERCONFDIR": "1"}
        self.log = open(self.scratch / "init.log", "wb")
        self.holder = None
        self.inside = []

    def unshare(self, *command, **more):
        """Run something as process 1 of a new PID namespace; what follows goes to the same namespaces."""
        self.holder = subprocess.Popen(
            ["unshare", "--fork", "--pid", "--mount", "--mount-proc", "--net", "--ipc", "--uts", "--kill-child",
             *[str(word) for word in command]], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**self.env, **more}, cwd="/")
        children = pathlib.Path("/proc/%d/task/%d/children" % (self.holder.pid, self.holder.pid))
        self.wait_for(lambda: children.read_text().split())
        self.inside = ["nsenter", "--all", "--target", children.read_text().split()[0]]

    def wait_for(self, condition):
        wait_for(condition, self.init_log, LIMIT)

    def init_log(self):
        return (self.scratch / "init.log").read_text(errors="replace")

    def run(self, command):
        command = command.replace("<W>", str(self.scratch)).replace("<ROOT>", str(ROOT))
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # files, not pipes: what the command leaves running must not be waited for
            status = subprocess.run([*self.inside, "bash", "-c", command], stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=err, env=self.env, timeout=LIMIT).returncode
            texts = []
            for file in out, err:
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return status, *texts

    def check(self, case):
        def ask():
            nonlocal status, out, err
            status, out, err = self.run(case.command)
            return (status == case.status and re.fullmatch(pattern(case.out, self.scratch), out) and
                    re.fullmatch(pattern(case.err, self.scratch), err))

        status = out = err = None
        if until(ask, PATIENCE if case.is_question else 0):
            return None
        return "%s %s\n$ %s\n-> %d (should be %d)\nout %r\n    %r\nerr %r\n    %r" % (
            case.id, case.about, case.command, status, case.status, out, "\n".join(case.out), err, "\n".join(case.err))

    def end(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()
        self.log.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Session(Rig):
    def __init__(self, jobs):
        super().__init__(jobs)
        self.unshare("sleep", "9999")
        self.run("ip link set lo up")
        # a directory of its own for the system bus, where there is none
        self.run("mkdir -p /run/dbus && mount -t tmpfs none /run/dbus")
        self.init = subprocess.Popen(
            [*self.inside, str(BUILD / "src/init/init"), "--user", "--no-inherit-env", "--no-dbus",
             "--no-startup-event", "--confdir", str(self.scratch / "conf"), "--logdir", str(self.scratch / "log")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=self.env, cwd="/")
        sessions = self.scratch / "xdg" / "upstart" / "sessions"
        self.wait_for(lambda: any(file.read_text().endswith("\n") for file in sessions.glob("*.session")))
        self.env["UPSTART_SESSION"] = next(sessions.glob("*.session")).read_text().strip().split("=", 1)[1]
        self.wait_for(lambda: self.run("initctl version")[0] == 0)

    def end_session(self):
        self.run("kill %s" % self.env["UPSTART_SESSION"].rsplit("/", 1)[1])
        self.init.wait(LIMIT)

    def end(self):
        if self.init.poll() is None:
            self.init.kill()
        super().end()
        self.init.wait()


RIG = r"""
set -e
# what belongs to the machine must not be touched: all places that are written to are scratch
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/log
mkdir "$W/etc" "$W/dev"
cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$W/etc"
[ -d /etc/dbus-1 ] && cp -a /etc/dbus-1 "$W/etc"
mount --bind "$W/etc" /etc
mount -t tmpfs -o mode=755 none "$W/dev"
for device in null zero full random urandom tty ptmx; do
	mknod -m 666 "$W/dev/$device" c $(stat -c '0x%t 0x%T' "/dev/$device")
done
mkdir "$W/dev/pts" "$W/dev/shm"
: > "$W/dev/console"
: > "$W/dev/kmsg"
ln -s /proc/self/fd "$W/dev/fd"
mount --move "$W/dev" /dev
ip link set lo up
hostname tbox
# telinit, when init is called as a program, is looked for where it is to be installed
mkdir -p "$SBINDIR"
mount -t overlay -o "lowerdir=$W/bin:$SBINDIR" none "$SBINDIR"
exec "$@"
"""


class System(Rig):
    def __init__(self, jobs):
        super().__init__(jobs)
        options = {option["name"]: option["value"] for option in
                   json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())}
        sbin = pathlib.Path(options["prefix"], options["sbindir"]).resolve()
        powerless = ["setpriv", "--bounding-set=-sys_boot", "--inh-caps=-sys_boot"]
        self.unshare("sh", "-c", RIG, "sh", *powerless,
                     BUILD / "src/init/init", "--confdir", self.scratch / "conf", "--logdir", self.scratch / "log",
                     W=str(self.scratch), SBINDIR=str(sbin))
        self.inside += powerless
        self.wait_for(lambda: self.run("initctl version")[0] == 0)


def run_group(rig, name):
    """All cases, since each builds upon those before; then what went wrong."""
    faults = []
    try:
        for case in read_cases(name):
            if case.command == "@end-of-session":
                rig.end_session()
            elif case.id == "prep":
                rig.run(case.command)
            else:
                faults.append(rig.check(case))
        faults = [fault for fault in faults if fault]
        assert not faults, "\n\n".join([*faults, "-- init said --", rig.init_log()])
    finally:
        rig.end()


def test_jobs_events_environment_and_options():
    run_group(Session(JOBS), "jobs.txt")


def test_conditions():
    run_group(Session(CONDITIONS), "conditions.txt")


@pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="dbus-daemon is missing")
def test_system():
    run_group(System(SYSTEM), "system.txt")


# ---- what must not disturb a waiting command ----

GATED = {
    "gated": "pre-start exec sh -c 'until [ -e <W>/gate ]; do sleep 0.1; done'\n" + SLEEP,
    "ongo": "start on go\ntask\nexec sh -c 'until [ -e <W>/gate ]; do sleep 0.1; done; exit 3'\n",
    "web": SLEEP,
}


def kill_control(rig):
    """kill -9 of the servant that has the connections; True when another one is there."""
    def control():
        return rig.run("pgrep -x upstart-control")[1].split()

    before = control()
    assert len(before) == 1, rig.init_log()
    rig.run("kill -9 " + before[0])
    rig.wait_for(lambda: control() not in ([], before))


def telinit_u(rig):
    assert rig.run("telinit --user u") == (0, "", "")


@pytest.mark.parametrize("disturb", [kill_control, telinit_u])
def test_waiting_commands_survive(disturb):
    rig = Session(GATED)
    waiting = []

    def begin(command):
        waiting.append(subprocess.Popen([*rig.inside, "bash", "-c", command], stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=rig.env))

    try:
        before = rig.run("start web")[1]
        begin("start gated")
        begin("initctl emit go")
        rig.wait_for(lambda: rig.run("status gated")[1].startswith("gated start/pre-start, process"))
        rig.wait_for(lambda: rig.run("status ongo")[1].startswith("ongo start/running, process"))
        rig.wait_for(lambda: rig.run("initctl list")[0] == 0)
        ongo = rig.run("status ongo")[1]
        for _ in range(2):
            disturb(rig)
        assert [process.poll() for process in waiting] == [None, None]
        assert rig.run("status web")[1] == before
        assert rig.run("status ongo")[1] == ongo
        (rig.scratch / "gate").touch()
        assert re.fullmatch(r"gated start/running, process \d+\n", waiting[0].communicate(timeout=LIMIT)[0])
        assert waiting[1].communicate(timeout=LIMIT) == ("", "initctl: Event failed\n")
        assert [process.returncode for process in waiting] == [0, 1]
    finally:
        for process in waiting:
            process.kill()
            process.wait()
        rig.end()
