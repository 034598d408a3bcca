// Une réunion de deux heures : node e2e/page_audio_long.mjs <adresse> <chemin de Chromium> DEUX_HEURES.wav VINGT_CINQ_MINUTES.flac
import { check, visit } from "./browser.mjs";

const [base, chromium, hours, minutes] = process.argv.slice(2);
const TURNS = 4000;
const MAX_HEAP_MB = 150;

await visit(base, chromium, async (dashboard) => {
  const { page } = dashboard;
  await dashboard.open("/essayer/audio");
  await dashboard.see("audio-run");

  // Compressé, le décoder prendrait trop de mémoire : la page le dit et s'en passe.
  await choose(minutes);
  const note = await dashboard.text("audio-wave-note");
  check(/Onde non dessinée .* 20 min/.test(note), `l'absence d'onde ne se dit pas : ${note}`);
  check((await page.$eval('[data-testid="audio-wave"]', drawn)) === "false", "une onde est dessinée");

  // En WAV, l'onde se lit par morceaux.
  await choose(hours);
  await page.waitForSelector('[data-testid="audio-wave"][data-drawn="true"]');
  check(/2 h 00 min/.test(await dashboard.text("audio-facts")), "la durée ne se voit pas");

  // Cet essai n'est pas celui du serveur : sa réponse est faite ici.
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const asked = request.url().endsWith("/api/diarization/process");
    if (asked) void request.respond({ status: 200, contentType: "text/event-stream", body: answer() });
    else void request.continue();
  });
  await dashboard.press("audio-task-diarize");
  await dashboard.press("audio-run");
  await page.waitForFunction(
    (count) => document.querySelectorAll('[data-testid="audio-turn"]').length === count,
    {},
    TURNS,
  );
  await page.$eval(`[data-testid="audio-passage"]:nth-child(${TURNS - 10})`, (row) => row.click());
  await page.waitForSelector(`[data-testid="audio-passage"]:nth-child(${TURNS - 10})[aria-current]`);
  await page.waitForFunction(() => !document.querySelector('[data-testid="audio-player"]').paused);
  await dashboard.press("audio-zoom-in");
  await dashboard.fits("une longue réunion");
  const { JSHeapUsedSize } = await page.metrics();
  check(JSHeapUsedSize < MAX_HEAP_MB * 1e6, `mémoire : ${Math.round(JSHeapUsedSize / 1e6)} Mo`);

  async function choose(path) {
    await (await page.$('[data-testid="audio-file"]')).uploadFile(path);
    await dashboard.see("audio-name");
  }
});

function drawn(element) {
  return element.dataset.drawn;
}

/** Réponse de la diarisation, comme le serveur l'écrit. */
function answer() {
  const turns = Array.from({ length: TURNS }, (_, rank) => {
    return { speaker: `SPEAKER_0${rank % 6}`, start: rank * 1.8, end: rank * 1.8 + 2 };
  });
  const result = { id: "essai", model: "pyannote", duration: 7200, turns, exclusive_turns: turns, speakers: [] };
  return `data: ${JSON.stringify({ type: "result", result })}\n\n`;
}

console.log("tout est bon");
