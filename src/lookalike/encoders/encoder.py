"""The encoder: pictures in, unit vectors out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders import catalog
from lookalike.encoders.checkpoints.checkpoint import Checkpoint, catalogued, read_checkpoint
from lookalike.encoders.runtimes.choice import RUNTIMES
from lookalike.encoders.runtimes.runtime import Runtime
from lookalike.encoders.spec import Activation, EncoderSpec, Precision, View
from lookalike.encoders.tokenizer import END, Tokenizer, load_tokenizer
from lookalike.encoders.views import least_side_of, prepare_views
from lookalike.encoders.weights import locate
from lookalike.errors import EncoderError, UnknownEncoderError
from lookalike.images.decode import DEFAULT_PIXEL_CAP, Picture, as_picture, open_picture
from lookalike.images.files import SkipKind, refusal
from lookalike.search.query import ImageLike

_T = TypeVar("_T")

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "runtime": tuple(RUNTIMES),
    "precision": ("auto", *get_args(Precision)),
    "view": get_args(View),
    "activation": get_args(Activation),
}


class Encoder:
    """An encoder ready to run on this machine. Make one with :func:`load_encoder`; use it from any thread."""

    def __init__(
        self,
        spec: EncoderSpec,
        runtime: Runtime,
        *,
        texts: Callable[[], TextEncoder] | None = None,
        location: Path | None = None,
        batch: int = catalog.BATCH,
    ) -> None:
        """Wrap a network that is ready to run.

        ``texts`` makes the text tower ready when it is first needed; None for encoders of pictures only. ``location``
        is the checkpoint's path, where it is not one of the catalogue, ``batch`` how many pictures are best encoded
        together.
        """
        self.spec = spec
        self.location = location
        self.batch = batch
        self._runtime = runtime
        self._make_texts = texts
        self._text_encoder: TextEncoder | None = None
        self._lock = threading.Lock()

    def embed(self, images: Iterable[ImageLike]) -> NDArray[np.float32]:
        """The embeddings of ``images``: float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.PictureError` at the first image that can't be used, and TypeError for what is
        no image, or a path alone, whose letters would be taken for paths.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise TypeError(f"embed takes a list of images, such as [{str(images)!r}], not one alone")
        prepared = (self.prepare(_opened(image, self.least_side)) for image in images)
        rows = [self.embed_prepared(batch) for batch in _batched(prepared, self.batch)]
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dimension), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings of ``texts``, comparable with pictures': float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.EncoderError` where it knows no words or a text has none, and TypeError for
        one string alone, whose letters would be taken for texts.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError(f"embed_texts takes a list of strings, such as ['a cracked sleeper'], not {texts!r}")
        text_encoder = self._texts()
        return text_encoder.embed(texts) if len(texts) else np.empty((0, self.spec.dimension), np.float32)

    @property
    def least_side(self) -> int:
        """The shorter side, in pixels, at which a picture may be decoded without losing anything to speak of."""
        return least_side_of(self.spec.preprocessing, self.spec.view)

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        """The network's input for one picture: uint8 (v, S, S, 3), v being 1 but for the view ``multi``."""
        return prepare_views(picture, self.spec.preprocessing, self.spec.view)

    def embed_prepared(self, batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The embeddings of pictures that :meth:`prepare` made ready: float32 (n, dimension), each of length 1."""
        images = np.concatenate(batch)
        parts = (images[start : start + self.batch] for start in range(0, len(images), self.batch))
        features = np.concatenate([self._runtime.run(part) for part in parts])
        vectors = unit(features, self.spec.name)
        if len(images) == len(batch):
            return vectors
        views = vectors.reshape(len(batch), -1, self.spec.dimension)
        return unit(views.mean(axis=1), self.spec.name)

    def _texts(self) -> TextEncoder:
        """The text tower, made ready by whichever thread comes first."""
        if self._make_texts is None:
            raise EncoderError(
                f"{self.spec.name} knows no words: it was trained on pictures alone. Searching by words needs a "
                "gallery made with a CLIP encoder (lookalike encoders lists them)"
            )
        with self._lock:
            if self._text_encoder is None:
                self._text_encoder = self._make_texts()
            return self._text_encoder


class TextEncoder:
    """The text tower of a CLIP encoder, with its tokenizer."""

    def __init__(self, name: str, tokenizer: Tokenizer, runtime: Runtime) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._runtime = runtime

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings of ``texts``: float32 (n, dimension), each row of length 1.

        Raises :class:`~lookalike.errors.EncoderError` where one of them has no words.
        """
        tokens = self._tokenizer(texts)
        for text, (_, first) in zip(texts, tokens[:, :2], strict=True):
            if first == END:
                raise EncoderError(f"there are no words in the text {text!r}; say what to look for")
        return unit(self._runtime.run(tokens), self._name)


def unit(features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Rows of ``features`` (n, d) at length 1; raises :class:`~lookalike.errors.EncoderError` if one has none."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EncoderError(f"{name} gave a vector that is zero or not finite; its weights may be damaged")
    return np.asarray(features / lengths, np.float32)


def load_encoder(
    name: str | os.PathLike[str] = "auto",
    *,
    precision: Precision | Literal["auto"] = "auto",
    view: View = "centre",
    activation: Activation | None = None,
    runtime: str = "openvino",
) -> Encoder:
    """Make an encoder ready: one of the catalogue by its ``name``, or a checkpoint by its path.

    ``"auto"`` is a CLIP encoder whose weights are on this machine, else the one that comes with Lookalike; nothing is
    ever downloaded here. ``precision`` ``"auto"`` is fp32 unless the catalogue says that bf16 retrieves as well.
    ``view`` is what of a picture is looked at (:mod:`lookalike.encoders.views`). ``activation`` is for CLIP checkpoints
    by path, where no config tells it. ``runtime`` is ``"openvino"`` or ``"onnxruntime"``.

    Raises :class:`~lookalike.errors.UnknownEncoderError`, :class:`~lookalike.errors.WeightsError`,
    :class:`~lookalike.errors.UnknownActivationError`, or :class:`~lookalike.errors.EncoderError` for a precision, view,
    activation or runtime that isn't there.
    """
    _check_choices(runtime=runtime, precision=precision, view=view, activation=activation)
    checkpoint = find_checkpoint(os.fspath(name), activation=activation)
    chosen = checkpoint.precision if precision == "auto" else precision
    spec = checkpoint.spec(chosen, view)
    load = partial(RUNTIMES[runtime].load, precision=chosen)

    def texts() -> TextEncoder:
        tokenizer = load_tokenizer(checkpoint.path, checkpoint.context, checkpoint.vocabulary)
        return TextEncoder(spec.name, tokenizer, load(checkpoint.text_network()))

    return Encoder(
        spec,
        load(checkpoint.image_network()),
        texts=texts if checkpoint.has_text else None,
        location=None if checkpoint.catalogued else checkpoint.path,
        batch=checkpoint.batch,
    )


def find_checkpoint(name: str, *, activation: Activation | None = None) -> Checkpoint:
    """The checkpoint that ``name`` stands for: ``"auto"``, a catalogue row, or else a file or folder there is.

    Raises what :func:`load_encoder` does.
    """
    if name == "auto":
        name = locate.best_ready().name
    known = any(row.name == name for row in catalog.CATALOG)
    if name and not known and os.path.exists(name):  # noqa: PTH110  pathlib's raises where a name is too long
        return read_checkpoint(Path(name), activation=activation)
    if not known and _looks_like_a_path(name):
        raise UnknownEncoderError(f"{name}: there is no such file or folder, and no encoder of that name")
    row = catalog.find(name)
    return catalogued(row, locate.checked(row))


def _looks_like_a_path(name: str) -> bool:
    return name.endswith(".safetensors") or any(mark in name for mark in (os.sep, os.altsep) if mark)


def _check_choices(**chosen: str | None) -> None:
    for what, value in chosen.items():
        if value is not None and value not in _CHOICES[what]:
            raise EncoderError(f"there is no {what} called {value!r}; known: {', '.join(_CHOICES[what])}")


def _batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of up to ``size`` items (itertools has this from Python 3.12 on)."""
    remaining = iter(items)
    return iter(lambda: list(islice(remaining, size)), [])


def _opened(image: ImageLike, side: int) -> Picture:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or (image.ndim != 2 and image.shape[2:] != (3,)):  # noqa: PLR2004  rows and columns
            raise TypeError(f"an image is uint8 (height, width, 3) or (height, width), not {image.dtype} {image.shape}")
        if not image.size:
            raise refusal(SkipKind.NOT_A_PICTURE, f"not a picture: an array of shape {image.shape} has no pixels")
        return as_picture(Image.fromarray(image))
    if isinstance(image, Image.Image):
        return as_picture(image)
    if not isinstance(image, (str, os.PathLike)):
        raise TypeError(f"an image is a path, a Pillow image or an array, not {type(image).__name__}")
    return open_picture(image, least_side=side, pixel_cap=DEFAULT_PIXEL_CAP)
