import { mdiMagnifyMinusOutline, mdiMagnifyPlusOutline, mdiPause, mdiPlay } from "@mdi/js";
import { Box, IconButton, type IconButtonProps, Stack, Tooltip, Typography } from "@mui/material";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { seconds } from "../../format";
import { Icon, Note } from "../../shell/kit";
import { clock, colorOf, type Lane, lengthOf, overlapsOf } from "../result/lanes";
import { T } from "../texts";
import type { Peaks } from "../wave/wave";
import { barsOf } from "../wave/wave";
import { LaneBar, LaneHeader, place } from "./Lanes";
import { type Player, usePlayer, useWidth } from "./Player";

/** Secondes que montre l'écran à l'agrandissement le plus fort. */
const FINEST_S = 20;

interface Props {
  player: Player;
  peaks: Peaks | undefined;
  /** Secondes. */
  duration: number;
  lanes: Lane[];
  nameOf: (speaker: string) => string;
  onRename: (speaker: string, name: string) => void;
}

/** L'onde et, dessous, une voie par locuteur, sur la même échelle de temps. */
export function Timeline({ player, peaks, duration, lanes, nameOf, onRename }: Props) {
  const [zoom, setZoom] = useState(1);
  const maxZoom = Math.min(64, 2 ** Math.floor(Math.log2(Math.max(1, duration / FINEST_S))));
  const scroll = useRef<HTMLDivElement>(null);
  const cursor = useRef<HTMLDivElement>(null);
  const overlaps = useMemo(() => overlapsOf(lanes), [lanes]);
  const total = lanes.reduce((sum, lane) => sum + lane.seconds, 0);

  useEffect(() => {
    const follow = () => {
      const ratio = Math.min(1, player.time / duration);
      if (cursor.current) cursor.current.style.transform = `translateX(${100 * ratio}%)`;
      const box = scroll.current;
      if (!box || zoom === 1 || !player.playing) return;
      const x = ratio * box.scrollWidth;
      if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 4;
    };
    follow();
    return player.subscribe(follow);
  }, [player, duration, zoom]);

  return (
    <Stack spacing={1.5} data-testid="audio-timeline">
      <Controls player={player} duration={duration} zoom={zoom} maxZoom={maxZoom} onZoom={setZoom} />
      <Box ref={scroll} sx={{ overflowX: zoom > 1 ? "auto" : "visible", py: 0.5 }}>
        <Box sx={{ position: "relative", width: `${100 * zoom}%` }}>
          <Waveform player={player} peaks={peaks} duration={duration} />
          {lanes.length > 0 && (
            <Stack spacing={1} role="list" aria-label={T.timeline} sx={{ mt: 1 }}>
              {lanes.map((lane, rank) => {
                const shown = { lane, name: nameOf(lane.speaker), color: colorOf(rank) };
                return (
                  <Box key={lane.speaker} role="listitem" data-testid="audio-lane">
                    <LaneHeader {...shown} total={total} onRename={onRename} />
                    <LaneBar {...shown} duration={duration} player={player} />
                  </Box>
                );
              })}
              {overlaps.length > 0 && (
                <Box role="listitem" data-testid="audio-overlaps">
                  <Note sx={{ position: "sticky", left: 0, width: "fit-content" }}>
                    {T.overlaps} · {seconds(lengthOf(overlaps))}
                  </Note>
                  <Box
                    aria-hidden
                    sx={{
                      position: "relative",
                      height: 8,
                      borderRadius: 1,
                      bgcolor: "action.hover",
                      "& span": {
                        position: "absolute",
                        height: "100%",
                        minWidth: "3px",
                        borderRadius: 1,
                        backgroundColor: "text.secondary",
                      },
                    }}
                  >
                    {overlaps.map((span) => (
                      <span key={span.start} style={place(span, duration)} />
                    ))}
                  </Box>
                </Box>
              )}
            </Stack>
          )}
          {/* Déplacé par transformation : des milliers de tours n'ont pas à être replacés à chaque image. */}
          <Box
            aria-hidden
            sx={{ position: "absolute", inset: "0 -2px 0 0", overflow: "hidden", pointerEvents: "none" }}
          >
            <Box
              ref={cursor}
              data-testid="audio-cursor"
              sx={{ height: "100%", mr: "2px", borderLeft: 2, borderColor: "text.primary", willChange: "transform" }}
            />
          </Box>
        </Box>
      </Box>
    </Stack>
  );
}

interface ControlsProps {
  player: Player;
  duration: number;
  zoom: number;
  maxZoom: number;
  onZoom: (zoom: number) => void;
}

/** Lire, mettre en pause, savoir où l'on en est, agrandir. */
export function Controls({ player, duration, zoom, maxZoom, onZoom }: ControlsProps) {
  const playing = usePlayer(player, ({ playing }) => playing);
  const failed = usePlayer(player, ({ failed }) => failed);
  const time = usePlayer(player, ({ time }) => clock(time));
  const name = playing ? T.pause : T.play;
  return (
    <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
      <IconButton
        onClick={player.toggle}
        disabled={failed}
        aria-label={name}
        data-testid="audio-play"
        sx={{
          bgcolor: "primary.main",
          color: "primary.contrastText",
          "&:hover": { bgcolor: "primary.dark" },
          "&.Mui-disabled": { bgcolor: "action.disabledBackground" },
        }}
      >
        <Icon path={playing ? mdiPause : mdiPlay} />
      </IconButton>
      <Typography sx={{ flexGrow: 1 }} data-testid="audio-time">
        {time}
        <Typography component="span" color="textSecondary">
          {" / "}
          {clock(duration)}
        </Typography>
      </Typography>
      {maxZoom > 1 && (
        <>
          <Zoom label={T.zoomOut} icon={mdiMagnifyMinusOutline} disabled={zoom <= 1} onClick={() => onZoom(zoom / 2)} />
          <Zoom
            label={T.zoomIn}
            icon={mdiMagnifyPlusOutline}
            disabled={zoom >= maxZoom}
            onClick={() => onZoom(zoom * 2)}
            data-testid="audio-zoom-in"
          />
        </>
      )}
    </Stack>
  );
}

function Zoom({ label, icon, ...rest }: IconButtonProps & { label: string; icon: string }) {
  return (
    <Tooltip title={label}>
      <span>
        <IconButton aria-label={label} {...rest}>
          <Icon path={icon} />
        </IconButton>
      </span>
    </Tooltip>
  );
}

const STEP_S = 5;
const HEIGHT_PX = 88;

interface WaveformProps {
  player: Player;
  /** Absentes : une ligne de temps sans onde. */
  peaks: Peaks | undefined;
  duration: number;
}

/** L'onde, qui est aussi la barre de position : on y clique, ou on s'y déplace au clavier. */
export function Waveform({ player, peaks, duration }: WaveformProps) {
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
        color: "text.secondary",
        cursor: failed ? "default" : "pointer",
        touchAction: "pan-x pan-y",
        "& svg": { position: "absolute", inset: 0, width: "100%", height: "100%" },
        "&:focus-visible": { outline: "2px solid", outlineColor: "primary.main", outlineOffset: 2 },
      }}
    >
      {peaks && <Box sx={{ opacity: 0.6 }}>{drawing}</Box>}
      <Box ref={played} sx={{ position: "absolute", inset: 0, color: "primary.main" }}>
        {drawing}
      </Box>
    </Box>
  );
}
