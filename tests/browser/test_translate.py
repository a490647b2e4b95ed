"""The entry page, as a newcomer meets it."""

import pytest

from core.processes import PROJECT
from core.runs import SHIPPED, Run
from core.translator import Translator

FIRST = "如果明天下雨，我们就不去了。"


@pytest.mark.parametrize(("locale", "heading"), [("en-US", "Chinese → English"), ("zh-CN", "中文 → 英文")])
def test_it_speaks_the_browsers_language_and_translates_at_once(visitor, locale, heading):
    visit = visitor(locale).go("/")
    assert heading in visit.text()
    assert visit.key("sentence").locator("input").input_value() == FIRST
    assert visit.translation
    assert f"lang={locale[:2]}" in visit.page.url


def test_the_switch_changes_every_word_and_travels_in_the_address(visitor):
    visit = visitor("en-US").go("/")
    visit.key("language").locator("button").click()
    visit.page.get_by_text("模型读到的词").wait_for()
    assert "What the model read" not in visit.text()
    assert "lang=zh" in visit.page.url
    other = visitor("en-US").go(visit.page.url.removeprefix(visit.url))
    assert "模型读到的词" in other.text()


def test_typing_and_examples_translate(visitor):
    visit = visitor().go("/")
    first = visit.translation
    visit.type("今天天气很好。")
    second = visit.translation
    assert second != first
    visit.key("example-3").locator("button").click()
    visit.page.wait_for_timeout(400)
    visit.settle()
    assert visit.key("sentence").locator("input").input_value() == "你叫什么名字？"
    assert visit.translation not in (first, second)


def test_unknown_words_are_marked(visitor):
    visit = visitor().go("/")
    visit.type("我喜欢龘靐齉。")
    assert visit.page.locator(".word.unknown").count() >= 1
    # Who translates reads what stands for `<unk>`, never the bare sign.
    assert visit.page.locator(".sure .unknown").count() >= 1
    assert "<unk>" not in visit.page.locator(".sure").inner_text()


def test_a_word_that_the_model_lacks_is_looked_up_and_marked(visitor):
    for locale, words in (("en-US", "Looked up, not translated"), ("zh-CN", "不是模型翻译的")):
        visit = visitor(locale).go("/")
        visit.type("他是一个不倒翁。")
        assert "<unk>" not in visit.translation
        grey = visit.key("translation").locator(".unknown")
        assert grey.inner_text() == "roly-poly toy"
        assert words in grey.get_attribute("title")
        assert "CC BY-SA 4.0" in visit.text()


@pytest.fixture(scope="module")
def disputed() -> tuple[str, str, str]:
    """A sentence of which beam search makes a more probable one than greedy decoding, and what they make of it."""
    translator = Translator.load(Run(PROJECT / "checkpoints" / SHIPPED[0]))
    for sentence in (
        "妈妈正在厨房做饭。",
        "我姐姐是麻醉师。",
        "他在图书馆看书，我在家写作业。",
        "火车站前面的商店已经关门了。",
    ):
        greedy, found = translator.trace(sentence), translator.beam(sentence).best[0]
        if greedy.sentence != found.sentence and greedy.log_probability < found.log_probability:
            return sentence, greedy.sentence, found.sentence
    raise AssertionError("the run that ships finds nothing more probable for any of these: name another sentence")


def test_where_beam_search_finds_another_sentence_both_are_shown_and_either_can_be_taken(visitor, disputed):
    sentence, greedy, found = disputed
    visit = visitor().go("/")
    assert visit.key("decodings").count() == 0, "the first sentence is the same by both"
    visit.type(sentence)
    sentences = visit.page.locator(".decodings .sentence").all_inner_texts()
    assert sentences[:2] == [greedy, found]
    assert len(sentences) == len(set(sentences)) <= 3, "what reading back chooses comes last, if it is another one"
    assert visit.translation == greedy
    assert "times as probable" in visit.text()
    visit.key("decoding").get_by_text("Beam search").click()
    visit.page.wait_for_timeout(300)
    visit.settle()
    assert visit.translation == found
    assert "decoding=beam" in visit.page.url
    other = visitor("zh-CN").go(visit.page.url.removeprefix(visit.url).replace("lang=en", "lang=zh"))
    other.key("translation").get_by_text(found).wait_for()
    visit.key("to-decoder").locator("a").click()
    visit.page.wait_for_url("**/decode**")
    assert "way=" in visit.page.url


