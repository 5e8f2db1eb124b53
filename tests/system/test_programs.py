# SPDX-License-Identifier: MIT
"""Real programs, unpacked from Debian packages (never installed), under a session init.

Each is started, found serving, killed -9 and back, reloaded with SIGHUP where it heeds that, and stopped.
"""

import os
import pathlib
import signal
import socket
import subprocess

import pytest

from conftest import BUILD, ROOT, is_alive, wait_for

PROGRAMS = pathlib.Path(os.environ.get("UPSTART_TEST_PROGRAMS", BUILD / "programs"))


@pytest.fixture(scope="module")
def programs():
    """The scratch root with the programs in it."""
    done = subprocess.run([ROOT / "tools" / "fetch-programs", PROGRAMS], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    return PROGRAMS


def libraries(programs):
    arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True)
    triplet = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}.get(arch.stdout.strip(), "")
    return f"env LD_LIBRARY_PATH={programs}/usr/lib/{triplet}:{programs}/lib/{triplet}\n"


def accepts(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(str(path))
            return True
        except OSError:
            return False


def ask(path, request):
    """What the server at that socket answers to the request, as far as one read gives it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(path))
        s.sendall(request)
        return s.recv(4096)


def life(session, name, serves):
    """Start, kill -9 and back, stop."""
    session.wait_job(name)
    assert f"{name} start/running, process " in session.ctl("start", name)
    wait_for(serves, f"{name} to serve")
    first = session.pid_of(name)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not is_alive(first), "its death")
    session.wait_status(name, "start/running, process")
    second = wait_for(lambda: session.pid_of(name) != first and session.pid_of(name), "another pid")
    wait_for(serves, f"{name} to serve again")
    assert "main process ended, respawning" in session.messages()
    return second


def stop(session, name, pid, serves):
    assert session.ctl("stop", name) == f"{name} stop/waiting\n"
    assert not is_alive(pid)
    wait_for(lambda: not serves(), f"{name} to serve no more")


def test_nginx(session, programs):
    sock, conf = session.path / "nginx.sock", session.path / "nginx.conf"

    def write(answer):
        conf.write_text(f"""
worker_processes 2; daemon off; pid {session.path}/nginx.pid; error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {session.path}/t1; proxy_temp_path {session.path}/t2; fastcgi_temp_path {session.path}/t3;
  uwsgi_temp_path {session.path}/t4; scgi_temp_path {session.path}/t5;
  server {{ listen unix:{sock}; location / {{ return 200 "{answer}"; }} }}
}}
""")

    write("one")
    serves = lambda: accepts(sock)  # noqa: E731
    get = b"GET / HTTP/1.0\r\n\r\n"
    session.job("nginx", f"respawn\n{libraries(programs)}pre-start exec rm -f {sock}\n"
                         f"exec {programs}/usr/sbin/nginx -p {session.path} -c {conf}\n")
    pid = life(session, "nginx", serves)
    assert ask(sock, get).endswith(b"one")
    write("two")
    assert session.ctl("reload", "nginx") == ""
    wait_for(lambda: ask(sock, get).endswith(b"two"), "the new answer")
    assert session.pid_of("nginx") == pid
    stop(session, "nginx", pid, serves)


def test_redis(session, programs):
    sock = session.path / "redis.sock"
    serves = lambda: accepts(sock) and ask(sock, b"PING\r\n") == b"+PONG\r\n"  # noqa: E731
    session.job("redis", f"respawn\n{libraries(programs)}chdir {session.path}\n"
                         f"exec {programs}/usr/bin/redis-server --port 0 --unixsocket {sock} --save '' --daemonize no\n")
    pid = life(session, "redis", serves)
    assert ask(sock, b"SET key value\r\n") == b"+OK\r\n"
    assert ask(sock, b"GET key\r\n") == b"$5\r\nvalue\r\n"
    stop(session, "redis", pid, serves)
    wait_for(lambda: "ready to exit, bye bye" in session.log_of("redis"), "its last words in the log")


def test_dbus_daemon(session, programs):
    sock, conf = session.path / "bus.sock", session.path / "bus.conf"
    conf.write_text(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={sock}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>""")
    serves = lambda: accepts(sock)  # noqa: E731
    session.job("dbus", f"respawn\n{libraries(programs)}pre-start exec rm -f {sock}\n"
                        f"exec {programs}/usr/bin/dbus-daemon --config-file={conf} --nofork --nopidfile --nosyslog\n")
    pid = life(session, "dbus", serves)
    done = session.command("dbus-send", f"--bus=unix:path={sock}", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                           "org.freedesktop.DBus.ListNames")
    assert done.returncode == 0 and "org.freedesktop.DBus" in done.stdout, done.stderr
    session.ctl("reload", "dbus")
    wait_for(lambda: "Reloaded configuration" in session.log_of("dbus") or is_alive(pid), "the reload")
    assert session.pid_of("dbus") == pid
    stop(session, "dbus", pid, serves)


