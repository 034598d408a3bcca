// Des modèles du hub, de leur dépôt à leur dernière requête :
// node e2e/page_models.mjs <adresse> <chemin de Chromium> <commit de qwen>
import { check, visit } from "./browser.mjs";

const [base, chromium, commit] = process.argv.slice(2);
/** Apparence, largeur de l'écran, colonnes attendues. */
const SCREENS = [
  ["light", 1920, 3],
  ["light", 1024, 2],
  ["light", 360, 1],
  ["dark", 360, 1],
  ["dark", 1280, 2],
];
const LONG = { messages: [{ role: "user", content: "Tell a story." }], max_tokens: 1900, ignore_eos: true };

/** Attend que le texte d'un élément convienne ; rend ce texte. */
async function until(dashboard, name, pattern) {
  const selector = `[data-testid="${name}"]`;
  await dashboard.page
    .waitForFunction(
      (place, source) => new RegExp(source).test(document.querySelector(place)?.textContent ?? ""),
      {},
      selector,
      pattern.source,
    )
    .catch(async (error) => {
      const text = await dashboard.page.$eval(selector, (element) => element.textContent).catch(() => "(absent)");
      throw new Error(`« ${name} » ne dit pas ${pattern} mais « ${text} » (${error.message})`);
    });
  return dashboard.page.$eval(selector, (element) => element.textContent);
}

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
  await until(dashboard, "artifacts-copie", /Téléchargement requis/);
  await dashboard.press("action-download-ferme");
  const closed = await until(dashboard, "model-error-ferme", /HUB_TOKEN_MISSING/);
  check(/Que faire : .*HUGGINGFACE_TOKEN/.test(closed), `le remède manque : ${closed}`);
  await dashboard.press("action-download-absent");
  const absent = await until(dashboard, "model-error-absent", /HUB_NOT_FOUND/);
  check(/essai\/copie.*v9/.test(absent) && /à l'instant/.test(absent), `l'échec est mal dit : ${absent}`);
  await dashboard.see("action-retry-absent");
  await dashboard.accessible("échecs");
  // Un autre outil a copié les poids : le badge tourne, le modèle étant au repos.
  await until(dashboard, "artifacts-copie", /Artefacts en cache/);
  await dashboard.state("copie", "Téléchargé");
}

async function download(dashboard) {
  const { page } = dashboard;
  await watchBar(dashboard, "qwen");
  await dashboard.press("action-download-qwen");
  await dashboard.press("progress-files-qwen");
  await reaches(dashboard, 6);
  const details = await until(dashboard, "progress-details-qwen", /\/s/);
  check(/Mo sur 98 Mo · .*o\/s · reste \d/.test(details), `total, débit ou temps manque : ${details}`);
  const files = (await dashboard.texts("progress-file")).join(" ");
  check(/config\.json2 o sur 2 o/.test(files) && /gguf.* sur 98 Mo/.test(files), `fichiers : ${files}`);
  await dashboard.accessible("téléchargement");
  await dashboard.press("action-cancel-qwen");
  await dashboard.press("confirm-cancel");
  await dashboard.state("qwen", "À télécharger");
  // Le bouton s'en est allé : le clavier reprend au nom du modèle, non au haut de la page.
  await page.waitForFunction(() => document.activeElement?.id === "model-title-qwen");
  const first = await readBar(dashboard, 4);
  check(
    first.said.some((text) => /copie, \d+ %, .* sur 98 Mo/.test(text)),
    `un lecteur d'écran n'entend pas : ${first.said.slice(0, 5)}`,
  );

  const kept = await until(dashboard, "action-help-qwen", /sur 98 Mo déjà sur le disque/);
  const button = await dashboard.text("action-download-qwen");
  check(button === "Reprendre", `le bouton dit « ${button} », avec ${kept}`);
  await watchBar(dashboard, "qwen");
  await dashboard.press("action-download-qwen");
  await until(dashboard, "artifacts-qwen", /Artefacts en cache/);
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
  const asked = await fetch(`${base}/api/admin/models/qwen/load`, { method: "POST", body: "{}" });
  check(asked.ok, `le chargement est refusé : ${asked.status} ${await asked.text()}`);
  await dashboard.see("log-line");
  await until(dashboard, "log-lines", /worker_ready/);
  await dashboard.accessible("journal");
  const before = (await dashboard.texts("log-line")).length;
  await dashboard.type("log-filter", "rien de tel");
  check(/Aucune ligne/.test(await dashboard.text("log-empty")), "le filtre ne filtre pas");
  for (const _ of "rien de tel") await dashboard.page.keyboard.press("Backspace");
  check((await dashboard.texts("log-line")).length >= before, "le filtre vidé ne rend pas les lignes");
  await dashboard.press("log-close");
  await dashboard.gone("log-dialog");
  await dashboard.state("qwen", "Prêt");
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
  await until(dashboard, "requests-qwen", /1sur 1 en cours2sur 4 en attente/);
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
