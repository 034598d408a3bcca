import { mdiDownload } from "@mdi/js";
import { Button, Stack } from "@mui/material";
import { Icon } from "../../shell/Icon";
import { save } from "../../shell/save";
import { CopyButton } from "../../snippets/CopyButton";
import { nameFor, TRANSCRIPT_FILES, TURN_FILES } from "../formats/files";
import type { AudioResult } from "../job/events";
import { T } from "../texts";

/** Les fichiers que le serveur rendrait du même résultat, et le texte à copier. */
export function Downloads({ audio, result, json }: { audio: string; result: AudioResult; json: string }) {
  const files = result.turns ? TURN_FILES : TRANSCRIPT_FILES;
  return (
    <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }}>
      {files.map((file) => (
        <Button
          key={file.extension}
          size="small"
          variant="outlined"
          startIcon={<Icon path={mdiDownload} />}
          aria-label={T.download(file.label)}
          onClick={() => save(nameFor(audio, file), file.type, file.write(result, json))}
          data-testid={`audio-download-${file.extension}`}
        >
          {file.label}
        </Button>
      ))}
      {result.text && <CopyButton text={result.text} label={T.copyText} testId="audio-copy" />}
    </Stack>
  );
}
