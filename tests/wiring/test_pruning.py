"""A pruned student goes the way of the student, under its own name, when somebody asks for it."""

from kedro.framework.project import configure_project, pipelines

from gsam_edge.export.table import FORMATS


def test_a_pruned_student_is_exported_gated_and_measured_in_every_format_and_not_in_the_job() -> None:
    configure_project("gsam_edge")
    pruning = pipelines["pruning"]
    made = pruning.all_outputs()
    assert {"student_pruned_weights", "pruning_report", "pruning_comparison", "optimization_pruned_report"} <= made
    for name in FORMATS:
        assert {f"candidate_pruned_{name}", f"student_pruned_{name}", f"measurement_student_pruned_{name}"} <= made
    others = set().union(*(pipeline.all_outputs() for name, pipeline in pipelines.items() if name != "pruning"))
    assert not made & others, "a pruned student replaces nothing of the student's"
    assert {"student_weights", "student_onnx", "measurement_student"} <= pruning.inputs()
    assert not {node.namespace for node in pipelines["__default__"].nodes} & {"pruning"}
