"""The decoder page: stepping happens in the browser, and the address carries where one is."""

import re
import time
from urllib.parse import quote

from tests.browser.conftest import Server, visiting

SENTENCE = "我想喝一杯咖啡。"


def where(visit) -> str:
    return visit.page.locator(".stepper .where").inner_text()


def open_decoder(visit, step: int = 1):
    visit.go(f"/decode?sentence={quote(SENTENCE)}&step={step}")
    visit.page.locator(".stepper .where").wait_for()
    return visit


def test_a_link_from_translate_takes_the_sentence_along(visitor):
    visit = visitor().go("/")
    visit.type(SENTENCE)
    sentence = visit.translation
    visit.page.get_by_text("Watch the decoder write this").click()
    visit.page.locator(".stepper .so-far").wait_for()
    visit.settle()
    assert visit.key("sentence").locator("input").input_value() == SENTENCE
    words = visit.page.locator(".so-far button").all_inner_texts()
    assert words[-1] == "<eos>"
    assert sentence.startswith(words[0])


def test_keys_and_buttons_move_and_the_address_follows(visitor):
    visit = open_decoder(visitor())
    stepper = visit.page.locator(".stepper")
    assert where(visit).startswith("step 1 of")
    assert "<sos>" in stepper.locator(".cell").first.inner_text()
    first_word = stepper.locator(".cell.out b").inner_text()
    stepper.focus()
    stepper.press("ArrowRight")
    assert where(visit).startswith("step 2 of")
    assert first_word in stepper.locator(".cell").first.inner_text(), "what came out goes in next"
    stepper.press("ArrowRight")
    stepper.get_by_label("step back").click()
    assert where(visit).startswith("step 2 of")
    visit.page.wait_for_url(re.compile(r"step=2\b"))
    stepper.focus()
    stepper.press("End")
    assert stepper.locator(".cell.out b").inner_text() == "<eos>"
    assert stepper.get_by_label("step forward").is_disabled()
    stepper.press("Home")
    assert where(visit).startswith("step 1 of")


def test_arrow_keys_work_without_a_click_but_not_while_typing(visitor):
    visit = open_decoder(visitor())
    visit.page.keyboard.press("ArrowRight")
    assert where(visit).startswith("step 2 of")
    visit.key("sentence").locator("input").click()
    visit.page.keyboard.press("ArrowRight")
    assert where(visit).startswith("step 2 of")


def test_the_candidates_are_sorted_the_first_is_the_argmax_and_k_goes_from_3_to_20(visitor):
    visit = open_decoder(visitor())
    bars = visit.page.locator(".stepper .bar")
    assert bars.count() == 10
    assert "argmax" in bars.first.inner_text()
    shares = [float(text.strip("<%")) for text in visit.page.locator(".bar .share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    slider = visit.page.locator(".stepper input[type=range]")
    for k in (3, 20):
        slider.fill(str(k))
        assert bars.count() == k


def test_attention_is_drawn_over_the_source_and_sums_to_one(visitor):
    visit = open_decoder(visitor(), step=2)
    weights = visit.page.locator(".source .tower i").evaluate_all(
        "bars => bars.map(bar => parseFloat(bar.style.height))"
    )
    assert abs(sum(weights) - 100) < 1
    assert visit.page.locator(".heat tbody tr").count() == 2


def test_the_address_opens_at_its_step_on_a_fresh_server(browser, fresh_server: Server):
    with visiting(browser, fresh_server.url) as visit:
        one = open_decoder(visit("zh-CN"), step=3)
        assert where(one).startswith("第 3 步")
        assert one.key("sentence").locator("input").input_value() == SENTENCE


def test_a_step_beyond_the_end_opens_at_the_last(visitor):
    visit = open_decoder(visitor(), step=999)
    step, steps = re.findall(r"\d+", where(visit))
    assert step == steps


def test_a_step_is_drawn_within_a_frame_or_two(visitor):
    visit = open_decoder(visitor())
    took = visit.page.evaluate(
        """() => {
            const stepper = document.querySelector('[data-testid="stMain"]').ownerDocument;
            const find = (root) => root.querySelector('.stepper') ?? [...root.querySelectorAll('*')]
                .map((node) => node.shadowRoot && find(node.shadowRoot)).find(Boolean);
            const root = find(stepper), times = [];
            for (let i = 0; i < 20; i++) {
                const key = i % 2 ? 'ArrowLeft' : 'ArrowRight', begin = performance.now();
                root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
                root.getBoundingClientRect();
                times.push(performance.now() - begin);
            }
            return times.sort((a, b) => a - b)[10];
        }"""
    )
    assert took < 50, f"median {took:.1f} ms"


def test_moving_sends_one_message_however_many_keys(visitor):
    visit = open_decoder(visitor())
    stepper = visit.page.locator(".stepper")
    stepper.focus()
    begin = time.monotonic()
    for _ in range(4):
        stepper.press("ArrowRight")
    quick = time.monotonic() - begin
    assert where(visit).startswith("step 5 of")
    assert quick < 2
    visit.page.wait_for_url(re.compile(r"step=5\b"))
