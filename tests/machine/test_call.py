"""What calling a routine promises: that it trusts nothing, and says what went wrong, and where."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Never

import pytest

from svc0.a64 import *
from svc0.a64.mnemonic import Mnemonic
from svc0.kernel import calls
from svc0.kernel.errors import Errno
from svc0.machine import call as under_test
from svc0.machine.call import PAGE, STACK, Caller, CallError, call, caller

COUNTER = Bss(8, name="COUNTER")
GREETING = Data(b"hello", name="GREETING")
NOT_REACHED = Data(b"nobody wants this", name="NOT_REACHED")
THRICE = range(3)
"""How often a register is looked at before it is called random."""


@routine
def add_up(first: x0, second: x1) -> x0:
    """The sum of two numbers."""
    add(x0, first, second)
    ret()


@routine
def swap(first: x0, second: x1) -> tuple[x0, x1]:
    """The same, the other way round."""
    mov(x9, first)
    mov(x0, second)
    mov(x1, x9)
    ret()


@routine
def low(number: w0) -> w0:
    """The same number."""
    mov(w0, number)
    ret()


@routine
def nothing() -> None:
    """Nothing at all."""
    ret()


@routine
def load(text: x0, at: x1) -> w0:
    """One byte of a text."""
    ldrb(w0, [text, at])
    ret()


@routine
def store(text: x0, at: x1, byte: w2) -> None:
    """Put one byte into a text."""
    strb(byte, [text, at])
    ret()


@routine
def count() -> x0:
    """How often it was called since the variables were zeros."""
    adr(x9, COUNTER)
    ldr(x0, [x9])
    add(x0, x0, 1)
    str_(x0, [x9])
    ret()


@routine
def forever() -> None:
    """No end."""
    again = here()
    b(again)


@routine
def ask(number: x0) -> x0:
    """What the kernel says to a number."""
    with frame():
        mov(w1, 0)
        mov(w2, 0)
        calls.kill()
    ret()


@routine
def end(status: w0) -> Never:
    """The end of the process."""
    calls.exit()


@routine
def trap() -> None:
    """A trap."""
    brk(7)


def encoded(mnemonic: Mnemonic, *operands: Any) -> bytes:
    """An instruction as bytes, whatever the assembler thinks of where it stands."""
    row, fields = mnemonic.choose(operands)
    return row.diagram.encode(fields).to_bytes(4, "little")


def raw(*instructions: bytes) -> Caller:
    """A machine whose routine does what no routine may: its instructions are written over."""

    @routine
    def harmful() -> None:
        for _ in instructions:
            nop()
        ret()

    machine = Caller(harmful)
    machine.write(machine.address(harmful), b"".join(instructions))
    return machine


def line_of(routine: Routine, text: str) -> int:
    """The number of the line of a routine with some text in it."""
    lines, first = inspect.getsourcelines(routine.body)
    return next(first + n for n, line in enumerate(lines) if text in line)


@pytest.fixture(autouse=True)
def unsanitized(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what the machine itself refuses."""
    monkeypatch.setattr(Caller, "sanitized", False)


def accepts(_machine: Caller) -> None:
    """A kernel that does what it is asked for, by doing nothing."""


# --- arguments and results --------------------------------------------------------


def test_numbers_go_in_and_come_back() -> None:
    assert add_up(2, 3) == 5
    assert swap(1, 2) == (2, 1)
    assert nothing() is None


def test_results_are_signed() -> None:
    assert add_up(0, -1) == -1
    assert add_up(1 << 63, 0) == -(1 << 63)
    assert low(0xFFFF_FFFF) == -1
    assert low(-1) == -1
    assert low(0x7FFF_FFFF) == 0x7FFF_FFFF


def test_vectors_go_in_and_come_back_unsigned() -> None:
    @routine
    def same(given: v3) -> v0:
        """The same vector."""
        mov(v0.b16, given.b16)
        ret()

    assert same((1 << 128) - 2) == (1 << 128) - 2


