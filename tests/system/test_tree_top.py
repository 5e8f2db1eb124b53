# SPDX-License-Identifier: MIT
"""initctl tree, top and graph: what starts what, and what it uses."""

import fcntl
import json
import os
import pty
import resource
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import INITCTL, LIMIT, process_state, wait_for

SLEEP = "exec sleep 1000\n"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def machine(session):
    """A small machine whose jobs have to do with each other in all ways there are."""
    session.job("mounts", "start on boot\ntask\nemits mounted net-*\nexec true\n")
    session.job("net", "start on net-up IFACE=eth0 and mounted\n" + SLEEP)
    session.job("web", "start on started net\nstop on runlevel [016]\n" + SLEEP)
    session.job("stats", "while web and dark and not lamp\n" + SLEEP)
    session.job("after", "start on stopped stats or web-gone\n" + SLEEP)
    session.job("pool", "instance $N\n" + SLEEP)
    session.job("ping", "start on stopped pong\n" + SLEEP)
    session.job("pong", "start on stopped ping\n" + SLEEP)
    session.job("lamp", SLEEP)
    session.wait_jobs(9)
    return session


def words(init, *command, locale="C.UTF-8"):
    done = init.command("env", "LC_ALL=" + locale, INITCTL, *command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_tree_hangs_jobs_below_what_starts_them(machine):
    machine.ctl("set-state", "dark")
    machine.ctl("start", "web")
    machine.ctl("start", "pool", "N=a")
    machine.ctl("start", "pool", "N=b")
    machine.wait_status("stats", "start/running")
    pid, stats, a, b = [machine.pid_of(*job) for job in (["web"], ["stats"], ["pool", "N=a"], ["pool", "N=b"])]
    assert words(machine, "tree") == f"""\
boot
└─ mounts stop/waiting
   ├─ mounted
   │  └─ net stop/waiting
   │     └─ web start/running, process {pid}  [on started net]
   │        └─ stats start/running, process {stats}  [while web]
   │           └─ after stop/waiting  [on stopped stats]
   └─ net-up
      └─ net  [on net-up IFACE=eth0]  (above)
dark (state)
└─ stats  [while dark]  (above)
web-gone
└─ after  (above)
lamp stop/waiting
└─ stats  [while not lamp]  (above)
pool
   (a) start/running, process {a}
   (b) start/running, process {b}
ping stop/waiting
└─ pong stop/waiting  [on stopped ping]
   └─ ping  [on stopped pong]  (above)
"""
    assert "`- web start/running" in words(machine, "tree", "net", locale="C")


def test_tree_of_one_thing_and_what_leads_to_it(machine):
    assert words(machine, "tree", "stats") == "stats stop/waiting\n└─ after stop/waiting  [on stopped stats]\n"
    assert words(machine, "tree", "web-gone") == "web-gone\n└─ after stop/waiting\n"
    assert words(machine, "tree", "-r", "net") == """\
net stop/waiting
├─ mounted
│  └─ mounts stop/waiting
│     └─ boot
└─ net-up  [on net-up IFACE=eth0]
   └─ mounts  (above)
"""
    done = machine.command(INITCTL, "tree", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "initctl: Unknown job or event: nothing\n")
    assert machine.command(INITCTL, "tree", "-r").returncode == 1


def test_tree_as_json(machine):
    boot = json.loads(words(machine, "tree", "boot", "--json"))
    assert len(boot) == 1 and (boot[0]["kind"], boot[0]["name"], boot[0]["tie"]) == ("event", "boot", None)
    mounts = boot[0]["children"][0]
    assert (mounts["kind"], mounts["tie"], mounts["how"], mounts["instances"]) == ("job", "start", "boot", [])
    assert [(child["kind"], child["name"], child["tie"]) for child in mounts["children"]] == \
        [("event", "mounted", "emits"), ("event", "net-up", "emits")]
    again = mounts["children"][1]["children"][0]
    assert again["name"] == "net" and again["above"] and again["children"] == []


# ---- top ----

def test_top_counts_all_processes_of_an_instance(session):
    # A child, and one whose parent has gone: it is still in the session of the job.
    session.job("worker", "script\n  (sleep 1000 & )\n  sleep 1000 &\n  x=0\n  while [ $x -lt 200000 ]; do x=$((x + 1)); done\n  wait\n"
                        "end script\n")
    session.job("idle", SLEEP)
    session.job("never", SLEEP)
    session.wait_jobs(3)
    session.ctl("start", "worker")
    session.ctl("start", "idle")

    def top():
        return {one["job"]: one for one in json.loads(session.ctl("top", "--json"))}
    wait_for(lambda: top()["worker"]["process_count"] == 3 and top()["worker"]["cpu_percent"] > 0, "the processes")
    seen = top()
    assert set(seen) == {"worker", "idle"}
    assert seen["idle"]["process_count"] == 1 and seen["idle"]["processes"][0]["pid"] == session.pid_of("idle")
    assert seen["worker"]["memory"] > seen["idle"]["memory"] > 0
    assert seen["worker"]["cpu_percent"] > 0 and seen["worker"]["cpu_seconds"] > 0

    def order(*words):
        return [line.split()[-1] for line in session.ctl("top", *words).splitlines()[1:]]
    assert order("-s", "name") == ["idle", "worker"]
    for by in (["-s", "time"], ["-s", "cpu"], ["-s", "memory"], []):
        assert order(*by) == ["worker", "idle"], by
    head, *lines = session.ctl("top", "--sort", "name").splitlines()
    assert head.split() == ["PID", "PROCS", "%CPU", "TIME", "MEMORY", "STATE", "JOB"]
    assert [line.split()[1] for line in lines] == ["1", "3"]
    assert session.ctl("top", "-n", "2", "-d", "0.1").count("PROCS") == 2
    for wrong in (["-s", "wibble"], ["-d", "0"], ["-n", "x"]):
        assert session.command(INITCTL, "top", *wrong).returncode == 1


def read_until(fd, wanted, limit=LIMIT):
    text, end = b"", time.monotonic() + limit
    while wanted not in text:
        assert time.monotonic() < end, text
        if select.select([fd], [], [], 0.2)[0]:
            text += os.read(fd, 65536)
    return text


class Screen:
    """`initctl top` on a terminal of its own, which has shown its first picture."""

    def __init__(self, session):
        session.job("web", SLEEP)
        session.wait_job("web")
        session.ctl("start", "web")
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.top = subprocess.Popen([INITCTL, "top", "-d", "3600"], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                    env={**os.environ, "UPSTART_SESSION": session.address})
        read_until(self.master, b"web\r\n")
        assert termios.tcgetattr(self.slave)[3] & termios.ICANON == 0

    def close(self):
        self.top.kill()
        self.top.wait()
        os.close(self.master)
        os.close(self.slave)

    def press(self, key):
        """What has been typed is read."""
        os.write(self.master, key)
        wait_for(lambda: struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, b"1234"))[0] == 0, "the key to be read")

    def assert_end(self, status, text=b""):
        """It ends, and the terminal is in order; the text comes when it is."""
        seen = read_until(self.master, b"\033[?1049l")
        seen = seen[seen.index(b"\033[?1049l"):]
        if text not in seen:
            read_until(self.master, text)
        assert self.top.wait(timeout=LIMIT) == status
        assert termios.tcgetattr(self.slave) == self.before


