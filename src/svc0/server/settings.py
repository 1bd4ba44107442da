"""Settings: what was decided when the executable was built, in its read-only memory.

``SETTINGS`` is laid out with the defaults; whoever builds an executable writes
others over them (svc0.build).  Arguments of the executable win over both.
"""

from enum import IntEnum

from svc0.a64 import *

ROOT_MAX = 1024
ADDRESS_MAX = 64


class LogFormat(IntEnum):
    """What a line of the access log looks like."""

    NONE = 0
    COMMON = 1
    COMBINED = 2
    JSON = 3


class Settings(Struct):
    """Every option of the server; texts end with NUL."""

    port: u16
    log: u8  # a LogFormat
    workers: u32  # 0: one for each CPU we may use
    connections: u32  # for each worker
    requests: u32  # for each connection
    head_seconds: u32
    body_seconds: u32
    idle_seconds: u32
    send_seconds: u32
    stop_seconds: u32
    root: u8 = array(ROOT_MAX)
    address: u8 = array(ADDRESS_MAX)


def packed(**values: int | bytes) -> bytes:
    """Settings as bytes: numbers little-endian, texts with zeros behind them."""
    content = bytearray(Settings.size)
    for name, value in values.items():
        field = Settings.fields[name]
        if isinstance(value, bytes):
            assert len(value) < field.size, f"{name} has room for {field.size - 1} bytes"
            content[field : field + len(value)] = value
        else:
            content[field : field + field.size] = value.to_bytes(field.size, "little")
    return bytes(content)


SETTINGS = Data(
    packed(
        port=8080,
        log=LogFormat.COMMON,
        workers=1,
        connections=1024,
        requests=1000,
        head_seconds=20,
        body_seconds=60,
        idle_seconds=60,
        send_seconds=60,
        stop_seconds=10,
        root=b".",
        address=b"127.0.0.1",
    )
)
