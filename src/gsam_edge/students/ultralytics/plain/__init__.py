"""Plain images: shown alone and unwarped, so that the teachers' maps lie on the student's grid; and their losses."""
