"""Le SDK Python d'OpenAI, sans retouche, contre le produit entier."""

import functools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.support.product import Product, wait_until


class Weather(pydantic.BaseModel):
    """Arguments d'un outil."""

    city: str = pydantic.Field(max_length=20)
    unit: Literal["C", "F"]


QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def client(product: Product) -> Iterator[openai.OpenAI]:
    product.ensure_ready()
    with openai.OpenAI(base_url=f"{product.base_url}/v1", api_key="libre", max_retries=0) as found:
        yield found


@pytest.fixture
def guarded_client(guarded: Product) -> Iterator[openai.OpenAI]:
    guarded.ensure_ready()
    with openai.OpenAI(base_url=f"{guarded.base_url}/v1", api_key="cle-b", max_retries=0) as found:
        yield found


def test_chat_answers_with_usage(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=24, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.model == "qwen"
    assert isinstance(answer.created, int)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 1 <= answer.usage.completion_tokens <= 24


def test_tokens_are_those_of_the_answer(client: openai.OpenAI, product: Product) -> None:
    """À la racine comme sous `/v1`, et par la souche typée : ce que compte la réponse."""
    answer = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=1)
    asked = {"model": "qwen", "messages": QUESTION}
    found = client.post("/tokenize", cast_to=object, body=asked)
    assert isinstance(found, dict) and answer.usage is not None
    with product.http() as http:
        assert http.post("/tokenize", json=asked).json() == found
        text = http.post("/detokenize", json={"model": "qwen", "tokens": found["tokens"]}).json()["prompt"]
    assert found["count"] == len(found["tokens"]) == answer.usage.prompt_tokens
    assert QUESTION[0]["content"] in text


def test_stream_adds_up_to_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=24, temperature=0, seed=7)
    stream = client.chat.completions.create(
        model="qwen",
        messages=QUESTION,
        max_tokens=24,
        temperature=0,
        seed=7,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None and chunks[-1].choices == []
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert reasons[-1] == whole.choices[0].finish_reason
    assert all(reason is None for reason in reasons[:-1])
    assert len(chunks) > 3


def test_the_timings_reach_a_caller_and_trouble_no_one(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response
    whole = raw.create(model="qwen", messages=QUESTION, max_tokens=2)
    assert {"receive", "load", "queue", "total"} <= _timings(whole.headers["server-timing"])
    assert whole.parse().choices[0].message.role == "assistant"
    stream = raw.create(model="qwen", messages=QUESTION, max_tokens=2, stream=True)
    assert {"receive", "load", "queue", "first"} <= _timings(stream.headers["server-timing"])
    assert all(chunk.object == "chat.completion.chunk" for chunk in stream.parse())
    with pytest.raises(openai.NotFoundError) as error:
        raw.create(model="absent", messages=QUESTION)
    assert _timings(error.value.response.headers["server-timing"]) == {"total"}


def _timings(header: str) -> set[str]:
    return {part.partition(";")[0] for part in header.split(", ")}


def test_stream_without_usage_has_none(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=4, stream=True)
    assert all(chunk.choices and chunk.usage is None for chunk in stream)


def test_alias_and_content_parts(client: openai.OpenAI) -> None:
    parts: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "You are brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": " of France?"}],
        },
    ]
    answer = client.chat.completions.create(model="smollm2", messages=parts, max_tokens=16, temperature=0)
    assert answer.model == "smollm2"
    assert answer.choices[0].message.content


@pytest.mark.parametrize("as_list", [False, True])
def test_stop_as_string_and_as_list(client: openai.OpenAI, as_list: bool) -> None:
    free = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=24, temperature=0)
    text = free.choices[0].message.content or ""
    word = text.split()[2]
    cut = client.chat.completions.create(
        model="qwen", messages=QUESTION, max_tokens=24, temperature=0, stop=[word] if as_list else word
    )
    content = cut.choices[0].message.content or ""
    assert word not in content
    assert text.startswith(content.rstrip())
    assert cut.choices[0].finish_reason == "stop"


def test_two_answers(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=8, n=2, seed=1)
    assert [c.index for c in answer.choices] == [0, 1]
    stream = client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=8, n=2, stream=True)
    assert {c.choices[0].index for c in stream if c.choices} == {0, 1}


def test_same_seed_same_text(client: openai.OpenAI) -> None:
    texts = {
        client.chat.completions.create(model="qwen", messages=QUESTION, max_tokens=16, temperature=1.0, seed=42)
        .choices[0]
        .message.content
        for _ in range(2)
    }
    assert len(texts) == 1


def test_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="qwen", messages=QUESTION, max_tokens=4, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.content
    for token in logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3


def test_json_schema(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="qwen",
        messages=[{"role": "user", "content": "Give a city and its population."}],
        max_tokens=96,
        temperature=0,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "city",
                "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "maxLength": 12}, "million": {"type": "boolean"}},
                    "required": ["city", "million"],
                    "additionalProperties": False,
                },
            },
        },
    )
    value = json.loads(answer.choices[0].message.content or "")
    assert set(value) == {"city", "million"} and isinstance(value["million"], bool)


def test_a_tool_is_called_then_its_result_is_read(client: openai.OpenAI) -> None:
    tool = openai.pydantic_function_tool(Weather, name="get_weather", description="Get the weather in a city.")
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    with client.chat.completions.stream(
        model="qwen", messages=asked, tools=[tool], max_tokens=96, temperature=0
    ) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather" and isinstance(call.function.parsed_arguments, Weather)
    answered = client.chat.completions.create(
        model="qwen",
        messages=[
            *asked,
            {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {
                "name": call.function.name, "arguments": call.function.arguments}}]},
            {"role": "tool", "tool_call_id": call.id, "content": "21 degrees, sunny"},
        ],
        tools=[tool],
        max_tokens=24,
    )  # fmt: skip
    assert answered.choices[0].message.content and not answered.choices[0].message.tool_calls


