import { Alert } from "@mui/material";
import { FileCard } from "./form/FileCard";
import { Bench, RequestCard } from "./form/parts";
import { TaskCard } from "./form/TaskCard";
import { snippetsFor } from "./job/snippets";
import { useDesk } from "./job/useDesk";
import { ResultCard } from "./result/ResultCard";
import { T } from "./texts";

/** Essayer la transcription et la diarisation : un fichier, ce qu'on en demande, ce qui en sort, et la requête. */
export function AudioPage() {
  const desk = useDesk();
  const { ready, task, failure, request } = desk;
  const { source, job } = desk.state;
  if (!ready) return null;
  if (!task) return <Alert severity="info">{T.noModel}</Alert>;
  return (
    <Bench
      testId="audio-desk"
      failure={failure}
      asked={
        <>
          <FileCard desk={desk} />
          <TaskCard desk={desk} />
        </>
      }
      given={
        <>
          {source && <ResultCard key={source.url} desk={desk} source={source} />}
          <RequestCard
            sent={job?.request}
            next={request}
            write={(one, server) => snippetsFor(one, source?.file.name ?? "audio.wav", server)}
            help={T.requestHelp}
            testId="audio-snippets"
          />
        </>
      }
    />
  );
}
