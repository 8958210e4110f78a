"""The 40 exam rows: flaws that no deterministic scanner finds with the right CWE."""

APPS = {
    "pygoat": ("adeyosemanputra/pygoat", "19d17cc"),
    "vulpy": ("fportantier/vulpy", "5249cc8"),
    "dsvw": ("stamparm/DSVW", "2e9706c"),
}
_VIEWS = "introduction/views.py"
_AUTH = "dockerized_labs/broken_auth_lab/app.py"
_DATA = "dockerized_labs/sensitive_data_exposure/dataexposure/views.py"
EXAM_APPS = {
    1: ("pygoat", _VIEWS, 284, 287),
    2: ("pygoat", _VIEWS, 342, 354),
    3: ("pygoat", _VIEWS, 506, 506),
    4: ("pygoat", _VIEWS, 514, 514),
    5: ("pygoat", _VIEWS, 535, 538),
    6: ("pygoat", _VIEWS, 573, 588),
    7: ("pygoat", _VIEWS, 645, 672),
    8: ("pygoat", _VIEWS, 659, 667),
    9: ("pygoat", _VIEWS, 782, 805),
    10: ("pygoat", _VIEWS, 837, 841),
    11: ("pygoat", _VIEWS, 975, 998),
    12: ("pygoat", _VIEWS, 1049, 1061),
    13: ("pygoat", "introduction/apis.py", 59, 74),
    14: ("pygoat", _AUTH, 111, 112),
    15: ("pygoat", _AUTH, 91, 91),
    16: ("pygoat", _DATA, 112, 132),
    17: ("vulpy", "bad/mod_api.py", 57, 62),
    18: ("vulpy", "bad/mod_api.py", 47, 51),
    19: ("vulpy", "bad/mod_user.py", 64, 80),
    20: ("vulpy", "bad/mod_mfa.py", 57, 63),
    21: ("vulpy", "bad/libsession.py", 5, 8),
    22: ("vulpy", "bad/libuser.py", 59, 60),
    23: ("vulpy", "bad/libmfa.py", 67, 84),
    24: ("dsvw", "dsvw.py", 43, 43),
    25: ("dsvw", "dsvw.py", 78, 78),
}
EXAM_FIXES = {
    26: "pr026", 27: "pr029", 28: "pr032", 29: "pr038", 30: "pr040",
    31: "pr042", 32: "pr044", 33: "pr046", 34: "pr072", 35: "pr077",
    36: "pr059", 37: "pr025", 38: "pr081", 39: "pr082", 40: "pr087",
}  # fmt: skip
"""Exam rows that are fixes of cve_prs.json, by their ids there."""
