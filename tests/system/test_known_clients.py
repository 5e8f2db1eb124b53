# SPDX-License-Identifier: MIT
"""What programs that were written for Upstart 1 do, call by call: they find what they know.

Each test does as one of them does over the transport that it uses: without introspection, with paths of its own making, looking at
names of errors.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import INIT, INITCTL, LIMIT, MANAGER, ROOT, WATCHES, wait_for
from test_control_servant import NOBODY, bus  # noqa: F401

dbus = pytest.importorskip("dbus")
import dbus.bus  # noqa: E402
import dbus.connection  # noqa: E402
import dbus.lowlevel  # noqa: E402
import dbus.mainloop.glib  # noqa: E402

NAME, PATH = "com.ubuntu.Upstart", "/com/ubuntu/Upstart"
JOB, INSTANCE = MANAGER + ".Job", MANAGER + ".Instance"
PROPERTIES, INTROSPECTABLE = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Introspectable"
SLEEP = "exec sleep 1000\n"

pytestmark = pytest.mark.skipif(not WATCHES, reason="sockets of this platform lie elsewhere")
with_bus = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dbus-daemon") is None, reason="needs root and dbus-daemon")


def call(connection, path, interface, member, signature="", *args, limit=LIMIT):
    """One call as programs in C make it: nothing is asked before, and nobody is to be started for it. The values that come back."""
    message = dbus.lowlevel.MethodCallMessage(NAME, path, interface, member)
    message.set_auto_start(False)
    message.append(*args, signature=signature)
    return connection.send_message_with_reply_and_block(message, limit).get_args_list()


def error_of(*words, **options):
    with pytest.raises(dbus.DBusException) as refused:
        call(*words, **options)
    return refused.value.get_dbus_name(), refused.value.get_dbus_message()


@pytest.fixture
def machine(make_pid1, bus):  # noqa: F811
    """Process 1 on a system bus, with the jobs a test wants; its bus."""
    def make(**jobs):
        bus.up()
        it = make_pid1().start(env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        for name, text in jobs.items():
            it.job(name.replace("_", "-"), text)
        it.wait_jobs(len(jobs))
        wait_for(bus.has_name, "the name")
        return it, bus
    return make


@with_bus
def test_session_manager_of_chromeos(machine):
    it, bus = machine(ui_task="start on start-user-session\ntask\nexec true\n", bad="start on bad\ntask\nexec false\n",
                      web="instance $PORT\nusage \"PORT=n\"\n" + SLEEP)
    connection = dbus.bus.BusConnection(bus.address)
    # EmitEvent(name, ["K=V"…], wait), waited for: it returns when the tasks are over.
    assert call(connection, PATH, MANAGER, "EmitEvent", "sasb", "start-user-session", ["CHROMEOS_USER=x"], True) == []
    assert it.status("ui-task") == "ui-task stop/waiting"
    name, text = error_of(connection, PATH, MANAGER, "EmitEvent", "sasb", "bad", [], True)
    assert (name, text) == (MANAGER + ".Error.EventFailed", "Event failed")
    # A job at a path that is put together by hand, probed, started, started again.
    web = PATH + "/jobs/web"
    name, _ = error_of(connection, web, JOB, "GetInstance", "as", ["PORT=80"])
    assert name == MANAGER + ".Error.UnknownInstance"
    assert error_of(connection, web, JOB, "GetInstance", "b", True) == \
        ("org.freedesktop.DBus.Error.InvalidArgs", "Invalid arguments to GetInstance method")
    assert call(connection, web, JOB, "Start", "asb", ["PORT=80"], True) == [web + "/80"]
    assert error_of(connection, web, JOB, "Start", "asb", ["PORT=80"], True) == \
        (MANAGER + ".Error.AlreadyStarted", "Job is already running: web (80)")
    assert call(connection, web, JOB, "Restart", "asb", ["PORT=80"], True) == [web + "/80"]
    assert call(connection, web, JOB, "Stop", "asb", ["PORT=80"], True) == []
    name, _ = error_of(connection, web, JOB, "Stop", "asb", ["PORT=80"], True)
    assert name == MANAGER + ".Error.UnknownInstance"


GRANT = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy user="nobody">
  <allow send_destination="com.ubuntu.Upstart" send_interface="com.ubuntu.Upstart0_6.Job" send_member="Start"/>
</policy></busconfig>
"""


