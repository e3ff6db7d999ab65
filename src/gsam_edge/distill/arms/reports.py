"""The report of the distillation, as JSON values."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import Predictions
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.distill.arms.arm_figures import JUDGED_BY, Drawn, arm_figures, recovered_gap
from gsam_edge.distill.arms.arm_run import ArmRun
from gsam_edge.distill.arms.table import ARMS, CONTROLS, DISTILLED, ORACLE, TRUTH, Control, left_out
from gsam_edge.distill.arms.verdict import Gain, distillation_verdict
from gsam_edge.metrics.bootstrap import Estimate

#: The node that trains the first arm.
FIRST_NODE = "distillation.distil_student"


def distillation_report(
    test: Annotations,
    runs: Sequence[ArmRun],
    teacher: Predictions | None,
    *,
    data: Mapping[str, int],
    no_pool: str | None,
    control: tuple[Control, ...],
    listens: bool,
) -> dict[str, Any]:
    """Compares the arms on the test split, by which nothing was chosen.

    Args:
        test: the test split.
        runs: every trained arm. The first is that of the student.
        teacher: what the teachers find on the test split without true boxes, or None.
        data: numbers of images: `labelled`, `pool` (without a label in use), `held_back` (of them with known truth).
        no_pool: why the pool is empty, or None where it is not.
        control: the arms that were asked for.
        listens: whether a loss of the teacher's has a weight.

    Returns:
        `verdict`; `titles` {arm, or `teacher`: its name for people}, in the order of tables; `student`, `losses` of its
        last steps and `hand_over` (see `train_arm`); `seeds`; `images` (of the test split, with `data`); `arms` {name:
        {figure: {mean, ci95 [low, high]}}} (0..1); `teacher` likewise; `gains` {control: {figure: {mean, ci95}}} of the
        distilled student; `per_class` {class: {arms {name: mAP50-95 of boxes}, gains {control: {mean, ci95}}}};
        `recovered_gap` {figure: {mean, ci95}} where the oracle is better than truth alone; `left_out` {arm: why it was
        not trained}; `trainings` [{arm, seed, facts}]. The interval is absent where too few images hold objects, or
        objects of the class. What does not apply is absent.

    Raises:
        InvalidDatasetError: if the arms were not trained alike and with the same seeds, or on another split.
    """
    _require_alike(test, runs)
    seeds = list(dict.fromkeys(run.seed for run in runs))
    of_arm = {
        name: [[run.predictions.objects] for run in runs if run.arm == name]
        for name in ARMS
        if any(run.arm == name for run in runs)
    }
    figures = {name: arm_figures(test, units) for name, units in of_arm.items()}
    taught = {} if teacher is None else arm_figures(test, [[teacher.objects]])
    distilled = figures[DISTILLED]
    differences = {
        name: {figure: drawn - figures[name][figure] for figure, drawn in distilled.items()}
        for name in figures
        if name in (*CONTROLS, "hard_labels")
    }
    gains = {
        name: Gain(
            drawn[JUDGED_BY].estimate,
            {
                each: drawn[JUDGED_BY].of_class(each)
                for each in drawn[JUDGED_BY].classes
                if each in drawn[JUDGED_BY].clear
            },
        )
        for name, drawn in differences.items()
        if name in CONTROLS and JUDGED_BY in drawn
    }
    first = runs[0].facts
    report: dict[str, Any] = {
        "verdict": distillation_verdict(
            gains,
            learnt=_has_learnt(distilled, runs),
            seeds=len(seeds),
            enough=JUDGED_BY in distilled and distilled[JUDGED_BY].enough,
            no_pool=no_pool,
            taught=any(part.get("images") for run in runs if run.arm == DISTILLED for part in run.facts["stages"]),
            listens=listens,
        ),
        "titles": _titles(figures, has_teacher=bool(taught)),
        "student": first["student"],
        "losses": first["losses"],
        "seeds": seeds,
        "images": {"test": len(test.images), **data},
        "arms": {name: _means(drawn) for name, drawn in figures.items()},
        "gains": {name: _means(drawn) for name, drawn in differences.items()},
        "per_class": _per_class(figures, differences),
        "trainings": [{"arm": run.arm, "seed": run.seed, **run.facts} for run in runs],
    }
    if ORACLE in figures and TRUTH in figures:
        shares = {
            name: recovered_gap(drawn, figures[TRUTH][name], figures[ORACLE][name]) for name, drawn in distilled.items()
        }
        report["recovered_gap"] = {
            name: _interval(share, enough=True) for name, share in shares.items() if share is not None
        }
    useless = left_out(control, pool_images=data["pool"], held_back_images=data["held_back"], listens=listens)
    optional = {"teacher": _means(taught), "left_out": useless, "hand_over": first.get("hand_over")}
    return report | {name: value for name, value in optional.items() if value}


def _require_alike(test: Annotations, runs: Sequence[ArmRun]) -> None:
    """Raises InvalidDatasetError if the arms differ in more than their labels, as stored ones of two runs may."""
    remedy = f"run again from the node {FIRST_NODE}"
    seeds: dict[str, list[int]] = {}
    for run in runs:
        found = run.predictions
        require_made_from(
            test,
            what=f"{run.arm}, seed {run.seed}",
            class_names=found.class_names,
            split_digest=found.split,
            remedy=remedy,
        )
        seeds.setdefault(run.arm, []).append(run.seed)
        if run.facts["common"] != runs[0].facts["common"]:
            raise InvalidDatasetError(
                f"arms: expected equal images, start, steps, precision and augmentation, got others for {run.arm} "
                f"(seed {run.seed}) than for {runs[0].arm} (seed {runs[0].seed}); {remedy}"
            )
    if len(set(map(tuple, seeds.values()))) > 1:
        raise InvalidDatasetError(f"arms: expected equal seeds, got {seeds}; {remedy}")


def _has_learnt(distilled: Mapping[str, Drawn], runs: Sequence[ArmRun]) -> bool:
    """Whether the distilled student finds anything; where nothing could be measured, nothing is said against it."""
    figures = [each.estimate.value for each in distilled.values()]
    figures += [value for run in runs if run.arm == DISTILLED for value in run.facts.get("val", {}).values()]
    return not figures or any(value > 0 for value in figures)


def _titles(arms: Collection[str], *, has_teacher: bool) -> dict[str, str]:
    titles = {name: ARMS[name].title for name in arms if name != ORACLE}
    titles |= {"teacher": "teacher"} if has_teacher else {}
    return titles | ({ORACLE: ARMS[ORACLE].title} if ORACLE in arms else {})


def _means(figures: Mapping[str, Drawn]) -> dict[str, dict[str, Any]]:
    return {name: _interval(drawn.estimate, enough=drawn.enough) for name, drawn in figures.items()}


def _interval(value: Estimate, *, enough: bool) -> dict[str, Any]:
    return {"mean": value.value, **({"ci95": [value.low, value.high]} if enough else {})}


def _per_class(
    figures: Mapping[str, Mapping[str, Drawn]], differences: Mapping[str, Mapping[str, Drawn]]
) -> dict[str, dict[str, Any]]:
    judged = {name: drawn[JUDGED_BY] for name, drawn in figures.items() if JUDGED_BY in drawn}
    if not judged:
        return {}
    return {
        each: {
            "arms": {name: drawn.of_class(each).value for name, drawn in judged.items()},
            "gains": {
                name: _interval(drawn[JUDGED_BY].of_class(each), enough=each in drawn[JUDGED_BY].clear)
                for name, drawn in differences.items()
            },
        }
        for each in judged[DISTILLED].classes
    }
