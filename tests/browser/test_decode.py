"""The walkthrough: stepping happens in the browser, a losing word can be followed, and the address carries it all."""

import csv
import io
import os
import re
import signal
import statistics
import time
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from core.runs import Run
from core.train import train
from tests.browser.conftest import Server, visiting
from tests.conftest import PAIRS, tiny_config

SENTENCE = "我想喝一杯咖啡。"
LONG = "如果明天早上下雨，我和我的朋友们就不去公园，我们会在家里看书、听音乐、做饭，然后下午一起去学校旁边的图书馆学习中文。"
LONGER = (
    LONG[:-1]
    + "，晚上我们还要给住在北京的爷爷奶奶打电话，告诉他们我们的考试成绩，因为他们总是非常关心我们的学习和生活。"
)
ENDS = {"好": "good", "大": "big", "快": "fast"}


def where(visit) -> str:
    return visit.page.locator(".walk .where").inner_text()


def at_step(visit, step: int) -> None:
    visit.page.locator(".walk .where", has_text=re.compile(rf"\D*{step}\b")).wait_for()


def open_decoder(visit, sentence: str = SENTENCE, **place):
    query = "".join(f"&{key}={value}" for key, value in place.items())
    visit.go(f"/decode?sentence={quote(sentence)}{query}")
    visit.page.locator(".walk .say b").first.wait_for()
    return visit


def words(visit) -> list[str]:
    return visit.page.locator(".walk .so-far button").all_inner_texts()


def bars(visit):
    return visit.page.locator(".walk .bar:visible")


def test_a_link_from_translate_takes_the_sentence_along(visitor):
    visit = visitor().go("/")
    visit.type(SENTENCE)
    sentence = visit.translation
    visit.page.get_by_text("Watch the decoder write this").click()
    visit.page.locator(".walk .so-far button").first.wait_for()
    visit.settle()
    assert visit.key("sentence").locator("input").input_value() == SENTENCE
    assert words(visit)[-1] == "<eos>"
    assert sentence.startswith(words(visit)[0])


def test_keys_and_buttons_move_and_the_address_follows(visitor):
    visit = open_decoder(visitor())
    press = visit.page.keyboard.press
    assert where(visit).startswith("step 1 of")
    assert "<sos>" in visit.page.locator("div.say").inner_text()
    press("ArrowRight")
    assert where(visit).startswith("step 2 of")
    assert words(visit)[0] in visit.page.locator("div.say").inner_text(), "what came out goes in next"
    press("ArrowRight")
    visit.page.get_by_label("step back").click()
    assert where(visit).startswith("step 2 of")
    visit.page.wait_for_url(re.compile(r"step=2\b"))
    press("End")
    assert visit.page.locator(".bar.chosen .name").first.text_content() == "<eos>"
    assert visit.page.get_by_label("step forward").is_disabled()
    press("Home")
    assert where(visit).startswith("step 1 of")
    visit.key("sentence").locator("input").click()
    press("ArrowRight")
    assert where(visit).startswith("step 1 of"), "keys belong to whoever types"


def test_space_plays_to_the_end(visitor):
    visit = open_decoder(visitor())
    visit.page.locator(".speed").select_option("4")
    visit.page.mouse.click(5, 600)
    visit.page.keyboard.press("Space")
    last = len(words(visit))
    at_step(visit, last)
    visit.page.locator(".play[aria-pressed=false]").wait_for()
    visit.page.locator(".so-far button").first.click()
    at_step(visit, 1)
    visit.page.keyboard.press("Space")  # plays, and does not press the word again
    at_step(visit, last)


def test_k_and_temperature_are_redrawn_in_the_browser_and_the_caption_stays_true(visitor):
    visit = open_decoder(visitor(), step=2)
    assert bars(visit).count() == 10
    for k in (3, 20):
        visit.page.get_by_label("words shown").fill(str(k))
        assert bars(visit).count() == k
    for temperature in (0.3, 1.0, 1.8):
        visit.page.get_by_label("temperature").fill(str(temperature))
        shares = [float(text.strip("<%")) for text in visit.page.locator(".bar .share").all_text_contents()]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) < 100 + 20 * 0.1
        said = visit.page.locator("div.say").inner_text()
        assert f"{shares[0]:.1f}%" in said
        assert ("at temperature" in said) == (temperature != 1.0)
    visit.page.wait_for_url(re.compile("temperature=1.8"))
    visit.page.get_by_label("words shown").fill("3")
    tabbed = visit.page.locator(".bar[tabindex='0']")
    assert tabbed.count() == 1 and tabbed.is_visible(), "no key leads to a bar that is not drawn"
    assert visit.page.locator(".bar:not([aria-hidden=true])").count() == 3


