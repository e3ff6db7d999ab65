"""Pretrains a tiny teacher without Kedro, on any machine with this package: `python -m gsam_edge.teachers.pretrain`.

A killed run continues with the same command, also on another machine if the state's folder is copied there.
"""

import argparse
import json
import logging
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from gsam_edge.synthetic.workshop import WorkshopConfig
from gsam_edge.teachers.grounding_dino.config import PretrainGroundingDinoConfig
from gsam_edge.teachers.sam.config import PretrainSamConfig
from gsam_edge.training.config import LoopConfig
from gsam_edge.training.loop.schedule import Schedule
from gsam_edge.training.run import Run

logger = logging.getLogger("gsam_edge.pretrain")

Config: TypeAlias = PretrainGroundingDinoConfig | PretrainSamConfig

_CONFIGS: dict[str, type[Config]] = {
    "grounding_dino": PretrainGroundingDinoConfig,
    "sam": PretrainSamConfig,
}


@dataclass
class _Progress:
    """A metric log that writes a line every few steps: losses, images a second, time left, the last validation.

    Attributes:
        every: steps between lines.
        images_per_step: per part of the training, by the name of its metrics.
        steps: per part, all of its steps.
    """

    every: int
    images_per_step: dict[str, int]
    steps: dict[str, int]
    _values: dict[str, float] = field(default_factory=dict)
    _since: tuple[str, int, float] = ("", 0, 0.0)

    def __call__(self, name: str, value: float, step: int) -> None:
        """Takes one value; see `MetricLogger`."""
        part, metric = name.rsplit("/", 1)
        if metric == "train_loss":
            self._line(part, step)
        self._values[metric] = value
        if metric.startswith("val_"):
            logger.info("%s step %d: held-out %s %.4f", part, step, metric.removeprefix("val_"), value)

    def _line(self, part: str, step: int) -> None:
        """Writes a line about the steps since the one before; called as a step's first value arrives."""
        now = time.monotonic()
        if self._since[0] != part:
            self._since = (part, step, now)
        if step % self.every or step == self._since[1]:
            return
        pace = (now - self._since[2]) / (step - self._since[1])
        left = timedelta(seconds=round(pace * (self.steps[part] - step)))
        losses = " ".join(f"{metric} {value:.3f}" for metric, value in self._values.items())
        speed = self.images_per_step[part] / pace
        logger.info("%s step %d/%d %s | %.2f images/s, left %s", part, step, self.steps[part], losses, speed, left)
        self._since = (part, step, now)


def main(arguments: Sequence[str] | None = None) -> None:
    """Pretrains one teacher from a parameter file and writes its folder and report beside the state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", choices=sorted(_CONFIGS))
    parser.add_argument("--parameters", type=Path, default=Path("conf/base/parameters_pretrain_tiny_teachers.yml"))
    parser.add_argument("--state", type=Path, required=True, help="folder of checkpoints and results")
    parser.add_argument("--seed", type=int, default=0, help="of weights, scenes and prompts")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--ship", type=Path, help="instead: write the finished teacher here in half precision, measured"
    )
    parser.add_argument("--log-every", type=int, default=20, help="steps between lines of the log")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(message)s")

    from gsam_edge.training.checkpoints import FolderCheckpoints, fingerprint

    parameters = read_parameters(options.parameters)
    config = _CONFIGS[options.teacher].model_validate(parameters[f"pretrain_{options.teacher}"])
    world = WorkshopConfig.model_validate(parameters[f"{options.teacher}_world"])
    if options.ship:
        _ship(config, world, options.state / options.teacher, options.ship, options.seed)
        return
    digest = fingerprint(*(part.model_dump(mode="json") for part in (config, world)), options.seed)
    logger.info("%s %s: %s", options.teacher, digest, config.model_dump_json())
    log = _progress(config, options.log_every)
    store = FolderCheckpoints(options.state / "checkpoints", keep=2).open(f"{options.teacher}-{digest}")
    run = Run.on(options.device, log=log, checkpoints=store, seed=options.seed)
    model, report = _pretrained(config, world, run)
    folder = options.state / options.teacher
    model.save(folder)
    (options.state / f"{options.teacher}_report.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    logger.info("%s: %s, saved in %s", options.teacher, report, folder)


def read_parameters(path: Path) -> dict[str, Any]:
    """Reads a parameter file of Kedro without Kedro: `${globals:name}` is a value of the globals.yml beside it."""
    text = path.read_text("utf-8")
    named = re.compile(r'"\$\{globals:(\w+)\}"')
    shared = yaml.safe_load((path.parent / "globals.yml").read_text("utf-8")) if named.search(text) else {}
    return cast(dict[str, Any], yaml.safe_load(named.sub(lambda found: json.dumps(shared[found[1]]), text)))


def _ship(config: Config, world: WorkshopConfig, source: Path, target: Path, seed: int) -> None:
    """Writes a finished teacher in half precision and measures what a user will load from there."""
    if isinstance(config, PretrainGroundingDinoConfig):
        from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
        from gsam_edge.teachers.grounding_dino.pretrain import held_out_ap50

        detector = load_grounding_dino(str(source))
        detector.model.half()
        detector.save(target)
        ap50 = held_out_ap50(load_grounding_dino(str(target)), config, world, seed=seed)
        logger.info("%s: held-out AP50 %.4f in half precision", target, ap50)
        return
    from gsam_edge.teachers.sam.model import load_sam
    from gsam_edge.teachers.sam.pretrain import held_out_iou

    sam = load_sam(source)
    sam.model.half()
    sam.save(target)
    iou, objects = held_out_iou(load_sam(target), config, world, seed=seed)
    logger.info("%s: held-out mean IoU %.4f of %d objects in half precision", target, iou, objects)


def _progress(config: Config, every: int) -> _Progress:
    if isinstance(config, PretrainGroundingDinoConfig):
        name = "grounding_dino_pretraining"
        return _Progress(every, {name: config.batch_size}, {name: _steps(config, config.loop, config.batch_size)})
    names = [f"sam_pretraining_{i}_{stage.image_size}px" for i, stage in enumerate(config.stages, 1)]
    sizes = {name: stage.batch_size for name, stage in zip(names, config.stages, strict=True)}
    steps = [_steps(config, stage.loop, stage.batch_size) for stage in config.stages]
    return _Progress(every, sizes, dict(zip(names, steps, strict=True)))


def _steps(config: Config, loop: LoopConfig, batch_size: int) -> int:
    return Schedule.of(loop, images=config.epoch_scenes, step_images=batch_size * loop.accumulate).steps


def _pretrained(config: Config, world: WorkshopConfig, run: Run) -> tuple[Any, dict[str, Any]]:
    if isinstance(config, PretrainGroundingDinoConfig):
        from gsam_edge.teachers.grounding_dino.pretrain import pretrain_grounding_dino

        return pretrain_grounding_dino(config, world, run=run)
    from gsam_edge.teachers.sam.pretrain import pretrain_sam

    return pretrain_sam(config, world, run=run)


if __name__ == "__main__":
    main()
