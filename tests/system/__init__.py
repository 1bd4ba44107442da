"""What tests want of the machine: other people's programs, packages, a kernel.

programs   where the programs are that no PATH tells
debian     packages beside the machine's own
kernel     an ARM64 Linux kernel, booted with our server on it
cpio       the first file system of that kernel
__main__   installs what is missing: python -m tests.system
"""
