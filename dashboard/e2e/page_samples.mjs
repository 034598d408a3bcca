// Chaque exemple de « Points d'accès » : ceux d'un navigateur sont lancés ici, les autres déposés dans un fichier JSON :
// node e2e/page_samples.mjs <adresse> <chemin de Chromium> <fichier audio> <fichier JSON>
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { check, visit } from "./browser.mjs";

const [base, chromium, audio, out] = process.argv.slice(2);
const ENTRY = fileURLToPath(new URL("../src/exemple.js", import.meta.url));

/** Les exemples montrés, une ligne après l'autre, un onglet après l'autre. */
function readAll() {
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const read = async (row) => {
    const button = row.querySelector('[data-testid="endpoint-sample"]');
    button.click();
    while (!row.querySelector('[data-testid="snippet-code"]')) await frame();
    const texts = {};
    for (const tab of row.querySelectorAll('[role="tab"]')) {
      tab.click();
      while (tab.getAttribute("aria-selected") !== "true") await frame();
      texts[tab.dataset.testid.replace(/.*-/, "")] = row.querySelector('[data-testid="snippet-code"]').textContent;
    }
    button.click();
    return { route: row.dataset.route, texts };
  };
  return [...document.querySelectorAll('[data-testid="endpoint"]')].reduce(
    async (found, row) => [...(await found), await read(row)],
    Promise.resolve([]),
  );
}

/** Assemble un exemple comme une page le serait, à côté de `gen/` ; sa dernière ligne dit qu'il est allé au bout. */
async function assembled(text) {
  const { output } = await build({
    root: fileURLToPath(new URL("..", import.meta.url)),
    logLevel: "error",
    plugins: [
      {
        name: "exemple",
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? `${text}\ndocument.title = "fini";\n` : undefined),
      },
    ],
    build: {
      write: false,
      copyPublicDir: false,
      minify: false,
      target: "esnext",
      rollupOptions: { input: ENTRY, output: { format: "es", inlineDynamicImports: true } },
    },
  });
  return output[0].code;
}

/** Lance un exemple dans une page du serveur, et rend ce qu'une personne y lirait, console comprise. */
async function play(browser, text) {
  const page = await browser.newPage();
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  page.on("pageerror", (error) => lines.push(`exception : ${error}`));
  await page.setBypassCSP(true);
  await page.goto(`${base}/version`);
  await page.evaluate(() => document.body.replaceChildren());
  await page.addScriptTag({ type: "module", content: await assembled(text) });
  if (text.includes('type = "file"')) await (await page.waitForSelector("input[type=file]")).uploadFile(audio);
  await page
    .waitForFunction(() => document.title === "fini")
    .catch(() => check(false, `l'exemple ne finit pas : ${lines.join(" ; ")}\n${text}`));
  const shown = await page.evaluate(() => document.body.textContent);
  await page.close();
  return [shown, ...lines].filter(Boolean).join("\n");
}

await visit(base, chromium, async (dashboard) => {
  await dashboard.open("/acces");
  await dashboard.see("endpoint");
  const samples = await dashboard.page.evaluate(readAll);
  for (const sample of samples) {
    const { web } = sample.texts;
    // Les clés en demandent une, que ce serveur n'a pas.
    if (web && !sample.route.endsWith("KeyService")) sample.shown = await play(dashboard.page.browser(), web);
  }
  await writeFile(out, JSON.stringify(samples));
  console.log("tout est bon");
});
