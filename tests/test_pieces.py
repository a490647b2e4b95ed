"""Word pieces: learnt from the training side, nothing unknown, cut anew each epoch, the same for the same seed."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from core import corpus
from core.config import FILES, preset
from core.material import normalized, prepare
from core.problems import Problem
from core.processes import PROJECT
from core.runs import Run
from core.text import PieceTokenizer
from core.train import train
from core.translator import Translator
from core.vocab import SPECIALS, UNK

CONFIG = preset("pieces", corpus="hsk", pairs=600, max_size=2500, epochs=2, hidden=16, embedding=16, threads=1)
STRANGE = ["我喜欢龘靐齉。", "<eos> <unk> 😀 你好", "Ünïcode ▁ tokens", "a  b"]


@pytest.fixture(scope="module")
def material():
    return prepare(normalized(corpus.load("hsk"), CONFIG), CONFIG)


def test_nothing_is_unknown_and_text_comes_back(material):
    for cut, vocab in (
        (material.source_tokenizer, material.source_vocab),
        (material.target_tokenizer, material.target_vocab),
    ):
        for text in [*STRANGE, *(text for pair in material.split.test[:100] for text in pair)]:
            tokens = cut.tokenize(text)
            assert cut.detokenize(tokens).replace(" ", "") == cut.normalize(text).replace(" ", "").replace("▁", "")
            assert UNK not in vocab.encode(token for token in tokens if token not in SPECIALS)


def test_the_pieces_hang_on_the_training_side_alone(material):
    train = [target for _, target in material.split.train]
    again = PieceTokenizer.learn(train, CONFIG.max_size)
    assert again.pieces == material.target_tokenizer.pieces
    assert again.model == material.target_tokenizer.model


def test_each_epoch_cuts_anew_and_the_same_epoch_alike(material):
    first, second, again = (material.epoch_pairs(CONFIG, epoch) for epoch in (0, 1, 0))
    assert [target.tolist() for target in first.targets] == [target.tolist() for target in again.targets]
    changed = [a.tolist() != b.tolist() for a, b in zip(first.targets, second.targets, strict=True)]
    assert 0.2 < sum(changed) / len(changed) <= 1
    for ids, (_, target) in zip(first.targets[:50], material.kept[:50], strict=True):
        assert material.target_tokenizer.detokenize(material.target_vocab.decode(ids)) == target
    assert material.epoch_pairs(replace(CONFIG, piece_sampling=0.0), 0) is material.train


def test_the_same_seed_cuts_alike_in_another_process(material, tmp_path):
    (tmp_path / "pieces.model").write_bytes(material.target_tokenizer.model)
    code = (
        "import sys; from pathlib import Path; from core.text import PieceTokenizer; "
        "print(PieceTokenizer(Path(sys.argv[1]).read_bytes()).sample(['I would like some coffee.'] * 20, 0.2, 7))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pieces.model")],
        cwd=PROJECT, capture_output=True, text=True, check=True, encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    ).stdout  # fmt: skip
    assert printed.strip() == str(material.target_tokenizer.sample(["I would like some coffee."] * 20, 0.2, 7))


@pytest.mark.parametrize("alpha", [0.1, 0.35, 1.0])
def test_cuts_are_drawn_as_often_as_the_unigram_model_says(material, alpha):
    """Against sentencepiece's own sampling, which no seed of ours can hold fast: the mean number of pieces."""
    cut, text = material.target_tokenizer, "Tomorrow we want to visit the old library together."
    ours = [len(tokens) for tokens in cut.sample([text] * 3000, alpha, 1)]
    theirs = [
        len(cut._processor.encode(text, out_type=str, enable_sampling=True, alpha=alpha, nbest_size=-1))
        for _ in range(3000)
    ]
    assert sum(ours) / len(ours) == pytest.approx(sum(theirs) / len(theirs), rel=0.02)


def test_a_run_takes_its_pieces_along(tmp_path):
    run = Run.create(tmp_path / "run", replace(CONFIG, epochs=1))
    list(train(run))
    translator = Translator.load(run)
    assert translator.trace("今天天气很好。").steps
    (run.folder / "target_pieces.model").write_bytes(b"nonsense")
    with pytest.raises(Problem, match="target_pieces"):
        Translator.load(run)


def test_what_takes_words_apart_takes_pieces_apart(tmp_path):
    run = Run.create(tmp_path / "run", replace(CONFIG, epochs=1))
    list(train(run))
    translator, text = Translator.load(run), STRANGE[0]
    trace = translator.trace(text)
    assert trace.replacements == []
    assert translator.trace(text, words=trace.words) == trace
    merged = ["".join(trace.words[:2]), *trace.words[2:]]
    assert translator.trace(text, words=merged).words == merged
    assert translator.beam(text, 1).best[0].ids == [step.chosen.id for step in trace.steps]
    assert all(word.known for word in translator.lanes(text, "I like 龘.").reference)
    assert translator.arithmetic(text, step=len(trace.steps))


def test_pieces_learnt_from_chinese_refuse_a_text_without_any(tmp_path, pairs):
    run = Run.create(tmp_path / "run", replace(CONFIG, epochs=1, corpus=FILES, max_size=330), pairs)
    list(train(run))
    translator = Translator.load(run)
    assert translator.trace("我喜欢苹果。").steps
    with pytest.raises(Problem, match="no Chinese"):
        translator.trace("I like apples.")


def test_too_few_pieces_are_refused_with_a_reason():
    with pytest.raises(Problem, match="max_size"):
        PieceTokenizer.learn(["我喜欢你", "abc"] * 20, 20)
