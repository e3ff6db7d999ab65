"""Datasets written by independent writers, as people leave them, and imported: the same objects on the same images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.writers.check import canonical, check, imported_tree
from support.writers.scene import chance
from support.writers.table import WRITERS

TREES, MANY_TREES = 40, 1_000


def differences(format_name, seeds):
    """Returns what went wrong in which tree, and fails with the smallest of them shown whole."""
    wrong = []
    for seed in seeds:
        tree = WRITERS[format_name](chance(f"{format_name} {seed}"))
        try:
            result = imported_tree(tree)
            check(tree, result)
            assert canonical(imported_tree(tree.shuffled(seed))) == canonical(result), "the order of files matters"
        except Exception as error:  # noqa: BLE001 - an import may fail in any way, and every tree is tried
            wrong.append((len(tree.contents), seed, f"{type(error).__name__}: {error}", tree))
    if wrong:
        _, seed, message, tree = min(wrong, key=lambda case: case[:2])
        seeds_wrong = [case[1] for case in wrong]
        shown = {name: content[:400] for name, content in sorted(tree.contents.items())}
        listing = "\n".join(f"  {name!r}: {content!r}" for name, content in shown.items())
        pytest.fail(
            f"{len(wrong)} of {len(seeds)} trees, seeds {seeds_wrong[:20]}; the smallest is seed {seed} "
            f"({tree.scene.habit}): {message}\n{listing}"
        )


@pytest.mark.parametrize("format_name", WRITERS)
def test_what_is_written_is_imported_on_the_same_images(format_name):
    differences(format_name, range(TREES))


@pytest.mark.slow
@pytest.mark.parametrize("format_name", WRITERS)
def test_what_is_written_is_imported_in_thousands_of_trees(format_name):
    differences(format_name, range(MANY_TREES))


@pytest.mark.parametrize("trees", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_an_import_does_not_depend_on_the_order_of_sets(trees):
    """PYTHONHASHSEED decides in which order a set of names is walked."""
    code = (
        "import hashlib\n"
        "from support.writers.check import canonical, imported_tree\n"
        "from support.writers.scene import chance\n"
        "from support.writers.table import WRITERS\n"
        "found = [canonical(imported_tree(write(chance(f'{name} {seed}'))))"
        f" for name, write in WRITERS.items() for seed in range({trees})]\n"
        "print(hashlib.sha256(repr(found).encode()).hexdigest())\n"
    )
    tests = Path(__file__).parents[2]
    path = os.pathsep.join([str(tests), *sys.path])
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(digests) == 1


def test_a_tree_is_the_same_for_its_seed():
    for format_name, write in WRITERS.items():
        one, other = (write(chance(f"{format_name} 3")) for _ in range(2))
        assert json.dumps(sorted(one.contents)) == json.dumps(sorted(other.contents))
        assert one.contents == other.contents
