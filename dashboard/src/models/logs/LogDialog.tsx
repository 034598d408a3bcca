import { mdiArrowDown, mdiClose } from "@mdi/js";
import {
  Alert,
  Button,
  Chip,
  Dialog,
  DialogContent,
  DialogTitle,
  IconButton,
  Stack,
  TextField,
  Typography,
  useMediaQuery,
} from "@mui/material";
import { useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Model } from "../../gen/passerelle/v1/model_pb";
import { Icon } from "../../shell/Icon";
import { CopyButton } from "../../snippets/CopyButton";
import { Reason, Remedy } from "../LastError";
import { T } from "../texts";
import { LogView } from "./LogView";
import { MAX_LINES, matching } from "./logLines";
import { useLogs } from "./useLogs";

/** Distance du bas, en pixels, en deçà de laquelle on suit la fin. */
const NEAR_END = 24;

/** Le journal d'un modèle, en direct ; fermer l'abandonne. */
export function LogDialog({ model, onClose }: { model: Model; onClose: () => void }) {
  const { lines, link, refusal, reopen } = useLogs(model.key);
  const [filter, setFilter] = useState("");
  const [following, setFollowing] = useState(true);
  const zone = useRef<HTMLDivElement>(null);
  const small = useMediaQuery("(max-width: 600px)");
  const id = useId();
  // L'état du serveur redessine la page dix fois par seconde ; le journal, lui, ne change qu'avec ses lignes.
  const shown = useMemo(() => matching(lines, filter), [lines, filter]);
  const text = useMemo(() => shown.map((line) => line.raw).join("\n"), [shown]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: chaque nouvelle ligne fait défiler.
  useLayoutEffect(() => {
    if (following && zone.current) zone.current.scrollTop = zone.current.scrollHeight;
  }, [following, shown]);

  function onScroll() {
    const view = zone.current;
    if (view) setFollowing(view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_END);
  }

  return (
    <Dialog
      open
      onClose={onClose}
      aria-labelledby={id}
      fullScreen={small}
      fullWidth
      maxWidth="lg"
      data-testid="log-dialog"
    >
      <Stack direction="row" sx={{ alignItems: "center", pr: 1.5 }}>
        <DialogTitle id={id} sx={{ flex: "1 1 auto", minWidth: 0, overflowWrap: "anywhere" }}>
          {T.logs.title(model.displayName || model.key)}
        </DialogTitle>
        {!refusal && (
          <Chip
            size="small"
            role="status"
            variant="outlined"
            data-testid={`log-${link}`}
            color={link === "live" ? "success" : link === "lost" ? "warning" : "default"}
            label={link === "live" ? T.logs.live : link === "lost" ? T.logs.lost : T.logs.opening}
          />
        )}
        <IconButton aria-label={T.actions.close} onClick={onClose} data-testid="log-close" sx={{ ml: 1 }}>
          <Icon path={mdiClose} />
        </IconButton>
      </Stack>
      <DialogContent sx={{ display: "flex", flexDirection: "column", gap: 1.5, height: small ? "auto" : "70vh" }}>
        {refusal ? (
          <Alert
            severity="error"
            data-testid="log-refusal"
            action={
              <Button color="inherit" size="small" onClick={reopen} data-testid="log-retry">
                {T.actions.retry}
              </Button>
            }
          >
            {refusal.message}
            {refusal.reason && <Remedy reason={refusal.reason} />}
            <Reason reason={refusal.reason} />
          </Alert>
        ) : (
          <>
            <Stack direction="row" useFlexGap spacing={1} sx={{ alignItems: "center", flexWrap: "wrap", pt: 0.5 }}>
              <TextField
                size="small"
                label={T.logs.filter}
                value={filter}
                onChange={(event) => setFilter(event.target.value)}
                sx={{ flexGrow: 1, minWidth: 180 }}
                slotProps={{ htmlInput: { "data-testid": "log-filter" } }}
              />
              <CopyButton text={text} label={T.logs.copy} shown={zone} testId="log-copy" />
              <Button
                size="small"
                disabled={following}
                startIcon={<Icon path={mdiArrowDown} />}
                data-testid="log-follow"
                onClick={() => setFollowing(true)}
              >
                {following ? T.logs.followed : T.logs.follow}
              </Button>
            </Stack>
            {shown.length === 0 && (
              <Typography variant="body2" color="textSecondary" data-testid="log-empty">
                {lines.length > 0 ? T.logs.noMatch : link === "live" ? T.logs.empty : T.logs.opening}
              </Typography>
            )}
            <LogView ref={zone} lines={shown} onScroll={onScroll} />
            <Typography variant="caption" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
              {T.logs.count(shown.length, lines.length)} {lines.length >= MAX_LINES && T.logs.capped(MAX_LINES)}
            </Typography>
          </>
        )}
      </DialogContent>
    </Dialog>
  );
}
