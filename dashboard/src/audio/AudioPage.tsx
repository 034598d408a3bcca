import { Capability } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";
import { AudioPanel } from "./AudioPanel";

/** Essayer la transcription et la diarisation d'un fichier. */
export function AudioPage() {
  const models = useServer().status?.models ?? [];
  const has = (capability: Capability) => models.some((model) => model.capability === capability);
  const [transcribes, diarizes] = [has(Capability.TRANSCRIBE), has(Capability.DIARIZE)];
  return transcribes || diarizes ? <AudioPanel transcribes={transcribes} diarizes={diarizes} /> : null;
}
