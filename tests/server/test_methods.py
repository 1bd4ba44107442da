"""Methods: the nine that have a number, and whatever is nearly one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.server.methods import Method, parse_method

NAMES = {method.name.encode(): method for method in Method}


@pytest.mark.parametrize("name", NAMES)
def test_every_method(name: bytes) -> None:
    assert parse_method(name, len(name)) == NAMES[name]
    for near in (name[:-1], name + b"X", b"\0" + name, name + b"\0", name.lower(), name[1:]):
        assert parse_method(near, len(near)) == NAMES.get(near, 0)


@given(text=st.binary(max_size=12))
def test_other_tokens(text: bytes) -> None:
    assert parse_method(text, len(text)) == NAMES.get(text, 0)


@given(name=st.sampled_from(list(NAMES)), data=st.data())
def test_one_bit_away(name: bytes, data: st.DataObject) -> None:
    text = bytearray(name)
    text[data.draw(st.integers(0, len(name) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert parse_method(bytes(text), len(text)) == NAMES.get(bytes(text), 0)
