// gRPC-Web depuis la page, avec ses propres clients : node e2e/grpc_web.mjs <adresse> <chemin de Chromium>, puis
// `méthodes` MÉTHODES PHRASE DIALOGUE (chaque méthode est appelée et vérifiée), ou
// `flux` JETONS (dit « prêt », attend une ligne, puis rend en JSON une réponse venue au fil de l'eau).
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { check, visit } from "./browser.mjs";

const [base, chromium, mode, ...rest] = process.argv.slice(2);

/** Assemble grpc_web.ts comme la page l'est, et le donne à la page sous le nom `grpcWeb`. */
async function inject(page) {
  const [bundle] = await build({
    root: fileURLToPath(new URL("..", import.meta.url)),
    logLevel: "warn",
    build: {
      write: false,
      copyPublicDir: false,
      minify: false,
      lib: { entry: "e2e/grpc_web.ts", formats: ["iife"], name: "grpcWeb" },
    },
  });
  await page.evaluate(bundle.output[0].code);
}

/** Note les méthodes dont la réponse est venue en gRPC-Web, telles que le réseau les a vues. */
function listen(page) {
  const seen = new Set();
  page.on("response", (response) => {
    const sent = response.request().headers()["content-type"] ?? "";
    const received = response.headers()["content-type"] ?? "";
    if (sent.startsWith("application/grpc-web") && received.startsWith("application/grpc-web")) {
      seen.add(new URL(response.url()).pathname.slice(1));
    }
  });
  return seen;
}

async function callEverything({ page }, complaints, list, phrase, dialogue) {
  const expected = list.split(",");
  await inject(page);
  const known = await page.evaluate(() => grpcWeb.methods());
  const missing = expected.filter((method) => !known.includes(method));
  check(missing.length === 0, `aucun appel du navigateur dans grpc_web.ts pour ${missing.join(", ")}`);
  const extra = known.filter((method) => !expected.includes(method));
  check(extra.length === 0, `méthodes absentes du contrat : ${extra.join(", ")}`);

  const files = { phrase, dialogue, descriptor: new URL("../../gen/passerelle.binpb", import.meta.url) };
  const given = {};
  for (const [name, path] of Object.entries(files)) given[name] = await readFile(path, "base64");
  await page.evaluate((all) => grpcWeb.prepare(all), given);

  const seen = listen(page);
  for (const method of expected) {
    seen.clear();
    await page
      .evaluate((name) => grpcWeb.call(name), method)
      .catch((error) => check(false, `${method} : ${error.message}`));
    // L'annonce de la réponse peut suivre de peu la fin de l'appel.
    const deadline = Date.now() + 10_000;
    while (!seen.has(method) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    check(seen.has(method), `${method} : rien de tel sur le réseau`);
  }
  await page.evaluate(() => grpcWeb.errors());
  await page.evaluate(() => grpcWeb.cancel());
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
}

async function streamOnDemand({ page }, tokens) {
  await inject(page);
  console.log("prêt");
  await once(process.stdin, "data");
  console.log(JSON.stringify(await page.evaluate((count) => grpcWeb.tell(count), Number(tokens))));
  process.stdin.destroy();
}

await visit(base, chromium, (dashboard, complaints) =>
  mode === "flux" ? streamOnDemand(dashboard, ...rest) : callEverything(dashboard, complaints, ...rest),
);
