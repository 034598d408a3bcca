import { mdiDownload } from "@mdi/js";
import { Stack } from "@mui/material";
import { useState } from "react";
import { messageOf } from "../../api/errors";
import { Act, Told } from "../../shell/kit";
import { save } from "../../shell/save";
import { CopyButton } from "../../snippets/CopyButton";
import { type Download, filesOf, nameFor } from "../formats/files";
import type { AudioResult } from "../job/send";
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
          <Act
            label={file.label}
            icon={mdiDownload}
            key={file.extension}
            variant="outlined"
            aria-label={T.download(file.label)}
            onClick={() => void take(file)}
            testId={`${page}-download-${file.extension}`}
          />
        ))}
        {result.text && <CopyButton text={result.text} label={T.copyText} testId={`${page}-copy`} />}
      </Stack>
      <Told severity="error" testId={`${page}-download-failure`} text={failure} />
    </>
  );
}
