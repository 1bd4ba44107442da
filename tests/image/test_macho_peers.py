"""The load commands, field by field, against what the linkers of others write of one program."""

from __future__ import annotations

import pytest

from svc0.image.macho import macho
from tests.image import peers
from tests.image.images import OF_PEERS, PEERS
from tests.image.macho import (
    LC_DATA_IN_CODE,
    LC_FUNCTION_STARTS,
    LC_LOAD_DYLIB,
    LC_LOAD_DYLINKER,
    LC_SEGMENT,
    MachO,
)

BOTH = {
    "header.ncmds header.sizeofcmds FUNCTION_STARTS DATA_IN_CODE":
        "they have commands that nothing needs",
    "BUILD_VERSION.cmdsize BUILD_VERSION.ntools": "they say which tools they are",
    "UUID.first UUID.last": "a hash, of other contents",
    "MAIN.entryoff __text.addr __text.offset __const.addr __const.offset __text.align":
        "our text follows the constants, on a page of 4 KiB",
    "__const.align": "ours is said once for all constants",
    "SYMTAB.symoff SYMTAB.nsyms SYMTAB.stroff SYMTAB.strsize": "theirs are not stripped",
    "DYSYMTAB.nlocalsym DYSYMTAB.iextdefsym DYSYMTAB.nextdefsym DYSYMTAB.iundefsym"
    " DYSYMTAB.nundefsym": "theirs are not stripped, and name dyld_stub_binder",
    "DYLD_INFO_ONLY.export_off DYLD_INFO_ONLY.export_size":
        "they export _main and the header, which nobody looks up",
    "__LINKEDIT.filesize CODE_SIGNATURE.dataoff CODE_SIGNATURE.datasize": "there is more in theirs",
    "LOAD_DYLIB.timestamp": "1970, by one second or two",
}  # fmt: skip

OTHERWISE = {
    "lld": BOTH | {"__LINKEDIT.vmsize": "ours fills its page, as those of ld64 and zig do"},
    "zig": BOTH | {
        "header.flags": "MH_NO_REEXPORTED_DYLIBS, which speaks of libraries",
        "BUILD_VERSION.sdk": "the sdk is its own",
        "LOAD_DYLIB.current_version": "the library is that of its sdk",
        "SOURCE_VERSION": "it has a command that nothing needs",
        "MAIN.stacksize": "16 MiB, where 0 is the system's 8 MiB",
        "DYLD_INFO_ONLY.rebase_off DYLD_INFO_ONLY.bind_off DYLD_INFO_ONLY.bind_size"
        " DYLD_INFO_ONLY.weak_bind_off DYLD_INFO_ONLY.lazy_bind_off DYSYMTAB.indirectsymoff"
        " DYSYMTAB.nindirectsyms __DATA_CONST __got __data": "it binds dyld_stub_binder",
        "__DATA.cmdsize __DATA.nsects __DATA.vmaddr __DATA.vmsize __DATA.fileoff __DATA.filesize"
        " __bss.addr __LINKEDIT.vmaddr __LINKEDIT.fileoff": "so it has two segments more",
        "__TEXT.filesize __TEXT.vmsize": "it ends with the text, ours with the page",
    },
}  # fmt: skip


def told(image: MachO) -> dict[str, object]:
    """Everything that is said before the first section, by name."""
    fields: dict[str, object] = {f"header.{name}": n for name, n in image.header.values.items()}
    for command in image.commands:
        name = command.names[0] if command.kind == LC_SEGMENT else command.layout.name
        fields |= {f"{name}.{field}": n for field, n in command.values.items()}
        fields[f"{name}.cmdsize"] = len(command.content)
        if command.kind in (LC_LOAD_DYLIB, LC_LOAD_DYLINKER):
            fields[f"{name}.path"] = command.path
    for section in image.sections:
        name = section.names[0]
        fields |= {f"{name}.{field}": n for field, n in section.values.items()}
        fields[f"{name}.segment"] = section.names[1]
    return fields


@pytest.mark.parametrize("linker", OF_PEERS)
def test_whatever_differs_has_a_reason(linker: str) -> None:
    ours, theirs = told(MachO(macho(peers.main))), told(MachO(PEERS[linker]()))
    known = {name for names in OTHERWISE[linker] for name in names.split()}
    different = {
        name
        for name in ours.keys() | theirs.keys()
        if ours.get(name) != theirs.get(name) and not {name, name.split(".")[0]} & known
    }
    assert different == set()
    assert len(ours.items() & theirs.items()) > 80


def test_commands_are_in_the_order_of_lld() -> None:
    needless = LC_FUNCTION_STARTS, LC_DATA_IN_CODE
    ours = [c.kind for c in MachO(macho(peers.main)).commands]
    theirs = [c.kind for c in MachO(peers.lld()).commands if c.kind not in needless]
    assert ours == theirs
