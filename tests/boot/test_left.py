# SPDX-License-Identifier: MIT
"""What can't be unmounted is on record, also where the record lies on it."""

import re

SPARED = """#!/bin/sh
trap '' TERM HUP INT
cd $1
[ -z "$2" ] || exec 3>>$2
echo $$ >/run/sendsigs.omit.d/spared
while :; do sleep 1; done
"""


def go_down(machine, command, said):
    machine.wait("ls /run/sendsigs.omit.d/spared", "spared$")
    machine.line.sendall(command.encode() + b"\n")
    machine.wait_off()
    assert f"reboot: {said}" in machine.console()


def test_the_record_of_what_is_left(machine):
    machine.text("bin/spared", SPARED, 0o755)
    logs = machine.drive("logs")

    # 1. Its own disk is in use, and becomes read-only.
    machine.boot_disk("quiet")
    machine.run("mount /dev/nvme1n1 /var/log && mkdir /var/log/upstart")
    machine.run("setsid /bin/spared /var/log </dev/null >/dev/null 2>&1 &")
    go_down(machine, "/sbin/reboot", "Restarting system")
    assert "init: Not unmounted: /var/log: Device or resource busy, read-only now" in machine.console()
    assert machine.disk_state() == machine.disk_state(logs) == "clean"
    record = machine.disk_text("/upstart/last-shutdown", logs)
    assert re.search(r"^left /var/log: Device or resource busy$", record, re.M) and re.search(r"^ended \d+$", record, re.M)

    # 2. It lies on the root, which can't be made read-only.
    machine.boot_disk("quiet")
    machine.run("setsid /bin/spared / /root/written </dev/null >/dev/null 2>&1 &")
    go_down(machine, "/sbin/poweroff", "Power down")
    why = "/: Device or resource busy, it can't be made read-only"
    assert f"init: Not unmounted: {why}" in machine.console()
    machine.boot_disk("quiet")
    assert machine.run("initctl last-shutdown").endswith(f"Not unmounted:\n  {why}")
