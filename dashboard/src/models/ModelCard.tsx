import {
  mdiAccountVoice,
  mdiChatOutline,
  mdiCloudDownloadOutline,
  mdiCubeOutline,
  mdiDatabaseCheckOutline,
  mdiFlaskOutline,
  mdiMicrophoneOutline,
  mdiPinOutline,
} from "@mdi/js";
import { Alert, Box, Card, LinearProgress, Stack, Typography } from "@mui/material";
import { memory } from "../format";
import { CAPABILITIES, STATES } from "../fr";
import { Capability, type Model, type Replica } from "../gen/passerelle/v1/model_pb";
import { FactList, Hint, Icon, Note, Spoken, Tag } from "../shell/kit";
import { LastError, PastError, Reason, Remedy } from "./LastError";
import { LogButton } from "./logs/LogButton";
import { ModelActions } from "./ModelActions";
import { elapsed, instant, iso, requestsOf } from "./model";
import { OperationPanel } from "./progress/OperationPanel";
import { StateRail } from "./StateRail";
import { T } from "./texts";
import { useRefuge, useVerb } from "./useVerb";

interface Props {
  model: Model;
  /** Instant du serveur, en secondes depuis 1970. */
  now: number;
  /** Vrai si le moteur sait dormir. */
  sleeps: boolean;
}

/** Carte d'un modèle : son état en direct et ce qu'on peut en faire. */
export function ModelCard({ model, now, sleeps }: Props) {
  const { call, busy, failure, forget } = useVerb();
  const { key, operation, lastError, pastError } = model;
  const name = model.displayName || key;
  const title = `model-title-${key}`;
  const { refuge, zone } = useRefuge<HTMLHeadingElement>();
  return (
    <Card
      component="article"
      variant="outlined"
      aria-labelledby={title}
      data-testid={`model-card-${key}`}
      sx={{ display: "flex", flexDirection: "column" }}
      {...zone}
    >
      <Stack spacing={1.75} sx={{ flexGrow: 1, p: 2 }}>
        <Stack direction="row" spacing={1.5} sx={{ alignItems: "flex-start" }}>
          <CapabilityIcon capability={model.capability} />
          <Box sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography id={title} ref={refuge} tabIndex={-1} variant="h3" sx={{ overflowWrap: "anywhere" }}>
              {name}
            </Typography>
            <Spoken>{T.spoken(name, STATES[model.state])}</Spoken>
            <Note sx={{ overflowWrap: "anywhere" }}>
              {CAPABILITIES[model.capability]} · {key}
            </Note>
          </Box>
          <LogButton model={model} />
        </Stack>
        <StateRail model={model} />
        <ModelBadges model={model} now={now} />
        {model.notice && <Note>{model.notice}</Note>}
        {operation && <OperationPanel operation={operation} busy={busy} call={call} />}
        {failure && (
          <Alert
            severity="warning"
            onClose={forget}
            closeText={T.actions.close}
            data-testid={`model-failure-${key}`}
            sx={{ "& .MuiAlert-message": { minWidth: 0 } }}
          >
            {failure.message}
            {failure.reason && <Remedy reason={failure.reason} />}
            <Reason reason={failure.reason} />
          </Alert>
        )}
        {lastError && !operation && <LastError model={model} error={lastError} now={now} busy={busy} call={call} />}
        {pastError && !operation && <PastError model={model} error={pastError} now={now} />}
        <ModelUse model={model} now={now} />
        <FactList facts={factsOf(model)} />
      </Stack>
      <ModelActions model={model} busy={busy} sleeps={sleeps} call={call} />
    </Card>
  );
}

const SHAPES: Record<Capability, string> = {
  [Capability.UNSPECIFIED]: mdiCubeOutline,
  [Capability.CHAT]: mdiChatOutline,
  [Capability.TRANSCRIBE]: mdiMicrophoneOutline,
  [Capability.DIARIZE]: mdiAccountVoice,
};

/** Dessin de ce que fait un modèle ; son nom est écrit à côté. */
export function CapabilityIcon({ capability }: { capability: Capability }) {
  return (
    <Box
      sx={{
        display: "grid",
        placeItems: "center",
        flexShrink: 0,
        width: 40,
        height: 40,
        borderRadius: 1,
        color: "primary.main",
        bgcolor: "color-mix(in srgb, currentColor 12%, transparent)",
      }}
    >
      <Icon path={SHAPES[capability]} />
    </Box>
  );
}

/** Ce que le chemin ne dit pas d'un modèle : si ses poids sont là, ce qu'il est, et depuis quand il en est là. */
export function ModelBadges({ model, now }: { model: Model; now: number }) {
  const { key, artifactsCached, demonstration, pinned, stateSince } = model;
  const passed = elapsed(stateSince, now);
  return (
    <Stack direction="row" useFlexGap spacing={0.75} sx={{ flexWrap: "wrap" }}>
      <Tag
        data-testid={`artifacts-${key}`}
        color={artifactsCached ? "success" : "default"}
        icon={<Icon path={artifactsCached ? mdiDatabaseCheckOutline : mdiCloudDownloadOutline} />}
        label={artifactsCached ? T.badges.cached : T.badges.missing}
      />
      {demonstration && <Tag icon={<Icon path={mdiFlaskOutline} />} label={T.badges.demonstration} />}
      {pinned && <Tag icon={<Icon path={mdiPinOutline} />} label={T.badges.pinned} />}
      {stateSince && passed && (
        <Hint component="time" dateTime={iso(stateSince)} title={instant(stateSince)} sx={{ alignSelf: "center" }}>
          {T.since(passed)}
        </Hint>
      )}
    </Stack>
  );
}

const SHORT_COMMIT = 7;

/** Ce qu'on sait d'un modèle, chargé ou non : taille, origine, licence, moteur. */
function factsOf(model: Model): [string, string | undefined][] {
  const { kind, repository, revision, commit, license } = model.source ?? {};
  return [
    [T.facts.size, sizeOf(model)],
    [T.facts.origin, repository && (kind === "package" ? T.facts.package(repository) : repository)],
    [
      T.facts.revision,
      repository && [revision, commit && T.facts.commit(commit.slice(0, SHORT_COMMIT))].filter(Boolean).join(" · "),
    ],
    [T.facts.license, license],
    [T.facts.engine, model.engine],
  ];
}

/** Taille des poids, là ou à venir : le badge dit s'ils y sont, et ce qui est déjà copié se lit près du bouton. */
export function sizeOf({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  const size = artifactsCached ? cachedBytes : totalBytes;
  return size > 0 ? memory(size) : T.facts.sizeUnknown;
}

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
      <Hint>{last}</Hint>
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
        <Typography component="span" sx={{ fontWeight: 700, fontSize: "1.1rem" }}>
          {value}
        </Typography>
        <Hint component="span" noWrap>
          {T.use.outOf(most, label)}
        </Hint>
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
    <Hint component="li" data-testid={`replica-${id}`}>
      <Box component="span" sx={{ fontWeight: 600, color: "text.primary" }}>
        {id}
      </Box>
      {` · ${parts.filter(Boolean).join(" · ")}`}
    </Hint>
  );
}
