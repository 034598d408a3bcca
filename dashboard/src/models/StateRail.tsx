import { Box, Typography } from "@mui/material";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { T } from "./texts";

/** Rang de l'étape de chaque état. */
const RANKS: Record<ModelState, number> = {
  [ModelState.UNSPECIFIED]: -1,
  [ModelState.UNAVAILABLE]: 0,
  [ModelState.DOWNLOADING]: 0,
  [ModelState.CACHED]: 1,
  [ModelState.LOADING]: 2,
  [ModelState.UNLOADING]: 2,
  [ModelState.READY]: 3,
  [ModelState.ASLEEP]: 3,
};
const MOVING = new Set([ModelState.DOWNLOADING, ModelState.LOADING, ModelState.UNLOADING]);

/** Où en est le modèle, de son dépôt à sa première inférence. */
export function StateRail({ model: { key, state, displayName } }: { model: Model }) {
  const rank = RANKS[state];
  return (
    <Box
      component="ol"
      aria-label={`${T.life} : ${displayName || key}`}
      sx={{ display: "flex", listStyle: "none", p: 0, m: 0, mx: -1 }}
    >
      {stationsOf(state).map((label, index) => (
        <Station
          key={label}
          label={label}
          first={index === 0}
          here={index === rank ? key : undefined}
          moving={index === rank && MOVING.has(state)}
          color={colorAt(state, index)}
        />
      ))}
    </Box>
  );
}

function stationsOf(state: ModelState): string[] {
  const { stations } = T;
  return [
    state === ModelState.DOWNLOADING ? stations.downloading : stations.missing,
    stations.cached,
    state === ModelState.UNLOADING ? stations.unloading : stations.loading,
    state === ModelState.ASLEEP ? stations.asleep : stations.ready,
  ];
}

/** Couleur d'une étape ; vide si le modèle n'y est pas encore. Seule l'étape en cours a celle d'une attente. */
export function colorAt(state: ModelState, index: number): string {
  if (index > RANKS[state]) return "";
  if (state === ModelState.READY) return "success.main";
  const waiting = state === ModelState.LOADING || state === ModelState.UNLOADING;
  return waiting && index === RANKS[state] ? "warning.main" : "primary.main";
}

interface StationProps {
  label: string;
  first: boolean;
  /** Clé du modèle, s'il en est là. */
  here: string | undefined;
  moving: boolean;
  /** Vide : pas encore atteinte. */
  color: string;
}

function Station({ label, first, here, moving, color }: StationProps) {
  return (
    <Box
      component="li"
      aria-current={here ? "step" : undefined}
      sx={{
        flex: 1,
        minWidth: 0,
        position: "relative",
        textAlign: "center",
        "&::before": first
          ? undefined
          : {
              content: '""',
              position: "absolute",
              top: 6,
              height: 2,
              left: "calc(-50% + 10px)",
              right: "calc(50% + 10px)",
              borderRadius: 1,
              bgcolor: color || "divider",
            },
      }}
    >
      <Box
        sx={{
          width: 14,
          height: 14,
          mx: "auto",
          mb: 0.5,
          borderRadius: "50%",
          border: 2,
          borderColor: color || "divider",
          bgcolor: color || "transparent",
          outline: here ? "4px solid color-mix(in srgb, currentColor 22%, transparent)" : "none",
          color,
          animation: moving ? "passerelle-pulse 1.4s ease-in-out infinite" : "none",
          "@keyframes passerelle-pulse": { "50%": { opacity: 0.45 } },
          "@media (prefers-reduced-motion: reduce)": { animation: "none" },
        }}
      />
      <Typography
        variant="caption"
        component="span"
        data-testid={here && `model-state-${here}`}
        sx={{
          display: "block",
          lineHeight: 1.25,
          fontSize: 11,
          fontWeight: here ? 700 : 400,
          color: here ? "text.primary" : "text.secondary",
        }}
      >
        {label}
      </Typography>
    </Box>
  );
}
