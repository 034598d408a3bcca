import { Box, Card, Stack, Typography } from "@mui/material";
import { percentage } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Request } from "../gen/passerelle/v1/requests_pb";
import { Hint, Note, Part } from "../shell/kit";
import { T } from "./texts";
import { type Holding, holdersOf } from "./useRunning";

interface Props {
  gpus: Gpu[];
  running: Request[];
  keyName: (key: string) => string;
}

/** Les requêtes en cours de chaque GPU, par clé et modèle. */
export function GpuHolders({ gpus, running, keyName }: Props) {
  const held = holdersOf(running);
  const elsewhere = held.get(-1) ?? [];
  return (
    <Part title={T.gpus} variant="h3">
      <Note sx={{ mb: 1.5 }}>{gpus.length > 0 ? T.gpusHelp : `${T.noGpu} ${T.gpusHelp}`}</Note>
      <Box
        sx={{ display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 240px), 1fr))" }}
        data-testid="usage-gpus"
      >
        {gpus.map(({ index, uuid, utilizationPercent }) => (
          <Holders
            key={uuid || index}
            title={T.gpu(index)}
            aside={percentage(utilizationPercent)}
            held={held.get(index) ?? []}
            keyName={keyName}
            testid={`usage-gpu-${index}`}
          />
        ))}
        {(elsewhere.length > 0 || gpus.length === 0) && (
          <Holders title={T.elsewhere} held={elsewhere} keyName={keyName} testid="usage-gpu-none" />
        )}
      </Box>
    </Part>
  );
}

interface HoldersProps {
  title: string;
  aside?: string;
  held: Holding[];
  keyName: (key: string) => string;
  testid: string;
}

function Holders({ title, aside, held, keyName, testid }: HoldersProps) {
  return (
    <Card variant="outlined" data-testid={testid} sx={{ p: 1.5, minWidth: 0 }}>
      <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between", alignItems: "baseline" }}>
        <Typography variant="body2" sx={{ fontWeight: 650 }}>
          {title}
        </Typography>
        {aside && <Hint>{aside}</Hint>}
      </Stack>
      {held.length === 0 && <Note>{T.nobody}</Note>}
      <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none" }}>
        {held.map(({ key, model, count }) => (
          <Typography key={`${key} ${model}`} component="li" variant="body2" sx={{ overflowWrap: "anywhere" }}>
            {[keyName(key), model, T.count(count)].filter(Boolean).join(" · ")}
          </Typography>
        ))}
      </Box>
    </Card>
  );
}
