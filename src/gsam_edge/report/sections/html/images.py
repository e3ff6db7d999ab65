"""Images: what is found, what is missed, what is invented."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered

#: Kinds of images: heading and explanation.
_KINDS = {
    "found": ("Typical hits", "Images in which every object is found and nothing else is reported."),
    "missed": ("Worst misses", "Objects that the model does not report are dashed, those that it finds are not."),
    "invented": ("Worst false alarms", "Answers without an object of their class are dotted."),
}


def images(facts: Facts) -> Markup | None:
    """Shows the images of each kind; None without any."""
    groups = [(title, why, shown) for kind, (title, why) in _KINDS.items() if (shown := facts.shown(kind))]
    return rendered("sections/images.html", groups=groups) if groups else None


def image_advice(facts: Facts) -> Sequence[str]:
    """Advises to look at the labels of what fails."""
    if not (facts.shown("missed") or facts.shown("invented")):
        return ()
    return ("Look at each: if a person would mark it as the model does, the label is wrong. Correct it and run again.",)
