import { Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";
import { memory } from "../format";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { sizeOf } from "../models/ModelFacts";
import { T } from "./texts";

/** Ce que le cache contient de chaque modèle. */
export function CacheTable({ models, labelledBy }: { models: Model[]; labelledBy: string }) {
  return (
    <Table
      size="small"
      aria-labelledby={labelledBy}
      data-testid="cache-table"
      sx={{ "& td, & th": { px: { xs: 1, sm: 2 } } }}
    >
      <TableHead>
        <TableRow>
          <TableCell>{T.model}</TableCell>
          <TableCell>{T.files}</TableCell>
          <TableCell align="right">{T.size}</TableCell>
        </TableRow>
      </TableHead>
      <TableBody>
        {models.map((model) => (
          <TableRow key={model.key} data-testid={`cache-${model.key}`} sx={{ "&:last-child td": { border: 0 } }}>
            <TableCell>{model.key}</TableCell>
            <TableCell>{presence(model)}</TableCell>
            <TableCell align="right" sx={{ fontVariantNumeric: "tabular-nums" }}>
              {sizeOf(model)}
            </TableCell>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

function presence({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  if (artifactsCached) return T.cached;
  if (cachedBytes === 0) return T.missing;
  return totalBytes > 0 ? T.partial(memory(cachedBytes), memory(totalBytes)) : memory(cachedBytes);
}
