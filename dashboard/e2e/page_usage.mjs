// L'usage, et qui emploie chaque GPU : node e2e/page_usage.mjs <adresse> <Chromium> <modèle prêt sur le GPU 0>
import { check, visit } from "./browser.mjs";

const [base, chromium, model] = process.argv.slice(2);
const WIDTHS = [360, 768, 1440, 2560];
const ask = (body, signal) =>
  fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Tell a story." }], ...body }),
    signal,
  });

/** Vrai si la courbe a laissé de l'encre. */
const inked = (page) =>
  page.waitForFunction(() => {
    const canvas = document.querySelector('[data-testid="usage-chart"] canvas');
    if (!canvas) return false;
    // Une copie : relire la courbe elle-même la ferait passer au processeur.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
  });

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  check((await ask({ max_tokens: 2 })).ok, "la requête à compter est refusée");

  await dashboard.open("/usage");
  await dashboard.says("usage-gpu-0", "Personne");
  const stop = new AbortController();
  // Une histoire après l'autre : la page, qui relit toutes les deux secondes, en trouve une en cours.
  const telling = async () => {
    while (!stop.signal.aborted) await (await ask({ max_tokens: 400, stream: true }, stop.signal)).text();
  };
  telling().catch(() => undefined);
  await dashboard.says("usage-gpu-0", `sans clé · ${model} · 1 requête`);
  check((await dashboard.text("usage-gpu-1")).includes("Personne"), "un GPU libre est dit employé");
  await dashboard.see("usage-keyless");
  stop.abort();
  await dashboard.says("usage-gpu-0", "Personne");

  await dashboard.says("usage-totals", "sans clé");
  await page.select('[data-testid="usage-par"]', "modele");
  await dashboard.says("usage-totals", model);
  await page.select('[data-testid="usage-mesure"]', "rendus");
  await inked(page);
  await page.locator('[data-testid="usage-details"] summary').click();
  await dashboard.see("usage-points");
  check(Number(await page.$eval('[data-testid="usage-chart"]', (one) => one.dataset.lines)) > 0, "aucune courbe");

  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    await dashboard.fits(`usage à ${width} px`);
    await dashboard.accessible(`usage à ${width} px`);
  }
  await page.setViewport({ width: 360, height: 900 });
  await dashboard.scheme("dark");
  await inked(page);
  await dashboard.accessible("usage, en sombre");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
