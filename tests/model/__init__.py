"""The reference: what a correct server answers, in plain Python.

Written from docs/behaviour.md and the RFCs it names, never from the instructions: it is one of
two readings of the same text, and every difference between the two is a mistake of one of them.

    conversation    one connection: bytes in, answers out, and how it ends
    head            request line and header fields → Request, or the Fault that ends the connection
    framing         what Host, Content-Length, Transfer-Encoding and Expect ask for
    body            how far a request's body reaches
    target          the request target → a path that cannot leave the root
    site            files in memory, and what the kernel would say about a path
    conditions      validators, dates, preconditions, ranges
    accept          JSON or HTML
    respond         Request → Answer

There is no socket and no clock in it: time is an argument.
"""
