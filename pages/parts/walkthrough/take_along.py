"""The walkthrough as files: one HTML page that works offline, the steps as CSV, an animated GIF for slides."""

import base64
import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.problems import Problem
from pages.parts.walkthrough.ways import Way
from pages.parts.walkthrough.wording import texts

if TYPE_CHECKING:
    from core.decode import DecodeTrace

_HERE = Path(__file__).parent
_COLOURS = re.compile(r"\.stApp (\{.*?\n\})", re.DOTALL)
FRAME_SECONDS = 1.1
MOST_FRAMES = 60
_MOST_PIXELS = 1300 * 900


def file(name: str, kind: str, content: bytes) -> dict[str, str]:
    """A file for the browser to hand to the visitor."""
    return {"name": name, "type": kind, "content": base64.b64encode(content).decode("ascii")}


def steps_table(trace: "DecodeTrace", way: Way) -> bytes:
    """The steps as CSV, a row each, with a byte order mark so that spreadsheets read the Chinese.

    `yours` marks the words that a person took; the words before them are the decoder's own.
    """
    taken = {step for step, _ in way}
    width = max(len(step.candidates) for step in trace.steps)
    attends = trace.steps[0].attention is not None
    table = io.StringIO()
    rows = csv.writer(table)
    head = ["step", "input", "chosen", "probability", "ln_probability", "rank", "yours", "entropy_bits"]
    head += [f"{name}_{number}" for number in range(1, width + 1) for name in ("candidate", "probability")]
    head += [f"attention_{i}_{token.text}" for i, token in enumerate(trace.source, start=1)] if attends else []
    rows.writerow(head)
    for number, step in enumerate(trace.steps, start=1):
        row: list[Any] = [number, step.input_token, step.chosen.token, f"{step.chosen.probability:.6f}"]
        row += [f"{step.log_probability:.5f}", step.rank, "yes" if number in taken else "", f"{step.entropy:.4f}"]
        for candidate in step.candidates:
            row += [candidate.token, f"{candidate.probability:.6f}"]
        row += [f"{weight:.5f}" for weight in step.attention or ()]
        rows.writerow(row)
    return b"\xef\xbb\xbf" + table.getvalue().encode("utf-8")


def animation(frames: Sequence[str]) -> bytes:
    """PNG frames, in base64, as one looping GIF; the last stands longer. Raises Problem where they are no pictures."""
    from PIL import Image, UnidentifiedImageError

    pictures = []
    try:
        for frame in frames[:MOST_FRAMES]:
            picture = Image.open(io.BytesIO(base64.b64decode(frame)), formats=["PNG"])
            if picture.width * picture.height > _MOST_PIXELS:
                raise ValueError("too large")
            pictures.append(picture.convert("RGB").quantize(128, dither=Image.Dither.NONE))
        if not pictures:
            raise ValueError("no frames")
    except (ValueError, OSError, UnidentifiedImageError) as error:
        raise Problem(
            "The browser could not draw the animation. Make the window wider and try again.",
            "浏览器没能画出动画。请把窗口放宽一些再试。",
        ) from error
    durations = [int(FRAME_SECONDS * 1000)] * len(pictures)
    durations[-1] *= 2
    made = io.BytesIO()
    pictures[0].save(
        made, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1, optimize=False
    )
    return made.getvalue()


def page(title: str, parts: Sequence[dict[str, Any]], language: str, code: str, style: str) -> bytes:
    """One HTML file with everything in it, in both languages; the same scripts draw it, offline from any folder.

    parts: what each component was given, each with its `part`.
    """
    colours = _COLOURS.search((_HERE.parent / "style.css").read_text("utf-8"))
    data = {"title": title, "language": language, "parts": parts, "texts": {"en": texts("en"), "zh": texts("zh")}}
    # A script's text ends at "</", wherever it stands: in JSON the same letter can be written otherwise.
    filled = {
        "COLOURS": colours.group(1) if colours else "{}",
        "STYLE": style,
        "DATA": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
        "CODE": code.replace("export default function", "function draw"),
    }
    shell = (_HERE / "saved.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match.group(1)], shell).encode("utf-8")