def test_cron(make_pid1, programs):
    """cron writes to /var and /run: in the machine's private namespaces it finds folders of their own."""
    machine = make_pid1().start()
    serves = lambda: machine.command("test", "-s", "/run/crond.pid").returncode == 0  # noqa: E731
    machine.job("cron", f"respawn\n{libraries(programs)}pre-start exec rm -f /run/crond.pid\n"
                        f"exec {programs}/usr/sbin/cron -f\n")
    pid = life_in(machine, "cron", serves)
    assert machine.ctl("stop", "cron") == "cron stop/waiting\n"
    assert machine.command("kill", "-0", str(pid)).returncode != 0


def life_in(machine, name, serves):
    """As life(), with pids of the machine's own namespace."""
    machine.wait_job(name)
    assert f"{name} start/running, process " in machine.ctl("start", name)
    wait_for(serves, f"{name} to serve")
    first = machine.pid_of(name)
    assert machine.command("kill", "-KILL", str(first)).returncode == 0
    second = wait_for(lambda: "running, process" in machine.status(name) and machine.pid_of(name) != first and machine.pid_of(name),
                      "another pid")
    wait_for(serves, f"{name} to serve again")
    return second


def test_busybox_loop(session, programs):
    ticks = session.path / "ticks"
    count = lambda: len(ticks.read_text().split()) if ticks.exists() else 0  # noqa: E731
    more = lambda: (lambda before: wait_for(lambda: count() > before, "a tick"))(count())  # noqa: E731
    session.job("loop", f"respawn\nscript\n  exec {programs}/bin/busybox sh -c '\n"
                        f"    trap \"echo hup >> {session.path}/hup\" HUP\n"
                        f"    while :; do echo tick >> {ticks}; {programs}/bin/busybox sleep 0.05; done'\nend script\n")
    pid = life(session, "loop", more)
    session.ctl("reload", "loop")
    wait_for(lambda: (session.path / "hup").exists(), "the hook for SIGHUP")
    assert session.ctl("stop", "loop") == "loop stop/waiting\n"
    assert not is_alive(pid)


def test_file_edited_under_a_running_job(session):
    """The running instance keeps its definition over edits and respawns; the next one has the new."""
    session.job("j", "respawn\nenv V=old\nexec sh -c 'echo $V; exec sleep 1000'\n")
    session.wait_job("j")
    session.ctl("start", "j")
    pid = session.pid_of("j")
    wait_for(lambda: session.log_of("j") == "old\n", "its output")
    session.job("j", "respawn\nenv V=new\ndescription changed\nexec sh -c 'echo $V; exec sleep 1000'\n")
    session.ctl("reload-configuration")
    assert session.pid_of("j") == pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: session.log_of("j") == "old\nold\n", "the old definition once more")
    session.wait_status("j", "start/running, process")
    session.ctl("stop", "j")
    session.ctl("start", "j")
    wait_for(lambda: session.log_of("j") == "old\nold\nnew\n", "the new definition")


def test_a_broken_edit_keeps_the_last_good_definition(session):
    session.job("j", "exec sleep 1000\n")
    session.wait_job("j")
    session.job("j", "exec sleep 1000\nnonsense here\n")
    wait_for(lambda: "j.conf:2: Unknown stanza" in session.messages(), "the error")
    assert "start/running" in session.ctl("start", "j")


def test_a_thousand_jobs_at_once(session):
    for i in range(1000):
        (session.conf / f"j{i}.conf").write_text("start on go\nstop on halt\nconsole none\nexec sleep 1000\n")
    session.ctl("reload-configuration")
    assert len(session.ctl("list").splitlines()) == 1000
    session.command("initctl", "emit", "go", timeout=240)
    lines = session.ctl("list").splitlines()
    running = [line for line in lines if " start/running, process " in line]
    assert len(running) == 1000
    pids = {int(line.rpartition(" ")[2]) for line in running}
    assert len(pids) == 1000 and all(is_alive(pid) for pid in pids)
    session.command("initctl", "emit", "halt", timeout=240)
    assert all(line.endswith(" stop/waiting") for line in session.ctl("list").splitlines())
    assert not any(is_alive(pid) for pid in pids)
