// Huit onglets, dont un se voit : node e2e/page_tabs.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);
const TABS = 8;
const PATIENCE_MS = 60_000;

/** Suit les flux d'état ouverts par un onglet ; rend de quoi les compter. */
function watches(page) {
  const open = new Set();
  page.on("request", (request) => request.url().endsWith("/WatchStatus") && open.add(request));
  page.on("requestfinished", (request) => open.delete(request));
  page.on("requestfailed", (request) => open.delete(request));
  return () => open.size;
}

async function link(page, expected) {
  await page.waitForSelector(`[data-testid="link"][data-link="${expected}"]`, { timeout: PATIENCE_MS });
}

await visit(base, chromium, async (dashboard, complaints) => {
  await dashboard.see("model-card-qwen");
  const tabs = [{ page: dashboard.page, count: undefined }];
  while (tabs.length < TABS) {
    const page = await dashboard.page.browser().newPage();
    const count = watches(page);
    await page.goto(base);
    await page.waitForSelector('[data-testid="model-card-qwen"]', { timeout: PATIENCE_MS });
    tabs.push({ page, count });
  }
  const last = tabs.at(-1).page;
  for (const { page } of tabs.slice(0, -1)) {
    await link(page, "paused");
    // Un onglet caché garde ce qu'il montrait.
    check((await page.$('[data-testid="model-card-qwen"]')) !== null, "un onglet caché a perdu son état");
  }
  await link(last, "connected");
  const open = tabs.slice(1).map(({ count }) => count());
  check(open.join() === "0,0,0,0,0,0,1", `seul l'onglet visible doit tenir un flux : ${open}`);

  // Le navigateur n'a que six connexions pour cet hôte : ce que demande le huitième onglet passe quand même.
  const profile = await last.evaluate(async () => {
    const response = await fetch("/api/capabilities", { signal: AbortSignal.timeout(20_000) });
    return (await response.json()).profile;
  });
  check(profile === "embarque", `le huitième onglet n'a pas eu les capacités : ${profile}`);
  const eighth = dashboard.in(last);
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
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
