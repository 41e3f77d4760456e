"""Words to token numbers, as CLIP was trained on them.

Text is cleaned as OpenAI's ``simple_tokenizer.py`` does (mojibake mended, HTML entities resolved twice, white space
collapsed, lower case), split by byte-pair encoding, put between the start and end tokens, and padded with zeros.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EncoderError

START: Final = 49406
END: Final = 49407
"""The highest token; a text's features are read where it stands."""
CONTEXT: Final = 77
"""How many tokens a text is cut and padded to, in all published CLIPs."""
VOCABULARY: Final = END + 1
"""How many tokens these know."""
# The start, one word and the end.
_LEAST_CONTEXT: Final = 3

Split = Callable[[str], list[int]]
"""Token numbers of a cleaned text, without start and end."""


class Tokenizer:
    """Turns texts into the input of a CLIP text tower with ``context`` places."""

    def __init__(self, split: Split, context: int = CONTEXT) -> None:
        self._split = split
        self.context = context

    def __call__(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Token numbers, int64 (n, context); a text too long for that is cut, its end token kept.

        Raises :class:`~lookalike.errors.EncoderError` where a text has a token that CLIP doesn't know.
        """
        rows = [[START, *self._numbers(text)[: self.context - 2], END] for text in texts]
        tokens = np.zeros((len(rows), self.context), np.int64)
        for row, numbers in zip(tokens, rows, strict=True):
            row[: len(numbers)] = numbers
        return tokens

    def _numbers(self, text: str) -> list[int]:
        numbers = self._split(clean(text))
        # The features are read at the highest token: a word's must not stand above the end's.
        if any(not 0 <= number < START for number in numbers):
            raise EncoderError(
                f"{text!r} has a token {max(numbers)}, and the words of CLIP end at {START - 1}; use the "
                "tokenizer.json that CLIP was trained with"
            )
        return numbers


def load_tokenizer(checkpoint: Path, context: int = CONTEXT, vocabulary: int = VOCABULARY) -> Tokenizer:
    """The tokenizer of a checkpoint: the ``tokenizer.json`` beside it, else the vocabulary that all CLIP models share.

    ``context`` and ``vocabulary`` are how many tokens its text tower takes and knows. Raises
    :class:`~lookalike.errors.EncoderError` where there is no tokenizer, or the tower can't take what it makes.
    """
    if vocabulary < VOCABULARY or context < _LEAST_CONTEXT:
        raise EncoderError(
            f"{checkpoint}: its text tower takes {context} tokens and knows {vocabulary}; CLIP's tokenizer, the only "
            f"one known here, needs {_LEAST_CONTEXT} and {VOCABULARY}: it can be searched by pictures alone"
        )
    beside = checkpoint.parent / "tokenizer.json"
    split = _from_json(beside) if beside.is_file() else _shared_vocabulary()
    if split is None:
        raise EncoderError(
            f"{checkpoint}: to search by words, put the checkpoint's tokenizer.json beside it (up to Python 3.12, "
            "pip install instant-clip-tokenizer does too)"
        )
    return Tokenizer(split, context)


def clean(text: str) -> str:
    """Text as CLIP was trained on it: mended, unescaped, white space collapsed, lower case."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()


def _from_json(path: Path) -> Split:
    from tokenizers import Tokenizer as Model

    try:
        model = Model.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise EncoderError(f"{path}: can't be read as a tokenizer ({error})") from error
    model.no_truncation()
    model.no_padding()
    model.encode_special_tokens = True  # those are added by us; a query that spells them out means its letters
    if (model.token_to_id("<|startoftext|>"), model.token_to_id("<|endoftext|>")) != (START, END):
        raise EncoderError(f"{path}: this is not a CLIP tokenizer (its start and end tokens are others)")

    def split(text: str) -> list[int]:
        return list(model.encode(text, add_special_tokens=False).ids)

    return split


def _shared_vocabulary() -> Split | None:
    try:
        from instant_clip_tokenizer import Tokenizer as Model
    except ImportError:
        return None
    model = Model()

    def split(text: str) -> list[int]:
        return [int(number) for number in model.encode(text)]

    return split
