"""The graph of `optimization`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.optimization import nodes


def create_pipeline() -> Pipeline:
    """The student as ONNX and as INT8, each compared with PyTorch and checked to need no prompt."""
    return Pipeline(
        [
            node(
                nodes.export_onnx,
                inputs=["student_weights", "params:onnx"],
                outputs="student_onnx",
                name="export_onnx",
            ),
            node(
                nodes.quantize_int8,
                inputs=["student_onnx", "annotations_train", "raw_images", "params:int8", "params:seed"],
                outputs="student_onnx_int8",
                name="quantize_int8",
            ),
            node(
                nodes.report_optimization,
                inputs=[
                    "student_weights",
                    "student_onnx",
                    "student_onnx_int8",
                    "annotations_val",
                    "raw_images",
                    "params:parity",
                ],
                outputs="optimization_report",
                name="report_optimization",
            ),
            node(nodes.accept_artefacts, inputs="optimization_report", outputs=None, name="accept_artefacts"),
        ]
    )
