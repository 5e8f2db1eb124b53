# SPDX-License-Identifier: MIT
"""init --check and init-checkconf: job files are read, nothing is run."""

import json
import os
import pathlib
import socket
import subprocess

import pytest

from conftest import BUILD, INIT, LIMIT, ROOT

CHECKCONF = BUILD / "src" / "init" / "init-checkconf"


def run(*words, cwd=None, env=None):
    return subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, timeout=LIMIT,
                          env={**os.environ, "LC_ALL": "C", **(env or {})})


def check(*words, cwd=None):
    return run(INIT, "--check", *words, cwd=cwd)


@pytest.fixture(autouse=True)
def built():
    if not INIT.exists():
        pytest.skip("init is not built")


@pytest.fixture
def files(tmp_path):
    """files({name: text}): written below a directory, which is given back."""
    def write(texts):
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path
    return write


def test_right_file_says_nothing(files):
    done = check(files({"a.conf": "exec true\n"}) / "a.conf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_errors_of_a_file_at_once_with_columns(files):
    where = files({"a.conf": "nice 99\ntask\n  umask x # y\nexec \"oops\n"})
    done = check("a.conf", cwd=where)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "a.conf:1:6: Illegal nice value, expected -20 to 19: 99",
        "a.conf:3:9: Illegal file creation mask, expected octal integer: x",
        "a.conf:4:6: Unterminated quoted string: \"oops"]


def test_verbose_shows_line_and_caret(files):
    done = check("--verbose", "a.conf", cwd=files({"a.conf": "task\n\tnice\t99\n"}))
    assert done.stderr.splitlines() == ["a.conf:2:7: Illegal nice value, expected -20 to 19: 99", "    \tnice\t99", "    \t    \t^",
                                        "1 files, 1 errors, 0 warnings"]


@pytest.mark.parametrize("text, says", [
    ("exec /bin/x --o=a#b\n", "'#' directly after a word starts a comment, quote it if it belongs to the word: #b"),
    ("start on a or b and c\n", "'and' and 'or' have equal precedence, use parentheses: and"),
    ("env =x\n", "Variable without a name has no effect: =x"),
    ("export A=1\n", "Only names can be exported, so this has no effect: A=1"),
    ("env A=1\nexport A B\n", "Exported, but nothing here sets it: B"),
    ("while n I=* and b X=$J\n", "Nothing here binds this variable: J"),
    ("exec echo \\$HOME\n", "Taken as written; before 2.0 a backslash after a blank was garbled: \\$"),
    ("respawn limit 1 2\n", "Respawn limit has no effect without respawn"),
    ("respawn delay 1\n", "Respawn delay has no effect without respawn"),
    ("watchdog 30\n", "Watchdog has no effect without 'expect notify'"),
    ("expect timeout 5\n", "Expect timeout has no effect without another 'expect'"),
    ("log keep 5\n", "Log keep has no effect without 'log max-size' or 'log max-age'"),
    ("log compress none\n", "Log compress has no effect without 'log max-size' or 'log max-age'"),
    ("exec a\n\nscript\nend script\n", "Takes the place of the exec or script above, only the last one counts: script"),
    ("start on started a && started b\n", "Read as a name or an argument, not as an operator; quote it if that is meant: &&"),
    ("manual task\n", "Text after this keyword is read as another stanza: manual"),
    ("normal exit 300\n", "Exit status above 255 cannot occur: 300"),
    ("limit core 2 1\n", "Soft limit is above the hard limit: core"),
    ("namespace net\n", "Understood, but this version does nothing with it yet: namespace"),
])
def test_warnings_are_no_errors(files, text, says):
    done = check("a.conf", cwd=files({"a.conf": text}))
    assert done.returncode == 0
    assert f"warning: {says}" in done.stderr


def test_directory_is_walked_and_overrides_are_read(files):
    where = files({"d/good.conf": "exec true\n", "d/good.override": "nice 77\n", "d/sub/bad.conf": "wibble\n", "d/sub/lone.override": "foo\n",
                   "d/ignored.txt": "wibble\n", "d/.hidden.conf": "wibble\n", "d/RCS/x.conf": "wibble\n"})
    done = check("d", cwd=where)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["d/good.override:1:6: Illegal nice value, expected -20 to 19: 77",
                                        "d/sub/bad.conf:1:1: Unknown stanza: wibble", "d/sub/lone.override:1:1: Unknown stanza: foo"]


def test_override_alone_is_checked_with_its_file(files):
    where = files({"a.conf": "wibble\n", "a.override": "task\n"})
    assert check("a.override", cwd=where).stderr.startswith("a.conf:1:1: Unknown stanza")


def test_nul_and_unreadable_and_missing(files):
    where = files({"nul.conf": b"task\nauthor a\0b\n"})
    assert "nul.conf:2:9: Unexpected NUL byte" in check("nul.conf", cwd=where).stderr
    done = check("none.conf", cwd=where)
    assert (done.returncode, done.stderr) == (1, "none.conf: No such file or directory\n")
    done = check()
    assert done.returncode == 1 and "needs a file" in done.stderr