def test_a_losing_word_is_followed_and_its_branch_opens_afresh_from_the_address(visitor):
    visit = open_decoder(visitor(), step=2)
    greedy = words(visit)
    second = bars(visit).nth(1)
    loser = second.locator(".name").text_content()
    second.click()
    visit.page.locator(".way").nth(1).wait_for()
    assert words(visit)[1] == loser
    assert words(visit)[0] == greedy[0]
    assert visit.page.locator(".way .differs").inner_text() == loser
    assert "ln p ≈ −" in visit.page.locator(".way .sum").nth(1).inner_text()
    assert where(visit).startswith("step 2"), "a branch leaves one where one stands"
    branch = words(visit)
    visit.page.wait_for_url(re.compile(r"ways=2-\d+"))
    visit.settle()

    other = visitor("zh-CN", "dark")
    other.page.goto(visit.page.url.replace("lang=en", "lang=zh"))
    other.page.locator(".way").nth(1).wait_for()
    assert words(other) == branch
    assert where(other).startswith("第 2 步")

    visit.page.go_back()
    visit.page.locator(".way").nth(1).wait_for(state="detached")
    assert words(visit) == greedy, "Back in the browser takes the branch back"


def test_ways_are_walked_and_pruned_by_keyboard(visitor):
    visit = open_decoder(visitor(), step=1)
    greedy = words(visit)
    bars(visit).first.focus()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".way").nth(1).wait_for()
    branch = words(visit)
    assert branch != greedy
    visit.page.locator(".walk-it").first.focus()
    visit.page.keyboard.press("Enter")
    assert words(visit) == greedy
    visit.page.locator(".prune").first.focus()
    visit.page.keyboard.press("Enter")
    visit.page.locator(".way").nth(1).wait_for(state="detached")
    visit.page.get_by_text("Put back").click()
    visit.page.locator(".way").nth(1).wait_for()


def test_words_are_merged_and_translated_again(visitor):
    visit = open_decoder(visitor(), step=2)
    visit.page.get_by_label("Merge 我 and 想").click()
    visit.page.get_by_text("The tokenizer's cut:").wait_for()
    assert visit.page.locator(".cut .token").first.inner_text() == "我想"
    assert where(visit).startswith("step 2")
    visit.page.wait_for_url(re.compile(r"cut=2\."))
    visit.page.get_by_text("Back to the tokenizer").click()
    visit.page.get_by_text("The tokenizer's cut:").wait_for(state="detached")


def test_the_address_opens_at_its_step_on_a_fresh_server(browser, fresh_server: Server):
    with visiting(browser, fresh_server.url) as visit:
        one = open_decoder(visit("zh-CN"), step=3)
        assert where(one).startswith("第 3 步")
        assert one.key("sentence").locator("input").input_value() == SENTENCE


def test_nonsense_in_the_address_is_left_out(visitor):
    visit = open_decoder(visitor(), step=999, k=77, temperature="hot", way="9-9", ways="1-9999999_x_3-1.2-1", cut="7.7")
    step, steps = re.findall(r"\d+", where(visit))
    assert step == steps
    assert visit.page.locator(".way").count() == 1
    visit.page.locator(".walk .note", has_text="left out").wait_for()


# The picture's own root, wherever Streamlit put it.
FIND = """const find = (root) => root.querySelector('.walk') ?? [...root.querySelectorAll('*')]
    .map((node) => node.shadowRoot && find(node.shadowRoot)).find(Boolean);
const root = find(document);
const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));"""


