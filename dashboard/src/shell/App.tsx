import { Router } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { StatusProvider } from "../status/StatusProvider";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <Router hook={useHashLocation}>
        <Shell />
      </Router>
    </StatusProvider>
  );
}
