"""Names that tell the encoders of a comparison apart."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.embedded import EmbeddingSource, ExternalEmbeddings


def distinct_names(sources: Sequence[EmbeddingSource]) -> list[str]:
    """The names of what made embeddings, in order, with the details in which those of one name differ.

    Raises :class:`~lookalike.errors.EvaluationError` for an encoder that is given twice.
    """
    for source in sources:
        if sources.count(source) > 1:
            raise EvaluationError(f"the encoder {source} is given twice")
    return [_full_name(source, sources) for source in sources]


def _full_name(source: EmbeddingSource, sources: Sequence[EmbeddingSource]) -> str:
    same_name = [_details(other) for other in sources if other.name == source.name]
    differing = [part for part, *others in zip(_details(source), *same_name, strict=True) if len(set(others)) > 1]
    return f"{source.name} ({', '.join(differing)})" if differing else source.name


def _details(source: EmbeddingSource) -> tuple[str, ...]:
    """The details in which encoders of one name can differ, as readable text."""
    if isinstance(source, ExternalEmbeddings):
        return ("computed elsewhere", "", f"file {source.sha256[:6]}")
    return (source.precision, f"{source.view} view", f"weights {source.weights_sha256[:6]}")
