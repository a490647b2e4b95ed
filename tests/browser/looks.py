"""What a machine can tell of a picture's looks; the rest is for eyes, which SEQ2SEQ_SCREENSHOTS=folder is for."""

from typing import Any

# Run in the page. Pictures stand in shadow roots; a saved page has none.
_LOOK = r"""() => {
    const everything = (root) => [...root.querySelectorAll('*')].flatMap((node) => [node, ...(node.shadowRoot ? everything(node.shadowRoot) : [])]);
    const nodes = everything(document);
    const seen = (node) => node.getBoundingClientRect().width > 0 && node.checkVisibility({ visibilityProperty: true });
    const wide = [document.scrollingElement, ...nodes.filter((node) => node.matches('.walk, .card, [data-testid="stMain"]'))]
        .filter((node) => node.scrollWidth > node.clientWidth + 1)
        .map((node) => `${node.className || node.tagName}: ${node.scrollWidth} in ${node.clientWidth}`);

    // A text's letters fill about the middle half of its line.
    const pictures = nodes.filter((node) => node.matches('svg.picture'));
    const texts = pictures.map((svg) => [...svg.querySelectorAll('text')].filter((node) => node.textContent.trim() && seen(node)).map((node) => {
        const { left, right, top, bottom } = node.getBoundingClientRect();
        const upright = !(node.getAttribute('transform') ?? '').includes('rotate');
        const [across, down] = upright ? [1, (bottom - top) / 4] : [(right - left) / 4, 1];
        return { text: node.textContent, left: left + across, right: right - across, top: top + down, bottom: bottom - down };
    }));
    const overlaps = texts.flatMap((boxes) => boxes.flatMap((a, i) => boxes.slice(i + 1)
        .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        .map((b) => `${a.text} / ${b.text}`)));
    const outside = pictures.flatMap((svg, i) => {
        const frame = svg.getBoundingClientRect();
        return texts[i].filter((box) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1).map((box) => box.text);
    });

    // A letter without a glyph is drawn as every other letter without one.
    const walk = nodes.find((node) => node.matches('.walk'));
    const paint = Object.assign(document.createElement('canvas'), { width: 40, height: 40 }).getContext('2d', { willReadFrequently: true });
    const drawn = (letter) => {
        paint.clearRect(0, 0, 40, 40);
        paint.font = `24px ${getComputedStyle(walk).fontFamily}`;
        paint.fillText(letter, 4, 30);
        return paint.getImageData(0, 0, 40, 40).data.join();
    };
    const nothing = drawn('͸');
    const said = nodes.filter((node) => node.matches('.walk')).map((node) => node.textContent).join('');
    const tofu = [...new Set(said)].filter((letter) => letter.trim() && drawn(letter) === nothing);

    const luminance = (name) => {
        const probe = document.createElement('i');
        probe.style.color = `var(--${name})`;
        walk.append(probe);
        paint.fillStyle = getComputedStyle(probe).color;
        probe.remove();
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = luminance('paper');
    const contrast = Object.fromEntries(['ink', 'mute', 'encoder', 'context', 'decoder', 'attention', 'chosen', 'unknown'].map((name) => {
        const [low, high] = [luminance(name), paper].sort((a, b) => a - b);
        return [name, (high + 0.05) / (low + 0.05)];
    }));
    return { wide, overlaps, outside, tofu, paper, contrast, pictures: pictures.length };
}"""


def look(page: Any) -> dict[str, Any]:
    return page.evaluate(_LOOK)


def assert_looks_well(page: Any, scheme: str) -> None:
    """Nothing wider than the page, no text over another or outside its picture, no letter without a glyph, and
    colours of that scheme that can be told from the ground."""
    found = look(page)
    assert found["pictures"], "nothing is drawn"
    for fault in ("wide", "overlaps", "outside", "tofu"):
        assert not found[fault], f"{fault}: {found[fault]}"
    assert (found["paper"] < 0.1) == (scheme == "dark")
    assert found["contrast"]["ink"] > 7
    assert all(ratio > 3 for ratio in found["contrast"].values()), found["contrast"]
