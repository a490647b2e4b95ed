"""core/diversify.py and what becomes of added pairs: learnt beside the training side, and never what is held out."""

import pytest

from core.diversify import check_direction, retold, swapped
from core.material import fit_to_learn, normalized, own_corpus, prepare
from core.problems import Problem
from core.runs import Run
from core.text import tokenizer
from core.train import train
from core.translator import Translator
from tests.conftest import tiny_config

CUTS = tokenizer("jieba"), tokenizer("spacy")


def test_nothing_held_out_is_learnt(pairs):
    split = own_corpus(pairs).split()
    (valid_source, valid_target), (test_source, test_target) = split.valid[0], split.test[0]
    good = ("狗吃鱼。", "The dog eats fish.")
    leaks = [(valid_source, "A dog."), ("狗。", valid_target), (test_source, "A cat."), ("猫。", test_target)]
    long = ("狗" * 50, "dog " * 50)
    held_out = (*split.valid, *split.test)
    assert fit_to_learn([*leaks, good, split.train[0], long, good], split.train, held_out, CUTS, 20) == [good]


def test_of_a_cut_down_corpus_the_rest_may_be_added(pairs):
    config = tiny_config(pairs=10)
    material = prepare(own_corpus(pairs), config, added=list(pairs))
    assert {*material.kept, *material.added} == set(own_corpus(pairs).split().train)
    assert not set(material.kept) & set(material.added)


def test_a_run_that_translates_the_other_way_is_refused(finished_run, pairs):
    translator = Translator.load(finished_run)
    check_direction(translator, pairs, "run")
    with pytest.raises(Problem):
        check_direction(translator, swapped(pairs), "run")


@pytest.mark.parametrize("sampling", [0.0, 0.3])
def test_added_pairs_are_learnt_in_each_epoch(pairs, sampling):
    kind = "pieces" if sampling else "jieba"
    config = tiny_config(source_tokenizer=kind, piece_sampling=sampling, max_size=330)
    loaded = normalized(own_corpus(pairs), config)
    added = [("狗吃鱼。", "The dog eats fish."), (loaded.split().train[0][0], "I see a cat.")]
    material = prepare(loaded, config, added=added)
    plain = prepare(loaded, config)
    assert material.added == added
    assert material.learnt == len(plain.train) + len(material.added)
    for epoch in (0, 1):
        seen = material.epoch_pairs(config, epoch)
        assert len(seen) == material.learnt
        vocab = material.target_vocab
        last = [vocab.decode(row.tolist()) for row in seen.targets][len(plain.train) :]
        assert ["".join(words).replace("▁", "") for words in last] == [
            "".join(vocab.decode(vocab.encode(CUTS[1].tokenize(target)))) for _, target in material.added
        ]
    assert [vocab.counts for vocab in (material.source_vocab, material.target_vocab)] == [
        vocab.counts for vocab in (plain.source_vocab, plain.target_vocab)
    ], "vocabularies come from the true pairs"


def test_a_run_with_added_pairs_trains_and_cannot_go_on_without_them(tmp_path, pairs):
    added = [(f"{source}{source}", f"{target} {target}") for source, target in pairs[:9]]
    run = Run.create(tmp_path / "more", tiny_config(epochs=1), pairs, added)
    assert run.config.added == 9
    list(train(run))
    learnt = run.status().training_pairs
    plain = Run.create(tmp_path / "plain", tiny_config(epochs=1), pairs)
    list(train(plain))
    assert learnt > plain.status().training_pairs
    run.plan(2)
    run.added_file.unlink()
    assert not run.has_sentences
    with pytest.raises(Problem):
        run.check_resumable()


def test_a_run_retells_what_it_read(finished_run, pairs):
    translator = Translator.load(finished_run)
    told = retold(translator, pairs, 2)
    sources = [source for source, _ in told]
    assert len(set(sources)) == len(sources) <= len({source for source, _ in pairs})
    assert all(target and "<unk>" not in target for _, target in told)
    near = retold(translator, pairs, 2, least=60)
    assert set(near) < set(told)
    assert swapped(swapped(near)) == near
