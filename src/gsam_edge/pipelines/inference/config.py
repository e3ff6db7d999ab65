"""Parameters of `inference`."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.runtime.inference.files import DrawingSettings
from gsam_edge.runtime.tiles import Tiling


class TilesConfig(BaseModel):
    """How large images are cut into tiles; see `runtime.tiles.Tiling`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int | None = Field(
        ge=1, description="side of a square tile, pixels of the image; null looks at it as a whole"
    )
    overlap: float = Field(ge=0, lt=1, description="share of a tile that the next one shows too")
    whole: bool = Field(description="whether the whole image is one more view, for objects larger than the overlap")
    iou_threshold: float = Field(ge=0, le=1, description="boxes of a class that overlap more are one object")
    cut_share: float = Field(gt=0, le=1, description="share of a cut box inside another that makes it a part of it")

    @property
    def tiling(self) -> Tiling | None:
        """The tiles; None where images are looked at as a whole."""
        if self.side is None:
            return None
        return Tiling(self.side, self.overlap, self.whole, self.iou_threshold, self.cut_share)


class DrawingConfig(BaseModel):
    """How results are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(ge=16, description="most pixels of a drawing's longer side")
    sheet_columns: int = Field(ge=1, description="images in a line of the contact sheet")
    sheet_rows: int = Field(ge=1, description="lines of the contact sheet")
    sheet_width: int = Field(ge=16, description="pixels of one image in it, square")

    @property
    def settings(self) -> DrawingSettings:
        """The same for the runtime."""
        return DrawingSettings(**self.model_dump())


class InferenceConfig(BaseModel):
    """Settings of inference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score_threshold: float | None = Field(
        ge=0, le=1, description="objects that score less are left out; null: the card's"
    )
    batch_size: int = Field(ge=1, description="images, or tiles of one image, in one call of the student")
    threads: int = Field(ge=0, description="CPU threads of the student; 0 lets its backend choose")
    tiles: TilesConfig
    drawing: DrawingConfig
