# SPDX-License-Identifier: MIT
"""A stand-in for init, to test its clients: a small D-Bus server, peer to peer, with a few jobs.

It speaks just enough of the protocol (SASL EXTERNAL, little-endian messages) and is told how to misbehave:
which call to drop the connection at, which interfaces not to know, whether to answer at all. All it was asked
stands in `calls`.

    with FakeInit([Job("web", usage="web [PORT=n]")]) as init:
        subprocess.run(["initctl", "list"], env={"UPSTART_SESSION": init.address})
"""

import contextlib
import itertools
import os
import socket
import struct
import threading

MANAGER = "com.ubuntu.Upstart0_6"
JOB = "com.ubuntu.Upstart0_6.Job"
INSTANCE = "com.ubuntu.Upstart0_6.Instance"
MANAGER2 = "com.ubuntu.Upstart2"
JOB2 = "com.ubuntu.Upstart2.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = "com.ubuntu.Upstart0_6.Error."
DBUS_ERROR = "org.freedesktop.DBus.Error."

ROOT = "/com/ubuntu/Upstart"

CALL, RETURN, FAILURE, SIGNAL = 1, 2, 3, 4


def escape(name):
    """E(name) of object paths."""
    out = "".join(chr(b) if chr(b).isalnum() and b < 128 else "_%02x" % b for b in name.encode())
    return out or "_"


# ---- marshalling ----

ALIGN = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "b": 4, "i": 4, "u": 4, "s": 4, "o": 4, "a": 4, "h": 4,
         "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}
FIXED = {"y": "B", "n": "<h", "q": "<H", "b": "<I", "i": "<i", "u": "<I", "h": "<I", "x": "<q", "t": "<Q", "d": "<d"}


def one_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + one_type(signature[1:])
    if signature[0] in "({":
        depth = 0
        for i, c in enumerate(signature):
            depth += (c in "({") - (c in ")}")
            if depth == 0:
                return signature[:i + 1]
    return signature[0]


def types(signature):
    while signature:
        t = one_type(signature)
        yield t
        signature = signature[len(t):]


class Variant:
    def __init__(self, signature, value):
        self.signature, self.value = signature, value


class Writer:
    def __init__(self):
        self.data = bytearray()

    def align(self, n):
        while len(self.data) % n:
            self.data.append(0)

    def put(self, t, value):
        self.align(ALIGN[t[0]])
        if t[0] in FIXED:
            self.data += struct.pack(FIXED[t[0]], value)
        elif t[0] in "so":
            raw = value.encode("utf-8", "surrogateescape")
            self.data += struct.pack("<I", len(raw)) + raw + b"\0"
        elif t[0] == "g":
            self.data += bytes([len(value)]) + value.encode() + b"\0"
        elif t[0] == "v":
            self.put("g", value.signature)
            self.put(value.signature, value.value)
        elif t[0] == "(":
            for sub, item in zip(types(t[1:-1]), value):
                self.put(sub, item)
        elif t[0] == "{":
            key, val = types(t[1:-1])
            self.put(key, value[0])
            self.put(val, value[1])
        elif t[0] == "a":
            at = len(self.data)
            self.data += b"\0\0\0\0"
            self.align(ALIGN[t[1]])
            start = len(self.data)
            for item in (value.items() if isinstance(value, dict) else value):
                self.put(t[1:], item)
            struct.pack_into("<I", self.data, at, len(self.data) - start)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def align(self, n):
        self.at += -self.at % n

    def take(self, n):
        piece = self.data[self.at:self.at + n]
        if len(piece) != n:
            raise EOFError
        self.at += n
        return piece

    def get(self, t):
        self.align(ALIGN[t[0]])
        if t[0] in FIXED:
            return struct.unpack(FIXED[t[0]], self.take(struct.calcsize(FIXED[t[0]])))[0]
        if t[0] in "so":
            return self.take(self.get("u") + 1)[:-1].decode("utf-8", "surrogateescape")
        if t[0] == "g":
            return self.take(self.take(1)[0] + 1)[:-1].decode()
        if t[0] == "v":
            return self.get(one_type(self.get("g")))
        if t[0] == "(":
            return tuple(self.get(sub) for sub in types(t[1:-1]))
        if t[0] == "{":
            key, val = types(t[1:-1])
            return self.get(key), self.get(val)
        size = self.get("u")
        self.align(ALIGN[t[1]])
        end, out = self.at + size, []
        while self.at < end:
            out.append(self.get(t[1:]))
        return out


