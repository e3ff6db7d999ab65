"""What the steel dataset holds and what its images may show."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: The classes in category order.
STEEL_CLASSES = ("pits", "inclusion", "scratch", "patch")


class SteelWorldConfig(BaseModel):
    """Strips of rolled steel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, description="seed of the whole dataset")
    train: int = Field(ge=1, description="labelled images to train on")
    val: int = Field(ge=0, description="labelled images to choose by")
    test: int = Field(ge=0, description="labelled images to measure on")
    image_height: int = Field(ge=48, description="across the strip, pixels")
    image_width: int = Field(ge=96, description="along the strip, in which it is rolled, pixels")
    jpeg_quality: int = Field(ge=1, le=100, description="quality of the JPEG files")
    good_share: float = Field(ge=0, le=1, description="share of strips without a defect")
    frequencies: dict[str, float] = Field(description="how often each kind is drawn on a strip with defects, sum 1")
    second_kind: float = Field(ge=0, le=1, description="share of strips with defects that have another kind beside")
    look_alikes: float = Field(ge=0, le=1, description="share of strips with dust, stains or roll marks, unlabelled")
    edge_share: float = Field(ge=0, le=1, description="share of images that show the strip's end and black beside it")
    label_noise: float = Field(
        ge=0, le=1, description="share of training strips with defects of which one is not labelled, or as another kind"
    )
    max_noise: float = Field(gt=0, le=1, description="largest sensor noise, standard deviation at full brightness 0..1")

    @model_validator(mode="after")
    def _every_kind(self) -> "SteelWorldConfig":
        if set(self.frequencies) != set(STEEL_CLASSES) or abs(sum(self.frequencies.values()) - 1) > 1e-6:
            raise ValueError(
                f"frequencies: expected shares of {', '.join(STEEL_CLASSES)} with the sum 1, got {self.frequencies}"
            )
        return self
