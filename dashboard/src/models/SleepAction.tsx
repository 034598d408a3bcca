import { mdiAlarm, mdiSleep } from "@mdi/js";
import { useState } from "react";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { ActionButton } from "./ActionButton";
import { InterruptDialog } from "./InterruptDialog";
import { requestsOf } from "./requests";
import { T } from "./texts";
import type { Call } from "./useVerb";

interface Props {
  model: Model;
  idle: boolean;
  /** Vrai si le moteur sait dormir. */
  sleeps: boolean;
  call: Call;
}

/** Endort ou réveille le modèle ; rien si cela n'a pas de sens maintenant. */
export function SleepAction({ model, idle, sleeps, call }: Props) {
  const [asking, setAsking] = useState(false);
  if (model.state === ModelState.ASLEEP) {
    return (
      <ActionButton
        model={model}
        name="wake"
        label={T.actions.wake}
        icon={mdiAlarm}
        main
        disabled={!idle}
        onClick={() => void call(() => admin.wakeModel({ model: model.key }))}
      />
    );
  }
  if (!sleeps || model.state !== ModelState.READY) return null;
  const counts = requestsOf(model);
  const busy = counts.running + counts.waiting > 0;
  const sleep = () => void call(() => admin.sleepModel({ model: model.key }));
  const label = busy ? T.interrupt.drainSleep : T.interrupt.sleep;
  return (
    <>
      <ActionButton
        model={model}
        name="sleep"
        label={T.actions.sleep}
        icon={mdiSleep}
        disabled={!idle}
        onClick={() => (busy ? setAsking(true) : sleep())}
      />
      <InterruptDialog
        open={asking && idle}
        onClose={() => setAsking(false)}
        title={T.interrupt.sleepTitle(model.displayName || model.key)}
        counts={counts}
        help={T.interrupt.sleepHelp}
        choices={[{ label, testId: "confirm-drain", onChoose: sleep }]}
      />
    </>
  );
}
