import { systemClock, type Clock } from '@wombat/proto';
import type { Control } from './control/control.js';
import type { GlobalFlags } from './global-options.js';
import { Printer } from './output/printer.js';
import type { Io } from './terminal/io.js';

/** What every command gets. */
export interface Runtime {
  readonly io: Io;
  readonly flags: GlobalFlags;
  readonly print: Printer;
  readonly clock: Clock;
  /** Fires on Ctrl-C and TERM, unless the command minds them itself. */
  readonly signal: AbortSignal;
  /** Connects at the first call. @throws WombatError WO_NO_CONTEXT when no coordinator is known */
  control(): Promise<Control>;
  /** From here on the command minds SIGINT and SIGTERM itself; the answer gives them back. */
  takeSignals(): () => void;
  /** A line with --debug. */
  debug(text: string): void;
  close(): void;
}

export interface RuntimeOptions {
  readonly io: Io;
  readonly flags: GlobalFlags;
  readonly clock?: Clock;
  /** Deadline of each call that has none of its own. @default 60 s */
  readonly callTimeoutMs?: number | undefined;
  /** @default the system's: leaves after the reason has been told */
  readonly onSecondSignal?: () => void;
}

/** Says that a signal ended the command; exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

export function createRuntime({ io, flags, clock = systemClock, callTimeoutMs, onSecondSignal = () => process.exit(130) }: RuntimeOptions): Runtime {
  const abort = new AbortController();
  let connection: Promise<Control> | undefined;
  const onSignal = (): void => (abort.signal.aborted ? onSecondSignal() : abort.abort(new Interrupted()));
  const take = (): void => signalNames.forEach((name) => io.signals.off(name, onSignal));
  const give = (): void => signalNames.forEach((name) => io.signals.on(name, onSignal));
  give();
  const connect = async (): Promise<Control> => {
    const [{ resolveContext }, { loadCredentials }, { Control: Connected }] = await Promise.all([
      import('./context/resolve.js'), import('./control/credentials.js'), import('./control/control.js'),
    ]);
    const given = await loadCredentials(await resolveContext(flags, io));
    return new Connected(given, abort.signal, callTimeoutMs);
  };
  return {
    io, flags, clock,
    print: new Printer(io, flags),
    signal: abort.signal,
    control: () => (connection ??= connect()),
    takeSignals: () => (take(), give),
    debug: (text) => void (flags.debug && io.stderr.write(`debug: ${text}\n`)),
    close: () => {
      take();
      connection?.then((control) => control.close(), () => {});
    },
  };
}

const signalNames = ['SIGINT', 'SIGTERM'] as const;
