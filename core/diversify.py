"""More to learn from the same sentences: what other runs make of the training side, beside the true translations.

Data diversification (Nguyen et al., 2020): one run translates the training sources, another, which learnt the other
way, the training targets; a third learns from both and from the true pairs. Nothing that is held out is used.
"""

from collections import defaultdict
from collections.abc import Sequence

from sacrebleu.metrics import CHRF

from core.corpus import Pair
from core.problems import Problem
from core.progress import Report
from core.text import mostly_chinese
from core.translator import Translator
from core.vocab import UNK

AT_ONCE = 512  # sentences translated between two reports of progress


def swapped(pairs: Sequence[Pair]) -> list[Pair]:
    """The same pairs for a run that learns the other way."""
    return [(target, source) for source, target in pairs]


def check_direction(translator: Translator, pairs: Sequence[Pair], name: str) -> None:
    """Raise Problem if the run reads Chinese and the pairs' first sentences are not, or the other way round."""

    if mostly_chinese(translator.source_vocab.tokens) != mostly_chinese([source for source, _ in pairs[:1000]]):
        raise Problem(
            f"Run {name!r} translates the other way. Leave out --swap, or add it.",
            f"运行 {name!r} 的翻译方向相反。请去掉或加上 --swap。",
        )


def retold(
    translator: Translator, pairs: Sequence[Pair], beam: int, least: float = 0.0, report: Report = lambda share: None
) -> list[Pair]:
    """Each different source with its translation by beam search of that width.

    Left out are those with `<unk>`, without a word, or whose chrF against the true translations is below `least`.
    """
    truths: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        truths[source].append(target)
    chrf = CHRF()
    kept: list[Pair] = []
    different = sorted(truths, key=len)
    for start in range(0, len(different), AT_ONCE):
        texts = different[start : start + AT_ONCE]
        cut = [translator.cut(text) for text in texts]
        for text, words, writing in zip(texts, cut, translator.write(cut, beam=beam), strict=True):
            sentence = "" if UNK in writing.ids else translator.read(writing, words)[0].strip()
            if sentence and chrf.sentence_score(sentence, truths[text]).score >= least:
                kept.append((text, sentence))
        report((start + len(texts)) / len(different))
    return kept
