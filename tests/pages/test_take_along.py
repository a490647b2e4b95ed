"""Files to take along: what is drawn in a picture is in the animation."""

import base64
import io

import numpy as np
from PIL import Image, ImageDraw

from pages.parts.walkthrough.take_along import animation

FAINT = (232, 226, 248)  # an attention of next to nothing, on paper


def frame(step: int) -> str:
    """White paper, letters in hundreds of greys and colours, and one faint cell that moves on."""
    picture = Image.new("RGB", (400, 200), "white")
    draw = ImageDraw.Draw(picture)
    for grey in range(256):
        draw.line((grey, 0, grey, 60), fill=(grey, grey, grey))
        draw.line((grey, 60, grey, 80), fill=(255, grey, 255 - grey))
    draw.rectangle((10 * step, 150, 10 * step + 3, 153), fill=FAINT)
    made = io.BytesIO()
    picture.save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode("ascii")


def test_a_faint_colour_of_few_pixels_stays_that_colour_in_every_frame() -> None:
    with Image.open(io.BytesIO(animation([frame(step) for step in range(1, 4)]))) as film:
        for number in range(3):
            film.seek(number)
            pixels = np.asarray(film.convert("RGB")).astype(int)
            shown = pixels[151, 10 * (number + 1) + 1]
            assert abs(shown - FAINT).max() < 12, shown
            assert pixels[195, 395].tolist() == [255, 255, 255]
