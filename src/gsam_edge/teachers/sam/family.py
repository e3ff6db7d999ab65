"""SAM as a family of teachers."""

from typing import TYPE_CHECKING

from gsam_edge.teachers.outlining.family import OutlinerFamily

if TYPE_CHECKING:
    from gsam_edge.teachers.sam.model import SamModel


class SamFamily(OutlinerFamily):
    """Draws the mask of the object in each given box."""

    name = "sam"
    title = "SAM"
    expects = "a SAM checkpoint (a .pth file or the folder of a tiny one)"
    advice = "The README's chapter on the real teachers says what to put where"

    def load(self, source: str, *, allow_download: bool) -> "SamModel":
        """See `load_sam`; nothing is ever downloaded."""
        from gsam_edge.teachers.sam.model import load_sam

        return load_sam(source)
