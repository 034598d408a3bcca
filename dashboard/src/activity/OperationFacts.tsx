import { durationMs } from "@bufbuild/protobuf/wkt";
import { Box, Typography } from "@mui/material";
import { memory } from "../format";
import { PHASES } from "../fr";
import type { Operation, PhaseDuration } from "../gen/passerelle/v1/operation_pb";
import { remedyOf } from "../models/remedies";
import { french } from "../typography";
import { instant, lastedSeconds, lasting } from "./progress";
import { T } from "./texts";

/** Ce qu'on sait d'une opération : quand, combien de temps, ce qu'elle a rendu, pourquoi elle a échoué. */
export function OperationFacts({ operation }: { operation: Operation }) {
  return (
    <Box
      component="dl"
      data-testid="operation-facts"
      sx={{
        display: "grid",
        gridTemplateColumns: { xs: "minmax(0, 1fr)", sm: "max-content minmax(0, 1fr)" },
        columnGap: 3,
        rowGap: { xs: 0, sm: 0.5 },
        m: 0,
      }}
    >
      {factsOf(operation).map(([name, value]) => (
        <Box key={name} sx={{ display: "contents" }}>
          <Typography component="dt" variant="body2" color="textSecondary">
            {name}
          </Typography>
          <Typography
            component="dd"
            variant="body2"
            sx={{ m: 0, mb: { xs: 1, sm: 0 }, overflowWrap: "anywhere", fontVariantNumeric: "tabular-nums" }}
          >
            {value}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

function factsOf(operation: Operation): [string, string][] {
  const { startedAt, finishedAt, progress, phases, freedBytes, elapsed, error, id } = operation;
  const lasted = lastedSeconds(operation);
  const { phase, completedBytes, totalBytes } = progress ?? {};
  const facts: [string, string | undefined | false][] = [
    [T.facts.error, error && `${french(error.message)} (${error.reason})`],
    [T.facts.remedy, error && remedyOf(error.reason)],
    [T.facts.started, startedAt && instant(startedAt)],
    [T.facts.finished, finishedAt && instant(finishedAt)],
    [T.facts.lasted, lasted !== undefined && lasting(lasted)],
    [T.facts.phase, phase && (PHASES[phase] ?? phase)],
    [T.facts.phases, phases.map(phaseTime).join(" · ")],
    [
      T.facts.bytes,
      completedBytes !== undefined && totalBytes
        ? T.facts.bytesOf(memory(completedBytes), memory(totalBytes))
        : undefined,
    ],
    [T.facts.freed, freedBytes !== undefined && memory(freedBytes)],
    [T.facts.elapsed, elapsed && lasting(durationMs(elapsed) / 1000)],
    [T.facts.id, id],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function phaseTime({ phase, duration }: PhaseDuration): string {
  return `${PHASES[phase] ?? phase} ${lasting(duration ? durationMs(duration) / 1000 : 0)}`;
}
