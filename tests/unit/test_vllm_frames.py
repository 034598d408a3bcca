"""Les trames d'un flux ordinaire, rendues du gabarit que donnent celles de vLLM ; sans vLLM."""

import pytest

from server.engines.vllm.frames import MADE, Template, UnknownFrames

_TEXT, _END, _STOP = (MADE[0].outputs[0].text, MADE[0].outputs[2].finish, MADE[0].outputs[2].stop)


def chat(text: str, usage: str = "", more: str = "") -> str:
    """Trame d'une conversation, comme vLLM 0.26 et 0.32 l'écrivent."""
    delta = f'{{"content":"{text}"}}' if text else "{}"
    return (
        'data: {"id":"gabarit-id","object":"chat.completion.chunk","created":1795956136,"model":"gabarit-modele",'
        f'"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{more or "null,"}"token_ids":null}}]'
        f"{usage}}}\n\n"
    )


def completion(text: str, end: str = "null", stop: str = "null") -> str:
    """Trame d'une complétion."""
    return (
        'data: {"id":"gabarit-id","object":"text_completion","created":1795956136,"model":"gabarit-modele",'
        f'"choices":[{{"index":0,"text":"{text}","logprobs":null,"finish_reason":{end},"stop_reason":{stop},'
        '"prompt_token_ids":null,"token_ids":null}]}\n\n'
    )


def counts(prompt: int, count: int, more: str = ',"completion_tokens_details":null') -> str:
    """Comptes portés par une trame."""
    return f',"usage":{{"prompt_tokens":{prompt},"total_tokens":{prompt + count},"completion_tokens":{count}{more}}}'


ROLE = chat("").replace('"delta":{}', '"delta":{"role":"assistant","content":""}').replace(',"token_ids":null', "")
ENDED = f'"{_END}","stop_reason":"{_STOP}",'
USAGE = (
    'data: {"id":"gabarit-id","object":"chat.completion.chunk","created":1795956136,"model":"gabarit-modele",'
    f'"choices":[]{counts(70_001, 1039, "")},"system_fingerprint":"vllm-0.32.0"}}\n\n'
)
USAGE_CUT = USAGE.replace("71040", "71023").replace("1039", "1022")
PLAIN = (
    [ROLE, chat(_TEXT), chat(_TEXT, more=ENDED)],
    [ROLE, chat(_TEXT), chat("", more=f'"{_END}","stop_reason":null,')],
)
COUNTED = (
    [
        ROLE.replace("}]}", "}]" + counts(70_001, 0) + "}"),
        chat(_TEXT, counts(70_001, 1009)),
        chat(_TEXT, counts(70_001, 1039), ENDED),
        USAGE,
    ],
    [
        ROLE.replace("}]}", "}]" + counts(70_001, 0) + "}"),
        chat(_TEXT, counts(70_001, 1009)),
        chat("", counts(70_001, 1022), f'"{_END}","stop_reason":"{_STOP}",'),
        USAGE_CUT,
    ],
)
COMPLETED = (
    [completion(_TEXT), completion(""), completion(_TEXT, f'"{_END}"', f'"{_STOP}"')],
    [completion(_TEXT), completion("", f'"{_END}"', f'"{_STOP}"')],
)


def shown(template: Template, *outputs: tuple[str, int, str | None, int | str | None]) -> list[str]:
    """Trames d'un flux, une par élément."""
    frames = template.open(id="chatcmpl-1", created=12, model='mo"dèle', role="assistant")
    parts = [frames.add(*output, 5) for output in outputs]
    return [f"{frame}\n\n" for frame in b"".join([*parts, frames.end()]).decode().split("\n\n")[:-1]]


def named(frame: str) -> str:
    """Trame écrite pour la requête de `shown`."""
    return frame.replace("gabarit-id", "chatcmpl-1").replace("gabarit-modele", 'mo\\"dèle').replace("1795956136", "12")


def test_a_conversation_begins_with_its_role_and_keeps_silent_without_text() -> None:
    stopped = (PLAIN[0], [*PLAIN[1][:2], chat("", more=ENDED)])
    template = Template.learn(stopped)
    found = shown(template, ("", 0, None, None), ("é\n", 1, None, None), ("", 1, None, None), ("!", 1, "stop", 7))
    assert found == [
        named(ROLE),
        named(chat("é\\n")),
        named(chat("!", more='"stop","stop_reason":7,')),
    ]
    assert shown(template, ("a", 1, None, None), ("", 0, "length", None))[-1] == named(
        chat("", more='"length","stop_reason":null,')
    )


def test_counts_follow_every_frame_when_asked() -> None:
    found = shown(Template.learn(COUNTED), ("a", 2, None, None), ("b", 1, "stop", None))
    assert found == [
        named(COUNTED[0][0]).replace("70001", "5"),
        named(chat("a", counts(5, 2))),
        named(chat("b", counts(5, 3), '"stop","stop_reason":null,')),
        named(USAGE).replace("70001", "5").replace("71040", "8").replace("1039", "3"),
    ]


def test_a_completion_writes_even_an_empty_text() -> None:
    template = Template.learn(COMPLETED)
    found = shown(template, ("", 0, None, None), ("", 1, None, None), ("x", 1, "stop", "\n"))
    assert found == [named(completion("")), named(completion("x", '"stop"', '"\\n"'))]
    # Abandonnée avant son premier jeton, elle n'écrit rien.
    assert shown(template, ("", 0, "abort", None)) == []


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (([], []), "0 et 0 trames"),
        ((PLAIN[0],), "1 flux"),
        (([*PLAIN[0], chat(_TEXT)], PLAIN[1]), "sans texte"),
        (([*PLAIN[0], chat(_TEXT), chat(_TEXT)], PLAIN[1]), "4 et 2 trames"),
        (([ROLE, "data: {", *PLAIN[0][2:]], PLAIN[1]), "illisible"),
        (([ROLE, chat(_TEXT).replace("\n\n", "\n"), *PLAIN[0][2:]], PLAIN[1]), "illisible"),
        (([ROLE, chat("autre"), *PLAIN[0][2:]], [*PLAIN[1][:2], chat("", more=ENDED)]), "TEXT"),
        (([ROLE, chat(_TEXT).replace("gabarit-id", "1"), *PLAIN[0][2:]], PLAIN[1]), "ID"),
        ((PLAIN[0], PLAIN[1]), "STOP"),
        (([COMPLETED[0][0], completion(" "), COMPLETED[0][2]], COMPLETED[1]), "sans texte"),
        (([COMPLETED[0][0].replace('"index":0', f'"text":"{_TEXT}"'), *COMPLETED[0][1:]], COMPLETED[1]), "text"),
    ],
)
def test_frames_of_another_shape_give_no_template(streams: tuple[list[str], ...], said: str) -> None:
    with pytest.raises(UnknownFrames, match=said):
        Template.learn(streams)
