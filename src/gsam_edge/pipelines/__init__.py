"""The Kedro pipelines, one folder each; a node only adapts its inputs and calls one function."""
