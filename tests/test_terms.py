"""Terms of the course are a word each, and their English stands for them."""

import shutil

import pytest

from core.config import PINNED
from core.decode import TERM
from core.dictionary import look_up
from core.processes import PROJECT
from core.runs import SHIPPED, Run
from core.terms import WELL_KNOWN, join_terms, terms
from core.text import contains_chinese
from core.translator import Translator
from pages.parts.words import replacements_note, source_words, sure_words


@pytest.fixture(scope="module")
def shipped():
    return Translator.load(Run(PROJECT / "checkpoints" / SHIPPED[0]))


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("我 喜欢 机器 学习 。", "我 喜欢 机器学习 。"),
        ("机器 学习 学习 机器", "机器学习 学习 机器"),
        ("循环 神经网络", "循环神经网络"),  # not 循环 and the shorter term
        ("注意力 机制", "注意力机制"),
        ("大 语言 模型 大", "大语言模型 大"),
        ("语言 模型", "语言模型"),
        ("好机器 学习", "好机器 学习"),  # a word is never cut
        ("我 在 学校 学习", "我 在 学校 学习"),
        ("机器", "机器"),
        ("", ""),
    ],
)
def test_terms_become_one_word(words, joined):
    assert join_terms(words.split()) == joined.split()


def test_the_list_is_chinese_to_english():
    assert len(terms()) > 40
    for chinese, english in terms().items():
        assert contains_chinese(chinese) and english.isascii()


def test_a_term_is_read_whole_and_marked(shipped):
    trace = shipped.trace("我喜欢学习机器学习。")
    assert trace.words == ["我", "喜欢", "学习", "机器学习", "。"]
    assert [(part.text, part.how) for part in trace.replacements] == [("machine learning", TERM)]
    assert trace.sentence in ("I like learning machine learning.", "I like studying machine learning.")
    assert not trace.source[3].known
    assert shipped.translate(["我喜欢学习机器学习。"]) == [trace.sentence]
    assert "list of terms" in replacements_note(trace.replacements)
    assert "CC-CEDICT" not in replacements_note(trace.replacements)


def test_a_term_that_training_hardly_saw_is_taken_from_the_list(shipped):
    run = Run(PROJECT / "checkpoints" / SHIPPED[0])
    assert 0 < run.vocabularies()[0].counts[run.vocabularies()[0].id("人工智能")] < WELL_KNOWN
    trace = shipped.trace("我喜欢人工智能。")
    assert [(part.text, part.how) for part in trace.replacements] == [("artificial intelligence", TERM)]
    assert not trace.source[2].known and "term of this course" in source_words(trace)
    assert "artificial intelligence" in sure_words(trace) and ">&lt;unk&gt;<" not in sure_words(trace)


def test_a_word_of_terms_and_others_is_read_part_by_part():
    assert look_up("学习机器学习") == "learn machine learning"


def test_the_persons_own_cut_goes_before_the_list(shipped):
    words = ["我", "喜欢", "学习", "机器", "学习", "。"]
    assert shipped.trace("".join(words), words).words == words


@pytest.mark.parametrize("name", ["tatoeba-hsk-pieces", "lesson"])
def test_a_model_that_could_not_name_the_term_reads_it_as_it_is_cut(name):
    translator = Translator.load(Run(PROJECT / "checkpoints" / name))
    assert translator.cut("机器学习。") == translator.source_tokenizer.tokenize("机器学习。")


def test_terms_of_ones_own(tmp_path, monkeypatch):
    own = tmp_path / "terms.tsv"
    shutil.copy(PROJECT / "core" / "terms.tsv", own)
    # As Excel on Windows saves it.
    own.write_bytes(
        b"\xef\xbb\xbf" + own.read_bytes() + "\r\n# mine\r\n門控單元\tgate\tmore\r\nno tab\r\n\t\r\n".encode()
    )
    monkeypatch.setattr("core.terms._FILE", own)
    terms.cache_clear()
    try:
        assert terms()["门控单元"] == "gate"
        assert join_terms(["门控", "单元"]) == ["门控单元"]
        assert not {"", "no tab", "# mine"} & terms().keys()
    finally:
        terms.cache_clear()


def test_the_run_that_the_app_opens_with_translates_these_rightly(shipped):
    right = [
        {"I like learning machine learning.", "I like studying machine learning."},
        {"The weather is good today.", "The weather is nice today."},
        {"What's your name?", "What is your name?"},
        {"I would like to have a cup of coffee.", "I want to drink a cup of coffee."},
        {"He didn't come to work yesterday.", "He did not come to work yesterday."},
        {"If it rains tomorrow, we won't go.", "If it rains tomorrow, we will not go."},
    ]
    for translations in (shipped.translate(PINNED), shipped.translate(PINNED, beam=5)):
        assert all(sentence in good for sentence, good in zip(translations, right, strict=True)), translations
