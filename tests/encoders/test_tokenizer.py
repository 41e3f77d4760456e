"""CLIP's tokenizer: texts to token ids."""

from __future__ import annotations

import pytest

from lookalike.encoders.tokenizer import END, START, clean, load_tokenizer
from lookalike.errors import EncoderError
from tokenizers_by_hand import save_tokenizer

# Published together with the golden vectors, and reproduced with OpenAI's own tokenizer.
PUBLISHED = {
    "a photo of a cat": [320, 1125, 539, 320, 2368],
    "a diagram": [320, 22697],
    "a red car beside a blue bicycle": [320, 736, 1615, 13519, 320, 1746, 11652],
    "東京の夜景": [48338, 21078, 105, 21575, 23170, 250, 48132, 363],
    "CAFÉ naïve résumé": [15304, 1097, 35689, 563, 29106, 7054, 4166],
    "emoji 😀🎉 test": [16327, 12832, 3986, 1628],
}
# Computed with instant-clip-tokenizer, an independent implementation: contractions, digits, entities and scripts.
OTHER_TEXTS = {
    "It's don't we've I'm they'll he'd o'clock": [
        585, 568, 847, 713, 649, 1200, 328, 880, 889, 1342, 797, 1896, 334, 262, 6716
    ],
    "''s 'S": [8445, 338, 568],
    "rail &amp;amp; sleeper, 3:45pm": [6879, 261, 28709, 267, 274, 281, 275, 276, 990],
    "1234567890 12.5% №7 ½ Ⅷ ٣": [
        272, 273, 274, 275, 276, 277, 278, 279, 280, 271, 272, 273, 269, 276, 260, 8604, 500, 278, 33613, 158, 227, 371,
        149, 352
    ],
    "snake_case-and/slashes (v2.0)!?": [8798, 318, 2068, 268, 537, 270, 2725, 2502, 263, 341, 273, 269, 271, 8, 6004],
    "supercalifragilisticexpialidocious": [1642, 2857, 13093, 2076, 5868, 26850, 835, 639, 38466],
    "<|endoftext|>": [27, 347, 40786, 4160, 91, 285],
    "Привет, мир": [26302, 16370, 29503, 110, 22176, 141, 480, 267, 38018, 16701, 141, 478],
    "مرحبا بالعالم": [12986, 10948, 25722, 16378, 22625, 16378, 12973, 18843, 12973, 29945],
    "नमस्ते दुनिया": [3124, 101, 48254, 28505, 19389, 27263, 25130, 29552, 39653, 26090, 26721, 37299, 13343],
    "👩\u200d👩\u200d👧 ❤️": [26304, 26304, 964, 356, 1752],
    "ﬁne straße İstanbul": [3797, 1894, 127, 253, 324, 328, 16384, 11231],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize("text", PUBLISHED | OTHER_TEXTS)
def test_published_token_ids(tmp_path, text):
    """The ids stand between start and end token, and zeros fill the rest of the 77 positions."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")([text]).tolist()
    expected = [START, *(PUBLISHED | OTHER_TEXTS)[text], END]
    assert row == expected + [0] * (77 - len(expected))


def test_the_tokenizer_of_a_checkpoint_is_used(tmp_path):
    """A tokenizer.json beside the checkpoint encodes texts; cleaning, start and end tokens are CLIP's."""
    words = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}
    save_tokenizer(tmp_path / "tokenizer.json", words)
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["  A Photo of\na &lt;|endoftext|&gt; cat"]).tolist()
    assert row[:6] == [START, 320, 1125, 539, 320, 900 + ord("<")]  # the literal end token is encoded as characters
    assert row[row.index(END) - 1] == 2368
    assert row.count(END) == 1


def test_a_truncated_text_keeps_its_end_token(tmp_path):
    """A long text is truncated to 77 ids, the last of which is the end token."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["sleeper " * 200])
    assert len(row) == 77
    assert row[-1] == END
    assert (row[1:-1] == row[1]).all()


def test_special_tokens_in_a_query_are_text(tmp_path):
    """A query that contains the end token literally doesn't end early."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["<|endoftext|> rail"])
    assert row.tolist().count(END) == 1


def test_text_is_cleaned_as_in_training():
    """Mojibake is fixed, entities are unescaped twice, white space is collapsed, and text is lower case."""
    assert clean("  Tom &amp;amp; JERRY\n\tâœ” ") == "tom & jerry ✔"


@pytest.mark.parametrize("content", ["not json", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_named(tmp_path, content):
    """An invalid tokenizer.json is an error that names the file."""
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(EncoderError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path / "model.safetensors")


class _PanicError(BaseException):
    """As what the library raises when it panics."""


@pytest.mark.parametrize("error", [_PanicError, ValueError])
def test_a_tokenizer_that_panics_is_named(tmp_path, monkeypatch, error):
    """What is no Exception is an error of Lookalike as well, but not an interrupt."""

    def fail(_):
        raise error("wrong \x1b[2J")

    from tokenizers import Tokenizer

    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(Tokenizer, "from_buffer", staticmethod(fail))
    with pytest.raises(EncoderError, match=r"tokenizer\.json: not a valid tokenizer \(wrong \\x1b"):
        load_tokenizer(tmp_path / "model.safetensors")
    monkeypatch.setattr(Tokenizer, "from_buffer", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load_tokenizer(tmp_path / "model.safetensors")


def test_another_models_tokenizer_is_rejected(tmp_path):
    """A tokenizer without CLIP's start and end tokens is rejected."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    Tokenizer(WordLevel({"rail": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EncoderError, match="not a CLIP tokenizer"):
        load_tokenizer(tmp_path / "model.safetensors")
