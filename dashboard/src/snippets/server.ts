/** Le serveur que visent les extraits. */
export interface ServerAccess {
  /** Adresse HTTP, sans barre finale. */
  base: string;
  /** Vrai si le serveur exige une clé. */
  keyed: boolean;
}

/** Le serveur qui sert cette page. */
export function thisServer(keyed: boolean): ServerAccess {
  return { base: location.origin, keyed };
}

/** Ligne de curl qui présente la clé ; rien si le serveur n'en exige pas. */
export function curlKey({ keyed }: ServerAccess): string {
  return keyed ? `  -H "Authorization: Bearer $PASSERELLE_KEY" \\\n` : "";
}

/** Clé pour le SDK Python d'OpenAI, qui en veut toujours une. */
export function pythonKey({ keyed }: ServerAccess): string {
  return keyed ? 'os.environ["PASSERELLE_KEY"]' : '"aucune"';
}

/** Clé pour le SDK Node d'OpenAI, qui en veut toujours une. */
export function nodeKey({ keyed }: ServerAccess): string {
  return keyed ? "process.env.PASSERELLE_KEY" : '"aucune"';
}

/** Ouverture du canal gRPC vers ce serveur, en Python. */
export function pythonChannel({ base }: ServerAccess): string {
  const { protocol, hostname, port } = new URL(base);
  const secure = protocol === "https:";
  const place = JSON.stringify(`${hostname}:${port || (secure ? 443 : 80)}`);
  return secure ? `grpc.secure_channel(${place}, grpc.ssl_channel_credentials())` : `grpc.insecure_channel(${place})`;
}

/** Dernier argument d'un appel gRPC, en Python : la clé, ou rien. */
export function pythonMetadata({ keyed }: ServerAccess): string {
  return keyed ? ', metadata=[("authorization", f"Bearer {os.environ[\'PASSERELLE_KEY\']}")]' : "";
}