def test_a_step_of_a_long_sentence_is_drawn_within_a_frame(visitor, capsys):
    """The processor's time for script, style and layout: it is the same however busy the machine is otherwise. How long
    a visitor waits, from the key to the paint after it, is said beside it."""
    for sentence, words in ((LONG, 30), (LONGER, 60)):
        visit = open_decoder(visitor(), sentence, k=20)
        visit.settle()
        assert visit.page.locator(".cell.encoder").count() >= words
        tools = visit.page.context.new_cdp_session(visit.page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})

        def spent(tools=tools) -> float:
            found = {metric["name"]: metric["value"] for metric in tools.send("Performance.getMetrics")["metrics"]}
            return sum(found[f"{work}Duration"] for work in ("Script", "RecalcStyle", "Layout")) * 1000

        before = spent()
        visit.page.evaluate(
            f"""() => {{ {FIND}
                for (let i = 0; i < 30; i++) {{
                    press(i < 15 ? 'ArrowRight' : 'ArrowLeft');
                    root.getBoundingClientRect();
                }}
            }}"""
        )
        took = (spent() - before) / 30
        # A frame callback runs before the paint; a message that it posts is read after it.
        waits = visit.page.evaluate(
            f"""async () => {{ {FIND}
                const waits = [];
                const painted = () => new Promise((done) => requestAnimationFrame(() => {{
                    const channel = new MessageChannel();
                    channel.port1.onmessage = () => done(performance.now());
                    channel.port2.postMessage(null);
                }}));
                press('Home');
                await painted();
                const steps = root.querySelectorAll('.so-far button').length;
                for (let i = 1; i < steps; i++) {{
                    await new Promise((done) => requestAnimationFrame(done));
                    const begin = performance.now();
                    press('ArrowRight');
                    waits.push(await painted() - begin);
                }}
                return waits;
            }}"""
        )
        with capsys.disabled():
            print(
                f"\n{words} words, k = 20: {took:.1f} ms of processor time a step; from key to paint"
                f" {statistics.median(waits):.1f} ms (median of {len(waits)} steps, most {max(waits):.1f})"
            )
        assert took < 16, f"{took:.1f} ms"


def test_a_long_sentence_keeps_readable_cells_and_folds_the_rest(visitor):
    visit = open_decoder(visitor(), LONGER, step=4)
    cells, folds = (visit.page.locator(f".walk .{kind}.encoder:visible") for kind in ("cell", "fold"))
    assert visit.page.locator(".cell.encoder").count() >= 60

    def seen() -> list[str]:
        return cells.locator(".word").all_text_contents()

    assert all(box["width"] >= 36 for box in (cell.bounding_box() for cell in cells.all()))
    counts = [int(text) for text in folds.locator("text").all_text_contents()]
    assert sum(counts) + cells.count() == visit.page.locator(".cell.encoder").count(), "each word is seen or counted"
    most = visit.page.locator(".say .source-word").inner_text()
    assert most in seen(), "what the decoder looks at is never folded"
    before = seen()
    folds.last.hover()
    assert "folded words" in visit.page.locator(".walk .tip").inner_text()
    folds.last.press("Enter")
    assert seen() != before and where(visit).startswith("step 4")
    # By arrows alone, through the folds to the end.
    visit.page.locator(".cell.encoder[tabindex='0']").focus()
    for _ in range(70):
        visit.page.keyboard.press("ArrowDown")
    assert seen()[-1] == "<eos>"
    visit.page.keyboard.press("ArrowRight")
    at_step(visit, 5)
    assert visit.page.locator(".say .source-word").inner_text() in seen(), "the next step opens what it is about"


def test_moving_sends_one_message_however_many_keys(visitor):
    visit = open_decoder(visitor())
    begin = time.monotonic()
    for _ in range(4):
        visit.page.keyboard.press("ArrowRight")
    quick = time.monotonic() - begin
    assert where(visit).startswith("step 5 of")
    assert quick < 2
    visit.page.wait_for_url(re.compile(r"step=5\b"))


def test_an_old_answer_never_moves_a_newer_step(visitor, server: Server):
    """The server is stopped while the keys are pressed and a sentence plays: all its answers come late, and together."""
    visit = open_decoder(visitor())
    visit.settle()
    seen = []

    def late(act, times: int) -> None:
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            for _ in range(times):
                act()
                visit.page.wait_for_timeout(450)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        for _ in range(15):
            seen.append(int(re.findall(r"\d+", where(visit))[0]))
            visit.page.wait_for_timeout(100)

    late(lambda: visit.page.keyboard.press("ArrowRight"), 4)
    assert seen == [5] * len(seen)
    visit.page.wait_for_url(re.compile(r"step=5\b"))
    visit.page.keyboard.press("Home")
    visit.page.locator(".speed").select_option("2")
    visit.page.locator(".play").click()
    seen.clear()
    late(lambda: None, 4)
    at_step(visit, len(words(visit)))
    assert seen == sorted(seen)
    visit.page.wait_for_url(re.compile(rf"step={len(words(visit))}\b"))


