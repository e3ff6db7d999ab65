"""From a trained student to the artefacts that are shipped (ONNX, INT8), and the evidence that they are one."""
