import { mdiDownload } from "@mdi/js";
import { Alert, Button, Stack } from "@mui/material";
import { useState } from "react";
import { messageOf } from "../../api/errors";
import { Icon } from "../../shell/Icon";
import { save } from "../../shell/save";
import { CopyButton } from "../../snippets/CopyButton";
import { type Download, filesOf, nameFor } from "../formats/files";
import type { AudioResult } from "../job/events";
import { T } from "../texts";

interface Props {
  /** Nom de l'audio. */
  audio: string;
  result: AudioResult;
  /** Réponse, telle que le serveur l'a écrite. */
  json: string;
  page: "audio" | "live";
}

/** Les fichiers que le serveur écrit de ce résultat, et le texte à copier. */
export function Downloads({ audio, result, json, page }: Props) {
  const [failure, setFailure] = useState<string>();
  async function take(file: Download) {
    setFailure(undefined);
    try {
      save(nameFor(audio, file), file.type, await file.write(result, json));
    } catch (error) {
      setFailure(messageOf(error));
    }
  }
  return (
    <>
      <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }} data-testid={`${page}-downloads`}>
        {filesOf(result).map((file) => (
          <Button
            key={file.extension}
            size="small"
            variant="outlined"
            startIcon={<Icon path={mdiDownload} />}
            aria-label={T.download(file.label)}
            onClick={() => void take(file)}
            data-testid={`${page}-download-${file.extension}`}
          >
            {file.label}
          </Button>
        ))}
        {result.text && <CopyButton text={result.text} label={T.copyText} testId={`${page}-copy`} />}
      </Stack>
      {failure && (
        <Alert severity="error" data-testid={`${page}-download-failure`}>
          {failure}
        </Alert>
      )}
    </>
  );
}
