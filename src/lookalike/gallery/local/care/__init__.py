"""Look after a gallery's files: check them, repair them, copy them."""
