import { Button, type ButtonProps } from "@mui/material";
import { admin } from "../api/client";
import { T } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";
import { LoadAction } from "../placement/LoadAction";

interface Props {
  model: Model;
  busy: boolean;
  call: (verb: () => Promise<unknown>) => Promise<void>;
}

/** Ce qu'on peut faire d'un modèle maintenant ; le geste utile est mis en avant. */
export function ModelActions({ model, busy, call }: Props) {
  const { key, state, operation, artifactsCached } = model;
  const idle = operation === undefined && !busy;
  const loaded = state === ModelState.READY;
  const action = (name: string, label: string, verb: () => Promise<unknown>): ButtonProps => ({
    "aria-label": `${label} ${model.displayName || key}`,
    children: label,
    onClick: () => void call(verb),
    size: "small",
    ...{ "data-testid": `action-${name}-${key}` },
  });
  return (
    <>
      <Button
        {...action("download", T.download, () => admin.downloadModel({ model: key }))}
        variant={artifactsCached ? "text" : "contained"}
        disabled={!idle || artifactsCached}
      />
      <LoadAction model={model} busy={busy} call={call} />
      <Button
        {...action("unload", T.unload, () => admin.unloadModel({ model: key }))}
        variant={loaded ? "outlined" : "text"}
        disabled={!idle || !loaded}
      />
    </>
  );
}
