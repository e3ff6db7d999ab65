"""A student's network without the decoding of its outputs, for backends that cannot do it."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gsam_edge.runtime.decode import Decoding

if TYPE_CHECKING:
    from torch import nn


@runtime_checkable
class TwoPart(Protocol):
    """A module that is a network followed by its decoding.

    Attributes:
        network: maps images [B, 3, S, S] to the tuple of raw outputs that `runtime.decode.Decoder` reads, each with B
            in front.
        decoding: how they are read.
    """

    network: "nn.Module"
    decoding: Decoding
