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


def facts(machine, pid, file):
    """Lines "Key:\tvalue …" or "Key   value …" of a file about a process, by their first word."""
    done = machine.command("cat", f"/proc/{pid}/{file}")
    assert done.returncode == 0, done.stderr
    return {line.split("  ")[0].split(":")[0]: line.split("  ", 1)[-1].split(":\t")[-1].split() for line in done.stdout.splitlines()}


def stop_in(machine, name, pid, serves):
    assert machine.ctl("stop", name) == f"{name} stop/waiting\n"
    assert machine.command("kill", "-0", str(pid)).returncode != 0
    wait_for(lambda: not serves(), f"{name} to serve no more")


def test_redis_as_another_user_with_limits(make_pid1, programs):
    machine = make_pid1().start()
    for words in (("mkdir", "-p", "/run/programs", "/run/redis"), ("mount", "--bind", programs, "/run/programs"),
                  ("chown", "nobody:nogroup", "/run/redis")):
        done = machine.command(*words)
        assert done.returncode == 0, done.stderr
    here = pathlib.Path("/run/programs")
    sock = f"/proc/{machine.pid}/root/run/redis/sock"
    serves = lambda: accepts(sock) and ask(sock, b"PING\r\n") == b"+PONG\r\n"  # noqa: E731
    machine.job("redis", f"respawn\n{libraries(here)}setuid nobody\nchdir /run/redis\nlimit nofile 512 600\nnice 5\numask 077\n"
                         f"exec {here}/usr/bin/redis-server --port 0 --unixsocket sock --maxclients 100 --save '' --daemonize no\n")
    pid = life_in(machine, "redis", serves)
    status = facts(machine, pid, "status")
    assert status["Uid"] == ["65534"] * 4 and status["Gid"] == ["65534"] * 4 and "0" not in status["Groups"]
    assert int(status["CapEff"][0], 16) == 0
    assert facts(machine, pid, "limits")["Max open files"][:2] == ["512", "600"]
    assert machine.command("stat", "-c", "%U %a", "/run/redis/sock").stdout == "nobody 700\n"
    # It ignores SIGHUP: a reload does it no harm.
    assert machine.ctl("reload", "redis") == "" and machine.pid_of("redis") == pid and serves()
    stop_in(machine, "redis", pid, serves)


def test_httpd_in_a_chroot(make_pid1, programs):
    """The user is one of the chroot's own; the web server there re-reads its file on SIGHUP."""
    machine = make_pid1().start()
    root, busybox = machine.path / "root", programs / "bin/busybox"
    for name in ("bin", "etc", "www"):
        (root / name).mkdir(parents=True)
    (root / "bin/busybox").write_bytes(busybox.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    (root / "etc/passwd").write_text("web:x:4321:4322::/:\n")
    (root / "etc/group").write_text("web:x:4322:\nmore:x:4323:web\n")
    (root / "etc/httpd.conf").write_text("")
    (root / "www/index.html").write_text("one\n")
    root.chmod(0o755)
    assert machine.command(busybox, "ip", "link", "set", "lo", "up").returncode == 0
    get = lambda: machine.command(busybox, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")  # noqa: E731
    serves = lambda: get().stdout == "one\n"  # noqa: E731
    machine.job("httpd", f"respawn\nchroot {root}\nchdir /www\nsetuid web\nlimit nproc 50 50\n"
                         "exec /bin/busybox httpd -f -p 127.0.0.1:8080 -h /www -c /etc/httpd.conf\n")
    pid = life_in(machine, "httpd", serves)
    status = facts(machine, pid, "status")
    assert status["Uid"] == ["4321"] * 4 and status["Gid"] == ["4322"] * 4 and sorted(status["Groups"]) == ["4322", "4323"]
    assert machine.command("readlink", f"/proc/{pid}/root").stdout.strip() == str(root)
    (root / "etc/httpd.conf").write_text("/:user:secret\n")
    assert machine.ctl("reload", "httpd") == ""
    wait_for(lambda: "401" in get().stderr, "a password to be asked for")
    assert machine.pid_of("httpd") == pid
    (root / "etc/httpd.conf").write_text("")
    machine.ctl("reload", "httpd")
    wait_for(serves, "none to be asked for")
    stop_in(machine, "httpd", pid, serves)


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
