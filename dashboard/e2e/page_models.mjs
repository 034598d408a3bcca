// Des modèles du hub, de leur dépôt à leur dernière requête :
// node e2e/page_models.mjs <adresse> <chemin de Chromium> <commit de qwen>
import { check, visit } from "./browser.mjs";
import { verb } from "./server.mjs";

const [base, chromium, commit] = process.argv.slice(2);
/** Apparence, largeur de l'écran, colonnes attendues. */
const SCREENS = [
  ["light", 1920, 3],
  ["light", 1024, 2],
  ["light", 360, 1],
  ["dark", 360, 1],
  ["dark", 1280, 2],
];
/** Ce que la barre dit, du premier octet à la première inférence ; l'ouverture a aussi ses étapes, selon le moteur. */
const STEPS = ["copie", "vérification", "lancement", "ouverture du modèle", "première inférence"];
const LONG = { messages: [{ role: "user", content: "Tell a story." }], max_tokens: 1900, ignore_eos: true };

/** Note chaque valeur qu'une barre annonce, par la page elle-même. */
async function watchBar({ page }, key) {
  await page.evaluate((name) => {
    window.values = [];
    window.said = new Set();
    new MutationObserver(() => {
      const bar = document.querySelector(`[data-testid="progress-${name}"]`);
      if (!bar) return;
      const now = bar.getAttribute("aria-valuenow");
      if (now !== null && Number(now) !== window.values.at(-1)) window.values.push(Number(now));
      window.said.add(bar.getAttribute("aria-valuetext"));
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  }, key);
}

/** Note chaque étape où la barre passe, par la page elle-même. */
async function noteSteps({ page }, key) {
  await page.evaluate((name) => {
    window.steps = [];
    new MutationObserver(() => {
      const step = document.querySelector(`[data-testid="operation-${name}"] [aria-current="step"]`)?.textContent;
      if (step && step !== window.steps.at(-1)) window.steps.push(step);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  }, key);
}

async function reaches({ page }, least) {
  await page.waitForFunction((value) => (window.values.at(-1) ?? 0) >= value, {}, least);
}

/** Les octets annoncés depuis `watchBar`, qui ne reculent jamais. */
async function readBar({ page }, least) {
  const [values, said] = await page.evaluate(() => [window.values, [...window.said]]);
  check(values.length >= least, `la barre saute : ${values}`);
  check(
    values.every((value, rank) => rank === 0 || value > values[rank - 1]),
    `la barre recule : ${values}`,
  );
  return { values, said };
}

async function refusals(dashboard) {
  await dashboard.says("artifacts-copie", /Téléchargement requis/);
  await dashboard.press("action-download-ferme");
  const closed = await dashboard.says("model-error-ferme", /HUB_TOKEN_MISSING/);
  check(/Que faire : .*HUGGINGFACE_TOKEN/.test(closed), `le remède manque : ${closed}`);
  await dashboard.press("action-download-absent");
  const absent = await dashboard.says("model-error-absent", /HUB_NOT_FOUND/);
  check(/essai\/copie.*v9/.test(absent) && /à l'instant/.test(absent), `l'échec est mal dit : ${absent}`);
  await dashboard.see("action-retry-absent");
  await dashboard.accessible("échecs");
  // Un autre outil a copié les poids : le badge tourne, le modèle étant au repos.
  await dashboard.says("artifacts-copie", /Artefacts en cache/);
  await dashboard.state("copie", "Téléchargé");
}

/** Le cache et le disque, tels que la page Machine les montre. */
async function cache(dashboard, rows, cached) {
  await dashboard.open("/machine");
  for (const [key, expected] of Object.entries(rows)) await dashboard.says(`cache-${key}`, expected);
  await dashboard.says("machine-cached", cached);
  await dashboard.says("host-disk", /Disque du cache.*[GT]io sur .*[GT]io/);
  const stack = await dashboard.page.$eval('[data-testid="host-disk-stack"]', (one) => one.getAttribute("aria-label"));
  check(
    /poids des modèles [\d,]+ Mio, .*libre .*[GT]io/.test(stack),
    `le disque ne dit pas ce qui l'occupe : ${stack}`,
  );
  await dashboard.open("/");
  await dashboard.see("model-card-qwen");
}

async function download(dashboard) {
  const { page } = dashboard;
  await watchBar(dashboard, "qwen");
  await dashboard.press("action-download-qwen");
  await dashboard.press("progress-files-qwen");
  await reaches(dashboard, 6);
  const details = await dashboard.says("progress-details-qwen", /\/s/);
  check(/Mio sur 93,8 Mio · .*io\/s · reste \d/.test(details), `total, débit ou temps manque : ${details}`);
  const files = (await dashboard.texts("progress-file")).join(" ");
  check(/config\.json2 o sur 2 o/.test(files) && /gguf.* sur 93,8 Mio/.test(files), `fichiers : ${files}`);
  await dashboard.accessible("téléchargement");
  await dashboard.press("action-cancel-qwen");
  await dashboard.press("confirm-cancel");
  await dashboard.state("qwen", "Dépôt");
  // Le bouton s'en est allé : le clavier reprend au nom du modèle, non au haut de la page.
  await page.waitForFunction(() => document.activeElement?.id === "model-title-qwen");
  const first = await readBar(dashboard, 4);
  check(
    first.said.some((text) => /copie, \d+ %, .* sur 93,8 Mio/.test(text)),
    `un lecteur d'écran n'entend pas : ${first.said.slice(0, 5)}`,
  );

  const kept = await dashboard.says("action-help-qwen", /sur 93,8 Mio déjà sur le disque/);
  const button = await dashboard.text("action-download-qwen");
  check(button === "Reprendre", `le bouton dit « ${button} », avec ${kept}`);
  await cache(dashboard, { qwen: /qwen\d.* sur 93,8 Mio93,8 Mio/, copie: /copieen cache4,9 Kio/ }, "1 modèle en cache");
  await watchBar(dashboard, "qwen");
  await noteSteps(dashboard, "qwen");
  await dashboard.press("action-download-qwen");
  await dashboard.says("artifacts-qwen", /Artefacts en cache/);
  await dashboard.state("qwen", "Téléchargé");
  const second = await readBar(dashboard, 4);
  check(second.values[0] >= first.values.at(-1) - 1, `la reprise repart de ${second.values[0]} %`);
  check(second.values.at(-1) > 80, `la reprise finit à ${second.values.at(-1)} %`);
  const card = await page.$eval('[data-testid="model-card-qwen"]', (element) => element.textContent);
  check(card.includes(commit) && card.includes("essai/SmolLM2-GGUF"), `l'origine manque : ${card}`);
}

async function loadUnderTheEyesOfTheLog(dashboard) {
  await dashboard.press("action-logs-qwen");
  await dashboard.see("log-live");
  check(/commence au premier chargement/.test(await dashboard.text("log-empty")), "un journal vide ne se dit pas");
  // La boîte de dialogue est ouverte : le chargement est demandé d'ailleurs, et ses lignes viennent d'elles-mêmes.
  await verb(base, "qwen", "load");
  await dashboard.see("log-line");
  await dashboard.says("log-lines", /worker_ready/);
  await dashboard.accessible("journal");
  const before = (await dashboard.texts("log-line")).length;
  await dashboard.type("log-filter", "rien de tel");
  check(/Aucune ligne/.test(await dashboard.text("log-empty")), "le filtre ne filtre pas");
  for (const _ of "rien de tel") await dashboard.page.keyboard.press("Backspace");
  check((await dashboard.texts("log-line")).length >= before, "le filtre vidé ne rend pas les lignes");
  await dashboard.press("log-close");
  await dashboard.gone("log-dialog");
  await dashboard.state("qwen", "Prêt");
  const steps = await dashboard.page.evaluate(() => window.steps);
  const known = steps.filter((step) => STEPS.includes(step));
  check(known.join() === STEPS.join(), `la barre ne passe pas par ${STEPS.join(", ")} : ${steps.join(", ")}`);
  await cache(dashboard, { qwen: "qwenen cache93,8 Mio", ferme: /fermeà télécharger/ }, "2 modèles en cache");
}

async function unloadUnderLoad(dashboard) {
  const help = await dashboard.text("action-help-qwen");
  check(/libère environ .*io de mémoire vive/.test(help), `ce que rend le déchargement n'est pas dit : ${help}`);
  const asked = Array.from({ length: 3 }, () =>
    fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "qwen", ...LONG }),
    }),
  );
  await dashboard.says("requests-qwen", /1sur 1 en cours2sur 4 en attente/);
  await dashboard.press("action-unload-qwen");
  check(/1 en cours, 2 en attente/.test(await dashboard.text("confirm-busy")), "le nombre de requêtes manque");
  await dashboard.accessible("confirmation");
  await dashboard.press("confirm-keep");
  await dashboard.gone("confirm");
  await dashboard.state("qwen", "Prêt");
  await dashboard.press("action-unload-qwen");
  await dashboard.press("confirm-force");
  await dashboard.state("qwen", "Téléchargé");
  const cut = (await Promise.all(asked)).map((response) => response.status);
  check(
    cut.every((status) => status === 503),
    `les requêtes interrompues ont répondu ${cut}`,
  );
}

