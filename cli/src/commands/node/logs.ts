import { LogStream, NodeServiceService, ReadNodeLogRequest } from '@wombat/proto/control';
import { backoffMs, WombatError } from '@wombat/proto';
import { defineCommand, object } from '../../command.js';
import { flag, wholeNumber } from '../../options.js';
import { LogWriter } from '../../output/log-writer.js';
import type { Runtime } from '../../runtime.js';

export const nodeLogs = defineCommand({
  description: 'What the node writes to its standard output, live from its host. Lines that were lost are said to be.',
  timeoutHelp: 'stop after so long',
  examples: [
    { command: 'wo node logs riak-1 --tail 50', explanation: 'the last 50 lines' },
    { command: 'wo node logs riak-1 -f --stderr', explanation: 'go on showing what it writes to standard error' },
  ],
  arguments: { node: object('node') },
  options: {
    follow: flag('-f, --follow', 'go on until Ctrl-C'),
    tail: wholeNumber('--tail <lines>', 'the last so many lines; 100 when left out', { maximum: 100_000 }),
    stderr: flag('--stderr', 'standard error instead of standard output'),
  },
  async run(runtime, { node }, { follow, tail = 100, stderr }) {
    const base = { node, stream: stderr ? LogStream.STDERR : LogStream.STDOUT, follow };
    const writer = new LogWriter(runtime.io.stdout, (text) => runtime.print.warn(runtime.print.err.yellow(text)));
    try {
      await read(runtime, base, tail, writer);
    } finally {
      writer.end();
    }
  },
});

/** Reads to the end, or for ever with --follow: a stream that breaks is opened anew where it broke. */
async function read(runtime: Runtime, base: { node: string; stream: LogStream; follow: boolean }, tailLines: number, writer: LogWriter): Promise<void> {
  const control = await runtime.control();
  const { timeout } = runtime.flags;
  const endsAt = timeout === undefined ? undefined : runtime.clock.monotonic() + timeout;
  let offset: bigint | undefined;
  for (let attempt = 0; ; attempt++) {
    const request = ReadNodeLogRequest.fromPartial({ ...base, ...(offset === undefined ? { tailLines } : { offset }) });
    const left = endsAt === undefined ? {} : { timeoutMs: Math.max(1, endsAt - runtime.clock.monotonic()) };
    try {
      for await (const piece of control.stream(NodeServiceService.readNodeLog, request, left)) {
        attempt = 0;
        if (piece.lostBytes > 0n) writer.lost(piece.lostBytes);
        writer.write(piece.data);
        offset = piece.offset + BigInt(piece.data.length);
      }
      if (!base.follow) return;
    } catch (error) {
      if (endsAt !== undefined && runtime.clock.monotonic() >= endsAt - 1) return;
      const mayPass = WombatError.is(error) && ['WO_COORDINATOR_UNREACHABLE', 'WO_UNAVAILABLE', 'WO_HOST_UNREACHABLE'].includes(error.code);
      if (!base.follow || offset === undefined || !mayPass) throw error;
      if (attempt === 0) runtime.print.tell(`${error.message}; trying again`);
    }
    await runtime.clock.sleep(backoffMs(attempt, { initialMs: 300, maximumMs: 5_000 }), runtime.signal);
  }
}