def test_places_are_addresses() -> None:
    @routine
    def first_byte(text: x0) -> w0:
        """The first byte of a text, and GREETING is one it knows."""
        adr(x9, GREETING)
        ldrb(w0, [text])
        ret()

    assert first_byte(GREETING) == ord("h")
    with caller(count) as machine:
        assert machine.address(COUNTER) % 16 == 0
        with pytest.raises(CallError, match="count does not reach NOT_REACHED"):
            machine.address(NOT_REACHED)
    with pytest.raises(CallError, match="first_byte does not reach NOT_REACHED"):
        first_byte(NOT_REACHED)


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3)])
def test_the_number_of_arguments(arguments: tuple[int, ...]) -> None:
    message = f"add_up takes 2 arguments (first, second), not {len(arguments)}"
    with pytest.raises(TypeError, match=re.escape(message)):
        add_up(*arguments)


@pytest.mark.parametrize("argument", ["text", 1.0, None, [1], memoryview(b"text")])
def test_arguments_of_no_use(argument: object) -> None:
    with pytest.raises(TypeError, match=r"add_up: first \(x0\) takes a number, bytes or a place"):
        add_up(argument, 1)


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1])
def test_numbers_that_do_not_fit(number: int) -> None:
    with pytest.raises(ValueError, match=r"add_up: second \(x1\) has 64 bits, too few"):
        add_up(0, number)
    assert add_up(0, (1 << 64) - 1) == -1
    assert add_up(0, -(1 << 63)) == -(1 << 63)


@pytest.mark.parametrize("number", [1 << 32, -(1 << 31) - 1])
def test_numbers_that_do_not_fit_half_a_register(number: int) -> None:
    with pytest.raises(ValueError, match=r"low: number \(w0\) has 32 bits, too few"):
        low(number)
    assert low(-(1 << 31)) == -(1 << 31)


# --- what is poisoned -------------------------------------------------------------


def seen(look: Callable[[Caller], int], routine: Routine, *arguments: Any) -> list[int]:
    """What a machine shows at the system call of a routine, in some calls."""
    found: list[int] = []

    def kernel(machine: Caller) -> None:
        found.append(look(machine))

    for _ in THRICE:
        call(routine, *arguments, kernel=kernel)
    return found


def test_registers_that_were_not_given_are_never_the_same() -> None:
    for register in (x3, x7, x9, x15, x18, x19, x28, v0, v7, v8, v31):
        values = seen(lambda machine, register=register: machine[register], ask, 1)
        assert len(set(values)) == len(THRICE), register
        assert max(values) >> register.bits - 16, f"{register}: high bits too"


def test_the_upper_half_of_a_w_is_poisoned() -> None:
    @routine
    def tell(status: w0) -> x0:
        with frame():
            mov(w1, 0)
            mov(w2, 0)
            calls.kill()
        ret()

    assert len({value >> 32 for value in seen(lambda machine: machine[x0], tell, 5)}) == 3
    assert seen(lambda machine: machine[w0], tell, 5) == [5, 5, 5]
    assert seen(lambda machine: machine[x0], ask, 5) == [5, 5, 5]


def test_the_flags_and_the_stack_are_poisoned() -> None:
    carries = {call(ask, 1, kernel=accepts) for _ in THRICE}
    assert carries == {1}
    flags: set[bool] = set()

    def kernel(machine: Caller) -> None:
        flags.add(machine.carry)

    for _ in range(64):
        call(ask, 1, kernel=kernel)
    assert flags == {False, True}
    below = seen(lambda machine: int.from_bytes(machine.read(STACK - 256, 8), "little"), ask, 1)
    assert len(set(below)) == len(THRICE)


# --- pages that are not there -----------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 15, PAGE - 1, PAGE, PAGE + 1])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_byte_past_the_end_faults(size: int, kind: type[bytes] | type[bytearray]) -> None:
    text = kind(b"a" * size)
    if size:
        assert load(text, size - 1) == ord("a")
    with pytest.raises(CallError) as caught:
        load(text, size)
    message = str(caught.value)
    line = line_of(load, "ldrb")
    assert message.startswith(f"test_call.py:{line}: load: ldrb w0, [x0, x1]: read of 0x")
    assert "where there is no memory" in message
    assert f"at = {size:#x}" in message, "the routine's own names, with what they hold"