def test_a_right_translation_tells_that_more_probable_is_not_always_better(visitor, disputed):
    sentence, greedy, found = disputed
    visit = visitor().go(f"/?sentence={sentence}")
    box = visit.key("decodings").locator("input")
    for reference, said in ((greedy, "not always better"), (found, "also closer")):
        box.fill(reference)
        box.press("Enter")
        visit.wait_for_text(said)
        assert "chrF" in visit.text()


def test_reading_back_shows_what_the_reverse_model_makes_of_each_translation(visitor):
    visit = visitor().go("/?sentence=他在图书馆看书，我在家写作业。")
    assert visit.key("readings").count() == 0
    visit.key("decoding").get_by_text("Read back").click()
    rows = visit.key("readings").locator("tr .sentence")
    rows.first.wait_for()
    visit.settle()
    sentences = rows.all_inner_texts()
    assert 1 < len(sentences) == len(set(sentences)) <= 6, "the best five, and beam search's choice"
    assert visit.key("readings").get_by_text("first in the search").count() == 1
    assert visit.translation == sentences[0]
    numbers = [
        [float(cell.replace("−", "-")) for cell in row.locator(".number").all_inner_texts()]
        for row in visit.key("readings").locator("tr").all()[1:]
    ]
    assert [score for _, _, score in numbers] == sorted((score for _, _, score in numbers), reverse=True)
    assert all(forwards < 0 and back < 0 for forwards, back, _ in numbers)
    assert "read back, one reference" in visit.text()
    other = visitor("zh-CN").go(visit.page.url.removeprefix(visit.url).replace("lang=en", "lang=zh"))
    assert "正反两个方向" in other.key("readings").inner_text()
    assert other.translation == sentences[0]
    # The Decoder page shows where it leaves what greedy decoding writes.
    visit.key("to-decoder").locator("a").click()
    visit.page.wait_for_url("**/decode**")
    assert "way=" in visit.page.url


def test_a_run_without_reverse_model_offers_no_reading_back(visitor):
    visit = visitor().go("/?run=lesson&decoding=back")
    assert visit.key("decoding").get_by_text("Beam search").count() == 1
    assert visit.key("decoding").get_by_text("Read back").count() == 0
    assert visit.translation


def test_it_says_how_sure_the_model_was_of_each_word(visitor):
    visit = visitor().go("/")
    percents = visit.page.locator(".sure .percent").all_inner_texts()
    assert len(percents) >= 3
    assert all(0 <= int(text.rstrip("%")) <= 100 for text in percents)


@pytest.mark.parametrize(
    ("typed", "english", "chinese"),
    [
        ("", "Type a sentence first", "请先输入一个句子"),
        ("   ", "Type a sentence first", "请先输入一个句子"),
        ("我" * 10_000, "10,000 characters", "10,000 个字符"),
        ("😀😀", "no Chinese in this text", "没有中文"),
        ("How are you?", "no Chinese in this text", "没有中文"),
    ],
)
def test_what_cannot_be_translated_is_explained_and_not_lost(visitor, typed, english, chinese):
    for locale, words in (("en-US", english), ("zh-CN", chinese)):
        visit = visitor(locale).go("/")
        visit.type(typed)
        assert words in visit.text()
        assert visit.key("sentence").locator("input").input_value() == typed


def test_markup_is_shown_as_typed_and_never_run(visitor):
    visit = visitor().go("/")
    visit.page.evaluate("window.ran = false")
    visit.type('你好<script>window.ran = true</script><img src=x onerror="window.ran = true"> **粗体**')
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate("window.ran") is False
    words = visit.page.locator(".words .word").all_inner_texts()
    assert "script" in words and "*" in words
    assert visit.page.locator(".words b, .words strong, .words script, .words img").count() == 0


def test_a_run_that_is_not_there_is_said_and_another_one_translates(visitor):
    visit = visitor().go("/?run=nobody")
    assert "no run named" in visit.text()
    assert visit.translation
