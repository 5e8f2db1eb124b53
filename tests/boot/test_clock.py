# SPDX-License-Identifier: MIT
"""upstart-time-bridge on a machine of its own, whose clock is set and which sleeps."""

import re

NOTE = "task\nscript\n\techo $SCHEDULED $RUN >>/run/%s\nend script\n"


def job(machine, name, schedule):
    machine.job(name, "start on time %s\n" % schedule + NOTE % name)


def runs(machine, name):
    """The times that the job has run for."""
    return [line.split()[0] for line in machine.run(f"cat /run/{name}", None).splitlines() if line.startswith("2")]


def set_clock(machine, text):
    machine.run(f"date -u -s '{text}'")


def wait_for_seconds(machine, after=None):
    """Wait until the job of each second has run for a later time than `after`; returns that."""
    while True:
        last = machine.wait("tail -n 1 /run/seconds", r"^2\S+Z? ?").split()[0]
        if after is None or last > after:
            return last


def test_a_clock_that_is_set(machine):
    job(machine, "hourly", 'CRON="0 * * * *"')
    job(machine, "seconds", 'CRON="* * * * * *"')
    machine.boot("quiet")
    machine.wait("initctl status upstart-time-bridge", "start/running")
    machine.wait("cat /run/seconds", "^2")
    set_clock(machine, "2027-03-01 10:59:57")
    # That of 2026 that it was set over comes once, then 11:00.
    machine.wait("cat /run/hourly", "(?m)^2027-03-01T11:00:00")
    before = len(runs(machine, "hourly"))
    assert before == 2

    # Back by some seconds: what has been does not come again.
    set_clock(machine, "2027-03-01 10:59:57")
    wait_for_seconds(machine, "2027-03-01T11:00:06+00:00")
    assert len(runs(machine, "hourly")) == before

    # Ahead over two of them: one comes.
    set_clock(machine, "2027-03-01 13:30:00")
    machine.wait("cat /run/hourly", "2027-03-01T12:00:00")
    wait_for_seconds(machine, "2027-03-01T13:30:02+00:00")
    assert runs(machine, "hourly")[before:] == ["2027-03-01T12:00:00+00:00"]

    # Back by more than three hours: it begins afresh.
    set_clock(machine, "2027-03-01 05:59:57")
    machine.wait("cat /run/hourly", "2027-03-01T06:00:00")
    assert re.search(r"^2027-03-01T07:00:00\+00:00  2027-03-01T06:00:00\+00:00  hourly ", machine.run("initctl list-timers"), re.M)
    machine.leave()


def test_a_machine_that_sleeps(machine):
    job(machine, "skipped", 'CRON="0 11 * * *"')
    job(machine, "made-up", 'CRON="0 11 * * *" MISSED=run')
    job(machine, "boot", 'AFTER=arm DELAY=65s')
    job(machine, "active", 'AFTER=arm DELAY=65s CLOCK=active')
    job(machine, "seconds", 'CRON="* * * * * *"')
    machine.boot("quiet")
    machine.wait("initctl status upstart-time-bridge", "start/running")
    assert "mem" in machine.run("cat /sys/power/state")
    set_clock(machine, "2027-03-01 10:59:50")
    machine.wait("initctl list-timers skipped", "2027-03-01T11:00:00")
    for name in ("skipped", "made-up"):
        machine.run(f"rm -f /run/{name}")
    machine.run("initctl emit arm")
    machine.run("echo +80 >/sys/class/rtc/rtc0/wakealarm && echo mem >/sys/power/state")
    machine.answers()
    assert machine.run("date -u +%H%M") >= "1101"
    machine.wait("cat /run/made-up", "(?m)^2027-03-01T11:00:00")
    machine.wait("cat /run/boot", "^2027")
    after = wait_for_seconds(machine)
    wait_for_seconds(machine, after)
    assert runs(machine, "skipped") == [] and runs(machine, "active") == []
    assert len(runs(machine, "made-up")) == 1
    assert "skipped: the machine slept at 2027-03-01T11:00:00+00:00: the run is skipped" in \
        machine.run("cat /var/log/upstart/upstart-time-bridge.log")
    assert "2027-03-02T11:00:00" in machine.run("initctl list-timers skipped")
    machine.leave()


def test_a_machine_without_cron(machine):
    machine.text("etc/crontab", "MAILTO=root\n@reboot root echo $HOME $LOGNAME >/run/root\n* * * * * * root echo wrong\n", 0o644)
    machine.text("etc/cron.d/daily", "0 3 * * * nobody id -un >/tmp/nobody\n")
    machine.text("var/spool/cron/crontabs/nobody", "@reboot id -un >/tmp/mine\n", 0o600)
    machine.text("etc/init/upstart-time-bridge.override", "exec upstart-time-bridge --ready=stop --crontab=/etc/crontab \\\n"
                 "    --crontab=/etc/cron.d --user-crontab=/var/spool/cron/crontabs\n")
    machine.boot("quiet")
    machine.run("chmod 1777 /tmp")
    assert machine.wait("cat /run/root", "^/root") == "/root root"
    daily = re.search(r"(cron-daily-\w+)  start on time CRON=\"0 3 \* \* \*\"", machine.wait("initctl list-timers", "cron-daily"))[1]
    mine = machine.wait("initctl list | grep -o '^cron-nobody-[0-9a-f]*'", "cron-nobody")
    for name, file in ((daily, "nobody"), (mine, "mine")):
        machine.run(f"start {name}")
        machine.wait(f"cat /tmp/{file}", "^nobody$")
    log = machine.run("cat /var/log/upstart/upstart-time-bridge.log")
    assert "/etc/crontab:1:1: no mail is sent" in log and "/etc/crontab:3:11: this is no name of a user" in log
    # A line that comes later is a job at once, but its start has been.
    machine.run("echo '@reboot root touch /run/late' >>/etc/crontab")
    machine.wait("initctl list-timers | grep -c 'cron-crontab.*@reboot'", "^2$")
    machine.run("rm /etc/crontab")
    machine.wait("initctl list | grep -c '^cron-crontab'", "^0$")
    machine.run("test -e /run/late", 1)
    machine.leave()
