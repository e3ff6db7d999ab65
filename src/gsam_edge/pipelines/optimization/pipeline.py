"""The graph of `optimization`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.export.format import MODULE
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.optimization import nodes


def create_pipeline() -> Pipeline:
    """Exports the student in every format, compares each with PyTorch and checks that it needs no prompt."""
    exports = [
        node(
            nodes.export_as(name),
            inputs=[
                "student_weights" if made_as.source == MODULE else f"student_{made_as.source}",
                "annotations_train",
                "raw_images",
                f"params:{name}",
                "params:seed",
            ],
            outputs=f"student_{name}",
            name=f"export_{name}",
        )
        for name, made_as in FORMATS.items()
    ]
    return Pipeline(
        [
            *exports,
            node(
                nodes.report_optimization,
                inputs={
                    "student_weights": "student_weights",
                    "annotations_val": "annotations_val",
                    "images": "raw_images",
                    "parity": "params:parity",
                    **{name: f"student_{name}" for name in FORMATS},
                },
                outputs="optimization_report",
                name="report_optimization",
            ),
            node(nodes.accept_artefacts, inputs="optimization_report", outputs=None, name="accept_artefacts"),
        ]
    )
