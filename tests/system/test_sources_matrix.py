# SPDX-License-Identifier: MIT
"""Every way in which files and directories change, with instances running, conditions half met and events held.

Each change is made to a job of which an instance runs and for which an event is held, or to none yet, while another job
beside it is in the same state and must not notice.
"""

import os
import pathlib
import shutil
import signal

import pytest

from conftest import WATCHES, is_alive, wait_for

pytestmark = pytest.mark.skipif(not WATCHES, reason="this platform does not tell of changed files")

SLEEP = "exec sleep 1000\n"


def text(name, version):
    return f"instance ${{N:-x}}\nstart on {name}-a and {name}-b\nusage {version}\n{SLEEP}"


class Scene:
    """A job with an instance running and an event held."""

    def __init__(self, init, job):
        self.init, self.job = init, job
        self.event = pathlib.Path(job).name
        init.wait_job(job)
        init.ctl("start", job, "N=run")
        self.pid = init.pid_of(job, "N=run")
        init.job("heard", f"start on {self.event}-a\ntask\nexec echo heard\n")
        init.wait_job("heard")
        self.emit = init.background("emit", f"{self.event}-a")
        wait_for(lambda: init.log_of("heard"), "the event to be heard")
        (init.conf / "heard.conf").unlink()
        init.wait_job("heard", False)
        (init.log / "heard.log").unlink()

    def is_as_before(self):
        assert self.init.pid_of(self.job, "N=run") == self.pid and is_alive(self.pid)
        assert self.emit.poll() is None

    def warning(self):
        """What status says of the definition."""
        return self.init.command("initctl", "status", self.job, "N=run").stderr

    def usage(self):
        done = self.init.command("initctl", "usage", self.job)
        return done.stdout.strip().removeprefix("Usage: ") if done.returncode == 0 else None

    def stop(self):
        self.init.ctl("stop", self.job, "N=run")

    def complete(self):
        """The other half comes: what was held is let go, and has started an instance."""
        assert self.emit.poll() is None
        self.init.ctl("emit", f"{self.event}-b")
        assert self.emit.wait(30) == 0
        assert f"{self.job} (x) start/running" in self.init.status(self.job)


def write(path, content):
    """In place, as a shell does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        file.write(content)


def replace(path, content):
    """Renamed over, as editors and packages do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("." + path.name + ".new")
    draft.write_text(content)
    draft.rename(path)


