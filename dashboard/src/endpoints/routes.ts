import { type Endpoint, EndpointGroup, KeyScope } from "../gen/passerelle/v1/route_pb";

/** Route du serveur, et ses adresses : une par hôte annoncé. */
export interface Route {
  name: string;
  method: string;
  path: string;
  key: KeyScope;
  addresses: Address[];
}

export interface Address {
  /** Ce qu'un client attend : l'URL, ou `hôte:port` pour gRPC. */
  text: string;
  /** Adresse HTTP du serveur, sans barre finale. */
  base: string;
}

/** Routes d'une famille, dans l'ordre du serveur. */
export interface Family {
  group: EndpointGroup;
  routes: Route[];
}

/** Range les adresses annoncées par famille, puis par route ; `host` n'en garde qu'un, vide les garde tous. */
export function familiesOf(endpoints: readonly Endpoint[], host: string): Family[] {
  const families = new Map<EndpointGroup, Map<string, Route>>();
  for (const endpoint of endpoints) {
    if (host && endpoint.host !== host) continue;
    const { group, name, method, path, key } = endpoint;
    const routes = families.get(group) ?? new Map<string, Route>();
    families.set(group, routes);
    const place = `${method} ${path}`;
    const route = routes.get(place) ?? { name, method, path, key, addresses: [] };
    routes.set(place, route);
    route.addresses.push(addressOf(endpoint));
  }
  return [...families].map(([group, routes]) => ({ group, routes: [...routes.values()] }));
}

/** Hôtes annoncés, sans doublon. */
export function hostsOf(endpoints: readonly Endpoint[]): string[] {
  return [...new Set(endpoints.map(({ host }) => host))];
}

function addressOf({ url, path, group }: Endpoint): Address {
  const base = url.slice(0, url.length - path.length);
  if (group === EndpointGroup.WEB_SOCKET) return { text: url, base: base.replace(/^ws/, "http") };
  if (group === EndpointGroup.GRPC) return { text: base.replace(/^https?:\/\//, ""), base };
  // Un client gRPC-Web veut l'adresse du serveur, et connaît le service par son contrat.
  return { text: group === EndpointGroup.GRPC_WEB ? base : url, base };
}

/** Vrai si une clé est exigée là, compte tenu de celles que le serveur a. */
export function needsKey(key: KeyScope, server: { apiKeyRequired: boolean; adminKeyRequired: boolean }): boolean {
  if (key === KeyScope.NONE || key === KeyScope.UNSPECIFIED) return false;
  return key === KeyScope.INFERENCE ? server.apiKeyRequired : server.adminKeyRequired;
}
