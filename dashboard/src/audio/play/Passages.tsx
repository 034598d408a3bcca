import { Box } from "@mui/material";
import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import type { Passage } from "../result/lanes";
import { colorOf } from "./colors";
import { PassageRow } from "./PassageRow";
import type { Player } from "./Player";
import { MANY, MANY_PASSAGES, PASSAGES } from "./passageStyles";
import { currentOf, usePlayer } from "./usePlayer";

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
