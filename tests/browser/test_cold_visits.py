"""Every page's own address, opened first on a server that nobody has visited."""

import pytest

from tests.browser.conftest import Server, visiting


@pytest.mark.parametrize(
    ("address", "english", "chinese"),
    [
        ("/", "small model you can take apart", "可以拆开看的小模型"),
        ("/decode", "one word at a time", "一次只写一个词"),
        ("/train", "Train a model of your own", "训练一个自己的模型"),
        ("/scores", "How good is it", "它译得怎么样"),
        ("/compare", "Which change did what", "哪个改动起了什么作用"),
        ("/corpus", "The sentences a model learns from", "模型从哪些句子里学习"),
    ],
)
def test_a_cold_visit_shows_the_page_in_both_languages(browser, fresh_server: Server, address, english, chinese):
    with visiting(browser, fresh_server.url) as visit:
        for locale, words in (("zh-CN", chinese), ("en-US", english)):
            one = visit(locale).go(address)
            one.wait_for_text(words)
            one.page.locator(".st-key-bar a").nth(5).wait_for()


def test_the_bar_leads_to_every_page_and_keeps_the_language(visitor):
    visit = visitor("en-US").go("/?lang=zh")
    for label, words in (
        ("解码器", "一次只写一个词"),
        ("训练", "训练一个自己的模型"),
        ("评分", "它译得怎么样"),
        ("对比", "哪个改动起了什么作用"),
        ("语料", "模型从哪些句子里学习"),
        ("翻译", "可以拆开看"),
    ):
        visit.key("bar").get_by_text(label, exact=True).click()
        visit.page.get_by_text(words).first.wait_for()
        visit.settle()
        assert "lang=zh" in visit.page.url
