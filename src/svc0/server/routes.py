"""Routes: what answers a request.

    GET, HEAD    a file, index.html of a directory, a redirect to the directory's slash
    OPTIONS      what may be asked
    others       405

Every routine here leaves a whole answer in the connection's buffer and its
fields; nothing is sent yet.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import S_IFDIR, S_IFMT, S_IFREG
from svc0.kernel.errors import Errno

from .cache import (
    Entry,
    confirm_entry,
    drop_entry,
    find_entry,
    is_known,
    is_same,
    is_untouched,
    may_be_sent,
)
from .conditional import CONDITIONS, evaluate
from .conditions import write_etag
from .connection import NO_FILE, Buffer, Connection
from .file import FIND_FLAGS, OPEN_FLAGS, open_beneath, status_of
from .keeping import keep
from .macros import point, put
from .methods import Method
from .mime import content_type
from .response import refuse, send_entry_head, send_file_head
from .target import normalize
from .watch import watch_path
from .workspace import INDEX, Facts, Workspace


@routine
def dispatch(connection: x27, worker: x28) -> None:
    """Answer the request that was read into the connection's buffer."""
    method = w19
    bad_path, options, refused = label(), label(), label()

    with frame(method.x) as leave:
        mov(w9, NO_FILE)
        str_(w9, [connection, Connection.file])
        ldr(x9, [connection, Connection.buffer])
        ldrb(method, [x9, Buffer.request.method])
        cmp(method, Method.OPTIONS)
        mov(w0, 405)
        b.hi(refused)

        add(x9, x9, int(Buffer.request.path))
        ldp(x1, x2, [x9])
        cbz(x1, options)  # the target is an asterisk: no path at all
        point(x0, worker, Workspace.path)
        bl(normalize)
        tbnz(x0, 63, bad_path)
        str_(x0, [worker, Workspace.path_size])
        cmp(method, Method.OPTIONS)
        b.eq(options)
        bl(show)
        b(leave)

        here(bad_path)
        neg(w0, w0)
        b(refused)

        here(options)
        mov(w0, 204)

        here(refused)
        bl(refuse)
    ret()


assert Method.GET < Method.HEAD < Method.OPTIONS < min(set(Method) - {1, 2, 3})


@routine
def show(connection: x27, worker: x28) -> None:
    """Answer with what the workspace's path names: a file, a directory's index, a redirect.

    What the cache has of it is used if it is true, and what it has not is kept if it was asked for
    before.
    """
    entry, hash, status = x19, x20, w21
    look, stranger, describe, uncached, refused, sure = (label() for _ in range(6))

    with frame(entry, hash, status.x) as leave:
        point(x0, worker, Workspace.path)
        ldr(x1, [worker, Workspace.path_size])
        bl(find_entry)
        mov(hash, x1)
        mov(entry, x0)
        cbz(entry, look)
        bl(may_be_sent)
        cbz(w0, look)
        mov(x0, entry)
        bl(is_untouched)
        cbnz(w0, sure)

        here(look)
        bl(find_file)
        mov(status, w0)
        cbz(entry, stranger)
        mov(x0, entry)
        mov(w1, status)
        bl(renew_entry)
        cbnz(w0, sure)
        b(describe)

        here(stranger)
        mov(w0, hash.w)
        bl(is_known)
        cbz(w0, uncached)

        here(describe)
        mov(w0, status)
        bl(keep)
        mov(entry, x0)
        cbnz(entry, sure)

        here(uncached)
        mov(w0, status)
        cmp(status, 200)
        b.ne(refused)
        bl(show_file)
        b(leave)

        here(sure)
        mov(x0, entry)
        bl(show_entry)
        b(leave)

        here(refused)
        bl(refuse)
    ret()


@routine
def find_file(worker: x28) -> w0:
    """Open what the workspace's path names: 200, and a regular file is open and described.

    Else the status that says why not.
    """
    path, size = x19, x20
    missing = label()

    with frame(path, size) as leave:
        point(path, worker, Workspace.path)
        ldr(size, [worker, Workspace.path_size])
        mov(x0, path)
        mov(x1, size)
        bl(add_index)
        mov(x0, path)
        mov(w1, OPEN_FLAGS)
        bl(open_beneath)
        tbnz(x0, 63, missing)
        str_(w0, [worker, Workspace.file])
        bl(judge_file)
        b(leave)

        here(missing)
        mov(x2, x0)
        mov(x0, path)
        mov(x1, size)
        bl(why_missing)
    ret()


