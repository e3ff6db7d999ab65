"""The wheel of the device holds what it says, for the Python and the packages that it says."""

import subprocess
import sys
from base64 import urlsafe_b64decode
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distributions
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

import gsam_edge
from gsam_edge.export.bundle import wheel
from gsam_edge.export.bundle.requirements import requirements, video_requirements
from gsam_edge.runtime.engines.table import ENGINES
from gsam_edge.vision.errors import UserError

ROOT = Path(__file__).parents[3]

PACKAGE = Path(gsam_edge.__file__).parent


@pytest.fixture(scope="module")
def files():
    with ZipFile(BytesIO(wheel.runtime_wheel())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def about(files, name):
    return next(content for path, content in files.items() if path.endswith(f".dist-info/{name}"))


def test_it_holds_the_rooms_of_the_device_and_nothing_else(files):
    rooms = [
        PACKAGE / "__init__.py",
        *(path for room in ("runtime", "vision") for path in (PACKAGE / room).rglob("*.py")),
    ]
    expected = {path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes() for path in rooms}
    modules = {name: content for name, content in files.items() if name.endswith(".py")}
    assert modules == expected
    beside = set(files) - set(modules)
    assert {name.rpartition("/")[2] for name in beside} == {"py.typed", "LICENSE", "METADATA", "WHEEL", "RECORD"}


def test_equal_sources_give_equal_bytes():
    assert wheel.runtime_wheel() == wheel.runtime_wheel()


def test_each_file_is_recorded_with_its_digest(files):
    recorded = {}
    for line in about(files, "RECORD").decode().splitlines():
        name, digest, size = line.split(",")
        recorded[name] = (digest, size)
    assert list(recorded) == list(files)
    for name, content in files.items():
        digest, size = recorded[name]
        if name.endswith("RECORD"):
            assert digest == size == ""
        else:
            assert urlsafe_b64decode(digest.removeprefix("sha256=") + "=") == sha256(content).digest()
            assert int(size) == len(content)


def test_its_metadata_are_valid_and_say_the_licence(files):
    metadata = Metadata.from_email(about(files, "METADATA"), validate=True)
    assert (metadata.name, str(metadata.version)) == ("gsam-edge-runtime", gsam_edge.__version__)
    assert metadata.license_expression == "AGPL-3.0-or-later"
    assert b"GNU AFFERO GENERAL PUBLIC LICENSE" in files[next(name for name in files if name.endswith("/LICENSE"))]
    assert str(metadata.requires_python) == ">=3.10"


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.14"])
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_what_is_pinned_is_what_the_wheel_allows(files, engine, python):
    """Each package is pinned once for each Python, to a version that the wheel's own bounds allow."""
    if engine != "tensorrt" and find_spec(engine) is None:  # which no bundle pins
        pytest.skip(f"pip install {engine}")
    metadata = Metadata.from_email(about(files, "METADATA"), validate=True)
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    allowed = {needed.name: needed.specifier for needed in metadata.requires_dist}
    pinned = [Requirement(line) for line in (requirements(engine) + video_requirements()).splitlines()]
    here = [needed for needed in pinned if needed.marker is None or needed.marker.evaluate(environment)]
    names = [needed.name for needed in here]
    assert len(set(names)) == len(names)
    expected = {"numpy", "pillow", "opencv-python-headless", engine} - {"tensorrt"}  # which the device brings along
    assert set(names) == expected
    for needed in here:
        (pin,) = needed.specifier
        assert pin.operator == "=="
        assert pin.version in allowed[needed.name]


def test_a_package_that_is_not_there_cannot_be_pinned(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("gsam_edge.export.bundle.requirements.version", absent)
    with pytest.raises(UserError, match=r"bundle: expected numpy, .* pip install numpy"):
        requirements("onnxruntime")


def test_make_runtime_writes_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gsam_edge.export.bundle", str(tmp_path / "dist")],
        capture_output=True,
        text=True,
        check=True,
    )
    path = tmp_path / "dist" / wheel.WHEEL_NAME
    assert done.stdout.strip() == str(path)
    assert path.read_bytes() == wheel.runtime_wheel()


def test_the_licence_is_found_behind_what_a_build_left_beside_the_sources(monkeypatch, tmp_path):
    """Kedro puts a project's src first on the path, where setuptools left metadata without a licence."""
    left = tmp_path / "src" / "gsam_edge.egg-info"
    left.mkdir(parents=True)
    (left / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: gsam_edge\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(left.parent)
    assert next(iter(distributions(name="gsam_edge"))).read_text("licenses/LICENSE") is None
    assert wheel.licence_text() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ((), r"expected gsam_edge to be installed \(pip install -e \.\)"),
        ((None, None), "expected LICENSE in the installed"),
    ],
)
def test_without_the_licences_text_one_message_says_what_to_do(monkeypatch, found, message):
    of_name = [SimpleNamespace(read_text=lambda name, text=text: text) for text in found]
    monkeypatch.setattr(wheel, "distributions", lambda name: iter(of_name))
    with pytest.raises(UserError, match=message):
        wheel.runtime_wheel()
