"""CLIP's tokenizer: texts to token ids."""

from __future__ import annotations

import sys

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
shared_vocabulary = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="instant-clip-tokenizer has no wheel for this Python"
)


@shared_vocabulary
@pytest.mark.parametrize("text", PUBLISHED)
def test_published_token_ids(tmp_path, text):
    """The ids stand between start and end token, and zeros fill the rest of the 77 positions."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")([text]).tolist()
    expected = [START, *PUBLISHED[text], END]
    assert row == expected + [0] * (77 - len(expected))


def test_the_tokenizer_of_a_checkpoint_is_used(tmp_path):
    """A tokenizer.json beside the checkpoint encodes texts; cleaning, start and end tokens are CLIP's."""
    words = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}
    save_tokenizer(tmp_path / "tokenizer.json", words)
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["  A Photo of\na &lt;|endoftext|&gt; cat"]).tolist()
    assert row[:6] == [START, 320, 1125, 539, 320, 900 + ord("<")]  # the literal end token is encoded as characters
    assert row[row.index(END) - 1] == 2368
    assert row.count(END) == 1


@shared_vocabulary
def test_a_truncated_text_keeps_its_end_token(tmp_path):
    """A long text is truncated to 77 ids, the last of which is the end token."""
    (row,) = load_tokenizer(tmp_path / "model.safetensors")(["sleeper " * 200])
    assert len(row) == 77
    assert row[-1] == END
    assert (row[1:-1] == row[1]).all()


@shared_vocabulary
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


def test_another_models_tokenizer_is_rejected(tmp_path):
    """A tokenizer without CLIP's start and end tokens is rejected."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    Tokenizer(WordLevel({"rail": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EncoderError, match="not a CLIP tokenizer"):
        load_tokenizer(tmp_path / "model.safetensors")


def test_without_any_vocabulary_the_error_says_what_to_do(tmp_path, monkeypatch):
    """Without tokenizer.json and shared vocabulary, the error says how to get one."""
    monkeypatch.setitem(sys.modules, "instant_clip_tokenizer", None)
    with pytest.raises(EncoderError, match=r"put the checkpoint's tokenizer\.json beside it"):
        load_tokenizer(tmp_path / "model.safetensors")
