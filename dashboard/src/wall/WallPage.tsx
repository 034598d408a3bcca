import { timestampMs } from "@bufbuild/protobuf/wkt";
import { mdiFullscreen } from "@mdi/js";
import { Alert, Box, Stack, Typography } from "@mui/material";
import { useEffect, useState } from "react";
import { useSearchParams } from "wouter";
import { memory, seconds } from "../format";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { StackBar, writtenPart } from "../machine/StackBar";
import { Act, Choice, Hint, MONOSPACE, Note } from "../shell/kit";
import { useServer } from "../status/StatusProvider";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { type Row, rowsOf, totalOf } from "./rows";
import { Spark } from "./Spark";
import { type Curved, T } from "./texts";
import { useFull } from "./useFull";

const CLOCK = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });

/** Le mur : toutes les lignes d'un coup d'œil, de près dans la page ou de loin en plein écran. */
export function WallPage() {
  const { status } = useServer();
  const { full, enter, address } = useFull();
  const [params, setParams] = useSearchParams();
  const curve = T.curves.find(([name]) => name === params.get("courbe"))?.[0] ?? "use";
  if (full) return status ? <Full status={status} curve={curve} /> : <Waiting />;
  if (!status) return <StatusSkeleton cards={6} />;
  const choose = (name: string) => setParams({ ...Object.fromEntries(params), courbe: name }, { replace: true });
  return (
    <Stack spacing={1.5} data-testid="wall-page">
      <Stack direction="row" useFlexGap spacing={2} sx={{ alignItems: "center", flexWrap: "wrap" }}>
        <Typography variant="h2">{T.title}</Typography>
        <Note sx={{ flexGrow: 1 }} data-testid="wall-total">
          {totalOf(status)}
        </Note>
        <Choice label={T.curve} value={curve} options={T.curves} onChoose={choose} testId="wall-curve" />
        <Act label={T.full} icon={mdiFullscreen} variant="outlined" onClick={enter} testId="wall-full" />
      </Stack>
      {status.gpus.length === 0 && <Note data-testid="wall-no-gpu">{T.noGpu}</Note>}
      <Rows
        status={status}
        curve={curve}
        size="min(calc((100dvh - 300px) / var(--rows) / 3.3), calc((100vw - 300px) / 48))"
      />
      <Hint sx={{ overflowWrap: "anywhere" }}>
        {T.help} {T.fullHelp}{" "}
        <Box component="span" data-testid="wall-address" sx={{ fontFamily: MONOSPACE }}>
          {address}
        </Box>
      </Hint>
    </Stack>
  );
}

const HEAD = { fontSize: "clamp(14px, min(2.4vh, 1.6vw), 52px)" };

/** Sans commandes ; tout tient dans l'écran, et les chiffres se lisent à trois mètres. */
function Full({ status, curve }: { status: Status; curve: Curved }) {
  return (
    <Box
      data-testid="wall-page"
      sx={{ minHeight: "100dvh", display: "flex", flexDirection: "column", px: "1vw", py: "1vh", gap: "0.8vh" }}
    >
      <Stack
        direction="row"
        useFlexGap
        sx={{
          columnGap: "2vw",
          flexWrap: "wrap",
          alignItems: "baseline",
        }}
      >
        <Typography component="h1" sx={{ ...HEAD, fontWeight: 700, flexGrow: 1 }} data-testid="wall-total">
          {totalOf(status)}
        </Typography>
        <Freshness />
      </Stack>
      <Rows status={status} curve={curve} size="min(calc((100dvh - 8vh) / var(--rows) / 3.3), 2.05vw)" fill />
    </Box>
  );
}

function Waiting() {
  return (
    <Typography component="h1" sx={{ p: "4vw", fontSize: "4vw" }} data-testid="wall-waiting">
      {T.waiting}
    </Typography>
  );
}

/** Heure des mesures ; l'âge de ce qu'on montre encore, dès que le serveur se tait. */
function Freshness() {
  const { status, link, receivedAt = 0 } = useServer();
  const observed = status?.observedAt ? timestampMs(status.observedAt) : 0;
  if (link === "connected" && status?.stoppingAt === undefined)
    return (
      <Typography color="textSecondary" sx={HEAD}>
        {T.fresh(CLOCK.format(observed))}
      </Typography>
    );
  return (
    <Alert severity="warning" role="status" data-testid="wall-stale" sx={{ ...HEAD, py: 0, alignItems: "center" }}>
      {link === "connected" ? T.stopping : <Stale since={receivedAt} />}
    </Alert>
  );
}

