"""What before a match may have refused its value, in languages whose values nobody follows."""

from __future__ import annotations

from functools import cache

import pytest
from builders import corpus, source

from rlm_gate import packs
from rlm_gate.core import Finding, Rule, Severity
from rlm_gate.detectors import astgrep

HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
RUBY = """\
class FilesController < ApplicationController
{chosen}
  def show
    {before}
    send_file(Rails.root.join('files', params[:name]))
  end
end
"""
SINATRA = "{above}\nget '/file' do\n  {before}\n  send_file(params[:name])\nend\n"
CSHARP = """\
{above}
public class FileController : Controller {{
  [HttpGet("file")]
  public IActionResult Show([FromQuery] string name, [FromQuery] string kind) {{
    {before}
    var path = Path.Combine(_root, name);
    return Ok(System.IO.File.ReadAllText(path));
  }}
}}
"""


@cache
def rules() -> dict[str, Rule]:
    return {rule.id: rule for pack in packs.load_files(None, None) for rule in pack.pack.rules}


def worst(path: str, code: str, rule_id: str = "security/path-traversal") -> Severity | None:
    found = astgrep.detect(corpus(source(path, code)), [rules()[rule_id]])
    return max((one.severity for one in found if isinstance(one, Finding)), default=None)


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("", HIGH),
        ("return head(:not_found) if params[:name].blank?", HIGH),
        ("return head(:not_found) unless params[:name].present?", HIGH),
        ("return head(:not_found) unless params[:other] =~ /x/", HIGH),
        ("# return unless params[:name] =~ /x/", HIGH),
        ("logger.info(params[:name])", HIGH),
        ("return head(:not_found) unless known_names.include?(params[:name])", MEDIUM),
        ("return head(:not_found) unless params[:name].match?(/\\A\\w+\\z/)", MEDIUM),
        ("return head(:not_found) unless params[:name].start_with?('public')", MEDIUM),
        ("authorize_file!(params[:name])", MEDIUM),
        ("raise 'no' unless allowed?(params[:name])", MEDIUM),
        ("return head(:forbidden) unless current_user.admin?", MEDIUM),
        ("return head(:forbidden) unless params[:name] == current_user.file", MEDIUM),
    ],
)
def test_a_condition_before_a_sink_in_ruby_may_have_refused_the_value(
    before: str, meant: Severity
) -> None:
    assert (
        worst("app/controllers/files_controller.rb", RUBY.format(chosen="", before=before)) is meant
    )


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        ("  before_action :require_admin", MEDIUM),
        ("  before_action :check_name, only: :show", MEDIUM),
        ("  before_action :set_locale", HIGH),
    ],
)
def test_what_runs_before_an_action_may_refuse(chosen: str, meant: Severity) -> None:
    assert (
        worst("app/controllers/files_controller.rb", RUBY.format(chosen=chosen, before="")) is meant
    )


@pytest.mark.parametrize("base", ["Admin::BaseController", "House::Admin::BaseController"])
def test_a_controller_of_administrators_is_less(base: str) -> None:
    code = RUBY.format(chosen="", before="").replace("ApplicationController", base)
    assert worst("app/controllers/files_controller.rb", code) is MEDIUM


def test_a_route_of_sinatra_is_a_function() -> None:
    other = "get '/other' do\n  halt 404 unless names.include?(params[:name])\nend"
    assert worst("app.rb", SINATRA.format(above=other, before="")) is HIGH
    guard = "halt 404 unless names.include?(params[:name])"
    assert worst("app.rb", SINATRA.format(above="", before=guard)) is MEDIUM


@pytest.mark.parametrize(
    ("above", "before", "meant"),
    [
        ("", "", HIGH),
        ("", "if (string.IsNullOrEmpty(name)) return NotFound();", HIGH),
        ("", "if (!known.Contains(kind)) return NotFound();", HIGH),
        ("", "if (kind == null) return NotFound();", HIGH),
        ("", "if (!known.Contains(name)) return NotFound();", None),
        ("", "ValidateName(name);", None),
        ("", "if (name.Length > limits.Longest && name != kind) return NotFound();", MEDIUM),
        ('[Authorize(Roles = "Admin")]', "", MEDIUM),
        ("[Authorize]", "", HIGH),
    ],
)
def test_so_it_is_in_csharp(above: str, before: str, meant: Severity) -> None:
    code = CSHARP.format(above=above, before=before)
    assert worst("src/FileController.cs", code) is meant
