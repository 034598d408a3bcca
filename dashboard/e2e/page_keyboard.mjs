// Tout au clavier, sans souris : node e2e/page_keyboard.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";
import { cancelledChats, chatCancelled } from "./server.mjs";

const [base, chromium] = process.argv.slice(2);
/** Arrêts du clavier au-delà desquels un élément est tenu pour hors d'atteinte. */
const MOST_STOPS = 80;
const LONG = {
  messages: [{ role: "user", content: "Tell a story." }],
  max_tokens: 3000,
  ignore_eos: true,
  stream: true,
};

/** Nom de l'élément qui a le focus. */
const focused = ({ page }) => page.evaluate(() => document.activeElement?.dataset.testid ?? "");

/** Appuie sur Tab, ou Maj+Tab, jusqu'à un élément ; son focus doit se voir. */
async function reach(dashboard, name, back = false) {
  const { keyboard } = dashboard.page;
  await dashboard.see(name);
  const stops = [];
  while ((await focused(dashboard)) !== name) {
    check(stops.length < MOST_STOPS, `« ${name} » est hors d'atteinte : ${stops.join(", ")}`);
    if (back) await keyboard.down("Shift");
    await keyboard.press("Tab");
    if (back) await keyboard.up("Shift");
    stops.push(await focused(dashboard));
  }
  check(await dashboard.page.$(`[data-testid="${name}"]:focus-visible`), `le focus de « ${name} » ne se voit pas`);
}

/** Un modèle occupé : son déchargement se confirme ; Échap n'y change rien, et rend le focus. */
async function confirmAndGoBack(dashboard) {
  const { page } = dashboard;
  const stop = new AbortController();
  const cancelled = await cancelledChats(base);
  const body = JSON.stringify({ model: "qwen", ...LONG });
  const story = fetch(`${base}/v1/chat/completions`, { method: "POST", body, signal: stop.signal });
  await page.waitForSelector('[data-testid="requests-qwen"][data-busy="1"]');
  await reach(dashboard, "action-unload-qwen");
  await page.keyboard.press("Enter");
  await dashboard.see("confirm-busy");
  await page.waitForSelector('[data-testid="confirm-keep"]:focus');
  // Le focus reste dans la boîte.
  for (let stops = 0; stops < 4; stops += 1) {
    await page.keyboard.press("Tab");
    check(
      await page.$('[data-testid="confirm"] :focus'),
      `le focus sort de la confirmation : ${await focused(dashboard)}`,
    );
  }
  await page.keyboard.press("Escape");
  await dashboard.gone("confirm");
  check((await focused(dashboard)) === "action-unload-qwen", `le focus n'est pas rendu : ${await focused(dashboard)}`);
  await dashboard.state("qwen", "Prêt");
  stop.abort();
  await story.catch(() => {});
  await chatCancelled(base, cancelled);
}

async function talk(dashboard) {
  const { page } = dashboard;
  await reach(dashboard, "nav-/essayer/conversation", true);
  await page.keyboard.press("Enter");
  check(page.url().endsWith("#/essayer/conversation"), `le menu mène à ${page.url()}`);
  await reach(dashboard, "chat-setting-temperature");
  await page.keyboard.type("0");
  await reach(dashboard, "chat-setting-maxTokens");
  // Tab a choisi tout le texte du champ.
  await page.keyboard.type("3000");
  await reach(dashboard, "chat-input", true);
  const cancelled = await cancelledChats(base);
  await page.keyboard.type("Write a very long story about a sailor, with many chapters.");
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-answer", 0, 10);
  await page.keyboard.press("Escape");
  await dashboard.says("chat-end", "Réponse arrêtée");
  await chatCancelled(base, cancelled);
  await reach(dashboard, "chat-input");
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  await dashboard.state("qwen", "Prêt");
  await page.keyboard.press("Tab");
  check((await focused(dashboard)) === "skip", `le premier arrêt est ${await focused(dashboard)}`);
  await dashboard.still();
  check(await page.$eval('[data-testid="skip"]', (one) => getComputedStyle(one).opacity === "1"), "il ne se voit pas");
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.matches("main")), "« Aller au contenu » n'y mène pas");
  await confirmAndGoBack(dashboard);
  await talk(dashboard);
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
