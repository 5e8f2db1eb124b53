# SPDX-License-Identifier: MIT
"""The jobs of a machine that bring the network up, with programs in the places of udevadm and ifup that write down what they are told."""

import pytest

from conftest import BUILD, wait_for
from test_sysv_scripts import make_house, pytestmark  # noqa: F401 what those need, this does

JOBS = BUILD / "root/usr/share/upstart/machine/etc/init"
# It settles when the test says so.
UDEVADM = """#!/bin/sh
echo "udevadm $1" >>/run/said
[ "$1" != settle ] || until [ -e /run/settled ]; do sleep 0.05; done
"""


@pytest.fixture
def house(make_house):  # noqa: F811
    if not (JOBS / "networking.conf").exists():
        pytest.skip("the jobs of a machine are installed elsewhere")
    made = make_house()
    made.write("/usr/bin/udevadm", UDEVADM, "755")
    made.write("/usr/sbin/ifup", "#!/bin/sh\necho \"ifup $*\" >>/run/said\n", "755")
    made.write("/usr/sbin/ifdown", "#!/bin/sh\n", "755")
    made.write("/usr/sbin/ifquery", "#!/bin/sh\ncat /run/interfaces\n", "755")
    made.write("/etc/init/udev.conf", "start on virtual-filesystems\nexec sleep 1000\n")
    made.write("/etc/init/loopback.conf", "start on virtual-filesystems\ntask\nexec true\n")
    for name in ("networking", "udevtrigger"):
        made.write(f"/etc/init/{name}.conf", (JOBS / f"{name}.conf").read_text())
        made.wait_job(name)
    return made


def boot(house, interfaces):
    house.write("/run/interfaces", interfaces)
    house.ctl("emit", "--no-wait", "virtual-filesystems")
    house.ctl("emit", "--no-wait", "local-filesystems")


def test_nobody_waits_for_devices_where_lo_is_all(house):
    boot(house, "")
    house.wait_status("networking", "start/running")
    assert "udevtrigger start/running" in house.status("udevtrigger")  # it waits for ever
    assert [line for line in house.read("/run/said").splitlines() if line != "udevadm settle"] == ["udevadm trigger"] * 2 + ["ifup -a"]


def test_interfaces_come_up_when_all_devices_have_their_names(house):
    boot(house, "eth0\n")
    wait_for(lambda: house.read("/run/said").splitlines().count("udevadm settle") == 2, lambda: house.read("/run/said"))
    assert "start/pre-start" in house.status("networking")
    house.write("/run/settled", "")
    house.wait_status("networking", "start/running")
    house.wait_status("udevtrigger", "stop/waiting")
    assert house.read("/run/said").splitlines()[-1] == "ifup -a"
