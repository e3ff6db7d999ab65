"""Mutated COCO files end in a report or in a readable refusal, whichever way they are read, never in anything else."""

import contextlib
import copy
import json
import math
import random
import time

import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError, RawCoco, SplitConfig, complete, split, statistics, validate
from gsam_edge.coco.checks.table import CHECKS

SPLIT = SplitConfig(train=0.4, val=0.3, test=0.3, group_by="auto", labels="all")

OBJECT_CODES = ("annotation_", "box_", "segmentation_", "polygon_", "rle_", "mask_", "area_")

VALUES = [
    None, True, False, 0, -1, 1, 2, 3, 7, 1.5, 1e308, -1e308, math.nan, math.inf, 2**63, 10**400,
    "", "1", "x", "\ud800", "\0", "../a", "/a", "C:\\a", "a.png", "./a.png", "cut.png", "a" * 10_000,
    [], {}, [[]], [None], [[["deep"]]], [0] * 4, [1, 2, 3, 4], [[0, 0]], [[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5, 6]],
    [[-5, -5, 1000, 3, 4, 500]], [[1e6, -1e6, 0, 0, 1e6, 1e6]],
    {"size": 5, "counts": 5}, {"size": [40, 50], "counts": "x"}, {"size": [40, 50], "counts": "oooo"},
    {"size": [40, 50], "counts": [2000]}, {"size": [40, 50], "counts": [0, 2000]},
    {"size": [40, 50], "counts": [-1, 2001]},
]  # fmt: skip


def places(value, way=()):
    """Every place of a JSON value, as the way there."""
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*way, key))


def at(value, way):
    for key in way:
        value = value[key]
    return value


def mutate(content, rng):
    ways = list(places(content))
    way = rng.choice(ways)
    if not way:
        return rng.choice(VALUES) if rng.random() < 0.1 else content
    holder, key = at(content, way[:-1]), way[-1]
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif kind == 2:
        holder[key] = copy.deepcopy(at(content, rng.choice(ways)))
    elif kind == 3 and isinstance(holder[key], str) and holder[key]:
        cut = rng.randrange(len(holder[key]))
        holder[key] = holder[key][:cut] + chr(rng.randrange(30, 130)) + holder[key][cut + rng.randrange(2) :]
    elif kind == 4 and type(holder[key]) in (int, float) and abs(holder[key]) < 1e9:
        holder[key] = rng.choice([-holder[key], str(holder[key]), float(holder[key]), holder[key] * 1000])
    else:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    return content


def mutate_bytes(text, rng):
    """Cuts, doubles, swaps and overwrites stretches of a file, whatever they hold."""
    for _ in range(rng.randrange(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([1, 1, 2, 5, 40, len(text)]))
        noise = bytes(
            rng.choice(b'{}[],:"\\ 0123456789.-+eENaInfinitytrufals\x00\xff\xc3\xed\n') for _ in range(end - start)
        )
        text = rng.choice(
            [
                text[:start] + text[end:], text[:start] + noise[:40] + text[end:], text[:end] + text[start:],
                text[:start], text[end:] + text[:start],
            ]
        )  # fmt: skip
    return text


@pytest.fixture
def crowded(content):
    """The sound file with more objects on its images, so that some are alike and many are not touched."""
    square = [5.0, 5.0, 25.0, 5.0, 25.0, 25.0, 5.0, 25.0]
    shapes = [{"bbox": [row, 10, 10, 10]} for row in range(4)]
    shapes += [{"segmentation": [[value + row for value in square]], "area": 400.0} for row in range(4)]
    content["annotations"] += [
        {"id": 20 + row, "image_id": (1, 2, 7)[row % 3], "category_id": (3, 5)[row % 2], "iscrowd": 0, **shape}
        for row, shape in enumerate(shapes)
    ]
    return content


def mutated_text(content, seed):
    """The bytes of a file after a few mutations of its values, and in a quarter of the cases of its bytes."""
    rng = random.Random(seed)  # noqa: S311
    mutated = copy.deepcopy(content)
    for _ in range(rng.randrange(1, 8)):
        mutated = mutate(mutated, rng) if isinstance(mutated, dict) else mutated
    text = json.dumps(mutated, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 1]))
    encoded = text.encode("utf-8", "surrogatepass")
    return mutate_bytes(encoded, rng) if rng.random() < 0.25 else encoded


def checked(value, files, config):
    """What `validate` makes of it, or the message of its refusal."""
    try:
        return validate(value, files, config, source="file")
    except InvalidDatasetError as error:
        return str(error)


def any_policies(seed):
    """Policies of some codes, in every other case; an error seldom, since it ends the run."""
    rng = random.Random(seed)  # noqa: S311
    codes = rng.sample(sorted(CHECKS), len(CHECKS) // 2) if seed % 2 else []
    return {
        code: rng.choice(CHECKS[code].policies if rng.random() < 0.05 else CHECKS[code].policies[:-1] or ("error",))
        for code in codes
    }


def dropped(findings, kinds):
    return sum(finding.count for finding in findings if finding.policy == "drop" and finding.code.startswith(kinds))


def survives(content, files, configure, is_equal, seed):
    """Whether anything is left of a mutated file on its way through the pipeline."""
    text, config = mutated_text(content, seed), configure(policies=any_policies(seed))
    started = time.process_time()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(InvalidDatasetError, match="expected a COCO file in JSON, but it does not parse"):
            RawCoco.parse(text)
        return False
    raw = RawCoco.parse(text)
    result = checked(raw.content, files, config)
    assert is_equal(result, checked(json.loads(text), files, config)), seed
    if isinstance(result, str):
        assert result.startswith("file: "), seed
        assert len(result) < 2000, seed
        return False
    assert result.images.total == len(raw.content["images"]), seed
    assert result.objects.total == len(raw.content["annotations"]), seed
    assert len(result.annotations.objects) == result.objects.kept + result.objects.fixed, seed
    assert dropped(result.findings, ("image_", "labels_")) == result.images.dropped, seed
    assert dropped(result.findings, OBJECT_CODES) == result.objects.dropped, seed
    completed = complete(result.annotations).annotations
    parts = [completed]
    with contextlib.suppress(InvalidDatasetError):  # too few images are left for three parts
        parts += split(completed, SPLIT, seed=0).values()
    report = [*map(statistics, parts), *(finding.to_json() for finding in result.findings)]
    json.dumps(report, ensure_ascii=False).encode()
    assert Annotations.from_json(completed.to_json()) == completed, seed
    for image in completed.images:
        completed.truth(image["id"], crowds=True)
    assert time.process_time() - started < 2, seed
    again = validate(result.annotations.to_coco(), files, config, source="again")
    assert again.annotations == result.annotations, seed
    return True


def test_hundreds_of_mutations(crowded, files, configure, is_equal):
    outcomes = [survives(crowded, files(), configure, is_equal, seed) for seed in range(300)]
    assert 0.2 < sum(outcomes) / len(outcomes) < 0.9


@pytest.mark.slow
def test_twenty_thousand_mutations(crowded, files, configure, is_equal):
    for seed in range(300, 21_000):
        survives(crowded, files(), configure, is_equal, seed)
