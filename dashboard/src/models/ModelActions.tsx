import { mdiAlarm, mdiArrowRight, mdiEject, mdiSleep, mdiTrayArrowDown } from "@mdi/js";
import { type ButtonProps, Stack } from "@mui/material";
import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { errorInfo } from "../api/errors";
import { memory } from "../format";
import { Capability, type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { LoadAction } from "../placement/LoadAction";
import { useHashPath } from "../shell/hashLocation";
import { Act, Hint } from "../shell/kit";
import { InterruptDialog } from "./ConfirmDialog";
import { freedBy, isPartial, type Requests, requestsOf } from "./model";
import { T } from "./texts";
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
  const given = { model, idle: model.operation === undefined && !busy, call };
  const help = helpOf(model);
  return (
    <>
      {help && (
        <Hint data-testid={`action-help-${model.key}`} sx={{ px: 2, pb: 1 }}>
          {help}
        </Hint>
      )}
      <Stack
        direction="row"
        useFlexGap
        spacing={0.5}
        sx={{ flexWrap: "wrap", px: 2, py: 1.5, borderTop: 1, borderColor: "divider" }}
      >
        <TryAction model={model} />
        <DownloadAction {...given} />
        <LoadAction {...given} />
        <UnloadAction {...given} />
        <SleepAction {...given} sleeps={sleeps} />
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

interface LookProps extends Pick<ButtonProps, "aria-haspopup" | "disabled" | "href" | "onClick"> {
  model: Model;
  /** Nom anglais du geste, pour les essais. */
  name: string;
  label: string;
  icon: string;
  /** Geste utile maintenant : mis en avant. */
  main?: boolean;
}

/** Bouton d'un geste sur un modèle ; un lecteur d'écran entend aussi de quel modèle il s'agit. */
export function ActionButton({ model, name, main = false, ...rest }: LookProps) {
  return (
    <Act
      {...rest}
      variant={main ? "contained" : "text"}
      aria-label={`${rest.label} ${model.displayName || model.key}`}
      testId={`action-${name}-${model.key}`}
    />
  );
}

export interface ActionProps {
  model: Model;
  /** Vrai si aucune opération ni aucun appel n'est en cours. */
  idle: boolean;
  call: Call;
}

/** Télécharge les poids, ou reprend où l'on en était. */
function DownloadAction({ model, idle, call }: ActionProps) {
  const wanted = !model.artifactsCached && model.state === ModelState.UNAVAILABLE;
  return (
    <ActionButton
      model={model}
      name="download"
      label={isPartial(model) ? T.actions.resume : T.actions.download}
      icon={mdiTrayArrowDown}
      main={wanted}
      disabled={!idle || !wanted}
      onClick={() => void call(() => admin.downloadModel({ model: model.key }))}
    />
  );
}

/** Décharge le modèle ; s'il sert quelqu'un, demande d'abord s'il faut attendre ou interrompre. */
function UnloadAction({ model, idle, call }: ActionProps) {
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
  const { drain, force, unload: plain } = T.interrupt;
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
        choices={
          busy
            ? [
                { label: force, testId: "confirm-force", color: "error", onChoose: () => unload(true) },
                { label: drain, testId: "confirm-drain", onChoose: () => unload(false) },
              ]
            : [{ label: plain, testId: "confirm-unload", onChoose: unloadIdle }]
        }
      />
    </>
  );
}

/** Endort ou réveille le modèle ; rien si cela n'a pas de sens maintenant. `sleeps` : le moteur sait dormir. */
function SleepAction({ model, idle, sleeps, call }: ActionProps & { sleeps: boolean }) {
  const [asking, setAsking] = useState(false);
  const asleep = model.state === ModelState.ASLEEP;
  if (!asleep && (!sleeps || model.state !== ModelState.READY)) return null;
  const counts = requestsOf(model);
  const busy = !asleep && counts.running + counts.waiting > 0;
  const turn = () =>
    void call(() => (asleep ? admin.wakeModel({ model: model.key }) : admin.sleepModel({ model: model.key })));
  const label = busy ? T.interrupt.drainSleep : T.interrupt.sleep;
  return (
    <>
      <ActionButton
        model={model}
        name={asleep ? "wake" : "sleep"}
        label={asleep ? T.actions.wake : T.actions.sleep}
        icon={asleep ? mdiAlarm : mdiSleep}
        main={asleep}
        disabled={!idle}
        onClick={() => (busy ? setAsking(true) : turn())}
      />
      <InterruptDialog
        open={asking && idle && !asleep}
        onClose={() => setAsking(false)}
        title={T.interrupt.sleepTitle(model.displayName || model.key)}
        counts={counts}
        help={T.interrupt.sleepHelp}
        choices={[{ label, testId: "confirm-drain", onChoose: turn }]}
      />
    </>
  );
}

/** Où s'essaie ce que fait un modèle. */
const PLACES: Partial<Record<Capability, string>> = {
  [Capability.CHAT]: "/essayer/conversation",
  [Capability.TRANSCRIBE]: "/essayer/audio",
  [Capability.DIARIZE]: "/essayer/audio",
};

/** Mène d'un modèle prêt à la page qui l'emploie, et qui le choisit (`modele`) ; rien s'il n'est pas prêt. */
function TryAction({ model }: { model: Model }) {
  const place = PLACES[model.capability];
  if (model.state !== ModelState.READY || !place) return null;
  const href = useHashPath.hrefs(`${place}?modele=${encodeURIComponent(model.key)}`);
  return <ActionButton model={model} name="try" label={T.actions.try} icon={mdiArrowRight} main href={href} />;
}
