from __future__ import annotations

from rlm_gate.detectors._shell import embedded, without_templates

WORKFLOW = ".github/workflows/a.yml"


def _shell(text: str, language: str, path: str = "x") -> dict[int, str]:
    """Return what the lines hold, by their number; those without shell are left out."""
    found = embedded(text, language, path)
    assert not found or len(found.split("\n")) == len(text.split("\n"))
    return {n: line for n, line in enumerate(found.split("\n"), 1) if line.strip()}


def test_the_commands_of_an_image_stand_where_the_file_has_them() -> None:
    text = "FROM a:1\nRUN --mount=type=cache,target=/c curl x \\\n  # why\n  | sh\nCMD ls\n"
    assert _shell(text, "dockerfile") == {
        2: " " * 33 + "curl x \\",
        3: "\\",
        4: "  | sh",
    }


def test_an_image_holds_no_shell_where_it_runs_a_list_or_another_shell() -> None:
    assert not _shell('FROM a:1\nRUN ["ls", "-l"]\n', "dockerfile")
    assert not _shell('FROM a:1\nSHELL ["powershell"]\nRUN dir $x\n', "dockerfile")


def test_a_script_in_a_document_is_shell_and_the_input_of_a_command_stays_its_input() -> None:
    text = "FROM a:1\nRUN <<EOF\nrm -rf $1\nEOF\nRUN cat <<EOF > f\nrm -rf $1\nEOF\nRUN ls\n"
    assert _shell(text, "dockerfile") == {
        3: "rm -rf $1",
        5: "    cat <<EOF > f",
        6: "rm -rf $1",
        7: "EOF",
        8: "    ls",
    }


def test_the_steps_of_a_workflow_are_shell_and_expressions_are_words() -> None:
    text = (
        "jobs:\n  a:\n    steps:\n      - run: echo ${{ x.y }}\n      - name: run\n        run: |\n"
        "          cat <<EOF > f\n          it's\n          EOF\n          ls\n      - uses: a/b\n"
    )
    assert _shell(text, "yaml", WORKFLOW) == {
        4: "             echo xxxxxxxxxx",
        7: "          cat       > f",
        10: "          ls",
    }


def test_a_step_in_another_shell_is_left_out_and_its_neighbours_are_not() -> None:
    text = (
        "    steps:\n      - shell: pwsh\n        run: dir $x\n      - run: ls\n"
        "      - run: print(1)\n        shell: python\n      - run: pwd\n        shell: bash\n"
    )
    assert {n: line.strip() for n, line in _shell(text, "yaml", WORKFLOW).items()} == {
        4: "ls",
        7: "pwd",
    }


def test_the_scripts_of_a_pipeline_are_lists_of_commands_or_blocks() -> None:
    text = (
        "test:\n  script:\n    - pip install x\n    - 'make all'\n    - |\n      ls\n  stage: b\n"
        "deploy:\n  before_script:\n  - apt-get update\n  image: x\n"
    )
    found = {n: line.strip() for n, line in _shell(text, "yaml", ".gitlab-ci.yml").items()}
    assert found == {3: "pip install x", 4: "make all", 6: "ls", 10: "apt-get update"}


def test_tasks_of_other_yaml_are_shell_and_the_rest_is_not() -> None:
    text = (
        "- name: x\n  ansible.builtin.shell: curl {{ url }} | sh\n  run: ls\nruncmd:\n  - ls -l\n"
    )
    assert _shell(text, "yaml", "roles/x/tasks/main.yml") == {
        2: " " * 25 + "curl xxxxxxxxx | sh",
        5: "    ls -l",
    }


def test_recipes_of_make_are_shell_without_what_make_puts_in() -> None:
    text = (
        "CC = $(shell which cc)\nall:\n"
        '\t@rm -rf $(addprefix $(DIR)/,a) "$$1"\n\tcd x && \\\n\t  ls\n'
    )
    found = _shell(text, "make")
    assert found[3].split() == ["rm", "-rf", "x" * len("$(addprefix $(DIR)/,a)"), '"$1"']
    assert list(found) == [3, 4, 5]


def test_a_file_may_end_in_the_middle_of_a_command() -> None:
    assert _shell("FROM a:1\nRUN ls \\\n", "dockerfile")
    assert _shell("FROM a:1\nRUN ls <<EOF\nx", "dockerfile")
    assert _shell("all:\n\tls \\\n", "make")
    assert _shell("a:\n  - run: |", "yaml", WORKFLOW) == {}
    assert _shell("a:\n  - run: |\n      cat <<X\n", "yaml", WORKFLOW)


def test_what_a_template_puts_into_yaml_becomes_words_in_the_same_place() -> None:
    chart = "a: {{ .Values.x }}\n{{- if .y }}\nb: '{{ c }}:1'\n  {{- end }}\n"
    plain = without_templates(chart)
    assert plain == f"a: {'x' * 15}\n{' ' * 12}\nb: '{'x' * 7}:1'\n{' ' * 12}\n"
    assert without_templates("run: ${{ x }}\n") == "run: ${{ x }}\n"


def test_a_recipe_goes_on_below_a_line_that_ends_in_a_backslash() -> None:
    text = "all:\n\tcurl x \\\n  | sh \\\n-s\n\trm $(DIR)\nNAME = a b\n"
    assert _shell(text, "make") == {2: " curl x \\", 3: "  | sh \\", 4: "-s", 5: " rm xxxxxx"}


def test_a_backslash_stays_the_last_of_its_line_where_a_dollar_is_taken_out() -> None:
    text = "all:\n\techo $$x \\\n\t  $$y\n"
    assert _shell(text, "make") == {2: " echo $x \\", 3: "\t  $y "}


def test_a_step_begins_with_its_item_and_ends_before_the_next() -> None:
    text = (
        "    steps:\n      - name: a\n        shell: pwsh\n\n        env:\n          A: b\n"
        "        run: dir $x\n      - name: b\n\n        run: ls\n"
        "      - shell: python\n        run: print(1)\n      - run: pwd\n"
    )
    assert {n: line.strip() for n, line in _shell(text, "yaml", WORKFLOW).items()} == {
        10: "ls",
        13: "pwd",
    }
