"""Names of classes in files of different makers."""

import re


def plain_name(name: str) -> str:
    """Returns a class name without its case, spaces, hyphens and underscores: "Torn_Seam" is "torn seam"."""
    return re.sub(r"[\s_-]", "", name).casefold()
