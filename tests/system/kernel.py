"""A real ARM64 Linux kernel to run an image on.

qemu-system-aarch64 plays the machine, Debian's newest cloud kernel is the kernel, and the first
file system, made here, holds a static busybox, the drivers of the network card, the image and a
site.  Its /init brings the network up, runs the server, and turns the machine off when the
server ends.  Kernel and busybox are fetched when wanted (debian.py); none of their bytes
are kept in this repository.

    with boot(image, site, ["-r", "/site", "-p", "8080", "-b", "0.0.0.0"]) as machine:
        urlopen(machine.url)
"""

import functools
import lzma
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.cpio import Cpio
from tests.system.debian import Archive, UnavailableError

SECONDS_TO_BOOT = 120  # some 7 on an idle machine; tests share theirs
PORT_INSIDE = 8080
ARGUMENTS = ("-r", "/site", "-p", str(PORT_INSIDE), "-b", "0.0.0.0")
DRIVERS = ("failover", "net_failover", "virtio_net")  # in the order they need each other
CLOUD_KERNEL = r"linux-image-\d[^ ]*-cloud-arm64-unsigned"
SERVER_ENDED = "svc0-server-ended"  # what /init prints then

INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
for driver in {drivers}; do /bin/busybox insmod /drivers/$driver.ko; done
/bin/busybox ip link set lo up
/bin/busybox ip link set eth0 up
/bin/busybox ip addr add 10.0.2.15/24 dev eth0
/bin/busybox ip route add default via 10.0.2.2
/server {arguments}
/bin/busybox echo {ended} $?
/bin/busybox poweroff -f
"""


class BootError(Exception):
    """The machine ended or stayed silent; the message is the end of its console."""


@dataclass(frozen=True)
class Kernel:
    """What a machine is booted from."""

    image: Path
    modules: Path
    busybox: Path

    @functools.cached_property
    def drivers(self) -> dict[str, bytes]:
        return {name: self._driver(name) for name in DRIVERS}

    def _driver(self, name: str) -> bytes:
        for path in self.modules.glob(f"**/{name}.ko*"):
            data = path.read_bytes()
            return lzma.decompress(data) if path.suffix == ".xz" else data
        raise UnavailableError(f"no driver {name} in {self.modules}")


@dataclass(frozen=True)
class Machine:
    """A booted machine: where its server answers, and what its console said."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    seconds: float  # from the start of the emulator to the first answer

    def console(self) -> str:
        return self.log.read_text("utf-8", "replace")


def find() -> Path | None:
    """The kernel's image, if kernel and busybox are unpacked already."""
    kernel = _unpacked()
    return kernel.image if kernel else None


def get() -> Path:
    """The kernel's image, fetched unless it is there."""
    return kernel().image


@functools.cache
def kernel() -> Kernel:
    """Debian's newest cloud kernel (of backports, where they can be had) and busybox."""
    if found := _unpacked():
        return found
    archive = Archive("arm64")
    names = archive.names(CLOUD_KERNEL)
    if not names:
        raise UnavailableError("the mirror of this machine has no cloud kernel for arm64")
    archive.unpack(names[-1])
    archive.unpack("busybox-static")
    if found := _unpacked():
        return found
    raise UnavailableError(f"{names[-1]} holds no /boot/vmlinuz-*")


def _unpacked() -> Kernel | None:
    archive = Archive("arm64")
    busybox = archive.unpacked("busybox-static")
    trees = sorted(archive.home.glob("linux-image-*-cloud-arm64-unsigned_*"))
    for tree in reversed(trees):
        for image in tree.glob("boot/vmlinuz-*"):
            if busybox:
                programs = [busybox / "bin/busybox", busybox / "usr/bin/busybox"]
                [program] = [path for path in programs if path.exists()][:1]
                return Kernel(image, tree, program)
    return None


def first_file_system(image: bytes, site: Path, arguments: Sequence[str]) -> bytes:
    """The archive that the kernel unpacks and whose /init it starts."""
    had = kernel()
    archive = Cpio()
    archive.device("dev/console", 5, 1)  # what /init speaks to before /dev is mounted
    archive.file("bin/busybox", had.busybox.read_bytes(), 0o755)
    for name, data in had.drivers.items():
        archive.file(f"drivers/{name}.ko", data)
    archive.file("server", image, 0o755)
    archive.tree("site", site)
    words = {"drivers": " ".join(DRIVERS), "arguments": shlex.join(arguments)}
    archive.file("init", INIT.format(**words, ended=SERVER_ENDED).encode(), 0o755)
    return bytes(archive)


@contextmanager
def boot(
    image: bytes, site: Path, arguments: Sequence[str] = ARGUMENTS, processors: int = 2
) -> Generator[Machine, None, None]:
    """A machine whose server answers; off again at the end."""
    emulator = shutil.which("qemu-system-aarch64")
    if emulator is None:
        raise UnavailableError("qemu-system-aarch64 is not here: apt install qemu-system-arm")
    with tempfile.TemporaryDirectory(prefix="svc0-kernel-") as folder:
        first, log = Path(folder, "initramfs"), Path(folder, "console")
        first.write_bytes(first_file_system(image, site, arguments))
        log.touch()
        port = _free_port()
        words = [
            *(emulator, "-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", str(processors)),
            *("-m", "512", "-display", "none", "-monitor", "none", "-no-reboot"),
            *("-serial", f"file:{log}", "-kernel", str(kernel().image), "-initrd", str(first)),
            *("-append", "console=ttyAMA0 panic=-1 quiet"),
            # The guest reaches nothing outside; only its server's port is let in.
            *("-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{PORT_INSIDE}"),
            *("-device", "virtio-net-pci,netdev=n,romfile="),
        ]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as process:
            try:
                seconds = _wait_for_answer(port, process, log)
                yield Machine(f"http://127.0.0.1:{port}/", port, process, log, seconds)
            finally:
                process.kill()


def _wait_for_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> float:
    started = time.monotonic()
    while (waited := time.monotonic() - started) < SECONDS_TO_BOOT:
        if process.poll() is not None or SERVER_ENDED in log.read_text("utf-8", "replace"):
            break
        if _answers(port):
            return waited
        time.sleep(0.1)
    said = "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:])
    raise BootError(f"no answer after {waited:.0f} seconds; the console's end:\n{said}")


def _answers(port: int) -> bool:
    """Whether a server is behind the port: the emulator itself accepts before one is."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(5) == b"HTTP/"
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
