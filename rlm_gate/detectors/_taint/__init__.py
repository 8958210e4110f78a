"""The taint engine's parts: values, what rules name, and an interpreter for each language."""
