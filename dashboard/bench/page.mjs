// Une mesure de la page dans un Chromium à elle, écrite en JSON :
//   node bench/page.mjs <adresse> <chemin de Chromium> load
//   node bench/page.mjs <adresse> <chemin de Chromium> lag <allers et retours>
//   node bench/page.mjs <adresse> <chemin de Chromium> requests <requêtes>
//   node bench/page.mjs <adresse> <chemin de Chromium> gpu <changements> <fichier des GPU d'essai>
//   node bench/page.mjs <adresse> <chemin de Chromium> memory <minutes simulées> <vitesse>
import { check, visit } from "../e2e/browser.mjs";
import { changeGpu } from "../e2e/machine.mjs";
import { verb } from "../e2e/server.mjs";

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

/** Temps jusqu'aux modèles, et ce qui a été lu, par genre : d'abord, puis d'avance quand le navigateur est au repos. */
async function load(page) {
  const usable = async () => (await page.waitForFunction(() => window.usable)).jsonValue();
  const cold = await usable();
  await page.waitForNetworkIdle({ idleTime: 1_000, concurrency: 1 });
  const files = await page.evaluate(() => {
    const kinds = { js: "JavaScript", css: "styles", woff2: "polices", svg: "images", webp: "images" };
    const kindOf = ({ entryType, name }) =>
      entryType === "navigation" ? "document" : (kinds[/\.(\w+)$/.exec(new URL(name).pathname)?.[1]] ?? "appels");
    // Le flux d'état, encore ouvert, n'y est pas.
    return ["navigation", "resource"]
      .flatMap((type) => performance.getEntriesByType(type))
      .map((one) => ({
        kind: kindOf(one),
        at: one.responseEnd,
        raw: one.decodedBodySize,
        sent: one.encodedBodySize,
      }));
  });
  await page.reload();
  return { cold, warm: await usable(), files };
}

/** Fait noter à la page chaque changement d'un élément : ce qui s'y lit, texte ou attribut, et l'instant où c'est peint. */
function record(page, selector, attribute = null) {
  return page.evaluate(
    (place, name) => {
      const read = () => {
        const element = document.querySelector(place);
        return name ? element?.getAttribute(name) : element?.textContent;
      };
      window.seen = [];
      let last = read();
      new MutationObserver(() => {
        const text = read();
        if (!text || text === last) return;
        last = text;
        requestAnimationFrame(() =>
          setTimeout(() => window.seen.push({ text, at: (performance.timeOrigin + performance.now()) / 1_000 })),
        );
      }).observe(document.body, { attributes: true, childList: true, characterData: true, subtree: true });
    },
    selector,
    attribute,
  );
}

/** Attend le changement noté de rang `rank` ; le rend. */
async function seen(page, rank) {
  return (await page.waitForFunction((index) => window.seen[index], {}, rank)).jsonValue();
}

/** Chaque changement du nombre de modèles prêts à l'écran. */
async function lag(page, rounds) {
  await goTo(page, "/machine", "machine-ready");
  await record(page, '[data-testid="machine-ready"]');
  const found = [];
  for (let rank = 0; rank < 2 * rounds; rank += 1) {
    await verb(base, "qwen", rank % 2 ? "unload" : "load", { wait: true });
    found.push(await seen(page, rank));
  }
  return found;
}

/** Une requête part, puis s'arrête : l'instant de chaque geste, et celui où la carte du modèle le montre. */
async function requests(page, rounds) {
  await page.waitForSelector('[data-testid="requests-qwen"][data-busy="0"]');
  await record(page, '[data-testid="requests-qwen"]', "data-busy");
  const body = JSON.stringify({
    model: "qwen",
    messages: [{ role: "user", content: "Tell a story." }],
    max_tokens: 4000,
  });
  const found = [];
  for (let round = 0; round < rounds; round += 1) {
    const stop = new AbortController();
    for (const [gesture, expected] of [
      [
        () => void fetch(`${base}/v1/chat/completions`, { method: "POST", body, signal: stop.signal }).catch(() => {}),
        "1",
      ],
      [() => stop.abort(), "0"],
    ]) {
      const asked = Date.now() / 1_000;
      gesture();
      const { text, at } = await seen(page, found.length);
      check(text === expected, `${text} requêtes au lieu de ${expected}`);
      found.push({ asked, at });
    }
  }
  return found;
}

/** L'occupation d'un GPU change : l'instant où la sonde peut la lire, et celui où la tuile la montre. */
async function gpu(page, rounds, file) {
  await goTo(page, "/machine", "gpu-5-use");
  await record(page, '[data-testid="gpu-5-use"]');
  const found = [];
  for (let round = 0; round < rounds; round += 1) {
    // La sonde a sa période : les changements tombent à tout instant de celle-ci.
    await new Promise((resolve) => setTimeout(resolve, (round * 370) % 1_000));
    const use = 1 + (round % 100);
    await changeGpu(file, 5, { utilization_percent: use });
    const asked = Date.now() / 1_000;
    const { text, at } = await seen(page, round);
    check(text === `${use} %`, `la tuile dit « ${text} » au lieu de ${use} %`);
    found.push({ use, asked, at });
  }
  return found;
}

async function goTo(page, path, landmark) {
  await page.evaluate((place) => {
    location.hash = place;
  }, path);
  await page.waitForSelector(`[data-testid="${landmark}"]`);
}

/** Mémoire de la page au fil d'un flux accéléré : le serveur parle plus vite, et l'horloge de la page va de pair. */
async function memory(page, minutes, speed) {
  await goTo(page, "/machine", "machine-page");
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
    const measures = {
      load: () => load(page),
      lag: ([rounds]) => lag(page, Number(rounds)),
      requests: ([rounds]) => requests(page, Number(rounds)),
      gpu: ([rounds, file]) => gpu(page, Number(rounds), file),
      memory: ([minutes, speed]) => memory(page, Number(minutes), Number(speed)),
    };
    const found = await measures[part](values);
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
