"""The walkthrough's looks: pictures of it in both languages, light and dark, on a laptop and on a wide screen.

`SEQ2SEQ_SCREENSHOTS=folder pytest tests/browser/test_decode_looks.py` keeps them, to be looked at.
"""

import pytest

from tests.browser.looks import assert_looks_well
from tests.browser.test_decode import LONGER, SENTENCE, open_decoder, take

LOOKS = [(locale, scheme) for locale in ("en-US", "zh-CN") for scheme in ("light", "dark")]
WIDTHS = (1280, 1680)


PLACES = {
    "short": (SENTENCE, {"step": 6, "ways": "3-4"}),
    "long": (LONGER, {"step": 15, "k": 20}),
    "alone": (LONGER, {"step": 20, "run": "twin-no-attention", "more": "lanes"}),
}


@pytest.mark.parametrize(("locale", "scheme"), LOOKS)
def test_the_page_looks_well(visitor, screenshots, locale, scheme):
    visit = visitor(locale, scheme)
    for name, (sentence, place) in PLACES.items():
        visit.page.set_viewport_size({"width": WIDTHS[0], "height": 1900})
        open_decoder(visit, sentence, **place)
        visit.page.locator(".tree g.node, .st-key-reference").first.wait_for()
        for width in WIDTHS:
            visit.page.set_viewport_size({"width": width, "height": 1900})
            visit.page.wait_for_timeout(400)
            visit.page.screenshot(path=screenshots / f"page-{name}-{locale}-{scheme}-{width}.png")
            assert_looks_well(visit.page, scheme)
        for _ in range(3):
            visit.page.keyboard.press("ArrowRight")
            assert_looks_well(visit.page, scheme)


def test_the_saved_page_looks_well_without_a_network(visitor, browser, screenshots, tmp_path):
    for name, sentence, place in (("short", SENTENCE, {"ways": "3-4", "more": "lanes"}), ("long", LONGER, {"k": 20})):
        visit = open_decoder(visitor(), sentence, step=6, **place)
        if name == "short":
            visit.page.locator(".lanes").wait_for()
        path = take(visit, "html", tmp_path)
        for locale, scheme in LOOKS:
            context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 1280, "height": 1900})
            page = context.new_page()
            page.goto(path.as_uri())
            page.locator(".walk .say b").first.wait_for()
            if locale == "zh-CN":
                page.locator("header button").click()
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 1900})
                page.wait_for_timeout(300)
                page.screenshot(path=screenshots / f"saved-{name}-{locale}-{scheme}-{width}.png", full_page=True)
                assert_looks_well(page, scheme)
            context.close()
