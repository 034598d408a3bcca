import { Box } from "@mui/material";
import { useEffect, useRef } from "react";
import type { LiveSession } from "../session/session";
import { T } from "../texts";

/** Décibels sous lesquels la jauge est vide. */
const FLOOR = -54;

/** Part de la jauge pour une amplitude de 0 à 1 : l'oreille entend en décibels. */
export function filled(amplitude: number): number {
  const decibels = 20 * Math.log10(Math.max(amplitude, 1e-6));
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR));
}

/** Niveau du microphone ; dessiné hors de React, dix fois par seconde. */
export function Meter({ session, active }: { session: LiveSession; active: boolean }) {
  const meter = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const draw = () => {
      const part = active ? filled(session.level) : 0;
      if (bar.current) bar.current.style.clipPath = `inset(0 ${(100 * (1 - part)).toFixed(1)}% 0 0)`;
      meter.current?.setAttribute("aria-valuenow", String(Math.round(100 * part)));
    };
    draw();
    if (!active) return;
    const timer = setInterval(draw, 100);
    return () => clearInterval(timer);
  }, [session, active]);
  return (
    <Box
      ref={meter}
      role="meter"
      aria-label={T.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-testid="live-level"
      sx={{ height: 10, borderRadius: 5, bgcolor: "action.selected", overflow: "hidden" }}
    >
      <Box
        ref={bar}
        sx={{
          height: "100%",
          // Découvert, non étiré : chaque force garde sa couleur, et le rouge ne vient qu'à la fin.
          clipPath: "inset(0 100% 0 0)",
          background: ({ vars }) =>
            `linear-gradient(90deg, ${vars?.palette.success.main} 60%, ${vars?.palette.warning.main} 85%, ${vars?.palette.error.main})`,
          transition: "clip-path 100ms linear",
          "@media (prefers-reduced-motion: reduce)": { transition: "none" },
        }}
      />
    </Box>
  );
}
