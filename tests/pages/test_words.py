"""Words as HTML: what is marked, and that text stays text."""

import re

import pytest

from core.decode import COPIED, GAP, LOOKED_UP, TERM, Replacement, SourceToken
from pages.parts.words import sentence_words

SOURCE = [SourceToken("<b>龘</b>", 0, False, None), SourceToken("好", 4, True, 9)]


def spans(html):
    return re.findall(r'<span class="([^"]*)"[^>]*>([^<]*)</span>', html)


def plain(html):
    return re.sub("<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize("how", [LOOKED_UP, TERM, COPIED])
def test_what_was_not_translated_is_marked_and_says_why(how):
    html = sentence_words("A <i>x</i>, B", [Replacement(1, 0, "<i>x</i>", how, 2)], SOURCE)
    assert plain(html) == "A <i>x</i>, B"
    assert spans(html) == [("unknown", "&lt;i&gt;x&lt;/i&gt;")]
    assert "&lt;b&gt;龘&lt;/b&gt;" in html
    assert "<b>" not in html and "<i>" not in html


def test_without_attention_no_source_word_is_named():
    html = sentence_words("…", [Replacement(0, None, "…", GAP, 0)], SOURCE)
    assert spans(html) == [("unknown", "…")]
    assert "龘" not in html


@pytest.mark.parametrize(
    ("one", "other", "marked"),
    [
        ("I am here.", "I am here.", []),
        ("I am here now.", "I was here.", ["am", "now"]),
        ("My sister is a nurse.", "My sister is nurse.", ["a"]),
        ("My sister is nurse.", "My sister is a nurse.", []),
        ("", "Anything", []),
        ("All new", "", ["All new"]),
    ],
)
def test_words_that_the_other_sentence_has_not_are_marked(one, other, marked):
    html = sentence_words(one, [], SOURCE, against=other)
    assert spans(html) == [("differs", text) for text in marked]
    assert plain(html) == (one or "…")


def test_a_word_can_be_both():
    html = sentence_words(
        "a big dog ran", [Replacement(1, 0, "big dog", LOOKED_UP, 2)], SOURCE, against="a big cat ran"
    )
    assert spans(html) == [("unknown", "big "), ("unknown differs", "dog")]
    assert plain(html) == "a big dog ran"
