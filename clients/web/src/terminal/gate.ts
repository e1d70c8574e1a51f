/** A gate that can be shut: whoever wants to pass waits. */
export class Gate {
  #open: (() => void) | undefined;
  #wait: Promise<void> | undefined;

  get shut(): boolean {
    return this.#wait !== undefined;
  }

  close(): void {
    this.#wait ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open?.();
    this.#wait = undefined;
  }

  /** Returns when it is open. */
  async passed(): Promise<void> {
    while (this.#wait !== undefined) await this.#wait;
  }
}
