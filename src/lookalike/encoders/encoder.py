"""The encoder: images or texts in, unit vectors out."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders import catalog
from lookalike.encoders.checkpoints.checkpoint import Checkpoint, from_catalog, read_checkpoint
from lookalike.encoders.probe import cached_probe, probe_images
from lookalike.encoders.runtimes.choice import DeviceChoice, RuntimeChoice, load_network
from lookalike.encoders.runtimes.runtime import Backend, Network
from lookalike.encoders.spec import Activation, EncoderSpec, Precision, View
from lookalike.encoders.tokenizer import END, Tokenizer, load_tokenizer
from lookalike.encoders.variants import split_variant
from lookalike.encoders.views import prepare_views, view_min_side
from lookalike.encoders.weights import locate
from lookalike.encoders.weights.repository import PREFIX, Repository
from lookalike.errors import EncoderError, UnknownEncoderError, WeightsError
from lookalike.images.decode import DecodedImage, from_pillow, open_image
from lookalike.images.files import SkipKind, image_error
from lookalike.plugins import Plugin, plugins
from lookalike.search.query import ImageLike

_LOG: Final = logging.getLogger(__name__)

_T = TypeVar("_T")

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "runtime": get_args(RuntimeChoice),
    "device": get_args(DeviceChoice),
    "precision": ("auto", *get_args(Precision)),
    "view": get_args(View),
    "activation": get_args(Activation),
}


class Encoder:
    """An encoder that is loaded on this machine. Create one with :func:`load_encoder`; it is thread-safe."""

    def __init__(
        self,
        spec: EncoderSpec,
        network: Network,
        *,
        load_text_encoder: Callable[[], TextEncoder] | None = None,
        location: Path | None = None,
        batch: int = catalog.BATCH,
    ) -> None:
        """Wrap a loaded network.

        ``load_text_encoder`` is called when the first text is embedded; it is None for encoders without text input.
        ``location`` is the path of a checkpoint that isn't in the catalogue. ``batch`` is the number of images per
        batch.
        """
        self.spec = spec
        self.location = location
        self.batch = batch
        self._network = network
        self._load_text_encoder = load_text_encoder
        self._text_encoder: TextEncoder | None = None
        self._lock = threading.Lock()

    def embed(self, images: Iterable[ImageLike]) -> NDArray[np.float32]:
        """Embed ``images``; returns float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.ImageError` at the first image that can't be used, and TypeError for values
        that aren't images, or for a single path instead of a list.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise TypeError(f"embed takes a list of images, such as [{str(images)!r}], not a single path")
        prepared = (self.prepare(_decode(image, self.min_side)) for image in images)
        rows = [self.embed_prepared(batch) for batch in _batched(prepared, self.batch)]
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dimension), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed ``texts``, comparable with images; returns float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.EncoderError` if the encoder has no text input or a text is empty, and
        TypeError for a single string instead of a list.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError(f"embed_texts takes a list of strings, such as ['a cracked sleeper'], not {texts!r}")
        text_encoder = self._get_text_encoder()
        return text_encoder.embed(texts) if len(texts) else np.empty((0, self.spec.dimension), np.float32)

    @property
    def min_side(self) -> int:
        """The smallest shorter side, in pixels, at which images can be decoded without losing accuracy."""
        return view_min_side(self.spec.preprocessing, self.spec.view)

    def decode(self, image: ImageLike) -> DecodedImage:
        """Decode an image (a path, a Pillow image or an array) as :meth:`embed` does, for :meth:`prepare`.

        The pixels may still be in the colour space of the image's profile. Raises the same errors as :meth:`embed`.
        """
        return _decode(image, self.min_side)

    def prepare(self, image: DecodedImage) -> NDArray[np.uint8]:
        """The network's input for one image: uint8 (v, S, S, 3), where v is 1 except in the view ``multi``."""
        return prepare_views(image, self.spec.preprocessing, self.spec.view)

    def embed_prepared(self, batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed the outputs of :meth:`prepare`; returns float32 (n, dimension), each row of length 1."""
        images = np.concatenate(batch)
        parts = (images[start : start + self.batch] for start in range(0, len(images), self.batch))
        features = np.concatenate([self._network.run(part) for part in parts])
        vectors = unit_rows(features, self.spec.name)
        if len(images) == len(batch):
            return vectors
        views = vectors.reshape(len(batch), -1, self.spec.dimension)
        return unit_rows(views.mean(axis=1), self.spec.name)

    def with_view(self, view: View) -> Encoder:
        """The same network, applied to another part of each image; without text input if it is not this one."""
        if view == self.spec.view:
            return self
        return Encoder(replace(self.spec, view=view), self._network, location=self.location, batch=self.batch)

    @property
    def backend(self) -> Backend:
        """The runtime and the device that compute the embeddings."""
        return self._network.backend

    def probe(self) -> NDArray[np.float32]:
        """The embeddings of 16 fixed images, float32 (16, dimension), to compare what two machines compute.

        They are cached: the images are encoded once for each encoder and backend.
        """
        return cached_probe(self.spec, self.backend, lambda: self.embed(probe_images()))

    def _get_text_encoder(self) -> TextEncoder:
        """The text encoder, loaded by the first thread that needs it."""
        if self._load_text_encoder is None:
            clip = catalog.PREFERRED[0]
            raise EncoderError(
                f"{self.spec.name} has no text input. To search by text: lookalike encoders pull {clip}, then "
                f"lookalike index FOLDER --reencode {clip}"
            )
        with self._lock:
            if self._text_encoder is None:
                self._text_encoder = self._load_text_encoder()
            return self._text_encoder


class TextEncoder:
    """The text tower of a CLIP encoder, with its tokenizer."""

    def __init__(self, name: str, tokenizer: Tokenizer, network: Network) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._network = network

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed ``texts``; returns float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.EncoderError` if a text is empty.
        """
        tokens = self._tokenizer(texts)
        for text, (_, first) in zip(texts, tokens[:, :2], strict=True):
            if first == END:
                raise EncoderError(f"text query is empty: {text!r}")
        return unit_rows(self._network.run(tokens), self._name)


def unit_rows(features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Scale the rows of ``features`` (n, d) to length 1.

    Raises :class:`~lookalike.errors.EncoderError`, naming the encoder ``name``, if a row is zero or not finite.
    """
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EncoderError(f"{name} returned a vector that is zero or not finite; its weights may be damaged")
    return np.asarray(features / lengths, np.float32)


def load_encoder(
    name: str | os.PathLike[str] = "auto",
    *,
    precision: Precision | Literal["auto"] = "auto",
    view: View = "centre",
    activation: Activation | None = None,
    runtime: RuntimeChoice = "auto",
    device: DeviceChoice = "auto",
) -> Encoder:
    """Load an encoder: one of the catalogue, of a plug-in or of the hub by its ``name``, or a checkpoint by its path.

    Names of the hub have the form ``hf-hub:owner/repository``; ``lookalike encoders pull`` downloads them. A view and a
    precision can be parts of the name, and then take precedence: ``resnet50@whole@bf16``.

    ``"auto"`` is a CLIP encoder whose weights are on this machine, else the one installed with Lookalike; nothing is
    downloaded. Precision ``"auto"`` is fp32 unless the catalogue says that bf16 retrieves equally well. ``view`` is the
    part of an image that is encoded (:mod:`lookalike.encoders.views`). ``activation`` is for CLIP checkpoints without a
    config that states it. The ``runtime`` for ``"auto"`` is OpenVINO if it is installed, else ONNX Runtime; the
    ``device`` for ``"auto"`` is the CPU.

    Raises :class:`~lookalike.errors.UnknownEncoderError`, :class:`~lookalike.errors.WeightsError`,
    :class:`~lookalike.errors.UnknownActivationError`, :class:`~lookalike.errors.DeviceError` if there is no GPU,
    :class:`~lookalike.errors.PluginError`, or :class:`~lookalike.errors.EncoderError` for an unknown or unsupported
    precision, view, activation or runtime.
    """
    _check_choices(runtime=runtime, device=device, precision=precision, view=view, activation=activation)
    variant = split_variant(os.fspath(name))
    name, view, precision = variant.name, variant.view or view, variant.precision or precision
    plugin = _plugin(name)
    if plugin is not None:
        return _load_plugin(plugin, precision, view)
    checkpoint = find_checkpoint(name, activation=activation)
    chosen = checkpoint.precision if precision == "auto" else precision
    spec = checkpoint.spec(chosen, view)
    load = partial(load_network, precision=chosen, runtime=runtime, device=device)

    def load_text_encoder() -> TextEncoder:
        tokenizer = load_tokenizer(checkpoint.path, checkpoint.context, checkpoint.vocabulary)
        return TextEncoder(spec.name, tokenizer, load(checkpoint.text_network()))

    started = time.monotonic()
    network = load(checkpoint.image_network())
    seconds = time.monotonic() - started
    _LOG.info("loaded %s (%s, %s view) on %s in %.1f s", spec.name, spec.precision, view, network.backend, seconds)
    return Encoder(
        spec,
        network,
        load_text_encoder=load_text_encoder if checkpoint.has_text else None,
        location=None if checkpoint.has_own_name else checkpoint.path,
        batch=checkpoint.batch,
    )


def check_name(name: str) -> None:
    """Raise :class:`~lookalike.errors.UnknownEncoderError` if no encoder is called ``name``, without loading it."""
    encoder = split_variant(name).name
    known = encoder == "auto" or encoder.startswith(PREFIX) or _plugin(encoder) is not None
    if not known and not os.path.exists(encoder):  # noqa: PTH110  as in find_checkpoint
        catalog.find(encoder)


def _plugin(name: str) -> Plugin | None:
    """The plug-in called ``name``, unless that is an encoder of the catalogue or a path."""
    is_taken = name in ("", "auto") or name.startswith(PREFIX) or any(row.name == name for row in catalog.CATALOG)
    if is_taken or _looks_like_a_path(name) or os.path.exists(name):  # noqa: PTH110  as in find_checkpoint
        return None
    return plugins("encoders").get(name)


def _load_plugin(plugin: Plugin, precision: Precision | Literal["auto"], view: View) -> Encoder:
    load = plugin.load()
    try:
        encoder = load()
    except Exception as error:
        raise plugin.error(f"can't be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(encoder, Encoder):
        raise plugin.error(f"its function returns {type(encoder).__name__}, not Encoder")
    if encoder.spec.name != plugin.name:
        raise plugin.error(f"its encoder is called {encoder.spec.name}, not like the entry point")
    if precision not in ("auto", encoder.spec.precision):
        raise EncoderError(f"{plugin.name} computes in {encoder.spec.precision} only, not in {precision}")
    _LOG.info("loaded %s, a plug-in of %s %s", plugin.name, plugin.package, plugin.version)
    return encoder.with_view(view)


def find_checkpoint(name: str, *, activation: Activation | None = None) -> Checkpoint:
    """Find the checkpoint for ``name``: ``"auto"``, an encoder of the catalogue or of the hub, or a path.

    Raises the same errors as :func:`load_encoder`.
    """
    if name.startswith(PREFIX):
        return _from_hub(name, activation)
    if name == "auto":
        name = locate.best_available().name
    in_catalog = any(row.name == name for row in catalog.CATALOG)
    if name and not in_catalog and os.path.exists(name):  # noqa: PTH110  Path.exists raises if the name is too long
        return read_checkpoint(Path(name), activation=activation)
    if not in_catalog and _looks_like_a_path(name):
        raise UnknownEncoderError(f"{name}: no such file or folder, and no encoder has this name")
    row = catalog.find(name)
    return from_catalog(row, locate.verified_path(row))


def _from_hub(name: str, activation: Activation | None) -> Checkpoint:
    folder = Repository.parse(name).cached_folder()
    if folder is None:
        raise WeightsError(f"{name} is not on this machine. To download it: lookalike encoders pull {name}")
    return replace(read_checkpoint(folder, activation=activation), name=name, has_own_name=True)


def _looks_like_a_path(name: str) -> bool:
    return name.endswith(".safetensors") or any(separator in name for separator in (os.sep, os.altsep) if separator)


def _check_choices(**options: str | None) -> None:
    for option, value in options.items():
        if value is not None and value not in _CHOICES[option]:
            raise EncoderError(f"unknown {option} {value!r}; available: {', '.join(_CHOICES[option])}")


def _batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of up to ``size`` items; ``itertools.batched`` needs Python 3.12."""
    remaining = iter(items)
    return iter(lambda: list(islice(remaining, size)), [])


def _decode(image: ImageLike, min_side: int) -> DecodedImage:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or (image.ndim != 2 and image.shape[2:] != (3,)):  # noqa: PLR2004  rows and columns
            raise TypeError(
                f"an image array must be uint8 (height, width, 3) or (height, width), not {image.dtype} {image.shape}"
            )
        if not image.size:
            raise image_error(SkipKind.NOT_AN_IMAGE, f"not an image (array of shape {image.shape}, no pixels)")
        return from_pillow(Image.fromarray(image))
    if isinstance(image, Image.Image):
        return from_pillow(image)
    if not isinstance(image, (str, os.PathLike)):
        raise TypeError(f"an image must be a path, a Pillow image or an array, not {type(image).__name__}")
    return open_image(image, min_side=min_side, keep_profile=True)
