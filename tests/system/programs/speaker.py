# SPDX-License-Identifier: MIT
"""A main process that does what it is told, a line at a time, on a FIFO.

say TEXT        send it to NOTIFY_SOCKET; \\n in it is a new line
barrier TEXT    send TEXT, then a barrier, and write "heard" to the file of argv[2] when that is closed
child [TEXT]    fork: MAINPID= is said for the child, which goes on reading, with TEXT; the parent ends at once
exit N          end
"""

import os
import socket
import sys


def send(text, fds=()):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect("\0" + address[1:] if address[0] == "@" else address)
        socket.send_fds(s, [text.encode()], fds) if fds else s.send(text.encode())


def barrier():
    r, w = os.pipe()
    send("BARRIER=1", [w])
    os.close(w)
    os.read(r, 1)  # its end, when nobody holds the other one any more
    os.close(r)


def main(fifo, heard):
    lines = open(os.open(fifo, os.O_RDWR))
    while True:
        word, _, rest = lines.readline().rstrip("\n").partition(" ")
        rest = rest.replace("\\n", "\n")
        if word == "say":
            send(rest)
        elif word == "barrier":
            send(rest)
            barrier()
            with open(heard, "a") as out:
                out.write("heard\n")
        elif word == "child":
            child = os.fork()
            if child != 0:
                send(f"MAINPID={child}\n{rest}")
                os._exit(0)
        elif word == "exit":
            os._exit(int(rest))


main(*sys.argv[1:3])
