import { durationMs } from "@bufbuild/protobuf/wkt";
import { mdiFileMusicOutline, mdiTrayArrowUp } from "@mdi/js";
import { Alert, Box, Button, Stack, Typography } from "@mui/material";
import { useRef } from "react";
import { bytes, seconds } from "../../format";
import { Icon } from "../../shell/Icon";
import { useDrop } from "../../shell/useDrop";
import type { Desk } from "../job/useDesk";
import { T } from "../texts";
import { Section } from "./Section";

/** Le fichier : choisi ou déposé, son nom, sa taille, sa durée, et pourquoi il serait refusé. */
export function FileCard({ desk: { session, state, limits, fileProblem } }: { desk: Desk }) {
  const input = useRef<HTMLInputElement>(null);
  const { source, job } = state;
  const busy = job?.state === "running";
  const over = useDrop(busy ? undefined : ([file]) => file && void session.choose(file));
  const most =
    limits?.maxDuration && T.atMost(bytes(limits.maxUploadBytes), seconds(durationMs(limits.maxDuration) / 1000));
  return (
    <Section title={T.file}>
      <Box
        sx={{
          border: 2,
          borderStyle: "dashed",
          borderColor: over ? "primary.main" : "divider",
          bgcolor: over ? "action.hover" : "transparent",
          borderRadius: 1,
          p: 2,
          transition: "border-color 150ms",
          "@media (prefers-reduced-motion: reduce)": { transition: "none" },
        }}
      >
        <Stack direction="row" spacing={2} sx={{ alignItems: "center" }}>
          <Icon
            path={source ? mdiFileMusicOutline : mdiTrayArrowUp}
            sx={{ fontSize: 40, color: over ? "primary.main" : "text.secondary", flexShrink: 0 }}
          />
          <Box sx={{ minWidth: 0, flexGrow: 1 }}>
            {source ? (
              <>
                <Typography sx={{ fontWeight: 600, overflowWrap: "anywhere" }} data-testid="audio-name">
                  {source.file.name}
                </Typography>
                <Typography variant="body2" color="textSecondary" data-testid="audio-facts">
                  {[bytes(source.file.size), source.duration ? seconds(source.duration) : unknown(source.wave.state)]
                    .filter(Boolean)
                    .join(" · ")}
                </Typography>
              </>
            ) : (
              <Typography variant="body2" color="textSecondary">
                {T.formats} {most}
              </Typography>
            )}
          </Box>
        </Stack>
        <Stack direction="row" spacing={1} useFlexGap sx={{ alignItems: "center", flexWrap: "wrap", mt: 2 }}>
          <Button
            variant={source ? "outlined" : "contained"}
            disabled={busy}
            onClick={() => input.current?.click()}
            data-testid="audio-choose"
          >
            {source ? T.replace : T.choose}
          </Button>
          <input
            ref={input}
            type="file"
            hidden
            data-testid="audio-file"
            disabled={busy}
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              if (file) void session.choose(file);
              // Choisir deux fois le même fichier doit le relire.
              currentTarget.value = "";
            }}
          />
          {source && (
            <Button color="inherit" disabled={busy} onClick={session.forget} data-testid="audio-remove">
              {T.remove}
            </Button>
          )}
          <Typography variant="body2" color={over ? "primary" : "textSecondary"}>
            {over ? T.dropNow : !source && T.drop}
          </Typography>
        </Stack>
      </Box>
      {fileProblem && (
        <Alert severity="error" data-testid="audio-refused">
          {fileProblem}
        </Alert>
      )}
    </Section>
  );
}

/** Tant que la lecture n'a pas commencé, l'absence de durée ne veut rien dire. */
function unknown(wave: string): string {
  return wave === "reading" ? "" : T.unknownDuration;
}
