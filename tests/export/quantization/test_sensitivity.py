import numpy as np
import pytest

from gsam_edge.export.quantization.sensitivity import sensitivities, signal_to_noise_db
from gsam_edge.export.quantization.static import prepared


def test_a_tenth_of_the_signal_as_noise_is_20_db_and_tensors_are_averaged():
    exact = {"a": np.full((2, 3), 10, np.float32), "b": np.full(5, -1, np.float32)}
    rounded = {"a": exact["a"] + 1, "b": exact["b"] + np.float32(0.01)}
    assert signal_to_noise_db(exact, rounded) == pytest.approx((20 + 40) / 2, abs=1e-3)


def test_no_noise_is_a_finite_ratio_and_no_signal_is_0():
    zeros = {"a": np.zeros(4, np.float32)}
    assert signal_to_noise_db(zeros, {"a": np.ones(4, np.float32)}) == 0
    ones = {"a": np.ones(4, np.float32)}
    assert signal_to_noise_db(ones, ones) == pytest.approx(138.5, abs=0.1)  # 20 log10 of 2^23


def test_every_layer_is_left_out_once_and_the_most_costly_comes_first(blob_onnx, canvases, int8_config):
    config = int8_config.model_copy(update={"per_channel": False})
    with prepared(blob_onnx) as quantizer:
        ranges = quantizer.calibrate(canvases, config)
        won = sensitivities(quantizer, ranges, canvases[:2], config, 1)
        assert set(won) == set(quantizer.units) == {"/student/means/Conv", "/student/logits/Conv"}
    assert list(won.values()) == sorted(won.values(), reverse=True)
    assert max(won.values()) > 1  # dB
