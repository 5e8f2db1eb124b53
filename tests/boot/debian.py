# SPDX-License-Identifier: MIT
"""A Debian in QEMU with our init, from a disk.

The disk is made of the cached root (tools/make-debian-root), the kernel's modules, what is installed in the build folder, and the
jobs of a whole machine.
"""

import os
import re
import shutil
import subprocess

from conftest import AGENT, BUILD, Archive, Machine
from debianroot import cached_root

# What the kernel must be told before it finds its disk.
FIRST = """#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs dev /dev
exec <>/dev/console >&0 2>&1
for module in {modules}; do insmod "$module"; done
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 -o ro /dev/vda /root || exec sh
mount --move /dev /root/dev
exec switch_root /root {init} "$@"
"""

FSTAB = """# what a machine mounts
/dev/vda        /           ext4   errors=remount-ro  0 1
LABEL=data      /srv/data   ext4   nodev              0 2
tmpfs           /srv/data/fast  tmpfs  size=1m        0 0
/srv/data/inner /mnt/bound  none   bind               0 0
/dev/vdc        none        swap   sw                 0 0
LABEL=late      /mnt/late   ext4   nofail             0 2
"""

# Tells what passes, in its order.
WITNESS = """start on mounting or mounted or virtual-filesystems or local-filesystems or remote-filesystems or all-swaps or filesystem
instance $UPSTART_EVENTS-$MOUNTPOINT
env MOUNTPOINT=
task
exec sh -c 'echo "$UPSTART_EVENTS $MOUNTPOINT $TYPE $DEVICE" >>/dev/witness'
"""

INTERFACES = """auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address 192.0.2.15/24
"""


