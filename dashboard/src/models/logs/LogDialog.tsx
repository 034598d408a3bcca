import { mdiArrowDown, mdiClose } from "@mdi/js";
import {
  Alert,
  Box,
  Dialog,
  DialogContent,
  DialogTitle,
  IconButton,
  Stack,
  TextField,
  useMediaQuery,
} from "@mui/material";
import { memo, type Ref, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Model } from "../../gen/passerelle/v1/model_pb";
import { Act, Hint, Icon, MONOSPACE, Note, Tag } from "../../shell/kit";
import { CopyButton } from "../../snippets/CopyButton";
import { Reason, Remedy } from "../LastError";
import { T } from "../texts";
import { type LogLine, MAX_LINES, matching } from "./logLines";
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
          <Tag
            role="status"
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
            action={<Act label={T.actions.retry} color="inherit" onClick={reopen} testId="log-retry" />}
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
              <Act
                label={following ? T.logs.followed : T.logs.follow}
                icon={mdiArrowDown}
                disabled={following}
                testId="log-follow"
                onClick={() => setFollowing(true)}
              />
            </Stack>
            {shown.length === 0 && (
              <Note data-testid="log-empty">
                {lines.length > 0 ? T.logs.noMatch : link === "live" ? T.logs.empty : T.logs.opening}
              </Note>
            )}
            <LogView ref={zone} lines={shown} onScroll={onScroll} />
            <Hint>
              {T.logs.count(shown.length, lines.length)} {lines.length >= MAX_LINES && T.logs.capped(MAX_LINES)}
            </Hint>
          </>
        )}
      </DialogContent>
    </Dialog>
  );
}

const COLORS: Record<string, string> = {
  error: "error.main",
  critical: "error.main",
  warning: "warning.main",
};

interface Props {
  lines: readonly LogLine[];
  ref: Ref<HTMLDivElement>;
  onScroll: () => void;
}

/** Les lignes, dans une zone qui défile à la souris comme au clavier. */
export function LogView({ lines, ref, onScroll }: Props) {
  const rows = useMemo(() => lines.map((line) => <Line key={line.id} line={line} />), [lines]);
  return (
    <Box
      ref={ref}
      onScroll={onScroll}
      // Muette : lire chaque ligne à voix haute serait insupportable.
      role="region"
      aria-label={T.logs.lines}
      tabIndex={0}
      data-testid="log-lines"
      sx={{
        flexGrow: 1,
        minHeight: 160,
        overflow: "auto",
        p: 1.5,
        border: 1,
        borderColor: "divider",
        borderRadius: 1,
        bgcolor: "background.default",
        fontFamily: MONOSPACE,
        fontSize: 12.5,
        lineHeight: 1.6,
      }}
    >
      {rows}
    </Box>
  );
}

const Line = memo(function Line({ line: { time, level, text } }: { line: LogLine }) {
  return (
    <Box data-testid="log-line" sx={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
      {time && (
        <Box component="span" sx={{ color: "text.secondary" }}>
          {time}{" "}
        </Box>
      )}
      {level && (
        <Box component="span" sx={{ color: COLORS[level] ?? "text.secondary", fontWeight: COLORS[level] ? 700 : 400 }}>
          {level}{" "}
        </Box>
      )}
      {text}
    </Box>
  );
});
