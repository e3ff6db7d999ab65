"""The IoU that SAM predicts for a mask becomes the one to expect."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.teachers.outlining.calibration import IouCalibration
from gsam_edge.training.errors import TrainingError


def told(seed: int, count: int, slope: float, shift: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns what an estimator says and what is true: it stretches and shifts the truth."""
    rng = np.random.default_rng(seed)
    actual = rng.beta(6, 2, count).astype(np.float32)
    return (slope * actual + shift + rng.normal(0, noise, count)).astype(np.float32), actual


def error(said: np.ndarray, actual: np.ndarray) -> float:
    """Mean distance between said and actual IoU over tenths of the objects by what was said (as the ECE)."""
    order = np.argsort(said)
    return float(np.mean([abs(said[rows].mean() - actual[rows].mean()) for rows in np.array_split(order, 10)]))


@given(
    seed=st.integers(0, 100),
    slope=st.floats(0.3, 2.0),
    shift=st.floats(-0.5, 0.5),
    noise=st.floats(0.02, 0.2),
    count=st.integers(60, 400),
)
def test_on_other_objects_the_error_falls_or_stays(seed, slope, shift, noise, count):
    calibration = IouCalibration.fit(*told(seed, count, slope, shift, noise))
    said, actual = told(seed + 1000, 2000, slope, shift, noise)
    assert error(calibration.calibrated(said), actual) <= error(said.clip(0, 1), actual) + 0.03


def test_an_estimate_that_is_far_off_comes_near():
    calibration = IouCalibration.fit(*told(0, 200, 0.5, 0.6, 0.03))
    said, actual = told(1, 2000, 0.5, 0.6, 0.03)
    assert error(said.clip(0, 1), actual) > 0.2
    assert error(calibration.calibrated(said), actual) < 0.02
    assert np.abs(calibration.calibrated(said) - actual).mean() < 0.06


def test_it_is_the_line_of_least_squares():
    said, actual = told(3, 100, 0.7, 0.2, 0.1)
    calibration = IouCalibration.fit(said, actual)
    slope, intercept = np.polyfit(said.astype(float), actual.astype(float), 1)
    assert (calibration.slope, calibration.intercept) == pytest.approx((slope, intercept))


@pytest.mark.parametrize(
    ("said", "actual", "line"),
    [
        ([], [], (1, 0)),
        ([0.9], [0.6], (1, -0.3)),
        ([0.5, 0.9], [0.9, 0.5], (1, 0)),
        ([0.7] * 40, [0.5] * 40, (1, -0.2)),
        (np.linspace(0, 1, 40), np.linspace(1, 0, 40), (0, 0.5)),
    ],
)
def test_few_equal_or_contradicting_estimates_are_shifted_alone(said, actual, line):
    calibration = IouCalibration.fit(np.array(said, np.float32), np.array(actual, np.float32))
    assert (calibration.slope, calibration.intercept) == pytest.approx(line, abs=1e-6)


def test_what_is_said_lies_between_0_and_1():
    calibrated = IouCalibration(slope=3, intercept=-1).calibrated(np.array([0, 0.5, 1], np.float32))
    assert calibrated.tolist() == [0, 0.5, 1]
    assert calibrated.dtype == np.float32


def test_estimates_that_hardly_differ_are_shifted_alone():
    """A slope through them would be noise, and far from them it would say 0 or 1."""
    rng = np.random.default_rng(0)
    said = (0.7 + rng.normal(0, 1e-6, 40)).astype(np.float32)
    calibration = IouCalibration.fit(said, rng.uniform(0.4, 0.6, 40).astype(np.float32))
    assert calibration.slope == 1
    assert 0.6 < calibration.calibrated(np.float32([0.9]))[0] < 0.8


def test_estimates_that_are_no_numbers_are_refused():
    """They would be stored as a calibration that cannot be read again."""
    with pytest.raises(TrainingError, match="NaN or infinity in 2 of 3"):
        IouCalibration.fit(np.float32([0.5, np.nan, np.inf]), np.float32([0.5, 0.5, 0.5]))
