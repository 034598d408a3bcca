import { useState } from "react";
import { Capability, type Model } from "../gen/passerelle/v1/model_pb";
import { useAway, useCapabilities, useServer } from "../status/StatusProvider";
import { type Image, type Options, readImages, tooMuch } from "./ask";
import { addImages, changeDraft, clearDraft, type Draft, restart, send, useTalk } from "./talk";
import { T } from "./texts";
import { columnOf, messagesFor, type Row } from "./turns";

// La question en cours : le modèle et les réglages qui l'attendent, ce qui l'empêche de partir, les façons de l'envoyer.

/** Les réglages tels qu'ils sont tapés ; vide : le moteur choisit. */
export interface Settings {
  /** Clé du modèle ; vide : le premier. */
  model: string;
  /** Clé d'un second, qui répond à côté ; vide : aucun. */
  versus: string;
  system: string;
  temperature: string;
  topP: string;
  maxTokens: string;
  /** Une suite par ligne. */
  stop: string;
  seed: string;
}

/** Ce qui borne les réglages ; une borne inconnue est laissée au serveur. */
export interface Bounds {
  maxTokens?: number | undefined;
  maxStop?: number | undefined;
  /** Contexte du modèle, en jetons. */
  contextTokens?: number | undefined;
}

export type Problems = Partial<Record<keyof Settings, string>>;

/** Assez pour une vraie réponse ; un petit modèle qui se répète sans fin s'arrête là. */
const MAX_TOKENS = 1_024;

/** Réglages de départ, dans les limites du serveur ; la question garde la moitié d'un petit contexte. */
export function defaultsFor({ maxTokens: limit, contextTokens }: Bounds): Settings {
  const maxTokens = Math.min(
    MAX_TOKENS,
    limit ?? MAX_TOKENS,
    contextTokens ? Math.ceil(contextTokens / 2) : MAX_TOKENS,
  );
  return {
    model: "",
    versus: "",
    system: "",
    temperature: "",
    topP: "",
    maxTokens: String(maxTokens),
    stop: "",
    seed: "",
  };
}

/** Les options que ces réglages demandent, et ce qui ne va pas. */
export function read(settings: Settings, bounds: Bounds): { options: Options; problems: Problems } {
  const problems: Problems = {};
  const number = (name: keyof Settings, low: number, high: number, whole: boolean): number | undefined => {
    const typed = settings[name].trim();
    if (!typed) return undefined;
    const value = Number(typed.replace(",", "."));
    if (Number.isNaN(value)) problems[name] = T.settings.number(typed);
    else if (whole && !Number.isInteger(value)) problems[name] = T.settings.integer(typed);
    else if (value < low || value > high) problems[name] = T.settings.range(low, high, typed);
    return value;
  };
  const stop = settings.stop.split("\n").filter(Boolean);
  const { maxStop = stop.length, maxTokens = Number.MAX_SAFE_INTEGER } = bounds;
  if (stop.length > maxStop) problems.stop = T.settings.count(maxStop, stop.length);
  return {
    problems,
    options: given({
      maxTokens: number("maxTokens", 1, maxTokens, true),
      temperature: number("temperature", 0, 2, false),
      topP: number("topP", 0, 1, false),
      stop: stop.length > 0 ? stop : undefined,
      // Au-delà, JavaScript et JSON ne portent plus un entier exactement.
      seed: number("seed", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
    }),
  };
}

function given(options: { [name in keyof Options]: Options[name] | undefined }): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Les modèles de conversation, ceux qui répondront, ce que tous savent faire et les limites du serveur. */
export function useModel(wanted: Pick<Settings, "model" | "versus"> | undefined) {
  const { status } = useServer();
  const models = (status?.models ?? []).filter((model) => model.capability === Capability.CHAT);
  const model: Model | undefined = models.find(({ key }) => key === wanted?.model) ?? models[0];
  const chosen = models.filter((one) => one === model || one.key === wanted?.versus);
  if (chosen[0] !== model) chosen.reverse();
  // Le serveur revérifie chaque limite : sans elles, la page laisse seulement partir ce qu'il refusera.
  const { known } = useCapabilities();
  const able = chosen.map((one) => known?.models.find(({ key }) => key === one.key));
  const contexts = able.flatMap((one) => one?.contextTokens ?? []);
  const limits = known?.limits;
  const bounds: Bounds = {
    maxTokens: limits?.chat?.maxTokens,
    maxStop: limits?.chat?.maxStop,
    contextTokens: contexts.length > 0 ? Math.min(...contexts) : undefined,
  };
  const seesImages = able.length > 0 && able.every((one) => one?.features.includes("images"));
  return { models, model, chosen, limits, bounds, seesImages };
}

/** Un modèle est choisi. */
export type Found = ReturnType<typeof useModel> & { model: Model };

export type Question = ReturnType<typeof useQuestion>;

/** La question en cours : ce qu'on y joint, ce qui l'empêche de partir, et les façons de l'envoyer. */
export function useQuestion({ chosen, limits, bounds, seesImages }: Found) {
  const { rows, draft, unkept, settings = defaultsFor(bounds) } = useTalk();
  const [refused, setRefused] = useState<string[]>([]);
  const { options, problems } = read(settings, bounds);
  const wrong = Object.keys(problems).length > 0;
  const away = useAway();
  const system = settings.system.trim();
  const past = draft.editing ? rows.slice(0, -1) : rows;
  const excess = tooMuch(messagesFor(columnOf(past, 0), draft.text, draft.images, system), limits);
  const blind = draft.images.length > 0 && !seesImages && limits !== undefined;

  const start = (before: Row[], text: string, images: Image[]) => {
    setRefused([]);
    void send(before, text, images, { models: chosen.map(({ key }) => key), system, options });
  };

  return {
    settings,
    problems,
    trouble: [
      away ?? "",
      ...refused,
      excess,
      blind ? T.images.unsupported : "",
      wrong ? T.settings.fix : "",
      unkept ? T.keptWords.refused : "",
    ].filter(Boolean),
    blocked: away !== undefined || wrong || excess !== "" || blind,
    write(change: Partial<Draft>) {
      setRefused([]);
      changeDraft(change);
    },
    async attach(files: File[]) {
      if (files.length === 0) return;
      if (!seesImages) return setRefused([T.images.unsupported]);
      const taken = [...columnOf(rows, 0).flatMap((turn) => turn.images), ...draft.images];
      const { images, problems: unread } = await readImages(files, taken);
      addImages(images);
      setRefused(unread);
    },
    ask(text: string) {
      start(rows, text, []);
    },
    send() {
      start(past, draft.text.trim(), draft.images);
      clearDraft();
    },
    /** Repose la dernière question. */
    again() {
      const last = rows.at(-1)?.[0];
      if (last && !wrong && !away) start(rows.slice(0, -1), last.question, last.images);
    },
    /** Reprend la dernière question dans le champ. */
    edit() {
      const last = rows.at(-1)?.[0];
      if (last) changeDraft({ text: last.question, images: last.images, editing: true });
    },
    restart() {
      setRefused([]);
      restart();
    },
  };
}