def test_a_byte_past_the_end_cannot_be_written() -> None:
    with pytest.raises(CallError, match=r"store: strb w2, \[x0, x1\]: write to 0x\w+000, where th"):
        store(bytearray(3), 3, 0)


def test_a_page_is_the_start_of_what_fills_it() -> None:
    with pytest.raises(CallError, match="where there is no memory"):
        load(bytes(PAGE), -1)


@pytest.mark.parametrize("distance", [1, 2, 64])
def test_a_byte_before_the_start_is_found_afterwards(distance: int) -> None:
    for text in (bytearray(3), bytearray()):
        # What was there is random, so one value may be this very byte; two are not.
        with pytest.raises(CallError, match="store wrote before the start of text"):
            assert (store(text, -distance, 0x5A), store(text, -distance, 0xA5)) is None


def test_bytes_are_read_only() -> None:
    text = bytearray(b"abc")
    assert store(text, 1, ord("-")) is None
    assert text == b"a-c"
    with pytest.raises(CallError, match=r"write to 0x\w+, which may not be written"):
        store(b"abc", 1, ord("-"))


def test_the_stack_ends_on_both_sides() -> None:
    for offset in (0, -0x1_0000 - 8):
        with pytest.raises(CallError, match="where there is no memory"):
            load(STACK + offset, 0)


def test_what_is_placed_twice_lies_apart() -> None:
    with caller(load) as machine:
        one, other = machine.place(b"one"), machine.place(b"other")
        assert machine.read(one, 3) == b"one"
        assert machine.read(other, 5) == b"other"
        with pytest.raises(CallError, match=f"there are no 4 bytes at {one:#x}"):
            machine.read(one, 4)
        with pytest.raises(CallError, match=f"there is no room for 4 bytes at {one:#x}"):
            machine.write(one, b"four")


# --- what must be kept ------------------------------------------------------------

KEPT = [x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29]


@pytest.mark.parametrize("register", KEPT, ids=str)
def test_a_register_of_the_caller_that_is_harmed(register: X) -> None:
    machine = raw(encoded(add, register, register, 1))
    with pytest.raises(CallError, match=f"harmful did not preserve {register}$"):
        machine.call()


@pytest.mark.parametrize("vector", [v8, v9, v10, v11, v12, v13, v14, v15], ids=str)
def test_a_vector_of_the_caller_that_is_harmed(vector: V) -> None:
    machine = raw(encoded(add, vector.b16, vector.b16, v0.b16))
    with pytest.raises(CallError, match=f"harmful did not preserve d{vector.number}$"):
        machine.call()


def test_the_upper_half_of_a_vector_is_nobodys() -> None:
    raw(encoded(mov, v7.b16, v0.b16), encoded(mov, v16.b16, v0.b16)).call()
    raw(encoded(mov, v8.b8, v8.b8)).call()  # the low half as it was, the upper one cleared


def test_the_stack_pointer() -> None:
    with pytest.raises(CallError, match=r"harmful left sp -32 from where it was"):
        raw(encoded(sub, sp, sp, 32)).call()
    raw(encoded(sub, sp, sp, 32), encoded(add, sp, sp, 32)).call()


def test_code_that_was_written_over_is_run_as_it_is_now() -> None:
    machine = raw(encoded(nop))
    machine.call()
    machine.write(machine.address(machine.routine), encoded(add, x20, x20, 1))
    with pytest.raises(CallError, match="harmful did not preserve x20"):
        machine.call()


def test_what_is_given_in_a_kept_register_must_be_kept_too() -> None:
    @routine
    def on(connection: x27) -> x0:
        """The same address."""
        mov(x0, connection)
        ret()

    assert on(77) == 77
    machine = Caller(on)
    machine.write(machine.address(on), encoded(add, x27, x27, 1))
    with pytest.raises(CallError, match="on did not preserve x27"):
        machine.call(77)


# --- memory that starts as zeros --------------------------------------------------


