import { Box } from "@mui/material";
import { type KeyboardEvent, type MouseEvent, memo, useEffect, useRef, useState } from "react";
import type { Word } from "../job/send";
import { Doubtful } from "../result/Doubtful";
import { clock, colorOf, type Passage } from "../result/lanes";
import { slices } from "../slices";
import { T } from "../texts";
import { currentOf, type Player, usePlayer } from "./Player";

interface Props {
  label: string;
  passages: Passage[];
  /** Locuteurs, dans l'ordre de leurs couleurs. */
  speakers: string[];
  nameOf: (speaker: string) => string;
  words: boolean;
  player: Player;
}

/** Passages à lire et à écouter : un clic joue, les flèches vont de l'un à l'autre, celui qu'on entend se voit. */
export function Passages({ label, passages, speakers, nameOf, words, player }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const [reached, setEntry] = useState(0);
  // La liste raccourcit quand les recouvrements s'en vont : la tabulation doit encore y entrer.
  const entry = Math.min(reached, passages.length - 1);
  const current = usePlayer(player, ({ time, playing }) => (playing || time > 0 ? currentOf(passages, time) : -1));

  useEffect(() => {
    const box = list.current;
    const row = box?.children[current];
    // Sans toucher au défilement de la page, ni à celui de la liste si on y est au clavier.
    if (!box || !(row instanceof HTMLElement) || box.contains(document.activeElement)) return;
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    if (top < box.scrollTop || bottom > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
  }, [current]);

  function click(event: MouseEvent) {
    // Une sélection de texte finit par un clic : elle n'est pas une écoute.
    if (getSelection()?.isCollapsed === false) return;
    const start = event.target instanceof Element && event.target.closest<HTMLElement>("[data-start]")?.dataset.start;
    if (start) player.playFrom(Number(start));
  }

  function key(event: KeyboardEvent<HTMLUListElement>) {
    const next = { ArrowDown: entry + 1, ArrowUp: entry - 1, Home: 0, End: passages.length - 1 }[event.key];
    const target = next !== undefined && event.currentTarget.children[next]?.querySelector("button");
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  return (
    <Box
      component="ul"
      ref={list}
      aria-label={label}
      data-testid="audio-passages"
      onClick={click}
      onKeyDown={key}
      sx={passages.length > MANY ? MANY_PASSAGES : PASSAGES}
    >
      {passages.map((passage, index) => (
        <PassageRow
          key={`${passage.start} ${passage.end} ${passage.speaker}`}
          passage={passage}
          index={index}
          name={passage.speaker && nameOf(passage.speaker)}
          color={passage.speaker ? colorOf(speakers.indexOf(passage.speaker)) : "transparent"}
          current={index === current}
          entry={index === entry}
          onEntry={setEntry}
          words={words}
          player={player}
        />
      ))}
    </Box>
  );
}

interface PassageRowProps {
  passage: Passage;
  index: number;
  name: string | undefined;
  color: string;
  current: boolean;
  /** Vrai pour la seule ligne que la tabulation atteint. */
  entry: boolean;
  onEntry: (index: number) => void;
  words: boolean;
  player: Player;
}

/** Un passage : son instant, qui est le bouton, son locuteur et son texte ; la liste porte les styles de toutes ses lignes. */
export const PassageRow = memo(function PassageRow(props: PassageRowProps) {
  const { passage, index, name, color, current, entry, onEntry, words, player } = props;
  const { start, end, text } = passage;
  return (
    <li
      data-start={start}
      aria-current={current || undefined}
      data-testid="audio-passage"
      style={{ borderLeftColor: color }}
    >
      <button
        type="button"
        tabIndex={entry ? 0 : -1}
        aria-label={T.playFrom(clock(start))}
        onFocus={() => onEntry(index)}
      >
        {clock(start)}
      </button>
      <div>
        {name && <strong>{name}</strong>}
        {text === undefined ? (
          <small>{T.lasting(end - start)}</small>
        ) : passage.words?.length && (words || passage.low_confidence) ? (
          <Words text={text} words={passage.words} current={current} player={player} />
        ) : passage.low_confidence ? (
          <Doubtful>{text}</Doubtful>
        ) : (
          text
        )}
      </div>
    </li>
  );
});

interface WordsProps {
  text: string;
  words: Word[];
  current: boolean;
  player: Player;
}

/** Le texte d'un passage, chaque mot avec son instant ; celui qu'on entend est surligné. */
export function Words({ text, words, current, player }: WordsProps) {
  const spoken = usePlayer(player, ({ time }) => (current ? currentOf(words, time) : -1));
  return (
    <Box
      component="span"
      sx={{
        "& span:hover": { textDecoration: "underline" },
        "& span[aria-current]": { bgcolor: "primary.main", color: "primary.contrastText", borderRadius: 0.5 },
      }}
    >
      {slices(text, words).map((slice, index) => {
        const { start = 0, confidence, low_confidence: low } = words[index] ?? {};
        const word = slice.trimEnd();
        return (
          <span key={`${start} ${slice}`}>
            <span
              data-start={start}
              data-testid="audio-word"
              title={clock(start)}
              aria-current={index === spoken || undefined}
            >
              {low ? <Doubtful confidence={confidence}>{word}</Doubtful> : word}
            </span>
            {slice.slice(word.length)}
          </span>
        );
      })}
    </Box>
  );
}

// Un style par liste, non par ligne : une longue réunion en a des milliers.
export const PASSAGES = {
  position: "relative",
  m: 0,
  mx: -1,
  p: 0,
  maxHeight: { xs: 420, lg: 560 },
  overflowY: "auto",
  listStyle: "none",
  "& li": {
    display: "flex",
    gap: 1.5,
    px: 1,
    py: 0.5,
    borderLeft: "4px solid transparent",
    borderRadius: "0 6px 6px 0",
    cursor: "pointer",
  },
  "& li:hover": { bgcolor: "action.hover" },
  "& li[aria-current]": { bgcolor: "action.selected" },
  "& li > button": {
    flexShrink: 0,
    alignSelf: "flex-start",
    minWidth: 56,
    p: 0,
    border: 0,
    background: "none",
    font: "inherit",
    fontSize: "0.8125rem",
    lineHeight: 1.85,
    textAlign: "left",
    fontVariantNumeric: "tabular-nums",
    color: "text.secondary",
    cursor: "pointer",
    borderRadius: "4px",
  },
  "& li > button:focus-visible": { outline: "2px solid", outlineColor: "primary.main" },
  "& li > div": { minWidth: 0, overflowWrap: "anywhere" },
  "& strong": { mr: 1 },
  "& small": { fontSize: "0.875rem", color: "text.secondary", fontVariantNumeric: "tabular-nums" },
} as const;

/** D'une longue liste, le navigateur ne dessine que les lignes qu'on voit ; une courte garde ses vraies hauteurs. */
export const MANY = 200;
export const MANY_PASSAGES = {
  ...PASSAGES,
  "& li": { ...PASSAGES["& li"], contentVisibility: "auto", containIntrinsicSize: "auto 32px" },
} as const;
