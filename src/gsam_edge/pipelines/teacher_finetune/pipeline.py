"""The graph of `teacher_finetune`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.teacher_finetune import nodes

DATA = ["annotations_train", "annotations_val", "raw_images"]
WORDS = ["params:scene", "params:augmentation_rules"]
RUN = ["live_metrics", "params:seed", "params:device"]
TEACHERS = ["grounding_dino_base", "grounding_dino_adapter", "sam_base", "sam_adapter"]


def create_pipeline() -> Pipeline:
    """LoRA on the teachers that the data calls for, measured before and after."""
    return Pipeline(
        [
            node(
                nodes.tune_grounding_dino,
                inputs=[
                    "grounding_dino_base",
                    *DATA,
                    "params:grounding_dino",
                    *WORDS,
                    "grounding_dino_checkpoints",
                    *RUN,
                ],
                outputs="grounding_dino_adapter",
                name="tune_grounding_dino",
            ),
            node(
                nodes.tune_sam,
                inputs=["sam_base", *DATA, "params:sam", *WORDS, "sam_checkpoints", *RUN],
                outputs="sam_adapter",
                name="tune_sam",
            ),
            node(
                nodes.report_teachers,
                inputs=[*TEACHERS, "annotations_val", "raw_images", "params:labelling", "params:device"],
                outputs="teacher_report",
                name="report_teachers",
            ),
        ]
    )
