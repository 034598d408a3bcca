import { Router } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { ChatProvider } from "../chat/ChatProvider";
import { StatusProvider } from "../status/StatusProvider";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <ChatProvider>
        <Router hook={useHashLocation}>
          <Shell />
        </Router>
      </ChatProvider>
    </StatusProvider>
  );
}