@routine
def renew_entry(entry: x0, status: w1, worker: x28) -> w0:
    """See whether an entry is true still, given what its path names now: 1, and it may be sent.

    Else 0, and it is dropped.  A file that is open in the workspace is closed if it is that of the
    entry.
    """
    of, code = x19, w20
    changed, quiet = label(), label()

    with frame(of, code.x) as leave:
        mov(of, entry)
        mov(code, status)
        bl(is_same)
        cbz(w0, changed)
        ldr(x9, [worker, Workspace.ticks])
        str_(x9, [of, Entry.looked])
        ldr(x9, [of, Entry.epoch])
        ldr(x10, [worker, Workspace.changed])
        cmp(x9, x10)
        b.hs(quiet)
        bl(watch_path)  # the directories on the way to it may be others now

        here(quiet)
        mov(x0, of)
        bl(confirm_entry)
        mov(w0, 1)
        cmp(code, 200)
        b.ne(leave)
        ldr(w0, [worker, Workspace.file])
        calls.close()
        mov(w0, 1)
        b(leave)

        here(changed)
        mov(x0, of)
        bl(drop_entry)
        mov(w0, 0)
    ret()


@routine
def show_entry(entry: x0, connection: x27, worker: x28) -> None:
    """Answer with what an entry has, as conditions will have it; it is known to be true."""
    of = x19
    plain, send_it, refused = label(), label(), label()

    with frame(of) as leave:
        mov(of, entry)
        mov(w9, 1)
        strb(w9, [of, Entry.used])
        ldr(w0, [of, Entry.status])
        cmp(w0, 200)
        b.ne(refused)
        add(x9, of, Entry.facts)
        add(x10, worker, Workspace.facts)
        for at in range(0, Facts.size, 16):
            ldr(v0.q, [x9, at])
            str_(v0.q, [x10, at])
        ldr(x9, [of, Entry.facts.total])
        stp(xzr, x9, [worker, Workspace.first])
        ldr(x0, [connection, Connection.buffer])
        ldr(w9, [x0, Buffer.request.seen])
        tst(w9, CONDITIONS)
        b.eq(plain)
        bl(evaluate)
        cmp(w0, 412)
        b.hs(refused)
        b(send_it)

        here(plain)
        mov(w0, 200)

        here(send_it)
        mov(x1, of)
        bl(send_entry_head)
        b(leave)

        here(refused)
        bl(refuse)
    ret()


assert Workspace.end == Workspace.first + 8


@routine
def judge_file(worker: x28) -> w0:
    """Look at what was opened: 200 for a regular file; else it is closed, and the status says why.

    That is 301 for a directory, if its path has no slash.  The workspace gets the file's ``stat``,
    and what an answer says of it.
    """
    status = w19
    failed, other, close_it, regular = label(), label(), label(), label()

    with frame(status.x) as leave:
        ldr(w0, [worker, Workspace.file])
        add(x1, worker, Workspace.stat)
        calls.fstat()
        tbnz(x0, 63, failed)
        ldrh(w9, [worker, Workspace.stat.mode])
        and_(w9, w9, S_IFMT)
        mov(w10, S_IFREG)
        cmp(w9, w10)
        b.eq(regular)
        mov(w10, S_IFDIR)
        cmp(w9, w10)
        b.ne(other)
        point(x0, worker, Workspace.path)
        ldr(x1, [worker, Workspace.path_size])
        bl(ends_with_slash)
        mov(status, 301)
        cbz(w0, close_it)

        here(other)
        mov(status, 404)
        b(close_it)

        here(regular)
        bl(describe_file)
        mov(w0, 200)
        b(leave)

        here(failed)
        bl(status_of)
        mov(status, w0)

        here(close_it)
        ldr(w0, [worker, Workspace.file])
        calls.close()
        mov(w0, status)
    ret()


