import { FakeHandlers } from './fake-handlers.js';

/** A host without nodes. */
export class IdleHost extends FakeHandlers {
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}
