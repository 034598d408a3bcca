import { Router } from "wouter";
import { RecentProvider } from "../activity/RecentProvider";
import { ChatProvider } from "../chat/ChatProvider";
import { StatusProvider } from "../status/StatusProvider";
import { AccessProvider } from "./AccessProvider";
import { useHashPath, useHashSearch } from "./hashLocation";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <AccessProvider>
        <ChatProvider>
          <Router hook={useHashPath} searchHook={useHashSearch}>
            <RecentProvider>
              <Shell />
            </RecentProvider>
          </Router>
        </ChatProvider>
      </AccessProvider>
    </StatusProvider>
  );
}
