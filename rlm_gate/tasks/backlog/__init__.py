"""Backlogs: issues of several trackers, what is wrong with them, and what to do next."""
