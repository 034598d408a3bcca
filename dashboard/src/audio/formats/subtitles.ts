// Les sous-titres que rend le serveur (server/formats/subtitles.py), octet pour octet, sans seconde inférence.
import type { AudioResult, Segment, Span, Word } from "../job/events";

/** Caractères d'une ligne, au plus, sauf un mot plus long. */
const LINE = 42;
const LINES = 2;
/** Les espaces où coupe `str.split()` de Python ; `\s` n'a pas les mêmes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python compte les séparateurs \x1c à \x1f parmi les espaces.
const SPACES = /[\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

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
  const speaker = segment.speaker ?? "";
  if (!segment.words?.length) {
    const { start, end, text } = segment;
    return text ? [{ start, end, lines: wrap(text.split(SPACES).filter(Boolean)), speaker }] : [];
  }
  const groups: Word[][] = [];
  for (const word of segment.words) {
    const last = groups.at(-1);
    if (last && wrap([...last, word].map(({ text }) => text)).length <= LINES) last.push(word);
    else groups.push([word]);
  }
  return groups.map((words) => ({
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    lines: wrap(words.map(({ text }) => text)),
    speaker,
  }));
}

function wrap(words: string[]): string[] {
  const lines: string[] = [];
  let length = 0;
  for (const word of words) {
    const added = [...word].length;
    if (lines.length > 0 && length + 1 + added <= LINE) {
      lines[lines.length - 1] += ` ${word}`;
      length += 1 + added;
    } else {
      lines.push(word);
      length = added;
    }
  }
  return lines;
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
