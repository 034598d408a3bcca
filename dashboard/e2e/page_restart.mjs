// Le produit entier s'arrête puis revient sur le même port : node e2e/page_restart.mjs <adresse> <chemin de Chromium>
// Le parcours écrit « ouverte », puis « perdue » ; l'essai arrête le produit après l'un, le relance après l'autre.
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);

await visit(base, chromium, async (dashboard) => {
  const { page } = dashboard;
  const top = () => page.$eval("main", (main) => main.getBoundingClientRect().top);
  await dashboard.state("qwen", "Téléchargé");
  await page.evaluate(() => {
    window.opened = "une seule fois";
  });
  const before = await top();
  console.log("ouverte");

  await dashboard.see("link-lost");
  check((await top()) === before, "dire la connexion perdue déplace la page");
  await page.waitForFunction(() => /État d'il y a ([2-9]|[1-9]\d) s/.test(document.body.textContent));
  await dashboard.state("qwen", "Téléchargé");
  await dashboard.fits("connexion perdue");
  await dashboard.accessible("connexion perdue");
  console.log("perdue");

  await dashboard.gone("link-lost");
  await dashboard.state("qwen", "Téléchargé");
  check((await page.evaluate(() => window.opened)) === "une seule fois", "la page s'est rechargée");
  await page.reload();
  await dashboard.state("qwen", "Téléchargé");
  console.log("tout est bon");
});
