"""What the workshop says of its objects: nouns with one or two of colour, texture, direction and count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np

from gsam_edge.synthetic.ground import COLOURS
from gsam_edge.synthetic.shapes import SHAPES
from gsam_edge.synthetic.texture import PATTERNS
from gsam_edge.synthetic.workshop.config import WorkshopConfig
from gsam_edge.synthetic.workshop.flaws import FLAWS, TONELESS
from gsam_edge.synthetic.workshop.parts import PARTS

#: Tones of marks, which take their hue from the ground beneath.
TONES = ("dark", "pale")

#: Directions of long things and the angles, radians, around which they lie.
DIRECTIONS: dict[str, tuple[float, ...]] = {"level": (0.0,), "upright": (pi / 2,), "slanting": (pi / 4, 3 * pi / 4)}
_SPREAD = 0.2

#: Numbers as they stand before what is counted.
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

#: Shapes with a direction.
LONG_SHAPES = ("bar", "rectangle", "ellipse", "ladder", "dumbbell", "leaf", "zigzag")

#: Things that can be named.
NOUNS: tuple[str, ...] = (*SHAPES, *PARTS, *FLAWS)

#: Every word that a phrase of the workshop can hold.
WORKSHOP_WORDS: tuple[str, ...] = tuple(
    sorted(
        {*COLOURS, *TONES, *PATTERNS, *DIRECTIONS, *NUMBERS.values(), *NOUNS}
        | {part.counted for part in PARTS.values() if part.counted}
    )
)


@dataclass(frozen=True)
class Told:
    """Which attributes all phrases of an image tell."""

    colour: bool = False
    texture: bool = False
    direction: bool = False
    count: bool = False


@dataclass(frozen=True)
class Look:
    """Appearance of an object, from which a phrase is made; what does not apply is empty."""

    noun: str
    colour: str = ""
    texture: str = "plain"
    direction: str = ""
    count: int = 1

    def phrase(self, told: Told) -> str:
        """Returns the noun phrase with the told attributes, such as "red striped ring" or "two hole tag"."""
        counted = PARTS[self.noun].counted if self.noun in PARTS else ""
        words = (
            self.colour if told.colour else "",
            self.texture if told.texture and self.noun in SHAPES else "",
            self.direction if told.direction else "",
            f"{NUMBERS[self.count]} {counted}" if told.count and counted else "",
            self.noun,
        )
        return " ".join(word for word in words if word)

    def angle(self, rng: np.random.Generator, told: Told) -> float:
        """Draws an angle, radians: near the direction where phrases tell it, any otherwise."""
        if not (told.direction and self.direction):
            return float(rng.uniform(0, 2 * pi))
        middle = DIRECTIONS[self.direction]
        return float(middle[rng.integers(len(middle))] + pi * rng.integers(2) + rng.uniform(-_SPREAD, _SPREAD))


def draw_told(rng: np.random.Generator, config: WorkshopConfig) -> Told:
    """Draws what an image's phrases tell: colours or not, and at most one of texture, direction and count."""
    colour = bool(rng.random() < config.colour_word_probability)
    draw = rng.random()
    texture = draw < config.texture_word_probability
    direction = not texture and draw < config.texture_word_probability + config.direction_word_probability
    below = config.texture_word_probability + config.direction_word_probability + config.count_word_probability
    return Told(colour, bool(texture), bool(direction), bool(not texture and not direction and draw < below))


def draw_look(rng: np.random.Generator, config: WorkshopConfig, others: Sequence[Look]) -> Look:
    """Draws an object's appearance, often that of another one with a single attribute changed."""
    if others and rng.random() < config.look_alike_probability:
        changed = _changed(rng, others[int(rng.integers(len(others)))])
        if changed not in others:
            return changed
    draw = rng.random()
    if draw < config.flaw_probability:
        return _look(rng, tuple(FLAWS)[rng.integers(len(FLAWS))])
    if draw < config.flaw_probability + config.part_probability:
        return _look(rng, tuple(PARTS)[rng.integers(len(PARTS))])
    shape = _look(rng, tuple(SHAPES)[rng.integers(len(SHAPES))])
    return shape if rng.random() < config.texture_probability else replace(shape, texture="plain")


def _look(rng: np.random.Generator, noun: str) -> Look:
    if noun in FLAWS:
        tone = "" if noun in TONELESS else TONES[rng.integers(2)]
        return Look(noun, tone, direction=_direction(rng, FLAWS[noun].is_long))
    colour = tuple(COLOURS)[rng.integers(len(COLOURS))]
    if noun in PARTS:
        part = PARTS[noun]
        count = part.counts[rng.integers(len(part.counts))]
        return Look(noun, colour, direction=_direction(rng, part.is_long), count=count)
    texture = "plain" if noun == "spiral" else PATTERNS[rng.integers(1, len(PATTERNS))]
    return Look(noun, colour, texture, _direction(rng, noun in LONG_SHAPES))


def _direction(rng: np.random.Generator, is_long: bool) -> str:
    return tuple(DIRECTIONS)[rng.integers(len(DIRECTIONS))] if is_long else ""


def _changed(rng: np.random.Generator, look: Look) -> Look:
    """Returns the look with one attribute replaced by another look's of the same noun, or the noun by a similar one."""
    other = _look(rng, look.noun)
    changes = [replace(look, colour=other.colour), replace(look, direction=other.direction)]
    changes += [replace(look, count=other.count)] if look.noun in PARTS else []
    changes += [replace(look, texture=other.texture)] * 2 if look.noun in SHAPES else []
    return changes[rng.integers(len(changes))]


def draw_absent(rng: np.random.Generator, phrases: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Draws phrases that are true of no object in a workshop scene, as negatives for a prompt.

    About half of them are look-alikes: one of the scene's phrases with a single word replaced by one of its kind.

    Args:
        rng: random generator.
        phrases: the scene's phrases, at least one.
        count: how many at most.

    Returns:
        Up to `count` different phrases that tell the same attributes as the scene's own.
    """
    drawn: dict[str, None] = {}
    for _ in range(6 * count):
        words = phrases[rng.integers(len(phrases))].split()
        places = range(len(words)) if rng.random() < 0.5 else (len(words) - 1,)
        row = places[rng.integers(len(places))]
        kind = next(kind for kind in _kinds(words[-1]) if words[row] in kind)
        words[row] = kind[rng.integers(len(kind))]
        phrase = " ".join(words)
        if phrase not in phrases:
            drawn[phrase] = None
    return tuple(drawn)[:count]


def _kinds(noun: str) -> tuple[tuple[str, ...], ...]:
    """Returns the sets of words that may replace each other in a phrase with this noun, the nouns first."""
    part = PARTS.get(noun)
    counted = (part.counted,) if part and part.counted else ()
    numbers = tuple(NUMBERS[n] for n in part.counts) if part else ()
    return (_similar(noun), tuple(COLOURS), TONES, PATTERNS, tuple(DIRECTIONS), numbers, counted)


def _similar(noun: str) -> tuple[str, ...]:
    """Returns the nouns that take the same attributes as a noun."""

    def key(name: str) -> tuple[object, ...]:
        if name in SHAPES:
            return ("shape", name in LONG_SHAPES)
        if name in PARTS:
            return ("part", PARTS[name].is_long, PARTS[name].counted)
        return ("flaw", FLAWS[name].is_long, name in TONELESS)

    return tuple(name for name in NOUNS if key(name) == key(noun))
