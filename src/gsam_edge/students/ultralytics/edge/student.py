"""A trained network with its decoding, as one module."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from gsam_edge.runtime.decode import Decoding
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.edge.halves import halve_blocks
from gsam_edge.students.ultralytics.edge.head import EdgeHead
from gsam_edge.students.ultralytics.edge.upsample import shuffle_upsampling
from gsam_edge.students.ultralytics.imports import Proto26
from gsam_edge.students.ultralytics.network import build_network, has_end_to_end
from gsam_edge.students.weights import StudentWeights


class EdgeStudent(nn.Module):
    """A network followed by decoding, suppression and padding; all shapes are fixed.

    An end-to-end network (YOLOv10, YOLO26) finds each object once, so nothing is suppressed.

    Input: images float32 [B, 3, S, S], RGB in 0..1, letterboxed; S is `image_size`.

    Outputs, N = `max_detections`, best first, padded with score 0, class 0 and an empty box:
        boxes: float32 [B, N, 4], corners in pixels of the input canvas.
        scores: float32 [B, N] in 0..1.
        class_ids: int64 [B, N].
        masks: float32 [B, N, S/4, S/4], probabilities, 0 outside the box; only where the network has masks.
    """

    def __init__(self, weights: StudentWeights) -> None:
        """Builds the network, with its normalisation folded into its convolutions."""
        super().__init__()
        network = build_network(weights)
        end_to_end = has_end_to_end(network)
        network.model[-1].end2end = end_to_end  # which branch of its last layer `fuse` leaves
        network.fuse(verbose=False)
        shuffle_upsampling(network)
        halve_blocks(network)
        self.network = RawNetwork(network)
        self.head = EdgeHead(
            weights.image_size,
            network.stride.tolist(),
            network.model[-1].reg_max,
            weights.edge,
            suppressed=not end_to_end,
        )
        self.decoding = Decoding(
            strides=tuple(int(stride) for stride in network.stride.tolist()),
            bins=network.model[-1].reg_max,
            candidates=weights.edge.candidates,
            max_detections=weights.edge.max_detections,
            iou_threshold=weights.edge.iou_threshold,
            score_floor=weights.edge.score_floor,
            suppressed=not end_to_end,
            masks=ARCHITECTURES[weights.architecture].masks,
        )  # for backends that run the network alone
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        return self.head(*self.network(images))

    def stages(self) -> Mapping[str, Sequence[nn.Module]]:
        """Returns the modules whose outputs a stage ends in, in the order of computation: see `export.stages`."""
        network = self.network
        return {"stem": network.stem, "neck": network.neck, "raw": [network], "decode": [self.head.decoded]}


class RawNetwork(nn.Module):
    """An Ultralytics network up to its raw outputs, before decoding."""

    def __init__(self, network: Any) -> None:
        """Takes over the network's layers."""
        super().__init__()
        self.layers = network.model
        self._kept = frozenset(network.save)

    @property
    def stem(self) -> Sequence[nn.Module]:
        """The first layer."""
        return [self.layers[0]]

    @property
    def neck(self) -> Sequence[nn.Module]:
        """The layers whose feature maps the last one, the head, reads."""
        return [self.layers[source if source >= 0 else source - 1] for source in self.layers[-1].f]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps images [B, 3, S, S] to box distributions [B, 4 R, A], class logits [B, C, A] and, with masks,
        coefficients [B, M, A] and prototypes [B, M, S/4, S/4]; A anchors over all levels.

        Of an end-to-end network they are those of the branch that finds each object once.
        """
        *body, head = self.layers
        kept: list[Tensor | None] = []
        x: Any = images
        for layer in body:
            x = layer(self._inputs(layer.f, x, kept))
            kept.append(x if layer.i in self._kept else None)
        features = self._inputs(head.f, x, kept)
        raw = head.forward_head(features, **(head.one2one if head.end2end else head.one2many))
        if "mask_coefficient" not in raw:
            return raw["boxes"], raw["scores"]
        # YOLO26's prototypes are made of all levels, those of its elders of the finest
        prototypes = head.proto(features if isinstance(head.proto, Proto26) else features[0])
        return raw["boxes"], raw["scores"], raw["mask_coefficient"], prototypes

    @staticmethod
    def _inputs(source: int | list[int], previous: Any, kept: list[Tensor | None]) -> Any:
        """Returns a layer's inputs: -1 is the layer before, other numbers are layers by index."""
        if isinstance(source, int):
            return previous if source == -1 else kept[source]
        return [previous if index == -1 else kept[index] for index in source]
