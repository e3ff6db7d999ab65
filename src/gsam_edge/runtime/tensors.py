"""What a file says of the tensors that must be fed to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputTensor:
    """An input of an artefact, as its file or its backend states it.

    Attributes:
        name: its name.
        shape: its dimensions; None where the file leaves one open.
        dtype: its element type as numpy spells it, such as "float32".
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join('any' if side is None else str(side) for side in self.shape)}]"
