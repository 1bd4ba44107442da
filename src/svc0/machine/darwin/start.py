"""What the first instruction finds: a stack as xnu lays it out, registers as dyld leaves them.

mach header │ argc │ argv… │ 0 │ environment… │ 0 │ apple… │ 0 │ the strings themselves

xnu leaves that to dyld, and dyld calls the program as C calls main, from a frame of its own below.
What is in the registers that main is not given is whatever dyld had in them: not zero.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from .. import _darwin as darwin
from ..macho import MachO
from ..memory import EXECUTE, READ
from ..process import STACK_END, Process

PAGE = 0x4000
# dyld itself: the instruction after its call of the program, which ends the process.
DYLD = 0x1_8000_0000
RETURN = struct.pack("<II", 0xD2800030, 0xD4001001)  # mov x16, #1 (exit); svc #0x80
FRAME_SIZE = 0x230
JUNK = 0xDEAD_0000_0000_0000


def begin(process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]) -> None:
    """Memory, sp and x0 to x30; pc is for who loaded the image."""
    process.memory.map(DYLD, PAGE, READ | EXECUTE, "dyld")
    process.memory.load(DYLD, RETURN)
    map_common_page(process)
    cpu = process.cpu
    arguments, variables, apple, bottom = lay_out_stack(process, argv, environment)
    frame = (bottom - FRAME_SIZE) & -16
    process.memory.write(frame, JUNK.to_bytes(8, "little") * (FRAME_SIZE // 8))
    process.memory.write(frame + 0x200, bytes(16))
    for number in range(4, 29):
        cpu[number] = JUNK | number
    cpu[18] = 0
    cpu[0], cpu[1], cpu[2], cpu[3] = len(argv), arguments, variables, apple
    cpu[29], cpu[30] = frame + 0x200, DYLD
    cpu.sp = frame


def lay_out_stack(
    process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]
) -> tuple[int, int, int, int]:
    """Where argv, the environment and apple's strings are, and the lowest byte of all."""
    image = process.executable
    assert isinstance(image, MachO)
    texts = [list(argv), [key + b"=" + text for key, text in environment.items()]]
    texts.append(apple_strings(process, argv[0] if argv else b""))
    top = STACK_END
    words = [process.bias + image.header, len(argv)]
    starts: list[int] = []
    for group in texts:
        starts.append(len(words))
        for text in group:
            top -= len(text) + 1
            process.memory.write(top, text + b"\0")
            words.append(top)
        words.append(0)
    bottom = (top - 8 * len(words)) & -16
    process.memory.write(bottom, struct.pack(f"<{len(words)}Q", *words))
    argument, variable, apple = (bottom + 8 * start for start in starts)
    return argument, variable, apple, bottom


def apple_strings(process: Process, path: bytes) -> list[bytes]:
    """What the kernel tells dyld and the C library."""

    def chance() -> bytes:
        return b"0x%016x" % int.from_bytes(process.world.random(8), "little")

    return [
        b"executable_path=" + path,
        b"stack_guard=" + chance(),
        b"malloc_entropy=" + chance() + b"," + chance(),
        b"ptr_munge=" + chance(),
        b"main_stack=0x%x,0x%x,0x%x,0x%x" % (STACK_END, 8 << 20, STACK_END, 64 << 20),
    ]


def map_common_page(process: Process) -> None:
    """The page that the kernel shows everyone.  Its clock is said not to be readable: who asks
    for the time must ask with a trap."""
    page = bytearray(PAGE)
    count = min(255, len(process.world.processors()))
    page[darwin.COMMPAGE_VERSION] = 3
    for place in (
        darwin.COMMPAGE_NCPUS,
        darwin.COMMPAGE_ACTIVE,
        darwin.COMMPAGE_PHYSICAL,
        darwin.COMMPAGE_LOGICAL,
    ):
        page[place] = count
    process.memory.map(darwin.COMMPAGE, PAGE, READ, "commpage")
    process.memory.load(darwin.COMMPAGE, bytes(page))


assert FRAME_SIZE % 16 == 0
assert FRAME_SIZE > 0x210
