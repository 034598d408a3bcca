// Les images de la documentation : node e2e/page_shots.mjs <adresse> <Chromium> <dossier> embarque <dialogue.wav>
// ou, sur la machine d'essai de 8 GPU : … <dossier> gpu <fichier des GPU>
import { join } from "node:path";
import { visit } from "./browser.mjs";
import { changeGpus } from "./machine.mjs";
import { verb } from "./server.mjs";

const [base, chromium, folder, scene, file] = process.argv.slice(2);
/** Points d'une courbe avant de la montrer : deux secondes chacun. */
const POINTS = 24;
const LONG = { messages: [{ role: "user", content: "Tell a story." }], max_tokens: 1900, ignore_eos: true };

/** Une apparence et un écran ; `scale` est la densité des pixels. */
async function screen({ page }, scheme, width, height, scale = 1) {
  await page.setViewport({ width, height, deviceScaleFactor: scale });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.waitForFunction((value) => document.documentElement.dataset.scheme === value, {}, scheme);
}

/** Enregistre ce que l'écran montre, sans pointeur, sans curseur de texte, toute transition finie. */
async function shoot({ page }, name) {
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement?.matches("input, textarea") && document.activeElement.blur());
  await page.waitForFunction(() => !document.getAnimations().some((one) => one instanceof CSSTransition));
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.screenshot({ path: join(folder, `${name}.webp`), type: "webp", quality: 88 });
}

/** Attend qu'une courbe ait `count` points. */
function points({ page }, curve, count) {
  return page.waitForFunction(
    (selector, least) => Number(document.querySelector(selector)?.dataset.points) >= least,
    {},
    `[data-testid^="${curve}"]`,
    count,
  );
}

/** Un modèle qui répond, un autre prêt à charger, le dernier à télécharger. */
async function models(dashboard) {
  const { page } = dashboard;
  for (const [model, name] of [
    ["qwen", "download"],
    ["qwen", "load"],
    ["canary", "download"],
  ])
    await verb(base, model, name, { wait: true });
  const stop = new AbortController();
  const body = JSON.stringify({ model: "qwen", ...LONG });
  const story = fetch(`${base}/v1/chat/completions`, { method: "POST", body, signal: stop.signal });
  await page.waitForSelector('[data-testid="requests-qwen"][data-busy="1"]');
  await points(dashboard, "curve-host/cpu", POINTS);
  await screen(dashboard, "light", 1600, 900);
  await shoot(dashboard, "modeles");
  await screen(dashboard, "dark", 360, 780, 2);
  await shoot(dashboard, "modeles-telephone");
  stop.abort();
  await story.catch(() => {});
}

/** Température nulle : la réponse ne dépend que du modèle. */
async function conversation(dashboard) {
  await screen(dashboard, "dark", 1280, 800);
  await dashboard.open("/essayer/conversation");
  await dashboard.fill("chat-setting-temperature", "0");
  await dashboard.type("chat-input", "Explain in simple words what a gateway is.");
  await dashboard.page.keyboard.press("Enter");
  await dashboard.grown("chat-end", 0, 1);
  await shoot(dashboard, "conversation");
}

async function speakers(dashboard) {
  const { page } = dashboard;
  for (const model of ["pyannote", "canary"]) {
    for (const name of ["download", "load"]) await verb(base, model, name, { wait: true });
  }
  await screen(dashboard, "light", 1600, 1000);
  await dashboard.open("/essayer/audio");
  await (await page.waitForSelector('[data-testid="audio-file"]')).uploadFile(file);
  await dashboard.see("audio-name");
  await dashboard.press("audio-task-speakers");
  await page.select('[data-testid="audio-language"]', "en");
  await dashboard.press("audio-run");
  await dashboard.see("audio-progress");
  await dashboard.see("audio-end");
  await page.waitForSelector('[data-testid="audio-wave"][data-drawn="true"]');
  await page.evaluate(() => scrollTo(0, 0));
  await shoot(dashboard, "locuteurs");
}

async function endpoints(dashboard) {
  await screen(dashboard, "light", 1600, 900);
  await dashboard.open("/acces");
  await dashboard.see("endpoint");
  await shoot(dashboard, "points-d-acces");
}

/** Des GPU qui travaillent : chacun sa courbe, toujours la même. */
async function machine(dashboard) {
  await screen(dashboard, "dark", 1600, 1000);
  await dashboard.open("/machine");
  for (let step = 1; step <= POINTS; step += 1) {
    await changeGpus(file, (_, index) => {
      if (index > 2) return undefined;
      const use = Math.round(64 + 24 * Math.sin(step / (2 + index)) + 6 * Math.sin(step * (index + 1)));
      return { utilization_percent: use, temperature_celsius: 42 + use / 4, power_watts: 150 + 5 * use };
    });
    await points(dashboard, "curve-gpu/", step);
  }
  await shoot(dashboard, "machine");
}

/** Le mur : trois exemplaires qui répondent vraiment, et leur file. */
async function wall(dashboard) {
  const stop = new AbortController();
  const messages = [{ role: "user", content: "Tell a story." }];
  const body = JSON.stringify({ model: "petit", stream: true, max_tokens: 400, messages });
  const headers = { "content-type": "application/json" };
  const stories = Array.from({ length: 5 }, async () => {
    const answer = await fetch(`${base}/v1/chat/completions`, { method: "POST", body, headers, signal: stop.signal });
    await answer.text();
  });
  await screen(dashboard, "dark", 1600, 900);
  await dashboard.open("/mur?plein=oui");
  for (const gpu of [0, 1, 2]) {
    await dashboard.says(`wall-first-${gpu}`, /\d (ms|s)$/);
    await dashboard.says(`wall-rate-${gpu}`, /[1-9]/);
  }
  await shoot(dashboard, "mur");
  stop.abort();
  await Promise.allSettled(stories);
}

/** Trois GPU cochés pour `qwen`, et le verdict du serveur. */
async function placement(dashboard) {
  await screen(dashboard, "light", 1280, 900);
  await dashboard.open("/");
  await dashboard.press("action-load-qwen");
  await dashboard.press("placement-gpus");
  for (const gpu of [4, 5, 6, 7]) await dashboard.press(`placement-gpu-${gpu}`);
  await dashboard.says("placement-verdict", "Tient : 3 exemplaires de 1 GPU, sur les GPU 5, 6 et 7.");
  await shoot(dashboard, "choix-des-gpu");
  await dashboard.press("placement-cancel");
  await dashboard.gone("placement-dialog");
}

/** Un échec ouvert : son motif, et que faire. */
async function activity(dashboard) {
  await screen(dashboard, "light", 1280, 800);
  await dashboard.open("/activite");
  await dashboard.press("operation-open");
  await dashboard.page.waitForSelector(".MuiCollapse-entered");
  await shoot(dashboard, "activite");
}

const SCENES = {
  embarque: [models, conversation, speakers, endpoints],
  gpu: [machine, wall, placement, activity],
};

await visit(base, chromium, async (dashboard) => {
  for (const play of SCENES[scene]) await play(dashboard);
  console.log("tout est bon");
});
