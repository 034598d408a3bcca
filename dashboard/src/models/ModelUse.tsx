import { Box, LinearProgress, Stack, Typography } from "@mui/material";
import { memory } from "../format";
import type { Model, Replica } from "../gen/passerelle/v1/model_pb";
import { requestsOf } from "./requests";
import { T } from "./texts";
import { elapsed } from "./times";

/** Ce qui emploie un modèle chargé, en tout et par exemplaire ; rien s'il ne l'est pas. */
export function ModelUse({ model, now }: { model: Model; now: number }) {
  const { key, replicas, lastUsedAt } = model;
  if (replicas.length === 0) return null;
  const { running, waiting, maxRunning, maxWaiting } = requestsOf(model);
  const passed = elapsed(lastUsedAt, now);
  const last = lastUsedAt ? (passed ? T.use.lastUsed(passed) : T.use.lastUsedNow) : T.use.never;
  return (
    <Box component="section" aria-label={`${T.use.title} : ${model.displayName || key}`}>
      <Stack direction="row" spacing={2} data-testid={`requests-${key}`} data-busy={running + waiting}>
        <Meter label={T.use.running} value={running} most={maxRunning} />
        <Meter label={T.use.waiting} value={waiting} most={maxWaiting} />
      </Stack>
      <Typography variant="caption" color="textSecondary">
        {last}
      </Typography>
      <Stack component="ul" spacing={0.25} sx={{ listStyle: "none", p: 0, m: 0, mt: 0.75 }}>
        {replicas.map((replica) => (
          <ReplicaLine key={replica.id} replica={replica} />
        ))}
      </Stack>
    </Box>
  );
}

/** Un nombre face à son maximum. */
function Meter({ label, value, most }: { label: string; value: number; most: number }) {
  return (
    <Box sx={{ flex: 1, minWidth: 0 }}>
      <Stack direction="row" spacing={0.75} sx={{ alignItems: "baseline" }}>
        <Typography component="span" sx={{ fontWeight: 700, fontSize: "1.1rem", fontVariantNumeric: "tabular-nums" }}>
          {value}
        </Typography>
        <Typography component="span" variant="caption" color="textSecondary" noWrap>
          {T.use.outOf(most, label)}
        </Typography>
      </Stack>
      <LinearProgress
        aria-hidden
        role="presentation"
        variant="determinate"
        color={most > 0 && value >= most ? "warning" : "primary"}
        value={most > 0 ? Math.min(100, (100 * value) / most) : 0}
        sx={{ height: 4, borderRadius: 1 }}
      />
    </Box>
  );
}

function ReplicaLine({ replica }: { replica: Replica }) {
  const { id, gpus, residentBytes, gpuBytes, asleep } = replica;
  const parts = [
    gpus.length > 0 ? T.use.gpus(gpus.join(", ")) : T.use.cpu,
    T.use.requests(replica.runningRequests, replica.waitingRequests),
    gpuBytes === undefined ? "" : T.use.gpuMemory(memory(gpuBytes)),
    residentBytes > 0 ? T.use.ram(memory(residentBytes)) : "",
    asleep ? T.use.asleep : "",
  ];
  return (
    <Typography
      component="li"
      variant="caption"
      color="textSecondary"
      data-testid={`replica-${id}`}
      sx={{ fontVariantNumeric: "tabular-nums" }}
    >
      <Box component="span" sx={{ fontWeight: 600, color: "text.primary" }}>
        {id}
      </Box>
      {` · ${parts.filter(Boolean).join(" · ")}`}
    </Typography>
  );
}
