"""Hold a gallery open for writing until a line arrives on standard input."""

import sys
from pathlib import Path

from lookalike.gallery.local.store import LocalStore

store = LocalStore.open(Path(sys.argv[1]), writing=True)
print("open", flush=True)
sys.stdin.readline()
store.close()
