# SPDX-License-Identifier: MIT
"""Help texts, manual pages, completion and the library's header say the same as the programs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from fake_init import FakeInit, Job  # noqa: E402

BUILD = pathlib.Path(os.environ.get("UPSTART_BUILD", ROOT / "build")).resolve()
INITCTL = BUILD / "src" / "initctl" / "initctl"
PAGES = sorted((ROOT / "man").glob("*.[1-8]"))
LINKS = ["reload", "restart", "start", "status", "stop"]

pytestmark = pytest.mark.skipif(not INITCTL.exists(), reason="initctl is not built")
needs_mandoc = pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is missing")


def output(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, **more).stdout


def help_of(program, *command):
    """Operands and options: {"--long" or "-x": whether it takes an argument}."""
    text = output(program, *command, "--help", env={"COLUMNS": "500"})
    usage = text.splitlines()[0]
    options = {}
    for line in text.split("\nOptions:\n")[1].split("\n\n")[0].splitlines():
        match = re.match(r"  (?:(-.)(?:, )?|    )?(?:(--[a-z-]+))?(=\S+| [A-Z]\S+)?", line)
        for name in filter(None, match.groups()[:2]):
            options[name] = bool(match.group(3))
    return usage.split(" [OPTION]...", 1)[1].strip(), options


def commands():
    if not INITCTL.exists():
        return []
    return [line.split()[0] for line in output(INITCTL, "help").splitlines() if re.match(r"  \S", line)]


def render(page):
    text = output("mandoc", "-Tascii", "-O", "width=500", page)
    return re.sub(".\x08", "", text)


GLOBAL = {"--user", "--session", "--system", "--dest", "-q", "--quiet", "-v", "--verbose", "--help", "--version"}


@needs_mandoc
@pytest.mark.parametrize("command", commands())
def test_manual_page_has_the_command(command):
    operands, options = help_of(INITCTL, command)
    lines = [line.strip() for line in render(ROOT / "man" / "initctl.8").splitlines()]
    items = [line for line in lines if re.match(re.escape(command) + r"( \[| [A-Z]|$|  )", line)]
    assert items, "no entry"
    head = items[0].split("  ")[0]
    for option in set(options) - GLOBAL:
        assert option.lstrip("-") in re.findall(r"[a-z][a-z-]*", head.replace("[", " ").replace("=", " ")), option
    plain = re.sub(r"\[-[^\]]*\] ?", "", head[len(command):]).strip()
    assert plain == operands


# They print nothing but errors.
SILENT = {"clear-state", "emit", "notify-cgroup-manager-address", "notify-dbus-address", "notify-disk-writeable", "reload",
          "reload-configuration", "reset-env", "set-env", "set-state", "unset-env"}


def test_all_commands_that_print_have_json():
    assert {command for command in commands() if "--json" not in help_of(INITCTL, command)[1]} == SILENT


@needs_mandoc
@pytest.mark.parametrize("name, program", [("initctl", INITCTL), ("telinit", BUILD / "src/sysv/telinit"),
                                           ("runlevel", BUILD / "src/sysv/runlevel"),
                                           ("init", BUILD / "src/init/init")])
def test_manual_page_has_the_options(name, program):
    if not program.exists():
        pytest.skip("not built")
    text = render(ROOT / "man" / (name + ".8"))
    offered = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", output(program, "--help", env={"COLUMNS": "500"})))
    described = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", text))
    assert offered - described == set()


@needs_mandoc
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_page_is_sound(page):
    done = subprocess.run(["mandoc", "-Tlint", str(page)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "mandoc.db" not in line and
                  "referenced manual not found" not in line]
    assert complaints == []


@needs_mandoc
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_page_has_the_hyphen_of_every_option(page):
    """After an argument a flag must be said to be one again."""
    items = [line for line in render(page).splitlines() if re.match(r" +-\S", line)]
    assert [line for line in items if re.search(r"^ +-[^ ,]+( [^ ,]+)?(, [^ ,]+( [A-Z]+)?)*, [A-Za-z](,| [A-Z]|$)", line)] == []


STANZAS = """apparmor load|apparmor switch|author|cgroup|chdir|chroot|console|debug|description|emits|env|exec|expect
export|instance|kill signal|kill timeout|limit|manual|nice|normal exit|oom|oom score|post-start|pre-stop|pre-start|post-stop
reload signal|respawn|respawn limit|script|setgid|setuid|start on|stop on|task|umask|usage|version"""


@needs_mandoc
@pytest.mark.parametrize("stanza", STANZAS.replace("\n", "|").split("|"))
def test_manual_page_has_the_stanza(stanza):
    lines = [line.strip() for line in render(ROOT / "man" / "init.5").splitlines()]
    assert any(re.match(re.escape(stanza) + r"( |$)", line) for line in lines)


# ---- completion ----

@pytest.fixture(scope="module")
def init():
    jobs = [Job("web", emits=["web-up", "x-*"]), Job("tty", key="DEV", start_on=[["tty-added"]]), Job("net/eth")]
    with FakeInit(jobs) as init:
        yield init


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    for name in ["initctl", *LINKS]:
        (folder / name).symlink_to(INITCTL)
    return "%s:%s" % (folder, os.environ["PATH"])


BASH = """. %s/completions/bash/initctl; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _upstart_initctl
          printf '%%s\\n' "${COMPREPLY[@]}" """ % ROOT
# Its own completion widgets do not run without a terminal: what would be offered is printed.
ZSH = """compadd() {
             local tail=
             [[ $1 == -S ]] && { tail=$2; shift 2; }
             case $1 in
             (-a) print -rl -- ${(P)^2}$tail ;;
             (--) print -rl -- ${@[2,-1]} ;;
             (*) print -rl -- $@ ;;
             esac
         }
         _files() { print -l -- $words[CURRENT]*(N) }
         words=("$@"); CURRENT=$#words
         . %s/completions/zsh/_initctl | grep -- "^$words[CURRENT]" """ % ROOT
FISH = """source %s/completions/fish/initctl.fish; complete -C (string join ' ' -- $argv) | string replace -r '\\t.*' '' """ % ROOT
SHELLS = {"bash": ["bash", "--norc", "-c", BASH, "bash"], "zsh": ["zsh", "-f", "-c", ZSH, "zsh"], "fish": ["fish", "--no-config", "-c", FISH]}


def completer(shell, address, path, home):
    """What a shell offers for the last word."""
    if not shutil.which(shell):
        pytest.skip("there is no " + shell)

    def complete(*words, lines=False):
        done = subprocess.run([*SHELLS[shell], *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={"PATH": path, "UPSTART_SESSION": address, "LC_ALL": "C.UTF-8", "HOME": str(home)}, cwd=home)
        assert done.stderr == ""
        return sorted(set(done.stdout.splitlines() if lines else done.stdout.split()))
    complete.shell = shell
    return complete


@pytest.fixture(params=list(SHELLS))
def complete(init, path, request, tmp_path):
    return completer(request.param, init.address, path, tmp_path)


def test_completion_offers_all_commands(complete):
    assert complete("initctl", "") == sorted(commands())
    assert complete("initctl", "--user", "no") == sorted(c for c in commands() if c.startswith("no"))


@pytest.mark.parametrize("command", commands())
def test_completion_offers_the_options(complete, command):
    _, options = help_of(INITCTL, command)
    if complete.shell == "fish":  # asked for short ones it offers how they go on
        assert set(complete("initctl", command, "--")) == {name + ("=" if takes else "") for name, takes in options.items()
                                                          if name.startswith("--")}
        return
    expected = sorted(name + ("=" if takes and name.startswith("--") else "") for name, takes in options.items())
    assert complete("initctl", command, "-") == expected
    if command in LINKS:
        assert complete(command, "-") == expected


def test_completion_offers_jobs_and_events(complete, init, path):
    def initctl(*words):
        output("initctl", *words, env={"PATH": path, "UPSTART_SESSION": init.address})

    initctl("start", "web")
    initctl("start", "tty", "DEV=1")
    assert complete("start", "") == ["net/eth", "tty"]
    assert complete("initctl", "stop", "") == ["tty", "web"]
    assert complete("restart", "w") == ["web"]
    assert complete("initctl", "status", "") == ["net/eth", "tty", "web"]
    assert complete("initctl", "show-config", "-e", "n") == ["net/eth"]
    assert complete("start", "tty", "") == []
    assert complete("initctl", "emit", "-n", "") == ["tty-added", "web-up"]
    assert complete("initctl", "check-config", "-i", "") == ["tty-added", "web-up"]
    assert complete("initctl", "get-env", "") == ["PATH", "TERM"]
    assert complete("initctl", "set-env", "A=1", "P") == ["PATH="]
    assert complete("initctl", "log-priority", "") == ["debug", "error", "fatal", "info", "message", "warn"]
    assert complete("initctl", "tree", "") == ["net/eth", "tty", "tty-added", "web", "web-up"]
    assert complete("initctl", "tree", "-r", "web", "") == []
    assert complete("initctl", "graph", "web", "t") == ["tty"]
    for option in "-s", "--sort":
        assert complete("initctl", "top", option, "") == ["cpu", "memory", "name", "time"]
    # Where words end is for each shell to say.
    assert complete("initctl", "top", *(["--sort", "=", "m"] if complete.shell == "bash" else ["--sort=m"])) == \
        ["memory" if complete.shell == "bash" else "--sort=memory"]
    folder = pathlib.Path(path.split(":")[0])
    assert complete("initctl", "report", "-o", f"{folder}/initc") == [f"{folder}/initctl"]
    assert complete("initctl", "version", "") == []
    initctl("stop", "web")
    initctl("stop", "tty", "DEV=1")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_offers_instances_and_states_of_others(session, path, shell, tmp_path):
    complete = completer(shell, session.address, path, tmp_path)
    session.job("tty", "instance $DEV\nexec sleep 1000\n")
    session.job("web", "exec sleep 1000\n")
    session.wait_jobs(2)
    session.ctl("start", "web")
    for device in "c1", "c2":
        session.ctl("start", "tty", f"DEV={device}")
    session.ctl("set-state", "lan", "IFACE=eth0")
    for command in "explain", "log":
        assert complete("initctl", command, "tty", "") == ["c1", "c2"]
        assert complete("initctl", command, "web", "") == []
        assert complete("initctl", command, "tty", "c1", "") == []
    for command in "stop", "status":
        assert complete("initctl", command, "tty", "") == ["DEV=c1", "DEV=c2"]
        assert complete(command, "tty", "") == ["DEV=c1", "DEV=c2"]
        assert complete("initctl", command, "web", "") == []
    for command in "set-state", "clear-state":
        assert complete("initctl", command, "") == ["lan"]
    assert complete("initctl", "list-states", "") == ["lan", "tty", "web"]
    assert complete("initctl", "plan", "start", "") == ["tty", "web"]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_expands_nothing_of_names(session, path, shell, tmp_path):
    """Others have chosen the names of jobs and instances: to look at them must run nothing, and match no files."""
    names = ["$(id >PWNED)", "`id >PWNED`", "*", "a b", "~", "$HOME"]
    complete = completer(shell, session.address, path, tmp_path)
    session.job("tty", "instance $DEV\nexec sleep 1000\n")
    session.job("z$(id>PWNED)", "exec sleep 1000\n")
    session.job("z *", "exec sleep 1000\n")
    session.wait_jobs(3)
    for name in names:
        session.ctl("start", "tty", f"DEV={name}")

    def as_inserted(words):
        # zsh and fish quote themselves, on the command line; fish's -C tells words as they are.
        if shell != "bash":
            return sorted(words)
        return sorted(output("bash", "-c", 'printf "%q\\n" "$@"', "bash", *words).splitlines())

    for command in "explain", "log":
        assert complete("initctl", command, "tty", "", lines=True) == as_inserted(names)
    assert complete("initctl", "status", "tty", "", lines=True) == as_inserted(["DEV=" + name for name in names])
    assert complete("initctl", "explain", "z", lines=True) == as_inserted(["z$(id>PWNED)", "z *"])
    assert complete("initctl", "explain", r"z\$", lines=True) == as_inserted(["z$(id>PWNED)"])
    assert complete("start", "z", lines=True) == as_inserted(["z$(id>PWNED)", "z *"])
    assert not (tmp_path / "PWNED").exists()


def test_completion_without_init_is_quiet(path):
    script = ". %s; COMP_WORDS=(start ''); COMP_CWORD=1; _upstart_initctl; echo ${#COMPREPLY[@]}" \
        % (ROOT / "completions" / "bash" / "initctl")
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60,
                          env={"PATH": path, "UPSTART_SESSION": "unix:abstract=/nobody"})
    assert (done.stdout, done.stderr) == ("0\n", "")


# ---- library ----

HEADER = ROOT / "src" / "libupstart" / "upstart.h"


def test_library_exports_what_the_header_declares():
    library = BUILD / "src" / "libupstart" / "libupstart.so"
    if not library.exists() or not shutil.which("nm"):
        pytest.skip("no library, or no nm")
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    declared = set(re.findall(r"\b(upstart_\w+)\(", text))
    exported = set(re.findall(r" T (\w+)@@UPSTART_2\b", output("nm", "-D", "--defined-only", library)))
    assert declared == exported
    assert "upstart_connect" in exported


@pytest.mark.parametrize("compiler, language", [("cc", "c"), ("c++", "c++")])
def test_header_stands_alone(compiler, language):
    if not shutil.which(compiler):
        pytest.skip("no " + compiler)
    done = subprocess.run([compiler, "-x", language, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                           "-include", str(HEADER), "/dev/null"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
