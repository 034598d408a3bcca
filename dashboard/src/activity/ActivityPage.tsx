import { Stack, Typography } from "@mui/material";
import { type ReactNode, useEffect, useId } from "react";
import { OperationState } from "../gen/passerelle/v1/operation_pb";
import { useRefuge } from "../models/useRefuge";
import { useServer } from "../status/StatusProvider";
import { FilterBar } from "./FilterBar";
import { OperationList } from "./OperationList";
import { useRecent } from "./RecentProvider";
import { RunningRow } from "./RunningRow";
import { T } from "./texts";
import { useFilters } from "./useFilters";

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
