"""How good translations are: BLEU and chrF by sacreBLEU, on detokenised sentences with one reference each."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """BLEU and chrF, 0 to 100; `bleu` respects case. The signatures say exactly how sacreBLEU counted."""

    bleu: float
    bleu_lowercase: float
    chrf: float
    sentences: int
    signature: str
    signature_lowercase: str
    signature_chrf: str


def score(hypotheses: Sequence[str], references: Sequence[str]) -> Scores:
    """Corpus scores of hypotheses against one reference each, both as people write them, not tokenised."""
    from sacrebleu.metrics import BLEU, CHRF

    bleu, lowercase, chrf = BLEU(), BLEU(lowercase=True), CHRF()

    def value(metric: BLEU | CHRF) -> float:
        return round(float(metric.corpus_score(list(hypotheses), [list(references)]).score), 2)

    return Scores(
        bleu=value(bleu),
        bleu_lowercase=value(lowercase),
        chrf=value(chrf),
        sentences=len(hypotheses),
        signature=str(bleu.get_signature()),
        signature_lowercase=str(lowercase.get_signature()),
        signature_chrf=str(chrf.get_signature()),
    )
