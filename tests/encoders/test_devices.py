"""Runtimes and devices: how they are chosen, errors without a GPU, and galleries that move between them.

No GPU was available when these tests were written: GPUs are fakes that compute on the CPU.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drawing import drawn
from fakes import SPEC, ColourRuntime, FakeEncoder, FakeSource
from lookalike import Encoder, Gallery, load_encoder
from lookalike.encoders.benchmark import measure_speeds
from lookalike.encoders.encoder import find_checkpoint
from lookalike.encoders.probe import cached_probe, probe_images
from lookalike.encoders.runtimes.choice import available, candidates, installed
from lookalike.encoders.runtimes.onnxruntime import ONNXRuntime, gpu_provider
from lookalike.encoders.runtimes.openvino import OpenVINORuntime, find_gpu
from lookalike.encoders.runtimes.runtime import Backend
from lookalike.errors import BackendMismatchError, DeviceError, EncoderError

PROBE_SUM = 448_740_000
"""The sum of all values of all probe images."""


@pytest.mark.parametrize(
    ("runtime", "device", "runtimes", "expected"),
    [
        ("auto", "auto", ["openvino", "onnxruntime"], (["openvino", "onnxruntime"], "cpu")),
        ("auto", "auto", ["onnxruntime"], (["onnxruntime"], "cpu")),
        ("auto", "gpu", ["onnxruntime", "openvino"], (["openvino", "onnxruntime"], "gpu")),
        ("onnxruntime", "cpu", ["openvino", "onnxruntime"], (["onnxruntime"], "cpu")),
    ],
)
def test_the_runtime_and_device_are_chosen(runtime, device, runtimes, expected):
    """OpenVINO comes first where it is installed, and the CPU unless a GPU is asked for."""
    assert candidates(runtime, device, runtimes) == expected


@pytest.mark.parametrize(("runtime", "runtimes"), [("auto", []), ("openvino", ["onnxruntime"])])
def test_a_missing_runtime_is_an_error_with_the_command(runtime, runtimes):
    """The error names the package to install."""
    with pytest.raises(EncoderError) as caught:
        candidates(runtime, "auto", runtimes)
    assert "pip install openvino" in str(caught.value)


def test_gpus_are_recognised():
    """The first GPU that OpenVINO lists is used, and the best provider that ONNX Runtime was built with."""
    assert find_gpu(["CPU", "GPU.0", "GPU.1", "NPU"]) == "GPU.0"
    assert find_gpu(["CPU"]) is None
    assert gpu_provider(["CPUExecutionProvider", "DmlExecutionProvider", "CUDAExecutionProvider"]) == (
        "CUDAExecutionProvider"
    )
    assert gpu_provider(["AzureExecutionProvider", "CPUExecutionProvider"]) is None


class Onnxruntime:
    """The module onnxruntime with a GPU provider that computes on the CPU; it falls back where ``broken``."""

    def __init__(self, *, broken: bool = False) -> None:
        import onnxruntime

        self._real, self._broken = onnxruntime, broken
        self.settings: list[dict[str, str]] = []
        self.SessionOptions, self.OrtValue = onnxruntime.SessionOptions, onnxruntime.OrtValue

    def get_available_providers(self) -> list[str]:
        """A GPU and the CPU."""
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, graph: bytes, options: Any, *, providers: list[str], provider_options: list[Any]) -> Any:  # noqa: N802
        """A session on the CPU that names the providers asked for, unless broken."""
        self.settings = provider_options
        session = self._real.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        names = session.get_providers() if self._broken else providers
        return _Renamed(session, get_providers=lambda: names)


class Core:
    """An OpenVINO core with a GPU that computes on the CPU."""

    def __init__(self) -> None:
        import openvino

        self._real = openvino.Core()
        self.available_devices = ["CPU", "GPU"]
        self.compiled: list[tuple[str, dict[str, str]]] = []

    def compile_model(self, model: Any, device: str, options: dict[str, str]) -> Any:
        """Compile for the CPU, and record what was asked for."""
        self.compiled.append((device, options))
        return self._real.compile_model(model, "CPU", options)

    def get_property(self, device: str, name: str) -> str:
        """A text that names both."""
        return f"{name} of {device}"

    def read_model(self, model: Any) -> Any:
        """Read the model."""
        return self._real.read_model(model)


class _Renamed:
    def __init__(self, thing: Any, **members: Any) -> None:
        self._thing = thing
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


@pytest.fixture(scope="module")
def batch() -> NDArray[np.uint8]:
    """A batch for the included encoder."""
    return np.random.default_rng(0).integers(0, 256, (2, 260, 260, 3), np.uint8)


def test_onnxruntime_uses_a_gpu(batch):
    """The network runs on the GPU's provider, in full precision, and says so."""
    package = Onnxruntime()
    source = find_checkpoint("efficientnet-lite2").image_network()
    network = ONNXRuntime.load(source, "fp32", "gpu", package=package)
    assert network.backend == Backend("onnxruntime", "gpu (CUDAExecutionProvider)")
    assert package.settings == [{"use_tf32": "0"}]
    assert np.array_equal(network.run(batch), ONNXRuntime.load(source, "fp32").run(batch))


