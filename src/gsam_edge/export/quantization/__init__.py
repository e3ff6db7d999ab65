"""Integer artefacts: ranges, the QDQ form, what is left in float, and the rules that a backend sets."""
