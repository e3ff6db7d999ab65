"""All that the report and the model card say: every figure is taken from the reports here, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gsam_edge.report.facts.answer import Answer
from gsam_edge.report.facts.checks import Check, checks_of
from gsam_edge.report.facts.classes import ClassFacts, class_facts
from gsam_edge.report.facts.config import ReportConfig
from gsam_edge.report.facts.shown_images import ShownImage

#: Described where no artefact is recommended.
_STUDENT = "student"


@dataclass(frozen=True)
class Facts:
    """What a run came to.

    Attributes:
        dataset: name of the dataset.
        reports: the run's reports by their catalog names, as plain JSON values; those that it did not leave are absent.
        config: what is shown.
        class_names: by class id.
        digests: what the data and the student are told apart by: a name for people to SHA-256.
        most_drop: points of mAP50-95 that the gate lets an artefact lose; None where not known.
        shown_images: images of the test split with what the student finds there, and images to look at next.
        versions: packages to their versions.
    """

    dataset: str
    reports: Mapping[str, Any]
    config: ReportConfig
    class_names: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    most_drop: float | None = None
    shown_images: Sequence[ShownImage] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        """The rows of `comparison` by artefact."""
        return {row["artefact"]: row for row in self.reports.get("comparison", ())}

    @cached_property
    def evaluated(self) -> Mapping[str, Mapping[str, Any]]:
        """What `evaluation_report` says of each artefact."""
        return dict(self.reports.get("evaluation_report", {}).get("artefacts", {}))

    @cached_property
    def recommendation(self) -> Mapping[str, Any]:
        """The artefact to ship and why; empty where nothing was recommended."""
        return dict(self.reports.get("recommendation", {}))

    @cached_property
    def described(self) -> str | None:
        """The artefact that the answer is about: the recommended one, else the student, else any; None without one."""
        known = dict.fromkeys([*self.rows, *self.evaluated])
        return next((name for name in (self.recommendation.get("ship"), _STUDENT, *known) if name in known), None)

    @cached_property
    def answer(self) -> Answer | None:
        """What the described artefact finds in unseen images; None where it was not measured."""
        if self.described is None:
            return None
        return Answer.of(
            self.rows.get(self.described, {}),
            self.evaluated.get(self.described, {}),
            self.reports.get("evaluation_report", {}),
            self.reports.get("student_thresholds"),
            few_objects=self.config.few_objects,
        )

    @cached_property
    def classes(self) -> tuple[ClassFacts, ...]:
        """What is known of each class, in the order of their ids."""
        return class_facts(
            self.class_names,
            self.rows.get(self.described or "", {}),
            self.evaluated.get(self.described or "", {}),
            self.reports,
            few_objects=self.config.few_objects,
        )

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What must hold for the answer to be believed, and whether it does."""
        return checks_of(self.reports, self.described, self.classes, most_drop=self.most_drop)

    @property
    def unproven(self) -> tuple[Check, ...]:
        """The checks that failed or could not be made."""
        return tuple(check for check in self.checks if check.state == "bad")

    def shown(self, kind: str) -> list[ShownImage]:
        """Returns the images of one kind, see `ShownImage`."""
        return [image for image in self.shown_images if image.kind == kind]