class Message:
    FIELDS = {1: "path", 2: "interface", 3: "member", 4: "error", 5: "reply_to", 6: "destination", 7: "sender",
              8: "signature"}
    CODES = {"path": (1, "o"), "interface": (2, "s"), "member": (3, "s"), "error": (4, "s"), "reply_to": (5, "u"),
             "signature": (8, "g")}

    def __init__(self, kind, serial, signature="", body=(), **fields):
        self.kind, self.serial, self.signature, self.body = kind, serial, signature, list(body)
        for name in self.FIELDS.values():
            if name != "signature":
                setattr(self, name, fields.get(name))

    def encode(self):
        body = Writer()
        for t, value in zip(types(self.signature), self.body):
            body.put(t, value)
        out = Writer()
        out.data += struct.pack("<cBBBII", b"l", self.kind, 0, 1, len(body.data), self.serial)
        fields = [(code, Variant(t, getattr(self, name))) for name, (code, t) in self.CODES.items()
                  if getattr(self, name)]
        out.put("a(yv)", fields)
        out.align(8)
        return bytes(out.data + body.data)

    @classmethod
    def read(cls, recv):
        head = recv(16)
        kind, size, serial, fields = head[1], *struct.unpack("<III", head[4:])
        rest = recv(fields + -fields % 8)
        reader = Reader(head + rest)
        reader.at = 12
        got = {cls.FIELDS[code]: value for code, value in reader.get("a(yv)") if code in cls.FIELDS}
        body = Reader(recv(size))
        signature = got.pop("signature", "")
        return cls(kind, serial, signature, [body.get(t) for t in types(signature)], **got)


# ---- what it pretends to run ----

class Job:
    """A job. `key` is the variable that names its instances; `fails`: starting it does; `task`: it ends at once."""

    def __init__(self, name, usage="", key=None, fails=False, task=False, start_on=(), stop_on=(), emits=(), env=()):
        self.name, self.usage, self.key, self.fails, self.task = name, usage, key, fails, task
        self.start_on, self.stop_on, self.emits, self.env = list(start_on), list(stop_on), list(emits), list(env)
        self.instances = {}
        self.path = ROOT + "/jobs/" + escape(name)

    def properties(self):
        return {"name": Variant("s", self.name), "description": Variant("s", ""), "author": Variant("s", ""),
                "version": Variant("s", ""), "usage": Variant("s", self.usage),
                "start_on": Variant("aas", self.start_on), "stop_on": Variant("aas", self.stop_on),
                "emits": Variant("as", self.emits)}

    def select(self, env, hint=True):
        for pair in env:
            if "=" not in pair:
                raise Failure(DBUS_ERROR + "InvalidArgs", "Env must be KEY=VALUE pairs")
        if not self.key:
            return ""
        table = dict(pair.split("=", 1) for pair in env)
        if self.key not in table:
            usage = "\nUsage: " + self.usage if self.usage and hint else ""
            raise Failure(DBUS_ERROR + "InvalidArgs", "Unknown parameter: " + self.key + usage)
        return table[self.key]

    def display(self, name):
        return "%s (%s)" % (self.name, name) if name else self.name

    def find(self, name):
        if name not in self.instances:
            raise Failure(ERROR + "UnknownInstance", "Unknown instance: " + name)
        return self.instances[name]


class Instance:
    def __init__(self, job, name, goal="start", state="running", processes=()):
        self.job, self.name, self.goal, self.state = job, name, goal, state
        self.processes = list(processes)
        self.env = {}
        self.path = job.path + "/" + escape(name)

    def properties(self):
        return {"name": Variant("s", self.name), "goal": Variant("s", self.goal), "state": Variant("s", self.state),
                "processes": Variant("a(si)", self.processes)}


class Failure(Exception):
    def __init__(self, name, text):
        super().__init__(text)
        self.name, self.text = name, text


class Drop(Exception):
    """Close this connection now."""


