"""Sentence pairs translated and scored, and how a run's folder keeps that: `scores.json` and `test_outputs.jsonl`."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from core.corpus import Pair
from core.problems import Problem
from core.runs import Run, read_json_lines, write_atomically
from core.scoring import (
    RESAMPLES,
    Evaluation,
    Output,
    Statistics,
    grouped,
    length_unit,
    read,
    signs,
    source_length,
)

if TYPE_CHECKING:
    from core.translator import Translator

SCORES, OUTPUTS = "scores.json", "test_outputs.jsonl"
OUTPUT_BYTES = 600_000  # of test_outputs.jsonl at most
BEAM_WIDTH = 5
AT_ONCE = 256  # sentences translated between two reports of progress

# Is told the share that is done, 0 to 1; where it answers False, beam search is left out.
Report = Callable[[float], bool | None]
GREEDY_SHARE = 0.15  # of the time; a beam of five takes about five times as long


def evaluate(
    translator: "Translator",
    pairs: Sequence[Pair],
    beam: int = BEAM_WIDTH,
    epoch: int = 0,
    report: Report = lambda share: None,
) -> tuple[Evaluation, list[Output]]:
    """Translate these pairs' sources greedily and by beam search of that width, 0 for not at all, and score both.

    Raises Problem where there is no pair.
    """
    if not pairs:
        raise Problem("There is no sentence pair to score.", "没有可以评分的句对。")
    sources, references = [source for source, _ in pairs], [target for _, target in pairs]
    words = [translator.source_tokenizer.tokenize(source) for source in sources]
    strange = [sum(word not in translator.source_vocab for word in sentence) for sentence in words]
    shares = [count / max(len(sentence), 1) for count, sentence in zip(strange, words, strict=True)]
    lengths = [source_length(source) for source in sources]
    greedy = translated(
        translator, sources, 1, lambda share: report(share * (GREEDY_SHARE if beam > 1 else 1)) and None
    )
    statistics = Statistics(greedy, references)
    scores = statistics.sentence_scores()
    evaluation = Evaluation(
        **_fields(grouped(statistics, lengths, shares, RESAMPLES)),
        length_unit=length_unit(sources),
        signs=signs(
            greedy,
            references,
            unknown_source=sum(strange) / max(sum(map(len, words)), 1),
            unknown_target=_unknown_target(translator, references),
        ),
        test=fingerprint(pairs),
        epoch=epoch,
    )
    outputs = [
        Output(source, reference, hypothesis, value, round(share, 3))
        for source, reference, hypothesis, value, share in zip(sources, references, greedy, scores, shares, strict=True)
    ]
    if beam > 1:
        searched = translated(
            translator, sources, beam, lambda share: report(GREEDY_SHARE + share * (1 - GREEDY_SHARE))
        )
        if len(searched) == len(sources):
            return with_beam(evaluation, outputs, searched, beam, lengths, shares)
    return evaluation, outputs


def with_beam(
    evaluation: Evaluation,
    outputs: Sequence[Output],
    searched: Sequence[str],
    width: int,
    lengths: Sequence[float],
    shares: Sequence[float],
) -> tuple[Evaluation, list[Output]]:
    """The same with what beam search found."""
    statistics = Statistics(searched, [output.reference for output in outputs])
    rows = []
    for output, sentence, value in zip(outputs, searched, statistics.sentence_scores(), strict=True):
        differs = sentence != output.hypothesis
        rows.append(replace(output, beam=sentence, beam_score=value) if differs else output)
    differing = [row for row in rows if row.beam is not None]
    evaluation = replace(
        evaluation,
        beam_width=width,
        beam=grouped(statistics, lengths, shares, RESAMPLES),
        beam_differs=len(differing),
    )
    return evaluation, rows


def _fields(whole: Any) -> dict[str, Any]:
    return {name: getattr(whole, name) for name in whole.__dataclass_fields__}


def _unknown_target(translator: "Translator", references: Sequence[str]) -> float:
    words = [word for reference in references for word in translator.target_tokenizer.tokenize(reference)]
    return sum(word not in translator.target_vocab for word in words) / max(len(words), 1)


def translated(translator: "Translator", sources: Sequence[str], beam: int, report: Report) -> list[str]:
    """The translations in order, made in portions of about the same length; none where `report` said stop."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    sentences = [""] * len(sources)
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        for row, sentence in zip(rows, translator.translate([sources[row] for row in rows], beam=beam), strict=True):
            sentences[row] = sentence
        if report(min(1.0, (start + AT_ONCE) / len(order))) is False:
            return []
    return sentences


def fingerprint(pairs: Sequence[Pair]) -> str:
    """The same text for the same pairs in any order, so that runs are compared on the same test only."""
    text = "\n".join(sorted(f"{source}\t{target}" for source, target in pairs))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


# In the run's folder


def save(run: Run, evaluation: Evaluation, outputs: Sequence[Output]) -> None:
    """Write both files; of a large test split as many outputs as fit into 600 KB."""
    lines: list[bytes] = []
    size = 0
    for output in outputs:
        row = {key: value for key, value in asdict(output).items() if value is not None}
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        size += len(line)
        if size > OUTPUT_BYTES:
            break
        lines.append(line)
    write_atomically(run.folder / OUTPUTS, b"".join(lines))
    text = json.dumps(asdict(evaluation), ensure_ascii=False, indent=1)
    write_atomically(run.folder / SCORES, text.encode() + b"\n")


def saved(run: Run) -> Evaluation | None:
    """What stands in `scores.json`; None before the run is scored. Raises Problem where it is damaged."""
    values = run.scores()
    return Evaluation.from_dict(values) if values else None


def saved_outputs(run: Run) -> list[Output]:
    """The test sentences with their translations; damaged rows, and files of older versions, are left out."""
    outputs = []
    for row in read_json_lines(run.folder / OUTPUTS):
        try:
            outputs.append(read(Output, row))
        except (TypeError, ValueError):
            continue
    return outputs
