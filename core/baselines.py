"""What costs nothing: the scores of copying the source and of always saying the same, to measure runs against."""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass

from core.evaluation import fingerprint
from core.material import load_corpus
from core.progress import Bar
from core.runs import Run, write_atomically
from core.scoring import score

FILE = "baselines.json"


@dataclass(frozen=True)
class Baselines:
    """BLEU (lowercased, 0 to 100) on a run's test split without any model."""

    copying: float  # the source as it is
    frequent: float  # the most frequent training sentence, whatever the source
    sentence: str  # that sentence
    test: str  # as in a run's scores


def saved(run: Run) -> Baselines | None:
    """What stands beside the run; None where nothing does, or nothing that can be read."""
    try:
        content = json.loads((run.folder / FILE).read_text("utf-8"))
        found = Baselines(**content)
    except (OSError, ValueError, TypeError):
        return None
    numbers = (found.copying, found.frequent)
    whole = all(isinstance(number, (int, float)) and 0 <= number <= 100 for number in numbers)
    return found if whole and isinstance(found.sentence, str) and isinstance(found.test, str) else None


def measure(run: Run, bar: Bar | None = None) -> Baselines:
    """Score both on the run's test split and keep that beside the run where its folder can be written.

    Raises Problem where its sentences are not there.
    """
    config = run.config
    bar = bar or Bar()
    split = load_corpus(run, bar=bar.part(5, later=1)).split(config.split_seed)
    bar.stage("scoring")(0.0)
    train = split.train[: config.pairs] if config.pairs else split.train
    counts = Counter(target for _, target in train)
    # Of equally frequent ones the alphabetically first, so that it is the same each time.
    sentence = min(counts, key=lambda text: (-counts[text], text))
    references = [target for _, target in split.test]
    found = Baselines(
        copying=score([source for source, _ in split.test], references).bleu_lowercase,
        frequent=score([sentence] * len(references), references).bleu_lowercase,
        sentence=sentence,
        test=fingerprint(split.test),
    )
    with suppress(OSError):
        write_atomically(run.folder / FILE, json.dumps(asdict(found), ensure_ascii=False).encode() + b"\n")
    return found
