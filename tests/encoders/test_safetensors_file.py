"""Reading safetensors files: valid files of the library, and rejected ones."""

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


def write(path, header, values=b"\0" * 8):
    """Write a file with ``header``, an object or raw bytes, and ``values``."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + values)
    return path


def test_reads_what_the_library_wrote(tmp_path):
    """Tensors of different dtypes are found in any order."""
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
    """bfloat16 values, which numpy lacks, are read."""
    values = np.array([1, -2.5, 3e38], ml_dtypes.bfloat16)
    header = {"a": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
    weights = read_safetensors(write(tmp_path / "a.safetensors", header, values.tobytes()))
    np.testing.assert_array_equal(weights.array("a"), values)


INVALID_HEADERS = {
    "an offset beyond the file": {"a": {**F32, "shape": [4], "data_offsets": [0, 16]}},
    "a shape that needs more bytes": {"a": {**F32, "shape": [3]}},
    "a negative offset": {"a": {**F32, "data_offsets": [-8, 0]}},
    "a negative length": {"a": {**F32, "shape": [-2]}},
    "a length that isn't an integer": {"a": {**F32, "shape": [2.0]}},
    "a length that is a boolean": {"a": {**F32, "shape": [True, 2]}},
    "an end before the beginning": {"a": {**F32, "data_offsets": [8, 0]}},
    "two tensors that overlap": {"a": F32, "b": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "a gap at the beginning": {"a": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "bytes that belong to no tensor": {"a": {**F32, "shape": [1], "data_offsets": [0, 4]}},
    "an unknown dtype": {"a": {**F32, "dtype": "F4"}},
    "a tensor without a shape": {"a": {"dtype": "F32", "data_offsets": [0, 8]}},
    "a tensor that isn't an object": {"a": 5},
    "no tensor at all": {},
    "a duplicate name": b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
    b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "invalid JSON": b'{"a":',
    "deeply nested JSON": b'{"a":' + b"[" * 100_000,
    "JSON with invalid UTF-8": b'{"\xff\xfe":1}',
    "unaligned values": {
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]},
        "c": {"dtype": "U8", "shape": [3], "data_offsets": [5, 8]},
    },
}


@pytest.mark.parametrize("case", INVALID_HEADERS)
def test_rejects_an_inconsistent_header(case, tmp_path):
    """A header that doesn't describe the file exactly is rejected, and the error names the file."""
    path = write(tmp_path / "bad.safetensors", INVALID_HEADERS[case])
    with pytest.raises(WeightsError, match=r"bad\.safetensors: not a valid safetensors file"):
        read_safetensors(path)


@pytest.mark.parametrize("length", [0, 1, 2**40, 2**64 - 1])
def test_rejects_an_invalid_header_length(length, tmp_path):
    """An empty or far too long header is rejected without reading it."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b'{"a":1}')
    with pytest.raises(WeightsError, match="not a valid"):
        read_safetensors(path)


def _zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    return stream.getvalue()


OTHER_FORMATS = {
    **{
        f"a pickle of protocol {protocol}": (pickle.dumps({"weight": [1.0] * 9}, protocol), "a torch checkpoint")
        for protocol in (2, 3, 4, 5)
    },
    "a zip": (_zip(), "could run code"),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "an empty file": (b"", "not a valid"),
    "noise": (bytes(range(256)), "not a valid"),
}


@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_rejects_other_formats(kind, tmp_path):
    """A file of another format is rejected, and the error names the format."""
    content, message = OTHER_FORMATS[kind]
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_safetensors(tmp_path / "a.safetensors")


def test_a_pickle_is_never_loaded(tmp_path):
    """A pickle that would run code when loaded is rejected without running it."""

    class Malicious:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(WeightsError):
        read_safetensors(tmp_path / "a.safetensors")
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_a_weights_error(tmp_path):
    """A path that doesn't exist raises WeightsError."""
    with pytest.raises(WeightsError, match="can't be read"):
        read_safetensors(tmp_path / "none.safetensors")


@given(cut=st.integers(0, 10_000), flip=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_damage_is_rejected_or_harmless(cut, flip, bit, tmp_path_factory):
    """A truncated file is rejected; one with a flipped bit is rejected or its tensors lie inside the file."""
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file({"a": np.ones((3, 4), np.float32), "b": np.ones(5, np.float16)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: cut % len(content)])
    with pytest.raises(WeightsError):
        read_safetensors(path)
    damaged = bytearray(content)
    damaged[flip % len(content)] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        weights = read_safetensors(path)
    except WeightsError:
        return
    assert all(0 <= ref.offset <= len(content) - ref.nbytes for ref in weights.tensors.values())
