// Les fichiers d'un résultat : c'est le serveur qui les écrit, d'après le message qu'on lui refait (server/formats/).
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { diarize, transcribe } from "../../api/client";
import { type DiarizeResponse, DiarizeResponseSchema } from "../../gen/passerelle/v1/diarize_pb";
import { type TranscribeResponse, TranscribeResponseSchema } from "../../gen/passerelle/v1/transcribe_pb";
import type { AudioResult, Span } from "../job/events";

/** Texte d'une forme de ce résultat. */
export async function written(result: AudioResult, format: string): Promise<string> {
  const formats = [format];
  const { forms } = result.turns
    ? await diarize.writeDiarization({ diarization: typedTurns(result), formats })
    : await transcribe.writeTranscript({ transcript: typedTranscript(result), formats });
  return forms[0]?.text ?? "";
}

/** Le message d'une transcription, en ce que ses formes écrivent. */
export function typedTranscript({ id, language = "", text = "", duration, segments }: AudioResult): TranscribeResponse {
  return create(TranscribeResponseSchema, {
    id,
    language,
    text,
    duration: time(duration),
    segments: (segments ?? []).map(({ index, text, speaker, words, ...span }) => ({
      index,
      text,
      ...(speaker && { speakerLabel: speaker }),
      ...offsets(span),
      words: (words ?? []).map((word) => ({ text: word.text, ...offsets(word) })),
    })),
  });
}

/** Le message d'une diarisation, de même. */
export function typedTurns({ id, duration, turns }: AudioResult): DiarizeResponse {
  return create(DiarizeResponseSchema, {
    id,
    duration: time(duration),
    turns: (turns ?? []).map((turn) => ({ speakerLabel: turn.speaker, ...offsets(turn) })),
  });
}

function offsets({ start, end }: Span) {
  return { startOffset: time(start), endOffset: time(end) };
}

function time(seconds: number) {
  return durationFromMs(Math.round(1000 * seconds));
}
