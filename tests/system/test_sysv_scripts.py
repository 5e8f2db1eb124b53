# SPDX-License-Identifier: MIT
"""service, invoke-rc.d and update-rc.d of Debian, as they are and with ours before them; scripts that have a job of their name.

The machine's own programs are run, over which the installation of the build folder is laid in a mount namespace where init is
process 1. /etc/init.d, /etc/rc?.d and /etc/init are the test's; what is written goes to scratch folders.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, LIMIT, wait_for
from test_container import Container

INSTALLED = BUILD / "root"
FRONTS = ("service", "invoke-rc.d", "update-rc.d")
DEBIAN = pathlib.Path("/lib/lsb/init-functions")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(not (INSTALLED / "usr/lib/upstart/upstart-job").exists(), reason="there is no installation in the build folder"),
    pytest.mark.skipif(not DEBIAN.exists() or not all(os.access(f"/usr/sbin/{name}", os.X_OK) for name in FRONTS) or
                       not os.path.islink("/sbin"), reason="this is no Debian with a merged /usr"),
]

JOB = "start on startup\nexec sleep 1000\n"
# /etc/init.d/rc: what a runlevel's scripts are run by.
RC = "#!/bin/sh\nfor s in /etc/rc$1.d/K*; do [ -e $s ] && $s stop; done\nfor s in /etc/rc$1.d/S*; do [ -e $s ] && $s start; done\nexit 0\n"

SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          NAME
# Required-Start:
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: NAME
### END INIT INFO
. /lib/lsb/init-functions
echo "script $1 $2" >>/run/NAME
case "$1" in
start | restart) touch /run/NAME.up ;;
stop) rm -f /run/NAME.up ;;
status) if [ -e /run/NAME.up ]; then echo up; else exit 3; fi ;;
*) echo "Usage: $0 {start|stop}" >&2; exit 3 ;;
esac
"""


class House(Container):
    """A Debian below which nothing is the machine's."""

    def start(self, fronts=None):
        """`fronts`: the command that puts ours in the place of Debian's."""
        layer = self.path / "layer"
        for part, into in (("sbin", "usr/sbin"), ("usr/sbin", "usr/sbin"), ("usr/lib", "usr/lib"), ("etc", "etc")):
            if (INSTALLED / part).exists():
                shutil.copytree(INSTALLED / part, layer / into, symlinks=True, dirs_exist_ok=True)
        script = []
        for name in ("usr", "etc", "var"):
            for folder in (f"over/{name}", f"over/{name}.work", f"layer/{name}"):
                (self.path / folder).mkdir(parents=True, exist_ok=True)
            over = self.path / "over"
            script.append(f"mount -t overlay -o lowerdir={layer}/{name}:/{name},upperdir={over}/{name},workdir={over}/{name}.work over /{name}")
        script.append("rm -rf /etc/rc?.d/* /etc/init.d/* /etc/init/* /usr/sbin/policy-rc.d /etc/insserv* ; mkdir -p /etc/init.d /etc/init")
        script.append("for l in 0 1 2 3 4 5 6 S; do mkdir -p /etc/rc$l.d; done; touch /run/utmp")
        if fronts:
            script += [f"dpkg-divert --quiet --local --add --rename --divert /usr/sbin/{name}.distrib /usr/sbin/{name}; "
                       f"{fronts} /usr/lib/upstart/{name} /usr/sbin/{name}" for name in FRONTS]
        self.conf = pathlib.Path("/etc/init")
        return super().start(before="set -e\n" + "\n".join(script), startup=False, env={"container": "test"})

    def write(self, path, text, mode="644"):
        """A file in there, whole from its first moment on."""
        done = self.command("sh", "-c", 'printf %s "$2" >"$1.tmp" && chmod "$3" "$1.tmp" && mv "$1.tmp" "$1"', "sh", path, text, mode)
        assert done.returncode == 0, done.stderr

    def job(self, name, text):
        self.write(f"/etc/init/{name}.conf", text)
        self.wait_job(name)

    def script(self, name, text=SCRIPT):
        self.write(f"/etc/init.d/{name}", text.replace("NAME", name), "755")

    def read(self, path):
        return self.command("cat", path).stdout

    def sh(self, text):
        """Status and both outputs, pids being N."""
        done = self.command("bash", "-c", text, timeout=2 * LIMIT)
        return done.returncode, *(re.sub(r"process \d+", "process N", said) for said in (done.stdout, done.stderr))

    def is_up(self, name):
        return "start/running" in self.status(name)


