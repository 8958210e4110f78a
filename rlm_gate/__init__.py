"""rlm-gate: a quality gate that never goes green without evidence."""

__version__ = "0.1.0"
