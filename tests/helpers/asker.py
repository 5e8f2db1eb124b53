#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A client of init that has many requests open at a time, over one connection, and tells of every answer.

    asker.py ADDRESS

A line of the standard input is a request: TAG emit|start|stop|restart NAME [KEY=VALUE]..., or TAG reexec init. Each waits,
as initctl does. A line of the standard output is an answer: TAG ok, or TAG error NAME TEXT. Answers are told as they come, also when there are two to
one request. An end of the connection is told as `- lost`. It may run in another namespace than the test.
"""

import os
import socket
import sys
import threading

from fake_init import CALL, FAILURE, MANAGER, RETURN, ROOT, JOB, Message, escape


def connect(address):
    kind, name = address.split(":", 1)[1].split(",")[0].split("=", 1)
    link = socket.socket(socket.AF_UNIX)
    link.connect("\0" + name if kind == "abstract" else name)
    link.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
    stream = link.makefile("rb")
    assert stream.readline().startswith(b"OK "), "not let in"
    link.sendall(b"BEGIN\r\n")
    return link, stream


def request(serial, what, name, env):
    if what == "emit":
        return Message(CALL, serial, "sasb", [name, env, 1], path=ROOT, interface=MANAGER, member="EmitEvent")
    if what == "reexec":
        return Message(CALL, serial, path=ROOT, interface=MANAGER, member="Restart")
    return Message(CALL, serial, "asb", [env, 1], path=ROOT + "/jobs/" + escape(name), interface=JOB, member=what.capitalize())


def hear(stream, tags):
    def take(n):
        data = stream.read(n)
        if len(data) != n:
            raise EOFError
        return data

    while True:
        try:
            message = Message.read(take)
        except (EOFError, OSError):
            print("- lost", flush=True)
            return
        if message.kind == RETURN:
            print(tags[message.reply_to], "ok", flush=True)
        elif message.kind == FAILURE:
            print(tags[message.reply_to], "error", message.error, *message.body[:1], flush=True)


def main():
    link, stream = connect(sys.argv[1])
    tags = {}
    threading.Thread(target=hear, args=(stream, tags), daemon=True).start()
    for serial, line in enumerate(sys.stdin, 1):
        tag, what, name, *env = line.split()
        tags[serial] = tag
        link.sendall(request(serial, what, name, env).encode())


if __name__ == "__main__":
    main()