@pytest.fixture
def make_house():
    made = []
    base = pathlib.Path(tempfile.mkdtemp(prefix="upstart-house-"))
    base.chmod(0o755)

    def make(**options):
        path = base / f"house{len(made)}"
        path.mkdir()
        made.append(House(path))
        made[-1].env["PATH"] = "/usr/sbin:/usr/bin"
        return made[-1].start(**options)

    yield make
    for house in made:
        house.kill_all()
    shutil.rmtree(base)


@pytest.fixture(params=[None, "ln -s", "cp"], ids=["debian", "fronts", "service_commands"])
def house(request, make_house):
    """Debian's commands as they are, and with ours before them, by links or installed in their place."""
    return make_house(fronts=request.param)


# ---- a script with a job of its name ----

def test_commands_for_a_script_reach_its_job(house):
    house.job("web", JOB)
    house.script("web")
    assert house.sh("service web status") == (3, "web stop/waiting\n", "")
    assert house.sh("service web start") == (0, "web start/running, process N\n", "")
    assert house.sh("service web start") == (0, "web start/running, process N\n", "")
    assert house.sh("service web status") == (0, "web start/running, process N\n", "")
    first = house.pid_of("web")
    assert house.sh("service web restart") == (0, "web start/running, process N\n", "")
    assert house.pid_of("web") != first
    assert house.sh("service web --full-restart")[0] == 0
    assert house.sh("/etc/init.d/web try-restart") == (0, "web start/running, process N\n", "")
    assert " [ + ]  web\n" in house.sh("service --status-all")[1]
    assert house.sh("cd /etc/init.d; ./web stop") == (0, "web stop/waiting\n", "")
    assert house.sh("service web stop") == (0, "web stop/waiting\n", "")
    assert house.sh("/etc/init.d/web try-restart") == (0, "", "")
    assert house.sh("/etc/init.d/web reload") == (7, "", "")
    assert house.read("/run/web") == ""  # none of it came to the script itself
    assert house.sh("/etc/init.d/web configtest")[2].startswith("Usage:")  # what only the script knows


def test_scripts_without_a_job_are_run(house):
    house.script("old")
    assert house.sh("service old start")[0] == 0
    assert house.sh("service old status") == (0, "up\n", "")
    assert house.sh("service old other word")[0] in (2, 3)
    assert " [ + ]  old\n" in house.sh("service --status-all")[1]
    assert house.read("/run/old").splitlines()[:3] == ["script start ", "script status ", "script other word"]
    assert house.sh("service none start") == (1, "", "none: unrecognized service\n")


def test_a_runlevel_does_not_start_what_a_job_starts(house):
    house.job("web", "start on runlevel [2345]\nstop on runlevel [!2345]\nexec sleep 1000\n")
    house.job("rc", "start on runlevel [2345]\ntask\nexport RUNLEVEL\nexec /etc/init.d/rc $RUNLEVEL\n")
    house.script("web")
    house.script("old")
    house.write("/etc/init.d/rc", RC, "755")
    assert house.sh("update-rc.d web defaults; update-rc.d old defaults; ls /etc/rc2.d")[1] == "S01old\nS01web\n"
    assert house.sh("telinit 2") == (0, "", "")
    wait_for(lambda: house.read("/run/old") == "script start \n", "the script")
    house.wait_status("rc", "stop/waiting")
    house.wait_status("web", "start/running")
    pid = house.pid_of("web")
    # Nor by a program that runs the scripts by their own names.
    house.job("rcS", "task\nexec sh -c '/etc/init.d/web start; /etc/init.d/web stop; /etc/init.d/old stop'\n")
    house.ctl("start", "rcS")
    assert house.read("/run/old") == "script start \nscript stop \n"
    assert house.read("/run/web") == "" and house.pid_of("web") == pid


