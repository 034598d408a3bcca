import type { Usage } from "../gen/passerelle/v1/chat_pb";
import { type Ask, type Image, type Message, openAiBody, openAiMessages } from "./ask";
import { T } from "./texts";

/** Comment une réponse a fini ; absent tant qu'elle vient. */
export type End = "complete" | "stopped" | "failed";

/** Une question, ce qui a été envoyé, et la réponse reçue. */
export interface Turn {
  id: number;
  question: string;
  images: Image[];
  /** La requête partie, tout entière. */
  ask: Ask;
  answer: string;
  reasoning: string;
  end?: End;
  /** Raison de fin donnée par le moteur ; vide tant qu'il n'a pas fini. */
  finishReason: string;
  usage?: Usage;
  times: Times;
  /** Ce que dit l'échec, si la réponse a échoué. */
  failure?: string;
  /** Vrai si le modèle a été déchargé exprès : la page ne propose pas de le recharger. */
  unloaded?: boolean;
}

/** Instants d'une réponse, en millisecondes depuis son envoi. */
export interface Times {
  first?: number;
  last?: number;
  end?: number;
}

/** Ce qu'un message du serveur ajoute à une réponse. */
export interface Added {
  text: string;
  reasoning: string;
  finishReason: string;
  usage?: Usage | undefined;
  /** Millisecondes depuis l'envoi. */
  at: number;
}

/** Une question et ses réponses, une par modèle. */
export type Row = Turn[];

/** Remplace la réponse de rang `column` à la dernière question. */
export function changeLast(rows: Row[], column: number, change: (last: Turn) => Turn): Row[] {
  return rows.map((row, rank) =>
    rank === rows.length - 1 ? row.map((turn, index) => (index === column ? change(turn) : turn)) : row,
  );
}

/** Ce qu'a vécu le modèle de rang `column` ; avant qu'il n'arrive, ce qu'a vécu le premier. */
export function columnOf(rows: Row[], column: number): Turn[] {
  return rows.flatMap((row) => row[column] ?? row[0] ?? []);
}

/** Le tour, avec ce qui vient d'arriver. */
export function extend(turn: Turn, { text, reasoning, finishReason, usage, at }: Added): Turn {
  const spoken = text || reasoning;
  return {
    ...turn,
    answer: turn.answer + text,
    reasoning: turn.reasoning + reasoning,
    finishReason: finishReason || turn.finishReason,
    ...(usage ? { usage } : {}),
    times: spoken ? { ...turn.times, first: turn.times.first ?? at, last: at } : turn.times,
  };
}

