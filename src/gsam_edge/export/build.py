"""Builds an artefact, or says why it cannot be built."""

import logging
from typing import Any

from pydantic import BaseModel

from gsam_edge.export.format import BuildData, Format, NotBuilt, StudentModule
from gsam_edge.export.table import REFERENCE
from gsam_edge.vision.errors import UserError

logger = logging.getLogger(__name__)


def build_artefact(
    target: Format[Any, Any], source: StudentModule | bytes | NotBuilt, data: BuildData, config: BaseModel
) -> bytes | NotBuilt:
    """Exports a student to one format; where this machine or the converter cannot, logs the reason and returns it.

    Args:
        target: the format.
        source: as `target.source` says.
        data: the data that a format may use.
        config: of the class `target.config`.

    Raises:
        UserError: what the user can mend before the artefact is built.
        Exception: whatever a converter raises for `REFERENCE`, without which nothing is shipped.
    """
    if isinstance(source, NotBuilt):
        return _not_built(target, f"it is made from {target.source}, which was not built: {source.why}")
    try:
        return target.build(source, data, config)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "gsam_edge":
            raise
        return _not_built(target, f"the package {error.name} is not installed; {target.install}")
    except UserError:
        raise
    except Exception as error:  # converters raise all kinds, and the run goes on with the other formats
        if target.name == REFERENCE:
            raise
        logger.exception("the format %s could not be built", target.name)
        return _not_built(target, f"its converter failed: {type(error).__name__}: {error}")


def _not_built(target: Format[Any, Any], why: str) -> NotBuilt:
    # or the console would read "[ncnn]" in the install line as a style, and leave it out
    logger.warning("the format %s is not built: %s", target.name, why, extra={"markup": False})
    return NotBuilt(why)
