import { Stack, Typography } from "@mui/material";
import { memory } from "../format";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { LoadAction } from "../placement/LoadAction";
import { DownloadAction, isPartial } from "./DownloadAction";
import { freedBy } from "./memory";
import { SleepAction } from "./SleepAction";
import { TryAction } from "./TryAction";
import { T } from "./texts";
import { UnloadAction } from "./UnloadAction";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  busy: boolean;
  /** Vrai si le moteur sait dormir. */
  sleeps: boolean;
  call: Call;
}

/** Ce qu'on peut faire d'un modèle maintenant ; le geste utile est mis en avant. */
export function ModelActions({ model, busy, sleeps, call }: Props) {
  const idle = model.operation === undefined && !busy;
  const help = helpOf(model);
  return (
    <>
      {help && (
        <Typography
          variant="caption"
          color="textSecondary"
          data-testid={`action-help-${model.key}`}
          sx={{ px: 2, pb: 1, fontVariantNumeric: "tabular-nums" }}
        >
          {help}
        </Typography>
      )}
      <Stack
        direction="row"
        useFlexGap
        spacing={0.5}
        sx={{ flexWrap: "wrap", px: 2, py: 1.5, borderTop: 1, borderColor: "divider" }}
      >
        <TryAction model={model} />
        <DownloadAction model={model} idle={idle} call={call} />
        <LoadAction model={model} idle={idle} call={call} />
        <UnloadAction model={model} idle={idle} call={call} />
        <SleepAction model={model} idle={idle} sleeps={sleeps} call={call} />
      </Stack>
    </>
  );
}

/** Ce que le geste possible rapporterait, ou ce qui est déjà fait. */
function helpOf(model: Model): string | undefined {
  if (model.operation) return undefined;
  if (isPartial(model) && model.totalBytes > 0) return T.onDisk(memory(model.cachedBytes), memory(model.totalBytes));
  const freed = model.state === ModelState.READY || model.state === ModelState.ASLEEP ? freedBy(model) : undefined;
  if (!freed) return undefined;
  return freed.gpu ? T.frees.gpu(memory(freed.bytes)) : T.frees.ram(memory(freed.bytes));
}
