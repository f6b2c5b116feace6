/** Messages that wait to be sent, in order. Whoever adds to it looks at how many bytes wait. */
export class Outgoing<Message> implements AsyncIterable<Message> {
  readonly #waiting: { readonly message: Message; readonly sizeBytes: number }[] = [];
  readonly #onTaken: (waitingBytes: number) => void;
  #waitingBytes = 0;
  #isEnded = false;
  #wake: () => void = () => undefined;

  /** `onTaken` is told how many bytes wait after each message that was taken. */
  constructor(onTaken: (waitingBytes: number) => void = () => undefined) {
    this.#onTaken = onTaken;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  add(message: Message, sizeBytes = 0): void {
    if (this.#isEnded) return;
    this.#waiting.push({ message, sizeBytes });
    this.#waitingBytes += sizeBytes;
    this.#wake();
  }

  /** Nothing more comes, and what waits is dropped. */
  end(): void {
    this.#isEnded = true;
    this.#waiting.length = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    while (!this.#isEnded) {
      const next = this.#waiting.shift();
      if (next) {
        this.#waitingBytes -= next.sizeBytes;
        this.#onTaken(this.#waitingBytes);
        yield next.message;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
