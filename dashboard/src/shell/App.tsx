import { Router } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { AudioProvider } from "../audio/job/AudioProvider";
import { LiveProvider } from "../live/session/LiveProvider";
import { StatusProvider } from "../status/StatusProvider";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <Router hook={useHashLocation}>
        <AudioProvider>
          <LiveProvider>
            <Shell />
          </LiveProvider>
        </AudioProvider>
      </Router>
    </StatusProvider>
  );
}
