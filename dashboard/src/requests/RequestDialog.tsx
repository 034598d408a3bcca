import {
  Alert,
  Box,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  Stack,
  Typography,
} from "@mui/material";
import { useId, useState } from "react";
import { requests } from "../api/client";
import { messageOf } from "../api/errors";
import type { Request } from "../gen/passerelle/v1/requests_pb";
import { Note } from "../shell/kit";
import { Snippets } from "../snippets/Snippets";
import { thisServer } from "../snippets/sketch";
import { useKeyed } from "../status/StatusProvider";
import { french } from "../typography";
import { Outcome } from "./RequestTable";
import { FILE, replayOf, TEXT } from "./replay";
import { short, stagesOf } from "./requests";
import { T } from "./texts";

/** Une requête ouverte : où son temps est passé, et de quoi l'interrompre si elle court encore. */
export function RequestDialog({ request, onClose }: { request: Request; onClose: () => void }) {
  const id = useId();
  const [said, setSaid] = useState<{ text: string; failed: boolean }>();
  async function cancel() {
    try {
      await requests.cancelRequest({ id: request.call });
      setSaid({ text: T.cancelled, failed: false });
    } catch (error) {
      setSaid({ text: messageOf(error), failed: true });
    }
  }
  const { gpus, audioSeconds, ended } = request;
  const snippets = replayOf(request, thisServer(useKeyed()));
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby={id} data-testid="request-dialog">
      <DialogTitle id={id} sx={{ overflowWrap: "anywhere" }}>
        {T.detail} {request.id}
      </DialogTitle>
      <DialogContent>
        <Stack spacing={2}>
          <Typography>
            {[request.model, ...request.replicas, gpus.length > 0 ? `${T.gpus} ${gpus.join(", ")}` : ""]
              .filter(Boolean)
              .join(" · ")}{" "}
            <Outcome request={request} />
          </Typography>
          {audioSeconds > 0 && <Typography>{french(`${T.audio} : ${short(audioSeconds)}`)}</Typography>}
          <Typography variant="h3">{T.timeline}</Typography>
          <Stack component="ol" spacing={1} sx={{ listStyle: "none", p: 0, m: 0 }} data-testid="request-timeline">
            {stagesOf(request).map(({ name, begin, seconds }) => (
              <Box component="li" key={name}>
                <Stack direction="row" sx={{ justifyContent: "space-between" }}>
                  <Typography variant="body2">{name}</Typography>
                  <Typography variant="body2" sx={{ fontVariantNumeric: "tabular-nums" }}>
                    {french(short(seconds))}
                  </Typography>
                </Stack>
                <Box aria-hidden sx={{ bgcolor: "action.hover", borderRadius: 1 }}>
                  <Box
                    sx={{
                      height: 6,
                      borderRadius: 1,
                      bgcolor: "primary.main",
                      ml: `${(100 * begin) / ended}%`,
                      width: `max(2px, ${(100 * seconds) / ended}%)`,
                      maxWidth: "100%",
                    }}
                  />
                </Box>
              </Box>
            ))}
          </Stack>
          {snippets && (
            <Stack spacing={1}>
              <Typography variant="h3">{T.replay}</Typography>
              <Note data-testid="request-replay-help">{T.replayHelp(TEXT, FILE)}</Note>
              <Snippets snippets={snippets} testId="request-replay" />
            </Stack>
          )}
          {said && <Alert severity={said.failed ? "error" : "success"}>{said.text}</Alert>}
        </Stack>
      </DialogContent>
      <DialogActions>
        {request.running && (
          <Button color="error" onClick={() => void cancel()} data-testid="request-cancel">
            {T.cancel}
          </Button>
        )}
        <Button onClick={onClose} data-testid="request-close">
          {T.close}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
