# SPDX-License-Identifier: MIT
"""The inits of the system tests, and daemons of Debian unpacked over the machine's /usr, /etc and /var in their mount namespace."""

import importlib.util
import pathlib
import sys

_file = pathlib.Path(__file__).resolve().parents[1] / "system" / "conftest.py"
_spec = importlib.util.spec_from_file_location("system_conftest", _file)
system_conftest = importlib.util.module_from_spec(_spec)
sys.modules["system_conftest"] = system_conftest
_spec.loader.exec_module(system_conftest)

make_pid1 = system_conftest.make_pid1
pytest_sessionfinish = system_conftest.pytest_sessionfinish
