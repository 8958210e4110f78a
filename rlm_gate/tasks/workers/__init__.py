"""The outputs of parallel workers: what they added, and what is wrong with it."""
