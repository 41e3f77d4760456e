"""Words become the token numbers that CLIP was trained on."""

from __future__ import annotations

import sys

import pytest

from lookalike.encoders.tokenizer import END, START, clean, load_tokenizer
from lookalike.errors import EncoderError
from tokenizers_by_hand import save_tokenizer

# Published beside the checkpoints' golden vectors, and reproduced with OpenAI's own tokenizer.
PUBLISHED = {
    "a photo of a cat": [320, 1125, 539, 320, 2368],
    "a diagram": [320, 22697],
    "a red car beside a blue bicycle": [320, 736, 1615, 13519, 320, 1746, 11652],
    "東京の夜景": [48338, 21078, 105, 21575, 23170, 250, 48132, 363],
    "CAFÉ naïve résumé": [15304, 1097, 35689, 563, 29106, 7054, 4166],
    "emoji 😀🎉 test": [16327, 12832, 3986, 1628],
}
shared_vocabulary = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="instant-clip-tokenizer has no wheel for this Python"
)


@shared_vocabulary
@pytest.mark.parametrize("text", PUBLISHED)
def test_published_numbers_come_out(tmp_path, text):
    """The numbers stand between start and end, and zeros fill the rest of the 77 places."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")([text]).tolist()
    expected = [START, *PUBLISHED[text], END]
    assert row == expected + [0] * (77 - len(expected))


def test_a_checkpoints_own_tokenizer_is_used(tmp_path):
    """A tokenizer.json beside the checkpoint, as the hub has them, splits words; cleaning, start and end are CLIP's."""
    words = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}
    save_tokenizer(tmp_path / "tokenizer.json", words)
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["  A Photo of\na &lt;|endoftext|&gt; cat"]).tolist()
    assert row[:6] == [START, 320, 1125, 539, 320, 900 + ord("<")]  # what looks like the end is spelt out
    assert row[row.index(END) - 1] == 2368
    assert row.count(END) == 1


@shared_vocabulary
def test_a_text_too_long_keeps_its_end(tmp_path):
    """A long text is cut to 77 numbers of which the last is the end token."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["sleeper " * 200])
    assert len(row) == 77
    assert row[-1] == END
    assert (row[1:-1] == row[1]).all()


@shared_vocabulary
def test_special_tokens_in_a_query_are_words(tmp_path):
    """A query that spells out the end token can't end the text early."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["<|endoftext|> rail"])
    assert row.tolist().count(END) == 1


def test_text_is_cleaned_as_in_training():
    """Mojibake is mended, entities are resolved twice, white space is collapsed, capitals go."""
    assert clean("  Tom &amp;amp; JERRY\n\tâœ” ") == "tom & jerry ✔"


@pytest.mark.parametrize("content", ["not json", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_named(tmp_path, content):
    """A tokenizer.json that can't be read is an error with its name."""
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(EncoderError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path / "model.safetensors")


def test_another_models_tokenizer_is_refused(tmp_path):
    """A tokenizer whose start and end tokens are not CLIP's is refused."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    Tokenizer(WordLevel({"rail": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EncoderError, match="not a CLIP tokenizer"):
        load_tokenizer(tmp_path / "model.safetensors")


def test_without_any_vocabulary_the_error_says_what_to_do(tmp_path, monkeypatch):
    """Where neither tokenizer.json nor the shared vocabulary is at hand, the error names both."""
    monkeypatch.setitem(sys.modules, "instant_clip_tokenizer", None)
    with pytest.raises(EncoderError, match=r"put the checkpoint's tokenizer\.json beside it"):
        load_tokenizer(tmp_path / "model.safetensors")
