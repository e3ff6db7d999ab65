"""Exports a trained student to artefacts (ONNX, INT8) and checks that they match it."""
