#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The core is pure: what it, the job language and the helpers both need import from libc is on the list below.

usage: check_imports.py [--strict] NM LIBCORE LIBJOB LIBCOMMON

--strict: a build whose failed invariants and list macros end the process (-Dstrict=true).

Starts from all of libcore, adds the objects of the other two that it needs (and those that these need), and looks at
what is left undefined. Nothing on the list makes a system call, or reads a clock, the locale or the environment.
"""

import os
import re
import subprocess
import sys

ALLOWED = set('''
    malloc calloc realloc reallocarray free
    memchr memcmp memcpy memmove memset
    strchr strrchr strcmp strncmp strcpy strlen strnlen strspn strcspn strstr strdup strndup strpbrk
    snprintf vsnprintf strtol strtoul strtoll strtoull qsort bsearch
    fnmatch strerror
    __errno_location
'''.split())

# What compilers put in by themselves: checked forms of the above, stack protection, sanitizers, coverage.
BY_COMPILER = re.compile(r'^(__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan|msan|gcov|llvm|sancov)_.*|'
                         r'__isoc(23|99)_(strto[a-z]+|sscanf)|__(mem|str)[a-z]+_chk|__v?snprintf_chk|__tls_get_addr|bcmp|stpcpy)$')

# Where a number above SIGRTMIN lies is asked of libc; it makes no system call.
BY_NAME = {'__libc_current_sigrtmin', '__libc_current_sigrtmax'}


def symbols(nm, lib):
    """Object name -> (defined, undefined) of an archive."""
    objects = {}
    current = None
    out = subprocess.run([nm, '-P', '-g', lib], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    for line in out.splitlines():
        match = re.match(r'^.*\[(.*)\]:$', line)
        if match:
            current = objects.setdefault(os.path.basename(match.group(1)), (set(), set()))
            continue
        words = line.split()
        if len(words) >= 2 and current is not None:
            current[words[1] in 'Uw'].add(words[0])
    return objects


def main():
    args = sys.argv[1:]
    if args and args[0] == '--strict':
        ALLOWED.add('__assert_fail')
        args.pop(0)
    if len(args) != 4:
        sys.exit(__doc__)
    nm, core, job, common = args
    needed = {('core', name): syms for name, syms in symbols(nm, core).items()}
    others = {('job', name): syms for name, syms in symbols(nm, job).items()}
    others.update({('common', name): syms for name, syms in symbols(nm, common).items()})
    if not needed:
        sys.exit('no objects in ' + core)
    while True:
        defined = set().union(*(d for d, _ in needed.values()))
        undefined = set().union(*(u for _, u in needed.values())) - defined
        found = [key for key, (d, _) in others.items() if key not in needed and d & undefined]
        if not found:
            break
        needed.update({key: others[key] for key in found})
    bad = {name for name in undefined
           if name not in ALLOWED and name not in BY_NAME and not BY_COMPILER.match(name)}
    for room, name in sorted(needed):
        for symbol in sorted(needed[room, name][1] & bad):
            print('%s/%s imports %s' % (room, name, symbol))
    for room, name in sorted(needed):
        if room == 'common' and name in ('log.c.o', 'ipc.c.o', 'msg.c.o'):
            print('the core needs %s/%s' % (room, name))
            bad.add(name)
    print('%d objects, %d imports, %d not allowed' % (len(needed), len(undefined), len(bad)))
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
