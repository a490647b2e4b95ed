"""BLEU and chrF."""

from core.scoring import score

REFERENCES = ["The cat sat on the mat.", "It is raining again today.", "Where did you put my keys?"]


def test_a_perfect_translation_has_100():
    scores = score(REFERENCES, REFERENCES)
    assert (scores.bleu, scores.bleu_lowercase, scores.chrf, scores.sentences) == (100, 100, 100, 3)


def test_nothing_has_0():
    scores = score(["", "", ""], REFERENCES)
    assert (scores.bleu, scores.bleu_lowercase, scores.chrf) == (0, 0, 0)


def test_case_counts_in_bleu_but_not_in_the_lowercased_one():
    scores = score([reference.upper() for reference in REFERENCES], REFERENCES)
    assert scores.bleu < scores.bleu_lowercase == 100


def test_each_sentence_is_held_against_its_own_reference():
    scores = score(REFERENCES[::-1], REFERENCES)
    assert scores.bleu < 50


def test_a_wrong_word_costs_something():
    scores = score([REFERENCES[0].replace("cat", "dog"), *REFERENCES[1:]], REFERENCES)
    assert 0 < scores.bleu < 100
    assert 0 < scores.chrf < 100


def test_the_signatures_say_how_it_was_counted():
    scores = score(REFERENCES, REFERENCES)
    assert "case:mixed" in scores.signature
    assert "case:lc" in scores.signature_lowercase
    for signature in (scores.signature, scores.signature_lowercase):
        assert "nrefs:1" in signature
        assert "tok:13a" in signature
    assert "nc:6" in scores.signature_chrf