/** Une ouverture, une fermeture de raisonnement, ou une barrière de code, qui en cite peut-être. */
const FOLDS = /^[ \t]*(`{3,}|~{3,})|<(\/?)think(?:ing)?>|\[(\/?)THINK\]/gim;

/**
 * Une réponse, et le raisonnement que le modèle y a écrit entre balises, faute d'un moteur qui les sépare.
 *
 * Une balise ouvre en début de ligne, hors du code ; le début d'une réponse peut n'avoir que la fermeture, l'ouverture étant
 * dans le gabarit du modèle. Une balise qui ne se ferme pas garde tout ce qui la suit.
 */
export function unfold(text: string, done = true): { answer: string; thought: string; thinking: boolean } {
  let [answer, thought, from, depth, fenced, seen] = ["", "", 0, 0, false, false];
  for (const { 0: found, 1: fence, 2: slash, 3: bracket, index } of text.matchAll(FOLDS)) {
    const closing = slash || bracket;
    const alone = /(?:^|\n)[ \t]*$/.test(text.slice(Math.max(0, index - 20), index));
    if (fence) {
      if (depth === 0) fenced = !fenced;
    } else if (fenced || (depth === 0 && !alone)) {
      // Une balise citée.
    } else if (!closing) {
      if (depth === 0) answer += text.slice(from, index);
      if (depth++ === 0) from = index + found.length;
      seen = true;
    } else if (depth > 0) {
      if (--depth > 0) continue;
      thought += `${text.slice(from, index).trim()}\n\n`;
      from = index + found.length;
    } else if (!seen) {
      thought = `${text.slice(0, index).trim()}\n\n`;
      from = index + found.length;
      seen = true;
    }
  }
  const rest = text.slice(from);
  if (depth > 0) thought += rest;
  else answer += rest;
  // Les premières lettres d'une balise, tant qu'elle vient.
  const begun = !done && ["<thinking>", "[THINK]"].some((tag) => tag.startsWith(answer.trim()));
  return {
    answer: begun ? "" : seen ? answer.trimStart() : answer,
    thought: thought.trim(),
    thinking: depth > 0,
  };
}

/** Messages à envoyer ; une question restée sans réponse n'est pas répétée au modèle. */
export function messagesFor(past: Turn[], question: string, images: Image[], system: string): Message[] {
  return [...conversation(past, system), asked(question, images)];
}

/** Les échanges aboutis, consigne du système comprise. */
export function conversation(past: Turn[], system: string): Message[] {
  // Un raisonnement ne se renvoie pas : le modèle referait le sien, et il prendrait la place des questions.
  const answered = past.map((turn) => ({ ...turn, answer: unfold(turn.answer).answer })).filter(({ answer }) => answer);
  return [
    ...(system ? [{ role: "system" as const, text: system }] : []),
    ...answered.flatMap((turn): Message[] => [
      asked(turn.question, turn.images),
      { role: "assistant", text: turn.answer },
    ]),
  ];
}

function asked(text: string, images: Image[]): Message {
  return { role: "user", text, ...(images.length > 0 ? { images } : {}) };
}

export interface Measures {
  /** Secondes avant le premier mot. */
  firstToken?: number;
  /** Jetons par seconde, une fois le premier venu. */
  rate?: number;
  /** Secondes en tout. */
  total?: number;
}

/** Ce que la page a mesuré d'une réponse ; ce qu'elle ne sait pas manque. */
export function measuresOf({ times, usage }: Turn): Measures {
  const { first, last, end } = times;
  const after = first !== undefined && last !== undefined ? (last - first) / 1000 : 0;
  const written = usage?.completionTokens ?? 0;
  return {
    ...(first !== undefined ? { firstToken: first / 1000 } : {}),
    // Une réponse venue d'un seul tenant n'a pas de débit mesurable.
    ...(after > 0 && written > 1 ? { rate: (written - 1) / after } : {}),
    ...(end !== undefined ? { total: end / 1000 } : {}),
  };
}

/** La ligne qui suit une réponse : comment elle a fini, puis ce qu'elle a coûté. */
export function summary(turn: Turn): string[] {
  const { firstToken, rate, total } = measuresOf(turn);
  const { usage, finishReason } = turn;
  const fate = { stopped: T.stopped, failed: T.interrupted, complete: finishReason === "length" ? T.truncated : "" };
  return [
    turn.end ? fate[turn.end] : "",
    firstToken === undefined ? "" : T.firstToken(firstToken),
    rate === undefined ? "" : T.rate(rate),
    usage ? T.usage(usage.promptTokens, usage.completionTokens) : "",
    total === undefined ? "" : T.total(total),
    finishReason ? T.finish(finishReason) : "",
  ].filter(Boolean);
}

export const FORMS = ["markdown", "json"] as const;
export type Form = (typeof FORMS)[number];

/** Nom, type et texte du fichier. */
export function exportOf(
  form: Form,
  rows: Row[],
  now: Date,
  name: (model: string) => string,
): [string, string, string] {
  return form === "json"
    ? [`${T.exportName}.json`, "application/json", exported(rows, now)]
    : [`${T.exportName}.md`, "text/markdown", markdownOf(rows, name)];
}

/** La conversation en Markdown : les réponses telles que les modèles les ont écrites, le raisonnement replié. */
export function markdownOf(rows: Row[], name: (model: string) => string): string {
  const parts = rows.flatMap((row) => [
    `## ${T.you}`,
    ...(row[0]?.images ?? []).map((image) => `*${T.image(image.name)}*`),
    row[0]?.question ?? "",
    ...row.flatMap((turn) => {
      const { answer, thought } = unfold(turn.answer);
      const reasoning = [turn.reasoning, thought].filter(Boolean).join("\n\n");
      return [
        `## ${name(turn.ask.model)}`,
        reasoning && `<details><summary>${T.reasoning}</summary>\n\n${reasoning}\n\n</details>`,
        answer.trim(),
        turn.failure ? `*${turn.failure}*` : "",
      ];
    }),
  ]);
  return `# ${T.title}\n\n${parts.filter(Boolean).join("\n\n")}\n`;
}

/** La conversation en JSON : ses messages au schéma d'OpenAI, puis chaque échange avec ses réglages et ses mesures. */
export function exported(rows: Row[], now: Date): string {
  const exchanges = rows.flat().map((turn) => {
    const { messages: _, ...settings } = openAiBody(turn.ask);
    const { firstToken, rate, total } = measuresOf(turn);
    return {
      request: settings,
      question: turn.question,
      answer: turn.answer,
      reasoning: turn.reasoning || undefined,
      end: turn.end,
      finish_reason: turn.finishReason || undefined,
      error: turn.failure,
      usage: turn.usage && {
        prompt_tokens: turn.usage.promptTokens,
        completion_tokens: turn.usage.completionTokens,
        total_tokens: turn.usage.totalTokens,
      },
      time_to_first_token_seconds: firstToken,
      tokens_per_second: rate,
      total_seconds: total,
    };
  });
  const system = rows.at(-1)?.[0]?.ask.messages.find((message) => message.role === "system");
  const messages = openAiMessages(conversation(columnOf(rows, 0), system?.text ?? ""));
  return JSON.stringify({ exported_at: now.toISOString(), messages, exchanges }, null, 2);
}
