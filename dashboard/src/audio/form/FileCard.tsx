import { durationMs } from "@bufbuild/protobuf/wkt";
import { mdiFileMusicOutline, mdiTrayArrowUp } from "@mdi/js";
import { Box, Stack, Typography } from "@mui/material";
import { useRef } from "react";
import { bytes, seconds } from "../../format";
import { Act, Icon, Note, Told } from "../../shell/kit";
import { useDrop } from "../../shell/useDrop";
import type { Desk } from "../job/useDesk";
import { T } from "../texts";
import { Section } from "./parts";

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
                <Note data-testid="audio-facts">
                  {[bytes(source.file.size), source.duration ? seconds(source.duration) : unknown(source.wave.state)]
                    .filter(Boolean)
                    .join(" · ")}
                </Note>
              </>
            ) : (
              <Note>
                {T.formats} {most}
              </Note>
            )}
          </Box>
        </Stack>
        <Stack direction="row" spacing={1} useFlexGap sx={{ alignItems: "center", flexWrap: "wrap", mt: 2 }}>
          <Act
            label={source ? T.replace : T.choose}
            size="medium"
            variant={source ? "outlined" : "contained"}
            disabled={busy}
            onClick={() => input.current?.click()}
            testId="audio-choose"
          />
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
            <Act
              label={T.remove}
              size="medium"
              color="inherit"
              disabled={busy}
              onClick={session.forget}
              testId="audio-remove"
            />
          )}
          <Typography variant="body2" color={over ? "primary" : "textSecondary"}>
            {over ? T.dropNow : !source && T.drop}
          </Typography>
        </Stack>
      </Box>
      <Told severity="error" testId="audio-refused" text={fileProblem} />
    </Section>
  );
}

/** Tant que la lecture n'a pas commencé, l'absence de durée ne veut rien dire. */
function unknown(wave: string): string {
  return wave === "reading" ? "" : T.unknownDuration;
}
