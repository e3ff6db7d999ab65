"""What inference reads and writes: the source, the exported students to choose from, results, a served student."""
