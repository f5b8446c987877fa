"""What the charts of all panels share: a wide and a narrow drawing of each.

An SVG that shrinks with the page shrinks its letters too, so every chart is drawn twice and the style sheet
shows the one that fits. Colours are classes; meaning never depends on colour alone (labels, dashes, shapes).
"""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from harness.report.drawing.svg import Canvas

WIDE, NARROW = 760, 330  # pixels
SMALL = 345  # of a drawing that stands beside another, and alone on a phone


def both(draw: Callable[[int], Canvas | None], wide: int = WIDE) -> Markup:
    """The wide and the narrow drawing, one of which is shown; empty when there is nothing to draw."""
    parts = [(name, draw(width)) for name, width in (("wide", wide), ("narrow", NARROW))]
    return Markup("").join(
        Markup('<div class="drawing {}">{}</div>').format(name, canvas.render())
        for name, canvas in parts
        if canvas
    )


def once(draw: Callable[[int], Canvas | None]) -> Markup:
    """One small drawing for every screen; empty when there is nothing to draw."""
    canvas = draw(SMALL)
    return Markup('<div class="drawing once">{}</div>').format(canvas.render()) if canvas else Markup("")
