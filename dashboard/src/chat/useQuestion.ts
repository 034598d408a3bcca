import { useState } from "react";
import type { Limits } from "../gen/passerelle/v1/limits_pb";
import { useAway } from "../status/StatusProvider";
import type { Image } from "./ask";
import { type Draft, useChat } from "./ChatProvider";
import { readImages, tooMuch } from "./images";
import { type Bounds, defaultsFor, read } from "./settings";
import { stream } from "./stream";
import { T } from "./texts";
import { messagesFor, type Turn } from "./turns";

interface Place {
  model: string;
  limits: Limits | undefined;
  bounds: Bounds;
  seesImages: boolean;
}

/** La question en cours : ce qu'on y joint, ce qui l'empêche de partir, et les façons de l'envoyer. */
export function useQuestion({ model, limits, bounds, seesImages }: Place) {
  const { turns, send, clear, draft, changeDraft, addImages, clearDraft, ...kept } = useChat();
  const settings = kept.settings ?? defaultsFor(bounds);
  const [refused, setRefused] = useState<string[]>([]);
  const { options, problems } = read(settings, bounds);
  const wrong = Object.keys(problems).length > 0;
  const away = useAway();
  const system = settings.system.trim();
  const past = draft.editing ? turns.slice(0, -1) : turns;
  const excess = tooMuch(messagesFor(past, draft.text, draft.images, system), limits);
  const blind = draft.images.length > 0 && !seesImages && limits !== undefined;

  const start = (before: Turn[], text: string, images: Image[]) => {
    setRefused([]);
    void send(before, text, images, { stream, model, system, options });
  };

  return {
    settings,
    problems,
    trouble: [away ?? "", ...refused, excess, blind ? T.images.unsupported : "", wrong ? T.settings.fix : ""].filter(
      Boolean,
    ),
    blocked: away !== undefined || wrong || excess !== "" || blind,
    write(change: Partial<Draft>) {
      setRefused([]);
      changeDraft(change);
    },
    async attach(files: File[]) {
      if (files.length === 0) return;
      if (!seesImages) return setRefused([T.images.unsupported]);
      const taken = [...turns.flatMap((turn) => turn.images), ...draft.images];
      const { images, problems: unread } = await readImages(files, taken);
      addImages(images);
      setRefused(unread);
    },
    ask(text: string) {
      start(turns, text, []);
    },
    send() {
      start(past, draft.text.trim(), draft.images);
      clearDraft();
    },
    /** Repose la dernière question. */
    again() {
      const last = turns.at(-1);
      if (last && !wrong && !away) start(turns.slice(0, -1), last.question, last.images);
    },
    /** Reprend la dernière question dans le champ. */
    edit() {
      const last = turns.at(-1);
      if (last) changeDraft({ text: last.question, images: last.images, editing: true });
    },
    restart() {
      setRefused([]);
      clear();
      clearDraft();
    },
  };
}
