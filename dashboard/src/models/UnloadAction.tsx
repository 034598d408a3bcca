import { mdiEject } from "@mdi/js";
import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { errorInfo } from "../api/errorInfo";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { ActionButton } from "./ActionButton";
import { InterruptDialog } from "./InterruptDialog";
import { type Requests, requestsOf } from "./requests";
import { T } from "./texts";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  idle: boolean;
  call: Call;
}

/** Décharge le modèle ; s'il sert quelqu'un, demande d'abord s'il faut attendre ou interrompre. */
export function UnloadAction({ model, idle, call }: Props) {
  const [asking, setAsking] = useState(false);
  /** Ce que le serveur a compté en refusant ; l'état suivant est plus frais. */
  const [told, setTold] = useState<Pick<Requests, "running" | "waiting">>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: chaque état reçu est un autre objet.
  useEffect(() => setTold(undefined), [model]);
  const counts = told ?? requestsOf(model);
  const busy = counts.running + counts.waiting > 0;
  const possible = idle && (model.state === ModelState.READY || model.state === ModelState.ASLEEP);
  const unload = (force: boolean) => void call(() => admin.unloadModel({ model: model.key, force }));
  // Une requête a pu arriver depuis le dernier état : sans question posée, le serveur n'interrompt personne.
  const unloadIdle = () =>
    void call(async () => {
      try {
        await admin.unloadModel({ model: model.key, onlyIfIdle: true });
      } catch (error) {
        const { field, ...counts } = errorInfo(error)?.metadata ?? {};
        if (field !== "only_if_idle") throw error;
        setTold({ running: Number(counts.running), waiting: Number(counts.waiting) });
        setAsking(true);
      }
    });
  const drain = { label: T.interrupt.drain, testId: "confirm-drain", onChoose: () => unload(false) };
  const force = {
    label: T.interrupt.force,
    testId: "confirm-force",
    color: "error" as const,
    onChoose: () => unload(true),
  };
  const plain = { label: T.interrupt.unload, testId: "confirm-unload", onChoose: unloadIdle };
  return (
    <>
      <ActionButton
        model={model}
        name="unload"
        label={T.actions.unload}
        icon={mdiEject}
        disabled={!possible}
        onClick={() => (busy ? setAsking(true) : unloadIdle())}
      />
      <InterruptDialog
        open={asking && possible}
        onClose={() => setAsking(false)}
        title={T.interrupt.unloadTitle(model.displayName || model.key)}
        counts={counts}
        help={T.interrupt.unloadHelp}
        choices={busy ? [force, drain] : [plain]}
      />
    </>
  );
}
