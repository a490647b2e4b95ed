"""Words in CC-CEDICT, as it is installed."""

import pytest

from core import dictionary
from core.dictionary import MAX_WORDS, look_up, shorten
from core.problems import Problem
from core.text import contains_chinese


@pytest.mark.parametrize(
    ("word", "gloss"),
    [
        ("长颈鹿", "giraffe"),
        ("学习", "learn"),
        ("重要", "important"),
        ("汤姆", "Tom"),
        ("波士顿", "Boston"),
        ("北大", "Peking University"),
        ("李", "plum"),
        ("家俱", "furniture"),
        ("东京银行", "Tokyo bank"),
    ],
)
def test_a_word_has_a_short_gloss(word, gloss):
    assert look_up(word) == gloss


@pytest.mark.parametrize(
    "word", ["", " ", "#", "。", "[", "giraffe", "龘靐齉", "龘a", "小明", "普遍认为佛教公元", "\ud800", "长颈鹿\n"]
)
def test_what_is_no_word_of_the_dictionary_has_none(word):
    assert look_up(word) is None


@pytest.mark.parametrize(
    ("gloss", "short"),
    [
        ("to go shopping (coll.)", "go shopping"),
        ("a bat (animal) (CL:隻|只[zhi1])", "bat"),
        ("CL:隻|只[zhi1]", ""),
        ("surname Li", ""),
        ("variant of 混球兒|混球儿[hun2 qiu2 r5]", ""),
        ("see 混球兒|混球儿[hun2 qiu2 r5]", ""),
        ("abbr. for 北京大學|北京大学[Bei3 jing1 Da4 xue2], Peking University", "Peking University"),
        ("to help sb with sth", "help somebody with something"),
        ("Mary or Marie (name)", "Mary"),
        ("Jingmen prefecture-level city in Hubei", "Jingmen"),
        ("(particle)", ""),
        ("", ""),
    ],
)
def test_a_gloss_loses_what_is_not_the_word(gloss, short):
    assert shorten(gloss) == short


def test_most_entries_have_a_gloss_that_can_stand_in_a_sentence():
    _, starts = dictionary._dictionary()
    assert len(starts) > 100_000
    words = [word.decode() for word in list(starts)[::97]]
    found = [gloss for word in words if (gloss := look_up(word))]
    assert len(found) > 0.9 * len(words)
    for gloss in found:
        assert 1 <= len(gloss.split()) <= MAX_WORDS
        assert gloss == gloss.strip()
        assert not contains_chinese(gloss)
        assert not set("()[]/;") & set(gloss), gloss


def test_without_the_dictionary_no_word_is_found_and_nothing_fails(monkeypatch):
    def missing(package, name):
        raise Problem("not installed", "没有安装")

    monkeypatch.setattr(dictionary, "package_file", missing)
    for cache in (dictionary._dictionary, look_up):
        cache.cache_clear()
    assert look_up("长颈鹿") is None
    for cache in (dictionary._dictionary, look_up):
        cache.cache_clear()
    monkeypatch.undo()
    assert look_up("长颈鹿") == "giraffe"
