"""The example site: what it says of the source is the source."""

import html
import inspect
import re
from pathlib import Path

from svc0.server.text import parse_decimal

SITE = Path(__file__).parents[1] / "examples" / "site"


def test_shows_the_routine_as_it_is() -> None:
    page = (SITE / "index.html").read_text()
    [listing] = re.findall(r'<pre class="paper listing".*?><code>(.*?)</code>', page, re.DOTALL)
    shown = html.unescape(re.sub("<[^>]*>", "", listing))
    assert shown == inspect.getsource(parse_decimal.body)


def test_asks_nobody_else_for_anything() -> None:
    for file in SITE.rglob("*.*"):
        text = file.read_text()
        found = set(re.findall(r"""(?:src|href)=["'](https?:)?//""", text))
        assert not found, f"{file.name} refers to another server"


def test_refers_only_to_what_is_there() -> None:
    for page in SITE.rglob("*.html"):
        for link in re.findall(r'(?:src|href)="([^"#]*)"', page.read_text()):
            if link and link != "nowhere":
                assert (page.parent / link).exists(), f"{page.name} refers to {link}"
