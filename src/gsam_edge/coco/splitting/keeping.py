"""Keeps the split of the images while their labels are corrected.

Images are split by what their labels show, so that corrected labels would move images between the parts, and all that
was made from the earlier split would have to be made anew. A split is therefore kept under the digest of what it is a
split of: the images and the shares, never the labels.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from gsam_edge.coco.annotations import Annotations


class KeptSplits:
    """The splits of some images, in a store, found again by all that decides on them but their labels.

    Args:
        annotations: checked annotations.
        store: records by digest.
        groups: ids of the images that stay together.
        config: what else decides on the split: the user's own splits, or shares and seed.
    """

    def __init__(
        self,
        annotations: Annotations,
        store: MutableMapping[str, dict[str, Any]],
        *,
        groups: Sequence[Sequence[int]],
        config: Mapping[str, Any],
    ) -> None:
        self._store = store
        self._names = {image["id"]: image["file_name"] for image in annotations.images}
        self._ids = {name: image_id for image_id, name in self._names.items()}
        named = sorted(sorted(self._names[image_id] for image_id in members) for members in groups)
        # Of the classes only the names: a new one has the images split anew, since no part may hold any of it.
        self._about = [annotations.images_digest, named, sorted(annotations.class_names), config]

    def keep(
        self, what: Any, of: Iterable[int], make: Callable[[], Mapping[str, Sequence[int]]]
    ) -> dict[str, list[int]]:
        """Returns ids by part: those that are stored, or else those that `make` gives, which are stored.

        By file name, so that they are found when ids were numbered anew.

        Args:
            what: what is shared out, as JSON.
            of: the images that are shared out; a record of others is made anew.
            make: shares them out.
        """
        key = hashlib.sha256(json.dumps([self._about, what], sort_keys=True).encode()).hexdigest()
        stored = self._store.get(key, {})
        if sorted(name for names in stored.values() for name in names) == sorted(self._names[i] for i in of):
            return {part: [self._ids[name] for name in names] for part, names in stored.items()}
        made = {part: list(ids) for part, ids in make().items()}
        self._store[key] = {part: sorted(self._names[image_id] for image_id in ids) for part, ids in made.items()}
        return made
