// Une mesure de la page dans un Chromium à elle, écrite en JSON :
//   node bench/page.mjs <adresse> <chemin de Chromium> load
//   node bench/page.mjs <adresse> <chemin de Chromium> lag <allers et retours>
//   node bench/page.mjs <adresse> <chemin de Chromium> memory <minutes simulées> <vitesse>
import { check, visit } from "../e2e/browser.mjs";

const [base, chromium, part, ...values] = process.argv.slice(2);
const SAMPLES = 6;

/** Note l'instant, compté du début de la navigation, où les modèles sont peints. */
function watchUsable() {
  const seen = new MutationObserver(() => {
    if (!document.querySelector('[data-testid="model-card-qwen"]')) return;
    seen.disconnect();
    // Au tour de boucle qui suit l'image, elle est peinte.
    requestAnimationFrame(() => setTimeout(() => (window.usable = performance.now())));
  });
  seen.observe(document, { childList: true, subtree: true });
}

/** Temps jusqu'aux modèles, et JavaScript lu : d'abord, puis d'avance quand le navigateur est au repos. */
async function load(page) {
  const usable = async () => (await page.waitForFunction(() => window.usable)).jsonValue();
  const scripts = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.endsWith(".js"))
        .map((one) => ({
          at: one.responseEnd,
          raw: one.decodedBodySize,
          sent: one.encodedBodySize,
          wire: one.transferSize,
        })),
    );
  const cold = await usable();
  await page.waitForNetworkIdle({ idleTime: 1_000, concurrency: 1 });
  const all = await scripts();
  await page.reload();
  const warm = await usable();
  return { cold, warm, scripts: all, warmScripts: await scripts() };
}

/** Chaque changement du nombre de modèles prêts à l'écran : ce qui s'y lit, et l'instant où c'est peint. */
async function lag(page, rounds) {
  await page.evaluate(() => {
    location.hash = "/machine";
  });
  await page.waitForSelector('[data-testid="machine-ready"]');
  await page.evaluate(() => {
    const read = () => document.querySelector('[data-testid="machine-ready"]')?.textContent;
    window.seen = [];
    let last = read();
    new MutationObserver(() => {
      const text = read();
      if (!text || text === last) return;
      last = text;
      requestAnimationFrame(() =>
        setTimeout(() => window.seen.push({ text, at: (performance.timeOrigin + performance.now()) / 1_000 })),
      );
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  for (let round = 0; round < rounds; round += 1) {
    for (const [verb, rank] of [
      ["load", 1],
      ["unload", 2],
    ]) {
      const response = await fetch(`${base}/api/admin/models/qwen/${verb}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ wait: true }),
      });
      check(response.ok, `${verb} : ${response.status} ${await response.text()}`);
      await page.waitForFunction((count) => window.seen.length >= count, {}, 2 * round + rank);
    }
  }
  return page.evaluate(() => window.seen);
}

/** Mémoire de la page au fil d'un flux accéléré : le serveur parle plus vite, et l'horloge de la page va de pair. */
async function memory(page, minutes, speed, count) {
  await page.evaluate(() => {
    location.hash = "/machine";
  });
  await page.waitForSelector('[data-testid="machine-page"]');
  const cdp = await page.createCDPSession();
  await cdp.send("HeapProfiler.enable");
  const found = [];
  const sample = async (minute) => {
    // Deux passes : la première libère ce que des finaliseurs retenaient.
    for (let pass = 0; pass < 2; pass += 1) await cdp.send("HeapProfiler.collectGarbage");
    const { JSHeapUsedSize, Nodes, JSEventListeners } = await page.metrics();
    const points = await page.$eval('[data-testid="curve-host/cpu"]', (one) => Number(one.dataset.points));
    found.push({ minute, heap: JSHeapUsedSize, nodes: Nodes, listeners: JSEventListeners, points, messages: count() });
  };
  const started = performance.now();
  for (let rank = 0; rank <= SAMPLES; rank += 1) {
    const due = started + (rank * minutes * 60_000) / SAMPLES / speed;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    await sample((rank * minutes) / SAMPLES);
  }
  return found;
}

/** Fait demander au flux d'état une période `speed` fois plus courte que les 2 s d'ordinaire ; rend le compte des messages. */
async function hasten(page, speed) {
  await page.evaluateOnNewDocument((factor) => {
    const now = Date.now.bind(Date);
    const start = now();
    Date.now = () => start + (now() - start) * factor;
  }, speed);
  const cdp = await page.createCDPSession();
  const streams = new Set();
  let messages = 0;
  await cdp.send("Network.enable");
  cdp.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.url.endsWith("/WatchStatus")) streams.add(requestId);
  });
  cdp.on("Network.dataReceived", ({ requestId }) => {
    if (streams.has(requestId)) messages += 1;
  });
  await cdp.send("Fetch.enable", { patterns: [{ urlPattern: "*/WatchStatus" }] });
  cdp.on("Fetch.requestPaused", ({ requestId }) =>
    cdp.send("Fetch.continueRequest", { requestId, postData: watchRequest(2e9 / speed).toString("base64") }),
  );
  return () => messages;
}

/** Corps gRPC-Web de `WatchStatusRequest{interval: {nanos}}`. */
function watchRequest(nanos) {
  const digits = [];
  for (let rest = Math.round(nanos); rest > 0; rest = Math.floor(rest / 128)) {
    digits.push((rest % 128) + (rest >= 128 ? 128 : 0));
  }
  const duration = [0x10, ...digits];
  const message = [0x0a, duration.length, ...duration];
  return Buffer.from([0, 0, 0, 0, message.length, ...message]);
}

let count = () => 0;
await visit(
  base,
  chromium,
  async ({ page }, complaints) => {
    const numbers = values.map(Number);
    const measures = { load, lag, memory };
    const found = await measures[part](page, ...numbers, count);
    check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
    console.log(JSON.stringify(found));
  },
  {
    async prepare(page) {
      if (part === "load") await page.evaluateOnNewDocument(watchUsable);
      if (part === "memory") count = await hasten(page, Number(values[1]));
    },
  },
);
