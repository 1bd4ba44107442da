"""Where values come from: files, variables, and which of them decides."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.config import OPTIONS, LogName, Value
from svc0.server.settings import packed
from svc0.sources import (
    FILE,
    MOST_BYTES,
    MOST_LINE,
    ConfigError,
    Setting,
    file_of,
    of_environment,
    of_file,
    settle,
    template,
)
from tests.options import settings
from tests.tools import without_privileges


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(value: Value) -> str:
    """A value as TOML; JSON is that, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def file_with(content: str | bytes, path: Path = Path(FILE)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def mistakes(content: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        of_file(file_with(content))
    return caught.value.mistakes


def tried(path: Path) -> tuple[dict[str, Setting], list[str]]:
    try:
        return of_file(path), []
    except ConfigError as error:
        return {}, error.mistakes


def values(settings: dict[str, Setting]) -> dict[str, Value]:
    return {name: setting.value for name, setting in settings.items()}


# --- what is right -----------------------------------------------------------------------


@given(chosen=settings(), blank=st.sampled_from(["", "\n", "  # so\n", "\r\n"]))
def test_a_file_settles_what_it_says(chosen: dict[str, Value], blank: str) -> None:
    lines = [f"{name} = {written(value)}" for name, value in chosen.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = file_with(blank + f"\n{blank}".join(lines), Path(folder, FILE))
        found = settle({}, {}, path)
    expected = {name: OPTIONS[name].take(value) for name, value in chosen.items()}
    if "root" in chosen:
        expected["root"] = str(Path(folder, str(chosen["root"])))
    assert packed(**values(found)) == packed(**expected)
    for name, setting in found.items():
        if name in chosen:
            number = int(setting.source.removeprefix(f"{path}:"))
            assert (blank + f"\n{blank}".join(lines)).split("\n")[number - 1].startswith(name)
        else:
            assert setting == Setting(OPTIONS[name].default)


@given(chosen=settings())
def test_variables_settle_what_they_say(chosen: dict[str, Value]) -> None:
    variables = {OPTIONS[name].variable: str(value) for name, value in chosen.items()}
    found = settle({}, variables, None)
    said = {name: OPTIONS[name].take(value) for name, value in chosen.items() if value != ""}
    assert packed(**values(found)) == packed(**said)
    assert {name for name, setting in found.items() if setting.source != "default"} == said.keys()


HALVES = [b'root = """', b"'''", b"port = [", b"]", b"[a]", b"[[a]]", b"a.b = 1", b"port = \xff"]
LINES = st.one_of(
    st.sampled_from(template().encode().split(b"\n")),
    st.sampled_from(HALVES),
    st.binary(max_size=20),
)


@given(content=st.lists(LINES, max_size=6).map(b"\n".join))
@example(b'root = """\nport = 1\n"""')
@example(b"port = 1\r")
@example(b"port = 1\r\r\n")
def test_what_is_taken_is_toml_and_means_the_same(content: bytes) -> None:
    """One line after the other, as here, or all at once, as other programs read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = file_with(content, Path(folder, FILE))
        found, wrong = tried(path)
    if wrong:
        assert all(line.startswith(f"{path}:") and line.isprintable() for line in wrong)
        return
    whole = tomllib.loads(content.decode("utf-8-sig"))
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        expected = str(Path(folder, value)) if name == "root" else OPTIONS[name].take(value)
        assert found[name].value == expected


def test_the_template_says_every_default() -> None:
    found = of_file(file_with(template()))
    assert packed(**values(found)) == packed()
    assert list(found) == list(OPTIONS)
    assert max(map(len, template().splitlines())) <= 100
    assert tomllib.loads(template()).keys() == OPTIONS.keys()


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark(end: str, mark: bytes) -> None:
    content = mark + f"# first{end or chr(10)}port = 9{end}".encode()
    assert of_file(file_with(content)) == {"port": Setting(9, "svc0.toml:2")}


@pytest.mark.parametrize(
    ("file", "root", "seen"),
    [
        ("svc0.toml", "site", "site"),
        ("svc0.toml", ".", "."),
        ("conf/a.toml", "site", "conf/site"),
        ("conf/a.toml", "../site", "conf/../site"),
        ("conf/a.toml", ".", "conf"),
        ("conf/a.toml", "", "conf"),
        ("conf/a.toml", "/srv", "/srv"),
    ],
)
def test_a_path_begins_where_the_file_is(file: str, root: str, seen: str) -> None:
    assert of_file(file_with(f"root = '{root}'", Path(file)))["root"].value == seen
    assert of_environment({"SVC0_ROOT": "site"})["root"].value == "site"


def test_an_empty_variable_says_nothing() -> None:
    assert of_environment({option.variable: "" for option in OPTIONS.values()}) == {}
    assert file_of(None, {"SVC0_CONFIG": ""}) is None


# --- which decides -----------------------------------------------------------------------

SOURCES: tuple[str, ...] = ("flag", "variable", "file")
SUBSETS = [
    subset for size in range(len(SOURCES) + 1) for subset in itertools.combinations(SOURCES, size)
]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("there", SUBSETS, ids="+".join)
def test_the_first_source_decides(name: str, there: tuple[str, ...]) -> None:
    """Each has a value of its own, so that the one which decides is seen."""
    option = OPTIONS[name]
    texts = {"root": ["/f", "/v", "/t"], "address": ["::1", "::2", "::3"]}
    words = texts.get(name) or ([*LogName] if option.names else ["7", "8", "9"])
    of = dict(zip(SOURCES, words, strict=False))
    file = file_with(f"{name} = {of['file'] if of['file'].isdigit() else written(of['file'])}")
    found = settle(
        {name: option.read(of["flag"])} if "flag" in there else {},
        {option.variable: of["variable"]} if "variable" in there else {},
        file if "file" in there else None,
    )
    flag = option.flags[0] if option.flags else "DIR"
    told = {"flag": flag, "variable": option.variable, "file": "svc0.toml:1"}
    if there:
        assert found[name] == Setting(option.read(of[there[0]]), told[there[0]])
    else:
        assert found[name] == Setting(option.default, "default")
    others = {other: setting for other, setting in found.items() if other != name}
    assert all(setting.source == "default" for setting in others.values())


def test_which_file() -> None:
    named = Path("named.toml")
    assert file_of(None, {}) is None
    assert file_of(named, {}) == named
    file_with("", Path("other.toml"))
    assert file_of(None, {"SVC0_CONFIG": "other.toml"}) == Path("other.toml")
    file_with("")
    assert file_of(None, {}) == Path(FILE)
    assert file_of(None, {"SVC0_CONFIG": "other.toml"}) == Path("other.toml")
    assert file_of(named, {"SVC0_CONFIG": "other.toml"}) == named


def test_a_file_that_was_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"^SVC0_CONFIG: there is no file no\.toml$"):
        file_of(None, {"SVC0_CONFIG": "no.toml"})
    with pytest.raises(ConfigError, match=r"^cannot read no\.toml: no such file or directory$"):
        of_file(Path("no.toml"))
    Path(FILE).symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"^cannot read svc0\.toml: no such file or directory$"):
        settle({}, {}, file_of(None, {}))


# --- what is wrong -----------------------------------------------------------------------

ALONE = "this line is no TOML by itself"


@pytest.mark.parametrize(
    ("content", "expected"),
    {
        "port = 99999": "1: port takes 0 to 65535, not 99999",
        "\n# so\nport = -1  # no": "3: port takes 0 to 65535, not -1",
        'port = "80"': '1: port takes 0 to 65535, not "80"',
        "port = 80.0": "1: port takes 0 to 65535, not 80.0",
        "port = true": "1: port takes 0 to 65535, not true",
        "port = nan": "1: port takes 0 to 65535, not nan",
        "port = 2000-01-01": "1: port takes 0 to 65535, not 2000-01-01",
        "port = [80]": "1: port takes 0 to 65535, not a list",
        "port = {a = 80}": "1: port takes 0 to 65535, not a table",
        "port.number = 80": "1: port takes 0 to 65535, not a table",
        "root = 1": "1: root takes text, not 1",
        'root = "a\\u0000"': "1: root takes up to 1023 bytes without NUL",
        f"address = '{'a' * 64}'": "1: address takes up to 63 bytes without NUL",
        "log = 3": "1: log takes common, combined, json or none, not 3",
        "log = 'JSON'": '1: log takes common, combined, json or none, not "JSON"',
        "prot = 1": "1: there is no option prot; did you mean port?",
        "Port = 1": "1: there is no option Port; did you mean port?",
        "head-seconds = 1": "1: there is no option head-seconds; did you mean head_seconds?",
        "bind = '::1'": "1: there is no option bind; did you mean address?",
        "zzz = 1": "1: there is no option zzz",
        '"a\\u001b[31m" = 1': r"1: there is no option a\x1b[31m",
        "port = 1\nport = 2": "2: port is there already: svc0.toml:1",
        "\n[server]": "2: there are no tables here, options stand alone: [server]",
        "[[server]]  # x": "1: there are no tables here, options stand alone: [[server]]  # x",
        "port = 1\nport: 2": f"2: {ALONE}: expected '=' after a key in a key/value pair",
        "port = 1\n\n\nroot = 'x": f'4: {ALONE}: expected "\'"',
        f"port = {'[' * 9000}": f"1: {ALONE}: too many brackets",
    }.items(),
)
def test_a_mistake_has_its_line(content: str, expected: str) -> None:
    found = mistakes(content)
    if "brackets" in expected:  # newer Pythons have words of their own
        assert found[0].startswith(f"svc0.toml:1: {ALONE}: ")
    elif content.endswith("'x"):  # and for this one, too
        assert found[0].startswith(f"svc0.toml:4: {ALONE}: ")
    else:
        assert found == [f"svc0.toml:{expected}"]


def test_every_mistake_is_found() -> None:
    content = "prot = 1\nport = 80\nlog = 1\n[a]\nroot = 'x\n\nport = 81\n"
    assert [int(line.split(":")[1]) for line in mistakes(content)] == [1, 3, 4, 5, 7]


def test_a_value_of_several_lines_is_refused() -> None:
    content = 'root = """\nport = 1\n"""\n'
    assert tomllib.loads(content)
    assert mistakes(content)[0] == f"svc0.toml:1: {ALONE}: unterminated string"


def test_what_is_no_utf_8() -> None:
    assert mistakes(b"port = 80\nroot = '\xe9'") == ["svc0.toml:2: this is not UTF-8"]
    assert mistakes("port = 80\n".encode("utf-16"))[0] == "svc0.toml:1: this is not UTF-8"


def test_a_path_that_is_too_long_only_from_here() -> None:
    folder = Path("d" * 200, "d" * 200)
    path = file_with(f"\nroot = '{'r' * 700}'", folder / FILE)
    with pytest.raises(ConfigError, match=r":2: root takes up to 1023 bytes without NUL$"):
        of_file(path)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_mistake_in_a_variable_names_it(name: str) -> None:
    option = OPTIONS[name]
    wrong = "x" * option.size or "x"
    with pytest.raises(ConfigError) as caught:
        of_environment({option.variable: wrong, "SVC0_PORT": "99999"})
    places = [line.split(": ")[0] for line in caught.value.mistakes]
    assert places == [one for one in places if one in (option.variable, "SVC0_PORT")]
    assert option.variable in places
    assert f"{name} takes {option.limits}" in str(caught.value)


def test_a_mistake_is_one_where_another_source_decides() -> None:
    with pytest.raises(ConfigError, match=r"^SVC0_PORT: "):
        settle({"port": 80}, {"SVC0_PORT": "x"}, None)
    with pytest.raises(ConfigError, match=r"^svc0\.toml:1: "):
        settle({"port": 80}, {"SVC0_PORT": "80"}, file_with("port = 'x'"))


def test_variables_of_others_are_left_alone() -> None:
    assert of_environment({"SVC0_PROT": "1", "SVC0_COVERAGE": "x", "PORT": "1"}) == {}


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = file_with("port = 1")
    path.chmod(0)
    code = "import pathlib, svc0.sources as s; s.of_file(pathlib.Path('svc0.toml'))"
    done = subprocess.run(
        [*without_privileges(), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")},
    )
    assert done.stderr.endswith("cannot read svc0.toml: permission denied\n")


# --- what is no configuration ------------------------------------------------------------


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    Path("folder").mkdir()
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for name, reason in {
            "folder": "is a directory",
            "fifo": "it is no regular file",
            "/dev/zero": "it is no regular file",
            "socket": "",
        }.items():
            with pytest.raises(ConfigError, match=f"^cannot read {name}: {reason}"):
                of_file(Path(name))
    assert of_file(Path(os.devnull)) == {}


def test_a_fifo_that_somebody_writes_to() -> None:
    os.mkfifo("fifo")
    both = os.open("fifo", os.O_RDWR)
    try:
        with pytest.raises(ConfigError, match="it is no regular file"):
            of_file(Path("fifo"))
    finally:
        os.close(both)


def test_what_is_too_large() -> None:
    assert of_file(file_with(b"\n" * MOST_BYTES)) == {}
    for size in MOST_BYTES + 1, 2**40:
        with open(FILE, "wb") as file:
            file.truncate(size)
        with pytest.raises(ConfigError, match=r"^cannot read svc0\.toml: it has more than 65,536"):
            of_file(Path(FILE))


def test_a_line_that_is_too_long() -> None:
    assert of_file(file_with("#" * MOST_LINE)) == {}
    assert mistakes("#" * (MOST_LINE + 1)) == ["svc0.toml:1: a line has 12,288 bytes at most"]
    assert mistakes(f"port = 0x{'f' * 9000}")[0].endswith("not a number of so many digits")
    assert mistakes(f"{'a' * 9000} = 1") == [f"svc0.toml:1: there is no option {'a' * 59}…"]
    assert mistakes(f"port = {'9' * 9000}")[0].startswith("svc0.toml:1: ")


def test_a_file_whose_name_is_no_text() -> None:
    path = file_with("prot = 1", Path(os.fsdecode(b"a\n\xff.toml")))
    with pytest.raises(ConfigError) as caught:
        of_file(path)
    assert caught.value.mistakes[0].startswith(r"a\n\udcff.toml:1: ")