class overflow:
    """Within it more happens than the kernel keeps for init, which sleeps."""

    def __init__(self, init):
        self.init = init
        self.limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        if self.limit > 100000:
            pytest.skip("the kernel keeps too many events")

    def __enter__(self):
        self.init.process.send_signal(signal.SIGSTOP)
        spare = self.init.conf / "spare"
        for _ in range(self.limit // 3 + 1000):
            os.close(os.open(spare, os.O_CREAT | os.O_WRONLY))
            spare.unlink()

    def __exit__(self, *_):
        self.init.process.send_signal(signal.SIGCONT)


@pytest.fixture
def init(make_session):
    init = make_session()
    (init.path / "later").mkdir()
    return init.start("--append-confdir", init.path / "missing" / "deep", "--append-confdir", init.path / "later")


@pytest.fixture
def other(init):
    """The job that must not notice."""
    replace(init.conf / "other.conf", text("other", "same"))
    return Scene(init, "other")


# -- another definition


def change_written(init, path):
    write(path, text("j", "two"))


def change_renamed_over(init, path):
    replace(path, text("j", "two"))


def change_override_appears(init, path):
    write(path.with_suffix(".override"), "usage two\n")


def change_override_renamed_in(init, path):
    replace(path.with_suffix(".override"), "usage two\n")


def change_override_of_higher_priority(init, path):
    replace(init.conf / "j.override", "usage two\n")


def change_linked_file(init, path):
    replace(init.path / "elsewhere", text("j", "two"))
    path.unlink()
    path.symlink_to(init.path / "elsewhere")


def change_deleted_and_made(init, path):
    path.unlink()
    write(path, text("j", "two"))


def change_higher_priority_comes(init, path):
    write(init.conf / "j.conf", text("j", "two"))


def change_in_overflow(init, path):
    with overflow(init):
        replace(path, text("j", "two"))


CHANGES = [change_written, change_renamed_over, change_override_appears, change_override_renamed_in,
           change_override_of_higher_priority, change_linked_file, change_deleted_and_made, change_higher_priority_comes,
           change_in_overflow]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_changed_definition_waits_for_the_instance_and_keeps_what_is_held(init, other, change):
    path = init.path / "later" / "j.conf"
    replace(path, text("j", "one"))
    j = Scene(init, "j")
    change(init, path)
    wait_for(lambda: "older definition" in j.warning(), "init to notice")
    j.is_as_before()
    assert j.usage() == "one"
    j.stop()
    wait_for(lambda: j.usage() == "two", "the new definition")
    j.complete()
    other.is_as_before()
    other.complete()


def test_override_that_goes_gives_the_file_back(init, other):
    replace(init.conf / "j.override", "usage over\n")
    replace(init.conf / "j.conf", text("j", "file"))
    j = Scene(init, "j")
    assert j.usage() == "over"
    (init.conf / "j.override").unlink()
    wait_for(lambda: "older definition" in j.warning(), "init to notice")
    j.is_as_before()
    j.stop()
    wait_for(lambda: j.usage() == "file", "the file's definition")
    j.complete()
    other.is_as_before()
    other.complete()


def test_bad_edit_leaves_everything_as_it_is(init, other):
    path = init.conf / "j.conf"
    replace(path, text("j", "one"))
    j = Scene(init, "j")
    write(path, "wibble\n")
    wait_for(lambda: "last good" in j.warning(), "init to notice")
    j.is_as_before()
    j.stop()
    assert j.usage() == "one"
    j.complete()
    other.is_as_before()
    other.complete()


# -- none any more


def go_deleted(init, path):
    path.unlink()


def go_renamed_out(init, path):
    path.rename(init.path / "out.conf")


def go_other_suffix(init, path):
    path.rename(path.with_suffix(".conf.dpkg-old"))


def go_masked(init, path):
    path.unlink()
    path.symlink_to("/dev/null")


def go_not_a_file(init, path):
    path.unlink()
    path.mkdir()


def go_directory_renamed_out(init, path):
    path.parent.rename(init.path / "out")


def go_directory_renamed_to_be_ignored(init, path):
    path.parent.rename(path.parent.with_name(".hidden"))


def go_directory_deleted(init, path):
    shutil.rmtree(path.parent)


def go_source_renamed(init, path):
    (init.path / "later").rename(init.path / "was-later")


def go_source_deleted(init, path):
    shutil.rmtree(init.path / "later")


def go_in_overflow(init, path):
    with overflow(init):
        path.unlink()


GOES = [go_deleted, go_renamed_out, go_other_suffix, go_masked, go_not_a_file, go_directory_renamed_out,
        go_directory_renamed_to_be_ignored, go_directory_deleted, go_source_renamed, go_source_deleted, go_in_overflow]


@pytest.mark.parametrize("go", GOES, ids=lambda f: f.__name__)
def test_deleted_definition_lets_the_instance_end_and_what_is_held_go(init, other, go):
    path = init.path / "later" / "sub" / "j.conf"
    replace(path, text("j", "one"))
    j = Scene(init, "sub/j")
    go(init, path)
    wait_for(lambda: "whose file is gone" in j.warning(), "init to notice")
    assert init.pid_of("sub/j", "N=run") == j.pid and is_alive(j.pid)
    assert init.command("initctl", "start", "sub/j", "N=2").stderr == "initctl: Unknown job: sub/j\n"
    j.stop()
    init.wait_job("sub/j", False)
    assert j.emit.wait(30) == 0
    other.is_as_before()
    other.complete()


# -- a new one


def come_written(init):
    write(init.path / "later" / "j.conf", text("j", "one"))


def come_renamed_in(init):
    replace(init.path / "j.conf", text("j", "one"))
    (init.path / "j.conf").rename(init.path / "later" / "j.conf")


def come_linked(init):
    replace(init.path / "elsewhere", text("j", "one"))
    (init.path / "later" / "j.conf").symlink_to("../elsewhere")


def come_hard_linked(init):
    replace(init.path / "elsewhere", text("j", "one"))
    os.link(init.path / "elsewhere", init.path / "later" / "j.conf")


def come_other_suffix(init):
    path = init.path / "later" / "j.conf.new"
    write(path, text("j", "one"))
    path.rename(path.with_suffix(""))


def come_in_missing_source(init):
    replace(init.path / "missing" / "deep" / "j.conf", text("j", "one"))


def come_with_missing_source_renamed_in(init):
    replace(init.path / "draft" / "deep" / "j.conf", text("j", "one"))
    (init.path / "draft").rename(init.path / "missing")


def come_in_source_made_again(init):
    shutil.rmtree(init.path / "later")
    come_written_late(init)


def come_written_late(init):
    (init.path / "later").mkdir()
    write(init.path / "later" / "j.conf", text("j", "one"))


def come_in_overflow(init):
    with overflow(init):
        come_written(init)


COMES = [come_written, come_renamed_in, come_linked, come_hard_linked, come_other_suffix, come_in_missing_source,
         come_with_missing_source_renamed_in, come_in_source_made_again, come_in_overflow]


@pytest.mark.parametrize("come", COMES, ids=lambda f: f.__name__)
def test_new_definition_is_there_and_watched_and_nobody_else_notices(init, other, come):
    come(init)
    j = Scene(init, "j")
    j.complete()
    # It is watched where it is.
    place = "missing/deep" if (init.path / "missing").exists() else "later"
    replace(init.path / place / "next.conf", "task\n")
    init.wait_job("next")
    other.is_as_before()
    other.complete()


def come_directory_made(init):
    write(init.conf / "sub" / "deep" / "j.conf", text("j", "one"))


def come_directory_renamed_in(init):
    write(init.path / "out" / "deep" / "j.conf", text("j", "one"))
    (init.path / "out").rename(init.conf / "sub")


def come_directory_renamed_within(init):
    write(init.conf / ".sub" / "deep" / "j.conf", text("j", "one"))
    (init.conf / ".sub").rename(init.conf / "sub")


@pytest.mark.parametrize("come", [come_directory_made, come_directory_renamed_in, come_directory_renamed_within],
                         ids=lambda f: f.__name__)
def test_new_directory_is_read_and_watched(init, other, come):
    come(init)
    j = Scene(init, "sub/deep/j")
    replace(init.conf / "sub" / "deep" / "next.conf", "task\n")
    init.wait_job("sub/deep/next")
    j.complete()
    other.is_as_before()
    other.complete()


def test_directory_renamed_within_is_a_deletion_and_a_new_one(init, other):
    replace(init.conf / "sub" / "j.conf", text("j", "one"))
    j = Scene(init, "sub/j")
    (init.conf / "sub").rename(init.conf / "moved")
    init.wait_job("moved/j")
    assert init.pid_of("sub/j", "N=run") == j.pid and is_alive(j.pid)
    wait_for(lambda: "whose file is gone" in j.warning(), "init to notice")
    j.stop()
    init.wait_job("sub/j", False)
    assert j.emit.wait(30) == 0
    replace(init.conf / "moved" / "next.conf", "task\n")
    init.wait_job("moved/next")
    other.is_as_before()
    other.complete()
