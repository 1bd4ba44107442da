"""Who is measured, what each is told, and how it is started.

Every server serves the same site from one worker, keeps connections, and writes no access log, but
for ours, which is measured with its log on (to /dev/null) and off.  What a peer is told besides
takes limits away that a load would run into (requests of one connection), and names paths.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from bench import packages
from bench.floor import Floor, answer
from svc0 import build
from svc0.config import LogFormat

MANY: Final = 100_000_000
IDLE_SECONDS: Final = 3600
CONNECTIONS: Final = 16_384


@dataclass(frozen=True)
class Place:
    """Where a server is to work."""

    port: int
    site: Path
    scratch: Path
    body: int
    """The size of the file that will be asked for, which only the floor has to know."""


@dataclass(frozen=True)
class Processor:
    """What runs programs for ARM64: an emulator's words, or none; and where their libraries are."""

    words: Sequence[str] = ()
    root: Path | None = None

    def run(self, program: Path) -> list[str]:
        """The words for a program that needs nothing."""
        return [*self.words, str(program)]

    def installed(self, program: str) -> list[str]:
        """The words for a peer's program, which finds its libraries beside it."""
        root = self.root or packages.tree()
        path = str(root / program)
        if self.words:
            return [*self.words, "-L", str(root), path]
        if root == Path("/"):
            return [path]
        libraries = ":".join(str(root / name) for name in LIBRARIES)
        return [str(root / LOADER), "--library-path", libraries, path]


LOADER: Final = "lib/ld-linux-aarch64.so.1"
LIBRARIES: Final = "lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu"


def no_files(_place: Place) -> Mapping[str, bytes]:
    return {}


@dataclass(frozen=True)
class Server:
    """One that is measured."""

    title: str
    words: Callable[[Processor, Place], list[str]]
    files: Callable[[Place], Mapping[str, bytes]] = no_files
    """What must lie in its scratch folder: settings, or the program itself."""
    package: str = ""
    program: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ways: tuple[str, ...] = ("keep-alive", "pipelined", "new connection")
    """How it can be asked (counting.py): the floor never closes, others always do."""
    emulated: bool = True
    """Whether it is a program for ARM64 at all."""


@cache
def ours(log: LogFormat = LogFormat.COMMON) -> bytes:
    """The executable, with no limit in the way of a load."""
    return build.executable(
        None, log=log, requests=MANY, connections=CONNECTIONS, idle_seconds=IDLE_SECONDS
    )


def start_ours(processor: Processor, place: Place) -> list[str]:
    words = ["-r", str(place.site), "-p", str(place.port), "-b", "127.0.0.1", "-w", "1"]
    return [*processor.run(place.scratch / "svc0"), *words]


def floor_files(place: Place) -> Mapping[str, bytes]:
    return {"floor": Floor(place.port, place.body).image(), "answer": answer(place.body)}


NGINX: Final = """\
daemon off;
master_process off;
worker_processes 1;
pid {scratch}/pid;
error_log {scratch}/error crit;
events {{ worker_connections 1024; }}
http {{
  types {{ text/html html; application/octet-stream bin; }}
  access_log off;
  sendfile on;
  tcp_nopush {nopush};
  keepalive_timeout 75;
  keepalive_requests {many};
  {more}
  client_body_temp_path {scratch}/body;
  proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi;
  scgi_temp_path {scratch}/scgi;
  server {{ listen 127.0.0.1:{port}; root {site}; index index.html; }}
}}
"""
CACHE: Final = "open_file_cache max=1000 inactive=1h; open_file_cache_valid 60s;"

LIGHTTPD: Final = """\
server.document-root = "{site}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ()
server.errorlog = "{scratch}/error"
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
server.max-worker = 0
server.max-fds = 2048
server.max-keep-alive-requests = {many}
server.max-keep-alive-idle = 75
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".bin" => "application/octet-stream" )
"""

