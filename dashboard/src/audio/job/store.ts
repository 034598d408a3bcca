/** Un état que React suit, au-dessus des pages : rien ne s'arrête quand on en change. */
export class Store<State> {
  private readonly listeners = new Set<() => void>();

  constructor(protected state: State) {}

  readonly snapshot = (): State => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  protected update(change: Partial<State>): void {
    this.replace({ ...this.state, ...change });
  }

  protected replace(state: State): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
