"""An artefact that cannot be made on a machine is a value with its reason; a defect of ours is not."""

import pytest

from gsam_edge.coco import Annotations
from gsam_edge.export.build import build_artefact
from gsam_edge.export.format import BuildData, NotBuilt
from gsam_edge.export.formats.onnx import OnnxConfig
from gsam_edge.export.formats.onnx_int8 import OnnxInt8

DATA = BuildData(Annotations((), (), ()), Annotations((), (), ()), {}, 0, 1)
CONFIG = OnnxConfig(opset=17)


def needing(module):
    class Needing(OnnxInt8):
        name, install = "abacus", "pip install abacus"

        def build(self, source, data, config):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    return Needing()


def test_a_missing_package_is_said_with_the_line_that_installs_it(caplog):
    built = build_artefact(needing("abacus.beads"), b"model", DATA, CONFIG)
    assert built == NotBuilt("the package abacus.beads is not installed; pip install abacus")
    assert "the format abacus is not built: the package abacus.beads" in caplog.text


def test_a_module_of_ours_that_is_missing_is_a_defect():
    with pytest.raises(ModuleNotFoundError, match=r"gsam_edge\.beads"):
        build_artefact(needing("gsam_edge.beads"), b"model", DATA, CONFIG)


def test_what_is_made_from_nothing_is_not_built_either():
    built = build_artefact(OnnxInt8(), NotBuilt("no room"), DATA, CONFIG)
    assert built == NotBuilt("it is made from onnx, which was not built: no room")
