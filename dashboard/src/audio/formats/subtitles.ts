// Les sous-titres que rend le serveur (server/formats/subtitles.py), octet pour octet, sans seconde inférence.
import type { AudioResult, Segment, Span } from "../job/events";
import { endsUnspaced, SPACES, slices, startsUnspaced } from "../slices";

/** Caractères d'une ligne, au plus, sauf un mot plus long. */
const LINE = 42;
const LINES = 2;

/** Tranche du texte, suivie de l'espace qui la sépare de la suivante s'il y en a une. */
interface Piece extends Span {
  text: string;
}

interface Cue extends Span {
  lines: string[];
  speaker: string;
}

/** Sous-titres SubRip. */
export function srt(result: AudioResult): string {
  return cues(result)
    .map(({ start, end, lines, speaker }, rank) => {
      const prefix = speaker && `${speaker} : `;
      return `${rank + 1}\n${time(start, ",")} --> ${time(end, ",")}\n${prefix}${lines.join("\n")}\n`;
    })
    .join("\n");
}

/** Sous-titres WebVTT. */
export function vtt(result: AudioResult): string {
  const blocks = cues(result).map(({ start, end, lines, speaker }) => {
    const prefix = speaker && `<v ${escaped(speaker)}>`;
    return `${time(start, ".")} --> ${time(end, ".")}\n${prefix}${escaped(lines.join("\n"))}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

function cues(result: AudioResult): Cue[] {
  return (result.segments ?? []).flatMap(segmentCues);
}

function segmentCues(segment: Segment): Cue[] {
  const groups: Piece[][] = [];
  for (const piece of pieces(segment)) {
    const last = groups.at(-1);
    if (last && (!segment.words?.length || wrap([...last, piece]).length <= LINES)) last.push(piece);
    else groups.push([piece]);
  }
  return groups.map((group) => ({
    start: group[0]?.start ?? 0,
    end: group.at(-1)?.end ?? 0,
    lines: wrap(group),
    speaker: segment.speaker ?? "",
  }));
}

/** Tranches insécables du texte, dont la suite est le texte ; les instants sont ceux des mots, ou du segment. */
function pieces({ start, end, text, words }: Segment): Piece[] {
  if (!words?.length) {
    const parts = text.split(SPACES).filter(Boolean);
    return parts.map((part) => ({ text: `${part} `, start, end }));
  }
  const found: Piece[] = [];
  slices(text, words).forEach((slice, index) => {
    const { start = 0, end = 0 } = words[index] ?? {};
    const part = slice.replace(SPACES, " ");
    const last = found.at(-1);
    if (last && !last.text.endsWith(" ") && !endsUnspaced(last.text) && !startsUnspaced(part)) {
      last.text += part;
      last.end = end;
    } else found.push({ text: part, start, end });
  });
  return found;
}

function wrap(parts: Piece[]): string[] {
  const lines: string[] = [];
  let length = 0;
  for (const { text } of parts) {
    if (lines.length > 0 && length + [...text.replace(/ +$/, "")].length <= LINE) {
      lines[lines.length - 1] += text;
      length += [...text].length;
    } else {
      lines.push(text);
      length = [...text].length;
    }
  }
  return lines.map((line) => line.replace(/^ +| +$/g, ""));
}

function time(value: number, mark: string): string {
  const total = Math.round(value * 1000);
  const pad = (part: number, width = 2) => String(part).padStart(width, "0");
  const minutes = Math.floor(total / 60_000);
  const rest = total % 60_000;
  const clock = `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}:${pad(Math.floor(rest / 1000))}`;
  return `${clock}${mark}${pad(rest % 1000, 3)}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