def test_who_goes_on_from_translate_at_once_finds_its_example(visitor):
    for early in (True, False):
        visit = visitor()
        if early:
            visit.page.goto(visit.url, wait_until="commit")
        else:
            visit.go("/")
        visit.key("bar").get_by_text("Decoder").click()
        visit.page.locator(".walk .say b").first.wait_for()
        visit.settle()
        example = visit.key("sentence").locator("input").input_value()
        assert example and visit.key("example-0").inner_text().strip() == example
        assert words(visit)[-1] == "<eos>"


def test_greedy_and_beam_search_stand_on_one_tree(visitor):
    visit = open_decoder(visitor(), "我喜欢学习机器学习。", width=5)
    tree = visit.page.locator(".tree")
    tree.locator("g.node").first.wait_for()
    greedy = [node.split("−")[0] for node in tree.locator("g.node.greedy").all_text_contents()]
    assert [word.strip() for word in greedy][:2] == words(visit)[:2]
    assert tree.locator("g.node.pruned").count() > 0
    assert tree.locator("g.node.final").count() == 5 == visit.page.locator(".best tr").count() - 1
    tree.locator(".node[tabindex='0']").focus()
    visit.page.keyboard.press("ArrowRight")
    assert "+ 2 ≈" in visit.page.locator(".about").inner_text()
    assert where(visit).startswith("step 1"), "the arrows belong to the tree now"


def test_teacher_forcing_and_free_running_stand_in_two_lanes(visitor):
    visit = open_decoder(visitor(), more="lanes")
    table = visit.page.locator(".lanes")
    table.wait_for()
    assert table.locator(".truth td").count() == table.locator(".losses.forced td").count()
    box = visit.key("reference").locator("input")
    box.fill("".join(word if word in ".?" else " " + word for word in words(visit)[:-1]).strip())
    box.press("Enter")
    visit.page.get_by_text("never part").wait_for()
    assert table.locator("td.apart").count() == 0
    box.fill("We <b>never</b> drank tea.")
    box.press("Enter")
    visit.page.get_by_text("They part at step").wait_for()
    assert "never</b" in table.locator(".truth").inner_text()
    assert table.locator("b").count() == 0


def test_a_click_opens_the_arithmetic_with_this_models_shapes(visitor):
    visit = open_decoder(visitor(), step=2)
    sums = visit.page.locator(".sums")
    visit.page.locator(".softmax").click()
    sums.get_by_text("prediction = self.fc_out(output.squeeze(0))").wait_for()
    assert re.search(r"fc_out: \(1, \d+\) × \(\d+, \d+\) → \(1, \d+\)", sums.inner_text())
    visit.page.locator(".pill").click()
    sums.get_by_text("hidden = self.encoder(src)").wait_for()
    visit.page.locator(".cell.encoder").nth(1).click()
    sums.get_by_text("The encoder at 想").wait_for()
    sums.locator(".operation").first.wait_for()
    visit.page.keyboard.press("ArrowRight")
    sums.get_by_text("The arithmetic of step 3").wait_for()
    sums.get_by_label("Close").click()
    assert sums.is_hidden()
    visit.page.locator(".mix").click()
    sums.get_by_text("m = tanh(W [c ; s] + b)").wait_for()
    visit.page.keyboard.press("Escape")
    assert sums.is_hidden()


def take(visit, kind: str, folder: Path) -> Path:
    with visit.page.expect_download(timeout=90_000) as download:
        visit.page.locator(f"[data-focus=save-{kind}]").click()
    assert download.value.suggested_filename.endswith(f".{kind}")
    path = folder / f"walkthrough.{kind}"
    download.value.save_as(path)
    return path


