"""How severe the security pack takes what it finds: by what is shown, and by where it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.conftest import Cli
    from conftest import GitRepo

PASSED = """\
import os
def ping(host):
    os.system("ping -c 1 " + host)
"""
SHAPE = """\
import os
class Ping:
    def run(self):
        os.system("ping -c 1 " + self.host)
"""
FLOW = """\
import os
from flask import request
def ping():
    os.system("ping -c 1 " + request.args["host"])
"""
ARCHIVE = "import tarfile\ndef load(path):\n    tarfile.open(path).extractall('here')\n"
KEPT = "import hashlib\ndef encode(password, salt):\n    return hashlib.md5(salt + password)\n"
SENT = "import hashlib\ndef login(password, salt):\n    return hashlib.md5(salt + password)\n"
SHUT = "import ssl\ndef dial(context):\n    context.verify_mode = ssl.CERT_NONE\n"
DEBUG = "from flask import Flask\napp = Flask('a')\napp.run(debug=True)\n"
WISHED = "from flask import Flask\napp = Flask('a')\nif DEBUG:\n    app.run(debug=True)\n"
ASKED = "import ssl\ndef unverified(context):\n    context.verify_mode = ssl.CERT_NONE\n"


def test_a_shape_is_medium_and_a_flow_to_it_high_unless_developers_run_it(
    cli: Cli, git_repo: GitRepo
) -> None:
    for path, code in {
        "app/flow.py": FLOW,
        "examples/flow.py": FLOW,
        "app/passed.py": PASSED,
        "tools/passed.py": PASSED,
        "app/shape.py": SHAPE,
        "app/archive.py": ARCHIVE,
        "app/kept.py": KEPT,
        "app/sent.py": SENT,
        "app/shut.py": SHUT,
        "app/asked.py": ASKED,
        "app/debug.py": DEBUG,
        "app/wished.py": WISHED,
    }.items():
        git_repo.write(path, code)
    git_repo.commit()
    done = cli("check", "--all", "--offline", "--select=security", "--format=json", rules=None)
    found = json.loads(done.out)["findings"]
    assert {one["path"]: one["severity"] for one in found} == {
        "app/flow.py": "high",
        "examples/flow.py": "medium",
        "app/passed.py": "medium",
        "tools/passed.py": "low",  # nobody shows who calls it, and developers run it
        "app/shape.py": "medium",
        "app/archive.py": "medium",
        "app/kept.py": "high",
        "app/sent.py": "medium",
        "app/shut.py": "medium",
        "app/asked.py": "medium",
        "app/debug.py": "medium",
        "app/wished.py": "medium",
    }


def test_what_its_user_asked_for_is_the_choice_of_the_user(cli: Cli, git_repo: GitRepo) -> None:
    open_ = "const agent = new https.Agent({ rejectUnauthorized: false });\n"
    git_repo.write("app/open.js", open_)
    git_repo.write("app/asked.js", f"if (options.insecure) {{\n  {open_}}}\n")
    git_repo.write("app/nonce.js", "const nonce = Math.random();\n")
    git_repo.write("app/token.js", "const token = Math.random();\n")
    git_repo.commit()
    done = cli("check", "--all", "--offline", "--select=security", "--format=json", rules=None)
    assert {one["path"]: one["severity"] for one in json.loads(done.out)["findings"]} == {
        "app/open.js": "medium",
        "app/asked.js": "medium",
        "app/nonce.js": "medium",
        "app/token.js": "high",
    }


ASKED_FIRST = """\
on: [pull_request_target, issues]
permissions: {}
jobs:
  tell:
    if: IF
    runs-on: ubuntu-latest
    steps:
      - run: |
          ./tell "${{ github.event.pull_request.title }}"
"""


def test_a_script_of_words_by_a_known_author_is_medium(cli: Cli, git_repo: GitRepo) -> None:
    for name, condition in {
        "anybody": "github.event.action == 'opened'",
        "robot": "github.event.pull_request.user.login == 'dependabot[bot]'",
        "member": "contains('MEMBER OWNER', github.event.pull_request.author_association)",
    }.items():
        text = ASKED_FIRST.replace("IF", condition)
        git_repo.write(f".github/workflows/{name}.yml", text)
    git_repo.commit()
    only = "--select=security/workflow-injection"
    done = cli("check", "--all", "--offline", only, "--format=json", rules=None)
    assert [(one["path"][18:-4], one["severity"]) for one in json.loads(done.out)["findings"]] == [
        ("anybody", "high"),
        ("member", "medium"),
        ("robot", "medium"),
    ]


def test_what_rails_looks_up_among_views_or_classes_is_medium(cli: Cli, git_repo: GitRepo) -> None:
    for name, line in {
        "kind": "Object.const_get(params[:type])",
        "method": "self.send(params[:type])",
        "view": 'render template: "help/#{params[:page]}"',
        "file": 'render file: "help/#{params[:page]}"',
        "known": "lookup_context.exists?(params[:page])",
        "asked": "User.exists?(params[:page])",
    }.items():
        text = f"class AController < ApplicationController\n  def show\n    {line}\n  end\nend\n"
        git_repo.write(f"app/controllers/{name}_controller.rb", text)
    git_repo.commit()
    done = cli("check", "--all", "--offline", "--select=security", "--format=json", rules=None)
    found = json.loads(done.out)["findings"]
    assert {one["path"][16:-14]: one["severity"] for one in found} == {
        "kind": "medium",
        "method": "critical",
        "view": "medium",
        "file": "high",
        "asked": "high",
    }
