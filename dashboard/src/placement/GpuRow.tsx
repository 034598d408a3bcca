import { mdiAlertOutline } from "@mdi/js";
import { Box, Stack, Typography } from "@mui/material";
import { memory } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { Icon } from "../shell/Icon";
import { MemoryBar } from "./MemoryBar";
import { sharesOf } from "./memory";
import { P } from "./texts";

interface Props {
  gpu: Gpu;
  models: Model[];
  /** Verdict du chargement sur ce GPU, s'il y est jugé. */
  verdict: GpuVerdict | undefined;
}

/** Un GPU dans le menu : son nom, ce qu'on peut y prendre, qui le tient, ce qui cloche. */
export function GpuRow({ gpu, models, verdict }: Props) {
  const shares = sharesOf(gpu, models);
  const wrong = gpu.dirty ? gpu.dirtyReason : verdict && !verdict.fits ? verdict.reason : "";
  return (
    <Box sx={{ flexGrow: 1, minWidth: 0, whiteSpace: "normal" }}>
      <Stack direction="row" useFlexGap sx={{ flexWrap: "wrap", columnGap: 2, alignItems: "baseline", mb: 0.5 }}>
        <Typography sx={{ flexGrow: 1, fontWeight: 600 }}>
          {P.gpu.name(gpu.index)}
          <Typography component="span" variant="body2" color="textSecondary" sx={{ ml: 1 }}>
            {gpu.name}
          </Typography>
        </Typography>
        <Typography variant="body2" sx={{ fontVariantNumeric: "tabular-nums" }}>
          {P.gpu.available(memory(gpu.availableBytes))}{" "}
          <Typography component="span" variant="body2" color="textSecondary">
            {P.gpu.total(memory(gpu.totalBytes))}
          </Typography>
        </Typography>
      </Stack>
      <MemoryBar dense shares={shares} total={gpu.totalBytes} />
      {shares.length === 0 && (
        <Typography variant="caption" color="textSecondary">
          {P.gpu.free}
        </Typography>
      )}
      {wrong && (
        <Stack direction="row" spacing={0.5} sx={{ mt: 0.5 }}>
          <Icon path={mdiAlertOutline} fontSize="small" color="error" />
          <Typography variant="caption">{wrong}</Typography>
        </Stack>
      )}
    </Box>
  );
}
