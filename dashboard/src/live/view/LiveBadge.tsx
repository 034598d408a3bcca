import { mdiMicrophone } from "@mdi/js";
import { Button, Link, Paper } from "@mui/material";
import { useLocation } from "wouter";
import { Icon } from "../../shell/Icon";
import { useLive } from "../session/useLive";
import { T } from "../texts";
import { stopwatch, useElapsed } from "./useElapsed";

const PLACE = "/essayer/micro";

/** Bandeau qui rappelle un microphone ouvert sur toute autre page que la sienne. */
export function LiveBadge() {
  const { session, state } = useLive();
  const [path] = useLocation();
  const elapsed = useElapsed();
  const open = state.phase === "connecting" || state.phase === "listening";
  if (!open || path === PLACE) return null;
  return (
    <Paper
      elevation={6}
      component="aside"
      aria-label={T.title}
      data-testid="live-badge"
      sx={{
        position: "fixed",
        right: 16,
        bottom: { xs: 72, md: 16 },
        // Sous une boîte de dialogue, dont il couvrirait les boutons.
        zIndex: "fab",
        display: "flex",
        alignItems: "center",
        gap: 1,
        pl: 2,
        pr: 1,
        py: 0.5,
        borderRadius: 8,
      }}
    >
      <Icon path={mdiMicrophone} color="error" fontSize="small" />
      <Link href={`#${PLACE}`} color="inherit" title={T.back} sx={{ fontVariantNumeric: "tabular-nums" }}>
        {T.badge(stopwatch(elapsed ?? 0))}
      </Link>
      <Button size="small" color="error" onClick={() => void session.stop()} data-testid="live-badge-stop">
        {T.stop}
      </Button>
    </Paper>
  );
}
