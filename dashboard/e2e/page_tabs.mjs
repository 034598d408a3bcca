// Huit onglets, un journal ouvert dans chacun, dont un se voit : node e2e/page_tabs.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);
const TABS = 8;
const PATIENCE_MS = 60_000;

/** Suit les flux ouverts par un onglet, celui de l'état et celui d'un journal ; rend de quoi les compter. */
function streams(page) {
  const open = new Set();
  page.on("request", (request) => /\/(WatchStatus|StreamLogs)$/.test(request.url()) && open.add(request));
  page.on("requestfinished", (request) => open.delete(request));
  page.on("requestfailed", (request) => open.delete(request));
  return () => open.size;
}

async function link(page, expected) {
  await page.waitForSelector(`[data-testid="link"][data-link="${expected}"]`, { timeout: PATIENCE_MS });
}

/** Ouvre le journal d'un modèle, et attend qu'il vienne. */
async function openLog(dashboard) {
  await dashboard.press("action-logs-qwen");
  await dashboard.see("log-live");
  await dashboard.see("log-line");
}

/** Attend que chaque onglet tienne ce nombre de flux. */
async function holds(tabs, expected) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const open = tabs.map(({ count }) => count());
    if (open.join() === expected.join()) return;
    check(Date.now() < deadline, `flux attendus : ${expected} ; tenus : ${open}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

await visit(base, chromium, async (dashboard, complaints) => {
  await openLog(dashboard);
  const tabs = [{ page: dashboard.page, count: undefined }];
  while (tabs.length < TABS) {
    const page = await dashboard.page.browser().newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const count = streams(page);
    await page.goto(base);
    await openLog(dashboard.in(page));
    tabs.push({ page, count });
  }
  const last = tabs.at(-1).page;
  for (const { page } of tabs.slice(0, -1)) {
    await link(page, "paused");
    // Un onglet caché garde ce qu'il montrait.
    check((await page.$('[data-testid="model-card-qwen"]')) !== null, "un onglet caché a perdu son état");
  }
  await link(last, "connected");
  // Seul l'onglet visible tient ses flux.
  await holds(tabs.slice(1), [0, 0, 0, 0, 0, 0, 2]);

  // Le navigateur n'a que six connexions pour cet hôte : ce que demande le huitième onglet passe quand même.
  const profile = await last.evaluate(async () => {
    const response = await fetch("/api/capabilities", { signal: AbortSignal.timeout(20_000) });
    return (await response.json()).profile;
  });
  check(profile === "embarque", `le huitième onglet n'a pas eu les capacités : ${profile}`);
  const eighth = dashboard.in(last);
  await eighth.press("log-close");
  await eighth.gone("log-dialog");
  await eighth.open("/essayer/conversation");
  await last.setViewport({ width: 1280, height: 900 });
  await eighth.fill("chat-setting-temperature", "0");
  await eighth.type("chat-input", "Say hello.");
  await eighth.press("chat-send");
  await eighth.grown("chat-answer", 0, 1);

  // Un onglet qu'on revoit reprend aussitôt, et l'autre rend sa connexion.
  await tabs[1].page.bringToFront();
  await link(tabs[1].page, "connected");
  await link(last, "paused");
  // Son journal aussi, sans qu'on ait rien à rouvrir.
  await holds(tabs.slice(1), [2, 0, 0, 0, 0, 0, 0]);
  await dashboard.in(tabs[1].page).see("log-live");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
