# SPDX-License-Identifier: MIT
"""Signals that the original has not, and who gets them: EventQueued, PropertiesChanged, ObjectManager."""

import os
import signal

import pytest

from conftest import wait_for

dbus = pytest.importorskip("dbus")
pytest.importorskip("gi")

ROOT = "/com/ubuntu/Upstart"
MANAGER = "com.ubuntu.Upstart0_6"
MANAGER2 = "com.ubuntu.Upstart2"
INSTANCE = "com.ubuntu.Upstart0_6.Instance"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
NEW = {"EventQueued", "PropertiesChanged", "InterfacesAdded", "InterfacesRemoved"}
SLEEP = "exec sleep 1000\n"


class Client:
    """A private connection and all signals that came over it, as (member, path, arguments)."""

    def __init__(self, session):
        import dbus.mainloop.glib
        from gi.repository import GLib
        self.bus = dbus.connection.Connection(session.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        self.context = GLib.MainContext.default()
        self.heard = []
        self.bus.add_signal_receiver(lambda *args, **kw: self.heard.append((str(kw["member"]), str(kw["path"]), args)),
                                     member_keyword="member", path_keyword="path")
        self.object = self.bus.get_object("com.ubuntu.Upstart", ROOT, introspect=False)

    def pump(self):
        while self.context.iteration(False):
            pass

    def until(self, condition, what):
        def pumped():
            self.pump()
            return condition()
        wait_for(pumped, what)

    def hears(self, *names):
        return [signal for signal in self.heard if signal[0] in names]

    def subscribe(self):
        self.object.Subscribe(dbus_interface=MANAGER2)

    def objects(self):
        return self.object.GetManagedObjects(dbus_interface=OBJECTS)


@pytest.fixture
def client(session):
    clients = []

    def connect():
        clients.append(Client(session))
        return clients[-1]
    yield connect
    for c in clients:
        c.bus.close()


def over(client, event):
    """Has the end of an event been told?"""
    return any(args[0] == event for _, _, args in client.hears("EventEmitted"))


def test_old_clients_hear_what_they_know(session, client):
    plain, curious = client(), client()
    curious.subscribe()
    session.job("web", SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    session.ctl("stop", "web")
    session.ctl("emit", "end")
    for c in plain, curious:
        c.until(lambda: over(c, "end"), "the last event")
    assert {member for member, _, _ in plain.heard} == {
        "JobAdded", "InstanceAdded", "InstanceRemoved", "GoalChanged", "StateChanged", "EventEmitted"}
    assert [s for s in curious.heard if s[0] not in NEW] == plain.heard
    assert {member for member, _, _ in curious.hears(*NEW)} == NEW


def test_event_is_told_when_it_is_queued_and_when_it_is_over(session, client):
    go = session.path / "go"
    session.job("slow", f"start on work\ntask\nexec sh -c 'until test -e {go}; do sleep 0.05; done'\n")
    session.wait_job("slow")
    c = client()
    c.subscribe()
    session.ctl("emit", "--no-wait", "work", "A=1")
    c.until(lambda: ("EventQueued", ROOT, ("work", ["A=1"])) in c.heard, "the event to be queued")
    assert not over(c, "work")
    go.touch()
    c.until(lambda: over(c, "work"), "the event to be over")
    events = [(member, args[0]) for member, _, args in c.hears("EventQueued", "EventEmitted")]
    assert events.index(("EventQueued", "work")) < events.index(("EventQueued", "starting"))
    assert events.index(("EventQueued", "starting")) < events.index(("EventEmitted", "starting"))
    for name in "work", "starting", "started", "stopping", "stopped":
        assert events.count(("EventQueued", name)) == events.count(("EventEmitted", name)) == 1


def test_properties_change_as_the_signals_say(session, client):
    session.job("web", SLEEP)
    session.wait_job("web")
    c = client()
    c.subscribe()
    session.ctl("start", "web")
    c.until(lambda: over(c, "started"), "it to run")
    path = ROOT + "/jobs/web/_"
    changes = c.hears("PropertiesChanged")
    assert {p for _, p, _ in changes} == {path} and {args[0] for _, _, args in changes} == {INSTANCE}
    assert [str(args[1]["goal"]) for _, _, args in changes if "goal" in args[1]] == ["start"]
    assert [str(args[1]["state"]) for _, _, args in changes if "state" in args[1]] == \
        [str(args[0]) for _, _, args in c.hears("StateChanged")]
    assert all(args[2] == (["processes"] if "state" in args[1] else []) for _, _, args in changes)
    instance = c.bus.get_object("com.ubuntu.Upstart", path, introspect=False)
    assert instance.Get(INSTANCE, "state", dbus_interface=PROPERTIES) == changes[-1][2][1]["state"] == "running"
    session.ctl("log-priority", "info")
    c.until(lambda: any(args[0] == MANAGER for _, _, args in c.hears("PropertiesChanged")), "the priority")
    assert c.hears("PropertiesChanged")[-1][2][1] == {"log_priority": "info"}


def test_managed_objects_are_all_there_is(session, client):
    session.job("net/web", "description \"a web\"\nstart on go A=1\n" + SLEEP)
    session.job("tty", "instance $N\n" + SLEEP)
    session.wait_jobs(2)
    session.ctl("start", "tty", "N=1")
    session.ctl("start", "tty", "N=two")
    c = client()
    objects = c.objects()
    jobs = ROOT + "/jobs/"
    assert set(objects) == {jobs + "net_2fweb", jobs + "tty", jobs + "tty/1", jobs + "tty/two"}
    for path, interfaces in objects.items():
        kind = "Instance" if "/tty/" in path else "Job"
        assert set(interfaces) == {f"{MANAGER}.{kind}", f"{MANAGER2}.{kind}"}
        there = c.bus.get_object("com.ubuntu.Upstart", path, introspect=False)
        for interface, properties in interfaces.items():
            assert properties == there.GetAll(interface, dbus_interface=PROPERTIES)
    assert objects[jobs + "net_2fweb"][MANAGER + ".Job"]["description"] == "a web"
    assert objects[jobs + "tty/two"][INSTANCE]["state"] == "running"


def test_objects_that_come_and_go_are_told(session, client):
    c = client()
    assert c.objects() == {}
    session.job("web", SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    session.ctl("stop", "web")
    (session.conf / "web.conf").unlink()
    job, instance = ROOT + "/jobs/web", ROOT + "/jobs/web/_"
    c.until(lambda: any(args[0] == job for _, _, args in c.hears("InterfacesRemoved")), "the job to go")
    added = {str(args[0]): args[1] for _, _, args in c.hears("InterfacesAdded")}
    assert added[job][MANAGER + ".Job"]["name"] == "web"
    assert set(added) <= {job, instance}
    removed = [(str(args[0]), sorted(args[1])) for _, _, args in c.hears("InterfacesRemoved")]
    assert removed == [(instance, [INSTANCE, MANAGER2 + ".Instance"]), (job, [MANAGER + ".Job", MANAGER2 + ".Job"])]
    assert c.objects() == {}


def test_picture_and_signals_make_one_story(session, client):
    """Whatever happens while all is asked for: picture and signals together give what is so in the end."""
    names = [f"j{i}" for i in range(30)]
    for name in names:
        session.job(name, "start on up\nstop on down\n" + SLEEP)
    session.wait_jobs(len(names))
    c = client()
    session.ctl("emit", "--no-wait", "up")
    known = {str(path): {str(i): dict(p) for i, p in interfaces.items()} for path, interfaces in c.objects().items()}
    session.ctl("emit", "down")
    session.ctl("emit", "up")
    session.ctl("emit", "end")
    c.until(lambda: over(c, "end"), "the end")
    for member, path, args in c.hears(*NEW):
        if member == "InterfacesAdded":
            known[str(args[0])] = {str(i): dict(p) for i, p in args[1].items()}
        elif member == "InterfacesRemoved":
            known.pop(str(args[0]), None)
        elif member == "PropertiesChanged" and path in known:
            known[path][str(args[0])].update(args[1])
    running = {path for path, interfaces in known.items() if interfaces.get(INSTANCE, {}).get("state") == "running"}
    assert running == {f"{ROOT}/jobs/{name}/_" for name in names}


def test_many_objects_in_one_answer(session, client):
    for i in range(400):
        (session.conf / f"j{i}.conf").write_text(f"description \"{'x' * 200}\"\n" + SLEEP)
    session.wait_jobs(400)
    assert len(client().objects()) == 400


def test_subscription_outlives_init_but_not_the_connection(session, client):
    session.job("web", SLEEP)
    session.wait_job("web")
    c = client()
    c.subscribe()
    before = session.wait_servants()["upstart-control"]
    c.object.Restart(dbus_interface=MANAGER)
    c.until(lambda: c.hears("Restarted"), "another image")
    session.ctl("start", "web")
    c.until(lambda: over(c, "started"), "it to run")
    assert c.hears("EventQueued") and c.hears("PropertiesChanged") and session.wait_servants()["upstart-control"] == before
    other = client()
    session.ctl("stop", "web")
    session.ctl("emit", "end")
    other.until(lambda: over(other, "end"), "the end")
    assert not other.hears(*NEW)


def test_queued_events_are_told_again_after_a_time_without_subscribers(session, client):
    def tell(event):
        session.ctl("emit", event)
        plain.until(lambda: over(plain, event), event)
    plain, first = client(), client()
    tell("before")
    first.subscribe()
    tell("one")
    first.until(lambda: first.hears("EventQueued"), "the first")
    first.bus.close()
    tell("between")
    second = client()
    second.subscribe()
    tell("two")
    second.until(lambda: over(second, "two"), "the end of it")
    assert [args[0] for _, _, args in second.hears("EventQueued")] == ["two"]
    # Neither a new control nor a new image forgets those who are there.
    os.kill(session.servants()["upstart-control"], signal.SIGKILL)
    wait_for(session.answers, "another control")
    third = client()
    third.subscribe()
    session.ctl("emit", "three")
    third.until(lambda: third.hears("EventQueued"), "the third")


def test_objects_are_asked_for_again_when_init_was_replaced(session, client):
    """Init is stopped when it is asked, and answers as another image, once."""
    for i in range(20):
        session.job(f"j{i}", SLEEP)
    session.wait_jobs(20)
    c = client()
    c.object.GetAllJobs(dbus_interface=MANAGER)
    answers = []
    os.kill(session.pid, signal.SIGSTOP)
    try:
        c.object.GetManagedObjects(dbus_interface=OBJECTS, reply_handler=answers.append, error_handler=answers.append)
        c.pump()
        os.kill(session.pid, signal.SIGSEGV)
    finally:
        os.kill(session.pid, signal.SIGCONT)
    c.until(lambda: answers, "the answer")
    assert len(answers) == 1 and len(answers[0]) == 20
