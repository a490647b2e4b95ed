"""Give a run the model that reads its translations back (core/read_back.py): another run, which learnt the other way."""

import shutil
import tempfile
from pathlib import Path

from safetensors.torch import save as save_tensors

from core.compact import score_again
from core.material import load_corpus
from core.problems import Problem
from core.processes import unwritable
from core.runs import REVERSE_FILES, Run, write_atomically
from core.scoring import Evaluation
from core.text import mostly_chinese
from core.translator import Translator
from core.weights import pack


def add_reverse(run: Run, other: Run) -> Evaluation:
    """Copy what reading back needs of `other` into the run's folder, in a quarter of its room, and score the run again.

    Raises Problem where one of them cannot be read, or where `other` does not translate the other way.
    """
    load_corpus(run)  # said before anything is copied: without its sentences it could not be scored
    forwards, backwards = Translator.load(run), Translator.load(other)
    _check_direction(forwards, backwards, run, other)
    try:
        workplace = Path(tempfile.mkdtemp(prefix=".reverse-", dir=run.folder))
        try:
            for name in REVERSE_FILES:
                if (other.folder / name).is_file():
                    shutil.copyfile(other.folder / name, workplace / name)
            write_atomically(workplace / "model.safetensors", save_tensors(pack(backwards.model.weights())))
            workplace.chmod(0o755)
            shutil.rmtree(run.reverse.folder, ignore_errors=True)
            workplace.rename(run.reverse.folder)
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    except OSError as error:
        raise unwritable(run.folder, error) from error
    return score_again(run)


def _check_direction(forwards: Translator, backwards: Translator, run: Run, other: Run) -> None:
    sides = [mostly_chinese(vocab.tokens) for vocab in (forwards.source_vocab, forwards.target_vocab)]
    if sides != [mostly_chinese(vocab.tokens) for vocab in (backwards.target_vocab, backwards.source_vocab)]:
        raise Problem(
            f"Run {other.name!r} does not translate the other way, so it cannot read back what {run.name!r} writes. "
            "Train one on pairs that `pairs --swap` wrote.",
            f"运行 {other.name!r} 的翻译方向与 {run.name!r} 不是相反的，不能用来反向核对。请用 `pairs --swap` 写出的句对训练一个。",
        )
