"""L'échauffement de vLLM : les tailles et les sortes de tirage qu'il provoque avant que le modèle soit prêt."""

import pytest

from server.engines.vllm.warmup import KINDS, prompt, rounds


def test_every_batch_size_and_kind_runs_before_ready() -> None:
    found = rounds(max_running=256, step_tokens=8192, context_tokens=32768)
    plain = [one.requests for one in found if one.name.startswith("batch_")]
    assert plain == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    for kind, fields in KINDS.items():
        assert [one.requests for one in found if one.fields == fields] == [8, 16], kind
    read = {one.prompt_tokens for one in found if one.requests == 1}
    assert {1024, 2048, 4096, 8192, 1023, 8191} <= read


@pytest.mark.parametrize(("step_tokens", "context_tokens"), [(2048, 32768), (8192, 2050), (8192, 64)])
def test_no_round_is_too_long_for_the_engine(step_tokens: int, context_tokens: int) -> None:
    found = rounds(max_running=3, step_tokens=step_tokens, context_tokens=context_tokens)
    assert max(one.prompt_tokens for one in found) <= min(step_tokens, context_tokens - 2)
    assert max(one.requests for one in found) == 3


def test_no_prompt_begins_like_another() -> None:
    made = [prompt(request, 8, 151_936) for request in range(1, 600)]
    assert len({tuple(one[:2]) for one in made}) == len(made)
    assert all(0 <= token < 151_936 for one in made for token in one)
    assert set(prompt(5, 4, 1)) == {0}
