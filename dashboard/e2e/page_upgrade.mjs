// Une mise à jour a remplacé les fichiers d'une page ouverte : node e2e/page_upgrade.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);
/** Programmes que la mise à jour a ôtés. */
const gone = new Set(["MachinePage", "Markdown"]);

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
    await talk(dashboard);
    await dashboard.open("/machine");
    await dashboard.see("page-missing");
    gone.clear();
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
        [...gone].some((name) => request.url().includes(`/assets/${name}-`))
          ? request.respond({ status: 404, contentType: "text/html", body: "" })
          : request.continue(),
      );
    },
  },
);

/** Sans le programme qui la met en forme, une réponse reste du texte et la conversation continue ; revenu, il les reprend toutes. */
async function talk(dashboard) {
  const { page } = dashboard;
  const formatted = () =>
    page.$$eval('[data-testid="chat-answer"]', (all) => all.map((one) => one.querySelector("p") !== null));
  await dashboard.open("/essayer/conversation");
  for (const [name, value] of Object.entries({ temperature: "0", maxTokens: "8" })) {
    const field = await page.waitForSelector(`[data-testid="chat-setting-${name}"]`);
    await field.focus();
    await field.evaluate((element) => element.select());
    await page.keyboard.type(value);
  }
  await dashboard.type("chat-input", "What is the capital of France?");
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-end", 0, 1);
  await dashboard.grown("chat-answer", 0, 1);
  check((await formatted()).join() === "false", "le programme qui met en forme est là : l'essai ne prouve rien");
  gone.delete("Markdown");
  await dashboard.type("chat-input", "And of Italy?");
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-end", 1, 1);
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="chat-answer"] p').length > 1);
  check((await formatted()).join() === "true,true", "une réponse reste sans mise en forme");
}
