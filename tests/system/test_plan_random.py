# SPDX-License-Identifier: MIT
"""What `initctl plan` tells of jobs, events and commands by chance is what then happens, step after step."""

import json
import os
import random

import pytest

from conftest import wait_for

SEEDS = range(60) if os.environ.get("UPSTART_TEST_LONG") else range(4)
NAMES = [f"j{n}" for n in range(6)]
STEPS = 6
SLEEP = "exec sleep 9999\n"
BODIES = (
    SLEEP, SLEEP, "", "task\n", "task\nexec true\n", "expect fork\nexec sh -c 'sleep 9999 & exit 0'\n",
    "expect daemon\nexec sh -c '(sleep 9999 & exit 0) & exit 0'\n", "expect stop\nexec sh -c 'kill -STOP $$; exec sleep 9999'\n",
    "pre-start exec true\npost-stop exec true\n" + SLEEP, "post-start exec true\npre-stop exec true\n" + SLEEP,
)
EVENTS = ("go", "halt", "startup", "go I=1", "halt I!=2", "go I=*")
JOB_EVENTS = ("starting", "started", "started", "stopping", "stopped")
MATCHES = ("", "", "", " INSTANCE=1", " INSTANCE=$I", " INSTANCE!=2", " RESULT=ok")


def leaf(dice):
    if dice.random() < 0.5:
        return dice.choice(EVENTS)
    return f"{dice.choice(JOB_EVENTS)} {dice.choice(NAMES)}{dice.choice(MATCHES)}"


def condition(dice):
    first = leaf(dice)
    return first if dice.random() < 0.7 else f"{first} {dice.choice(('and', 'or'))} {leaf(dice)}"


def job_text(dice, name, many):
    text = f"start on {condition(dice)}\n" if dice.random() < 0.8 else ""
    if dice.random() < 0.4:
        text += f"stop on {condition(dice)}\n"
    if dice.random() < 0.3:
        other = dice.choice([n for n in NAMES if n != name])
        text += f"while {other}{dice.choice((' INSTANCE=$I', ' INSTANCE=1', '')) if other in many else ''}"
        text += f" and not {dice.choice(NAMES)}\n" if dice.random() < 0.4 else "\n"
    if name in many:
        text += dice.choice(("instance $I\nexport I\n", "instance ${I:-none}\n"))
    return text + dice.choice(BODIES)


def up(session):
    """All instances there are, and their states."""
    found = {}
    for line in session.ctl("list").splitlines():
        name, _, state = line.partition(",")[0].rpartition(" ")
        if state != "stop/waiting":
            found[name] = state
    return found


def label(place):
    return f"{place['job']} ({place['instance']})" if place["instance"] else place["job"]


def wait_for_told(session, before, told, context):
    """It is as it was, but for what was told. Those that hang on their way may hang elsewhere on it."""
    stuck = {label(place) for place in [*told["stuck"], *told["under_way"]]}
    wanted = {**before, **{label(place): "start/running" for place in told["started"]}}
    gone = {label(place) for place in told["stopped"]} | stuck
    wanted = {name: state for name, state in wanted.items() if name not in gone}

    def is_so():
        return {name: state for name, state in up(session).items() if name not in stuck} == wanted

    wait_for(is_so, f"{wanted}, as was told of {context}: {told}")


def do(session, dice):
    """Something that is foretold, and then done. False: one that goes round without end, or is slowed down."""
    verb = dice.choice((None, None, "start", "stop", "restart"))
    words = [dice.choice(("go", "halt") if verb is None else NAMES)] + ([f"I={dice.choice('123')}"] if dice.random() < 0.7 else [])
    before = up(session)
    told = json.loads(session.command("initctl", "plan", "--json", *([verb] if verb else []), *words).stdout)
    if not told["complete"]:
        return False
    session.command("initctl", verb or "emit", "--no-wait", *words)
    if "over and over" in session.messages():
        return False
    wait_for_told(session, before, told, (verb, words))
    return "over and over" not in session.messages()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_told_of_jobs_by_chance_happens(make_session, seed):
    dice = random.Random(seed)
    many = {name for name in NAMES if dice.random() < 0.4}
    session = make_session()
    for name in NAMES:
        session.job(name, job_text(dice, name, many))
    told = json.loads(session.command("initctl", "plan", "--boot", "--json", f"--confdir={session.conf}").stdout)
    session.start(startup=True)
    session.wait_jobs(len(NAMES))
    if not told["complete"]:
        return
    wait_for_told(session, {}, told, "boot")
    for _ in range(STEPS):
        if not do(session, dice):
            break
