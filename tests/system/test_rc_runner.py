# SPDX-License-Identifier: MIT
"""The runner of System V scripts for machines without the package sysv-rc: order by number, within it by LSB headers; scripts that fail
or wait for each other hold nobody up."""

import shutil
import subprocess

import pytest

from conftest import BUILD, LIMIT, wait_for
from test_sysv_scripts import make_house, pytestmark  # noqa: F401 what those need, this does

INSTALLED = BUILD / "root"
RUNNER = INSTALLED / "usr/lib/upstart/rc"
AWKS = [name for name in ("mawk", "gawk", "original-awk", "busybox") if shutil.which(name)]


class Scripts:
    """A copy of the runner that looks below a folder of the test's."""

    def __init__(self, path, awk):
        self.path = path
        (path / "bin").mkdir()
        (path / "bin/awk").symlink_to(shutil.which(awk))
        (path / "bin/initctl").symlink_to("/bin/false")
        (path / "init").mkdir()
        (path / "rc").write_text(RUNNER.read_text().replace("/etc/", f"{path}/"))

    def script(self, link, header="", end="exit 0"):
        folder = self.path / f"rc{link.partition('/')[0]}.d"
        folder.mkdir(exist_ok=True)
        lines = "".join(f"# {line}\n" for line in header.splitlines())
        file = folder / link.partition("/")[2]
        file.write_text(f"#!/bin/sh\n### BEGIN INIT INFO\n{lines}### END INIT INFO\necho \"${{0##*/}} $1\" >>{self.path}/ran\n{end}\n")
        file.chmod(0o755)

    def run(self, level, previous="N", **env):
        """What ran, and what was said of it."""
        (self.path / "ran").write_text("")
        done = subprocess.run(["sh", self.path / "rc", level], env={"PATH": f"{self.path}/bin:/usr/bin:/bin", "PREVLEVEL": previous, **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        assert (done.returncode, done.stdout) == (0, "")
        return (self.path / "ran").read_text().split("\n")[:-1], done.stderr.replace(f"{self.path}/", "")

    def names(self, level, previous="N"):
        return " ".join(line.split()[0][3:] for line in self.run(level, previous)[0])


@pytest.fixture(params=AWKS)
def scripts(request, tmp_path):
    return Scripts(tmp_path, request.param)


def test_numbers_come_first(scripts):
    """insserv has looked at the headers, or the administrator has not."""
    scripts.script("2/S02a", "Provides: a")
    scripts.script("2/S01b", "Provides: b\nRequired-Start: a")
    scripts.script("2/S10c", "Provides: c")
    assert scripts.run("2") == (["S01b start", "S02a start", "S10c start"], "")


def test_headers_order_what_has_one_number(scripts):
    """As it is without insserv, where all links have the same."""
    scripts.script("2/S01alarm", "Provides: alarm\nRequired-Start: web $syslog\nShould-Start: nothing")
    scripts.script("2/S01base", "Provides: base\nX-Start-Before: alarm web")
    scripts.script("2/S01end", "Provides: end\nRequired-Start: $all")
    scripts.script("2/S01final", "Provides: final\nDefault-Start: 2")
    scripts.script("2/S01rsyslog", "Provides: rsyslog\nRequired-Start: $remote_fs $time")
    scripts.script("2/S01web.sh", "Provides: web httpd\nrequired-start: db\nDescription: Required-Start: alarm")
    scripts.script("2/S01xdb", "Provides: db")
    assert scripts.names("2") == "base final rsyslog xdb web.sh alarm end"


def test_what_nobody_wants_goes_by_name(scripts):
    for name in ("c", "a", "b"):
        scripts.script(f"3/S01{name}")
    assert scripts.names("3") == "a b c"


def test_a_stop_is_the_other_way_round(scripts):
    scripts.script("0/K01db", "Provides: db")
    scripts.script("0/K01web", "Provides: web\nRequired-Stop: db")
    scripts.script("0/K01cache", "Provides: cache\nX-Stop-After: web")
    scripts.script("0/S20halt", "Provides: halt")
    assert scripts.run("0", "2")[0] == ["K01web stop", "K01cache stop", "K01db stop", "S20halt stop"]


def test_circles_are_told_and_broken(scripts):
    scripts.script("2/S01a", "Provides: a\nRequired-Start: c")
    scripts.script("2/S01b", "Provides: b\nRequired-Start: a")
    scripts.script("2/S01c", "Provides: c\nRequired-Start: b")
    scripts.script("2/S01d", "Provides: d\nRequired-Start: a")
    scripts.script("2/S01e", "Provides: e")
    scripts.script("2/S01itself", "Provides: itself\nRequired-Start: itself")
    ran, said = scripts.run("2")
    assert [line[3:4] for line in ran] == ["e", "i", "a", "b", "c", "d"]
    assert said == "rc: these scripts wait for each other: a c b\n"


def test_two_that_want_to_be_last_both_run(scripts):
    scripts.script("2/S01a", "Required-Start: $all")
    scripts.script("2/S01b", "Required-Start: $all a")
    scripts.script("2/S01c", "Required-Start: a")
    assert scripts.names("2") in ("a c b", "c a b")


def test_what_is_required_but_is_not_there_holds_nobody_up(scripts):
    scripts.script("2/S01a", "Provides: a\nRequired-Start: missing $unknown")
    assert scripts.run("2") == (["S01a start"], "")


@pytest.mark.parametrize("end,status", [("exit 3", 3), ("kill -KILL $$", 137), ("cat; exit 1", 1)])
def test_a_script_that_fails_is_told_and_the_next_ones_run(scripts, end, status):
    scripts.script("2/S01a", end=end)
    scripts.script("2/S01b", "Required-Start: a")
    ran, said = scripts.run("2")
    assert ran == ["S01a start", "S01b start"]
    assert f"rc: rc2.d/S01a start ended with status {status}\n" in said


def test_what_is_no_script_is_left_out(scripts):
    scripts.script("2/S01a")
    folder = scripts.path / "rc2.d"
    (folder / "S01gone").symlink_to("/nonexistent/script")
    (folder / "S01text").write_text("# Provides: a\n")
    (folder / "S01folder").mkdir()
    (folder / "README").write_text("")
    (folder / "S1short").write_text("#!/bin/sh\n")
    (folder / "S1short").chmod(0o755)
    (scripts.path / "rc2.d/S02binary").write_bytes(b"#!/bin/sh\nexit 0\n\0\xff\n")
    (scripts.path / "rc2.d/S02binary").chmod(0o755)
    assert scripts.run("2") == (["S01a start"], "")


def test_scripts_of_jobs_are_left_to_them(scripts):
    (scripts.path / "init/web.conf").write_text("exec true\n")
    scripts.script("2/S01web", "Provides: web")
    scripts.script("2/S01web.sh", "Provides: web")
    scripts.script("2/S01app", "Provides: app\nRequired-Start: web")
    assert scripts.names("2") == "app"


def test_who_ran_it_may_have_asked_for_the_jobs(scripts):
    """initctl fails here: it knows no job, or there is nobody to ask."""
    scripts.script("2/S01web")
    scripts.script("2/S01app")
    assert scripts.run("2", UPSTART_JOBS=" a web b ") == (["S01app start"], "")
    assert scripts.run("2", UPSTART_JOBS=" webs ") == (["S01app start", "S01web start"], "")
    assert scripts.run("2", UPSTART_JOBS=" ") == (["S01app start", "S01web start"], "")


def test_what_runs_already_runs_on(scripts):
    scripts.script("2/S01a")
    for link in ("3/S01a", "3/S01b", "3/K01c"):
        scripts.script(link)
    assert scripts.run("3", "2")[0] == ["K01c stop", "S01b start"]
    assert scripts.run("3", "N")[0] == ["S01a start", "S01b start"]


@pytest.mark.parametrize("end", ["exit 127", "echo $2; exit 2", "kill -9 $$"])
def test_without_an_awk_that_works_numbers_do(scripts, end):
    (scripts.path / "bin/awk").unlink()
    (scripts.path / "bin/awk").write_text(f"#!/bin/sh\n{end}\n")
    (scripts.path / "bin/awk").chmod(0o755)
    scripts.script("2/S02a", "Provides: a\nRequired-Start: b")
    scripts.script("2/S02b", "Provides: b")
    scripts.script("2/S01c", "Provides: c")
    ran, told = scripts.run("2")
    assert ran == ["S01c start", "S02a start", "S02b start"]
    assert "rc: the headers of the scripts could not be read" in told


def test_bad_levels_are_refused(scripts):
    for level in ("7", "", "2 3"):
        done = subprocess.run(["sh", scripts.path / "rc", level], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=LIMIT)
        assert (done.returncode, done.stderr) == (2, "usage: rc RUNLEVEL\n")


def test_telinit_runs_them(make_house):  # noqa: F811
    """By the shipped job: with update-rc.d but no sysv-rc, and with a job in the middle."""
    house = make_house()
    house.write("/etc/init/rc.conf", (INSTALLED / "etc/init/rc.conf").read_text().replace("console output", "console log"))
    house.job("db", "start on runlevel [2345]\nexec sleep 1000\n")
    house.wait_job("rc")
    script = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: {0}\n{1}# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\n" \
             "echo {0} $1 >>/run/ran\nexit {2}\n"
    for name, header, status in (("alarm", "# Required-Start: web\n# Required-Stop: web\n", 0), ("db", "", 0),
                                 ("web", "# Required-Start: db\n# Required-Stop: db\n", 4)):
        house.script(name, script.format(name, header, status))
    house.sh("for s in alarm db web; do ln -s ../init.d/$s /etc/rc2.d/S01$s; ln -s ../init.d/$s /etc/rc1.d/K01$s; done")
    house.sh("telinit 2")
    wait_for(lambda: house.read("/run/ran") == "web start\nalarm start\n", lambda: house.read("/run/ran"))
    house.wait_status("rc", "stop/waiting")
    assert "rc: /etc/rc2.d/S01web start ended with status 4" in house.log_of("rc")
    house.sh("telinit 1")
    wait_for(lambda: house.read("/run/ran").endswith("alarm stop\nweb stop\n"), lambda: house.read("/run/ran"))
