#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A file system in memory, served from here: stop this process, and all that touches a file in it hangs, as on a dead
file server.

    fuse.py DIR [FILE...]    mount on DIR, with these files copied into it and an empty "folder"; says "ready" when it is there

Just enough of the kernel's FUSE protocol (linux/fuse.h) for files in one folder: look up, create, read, append, stat,
remove, rename.
"""

import ctypes
import errno
import os
import stat
import struct
import sys

HEAD = struct.Struct("<IIQQIIIHH")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")

LOOKUP, FORGET, GETATTR, SETATTR, UNLINK, RENAME, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 1, 2, 3, 4, 10, 12, 14, 15, 16, 17, 18, 20
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, CREATE, INTERRUPT, BATCH_FORGET, RENAME2 = 25, 26, 27, 28, 29, 34, 35, 36, 42, 45
SILENT = (FORGET, BATCH_FORGET, INTERRUPT)
DIRECT = 1  # nothing of a file is kept by the kernel


class File:
    def __init__(self, ino, mode, data=b""):
        self.ino, self.mode, self.data = ino, mode, bytearray(data)


class Server:
    def __init__(self, mountpoint, paths):
        self.root = File(1, stat.S_IFDIR | 0o755)
        self.files = {1: self.root}
        self.names = {}
        self.add("folder", 0o755).mode = stat.S_IFDIR | 0o755
        for path in paths:
            with open(path, "rb") as source:
                self.add(os.path.basename(path), os.stat(path).st_mode & 0o777, source.read())
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"upstart-test", mountpoint.encode(), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def add(self, name, mode, data=b""):
        file = File(len(self.files) + 1, stat.S_IFREG | mode, data)
        self.files[file.ino] = file
        self.names[name] = file
        return file

    def attr(self, file):
        size = len(file.data)
        return ATTR.pack(file.ino, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, file.mode, 1, 0, 0, 0, 4096, 0)

    def entry(self, file):
        return struct.pack("<QQQQII", file.ino, 0, 0, 0, 0, 0) + self.attr(file)

    def lookup(self, body):
        name = body.split(b"\0")[0].decode()
        if name not in self.names:
            raise OSError(errno.ENOENT, name)
        return self.names[name]

    def answer(self, opcode, node, body):
        file = self.files.get(node)
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 12, 128 * 1024, 1, 0, 0, 0)
        if opcode in (GETATTR, SETATTR):
            if opcode == SETATTR:
                valid, _, _, size = struct.unpack_from("<IIQQ", body)
                mode, = struct.unpack_from("<I", body, 68)
                if valid & 8:
                    del file.data[size:]
                if valid & 1:
                    file.mode = mode
            return struct.pack("<QII", 0, 0, 0) + self.attr(file)
        if opcode == LOOKUP:
            return self.entry(self.lookup(body))
        if opcode in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, DIRECT if opcode == OPEN else 0, 0)
        if opcode == CREATE:
            mode, = struct.unpack_from("<I", body, 4)
            name = body[16:].split(b"\0")[0].decode()
            return self.entry(self.add(name, mode & 0o777)) + struct.pack("<QII", 0, DIRECT, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return bytes(file.data[offset:offset + size])
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            file.data[offset:offset + size] = body[40:40 + size]
            return struct.pack("<II", size, 0)
        if opcode == UNLINK:
            del self.names[self.lookup(body) and body.split(b"\0")[0].decode()]
            return b""
        if opcode in (RENAME, RENAME2):
            names = body[8 if opcode == RENAME else 16:].split(b"\0")
            self.names[names[1].decode()] = self.names.pop(names[0].decode())
            return b""
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII24x", 1000, 1000, 1000, 1000, 1000, 4096, 255, 4096, 0)
        if opcode in (READDIR, RELEASE, RELEASEDIR, FLUSH, FSYNC, ACCESS):
            return b""
        raise OSError(errno.ENOSYS, "not served")

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, 256 * 1024)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                return  # unmounted
            _, opcode, unique, node, *_ = HEAD.unpack_from(request)
            if opcode in SILENT:
                continue
            try:
                code, reply = 0, self.answer(opcode, node, request[HEAD.size:])
            except (OSError, KeyError) as error:
                code, reply = -(getattr(error, "errno", None) or errno.ENOENT), b""
            try:
                os.write(self.fd, struct.pack("<IiQ", 16 + len(reply), code, unique) + reply)
            except OSError:
                pass  # who asked has gone meanwhile


if __name__ == "__main__":
    server = Server(sys.argv[1], sys.argv[2:])
    print("ready", flush=True)
    server.serve()
