"""The page Corpus: look at sentences, move the vocabulary's limits, bring one's own, train with them."""

import pytest

from core.runs import find_run
from tests.browser.test_train import choose, fill, wait_until

NUMBERS = "一二三四五六七八九十"
CHINESE = [f"我有{a}{b}本书。" for a in NUMBERS for b in NUMBERS]
ENGLISH = [f"I have {a} {b} books." for a in range(10) for b in range(10)]


def counted(visit) -> str:
    """Wait until the words are counted; returns what the page says."""
    visit.page.get_by_text("Train with these").or_(visit.page.get_by_text("用这些句子训练")).first.wait_for(
        timeout=90_000
    )
    visit.settle()
    return visit.text()


def give(visit, *files: tuple[str, bytes]) -> None:
    upload = visit.page.locator('[data-testid="stFileUploader"] input[type=file]')
    upload.set_input_files([{"name": name, "mimeType": "text/plain", "buffer": content} for name, content in files])
    visit.page.wait_for_timeout(800)
    visit.settle()


def test_limits_in_the_address_decide_what_is_unknown(visitor):
    def lost(min_freq: int) -> float:
        visit = visitor().go(f"/corpus?corpus=hsk&min_freq={min_freq}&max_size=5000")
        counted(visit)
        assert f"min_freq={min_freq}" in visit.page.url
        return float(visit.page.locator("p.lead b").first.inner_text().rstrip("%"))

    assert lost(1) < lost(3) < lost(10)


def test_sentences_are_found_and_the_licence_is_named(visitor):
    visit = visitor("zh-CN").go("/corpus")
    assert "CC BY-SA 4.0" in counted(visit)
    fill(visit, "find", "喜欢")
    cells = visit.page.locator("table.samples").first.locator("td:first-child").all_inner_texts()
    assert cells
    assert all("喜欢" in cell for cell in cells)


def test_a_sheet_from_excel_in_another_direction_goes_to_training(visitor, checkpoints):
    rows = [
        *zip(CHINESE, ENGLISH, strict=True),
        ("<img src=x onerror=alert(1)>好。", "<script>alert(1)</script>"),
        ("OK.", "ok"),
    ]
    sheet = "编号;中文;英文\r\n" + "".join(f"{n};{a};{b}\r\n" for n, (a, b) in enumerate(rows))
    visit = visitor().go("/corpus?corpus=files")
    give(visit, ("sheet.csv", sheet.encode("gbk")))
    said = counted(visit)
    assert "read as GBK" in said
    assert "102 pairs" in said
    assert "<script>alert(1)</script>" in said
    assert "the same text on both sides" in said
    # English becomes the source, Chinese the target; the languages follow.
    columns = visit.page.locator('[class*="st-key-column-"] input')
    for number, name in ((0, "英文"), (1, "中文")):
        columns.nth(number).click()
        visit.page.get_by_role("option").filter(has_text=name).first.click()
        visit.page.wait_for_timeout(300)
        visit.settle()
    counted(visit)
    assert visit.page.locator("table.samples").first.locator("td").first.inner_text().isascii()
    visit.key("leave-same").locator("label").first.click()
    visit.page.wait_for_timeout(300)
    visit.settle()
    visit.key("train-with").locator("button").click()
    visit.wait_for_text("From the page Corpus: sheet.csv, 101 pairs")
    choose(visit, "preset", "tiny")
    fill(visit, "name", "from-corpus")
    visit.key("start").locator("button").click()
    wait_until(lambda: (checkpoints / "from-corpus" / "config.json").exists())
    run = find_run("from-corpus", checkpoints)
    assert (run.config.source_tokenizer, run.config.target_tokenizer) == ("spacy", "jieba")
    wait_until(lambda: not run.status().alive, 90)
    assert run.status().state == "finished"


@pytest.mark.parametrize(
    ("files", "english", "chinese"),
    [
        ([("book.xlsx", b"PK\x03\x04rest")], "Excel", "Excel"),
        ([("a.txt", "你好。\n再见。\n".encode())], "one column", "只有一列"),
        ([("a.zh", "你好。\n再见。\n".encode()), ("a.en", b"Hello.\n")], "2 lines", "2 行"),
        ([("few.tsv", "你好。\tHello.\n再见。\tBye.\n".encode())], "at least 20", "至少提供 20"),
    ],
)  # fmt: skip
def test_files_that_will_not_do_are_explained(visitor, files, english, chinese):
    for locale, words in (("en-US", english), ("zh-CN", chinese)):
        visit = visitor(locale).go("/corpus?corpus=files")
        give(visit, *files)
        visit.wait_for_text(words)


def test_a_refused_file_is_left_aside_when_the_next_is_added(visitor):
    visit = visitor().go("/corpus?corpus=files")
    give(visit, ("book.xlsx", b"PK\x03\x04rest"))
    visit.wait_for_text("Excel")
    rows = [*zip(CHINESE, ENGLISH, strict=True), (CHINESE[0], ENGLISH[0])]
    give(visit, ("good.tsv", "".join(f"{a}\t{b}\n" for a, b in rows).encode()))
    said = counted(visit)
    assert "100 pairs" in said
    assert "1 repeated one counted once" in said
    assert "book.xlsx" not in said


def test_of_three_files_it_says_which_they_are(visitor):
    for locale, words in (("en-US", "There are 3 files: a.txt, b.txt, c.txt"), ("zh-CN", "现在有 3 个文件")):
        visit = visitor(locale).go("/corpus?corpus=files")
        give(visit, *((f"{name}.txt", b"One line.\n") for name in "abc"))
        visit.wait_for_text(words)
