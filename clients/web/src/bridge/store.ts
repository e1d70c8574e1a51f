/** State outside React: a value, who listens, and nothing more. */
/** A value that can be watched. */
export interface Readable<T> {
  /** The value; the same object until it changes. */
  get(): T;
  /** Calls `listener` after each change; returns how to stop that. */
  subscribe(listener: () => void): () => void;
}

/** A value that can be watched and set. */
export class Store<T> implements Readable<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  /** Sets the value and tells everybody, unless it is the one that is there. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Sets what a function makes of the value. */
  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
