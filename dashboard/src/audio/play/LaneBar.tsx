import { Box } from "@mui/material";
import { type KeyboardEvent, memo, useState } from "react";
import type { Span } from "../job/events";
import { clock, type Lane } from "../result/lanes";
import { T } from "../texts";
import type { Player } from "./Player";
import { currentOf, usePlayer } from "./usePlayer";

interface Props {
  lane: Lane;
  name: string;
  color: string;
  duration: number;
  player: Player;
}

/** Tours d'un locuteur ; un clic, ou Entrée, joue depuis le tour, et les flèches vont de l'un à l'autre. */
export const LaneBar = memo(function LaneBar({ lane: { turns }, name, color, duration, player }: Props) {
  const current = usePlayer(player, ({ time, playing }) => (playing || time > 0 ? currentOf(turns, time) : -1));
  // Un seul tour est dans l'ordre de tabulation : une longue réunion en a des centaines.
  const [reached, setEntry] = useState(0);
  const entry = Math.min(reached, turns.length - 1);

  function key(event: KeyboardEvent<HTMLDivElement>) {
    const next = { ArrowRight: entry + 1, ArrowLeft: entry - 1, Home: 0, End: turns.length - 1 }[event.key];
    const target = next !== undefined && event.currentTarget.children[next];
    if (!(target instanceof HTMLElement)) return;
    event.preventDefault();
    target.focus();
  }

  return (
    <Box
      role="group"
      aria-label={name}
      onKeyDown={key}
      sx={{
        position: "relative",
        height: 22,
        borderRadius: 1,
        bgcolor: "action.hover",
        "& button": {
          position: "absolute",
          top: 0,
          height: "100%",
          minWidth: "3px",
          p: 0,
          border: 0,
          borderRadius: "4px",
          cursor: "pointer",
          backgroundColor: color,
          opacity: 0.75,
        },
        "& button:hover, & button[aria-current]": { opacity: 1 },
        "& button[aria-current]": { boxShadow: "0 0 0 2px var(--mui-palette-text-primary)", zIndex: 1 },
        "& button:focus-visible": { outline: "2px solid var(--mui-palette-text-primary)", outlineOffset: 2, zIndex: 1 },
      }}
    >
      {turns.map(({ start, end }, index) => (
        <button
          key={`${start} ${end}`}
          type="button"
          tabIndex={index === entry ? 0 : -1}
          aria-label={T.passage(name, clock(start), clock(end))}
          aria-current={index === current || undefined}
          title={T.passage(name, clock(start), clock(end))}
          data-testid="audio-turn"
          style={place({ start, end }, duration)}
          onFocus={() => setEntry(index)}
          onClick={() => player.playFrom(start)}
        />
      ))}
    </Box>
  );
});

/** Place d'un intervalle sur la ligne de temps. */
export function place({ start, end }: Span, duration: number) {
  return { left: `${(100 * start) / duration}%`, width: `${(100 * (end - start)) / duration}%` };
}
