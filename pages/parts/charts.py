"""Colours of charts that Altair draws: the middles of style.css's light and dark tones, since such a chart cannot ask
which of the two is shown."""

VALIDATION, TRAINING, CHOSEN, BEST = "#4a86e8", "#97a1b0", "#3fa556", "#e0508a"
