import { Router } from "wouter";
import { RecentProvider } from "../activity/RecentProvider";
import { AudioProvider } from "../audio/job/AudioProvider";
import { LiveProvider } from "../live/session/LiveProvider";
import { StatusProvider } from "../status/StatusProvider";
import { AccessProvider } from "./AccessProvider";
import { useHashPath, useHashSearch } from "./hashLocation";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <AccessProvider>
        <Router hook={useHashPath} searchHook={useHashSearch}>
          <RecentProvider>
            <AudioProvider>
              <LiveProvider>
                <Shell />
              </LiveProvider>
            </AudioProvider>
          </RecentProvider>
        </Router>
      </AccessProvider>
    </StatusProvider>
  );
}