function Stale({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <span aria-live="off">{T.stale(seconds((now - since) / 1_000))}</span>;
}

interface RowsProps {
  status: Status;
  curve: Curved;
  /** Taille des chiffres sur un écran large ; `--rows` est le nombre de lignes. */
  size: string;
  /** Vrai si les lignes se partagent la hauteur qui reste. */
  fill?: boolean;
}

function Rows({ status, curve, size, fill = false }: RowsProps) {
  const { receivedAt, link } = useServer();
  const ahead = status.observedAt && receivedAt ? timestampMs(status.observedAt) - receivedAt : 0;
  const rows = rowsOf(status);
  return (
    <Box
      component="ul"
      data-testid="wall-rows"
      // Le nombre de GPU ne change qu'avec la machine ; une ligne seule ne doit pas remplir l'écran de ses chiffres.
      style={{ "--rows": Math.max(4, rows.length) } as React.CSSProperties}
      sx={{
        display: "grid",
        gap: "0.6vh",
        m: 0,
        p: 0,
        listStyle: "none",
        fontSize: { xs: 22, md: `clamp(13px, ${size}, 120px)` },
        ...(fill && {
          flexGrow: 1,
          gridAutoRows: { md: "minmax(0, 1fr)" },
          maxHeight: { md: "calc(25dvh * var(--rows))" },
        }),
        // Des mesures qui datent ne ressemblent pas à celles de maintenant.
        filter: link === "lost" ? "grayscale(1)" : undefined,
      }}
    >
      {rows.map((row) => (
        <Line key={row.id} row={row} models={status.models} curve={curve} ahead={ahead} />
      ))}
    </Box>
  );
}

interface LineProps {
  row: Row;
  models: Model[];
  curve: Curved;
  ahead: number;
}

const WIDE = "2.7em 3em minmax(8em, 2fr) 3em 3.4em 2.6em 4em 4.2em minmax(7em, 2fr)";
const SHORT = "5.4em 3em minmax(8em, 2fr) 2.6em 4em 4.2em minmax(7em, 2fr)";

/** Une ligne : les chiffres en grand, leur nom dessous. */
function Line({ row, models, curve, ahead }: LineProps) {
  const { id, title, dirty, figures, memory: parts } = row;
  const [use, ...rest] = figures;
  const taken = parts.filter(({ kind }) => kind !== "free" && kind !== "reserved");
  const size = parts.reduce((sum, part) => sum + part.bytes, 0);
  const cell = ({ name, label, value }: (typeof figures)[number]) => (
    <Box key={name} sx={{ minWidth: 0 }}>
      <Figure value={value} testId={`wall-${name}-${id}`} />
      <Small>{label}</Small>
    </Box>
  );
  return (
    <Box
      component="li"
      data-testid={`wall-row-${id}`}
      sx={{
        display: "grid",
        gridTemplateColumns: {
          xs: "repeat(auto-fill, minmax(4.6em, 1fr))",
          md: row.gpu === undefined ? SHORT : WIDE,
        },
        columnGap: "0.5em",
        rowGap: "0.3em",
        alignItems: "center",
        px: "0.4em",
        py: { xs: "0.4em", md: "0.15em" },
        minWidth: 0,
        bgcolor: "background.paper",
        borderRadius: 1,
        borderLeft: "0.2em solid",
        borderColor: dirty ? "warning.main" : "transparent",
        lineHeight: 1.15,
      }}
    >
      <Box sx={{ minWidth: 0 }}>
        <Box
          component="h2"
          sx={{
            m: 0,
            font: "inherit",
            fontWeight: 700,
            whiteSpace: "nowrap",
            fontSize: row.gpu === undefined ? undefined : "0.8em",
          }}
        >
          {title}
        </Box>
      </Box>
      {use && cell(use)}
      <Box sx={{ minWidth: 0, gridColumn: { xs: "1 / -1", md: "auto" } }}>
        <StackBar
          parts={parts}
          label={title}
          format={memory}
          models={models}
          height="0.6em"
          testid={`wall-memory-${id}`}
        />
        <Small>{[...taken.map((part) => writtenPart(part, memory)), T.size(memory(size))].join(" · ")}</Small>
      </Box>
      {rest.map(cell)}
      <Box sx={{ minWidth: 0, gridColumn: { xs: "1 / -1", md: "auto" } }}>
        <Spark row={row} measure={curve} ahead={ahead} />
      </Box>
    </Box>
  );
}

function Figure({ value, testId }: { value: string; testId: string }) {
  return (
    <Box data-testid={testId} sx={{ fontWeight: 700, whiteSpace: "nowrap" }}>
      {value}
    </Box>
  );
}

function Small({ children }: { children: string }) {
  return (
    <Box
      title={children}
      sx={{
        fontSize: "max(11px, 0.44em)",
        color: "text.secondary",
        whiteSpace: "nowrap",
        overflow: "hidden",
        textOverflow: "ellipsis",
      }}
    >
      {children}
    </Box>
  );
}