def test_openvino_uses_a_gpu(batch):
    """The network is compiled for the GPU in full precision, and its name is recorded."""
    core = Core()
    source = find_checkpoint("efficientnet-lite2").image_network()
    network = OpenVINORuntime.load(source, "fp32", "gpu", core=core)
    assert network.backend == Backend("openvino", "gpu (FULL_DEVICE_NAME of GPU)")
    ((device, options),) = core.compiled
    assert (device, options["INFERENCE_PRECISION_HINT"]) == ("GPU", "f32")
    assert np.allclose(network.run(batch), OpenVINORuntime.load(source, "fp32").run(batch), atol=1e-4)
    with pytest.raises(EncoderError) as caught:
        OpenVINORuntime.load(source, "bf16", "gpu", core=core)
    assert "--device cpu" in str(caught.value)


def test_a_provider_that_does_not_start_is_an_error():
    """ONNX Runtime falls back to the CPU with a warning; here that is an error."""
    with pytest.raises(DeviceError):
        ONNXRuntime.load(
            find_checkpoint("efficientnet-lite2").image_network(), "fp32", "gpu", package=Onnxruntime(broken=True)
        )


@pytest.mark.skipif(any(device == "gpu" for _, device in available()), reason="this machine has a GPU")
@pytest.mark.parametrize("runtime", ["auto", *installed()])
def test_without_a_gpu_the_error_says_what_was_looked_for(runtime):
    """Each runtime that was tried says why it has no GPU, and the message ends with the way out."""
    with pytest.raises(DeviceError) as caught:
        load_encoder("efficientnet-lite2", runtime=runtime, device="gpu")
    assert str(caught.value).endswith("To use the CPU: --device cpu")


