"""A moving picture made of screenshots: a window, and now and then another one before it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

DIMMED = 0.55
"""How light the window behind another one is."""

SHADOW, BLUR = 24, 18
"""Pixels by which a shadow surrounds a window, and by which it is blurred."""


@dataclass(frozen=True)
class Scene:
    """A picture of a window as PNG, the seconds for which it is shown, and perhaps a picture of one before it."""

    behind: bytes
    seconds: float
    before: bytes | None = None


def write_movie(scenes: Sequence[Scene], path: Path) -> None:
    """Write *scenes*, of one size, into the GIF *path*, which begins again at its end."""
    frames = [_frame(scene) for scene in scenes]
    first, *others = [frame.quantize(256, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(scene.seconds * 1000) for scene in scenes]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


def _frame(scene: Scene) -> Image.Image:
    frame = _opened(scene.behind)
    if scene.before is None:
        return frame
    window = _opened(scene.before)
    window.thumbnail((frame.width - 4 * SHADOW, frame.height - 4 * SHADOW), Image.Resampling.LANCZOS)
    left, top = (frame.width - window.width) // 2, (frame.height - window.height) // 2
    around = (left - SHADOW, top - SHADOW, left + window.width + SHADOW, top + window.height + SHADOW)
    shadow = Image.new("L", frame.size, 0)
    ImageDraw.Draw(shadow).rectangle(around, fill=150)
    dimmed = frame.point(lambda value: int(value * DIMMED))
    dimmed.paste((0, 0, 0), mask=shadow.filter(ImageFilter.GaussianBlur(BLUR)))
    dimmed.paste(window, (left, top))
    return dimmed


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")