H2O: Final = """\
num-threads: 1
max-connections: 1024
http1-request-timeout: 75
error-log: {scratch}/error
{user}
listen:
  host: 127.0.0.1
  port: {port}
file.send-compressed: OFF
hosts:
  default:
    paths:
      "/":
        file.dir: {site}
"""

CADDY: Final = """\
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	bind 127.0.0.1
	root * {site}
	file_server
}}
"""


def told(template: str, **more: str) -> Callable[[Place], Mapping[str, bytes]]:
    """A file `settings` for the place."""

    def files(place: Place) -> Mapping[str, bytes]:
        user = "user: root" if os.geteuid() == 0 else ""
        names = {"port": place.port, "site": place.site, "scratch": place.scratch}
        return {"settings": template.format(**names, many=MANY, user=user, **more).encode()}

    return files


def start_nginx(processor: Processor, place: Place) -> list[str]:
    words = ["-p", str(place.scratch), "-c", str(place.scratch / "settings")]
    return [*processor.installed("usr/sbin/nginx"), *words]


def start_lighttpd(processor: Processor, place: Place) -> list[str]:
    modules = str((processor.root or packages.tree()) / "usr/lib/lighttpd")
    words = ["-D", "-m", modules, "-f", str(place.scratch / "settings")]
    return [*processor.installed("usr/sbin/lighttpd"), *words]


def start_h2o(processor: Processor, place: Place) -> list[str]:
    return [*processor.installed("usr/bin/h2o"), "-c", str(place.scratch / "settings")]


def start_caddy(processor: Processor, place: Place) -> list[str]:
    words = ["run", "--adapter", "caddyfile", "--config", str(place.scratch / "settings")]
    return [*processor.installed("usr/bin/caddy"), *words]


def start_webfs(processor: Processor, place: Place) -> list[str]:
    words = ["-F", "-i", "127.0.0.1", "-p", str(place.port), "-r", str(place.site)]
    return [*processor.installed("usr/bin/webfsd"), *words, "-f", "index.html", "-c", "1024"]


def start_busybox(processor: Processor, place: Place) -> list[str]:
    program = (processor.root or packages.tree()) / "bin/busybox"
    words = ["httpd", "-f", "-p", f"127.0.0.1:{place.port}", "-h", str(place.site)]
    return [*processor.run(program), *words]


def start_python(_processor: Processor, place: Place) -> list[str]:
    words = ["-m", "http.server", str(place.port), "--bind", "127.0.0.1"]
    return [sys.executable, *words, "--directory", str(place.site), "--protocol", "HTTP/1.1"]


SERVERS: Final = {
    "svc0": Server("svc0, access log on", start_ours, lambda _: {"svc0": ours()}),
    "svc0-quiet": Server("svc0", start_ours, lambda _: {"svc0": ours(LogFormat.NONE)}),
    "floor": Server(
        "the floor",
        lambda run, place: run.run(place.scratch / "floor"),
        floor_files,
        ways=("keep-alive",),
    ),
    "nginx": Server(
        "nginx", start_nginx, told(NGINX, nopush="on", more=""), "nginx", "usr/sbin/nginx"
    ),
    "nginx-cache": Server(
        "nginx, with its file cache",
        start_nginx,
        told(NGINX, nopush="off", more=CACHE),
        "nginx",
        "usr/sbin/nginx",
    ),
    "lighttpd": Server("lighttpd", start_lighttpd, told(LIGHTTPD), "lighttpd", "usr/sbin/lighttpd"),
    "h2o": Server("h2o", start_h2o, told(H2O), "h2o", "usr/bin/h2o"),
    "caddy": Server(
        "Caddy", start_caddy, told(CADDY), "caddy", "usr/bin/caddy", {"GOMAXPROCS": "1"}
    ),
    "webfs": Server("webfs", start_webfs, no_files, "webfs", "usr/bin/webfsd"),
    "busybox": Server(
        "busybox httpd",
        start_busybox,
        no_files,
        "busybox-static",
        "bin/busybox",
        ways=("new connection",),
    ),
    "python": Server("Python's http.server, not emulated", start_python, emulated=False),
}
