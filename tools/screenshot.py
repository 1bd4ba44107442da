"""A picture of a terminal with a real session of `svc0 serve`, as SVG: docs/screenshot.svg.

    python -m tools.screenshot [FILE]

The server is started as anybody would, asked a few times over real sockets, and stopped by Ctrl+C.
What it printed is drawn; nothing is made up.
"""

from __future__ import annotations

import http.client
import io
import re
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
WORDS = ["svc0", "serve", "examples/site", "-p", "8080"]
ASKED: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/", {}),
    ("GET", "/style.css", {}),
    ("GET", "/rooms", {}),
    ("GET", "/rooms/", {}),
    ("GET", "/journey.svg", {"Range": "bytes=0-99"}),
    ("HEAD", "/favicon.svg", {}),
    ("GET", "/../etc/passwd", {}),
    ("POST", "/", {}),
]
STYLES = {
    r"^svc0: .*": "cyan",
    r"http://\S+": "bold underline",
    r'(?<=" )[23]\d\d(?= )': "green",
    r'(?<=" )[45]\d\d(?= )': "bold yellow",
}


def session() -> list[str]:
    """The lines of a session, as they came."""
    command = [str(Path(sys.executable).parent / WORDS[0]), *WORDS[1:]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as server:
        assert server.stdout
        lines: list[str] = []
        while not lines or "http://" not in lines[-1]:
            lines.append(server.stdout.readline().rstrip())
            assert lines[-1], f"the server ended: {lines}"
        for method, target, fields in ASKED:
            client = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
            client.request(method, target, headers=fields)
            client.getresponse().read()
            client.close()
        while sum(" - - [" in line for line in lines) < len(ASKED):
            lines.append(server.stdout.readline().rstrip())
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=60)
    return lines + rest.splitlines()


def picture(lines: list[str]) -> str:
    """The SVG, which loads nothing from anywhere."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    for line in [f"$ {' '.join(WORDS)}", *lines, "$"]:
        text = Text(line)
        for pattern, style in STYLES.items():
            text.highlight_regex(pattern, style)
        console.print(text)
    svg = console.export_svg(title="svc0", theme=MONOKAI, unique_id="svc0")
    return re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshot.svg"
    target.write_text(picture(session()))
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
