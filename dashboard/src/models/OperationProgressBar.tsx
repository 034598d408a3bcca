import { Stack, Typography } from "@mui/material";
import type { Operation } from "../gen/passerelle/v1/operation_pb";
import { describe } from "./progress/describe";
import { Journey } from "./progress/Journey";

/** Avancement d'une opération en deux lignes, là où la place manque ; seule l'étape s'annonce, non chaque octet. */
export function OperationProgressBar({ operation }: { operation: Operation }) {
  const { step, details } = describe(operation);
  return (
    <Stack spacing={0.5} sx={{ flexGrow: 1, minWidth: 0 }}>
      <Journey operation={operation} />
      <Typography variant="caption" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
        <span role="status">{step}</span>
        {details.map((detail) => ` · ${detail}`)}
      </Typography>
    </Stack>
  );
}
