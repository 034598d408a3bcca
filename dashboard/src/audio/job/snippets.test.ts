import { expect, test } from "vitest";
import { DEFAULTS, requestFor } from "./request";
import { snippetsFor } from "./snippets";

const WHISPER = { key: "canary", features: ["translate", "prompt", "word_timestamps"] };
const PYANNOTE = { key: "pyannote", features: ["num_speakers"] };
const TARGET = { base: "https://ia.example:8443", keyed: true };
const OPTIONS = { ...DEFAULTS, translate: true, prompt: "@l'été; <b>", counting: "exact", exact: "2" } as const;

test("les quatre extraits disent la même requête, et jamais la clé", () => {
  const { curl, python, node, grpc } = snippetsFor(
    requestFor("speakers", OPTIONS, WHISPER, PYANNOTE),
    `d'été "1";.wav`,
    TARGET,
  );
  // Un texte qui commence par @ serait sinon un fichier que curl lirait.
  expect(curl).toContain(`--form-string 'prompt=@l'\\''été; <b>'`);
  expect(curl).toContain(`-F 'file=@"d'\\''été \\"1\\";.wav"'`);
  expect(python).toContain(`"prompt": "@l'été; <b>"`);
  expect(node).toContain(`prompt: "@l'été; <b>"`);
  expect(grpc).toContain(`prompt="@l'été; <b>"`);
  for (const text of [curl, python, node]) {
    expect(text).toContain("https://ia.example:8443/api/audio/transcribe");
    for (const name of ["model", "task", "diarize", "num_speakers", "stream"]) expect(text).toContain(name);
  }
  expect(grpc).toContain("diarization=diarize_pb2.DiarizeConfig(num_speakers=2)");
  expect(grpc).toContain("TRANSCRIBE_TASK_TRANSLATE");
  expect(grpc).toContain('grpc.secure_channel("ia.example:8443"');
  for (const text of [curl, python, node, grpc]) expect(text).toContain("PASSERELLE_KEY");
});

test("sans clé exigée, aucun extrait n'en parle", () => {
  const request = requestFor("diarize", DEFAULTS, PYANNOTE, PYANNOTE);
  const texts = Object.values(snippetsFor(request, "a.wav", { base: "http://10.0.0.5:8000", keyed: false }));
  expect(texts).toHaveLength(4);
  for (const text of texts) expect(text).not.toMatch(/KEY|os\b/);
});
