"""Embedding texts: tokenizer and text tower together, and invalid texts."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clip_by_hand import random_clip, save_clip, text_vectors
from lookalike.encoders import encoder as encoder_module
from lookalike.encoders.encoder import load_encoder
from lookalike.encoders.tokenizer import END, START
from lookalike.errors import EncoderError
from tokenizers_by_hand import save_tokenizer

WORDS = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}


@pytest.fixture
def saved(tmp_path):
    """A function that saves a small CLIP with its tokenizer; returns folder and tensors."""

    def save(words=WORDS, **sizes):
        tensors = random_clip(**sizes)
        folder = save_clip(tmp_path / "words", tensors)
        save_tokenizer(folder / "tokenizer.json", words)
        return folder, tensors

    return save


@pytest.mark.parametrize("context", [77, 16, 5])
def test_texts_are_embedded_as_in_numpy(saved, context):
    """Texts are cleaned, tokenized and embedded to the vectors that numpy computes from their token ids."""
    folder, tensors = saved(context=context)
    ids = np.zeros((2, context), np.int64)
    cat = [START, *[320, 1125, 539, 320, 2368][: context - 2], END]
    ids[0, : len(cat)] = cat
    ids[1, :3] = START, 2368, END
    found = load_encoder(folder).embed_texts(["  A Photo of\n a cat", "cat"])
    np.testing.assert_allclose(found, text_vectors(tensors, ids), atol=1e-5)
    assert found[0] @ found[1] < 0.99


def test_a_too_small_vocabulary_is_rejected(saved):
    """A text tower with fewer tokens than CLIP's tokenizer embeds no texts, but images work."""
    folder, _ = saved(vocabulary=1000)
    encoder = load_encoder(folder)
    assert encoder.embed([np.zeros((20, 20, 3), np.uint8)]).shape == (1, 64)
    with pytest.raises(EncoderError, match=r"open_clip_model\.safetensors: .*vocabulary of 1000.*49408"):
        encoder.embed_texts(["cat"])


def test_a_token_above_the_end_token_is_rejected(saved):
    """A tokenizer with ids above CLIP's is rejected, because the features would be read at the wrong position."""
    folder, _ = saved(words={"cat": END + 1}, vocabulary=END + 2)
    with pytest.raises(EncoderError, match=rf"'cat' has the token id {END + 1}"):
        load_encoder(folder).embed_texts(["cat"])


@pytest.mark.parametrize("text", ["", "  \n", "&nbsp;", "\u00a0\u3000"])
def test_an_empty_text_is_rejected(saved, text):
    """A text that is blank after cleaning raises EncoderError."""
    folder, _ = saved()
    with pytest.raises(EncoderError, match="text query is empty"):
        load_encoder(folder).embed_texts(["cat", text])


def test_a_single_string_is_not_a_list_of_texts(saved):
    """A single string and lists of other values raise TypeError."""
    folder, _ = saved()
    encoder = load_encoder(folder)
    for mistake in ("rail", [3], ["rail", None]):
        with pytest.raises(TypeError, match="a list of strings"):
            encoder.embed_texts(mistake)
    assert encoder.embed_texts([]).shape == (0, 64)


def test_threads_load_the_text_tower_once(saved, monkeypatch):
    """Four threads that embed their first text at the same time load one text tower and get the same vectors."""
    folder, _ = saved()
    encoder = load_encoder(folder)
    loads, results, ready = [], [], threading.Barrier(4)
    real = encoder_module.load_tokenizer

    def slow(*arguments):
        loads.append(threading.get_ident())
        threading.Event().wait(0.2)
        return real(*arguments)

    def work():
        ready.wait()
        results.append(encoder.embed_texts(["cat"]))

    monkeypatch.setattr(encoder_module, "load_tokenizer", slow)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(results) == 4
    assert all(np.array_equal(vectors, results[0]) for vectors in results)


@pytest.mark.parametrize("wrong", [{"view": "tiles"}, {"precision": "fp16"}, {"activation": "relu"}])
def test_an_unknown_option_value_lists_the_available_ones(saved, wrong):
    """An invalid argument of load_encoder is rejected before anything is read."""
    ((option, value),) = wrong.items()
    available = {"view": "centre, whole, multi", "precision": "auto, fp32, bf16", "activation": "quickgelu, gelu"}[
        option
    ]
    with pytest.raises(EncoderError, match=f"unknown {option} '{value}'; available: {available}"):
        load_encoder(saved()[0], **wrong)


@pytest.mark.parametrize("name", ["nothere/foo.safetensors", "foo.safetensors", "./nothere"])
def test_a_missing_path_is_reported_as_a_path(name):
    """A name that looks like a path is reported as a missing file or folder."""
    with pytest.raises(EncoderError, match=f"{name}: no such file or folder"):
        load_encoder(name)


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_impossible_file_names_are_unknown_encoders(name):
    """An empty name and a name too long for a file are unknown encoders."""
    with pytest.raises(EncoderError, match="unknown encoder"):
        load_encoder(name)
