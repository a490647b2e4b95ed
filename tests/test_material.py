"""What a run trains on, made once and kept: the same from the file as made anew, and never from a wrong or broken one."""

import random
from dataclasses import replace

import numpy as np
import pytest

import core.batches
import core.material
from core import cache
from core.batches import batch_rows, make_batch
from core.config import preset
from core.corpus import LinePairs, save_pairs
from core.material import load_corpus, named_corpus, normalized, own_corpus, prepare
from core.problems import Problem
from core.progress import Bar
from core.vocab import Vocab
from tests.conftest import tiny_config


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Everything is kept, in a folder of the test's own."""
    monkeypatch.setenv("SEQ2SEQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(core.material, "MIN_KEPT", 0)
    return tmp_path / "cache"


@pytest.fixture
def cutting(monkeypatch):
    """How many pairs were cut into words."""
    counted = []
    cut_block = core.material.cut_block
    monkeypatch.setattr(
        core.material, "cut_block", lambda pairs, cuts: counted.append(len(pairs)) or cut_block(pairs, cuts)
    )
    return counted


def told(material):
    """All that a run sees of it."""
    return (
        list(material.kept),
        [list(side) for side in (material.split.train, material.split.valid, material.split.test)],
        material.source_vocab.tokens,
        material.target_vocab.counts,
        [[row.tolist() for row in side] for side in (material.train.sources, material.valid.targets)],
    )


def plainly(pairs, config):
    """Vocabularies and ids as one would write it down: the law that `prepare` keeps."""
    loaded = normalized(own_corpus(pairs), config)
    split = loaded.split(config.split_seed)
    cuts = [core.material.tokenizer(name) for name in (config.source_tokenizer, config.target_tokenizer)]
    cut = [[cut.tokenize(text) for cut, text in zip(cuts, pair, strict=True)] for pair in split.train]
    short = [tokens for tokens in cut if all(0 < len(side) <= config.max_length for side in tokens)]
    vocabs = [Vocab.build([tokens[side] for tokens in short], config.max_size, config.min_freq) for side in (0, 1)]
    return vocabs, [[vocab.encode(tokens[side]) for tokens in short] for side, vocab in enumerate(vocabs)]


@pytest.mark.parametrize("changes", [{}, {"max_length": 5}, {"min_freq": 3, "max_size": 12}])
def test_ids_and_vocabularies_are_those_of_the_plain_way(pairs, changes):
    config = tiny_config(**changes)
    some = [*pairs, ("我喜欢<eos>。", "I like <eos> ."), *((f"{a}{a}", f"{b} {b}") for a, b in pairs[:20])]
    vocabs, ids = plainly(some, config)
    for _ in range(2):  # made, then from the file
        material = prepare(normalized(own_corpus(some), config), config)
        assert [vocab.tokens for vocab in vocabs] == [material.source_vocab.tokens, material.target_vocab.tokens]
        assert [vocab.counts for vocab in vocabs] == [material.source_vocab.counts, material.target_vocab.counts]
        assert [row.tolist()[:-1] for row in material.train.sources] == ids[0]
        assert [row.tolist() for row in material.train.targets] == ids[1]
        assert len(material.kept) == len(ids[0])


def test_the_second_run_on_the_same_sentences_cuts_nothing(new_run, cutting, kept):
    first = prepare(load_corpus(new_run("one")), tiny_config())
    assert cutting
    cutting.clear()
    again = prepare(load_corpus(new_run("two", min_freq=3)), tiny_config())
    assert not cutting
    assert told(first) == told(again)
    other = prepare(load_corpus(new_run("three")), tiny_config(max_length=4, min_freq=2, max_size=10))
    assert not cutting, "a vocabulary is a table on top"
    assert len(other.train) < len(first.train)
    assert len(other.source_vocab) <= 10


def test_other_sentences_another_split_or_other_tokenizers_are_cut_anew(new_run, pairs, cutting):
    prepare(load_corpus(new_run("one")), tiny_config())
    for name, sentences, changes in (
        ("two", [*pairs, ("你好。", "Hello.")], {}),
        ("three", pairs, {"split_seed": 2}),
        ("four", pairs, {"target_tokenizer": "characters"}),
    ):
        cutting.clear()
        prepare(load_corpus(new_run(name, sentences, **changes)), tiny_config(**changes))
        assert cutting, name


def test_fewer_pairs_are_the_first_rows_of_what_is_kept(new_run, cutting):
    fewer = prepare(load_corpus(new_run("few", pairs=20)), tiny_config(pairs=20))
    assert sum(cutting) < 30, "of the others nothing is cut"
    whole = prepare(load_corpus(new_run("all")), tiny_config())
    cutting.clear()
    assert told(prepare(load_corpus(new_run("few2", pairs=30)), tiny_config(pairs=30)))[0] == list(whole.kept[:30])
    assert told(prepare(load_corpus(new_run("few3", pairs=20)), tiny_config(pairs=20))) == told(fewer)
    assert not cutting


@pytest.mark.parametrize("damage", [b"", b"ARROW1\0\0 and then nothing", None])
def test_a_damaged_file_is_made_again(new_run, kept, damage):
    first = told(prepare(load_corpus(new_run("one")), tiny_config()))
    files = list(kept.glob("*.arrow"))
    assert len(files) == 2
    for path in files:
        path.write_bytes(path.read_bytes()[:-50] if damage is None else damage)
    assert told(prepare(load_corpus(new_run("two")), tiny_config())) == first
    assert all(path.stat().st_size > 100 for path in files)


def test_numbers_that_name_no_word_are_not_believed(new_run, kept):
    first = told(prepare(load_corpus(new_run("one")), tiny_config()))
    for path in kept.glob("*.arrow"):
        content = path.read_bytes()
        ids = np.array([5, 6, 7, 8], np.int32).tobytes()
        path.write_bytes(content.replace(ids, np.array([5, 6, 7, 10**6], np.int32).tobytes()))
    assert told(prepare(load_corpus(new_run("two")), tiny_config())) == first


def test_a_folder_that_cannot_be_written_costs_time_alone(new_run, monkeypatch, tmp_path):
    first = told(prepare(load_corpus(new_run("one")), tiny_config()))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SEQ2SEQ_CACHE", str(tmp_path / "file" / "cache"))
    assert told(prepare(load_corpus(new_run("two")), tiny_config())) == first


def test_files_unused_for_longest_go_first(kept, monkeypatch, pairs):
    batch = core.material._normalized(pairs, "", tiny_config(), 1)
    sizes = [cache.keep(name, batch).path.stat().st_size for name in "ab"]
    monkeypatch.setattr(cache, "MAX_BYTES", sum(sizes) + 10)
    for name, age in (("a", 100), ("b", 200)):
        core.material.cache.os.utime(kept / f"{name}.arrow", (10**9 - age, 10**9 - age))
    assert cache.known("b") is not None  # so that `a` is the one unused for longer
    cache.keep("c", batch)
    assert {path.stem for path in kept.iterdir()} == {"b", "c"}


def test_pieces_are_learnt_once(new_run, monkeypatch):
    config = tiny_config(source_tokenizer="pieces", target_tokenizer="pieces", max_size=320)
    run = new_run("one", **config.to_dict())
    first = prepare(load_corpus(run), config)
    monkeypatch.setattr(core.material.PieceTokenizer, "learn", None)
    again = prepare(load_corpus(run), config)
    assert told(first) == told(again)
    assert first.target_tokenizer.model == again.target_tokenizer.model
    with pytest.raises(TypeError):
        prepare(load_corpus(run), replace(config, max_size=330))


def test_a_named_corpus_is_read_once(monkeypatch, real_corpus):
    config = preset("tiny", corpus="hsk", pairs=100)
    first = named_corpus(config)
    monkeypatch.setattr("core.corpus.load", None)
    again = named_corpus(config)
    assert again.pairs == first.pairs
    assert again.attribution in real_corpus.attribution
    assert list(again.split(1).test) == list(first.split(1).test)
    with pytest.raises(Problem, match="unknown corpus"):
        named_corpus(replace(config, corpus="nonsense"))


def test_a_corpus_of_several_portions_comes_whole_and_the_same_again(monkeypatch):
    random.seed(1)
    pairs = core.batches.encode_pairs(
        [([n + 4] * random.randint(1, 9), [5] * random.randint(1, 9)) for n in range(1000)]
    )
    monkeypatch.setattr(core.batches, "PORTION", 128)
    monkeypatch.setattr(core.batches, "NEIGHBOURS", 16)
    for seed in (None, 1):
        rows = batch_rows(pairs, 12, seed)
        assert len(rows) == 84
        assert sorted(np.concatenate(list(rows)).tolist()) == list(range(1000))
        assert {len(some) for some in rows[:-1]} <= {12, 4}
        again = batch_rows(pairs, 12, seed)
        assert [some.tolist() for some in again[40:]] == [some.tolist() for some in rows][40:]
        assert [some.tolist() for some in again[::9]] == [some.tolist() for some in rows][::9]
    one, other = (np.concatenate(list(batch_rows(pairs, 12, seed))).tolist() for seed in (1, 2))
    assert one != other
    assert set(one[:120]) != set(other[:120]), "portions are drawn anew too"
    spread = [np.ptp(make_batch(pairs, some).source_lengths.numpy()) for some in batch_rows(pairs, 12, 1)]
    assert np.mean(spread) < 2


# How far it is


@pytest.fixture
def bar():
    """A bar and all that it told: (share, stage)."""
    told = []
    bar = Bar(lambda share, stage: told.append((share, stage)))
    bar.told = told
    return bar


@pytest.mark.parametrize("name", ["words", "pieces", "kept", "hsk"])
def test_from_reading_to_ids_one_bar_never_goes_back_and_names_its_stages(new_run, monkeypatch, bar, name):
    monkeypatch.setattr(core.material, "TOLD_EVERY", 10)
    changes = {"corpus": "hsk", "pairs": 300} if name == "hsk" else {}
    if name == "pieces":
        changes = {"source_tokenizer": "pieces", "target_tokenizer": "pieces", "max_size": 320}
    run = new_run("told", **changes)
    if name == "kept":
        load_corpus(run)
    prepare(load_corpus(run, 1, bar), run.config, 1, bar)
    shares, stages = zip(*bar.told, strict=True)
    assert list(shares) == sorted(shares)
    assert shares[-1] == 1
    expected = {"kept": ["cutting"], "pieces": ["reading", "learning", "cutting"]}.get(name, ["reading", "cutting"])
    assert list(dict.fromkeys(stages)) == expected
    assert all(stages.count(stage) > 1 for stage in expected)


def test_a_file_too_large_for_memory_says_how_much_of_it_is_read(tmp_path, bar):
    pairs = [(f"我有{n}本书。", f"I have {n} books.") for n in range(5000)]
    save_pairs(pairs, tmp_path / "pairs.tsv")
    lines = LinePairs(tmp_path / "pairs.tsv")
    shares = [lines.share for _ in lines]
    assert shares == sorted(shares)
    assert 0 < shares[1500] < 1
    assert lines.share == 1
