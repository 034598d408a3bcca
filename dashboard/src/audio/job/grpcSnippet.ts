import { pythonLiteral } from "../../snippets/literals";
import { pythonChannel, pythonMetadata } from "../../snippets/server";
import type { Call } from "./snippets";

const SHOWS = {
  transcribe: "print(event.result.text)",
  speakers: "for segment in event.result.segments:\n                print(segment.speaker_label, segment.text)",
  diarize: `for turn in event.result.turns:
                start = turn.start_offset.ToTimedelta().total_seconds()
                end = turn.end_offset.ToTimedelta().total_seconds()
                print(turn.speaker_label, round(start, 3), round(end, 3))`,
};

/** L'équivalent gRPC de la requête : un envoi par morceaux, la configuration d'abord. */
export function grpc(call: Call): string {
  const { task, file, target } = call;
  const diarize = task === "diarize";
  const [room, verb] = diarize ? ["diarize", "Diarize"] : ["transcribe", "Transcribe"];
  const others = task === "speakers" ? ["diarize_pb2"] : [];
  const modules = [...others, `${room}_pb2`, `${room}_pb2_grpc`].join(", ");
  return `${target.keyed ? "import os\n\n" : ""}import grpc
from passerelle.v1 import ${modules}


def messages():
    config = ${room}_pb2.${verb}Config(
${settings(call)
  .map((line) => `        ${line},\n`)
  .join("")}    )
    yield ${room}_pb2.Upload${verb}Request(config=config)
    with open(${pythonLiteral(file)}, "rb") as audio:
        while chunk := audio.read(65536):
            yield ${room}_pb2.Upload${verb}Request(chunk=chunk)


with ${pythonChannel(target)} as channel:
    service = ${room}_pb2_grpc.${verb}ServiceStub(channel)
    for event in service.Upload${verb}(messages()${pythonMetadata(target)}):
        if event.HasField("result"):
            ${SHOWS[task]}
`;
}

/** Arguments de la configuration, tirés des champs du formulaire. */
function settings({ task, fields }: Call): string[] {
  const { model = "", language, task: translate, punctuation, prompt } = fields;
  const counts = ["num_speakers", "min_speakers", "max_speakers"].flatMap((name) => {
    return fields[name] === undefined ? [] : [`${name}=${fields[name]}`];
  });
  const named = `model=${pythonLiteral(model)}`;
  if (task === "diarize") return [named, ...counts];
  return [
    named,
    ...(language ? [`language=${pythonLiteral(language)}`] : []),
    ...(translate ? ["task=transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE"] : []),
    // Une réponse au fil de l'eau porte toujours les mots.
    "word_timestamps=True",
    ...(punctuation ? ["punctuation=False"] : []),
    ...(prompt ? [`prompt=${pythonLiteral(prompt)}`] : []),
    ...(task === "speakers" ? [`diarization=diarize_pb2.DiarizeConfig(${counts.join(", ")})`] : []),
  ];
}
