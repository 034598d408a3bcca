// La clé et les points d'accès, en HTTP simple, mémoire permise puis refusée :
// node e2e/page_access.mjs <adresse> <Chromium> <clé d'inférence> <clé d'administration>
import { execFileSync } from "node:child_process";
import { check, refuseStorage, visit } from "./browser.mjs";

const [base, chromium, inference, admin] = process.argv.slice(2);
const { port } = new URL(base);
// Un nom qui n'est pas cette machine : le navigateur n'y a ni contexte sûr, ni presse-papiers.
const PLAIN = `http://passerelle.test:${port}`;
// Hors d'un contexte sûr, Chromium note de lui-même qu'il n'isole pas la page ; il note aussi chaque refus.
const EXPECTED = /Cross-Origin-Opener-Policy header has been ignored|status of 40[13]/;
const WRONG = "fausse-cle-d-essai";
const OPTIONS = {
  flags: ["--host-resolver-rules=MAP passerelle.test 127.0.0.1"],
  secrets: [WRONG, inference, admin],
};

function quiet(complaints) {
  const others = complaints.filter((complaint) => !EXPECTED.test(complaint));
  check(others.length === 0, `plaintes du navigateur : ${others.join(" ; ")}`);
}

/** Donne une clé dans la boîte ouverte. */
async function give(dashboard, key) {
  await dashboard.page.locator('[data-testid="access-key"]').fill(key);
  await dashboard.page.keyboard.press("Enter");
}

async function state(dashboard, expected) {
  await dashboard.page
    .waitForSelector(`[data-testid="key-open"][data-state="${expected}"]`)
    .catch((error) => check(false, `la clé n'est pas « ${expected} » : ${error.message}`));
}

async function refuseThenAccept(dashboard) {
  await state(dashboard, "missing");
  await dashboard.press("key-open");
  check((await dashboard.text("key-needs")).includes("ADMIN_KEYS"), "la clé demandée n'est pas nommée");
  await give(dashboard, WRONG);
  await state(dashboard, "refused");
  check((await dashboard.text("key-help")).includes("clé est refusée"), "le refus n'est pas écrit sous le champ");
  await give(dashboard, inference);
  check((await dashboard.text("key-accepted")).includes("acceptée pour l'inférence"), "l'inférence n'est pas dite");
  await give(dashboard, admin);
  await state(dashboard, "accepted");
  await dashboard.page.waitForFunction(() =>
    document.querySelector('[data-testid="key-accepted"]')?.textContent.includes("ouvre l'inférence et"),
  );
}

const held = (page) => page.evaluate(() => [localStorage, sessionStorage].map((one) => JSON.stringify(one)));

async function remembers(dashboard) {
  const { page } = dashboard;
  check(!(await page.evaluate(() => isSecureContext)), "le contexte est sûr : l'essai ne prouve rien");
  await refuseThenAccept(dashboard);
  await dashboard.accessible("clé");
  await page.setViewport({ width: 360, height: 900 });
  await dashboard.contains("key-dialog", "clé à 360 px");
  await dashboard.accessible("clé à 360 px");
  await page.setViewport({ width: 1280, height: 900 });
  check(!(await held(page))[0].includes(admin), "une clé est retenue sur ce poste sans qu'on l'ait demandé");
  await page.reload();
  await state(dashboard, "accepted");
  await dashboard.press("key-open");
  await dashboard.click('[data-testid="key-remember"] input');
  await page.focus('[data-testid="access-key"]');
  await page.keyboard.press("Enter");
  await page.waitForFunction((key) => localStorage.getItem("passerelle.key") === key, {}, admin);
  check(!(await held(page))[1].includes(admin), "la clé est retenue deux fois");
  const other = await page.browser().newPage();
  await other.goto(PLAIN);
  await other.waitForSelector('[data-testid="key-open"][data-state="accepted"]');
  await other.close();
  await page.bringToFront();
  await dashboard.press("key-forget");
  await state(dashboard, "missing");
  check(!(await held(page)).join().includes(admin), "une clé oubliée est encore retenue");
  await dashboard.press("key-close");
  await dashboard.gone("key-dialog");
}

/** Copie par le bouton de rang `rank`, et rend ce que la personne colle ensuite dans un champ. */
async function copied({ page }, name, rank = 0) {
  await page.$$eval(`[data-testid="${name}"]`, (all, index) => all[index].click(), rank);
  await page.evaluate(() => {
    const area = document.createElement("textarea");
    area.id = "colle";
    document.body.append(area);
    area.focus();
  });
  await page.keyboard.down("Control");
  await page.keyboard.press("v");
  await page.keyboard.up("Control");
  return page.$eval("#colle", (area) => {
    area.remove();
    return area.value;
  });
}

