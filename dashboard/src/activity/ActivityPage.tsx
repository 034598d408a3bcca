import type { MessageInitShape } from "@bufbuild/protobuf";
import { Box, Stack, Typography } from "@mui/material";
import { type ReactNode, useEffect, useId, useState } from "react";
import { admin } from "../api/admin";
import { messageOf } from "../api/errors";
import { OPERATIONS } from "../fr";
import type { ListOperationsRequestSchema } from "../gen/passerelle/v1/operation_pb";
import { type Operation, type OperationKind, OperationState } from "../gen/passerelle/v1/operation_pb";
import { useRefuge } from "../models/useVerb";
import { Act, Choice, Told } from "../shell/kit";
import { useQuery } from "../shell/useQuery";
import { useServer } from "../status/StatusProvider";
import { OperationRow, RunningRow } from "./OperationRow";
import { useRecent } from "./RecentProvider";
import { KINDS, STATES, T } from "./texts";

const { RUNNING, SUCCEEDED, FAILED, CANCELLED } = OperationState;

/** Les opérations en cours, celles qui ont échoué, et les autres, gardées par le serveur d'un démarrage à l'autre. */
export function ActivityPage() {
  const models = useServer().status?.models ?? [];
  const filters = useFilters();
  const { markSeen } = useRecent();
  useEffect(markSeen, [markSeen]);
  const { model, kind, state } = filters;
  const running = models
    .flatMap(({ operation }) => operation ?? [])
    .filter((one) => (!model || one.model === model) && (kind === undefined || one.kind === kind));
  const done = [SUCCEEDED, CANCELLED].filter((one) => state === undefined || state === one);
  return (
    <Stack spacing={3}>
      <Stack spacing={2}>
        <Typography variant="h2">{T.title}</Typography>
        <FilterBar filters={filters} models={models.map(({ key }) => key)} />
      </Stack>
      {(state ?? RUNNING) === RUNNING && (
        <Section title={T.running} testId="activity-running">
          {running.length === 0 && <Typography color="textSecondary">{T.idle}</Typography>}
          {running.map((operation) => (
            <RunningRow key={operation.id} operation={operation} />
          ))}
        </Section>
      )}
      {(state ?? FAILED) === FAILED && (
        <Section title={T.failed} testId="activity-failed">
          <OperationList filter={filters} states={[FAILED]} empty={T.noFailure} />
        </Section>
      )}
      {done.length > 0 && (
        <Section title={T.done} testId="activity-done">
          <OperationList filter={filters} states={done} empty={T.noDone} />
        </Section>
      )}
    </Stack>
  );
}

function Section({ title, testId, children }: { title: string; testId: string; children: ReactNode }) {
  const id = useId();
  const { refuge, zone } = useRefuge<HTMLHeadingElement>();
  return (
    <Stack component="section" spacing={1} aria-labelledby={id} data-testid={testId} {...zone}>
      <Typography variant="h3" id={id} ref={refuge} tabIndex={-1}>
        {title}
      </Typography>
      {children}
    </Stack>
  );
}

/** Choisir le modèle, le genre et l'état. */
function FilterBar({ filters: { raw, set, clear }, models }: { filters: Filters; models: string[] }) {
  // Un modèle retiré du profil peut encore être demandé par l'adresse.
  const keys = raw.modele && !models.includes(raw.modele) ? [...models, raw.modele] : models;
  const offered = {
    modele: [T.model, keys.map((key) => [key, key] as const)],
    genre: [T.kind, KINDS.map(([name, kind]) => [name, OPERATIONS[kind]] as const)],
    etat: [T.state, STATES.map(([name, , label]) => [name, label] as const)],
  } as const;
  return (
    <Box
      role="search"
      aria-label={T.filters}
      sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr 1fr", sm: "repeat(3, 180px) auto" } }}
    >
      {(["modele", "genre", "etat"] as const).map((name) => (
        <Choice
          key={name}
          label={offered[name][0]}
          value={raw[name]}
          options={[["", T.all], ...offered[name][1]]}
          onChoose={(value) => set(name, value)}
          sx={{ bgcolor: "background.paper", borderRadius: 1 }}
          testId={`filter-${name}`}
        />
      ))}
      {Object.values(raw).some(Boolean) && (
        <Act label={T.clear} size="medium" onClick={clear} testId="filter-clear" sx={{ justifySelf: "start" }} />
      )}
    </Box>
  );
}

