"""Settings of the bundle."""

from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.export.table import FORMATS


class BundleConfig(BaseModel):
    """What the bundle holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artefact: str | None = Field(
        description="catalog name of the exported student; None takes the recommendation's; see `format_of`"
    )
    max_pixels: int = Field(ge=1, description="predict.py refuses images with more pixels (width x height)")

    @field_validator("artefact")
    @classmethod
    def _known(cls, artefact: str | None) -> str | None:
        if artefact is not None:
            format_of(artefact)
        return artefact


def format_of(artefact: str) -> str:
    """Returns the format of an exported student by its name in the catalog, `<model>_<format>`.

    Raises:
        ValueError: if the name ends with no format's.
    """
    fitting = [name for name in FORMATS if artefact.endswith(f"_{name}")]
    if not fitting:
        students = [f"student_{name}" for name in FORMATS]
        near = get_close_matches(artefact, students, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(students)}"
        raise ValueError(f"no exported student is called {artefact!r}; {hint}")
    return max(fitting, key=len)  # of onnx and onnx_int8 the longer
