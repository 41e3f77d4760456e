"""Choose the runtime and the device that encode."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.util import find_spec
from typing import Final, Literal

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.runtimes.onnxruntime import ONNXRuntime
from lookalike.encoders.runtimes.openvino import OpenVINORuntime
from lookalike.encoders.runtimes.runtime import Device, Runtime
from lookalike.encoders.spec import Precision
from lookalike.errors import DeviceError, EncoderError

RUNTIMES: Final[dict[str, type[OpenVINORuntime | ONNXRuntime]]] = {
    "openvino": OpenVINORuntime,
    "onnxruntime": ONNXRuntime,
}
"""The runtimes by the names of their packages, best first."""

RuntimeChoice = Literal["auto", "openvino", "onnxruntime"]
DeviceChoice = Literal["auto", "cpu", "gpu"]


def installed() -> list[str]:
    """The names of the installed runtimes, best first."""
    return [name for name in RUNTIMES if find_spec(name) is not None]


def candidates(runtime: RuntimeChoice, device: DeviceChoice, runtimes: Collection[str]) -> tuple[list[str], Device]:
    """The runtimes to try, best first, and the device, where the ``runtimes`` are installed.

    The device ``auto`` is the CPU: whether a GPU is faster depends on both, so ``lookalike encoders bench`` measures
    it. Raises :class:`~lookalike.errors.EncoderError` if the runtime is not installed.
    """
    names = [name for name in RUNTIMES if runtime in ("auto", name) and name in runtimes]
    if not names:
        raise EncoderError(
            "no runtime is installed. To install one: pip install openvino, or pip install onnxruntime"
            if runtime == "auto"
            else f"{runtime} is not installed. To install it: pip install {runtime}"
        )
    return names, "gpu" if device == "gpu" else "cpu"


def load_network(
    source: NetworkSource,
    precision: Precision,
    *,
    runtime: RuntimeChoice = "auto",
    device: DeviceChoice = "auto",
) -> Runtime:
    """Load ``source`` on the first of :func:`candidates` that has the device.

    Raises :class:`~lookalike.errors.DeviceError` if none has it, and :class:`~lookalike.errors.EncoderError` if the
    runtime is not installed or doesn't support ``precision``.
    """
    names, place = candidates(runtime, device, installed())
    failures = []
    for name in names:
        try:
            return RUNTIMES[name].load(source, precision, place)
        except DeviceError as error:
            failures.append(str(error))
    raise DeviceError(f"no GPU found: {'; '.join(failures)}. To use the CPU: --device cpu")


def available() -> Iterator[tuple[str, Device]]:
    """The runtimes and devices on this machine."""
    for name in installed():
        yield name, "cpu"
        if RUNTIMES[name].has_gpu():
            yield name, "gpu"
