"""The ranking of a gallery: exact, with ties in a seeded order, independent of how it is computed."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.data.relevance import Relevance, RowCodes
from lookalike.evaluation.ranking.exact_scores import levels, products, scores, snap
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.ranking.ties import break_ties, tie_key

STEP = 2.0**-24


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors normalised to length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def codes(labels: Sequence[int], groups: Sequence[int] | None = None) -> RowCodes:
    """Rows of different contents."""
    number = len(labels)
    alone = np.full(number, -1, np.int64)
    return RowCodes(np.array(labels, np.int64), alone if groups is None else np.array(groups), alone, np.arange(number))


def brute_force(vectors: np.ndarray, relevance: Relevance, k: int, seed: int) -> list[dict[str, object]]:
    """Every ranking by the definitions, in exact arithmetic."""
    grid = [[Fraction(round(Fraction(float(x)) * 2**26), 2**26) for x in row] for row in vectors]
    found = []
    for place, query in enumerate(relevance.queries.tolist()):
        removed = set(relevance.excluded(place).tolist())
        ranked = []
        for at, row in enumerate(relevance.gallery.tolist()):
            if at not in removed:
                cosine = sum(a * b for a, b in zip(grid[query], grid[row], strict=True))
                level = max(-(2**24), min(2**24, round(cosine * 2**24)))
                ranked.append((-level, sha256(f"{seed} {query} {row}".encode()).digest(), row))
        ranked.sort()
        rows = [row for *_, row in ranked]
        labels = relevance.rows.labels
        hits = [labels[row] == labels[query] >= 0 for row in rows]
        ranks = [rank for rank, hit in enumerate(hits, 1) if hit]
        precisions = [number / rank for number, rank in enumerate(ranks, 1)]
        found.append(
            {
                "rows": (rows + [-1] * k)[:k],
                "levels": [-level for level, *_ in ranked][:k],
                "hits": (hits + [False] * k)[:k],
                "ap": sum(precisions) / len(ranks) if ranks else None,
                "ap_at_r": sum(p for p, r in zip(precisions, ranks, strict=True) if r <= len(ranks)) / len(ranks)
                if ranks
                else None,
                "first": ranks[0] if ranks else 0,
                "ties": [one[0] == two[0] for one, two in pairwise(ranked)],
            }
        )
    return found


def assert_equals_brute_force(found: Rankings, expected: list[dict[str, object]]) -> None:
    """Assert that rankings equal those of :func:`brute_force`."""
    tied: Counter[bool] = Counter()
    for query, one in enumerate(expected):
        assert found.rows[query].tolist() == one["rows"]
        assert found.relevant[query].tolist() == one["hits"]
        known = found.rows[query] >= 0
        assert (found.scores[query][known] / STEP).tolist() == one["levels"]
        assert np.isnan(found.scores[query][~known]).all()
        if one["ap"] is not None:
            tied.update(one["ties"])
        assert found.ap[query] == pytest.approx(one["ap"], abs=1e-12, nan_ok=True) or one["ap"] is None
        assert found.ap_at_r[query] == pytest.approx(one["ap_at_r"], abs=1e-12) or one["ap"] is None
        assert np.isnan(found.ap[query]) == np.isnan(found.ap_at_r[query]) == (one["ap"] is None)
        assert found.first_relevant[query] == one["first"]
    assert found.tied_share == (tied[True] / tied.total() if tied.total() else 0)


GALLERIES = st.lists(
    st.tuples(st.tuples(*(st.integers(-2, 2) for _ in range(3))), st.integers(-1, 2), st.integers(-1, 3)),
    min_size=1,
    max_size=30,
)


@given(GALLERIES, st.integers(1, 40), st.integers(-3, 2**40))
def test_rankings_equal_brute_force(rows: list, k: int, seed: int):
    """With few directions most scores are tied: order, AP, AP@R and the share of ties follow the definitions."""
    vectors = unit(np.array([vector if any(vector) else (1, 0, 0) for vector, *_ in rows], np.float64))
    relevance = Relevance(codes([label for _, label, _ in rows], [group for *_, group in rows]))
    found = rank_gallery(vectors, vectors, relevance, k=k, seed=seed)
    assert_equals_brute_force(found, brute_force(vectors, relevance, k, seed))
    assert (found.R == relevance.R).all()
    assert (found.size == relevance.size).all()


@pytest.mark.parametrize("dimension", [5, 33])
def test_larger_rankings_equal_brute_force(dimension: int):
    """Chunks, blocks and distant copies make no difference: 300 images, a tenth of them three times."""
    rng = np.random.default_rng(dimension)
    vectors = unit(rng.normal(size=(300, dimension)))
    vectors[100:130] = vectors[200:230] = vectors[:30]
    relevance = Relevance(codes(rng.integers(0, 4, 300), rng.integers(0, 100, 300)), queries=np.arange(0, 300, 31))
    found = rank_gallery(vectors[relevance.queries], vectors, relevance, k=10, seed=3)
    assert_equals_brute_force(found, brute_force(vectors, relevance, 10, 3))


@pytest.fixture(scope="module")
def crowd() -> tuple[np.ndarray, Relevance]:
    """1,000 images in 384 dimensions, many of them equal or nearly so."""
    rng = np.random.default_rng(8)
    vectors = rng.normal(size=(20, 384))[rng.integers(0, 20, 1000)]
    vectors[::2] += rng.normal(size=(500, 384)) * 1e-7
    labels = rng.integers(0, 5, 1000)
    return unit(vectors), Relevance(codes(labels, rng.integers(0, 150, 1000)), queries=np.arange(0, 1000, 11))


def assert_identical(one: Rankings, two: Rankings) -> None:
    """Assert that two rankings are identical to the last bit."""
    for field in ("queries", "rows", "scores", "relevant", "R", "size", "ap", "ap_at_r", "first_relevant"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field), err_msg=field)
    assert one.tied_share == two.tied_share


def test_blocks_and_threads_change_nothing(crowd: tuple):
    """Results are identical to the last bit for any number of threads and any block size."""
    vectors, relevance = crowd
    queries = vectors[relevance.queries]
    first = rank_gallery(queries, vectors, relevance, k=10, threads=1)
    assert first.tied_share > 0.1
    for threads, cells in ((3, 16_000_000), (1, 1), (2, 15_000), (1, 50_000)):
        again = rank_gallery(queries, vectors, relevance, k=10, threads=threads, block_scores=cells)
        assert_identical(first, again)


def test_ties_do_not_follow_the_order_of_rows():
    """Among 200 equal images of two classes in consecutive folders, the first places are a fair mix."""
    vectors = np.zeros((200, 4), np.float32)
    vectors[:, 0] = 1
    relevance = Relevance(codes([0] * 100 + [1] * 100))
    found = rank_gallery(vectors, vectors, relevance, k=10)
    assert found.tied_share == 1
    assert 0.45 < found.relevant.mean() < 0.55
    assert 0.45 < np.nanmean(found.ap) < 0.56


def test_ties_follow_the_documented_hash():
    """Ties are in the order of SHA-256 of seed, query row and gallery row, but only where the order matters."""
    assert tie_key(7, 3, 12) == sha256(b"7 3 12").digest()
    rows = np.array([5, 9, 2, 4, 8])
    equal, matters = np.array([True, True, False, True]), np.array([False, True, False, False])
    order = break_ties(equal, matters, rows, seed=1, query_row=6)
    assert order[3:].tolist() == [3, 4]
    assert rows[order[:3]].tolist() == sorted([5, 9, 2], key=lambda row: sha256(b"1 6 %d" % row).digest())


def test_junk_changes_no_ranking():
    """Adding images that are junk for a query to the gallery does not change its ranking."""
    rng = np.random.default_rng(11)
    vectors = unit(rng.normal(size=(120, 16)))
    labels, groups = rng.integers(0, 3, 120), np.full(120, -1)
    groups[[0, *range(90, 120)]] = 1
    labels[90:] = labels[0]
    rows = codes(labels, groups)
    without, beside = (
        rank_gallery(
            vectors[:1], vectors[gallery], Relevance(rows, queries=np.array([0]), gallery=gallery), k=10, seed=2
        )
        for gallery in (np.arange(90), np.arange(120))
    )
    assert_identical(without, beside)


def test_empty_rankings():
    """No queries, an empty gallery, and one of which all images are removed give empty rankings."""
    vectors = np.eye(3, dtype=np.float32)
    rows = codes([0, 0, 1])
    none = np.array([], np.intp)
    found = rank_gallery(vectors[none], vectors, Relevance(rows, queries=none), k=2)
    assert found.rows.shape == (0, 2)
    found = rank_gallery(vectors, vectors[none], Relevance(rows, gallery=none), k=2)
    assert (found.rows == -1).all()
    assert np.isnan(found.scores).all()
    assert np.isnan(found.ap).all()
    alone = Relevance(rows, gallery=np.array([1]), queries=np.array([1]))
    found = rank_gallery(vectors[1:2], vectors[1:2], alone, k=2)
    assert (found.size, found.R, found.tied_share) == (0, 0, 0)


def test_progress_is_reported():
    """After each block, progress is called with the numbers of queries done and in total."""
    vectors = unit(np.random.default_rng(0).normal(size=(10, 4)))
    calls = []
    rank_gallery(
        vectors,
        vectors,
        Relevance(codes([0] * 10)),
        k=1,
        threads=1,
        block_scores=40,
        progress=lambda *done: calls.append(done),
    )
    assert calls == [(4, 10), (8, 10), (10, 10)]


def test_invalid_arguments_raise_errors():
    """Vectors of other lengths, numbers or dimensions, and k = 0 raise errors."""
    vectors = np.eye(3, dtype=np.float32)
    relevance = Relevance(codes([0, 0, 1]))
    for wrong in (vectors * 2, vectors * 0, vectors * np.float32("nan"), np.eye(3, 4, dtype=np.float32)):
        with pytest.raises(ValueError, match=r"length 1|same dimension"):
            rank_gallery(wrong, vectors, relevance, k=1)
    with pytest.raises(ValueError, match="one row for each"):
        rank_gallery(vectors[:2], vectors, relevance, k=1)
    with pytest.raises(ValueError, match="k must be"):
        rank_gallery(vectors, vectors, relevance, k=0)
    with pytest.raises(ValueError, match="rows of a matrix"):
        rank_gallery(vectors[0], vectors, relevance, k=1)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.floats(1e-30, 1, exclude_min=True))
def test_scores_are_exact_in_any_order_of_summation(dimension: int, seed: int, small: float):
    """Neither shuffling components nor computing a part of the rows changes the last bit of a cosine."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(6, dimension)) * np.where(rng.random((6, dimension)) < 0.5, small, 1) + 1e-30
    vectors = unit(drawn)
    grid = snap(vectors)
    assert np.abs(grid - vectors).max() <= 2.0**-27
    exact = products(grid, grid)
    shuffled = rng.permutation(dimension)
    np.testing.assert_array_equal(exact, products(grid[:, shuffled], grid[:, shuffled]))
    np.testing.assert_array_equal(exact[1:3], products(grid[1:3], grid))
    wide = vectors.astype(np.float64)
    assert np.abs(exact - wide @ wide.T).max() < 2e-7
    assert np.abs(scores(levels(exact)) - np.clip(exact, -1, 1)).max() <= STEP / 2