/** Filtres de la page, gardés dans l'adresse ; une valeur inconnue ne filtre rien. */
function useFilters() {
  const { get, set, clear } = useQuery();
  const kind = KINDS.find(([name]) => name === get("genre"));
  const state = STATES.find(([name]) => name === get("etat"));
  /** Valeurs telles que l'adresse les porte. */
  const raw = { modele: get("modele"), genre: kind?.[0] ?? "", etat: state?.[0] ?? "" };
  return { model: raw.modele, kind: kind?.[1], state: state?.[1], raw, set, clear };
}

type Filters = ReturnType<typeof useFilters>;

interface Props {
  filter: Filter;
  states: readonly OperationState[];
  /** Ce qui se dit quand il n'y en a pas. */
  empty: string;
}

/** Opérations finies de ces états, les plus récentes d'abord, page après page. */
function OperationList({ filter, states, empty }: Props) {
  const { found, failure, loadMore } = useOperations(filter, states);
  return (
    <Stack spacing={1}>
      <Told severity="error" text={failure} />
      {!found && !failure && <Typography color="textSecondary">{T.loading}</Typography>}
      {found?.operations.length === 0 && <Typography color="textSecondary">{empty}</Typography>}
      {found?.operations.map((operation) => (
        <OperationRow key={operation.id} operation={operation} />
      ))}
      {found?.more && (
        <Act label={T.more} size="medium" onClick={loadMore} testId="operations-more" sx={{ alignSelf: "center" }} />
      )}
    </Stack>
  );
}

const PAGE = 10;
/** Plus grande page que le serveur admet. */
const MAX_PAGE = 500;

export interface Filter {
  /** Clé du modèle ; vide : tous. */
  model: string;
  /** Absent : tous. */
  kind: OperationKind | undefined;
}

/** Opérations d'un filtre et de ces états, page après page ; relues dès que l'état suivi dit qu'une a changé. */
function useOperations({ model, kind }: Filter, states: readonly OperationState[]) {
  const { mark } = useRecent();
  const wanted = states.join();
  const query = `${model} ${kind} ${wanted}`;
  const [size, setSize] = useState({ query, count: PAGE });
  const count = size.query === query ? size.count : PAGE;
  const [found, setFound] = useState<{ query: string; operations: Operation[]; more: boolean }>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (!mark || !wanted) return;
    const stop = new AbortController();
    const kinds = kind === undefined ? [] : [kind];
    read({ model, kinds, states: wanted.split(",").map(Number) }, count, stop.signal).then(
      (next) => {
        if (stop.signal.aborted) return;
        setFound({ query, ...next });
        setFailure(undefined);
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setFailure(messageOf(error));
        // Les lignes d'un autre filtre passeraient pour la réponse.
        setFound((before) => (before?.query === query ? before : undefined));
      },
    );
    return () => stop.abort();
  }, [mark, model, kind, wanted, query, count]);
  return { found, failure, loadMore: () => setSize({ query, count: count + PAGE }) };
}

type Query = MessageInitShape<typeof ListOperationsRequestSchema>;

async function read(query: Query, count: number, signal: AbortSignal) {
  const operations: Operation[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(MAX_PAGE, count - operations.length);
    const page = await admin.listOperations({ ...query, pageSize, pageToken }, { signal });
    operations.push(...page.operations);
    pageToken = page.nextPageToken;
  } while (pageToken && operations.length < count);
  return { operations, more: pageToken !== "" };
}
