"""The reader of safetensors files: what the library wrote it finds, what lies it refuses."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lookalike.encoders.weights.safetensors import read_safetensors
from lookalike.errors import WeightsError

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def write(path, header, numbers=b"\0" * 8):
    """A file with this header, a table or raw bytes, and these numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return path


def test_finds_what_the_library_wrote(tmp_path):
    """Every dtype that checkpoints use comes back as it was written, whatever the order in the file."""
    tensors = {
        "full": np.arange(6, dtype=np.float32).reshape(2, 3),
        "half": np.arange(5, dtype=np.float16),
        "count": np.array(7, np.int64),
        "none": np.empty((0, 4), np.float32),
    }
    save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    weights = read_safetensors(tmp_path / "a.safetensors")
    assert weights.tensors.keys() == tensors.keys()
    for name, values in tensors.items():
        assert weights[name].dtype == values.dtype
        assert weights[name].shape == values.shape
        if values.size:
            np.testing.assert_array_equal(weights.array(name), values)


def test_reads_bfloat16(tmp_path):
    """16-bit numbers of the kind numpy lacks have their values."""
    values = np.array([1, -2.5, 3e38], ml_dtypes.bfloat16)
    header = {"a": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
    weights = read_safetensors(write(tmp_path / "a.safetensors", header, values.tobytes()))
    np.testing.assert_array_equal(weights.array("a"), values)


LIES = {
    "an offset beyond the file": {"a": {**F32, "shape": [4], "data_offsets": [0, 16]}},
    "a shape that needs more bytes": {"a": {**F32, "shape": [3]}},
    "a negative offset": {"a": {**F32, "data_offsets": [-8, 0]}},
    "a negative length": {"a": {**F32, "shape": [-2]}},
    "a length that is no whole number": {"a": {**F32, "shape": [2.0]}},
    "a length that is a truth": {"a": {**F32, "shape": [True, 2]}},
    "an end before the beginning": {"a": {**F32, "data_offsets": [8, 0]}},
    "two tensors that overlap": {"a": F32, "b": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "a gap at the beginning": {"a": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "bytes that belong to no tensor": {"a": {**F32, "shape": [1], "data_offsets": [0, 4]}},
    "an unknown dtype": {"a": {**F32, "dtype": "F4"}},
    "a tensor without a shape": {"a": {"dtype": "F32", "data_offsets": [0, 8]}},
    "a tensor that is no table": {"a": 5},
    "no tensor at all": {},
    "a name that comes twice": b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
    b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "no JSON": b'{"a":',
    "JSON nested without end": b'{"a":' + b"[" * 100_000,
    "JSON in no known encoding": b'{"\xff\xfe":1}',
    "numbers at an odd place": {
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]},
        "c": {"dtype": "U8", "shape": [3], "data_offsets": [5, 8]},
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_header_that_lies(lie, tmp_path):
    """A header that is anything but a true account of the file is refused, naming the file."""
    path = write(tmp_path / "liar.safetensors", LIES[lie])
    with pytest.raises(WeightsError, match=r"liar\.safetensors: refused"):
        read_safetensors(path)


@pytest.mark.parametrize("length", [0, 1, 2**40, 2**64 - 1])
def test_refuses_an_absurd_header_length(length, tmp_path):
    """A header said to be empty or longer than any is refused before anything is read."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b'{"a":1}')
    with pytest.raises(WeightsError, match="refused"):
        read_safetensors(path)


def _zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    return stream.getvalue()


IMPOSTORS = {
    **{
        f"a pickle of protocol {protocol}": (pickle.dumps({"weight": [1.0] * 9}, protocol), "a torch checkpoint")
        for protocol in (2, 3, 4, 5)
    },
    "a zip": (_zip(), "could run code"),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "an empty file": (b"", "refused"),
    "noise": (bytes(range(256)), "refused"),
}


@pytest.mark.parametrize("kind", IMPOSTORS)
def test_refuses_what_is_no_safetensors_file(kind, tmp_path):
    """Another kind of file under this name is refused in words that say what it is."""
    content, words = IMPOSTORS[kind]
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_safetensors(tmp_path / "a.safetensors")


def test_a_pickle_is_never_loaded(tmp_path):
    """A pickle that would run code when loaded is refused without its running."""

    class Mine:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Mine()))
    with pytest.raises(WeightsError):
        read_safetensors(tmp_path / "a.safetensors")
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_an_error_of_ours(tmp_path):
    """A path that leads nowhere is a clear error."""
    with pytest.raises(WeightsError, match="can't be read"):
        read_safetensors(tmp_path / "none.safetensors")


@given(cut=st.integers(0, 10_000), flip=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_damage_is_refused_or_harmless(cut, flip, bit, tmp_path_factory):
    """A cut file is refused; one with a flipped bit is refused or describes tensors that lie inside the file."""
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file({"a": np.ones((3, 4), np.float32), "b": np.ones(5, np.float16)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    with pytest.raises(WeightsError):
        read_safetensors(path)
    damaged = bytearray(whole)
    damaged[flip % len(whole)] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        weights = read_safetensors(path)
    except WeightsError:
        return
    assert all(0 <= ref.offset <= len(whole) - ref.nbytes for ref in weights.tensors.values())
