import { Box } from "@mui/material";
import { OPERATIONS } from "../../fr";
import type { Operation } from "../../gen/passerelle/v1/operation_pb";
import { T } from "../texts";
import { describe } from "./describe";
import { phasesOf } from "./phases";

/** Part de la barre que prend une étape ; 1 pour celles qui sont brèves. */
const WEIGHTS: Record<string, number> = { downloading: 6, opening: 3, draining: 2 };

/** Une seule barre, du premier octet à la première inférence : un segment par étape. */
export function Journey({ operation }: { operation: Operation }) {
  const { step, done, share, details } = describe(operation);
  const { phases, current } = phasesOf(operation);
  return (
    <Box
      role="progressbar"
      aria-label={T.progress.label(OPERATIONS[operation.kind], operation.model)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={done === undefined ? undefined : Math.floor(done * 10) / 10}
      aria-valuetext={[step, share, ...details].filter(Boolean).join(", ")}
      data-testid={`progress-${operation.model}`}
      sx={{ display: "flex", gap: "3px", height: 8, mt: 0.5 }}
    >
      {phases.map((phase, rank) => (
        <Segment
          key={phase}
          weight={WEIGHTS[phase] ?? 1}
          filled={rank < current ? 1 : rank > current ? 0 : phase === "downloading" ? (done ?? 0) / 100 : undefined}
        />
      ))}
    </Box>
  );
}

/** `filled` va de 0 à 1 ; `undefined` : en cours, sans mesure. */
function Segment({ weight, filled }: { weight: number; filled: number | undefined }) {
  return (
    <Box sx={{ flex: weight, borderRadius: 1, overflow: "hidden", bgcolor: "action.selected" }}>
      <Box
        style={{ transform: filled === undefined ? undefined : `scaleX(${filled})` }}
        sx={{
          height: "100%",
          bgcolor: "primary.main",
          transformOrigin: "left",
          transition: "transform 200ms linear",
          animation: filled === undefined ? "passerelle-work 1.2s ease-in-out infinite" : "none",
          "@keyframes passerelle-work": { "0%, 100%": { opacity: 0.35 }, "50%": { opacity: 1 } },
          "@media (prefers-reduced-motion: reduce)": { animation: "none", transition: "none" },
        }}
      />
    </Box>
  );
}
