"""What the server costs: exactly, in the emulator, and roughly, on this machine."""