def test_a_job_may_run_the_script_of_its_name(house):
    house.job("wrap", "pre-start exec /etc/init.d/wrap start\npost-stop exec /etc/init.d/wrap stop\n")
    house.script("wrap")
    assert house.sh("service wrap start") == (0, "wrap start/running\n", "")
    assert house.sh("service wrap stop") == (0, "wrap stop/waiting\n", "")
    assert house.read("/run/wrap") == "script start \nscript stop \n"


def test_who_kills_all_processes_asks_which_are_of_jobs(house):
    house.script("killprocs")
    assert house.sh("/etc/init.d/killprocs start") == (0, "", "")
    assert house.read("/run/killprocs") == "script start \n"  # nobody else could do it
    house.script("sendsigs")
    house.job("rc", "task\nexec sh -c '/etc/init.d/killprocs start; /etc/init.d/killprocs status'\n")
    house.ctl("start", "rc")
    assert house.read("/run/sendsigs") == "script stop \n"
    assert house.read("/run/killprocs") == "script start \nscript status \n"


def test_interpreted_scripts_reach_their_job(house):
    """Those of init-d-script(5)."""
    house.job("web", JOB)
    header = SCRIPT[:SCRIPT.index(". /lib")].replace("#!/bin/sh", "#!/usr/bin/env /lib/init/init-d-script")
    house.script("web", header + "DAEMON=/bin/sleep\nDESC=sleep\n")
    assert house.sh("service web start") == (0, "web start/running, process N\n", "")
    assert house.sh("/etc/init.d/web stop") == (0, "web stop/waiting\n", "")


@pytest.mark.parametrize("name", ["rcS", "emergency"])
def test_the_shell_of_a_single_user_starts_jobs(make_house, name):
    """It is below a job that runs the scripts of a runlevel, but is none of them."""
    house = make_house()
    house.job("web", "exec sleep 1000\n")
    house.script("web")
    house.write("/usr/sbin/sulogin", "#!/bin/sh\n/etc/init.d/web start >/run/said 2>&1\ntouch /run/left\n", "755")
    text = (INSTALLED / "etc/init" / f"{name}.conf").read_text()
    house.job(name, text.replace("console owner", "console none"))
    house.ctl("start", "--no-wait", name)
    wait_for(lambda: house.sh("test -e /run/left")[0] == 0, "the shell to be left")
    assert house.read("/run/said").startswith("web start/running") and house.is_up("web")


@pytest.mark.parametrize("before", ["", "telinit 3; "])
def test_who_leaves_single_user_mode_comes_from_level_s(make_house, before):
    house = make_house()
    house.write("/usr/sbin/sulogin", "#!/bin/sh\n", "755")
    house.job("rc", "start on runlevel [2345]\ntask\nexport RUNLEVEL\nexport PREVLEVEL\nexec sh -c 'echo $PREVLEVEL $RUNLEVEL >>/run/levels'\n")
    for name in ("rcS", "rc-sysinit"):
        house.job(name, (INSTALLED / "etc/init" / f"{name}.conf").read_text().replace("console owner", "console none"))
    house.sh(before + "telinit S")
    wait_for(lambda: house.sh("runlevel")[1] == "S 2\n", lambda: f"level 2, it is {house.sh('runlevel')}")
    wait_for(lambda: house.sh("cat /run/levels")[1].endswith("S 2\n"), lambda: f"rc to run, it says {house.sh('cat /run/levels')}")
    boots = house.sh("last -f /run/utmp reboot")[1].count("reboot ")
    assert boots <= 1, house.sh("last -f /run/utmp")


