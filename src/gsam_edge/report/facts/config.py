"""Settings of the report."""

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """What the report shows, and from how many objects on it trusts a figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    few_objects: int = Field(ge=1, description="figures over fewer objects are grey and no ground for a decision")
    images: int = Field(ge=0, description="most images of each kind")
    image_width: int = Field(ge=64, description="pixels, width of an image")
    jpeg_quality: int = Field(ge=1, le=95, description="quality of the images, as Pillow counts it")
