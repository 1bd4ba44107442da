"""The same load on a Linux kernel for ARM64 of its own, in qemu-system-aarch64.

Server and wrk run inside: no emulator stands between them and their kernel.  The plugin counts all
that the machine does for a request, the kernel's instructions too.

The machine has one processor, and a clock that moves by its instructions (-icount): so nobody
waits for another processor, and what this computer does besides does not show.  That also means
that its seconds are none of ours, and what is asleep there takes no time here.

A first file system is written with all that is needed.  Its /init does one job after another, and
at each mark waits for a line from us, so that we look at the counters in between.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import counting, load, packages, programs
from bench.counting import Counts
from bench.running import CHANGED, FILES
from bench.servers import Place, Processor, Server
from tests.system import kernel
from tests.system.cpio import Cpio
from tests.system.debian import UnavailableError

MACHINE: Final = "qemu-system-aarch64"
ROOT: Final = Path("/")
SITE: Final = Path("/site")
FIRST_PORT: Final = 8001
PATIENCE: Final = 900
SETTLE_SECONDS: Final = 60
"""Of the machine's own: until then its kernel still has things of its start to do."""
MARK: Final = "svc0-mark"
SAID: Final = "svc0-wrk"
WRK: Final = "usr/bin/wrk"

INIT: Final = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox ip link set lo up
ulimit -n 4096
/bin/busybox sleep {settle}
{jobs}
/bin/busybox poweroff -f
"""

JOB: Final = """\
cd {scratch}
{environment} {server} >/dev/null 2>/tmp/said </dev/null &
server=$!
left=100
until /bin/busybox wget -q -O /dev/null {url}; do
  left=$((left - 1))
  if [ $left = 0 ]; then /bin/busybox cat /tmp/said; break; fi
  /bin/busybox usleep 100000
done
{warm} >/dev/null
echo {mark}
read line
{wrk} | while read line; do echo {said} $line; done
echo {mark}
read line
/bin/busybox kill -9 $server
"""


@dataclass(frozen=True)
class Job:
    """A server, asked for a file of so many bytes."""

    name: str
    server: Server
    body: int
    file: str = "file"


@dataclass(frozen=True)
class Found:
    """What the machine did for each request."""

    user: float
    """Instructions of programs: of the server, and of wrk."""
    kernel: float
    errors: str


class Guest:
    """A machine that does jobs."""

    def __init__(self, jobs: Iterable[Job], seconds: float) -> None:
        self.jobs, self.seconds = list(jobs), seconds
        self.root = packages.tree()

    def first_file_system(self) -> bytes:
        """What the kernel unpacks, its /init included."""
        archive = Cpio()
        archive.device("dev/console", 5, 1)
        archive.file("bin/busybox", kernel.kernel().busybox.read_bytes(), 0o755)
        archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\nnobody:x:65533:\n")
        wanted = {WRK: None} | {job.server.program: None for job in self.jobs if job.server.program}
        for name in self.files(wanted):
            archive.file(name, (self.root / name).read_bytes(), 0o755)
        for name, size in FILES.items():
            archive.file(str((SITE / name).relative_to(ROOT)), b"x" * size, mtime=CHANGED)
        lines: list[str] = []
        for number, job in enumerate(self.jobs):
            place = Place(FIRST_PORT + number, SITE, Path(f"/job/{number}"), job.body)
            archive.folder(f"job/{number}")
            for name, content in job.server.files(place).items():
                archive.file(f"job/{number}/{name}", content, 0o755)
            lines.append(self.script(job, place))
        archive.file(
            "init", INIT.format(jobs="".join(lines), settle=SETTLE_SECONDS).encode(), 0o755
        )
        return bytes(archive)

    def files(self, wanted: Mapping[str, None]) -> Iterator[str]:
        """Programs, their libraries, and what those load when they run, by their paths."""
        found = dict(wanted)
        for program in wanted:
            for library in programs.libraries(self.root / program, self.root):
                found[str(library.relative_to(self.root))] = None
        if any("lighttpd" in program for program in wanted):
            modules = (self.root / "usr/lib/lighttpd").glob("mod_*.so")
            found |= {str(path.relative_to(self.root)): None for path in modules}
        yield from found

    def script(self, job: Job, place: Place) -> str:
        url = f"http://127.0.0.1:{place.port}/{job.file}"
        words = job.server.words(Processor((), ROOT), place)
        return JOB.format(
            scratch=place.scratch,
            environment=" ".join(
                f"{name}={value}" for name, value in job.server.environment.items()
            ),
            server=shlex.join(words),
            url=url,
            warm=shlex.join(load.words(f"/{WRK}", url, load.WARM_SECONDS)),
            wrk=shlex.join(load.words(f"/{WRK}", url, self.seconds)),
            mark=MARK,
            said=SAID,
        )

    def run(self, tell: Callable[[str], None]) -> dict[str, Found]:
        """Do all jobs."""
        program = shutil.which(MACHINE)
        if program is None:
            raise UnavailableError(f"no real kernel: {MACHINE} is not on PATH")
        with (
            tempfile.TemporaryDirectory(prefix="svc0-guest-") as scratch,
            counting.plugin(program) as its,
        ):
            first = Path(scratch) / "initramfs"
            first.write_bytes(self.first_file_system())
            words = [
                *(program, "-M", "virt", "-cpu", counting.PROCESSOR, "-smp", "1", "-m", "1024"),
                *("-icount", "shift=2,sleep=off"),
                *("-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none"),
                *("-serial", "stdio", "-kernel", str(kernel.kernel().image)),
                *("-initrd", str(first), "-append", "console=ttyAMA0 panic=-1 quiet"),
                *its.words,
            ]
            with subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
            ) as process:
                timer = threading.Timer(PATIENCE, process.kill)
                timer.start()
                try:
                    return self.listen(process, its.look, tell)
                finally:
                    timer.cancel()
                    process.kill()

    def listen(
        self,
        process: subprocess.Popen[str],
        look: Callable[[], Counts],
        tell: Callable[[str], None],
    ) -> dict[str, Found]:
        """Follow the console, and answer each mark."""
        assert process.stdin is not None
        assert process.stdout is not None
        found: dict[str, Found] = {}
        left, before, said, console = iter(self.jobs), None, "", list[str]()
        job = next(left)
        for line in process.stdout:
            console.append(line.rstrip())
            if line.startswith(SAID):
                said += line.removeprefix(SAID)
            if line.strip() != MARK:
                continue
            counts = look()
            process.stdin.write("\n")
            process.stdin.flush()
            if before is None:
                before, said = counts, ""
                continue
            spent, before = counts - before, None
            try:
                requests, _, errors = load.parse(said)
            except ValueError:
                break
            requests = max(requests, 1)
            user, kernel = sum(spent.user), sum(spent.kernel)
            found[job.name] = Found(user / requests, kernel / requests, errors)
            tell(job.name)
            job = next(left, job)
        if len(found) < len(self.jobs):
            end = "\n".join(console[-15:])
            raise UnavailableError(f"the real kernel ended before {job.name}; its console:\n{end}")
        return found
