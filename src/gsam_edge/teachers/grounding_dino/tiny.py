"""Builds a Grounding DINO of three million parameters from the library's classes; it runs the large one's code."""

import string
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import nn
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    MMGroundingDinoConfig,
    ResNetConfig,
)

from gsam_edge.teachers.grounding_dino.config import TinyGroundingDinoConfig
from gsam_edge.teachers.grounding_dino.library import TunableMMGroundingDino
from gsam_edge.teachers.grounding_dino.model import GroundingDino

#: Ids of special tokens and separators in BERT's vocabulary, and therefore in Grounding DINO's code.
FIXED_IDS = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
#: Standard deviation of the embeddings, about that of a trained BERT; with 0.02, unseen pieces would be too similar.
PIECE_STD = 0.5
#: First value of the fusion layers' gate: the library's 1e-4 suits pretrained parts; from scratch, text would not pass.
FUSION_GATE = 0.2


def build_vocabulary(words: Iterable[str]) -> list[str]:
    """Builds a WordPiece vocabulary that spells any printable ASCII word, with BERT's ids for the special tokens.

    It holds every single character, at the start and inside of a word, and the pairs of letters of which the given
    words consist. Whole words are left out on purpose: an unseen word then consists of pieces that training used.

    Args:
        words: words of the captions to train on, without spaces.

    Returns:
        The pieces by id; unused ids hold "[unusedN]".

    Raises:
        ValueError: if the words need more pieces than BERT's separators leave room for.
    """
    characters = sorted((set(string.printable) - set(string.whitespace) - set(string.ascii_uppercase)) - {".", "?"})
    pairs: dict[str, None] = {}
    for word in sorted(set(words)):
        for start in range(0, len(word) - 1, 2):
            pairs["##" * (start > 0) + word[start : start + 2]] = None
    pieces = [*characters, *(f"##{character}" for character in characters), *pairs]
    by_id = {index: piece for piece, index in FIXED_IDS.items()}
    size = max(by_id) + 1
    free = [index for index in range(size) if index not in by_id]
    if len(pieces) > len(free):
        raise ValueError(f"vocabulary: expected at most {len(free)} pieces, got {len(pieces)}")
    by_id.update(zip(free, pieces, strict=False))
    return [by_id.get(index, f"[unused{index}]") for index in range(size)]


def build_tiny_grounding_dino(config: TinyGroundingDinoConfig, words: Iterable[str], *, seed: int) -> GroundingDino:
    """Builds a tiny Grounding DINO with random weights and a vocabulary for `words` (see `build_vocabulary`).

    An `MMGroundingDinoForObjectDetection` (Zhao et al. 2024, "An Open and Comprehensive Pipeline for Unified Object
    Grounding and Detection"), whose class logits are scaled and biased and so train from scratch.
    """
    torch.manual_seed(seed)
    vocabulary = build_vocabulary(words)
    model = TunableMMGroundingDino(_library_config(config, len(vocabulary)))
    with torch.no_grad():
        nn.init.normal_(model.get_input_embeddings().weight, std=PIECE_STD)
        for name, parameter in model.named_parameters():
            if name.endswith(("fusion_layer.vision_param", "fusion_layer.text_param")):
                parameter.fill_(FUSION_GATE)
    tokenizer = BertTokenizer(vocab={piece: index for index, piece in enumerate(vocabulary)}, do_lower_case=True)
    return GroundingDino(model.eval(), _processor(config.image_size, tokenizer), "tiny-grounding-dino")


def with_input_size(grounding_dino: GroundingDino, side: int) -> GroundingDino:
    """Returns the same model behind a processor that resizes the images' longest side to `side` pixels."""
    return replace(grounding_dino, processor=_processor(side, grounding_dino.processor.tokenizer))


def _processor(side: int, tokenizer: BertTokenizer) -> GroundingDinoProcessor:
    images = GroundingDinoImageProcessor(size={"shortest_edge": side, "longest_edge": side})
    return GroundingDinoProcessor(images, tokenizer)


def _library_config(config: TinyGroundingDinoConfig, vocabulary_size: int) -> MMGroundingDinoConfig:
    backbone = ResNetConfig(
        embedding_size=config.backbone_widths[0],
        hidden_sizes=list(config.backbone_widths),
        depths=[2, 2, 2, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    text = BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=config.text_width,
        num_hidden_layers=config.text_layers,
        num_attention_heads=4,
        intermediate_size=2 * config.text_width,
        max_position_embeddings=256,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return MMGroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=config.queries,
        encoder_layers=config.encoder_layers,
        encoder_ffn_dim=config.feed_forward,
        encoder_attention_heads=config.heads,
        decoder_layers=config.decoder_layers,
        decoder_ffn_dim=config.feed_forward,
        decoder_attention_heads=config.heads,
        d_model=config.width,
        num_feature_levels=3,
        encoder_n_points=2,
        decoder_n_points=4,
        dropout=0.0,
        fusion_droppath=0.0,
    )