@with_bus
def test_users_whom_the_policy_of_the_bus_grants_a_start(machine, bus):  # noqa: F811
    """The policy of the bus is all that keeps them from jobs, and more rules of it all that they need."""
    extra = bus.folder / "extra.conf"
    extra.write_text(GRANT)
    bus.config.write_text(bus.config.read_text().replace("</busconfig>", f"<include>{extra}</include></busconfig>"))
    it, bus = machine(web=SLEEP)
    web = PATH + "/jobs/web"
    assert bus.send(web, JOB + ".Start", "array:string:", "boolean:true", user=NOBODY).returncode == 0
    assert it.status("web").startswith("web start/running")
    assert "AccessDenied" in bus.send(web, JOB + ".Stop", "array:string:", "boolean:true", user=NOBODY).stderr


@with_bus
def test_pacemaker(machine):
    it, bus = machine(web_server=SLEEP, other=SLEEP)
    connection = dbus.bus.BusConnection(bus.address)
    names = [path.rpartition("/")[2].replace("_2d", "-") for path in call(connection, PATH, MANAGER, "GetAllJobs")[0]]
    assert sorted(names) == ["other", "web-server"]
    [path] = call(connection, PATH, MANAGER, "GetJobByName", "s", "web-server")
    assert call(connection, path, JOB, "GetAllInstances") == [[]]
    assert call(connection, path, JOB, "Start", "asb", [], False) == [path + "/_"]

    def state():
        [instances] = call(connection, path, JOB, "GetAllInstances")
        return call(connection, instances[0], PROPERTIES, "GetAll", "s", INSTANCE)[0]["state"] if instances else None
    wait_for(lambda: state() == "running", "it to run")
    assert "AlreadyStarted" in error_of(connection, path, JOB, "Start", "asb", [], True)[0]
    assert call(connection, path, JOB, "Restart", "asb", [], True) == [path + "/_"]
    assert call(connection, path, JOB, "Stop", "asb", [], True) == []
    assert state() is None
    assert "UnknownInstance" in error_of(connection, path, JOB, "Stop", "asb", [], True)[0]
    assert error_of(connection, PATH, MANAGER, "GetJobByName", "s", "nothing") == (MANAGER + ".Error.UnknownJob", "Unknown job: nothing")


def test_dsme(pid1):
    """A runlevel over the private socket, from a program that knows the address by heart."""
    pid1.job("levels", f"start on runlevel\ntask\nscript\necho $RUNLEVEL $PREVLEVEL > {pid1.path}/level\nend script\n")
    pid1.wait_job("levels")
    done = pid1.command("dbus-send", "--peer=unix:abstract=/com/ubuntu/upstart", "--print-reply", "--dest=" + NAME, PATH,
                        MANAGER + ".EmitEvent", "string:runlevel", "array:string:RUNLEVEL=5,PREVLEVEL=2", "boolean:true")
    assert done.returncode == 0, done.stderr
    assert (pid1.path / "level").read_text() == "5 2\n"


