"""Scores as text: for a terminal, and as the table in the README."""

from collections.abc import Iterator

from core.scoring import MEASURES, Evaluation, Measures, Scores, between, findings


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """The scores as a person reads them in a terminal."""
    yield f"{evaluation.sentences:,} sentences, one reference each; in brackets where the score lies in 95% of 1,000 draws of them"
    yield from _score_lines("greedy", evaluation, evaluation.length_unit)
    if evaluation.beam is not None:
        yield from _score_lines(f"beam search, width {evaluation.beam_width}", evaluation.beam, evaluation.length_unit)
        yield (
            f"beam search translates {evaluation.beam_differs:,} sentences differently; {evaluation.beam_likelier:,} of these "
            f"translations are more probable to the model, and {evaluation.beam_likelier_worse:,} of those score worse"
        )
    signs = evaluation.signs
    if signs is not None:
        yield f"unknown: {signs.unknown_source:.1%} of the source words, {signs.unknown_target:.1%} of the reference words"
        for problem in findings(signs, evaluation.sentences, []):
            yield f"! {problem.en}"
    yield f"BLEU {evaluation.signature}"
    yield f"chrF {evaluation.signature_chrf}"


def _score_lines(name: str, scores: Scores, unit: str) -> Iterator[str]:
    yield ""
    yield f"{name:<26}{'sentences':>9}  {'BLEU':<20}{'lowercased':<20}{'chrF':<20}lowercased"
    yield _score_line("all", scores)
    for group in scores.by_length:
        yield _score_line(f"{between(group.low + 1, group.high)} {unit}", group)
    for group in scores.by_unknown:
        share = (
            "no word" if group.high == 0 else f"{between(100 * group.low, group.high and 100 * group.high)}% of words"
        )
        yield _score_line(f"{share} unknown", group)
    yield ""


def _score_line(name: str, measures: Measures) -> str:
    cells = []
    for measure in MEASURES:
        interval = measures.intervals.get(measure)
        cells.append(
            f"{getattr(measures, measure):.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")
        )
    return f"{name:<26}{measures.sentences:>9,}  " + "".join(f"{cell:<20}" for cell in cells).rstrip()
