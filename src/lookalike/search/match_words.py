"""How alike a hit and the query are, in a word."""

from __future__ import annotations

from typing import Final, Literal, get_args

MatchWord = Literal["identical", "copy", "close", "similar", "weak"]
"""Best first. ``identical``: the same bytes. ``copy``: the same image saved again, resized or little changed, or the
next frame. The others say how unusual such a score is in this gallery."""

CLOSE: Final = 25.0
"""The percentile from which a match is ``close``."""

SIMILAR: Final = 5.0
"""The percentile from which a match is ``similar``; below, it is ``weak``."""

_WORDS: Final = get_args(MatchWord)


def match_word(score: float, percentile: float | None, copies_from: float) -> MatchWord | None:
    """The word for a hit with other bytes than the query; ``copies_from`` is the lowest cosine of copies.

    None if there is no percentile and the hit is no copy.
    """
    if score >= copies_from:
        return "copy"
    if percentile is None:
        return None
    return "close" if percentile >= CLOSE else "similar" if percentile >= SIMILAR else "weak"


def is_at_least(match: MatchWord | None, least: MatchWord | None) -> bool:
    """Whether a match is as good as ``least`` or better; one that is not known is not, unless ``least`` is None."""
    return least is None or (match is not None and _WORDS.index(match) <= _WORDS.index(least))
