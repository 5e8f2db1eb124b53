# SPDX-License-Identifier: MIT
"""initctl report: one page with all that is known, in which what others wrote is text and nothing else."""

import collections
import html.parser
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import zlib

import pytest

from conftest import INIT, INITCTL, LIMIT, wait_for

SLEEP = "exec sleep 1000\n"
VOID = {"meta", "link", "br", "img", "input", "hr"}
CHROMIUM = shutil.which("chromium")
HOSTILE = "</pre></title><script>alert(1)</script>&amp;\"'"


class Page(html.parser.HTMLParser):
    """Elements with their attributes and text; refuses what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.root = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "inside": [one["tag"] for one in self.open], **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [one for one in self.elements if one["tag"] == tag and
                all(value in (one.get(name.rstrip("_")) or "").split() for name, value in attributes.items())]

    def section(self, name):
        found = [one for one in self.elements if one["tag"] == "section" and one.get("id") == name]
        return found[0]["text"] if found else None


def check(text):
    """It is sound, and leads nowhere."""
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")
    assert set(re.findall(r'[\w:-]+="\w+://[^"]*"', text)) <= {'xmlns="http://www.w3.org/2000/svg"'}
    assert not any(name in one for one in page.elements for name in ("src", "href", "xlink:href", "action", "onload", "onclick"))
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert all(one["text"].count("url(") == 0 and "@import" not in one["text"] for one in page.all("style"))
    assert "\x1b" not in text
    return page


@pytest.fixture
def failing(make_session):
    """A session in which jobs have failed: for good, and for a while."""
    s = make_session()
    s.job("web", "start on startup\n" + SLEEP)
    s.job("stats", "while web\n" + SLEEP)
    s.job("idle", SLEEP)
    s.job("bad", "start on startup\ntask\nconsole log\nscript\n  seq 1 100\n  printf 'it is \\033[31mred\\033[0m: <b>%s</b>\\ttab \\377\\n' '&amp;'\n"
                 "  exit 7\nend script\n")
    s.job("mute", "start on startup\ntask\nconsole none\nexec false\n")
    s.job("healed", f"start on startup\nconsole log\nscript\n  echo not yet\n  [ -e {s.path}/well ] || exit 3\n  exec sleep 1000\nend script\n")
    s.start(startup=True)
    s.wait_jobs(6)
    s.wait_status("stats", "start/running")
    for name in ("bad", "mute", "healed"):
        s.wait_status(name, "stop/waiting")
    wait_for(lambda: "it is" in s.command("cat", s.log / "bad.log", errors="replace").stdout, "the log of bad")
    (s.path / "well").touch()
    s.ctl("start", "healed")
    return s


def articles(page):
    return {one["text"].split("\n")[1]: one for one in page.all("article")}


def test_page_has_chart_graph_and_what_failed(failing):
    page = check(failing.ctl("report", "--html"))
    names = {one["text"] for one in page.all("text") if "svg" in one["inside"] and "name" in one.get("class", "")}
    assert {"web", "stats", "bad", "mute", "healed"} <= names and "idle" not in names
    assert len(page.all("svg", class_="chart")) == 1 and len(page.all("svg", class_="graph")) == 1
    assert page.all("path", class_="chain") and page.all("rect", class_="run")
    boxes = {one["text"]: one["class"] for one in page.all("g") if one.get("class", "").startswith("job")}
    assert (boxes["web"], boxes["idle"], boxes["bad"]) == ("job up", "job down", "job down") and len(boxes) == 6
    failed = articles(page)
    assert set(failed) == {"bad", "mute", "healed"}
    assert "over" in failed["healed"]["class"] and "over" not in failed["bad"]["class"]
    assert "Its main process failed" in failed["bad"]["text"]
    assert "2 jobs failed." in page.all("header")[0]["text"]
    assert page.all("style") and "prefers-color-scheme: dark" in page.all("style")[0]["text"]


def test_log_is_shown_from_its_end_as_text(failing):
    page = check(failing.ctl("report", "--html"))
    log = articles(page)["bad"]["text"].split("bad.log:\n", 1)[1].rstrip("\n").splitlines()
    assert log == [str(i) for i in range(62, 101)] + ["it is red: <b>&amp;</b>\ttab \ufffd"]
    assert "Nothing that it printed has been logged." in articles(page)["mute"]["text"]


def test_log_that_may_not_be_read_is_not_shown(failing):
    (failing.log / "bad.log").unlink()
    (failing.log / "bad.log").mkdir()
    page = check(failing.ctl("report", "--html"))
    assert f"Cannot read {failing.log}/bad.log: Is a directory" in articles(page)["bad"]["text"]


def test_report_goes_to_a_file_of_its_owner(failing):
    target = failing.path / "page.html"
    failing.env["TZ"] = "UTC"
    assert failing.ctl("report", "-o", str(target)) == ""
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    check(target.read_text())
    done = failing.command(INITCTL, "report", "-o", str(failing.path / "no" / "page.html"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"initctl: Cannot write {failing.path}/no/page.html: No such file or directory\n"
    done = failing.command(INITCTL, "report", "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (1, "initctl: Cannot write /dev/full: No space left on device\n")


def test_report_as_json(failing):
    told = json.loads(failing.ctl("report", "--json"))
    failed = {one["job"]: one for one in told["failed"]}
    assert set(failed) == {"bad", "mute", "healed"}
    assert failed["bad"]["log"].startswith("62\n") and failed["mute"]["log"] is None
    assert failed["healed"]["later"] is not None and failed["bad"]["later"] is None
    assert (told["degraded"], told["quarantined"], told["jobs"], told["running"]) == (None, [], 6, 3)
    assert told["version"] == failing.ctl("version").strip()


def test_hostile_names_stay_text(make_session):
    s = make_session()
    s.job("many", f'description "{HOSTILE[:-2]}"\ninstance $N\nstart on go\nconsole log\ntask\nscript\n  echo "$N"\n  exit 1\nend script\n')
    s.job("a<b>&'c", "start on never <!--\n" + SLEEP)
    s.start()
    s.wait_jobs(2)
    s.command(INITCTL, "emit", "go", f"N={HOSTILE}\x1b[31m")
    told = json.loads(s.ctl("report", "--json"))
    assert [one["instance"] for one in told["failed"]] == [f"{HOSTILE}\x1b[31m"]
    text = s.ctl("report", "--html")
    page = check(text)
    assert list(articles(page)) == [f"many ({HOSTILE}\\x1b[31m)"]
    assert "a<b>&'c" in {one["text"] for one in page.all("text")}
    assert any(one["text"] == HOSTILE[:-2] for one in page.all("title"))


def faulty(s, **faults):
    s.program = INIT.parent / "init-faulty"
    s.job("x<y", SLEEP)
    s.start(env={f"UPSTART_TEST_{name}_AT": where for name, where in faults.items()})
    s.wait_jobs(1)
    s.ctl("start", "x<y")
    os.kill(s.pid_of("x<y"), signal.SIGKILL)
    s.wait_status("x<y", "quarantined")
    return check(s.ctl("report"))


def test_quarantine_is_told(make_session):
    page = faulty(make_session(), CRASH="EXITED")
    assert page.section("degraded") is None
    assert "x<y\nIn quarantine until initctl reset: init crashed twice over the end of its main process" in page.section("quarantine")
    assert "1 in quarantine." in page.all("header")[0]["text"]


def test_degradation_is_told(make_session):
    s = make_session()
    page = faulty(s, BREAK="EXITED")
    assert s.ctl("version").split(" degraded: ", 1)[1].strip() in page.section("degraded")
    assert page.section("quarantine") and "init is degraded." in page.all("header")[0]["text"]


def test_nothing_is_wrong(session):
    session.job("x", SLEEP)
    session.wait_jobs(1)
    page = check(session.ctl("report"))
    assert page.section("degraded") is None and page.section("quarantine") is None
    assert "Nothing is wrong." in page.all("header")[0]["text"] and "Nothing has." in page.section("failed")
    assert session.ctl("version").strip() in page.section("versions")


def pixels(path):
    """The colours of a picture of Chromium's (PNG, 8 bits, not interlaced), and how many pixels have each."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    size = {2: 3, 6: 4}[kind]
    assert (depth, interlaced) == (8, 0)
    packed, at = b"", 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, stride = zlib.decompress(packed), width * size
    above, found = bytes(stride), collections.Counter()
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        how = raw[y * (stride + 1)]
        for i in range(stride) if how else ():
            left, corner = (line[i - size], above[i - size]) if i >= size else (0, 0)
            near = left + above[i] - corner
            paeth = min((left, above[i], corner), key=lambda v: abs(near - v))
            line[i] = line[i] + (0, left, above[i], (left + above[i]) // 2, paeth)[how] & 0xff
        found.update(bytes(line[i:i + 3]).hex() for i in range(0, stride, size))
        above = line
    return found


@pytest.mark.skipif(not CHROMIUM, reason="chromium is missing")
@pytest.mark.skipif("UPSTART_TEST_LONG" not in os.environ, reason="a browser takes a while: UPSTART_TEST_LONG")
def test_browser_shows_it(failing, tmp_path):
    target = failing.path / "page.html"
    failing.ctl("report", "--html", "-o", str(target))

    def browser(*words):
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                               "--disable-background-networking", "--disable-component-update", "--disable-sync",
                               "--enable-logging=stderr", f"--user-data-dir={tempfile.mkdtemp(dir=tmp_path)}", *words, f"file://{target}"],
                              capture_output=True, text=True, timeout=4 * LIMIT, cwd=tmp_path)
        assert "CONSOLE" not in done.stderr, done.stderr
        return done.stdout
    picture = tmp_path / "page.png"
    browser("--window-size=1400,1800", "--force-color-profile=srgb", f"--screenshot={picture}")
    seen = pixels(picture)
    # Bars of the chart, its critical chain, boxes of jobs that run; the list of what failed.
    style = target.read_text()
    for rule in (r"\.chart \.run { fill: #(\w{6}) }", r"\.chart \.chain { [^}]*stroke: #(\w{6});", r"\.graph \.up rect { fill: #(\w{6}) }", r"--bad: #(\w{6})"):
        colour = re.search(rule, style)
        assert colour, rule
        assert seen[colour[1]] > 100, (rule, seen.most_common(20))
    # A browser mends what is not sound: what it has made of it is what was written.
    ours, made = Page(style), Page(browser("--dump-dom"))
    assert [one["tag"] for one in made.elements if one["tag"] != "tbody"] == [one["tag"] for one in ours.elements]