class TintedRuntime(ColourRuntime):
    """The fake network on another device, with small differences."""

    def __init__(self, difference: float, device: str = "gpu (a fake)") -> None:
        super().__init__()
        self.backend = Backend("numpy", device)
        self._difference = difference

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """The features of the fake network, mixed with those beside them."""
        features = super().run(batch)
        return features + np.float32(self._difference) * np.roll(features, 1, axis=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images."""
    for number in range(4):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def test_another_device_that_computes_the_same_is_accepted_and_recorded(folder, isolated_cache):
    """Small differences are accepted; the update records the device, so that the next opening compares nothing."""
    with Gallery.create(folder, encoder=FakeEncoder()) as gallery:
        gallery.update()
        assert gallery.status().backends == (Backend("numpy", "cpu"),)
    near = Encoder(SPEC, TintedRuntime(1e-4))
    with Gallery.open(folder, encoder=near) as gallery:
        assert gallery.search(folder / "0.png", k=1).hits[0].path != "0.png"
    drawn(folder / "4.png", 4)
    with Gallery.open(folder, encoder=near, writing=True) as gallery:
        assert gallery.update().added == 1
        assert [backend.device for backend in gallery.status().backends] == ["cpu", "gpu (a fake)"]
    quiet = Encoder(SPEC, TintedRuntime(1e-4))
    with Gallery.open(folder, encoder=quiet) as gallery:
        gallery.search(folder / "0.png", k=1)
    assert sum(quiet._network.batches) == 1  # only the query: the recorded device is not compared again


def test_another_device_that_computes_something_else_is_refused(folder, isolated_cache):
    """Search and update are refused, the error names both, and the gallery is unchanged."""
    with Gallery.create(folder, encoder=FakeEncoder()) as gallery:
        gallery.update()
    far = Encoder(SPEC, TintedRuntime(0.2, "gpu (another fake)"))
    with pytest.raises(BackendMismatchError) as caught, Gallery.open(folder, encoder=far) as gallery:
        gallery.search(folder / "0.png")
    assert "numpy on cpu" in str(caught.value)
    assert "gpu (another fake)" in str(caught.value)
    drawn(folder / "4.png", 4)
    with pytest.raises(BackendMismatchError), Gallery.open(folder, encoder=far, writing=True) as gallery:
        gallery.update()
    with Gallery.open(folder) as gallery:
        assert len(gallery) == 4


def test_a_gallery_without_the_record_stays_valid(folder, isolated_cache):
    """A gallery from before is searched on any device, and the next update adds the record."""
    with Gallery.create(folder, encoder=FakeEncoder()) as gallery:
        gallery.update()
    with Gallery.open(folder, encoder=FakeEncoder(), writing=True) as gallery:
        gallery._store.set_metadata("probe", json.dumps({"stamp": "of another encoder"}))
        assert gallery.status().backends == ()
        assert gallery.search(folder / "0.png").hits
        drawn(folder / "4.png", 4)
        gallery.update()
        assert gallery.status().backends == (Backend("numpy", "cpu"),)


def test_the_probe_images_are_fixed():
    """Sixteen different images, the same at every call and on every machine: their checksum is known."""
    images = probe_images()
    assert len({image.tobytes() for image in images}) == 16
    assert all(image.dtype == np.uint8 and image.std() > 20 for image in images)
    assert sum(int(image.astype(np.int64).sum()) for image in images) == PROBE_SUM


def test_both_runtimes_agree_on_the_probe(isolated_cache):
    """OpenVINO and ONNX Runtime compute the same for the included encoder, by the bound that galleries use."""
    one, other = (load_encoder("efficientnet-lite2", runtime=name).probe() for name in ("openvino", "onnxruntime"))
    assert (one * other).sum(axis=1).min() > 0.9999


def test_the_probe_is_computed_once_for_each_encoder_and_backend(tmp_path, monkeypatch):
    """It is cached; a damaged cache file is replaced."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    calls = []

    def compute() -> NDArray[np.float32]:
        calls.append(1)
        return np.ones((16, SPEC.dimension), np.float32)

    for _ in range(2):
        assert cached_probe(SPEC, Backend("numpy", "cpu"), compute).shape == (16, SPEC.dimension)
    assert len(calls) == 1
    (file,) = (tmp_path / "probes").iterdir()
    file.write_bytes(b"damaged")
    cached_probe(SPEC, Backend("numpy", "cpu"), compute)
    assert len(calls) == 2


def test_speeds_are_measured_for_every_combination(call):
    """Each supported combination has a positive rate and a cosine to fp32; unsupported ones have a reason."""

    def load(name: str, *, runtime: str, device: str, precision: str) -> Encoder:
        if precision == "bf16" and runtime == "other":
            raise EncoderError("no bf16 here")
        return FakeEncoder()

    backends = [("numpy", "cpu"), ("other", "gpu")]
    speeds, unsupported = measure_speeds("x", batches=(1, 4), seconds=0.01, load=load, backends=backends)
    assert [(s.runtime, s.device, s.precision, s.batch) for s in speeds] == [
        (runtime, device, precision, batch)
        for runtime, device, precision in (("numpy", "cpu", "fp32"), ("numpy", "cpu", "bf16"), ("other", "gpu", "fp32"))
        for batch in (1, 4)
    ]
    assert all(s.images_per_second > 0 and s.lowest_cosine == pytest.approx(1) for s in speeds)
    assert [(one.runtime, one.precision, one.reason) for one in unsupported] == [("other", "bf16", "no bf16 here")]


def test_the_bench_command_prints_the_fastest_combination(call):
    """The table has a row per combination and the last line the options that choose the fastest; JSON has the same."""
    source = FakeSource()
    result = call("encoders", "bench", "efficientnet-lite2", "--seconds", "0.02", encoders=source)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[1].split()[:5] == ["RUNTIME", "DEVICE", "PRECISION", "BATCH", "IMAGES/S"]
    assert lines[-1].startswith("fastest: --runtime ")
    answer = json.loads(
        call("encoders", "bench", "efficientnet-lite2", "--seconds", "0.02", "--json", encoders=source).out
    )
    assert len(answer["speeds"]) == len(lines) - 3
    assert answer["fastest"] in answer["speeds"]
