"""What surrounds every command: its progress, interrupts, the output of libraries, and errors that nothing expects."""
