# SPDX-License-Identifier: MIT
"""upstart-time-bridge under a clock of its own (libfaketime): nights of change, a clock that is wrong at first, and one that was
set while the bridge was away. Hours pass in seconds; what is looked at is what events say, not when they come.

That the kernel tells of a clock that is set is tests/boot's.
"""

import glob
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "helpers"))

from clock import BRIDGE, event, got, start, wait_for  # noqa: E402,F401
from fake_init import FakeInit, Job  # noqa: E402

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1") + glob.glob("/usr/lib*/faketime/libfaketime.so.1")), None)

pytestmark = [pytest.mark.skipif(not BRIDGE.exists(), reason="the bridges are not built"),
              pytest.mark.skipif(LIBRARY is None, reason="there is no libfaketime")]


def fake(when=None, file=None):
    """The environment in which it is `when`, as `faketime -f` has it, UTC; or what `file` says, at each look."""
    env = {"LD_PRELOAD": LIBRARY, "TZ": "UTC", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    if file:
        env.update(FAKETIME_TIMESTAMP_FILE=str(file), FAKETIME_NO_CACHE="1")
    else:
        env["FAKETIME"] = when
    return env


def scheduled(init, key):
    """When the events of that schedule were due, "28T03:00:00+02:00"."""
    return [e["SCHEDULED"][8:] for e in got(init) if key in (e.get("CRON"), e.get("CALENDAR"))]


# Zone, when to begin (UTC), and the times of half past each hour: of a list of hours, and of every hour.
NIGHTS = [
    ("Europe/Berlin", "2027-03-28 00:00:00", "1-4",
     ["28T01:30:00+01:00", "28T03:00:00+02:00", "28T03:30:00+02:00", "28T04:30:00+02:00"],
     ["28T01:30:00+01:00", "28T03:30:00+02:00", "28T04:30:00+02:00"]),
    ("Europe/Berlin", "2027-10-30 23:00:00", "1-4",
     ["31T01:30:00+02:00", "31T02:30:00+02:00", "31T03:30:00+01:00", "31T04:30:00+01:00"],
     ["31T01:30:00+02:00", "31T02:30:00+02:00", "31T02:30:00+01:00", "31T03:30:00+01:00", "31T04:30:00+01:00"]),
    # In the south it is autumn in April; and there half an hour is repeated, from 2:00 back to 1:30.
    ("Australia/Lord_Howe", "2027-04-03 14:00:00", "1-4",
     ["04T01:30:00+11:00", "04T02:30:00+10:30", "04T03:30:00+10:30", "04T04:30:00+10:30"],
     ["04T01:30:00+11:00", "04T01:30:00+10:30", "04T02:30:00+10:30", "04T03:30:00+10:30", "04T04:30:00+10:30"]),
]


@pytest.mark.parametrize("zone,begin,hours,fixed,floating", NIGHTS)
def test_nights_in_which_clocks_change(start, zone, begin, hours, fixed, floating):
    listed, every = "30 %s * * *" % hours, "30 * * * *"
    with FakeInit([Job("a", start_on=[["time", "CRON=" + listed, "TZ=" + zone]]),
                   Job("b", start_on=[["time", "CRON=" + every, "TZ=" + zone]])]) as init:
        bridge = start(init, **fake("@%s x3600" % begin))
        wait_for(lambda: fixed[-1] in scheduled(init, listed) and floating[-1] in scheduled(init, every), lambda: bridge.log)
        assert scheduled(init, listed)[:len(fixed)] == fixed
        assert scheduled(init, every)[:len(floating)] == floating


def test_a_clock_that_is_wrong_at_first_moves_no_calendar_and_makes_no_storm(start, tmp_path):
    stamp = tmp_path / "stamp"
    jobs = [Job("often", start_on=[["time", "CRON=* * * * * *", "COUNT=1"]]),
            Job("missed", start_on=[["time", "CRON=0 0 1 * *", "MISSED=run"]]),
            Job("skipped", start_on=[["time", "CRON=0 0 2 * *"]]),
            Job("other", start_on=[["time", "AFTER=poke", "DELAY=0"]])]
    with FakeInit(jobs) as init:
        # It ran when the clock was right, in another boot.
        bridge = start(init)
        bridge.says("4 timers")
        assert bridge.end() == 0
        file = tmp_path / ".local" / "state" / "upstart" / "time" / "timers"
        _, line = file.read_text().splitlines()
        file.write_text("upstart-time 1 elsewhere\n%s 0 %d 0 3\n" % (line.split()[0], time.time() - 40 * 86400))
        (tmp_path / "upstart").rename(tmp_path / "gone")
        before = len(got(init))

        def events():
            return [next(v for k, v in e.items() if k in ("CRON", "AFTER")) for e in got(init)[before:]]
        stamp.write_text("-10000d\n")
        bridge = start(init, **fake(file=stamp))
        event(init, "poke")
        wait_for(events, lambda: bridge.log)
        assert events() == ["poke"]
        # The network sets it.
        stamp.write_text("+0\n")
        event(init, "poke")
        wait_for(lambda: events().count("poke") == 2 and "* * * * * *" in events(), lambda: bridge.log)
        event(init, "poke")
        wait_for(lambda: events().count("poke") == 3, lambda: bridge.log)
        assert sorted(events()) == ["* * * * * *", "0 0 1 * *", "poke", "poke", "poke"]


def test_a_clock_that_goes_ahead_makes_up_once(start, tmp_path):
    stamp = tmp_path / "stamp"
    stamp.write_text("@2027-01-01 10:30:00\n")
    with FakeInit([Job("a", start_on=[["time", "CRON=0 * * * *", "TZ=UTC"]]), Job("b", start_on=[["time", "EVERY=1h"]])]) as init:
        bridge = start(init, **fake(file=stamp))
        stamp.write_text("@2027-01-01 13:30:00\n")
        event(init, "x")
        wait_for(lambda: got(init), lambda: bridge.log)
        event(init, "x")
        assert bridge.end() == 0
        assert scheduled(init, "0 * * * *") == ["01T11:00:00+00:00"] and len(got(init)) == 1
        # Who comes next knows.
        bridge = start(init, **fake("@2027-01-01 13:59:00 x60"))
        wait_for(lambda: len(got(init)) == 2, lambda: bridge.log)
        assert scheduled(init, "0 * * * *") == ["01T11:00:00+00:00", "01T14:00:00+00:00"]


def test_what_was_due_while_the_bridge_was_away_comes_once(start):
    with FakeInit([Job("a", start_on=[["time", "CRON=0 * * * *", "TZ=UTC"]])]) as init:
        assert start(init, **fake("@2027-01-01 10:30:00")).end() == 0
        bridge = start(init, **fake("@2027-01-01 13:45:00 x600"))
        wait_for(lambda: len(got(init)) >= 2, lambda: bridge.log)
        assert scheduled(init, "0 * * * *")[:2] == ["01T11:00:00+00:00", "01T14:00:00+00:00"]
        assert [e["RUN"] for e in got(init)][:2] == ["1", "2"]


def test_what_has_been_does_not_come_again_when_the_clock_was_set_back(start):
    with FakeInit([Job("a", start_on=[["time", "CRON=0 * * * *", "TZ=UTC"]])]) as init:
        bridge = start(init, **fake("@2027-01-01 10:59:00 x60"))
        wait_for(lambda: got(init), lambda: bridge.log)
        assert bridge.end() == 0
        bridge = start(init, **fake("@2027-01-01 10:30:00 x3600"))
        wait_for(lambda: len(got(init)) >= 2, lambda: bridge.log)
        assert scheduled(init, "0 * * * *")[:2] == ["01T11:00:00+00:00", "01T12:00:00+00:00"]
