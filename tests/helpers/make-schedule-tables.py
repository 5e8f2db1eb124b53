#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record what others make of schedules: tests/data/schedule-{systemd,croniter}.tsv.

    PYTHONPATH=FOLDER-OF-CRONITER make-schedule-tables.py TARGET-FOLDER

Needs systemd-analyze (252 or later) and python3-croniter; the tests need only the tables. Where the clocks change the
three of us differ on purpose, so the zones here have no change in what is looked at, or none at all.
Columns: form, schedule, zone (a POSIX rule), base, and the instants after it, in seconds since 1970.
"""

import calendar
import datetime
import os
import re
import subprocess
import sys

ITERATIONS = 5
RULES = ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "IST-5:30", "NST3:30NDT,M3.2.0,M11.1.0",
         "AEST-10AEDT,M10.1.0,M4.1.0/3", "<+0845>-8:45", "<-12>12"]
BASES = ["2024-01-31 22:17:03", "2023-02-28 23:59:59", "2037-12-30 12:00:00", "2099-12-31 00:00:00", "1999-06-15 06:30:00"]

EVENTS = """
minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually|biannually|Hourly|DAILY
Sat,Thu,Mon..Wed,Sat..Sun|Mon,Sun 2032-*-* 2,1:23|Wed *-1|Wed..Wed,Wed *-1|Wed, 17:48|*-*-7 0:0:0|10-15
monday *-12-* 17:00|Mon,Fri *-*-3,1,2 *:30:45|12,14,13,12:20,10,30|12..14:10,20,30|mon,fri *-1/2-1,3 *:30:45
03-05 08:05:40|08:05:40|05:40|Sat,Sun 12-05 08:05:40|Sat,Sun 08:05:40|2103-03-05 05:40|2103-02..04-05|2103-03-05
*:2/3|*-*-* *:*:*|*-*-*|*-*-* 00:00:00|*:0/15|*:0/10:30|0/2:00|1/3:15|0/4:00|0..8/4:0
*-02-29|*-02-29 12:00|Mon *-02-29|*-*-31|*-*-30|*-04,06,09,11-30|*-02~01|*-*~01|*-*~03|*-02~03|Mon *-05~07/1|Fri *-*~07/1
*-*~1,2|*-*~10/3|*-*~01..03|*-*-1..7|Mon *-*-1..7|*-1..3-1|*-*-1/2|*-*-5/10|*-1/3-1|*-02/2-1|*-*-05/5
2100-*-*|2100..2103-01-01|2100,2104-02-29|2100/4-02-29|2030..2040/5-06-15|2038-01-19 03:14:07|2038-01-19 03:14:08|2106-02-07 06:28:16
Mon..Fri 03:00|Sat..Sun 12:00|Fri..Sun|Sun|Sunday|Tue,Thu 6,18:30|Mon-Fri 09:00|Sat 2040-*-* 10:00
Mon..Fri *-*-* 22:00|*-*-01 00:00:01|*-12-31 23:59:59|23:59|00:00:59|*-*-13 13:13:13|Fri *-*-13|2098-12-31 23:59:59
99-12-31 23:59|38-01-01|69-1-1
""".replace("\n", "|").split("|")
WRONG_EVENTS = """
25:00|12:60|*-13-1|*-0-1|*-*-0|*-*-32|foo|Mon..|Mon,,Tue|12:00 12:00|2024-01-01 2024-01-01|12:|:30|*-|10-15-2024
1..|3..1:00|*:0/|*:*:60|12:00:00:00|Moo 12:00|--|*-*-*-*|1.5:00|12h
""".replace("\n", "|").split("|")

CRONS = """
* * * * *|0 * * * *|*/15 * * * *|0 3 * * *|0 3 * * 1-5|30 4 1,15 * 5|0 0 29 2 *|0 0 31 * *|0 0 30 4,6,9,11 *|59 23 31 12 *
0 22 * * 1-5|23 0-23/2 * * *|5 4 * * sun|0 0 * * 7|0 0 * * 0|0 0 * * 5-7|0 0 1 1 *|15 14 1 * *|0 12 * JAN-MAR MON|0 12 * jan,dec *
1-10/3 * * * *|0,30 8-18 * * 1,3,5|0 0 13 * 5|0 0 13 * fri|0 0 1-7 * *|0 0 1-7 * 1|10,20,30 1,2,3 * * *|59 * * * *|0 */6 * * *
*/7 */5 * * *|0 0 28-31 * *|30 6 * 2 *|0 0 1 */3 *|0 0 1,11,21 * *|0 0 * 2-12/2 *|12 12 12 12 *|0 9 * * 1|*/40 * * * *|2-59/3 1,9,22 11-26 1-6 *
0 0 29 2 1|0 0 29 2 mon-fri|59 23 * * 6|0 4 8-14 * *|0 1 1 9 *|7 7 7 7 7|0 0 2 * 3,4|1 2 3 4 *|45 17 15 7 *|0 0 30 1 *
""".replace("\n", "|").split("|")
SIX = ["0 * * * * *", "*/10 * * * * *", "30 30 12 * * *", "15,45 */20 3 * * 1-5", "59 59 23 31 12 *", "1-5 0 0 1 * *", "7 */9 * * 2 *"]


def seconds(text):
    return calendar.timegm(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").timetuple())


def analyze(spec, rule, base):
    done = subprocess.run(["systemd-analyze", "calendar", "--iterations=%d" % ITERATIONS, "--base-time=@%d" % seconds(base), spec],
                          env={"TZ": rule, "LC_ALL": "C", "PATH": os.environ["PATH"]},
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode != 0:
        return None
    found = re.findall(r"\(in UTC\): \S+ (\S+ \S+) UTC", done.stdout)
    if rule == "UTC0":
        found = re.findall(r"(?:Next elapse|Iter. #\d+): \S+ (\S+ \S+) UTC", done.stdout)
    return [seconds(t) for t in found]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write("\t".join(str(cell) for cell in row) + "\n")
    print(path, len(rows))


def changes_clocks(rule, times):
    """Is any of the times, or what lies two days around it, near a change of clocks?"""
    if "," not in rule:
        return False
    os.environ["TZ"] = rule
    __import__("time").tzset()
    local = __import__("time").localtime
    return any(local(t - 172800).tm_isdst != local(t + 172800).tm_isdst for t in times)


def systemd_rows():
    rows = []
    for i, spec in enumerate(e for e in EVENTS if e):
        for k in range(2):
            rule, base = RULES[(i + 3 * k) % len(RULES)], BASES[(i * 3 + k) % len(BASES)]
            times = analyze(spec, rule, base)
            if times is None:
                print("refused:", spec)
                continue
            if changes_clocks(rule, times):
                continue
            rows.append(["event", spec, rule, seconds(base), " ".join(map(str, times)) or "-"])
    for spec in (e for e in WRONG_EVENTS if e):
        if analyze(spec, "UTC0", BASES[0]) is not None:
            print("accepted:", spec)
            continue
        rows.append(["event", spec, "UTC0", 0, "error"])
    return rows


def croniter_rows():
    import croniter
    rows = []
    for spec in [c for c in CRONS if c] + SIX:
        words = spec.split()
        theirs = " ".join(words if len(words) == 5 else words[1:] + words[:1])
        for base in BASES:
            start = datetime.datetime.strptime(base, "%Y-%m-%d %H:%M:%S")
            it = croniter.croniter(theirs, start)
            try:
                times = [calendar.timegm(it.get_next(datetime.datetime).timetuple()) for _ in range(ITERATIONS)]
            except croniter.CroniterBadDateError:
                continue
            rows.append(["cron", spec, "UTC0", seconds(base), " ".join(map(str, times))])
    return rows


if __name__ == "__main__":
    folder = sys.argv[1]
    write(os.path.join(folder, "schedule-systemd.tsv"), systemd_rows())
    write(os.path.join(folder, "schedule-croniter.tsv"), croniter_rows())