@pytest.fixture
def screen(session):
    screen = Screen(session)
    yield screen
    screen.close()


def test_top_on_a_terminal_takes_keys_and_leaves_it_in_order(screen):
    os.write(screen.master, b"n")  # a key draws anew, long before it is time
    read_until(screen.master, b"web\r\n")
    os.write(screen.master, b"q")
    screen.assert_end(0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_top_on_a_terminal_is_ended_by_signals(screen, number):
    screen.top.send_signal(number)
    screen.assert_end(0)


def test_top_is_ended_by_a_signal_while_init_does_not_answer(session, screen):
    control = session.wait_servants()["upstart-control"]
    os.kill(control, signal.SIGSTOP)
    try:
        wait_for(lambda: process_state(control) == "T", "it to be stopped")
        screen.press(b"n")
        screen.top.send_signal(signal.SIGINT)
        screen.assert_end(0)
    finally:
        os.kill(control, signal.SIGCONT)


def test_top_shows_a_new_size_at_once(screen):
    fcntl.ioctl(screen.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    screen.top.send_signal(signal.SIGWINCH)  # it is not its controlling terminal
    read_until(screen.master, b"web\r\n")


def test_top_tells_errors_when_the_terminal_is_in_order(screen):
    resource.prlimit(screen.top.pid, resource.RLIMIT_NOFILE, (3, 3))
    screen.press(b"n")
    screen.assert_end(1, b"Unable to see what processes use")


def test_top_tells_of_a_lost_init_when_the_terminal_is_in_order(session, screen):
    session.kill_all()
    screen.press(b"n")
    screen.assert_end(1, b"initctl: ")


# ---- graph ----

def test_graph_for_graphviz_is_that_of_initctl2dot_and_the_whiles(session):
    session.job("web", "start on started net\nstop on runlevel [016]\nemits web-up\n" + SLEEP)
    session.job("net", "start on starting web or boot\n" + SLEEP)
    session.wait_jobs(2)
    drawn = session.command(INITCTL.parent / "initctl2dot", "--user", "-o", "-").stdout
    assert sorted(session.ctl("graph").splitlines()) == sorted(drawn.splitlines()) and "job_web" in drawn
    session.job("stats", "while web\n" + SLEEP)
    session.wait_jobs(3)
    assert '  job_web:job -> job_stats:start [color="purple"];' in session.ctl("graph").splitlines()


def test_graph_as_svg(machine):
    machine.job("odd", 'description "a < b & \\"c\\""\nstart on boot A="<&>"\n' + SLEEP)
    machine.wait_job("odd")
    machine.ctl("start", "web")
    root = ElementTree.fromstring(words(machine, "graph", "--svg"))
    boxes = {group.find(SVG + "text").text: group for group in root.iter(SVG + "g")}
    assert set(boxes) == {"after", "boot", "dark", "lamp", "mounted", "mounts", "net", "net-up", "odd", "ping", "pong", "pool", "runlevel",
                          "stats", "web", "web-gone"}
    assert boxes["web"].get("class") == "job up" and boxes["net"].get("class") == "job down"
    assert boxes["odd"].find(SVG + "title").text == 'a < b & "c"'

    def place(name, what):
        return float(boxes[name].find(SVG + "rect").get(what))
    for left, right in (pair.split() for pair in ("boot mounts", "mounts mounted", "mounted net", "net web", "web stats", "dark stats")):
        assert place(left, "x") + place(left, "width") < place(right, "x"), (left, right)
    rooms = [(place(name, "x"), place(name, "y")) for name in boxes]
    assert len(set(rooms)) == len(rooms)
    ties = {path.find(SVG + "title").text for path in root.iter(SVG + "path") if path.find(SVG + "title") is not None}
    assert {"web: start on started net", "web: stop on runlevel [016]", "stats: while not lamp", "mounts: emits net-up",
            "odd: start on boot A=<&>"} <= ties


def test_graph_as_svg_of_what_xml_forbids(session):
    session.job("odd", 'description "a\uffff\ufffe b\uffbf"\nstart on web\n' + SLEEP)
    session.wait_job("odd")
    root = ElementTree.fromstring(words(session, "graph", "--svg"))
    assert "a\ufffd\ufffd b\uffbf" in [title.text for title in root.iter(SVG + "title")]


def test_numbers_have_a_point_in_every_locale(machine):
    source = machine.path / "comma"
    source.write_text('LC_CTYPE\ncopy "POSIX"\nEND LC_CTYPE\n'
                      'LC_NUMERIC\ndecimal_point "<U002C>"\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n')
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-c", "-i", source, machine.path / "xx_XX"], capture_output=True, timeout=LIMIT)
    if not (machine.path / "xx_XX" / "LC_NUMERIC").exists():
        pytest.skip("no locale with a decimal comma can be made here")

    def comma(*command):
        return machine.command("env", f"LOCPATH={machine.path}", "LC_ALL=xx_XX", *command)
    assert comma("/usr/bin/printf", "%.1f", "1,5").stdout == "1,5"
    root = ElementTree.fromstring(comma(INITCTL, "graph", "--svg").stdout)
    places = [rect.get("x") for rect in root.iter(SVG + "rect") if rect.get("x")]
    assert len(places) >= 9 and all(float(x) >= 0 for x in places)
    done = comma(INITCTL, "top", "-n", "1", "-d", "0.5")
    assert (done.returncode, done.stderr) == (0, "")


def test_graph_of_some_jobs_and_as_json(machine):
    graph = json.loads(words(machine, "graph", "--json", "web"))
    names = [thing["name"] for thing in graph["things"]]
    assert sorted(names) == ["net", "runlevel", "stats", "web"]
    ties = {(names[tie["from"]], names[tie["to"]], tie["kind"], tie["how"]) for tie in graph["ties"]}
    assert ties == {("net", "web", "start", "started net"), ("runlevel", "web", "stop", "runlevel [016]"),
                    ("web", "stats", "while", "web")}
    done = machine.command(INITCTL, "graph", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "initctl: Unknown job: nothing\n")


def test_tree_too_deep_says_where_it_goes_on(session):
    for i in range(103):
        session.job(f"j{i:03}", f"start on started j{i - 1:03}\n" + SLEEP)
    session.wait_jobs(103)
    text = session.ctl("tree", "j000")
    assert "j100 stop/waiting" in text and "j101" not in text
    assert text.endswith("... too deep, see `initctl tree j100'\n")
    assert session.ctl("tree", "j100").count("\n") == 3
    one, depth = json.loads(session.ctl("tree", "--json", "j000"))[0], 0
    while one["children"]:
        assert one["cut"] is False
        one, depth = one["children"][0], depth + 1
    assert (depth, one["name"], one["cut"]) == (100, "j100", True)
