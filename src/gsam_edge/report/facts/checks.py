"""What must hold for the answer to be believed, and whether it was shown to hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gsam_edge.report.facts.classes import ClassFacts

#: How the verdicts of the reports begin that are no good news. Their own rooms are above this one or beside it.
_ACCEPTED, _NOT_BUILT = "accepted", "not built"
_WEAK_TEACHER = ("useless", "worse", "no different", "not known")
_WORTHLESS_LABELS = "useless"
_PAYS, _UNPROVEN, _PAYS_NOT = "distillation adds", "no gain is proven", "does not pay"
_LEARNT_NOTHING = "the student learnt nothing"
#: Beginnings of the gate's figures, and what they are about.
_KINDS = {"box": "boxes", "mask": "masks"}


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: what it is about.
        state: "good": it holds; "bad": it does not, or was not shown; "few": too few cases to say.
        text: what was found, in a sentence.
        remedy: what to do about it; empty where it holds.
    """

    name: str
    state: Literal["good", "bad", "few"]
    text: str
    remedy: str = ""


def checks_of(
    reports: Mapping[str, Any], artefact: str | None, classes: Sequence[ClassFacts], *, most_drop: float | None
) -> tuple[Check, ...]:
    """Returns what was checked, what failed first. A check whose report is absent is not made.

    Args:
        reports: by their catalog names.
        artefact: the one that the answer is about.
        classes: see `class_facts`.
        most_drop: points of mAP50-95 that the gate lets an artefact lose; None where not known.
    """
    found = [
        *_budget(reports),
        *_gate(reports, artefact, most_drop),
        *_leaks(reports),
        *_teachers(reports),
        *_labels(reports),
        *_worth(reports),
        *_thresholds(reports),
        *_counts(classes),
    ]
    return tuple(sorted(found, key=lambda check: ("bad", "few", "good").index(check.state)))


def _budget(reports: Mapping[str, Any]) -> Iterator[Check]:
    recommendation = reports.get("recommendation")
    if recommendation is None:
        return
    if recommendation.get("ship") is None:
        text = f"No file is recommended: {recommendation['why']}"
        yield Check(
            "Recommendation", "bad", sentence(text), "Raise the budget (parameter budget) or improve the model."
        )


def _gate(reports: Mapping[str, Any], artefact: str | None, most_drop: float | None) -> Iterator[Check]:
    rows = {row["artefact"]: row for row in reports.get("optimization_report", ())}
    row = rows.get(artefact or "")
    if row is None:
        return
    again = "Run the pipeline optimization again, or ship another file."
    if not row["verdict"].startswith(_ACCEPTED):
        yield Check("The file", "bad", sentence(f"This file did not pass the gate: {row['verdict']}"), again)
        return
    accuracy = row.get("accuracy", {})
    kinds = [(of, accuracy[f"{kind}_drop_ci95"][1]) for kind, of in _KINDS.items() if f"{kind}_drop_ci95" in accuracy]
    if not kinds:
        yield Check(
            "The file", "good", "The file passed the gate: it needs no prompt, and its answers are the student's."
        )
        return
    of, most = max(kinds, key=lambda kind: kind[1])
    lost = f"by {accuracy['images']} validation images it loses at most {max(0.0, most):.1f} points of accuracy"
    measure = f"mAP50-95 of {of}, 95 % interval"
    if most_drop is not None and most > most_drop:
        text = f"That this file is as good as the student is not proven: {lost} ({measure}), {most_drop:g} are allowed."
        yield Check("The file", "bad", text, "Label more validation images, so that the interval becomes narrower.")
    else:
        yield Check("The file", "good", f"The file passed the gate: it needs no prompt, and {lost} ({measure}).")


def _leaks(reports: Mapping[str, Any]) -> Iterator[Check]:
    report = reports.get("validation_report")
    if report is None:
        return
    leak = next((finding for finding in report["findings"] if finding["code"] == "split_leak"), None)
    name = "Unseen images"
    if leak is not None:
        text = (
            f"Images of different splits belong together in {leak['count']} cases: some test images may show what the "
            "model has learnt from, so its figures may be too good."
        )
        yield Check(name, "bad", text, "Keep such images in one split (split.group_by), then run everything again.")
    elif not report.get("images_compared"):
        text = "Whether test images are copies of training images was not checked."
        yield Check(name, "bad", text, "Set validation.decode_images to true and run everything again.")
    else:
        text = f"{report['images_compared']:,} images were compared: no test image repeats one that was learnt from."
        yield Check(name, "good", text)


