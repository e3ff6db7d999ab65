"""An artefact that cannot be made on a machine is a value with its reason; a defect of ours is not."""

import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.export.build import build_artefact
from gsam_edge.export.format import BuildData, NotBuilt
from gsam_edge.export.formats.onnx import OnnxConfig
from gsam_edge.export.formats.onnx_int8 import OnnxInt8
from gsam_edge.export.table import REFERENCE

DATA = BuildData(Annotations((), (), ()), Annotations((), (), ()), {}, 0, 1)
CONFIG = OnnxConfig(opset=17)


def raising(error, called="abacus"):
    class Raising(OnnxInt8):
        name, install = called, "pip install abacus"

        def build(self, source, data, config):
            raise error

    return Raising()


def needing(module):
    return raising(ModuleNotFoundError(f"No module named {module!r}", name=module))


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


def test_a_converter_that_fails_costs_its_format_alone(caplog):
    built = build_artefact(raising(RuntimeError("no such operator")), b"model", DATA, CONFIG)
    assert built == NotBuilt("its converter failed: RuntimeError: no such operator")
    assert "Traceback" in caplog.text


def test_what_a_user_can_mend_and_what_all_are_compared_with_end_the_run():
    with pytest.raises(InvalidDatasetError, match="no images"):
        build_artefact(raising(InvalidDatasetError("no images")), b"model", DATA, CONFIG)
    with pytest.raises(RuntimeError, match="no such operator"):
        build_artefact(raising(RuntimeError("no such operator"), called=REFERENCE), b"model", DATA, CONFIG)
