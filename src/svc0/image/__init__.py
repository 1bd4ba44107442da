"""Images: what a kernel can start.  Layout, ELF, debug information."""
