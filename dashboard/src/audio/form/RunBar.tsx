import { mdiClose, mdiPlay } from "@mdi/js";
import { Alert, Button, Typography } from "@mui/material";
import { Icon } from "../../shell/Icon";
import { single } from "../../shell/single";
import { useAway } from "../../status/StatusProvider";
import type { Desk } from "../job/useDesk";
import { Progress } from "../result/Progress";
import { RESULT_ID } from "../result/ResultCard";
import { T, TASKS } from "../texts";
import { ActionBar } from "./ActionBar";

/** Lancer ou annuler, et, à côté, pourquoi on ne peut pas, où en est le travail, comment il a fini. */
export function RunBar({ desk: { session, state, task, request, blocked } }: { desk: Desk }) {
  const { job } = state;
  const away = useAway();
  const done = job?.state === "done" && T.done(job.result?.turns?.length ?? job.segments.length);
  return (
    <ActionBar held={job !== undefined}>
      {job?.state === "running" && <Progress job={job} />}
      {job?.state === "cancelled" && (
        <Alert severity="info" data-testid="audio-cancelled">
          {T.cancelled}
        </Alert>
      )}
      {job?.failure && (
        <Alert severity="error" data-testid="audio-failure">
          {job.failure}
        </Alert>
      )}
      {done && (
        <Alert
          severity="success"
          role="status"
          data-testid="audio-done"
          action={
            <Button color="inherit" size="small" onClick={() => document.getElementById(RESULT_ID)?.scrollIntoView()}>
              {T.seeResult}
            </Button>
          }
        >
          {done}
        </Alert>
      )}
      {away && <Alert severity="warning">{away}</Alert>}
      {blocked && (
        <Typography variant="body2" color="textSecondary" data-testid="audio-blocked">
          {blocked}
        </Typography>
      )}
      {job?.state === "running" ? (
        <Button
          size="large"
          variant="outlined"
          color="inherit"
          startIcon={<Icon path={mdiClose} />}
          onClick={single(session.cancel)}
          data-testid="audio-cancel"
        >
          {T.cancel}
        </Button>
      ) : (
        <Button
          size="large"
          variant="contained"
          startIcon={<Icon path={mdiPlay} />}
          disabled={away !== undefined || !request || blocked !== undefined}
          onClick={single(() => request && void session.start(request))}
          data-testid="audio-run"
        >
          {task && TASKS[task].run}
        </Button>
      )}
    </ActionBar>
  );
}
