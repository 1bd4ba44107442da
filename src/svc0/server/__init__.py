"""The web server, in assembly: every function here is a routine, a macro, a struct or a table.

One module for each noun, in the order of a request's life:

    start         from the first instruction: arguments, root, listeners, workers
    options       what the command line says; settings: what was built in; address: its text
    listeners     the sockets that clients connect to; terminal: what is said to people
    supervisor    parent of the workers: starts, restarts; signals: how it hears them
    process       what is asked of the kernel about ourselves: limits, CPUs, children

    worker        the event loop; workspace: what it has; pool: its tables, laid out once
    poller        how it waits: epoll on Linux, kqueue on macOS; clock: the time of day
    deadlines     until when each connection may take: a list for each thing that is waited for
    connection    what is remembered of one client, and of what it asked
    conversation  from state to state: receive, read, answer, send, wait

    head          a head as nearly all are, read in one pass; repeats: fields that come again
    shortcut      from such a head to an answer in the cache, and many answers in one call
    parts         a part of what the cache has, made in one go
    cache         answers that are ready but for their date, found by the path
    keeping       how an answer gets there; watch: what the kernel tells of changes

    request       lines of any other head; framing: what it means; body: read and dropped
    target        from what is asked for to a path that cannot leave the root
    routes        which answer; file: finding it below the root; mime, methods, status: tables
    conditional   If-… and Range of a file; conditions, ranges, accept: how such fields are read
    response      heads, small bodies, sending; dates, escape: how they are written
    sendfile      a file to a client, which we never see
    log           a line for every answer

    text, macros  bytes and numbers, for all of them; limits: how much of anything there may be

``x28`` holds the worker's workspace and ``x27`` the connection in every routine that says so.  A
negative result is a failure.  docs/how-a-request-travels.md follows one request through all this.
"""
