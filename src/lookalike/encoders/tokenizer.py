"""CLIP's tokenizer: texts to token ids.

Text is cleaned as in OpenAI's ``simple_tokenizer.py`` (mojibake fixed, HTML entities unescaped twice, white space
collapsed, lower case), split by byte-pair encoding, enclosed in the start and end tokens, and padded with zeros.
"""

from __future__ import annotations

import gzip
import html
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EncoderError
from lookalike.system_files import read_bytes
from lookalike.text import printable

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Model

START: Final = 49406
END: Final = 49407
"""The highest token id; the network reads a text's features at its position."""
CONTEXT: Final = 77
"""The length in tokens that texts are truncated and padded to in all published CLIPs."""
VOCABULARY: Final = END + 1
"""The number of tokens in the vocabulary of all published CLIPs."""
# Start token, one token of text, end token.
_MIN_CONTEXT: Final = 3

Encode = Callable[[str], list[int]]
"""The token ids of a cleaned text, without start and end tokens."""


class Tokenizer:
    """Converts texts to the input of a CLIP text tower of ``context`` tokens."""

    def __init__(self, encode: Encode, context: int = CONTEXT) -> None:
        self._encode = encode
        self.context = context

    def __call__(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Token ids, int64 (n, context). A text that is too long is truncated, keeping its end token.

        Raises :class:`~lookalike.errors.EncoderError` if the tokenizer returns an id that CLIP doesn't have.
        """
        rows = [[START, *self._token_ids(text)[: self.context - 2], END] for text in texts]
        tokens = np.zeros((len(rows), self.context), np.int64)
        for row, ids in zip(tokens, rows, strict=True):
            row[: len(ids)] = ids
        return tokens

    def _token_ids(self, text: str) -> list[int]:
        ids = self._encode(clean(text))
        # The features are read at the highest id of a row, which must be the end token.
        if any(not 0 <= token_id < START for token_id in ids):
            raise EncoderError(
                f"{text!r} has the token id {max(ids)}, but CLIP's ids for text end at {START - 1}; use the "
                "tokenizer.json that CLIP was trained with"
            )
        return ids


def load_tokenizer(checkpoint: Path, context: int = CONTEXT, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Load the tokenizer of a checkpoint: the ``tokenizer.json`` beside it, else the vocabulary shared by all CLIPs.

    ``context`` and ``vocabulary`` are the context length and the vocabulary size of the text tower, in tokens. Raises
    :class:`~lookalike.errors.EncoderError` if the tokenizer is invalid, or the text tower doesn't fit CLIP's tokenizer.
    """
    if vocabulary < VOCABULARY or context < _MIN_CONTEXT:
        raise EncoderError(
            f"{checkpoint}: its text tower has a context of {context} tokens and a vocabulary of {vocabulary}; CLIP's "
            f"tokenizer needs at least {_MIN_CONTEXT} and {VOCABULARY}. This encoder can search by image only"
        )
    file = checkpoint.parent / "tokenizer.json"
    return Tokenizer(_encoder(_read(file), file) if file.is_file() else _shared_vocabulary(), context)


def clean(text: str) -> str:
    """Clean a text as in CLIP's training: mojibake fixed, unescaped, white space collapsed, lower case."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()


def _read(path: Path) -> Model:
    from tokenizers import Tokenizer as Model

    with _library_errors(path):
        return Model.from_buffer(read_bytes(path))


@contextmanager
def _library_errors(source: Path) -> Iterator[None]:
    """Convert whatever the library raises: bare Exceptions, and panics, which are not even that."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except OSError as error:
        raise EncoderError(f"{source}: can't be read ({error.strerror})") from error
    except BaseException as error:
        raise EncoderError(f"{source}: not a valid tokenizer ({printable(str(error))})") from error


def _shared_vocabulary() -> Encode:
    """CLIP's own vocabulary, which is part of this package (see vocabulary/README.md)."""
    from tokenizers import Tokenizer as Model

    file = Path(__file__).parent / "vocabulary" / "tokenizer.json.gz"
    return _encoder(Model.from_buffer(gzip.decompress(file.read_bytes())), file)


def _encoder(model: Model, source: Path) -> Encode:
    """The function that encodes a text with ``model``; raises EncoderError, naming ``source``, if it isn't CLIP's."""
    model.no_truncation()
    model.no_padding()
    model.encode_special_tokens = True  # a query that contains "<|endoftext|>" is encoded as these characters
    if (model.token_to_id("<|startoftext|>"), model.token_to_id("<|endoftext|>")) != (START, END):
        raise EncoderError(f"{source}: not a CLIP tokenizer (wrong start and end tokens)")

    def encode(text: str) -> list[int]:
        with _library_errors(source):
            return list(model.encode(text, add_special_tokens=False).ids)

    return encode
