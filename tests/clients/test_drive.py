"""What the driving of many connections knows of the kernel's table of them."""

from __future__ import annotations

from tests.clients import drive

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000003 00:00000000 00000000  1000        0 2 1 0
   2: 0100007F:C002 0100007F:1F90 01 00000001:00000000 00:00000000 00000000  1000        0 3 1 0
   3: 0100007F:1F90 0100007F:C003 01 00000000:00000000 00:00000000 00000000  1000        0 4 1 0
"""


def test_what_was_not_taken_is_seen_from_both_sides() -> None:
    assert list(drive.busy_connections(TABLE)) == [(0x1F90, 0xC001), (0x1F90, 0xC002)]


def test_pieces_are_the_data() -> None:
    data = bytes(range(256)) * 4
    trials = [drive.byte_by_byte("x", data, most=10), *drive.every_split("x", data)]
    assert {trial.data for trial in trials} == {data}
    assert [len(piece) for piece in trials[0].pieces] == [1] * 5 + [1014] + [1] * 5


def test_prefixes_end_with_the_whole() -> None:
    trials = list(drive.every_prefix("x", b"abc"))
    assert [(trial.data, trial.ended) for trial in trials] == [
        (b"a", True),
        (b"ab", True),
        (b"abc", True),
    ]
