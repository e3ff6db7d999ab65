"""Mutated COCO files end in a report or in a DatasetError, never in anything else."""

import copy
import json
import math
import random

import pytest

from gsam_edge.coco import DatasetError, complete, statistics, validate

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


def outcome(content, files, config):
    try:
        return validate(content, files, config, source="file")
    except DatasetError as error:
        return error


def survives(content, files, config, seed):
    """Whether anything is left of the content after a few mutations."""
    rng = random.Random(seed)  # noqa: S311
    mutated = copy.deepcopy(content)
    for _ in range(rng.randrange(1, 8)):
        mutated = mutate(mutated, rng) if isinstance(mutated, dict) else mutated
    result = outcome(mutated, files, config)
    if isinstance(result, DatasetError):
        assert str(result).startswith("file: ")
        assert len(str(result)) < 2000
        return False
    assert result.images.total == len(mutated["images"])
    assert result.objects.total == len(mutated["annotations"])
    assert len(result.annotations.objects) == result.objects.kept + result.objects.fixed
    again = validate(result.annotations.to_coco(), files, config, source="again")
    assert again.annotations == result.annotations
    completed = complete(result.annotations).annotations
    json.dumps(
        [statistics(completed), *(finding.to_json() for finding in result.findings)], ensure_ascii=False
    ).encode()
    for image in completed.images:
        completed.truth(image["id"], crowds=True)
    return True


def test_some_hundred_mutations(content, files, config):
    outcomes = [survives(content, files(), config, seed) for seed in range(400)]
    assert 0.2 < sum(outcomes) / len(outcomes) < 0.98


@pytest.mark.slow
def test_twenty_thousand_mutations(content, files, config):
    for seed in range(20_000):
        survives(content, files(), config, seed)
