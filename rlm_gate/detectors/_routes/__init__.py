"""Read the routes of a file, and who is asked for leave before each of them.

One module for each kind of framework. They know texts and trees, no rules and no findings.
"""
