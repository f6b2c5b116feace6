import type { GlobalFlags } from './global-options.js';
import { usageLine } from './help.js';
import { usageBlock } from './output/error-block.js';
import { readCommandLine, type Invocation, type Reading } from './program.js';
import { createRuntime, Interrupted } from './runtime.js';
import { colourChoice, colourChoiceIn, coloursFor } from './terminal/colours.js';
import { processIo, type Io } from './terminal/io.js';
import { UsageError } from './usage-error.js';

const usageExit = 2;
const interruptedExit = 130;

/** Runs one command line and answers its exit code; tells every error itself. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const program = argv[0];
  if (program === 'coordinator' || program === 'agent') {
    const { runProgram } = await import('./programs.js');
    return runProgram(program, argv.slice(1), io).catch((error: unknown) => tellError(error, io, argv));
  }
  if (program === '__complete') {
    const { complete } = await import('./completion/complete.js');
    await complete(argv.slice(1), io);
    return 0;
  }
  try {
    const reading = await readCommandLine(argv, io);
    if (reading.kind === 'run') return await runInvocation(reading.invocation, io);
    if (reading.kind === 'told') return reading.exit;
    tellUsage(reading.error, reading, io, argv);
    return usageExit;
  } catch (error) {
    return tellError(error, io, argv);
  }
}

async function runInvocation(invocation: Invocation, io: Io): Promise<number> {
  const { command, args, options, flags } = invocation;
  const runtime = createRuntime({ io, flags, callTimeoutMs: command.timeoutHelp ? undefined : flags.timeout });
  try {
    return (await command.run(runtime, args, options)) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      tellUsage(error, invocation, io, [], flags);
      return usageExit;
    }
    throw error;
  } finally {
    runtime.close();
  }
}

type Typed = Partial<Pick<Extract<Reading, { kind: 'usage' }>, 'registered' | 'command'>>;

function tellUsage(error: UsageError, { registered, command }: Typed, io: Io, argv: readonly string[], flags?: GlobalFlags): void {
  const name = registered && `wo ${registered.short ?? registered.path}`;
  const text = usageBlock(error, {
    usage: name && command && usageLine(command, name),
    example: command?.examples[0].command,
    help: `${name ?? 'wo'} --help`,
    colours: coloursFor(io.stderr, io.env, flags ? colourChoice(flags) : colourChoiceIn(argv)),
  });
  io.stderr.write(`${text}\n`);
}

/** The catalogue of errors brings gRPC along: it is loaded when there is an error to tell. */
async function tellError(value: unknown, io: Io, argv: readonly string[]): Promise<number> {
  if (value instanceof Interrupted) return interruptedExit;
  const { tellWombatError } = await import('./tell-error.js');
  return tellWombatError(value, io, argv);
}

/** The program `wo`: called by its launcher. */
export async function main(): Promise<void> {
  const io = processIo();
  for (const stream of [process.stdout, process.stderr]) {
    // `wo node list | head -1`: whoever reads has enough.
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  const code = await runCommandLine(process.argv.slice(2), io);
  // A pipe takes what its reader has room for; the rest is still here.
  await Promise.all([process.stdout, process.stderr].map(written));
  // Connections that are still open would only delay the exit.
  process.exit(code);
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

