import { useRef, useState } from "react";
import { accessKey } from "../api/accessKey";
import { messageOf } from "../api/errors";
import { T } from "../fr";
import { type AudioResult, EventReader, type Segment } from "./events";

/** Travail sur un fichier, ce qu'il a déjà rendu, et de quoi l'arrêter. */
export interface AudioJob {
  running: boolean;
  stage?: string;
  ratio?: number;
  segments: Segment[];
  result?: AudioResult;
  failure?: string;
}

const IDLE: AudioJob = { running: false, segments: [] };

/** Mène un travail à la fois : le fichier part en corps brut, la réponse se lit à mesure. */
export function useAudio() {
  const [job, setJob] = useState<AudioJob>(IDLE);
  const controller = useRef<AbortController>(null);

  async function start(path: string, file: File) {
    const stop = new AbortController();
    controller.current = stop;
    setJob({ ...IDLE, running: true });
    try {
      await read(path, file, stop.signal, (change) => setJob((before) => ({ ...before, ...change(before) })));
    } catch (error) {
      const failure = stop.signal.aborted
        ? T.audio.cancelled
        : error instanceof Refusal
          ? error.message
          : messageOf(error);
      setJob((before) => ({ ...before, failure }));
    } finally {
      setJob((before) => ({ ...before, running: false, stage: undefined, ratio: undefined }));
    }
  }

  return { job, start, cancel: () => controller.current?.abort(), clear: () => setJob(IDLE) };
}

/** Refus écrit par le serveur, en français. */
class Refusal extends Error {}

type Change = (before: AudioJob) => Partial<AudioJob>;

async function read(path: string, file: File, signal: AbortSignal, apply: (change: Change) => void) {
  const key = accessKey();
  const response = await fetch(path, {
    method: "POST",
    body: file,
    signal,
    headers: { "content-type": "application/octet-stream", ...(key && { authorization: `Bearer ${key}` }) },
  });
  if (!response.ok || !response.body) {
    const body = (await response.json()) as { error: { message: string } };
    throw new Refusal(body.error.message);
  }
  const events = new EventReader();
  const decoder = new TextDecoder();
  const stream = response.body.getReader();
  let done = false;
  for (let part = await stream.read(); !part.done; part = await stream.read()) {
    for (const event of events.push(decoder.decode(part.value, { stream: true }))) {
      if (event.type === "error") throw new Refusal(event.message);
      if (event.type === "progress") apply(() => ({ stage: event.stage, ratio: event.completed_ratio }));
      if (event.type === "segment") apply((before) => ({ segments: [...before.segments, event.segment] }));
      if (event.type === "result") apply(() => ({ result: event.result, segments: event.result.segments ?? [] }));
      done ||= event.type === "result";
    }
  }
  if (!done) throw new Refusal(T.audio.interrupted);
}