def make_disk(path, kernel):
    """The disk that machines get copies of."""
    root, why = cached_root()
    assert root, why
    tree = path / "tree"
    tree.mkdir()

    def unpack(source):
        with subprocess.Popen(["tar", "-C", source, "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-C", tree, "-xf", "-", "--keep-directory-symlink"], stdin=tar.stdout, check=True)
        assert tar.returncode == 0

    subprocess.run(["tar", "-C", tree, "--numeric-owner", "-xf", root], check=True)
    unpack(BUILD / "root")
    unpack(BUILD / "root" / "usr" / "share" / "upstart" / "machine")
    subprocess.run(["cp", "-r", kernel / "modules", tree / "usr" / "lib" / "modules"], check=True)
    release = next((kernel / "modules").iterdir()).name
    (tree / "etc" / "mtab").symlink_to("../proc/self/mounts")  # which the installer of Debian makes
    subprocess.run(["chroot", tree, "depmod", release], check=True)
    (path / "modules").write_text("\n".join(boot_modules(tree / "usr" / "lib" / "modules" / release)))
    texts = {
        "etc/fstab": FSTAB, "etc/hostname": "oak\n", "etc/network/interfaces": INTERFACES, "etc/init/witness.conf": WITNESS,
        "etc/init/agent.conf": "start on startup or emergency\nstop on never\nrespawn\nrespawn limit unlimited\nexec /bin/agent\n", "bin/agent": AGENT,
        "etc/inittab": "id:2:initdefault:\n", "etc/cron.d/minute": "* * * * * root date +\\%s >>/run/cron-was-here\n",
        # What may fail to come is waited for all the time that a test takes, and nothing waits for that.
        "etc/init/mountall.override": "exec mountall --device-timeout=86400\n",
        "etc/rc.local": "#!/bin/sh\n# The last script of a runlevel: what was started before it?\npgrep -x atd >/run/before-rc.local\n",
    }
    for name, text in texts.items():
        (tree / name).write_text(text)
    for name in ("bin/agent", "etc/rc.local"):
        (tree / name).chmod(0o755)
    # Root may log in on the console without a password, and from the machine itself with a key.
    shadow = (tree / "etc/shadow").read_text()
    (tree / "etc/shadow").write_text(re.sub(r"^root:[^:]*:", "root::", shadow, flags=re.M))
    (tree / "root/.ssh").mkdir(0o700)
    subprocess.run(["chroot", tree, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519"], check=True)
    shutil.copy(tree / "root/.ssh/id_ed25519.pub", tree / "root/.ssh/authorized_keys")
    for folder in ("srv/data", "mnt/bound", "var/log/upstart"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    disk = path / "disk"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, disk, "1G"], check=True)
    subprocess.run(["rm", "-rf", tree], check=True)
    return disk


def boot_modules(folder):
    """The modules for the disk, in the order in which they are loaded."""
    needs = dict(line.split(":") for line in (folder / "modules.dep").read_text().splitlines())
    found = []
    for name in ("virtio_pci", "virtio_blk"):
        path = next(p for p in needs if os.path.basename(p).startswith(f"{name}.ko"))
        found += [p for p in [*reversed(needs[path].split()), path] if p not in found]
    return found


class Debian(Machine):
    """Boots from its own copy of the disk, with two more, one for data and one for swap; a third can be plugged in later."""

    limit = 900  # it starts many times the programs of the machines that boot from memory

    def __init__(self, path, kernel, name, disk):
        super().__init__(path, kernel, name)
        self.modules = (disk.parent / "modules").read_text().split()
        self.disk = path / "disk"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, self.disk], check=True)
        inner = path / "data-tree" / "inner"
        inner.mkdir(parents=True)
        (inner / "file").write_text("inner\n")
        (path / "data-tree" / "fast").mkdir()
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "data", "-d", path / "data-tree", path / "data", "32M"], check=True)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "late", path / "late", "16M"], check=True)
        subprocess.run(["truncate", "-s", "32M", path / "swap"], check=True)
        subprocess.run(["mkswap", "-q", path / "swap"], check=True, capture_output=True)

    def change(self, *commands):
        """Change the disk while the machine is off, with commands of debugfs(8)."""
        for command in commands:
            subprocess.run(["debugfs", "-w", "-R", command, self.disk], check=True, capture_output=True)

    def boot(self, *words, init="/sbin/init"):
        archive = Archive()
        archive.program("bin/busybox", self.cache / "busybox")
        for applet in ("sh", "mount", "insmod", "sleep", "switch_root"):
            archive.link(f"bin/{applet}", "busybox")
        for folder in ("dev", "proc", "root"):
            archive.folder(folder)
        archive.device("dev/console", 5, 1)
        folder = next((self.cache / "modules").iterdir())
        for module in self.modules:
            archive.data(os.path.basename(module), (folder / module).read_bytes())
        names = " ".join(f"/{os.path.basename(m)}" for m in self.modules)
        archive.text("init", FIRST.format(modules=names, init=init), 0o755)
        archive.write(self.path / "root.cpio")
        disks = []
        for i, name in enumerate(("disk", "data", "swap")):
            disks += ["-drive", f"file={self.path / name},format=raw,if=none,id=d{i},cache=unsafe", "-device", f"virtio-blk-pci,drive=d{i}"]
        self.start("rdinit=/init net.ifnames=0", *words, memory=512,
                   extra=[*disks, "-netdev", "hubport,id=n0,hubid=0", "-device", "virtio-net-pci,netdev=n0"])
        self.answers()
        return self

    def assert_clean(self):
        """Its file systems were unmounted: nothing is to be recovered, nothing is amiss."""
        for name in ("disk", "data", "late"):
            said = subprocess.run(["dumpe2fs", "-h", self.path / name], capture_output=True, text=True, check=True).stdout
            assert re.search(r"^Filesystem state: *clean$", said, re.M), f"{name}: {said}"
            assert "needs_recovery" not in said, name
            check = subprocess.run(["e2fsck", "-fn", self.path / name], capture_output=True, text=True)
            assert check.returncode == 0, f"{name}: {check.stdout}"
