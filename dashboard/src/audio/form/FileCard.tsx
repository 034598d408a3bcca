import { durationMs } from "@bufbuild/protobuf/wkt";
import { mdiFileMusicOutline, mdiTrayArrowUp } from "@mdi/js";
import { Alert, Box, Button, Stack, Typography } from "@mui/material";
import { bytes, seconds } from "../../format";
import { Icon } from "../../shell/Icon";
import type { Desk } from "../job/useDesk";
import { T } from "../texts";
import { Section } from "./Section";
import { useDrop } from "./useDrop";

/** Le fichier : choisi ou déposé, son nom, sa taille, sa durée, et pourquoi il serait refusé. */
export function FileCard({ desk: { session, state, limits, fileProblem } }: { desk: Desk }) {
  const { source, job } = state;
  const busy = job?.state === "running";
  const over = useDrop(busy ? undefined : session.choose);
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
          borderRadius: 2,
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
          <Button component="label" variant={source ? "outlined" : "contained"} disabled={busy}>
            {source ? T.replace : T.choose}
            <Box
              component="input"
              type="file"
              accept="audio/*,video/webm,video/mp4"
              data-testid="audio-file"
              disabled={busy}
              sx={{ position: "absolute", width: "1px", height: "1px", opacity: 0 }}
              onChange={(event) => {
                const [file] = event.currentTarget.files ?? [];
                if (file) void session.choose(file);
                // Choisir deux fois le même fichier doit le relire.
                event.currentTarget.value = "";
              }}
            />
          </Button>
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
