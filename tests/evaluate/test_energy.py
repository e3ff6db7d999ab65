"""Joules are those of every processor package, and absent where no counter can be read."""

import pytest

from gsam_edge.evaluate import energy
from gsam_edge.evaluate.energy import counted_energy


@pytest.fixture
def package(tmp_path):
    """Builds a processor package's folder with its counter in microjoules."""

    def build(name, microjoules):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text("1000000000\n")

    return build


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(energy.ctypes, "CDLL", absent)


def test_packages_are_added_and_their_parts_are_not(tmp_path, package):
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        package(name, 5_000_000)
    with counted_energy(tmp_path) as counted:
        assert counted.joules is None
        package("intel-rapl:0", 6_000_000)
        package("intel-rapl:1", 7_500_000)
        package("intel-rapl:0:0", 99_000_000)
    assert counted.joules == pytest.approx(3.5)


def test_a_counter_that_begins_anew(tmp_path, package):
    package("intel-rapl:0", 999_000_000)
    with counted_energy(tmp_path) as counted:
        package("intel-rapl:0", 1_000_000)
    assert counted.joules == pytest.approx(2.0)


def test_without_a_counter_there_is_no_figure(tmp_path, package):
    with counted_energy(tmp_path) as counted:
        pass
    assert counted.joules is None
    package("intel-rapl:0", 5)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("not for you")
    with counted_energy(tmp_path) as counted:
        pass
    assert counted.joules is None


def test_graphics_cards_are_added(tmp_path, monkeypatch):
    taken = iter([1_000, 4_000])
    monkeypatch.setattr(energy._Gpus, "millijoules", lambda self: next(taken))
    with counted_energy(tmp_path) as counted:
        pass
    assert counted.joules == pytest.approx(3.0)
