"""svc0: a web server in pure ARM64 assembly, written in Python."""