def test_variables_are_zeros_in_each_call() -> None:
    assert [count() for _ in THRICE] == [1, 1, 1]


def test_variables_stay_while_a_machine_is_held() -> None:
    with caller(count) as machine:
        assert [machine.call() for _ in THRICE] == [1, 2, 3]
        assert machine.read(machine.address(COUNTER), 8) == (3).to_bytes(8, "little")
        machine.reset()
        assert machine.call() == 1
    assert count() == 1


# --- ends -------------------------------------------------------------------------


def test_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_INSTRUCTIONS", 1000)
    line = line_of(forever, "b(again)")
    with pytest.raises(CallError, match=f"test_call.py:{line}: forever: b again: still running af"):
        forever()


def test_a_trap_is_no_system_call() -> None:
    for kernel in (None, accepts):
        with pytest.raises(CallError, match=r"test_call.py:\d+: trap: brk #7: brk"):
            call(trap, kernel=kernel)


def test_a_jump_to_nowhere() -> None:
    with pytest.raises(CallError, match="jump to 0x10, where there is no memory"):
        raw(encoded(movz, x30, 16)).call()


# --- kernels ----------------------------------------------------------------------


def test_a_kernel_answers() -> None:
    asked: list[tuple[int, int]] = []

    def kernel(machine: Caller) -> None:
        asked.append((machine[x8], machine[w0]))
        machine[x0] = -Errno.ESRCH

    assert call(ask, 4711, kernel=kernel) == -Errno.ESRCH
    assert asked == [(calls.kill.numbers["linux"], 4711)]


def test_without_a_kernel() -> None:
    with pytest.raises(CallError, match=r"ask: svc #0: there is no kernel to call \(number = 0x7"):
        ask(7)


@pytest.mark.parametrize("error", [ZeroDivisionError, AssertionError, KeyboardInterrupt])
def test_what_a_kernel_raises_the_call_raises(error: type[BaseException]) -> None:
    def kernel(_machine: Caller) -> None:
        raise error("in the kernel")

    for _ in THRICE:
        with pytest.raises(error, match="in the kernel"):
            call(ask, 1, kernel=kernel)
        assert call(ask, 1, kernel=accepts) == 1, "the machine is as good as before"


def test_a_routine_without_return() -> None:
    def kernel(machine: Caller) -> None:
        raise SystemExit(machine[w0])

    with pytest.raises(SystemExit, match="3"):
        call(end, 3, kernel=kernel)
    with pytest.raises(CallError, match="end: outside of the code, at 0x"):
        call(end, 3, kernel=accepts)


def test_a_machine_is_usable_after_a_fault() -> None:
    for _ in THRICE:
        with pytest.raises(CallError):
            load(b"", 0)
        assert load(b"a", 0) == ord("a")


# --- platforms and machines -------------------------------------------------------


def test_platforms() -> None:
    @routine
    def number() -> w0:
        """Which platform this is for."""
        mov(w0, 1 if platform() == "linux" else 2)
        ret()

    assert number() == call(number, platform="linux") == 1
    assert number(platform="macos") == 2
    assert number() == 1


def test_a_warm_call_makes_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Routine] = []
    real = Caller.__init__

    def counting(self: Caller, routine: Routine, *options: Any) -> None:
        made.append(routine)
        real(self, routine, *options)

    monkeypatch.setattr(Caller, "__init__", counting)

    @routine
    def fresh() -> w0:
        """A routine that nobody has called yet."""
        mov(w0, 1)
        ret()

    for _ in range(10):
        assert fresh() == 1
    assert made == [fresh]
    with caller(fresh) as held:
        assert fresh() == 1, "a machine in use is not used twice at once"
        assert held.call() == 1
    assert made == [fresh, fresh]
    call(fresh, platform="macos")
    assert made == [fresh, fresh, fresh]


def test_a_new_machine_and_a_warm_one_agree() -> None:
    for numbers in ((1, 2), (-1, 1), (1 << 62, 1 << 62)):
        assert Caller(add_up).call(*numbers) == add_up(*numbers)