def test_commands_in_scripts_of_a_runlevel_start_jobs(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.job("db", JOB)
    house.sh("ln -s /lib/init/upstart-job /etc/init.d/web; ln -s /lib/init/upstart-job /etc/init.d/db")
    house.job("rc", "task\nscript\n  service web start\n  invoke-rc.d db start\nend script\n")
    house.ctl("start", "rc")
    assert house.is_up("web") and house.is_up("db")


def test_what_does_not_stop_is_not_waited_for_without_end(make_house):
    house = make_house()
    house.job("web", "post-stop exec sleep 1000\nexec sleep 1000\n")
    house.ctl("start", "web")
    house.ctl("stop", "--no-wait", "web")
    house.wait_status("web", "stop/post-stop")
    house.sh("sed s/^TRIES=.*/TRIES=3/ /usr/lib/upstart/upstart-job >/run/upstart-job")
    for action in "start", "stop", "restart":
        status, out, err = house.sh(f"sh /run/upstart-job web {action}")
        assert (status, out) == (1, "") and "web does not stop:\nweb stop/post-stop" in err
    # init has given it up.
    house.write("/run/initctl", "#!/bin/sh\nprintf 'web stop/running\\n\\tquarantined until: crash\\n'\n", "755")
    house.sh("sed 's,^INITCTL=.*,INITCTL=/run/initctl,' /usr/lib/upstart/upstart-job >/run/upstart-job")
    status, out, err = house.sh("timeout 60 sh /run/upstart-job web stop")
    assert (status, out) == (1, "") and "web does not stop:\nweb stop/running\n\tquarantined" in err


# ---- jobs without a script ----

def test_a_link_makes_a_job_a_script(house):
    """/etc/init.d/JOB -> /lib/init/upstart-job, as packages for Upstart had it."""
    house.job("web", JOB)
    house.job("tty", "instance $DEV\nexec sleep 1000\n")
    house.sh("ln -s /lib/init/upstart-job /etc/init.d/web; ln -s /lib/init/upstart-job /etc/init.d/tty")
    assert house.sh("service web start") == (0, "web start/running, process N\n", "")
    assert house.sh("service tty start DEV=tty1; service tty start DEV=tty2")[0] == 0
    assert house.sh("service tty status DEV=tty2") == (0, "tty (tty2) start/running, process N\n", "")
    assert house.sh("service tty status") == (0, "tty (tty1) start/running, process N\ntty (tty2) start/running, process N\n", "")
    assert house.sh("service tty stop DEV=tty1; service tty status DEV=tty1") == (3, "tty stop/waiting\ntty stop/waiting\n", "")
    assert house.sh("service tty status") == (0, "tty (tty2) start/running, process N\n", "")
    assert house.sh("service web reload") == (0, "", "")
    wait_for(lambda: not house.is_up("web"), "sleep to end by SIGHUP")
    assert house.sh("service web nonsense")[0] == 2
    assert house.sh("update-rc.d web defaults")[0] == 0
    assert house.sh("/etc/init.d/web lsb-header")[1].splitlines()[1].split() == ["#", "Provides:", "web"]
    assert house.sh("ls /etc/rc2.d") == (0, "", "")


def test_scripts_of_a_runlevel_do_not_ask_for_what_is_known(make_house):
    house = make_house()
    house.job("web", JOB)
    house.script("web")
    # Nobody can be asked: who knows leaves it to the job, who doesn't does the work.
    house.sh("mv /usr/sbin/initctl /run/")
    assert house.sh("UPSTART_JOB=rc UPSTART_JOBS=' a web b ' /etc/init.d/web start; cat /run/web")[:2] == (1, "")
    assert house.sh("UPSTART_JOB=rc UPSTART_JOBS=' a webs ' /etc/init.d/web start; cat /run/web") == (0, "script start \n", "")
    assert house.sh("UPSTART_JOB=other UPSTART_JOBS=' web ' /etc/init.d/web stop; cat /run/web") == (0, "script start \nscript stop \n", "")


def test_jobs_without_a_script(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.script("old")
    assert house.sh("service web start") == (0, "web start/running, process N\n", "")
    assert house.sh("service web")[0] == 2
    assert house.sh("service --status-all")[1] == " [ + ]  web\n [ - ]  old\n"
    assert house.sh("service")[0] == 1 and house.sh("service --help")[0] == 0
    assert house.sh("UPSTART_SESSION=unix:abstract=/nobody service web stop") == (0, "web stop/waiting\n", "")


# ---- invoke-rc.d ----

def policy(house, text):
    house.write("/usr/sbin/policy-rc.d", "#!/bin/sh\necho \"$*\" >>/run/asked\n" + text, "755")


def test_packages_start_and_stop_jobs(house):
    house.job("web", JOB)
    house.script("web")
    house.sh("update-rc.d web defaults; telinit 2")
    assert house.sh("invoke-rc.d web start") == (0, "web start/running, process N\n", "")
    assert house.sh("invoke-rc.d web restart") == (0, "web start/running, process N\n", "")
    assert house.sh("invoke-rc.d --quiet web stop") == (0, "web stop/waiting\n", "")
    assert house.sh("invoke-rc.d --query web start")[0] == 104
    assert house.sh("invoke-rc.d --query web stop")[0] == 105
    assert house.sh("invoke-rc.d web")[0] == 103 and house.sh("invoke-rc.d --nonsense web start")[0] == 103
    assert house.read("/run/web") == ""


def test_the_policy_is_heeded(house):
    house.job("web", JOB)
    house.script("web")
    house.sh("update-rc.d web defaults; telinit 2")
    policy(house, "exit 101\n")
    status, out, err = house.sh("invoke-rc.d web start")
    assert (status, out) == (0, "") and "polic" in err
    assert house.sh("invoke-rc.d --disclose-deny web start")[0] == 101
    assert house.sh("invoke-rc.d --query web start")[0] == 101
    assert not house.is_up("web")
    assert house.read("/run/asked").splitlines()[0] == "web start 2"
    assert house.sh("invoke-rc.d --force web start")[0] == 0 and house.is_up("web")
    policy(house, "echo stop; exit 106\n")
    assert house.sh("invoke-rc.d web restart")[0] == 0
    assert not house.is_up("web")
    assert house.sh("invoke-rc.d --no-fallback --disclose-deny web start")[0] == 101
    for status, answer in (0, 0), (0, 1), (0, 104), (103, 103):
        policy(house, f"exit {answer}\n")
        assert house.sh("invoke-rc.d web start")[0] == status


def test_a_job_that_is_disabled_is_not_started_by_packages(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    assert house.sh("update-rc.d web disable") == (0, "", "")
    wait_for(lambda: "start on" not in house.ctl("show-config", "web"), "the override")
    assert house.sh("invoke-rc.d web start") == (0, "", "") and not house.is_up("web")
    assert house.sh("invoke-rc.d --disclose-deny web restart")[0] == 101
    assert house.sh("invoke-rc.d web stop") == (0, "web stop/waiting\n", "")
    policy(house, "[ \"$2\" != \"(start)\" ] || exit 104\n")
    assert house.sh("invoke-rc.d web start")[0] == 0 and house.is_up("web")  # who sets the policy has the last word


# ---- update-rc.d ----

def test_disabling_writes_manual_and_enabling_removes_it(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.script("web")
    house.write("/etc/init/web.override", "env A=1\nmanual # by hand\n")
    for _ in range(2):
        assert house.sh("update-rc.d web disable")[0] == 0
        assert house.read("/etc/init/web.override") == "env A=1\nmanual\n"
    assert house.sh("update-rc.d web enable")[0] == 0
    assert house.read("/etc/init/web.override") == "env A=1\n"
    house.sh("rm /etc/init/web.override")
    assert house.sh("update-rc.d web defaults-disabled")[0] == 0
    assert house.read("/etc/init/web.override") == "manual\n"
    house.sh("update-rc.d web enable; update-rc.d web defaults-disabled")  # what somebody has decided stays
    assert house.read("/etc/init/web.override") == ""
    wait_for(lambda: "start on startup" in house.ctl("show-config", "web"), "the override to be gone")
    # Its script's links follow.
    assert house.sh("ls /etc/rc2.d")[1] == "K01web\n" or house.sh("ls /etc/rc2.d")[1] == "S01web\n"
    assert house.sh("update-rc.d web enable; ls /etc/rc2.d")[1] == "S01web\n"
    assert house.sh("update-rc.d web disable; ls /etc/rc2.d")[1] == "K01web\n"
    house.sh("rm /etc/init.d/web")
    assert house.sh("update-rc.d web disable 2 3")[0] == 1
    house.sh("rm /etc/init/web.conf")
    assert house.sh("update-rc.d web remove; ls /etc/rc2.d /etc/init/web.override")[1] == "/etc/rc2.d:\n"


def test_below_another_root_nothing_here_is_touched(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.sh("mkdir -p /run/other/etc/init; echo 'exec true' >/run/other/etc/init/web.conf")
    assert house.sh("DPKG_ROOT=/run/other update-rc.d web disable")[0] == 0
    assert house.sh("cd /; ls run/other/etc/init/web.override etc/init/web.override")[1] == "run/other/etc/init/web.override\n"


def test_what_can_not_be_written_is_an_error(make_house):
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.job("db", JOB)
    house.write("/etc/init/db.override", "manual\n")
    assert house.sh("mount --bind /etc/init /etc/init && mount -o remount,bind,ro /etc/init")[0] == 0
    for words in ("web disable", "web defaults-disabled", "db enable", "db disable"):
        status, _, err = house.sh(f"update-rc.d {words}")
        assert status == 1 and "unable to write" in err, words


# ---- a package ----

POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ] && [ -x /etc/init.d/NAME ]; then
    update-rc.d NAME defaults >/dev/null
    if [ -n "$2" ]; then action=restart; else action=start; fi
    invoke-rc.d --skip-systemd-native NAME $action || exit 1
fi
"""
PRERM = """#!/bin/sh
set -e
if [ -x /etc/init.d/NAME ] && [ "$1" = remove ]; then invoke-rc.d --skip-systemd-native NAME stop || exit 1; fi
"""
POSTRM = """#!/bin/sh
set -e
if [ "$1" = purge ]; then update-rc.d NAME remove >/dev/null; fi
"""


def package(path, name, version, job):
    """One as debhelper makes it, with a script and, if there is one, a job."""
    tree = path / f"{name}-{version}"
    for folder in ("DEBIAN", "etc/init.d", "etc/init"):
        (tree / folder).mkdir(parents=True)
    files = {"DEBIAN/control": f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n",
             "DEBIAN/conffiles": f"/etc/init.d/{name}\n" + (f"/etc/init/{name}.conf\n" if job else ""),
             "DEBIAN/postinst": POSTINST, "DEBIAN/prerm": PRERM, "DEBIAN/postrm": POSTRM, f"etc/init.d/{name}": SCRIPT}
    if job:
        files[f"etc/init/{name}.conf"] = job
    for file, text in files.items():
        (tree / file).write_text(text.replace("NAME", name))
        (tree / file).chmod(0o644 if file.endswith((".conf", "control", "conffiles")) else 0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, capture_output=True, timeout=LIMIT)
    return path / f"{name}_{version}_all.deb"


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="there is no dpkg")
@pytest.mark.parametrize("job", [None, JOB], ids=["script", "job"])
def test_an_unmodified_package(house, job):
    debs = [package(house.path, "probe-service", version, job) for version in ("1", "2")]
    house.sh("telinit 2")

    def dpkg(*words):
        done = house.command("dpkg", *words, timeout=2 * LIMIT)
        assert done.returncode == 0, done.stderr + done.stdout

    def ran():
        return [line.split()[1] for line in house.read("/run/probe-service").splitlines()]

    def is_up():
        return house.is_up("probe-service") if job else house.read("/run/probe-service").splitlines()[-1:] != ["script stop "]
    dpkg("-i", debs[0])
    assert is_up()
    pid = house.pid_of("probe-service") if job else None
    assert house.sh("ls /etc/rc2.d")[1] == "S01probe-service\n"
    dpkg("-i", debs[1])
    assert is_up() and (not job or house.pid_of("probe-service") != pid)
    dpkg("-r", "probe-service")
    assert not is_up()
    dpkg("-P", "probe-service")
    assert house.sh("find /etc -name '*probe-service*'") == (0, "", "")
    assert ran() == ([] if job else ["start", "restart", "stop"])


def test_without_upstart_the_commands_are_debians(make_house):
    """In a network namespace of its own nothing answers: what is there are scripts."""
    house = make_house(fronts="ln -s")
    house.job("web", JOB)
    house.script("web")
    alone = "unshare --net --mount sh -c 'mount -t tmpfs none /run/upstart; %s'"
    house.sh("update-rc.d web defaults")
    assert house.sh(alone % "service web start")[0] == 0
    assert house.sh(alone % "invoke-rc.d web stop")[0] == 0
    assert house.read("/run/web").splitlines() == ["script start ", "script stop "]
    assert house.sh(alone % "/lib/init/upstart-job web status")[0] == 4
    assert house.sh(alone % "/lib/init/upstart-job web start")[0] == 5


CHROOT = """set -e
mkdir /run/root && cd /run/root
mkdir proc run tmp dev usr etc var
cp -P /bin /sbin /lib* .
for folder in usr etc var dev; do mount --rbind /$folder $folder; done
mount -t proc none proc
"""


@pytest.mark.parametrize("proc", [True, False], ids=["proc", "no-proc"])
def test_a_chroot_does_not_reach_jobs_of_the_machine(house, proc):
    """Job and script are there in both."""
    for name in ("web", "bare"):
        house.job(name, JOB)
        house.ctl("start", name)
    house.script("web")
    house.sh("ln -s /lib/init/upstart-job /etc/init.d/bare; update-rc.d web defaults")
    pids = [house.pid_of(name) for name in ("web", "bare")]
    assert house.sh(CHROOT)[0] == 0
    if not proc:
        house.sh("umount /run/root/proc")

    def inside(text):
        return house.sh(f"exec chroot /run/root sh -c '{text}'")
    assert house.sh("chroot /run/root initctl status web")[1].startswith("web start/running")  # it could
    for command in ("service web stop", "invoke-rc.d web stop", "/etc/init.d/web restart", "/etc/init.d/web stop"):
        assert inside(command)[0] == 0, command
    assert house.read("/run/root/run/web").splitlines() == [f"script {word} " for word in ("stop", "stop", "restart", "stop")]
    for command in ("service bare stop", "/etc/init.d/bare restart", "/lib/init/upstart-job web stop"):
        status, out, err = inside(command)
        assert (status, out) == (0, "") and "in a chroot" in err, command
    assert inside("/lib/init/upstart-job web status")[0] == 4
    assert [house.pid_of(name) for name in ("web", "bare")] == pids


def test_the_machine_ends_in_order(house):
    """With scripts of runlevel 0 that stop what jobs do."""
    house.job("web", JOB)
    house.script("web")
    house.sh("update-rc.d web defaults; service web start")
    house.kill(signal.SIGTERM)
    assert house.ends() == 0, house.said()
