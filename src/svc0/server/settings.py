"""Settings: what was decided when the executable was built, in its read-only memory.

``SETTINGS`` is laid out with the defaults; whoever builds an executable writes
others over them (svc0.build).  Arguments of the executable win over both.
"""

from svc0.a64 import *
from svc0.config import OPTIONS, LogFormat, Value

__all__ = ["SETTINGS", "LogFormat", "Settings", "packed"]


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
    cache_seconds: u32
    stop_seconds: u32
    root: u8 = array(OPTIONS["root"].size)
    address: u8 = array(OPTIONS["address"].size)


def packed(**values: Value) -> bytes:
    """Settings as bytes: the defaults, but for what is given.

    Numbers are little-endian, texts have zeros behind them.  A value that an option
    does not take is a ValueError, a name that is none of them a KeyError.
    """
    content = bytearray(Settings.size)
    for name, option in OPTIONS.items():
        field, value = Settings.fields[name], option.check(values.pop(name, option.default))
        if isinstance(value, str):
            text = value.encode(errors="surrogateescape")
            content[field : field + len(text)] = text
        else:
            content[field : field + field.size] = value.to_bytes(field.size, "little")
    if values:
        raise KeyError(f"there is no option {', '.join(values)}")
    return bytes(content)


assert OPTIONS.keys() == Settings.fields.keys(), (
    "every option is a setting, and the other way round"
)
SETTINGS = Data(packed())