def test_the_saved_page_opens_from_disk_without_a_network(visitor, browser, tmp_path):
    visit = open_decoder(visitor(), step=3, k=7, temperature=0.7, ways="3-4")
    shares = visit.page.locator(".bar .share:visible").all_text_contents()
    path = take(visit, "html", tmp_path)
    context = browser.new_context(offline=True, locale="zh-CN", color_scheme="dark")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else errors.append(request.url)
    )
    page.goto(path.as_uri())
    page.locator(".walk .say b").first.wait_for()
    assert page.locator(".where").inner_text().startswith("step 3")
    assert page.locator(".bar .share:visible").all_text_contents() == shares, "k and temperature came along"
    assert page.locator(".way").count() == 2
    assert page.locator(".merge, .split").count() == 0, "without a model nothing is cut anew"
    assert all(page.locator("h2").all_inner_texts()), "no heading is empty"
    assert not [
        label
        for label in page.locator(".bar:visible").evaluate_all("rows => rows.map(row => row.ariaLabel)")
        if "Click" in label
    ]
    page.keyboard.press("ArrowRight")
    page.locator(".softmax").click()
    page.locator(".sums").get_by_text("self.fc_out(output.squeeze(0))").wait_for()
    page.get_by_role("button", name="中文").click()
    assert page.locator(".where").inner_text().startswith("第 4 步")
    page.keyboard.press("ArrowRight")
    assert page.locator(".where").inner_text().startswith("第 5 步"), (
        "the language's button leaves the arrows to the picture"
    )
    assert page.locator(".tree .node").count() > 10
    context.close()
    assert not errors, errors


def test_the_steps_are_saved_as_a_table_that_marks_only_the_visitors_own_words(visitor, tmp_path):
    visit = open_decoder(visitor(), step=3, way="3-4", ways="3-4")
    rows = list(csv.DictReader(io.StringIO(take(visit, "csv", tmp_path).read_text("utf-8-sig"))))
    assert [row["chosen"] for row in rows] == words(visit)
    assert [row["step"] for row in rows if row["yours"]] == ["3"]
    assert abs(sum(float(share) for key, share in rows[0].items() if key.startswith("attention_")) - 1) < 1e-3


def test_the_animation_is_a_gif_with_a_frame_for_each_step(visitor, tmp_path):
    visit = open_decoder(visitor())
    with Image.open(take(visit, "gif", tmp_path)) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == len(words(visit))
        assert picture.width <= 1240
        frames = []
        for number in range(picture.n_frames):
            picture.seek(number)
            frames.append(picture.convert("RGB").tobytes())
    assert len(set(frames)) == len(frames), "no two steps look the same"
    visit.page.get_by_text("an animation for slides").wait_for()
    assert where(visit).startswith("step 1")


def test_without_attention_the_lone_context_vector_is_what_one_sees(visitor, checkpoints):
    run = Run.create(checkpoints / "no-attention", tiny_config(attention="none", epochs=1), PAIRS)
    list(train(run))
    visit = open_decoder(visitor(scheme="dark"), "我想看见独角兽。", run=run.name)
    assert "context: 16 numbers" in visit.page.locator(".pill").text_content()
    assert visit.page.locator(".bundle").count() == visit.page.locator(".heat").count() == 0
    assert "no attention" in visit.page.locator("div.say").inner_text()
    unknown = visit.page.locator(".unknowns li").last
    visit.page.locator("[data-focus=count]").click()
    visit.page.get_by_text("Training never saw it").first.wait_for()
    assert "<unk>" in unknown.inner_text()
    visit.page.locator(".pill").click()
    visit.page.locator(".sums").get_by_text("s₀ = h_S").wait_for()
    run.delete()


def test_a_decoder_that_goes_round_in_circles_for_200_words_stays_usable(visitor, checkpoints, tmp_path):
    pairs = [("很" * count + end, "very " * count + word) for count in range(30, 42) for end, word in ENDS.items()]
    config = tiny_config(source_tokenizer="characters", hidden=32, epochs=6)
    run = Run.create(checkpoints / "very", config, pairs)
    list(train(run))
    visit = open_decoder(visitor(), "很" * 98 + "好", run=run.name)
    said = words(visit)
    assert len(said) >= 200 and set(said[:200]) == {"very"}
    visit.page.keyboard.press("End")
    at_step(visit, len(said))
    assert visit.page.locator(".walk .so-far .now").bounding_box()["width"] > 20
    widths = "cells => cells.map(cell => cell.getBoundingClientRect().width).filter(width => width > 0)"
    assert min(visit.page.locator(".cell").evaluate_all(widths)) >= 30
    begin = time.monotonic()
    for _ in range(50):
        visit.page.keyboard.press("ArrowLeft")
    assert time.monotonic() - begin < 5
    at_step(visit, len(said) - 50)
    assert len(take(visit, "csv", tmp_path).read_text("utf-8-sig").splitlines()) == len(said) + 1
    with Image.open(take(visit, "gif", tmp_path)) as picture:
        assert picture.n_frames <= 60, "of so many steps every fourth"
    visit.go(f"/?run={run.name}&sentence={quote('很' * 98 + '好')}")
    visit.wait_for_text("was cut off: it went round in circles")


