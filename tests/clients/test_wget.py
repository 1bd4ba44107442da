"""Thousands of files that link to each other, mirrored by wget: CPython's own documentation."""

import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.server import machines_here, start
from tests.system.programs import find_documentation
from tests.tools import lacking, need_tool


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files: the package has links to other packages, and the server follows none."""
    source = find_documentation() or lacking("no HTML documentation of Python: make setup")
    site = tmp_path_factory.mktemp("documentation") / "site"
    shutil.copytree(source, site, ignore_dangling_symlinks=True)
    return site


def mirror(url: str, folder: Path) -> list[str]:
    """Mirror all that the first page leads to; the addresses that were saved."""
    wget = need_tool("wget")
    words = [
        "--mirror",
        "--no-verbose",
        "--no-host-directories",
        "--execute",
        "robots=off",
        "--tries=1",
    ]
    done = subprocess.run(
        [wget, "--no-verbose", *words, f"--directory-prefix={folder}", url],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "HOME": str(folder)},
    )
    said = done.stderr
    # 8: the server answered some address with an error, which is right for a link into nothing.
    assert done.returncode in (0, 8), said[-2000:]
    wrong = [line for line in said.splitlines() if " ERROR " in line and "ERROR 404" not in line]
    assert not wrong
    return [line for line in said.splitlines() if " -> " in line]


@pytest.mark.parametrize("machine", machines_here())
def test_mirror_is_the_same(machine: str, documentation: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mirror"
    with start(documentation, machine) as server:
        assert mirror(server.url, copy)
        saved_again = mirror(server.url, copy)
    assert not saved_again, "a file that has not changed was sent again"

    files = [path for path in copy.rglob("*") if path.is_file()]
    for path in files:
        name = str(path.relative_to(copy)).partition("?")[0]
        assert filecmp.cmp(path, documentation / name, shallow=False), name
    pages = {path.relative_to(documentation) for path in documentation.rglob("*.html")}
    missing = pages - {path.relative_to(copy) for path in files}
    assert len(missing) < len(pages) / 50, missing  # some are linked from nowhere
