import { Alert, Box, Chip, Stack, Typography } from "@mui/material";
import { useMemo, useState } from "react";
import { messageOf } from "../api/errors";
import { useKeys } from "../keys/useKeys";
import { useAccess } from "../shell/AccessProvider";
import { Act, Choice, MONOSPACE, Told } from "../shell/kit";
import { save } from "../shell/save";
import { useQuery } from "../shell/useQuery";
import { useServer } from "../status/StatusProvider";
import { among, GROUPS, type GroupName, MEASURES, type Measure, PERIODS, STEPS, type Wanted } from "./choices";
import { GpuHolders } from "./GpuHolders";
import { T } from "./texts";
import { UsageView } from "./UsageView";
import { useRunning } from "./useRunning";
import { readCsv, useUsage } from "./useUsage";

/** L'usage par clé et modèle, et qui emploie chaque GPU. */
export function UsagePage() {
  const { status } = useServer();
  const { key } = useAccess();
  const required = status?.adminKeyRequired;
  const closed = required === undefined || (required && !key);
  const { wanted, measure } = useWanted();
  const { get, set } = useQuery();
  const read = useUsage(wanted, key, closed);
  const running = useRunning(key);
  const { listed } = useKeys(key, closed || !required);
  const [failed, setFailed] = useState<string>();
  const [saving, setSaving] = useState(false);
  const nameOfKey = useMemo(() => {
    const owners = new Map(listed?.map(({ id, owner }) => [id, owner]));
    return (label: string) => [label || T.noKey, owners.get(label)].filter(Boolean).join(" · ");
  }, [listed]);
  const masked = required && !listed;

  async function download() {
    setFailed(undefined);
    setSaving(true);
    try {
      save(T.csvName(get("periode") || "jour", wanted.step), "text/csv", await readCsv(wanted));
    } catch (error) {
      setFailed(messageOf(error));
    } finally {
      setSaving(false);
    }
  }

  return (
    <Stack spacing={3} data-testid="usage-page">
      <Stack spacing={2}>
        <Typography variant="h2">{T.title}</Typography>
        <Typography color="textSecondary">{T.help}</Typography>
        {required === false && (
          <Alert severity="info" data-testid="usage-keyless">
            {T.keyless}{" "}
            <Box component="code" sx={{ fontFamily: MONOSPACE }}>
              {T.first}
            </Box>
          </Alert>
        )}
        {required && !key && (
          <Alert severity="info" data-testid="usage-closed">
            {T.closed}
          </Alert>
        )}
      </Stack>
      {(required === undefined || (!closed && !read)) && <Typography role="status">{T.loading}</Typography>}
      {!closed && (
        <>
          <Choices wanted={wanted} measure={measure} />
          <Stack direction="row" useFlexGap spacing={1} sx={{ flexWrap: "wrap", alignItems: "center" }}>
            {wanted.key && <Chip label={T.onlyKey(nameOfKey(wanted.key))} onDelete={() => set("cle", "")} />}
            {wanted.model && <Chip label={T.onlyModel(wanted.model)} onDelete={() => set("modele", "")} />}
            <Act
              label={T.csv}
              variant="outlined"
              disabled={saving}
              onClick={() => void download()}
              testId="usage-csv"
            />
          </Stack>
          <Told text={failed ?? read?.failure} severity="error" testId="usage-failure" />
          {read && (!read.failure || read.totals.length > 0) && (
            <UsageView read={read} wanted={wanted} measure={measure} nameOfKey={nameOfKey} />
          )}
        </>
      )}
      {status && running && (
        <GpuHolders
          gpus={status.gpus}
          running={running}
          keyName={(label) => (label || !masked ? nameOfKey(label) : T.masked)}
        />
      )}
    </Stack>
  );
}

/** Ce que l'adresse demande. */
function useWanted(): { wanted: Wanted; measure: Measure } {
  const { get } = useQuery();
  const period = among(PERIODS, get("periode"), "jour");
  return {
    wanted: {
      period,
      step: among(STEPS, get("pas"), PERIODS[period].step),
      group: among(GROUPS, get("par"), "cle"),
      key: get("cle"),
      model: get("modele"),
    },
    measure: among(MEASURES, get("mesure"), "requetes"),
  };
}

function Choices({ wanted, measure }: { wanted: Wanted; measure: Measure }) {
  const { set } = useQuery();
  const choice = <Name extends string>(name: string, label: string, value: Name, options: Record<Name, string>) => (
    <Choice
      label={label}
      value={value}
      options={Object.entries<string>(options)}
      onChoose={(chosen) => set(name, chosen)}
      testId={`usage-${name}`}
      sx={{ bgcolor: "background.paper", borderRadius: 1 }}
    />
  );
  return (
    <Box
      role="search"
      aria-label={T.filters}
      sx={{
        display: "grid",
        gap: 1.5,
        gridTemplateColumns: { xs: "1fr 1fr", sm: "repeat(3, 150px) minmax(0, 300px)" },
      }}
    >
      {choice("periode", T.period, wanted.period, T.periods)}
      {choice("pas", T.step, wanted.step, T.steps)}
      {choice<GroupName>("par", T.group, wanted.group, T.groups)}
      {choice("mesure", T.measure, measure, T.measures)}
    </Box>
  );
}
