"""The child's side of the sandbox. Imports its siblings and the standard library, nothing else."""
