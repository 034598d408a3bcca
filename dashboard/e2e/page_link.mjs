// La page perd le plan de contrôle, puis le retrouve : node e2e/page_link.mjs <adresse> <Chromium> <pid du plan de contrôle>
import { visit } from "./browser.mjs";

const [base, chromium, pid] = process.argv.slice(2);

await visit(base, chromium, async (dashboard) => {
  await dashboard.see("model-card-qwen");
  process.kill(Number(pid), "SIGKILL");
  await dashboard.see("link-lost");
  await dashboard.gone("link-lost");
  await dashboard.see("model-card-qwen");
  console.log("tout est bon");
});
