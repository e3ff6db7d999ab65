"""The only module that imports Ultralytics: quiet, offline, and without files in the user's home.

Ultralytics reads environment variables when it is imported, so nothing else in this project imports it. By default it
writes a settings file, downloads weights and fonts, looks for updates, installs packages and reports to MLflow and its
own platform.
"""

import atexit
import logging
import os
import shutil
import tempfile

from PIL import Image

from gsam_edge.vision.errors import UserError

_FOLDER = "GSAM_EDGE_ULTRALYTICS_FOLDER"

if _FOLDER not in os.environ:  # a spawned process uses its parent's folder, which outlives it
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="gsam-edge-ultralytics-")
    atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)
os.environ["YOLO_CONFIG_DIR"] = os.environ[_FOLDER]
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_VERBOSE"] = "false"
os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"  # a network's definition names layers; nothing in it is evaluated

_pillow_open = Image.open

from ultralytics.data.augment import (  # noqa: E402
    BaseMixTransform,
    CopyPaste,
    Format,
    LetterBox,
    RandomFlip,
    RandomPerspective,
)
from ultralytics.data.build import InfiniteDataLoader, seed_worker  # noqa: E402
from ultralytics.data.dataset import YOLODataset  # noqa: E402
from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.nn import modules  # noqa: E402
from ultralytics.nn.modules.block import C2f, Proto26  # noqa: E402
from ultralytics.nn.tasks import DetectionModel, SegmentationModel  # noqa: E402
from ultralytics.utils import LOGGER, ROOT, SAFE_LOAD, SETTINGS, YAML  # noqa: E402
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss, v8SegmentationLoss  # noqa: E402

# Ultralytics replaces Pillow's `open` for the whole process by one that, for a damaged file, imports a HEIF package.
Image.open = _pillow_open


class UltralyticsImportError(UserError, ImportError):
    """Ultralytics was imported elsewhere first, so that it evaluates what a network's definition says."""


if not SAFE_LOAD:
    raise UltralyticsImportError(
        "Ultralytics: expected it to be imported by this project with ULTRALYTICS_SAFE_LOAD=true, but it was imported "
        "earlier in this process without; import it later, or set ULTRALYTICS_SAFE_LOAD=true before"
    )

LOGGER.setLevel(logging.WARNING)
for _integration in ("clearml", "comet", "dvc", "mlflow", "raytune", "sync", "tensorboard", "wandb"):
    # `dict.__setitem__`: the settings' own setter rewrites the file each time
    dict.__setitem__(SETTINGS, _integration, False)

#: Names of the layers that Ultralytics' networks are made of.
LAYERS = frozenset(modules.__all__)

__all__ = [
    "LAYERS",
    "ROOT",
    "YAML",
    "BaseMixTransform",
    "C2f",
    "CopyPaste",
    "DetectionModel",
    "DetectionTrainer",
    "E2ELoss",
    "Format",
    "InfiniteDataLoader",
    "LetterBox",
    "Proto26",
    "RandomFlip",
    "RandomPerspective",
    "SegmentationModel",
    "YOLODataset",
    "seed_worker",
    "v8DetectionLoss",
    "v8SegmentationLoss",
]