def test_application_launcher_of_ubuntu(session):
    """It watches events of jobs, starts instances, and raises those that run already."""
    from gi.repository import GLib
    session.job("application-click", "instance $APP_ID\n" + SLEEP)
    session.wait_job("application-click")
    connection = dbus.connection.Connection(session.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
    heard = []
    connection.add_signal_receiver(lambda name, env: heard.append((str(name), [str(one) for one in env])), "EventEmitted", MANAGER)
    [path] = call(connection, PATH, MANAGER, "GetJobByName", "s", "application-click")
    [instance] = call(connection, path, JOB, "Start", "asb", ["APP_ID=com.test_app_1.0"], True)
    assert "AlreadyStarted" in error_of(connection, path, JOB, "Start", "asb", ["APP_ID=com.test_app_1.0"], True)[0]
    assert call(connection, path, JOB, "GetAllInstances") == [[instance]]
    assert call(connection, instance, PROPERTIES, "Get", "ss", INSTANCE, "name") == ["com.test_app_1.0"]
    [[(kind, pid)]] = call(connection, instance, PROPERTIES, "Get", "ss", INSTANCE, "processes")
    assert kind == "main" and os.path.exists(f"/proc/{pid}")

    def names():
        while GLib.MainContext.default().iteration(False):
            pass
        return [name for name, env in heard if "JOB=application-click" in env and "INSTANCE=com.test_app_1.0" in env]
    wait_for(lambda: "started" in names(), "the event")
    assert names()[:2] == ["starting", "started"]
    connection.close()


@pytest.mark.parametrize("line, says", [
    ("initctl version | awk '{print $3}' | tr -d ')'", r"\d+(\.\d+)+\n"),
    ("initctl version | grep -q upstart && echo yes", "yes\n"),
    ("status web | grep -q ' start/' && echo yes", "yes\n"),
    ("initctl show-config -e web | grep '^  start on'", r"  start on started \(job: db, env:\)\n"),
    ("initctl list | awk '{print $1}' | sort | tr '\\n' ' '", "db tty web "),
    ("initctl list | awk '$2 == \"stop/waiting\" {print $1}' | sort | tr '\\n' ' '", "db tty "),
    ("initctl list | awk '$2 == \"start/running,\" {print $1}'", "web\n"),
    ("initctl help | grep -c '^  [^ ]' | awk '$1 > 20 {print \"many\"}'", "many\n"),
])
def test_shell_scripts(session, line, says):
    session.job("web", "start on started db\n" + SLEEP)
    session.job("db", SLEEP)
    session.job("tty", "instance $DEV\n" + SLEEP)
    session.wait_jobs(3)
    session.ctl("start", "web")
    assert re.fullmatch(says, session.command("sh", "-c", line).stdout)


def members(node):
    """{(interface, kind, name): types} of what a description of an object has."""
    return {(interface.get("name"), one.tag, one.get("name")):
            (one.get("type"), one.get("access"), [(arg.get("name"), arg.get("type"), arg.get("direction")) for arg in one.iter("arg")])
            for interface in node.iter("interface") for one in interface if one.tag in ("method", "signal", "property")}


def test_running_init_says_of_itself_what_the_xml_says(session):
    session.job("web", SLEEP)
    session.wait_job("web")
    session.ctl("start", "web")
    connection = session.bus()
    for name, path in (NAME, PATH), (NAME + ".Job", PATH + "/jobs/web"), (NAME + ".Instance", PATH + "/jobs/web/_"):
        [text] = call(connection, path, INTROSPECTABLE, "Introspect")
        told, written = members(ElementTree.fromstring(text)), members(ElementTree.parse(ROOT / "dbus" / (name + ".xml")).getroot())
        assert {key: value for key, value in told.items() if not key[0].startswith("org.freedesktop")} == \
            {key: value for key, value in written.items() if not key[0].startswith("org.freedesktop")}
        order = [key for key in told if key[0].startswith(MANAGER)]
        assert order == [key for key in written if key[0].startswith(MANAGER)]
        # Each property there is can be read, and has the type that is told.
        for interface, kind, member in told:
            if kind == "property":
                value = call(connection, path, PROPERTIES, "Get", "ss", interface, member)
                assert len(value) == 1, member
    connection.close()


def test_names_beyond_ascii_are_jobs_like_others(session):
    session.job("cafés", SLEEP)
    session.wait_job("cafés")
    connection = session.bus()
    path = PATH + "/jobs/caf_c3_a9s"
    assert call(connection, PATH, MANAGER, "GetJobByName", "s", "cafés") == [path]
    assert session.ctl("start", "cafés").startswith("cafés start/running, process ")
    assert call(connection, path, JOB, "GetAllInstances") == [[path + "/_"]]
    assert session.ctl("stop", "cafés") == "cafés stop/waiting\n"
    connection.close()


def test_init_that_is_called_upstart_says_so_with_three_words(make_session):
    session = make_session()
    (session.path / "bin" / "upstart").symlink_to(INIT)
    session.program = session.path / "bin" / "upstart"
    session.start()
    assert re.fullmatch(r"upstart \(upstart [\d.]+\)\n", session.command(INITCTL, "version").stdout)
