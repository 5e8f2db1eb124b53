# SPDX-License-Identifier: MIT
"""The tables of tests/data that were recorded from systemd-analyze and croniter are what these say now.

That ours says the same is tests/unit/schedule/test_tables.c's.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

try:
    import croniter  # noqa: F401
except ImportError:
    croniter = None


@pytest.mark.skipif("UPSTART_TEST_LONG" not in os.environ, reason="asks another program some hundred times")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.skipif(croniter is None, reason="there is no croniter")
def test_recorded_tables_are_those_of_others(tmp_path):
    subprocess.run([sys.executable, ROOT / "tests" / "helpers" / "make-schedule-tables.py", tmp_path], check=True, capture_output=True,
                   timeout=600)
    for name in ("schedule-systemd.tsv", "schedule-croniter.tsv"):
        assert (tmp_path / name).read_text() == (ROOT / "tests" / "data" / name).read_text(), name