@routine
def ends_with_slash(path: x0, size: x1) -> w0:
    """1 if a normalized path names a directory by its end: the root, or a slash; else 0.

    >>> ends_with_slash(b"", 0), ends_with_slash(b"a/", 2), ends_with_slash(b"a", 1)
    (1, 1, 0)
    """
    root = label()

    cbz(size, root)
    add(x9, path, size)
    ldurb(w9, [x9, -1])
    cmp(w9, ord("/"))
    cset(w0, Condition.eq)
    ret()

    here(root)
    mov(w0, 1)
    ret()


@routine
def add_index(path: x0, size: x1) -> None:
    """Put index.html and a NUL behind a path that names a directory by its end; it has the room."""
    at = x19
    done = label()

    with frame(at):
        add(at, path, size)
        bl(ends_with_slash)
        cbz(w0, done)
        put(at, INDEX + b"\0")

        here(done)
    ret()


@routine
def why_missing(path: x0, size: x1, error: x2, worker: x28) -> w0:
    """The status for a path that could not be opened (-errno); one for a directory that is there.

    With a slash it has no index: 403.  Without, it may not be read, but asked for with one: 301.
    """
    name, why, status, end, byte = x19, x21, w22, x20, w23
    unknown, plain = label(), label()

    with frame(name, end, why, status.x, byte.x) as leave:
        mov(name, path)
        mov(end, size)
        mov(why, error)
        bl(ends_with_slash)
        mov(w9, 403)
        mov(w10, 301)
        mov(x11, -Errno.ENOENT)
        mov(x12, -Errno.EACCES)
        cmp(w0, 0)
        csel(status, w9, w10, Condition.ne)
        csel(x11, x11, x12, Condition.ne)
        cmp(why, x11)
        b.ne(plain)

        # Is the directory there? Its path without the slash and without index.html:
        mov(w9, w0)
        subs(end, end, x9)
        csel(end, end, xzr, Condition.pl)
        ldrb(byte, [name, end])
        strb(wzr, [name, end])
        mov(x0, name)
        mov(w1, FIND_FLAGS)
        bl(open_beneath)
        strb(byte, [name, end])
        tbnz(x0, 63, unknown)
        calls.close()
        mov(w0, status)
        b(leave)

        here(unknown)  # also because there is no room to look
        bl(status_of)
        cmp(w0, 404)
        b.ne(leave)

        here(plain)
        mov(x0, why)
        bl(status_of)
    ret()


@routine
def show_file(connection: x27, worker: x28) -> None:
    """Answer with the regular file that is open in the workspace, as conditions will have it."""
    status = w19
    refused = label()

    with frame(status.x) as leave:
        ldr(x0, [connection, Connection.buffer])
        bl(evaluate)
        mov(status, w0)
        cmp(status, 412)
        b.hs(refused)
        bl(send_file_head)
        b(leave)

        here(refused)  # 412 or 416: the file is not needed any more
        ldr(w0, [worker, Workspace.file])
        calls.close()
        mov(w0, status)
        bl(refuse)
    ret()


@routine
def describe_file(worker: x28) -> None:
    """Note size, times, entity-tag and type of the open file in the workspace."""
    path, size = x19, x20

    with frame(path, size):
        ldr(x9, [worker, Workspace.stat.file_size])
        str_(x9, [worker, Workspace.facts.total])
        stp(xzr, x9, [worker, Workspace.first])
        ldr(x1, [worker, Workspace.stat.modified.seconds])
        str_(x1, [worker, Workspace.facts.modified])
        ldr(x2, [worker, Workspace.stat.modified.nanoseconds])
        mov(x3, x9)
        ldr(x4, [worker, Workspace.now])
        add(x0, worker, Workspace.facts.etag)
        bl(write_etag)
        add(x9, worker, Workspace.facts.etag)
        sub(x0, x0, x9)
        str_(x0, [worker, Workspace.facts.etag_size])

        point(path, worker, Workspace.path)
        ldr(size, [worker, Workspace.path_size])
        mov(x0, path)
        mov(x1, size)
        bl(ends_with_slash)
        mov(w9, len(INDEX))
        umull(x9, w9, w0)
        mov(x0, path)
        add(x1, size, x9)
        bl(content_type)
        str_(x0, [worker, Workspace.facts.type])
        str_(x1, [worker, Workspace.facts.type_size])
    ret()
