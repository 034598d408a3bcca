import { mdiCheck } from "@mdi/js";
import { Box, Typography } from "@mui/material";
import { PHASES } from "../../fr";
import type { Operation } from "../../gen/passerelle/v1/operation_pb";
import { Icon } from "../../shell/Icon";
import { T } from "../texts";
import { phasesOf } from "./phases";

/** Les étapes d'une opération ; celles qui sont faites, et celle qui est en cours. */
export function PhaseList({ operation }: { operation: Operation }) {
  const { phases, current } = phasesOf(operation);
  if (phases.length < 2) return null;
  return (
    <Box
      component="ol"
      aria-label={T.progress.steps}
      sx={{ display: "flex", flexWrap: "wrap", columnGap: 1.25, listStyle: "none", p: 0, m: 0, mt: 0.75 }}
    >
      {phases.map((phase, rank) => (
        <Typography
          key={phase}
          component="li"
          variant="caption"
          aria-current={rank === current ? "step" : undefined}
          sx={{
            display: "flex",
            alignItems: "center",
            gap: 0.25,
            color: rank === current ? "text.primary" : "text.secondary",
            fontWeight: rank === current ? 700 : 400,
          }}
        >
          {rank < current && <Icon path={mdiCheck} color="success" sx={{ fontSize: 14 }} />}
          {PHASES[phase] ?? phase}
        </Typography>
      ))}
    </Box>
  );
}