def test_text_completion_and_its_stream(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="qwen", prompt="Once upon a time", max_tokens=12, temperature=0)
    assert whole.object == "text_completion" and whole.choices[0].text
    stream = client.completions.create(
        model="qwen", prompt="Once upon a time", max_tokens=12, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == whole.choices[0].text


def test_models(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"qwen", "canary", "pyannote", "smollm2"} <= listed
    assert client.models.retrieve("qwen").id == "qwen"
    assert client.models.retrieve("whisper-1").object == "model"


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "gpt-4o" in caught.value.message and "qwen" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/inconnu")


def test_bad_requests_name_the_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="qwen", messages=[])
    assert caught.value.param == "messages"
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="qwen", messages=QUESTION, temperature=9)
    assert caught.value.param == "temperature" and "9" in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="canary", messages=QUESTION)
    assert caught.value.param == "model"


def test_an_image_is_refused_by_a_text_model(client: openai.OpenAI) -> None:
    pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="qwen",
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": pixel}}]}],
        )
    assert "messages[0].content[0]" in (caught.value.param or "") + caught.value.message


def test_keys(guarded: Product) -> None:
    for key, code in (("fausse", "invalid_api_key"), ("cle-", "invalid_api_key")):
        with openai.OpenAI(base_url=f"{guarded.base_url}/v1", api_key=key, max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                client.models.list()
            assert caught.value.code == code
    with openai.OpenAI(base_url=f"{guarded.base_url}/v1", api_key="cle-a", max_retries=0) as client:
        assert [m.id for m in client.models.list()] == ["qwen", "alias-essai"]


def test_a_full_queue_is_said_at_once_with_retry_after(guarded: Product, guarded_client: openai.OpenAI) -> None:
    def long() -> str:
        try:
            answer = guarded_client.chat.completions.create(
                model="qwen", messages=QUESTION, max_tokens=300, temperature=2
            )
            return str(answer.choices[0].finish_reason)
        except openai.RateLimitError as error:
            assert error.code == "queue_full" or error.type == "rate_limit_error"
            assert float(error.response.headers["retry-after"]) > 0
            return "refusée"

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: long(), range(8)))
    assert "refusée" in results
    assert any(result != "refusée" for result in results)
    wait_until(lambda: guarded.model()["replicas"][0]["running_requests"] == 0, 60, "places rendues")


def test_a_body_over_the_limit_is_413(guarded: Product) -> None:
    with guarded.http() as http:
        body = {"model": "qwen", "messages": [{"role": "user", "content": "x" * 70_000}]}
        response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 413
    assert "error" in response.json() and response.json()["error"]["type"] == "invalid_request_error"


def test_too_long_a_context_is_a_bad_request(guarded_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        guarded_client.chat.completions.create(
            model="qwen", messages=[{"role": "user", "content": "word " * 4000}], max_tokens=4
        )


def test_a_quota_is_read_and_obeyed_by_the_sdk(guarded: Product) -> None:
    guarded.ensure_ready()
    with guarded.http("cle-admin") as admin:
        quota = {"requests_per_minute": 100, "tokens_per_day": "100000", "parallel_requests": 1}
        made = admin.post("/api/keys", json={"scopes": ["SCOPE_CHAT"], "quota": quota}).json()
        key, identifier = made["value"], made["key"]["id"]
        with openai.OpenAI(base_url=f"{guarded.base_url}/v1", api_key=key, max_retries=20) as client:
            ask = functools.partial(client.chat.completions.with_raw_response.create, model="qwen", messages=QUESTION)
            answered = ask(max_tokens=4)
            assert answered.headers["x-ratelimit-limit-requests"] == "100"
            assert int(answered.headers["x-ratelimit-remaining-tokens"]) < 100_000
            # La seule place est tenue : le SDK revient quand l'en-tête le dit, et passe une fois qu'elle est rendue.
            story: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell a very long story."}]
            stream = client.chat.completions.create(model="qwen", messages=story, max_tokens=3000, stream=True)
            next(iter(stream))

            def refused() -> bool:
                found = admin.get("/api/requests", params={"filter.key": identifier}).text
                return "RATE_LIMIT_EXCEEDED" in found

            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(ask, max_tokens=4)
                wait_until(refused, 60, "la seconde refusée")
                stream.close()
                assert waiting.result().retries_taken >= 1
            # Ce qu'aucune attente ne laisserait passer : le SDK ne recommence pas, et l'erreur est celle d'OpenAI.
            lowered = admin.post(f"/api/keys/{identifier}/quota", json={"quota": {"tokens_per_day": "1"}}).json()
            assert lowered["key"]["quota"]["tokens_per_day"] == "1"
            with pytest.raises(openai.RateLimitError) as caught:
                ask(max_tokens=4)
            sent = caught.value.response
            assert sent.headers["x-should-retry"] == "false"
            assert sent.request.headers["x-stainless-retry-count"] == "0"
            assert caught.value.code == "rate_limit_exceeded" and caught.value.param == "tokens_per_day"
    with guarded.http(key) as own:
        [use] = own.get("/api/quota").json()["uses"]
        assert (use["name"], use["limit"]) == ("tokens_per_day", "1") and use["used"] > 1