def test_what_is_no_file_is_named_and_left_out(files):
    where = files({"d/a.conf": "exec true\n", "real": "wibble\n"})
    os.mkfifo(where / "d" / "fifo.conf")
    os.mkfifo(where / "d" / "a.override")
    (where / "d" / "link.conf").symlink_to("..")
    (where / "d" / "hidden.conf").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(where / "d" / "socket.conf"))
    done = check("--verbose", "d", cwd=where)
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if not line.startswith("init:")] == [
        *(f"d/{name}.conf: warning: This is {what}, no regular file, and is left out"
          for name, what in (("fifo", "a FIFO"), ("link", "a directory"), ("socket", "a socket"))), "4 files, 0 errors, 3 warnings"]
    assert "d/a.override: This is a FIFO, no regular file, and is left out\n" in done.stderr
    told = json.loads(check("--json", "d", cwd=where).stdout)
    assert [(issue["severity"], issue["id"]) for file in told["files"] for issue in file["issues"]] == 3 * [("warning", "UNREADABLE")]
    done = check("d/fifo.conf", cwd=where)
    assert (done.returncode, done.stderr) == (1, "d/fifo.conf: This is a FIFO, no regular file\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give up power")
def test_directory_that_cannot_be_read_is_an_error(files):
    where = files({"d/a.conf": "exec true\n", "d/closed/in.conf": "exec true\n", "d/z.conf": "wibble\n"})
    (where / "d" / "closed").chmod(0)
    caps = "-dac_override,-dac_read_search"
    done = run("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}", INIT, "--check", "d", cwd=where)
    (where / "d" / "closed").chmod(0o755)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["d/closed: Permission denied", "d/z.conf:1:1: Unknown stanza: wibble"]


def test_json(files):
    where = files({"a.conf": "nice 99\nexport A=\"x\\y\"\n", "b.conf": "task\n"})
    done = check("--json", ".", cwd=where)
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (told["ok"], told["errors"], told["warnings"]) == (False, 1, 1)
    a, b = told["files"]
    assert (a["job"], a["ok"], b["job"], b["ok"], b["issues"]) == ("a", False, "b", True, [])
    assert a["issues"][0] == {"line": 1, "column": 6, "path": "./a.conf", "severity": "error", "id": "ILLEGAL_NICE",
                              "message": "Illegal nice value, expected -20 to 19", "word": "99"}
    assert a["issues"][1]["severity"] == "warning"
    assert a["issues"][1]["word"] == "A=\"x\\y\""


def test_what_could_stand_there(files):
    where = files({"a.conf": "console foo\nkill signal SIGHUB\n"})
    assert check("a.conf", cwd=where).stderr.splitlines() == ["a.conf:1:9: Unknown stanza: foo (expected none, log, output or owner)",
                                                              "a.conf:2:13: Illegal signal status, expected integer: SIGHUB (perhaps HUP)"]
    told = json.loads(check("--json", "a.conf", cwd=where).stdout)
    assert [issue["hint"] for issue in told["files"][0]["issues"]] == ["expected none, log, output or owner", "perhaps HUP"]


def test_json_is_valid_whatever_a_file_holds(files):
    where = files({"a.conf": b"nice \xff\xfe\x01\n\xc3\xa9t\xc3\xa9 \"\\\n", "caf\u00e9.conf": "task\n"})
    told = json.loads(check("--json", ".", cwd=where).stdout)
    assert [issue["word"] for issue in told["files"][0]["issues"]] == ["\ufffd\ufffd?", "\u00e9t\u00e9"]
    assert told["files"][1]["job"] == "caf\u00e9"


def test_scripts_are_shown_to_the_shell_and_not_run(files):
    where = files({"a.conf": "pre-start script\n  touch ran\n  if true\nend script\nexec echo 'a' \"$(b\"\n", "b.conf": "exec echo $X && y\n",
                   "c.conf": "script\n touch ran\nend script\n"})
    done = check("--shell", "a.conf", cwd=where)
    assert done.returncode == 1
    assert "a.conf: shell syntax invalid in pre-start section:\n" in done.stderr
    assert "a.conf: shell syntax invalid in exec section:\n" in done.stderr
    assert check("--shell", "b.conf", "c.conf", cwd=where).returncode == 0
    assert not (where / "ran").exists()


def test_shipped_jobs_are_right():
    done = check("--shell", ROOT / "jobs" / "system", ROOT / "jobs" / "session", ROOT / "docs" / "examples")
    assert done.returncode == 0, done.stderr


# -- init-checkconf: the cases H of the old tool