class Silence(Exception):
    """Never answer this call."""


class FakeInit:
    def __init__(self, jobs=(), address=None, tokens=True, hooks=None):
        """`hooks` maps a member to a function(init, message) that is asked first, for each call of it; it may raise
        Drop, Silence or Failure, return (signature, values) to answer with, or None to let the call go on."""
        self.jobs = {job.name: job for job in jobs}
        self.tokens, self.hooks = tokens, dict(hooks or {})
        self.calls = []    # (interface, member, arguments)
        self.done = {}     # token -> answer
        self.performed = []  # (member, arguments) of what changed something, once per request
        self.priority, self.env, self.reloads = "message", {"PATH": "/bin", "TERM": "dumb"}, 0
        self.pid_one = False
        self.version = "init (upstart 2.0.0)"
        self.address = address or "unix:abstract=/fake-init/%d/%d" % (os.getpid(), next(self.numbers))
        self.lock = threading.RLock()
        self.pids = itertools.count(1000)
        self.serials = itertools.count(1)
        self.connections = set()
        self.accepted = 0
        self.peer = None  # pid of who came last
        self.listener = self.acceptor = None

    numbers = itertools.count()

    # ---- life ----

    def listen(self):
        kind, name = self.address.split(":", 1)[1].split("=", 1)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("\0" + name if kind == "abstract" else name)
        self.listener.listen(16)
        self.acceptor = threading.Thread(target=self.accept, args=(self.listener,), daemon=True)
        self.acceptor.start()
        return self

    def deaf(self):
        """Stop listening and drop everybody, as when init ends; listen() undoes it."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            self.acceptor.join()  # while it is still in accept() the address is taken
            listener.close()
        self.drop_all()

    def drop_all(self):
        with self.lock:
            for conn in list(self.connections):
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    __enter__ = listen

    def __exit__(self, *_):
        self.deaf()

    def accept(self, listener):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(conn)
                self.accepted += 1
                self.peer = struct.unpack("3i", conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    # ---- one client ----

    def serve(self, conn):
        def recv(n):
            out = b""
            while len(out) < n:
                piece = conn.recv(n - len(out))
                if not piece:
                    raise EOFError
                out += piece
            return out

        try:
            self.authenticate(conn, recv)
            while True:
                message = Message.read(recv)
                if message.kind == CALL:
                    self.answer(conn, message)
        except (EOFError, OSError, Drop):
            pass
        finally:
            with self.lock:
                self.connections.discard(conn)
            conn.close()

    def authenticate(self, conn, recv):
        if "authenticate" in self.hooks:
            self.hooks["authenticate"](self, None)
        recv(1)
        while True:
            line = b""
            while not line.endswith(b"\r\n"):
                line += recv(1)
            word = line.split()[0]
            if word == b"AUTH":
                conn.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n" if b"EXTERNAL" in line
                             else b"REJECTED EXTERNAL\r\n")
            elif word == b"NEGOTIATE_UNIX_FD":
                conn.sendall(b"AGREE_UNIX_FD\r\n")
            elif word == b"BEGIN":
                return
            else:
                conn.sendall(b"ERROR\r\n")

    def answer(self, conn, message):
        with self.lock:
            self.calls.append((message.interface, message.member, message.body))
        try:
            hook = self.hooks.get(message.member)
            answer = hook(self, message) if hook else None
            if answer is None:
                with self.lock:
                    answer = self.handle(message)
            signature, body = answer
            reply = Message(RETURN, next(self.serials), signature, body, reply_to=message.serial)
        except Silence:
            return
        except Failure as failure:
            reply = Message(FAILURE, next(self.serials), "s", [failure.text], error=failure.name,
                            reply_to=message.serial)
        conn.sendall(reply.encode())

    def signal(self, path, interface, member, signature="", *body):
        data = Message(SIGNAL, next(self.serials), signature, body, path=path, interface=interface,
                       member=member).encode()
        with self.lock:
            for conn in list(self.connections):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # of a client that has just ended
                    conn.sendall(data)

    # ---- calls ----

    def handle(self, m):
        if m.interface == PROPERTIES:
            return self.property_call(m)
        target = self.object_at(m)
        if isinstance(target, Job):
            name = "job_" + m.member
            known = m.interface == JOB or (m.interface == JOB2 and self.tokens)
        elif isinstance(target, Instance):
            name, known = "instance_" + m.member, m.interface == INSTANCE
        else:
            name = "manager_" + m.member
            known = m.interface == MANAGER or (m.interface == MANAGER2 and self.tokens)
        method = getattr(self, name, None)
        if not known or not method or (m.member.endswith("WithToken") != (m.interface in (MANAGER2, JOB2))):
            self.unknown(m)
        return method(target, *m.body) if target is not self else method(*m.body)

    def unknown(self, m):
        raise Failure(DBUS_ERROR + "UnknownMethod", 'Method "%s" with signature "%s" on interface "%s" doesn\'t exist\n'
                      % (m.member, m.signature, m.interface))

    def object_at(self, m):
        if m.path == ROOT:
            return self
        for job in self.jobs.values():
            if m.path == job.path:
                return job
            for instance in job.instances.values():
                if m.path == instance.path:
                    return instance
        return self.unknown(m)

    def property_call(self, m):
        target = self.object_at(m)
        table = target.properties()
        if m.member == "GetAll":
            return "a{sv}", [table]
        if m.body[1] not in table:
            self.unknown(m)
        if m.member == "Get":
            return "v", [table[m.body[1]]]
        if m.body[2] not in ("debug", "info", "message", "warn", "error", "fatal"):
            raise Failure(DBUS_ERROR + "InvalidArgs", "The log priority given was not recognised")
        self.priority = m.body[2]
        return "", []

    def properties(self):
        return {"version": Variant("s", self.version), "log_priority": Variant("s", self.priority)}

    def once(self, token, what, perform):
        """A request with a token is done once, however often it is asked."""
        if token not in self.done:
            try:
                self.performed.append(what)
                self.done[token] = perform()
            except Failure as failure:
                self.done[token] = failure
        if isinstance(self.done[token], Failure):
            raise self.done[token]
        return self.done[token]

    # manager

    def manager_GetJobByName(self, name):
        if not name:
            raise Failure(DBUS_ERROR + "InvalidArgs", "Name may not be empty string")
        if name not in self.jobs:
            raise Failure(ERROR + "UnknownJob", "Unknown job: " + name)
        return "o", [self.jobs[name].path]

    def manager_GetAllJobs(self):
        return "ao", [[job.path for job in reversed(list(self.jobs.values()))]]

    def emit(self, name, env):
        if not name:
            raise Failure(DBUS_ERROR + "InvalidArgs", "Name may not be empty string")
        if any("=" not in pair for pair in env):
            raise Failure(DBUS_ERROR + "InvalidArgs", "Env must be KEY=VALUE pairs")
        if name == "fails":
            raise Failure(ERROR + "EventFailed", "Event failed")
        return "", []

    def manager_EmitEvent(self, name, env, wait):
        self.performed.append(("EmitEvent", [name, env, wait]))
        return self.emit(name, env)

    def manager_EmitEventWithToken(self, name, env, wait, token):
        return self.once(token, ("EmitEvent", [name, env, wait]), lambda: self.emit(name, env))

    def manager_ReloadConfiguration(self):
        self.reloads += 1
        return "", []

    def manager_NotifyDiskWriteable(self):
        return "", []

    def manager_NotifyDBusAddress(self, address):
        if address.startswith("unix:path=/no"):
            raise Failure(DBUS_ERROR + "FileNotFound", "Failed to connect to socket /no/such: No such file or directory")
        return "", []

    def manager_NotifyCGroupManagerAddress(self, address):
        return "", []

    def manager_Restart(self):
        self.performed.append(("Restart", []))
        raise Drop

    def table(self, details):
        if not details:
            return self.env
        if not details[0]:
            raise Failure(DBUS_ERROR + "InvalidArgs", "Job may not be empty string")
        self.manager_GetJobByName(details[0])
        job = self.jobs[details[0]]
        if details[1] not in job.instances:
            raise Failure(ERROR + "UnknownJobInstance", "Unknown instance: %s of job %s" % (details[1], job.name))
        return job.instances[details[1]].env

    def writable(self):
        if self.pid_one:
            raise Failure(ERROR + "PermissionDenied", "Not permissible to modify PID 1 job environment")

    def manager_GetEnv(self, details, name):
        if not name:
            raise Failure(DBUS_ERROR + "InvalidArgs", "Variable may not be empty string")
        table = self.table(details)
        if name not in table:
            raise Failure(DBUS_ERROR + "InvalidArgs", "No such variable: " + name)
        return "s", [table[name]]

    def manager_ListEnv(self, details):
        return "as", [["%s=%s" % item for item in reversed(list(self.table(details).items()))]]

    def manager_SetEnvList(self, details, pairs, replace):
        self.writable()
        table = self.table(details)
        for pair in pairs:
            name, _, value = pair.partition("=")
            if not name:
                raise Failure(DBUS_ERROR + "InvalidArgs", "Variable may not be empty string")
            if replace or name not in table:
                table[name] = value
        return "", []

    def manager_UnsetEnvList(self, details, names):
        self.writable()
        table = self.table(details)
        for name in names:
            table.pop(name, None)
        return "", []

    def manager_ResetEnv(self, details):
        self.writable()
        table = self.table(details)
        table.clear()
        table.update({"PATH": "/bin", "TERM": "dumb"})
        return "", []

    # job

    def job_GetInstance(self, job, env):
        return "o", [job.find(job.select(env)).path]

    def job_GetInstanceByName(self, job, name):
        return "o", [job.find(name).path]

    def job_GetAllInstances(self, job):
        return "ao", [[i.path for i in reversed(list(job.instances.values()))]]

    def start(self, job, env):
        name = job.select(env)
        if name in job.instances:
            raise Failure(ERROR + "AlreadyStarted", "Job is already running: " + job.display(name))
        if job.fails:
            raise Failure(ERROR + "JobFailed", "Job failed to start")
        instance = Instance(job, name, processes=[("main", next(self.pids))])
        instance.env = {"PATH": "/bin", **dict(p.split("=", 1) for p in job.env), **dict(p.split("=", 1) for p in env)}
        if not job.task:
            job.instances[name] = instance
        return "o", [instance.path]

    def stop(self, job, env):
        instance = job.find(job.select(env, hint=False))
        del job.instances[instance.name]
        return "", []

    def restart(self, job, env):
        instance = job.find(job.select(env, hint=False))
        instance.processes = [("main", next(self.pids))]
        return "o", [instance.path]

    def job_Start(self, job, env, wait):
        self.performed.append(("Start", [job.name, env, wait]))
        return self.start(job, env)

    def job_Stop(self, job, env, wait):
        self.performed.append(("Stop", [job.name, env, wait]))
        return self.stop(job, env)

    def job_Restart(self, job, env, wait):
        self.performed.append(("Restart", [job.name, env, wait]))
        return self.restart(job, env)

    def job_StartWithToken(self, job, env, wait, token):
        return self.once(token, ("Start", [job.name, env, wait]), lambda: self.start(job, env))

    def job_StopWithToken(self, job, env, wait, token):
        return self.once(token, ("Stop", [job.name, env, wait]), lambda: self.stop(job, env))

    def job_RestartWithToken(self, job, env, wait, token):
        return self.once(token, ("Restart", [job.name, env, wait]), lambda: self.restart(job, env))

    # instance

    def instance_Start(self, instance, wait):
        self.performed.append(("Start", [instance.job.name, instance.name, wait]))
        raise Failure(ERROR + "AlreadyStarted", "Job is already running: " + instance.job.display(instance.name))

    def instance_Stop(self, instance, wait):
        self.performed.append(("Stop", [instance.job.name, instance.name, wait]))
        instance.goal, instance.state = "stop", "killed"
        return "", []

    def instance_Restart(self, instance, wait):
        self.performed.append(("Restart", [instance.job.name, instance.name, wait]))
        instance.processes = [("main", next(self.pids))]
        return "", []

    def instance_Reload(self, instance):
        self.performed.append(("Reload", [instance.job.name, instance.name]))
        if not instance.processes:
            raise Failure(ERROR + "NotRunning", "Job is not running: " + instance.job.display(instance.name))
        return "", []
