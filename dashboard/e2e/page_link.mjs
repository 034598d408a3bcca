// La page s'ouvre sans le plan de contrôle, le trouve, le perd, le retrouve :
// node e2e/page_link.mjs <adresse> <Chromium> <pid du plan de contrôle>
import { check, visit } from "./browser.mjs";

const [base, chromium, pid] = process.argv.slice(2);

await visit(
  base,
  chromium,
  async (dashboard) => {
    // Figé avant l'ouverture : un message qui dit quoi faire, et la place des modèles, non un écran vide.
    const message = await dashboard.text("link-lost");
    check(message.includes("Vérifiez que Passerelle tourne"), `la page ne dit pas quoi faire : ${message}`);
    await dashboard.see("status-skeleton");
    await dashboard.accessible("serveur injoignable");
    process.kill(Number(pid), "SIGCONT");
    await dashboard.see("model-card-qwen");
    await dashboard.gone("link-lost");

    process.kill(Number(pid), "SIGKILL");
    await dashboard.see("link-lost");
    await dashboard.gone("link-lost");
    await dashboard.see("model-card-qwen");
    console.log("tout est bon");
  },
  { prepare: () => process.kill(Number(pid), "SIGSTOP") },
);
