# SPDX-License-Identifier: MIT
"""bench/boot goes on working: it makes the disk of ours, boots it, and knows when each service answered. Its figures are no test."""

import json
import os
import subprocess

import pytest

from conftest import BUILD, ROOT

BENCH = ROOT / "bench" / "boot"


def test_it_names_inits_and_refuses_others():
    done = subprocess.run([BENCH, "--list"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and {"upstart", "sysvinit", "systemd", "runit", "finit"} <= set(done.stdout.split())
    done = subprocess.run([BENCH, "--only", "upstart,nonsense"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("boot: no such init: nonsense; there are upstart, ")


@pytest.mark.skipif("UPSTART_TEST_LONG" not in os.environ, reason="a boot of Debian takes minutes: make check-long does it")
def test_it_measures_a_boot(kernel, tmp_path):
    done = subprocess.run([BENCH, "-C", BUILD, "--runs", "1", "--only", "upstart", "--json", tmp_path / "told"], capture_output=True, text=True,
                          timeout=6600)
    if "there is no debootstrap" in done.stderr or "apt names no archive" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "told").read_text())["upstart"]
    assert len(told) == 1 and all(at > 0 for at in told[0]["services"].values()), told
    one = next(p for p in told[0]["processes"] if p["pid"] == 1)
    assert one["name"] == "init" and one["pss"] > 0
    assert done.stdout.splitlines()[-1].startswith("| upstart | ")
