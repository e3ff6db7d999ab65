"""The forward pass of the library's `Sam3Model` in its parts, so that what does not change is computed once.

`Sam3Model.forward` answers one class of one image, always draws the masks of all queries, and returns the last decoder
layer only. Here the image is encoded once for all classes, masks are drawn of the queries that are wanted, and every
layer answers, as the loss needs it. A test compares both.

In all shapes: B pairs of an image and a class, L decoder layers, Q queries, T tokens of a text, D channels.
"""

from typing import Any, NamedTuple

from torch import Tensor
from transformers.models.sam3.modeling_sam3 import inverse_sigmoid


class Texts(NamedTuple):
    """Class names after the text encoder.

    Attributes:
        features: float [B, T, D].
        mask: bool [B, T], False at padding.
    """

    features: Tensor
    mask: Tensor

    def select(self, rows: Tensor) -> "Texts":
        """Returns the texts of these rows, int64 [M]."""
        return Texts(self.features[rows], self.mask[rows])


class Pyramid(NamedTuple):
    """Images at the resolutions that detector and masks need, from fine to coarse.

    Attributes:
        features: float [B, D, h, w] each.
        positions: their position encodings, of the same shapes.
    """

    features: tuple[Tensor, ...]
    positions: tuple[Tensor, ...]

    def select(self, rows: Tensor) -> "Pyramid":
        """Returns the images of these rows, int64 [M]; an image may be wanted several times."""
        return Pyramid(tuple(one[rows] for one in self.features), tuple(one[rows] for one in self.positions))

    def repeated(self, count: int) -> "Pyramid":
        """Returns the one image that this holds as `count` images, without a copy."""
        levels, positions = (tuple(one.expand(count, -1, -1, -1) for one in part) for part in self)
        return Pyramid(levels, positions)

    @property
    def coarsest(self) -> "Pyramid":
        """The only level that `answers` reads; masks are drawn with all of them."""
        return Pyramid(self.features[-1:], self.positions[-1:])


class Answers(NamedTuple):
    """What the detector says of each pair of an image and a class.

    Attributes:
        boxes: float [L, B, Q, 4], cxcywh as fractions of the image.
        logits: float [L, B, Q], whether a query is an object of the class, given that the image holds one.
        presence: float [L, B], logit of the image holding an object of the class.
        queries: float [B, Q, D], the last layer's queries, from which masks are drawn.
        encoded: float [B, h * w, D], the coarsest level after the detector's encoder.
    """

    boxes: Tensor
    logits: Tensor
    presence: Tensor
    queries: Tensor
    encoded: Tensor

    @property
    def scores(self) -> Tensor:
        """Scores float [B, Q] in 0..1 of the last layer, as the library's post-processing computes them."""
        return self.logits[-1].sigmoid() * self.presence[-1].sigmoid()[:, None]


def image_tokens(model: Any, pixels: Tensor) -> Tensor:
    """Runs the vision encoder, by far the most expensive part, on images [B, 3, S, S]; returns tokens [B, N, C]."""
    return model.vision_encoder.backbone(pixels).last_hidden_state


def pyramid(model: Any, tokens: Tensor) -> Pyramid:
    """Returns the levels of images whose tokens [B, N, C] the vision encoder made."""
    side = round(tokens.shape[1] ** 0.5)  # every input is square
    planes = tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)
    features, positions = model.vision_encoder.neck(planes)
    # The coarsest level belongs to the tracker of videos.
    return Pyramid(tuple(features[:-1]), tuple(positions[:-1]))


def answers(model: Any, images: Pyramid, texts: Texts) -> Answers:
    """Asks each image of a batch for one class; see `Sam3Model.forward`, whose prompts of boxes are not used here."""
    encoded = model.detr_encoder(
        vision_features=[images.features[-1]],
        text_features=texts.features,
        vision_pos_embeds=[images.positions[-1]],
        text_mask=texts.mask,
    )
    decoded = model.detr_decoder(
        vision_features=encoded.last_hidden_state,
        text_features=encoded.text_features,
        vision_pos_encoding=encoded.pos_embeds_flattened,
        text_mask=texts.mask,
        spatial_shapes=encoded.spatial_shapes,
    )
    hidden = decoded.intermediate_hidden_states
    shift = model.detr_decoder.box_head(hidden).float()
    boxes = (inverse_sigmoid(decoded.reference_boxes.float()) + shift).sigmoid()
    logits = model.dot_product_scoring(
        decoder_hidden_states=hidden, text_features=encoded.text_features, text_mask=texts.mask
    )
    return Answers(
        boxes=boxes,
        logits=logits.squeeze(-1).float(),
        presence=decoded.presence_logits.squeeze(-1).float(),
        queries=hidden[-1],
        encoded=encoded.last_hidden_state,
    )


def mask_logits(model: Any, images: Pyramid, texts: Texts, encoded: Tensor, queries: Tensor) -> Tensor:
    """Draws the masks of some queries.

    Args:
        model: a `Sam3Model`.
        images: the images of B pairs.
        texts: their classes.
        encoded: see `Answers`.
        queries: float [B, M, D], rows of `Answers.queries`.

    Returns:
        float [B, M, m, m], logits over the whole image.
    """
    drawn = model.mask_decoder(
        decoder_queries=queries,
        backbone_features=list(images.features),
        encoder_hidden_states=encoded,
        prompt_features=texts.features,
        prompt_mask=texts.mask,
    )
    return drawn.pred_masks.float()
