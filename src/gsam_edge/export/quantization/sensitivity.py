"""Which layers suffer from integers: leave one out, and see how much nearer the activations come to those in float."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gsam_edge.export.calibration import Canvases
from gsam_edge.export.quantization.static import QuantizationConfig, Quantizer, Ranges
from gsam_edge.runtime.tasks.table import INPUT_NAME

logger = logging.getLogger(__name__)

_LOGGED_EVERY = 10  # layers


def sensitivities(
    quantizer: Quantizer, ranges: Ranges, canvases: Canvases, config: QuantizationConfig, threads: int
) -> Mapping[str, float]:
    """Returns what each layer costs: the signal-to-noise ratio that is won where it alone stays in float.

    The signal is what the decoding reads (the last convolutions' answers) in float, the noise its difference in
    integers; see `signal_to_noise_db`.

    Args:
        quantizer: the student.
        ranges: of its activations.
        canvases: inputs to compare on, kept in memory.
        config: weight options.
        threads: CPU threads.

    Returns:
        Names of convolutions (see `Quantizer.units`) to dB, the most costly first; equals in the graph's order.
    """
    inputs = [canvases[index] for index in range(len(canvases))]
    exact = _answers(quantizer.body(), inputs, threads)

    def ratio(in_float: Sequence[str]) -> float:
        rounded = quantizer.quantize(
            ranges,
            per_channel=config.per_channel,
            reduce_range=config.reduce_range,
            in_float=in_float,
            body_only=True,
        )
        return signal_to_noise_db(exact, _answers(rounded, inputs, threads))

    base = ratio(())
    won: dict[str, float] = {}
    for number, name in enumerate(quantizer.units, start=1):
        won[name] = ratio((name,)) - base
        if number % _LOGGED_EVERY == 0 or number == len(quantizer.units):
            logger.info("sensitivity of layers to INT8: %d of %d left out in turn", number, len(quantizer.units))
    return dict(sorted(won.items(), key=lambda entry: -entry[1]))


def signal_to_noise_db(exact: Mapping[str, NDArray[np.float32]], rounded: Mapping[str, NDArray[np.float32]]) -> float:
    """Returns 10 log10(sum of signal² / sum of noise²) in dB, the mean over the tensors.

    Args:
        exact: tensors in float by name.
        rounded: the same in integers; noise is what differs. A tensor without noise counts as if it had that of
            float32's rounding.
    """
    ratios = []
    for name, signal in exact.items():
        power = np.square(signal, dtype=np.float64).sum()
        noise = np.square(rounded[name] - signal, dtype=np.float64).sum()
        least = power * np.finfo(np.float32).eps ** 2
        ratios.append(10 * np.log10(power / max(noise, least)) if power > 0 else 0.0)
    return float(np.mean(ratios))


def _answers(model: bytes, inputs: Sequence[NDArray[np.float32]], threads: int) -> dict[str, NDArray[np.float32]]:
    """Runs an ONNX file without a card; returns each output's values over all inputs, by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    answers = [session.run(None, {INPUT_NAME: canvas}) for canvas in inputs]
    return {name: np.stack(values) for name, values in zip(names, zip(*answers, strict=True), strict=True)}
