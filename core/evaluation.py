"""Sentence pairs translated and scored, and how a run's folder keeps that: `scores.json`, `test_outputs.jsonl`, and
`test_translations.jsonl` of a run that ships."""

import hashlib
import json
from collections.abc import Callable, Sequence, Sized
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from core.corpus import Pair
from core.problems import Problem
from core.progress import Report
from core.runs import Run, read_json_lines, write_atomically
from core.scoring import (
    RESAMPLES,
    Evaluation,
    Measures,
    Output,
    Statistics,
    grouped,
    length_unit,
    read,
    signs,
    source_length,
)
from core.vocab import UNK

if TYPE_CHECKING:
    from core.decode import Writing
    from core.translator import Translator

A = TypeVar("A", bound=Sized)
B = TypeVar("B")

SCORES, OUTPUTS = "scores.json", "test_outputs.jsonl"
TRANSLATIONS = "test_translations.jsonl"  # OUTPUTS without the sentences and references, which are other people's
OUTPUT_BYTES = 600_000  # of test_outputs.jsonl at most
BEAM_WIDTH = 5
AT_ONCE = 256  # sentences translated between two reports of progress


def parts(beam: int, reads_back: bool) -> list[float]:
    """What is measured in turn, each as times of greedy decoding, the first: beam search, and reading back."""
    return [1.0, 5.0, 35.0][: 1 if beam <= 1 else 2 + reads_back]


def evaluate(
    translator: "Translator",
    pairs: Sequence[Pair],
    beam: int = BEAM_WIDTH,
    epoch: int = 0,
    report: Report = lambda share: None,
) -> tuple[Evaluation, list[Output]]:
    """Translate these pairs' sources greedily and by beam search of that width, 0 for not at all, and score both; and
    where the run has a reverse model, what that one chooses (core/read_back.py).

    Raises Problem where there is no pair.
    """
    if not pairs:
        raise Problem("There is no sentence pair to score.", "没有可以评分的句对。")
    sources, references = [source for source, _ in pairs], [target for _, target in pairs]
    cut = [translator.cut(source) for source in sources]
    strange = [sum(word not in translator.source_vocab for word in words) for words in cut]
    shares = [count / max(len(words), 1) for count, words in zip(strange, cut, strict=True)]
    lengths = [source_length(source) for source in sources]

    def read(written: Sequence["Writing"]) -> tuple[list[str], Statistics]:
        sentences = [translator.read(writing, words)[0] for writing, words in zip(written, cut, strict=True)]
        return sentences, Statistics(sentences, references)

    times = parts(beam, _reads_back(translator))

    def part(number: int) -> Report:
        """Reports how far the whole is while that part is made."""
        return lambda share: report((sum(times[:number]) + times[number] * share) / sum(times))

    def told(share: float) -> None:
        part(0)(share)  # whatever it answers: without a score of greedy decoding there is none

    greedy = _in_portions(cut, translator.write, told)
    sentences, statistics = read(greedy)
    evaluation = Evaluation(
        **_fields(grouped(statistics, lengths, shares, RESAMPLES)),
        length_unit=length_unit(sources),
        signs=signs(
            sentences,
            references,
            unknown_source=sum(strange) / max(sum(map(len, cut)), 1),
            unknown_target=_unknown_target(translator, references),
        ),
        model_alone=_model_alone(translator, greedy, references),
        test=fingerprint(pairs),
        epoch=epoch,
    )
    scores = statistics.sentence_scores()
    outputs = [
        Output(source, reference, sentence, score, round(share, 3))
        for source, reference, sentence, score, share in zip(
            sources, references, sentences, scores, shares, strict=True
        )
    ]
    if beam <= 1:
        return evaluation, outputs
    searched = _in_portions(cut, lambda portion: translator.write(portion, beam=beam), part(1))
    if not searched:
        return evaluation, outputs
    sentences, statistics = read(searched)
    differing = [row for row, output in enumerate(outputs) if sentences[row] != output.hypothesis]
    before, after = (
        translator.log_probabilities([cut[row] for row in differing], [written[row] for row in differing])
        for written in (greedy, searched)
    )
    scores = statistics.sentence_scores()
    for row, one, other in zip(differing, before, after, strict=True):
        outputs[row] = replace(
            outputs[row], beam=sentences[row], beam_score=scores[row], beam_gain=round(other - one, 3)
        )
    evaluation = replace(
        evaluation,
        beam_width=beam,
        beam=grouped(statistics, lengths, shares, RESAMPLES),
        beam_differs=len(differing),
        beam_likelier=sum(output.beam_likelier for output in outputs),
        beam_likelier_worse=sum(output.beam_likelier_worse for output in outputs),
    )
    if len(times) < 3:
        return evaluation, outputs
    from core.read_back import read_back

    found = _in_portions(sources, lambda portion: read_back(translator, portion), part(2))
    if not found:
        return evaluation, outputs
    chosen = [made[0].sentence if made else "" for made in found]
    statistics = Statistics(chosen, references)
    scores = statistics.sentence_scores()
    for row, sentence in enumerate(chosen):
        if sentence != sentences[row]:
            outputs[row] = replace(outputs[row], read_back=sentence, read_back_score=scores[row])
    return replace(evaluation, read_back=grouped(statistics, lengths, shares, RESAMPLES)), outputs


