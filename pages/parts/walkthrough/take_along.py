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
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from core.decode import DecodeTrace

_HERE = Path(__file__).parent
_COLOURS = re.compile(r"\.stApp (\{.*?\n\})", re.DOTALL)
FRAME_SECONDS = 1.1
MOST_FRAMES = 60
_MOST_PIXELS = 1300 * 900
_COMMON_COLOURS = 96  # of a GIF's 256, those that are kept exactly


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
            pictures.append(picture.convert("RGB"))
        if not pictures:
            raise ValueError("no frames")
    except (ValueError, OSError, UnidentifiedImageError) as error:
        raise Problem(
            "The browser could not draw the animation. Make the window wider and try again.",
            "浏览器没能画出动画。请把窗口放宽一些再试。",
        ) from error
    drawn = _in_256_colours(pictures)
    durations = [int(FRAME_SECONDS * 1000)] * len(pictures)
    durations[-1] *= 2
    made = io.BytesIO()
    drawn[0].save(
        made, "GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0, disposal=1, optimize=False
    )
    return made.getvalue()


def _in_256_colours(pictures: Sequence["Image"]) -> list["Image"]:
    """All frames in one palette: the commonest colours as they are, the rest shared out among colours, not pixels.

    By pixels, as usual, paper and ink would take nearly all, and a faint attention of a few pixels would turn grey.
    """
    import numpy as np
    from PIL import Image

    pixels = [_packed(np.asarray(picture).reshape(-1, 3)) for picture in pictures]
    # Frame by frame: all pixels of a long sentence at once would be hundreds of megabytes to sort.
    colours, counts = zip(*(np.unique(packed, return_counts=True) for packed in pixels), strict=True)
    every, where = np.unique(np.concatenate(colours), return_inverse=True)
    order = every[np.argsort(-np.bincount(where, weights=np.concatenate(counts)), kind="stable")]
    common, others = order[:_COMMON_COLOURS], order[_COMMON_COLOURS:]
    if len(others):
        strip = Image.fromarray(_unpacked(others)[None])
        shared = strip.quantize(256 - len(common), Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB")
        common = np.concatenate([common, np.unique(_packed(np.asarray(shared).reshape(-1, 3)))])
    palette = _unpacked(common)
    # Pillow's own search for the nearest is coarse: white paper would not stay white.
    wanted = _unpacked(every).astype(np.int32)
    away = np.full(len(every), np.iinfo(np.int32).max, dtype=np.int32)
    nearest = np.zeros(len(every), dtype=np.uint8)
    for index, colour in enumerate(palette.astype(np.int32)):
        distance = ((wanted - colour) ** 2).sum(axis=1, dtype=np.int32)
        closer = distance < away
        away[closer], nearest[closer] = distance[closer], index
    drawn = []
    for picture, packed in zip(pictures, pixels, strict=True):
        frame = Image.new("P", picture.size)
        frame.putpalette(palette.tobytes())
        frame.frombytes(nearest[np.searchsorted(every, packed)].tobytes())
        drawn.append(frame)
    return drawn


def _packed(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint32]":
    """Each colour of (N, 3) as one number."""
    red, green, blue = pixels.T.astype("uint32")
    packed: NDArray[np.uint32] = red << 16 | green << 8 | blue
    return packed


def _unpacked(colours: "NDArray[np.uint32]") -> "NDArray[np.uint8]":
    return (colours[:, None] >> (16, 8, 0) & 255).astype("uint8")


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
