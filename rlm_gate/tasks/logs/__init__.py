"""Logs of coding agents: parsed into records, and what shows in them without a model."""