def _reads_back(translator: "Translator") -> bool:
    """Whether the run has a reverse model; a damaged one costs the run none of its other scores."""
    try:
        return translator.reverse is not None
    except Problem:
        return False


def _model_alone(translator: "Translator", written: Sequence["Writing"], references: Sequence[str]) -> Measures | None:
    if not any(UNK in writing.ids for writing in written):
        return None
    plain = [translator.target_tokenizer.detokenize(translator.target_vocab.decode(writing.ids)) for writing in written]
    return Measures(**Statistics(plain, references).measures(resamples=RESAMPLES))


def _fields(whole: Any) -> dict[str, Any]:
    return {name: getattr(whole, name) for name in whole.__dataclass_fields__}


def _unknown_target(translator: "Translator", references: Sequence[str]) -> float:
    words = [word for reference in references for word in translator.target_tokenizer.tokenize(reference)]
    return sum(word not in translator.target_vocab for word in words) / max(len(words), 1)


def _in_portions(items: Sequence[A], make: Callable[[Sequence[A]], Sequence[B]], report: Report) -> list[B]:
    """What is made of each item, in portions of about the same length; nothing where `report` said stop."""
    order = sorted(range(len(items)), key=lambda i: len(items[i]))
    made: dict[int, B] = {}
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        made.update(zip(rows, make([items[row] for row in rows]), strict=True))
        if report(min(1.0, (start + AT_ONCE) / len(order))) is False:
            return []
    return [made[row] for row in range(len(items))]


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
        line = _line(output)
        size += len(line)
        if size > OUTPUT_BYTES:
            break
        lines.append(line)
    write_atomically(run.folder / OUTPUTS, b"".join(lines))
    (run.folder / TRANSLATIONS).unlink(missing_ok=True)  # of another scoring
    text = json.dumps(asdict(evaluation), ensure_ascii=False, indent=1)
    write_atomically(run.folder / SCORES, text.encode() + b"\n")


def _line(output: Output) -> bytes:
    row = {key: value for key, value in asdict(output).items() if value is not None}
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


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


def save_translations(run: Run) -> None:
    """Write the outputs once more, without the sentences and their references: what a run may ship with."""
    rows = read_json_lines(run.folder / OUTPUTS)
    own = [{key: value for key, value in row.items() if key not in ("source", "reference")} for row in rows]
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in own]
    write_atomically(run.folder / TRANSLATIONS, "".join(lines).encode())


def restorable(run: Run) -> bool:
    """Whether the run came with its translations alone: `restore` puts the sentences back."""
    return (run.folder / TRANSLATIONS).is_file() and not (run.folder / OUTPUTS).is_file()


def restore(run: Run, pairs: Sequence[Pair]) -> bool:
    """Put the test sentences back beside the translations that a run came with; pairs: its test split.

    False, and nothing is written, where these are not the pairs that it was scored on.
    """
    try:
        evaluation = saved(run)
        rows = read_json_lines(run.folder / TRANSLATIONS)
        if evaluation is None or evaluation.test != fingerprint(pairs):
            return False
        outputs = [
            read(Output, {"source": source, "reference": reference, **row})
            for (source, reference), row in zip(pairs, rows, strict=False)
        ]
    except (Problem, TypeError, ValueError):
        return False
    write_atomically(run.folder / OUTPUTS, b"".join(map(_line, outputs)))
    return True
