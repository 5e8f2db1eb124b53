# SPDX-License-Identifier: MIT
"""Hooks that run as another user than the main process, and what processes know of their user."""

import os
import pathlib
import pwd

import pytest

from conftest import wait_for

SAY = "\"$(id -un):$(id -gn) HOME=${HOME-none} USER=${USER-none} LOGNAME=${LOGNAME-none} SHELL=${SHELL-none}\""


@pytest.fixture
def said(pid1, tmp_path):
    """What the processes of a job say, by kind."""
    out = tmp_path / "said"
    out.mkdir()
    out.chmod(0o777)
    for folder in [out, *out.parents]:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o711)

    def run(stanzas):
        hooks = "".join(f"{kind} exec echo {SAY} > {out}/{kind}\n" for kind in ("pre-start", "post-start", "pre-stop", "post-stop"))
        pid1.job("job", f"{stanzas}{hooks}script\n  echo {SAY} > {out}/main\n  exec sleep 1000\nend script\n")
        pid1.wait_job("job")
        pid1.ctl("start", "job")
        wait_for(lambda: (out / "main").exists() and (out / "main").read_text().endswith("\n"), "main's word")
        pid1.ctl("stop", "job")
        return {path.name: path.read_text().strip() for path in out.iterdir()}

    return run


NOTHING = "HOME=none USER=none LOGNAME=none SHELL=none"


def known(name):
    user = pwd.getpwnam(name)
    return f"HOME={user.pw_dir} USER={name} LOGNAME={name} SHELL={user.pw_shell or '/bin/sh'}"


def test_hooks_run_as_the_user_they_name(said):
    texts = said("setuid nobody\nsetgid daemon\npre-start setuid root\npost-start setgid adm\npost-stop setuid daemon\npost-stop setgid nogroup\n")
    assert texts == {
        "main": f"nobody:daemon {NOTHING}",
        "pre-start": f"root:root {NOTHING}",  # the job's group is for the job's user
        "post-start": f"nobody:adm {NOTHING}",
        "pre-stop": f"nobody:daemon {NOTHING}",
        "post-stop": f"daemon:nogroup {NOTHING}",
    }


def test_environment_is_that_of_each_processes_user(said):
    texts = said("setuid nobody\nuser environment\nenv SHELL=/bin/own\npre-start setuid root\n")
    nobody = known("nobody").rpartition(" ")[0] + " SHELL=/bin/own"
    assert texts["main"] == f"nobody:nogroup {nobody}"
    assert texts["pre-start"] == f"root:root {known('root').rpartition(' ')[0]} SHELL=/bin/own"
    assert texts["post-stop"] == texts["main"]


def test_hook_whose_user_is_not_there_fails_the_start(pid1):
    pid1.job("job", "pre-start setuid upstart-no-such-user\npre-start exec true\nexec sleep 1000\n")
    pid1.wait_job("job")
    done = pid1.command("initctl", "start", "job")
    assert done.returncode == 1 and done.stderr.startswith("initctl: Job failed to start")
    assert "Failed to spawn job pre-start process: unable to find setuid user" in pid1.messages() + pid1.kmsg()
    assert pid1.status("job") == "job stop/waiting"


def test_root_prepares_what_main_needs(pid1):
    folder = pathlib.Path("/run/upstart-test-web")
    pid1.job("job", f"setuid nobody\npre-start setuid root\npre-start exec install -d -o nobody -m 700 {folder}\n"
             f"exec sh -c 'echo mine > {folder}/file; exec sleep 1000'\npost-stop setuid root\npost-stop exec rm -r {folder}\n")
    pid1.wait_job("job")
    pid1.ctl("start", "job")
    inside = pathlib.Path(f"/proc/{pid1.pid}/root{folder}")
    wait_for(lambda: (inside / "file").exists(), "main's file")
    assert (inside / "file").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    pid1.ctl("stop", "job")
    assert not inside.exists()