def _teachers(reports: Mapping[str, Any]) -> Iterator[Check]:
    report = reports.get("teacher_report")
    if report is None:
        return
    judged = {name: part for name, part in report.items() if "verdict" in part}
    weak = {name: part for name, part in judged.items() if part["verdict"].startswith(_WEAK_TEACHER)}
    for name, part in weak.items():
        text = f"The teacher {name} is {part['verdict']}: {part.get('why', '')}"
        remedy = "See Teachers below: more steps, more labelled images or another base."
        yield Check("Teachers", "bad", sentence(text), remedy)
    if judged and not weak:
        yield Check("Teachers", "good", "Tuning made every teacher better than the model that it started from.")


def _labels(reports: Mapping[str, Any]) -> Iterator[Check]:
    report = reports.get("label_report")
    if report is None or "verdict" not in report:
        return
    if report["verdict"].startswith(_WORTHLESS_LABELS):
        remedy = "Improve the teachers first, or train on your labels alone."
        yield Check("Teachers' labels", "bad", sentence(f"Not good enough to learn from: {report['why']}"), remedy)
    else:
        yield Check("Teachers' labels", "good", "Good enough to learn from (parameter teacher_floor).")


def _worth(reports: Mapping[str, Any]) -> Iterator[Check]:
    """Yields whether the student is better for the teachers' labels, as the comparison with its controls says."""
    report = reports.get("distillation_report")
    if report is None:
        return
    name, verdict = "Worth of the teachers", report["verdict"]
    if verdict.startswith(_LEARNT_NOTHING):
        yield Check(name, "bad", sentence(verdict), "See below, what the teachers were worth.")
    elif verdict.startswith(_PAYS):
        yield Check(name, "good", sentence(verdict))
    elif verdict.startswith(_UNPROVEN):
        remedy = "More test images or more seeds (distillation.seeds) tell whether there is one."
        yield Check(name, "bad", sentence(verdict), remedy)
    elif verdict.startswith(_PAYS_NOT):
        gain = report.get("gains", {}).get("truth", {}).get("box_map50_95", {})
        low, high = gain.get("ci95", (-1.0, 1.0))  # without an interval nothing is said to be worse
        if high < 0:
            text = (
                f"This student is worse than one that learnt from your labels alone, by {-100 * high:.1f} to "
                f"{-100 * low:.1f} points of mAP50-95 of boxes: the teachers' labels cost accuracy here."
            )
            remedy = "Improve the teachers, or train without unlabelled images: that student has your labels alone."
        else:
            text, remedy = verdict, "Label more images, or improve the teachers, before you train longer."
        yield Check(name, "bad", sentence(text), remedy)


def _thresholds(reports: Mapping[str, Any]) -> Iterator[Check]:
    thresholds = reports.get("student_thresholds")
    if thresholds is not None:
        text = (
            f"The scores from which an answer counts were chosen on {thresholds['images']} validation images, not on "
            "the test images."
        )
        yield Check("Score limits", "good", text)


def _counts(classes: Sequence[ClassFacts]) -> Iterator[Check]:
    counted = [each for each in classes if each.objects is not None]
    few = [each for each in counted if each.few]
    if few:
        names = ", ".join(f"'{each.name}' ({each.objects})" for each in few[:6])
        more = f" and {len(few) - 6} more classes" if len(few) > 6 else ""
        text = f"Too few objects in the test images to judge by: {names}{more}."
        yield Check("Number of objects", "few", text, "Label more images that show them, some of them for the test.")
    elif counted:
        least = min(counted, key=lambda each: each.objects or 0)
        text = f"Every class has enough objects in the test images; the fewest, '{least.name}', {least.objects}."
        yield Check("Number of objects", "good", text)


def sentence(text: str) -> str:
    """Returns a text with a capital letter and a full stop."""
    text = text.strip()
    first = text.split(maxsplit=1)[0] if text else ""
    capital = text[:1].upper() + text[1:] if first.isalpha() else text  # the name of a figure or a file stays as it is
    return capital + ("" if text.endswith((".", "!", "?")) else ".")
