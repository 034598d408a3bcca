// Les opérations, puis ce qu'un redémarrage en garde : node e2e/page_activity.mjs <adresse> <Chromium> [ensuite]
import { check, visit } from "./browser.mjs";
import { operations, verb } from "./server.mjs";

const [base, chromium, after] = process.argv.slice(2);
const SCREENS = [
  [1920, "light"],
  [1024, "light"],
  [360, "light"],
];

/** Attend `count` opérations dans une partie de la page. */
async function rows({ page }, part, count) {
  await page
    .waitForFunction(
      (name, expected) =>
        document.querySelectorAll(`[data-testid="activity-${name}"] [data-testid="operation"]`).length === expected,
      {},
      part,
      count,
    )
    .catch((error) => check(false, `${part} : ${count} opérations attendues (${error.message})`));
}

/** Attend celles que le serveur a gardées, faites et ratées. */
async function everything(dashboard) {
  await rows(dashboard, "done", await operations(base, { states: "OPERATION_STATE_SUCCEEDED" }));
  await rows(dashboard, "failed", 2);
}

async function fails(dashboard) {
  const { page } = dashboard;
  await dashboard.see("model-card-abime");
  await verb(base, "abime", "download");
  const line = await dashboard.text("outcome");
  check(line.includes("Téléchargement de abime : échec."), `la bande ne dit pas l'échec : ${line}`);
  await dashboard.see("failures");
  await dashboard.fits("bande d'échec");
  await dashboard.press("strip-link");
  await rows(dashboard, "failed", 1);
  await dashboard.gone("failures");
  await dashboard.gone("outcome");
  await dashboard.press("operation-open");
  const facts = await dashboard.text("operation-facts");
  check(/INTEGRITY_MISMATCH/.test(facts) && /Que faire/.test(facts), `détails : ${facts}`);
  // Tant que les détails s'ouvrent, un clic tombe à côté.
  await page.waitForSelector('.MuiCollapse-entered [data-testid="operation-retry"]');
  await dashboard.press("operation-retry");
  await rows(dashboard, "failed", 2);
  await page.reload();
  await dashboard.see("activity-failed");
  check((await dashboard.texts("failures")).length === 0, "un échec vu est compté de nouveau après un rechargement");
}

async function succeeds(dashboard) {
  const { page } = dashboard;
  // Chaque texte que la bande a eu, noté par la page elle-même.
  await page.evaluate(() => {
    window.lines = new Set();
    window.tops = new Set();
    new MutationObserver(() => {
      for (const one of document.querySelectorAll('[data-testid="strip-link"]')) window.lines.add(one.textContent);
      window.tops.add(document.querySelector("main").getBoundingClientRect().top);
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  await dashboard.open("/machine");
  await verb(base, "qwen", "download");
  await page.waitForFunction(() => [...window.lines].includes("Téléchargement de qwen : terminé."));
  await dashboard.gone("outcome");
  await verb(base, "qwen", "load");
  await page.waitForFunction(() => [...window.lines].includes("Chargement de qwen : terminé."));
  const lines = await page.evaluate(() => [...window.lines]);
  check(
    lines.some((line) => line.startsWith("Chargement de qwen ·")),
    `la bande ne suit pas : ${lines}`,
  );
  const tops = await page.evaluate(() => [...window.tops]);
  check(tops.length === 1, `la bande déplace la page : ${tops}`);
  await dashboard.open("/activite");
  await everything(dashboard);
}

async function filters(dashboard) {
  const { page } = dashboard;
  const loads = await operations(base, { kinds: "OPERATION_KIND_LOAD" });
  await page.select('[data-testid="filter-genre"]', "chargement");
  await rows(dashboard, "done", loads);
  await rows(dashboard, "failed", 0);
  await page.select('[data-testid="filter-etat"]', "reussie");
  check(page.url().endsWith("#/activite?genre=chargement&etat=reussie"), `adresse : ${page.url()}`);
  await page.reload();
  await rows(dashboard, "done", loads);
  check((await dashboard.texts("activity-failed")).length === 0, "le filtre d'état se perd");
  await dashboard.press("filter-clear");
  await everything(dashboard);
}

await visit(base, chromium, async (dashboard, complaints) => {
  if (after) {
    await dashboard.see("failures");
    await dashboard.open("/activite");
  } else {
    await fails(dashboard);
    await succeeds(dashboard);
    await filters(dashboard);
  }
  await everything(dashboard);
  await dashboard.press("operation-open");
  await dashboard.see("operation-facts");
  for (const [width, scheme] of after ? [[360, "dark"]] : SCREENS) {
    await dashboard.page.setViewport({ width, height: 900 });
    await dashboard.scheme(scheme);
    await dashboard.fits(`activité, ${width} px`);
    await dashboard.accessible(`activité, ${width} px, ${scheme}`);
  }
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
