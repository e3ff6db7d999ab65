"""Features of images: from the store while the image encoder is frozen, computed with gradients where it is adapted."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.lora.layers import adapter_parameters, weights_digest
from gsam_edge.teachers.outlining.model import ImageEncoder, model_device
from gsam_edge.training.checkpoints import fingerprint

#: Reads an RGB image uint8 [H, W, 3].
ReadImage: TypeAlias = Callable[[], NDArray[np.uint8]]


class Shown(NamedTuple):
    """An image as a step shows it.

    Attributes:
        identity: what always stands for the same pixels within this run, as file name and view; None for pixels that
            are shown only once.
        read: gives the pixels.
    """

    identity: tuple[str, int | None] | None
    read: ReadImage


class ImageFeatures:
    """The image encoder of a model, asked once for each image while it is frozen.

    What is kept is computed in float32, whatever the precision of the training, and in half precision from then on:
    it is the same whether it was kept or not, and whoever asked first.

    Args:
        model: whose encoder embeds.
        store: keeps the features by a digest of encoder, settings and pixels; None keeps nothing.
    """

    def __init__(self, model: ImageEncoder, store: FeatureStore | None) -> None:
        self._model = model
        self._store = None if adapter_parameters(model.encoder) else store
        self._encoder = "" if self._store is None else fingerprint(weights_digest(model.encoder), model.settings)
        self._keys: dict[tuple[str, int | None], str] = {}

    def batch(self, shown: Sequence[Shown]) -> dict[str, Tensor]:
        """Returns the features of B images, [B, ...] each, on the model's device."""
        if self._store is None or any(one.identity is None for one in shown):
            return self._model.embed([one.read() for one in shown])
        each = [self._kept(self._store, one) for one in shown]
        return {name: torch.cat([features[name] for features in each]) for name in each[0]}

    @torch.no_grad()
    def of_pixels(self, image: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Returns the features of one RGB image uint8 [H, W, 3], [1, ...] each, on the model's device."""
        if self._store is None:
            return self._model.embed([image])
        return self._stored(self._store, self._key(image), lambda: image)

    def _kept(self, store: FeatureStore, shown: Shown) -> dict[str, Tensor]:
        key, read = self._keys.get(shown.identity), shown.read  # type: ignore[arg-type]  # `batch` asks for identities
        if key is None:
            image = read()
            key = self._keys[shown.identity] = self._key(image)  # type: ignore[index]
            return self._stored(store, key, lambda: image)
        return self._stored(store, key, read)

    def _stored(self, store: FeatureStore, key: str, read: ReadImage) -> dict[str, Tensor]:
        features = store.get(key)
        if features is None:
            features = self._embedded(read())
            store.put(key, features)
        device = model_device(self._model)
        return {name: feature.to(device).float() for name, feature in features.items()}

    def _embedded(self, image: NDArray[np.uint8]) -> dict[str, Tensor]:
        self._model.encoder.eval()
        with torch.no_grad(), torch.autocast(model_device(self._model).type, enabled=False):
            return {name: feature.half() for name, feature in self._model.embed([image]).items()}

    def _key(self, image: NDArray[np.uint8]) -> str:
        digest = hashlib.sha256(f"{self._encoder} {image.shape} ".encode())
        digest.update(np.ascontiguousarray(image).data)
        return digest.hexdigest()
