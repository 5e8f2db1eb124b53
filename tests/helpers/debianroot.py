# SPDX-License-Identifier: MIT
"""The archive of a small Debian with real services, for tests that boot it or run it in a container.

UPSTART_TEST_DEBIAN names it. Where it is missing, or was made with other packages than now, it is made only if UPSTART_TEST_LONG is
set, which takes minutes.
"""

import os
import pathlib
import subprocess

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "make-debian-root"


def cached_root():
    """The archive, and why there is none."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    root = pathlib.Path(os.environ.get("UPSTART_TEST_DEBIAN", cache / "upstart" / "debian.tar"))
    if os.geteuid() != 0:
        return None, "only root can unpack a Debian"
    if os.environ.get("UPSTART_TEST_LONG"):
        done = subprocess.run([TOOL, root], capture_output=True, text=True, timeout=3000)
        if done.returncode != 0:
            return None, done.stderr.strip()
    return (root, "") if root.exists() else (None, f"there is no {root}: tools/make-debian-root makes it, or make check-long")
