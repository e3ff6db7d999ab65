"""The table of the report's sections, in their order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.answer import answer
from gsam_edge.report.sections.html.artefacts import artefact_advice, artefacts
from gsam_edge.report.sections.html.classes import class_advice, classes
from gsam_edge.report.sections.html.data import data_advice, data_health
from gsam_edge.report.sections.html.distillation import worth, worth_advice
from gsam_edge.report.sections.html.failures import failure_advice, failures
from gsam_edge.report.sections.html.file import file_advice, file_to_use
from gsam_edge.report.sections.html.images import image_advice, images
from gsam_edge.report.sections.html.labels import label_advice, labels
from gsam_edge.report.sections.html.made import how_it_was_made, made_advice
from gsam_edge.report.sections.html.next_to_label import next_advice, next_to_label
from gsam_edge.report.sections.html.review import review, review_advice
from gsam_edge.report.sections.html.student import student, student_advice
from gsam_edge.report.sections.html.teachers import teacher_advice, teachers


def nothing(facts: Facts) -> Sequence[str]:
    """Advises nothing."""
    return ()


@dataclass(frozen=True)
class PageSection:
    """One section of the report.

    Attributes:
        name: its address in the page.
        title: its heading and its line in the contents.
        needs: catalog names of the reports without which it is left out.
        render: makes its content; None where these reports have nothing to say.
        advise: what to do next, in sentences, the most useful first.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    render: Callable[[Facts], Markup | None]
    advise: Callable[[Facts], Sequence[str]] = nothing


PAGE_SECTIONS: Mapping[str, PageSection] = {
    section.name: section
    for section in (
        PageSection("answer", "Is it good enough?", (), answer),
        PageSection("file", "The file to use", ("recommendation",), file_to_use, file_advice),
        PageSection("images", "What it looks like", (), images, image_advice),
        PageSection("data", "Your images and labels", ("validation_report",), data_health, data_advice),
        PageSection("teachers", "Teachers", ("teacher_report",), teachers, teacher_advice),
        PageSection("labels", "The teachers' labels", ("label_report",), labels, label_advice),
        PageSection("distillation", "What the teachers were worth", ("distillation_report",), worth, worth_advice),
        PageSection("student", "The student", ("distillation_report",), student, student_advice),
        PageSection("artefacts", "The files compared", ("comparison",), artefacts, artefact_advice),
        PageSection("classes", "Each class", ("comparison",), classes, class_advice),
        PageSection("failures", "Where it fails", ("failure_report",), failures, failure_advice),
        PageSection("review", "Labels that may be wrong", ("review_report",), review, review_advice),
        PageSection("next_to_label", "Images to label next", ("next_to_label",), next_to_label, next_advice),
        PageSection("made", "How this was made", (), how_it_was_made, made_advice),
    )
}
