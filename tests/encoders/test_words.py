"""From words to vectors: tokenizer and text tower together, and what is no text."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clip_by_hand import drawn_clip, save_clip, text_vectors
from lookalike.encoders import encoder as encoder_module
from lookalike.encoders.encoder import load_encoder
from lookalike.encoders.tokenizer import END, START
from lookalike.errors import EncoderError
from tokenizers_by_hand import save_tokenizer

WORDS = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}


@pytest.fixture
def saved(tmp_path):
    """Save a small CLIP of whole vocabulary, or another one, with its tokenizer; returns folder and tensors."""

    def save(words=WORDS, **sizes):
        tensors = drawn_clip(**sizes)
        folder = save_clip(tmp_path / "words", tensors)
        save_tokenizer(folder / "tokenizer.json", words)
        return folder, tensors

    return save


@pytest.mark.parametrize("context", [77, 16, 5])
def test_words_become_the_vectors_of_their_tokens(saved, context):
    """Words go through cleaning, tokenizer and text tower to the vectors that numpy computes of their numbers."""
    folder, tensors = saved(context=context)
    ids = np.zeros((2, context), np.int64)
    cat = [START, *[320, 1125, 539, 320, 2368][: context - 2], END]
    ids[0, : len(cat)] = cat
    ids[1, :3] = START, 2368, END
    found = load_encoder(folder).embed_texts(["  A Photo of\n a cat", "cat"])
    np.testing.assert_allclose(found, text_vectors(tensors, ids), atol=1e-5)
    assert found[0] @ found[1] < 0.99


def test_words_beyond_the_vocabulary_are_refused(saved):
    """A text tower that knows fewer tokens than CLIP's tokenizer makes is searched by pictures alone."""
    folder, _ = saved(vocabulary=1000)
    encoder = load_encoder(folder)
    assert encoder.embed([np.zeros((20, 20, 3), np.uint8)]).shape == (1, 64)
    with pytest.raises(EncoderError, match=r"open_clip_model\.safetensors: .*knows 1000.*49408"):
        encoder.embed_texts(["cat"])


def test_a_word_above_the_end_token_is_refused(saved):
    """A tokenizer with words of its own beyond CLIP's would have the features read in the wrong place."""
    folder, _ = saved(words={"cat": END + 1}, vocabulary=END + 2)
    with pytest.raises(EncoderError, match=rf"'cat' has a token {END + 1}"):
        load_encoder(folder).embed_texts(["cat"])


@pytest.mark.parametrize("text", ["", "  \n", "&nbsp;", "\u00a0\u3000"])
def test_a_text_without_words_is_refused(saved, text):
    """Nothing but blanks, also after cleaning, is nothing to look for."""
    folder, _ = saved()
    with pytest.raises(EncoderError, match="no words in the text"):
        load_encoder(folder).embed_texts(["cat", text])


def test_one_string_is_no_list_of_texts(saved):
    """A string alone, whose letters would be taken for texts, is a mistake of the program's; so are other things."""
    folder, _ = saved()
    encoder = load_encoder(folder)
    for mistake in ("rail", [3], ["rail", None]):
        with pytest.raises(TypeError, match="a list of strings"):
            encoder.embed_texts(mistake)
    assert encoder.embed_texts([]).shape == (0, 64)


def test_threads_make_the_text_tower_once(saved, monkeypatch):
    """Four threads whose first words come at one time wait for one text tower, and get the same vectors."""
    folder, _ = saved()
    encoder = load_encoder(folder)
    made, found, ready = [], [], threading.Barrier(4)
    real = encoder_module.load_tokenizer

    def slow(*arguments):
        made.append(threading.get_ident())
        threading.Event().wait(0.2)
        return real(*arguments)

    def work():
        ready.wait()
        found.append(encoder.embed_texts(["cat"]))

    monkeypatch.setattr(encoder_module, "load_tokenizer", slow)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(found) == 4
    assert all(np.array_equal(vectors, found[0]) for vectors in found)


@pytest.mark.parametrize("wrong", [{"view": "tiles"}, {"precision": "fp16"}, {"activation": "relu"}])
def test_an_unknown_choice_names_the_known_ones(saved, wrong):
    """An argument of load_encoder that is none of its choices is refused before anything is read."""
    ((what, value),) = wrong.items()
    known = {"view": "centre, whole, multi", "precision": "auto, fp32, bf16", "activation": "quickgelu, gelu"}[what]
    with pytest.raises(EncoderError, match=f"no {what} called '{value}'; known: {known}"):
        load_encoder(saved()[0], **wrong)


@pytest.mark.parametrize("name", ["nothere/foo.safetensors", "foo.safetensors", "./nothere"])
def test_a_mistyped_path_is_no_unknown_name(name):
    """What looks like a path and leads nowhere is said to lead nowhere."""
    with pytest.raises(EncoderError, match=f"{name}: there is no such file or folder"):
        load_encoder(name)


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_names_that_no_file_can_have_are_unknown_encoders(name):
    """No name at all is not the folder one stands in, and one too long for a file is unknown like any other."""
    with pytest.raises(EncoderError, match="there is no encoder called"):
        load_encoder(name)
