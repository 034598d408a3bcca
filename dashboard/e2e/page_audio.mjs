// Un fichier transcrit, diarisé, annulé, refusé : node e2e/page_audio.mjs <adresse> <chemin de Chromium> PHRASE DIALOGUE
import { check, visit } from "./browser.mjs";

const [base, chromium, phrase, dialogue] = process.argv.slice(2);

await visit(base, chromium, async (dashboard) => {
  const { page } = dashboard;
  await dashboard.open("/essayer/audio");
  await dashboard.see("audio-transcribe");
  const choose = async (path) => (await page.$('[data-testid="audio-file"]')).uploadFile(path);

  await choose(phrase);
  await dashboard.press("audio-transcribe");
  await dashboard.see("audio-end");
  const text = await dashboard.text("audio-transcript");
  check(/Dashwood/.test(text), `les mots manquent : ${text}`);

  await choose(dialogue);
  await dashboard.press("audio-diarize");
  await dashboard.see("audio-progress");
  await dashboard.see("audio-timeline");
  const lanes = await dashboard.texts("audio-lane");
  check(lanes.length === 2, `deux locuteurs attendus : ${lanes}`);

  await dashboard.press("audio-diarize");
  await dashboard.press("audio-cancel");
  check(/annulé/.test(await dashboard.text("audio-failure")), "l'annulation ne se voit pas");

  await dashboard.press("audio-separate");
  await dashboard.press("audio-transcribe");
  await dashboard.see("audio-end");
  const spoken = await dashboard.text("audio-transcript");
  check(/SPEAKER_00/.test(spoken) && /SPEAKER_01/.test(spoken), `les locuteurs manquent : ${spoken}`);
});

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  await dashboard.open("/essayer/audio");
  await dashboard.see("audio-transcribe");
  await (await page.$('[data-testid="audio-file"]')).uploadFile(process.argv[1]);
  await dashboard.press("audio-transcribe");
  const failure = await dashboard.text("audio-failure");
  check(/n'est pas de l'audio/.test(failure), `le refus ne se voit pas : ${failure}`);
  // Chromium note de lui-même toute réponse 400.
  complaints.length = 0;
});

console.log("tout est bon");
