import { Router } from "wouter";
import { RecentProvider } from "../activity/RecentProvider";
import { StatusProvider } from "../status/StatusProvider";
import { AccessProvider } from "./AccessProvider";
import { useHashPath, useHashSearch } from "./hashLocation";
import { KeptProvider } from "./kept";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <AccessProvider>
        <Router hook={useHashPath} searchHook={useHashSearch}>
          <RecentProvider>
            <KeptProvider>
              <Shell />
            </KeptProvider>
          </RecentProvider>
        </Router>
      </AccessProvider>
    </StatusProvider>
  );
}
