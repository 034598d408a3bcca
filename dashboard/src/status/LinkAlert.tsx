import { Alert, Box, LinearProgress, Typography } from "@mui/material";
import { useEffect, useState } from "react";
import { seconds } from "../format";
import { Act } from "../shell/kit";
import { useServer } from "./StatusProvider";
import { T } from "./texts";
import type { Link } from "./useStatus";

/** Une attente plus courte ne se dit pas : la page clignoterait à chaque retour sur l'onglet. */
const PATIENCE_MS = 400;

/** Dit que l'état n'est pas, ou plus, à jour, son âge et quoi faire ; rien quand tout va bien. */
export function LinkAlert() {
  const { link, status } = useServer();
  const patient = useElapsed(link, PATIENCE_MS);
  const shown = link === "lost" || (link !== "connected" && patient) || status?.stoppingAt !== undefined;
  return (
    <Box
      role="status"
      data-testid="link"
      data-link={link}
      sx={{ display: "flex", justifyContent: "center", pointerEvents: "none" }}
    >
      {shown && <Message />}
    </Box>
  );
}

function Message() {
  const { status, link, receivedAt, reasons, retry } = useServer();
  const lost = link === "lost";
  const asked = status?.stoppingAt !== undefined;
  // Un arrêt demandé n'a pas d'autre raison à dire.
  const said = asked ? [] : reasons.said.length > 0 ? reasons.said : status ? [] : T.advice;
  return (
    <Alert
      role="presentation"
      severity={lost && !asked ? "warning" : "info"}
      data-testid={`link-${link}`}
      data-asked={asked}
      sx={{
        mx: { xs: 1, md: 3 },
        mt: 0.75,
        py: 0,
        boxShadow: 6,
        pointerEvents: "auto",
        flexWrap: "wrap",
        "& .MuiAlert-message": { flex: "1 1 0", minWidth: 220 },
        "& .MuiAlert-action": { pt: 0, alignItems: "center" },
      }}
      action={lost && <Act label={T.retry} color="inherit" onClick={retry} testId="link-retry" />}
    >
      {asked ? askedHeadline(link) : headline(lost, status !== undefined)}{" "}
      {receivedAt !== undefined && link !== "connected" && <Age since={receivedAt} />}
      {lost && said.length > 0 && (
        <Box component="ul" sx={{ m: 0, mt: 0.5, pl: 2.5 }}>
          {said.map((line) => (
            <Typography key={line} component="li" variant="body2" sx={{ overflowWrap: "anywhere" }}>
              {line}
            </Typography>
          ))}
        </Box>
      )}
      <LinearProgress
        color="inherit"
        aria-label={T.connecting}
        sx={{
          mt: 1,
          borderRadius: 1,
          opacity: 0.6,
          "@media (prefers-reduced-motion: reduce)": { "& .MuiLinearProgress-bar": { animation: "none" } },
        }}
      />
    </Alert>
  );
}

function headline(lost: boolean, known: boolean): string {
  if (lost) return known ? T.lost : T.unreachable;
  return known ? T.resuming : T.connecting;
}

function askedHeadline(link: Link): string {
  return link === "connected" ? T.stopping : T.restarting;
}

/** Vrai quand `value` n'a pas changé depuis `delay` millisecondes, sous les yeux de la personne. */
function useElapsed(value: string, delay: number): boolean {
  const [settled, setSettled] = useState<string>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      clearTimeout(timer);
      setSettled(undefined);
      if (document.visibilityState !== "hidden") timer = setTimeout(() => setSettled(value), delay);
    };
    begin();
    document.addEventListener("visibilitychange", begin);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", begin);
    };
  }, [value, delay]);
  return settled === value;
}

/** L'âge de l'état affiché, à la seconde ; aucun lecteur d'écran n'est dérangé quand il avance. */
export function Age({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Box component="span" aria-live="off" data-testid="link-age" sx={{ whiteSpace: "nowrap" }}>
      {T.age(seconds((now - since) / 1_000))}
    </Box>
  );
}
