# SPDX-License-Identifier: MIT
"""init(5) and the editor files know every stanza, and the examples in the manual are right."""

import re
import subprocess

import pytest

from conftest import BUILD, INIT, LIMIT, ROOT

LIST = BUILD / "tests" / "unit" / "job" / "list_stanzas"
NOT_YET = "Understood, but this version does nothing with it yet"


@pytest.fixture(scope="module")
def stanzas():
    """Pairs of first and second word, the second may be empty."""
    if not LIST.exists():
        pytest.skip("list_stanzas is not built")
    lines = subprocess.run([LIST], capture_output=True, text=True, check=True, timeout=LIMIT).stdout.splitlines()
    return [tuple(line.split("\t")[:2]) for line in lines]


def plain(text):
    for escape, char in (("\\(ga", "`"), ("\\(dq", '"'), ("\\(aq", "'"), ("\\-", "-"), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(escape, char)
    return text


def examples(section):
    """The literal blocks of a section of init(5)."""
    manual = (ROOT / "man" / "init.5").read_text()
    body = re.search(rf"^\.Sh {section}\n(.*?)(?=^\.Sh |\Z)", manual, re.S | re.M).group(1)
    return [plain(block) for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", body, re.S | re.M)]


def test_examples_of_the_manual_are_right(tmp_path):
    blocks = examples("EXAMPLES")
    assert len(blocks) >= 5
    for i, block in enumerate(blocks):
        (tmp_path / f"{i}.conf").write_text(block)
    done = subprocess.run([INIT, "--check", tmp_path], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    surprising = [line for line in done.stderr.splitlines() if "warning:" in line and NOT_YET not in line]
    assert surprising == []


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "man").glob("*.7")))
def test_examples_of_event_pages_are_right(page, tmp_path):
    """Lines and blocks of section 7 are stanzas, each by itself a part of a job file."""
    body = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh |\Z)", (ROOT / "man" / page).read_text(), re.S | re.M)
    found = [plain(text) for line, block in re.findall(r"^\.Dl ([^\n]*)$|^\.Bd -literal[^\n]*\n(.*?)^\.Ed", body[1] if body else "", re.M | re.S)
             for text in (line or block,)]
    if not found:
        pytest.skip("it shows no stanza")
    for i, text in enumerate(found):
        (tmp_path / f"x{i}.conf").write_text(text + ("\n" if "exec " in text else "\nexec true\n"))
    done = subprocess.run([INIT, "--check", tmp_path], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, ""), found


def test_examples_of_the_manual_show_every_stanza(stanzas):
    lines = "\n".join(examples("EXAMPLES"))
    missing = [" ".join(pair).strip() for pair in stanzas
               if not re.search(rf"^\s*{pair[0]}{chr(92) + 's+' + pair[1] if pair[1] else ''}(\s|$)", lines, re.M)]
    assert missing == []


def test_the_manual_describes_every_stanza(stanzas):
    """As an item of one of its lists."""
    items = [re.sub(r"\b(Cm|Ar|Op|Oo|Oc|Ns|Li|It)\b", " ", line).split()
             for line in (ROOT / "man" / "init.5").read_text().splitlines() if line.startswith(".It ")]
    heads = {(words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else "") for words in items}
    # `pre-start exec` and the others of its kind are described once, for all four.
    missing = [pair for pair in stanzas if pair not in heads and (pair[0], "") not in {(h[0], "") for h in heads}
               and not re.match(r"(pre|post)-(start|stop)$", pair[0])]
    assert missing == []


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "man").glob("*.[1-8]")))
def test_quotes_end_where_they_should(page):
    """Qq, unlike Ql, takes all the rest of its line, another Qq as well; and in an argument a quotation mark is none."""
    for line in (ROOT / "man" / page).read_text().splitlines():
        assert line.split().count("Qq") + line.split().count(".Qq") <= 1, line
        assert not re.match(r"\.Ql \S.* \"", line), line


def test_the_manual_has_every_warning():
    """Those of the catalogue in src/job/report.h, word for word."""
    catalogue = (ROOT / "src" / "job" / "report.h").read_text()
    warnings = [text.replace('\\"', '"') for text in re.findall(r'X\(\w+, true, "((?:[^"\\]|\\.)*)"\)', catalogue)]
    assert len(warnings) > 10 and NOT_YET in warnings
    manual = (ROOT / "man" / "init.5").read_text()
    section = plain(re.search(r"^\.Sh DIAGNOSTICS\n(.*?)(?=^\.Sh )", manual, re.S | re.M).group(1))
    told = " ".join(section.split())
    assert [text for text in warnings if text not in told] == []


def of_vim(pattern):
    """A pattern of vim, as far as the syntax file needs them, as one of Python."""
    for vim, python in ((r"\%(", "(?:"), (r"\(", "("), (r"\)", ")"), (r"\|", "|"), (r"\+", "+"), (r"\=", "?"), (r"\>", r"(?![\w-])"),
                        (r"\ze", "")):
        pattern = pattern.replace(vim, python)
    return re.compile(pattern)


def test_the_editor_file_knows_every_stanza(stanzas):
    """Each is matched whole, by what colours stanzas; and words that are none are not."""
    syntax = (ROOT / "completions" / "vim" / "syntax" / "upstart.vim").read_text()
    patterns = [of_vim(p) for p in re.findall(r'^syntax match upstartStanza "(.*)"$', syntax, re.M)]
    patterns += [of_vim(re.search(r'start="(\^.*script.*)"$', syntax, re.M)[1])]
    matches = lambda text: max((m.end() for m in (p.match(text) for p in patterns) if m), default=0)  # noqa: E731
    missing = [pair for pair in stanzas if matches("  " + " ".join(pair).strip()) != len("  " + " ".join(pair).strip())]
    assert missing == []
    assert [word for word in ("wibble", "tasks", "exec-", "start", "start at", "kill it", "pre-start run") if matches(word)] == []
    first = {pair[0] for pair in stanzas}
    named = {word for p in patterns for word in re.findall(r"[a-z][a-z-]+", p.pattern.replace(r"[\w-]", ""))}
    assert named - first - {pair[1] for pair in stanzas} == set()