async function endpoints(dashboard) {
  const { page } = dashboard;
  await dashboard.open("/acces");
  await dashboard.see("endpoint-url");
  const shown = await dashboard.texts("endpoint-url");
  for (const host of ["gpu.example", "10.0.0.5"]) {
    for (const path of ["/v1/chat/completions", "/api/diarization/process", "/readyz", "/api/admin/status"]) {
      check(shown.includes(`http://${host}:${port}${path}`), `${host}${path} manque : ${shown.join(" ")}`);
    }
    check(shown.includes(`${host}:${port}`), `l'adresse gRPC de ${host} manque`);
    check(shown.includes(`ws://${host}:${port}/ws/transcribe`), `le WebSocket de ${host} manque`);
  }
  check((await dashboard.text("endpoint-elsewhere")).includes("passerelle.test"), "l'hôte de la page n'est pas dit");
  await page.select('[data-testid="endpoint-host"]', "10.0.0.5");
  await page.waitForFunction(() =>
    [...document.querySelectorAll('[data-testid="endpoint-url"]')].every((one) => one.textContent.includes("10.0.0.5")),
  );
  check((await page.url()).endsWith("#/acces?hote=10.0.0.5"), `le filtre n'est pas dans l'adresse : ${page.url()}`);
  const kept = await dashboard.texts("endpoint-url");
  check((await copied(dashboard, "endpoint-copy", 1)) === kept[1], "l'adresse copiée n'est pas celle qu'on lit");

  const models = kept.findIndex((one) => one.endsWith("/v1/models"));
  await page.$$eval('[data-testid="endpoint-sample"]', (all, index) => all[index].click(), models);
  const written = await dashboard.text("snippet-code");
  const pasted = await copied(dashboard, "snippet-copy");
  check(pasted === written, `extrait copié : ${pasted}`);
  const answer = execFileSync("sh", ["-c", pasted.replaceAll("10.0.0.5", "127.0.0.1")], {
    encoding: "utf8",
    env: { ...process.env, PASSERELLE_KEY: inference },
    stdio: "pipe",
  });
  check(JSON.parse(answer).data.length > 0, `l'extrait lancé ne liste aucun modèle : ${answer}`);
  check(
    (await dashboard.texts("limit")).some((row) => /65\s536/.test(row)),
    "la limite réglée à 64 Kio manque",
  );
  await looks(dashboard, "points d'accès");
}

/** Une clé se crée, se copie, sert, puis se révoque. */
async function named(dashboard) {
  const { page } = dashboard;
  await page.setViewport({ width: 1280, height: 900 });
  await dashboard.press("key-open");
  await give(dashboard, admin);
  await state(dashboard, "accepted");
  await dashboard.press("key-close");
  await dashboard.gone("key-dialog");
  await dashboard.open("/cles");
  await dashboard.fill("key-owner", "visite");
  await dashboard.press("key-create");
  const value = await dashboard.text("key-value");
  check((await copied(dashboard, "key-copy")) === value, "la clé copiée n'est pas celle qu'on lit");
  const models = () => fetch(`${base}/v1/models`, { headers: { authorization: `Bearer ${value}` } });
  check((await models()).status === 200, "la clé créée n'ouvre rien");
  await looks(dashboard, "clés");
  await dashboard.press("key-done");
  await dashboard.gone("key-value");
  await page.reload();
  const id = value.slice(0, 14);
  await page.locator(`[data-id="${id}"] [data-testid="key-revoke"]`).click();
  await dashboard.press("revoke-go");
  await page.waitForSelector(`[data-id="${id}"]:not(:has([data-testid="key-revoke"]))`);
  check((await models()).status === 401, "la clé révoquée ouvre encore");
  check(!(await page.content()).includes(value) && !(await held(page)).join().includes(value), "la valeur est retenue");
  await dashboard.press("key-open");
  await dashboard.press("key-forget");
  await dashboard.press("key-close");
  await dashboard.gone("key-dialog");
}

async function looks(dashboard, what) {
  // Une bulle qui s'efface (« Copié ») n'a ni sa place ni ses couleurs.
  await dashboard.page.waitForFunction(() => !document.querySelector('[role="tooltip"]'));
  for (const width of [360, 1024, 1920]) {
    await dashboard.page.setViewport({ width, height: 900 });
    await dashboard.fits(`${what}, ${width} px`);
    await dashboard.accessible(`${what}, ${width} px`);
  }
}

/** L'apparence choisie reste après un rechargement, sans passer par l'autre. */
async function dark(dashboard) {
  const { page } = dashboard;
  await dashboard.press("scheme-open");
  await dashboard.press("scheme-dark");
  await page.waitForSelector('html[data-scheme="dark"]');
  await dashboard.gone("scheme-dark");
  await page.reload();
  await page.waitForSelector('html[data-scheme="dark"]');
  await dashboard.see("endpoint-url");
  await dashboard.accessible("points d'accès, sombre");
}

await visit(
  PLAIN,
  chromium,
  async (dashboard, complaints) => {
    await remembers(dashboard);
    await endpoints(dashboard);
    await dark(dashboard);
    await named(dashboard);
    quiet(complaints);
  },
  OPTIONS,
);

/** Les pages qui ne demandent pas de modèle d'audio (page_live.mjs visite les autres), et ce qui dit qu'elles sont là. */
const PAGES = [
  ["/", "model-card-qwen"],
  ["/machine", "machine-page"],
  ["/essayer/conversation", "chat-input"],
  ["/acces", "endpoint-url"],
  ["/cles", "key-form"],
  ["/requetes", "requests-page"],
  ["/usage", "usage-page"],
  ["/mur", "wall-row-machine"],
  ["/activite", "filter-genre"],
];

await visit(
  PLAIN,
  chromium,
  async (dashboard, complaints) => {
    const { page } = dashboard;
    await refuseThenAccept(dashboard);
    check((await dashboard.text("key-memory")).includes("refuse"), "la mémoire refusée n'est pas dite");
    await dashboard.press("key-close");
    await dashboard.gone("key-dialog");
    await dashboard.press("scheme-open");
    await dashboard.press("scheme-dark");
    await page.waitForSelector('html[data-scheme="dark"]');
    for (const [path, landmark] of PAGES) {
      await dashboard.open(path);
      await dashboard.see(landmark);
      check((await dashboard.texts("crash")).length === 0, `${path} échoue sans mémoire`);
    }
    await page.reload();
    await state(dashboard, "missing");
    quiet(complaints);
  },
  { ...OPTIONS, prepare: refuseStorage },
);

if (!process.exitCode) console.log("tout est bon");
