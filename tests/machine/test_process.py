"""How a guest begins and how it ends."""

from __future__ import annotations

import struct

import pytest

from svc0.machine import MachineError, Symbols
from svc0.machine.emulator import Emulator
from svc0.machine.errors import Fault
from svc0.machine.process import Process

from .guest import assemble, every_machine, machine_named, run

SAY_STACK = """
_start:
    mov x1, sp
    mov x0, #1
    mov x2, #{size}
    system 64
    leave 0
"""


@every_machine
def test_exit_status(name: str) -> None:
    assert run(machine_named(name), "_start: leave 42").status == 42


@every_machine
def test_arguments_are_on_the_stack(name: str) -> None:
    source = """
    _start:
        ldr x0, [sp]
        expect 3
        ldr x1, [sp, 24]
        mov x0, #1
        mov x2, #5
        system 64
        ldr x0, [sp, 32]
        expect 0
        and x0, x29, x30
        expect 0
        mov x0, sp
        and x0, x0, #15
        expect 0
        leave 0
    """
    result = run(machine_named(name), source, "first", "second")
    assert (result.status, result.output) == (0, b"secon")


AUXILIARY = """
_start:
    ldr x9, [sp]
    add x10, sp, x9, lsl 3
    add x10, x10, #16
1:  ldr x11, [x10], #8
    cbnz x11, 1b
    mov x1, x10
    mov x0, #1
    mov x2, #512
    system 64
    leave 0
"""


def auxiliary_vector(name: str) -> dict[int, int]:
    result = run(machine_named(name), AUXILIARY)
    pairs = struct.iter_unpack("<QQ", result.output)
    found: dict[int, int] = {}
    for kind, value in pairs:
        if kind == 0:
            break
        found[kind] = value
    return found


def test_auxiliary_vector_has_what_qemu_says() -> None:
    """Whatever is told is told alike; addresses and chance aside, and of features no more."""
    ours, theirs = auxiliary_vector("emulator"), auxiliary_vector("qemu")
    same = {4, 5, 6, 7, 8, 11, 12, 13, 14, 17, 23}
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert ours[16] & ~theirs[16] == 0
    assert set(ours) <= set(theirs) | {26}
    assert all(ours[key] for key in (3, 9, 15, 25, 31))


@pytest.mark.parametrize("movable", [True, False])
def test_segments_have_their_permissions(movable: bool) -> None:
    source = """
    _start:
        adrp x1, constant
        ldr w0, [x1, :lo12:constant]
        expect 7
        adrp x2, variable
        str wzr, [x2, :lo12:variable]
        add x1, x1, :lo12:constant
        str wzr, [x1]
        .section .rodata
    constant: .word 7
        .data
    variable: .word 8
    """
    with pytest.raises(Fault, match="may not be written") as caught:
        started(assemble(source, movable=movable)).run()
    assert caught.value.signal == 11


def started(image: bytes, symbols: Symbols | None = None) -> Process:
    return Emulator(symbols).process(image, ["guest"], {})


FAULTS = {
    "null": (
        "mov x1, #0\n    str x0, [x1]",
        11,
        "write to 0x0, where there is no memory",
        0xF9000020,
    ),
    "jump": ("mov x3, #64\n    br x3", 11, "jump to 0x40, where there is no memory", None),
    "data": ("adrp x3, memory\n    br x3", 11, "which may not be executed", None),
    "code": ("adr x3, _start\n    str x0, [x3]", 11, "which may not be written", 0xF9000060),
    "udf": ("udf #0", 4, "an instruction that this processor does not have", 0),
    "brk": ("brk #7", 5, "brk #7", 0xD42000E0),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_is_told(kind: str) -> None:
    code, number, reason, word = FAULTS[kind]
    image = assemble(f"_start:\n    mov x5, #0x5555\n    {code}\n    leave 0")
    with pytest.raises(Fault) as caught:
        started(image).run()
    fault = caught.value
    assert fault.signal == number
    assert reason in fault.reason
    if word is not None:
        assert fault.instruction == word
        assert "(segment " in fault.place
    assert fault.registers["x5"] == 0x5555
    assert "  x5 0000000000005555" in str(fault)


@every_machine
@pytest.mark.parametrize("kind", FAULTS)
def test_fault_kills(kind: str, name: str) -> None:
    code, number, *_ = FAULTS[kind]
    result = run(machine_named(name), f"_start:\n    {code}\n    leave 0")
    assert result.status == -number
    assert "Traceback" not in result.errors


def test_fault_is_where_the_symbols_say() -> None:
    class Named:
        def locate(self, address: int) -> str | None:
            return f"somewhere.py:{address & 0xFFF}"

    image = assemble("_start: udf #0")
    process = started(image, Named())
    with pytest.raises(Fault) as caught:
        process.run()
    assert caught.value.place == f"somewhere.py:{process.executable.entry & 0xFFF}"


def test_unknown_call_is_reported_once() -> None:
    source = """
    _start:
        system 999
        expect -38
        system 999
        expect -38
        system 998
        expect -38
        system 437
        expect -38
        leave 0
    """
    result = run(machine_named("emulator"), source)
    assert result.status == 0
    assert result.errors.splitlines() == [
        "svc0: Linux call 999 is not emulated: answered ENOSYS",
        "svc0: Linux call 998 is not emulated: answered ENOSYS",
    ]


def test_observers_see_every_call() -> None:
    seen: list[tuple[str, tuple[int, ...], int]] = []
    source = """
    _start:
        mov x0, #77
        system 57
        system 999
        leave 3
    """

    def observe(name: str, arguments: tuple[int, ...], result: int) -> None:
        seen.append((name, arguments, result))

    emulator = Emulator(observers=[observe])
    assert emulator.process(assemble(source), ["guest"], {}).run() == 3
    assert seen[0] == ("close", (77,), -9)
    assert seen[1][0] == "999"
    assert seen[2] == ("exit_group", (3,), 0)


def test_instructions_are_counted() -> None:
    source = """
    _start:
        mov x1, #1000
    1:  sub x1, x1, #1
        cbnz x1, 1b
        leave 0
    """
    process = started(assemble(source))
    process.cpu.count_instructions()
    assert process.run() == 0
    assert process.cpu.instructions == 1 + 2 * 1000 + 3


def test_the_processor_has_what_a_server_needs() -> None:
    """Atomics, checksums, vectors; and the hints that guard branches are no obstacle."""
    source = """
    _start:
        bti c
        paciasp
        autiasp
        adrp x1, memory
        mov x2, #5
        ldaddal x2, x3, [x1]
        ldr x0, [x1]
        expect 5
        mov w0, #-1
        mov w1, #0x61
        crc32b w0, w0, w1
        mvn w0, w0
        expect 0xe8b7be43
        movi v0.16b, #3
        addv b1, v0.16b
        umov w0, v1.b[0]
        expect 48
        leave 0
    """
    assert run(machine_named("emulator"), source).status == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an ELF"),
        (b"\x7fELF" + bytes(60), "64-bit"),
        (b"\x7fELF\x02\x01" + bytes(58), "machine 0"),
    ],
)
def test_what_cannot_run_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        started(content)


def test_a_truncated_image_is_refused() -> None:
    image = assemble("_start: leave 0\n .data\n .word 1")
    with pytest.raises(MachineError, match=r"cut off|not all there"):
        started(image[:200])
