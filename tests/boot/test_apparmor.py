# SPDX-License-Identifier: MIT
"""Jobs under AppArmor's profiles, on Debian's kernel and with its parser."""

import pathlib
import subprocess

import pytest

from conftest import BUILD, ROOT

# What is said outright is denied; all else that a shell does is let be.
PROFILE = """profile %s {
	file,
	signal,
	unix,
	capability,
	network,
	deny /run/forbidden w,
}
"""
CAGED = """apparmor load /etc/apparmor.d/%s
apparmor switch %s
script
	read -r profile </proc/self/attr/current || profile=none
	echo "$UPSTART_JOB is $profile" >>/run/caged
	touch /run/forbidden || echo "$UPSTART_JOB is denied it" >>/run/caged
	exec sleep 100000
end script
"""
MOUNT = "start on startup\ntask\nexec mount -t securityfs none /sys/kernel/security\n"


@pytest.fixture
def caged(machine):
    root = BUILD / "boot-apparmor"
    done = subprocess.run([ROOT / "tools" / "fetch-programs", root, "apparmor"], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    parser = root / "sbin" / "apparmor_parser"
    machine.program("sbin/apparmor_parser", parser if parser.exists() else pathlib.Path("/sbin/apparmor_parser"))
    machine.text("etc/apparmor/parser.conf", "")
    machine.text("var/cache/apparmor/.keep", "")
    for name in ("one", "two"):
        machine.text(f"etc/apparmor.d/{name}", PROFILE % name)
    machine.text("etc/apparmor.d/broken", "profile broken { nonsense\n")
    machine.job("security", MOUNT)
    machine.job("one", CAGED % ("one", "one"))
    machine.job("two", "instance $WHICH\n" + CAGED % ("two", "$WHICH"))
    machine.job("unloadable", "apparmor load /etc/apparmor.d/broken\nexec sleep 100000\n")
    machine.job("unswitchable", "apparmor switch nowhere\nexec sleep 100000\n")
    machine.job("hooked", "apparmor load /etc/apparmor.d/one\napparmor switch one\npre-start script\n"
                          "\tread -r profile </proc/self/attr/current\n\techo \"the hook is $profile\" >>/run/caged\nend script\n"
                          "exec sleep 100000\n")
    return machine


def boot(machine, *words):
    machine.boot("quiet", *words)
    machine.wait("initctl status security", "stop/waiting")


def off(machine):
    machine.leave()
    machine.line.sendall(b"/sbin/poweroff\n")
    machine.wait_off()
    assert "Kernel panic" not in machine.console()


def test_profiles_are_loaded_and_switched_to(caged):
    boot(caged, "apparmor=1", "security=apparmor")
    assert caged.run("cat /sys/module/apparmor/parameters/enabled") == "Y"
    caged.run("start one")
    caged.wait("cat /run/caged", "^one is one \\(enforce\\)\none is denied it$")
    caged.run("test ! -e /run/forbidden")
    assert caged.run("cat /sys/kernel/security/apparmor/profiles") == "one (enforce)"
    one = caged.run("initctl status one").split()[-1]
    # The name of the profile is expanded; it is main's alone, not that of hooks.
    caged.run("start two WHICH=two && start hooked")
    said = caged.wait("cat /run/caged", "(?s)two is denied it.*the hook")
    assert "two is two (enforce)\n" in said and "the hook is unconfined" in said
    hooked = caged.run("initctl status hooked").split()[-1]
    caged.wait(f"cat /proc/{hooked}/attr/current", r"^one \(enforce\)$")
    # Without the profile nothing runs that was to be confined; a profile that can't be loaded alone does not matter.
    assert "failed" in caged.run("start unswitchable", 1)
    assert "unable to switch security profile" in caged.run("dmesg")
    caged.run("start unloadable")
    # Confined processes can be stopped, and their profile outlives init.
    caged.run("kill -SEGV 1")
    assert caged.wait("initctl status one", "start/running").split()[-1] == one
    assert caged.run(f"cat /proc/{one}/attr/current") == "one (enforce)"
    caged.run("stop one")
    off(caged)

    # Where that is asked for, what can't be loaded fails its job.
    boot(caged, "apparmor=1", "security=apparmor", "--apparmor-must-load")
    assert "failed" in caged.run("start unloadable", 1)
    caged.run("start one")
    off(caged)

    # Without AppArmor both are as if they were not there.
    boot(caged, "apparmor=0", "--apparmor-must-load")
    caged.run("start one && start unswitchable && start unloadable")
    caged.wait("cat /run/caged", "^one is ")
    caged.run("test -e /run/forbidden")
    off(caged)
