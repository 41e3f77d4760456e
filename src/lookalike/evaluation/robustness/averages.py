"""Average the metrics of the cells of a robustness run: over severities, corruptions and families."""

from __future__ import annotations

from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES
from lookalike.evaluation.robustness.grid import Cell
from lookalike.evaluation.robustness.results import CellResult, CorruptionResult, FamilyResult, RobustnessMetrics
from lookalike.evaluation.robustness.scoring import CellScorer, CellScores, Compared, mean_of


class Averages:
    """Averages the metrics of cells: first within corruptions, then within families, then over families.

    So do the influences of groups, so that intervals hold for averages too, and what the metrics are compared with:
    the retention of an average is a ratio of averages.
    """

    def __init__(self, scorer: CellScorer) -> None:
        """Take no cell yet; ``scorer`` makes metrics of means."""
        self._scorer = scorer
        self._open: list[tuple[Cell, CellScores]] = []
        self._corruptions: dict[str, list[CorruptionResult]] = {}
        self._means: dict[str, list[Compared]] = {}

    def add(self, cell: Cell, scores: CellScores) -> None:
        """Add the scores of a cell; those of a corruption come one after the other."""
        if self._open and self._open[0][0].corruption != cell.corruption:
            self._close()
        self._open.append((cell, scores))

    def clean(self) -> RobustnessMetrics:
        """The metrics on clean images."""
        reference = self._scorer.reference()
        return self._scorer.summarise(Compared(reference.clean, reference))

    def families(self) -> tuple[FamilyResult, ...]:
        """Every measured family, in catalogue order, once all cells were added."""
        self._close()
        return tuple(
            FamilyResult(family, tuple(self._corruptions[family]), self._family(family))
            for family in FAMILIES
            if family in self._corruptions
        )

    def overall(self) -> RobustnessMetrics | None:
        """The mean over the families."""
        if not self._means:
            return None
        return self._scorer.summarise(mean_of([mean_of(means) for means in self._means.values()]))

    def _family(self, family: str) -> RobustnessMetrics | None:
        return self._scorer.summarise(mean_of(self._means[family])) if family in self._means else None

    def _close(self) -> None:
        """Average the cells of one corruption, and release them."""
        if not self._open:
            return
        corruption = CORRUPTIONS[self._open[0][0].corruption]
        mean = mean_of([scores.compared for _, scores in self._open])
        result = CorruptionResult(
            name=corruption.name,
            family=corruption.family,
            summary=corruption.summary,
            control_of=corruption.control_of,
            cells=tuple(
                CellResult(
                    corruption=cell.corruption,
                    severity=cell.severity,
                    parameters=dict(corruption.parameters(cell.severity)),
                    metrics=self._scorer.summarise(scores.compared, is_cell=True),
                    first_hits=scores.first_hits,
                )
                for cell, scores in self._open
            ),
            metrics=self._scorer.summarise(mean),
        )
        self._corruptions.setdefault(corruption.family, []).append(result)
        if corruption.control_of is None:
            self._means.setdefault(corruption.family, []).append(mean)
        self._open = []