def test_the_attention_map_answers_to_the_arrows(visitor):
    visit = open_decoder(visitor(), step=4)
    map_of = visit.page.locator("[data-focus=heat]")
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate(f"() => {{ {FIND} return root.getRootNode().activeElement?.dataset?.focus }}") == "heat":
            break
    else:
        raise AssertionError("Tab never comes to the map")
    cells = map_of.get_attribute("aria-valuetext")
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("ArrowUp")
    second = map_of.get_attribute("aria-valuetext")
    assert second != cells and f"writing {words(visit)[1]}:" in second
    assert visit.page.locator(".walk .tip").inner_text() == second
    assert where(visit).startswith("step 4"), "looking around moves no step"
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("Enter")
    at_step(visit, 2)
    visit.page.keyboard.press("ArrowDown")
    assert map_of.get_attribute("aria-valuetext") == second, "what is not written yet has no weights"


def test_all_of_it_is_reached_by_tab_alone_and_says_what_it_is(visitor):
    """From the first button to the last: each stop has a name, is seen, and none is a trap."""
    visit = open_decoder(visitor(), step=2, ways="2-4")
    visit.page.locator("[data-focus=play]").focus()
    stops = []
    for _ in range(80):
        stop = visit.page.evaluate(
            """() => {
                let node = document.activeElement;
                while (node.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
                const box = node.getBoundingClientRect();
                const name = node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent;
                return { focus: node.dataset.focus, name: name.trim(), seen: box.width > 0 && box.height > 0,
                    mark: getComputedStyle(node).outlineStyle, inside: Boolean(node.closest('.walk')) };
            }"""
        )
        if not stop["inside"]:
            break
        stops.append(stop)
        visit.page.keyboard.press("Tab")
    reached = {stop["focus"] for stop in stops}
    assert {"forward", "k", "temperature", "bundles", "pill", "cell", "softmax", "bar-0"} <= reached
    assert {"save-html", "save-gif", "word-0", "encoder-0", "way-0", "prune-2-4", "merge-1"} <= reached
    for stop in stops:
        assert stop["focus"] and stop["name"] and stop["seen"], stop
        assert stop["mark"] != "none", f"nothing shows that {stop} has the focus"
    assert len(stops) < 80, "Tab leads out again"


def test_with_reduced_motion_nothing_moves_by_itself(visitor):
    visit = visitor()
    visit.page.emulate_media(reduced_motion="reduce")
    open_decoder(visit, LONGER, step=3)
    moving = "root.getAnimations({ subtree: true }).length"
    visit.page.keyboard.press("ArrowRight")
    at_step(visit, 4)
    assert visit.page.evaluate(f"() => {{ {FIND} return {moving}; }}") == 0
    bars(visit).nth(1).click()  # what waits for the model does not pulse
    assert visit.page.evaluate(f"() => {{ {FIND} return {moving}; }}") == 0
    visit.page.locator(".way").nth(1).wait_for()
    # Playing is asked for, and goes from step to step without anything in between.
    last = int(re.findall(r"\d+", visit.page.locator(".walk .where").inner_text())[1])
    visit.page.locator(".speed").select_option("4")
    visit.page.locator(".play").click()
    at_step(visit, last)
    assert visit.page.evaluate(f"() => {{ {FIND} return {moving}; }}") == 0


def test_tokens_that_look_like_html_stay_text(visitor):
    visit = open_decoder(visitor(), "我喜欢<script>alert(1)</script>和<img src=x onerror=alert(2)>。", step=2)
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    shown = "".join(visit.page.locator(".cell.encoder .word").all_text_contents())
    assert "script" in shown and "onerror" in "".join(visit.page.locator(".cut .token").all_inner_texts())
    visit.page.keyboard.press("End")
    assert visit.page.locator(".walk img, .walk script").count() == 0
    assert not dialogs
