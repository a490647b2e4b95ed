"""Scores as text: for a terminal, and as the table in the README."""

from collections.abc import Iterator, Sequence

from core.evaluation import saved, saved_outputs
from core.problems import Problem, count_of
from core.runs import Run
from core.scoring import MEASURES, Evaluation, Measures, Output, Scores, between, findings


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """The scores as a person reads them in a terminal."""
    yield f"{count_of(evaluation.sentences, 'sentence')}, one reference each; in brackets where the score lies in 95% of 1,000 draws of them"
    yield from _score_lines("greedy", evaluation, evaluation.length_unit)
    if evaluation.beam is not None:
        yield from _score_lines(f"beam search, width {evaluation.beam_width}", evaluation.beam, evaluation.length_unit)
        yield (
            f"beam search translates {count_of(evaluation.beam_differs, 'sentence')} differently; {evaluation.beam_likelier:,} of these "
            f"translations are more probable to the model, and {evaluation.beam_likelier_worse:,} of those score worse"
        )
    if evaluation.read_back is not None:
        yield from _score_lines("read back", evaluation.read_back, evaluation.length_unit)
    if evaluation.model_alone is not None:
        alone = _with_interval(evaluation.model_alone, "bleu_lowercase")
        yield f"where it writes <unk>, people read a word looked up or copied, without attention “…”; with a bare <unk>, BLEU lowercased would be {alone}"
    signs = evaluation.signs
    if signs is not None:
        yield f"unknown: {signs.unknown_source:.1%} of the source words, {signs.unknown_target:.1%} of the reference words"
        for problem in findings(signs, evaluation.sentences, []):
            yield f"! {problem.en}"
    yield f"BLEU {evaluation.signature}"
    yield f"chrF {evaluation.signature_chrf}"


def _score_lines(name: str, scores: Scores, unit: str) -> Iterator[str]:
    yield ""
    yield f"{name:<26}{'sentences':>9}  {'BLEU':<22}{'lowercased':<22}{'chrF':<22}lowercased"
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
    cells = [_with_interval(measures, measure) for measure in MEASURES]
    return f"{name:<26}{measures.sentences:>9,}  " + "".join(f"{cell:<22}" for cell in cells).rstrip()


def _with_interval(measures: Measures, measure: str) -> str:
    interval = measures.intervals.get(measure)
    value = f"{getattr(measures, measure):.1f}"
    return f"{value} [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else value


def table_lines(runs: Sequence[Run]) -> Iterator[str]:
    """A Markdown table of scored runs, from their folders alone. Raises Problem for one that has no score."""
    yield "| run | preset | parameters | minutes | BLEU, greedy | BLEU, beam | BLEU, read back | chrF | what it gets wrong |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for run in runs:
        evaluation = saved(run)
        if evaluation is None:
            raise Problem(
                f"Run {run.name!r} has no score yet. Run: python -m core evaluate --save --run {run.folder}",
                f"运行 {run.name!r} 还没有评分。请运行：python -m core evaluate --save --run {run.folder}",
            )
        status, example = run.status(), typical_mistake(saved_outputs(run))
        cells = (
            f"`{run.name}`",
            f"`{run.config.preset}`",
            f"{status.parameters / 1e6:.1f} M" if status.parameters else "?",
            f"{status.seconds / 60:.0f}" if status.seconds >= 60 else f"{status.seconds / 60:.1f}",
            _with_interval(evaluation, "bleu_lowercase"),
            "–" if evaluation.beam is None else _with_interval(evaluation.beam, "bleu_lowercase"),
            "–" if evaluation.read_back is None else _with_interval(evaluation.read_back, "bleu_lowercase"),
            _with_interval(evaluation, "chrf"),
            "–" if example is None else f"{example.source} → {example.hypothesis} (right: {example.reference})",
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def typical_mistake(outputs: Sequence[Output]) -> Output | None:
    """A wrong translation that is typical: of those with known words alone that are less than half right, the middle one.

    The sentences have 5 to 12 letters, so that they fit into a table.
    """
    short = [output for output in outputs if output.unknown == 0 and 5 <= len(output.source) <= 12]
    wrong = sorted(
        (output for output in short or outputs if output.score < 50),
        key=lambda output: (output.score, output.source),
    )
    return wrong[len(wrong) // 2] if wrong else None