/** Sur un téléphone, le journal tient dans l'écran : son bouton de fermeture y est en entier. */
async function phoneLog(dashboard) {
  await dashboard.page.setViewport({ width: 360, height: 900 });
  await dashboard.press("action-logs-qwen");
  await dashboard.see("log-line");
  const right = await dashboard.page.$eval('[data-testid="log-close"]', (one) => one.getBoundingClientRect().right);
  check(right <= 360, `le bouton qui ferme le journal finit à ${right} px`);
  await dashboard.press("log-close");
  await dashboard.gone("log-dialog");
}

async function look(dashboard) {
  const { page } = dashboard;
  for (const [scheme, width, columns] of SCREENS) {
    await dashboard.scheme(scheme);
    await page.setViewport({ width, height: 900 });
    const found = await page.$eval(
      '[data-testid="model-grid"]',
      (grid) => getComputedStyle(grid).gridTemplateColumns.split(" ").length,
    );
    check(found === columns, `${found} colonnes à ${width} px`);
    await dashboard.fits(`${width} px`);
    await dashboard.accessible(`${width} px, ${scheme}`);
  }
}

await visit(base, chromium, async (dashboard, complaints) => {
  await dashboard.see("model-card-qwen");
  await refusals(dashboard);
  await download(dashboard);
  await loadUnderTheEyesOfTheLog(dashboard);
  await unloadUnderLoad(dashboard);
  await phoneLog(dashboard);
  await look(dashboard);
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