@pytest.fixture
def fixtures(files):
    return files({"good.conf": "exec sleep 9\n", "bad.conf": "exec sleep 9\nwibble\n", "sh.conf": "script\nif true\nend script\n",
                  "good.txt": "exec sleep 9\n", "good.override": "task\n", "over.conf": "task\n", "over.override": "nice x\n"})


def checkconf(*words, **options):
    return run("/bin/sh", CHECKCONF, "-x", INIT, "-i", "initctl", *words, **options)


def test_checkconf_right(fixtures):
    done = checkconf(fixtures / "good.conf")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"File {fixtures}/good.conf: syntax ok\n", "")
    assert checkconf("good.conf", cwd=fixtures).stdout == "File good.conf: syntax ok\n"
    assert checkconf("-f", fixtures / "good.override").returncode == 0


@pytest.mark.parametrize("words, says", [
    (["bad.conf"], "File bad.conf: syntax invalid:\ninit:bad.conf:2: Unknown stanza"),
    (["over.conf"], "File over.conf: syntax invalid:\ninit:over.override:1: Illegal nice value, expected -20 to 19"),
    (["none.conf"], "File none.conf does not exist"),
    (["good.txt"], "File must end in .conf"),
    ([], "Must specify configuration file"),
    (["-x", "/no/init", "good.conf"], "Path /no/init does not exist"),
    (["-x", "./good.txt", "good.conf"], "File ./good.txt not executable"),
])
def test_checkconf_wrong(fixtures, words, says):
    done = checkconf(*words, cwd=fixtures)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ERROR: {says}\n")


@pytest.mark.parametrize("script, says", [
    ("exit 0", "version of {} too old"),
    ("exit 1", "version of {} too old"),
    ("echo 'tool (GNU coreutils) 9.1'", "version of {} too old"),
    ("cat", "version of {} too old"),
    ("[ $1 != --version ] || echo 'init (upstart 1.13.2)'", "{} too old"),
])
def test_checkconf_asks_no_other_program(fixtures, script, says):
    other = fixtures / "other"
    other.write_text(f"#!/bin/sh\n{script}\n")
    other.chmod(0o755)
    for name in "good.conf", "bad.conf":
        done = checkconf("-x", other, name, cwd=fixtures)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ERROR: {says.format(other)}\n")


def test_checkconf_shell(fixtures):
    done = checkconf("sh.conf", cwd=fixtures)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first == "ERROR: File sh.conf: shell syntax invalid in script section:"
    if pathlib.Path("/bin/sh").resolve().name == "dash":
        assert second == '/bin/sh: 4: Syntax error: end of file unexpected (expecting "then")'
    assert checkconf("--noscript", "sh.conf", cwd=fixtures).stdout == "File sh.conf: syntax ok\n"


def test_checkconf_leaves_nothing_behind_and_has_help(fixtures, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    checkconf("sh.conf", cwd=fixtures, env={"TMPDIR": str(scratch)})
    assert list(scratch.iterdir()) == []
    done = checkconf("--help")
    assert done.returncode == 0 and "--noscript" in done.stdout
    assert checkconf("--nonsense").returncode == 1


# -- init-checkconf --fix

PAIR = b"# Mine.\n\nstart on started bar  # when bar runs\nstop on stopping bar\nexec foo\xff\n"
FIXED = b"# Mine.\n\nwhile bar  # when bar runs\nexec foo\xff\n"


def test_fix_rewrites_the_file_in_one_step(tmp_path):
    target, link = tmp_path / "real" / "foo.conf", tmp_path / "foo.conf"
    target.parent.mkdir()
    target.write_bytes(PAIR)
    target.chmod(0o640)
    link.symlink_to(target)
    done = checkconf("--fix", link)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"File {link}: syntax ok\nfoo.conf: `while bar' instead of `start on started bar' and `stop on stopping bar'\n")
    assert "UPSTART_STATES" in done.stdout
    assert target.read_bytes() == FIXED
    assert target.stat().st_mode & 0o7777 == 0o640
    assert link.is_symlink()
    assert [path.name for path in target.parent.iterdir()] == ["foo.conf"]
    assert checkconf("--fix", link).stdout == f"File {link}: syntax ok\n"
    assert target.read_bytes() == FIXED


def test_fix_leaves_alone_what_it_can_not_know(tmp_path):
    target = tmp_path / "foo.conf"
    for text, override, says in ((PAIR, "manual\n", "its override says more of it"),
                                 (PAIR + b"instance $N\n", None, "it has instances")):
        target.write_bytes(text)
        if override:
            (tmp_path / "foo.override").write_text(override)
        assert f"foo.conf: not rewritten: {says}\n" in checkconf("--fix", target).stdout
        assert target.read_bytes() == text
        (tmp_path / "foo.override").unlink(missing_ok=True)
    target.write_bytes(PAIR + b"nonsense\n")
    assert checkconf("--fix", target).returncode == 1
    assert target.read_bytes() == PAIR + b"nonsense\n"
