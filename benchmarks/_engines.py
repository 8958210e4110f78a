"""Run one engine on one case, inside that engine's own environment; standard library only.

    python _engines.py ENGINE URL --text FILE --work DIR

After a warm-up over a tiny text it says so, then runs a session for each line on its standard input
and prints the wall and processor seconds as one line of JSON. Without --text it times the import.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

IMPORTS = {
    "rlm-gate": "from rlm_gate import RLMSession, RLMConfig, ClaudeProvider",
    "rlms": "from rlm import RLM",
    "dspy": "import dspy",
    "floor": "import anthropic",
}
Session = Callable[[str], object]


def rlm_gate(url: str, work: Path) -> Session:
    """Return ours, whole: sandbox child, dollar ledger, cache and journal."""
    from rlm_gate import ClaudeProvider, RLMConfig, RLMSession

    provider = ClaudeProvider("made-up", url)
    config = RLMConfig(
        max_iterations=60,
        max_sub_calls=400,
        max_usd=20.0,
        cache_dir=work / f"cache-{os.getpid()}",
        journal_dir=work / f"journal-{os.getpid()}",
    )

    def session(text: str) -> object:
        query = f"How many? {time.perf_counter_ns()}"  # a new question: the cache answers none
        result = RLMSession(text, provider, config).run(query)
        if not result.success or result.notes:
            raise SystemExit(f"rlm-gate: {result.error} {result.notes}")
        return result.answer

    return session


def rlms(url: str, work: Path) -> Session:
    """Return the paper's own engine, in its fastest environment, without a sandbox."""
    del work
    from rlm import RLM

    def session(text: str) -> object:
        options = {"api_key": "made-up", "base_url": url}
        engine = RLM(
            backend="openai",
            backend_kwargs={"model_name": "root", **options},
            other_backends=["openai"],
            other_backend_kwargs=[{"model_name": "sub", **options}],
            environment="local",
            max_iterations=60,
        )
        return engine.completion(text, root_prompt="How many?").response

    return session


def dspy(url: str, work: Path) -> Session:
    """Return DSPy's RLM with its fastest interpreter, a child process without a sandbox."""
    os.environ["DSPY_CACHEDIR"] = str(work / f"dspy-{os.getpid()}")
    import dspy as library
    from dspy.primitives.local_interpreter import LocalInterpreter

    options = {"api_base": url, "api_key": "made-up", "max_tokens": 4096}
    root = library.LM("openai/root", **options, cache=False)  # its prompts repeat from run to run
    sub = library.LM("openai/sub", **options)
    library.configure(lm=root)

    def session(text: str) -> object:
        engine = library.RLM(
            "context, query -> answer",
            max_iters=60,
            max_llm_calls=400,
            sub_lm=sub,
            interpreter_factory=LocalInterpreter,
        )
        return engine(context=text, query="How many?").answer

    return session


def floor(url: str, work: Path) -> Session:
    """Return no engine: the SDK in a loop over a growing conversation, 32 threads for sub-calls."""
    del work
    import anthropic

    client = anthropic.Anthropic(api_key="made-up", base_url=url, max_retries=0)
    pool = ThreadPoolExecutor(32)
    rounds = iter(range(1_000_000))
    tool: anthropic.types.ToolParam = {"name": "run_python", "input_schema": {"type": "object"}}

    def ask(prompt: str) -> str:
        said: anthropic.types.MessageParam = {"role": "user", "content": prompt}
        reply = client.messages.create(model="sub", max_tokens=4096, messages=[said])
        return str(reply.content[0])

    def session(text: str) -> object:
        del text
        number = next(rounds)
        messages: list[Any] = [{"role": "user", "content": f"How many? {number}"}]
        while True:
            reply = client.messages.create(
                model="root", max_tokens=4096, messages=messages, tools=[tool]
            )
            (block,) = reply.content
            code = block.input["code"] if block.type == "tool_use" else ""
            if code.startswith("done"):
                return code
            if "llm_query" in code:
                list(pool.map(ask, [f"round {number}: say {n}" for n in range(200)]))
            result = {"type": "tool_result", "tool_use_id": block.id, "content": "1\n" * 10}
            messages += [
                {"role": "assistant", "content": [block.model_dump()]},
                {"role": "user", "content": [result]},
            ]

    return session


ENGINES = {"rlm-gate": rlm_gate, "rlms": rlms, "dspy": dspy, "floor": floor}


def main() -> None:
    """Import, warm up, then run a session for each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("url")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.text is None:
        say(**imported(IMPORTS[given.engine]))
        return
    session = ENGINES[given.engine](given.url, given.work)
    session("warm up TODO\n" * 75)
    text = given.text.read_text(encoding="ascii")
    say(resident=resident())
    for _ in sys.stdin:
        began, used = time.perf_counter(), processor()
        session(text)
        say(wall=time.perf_counter() - began, cpu=processor() - used)


def imported(statement: str) -> dict[str, float]:
    """Return what importing the engine's public names takes."""
    began, used = time.perf_counter(), time.process_time()
    exec(statement, {})  # noqa: S102  # one of the constants above
    return {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "resident": resident(),
    }


def processor() -> float:
    """Return the processor seconds of this process and the children it has waited for."""
    return sum(
        use.ru_utime + use.ru_stime
        for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def resident() -> float:
    """Return the resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def say(**values: float) -> None:
    """Print one line of JSON."""
    print(json.dumps(values), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
