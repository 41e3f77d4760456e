"""Rewrite a gallery repeatedly: each commit replaces five entries, and a skipped file that counts the commits."""

import sys
from contextlib import closing
from pathlib import Path

from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes
from lookalike.images.files import SkipKind, Skipped
from stores import upsert

with closing(LocalStore.open(Path(sys.argv[1]), writing=True)) as store:
    print("open", flush=True)
    for generation in range(int(sys.argv[2])):
        store.commit(
            Changes(
                upserts=[upsert(f"{generation}-{number}.jpg") for number in range(5)],
                removed=[f"{generation - 1}-{number}.jpg" for number in range(5)],
                skipped=[Skipped("commits.jpg", SkipKind.DAMAGED, str(generation))],
            )
        )
        if generation % 7 == 0:
            store.delete_unused(store.unused())
