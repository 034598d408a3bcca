// Une mise à jour a remplacé les fichiers d'une page ouverte : node e2e/page_upgrade.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);
let replaced = true;

await visit(
  base,
  chromium,
  async (dashboard, complaints) => {
    await dashboard.see("model-card-qwen");
    await dashboard.open("/machine");
    const message = await dashboard.text("page-missing");
    check(message.includes("mis à jour"), `la page ne dit pas la mise à jour : ${message}`);
    await dashboard.accessible("page remplacée");
    // Le reste de la page vit encore.
    await dashboard.open("/");
    await dashboard.see("model-card-qwen");
    await dashboard.open("/machine");
    await dashboard.see("page-missing");
    replaced = false;
    await dashboard.press("page-reload");
    await dashboard.see("machine-page");
    check((await dashboard.page.evaluate(() => location.hash)) === "#/machine", "le rechargement mène ailleurs");
    const others = complaints.filter((one) => !/404|MachinePage|MissingChunk|programme de la page/.test(one));
    check(others.length === 0, `plaintes du navigateur : ${others.join(" ; ")}`);
    console.log("tout est bon");
  },
  {
    async prepare(page) {
      await page.setRequestInterception(true);
      page.on("request", (request) =>
        replaced && request.url().includes("/assets/MachinePage")
          ? request.respond({ status: 404, contentType: "text/html", body: "" })
          : request.continue(),
      );
    },
  },
);
