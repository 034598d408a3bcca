import { Box } from "@mui/material";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef } from "react";
import { clock } from "../result/lanes";
import { T } from "../texts";
import type { Peaks } from "../wave/peaks";
import { barsOf } from "./bars";
import type { Player } from "./Player";
import { usePlayer } from "./usePlayer";
import { useWidth } from "./useWidth";

const STEP_S = 5;
const HEIGHT_PX = 88;

interface Props {
  player: Player;
  /** Absentes : une ligne de temps sans onde. */
  peaks: Peaks | undefined;
  duration: number;
}

/** L'onde, qui est aussi la barre de position : on y clique, ou on s'y déplace au clavier. */
export function Waveform({ player, peaks, duration }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const played = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const bars = useMemo(() => (peaks && width ? barsOf(peaks, width, HEIGHT_PX) : ""), [peaks, width]);
  const second = usePlayer(player, ({ time }) => Math.floor(time));
  const failed = usePlayer(player, ({ failed }) => failed);

  useEffect(() => {
    const follow = () => {
      const left = 100 * Math.max(0, 1 - player.time / duration);
      if (played.current) played.current.style.clipPath = `inset(0 ${left}% 0 0)`;
    };
    follow();
    return player.subscribe(follow);
  }, [player, duration]);

  function point({ buttons, clientX, currentTarget, pointerId, type }: PointerEvent<HTMLDivElement>) {
    if (failed || !(buttons & 1)) return;
    if (type === "pointerdown") currentTarget.setPointerCapture(pointerId);
    const { left, width } = currentTarget.getBoundingClientRect();
    player.seek(duration * Math.min(1, Math.max(0, (clientX - left) / width)));
  }

  function key(event: KeyboardEvent) {
    const { time } = player;
    const target = { ArrowRight: time + STEP_S, ArrowLeft: time - STEP_S, Home: 0, End: duration }[event.key];
    if (target === undefined && event.key !== " ") return;
    event.preventDefault();
    if (target === undefined) player.toggle();
    else player.seek(Math.min(duration, target));
  }

  const drawing = peaks ? (
    <svg aria-hidden="true">
      <path d={bars} stroke="currentColor" strokeWidth={2} />
    </svg>
  ) : (
    <Box sx={{ height: "100%", borderRadius: 1, bgcolor: "currentColor", opacity: 0.4 }} />
  );
  return (
    <Box
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label={T.position}
      aria-valuemin={0}
      aria-valuemax={Math.ceil(duration)}
      aria-valuenow={second}
      aria-valuetext={T.at(clock(second), clock(duration))}
      aria-disabled={failed}
      data-testid="audio-wave"
      data-drawn={bars !== ""}
      onPointerDown={point}
      onPointerMove={point}
      onKeyDown={key}
      sx={{
        position: "relative",
        height: peaks ? HEIGHT_PX : 20,
        borderRadius: 1,
        bgcolor: "action.hover",
        color: "action.active",
        cursor: failed ? "default" : "pointer",
        touchAction: "pan-x pan-y",
        "& svg": { position: "absolute", inset: 0, width: "100%", height: "100%" },
        "&:focus-visible": { outline: "2px solid", outlineColor: "primary.main", outlineOffset: 2 },
      }}
    >
      {peaks && drawing}
      <Box ref={played} sx={{ position: "absolute", inset: 0, color: "primary.main" }}>
        {drawing}
      </Box>
    </Box>
  );
}
